//! From what AWS answered to the lines and the findings. It calls nothing.

use crate::{
    finding::{self, Mark, Severity},
    status::{
        answers::{
            Alarm, Alarms, Answers, At, Behavior, Distribution, Function, Gateway, Read, Secret, Stack, Variables,
        },
        finding::Finding,
        traffic,
    },
};
use signing::UnixSeconds;

const DAY: u64 = 86_400;

/// What is in force, since when, what is due, and what is wrong.
pub(crate) struct Status {
    pub(crate) lines: Vec<Line>,
    /// What could not be read, and why.
    pub(crate) unread: Vec<(&'static str, String)>,
}

/// One line about one subject.
pub(crate) struct Line {
    pub(crate) what: &'static str,
    pub(crate) value: String,
    pub(crate) since: Option<UnixSeconds>,
    pub(crate) due: Option<UnixSeconds>,
    pub(crate) mark: Mark,
    pub(crate) findings: Vec<Finding>,
}

impl Status {
    /// Sums up what was read at `now`.
    pub(crate) fn of(answers: &Answers, now: UnixSeconds) -> Self {
        let mut status = Self { lines: Vec::new(), unread: Vec::new() };
        let stack = &answers.stack;
        status.stack(stack);
        status.signature(answers);
        status.gateway(&answers.stack, &answers.gateway);
        status.second_check(&answers.authorizer);
        status.keys(answers, now);
        status.replicas(stack, &answers.secret);
        status.sent(answers, now);
        status.edge(answers);
        status.alarms(answers);
        status.traffic(answers);
        status
    }

    /// All findings, the worst first.
    pub(crate) fn findings(&self) -> Vec<&Finding> {
        let mut all: Vec<_> = self.lines.iter().flat_map(|line| &line.findings).collect();
        // Stable: within a severity the order of the lines is kept.
        all.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
        all
    }

    pub(crate) fn is_wrong(&self) -> bool {
        self.findings().iter().any(|finding| finding.severity() >= Severity::Wrong)
    }

    /// The exit status: that something is wrong matters more than that not all could be read.
    pub(crate) fn exit_status(&self) -> u8 {
        let severities = self.findings().into_iter().map(Finding::severity);
        finding::exit_status(severities, self.unread.is_empty())
    }

    /// Adds a line, with the mark of the worst of its findings.
    fn add(&mut self, what: &'static str, value: String, at: Times, findings: Vec<Finding>) {
        let mark = Mark::of(findings.iter().map(Finding::severity));
        self.lines.push(Line { what, value, since: at.since, due: at.due, mark, findings });
    }

    fn not_read(&mut self, what: &'static str, error: &str) {
        self.not_all_read(what, error, Vec::new());
    }

    /// A line that could not be read, with what another call has found about it.
    fn not_all_read(&mut self, what: &'static str, error: &str, findings: Vec<Finding>) {
        let value = "not read".to_owned();
        self.lines.push(Line { what, value, since: None, due: None, mark: Mark::Unread, findings });
        self.unread.push((what, error.to_owned()));
    }

    fn stack(&mut self, stack: &Stack) {
        let since = stack.last_updated_time.unwrap_or(stack.creation_time);
        let status = stack.stack_status.clone();
        // UPDATE_ROLLBACK_COMPLETE works as before the update, which has not happened.
        let finding = match status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => None,
            of if of.contains("ROLLBACK") || of.ends_with("FAILED") || of.starts_with("DELETE") => {
                Some(Finding::StackFailed { status: status.clone() })
            }
            _ => Some(Finding::StackChanging { status: status.clone() }),
        };
        let value = format!("{} {status}", stack.stack_name);
        self.add("stack", value, Times::since(Some(since)), finding.into_iter().collect());
    }

    fn signature(&mut self, answers: &Answers) {
        let function = match &answers.authorizer {
            Ok(function) => function,
            Err(error) => return self.not_read("signature", error),
        };
        let mut findings = Vec::new();
        let mode = mode(function);
        let state = function.state.as_deref().unwrap_or("Active");
        let failed = function.last_update_status.as_deref() == Some("Failed");
        // Lambda puts a function that is not called to sleep, and wakes it up at the next call.
        if !matches!(state, "Active" | "Inactive") || failed {
            let state = if failed { "LastUpdateStatus Failed" } else { state };
            let reason = function.state_reason.clone().unwrap_or_default();
            findings.push(Finding::AuthorizerNotActive { state: state.to_owned(), reason });
        }
        if let Some(of_stack) = answers.stack.parameter("Mode").filter(|of_stack| *of_stack != mode) {
            findings.push(Finding::AuthorizerChanged { stack: of_stack.to_owned(), authorizer: mode.to_owned() });
        }
        if mode == "monitor" {
            findings.push(Finding::AuthorizerMonitors);
        }
        if function.variables.secret.as_deref() != answers.stack.output("SigningSecretArn") {
            findings.push(Finding::AuthorizerReadsOtherKeys);
        }
        let edge =
            answers.distribution.as_ref().and_then(|(_, read)| read.as_ref().ok()).map_or_else(Vec::new, edge_modes);
        for edge in &edge {
            if *edge != mode {
                findings.push(Finding::ModesDiffer { edge: edge.clone(), authorizer: mode.to_owned() });
            }
        }
        let at_edge = if edge.is_empty() { "not known".to_owned() } else { edge.join(", ") };
        let value = format!("edge {at_edge}, authorizer {mode}");
        self.add("signature", value, Times::since(function.last_modified), findings);
    }

