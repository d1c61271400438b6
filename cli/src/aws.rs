//! The AWS command line as a process: so credentials, SSO and profiles work as the operator has set them up.

use crate::{diagnosis::printable::printable, output::Hint, progress};
use anyhow::{Context as _, Error, Result, anyhow, bail};
use clap::Args;
use serde::de::DeserializeOwned;
use std::{ffi::OsStr, io, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    sync::Semaphore,
    time::timeout,
};

/// The longest answer that is read. The longest in practice are the alarms of an account, a few hundred bytes each.
const ANSWER: u64 = 16 * 1024 * 1024;

/// The longest error that is read, and the part of it that is shown.
const ERROR: u64 = 64 * 1024;
const SHOWN: usize = 600;

/// How long one call of the AWS command line may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many processes run at once: each starts a Python, so that more would only wait for each other.
const AT_ONCE: usize = 4;

#[derive(Args)]
pub(crate) struct AwsOptions {
    /// The Region of the stack, if not that of the environment or the profile
    #[arg(long, value_name = "REGION", help_heading = "AWS command line")]
    region: Option<String>,
    /// The profile of the AWS command line
    #[arg(long, value_name = "NAME", help_heading = "AWS command line")]
    profile: Option<String>,
}

impl AwsOptions {
    /// The program `aws` in `PATH`, with these options.
    pub(crate) fn aws(&self) -> Aws<'_> {
        Aws {
            program: OsStr::new("aws"),
            region: self.region.as_deref(),
            profile: self.profile.as_deref(),
            patience: PATIENCE,
            at_once: Semaphore::new(AT_ONCE),
        }
    }
}

/// Calls to the AWS command line with the same options.
pub(crate) struct Aws<'a> {
    /// The program: a name in PATH, or a path.
    pub(crate) program: &'a OsStr,
    pub(crate) region: Option<&'a str>,
    pub(crate) profile: Option<&'a str>,
    /// How long one call may take.
    pub(crate) patience: Duration,
    /// How many calls run at once. The others wait, which is not counted.
    pub(crate) at_once: Semaphore,
}

impl Aws<'_> {
    /// What one call answers.
    ///
    /// # Errors
    /// If the program does not start, fails, takes too long or does not answer with what is expected. The error has what the program
    /// wrote to standard error, never what it answered.
    pub(crate) async fn read<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T> {
        self.answer(arguments, parsed).await
    }

    /// One call whose answer does not matter.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<()> {
        self.answer(arguments, |_| Ok(())).await
    }

    async fn answer<T>(&self, arguments: &[&str], read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let name = arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let _part = progress::part(&name);
        let called = async { self.call(arguments).await.and_then(|answer| read(&answer)) };
        let _permit = self.at_once.acquire().await?;
        match timeout(self.patience, called).await {
            Ok(answer) => answer.with_context(|| format!("aws {name}")),
            Err(_) => {
                let seconds = self.patience.as_secs();
                Err(anyhow!("aws {name}: it does not answer within {seconds} s, and was stopped"))
            }
        }
    }

    async fn call(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command = Command::new(self.program);
        command.args(arguments).args(["--output", "json"]);
        // One that the call has itself comes first.
        if let Some(region) = self.region.filter(|_| !arguments.contains(&"--region")) {
            command.args(["--region", region]);
        }
        if let Some(profile) = self.profile {
            command.args(["--profile", profile]);
        }
        command.env("AWS_PAGER", "").env("AWS_CLI_AUTO_PROMPT", "off").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(not_started)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (answer, error) = tokio::try_join!(up_to(ANSWER, stdout), up_to(ERROR, stderr))?;
        if length(&answer) > ANSWER {
            bail!("its answer is longer than {ANSWER} bytes");
        }
        // With more than that on standard error it may wait for a reader.
        if length(&error) > ERROR {
            bail!("its error is longer than {ERROR} bytes: {}", shown(&error));
        }
        let status = child.wait().await?;
        if !status.success() {
            return Err(failed(status.code(), &error));
        }
        Ok(answer)
    }
}

fn parsed<T: DeserializeOwned>(answer: &[u8]) -> Result<T> {
    // The position only: what it found there is not repeated.
    serde_json::from_slice(answer).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        anyhow!("its answer is not the JSON that is expected, at line {line}, column {column}")
    })
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// One byte more than the limit shows that there is more.
async fn up_to(limit: u64, from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    if let Some(from) = from {
        from.take(limit + 1).read_to_end(&mut read).await?;
    }
    Ok(read)
}

fn not_started(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return anyhow!("the program aws is not in PATH")
            .context(Hint("install the AWS command line, of version 1 or 2".to_owned()));
    }
    Error::new(error).context("the program aws cannot be started")
}

