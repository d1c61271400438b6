//! The run in an AWS account: a stack of `infra/learn.yaml`, made, asked and deleted.
//!
//! A stack that was made is deleted whatever happens: also after an error, after a creation that failed, and after SIGINT, SIGTERM
//! or SIGHUP. If the deletion fails or is interrupted, the error has the command that ends it.

use crate::{
    aws::Aws,
    doctor::learn::{
        client::Client,
        doors::{self, Doors},
        learned::Learned,
        probes::{Kind, Way},
        run::{Run, by_hand, clean_by_hand, say},
        signals::Signals,
        template::TEMPLATE,
    },
    output::{self, Hint},
    progress,
    status::answers::{Stack, Stacks},
    times::{now, rfc3339},
};
use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use serde::Deserialize;
use std::{io::Write as _, time::Duration};
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep, timeout};

/// What the name of each stack begins with, and its tag.
const PREFIX: &str = "countersign-learn-";
const TAG: &str = "countersign-learn";

/// Between two questions about a stack.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest creation, and the longest deletion. A distribution needs about five minutes for each.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// How long new names and stages may need until they are known everywhere.
const READY: Duration = Duration::from_secs(120);

/// How long a signal may need from the process of a call to this one.
const SIGNAL: Duration = Duration::from_millis(500);

/// How often in a row a stack may not be readable.
const FAILURES: u32 = 5;

/// Makes, asks and deletes.
///
/// # Errors
/// If something of that fails, or a signal has ended it.
pub(super) async fn learn(aws: &Aws<'_>) -> Result<Run> {
    let mut signals = Signals::new()?;
    let mut random = [0; 4];
    getrandom::fill(&mut random)?;
    let name = format!("{PREFIX}{:08x}", u32::from_be_bytes(random));
    say(format_args!(
        "makes the stack {name}: four APIs, a function and a distribution. Nothing of yours is touched, all of it is deleted at the \
         end, and it costs nothing worth naming. It takes about ten minutes; Ctrl-C deletes it at once"
    ));
    let template = template()?;
    // To its end: a signal in the middle would leave open whether there is a stack.
    let id = match create(aws, &name, &template).await {
        Ok(id) => id,
        Err(error) => return Err(not_created(aws, &name, error, signals).await),
    };
    let asked = tokio::select! {
        asked = ask(aws, &id) => asked,
        () = signals.next() => Err(anyhow!("it was interrupted")),
    };
    // A signal that came before must not end the deletion.
    let deleted = delete(aws, &id, &mut Signals::new()?).await;
    match (asked, deleted) {
        (asked, Ok(())) => asked,
        (Ok(run), Err(error)) => Ok(Run { left: Some(error), ..run }),
        (Err(asked), Err(deleted)) => {
            say(output::chain(&asked));
            Err(deleted)
        }
    }
}

