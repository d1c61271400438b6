//! A terminal, for programs that print something else to one.

use crate::support::patience::PATIENCE;
use rustix::{
    fs::{Mode, OFlags, open},
    process::{Pid, Signal, kill_process_group},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    fs::File,
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    task::spawn_blocking,
    time::timeout,
};

/// Where standard output goes. Standard error goes to the terminal.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    Pipe,
    Terminal,
}

/// A program on a terminal with 100 columns. Dropping it ends the program and what that has started.
pub(crate) struct OnTerminal {
    child: Child,
    group: Pid,
    pieces: Receiver<Vec<u8>>,
    printed: Vec<u8>,
}

/// How it ended, and what it printed.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// All that the terminal got.
    pub(crate) printed: String,
    /// Standard output, if it was a pipe.
    pub(crate) out: String,
}

impl OnTerminal {
    /// Starts it in a process group of its own, as a shell does. The terminal does not control it: a test sends signals itself.
    pub(crate) fn start(mut command: Command, output: Output) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let user = File::from(open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        tcsetwinsize(&user, Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let stdout = match output {
            Output::Pipe => Stdio::piped(),
            Output::Terminal => user.try_clone().unwrap().into(),
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(user).process_group(0).kill_on_drop(true);
        let child = command.spawn().unwrap();
        // It has the terminal: the test must not hold it open too.
        drop(command);
        let (sender, pieces) = channel(64);
        spawn_blocking(move || {
            let mut controller = File::from(controller);
            let mut buffer = [0; 4096];
            // Linux answers with an error when no program has the terminal any more, macOS with an end.
            while let Ok(read @ 1..) = controller.read(&mut buffer) {
                if sender.blocking_send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let group = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        Self { child, group, pieces, printed: Vec::new() }
    }

    /// Waits until the terminal has got this text.
    pub(crate) async fn prints(&mut self, text: &str) {
        let waited = timeout(PATIENCE, async {
            while !String::from_utf8_lossy(&self.printed).contains(text) {
                match self.pieces.recv().await {
                    Some(piece) => self.printed.extend(piece),
                    None => return false,
                }
            }
            true
        });
        let found = waited.await;
        assert!(found == Ok(true), "{text:?} is not in {:?}", String::from_utf8_lossy(&self.printed));
    }

    /// Sends the signal of Ctrl-C to the program and to all that it has started, as a terminal does.
    pub(crate) fn interrupt(&self) {
        kill_process_group(self.group, Signal::INT).unwrap();
    }

    pub(crate) async fn end(mut self) -> Ended {
        let mut out = String::new();
        let stdout = self.child.stdout.take();
        let (status, ()) = timeout(PATIENCE, async {
            if let Some(mut stdout) = stdout {
                stdout.read_to_string(&mut out).await.unwrap();
            }
            let status: ExitStatus = self.child.wait().await.unwrap();
            while let Some(piece) = self.pieces.recv().await {
                self.printed.extend(piece);
            }
            (status, ())
        })
        .await
        .expect("it ends");
        let printed = String::from_utf8(std::mem::take(&mut self.printed)).unwrap();
        Ended { status: status.code(), signal: status.signal(), printed, out }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // It may have ended, and all of its group.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Ended {
    /// What a person sees on the terminal at the end: lines that were cleared are not there. Colours stay in the text.
    pub(crate) fn seen(&self) -> String {
        let lines = self.printed.split("\r\n").map(|line| line.rsplit("\r\u{1b}[2K").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The same without colours.
    pub(crate) fn text(&self) -> String {
        without_colours(&self.seen())
    }
}

/// The text without the sequences that change colours and weight (SGR of ECMA-48).
pub(crate) fn without_colours(text: &str) -> String {
    let mut rest = text.split("\u{1b}[");
    let mut plain = rest.next().unwrap_or_default().to_owned();
    for part in rest {
        let (numbers, after) = part.split_once('m').unwrap_or_else(|| panic!("not a colour: {text:?}"));
        assert!(numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "not a colour: {text:?}");
        plain.push_str(after);
    }
    plain
}