fn failed(code: Option<i32>, error: &[u8]) -> Error {
    let status = code.map_or_else(|| "by a signal".to_owned(), |code| format!("with status {code}"));
    let said = shown(error);
    let failure = if said.is_empty() { anyhow!("it ended {status}") } else { anyhow!("it ended {status}: {said}") };
    let wants_credentials =
        ["locate credentials", "ExpiredToken", "SSO", "sso login", "aws login", "profile", "InvalidClientTokenId"];
    if wants_credentials.iter().any(|word| said.contains(word)) {
        let hint = "`aws sts get-caller-identity` shows which credentials are used. With SSO run `aws sso login` first; \
                    --profile chooses a profile";
        return failure.context(Hint(hint.to_owned()));
    }
    if said.contains("specify a region") {
        return failure.context(Hint("give --region".to_owned()));
    }
    failure
}

/// The text of an error in one line.
fn shown(error: &[u8]) -> String {
    let text = String::from_utf8_lossy(error);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = text.chars().count() > SHOWN;
    let text: String = text.chars().take(SHOWN).collect();
    format!("{}{}", printable(&text), if cut { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::chain;
    use serde_json::Value;
    use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};
    use tempfile::TempDir;

    /// A program that does what the real one does only when something is wrong.
    fn program(script: &str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (folder, path)
    }

    async fn read(program: &OsStr, patience: Duration) -> Result<Value> {
        let aws =
            Aws { program, region: Some("eu-west-1"), profile: Some("operator"), patience, at_once: Semaphore::new(1) };
        aws.read(&["cloudformation", "describe-stacks", "--stack-name", "api"]).await
    }

    #[track_caller]
    fn hint(error: &Error) -> &str {
        error.downcast_ref::<Hint>().map_or("", |Hint(hint)| hint)
    }

    #[tokio::test]
    async fn each_failure_of_the_process_is_named() {
        for (script, expected, hinted) in [
            ("exit 255", "it ended with status 255", ""),
            (
                "echo 'Unable to locate credentials. You can configure credentials by running \"aws configure\".' >&2; exit 253",
                "it ended with status 253: Unable to locate credentials. You can configure credentials by running \"aws configure\".",
                "aws sso login",
            ),
            (
                "printf 'You must specify\\na region.\\033[2J' >&2; exit 252",
                "it ended with status 252: You must specify a region.\\u{1b}[2J",
                "--region",
            ),
            ("kill -9 $$", "it ended by a signal", ""),
            ("echo '{\"Secret\": \"hunter2'", "its answer is not the JSON that is expected, at line 2, column 0", ""),
            ("exit 0", "its answer is not the JSON that is expected, at line 1, column 0", ""),
            ("head -c 17000000 /dev/zero", "its answer is longer than 16777216 bytes", ""),
        ] {
            let (_folder, path) = program(script);
            let error = read(path.as_os_str(), Duration::from_secs(20)).await.unwrap_err();
            assert_eq!(chain(&error), format!("aws cloudformation describe-stacks: {expected}"), "{script}");
            assert!(hint(&error).contains(hinted) && hint(&error).is_empty() == hinted.is_empty(), "{script}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_missing_has_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path().join("aws").as_os_str(), Duration::from_secs(20)).await.unwrap_err();
        assert_eq!(chain(&error), "aws cloudformation describe-stacks: the program aws is not in PATH");
        assert!(hint(&error).contains("install the AWS command line"));
    }

    /// The process writes its id, and is no longer there afterwards.
    #[tokio::test]
    async fn a_program_that_does_not_answer_is_stopped() {
        let (folder, path) = program("echo $$ > \"$(dirname \"$0\")/pid\"\nexec sleep 60");
        let error = read(path.as_os_str(), Duration::from_secs(2)).await.unwrap_err();
        let expected = "aws cloudformation describe-stacks: it does not answer within 2 s, and was stopped";
        assert_eq!(chain(&error), expected);
        let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
        let state = PathBuf::from(format!("/proc/{}/cmdline", pid.trim()));
        for _ in 0..100 {
            // A process that has ended and is not yet collected has an empty command line.
            if fs::read(&state).unwrap_or_default().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it still runs");
    }

    #[tokio::test]
    async fn region_and_profile_are_passed_on() {
        let (_folder, path) = program("printf '\"%s\"' \"$*\"");
        let said = read(path.as_os_str(), Duration::from_secs(20)).await.unwrap();
        assert_eq!(
            said,
            "cloudformation describe-stacks --stack-name api --output json --region eu-west-1 --profile operator"
        );
    }
}
