//! What can be wrong with a deployment, in words, and what mends it.

use crate::{
    finding::{Found, Severity},
    output::command,
    status::reasons::Reasons,
    times::show,
};
use signing::UnixSeconds;
use std::fmt::Write as _;

/// One thing that is worth knowing. The variants are in the order of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The last change of the stack failed, or was undone.
    StackFailed { status: String },
    /// CloudFormation changes the stack now.
    StackChanging { status: String },
    /// Lambda cannot run the authorizer.
    AuthorizerNotActive { state: String, reason: String },
    /// The authorizer admits what is not signed.
    AuthorizerMonitors,
    /// The authorizer's mode is not that of the stack: somebody has changed it past CloudFormation.
    AuthorizerChanged { stack: String, authorizer: String },
    /// The authorizer reads other keys than those that the stack rotates.
    AuthorizerReadsOtherKeys,
    /// API Gateway keeps the authorizer's answers.
    AnswersCached { seconds: u64 },
    /// API Gateway asks for another identity source than the stack says.
    OtherIdentitySource { gateway: String, stack: String },
    /// A check after the signature admits what it would refuse.
    SecondCheckMonitors { which: &'static str },
    /// The secret will be deleted.
    SecretDeleted { at: UnixSeconds },
    /// The secret does not have a current version, so nothing can sign or verify.
    NoKeys,
    /// A rotation has begun and has not ended.
    RotationPending { since: UnixSeconds },
    /// The keys are older than the schedule and a day.
    RotationOverdue { made: UnixSeconds, due: UnixSeconds },
    /// A replica does not have the keys of the secret.
    ReplicaNotInSync { region: String, status: String },
    /// The stack names a Region in which the secret has no replica.
    ReplicaMissing { region: String },
    /// The API key, or the origin's header, is older than the schedule and a day.
    SentValueOverdue { what: &'static str, made: UnixSeconds, due: UnixSeconds },
    /// The distribution is not known.
    DistributionUnknown,
    /// CloudFront answers nothing.
    DistributionOff,
    /// CloudFront distributes a change.
    DistributionDeploying,
    /// No origin of the distribution is configured for the edge signer.
    NothingSigns,
    /// Requests of a cache behavior reach the API unsigned.
    BehaviorUnsigned { path: String },
    /// A cache behavior calls another function, or another version, than the stack names.
    OtherSigner { path: String, associated: String, expected: String },
    /// The edge signs with other keys than those that the authorizer reads.
    EdgeReadsOtherKeys { origin: String },
    /// The edge and the authorizer are in different modes.
    ModesDiffer { edge: String, authorizer: String },
    /// No alarm is about this authorizer.
    NoAlarms,
    /// An alarm rings.
    AlarmRings { name: String, text: String, since: Option<UnixSeconds> },
    /// The authorizer could not decide on requests in the last hour.
    Unavailable { requests: u64 },
    /// The authorizer admitted nothing in the last hour, and refused requests.
    NothingAdmitted { refused: u64, reasons: Reasons },
    /// The authorizer refused requests in the last hour, for these reasons.
    Refused { reasons: Reasons },
    /// Enforce mode would have refused requests of the last hour.
    WouldRefuse { requests: u64, reasons: Reasons },
}

/// The names that a command needs.
pub(crate) struct Names<'a> {
    /// The command that reports: `status` or `doctor`.
    pub(crate) command: &'a str,
    pub(crate) stack: &'a str,
    pub(crate) region: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) authorizer: &'a str,
}

