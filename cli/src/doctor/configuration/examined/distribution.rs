//! The distribution: its origins that are the API sign, and its cache behaviors forward what is signed.

use crate::{
    diagnosis::response::KEPT_ERRORS,
    doctor::{
        check::Check,
        configuration::{
            answers::distribution::{Behavior, CachePolicy, Distribution, Group, Origin, RequestPolicy},
            examined::{Examined, unread},
            finding::{Finding, listed},
            reading::{ALL_EXCEPT_HOST, Edge, NOT_CACHED},
        },
    },
    finding::Found,
    status::{answers::Read, finding as in_force},
};
use std::collections::{BTreeMap, BTreeSet};

/// CloudFront's default for an origin: how often it tries, and how long it waits for an answer.
const ATTEMPTS: u64 = 3;
const READ_TIMEOUT: u64 = 30;

/// The default of `countersign-lifetime`, and of the authorizer's longest lifetime.
const LIFETIME: u64 = 60;

/// The answers of API Gateway and of the authorizer to what they refuse.
const REFUSALS: [u16; 2] = [401, 403];

const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"];

/// CloudFront's default of the time that answers are kept: a day.
const KEPT_FOR: u64 = 86_400;

/// Whether two lists with commas name the same, in any order.
fn is_same(one: &str, other: &str) -> bool {
    let parts = |list: &str| list.split(',').map(|part| part.trim().to_ascii_lowercase()).collect::<BTreeSet<_>>();
    parts(one) == parts(other)
}

