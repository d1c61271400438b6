//! What can be wrong with the configuration, in words, and what mends it. What `status` finds is there.

use crate::{
    doctor::configuration::answers::gateway::Method,
    finding::{Found, Severity},
    output::command,
    times::show,
};
use signing::UnixSeconds;

/// One thing that is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Methods or routes have no authorizer.
    MethodsOpen { methods: Vec<Method> },
    /// Methods or routes have another authorizer than Countersign's.
    OtherAuthorizer { methods: Vec<Method> },
    /// Preflights that API Gateway answers by itself.
    PreflightsOpen { methods: Vec<Method> },
    /// An exception names a method or route that does not exist.
    ExceptionUnknown { names: Vec<String> },
    /// A WebSocket API has no route `$connect`.
    ConnectMissing,
    /// Methods of the deployment have no authorizer. By name.
    DeployedOpen { deployment: String, methods: Vec<String> },
    /// The deployment is not as the API is now.
    DeploymentOld { deployment: String, why: String },
    /// Methods or `$connect` do not require the API key that CloudFront sends.
    KeyNotRequired { methods: Vec<Method> },
    /// API Gateway takes the API key from the answer of an authorizer.
    KeySourceAuthorizer,
    /// The authorizer of the stack calls another function.
    AuthorizerCallsAnother { uri: String },
    /// An authorizer that calls the function is not of type REQUEST.
    AuthorizerNotRequest { id: String, kind: String },
    /// API Gateway keeps the answers of an authorizer that is not the stack's.
    OwnAuthorizerCaches { id: String, seconds: u64 },
    /// The function answers in another form than API Gateway expects.
    AnswerFormDiffers { id: String, expected: &'static str, answer: String },
    /// The event hides the query as it was sent.
    PayloadOld { id: String },
    /// The stage has a cache.
    StageCaches,
    /// The API has a custom domain, and answers at its own name too.
    DefaultEndpointOpen { host: String },

    /// No origin of the distribution is the API.
    ApiNotAnOrigin { host: String },
    /// The origin that is the API has no `countersign-secret` with a secret.
    OriginNotSigning { origin: String },
    /// CloudFront may call the API with plain HTTP.
    OriginNotHttps { origin: String, protocol: String },
    /// CloudFront puts another path before that of the request than that of the API.
    OriginPathDiffers { origin: String, path: String, expected: String },
    /// CloudFront may send a request again after its signature has expired.
    SignatureExpiresFirst { origin: String, timeout: u64, attempts: u64, lifetime: u64 },
    /// The authorizer refuses signatures that live as long as those of the edge.
    LifetimeTooLong { origin: String, edge: u64, authorizer: u64 },
    /// CloudFront does not send a header that the stack has.
    OriginHeaderMissing { origin: String, header: &'static str },
    /// A setting of the signer is not that of the stack.
    OriginSettingDiffers { origin: String, setting: &'static str, value: String, expected: String },
    /// The signer gets requests for an origin that says nothing to it.
    FailoverUnset { origin: String, group: String },
    /// The signer does not get the body.
    BodyNotIncluded { path: String, setting: String },
    /// A part of the query does not reach the API.
    QueryNotForwarded { path: String, policy: String },
    /// The viewer's `Host` reaches the API.
    HostForwarded { path: String, policy: String },
    /// CloudFront may keep answers.
    BehaviorCaches { path: String, policy: String },
    /// CloudFront refuses methods.
    MethodsNotAllowed { path: String, missing: Vec<&'static str> },
    /// Viewers may use plain HTTP.
    ViewerHttp { path: String },
    /// Requests of gRPC skip the signer.
    GrpcUnsigned { path: String },
    /// CloudFront keeps errors.
    ErrorsCached { codes: Vec<u16> },
    /// CloudFront answers a page in the place of a refusal.
    RefusalsHidden { codes: Vec<u16> },
    /// The distribution has no web ACL.
    NoWebAcl,
    /// The distribution has another web ACL than the stack names.
    OtherWebAcl { associated: String, expected: String },
    /// The web ACL has no rules and admits everything.
    WebAclEmpty { name: String },

    /// Lambda cannot run the signer.
    SignerNotActive { state: String, reason: String },
    /// Lambda ends the runtime of the signer.
    RuntimeEnds { runtime: String, at: UnixSeconds, is_over: bool },
    /// The authorizer has a concurrency of 0.
    AuthorizerStopped { function: String },
    /// API Gateway may not call the authorizer.
    NotPermitted,
    /// API Gateway may call the authorizer for any API.
    PermissionWide,

    /// CloudFormation changes the stack with the permissions of a role.
    ServiceRole { role: String },
    /// The stack can be deleted with one call.
    StackUnprotected,
    /// The rule that starts rotations is off.
    ScheduleOff { rule: String, state: String },
    /// The rotator does not get what the rule sends.
    RotationTriggerOff { id: Option<String>, state: String },
    /// Rotations were given up.
    DeadLetters { messages: u64 },
}

/// The names that a command needs. They are empty without a stack.
pub(crate) struct Names<'a> {
    pub(crate) stack: &'a str,
    pub(crate) region: &'a str,
    /// `REST`, `HTTP` or `WEBSOCKET`.
    pub(crate) kind: &'a str,
    pub(crate) api: &'a str,
    pub(crate) stage: &'a str,
    /// The id of the authorizer at API Gateway.
    pub(crate) authorizer: &'a str,
    /// Whether the stack has made the distribution.
    pub(crate) made_distribution: bool,
}

/// The names of methods that a sentence has.
const NAMED: usize = 10;

impl Finding {
    /// As it is reported.
    pub(crate) fn found(&self, names: &Names<'_>, now: UnixSeconds) -> Found {
        let (text, next) = (self.text(names, now), self.mend(names));
        Found { finding: self.code(), severity: self.severity(), text, next }
    }

    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::MethodsOpen { .. } | Self::ConnectMissing | Self::DeployedOpen { .. } => Severity::Open,
            Self::PreflightsOpen { .. }
            | Self::ExceptionUnknown { .. }
            | Self::PayloadOld { .. }
            | Self::StageCaches
            | Self::DefaultEndpointOpen { .. }
            | Self::BehaviorCaches { .. }
            | Self::MethodsNotAllowed { .. }
            | Self::ViewerHttp { .. }
            | Self::GrpcUnsigned { .. }
            | Self::RefusalsHidden { .. }
            | Self::NoWebAcl
            | Self::WebAclEmpty { .. }
            | Self::RuntimeEnds { is_over: false, .. }
            | Self::PermissionWide
            | Self::ServiceRole { .. }
            | Self::StackUnprotected => Severity::Note,
            Self::OtherAuthorizer { .. }
            | Self::DeploymentOld { .. }
            | Self::KeyNotRequired { .. }
            | Self::KeySourceAuthorizer
            | Self::AuthorizerCallsAnother { .. }
            | Self::AuthorizerNotRequest { .. }
            | Self::OwnAuthorizerCaches { .. }
            | Self::AnswerFormDiffers { .. }
            | Self::ApiNotAnOrigin { .. }
            | Self::OriginNotSigning { .. }
            | Self::OriginNotHttps { .. }
            | Self::OriginPathDiffers { .. }
            | Self::SignatureExpiresFirst { .. }
            | Self::LifetimeTooLong { .. }
            | Self::OriginHeaderMissing { .. }
            | Self::OriginSettingDiffers { .. }
            | Self::FailoverUnset { .. }
            | Self::BodyNotIncluded { .. }
            | Self::QueryNotForwarded { .. }
            | Self::HostForwarded { .. }
            | Self::ErrorsCached { .. }
            | Self::OtherWebAcl { .. }
            | Self::SignerNotActive { .. }
            | Self::RuntimeEnds { is_over: true, .. }
            | Self::AuthorizerStopped { .. }
            | Self::NotPermitted
            | Self::ScheduleOff { .. }
            | Self::RotationTriggerOff { .. }
            | Self::DeadLetters { .. } => Severity::Wrong,
        }
    }

    /// Its name in JSON.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::MethodsOpen { .. } => "methods-open",
            Self::OtherAuthorizer { .. } => "other-authorizer",
            Self::PreflightsOpen { .. } => "preflights-open",
            Self::ExceptionUnknown { .. } => "exception-unknown",
            Self::ConnectMissing => "connect-missing",
            Self::DeployedOpen { .. } => "deployed-open",
            Self::DeploymentOld { .. } => "deployment-old",
            Self::KeyNotRequired { .. } => "key-not-required",
            Self::KeySourceAuthorizer => "key-source-authorizer",
            Self::AuthorizerCallsAnother { .. } => "authorizer-calls-another",
            Self::AuthorizerNotRequest { .. } => "authorizer-not-request",
            Self::OwnAuthorizerCaches { .. } => "own-authorizer-caches",
            Self::AnswerFormDiffers { .. } => "answer-form-differs",
            Self::PayloadOld { .. } => "payload-old",
            Self::StageCaches => "stage-caches",
            Self::DefaultEndpointOpen { .. } => "default-endpoint-open",
            Self::ApiNotAnOrigin { .. } => "api-not-an-origin",
            Self::OriginNotSigning { .. } => "origin-not-signing",
            Self::OriginNotHttps { .. } => "origin-not-https",
            Self::OriginPathDiffers { .. } => "origin-path-differs",
            Self::SignatureExpiresFirst { .. } => "signature-expires-first",
            Self::LifetimeTooLong { .. } => "lifetime-too-long",
            Self::OriginHeaderMissing { .. } => "origin-header-missing",
            Self::OriginSettingDiffers { .. } => "origin-setting-differs",
            Self::FailoverUnset { .. } => "failover-unset",
            Self::BodyNotIncluded { .. } => "body-not-included",
            Self::QueryNotForwarded { .. } => "query-not-forwarded",
            Self::HostForwarded { .. } => "host-forwarded",
            Self::BehaviorCaches { .. } => "behavior-caches",
            Self::MethodsNotAllowed { .. } => "methods-not-allowed",
            Self::ViewerHttp { .. } => "viewer-http",
            Self::GrpcUnsigned { .. } => "grpc-unsigned",
            Self::ErrorsCached { .. } => "errors-cached",
            Self::RefusalsHidden { .. } => "refusals-hidden",
            Self::NoWebAcl => "no-web-acl",
            Self::OtherWebAcl { .. } => "other-web-acl",
            Self::WebAclEmpty { .. } => "web-acl-empty",
            Self::SignerNotActive { .. } => "signer-not-active",
            Self::RuntimeEnds { .. } => "runtime-ends",
            Self::AuthorizerStopped { .. } => "authorizer-stopped",
            Self::NotPermitted => "not-permitted",
            Self::PermissionWide => "permission-wide",
            Self::ServiceRole { .. } => "service-role",
            Self::StackUnprotected => "stack-unprotected",
            Self::ScheduleOff { .. } => "schedule-off",
            Self::RotationTriggerOff { .. } => "trigger-off",
            Self::DeadLetters { .. } => "dead-letters",
        }
    }

    /// In a sentence, with the values in question.
    fn text(&self, names: &Names<'_>, now: UnixSeconds) -> String {
        match self {
            Self::MethodsOpen { methods } => {
                format!("these have no authorizer, and everybody may call them: {}", named(methods))
            }
            Self::OtherAuthorizer { methods } => format!(
                "these have another authorizer than Countersign's, which does not check the signature: {}",
                named(methods)
            ),
            Self::PreflightsOpen { methods } => {
                format!("API Gateway answers these preflights by itself, without the authorizer: {}", named(methods))
            }
            Self::ExceptionUnknown { names } => format!(
                "--except names what the API does not have: {}",
                listed(names.iter().map(String::as_str))
            ),
            Self::ConnectMissing => {
                "the WebSocket API has no route $connect: everybody may connect to the API's own URL".to_owned()
            }
            Self::DeployedOpen { deployment, methods } => format!(
                "in the deployment {deployment} of the stage {} these have no authorizer: {}",
                names.stage,
                listed(methods.iter().map(String::as_str))
            ),
            Self::DeploymentOld { deployment, why } => {
                format!("the stage {} still has the deployment {deployment}: {why}", names.stage)
            }
            Self::KeyNotRequired { methods } => {
                format!("CloudFront sends an API key, and these do not require it: {}", named(methods))
            }
            Self::KeySourceAuthorizer => "the API key source of the API is AUTHORIZER: API Gateway ignores the API key \
                                          that CloudFront sends"
                .to_owned(),
            Self::AuthorizerCallsAnother { uri } => {
                format!("the stack's authorizer at API Gateway calls another function than the stack's: {uri}")
            }
            Self::AuthorizerNotRequest { id, kind } => format!(
                "the authorizer {id} is of type {kind}: its events have neither method nor headers, and every request gets 500"
            ),
            Self::OwnAuthorizerCaches { id, seconds } => format!(
                "API Gateway keeps the answers of the authorizer {id} for {seconds} s: the headers of one signed request \
                 can open another"
            ),
            Self::AnswerFormDiffers { id, expected, answer } => format!(
                "API Gateway expects {expected} of the authorizer {id}, and COUNTERSIGN_ANSWER is {answer}: every \
                 request gets 500"
            ),
            Self::PayloadOld { id } => format!(
                "the authorizer {id} has payload format 1.0, which does not show the query as it was sent: some \
                 requests are refused for it"
            ),
            Self::StageCaches => format!(
                "the stage {} has a cache: it answers one request with the answer to another that has the same cache key",
                names.stage
            ),
            Self::DefaultEndpointOpen { host } => {
                format!("the origin is {host}, and the API answers at its default endpoint too")
            }
            Self::ApiNotAnOrigin { host } => format!("no origin of the distribution is the API, {host}"),
            Self::OriginNotSigning { origin } => format!(
                "the origin {origin} is the API, and has no countersign-secret with a secret: CloudFront signs nothing for it"
            ),
            Self::OriginNotHttps { origin, protocol } => {
                format!("the protocol of the origin {origin} is {protocol}, and the edge signs only for https-only")
            }
            Self::OriginPathDiffers { origin, path, expected } => {
                format!("the origin path of {origin} is {path:?}, and the path of the API's URL is {expected:?}")
            }
            Self::SignatureExpiresFirst { origin, timeout, attempts, lifetime } => format!(
                "CloudFront waits {timeout} s for the origin {origin} and tries {attempts} times, so it may send a \
                 request after {} s, and its signature is valid for {lifetime} s",
                timeout.saturating_mul(attempts.saturating_sub(1))
            ),
            Self::LifetimeTooLong { origin, edge, authorizer } => format!(
                "signatures for the origin {origin} are valid for {edge} s, and the authorizer admits {authorizer} s \
                 at most: it refuses every request"
            ),
            Self::OriginHeaderMissing { origin, header } => {
                format!("CloudFront does not send {header} to the origin {origin}, and the stack has a value for it")
            }
            Self::OriginSettingDiffers { origin, setting, value, expected } => {
                format!("{setting} of the origin {origin} is {value}, and for the stack it is {expected}")
            }
            Self::FailoverUnset { origin, group } => format!(
                "the origin {origin} of the group {group} has no countersign-secret: the edge answers 500 after a failover"
            ),
            Self::BodyNotIncluded { path, setting } => {
                let result = if setting == "require" { "answers 500 to" } else { "signs no digest of" };
                format!("the cache behavior {path} does not include the body: with countersign-body={setting} the edge {result} a request with a body")
            }
            Self::QueryNotForwarded { path, policy } => {
                format!("{policy} of the cache behavior {path} does not forward the whole query: the authorizer refuses requests with the rest")
            }
            Self::HostForwarded { path, policy } => format!(
                "{policy} of the cache behavior {path} forwards the viewer's Host: API Gateway answers 403, or the \
                 authorizer refuses"
            ),
            Self::BehaviorCaches { path, policy } => format!(
                "{policy} lets CloudFront keep answers of the cache behavior {path}: a kept answer reaches others \
                 without a signature and without the authorizer"
            ),
            Self::MethodsNotAllowed { path, missing } => {
                format!("the cache behavior {path} refuses the methods {}", missing.join(", "))
            }
            Self::ViewerHttp { path } => {
                format!("viewers may call the cache behavior {path} with plain HTTP: others can read along")
            }
            Self::GrpcUnsigned { path } => {
                format!("the cache behavior {path} allows gRPC, whose requests skip the edge signer")
            }
            Self::ErrorsCached { codes } => {
                format!("CloudFront keeps one viewer's error and answers others with it: {}", numbers(codes))
            }
            Self::RefusalsHidden { codes } => {
                format!("CloudFront answers a page in the place of the API's own answer: {}", numbers(codes))
            }
            Self::NoWebAcl => "the distribution has no web ACL: AWS WAF does not look at its requests".to_owned(),
            Self::OtherWebAcl { associated, expected } => {
                let associated = if associated.is_empty() { "no web ACL" } else { associated };
                format!("the distribution has {associated}, and the stack names {expected}")
            }
            Self::WebAclEmpty { name } => format!("the web ACL {name} has no rules, and admits everything"),
            Self::SignerNotActive { state, reason } => {
                let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
                format!("Lambda cannot run the edge signer: its state is {state}{reason}")
            }
            Self::RuntimeEnds { runtime, at, is_over } => {
                let ends = if *is_over { "ended" } else { "ends" };
                format!("AWS's support of {runtime}, the runtime of the edge signer, {ends} at {}", show(*at, now))
            }
            Self::AuthorizerStopped { function } => {
                format!("the concurrency of {function} is 0: Lambda does not run it, and every request gets 500")
            }
            Self::NotPermitted => "the policy of the authorizer's function does not let API Gateway call it for this \
                                   API: every request gets 500"
                .to_owned(),
            Self::PermissionWide => {
                "the policy of the authorizer's function lets API Gateway call it for APIs of any account".to_owned()
            }
            Self::ServiceRole { role } => format!(
                "the stack has the service role {role}: CloudFormation uses its permissions for everybody's operations \
                 on the stack, and it cannot be removed"
            ),
            Self::StackUnprotected => {
                "the stack has no termination protection: one call deletes the authorizer, and API Gateway then answers 500"
                    .to_owned()
            }
            Self::ScheduleOff { rule, state } => format!("the rule {rule} is {state}: nothing starts a rotation"),
            Self::RotationTriggerOff { id, state } => match id {
                Some(id) => format!("the event source mapping {id} is {state}: the rotator gets nothing from its queue"),
                None => "the rotator has no event source mapping: it gets nothing from its queue".to_owned(),
            },
            Self::DeadLetters { messages } => format!("{messages} rotations were given up, and are in the dead letters"),
        }
    }

    /// What the operator does next: a command, or a section of a page.
    fn mend(&self, names: &Names<'_>) -> String {
        let Names { stack, region, .. } = names;
        let attach = |section: &str| format!("infra/attach.md: {section}");
        let runbook = |section: &str| format!("infra/RUNBOOK.md: {section}");
        let readme = |section: &str| format!("infra/README.md: {section}");
        let distribution = || {
            if names.made_distribution {
                runbook("Undo a change that was made past CloudFormation")
            } else {
                attach("4. An existing distribution")
            }
        };
        match self {
            Self::MethodsOpen { methods } => match methods.as_slice() {
                [one] => format!("{} && {}", names.attaches(one), names.deploys()),
                _ => attach(names.chapter()),
            },
            Self::OtherAuthorizer { .. } => attach("Methods that have an authorizer of their own"),
            Self::PreflightsOpen { .. } => {
                "nothing, if they are as they should be: attach the authorizer otherwise. infra/attach.md: 1. An existing \
                 REST API"
                    .to_owned()
            }
            Self::ExceptionUnknown { .. } => {
                "write the names as the finding methods-open does, or remove the option".to_owned()
            }
            Self::ConnectMissing | Self::KeyNotRequired { .. } | Self::KeySourceAuthorizer => attach(names.chapter()),
            Self::DeployedOpen { .. } | Self::DeploymentOld { .. } => names.deploys(),
            Self::AuthorizerCallsAnother { .. } | Self::NotPermitted => {
                runbook("Undo a change that was made past CloudFormation")
            }
            Self::AuthorizerNotRequest { .. } => attach(names.chapter()),
            Self::OwnAuthorizerCaches { id, .. } => names.keeps_nothing(id),
            Self::AnswerFormDiffers { .. } | Self::PayloadOld { .. } => {
                attach("Authorizers with other answers or payloads")
            }
            Self::StageCaches => {
                "check that the cache key of each cached method has all that its answers depend on, or switch the cache off"
                    .to_owned()
            }
            Self::DefaultEndpointOpen { .. } => attach("5. Closing the default endpoint"),
            Self::ApiNotAnOrigin { .. }
            | Self::OriginNotSigning { .. }
            | Self::OriginNotHttps { .. }
            | Self::OriginPathDiffers { .. }
            | Self::SignatureExpiresFirst { .. }
            | Self::LifetimeTooLong { .. }
            | Self::OriginHeaderMissing { .. }
            | Self::OriginSettingDiffers { .. }
            | Self::FailoverUnset { .. }
            | Self::BodyNotIncluded { .. }
            | Self::QueryNotForwarded { .. }
            | Self::HostForwarded { .. }
            | Self::BehaviorCaches { .. }
            | Self::MethodsNotAllowed { .. }
            | Self::ViewerHttp { .. }
            | Self::GrpcUnsigned { .. }
            | Self::ErrorsCached { .. }
            | Self::OtherWebAcl { .. }
            | Self::RefusalsHidden { .. } => distribution(),
            Self::NoWebAcl | Self::WebAclEmpty { .. } => {
                format!("infra/front.yaml makes a web ACL. {}", readme("From nothing to protected"))
            }
            Self::SignerNotActive { .. } => runbook("The edge function fails"),
            Self::RuntimeEnds { .. } => readme("A new version, and back"),
            Self::AuthorizerStopped { function } => {
                command(["aws", "lambda", "delete-function-concurrency", "--region", region, "--function-name", function])
            }
            Self::PermissionWide => {
                "remove this permission with aws lambda remove-permission: the stack has made one for this API".to_owned()
            }
            Self::ServiceRole { .. } => readme("What to choose"),
            Self::StackUnprotected => {
                let protect = ["--region", region, "--stack-name", stack, "--enable-termination-protection"];
                command([&["aws", "cloudformation", "update-termination-protection"], &protect[..]].concat())
            }
            Self::ScheduleOff { rule, .. } => command(["aws", "events", "enable-rule", "--region", region, "--name", rule]),
            Self::RotationTriggerOff { id: Some(id), .. } => {
                let enable = ["--region", region, "--uuid", id, "--enabled"];
                command([&["aws", "lambda", "update-event-source-mapping"], &enable[..]].concat())
            }
            Self::RotationTriggerOff { id: None, .. } => runbook("Undo a change that was made past CloudFormation"),
            Self::DeadLetters { .. } => runbook("A rotation was given up"),
        }
    }
}