    fn gateway(&mut self, stack: &Stack, gateway: &Read<Gateway>) {
        let gateway = match gateway {
            Ok(gateway) => gateway,
            Err(error) => return self.not_read("gateway", error),
        };
        let mut findings = Vec::new();
        let seconds = gateway.ttl.unwrap_or(0);
        if seconds > 0 {
            findings.push(Finding::AnswersCached { seconds });
        }
        let source = gateway.source.as_deref().unwrap_or("none");
        if let Some(of_stack) = stack.output("IdentitySource").filter(|of_stack| *of_stack != source) {
            let (gateway, stack) = (source.to_owned(), of_stack.to_owned());
            findings.push(Finding::OtherIdentitySource { gateway, stack });
        }
        let [kind, api, stage] = ["ApiKind", "ApiId", "ApiStage"].map(|name| stack.output(name).unwrap_or("?"));
        let cached = if seconds > 0 { "cached" } else { "not cached" };
        self.add("gateway", format!("{kind} {api}/{stage}, answers {cached}"), Times::default(), findings);
    }

    fn second_check(&mut self, function: &Read<Function>) {
        // The line above has said that it was not read.
        let Ok(Function { variables, last_modified, .. }) = function else { return };
        let mut findings = Vec::new();
        let monitors = |mode: &Option<String>| mode.as_deref() == Some("monitor");
        if variables.jwt.is_some() && monitors(&variables.jwt_mode) {
            findings.push(Finding::SecondCheckMonitors { which: "the check of the token" });
        }
        if variables.next.is_some() && monitors(&variables.next_mode) {
            findings.push(Finding::SecondCheckMonitors { which: "the authorizer that is called next" });
        }
        self.add("then", second_check(variables), Times::since(*last_modified), findings);
    }

    fn keys(&mut self, answers: &Answers, now: UnixSeconds) {
        let mut findings = Vec::new();
        if let Some(deleted) = answers.secret.as_ref().ok().and_then(|secret| secret.deleted_date) {
            findings.push(Finding::SecretDeleted { at: deleted.0 });
        }
        let versions = match &answers.versions {
            Ok(versions) => versions,
            Err(error) => return self.not_all_read("keys", error, findings),
        };
        let schedule = Schedule::of(&answers.stack);
        if let Some(since) = versions.pending().and_then(|version| version.created_date) {
            findings.push(Finding::RotationPending { since: since.0 });
        }
        let current = versions.current();
        if current.is_none() {
            findings.push(Finding::NoKeys);
        }
        let made = current.and_then(|version| version.created_date);
        let due = made.and_then(|made| schedule.due(made.0));
        if let (Some(made), Some(due)) = (made, due)
            && Schedule::is_overdue(due, now)
        {
            findings.push(Finding::RotationOverdue { made: made.0, due });
        }
        let value = format!("rotated {}", schedule.name);
        self.add("keys", value, Times { since: made.map(|made| made.0), due }, findings);
    }

    fn replicas(&mut self, stack: &Stack, secret: &Read<Secret>) {
        let secret = match secret {
            Ok(secret) => secret,
            Err(error) => return self.not_read("replicas", error),
        };
        let mut findings = Vec::new();
        let replicas = &secret.replication_status;
        for replica in replicas.iter().filter(|replica| replica.status != "InSync") {
            let message = replica.status_message.as_deref().unwrap_or_default();
            let status = [&*replica.status, message].join(" ").trim().to_owned();
            findings.push(Finding::ReplicaNotInSync { region: replica.region.clone(), status });
        }
        let named = stack.parameter("ReplicaRegions").unwrap_or_default();
        for region in named.split(',').filter(|region| !region.is_empty()) {
            if !replicas.iter().any(|replica| replica.region == region) {
                findings.push(Finding::ReplicaMissing { region: region.to_owned() });
            }
        }
        let all: Vec<_> = replicas.iter().map(|replica| format!("{} {}", replica.region, replica.status)).collect();
        let value = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        self.add("replicas", value, Times::default(), findings);
    }