impl Examined<'_> {
    pub(super) fn distribution(&self, edge: &Edge) -> Vec<Check> {
        let distribution = match &edge.distribution {
            Ok(distribution) => distribution,
            Err(error) => return vec![unread("distribution", error)],
        };
        let mut checks = Vec::new();
        let host = self.api_host();
        let is_api = |origin: &&Origin| origin.signs() || origin.domain.eq_ignore_ascii_case(&host);
        let origins: Vec<_> = distribution.origins.iter().filter(is_api).collect();
        if origins.is_empty() {
            let found = [Finding::ApiNotAnOrigin { host: host.clone() }];
            checks.push(self.seen("origins", listed(distribution.origins.iter().map(|of| &*of.domain)), &found));
        }
        for origin in &origins {
            checks.push(self.origin(origin, origin.domain.eq_ignore_ascii_case(&host)));
        }
        let ids: Vec<_> = origins.iter().map(|origin| &*origin.id).collect();
        let behaviors = || std::iter::once(&distribution.default).chain(&distribution.others);
        for behavior in behaviors() {
            let group = distribution.groups.iter().find(|group| group.id == behavior.origin);
            let leads_to = |id: &str| ids.contains(&id);
            let to_api = leads_to(&behavior.origin)
                || group.is_some_and(|group| group.members.iter().any(|member| leads_to(member)));
            if to_api {
                checks.extend(self.behavior(behavior, group, distribution, edge));
            }
        }
        checks.push(self.errors(distribution));
        checks.push(self.web_acl(distribution, edge));
        checks
    }

    /// The host that requests must reach.
    pub(super) fn api_host(&self) -> String {
        let url = self.output("BackDoor").and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
        let host = url.map(|rest| rest.split('/').next().unwrap_or_default());
        host.map_or_else(|| self.targets.api_url.host_and_port().0.to_ascii_lowercase(), str::to_ascii_lowercase)
    }

    /// The path of the API's URL.
    fn api_path(&self) -> &str {
        let url = self.output("BackDoor").and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
        url.map_or_else(
            || self.targets.api_url.base(),
            |rest| rest.find('/').map_or("", |at| rest.get(at..).unwrap_or("")),
        )
    }

    fn origin(&self, origin: &Origin, is_host: bool) -> Check {
        let name = || origin.id.clone();
        let mut findings = Vec::new();
        if !origin.signs() {
            findings.push(Finding::OriginNotSigning { origin: name() });
        }
        let protocol = origin.protocol.as_deref().unwrap_or("that of a bucket");
        if protocol != "https-only" {
            findings.push(Finding::OriginNotHttps { origin: name(), protocol: protocol.to_owned() });
        }
        let path = origin.path.trim_end_matches('/');
        // In a distribution of the operator's the viewer's path may begin with it.
        if is_host && path != self.api_path() && (!path.is_empty() || self.output("DistributionId").is_some()) {
            let (path, expected) = (path.to_owned(), self.api_path().to_owned());
            findings.push(Finding::OriginPathDiffers { origin: name(), path, expected });
        }
        let seconds = |setting: &str| origin.setting(setting).and_then(|value| value.parse().ok());
        let lifetime = seconds("countersign-lifetime").unwrap_or(LIFETIME);
        let (timeout, attempts) = (origin.read_timeout.unwrap_or(READ_TIMEOUT), origin.attempts.unwrap_or(ATTEMPTS));
        if timeout.saturating_mul(attempts.saturating_sub(1)) >= lifetime {
            findings.push(Finding::SignatureExpiresFirst { origin: name(), timeout, attempts, lifetime });
        }
        let longest = self.function.map(|function| function.variables.max_lifetime.as_deref());
        let longest = longest.map(|value| value.and_then(|value| value.parse().ok()).unwrap_or(LIFETIME));
        if let Some(authorizer) = longest.filter(|longest| lifetime > *longest) {
            findings.push(Finding::LifetimeTooLong { origin: name(), edge: lifetime, authorizer });
        }
        for (output, header) in [("ApiKeySecretArn", "x-api-key"), ("OriginHeaderSecretArn", "x-origin-verify")] {
            if self.output(output).is_some() && !origin.sends(header) {
                findings.push(Finding::OriginHeaderMissing { origin: name(), header });
            }
        }
        findings.extend(self.settings_that_differ(origin));
        let headers = listed(origin.names.iter().map(String::as_str));
        let value = format!("{}{path}, {protocol}, {timeout} s, {attempts} attempts; headers {headers}", origin.domain);
        self.seen(format!("origin {}", origin.id), value, &findings)
    }

    fn settings_that_differ(&self, origin: &Origin) -> Vec<Finding> {
        let body = self.parameter("BodyDigest").map(|body| if body == "require-at-edge" { "require" } else { body });
        let kind = self.output("ApiKind").map(str::to_ascii_lowercase);
        let regions = self.deployed.map(|_| self.parameter("ReplicaRegions").unwrap_or("none"));
        let mut findings = Vec::new();
        for (setting, default, expected) in [
            ("countersign-body", "digest", body),
            ("countersign-api", "rest", kind.as_deref()),
            ("countersign-regions", "none", regions),
        ] {
            let value = origin.setting(setting).unwrap_or(default);
            if let Some(expected) = expected.filter(|expected| !is_same(expected, value) && origin.signs()) {
                let (value, expected) = (value.to_owned(), expected.to_owned());
                findings.push(Finding::OriginSettingDiffers { origin: origin.id.clone(), setting, value, expected });
            }
        }
        findings
    }

    fn behavior(&self, behavior: &Behavior, group: Option<&Group>, of: &Distribution, edge: &Edge) -> Vec<Check> {
        let path = || behavior.path().to_owned();
        let what = format!("behavior {}", behavior.path());
        let mut findings = Vec::new();
        let members: Vec<_> = match group {
            Some(group) => of.origins.iter().filter(|origin| group.members.contains(&origin.id)).collect(),
            None => of.origins.iter().filter(|origin| origin.id == behavior.origin).collect(),
        };
        if let Some(group) = group {
            for origin in members.iter().filter(|origin| origin.setting("countersign-secret").is_none()) {
                findings.push(Finding::FailoverUnset { origin: origin.id.clone(), group: group.id.clone() });
            }
        }
        let signing = members.iter().filter(|origin| origin.signs());
        let settings = signing.map(|origin| origin.setting("countersign-body").unwrap_or("digest"));
        let setting = settings.filter(|of| *of != "ignore").max();
        if let Some(setting) = setting.filter(|_| behavior.signer().is_some_and(|of| !of.body)) {
            findings.push(Finding::BodyNotIncluded { path: path(), setting: setting.to_owned() });
        }
        // A WebSocket API needs only GET.
        let needed = if self.output("ApiKind") == Some("WEBSOCKET") { METHODS.get(..1) } else { METHODS.get(..) };
        let allows = |method: &str| behavior.methods.iter().any(|of| of == method);
        let missing: Vec<_> = needed.unwrap_or_default().iter().filter(|method| !allows(method)).copied().collect();
        if !missing.is_empty() {
            findings.push(Finding::MethodsNotAllowed { path: path(), missing });
        }
        if behavior.viewer == "allow-all" {
            findings.push(Finding::ViewerHttp { path: path() });
        }
        if behavior.grpc {
            findings.push(Finding::GrpcUnsigned { path: path() });
        }
        let body = if behavior.signer().is_some_and(|of| of.body) { "with the body" } else { "without the body" };
        let function = behavior.signer().map_or("nothing", |signer| {
            signer.arn.rsplit_once(":function:").map_or(&*signer.arn, |(_, function)| function)
        });
        let mut check = self.seen(&*what, format!("{function} signs, {body}"), &findings);
        check.add(self.also(behavior));
        vec![check, self.policies(behavior, edge)]
    }

    /// What `status` finds at the origins that have `countersign-secret`. It is reported once.
    fn also(&self, behavior: &Behavior) -> Vec<Found> {
        let path = || behavior.path().to_owned();
        let finding = match (behavior.signer(), self.parameter("SignerVersionArn")) {
            (None, _) => in_force::Finding::BehaviorUnsigned { path: path() },
            (Some(signer), Some(expected)) if signer.arn != expected => {
                let (associated, expected) = (signer.arn.clone(), expected.to_owned());
                in_force::Finding::OtherSigner { path: path(), associated, expected }
            }
            _ => return Vec::new(),
        };
        let none = in_force::Names { command: "doctor", stack: "", region: "", secret: "", authorizer: "" };
        let names = self.deployed.map_or(none, |deployed| deployed.names("doctor"));
        vec![finding.found(&names, self.now)]
    }

    fn policies(&self, behavior: &Behavior, edge: &Edge) -> Check {
        let what = format!("policies {}", behavior.path());
        let Forwarded { query, host, is_kept, policy, cache } = match Forwarded::of(behavior, edge) {
            Ok(forwarded) => forwarded,
            Err(error) => return unread(what, &error),
        };
        let path = || behavior.path().to_owned();
        let mut findings = Vec::new();
        if !query {
            findings.push(Finding::QueryNotForwarded { path: path(), policy: policy.clone() });
        }
        if host {
            findings.push(Finding::HostForwarded { path: path(), policy: policy.clone() });
        }
        if is_kept {
            findings.push(Finding::BehaviorCaches { path: path(), policy: cache.clone() });
        }
        self.seen(what, format!("{policy}, {cache}"), &findings)
    }

    fn errors(&self, distribution: &Distribution) -> Check {
        let response = |code: u16| distribution.errors.iter().find(move |of| of.code == code);
        let kept: Vec<_> =
            KEPT_ERRORS.into_iter().filter(|code| response(*code).and_then(|of| of.ttl) != Some(0)).collect();
        let hides = |code: &u16| response(*code).and_then(|of| of.page.as_deref()).is_some_and(|page| !page.is_empty());
        let hidden: Vec<_> = REFUSALS.into_iter().filter(hides).collect();
        let value = if kept.is_empty() {
            "not kept".to_owned()
        } else {
            format!("{} of {} are kept", kept.len(), KEPT_ERRORS.len())
        };
        let mut findings = Vec::new();
        if !kept.is_empty() {
            findings.push(Finding::ErrorsCached { codes: kept });
        }
        if !hidden.is_empty() {
            findings.push(Finding::RefusalsHidden { codes: hidden });
        }
        self.seen("errors", value, &findings)
    }

    fn web_acl(&self, distribution: &Distribution, edge: &Edge) -> Check {
        let associated = distribution.web_acl.as_deref().unwrap_or_default();
        let mut findings = Vec::new();
        match self.parameter("WebAclArn") {
            Some(expected) if expected != associated && self.output("DistributionId").is_some() => {
                let (associated, expected) = (associated.to_owned(), expected.to_owned());
                findings.push(Finding::OtherWebAcl { associated, expected });
            }
            _ if associated.is_empty() => findings.push(Finding::NoWebAcl),
            _ => {}
        }
        let value = match &edge.web_acl {
            None if associated.is_empty() => "none".to_owned(),
            None => associated.to_owned(),
            Some(Err(error)) => return unread("web ACL", error),
            Some(Ok(acl)) => {
                if acl.rules == 0 && !acl.blocks {
                    findings.push(Finding::WebAclEmpty { name: acl.name.clone() });
                }
                format!("{}, rules: {}", acl.name, acl.rules)
            }
        };
        self.seen("web ACL", value, &findings)
    }
}