impl Names<'_> {
    fn is_rest(&self) -> bool {
        self.kind == "REST"
    }

    /// The chapter of infra/attach.md about this kind of API.
    fn chapter(&self) -> &'static str {
        match self.kind {
            "HTTP" => "2. An existing HTTP API",
            "WEBSOCKET" => "3. An existing WebSocket API",
            _ => "1. An existing REST API",
        }
    }

    /// Gives the authorizer to a method or a route.
    fn attaches(&self, method: &Method) -> String {
        let Self { region, api, authorizer, .. } = self;
        if !self.is_rest() {
            let call = ["aws", "apigatewayv2", "update-route", "--region", region, "--api-id", api];
            let route = ["--route-id", &method.id, "--authorization-type", "CUSTOM", "--authorizer-id", authorizer];
            return command([&call[..], &route].concat());
        }
        let call = ["aws", "apigateway", "update-method", "--region", region, "--rest-api-id", api];
        let authorizer = format!("op=replace,path=/authorizerId,value={authorizer}");
        let method = [
            "--resource-id",
            &method.id,
            "--http-method",
            &method.method,
            "--patch-operations",
            "op=replace,path=/authorizationType,value=CUSTOM",
            &authorizer,
        ];
        command([&call[..], &method].concat())
    }

    /// Deploys the API to its stage.
    fn deploys(&self) -> String {
        let Self { region, api, stage, .. } = self;
        let (service, of) = if self.is_rest() { ("apigateway", "--rest-api-id") } else { ("apigatewayv2", "--api-id") };
        command(["aws", service, "create-deployment", "--region", region, of, api, "--stage-name", stage])
    }

    /// Switches off that API Gateway keeps the answers of an authorizer.
    fn keeps_nothing(&self, authorizer: &str) -> String {
        let Self { region, api, .. } = self;
        let of = ["--region", region, "--authorizer-id", authorizer];
        let off = if self.is_rest() {
            let ttl = "op=replace,path=/authorizerResultTtlInSeconds,value=0";
            let call = ["aws", "apigateway", "update-authorizer", "--rest-api-id", api];
            command([&call[..], &of, &["--patch-operations", ttl]].concat())
        } else {
            let call = ["aws", "apigatewayv2", "update-authorizer", "--api-id", api];
            command([&call[..], &of, &["--authorizer-result-ttl-in-seconds", "0"]].concat())
        };
        format!("{off} && {}", self.deploys())
    }
}