impl Finding {
    /// As it is reported.
    pub(crate) fn found(&self, names: &Names<'_>, now: UnixSeconds) -> Found {
        let (text, next) = (self.text(now), self.mend(names));
        Found { finding: self.code(), severity: self.severity(), text, next }
    }

    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::StackChanging { .. }
            | Self::AuthorizerMonitors
            | Self::SecondCheckMonitors { .. }
            | Self::RotationPending { .. }
            | Self::DistributionUnknown
            | Self::DistributionDeploying
            | Self::NoAlarms
            | Self::Refused { .. }
            | Self::WouldRefuse { .. } => Severity::Note,
            Self::StackFailed { .. }
            | Self::AuthorizerNotActive { .. }
            | Self::AuthorizerChanged { .. }
            | Self::AuthorizerReadsOtherKeys
            | Self::AnswersCached { .. }
            | Self::OtherIdentitySource { .. }
            | Self::SecretDeleted { .. }
            | Self::NoKeys
            | Self::RotationOverdue { .. }
            | Self::ReplicaNotInSync { .. }
            | Self::ReplicaMissing { .. }
            | Self::SentValueOverdue { .. }
            | Self::DistributionOff
            | Self::NothingSigns
            | Self::BehaviorUnsigned { .. }
            | Self::OtherSigner { .. }
            | Self::EdgeReadsOtherKeys { .. }
            | Self::ModesDiffer { .. }
            | Self::AlarmRings { .. }
            | Self::Unavailable { .. }
            | Self::NothingAdmitted { .. } => Severity::Wrong,
        }
    }

    /// Its name in JSON.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::StackFailed { .. } => "stack-failed",
            Self::StackChanging { .. } => "stack-changing",
            Self::AuthorizerNotActive { .. } => "authorizer-not-active",
            Self::AuthorizerMonitors => "authorizer-monitors",
            Self::AuthorizerChanged { .. } => "authorizer-changed",
            Self::AuthorizerReadsOtherKeys => "authorizer-reads-other-keys",
            Self::AnswersCached { .. } => "answers-cached",
            Self::OtherIdentitySource { .. } => "other-identity-source",
            Self::SecondCheckMonitors { .. } => "second-check-monitors",
            Self::SecretDeleted { .. } => "secret-deleted",
            Self::NoKeys => "no-keys",
            Self::RotationPending { .. } => "pending-rotation",
            Self::RotationOverdue { .. } => "overdue-rotation",
            Self::ReplicaNotInSync { .. } => "replica-not-in-sync",
            Self::ReplicaMissing { .. } => "replica-missing",
            Self::SentValueOverdue { .. } => "sent-value-overdue",
            Self::DistributionUnknown => "distribution-unknown",
            Self::DistributionOff => "distribution-off",
            Self::DistributionDeploying => "distribution-deploying",
            Self::NothingSigns => "nothing-signs",
            Self::BehaviorUnsigned { .. } => "behavior-unsigned",
            Self::OtherSigner { .. } => "other-signer",
            Self::EdgeReadsOtherKeys { .. } => "edge-reads-other-keys",
            Self::ModesDiffer { .. } => "modes-differ",
            Self::NoAlarms => "no-alarms",
            Self::AlarmRings { .. } => "alarm-rings",
            Self::Unavailable { .. } => "unavailable",
            Self::NothingAdmitted { .. } => "nothing-admitted",
            Self::Refused { .. } => "refused",
            Self::WouldRefuse { .. } => "would-refuse",
        }
    }

    /// In a sentence, with the values in question.
    pub(crate) fn text(&self, now: UnixSeconds) -> String {
        match self {
            Self::StackFailed { status } => {
                format!("the stack is in {status}: its last change failed and was undone, or it is deleted")
            },
            Self::StackChanging { status } => format!("CloudFormation changes the stack now: it is in {status}"),
            Self::AuthorizerNotActive { state, reason } => {
                let mut text = format!("Lambda cannot run the authorizer as it is configured: its state is {state}");
                if !reason.is_empty() {
                    let _ = write!(text, " ({reason})");
                }
                text
            }
            Self::AuthorizerMonitors => {
                "the authorizer is in monitor mode and refuses nothing for its signature: everybody may call the API's own URL"
                    .to_owned()
            }
            Self::AuthorizerChanged { stack, authorizer } => format!(
                "the stack has Mode {stack}, and the authorizer is in mode {authorizer}: somebody has changed it past CloudFormation"
            ),
            Self::AuthorizerReadsOtherKeys => {
                "the authorizer reads another secret than the stack's, which is the one that is rotated".to_owned()
            }
            Self::AnswersCached { seconds } => format!(
                "API Gateway keeps the authorizer's answers for {seconds} s: the headers of one signed request can open another"
            ),
            Self::OtherIdentitySource { gateway, stack } => {
                format!("the authorizer's identity source at API Gateway is {gateway}, and the stack has {stack}")
            }
            Self::SecondCheckMonitors { which } => {
                format!("{which} is in monitor mode: what it would refuse is admitted")
            }
            Self::SecretDeleted { at } => {
                format!("the signing secret was deleted at {}: nothing can read it", show(*at, now))
            }
            Self::NoKeys => "the signing secret does not have a current version, so nothing can sign or verify".to_owned(),
            Self::RotationPending { since } => {
                format!("a rotation began at {} and has not ended", show(*since, now))
            }
            Self::RotationOverdue { made, due } => format!(
                "the keys are of {}, and their rotation was due at {}",
                show(*made, now),
                show(*due, now)
            ),
            Self::ReplicaNotInSync { region, status } => {
                format!("the replica of the keys in {region} is not in sync: {status}")
            }
            Self::ReplicaMissing { region } => {
                format!("the stack names {region} in ReplicaRegions, and the secret has no replica there")
            }
            Self::SentValueOverdue { what, made, due } => format!(
                "the {what} is of {}, and its rotation was due at {}",
                show(*made, now),
                show(*due, now)
            ),
            Self::DistributionUnknown => {
                "the distribution is not in the stack, so the edge was not looked at".to_owned()
            }
            Self::DistributionOff => "the distribution is not enabled: CloudFront answers nothing".to_owned(),
            Self::DistributionDeploying => "CloudFront distributes a change of the distribution now".to_owned(),
            Self::NothingSigns => {
                "no origin of the distribution has countersign-secret with a secret: CloudFront signs nothing".to_owned()
            }
            Self::BehaviorUnsigned { path } => format!(
                "the cache behavior {path} has no function at the origin request: its requests reach the API unsigned"
            ),
            Self::OtherSigner { path, associated, expected } => {
                format!("the cache behavior {path} calls {associated}, and the stack names {expected}")
            }
            Self::EdgeReadsOtherKeys { origin } => {
                format!("the origin {origin} has another countersign-secret than the stack's secret")
            }
            Self::ModesDiffer { edge, authorizer } => {
                format!("the edge is in mode {edge}, and the authorizer is in mode {authorizer}")
            }
            Self::NoAlarms => "no alarm is about this authorizer".to_owned(),
            Self::AlarmRings { name, text, since } => {
                let since = since.map_or_else(String::new, |since| format!(" since {}", show(since, now)));
                let text = text.split(" infra/RUNBOOK.md: ").next().unwrap_or_default().trim();
                let colon = if text.is_empty() { "" } else { ": " };
                format!("{name} rings{since}{colon}{text}")
            }
            Self::Unavailable { requests } => {
                format!("the authorizer could not decide on {requests} requests of the last hour: the API answered 500")
            }
            Self::NothingAdmitted { refused, reasons } => {
                let reasons = because(reasons);
                format!("the authorizer refused {refused} requests of the last hour, and admitted none{reasons}")
            }
            Self::Refused { reasons } => format!("the authorizer refused requests of the last hour{}", because(reasons)),
            Self::WouldRefuse { requests, reasons } => {
                format!("enforce mode would have refused {requests} requests of the last hour{}", because(reasons))
            }
        }
    }

    /// What the operator does next: a command, or a section of a page.
    pub(crate) fn mend(&self, names: &Names<'_>) -> String {
        let Names { command: of, stack, region, secret, authorizer } = names;
        let runbook = |section: &str| format!("infra/RUNBOOK.md: {section}");
        match self {
            Self::StackFailed { .. } => runbook("An update of the stack failed"),
            Self::StackChanging { .. } | Self::DistributionDeploying => "wait, and run this command again".to_owned(),
            Self::AuthorizerNotActive { .. } => command([
                "aws",
                "lambda",
                "get-function-configuration",
                "--region",
                region,
                "--function-name",
                authorizer,
            ]),
            Self::AuthorizerMonitors => runbook("Monitor mode is still on"),
            Self::AuthorizerChanged { .. }
            | Self::AuthorizerReadsOtherKeys
            | Self::AnswersCached { .. }
            | Self::OtherIdentitySource { .. } => runbook("Undo a change that was made past CloudFormation"),
            Self::SecondCheckMonitors { .. } => "docs/what-follows.md says when to enforce".to_owned(),
            Self::SecretDeleted { .. } => {
                command(["aws", "secretsmanager", "restore-secret", "--region", region, "--secret-id", secret])
            }
            Self::NoKeys => command(["countersign", "keys", "show", "--secret", secret]),
            Self::RotationPending { .. } => format!(
                "the next rotation ends it or drops it; to look at it: {}",
                command(["countersign", "keys", "show", "--secret", secret])
            ),
            Self::RotationOverdue { .. } | Self::SentValueOverdue { .. } => runbook("A rotation is overdue"),
            Self::ReplicaNotInSync { .. } | Self::ReplicaMissing { .. } => {
                command(["aws", "secretsmanager", "describe-secret", "--region", region, "--secret-id", secret])
            }
            Self::DistributionUnknown => format!(
                "give --distribution: {}",
                command(["countersign", of, "--region", region, "--stack", stack, "--distribution", "ID"])
            ),
            Self::DistributionOff => runbook("Undo a change that was made past CloudFormation"),
            Self::NothingSigns
            | Self::BehaviorUnsigned { .. }
            | Self::OtherSigner { .. }
            | Self::EdgeReadsOtherKeys { .. } => {
                format!(
                    "infra/attach.md says how a distribution of your own signs. For that of the stack: {}",
                    runbook("Undo a change that was made past CloudFormation")
                )
            }
            Self::ModesDiffer { .. } => {
                "set Mode of the stack, or countersign-mode of the origin: infra/attach.md says in \
                                         which order"
                    .to_owned()
            }
            Self::NoAlarms => "deploy infra/monitoring.yaml: infra/README.md says how".to_owned(),
            Self::AlarmRings { text, .. } => text
                .split_once("infra/RUNBOOK.md: ")
                .map_or_else(|| "infra/RUNBOOK.md".to_owned(), |(_, section)| runbook(section.trim())),
            Self::Unavailable { .. } => runbook("The authorizer has no usable keys"),
            Self::NothingAdmitted { reasons, .. } => explain(reasons).map_or_else(
                || runbook("Requests arrive and none is admitted"),
                |explain| format!("{explain}, and {}", runbook("Requests arrive and none is admitted")),
            ),
            Self::Refused { reasons } | Self::WouldRefuse { reasons, .. } => {
                explain(reasons).unwrap_or_else(|| "countersign explain REASON, for each reason in the log".to_owned())
            }
        }
    }
}

fn because(reasons: &Reasons) -> String {
    let text = reasons.text();
    if text.is_empty() { text } else { format!(": {text}") }
}

/// The manual page of the most frequent reason.
fn explain(reasons: &Reasons) -> Option<String> {
    reasons.first().map(|reason| command(["countersign", "explain", reason]))
}