    fn sent(&mut self, answers: &Answers, now: UnixSeconds) {
        let what = if answers.stack.output("ApiKeySecretArn").is_some() { "API key" } else { "origin header" };
        let secret = match &answers.sent {
            None => return self.add("API key", "none".to_owned(), Times::default(), Vec::new()),
            Some(Ok(secret)) => secret,
            Some(Err(error)) => return self.not_read(what, error),
        };
        let made = secret.created_date.map(|made| made.0);
        // What a distribution of the operator's sends is not rotated by the stack.
        if answers.stack.parameter("Distribution") == Some("existing") {
            let value = "not rotated: your distribution sends it".to_owned();
            return self.add(what, value, Times { since: made, due: None }, Vec::new());
        }
        let schedule = Schedule::of(&answers.stack);
        let due = made.and_then(|made| schedule.due(made));
        let overdue = match (made, due) {
            (Some(made), Some(due)) if Schedule::is_overdue(due, now) => {
                vec![Finding::SentValueOverdue { what, made, due }]
            }
            _ => Vec::new(),
        };
        self.add(what, format!("rotated {}", schedule.name), Times { since: made, due }, overdue);
    }

    fn edge(&mut self, answers: &Answers) {
        let (id, distribution) = match &answers.distribution {
            None => {
                let value = "distribution not known".to_owned();
                return self.add("edge", value, Times::default(), vec![Finding::DistributionUnknown]);
            }
            Some((_, Err(error))) => return self.not_read("edge", error),
            Some((id, Ok(distribution))) => (id, distribution),
        };
        let mut findings = Vec::new();
        if !distribution.enabled {
            findings.push(Finding::DistributionOff);
        }
        if distribution.status != "Deployed" {
            findings.push(Finding::DistributionDeploying);
        }
        let secret = answers.stack.output("SigningSecretArn");
        let signing: Vec<_> =
            distribution.origins.iter().filter(|origin| signs(origin.header("countersign-secret"))).collect();
        if signing.is_empty() {
            findings.push(Finding::NothingSigns);
        }
        for origin in signing.iter().filter(|origin| origin.header("countersign-secret") != secret) {
            findings.push(Finding::EdgeReadsOtherKeys { origin: origin.id.clone() });
        }
        let expected = answers.stack.parameter("SignerVersionArn").unwrap_or_default();
        let behaviors: Vec<_> = std::iter::once(&distribution.default)
            .chain(&distribution.others)
            .filter(|behavior| signing.iter().any(|origin| origin.id == behavior.origin))
            .collect();
        let mut signed = 0_usize;
        for behavior in &behaviors {
            match behavior.signer() {
                Some(associated) if associated == expected => signed += 1,
                Some(associated) => findings.push(Finding::OtherSigner {
                    path: path(behavior),
                    associated: associated.to_owned(),
                    expected: expected.to_owned(),
                }),
                None => findings.push(Finding::BehaviorUnsigned { path: path(behavior) }),
            }
        }
        let function = expected.rsplit_once(":function:").map_or(expected, |(_, function)| function);
        let value = format!("{id}: {function} signs {signed} of {} behaviors", behaviors.len());
        self.add("edge", value, Times::since(distribution.last_modified_time), findings);
    }

    fn alarms(&mut self, answers: &Answers) {
        let all = match &answers.alarms {
            Ok(all) => all,
            Err(error) => return self.not_read("alarms", error),
        };
        let alarms = ours(all, answers);
        let mut findings = Vec::new();
        if alarms.is_empty() {
            findings.push(Finding::NoAlarms);
        }
        let ringing: Vec<_> = alarms.iter().filter(|alarm| alarm.state == "ALARM").collect();
        for alarm in &ringing {
            findings.push(Finding::AlarmRings {
                name: alarm.name.clone(),
                text: alarm.text.clone().unwrap_or_default(),
                since: alarm.since.map(|since| since.0),
            });
        }
        let since = ringing.iter().filter_map(|alarm| alarm.since).min_by_key(|since| since.0);
        let value = format!("{} of {} ring", ringing.len(), alarms.len());
        self.add("alarms", value, Times::since(since), findings);
    }

    fn traffic(&mut self, answers: &Answers) {
        let metrics = match &answers.metrics {
            Ok(metrics) => metrics,
            Err(error) => return self.not_read("last hour", error),
        };
        let (value, findings) = traffic::summary(metrics);
        self.add("last hour", value, Times::default(), findings);
    }
}

#[derive(Default)]
struct Times {
    since: Option<UnixSeconds>,
    due: Option<UnixSeconds>,
}

impl Times {
    fn since(at: Option<At>) -> Self {
        Self { since: at.map(|at| at.0), due: None }
    }
}

/// How often the stack rotates.
struct Schedule<'a> {
    name: &'a str,
    seconds: Option<u64>,
}

impl<'a> Schedule<'a> {
    /// `ScheduleMap` of `infra/api.yaml`.
    fn of(stack: &'a Stack) -> Self {
        let name = stack.output("ApiKeyRotationSchedule").or_else(|| stack.parameter("ApiKeyRotationSchedule"));
        let name = name.unwrap_or("by a schedule that is not known");
        let days = match name {
            "Daily" => Some(1),
            "Fortnightly" => Some(14),
            "Monthly" => Some(30),
            "Bimonthly" => Some(60),
            "Quarterly" => Some(90),
            _ => None,
        };
        Self { name, seconds: days.map(|days: u64| days * DAY) }
    }