/// Deletes the stacks of earlier runs, until a signal comes. One that cannot be deleted keeps none of the others.
///
/// # Errors
/// If they cannot be read, or one is not deleted.
pub(super) async fn clean(aws: &Aws<'_>) -> Result<()> {
    let mut signals = Signals::new()?;
    let stacks: Vec<Tagged> = aws.read(&["cloudformation", "describe-stacks", "--query", TAGGED]).await?;
    let left: Vec<_> = stacks.into_iter().filter(Tagged::is_of_learn).collect();
    if left.is_empty() {
        say("there is nothing to delete in this Region");
    }
    let mut failed: Option<Error> = None;
    for stack in &left {
        if signals.have_come() {
            say(format_args!("not deleted: {}", stack.id));
        } else if let Err(error) = delete(aws, &stack.id, &mut signals).await {
            // The last one is the error of the command.
            if let Some(earlier) = failed.replace(error) {
                progress::beside(|| output::error(&earlier));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What is read of each stack of the account.
const TAGGED: &str = "Stacks[].{name: StackName, id: StackId, tags: Tags[?Key=='countersign-learn'].Value}";

#[derive(Deserialize)]
struct Tagged {
    name: String,
    id: String,
    /// The values of the tag of these stacks.
    tags: Option<Vec<String>>,
}

impl Tagged {
    /// By both, in the form that [`learn`] gives them: nothing else is deleted by mistake.
    fn is_of_learn(&self) -> bool {
        let number = self.name.strip_prefix(PREFIX).unwrap_or_default();
        let is_number = number.len() == 8 && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_number && self.tags.iter().flatten().eq(["true"])
    }
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "StackId")]
    id: String,
}

/// The file that the AWS command line reads.
fn template() -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("the file for the template cannot be made")?;
    file.write_all(TEMPLATE.as_bytes())?;
    Ok(file)
}

async fn create(aws: &Aws<'_>, name: &str, template: &NamedTempFile) -> Result<String> {
    let path = template.path().to_str().context("the path of the folder for temporary files is not UTF-8")?;
    let (body, tags) = (format!("file://{path}"), format!("Key={TAG},Value=true"));
    let call = [
        "cloudformation",
        "create-stack",
        "--stack-name",
        name,
        "--template-body",
        &body,
        "--capabilities",
        "CAPABILITY_IAM",
        "--tags",
        &tags,
        "--on-failure",
        "DO_NOTHING",
    ];
    aws.read(&call).await.map(|created: Created| created.id)
}

/// The error of a run whose call has failed. Unless AWS has refused the call, it may have made the stack: Ctrl-C also ends the process
/// that makes the call, and a call that takes too long is stopped.
async fn not_created(aws: &Aws<'_>, name: &str, error: Error, mut signals: Signals) -> Error {
    let clean = clean_by_hand(aws);
    if is_already_there(&error) {
        // An earlier attempt of the same call may have made it, or somebody else.
        return error.context(Hint(format!("if this run has made the stack, this deletes it: {clean}")));
    }
    if is_refused(&error) {
        return error;
    }
    // The process of the call may end before the signal that has ended it is known here.
    let is_interrupted = timeout(SIGNAL, signals.next()).await.is_ok();
    say(output::chain(&error));
    // The name is random: nothing else has it.
    let deleted = match Signals::new() {
        Ok(mut signals) => delete(aws, name, &mut signals).await,
        Err(error) => Err(error),
    };
    match deleted {
        Ok(()) if is_interrupted => anyhow!("it was interrupted"),
        Ok(()) => error,
        Err(error) => return error,
    }
    .context(Hint(format!("if AWS makes the stack after that, this deletes it: {clean}")))
}

/// Whether nothing was made: AWS has refused the call, or it was not made. An error of AWS itself says neither.
fn is_refused(error: &Error) -> bool {
    let said = output::chain(error);
    let is_answer = said.contains("An error occurred (");
    let is_of_aws = ["InternalFailure", "InternalError", "ServiceUnavailable"].iter().any(|code| said.contains(code));
    // Without a program, credentials or a Region.
    let is_not_sent = error.downcast_ref::<Hint>().is_some();
    is_not_sent || is_answer && !is_of_aws
}

fn is_already_there(error: &Error) -> bool {
    output::chain(error).contains("(AlreadyExistsException)")
}

async fn ask(aws: &Aws<'_>, id: &str) -> Result<Run> {
    let stack = created(aws, id, PAUSE).await?;
    let doors = doors_of(&stack)?;
    let client = Client::new();
    progress::now("waiting until all of it answers");
    doors.ready(&client, READY).await;
    progress::now("sending the requests");
    let observed = doors.observe(&client, doors::PAUSE).await;
    let mut private = doors.private();
    // `arn:aws:cloudformation:REGION:ACCOUNT:stack/…`
    let parts: Vec<_> = id.split(':').collect();
    let (region, account) = match parts.as_slice() {
        [_, _, _, region, account, ..] => (*region, *account),
        _ => bail!("the id of the stack is not an ARN"),
    };
    private.push(account.to_owned());
    let day: String = rfc3339(now()).chars().take(10).collect();
    let learned = Learned::on_aws(region, &day, observed.observations);
    Ok(Run { learned, private, errors: observed.errors, left: None })
}

/// The stack, when it is there.
async fn created(aws: &Aws<'_>, id: &str, pause: Duration) -> Result<Stack> {
    let waiting = Waiting::new("creation");
    let mut failures = 0;
    loop {
        match stack(aws, id).await {
            Ok(Some(stack)) => match stack.stack_status.as_str() {
                "CREATE_COMPLETE" => return Ok(stack),
                status @ "CREATE_IN_PROGRESS" => {
                    failures = 0;
                    waiting.on(status)?;
                }
                status => {
                    let reason = reason(aws, id, "CREATE_FAILED").await;
                    bail!("the stack could not be made, it is {status}: {reason}");
                }
            },
            Ok(None) => bail!("the stack was deleted by somebody else"),
            Err(error) => {
                failures += 1;
                if failures >= FAILURES {
                    return Err(error);
                }
            }
        }
        sleep(pause).await;
    }
}

async fn delete(aws: &Aws<'_>, id: &str, signals: &mut Signals) -> Result<()> {
    let by_hand = by_hand(aws, &["cloudformation", "delete-stack", "--stack-name", id]);
    let hint = || Hint(format!("delete what is left: {by_hand}"));
    say(format_args!("deletes the stack {id}"));
    tokio::select! {
        deleted = deletion(aws, id, PAUSE) => deleted.map_err(|error| error.context(hint())),
        () = signals.next() => {
            let error = anyhow!("the deletion was interrupted, and may go on in AWS");
            Err(error.context(hint()))
        }
    }
}

async fn deletion(aws: &Aws<'_>, id: &str, pause: Duration) -> Result<()> {
    aws.run(&["cloudformation", "delete-stack", "--stack-name", id]).await.context("the stack is not deleted")?;
    let waiting = Waiting::new("deletion");
    let mut failures = 0;
    loop {
        match stack(aws, id).await {
            Ok(None) => break,
            Ok(Some(stack)) => match stack.stack_status.as_str() {
                "DELETE_COMPLETE" => break,
                status @ "DELETE_FAILED" => {
                    let reason = reason(aws, id, status).await;
                    bail!("the stack is not deleted, it is {status}: {reason}");
                }
                status => {
                    failures = 0;
                    waiting.on(status)?;
                }
            },
            Err(error) => {
                failures += 1;
                if failures >= FAILURES {
                    return Err(error.context("it is not known whether the stack is deleted"));
                }
            }
        }
        sleep(pause).await;
    }
    say("deleted: nothing is left");
    Ok(())
}

/// `None` if the stack does not exist.
async fn stack(aws: &Aws<'_>, id: &str) -> Result<Option<Stack>> {
    let read: Result<Stacks> = aws.read(&["cloudformation", "describe-stacks", "--stack-name", id]).await;
    match read {
        Ok(stacks) => Ok(stacks.stacks.into_iter().next()),
        Err(error) if output::chain(&error).contains("does not exist") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why the first resource has failed, as CloudFormation says it.
async fn reason(aws: &Aws<'_>, id: &str, status: &str) -> String {
    // The newest come first: the first failure is the last one.
    let query = format!("StackEvents[?ResourceStatus=='{status}'].[LogicalResourceId, ResourceStatusReason] | [-1]");
    let call = ["cloudformation", "describe-stack-events", "--stack-name", id, "--query", &query];
    let read: Result<Option<Vec<Option<String>>>> = aws.read(&call).await;
    match read {
        Ok(words) => {
            let words: Vec<_> = words.into_iter().flatten().flatten().collect();
            if words.is_empty() { "the events of the stack do not say why".to_owned() } else { words.join(": ") }
        }
        Err(error) => format!("the events of the stack cannot be read: {}", output::chain(&error)),
    }
}

fn doors_of(stack: &Stack) -> Result<Doors> {
    let mut doors = Vec::new();
    for kind in Kind::ALL {
        for way in Way::ALL {
            let name = format!("{}{}", output_word(kind), if way == Way::Direct { "Direct" } else { "CloudFront" });
            let url = stack.output(&name).with_context(|| format!("the stack has no output {name}"))?;
            doors.push((kind, way, url.parse().with_context(|| format!("the output {name}"))?));
        }
    }
    Ok(Doors(doors))
}

fn output_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Rest => "Rest",
        Kind::Http => "Http",
        Kind::HttpV1 => "HttpV1",
        Kind::WebSocket => "WebSocket",
    }
}

/// How long something takes.
struct Waiting {
    what: &'static str,
    began: Instant,
}

impl Waiting {
    fn new(what: &'static str) -> Self {
        Self { what, began: Instant::now() }
    }

    /// Shows the status of the stack.
    ///
    /// # Errors
    /// If it takes too long.
    fn on(&self, status: &str) -> Result<()> {
        ensure!(
            self.began.elapsed() < PATIENCE,
            "the {} takes longer than {} min, and goes on in AWS",
            self.what,
            PATIENCE.as_secs() / 60
        );
        progress::now(format!(
            "waiting for the {} of the stack, for up to {} min: {status}",
            self.what,
            PATIENCE.as_secs() / 60
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt as _};
    use tokio::sync::Semaphore;

    /// Each second question about the stack fails, and the twentieth has the status that ends the wait.
    const FAILS_EACH_SECOND_TIME: &str = r#"#!/bin/sh
[ "$2" = describe-stacks ] || exit 0
here=$(dirname "$0")
echo >> "$here/questions"
number=$(wc -l < "$here/questions")
if [ "$number" -ge 20 ]; then status=DONE
elif [ $((number % 2)) = 1 ]; then echo 'Rate exceeded' >&2; exit 254
else status=IN_PROGRESS; fi
echo '{"Stacks": [{"StackName": "a", "StackId": "a", "StackStatus": "'"WHAT_$status"'", "CreationTime": "2026-11-27T10:00:00Z"}]}'
"#;

    #[tokio::test]
    async fn failures_count_only_in_a_row() {
        for what in ["CREATE", "DELETE"] {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("aws");
            let script = FAILS_EACH_SECOND_TIME.replace("WHAT", what).replace("DONE", "COMPLETE");
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let program: &OsStr = program.as_os_str();
            let (patience, at_once) = (Duration::from_secs(20), Semaphore::new(1));
            let aws = Aws { program, region: None, profile: None, patience, at_once };
            let ended = match what {
                "CREATE" => created(&aws, "a", Duration::ZERO).await.map(drop),
                _ => deletion(&aws, "a", Duration::ZERO).await,
            };
            ended.unwrap_or_else(|error| panic!("{what}: {}", output::chain(&error)));
            let questions = fs::read_to_string(folder.path().join("questions")).unwrap();
            assert_eq!(questions.lines().count(), 20, "{what}");
        }
    }
}