/// What reaches the origin of a behavior, and whether answers are kept.
struct Forwarded {
    /// Whether the whole query does.
    query: bool,
    /// Whether the viewer's `Host` does.
    host: bool,
    is_kept: bool,
    /// What decides what is forwarded.
    policy: String,
    /// What decides how long answers are kept.
    cache: String,
}

impl Forwarded {
    /// The origin gets what the cache policy and the origin request policy forward.
    fn of(behavior: &Behavior, edge: &Edge) -> Result<Self, String> {
        let Some(id) = &behavior.cache else { return Self::legacy(behavior, edge) };
        let mut forwarded = Self {
            query: false,
            host: false,
            is_kept: false,
            policy: "the cache policy".to_owned(),
            cache: "CachingDisabled".to_owned(),
        };
        if id != NOT_CACHED {
            forwarded.keep(read(&edge.cache_policies, id)?);
        }
        forwarded.request(behavior, edge)?;
        Ok(forwarded)
    }

    fn legacy(behavior: &Behavior, edge: &Edge) -> Result<Self, String> {
        let mut forwarded = Self {
            query: false,
            host: false,
            is_kept: true,
            policy: "ForwardedValues".to_owned(),
            cache: "ForwardedValues".to_owned(),
        };
        if let Some(legacy) = &behavior.legacy {
            forwarded.query = legacy.query;
            forwarded.host = legacy.headers.iter().any(|name| name == "*" || name.eq_ignore_ascii_case("host"));
            // With all headers in its key CloudFront keeps nothing.
            forwarded.is_kept =
                !legacy.headers.iter().any(|name| name == "*") && legacy.max.or(legacy.default).unwrap_or(KEPT_FOR) > 0;
        }
        forwarded.request(behavior, edge)?;
        Ok(forwarded)
    }