    fn due(&self, made: UnixSeconds) -> Option<UnixSeconds> {
        self.seconds.map(|seconds| UnixSeconds::new(made.get().saturating_add(seconds)))
    }

    /// A day late, as `RotationOverdueAlarm` counts.
    fn is_overdue(due: UnixSeconds, now: UnixSeconds) -> bool {
        now.get() > due.get().saturating_add(DAY)
    }
}

/// The default of the setting is `enforce`.
fn mode(function: &Function) -> &str {
    function.variables.mode.as_deref().unwrap_or("enforce")
}

/// The modes of the origins that sign, each once.
fn edge_modes(distribution: &Distribution) -> Vec<String> {
    let mut modes: Vec<String> = Vec::new();
    for origin in distribution.origins.iter().filter(|origin| signs(origin.header("countersign-secret"))) {
        let mode = origin.header("countersign-mode").unwrap_or("enforce");
        if !modes.iter().any(|of| of == mode) {
            modes.push(mode.to_owned());
        }
    }
    modes
}

/// `none` forwards unsigned.
fn signs(secret: Option<&str>) -> bool {
    secret.is_some_and(|secret| secret != "none")
}

fn path(behavior: &Behavior) -> String {
    behavior.path.clone().unwrap_or_else(|| "Default (*)".to_owned())
}

/// What follows the signature, and in which mode.
fn second_check(variables: &Variables) -> String {
    let mut parts = Vec::new();
    if let Some(then) = &variables.then {
        parts.push(then.clone());
    }
    for (check, is_there, mode) in [
        ("jwt", variables.jwt.is_some(), &variables.jwt_mode),
        ("lambda", variables.next.is_some(), &variables.next_mode),
    ] {
        if is_there {
            parts.push(format!("{check} {}", mode.as_deref().unwrap_or("enforce")));
        }
    }
    if parts.is_empty() { "nothing follows the signature".to_owned() } else { parts.join("; ") }
}

/// The alarms about this API: those that name its functions, its queue or its distribution, and the others of the same stacks.
fn ours(all: &[Alarms], answers: &Answers) -> Vec<Alarm> {
    let stack = &answers.stack;
    let queue = stack.output("RotationDeadLettersArn").and_then(|arn| arn.rsplit(':').next());
    let names =
        ["AuthorizerFunctionName", "RotateApiKeysFunction", "SignerFunctionName"].map(|name| stack.output(name));
    let distribution = answers.distribution.as_ref().map(|(id, _)| id.as_str());
    let about: Vec<_> = names.into_iter().chain([queue, distribution]).flatten().collect();
    let is_named = |alarm: &Alarm| alarm.about.iter().any(|of| about.contains(&of.as_str()));
    let metric = || all.iter().flat_map(|alarms| &alarms.metric);
    // CloudFormation names an alarm STACK-LogicalId-SUFFIX.
    let stacks: Vec<_> = metric().filter(|alarm| is_named(alarm)).filter_map(|alarm| stack_of(&alarm.name)).collect();
    let is_beside = |alarm: &Alarm| stack_of(&alarm.name).is_some_and(|stack| stacks.contains(&stack));
    let mut ours: Vec<_> = metric().filter(|alarm| is_named(alarm) || is_beside(alarm)).cloned().collect();
    let composite = all.iter().flat_map(|alarms| &alarms.composite);
    let rules = |alarm: &Alarm| {
        let rule = alarm.rule.as_deref().unwrap_or_default();
        ours.iter().any(|of| rule.contains(&format!("\"{}\"", of.name)))
    };
    let composite: Vec<_> = composite.filter(|alarm| rules(alarm) || is_beside(alarm)).cloned().collect();
    ours.extend(composite);
    ours
}