fn named(methods: &[Method]) -> String {
    listed(methods.iter().map(|method| &*method.name))
}

/// The first ones, and how many more there are.
pub(crate) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

fn numbers(codes: &[u16]) -> String {
    codes.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const NAMES: Names<'_> = Names {
        stack: "api",
        region: "eu-west-1",
        kind: "REST",
        api: "abc123",
        stage: "prod",
        authorizer: "auth01",
        made_distribution: true,
    };

    /// The sections of the pages that are named are there.
    #[test]
    fn the_sections_that_are_named_are_there() {
        let code = include_str!("finding.rs").split("#[cfg(test)]").next().unwrap();
        let attach = include_str!("../../../../infra/attach.md");
        let pages = [
            ("runbook(\"", include_str!("../../../../infra/RUNBOOK.md")),
            ("attach(\"", attach),
            ("readme(\"", include_str!("../../../../infra/README.md")),
        ];
        let named = pages.iter().flat_map(|(begin, page)| {
            code.split(begin).skip(1).filter_map(|rest| rest.split('"').next()).map(move |section| (section, *page))
        });
        let chapters = ["REST", "HTTP", "WEBSOCKET"].map(|kind| (Names { kind, ..NAMES }.chapter(), attach));
        let named: Vec<_> = named.chain(chapters).collect();
        assert!(named.len() > 10, "{}", named.len());
        for (section, page) in named {
            assert!(page.lines().any(|line| line.trim_start_matches('#').trim() == section), "{section}");
        }
    }

    /// The names of the page are those of the code.
    #[test]
    fn the_page_lists_every_finding() {
        let page = include_str!("../../../../docs/doctor.md");
        let code = include_str!("finding.rs");
        let names = code.split("fn code(&self)").nth(1).unwrap().split("fn text(").next().unwrap();
        let names: Vec<_> = names.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let rows = page.split("\n### Findings about the configuration\n").nth(1).unwrap().split("\n#").next().unwrap();
        let rows: Vec<_> = rows.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(rows, names);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
