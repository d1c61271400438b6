//! An interactive shell without its user's own settings, and what is pasted into it.

use crate::support::{artifacts::zsh, patience::PATIENCE};
use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Shell {
    Bash,
    Zsh,
}

/// It reads what is pasted from a pipe. So a command that reads its standard input takes the rest of the block, as it does
/// in a terminal.
pub(crate) struct Terminal {
    child: Child,
    stdin: ChildStdin,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// What a block has printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Terminal {
    pub(crate) fn open(shell: Shell, folder: &Path, variables: &[(String, String)]) -> Self {
        let (program, arguments): (PathBuf, &[&str]) = match shell {
            Shell::Bash => ("bash".into(), &["--norc", "--noprofile", "--noediting", "-i"]),
            Shell::Zsh => (zsh(), &["-f", "-i"]),
        };
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell starts");
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut terminal =
            Self { child, stdin: stdin.unwrap(), stdout: lines(stdout.unwrap()), stderr: lines(stderr.unwrap()) };
        assert_eq!(terminal.paste("PS1= PS2=\n").status, 0);
        terminal
    }

    /// Pastes a text, and waits until it has run. The shell must be there after it.
    #[track_caller]
    pub(crate) fn paste(&mut self, text: &str) -> Ran {
        // A blank line before the marks: what a block prints may not end its line.
        writeln!(self.stdin, "{text}\nprintf '\\n={{%s}}=\\n' \"$?\"; printf '\\n={{}}=\\n' >&2")
            .expect("the shell reads");
        let (stdout, status) = until_mark(&self.stdout, text);
        let (stderr, _) = until_mark(&self.stderr, text);
        Ran { status: status.parse().expect("a status is a number"), stdout, stderr }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Only a block that hangs is still running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if tell.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

/// The lines before the next mark, and what the mark says.
#[track_caller]
fn until_mark(lines: &Receiver<String>, text: &str) -> (String, String) {
    let end = Instant::now() + PATIENCE * 4;
    let mut before = String::new();
    loop {
        let line = match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(error) => panic!("the shell has ended, or hangs ({error}), after:\n{text}\nIt printed:\n{before}"),
        };
        if let Some(mark) = line.strip_prefix("={").and_then(|rest| rest.strip_suffix("}=")) {
            return (before.trim().to_owned(), mark.to_owned());
        }
        before.push_str(&line);
        before.push('\n');
    }
}

#[test]
fn a_failure_in_a_block_leaves_the_shell_open_and_the_rest_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = ("PATH".to_owned(), std::env::var("PATH").unwrap());
    for shell in [Shell::Bash, Shell::Zsh] {
        let mut terminal = Terminal::open(shell, folder.path(), std::slice::from_ref(&path));
        for (block, status, stdout, stderr) in [
            ("( set -euo pipefail\n  echo one\n  false\n  echo two\n)\n", 1, "one", ""),
            ("( set -euo pipefail\n  : \"${API_ID:?set it}\"\n  echo two\n)\n", 1, "", "API_ID: set it"),
            ("( set -euo pipefail\n  value=$(false)\n  echo two\n)\n", 1, "", ""),
            ("( set -euo pipefail\n  false | cat\n  echo two\n)\n", 1, "", ""),
            ("f() ( set -eu\n  false\n  echo two\n)\nf\n", 1, "", ""),
            (
                "( set -euo pipefail\n  printf 'a b\\nc\\n' | while read -r x y; do [ \"$x\" = c ] && exit 3; echo \"$x\"; done\n  echo two\n)\n",
                3,
                "a",
                "",
            ),
            ("( set -euo pipefail\n  echo one\n)\n", 0, "one", ""),
        ] {
            let ran = terminal.paste(block);
            assert_eq!((ran.status, ran.stdout.as_str()), (status, stdout), "{shell:?}: {block}");
            assert!(ran.stderr.contains(stderr), "{shell:?}: {block}: {}", ran.stderr);
        }
        // A user's zsh does not know comments.
        let comment = terminal.paste("echo one # two");
        assert_eq!(comment.stdout, if matches!(shell, Shell::Bash) { "one" } else { "one # two" });
    }
}