    fn keep(&mut self, policy: &CachePolicy) {
        self.query = policy.query == "all";
        self.host = policy.header_names.iter().any(|name| name.eq_ignore_ascii_case("host"));
        self.is_kept = policy.max.or(policy.default).unwrap_or(KEPT_FOR) > 0;
        self.cache.clone_from(&policy.name);
    }

    fn request(&mut self, behavior: &Behavior, edge: &Edge) -> Result<(), String> {
        match behavior.request.as_deref() {
            None => {}
            Some(ALL_EXCEPT_HOST) => {
                self.query = true;
                "AllViewerExceptHostHeader".clone_into(&mut self.policy);
            }
            Some(id) => {
                let policy = read(&edge.request_policies, id)?;
                self.query |= policy.query == "all";
                self.host |= forwards_host(policy);
                self.policy.clone_from(&policy.name);
            }
        }
        Ok(())
    }
}

fn forwards_host(policy: &RequestPolicy) -> bool {
    let names_host = policy.header_names.iter().any(|name| name.eq_ignore_ascii_case("host"));
    match policy.headers.as_str() {
        "none" => false,
        "whitelist" => names_host,
        "allExcept" => !names_host,
        // `allViewer` and `allViewerAndWhitelistCloudFront`.
        _ => true,
    }
}

fn read<'a, T>(policies: &'a BTreeMap<String, Read<T>>, id: &str) -> Result<&'a T, String> {
    match policies.get(id) {
        Some(Ok(policy)) => Ok(policy),
        Some(Err(error)) => Err(error.clone()),
        None => Err(format!("the policy {id} was not read")),
    }
}