fn stack_of(alarm: &str) -> Option<&str> {
    let (rest, _) = alarm.rsplit_once('-')?;
    let (stack, logical) = rest.rsplit_once('-')?;
    logical.ends_with("Alarm").then_some(stack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::finding::Names;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    /// 2026-11-26T10:00:00Z
    const NOW: UnixSeconds = UnixSeconds::new(1_795_687_200);
    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";
    const SIGNER: &str = "arn:aws:lambda:us-east-1:123456789012:function:signer:7";

    /// A deployment in which nothing is wrong, as the AWS command line prints it.
    fn healthy() -> Value {
        json!({
            "stack": {
                "StackName": "api", "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/api/1",
                "StackStatus": "UPDATE_COMPLETE", "CreationTime": "2026-01-01T00:00:00Z",
                "LastUpdatedTime": "2026-11-26T07:00:00Z",
                "Parameters": [
                    {"ParameterKey": "Mode", "ParameterValue": "enforce"},
                    {"ParameterKey": "SignerVersionArn", "ParameterValue": SIGNER},
                    {"ParameterKey": "ReplicaRegions", "ParameterValue": "us-east-1"},
                    {"ParameterKey": "Distribution", "ParameterValue": "new"},
                ],
                "Outputs": [
                    {"OutputKey": "AuthorizerFunctionName", "OutputValue": "api-Authorizer-1"},
                    {"OutputKey": "SignerFunctionName", "OutputValue": "signer"},
                    {"OutputKey": "SigningSecretArn", "OutputValue": SECRET},
                    {"OutputKey": "ApiKeySecretArn", "OutputValue": "arn:key"},
                    {"OutputKey": "ApiKeyRotationSchedule", "OutputValue": "Daily"},
                    {"OutputKey": "ApiKind", "OutputValue": "REST"},
                    {"OutputKey": "ApiId", "OutputValue": "abc123"},
                    {"OutputKey": "ApiStage", "OutputValue": "prod"},
                    {"OutputKey": "IdentitySource", "OutputValue": "method.request.header.Countersign-Signature"},
                    {"OutputKey": "RotationDeadLettersArn", "OutputValue": "arn:aws:sqs:eu-west-1:123456789012:dead"},
                ],
            },
            "authorizer": {
                "State": "Active", "StateReason": null, "LastUpdateStatus": "Successful",
                "LastModified": "2026-11-26T07:00:00.000+0000",
                "Variables": {"COUNTERSIGN_MODE": "enforce", "COUNTERSIGN_SECRET": SECRET, "OTHER": "x"},
            },
            "gateway": {"Ttl": 0, "Source": "method.request.header.Countersign-Signature"},
            "secret": {
                "CreatedDate": 1_767_225_600.5, "Name": "keys",
                "ReplicationStatus": [{"Region": "us-east-1", "Status": "InSync"}],
            },
            "versions": {"Versions": [
                {"VersionId": "b", "VersionStages": ["AWSCURRENT", "AWSPENDING"], "CreatedDate": NOW.get() - 3 * 3600},
                {"VersionId": "a", "VersionStages": ["AWSPREVIOUS"], "CreatedDate": NOW.get() - 27 * 3600},
            ]},
            "sent": {"CreatedDate": NOW.get() - 3 * 3600},
            "distribution": {
                "Status": "Deployed", "LastModifiedTime": "2026-11-26T07:00:00Z", "Enabled": true,
                "Origins": [
                    {"Id": "api", "Headers": [
                        {"HeaderName": "countersign-secret", "HeaderValue": SECRET},
                        {"HeaderName": "Countersign-Mode", "HeaderValue": "enforce"},
                    ]},
                    {"Id": "pages", "Headers": null},
                ],
                "Default": {"Origin": "api", "Functions": [{"LambdaFunctionARN": SIGNER, "EventType": "origin-request"}]},
                "Others": [{"Path": "/pages/*", "Origin": "pages", "Functions": null}],
            },
            "alarms": {
                "Metric": [
                    alarm("mon-UnavailableAlarm-1A", "OK", "api-Authorizer-1"),
                    alarm("mon-Gateway4xxAlarm-2B", "OK", "pets"),
                    alarm("other-UnavailableAlarm-3C", "ALARM", "another-Authorizer-1"),
                ],
                "Composite": [{"Name": "mon-NoKeysAlarm-4D", "State": "OK", "Rule": "ALARM(\"mon-UnavailableAlarm-1A\")"}],
            },
            "metrics": {"MetricDataResults": [{"Id": "allowed", "Values": [100.0, 20.0]}, {"Id": "refused", "Values": [3.0]}]},
        })
    }

    fn alarm(name: &str, state: &str, about: &str) -> Value {
        let text = "It cannot decide. infra/RUNBOOK.md: The authorizer has no usable keys";
        json!({"Name": name, "State": state, "Since": "2026-11-26T09:00:00Z", "Text": text, "About": [about]})
    }

    /// `null` is what could not be read; a distribution that is `"unknown"` is not known.
    fn read<T: DeserializeOwned>(value: &Value) -> Read<T> {
        if value.is_null() {
            Err("aws x: denied".to_owned())
        } else {
            Ok(serde_json::from_value(value.clone()).unwrap())
        }
    }

    fn status(of: &Value) -> Status {
        let distribution = (of["distribution"] != "unknown").then(|| ("E1".to_owned(), read(&of["distribution"])));
        let answers = Answers {
            stack: read(&of["stack"]).unwrap(),
            authorizer: read(&of["authorizer"]),
            gateway: read(&of["gateway"]),
            secret: read(&of["secret"]),
            versions: read(&of["versions"]),
            sent: (of["sent"] != "none").then(|| read(&of["sent"])),
            distribution,
            alarms: read(&of["alarms"]).map(|alarms| vec![alarms]),
            metrics: read(&of["metrics"]),
        };
        Status::of(&answers, NOW)
    }

    #[track_caller]
    fn check(changes: &[(&str, Value)], expected: &[Finding]) -> Status {
        let mut answers = healthy();
        for (pointer, value) in changes {
            *answers.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
        }
        let status = status(&answers);
        assert_eq!(status.findings(), expected.iter().collect::<Vec<_>>(), "{changes:?}");
        status
    }

    #[test]
    fn a_deployment_in_order_has_ten_lines_and_no_finding() {
        let status = check(&[], &[]);
        assert_eq!(status.exit_status(), 0);
        assert!(status.unread.is_empty());
        let hours = |hours: u64| Some(UnixSeconds::new(NOW.get() - hours * 3600));
        let due = Some(UnixSeconds::new(NOW.get() + 21 * 3600));
        let lines: Vec<_> =
            status.lines.iter().map(|line| (line.what, &*line.value, line.since, line.due, line.mark)).collect();
        assert_eq!(
            lines,
            [
                ("stack", "api UPDATE_COMPLETE", hours(3), None, Mark::Ok),
                ("signature", "edge enforce, authorizer enforce", hours(3), None, Mark::Ok),
                ("gateway", "REST abc123/prod, answers not cached", None, None, Mark::Ok),
                ("then", "nothing follows the signature", hours(3), None, Mark::Ok),
                ("keys", "rotated Daily", hours(3), due, Mark::Ok),
                ("replicas", "us-east-1 InSync", None, None, Mark::Ok),
                ("API key", "rotated Daily", hours(3), due, Mark::Ok),
                ("edge", "E1: signer:7 signs 1 of 1 behaviors", hours(3), None, Mark::Ok),
                ("alarms", "0 of 3 ring", None, None, Mark::Ok),
                (
                    "last hour",
                    "120 admitted, 3 refused, 0 would be, 0 after it, 0 were 401, 0 undecided",
                    None,
                    None,
                    Mark::Ok
                ),
            ]
        );
    }

    #[test]
    fn a_stack_whose_change_failed_is_wrong_and_one_that_changes_is_noted() {
        for status in ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS"]
        {
            check(&[("/stack/StackStatus", json!(status))], &[Finding::StackFailed { status: status.to_owned() }]);
        }
        for status in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"] {
            let summary = check(
                &[("/stack/StackStatus", json!(status))],
                &[Finding::StackChanging { status: status.to_owned() }],
            );
            assert!(!summary.is_wrong());
        }
    }

    #[test]
    fn the_authorizer_must_run_in_the_mode_of_the_stack_with_its_keys() {
        let not_active = |state: &str, reason: &str| Finding::AuthorizerNotActive {
            state: state.to_owned(),
            reason: reason.to_owned(),
        };
        check(
            &[("/authorizer/State", json!("Failed")), ("/authorizer/StateReason", json!("no role"))],
            &[not_active("Failed", "no role")],
        );
        check(&[("/authorizer/State", json!("Inactive"))], &[]);
        check(&[("/authorizer/LastUpdateStatus", json!("Failed"))], &[not_active("LastUpdateStatus Failed", "")]);
        check(
            &[("/authorizer/Variables/COUNTERSIGN_SECRET", json!("arn:other"))],
            &[Finding::AuthorizerReadsOtherKeys],
        );
        check(&[("/authorizer/Variables", Value::Null)], &[Finding::AuthorizerReadsOtherKeys]);
        check(
            &[("/authorizer/Variables/COUNTERSIGN_MODE", json!("monitor"))],
            &[
                Finding::AuthorizerChanged { stack: "enforce".to_owned(), authorizer: "monitor".to_owned() },
                Finding::ModesDiffer { edge: "enforce".to_owned(), authorizer: "monitor".to_owned() },
                Finding::AuthorizerMonitors,
            ],
        );
    }

    #[test]
    fn monitor_mode_is_a_note() {
        let status = check(
            &[
                ("/stack/Parameters/0/ParameterValue", json!("monitor")),
                ("/authorizer/Variables/COUNTERSIGN_MODE", json!("monitor")),
                ("/distribution/Origins/0/Headers/1/HeaderValue", json!("monitor")),
            ],
            &[Finding::AuthorizerMonitors],
        );
        assert!(!status.is_wrong());
        assert_eq!(status.lines[1].mark, Mark::Note);
    }

    #[test]
    fn the_gateway_keeps_no_answer_and_asks_for_the_source_of_the_stack() {
        check(&[("/gateway/Ttl", json!(300))], &[Finding::AnswersCached { seconds: 300 }]);
        check(&[("/gateway/Ttl", Value::Null)], &[]);
        let other = |gateway: &str| Finding::OtherIdentitySource {
            gateway: gateway.to_owned(),
            stack: "method.request.header.Countersign-Signature".to_owned(),
        };
        check(&[("/gateway/Source", json!("context.identity.sourceIp"))], &[other("context.identity.sourceIp")]);
        check(&[("/gateway/Source", Value::Null)], &[other("none")]);
    }

    #[test]
    fn a_second_check_is_shown_with_its_mode() {
        let mut answers = healthy();
        let variables = &mut answers["authorizer"]["Variables"];
        variables["COUNTERSIGN_THEN"] = json!("GET /pets=none,*=jwt");
        variables["COUNTERSIGN_JWT"] = json!("https://issuer;audience=a");
        variables["COUNTERSIGN_JWT_MODE"] = json!("monitor");
        variables["COUNTERSIGN_NEXT_AUTHORIZER"] = json!("arn:next");
        let summary = status(&answers);
        assert_eq!(summary.lines[3].value, "GET /pets=none,*=jwt; jwt monitor; lambda enforce");
        assert_eq!(summary.findings(), [&Finding::SecondCheckMonitors { which: "the check of the token" }]);
        answers["authorizer"]["Variables"]["COUNTERSIGN_JWT_MODE"] = json!("enforce");
        answers["authorizer"]["Variables"]["COUNTERSIGN_NEXT_MODE"] = json!("monitor");
        let summary = status(&answers);
        assert_eq!(summary.findings(), [&Finding::SecondCheckMonitors { which: "the authorizer that is called next" }]);
    }

    #[test]
    fn keys_are_overdue_a_day_after_their_rotation_was_due() {
        let at = |hours: u64| UnixSeconds::new(NOW.get() - hours * 3600);
        let made = |hours: u64| ("/versions/Versions/0/CreatedDate", json!(at(hours).get()));
        check(&[made(48)], &[]);
        check(&[made(49)], &[Finding::RotationOverdue { made: at(49), due: at(25) }]);
        for (schedule, days) in [("Fortnightly", 14), ("Monthly", 30), ("Bimonthly", 60), ("Quarterly", 90)] {
            let schedule = ("/stack/Outputs/4/OutputValue", json!(schedule));
            let hours = (days + 1) * 24;
            check(&[schedule.clone(), made(hours)], &[]);
            check(&[schedule, made(hours + 1)], &[Finding::RotationOverdue { made: at(hours + 1), due: at(25) }]);
        }
    }

    #[test]
    fn the_secret_has_a_current_version_and_is_not_deleted() {
        check(&[("/versions/Versions/0/VersionStages", json!(["AWSPREVIOUS"]))], &[Finding::NoKeys]);
        check(
            &[("/versions/Versions/1/VersionStages", json!(["AWSPENDING"]))],
            &[Finding::RotationPending { since: UnixSeconds::new(NOW.get() - 27 * 3600) }],
        );
        let mut answers = healthy();
        answers["secret"]["DeletedDate"] = json!(NOW.get() - 60);
        let deleted = Finding::SecretDeleted { at: UnixSeconds::new(NOW.get() - 60) };
        assert_eq!(status(&answers).findings(), [&deleted]);
        answers["versions"] = Value::Null;
        assert_eq!(status(&answers).findings(), [&deleted]);
    }

    #[test]
    fn each_replica_must_be_in_sync() {
        let replica =
            ("/secret/ReplicationStatus/0", json!({"Region": "us-east-1", "Status": "Failed", "StatusMessage": "no"}));
        check(
            &[replica],
            &[Finding::ReplicaNotInSync { region: "us-east-1".to_owned(), status: "Failed no".to_owned() }],
        );
        check(
            &[("/secret/ReplicationStatus", json!([]))],
            &[Finding::ReplicaMissing { region: "us-east-1".to_owned() }],
        );
    }

    #[test]
    fn what_cloudfront_sends_is_rotated_only_with_the_distribution_of_the_stack() {
        let made = UnixSeconds::new(NOW.get() - 49 * 3600);
        let old = ("/sent/CreatedDate", json!(made.get()));
        let due = UnixSeconds::new(NOW.get() - 25 * 3600);
        check(std::slice::from_ref(&old), &[Finding::SentValueOverdue { what: "API key", made, due }]);
        let header = ("/stack/Outputs/3/OutputKey", json!("OriginHeaderSecretArn"));
        check(&[old.clone(), header], &[Finding::SentValueOverdue { what: "origin header", made, due }]);
        let status = check(&[old, ("/stack/Parameters/3/ParameterValue", json!("existing"))], &[]);
        assert_eq!(status.lines[6].value, "not rotated: your distribution sends it");
        assert_eq!(check(&[("/sent", json!("none"))], &[]).lines[6].value, "none");
    }

    #[test]
    fn every_behavior_of_a_signing_origin_must_sign_with_the_version_of_the_stack() {
        let other = SIGNER.replace(":7", ":6");
        check(
            &[("/distribution/Default/Functions/0/LambdaFunctionARN", json!(other))],
            &[Finding::OtherSigner { path: "Default (*)".to_owned(), associated: other, expected: SIGNER.to_owned() }],
        );
        let unsigned = |path: &str| Finding::BehaviorUnsigned { path: path.to_owned() };
        let status = check(&[("/distribution/Others/0/Origin", json!("api"))], &[unsigned("/pages/*")]);
        assert_eq!(status.lines[7].value, "E1: signer:7 signs 1 of 2 behaviors");
        check(&[("/distribution/Default/Functions/0/EventType", json!("viewer-request"))], &[unsigned("Default (*)")]);
        check(
            &[("/distribution/Origins/0/Headers/0/HeaderValue", json!("arn:other"))],
            &[Finding::EdgeReadsOtherKeys { origin: "api".to_owned() }],
        );
        for headers in [json!([]), json!([{"HeaderName": "countersign-secret", "HeaderValue": "none"}])] {
            check(&[("/distribution/Origins/0/Headers", headers)], &[Finding::NothingSigns]);
        }
    }

    #[test]
    fn the_distribution_is_enabled_and_deployed() {
        check(&[("/distribution/Enabled", json!(false))], &[Finding::DistributionOff]);
        check(&[("/distribution/Status", json!("InProgress"))], &[Finding::DistributionDeploying]);
        check(&[("/distribution", json!("unknown"))], &[Finding::DistributionUnknown]);
    }

    #[test]
    fn an_alarm_of_this_api_that_rings_is_wrong() {
        let rings = |name: &str, since: Option<u64>| Finding::AlarmRings {
            name: name.to_owned(),
            text: if since.is_some() {
                "It cannot decide. infra/RUNBOOK.md: The authorizer has no usable keys".to_owned()
            } else {
                String::new()
            },
            since: since.map(UnixSeconds::new),
        };
        let hour_ago = Some(NOW.get() - 3600);
        check(&[("/alarms/Metric/0/State", json!("ALARM"))], &[rings("mon-UnavailableAlarm-1A", hour_ago)]);
        // It names the API only by a name that the stack of the API does not know.
        check(&[("/alarms/Metric/1/State", json!("ALARM"))], &[rings("mon-Gateway4xxAlarm-2B", hour_ago)]);
        check(&[("/alarms/Composite/0/State", json!("ALARM"))], &[rings("mon-NoKeysAlarm-4D", None)]);
        check(&[("/alarms/Metric/0/State", json!("INSUFFICIENT_DATA"))], &[]);
        check(&[("/alarms/Metric", Value::Null), ("/alarms/Composite", Value::Null)], &[Finding::NoAlarms]);
    }

    #[test]
    fn what_cannot_be_read_is_shown_as_such_and_hides_nothing_else() {
        for (member, line) in [
            ("authorizer", "signature"),
            ("gateway", "gateway"),
            ("secret", "replicas"),
            ("versions", "keys"),
            ("sent", "API key"),
            ("distribution", "edge"),
            ("alarms", "alarms"),
            ("metrics", "last hour"),
        ] {
            let mut answers = healthy();
            answers[member] = Value::Null;
            answers["stack"]["StackStatus"] = json!("UPDATE_ROLLBACK_COMPLETE");
            let status = status(&answers);
            assert_eq!(status.unread, [(line, "aws x: denied".to_owned())], "{member}");
            let marks: Vec<_> = status.lines.iter().filter(|of| of.mark == Mark::Unread).map(|of| of.what).collect();
            assert_eq!(marks, [line], "{member}");
            assert_eq!(status.exit_status(), 3, "{member}");
            answers["stack"]["StackStatus"] = json!("UPDATE_COMPLETE");
            assert_eq!(self::status(&answers).exit_status(), 1, "{member}");
        }
    }

    #[test]
    fn every_finding_says_what_to_do_next() {
        let names = Names { command: "status", stack: "api", region: "eu-west-1", secret: SECRET, authorizer: "f" };
        let alarm = Finding::AlarmRings {
            name: "a".to_owned(),
            text: "It cannot decide. infra/RUNBOOK.md: The authorizer has no usable keys".to_owned(),
            since: Some(UnixSeconds::new(NOW.get() - 3600)),
        };
        assert_eq!(alarm.text(NOW), "a rings since 2026-11-26T09:00:00Z (1 h ago): It cannot decide.");
        assert_eq!(alarm.mend(&names), "infra/RUNBOOK.md: The authorizer has no usable keys");
        let deleted = Finding::SecretDeleted { at: NOW };
        assert_eq!(
            deleted.mend(&names),
            format!("aws secretsmanager restore-secret --region eu-west-1 --secret-id {SECRET}")
        );
    }

    /// The sections of the runbook that are named are there.
    #[test]
    fn the_sections_that_are_named_are_in_the_runbook() {
        let runbook = include_str!("../../../infra/RUNBOOK.md");
        let code = include_str!("finding.rs");
        let named: Vec<_> = code.split("runbook(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() >= 8, "{named:?}");
        for section in named {
            assert!(runbook.lines().any(|line| line.trim_start_matches('#').trim() == section), "{section}");
        }
    }

    /// The names and severities of the page are those of the code.
    #[test]
    fn the_page_lists_every_finding() {
        let page = include_str!("../../../docs/status.md");
        let code = include_str!("finding.rs");
        let names = code.split("fn code(&self)").nth(1).unwrap().split("fn text(").next().unwrap();
        let names: Vec<_> = names.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let rows = page.split("\n## Findings\n").nth(1).unwrap();
        let rows: Vec<_> = rows.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(rows, names);
    }
}
