//! The functions: the signer runs, and API Gateway may call the authorizer.

use crate::doctor::{
    check::Check,
    configuration::{
        answers::stack::{Policy, Signer},
        examined::{Examined, unread},
        finding::Finding,
        reading::Behind,
    },
};
use signing::UnixSeconds;

/// When AWS ends its support of the runtimes that Lambda@Edge has had for Node.js
/// (docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html): 2025-09-01, 2026-04-30, 2027-04-30 and 2028-04-30.
const RUNTIMES: [(&str, UnixSeconds); 4] = [
    ("nodejs18.x", UnixSeconds::new(1_756_684_800)),
    ("nodejs20.x", UnixSeconds::new(1_777_507_200)),
    ("nodejs22.x", UnixSeconds::new(1_809_043_200)),
    ("nodejs24.x", UnixSeconds::new(1_840_665_600)),
];

/// How long before its end a runtime is a note: 90 days.
const SOON: u64 = 90 * 86_400;

impl Examined<'_> {
    pub(super) fn functions(&self, behind: &Behind) -> Vec<Check> {
        let mut checks = Vec::new();
        match &behind.signer {
            None => {}
            Some(Ok(signer)) => checks.push(self.signer(signer)),
            Some(Err(error)) => checks.push(unread("signer", error)),
        }
        checks.push(match &behind.concurrency {
            Ok(concurrency) => {
                let function = self.output("AuthorizerFunctionName").unwrap_or_default().to_owned();
                let stopped = [Finding::AuthorizerStopped { function }];
                let findings: &[_] = if concurrency.reserved == Some(0) { &stopped } else { &[] };
                let value =
                    concurrency.reserved.map_or_else(|| "not reserved".to_owned(), |reserved| reserved.to_string());
                self.seen("concurrency", value, findings)
            }
            Err(error) => unread("concurrency", error),
        });
        checks.push(match &behind.policy {
            Ok(policy) => self.permission(policy, behind),
            Err(error) => unread("permission", error),
        });
        checks
    }

    pub(super) fn signer(&self, signer: &Signer) -> Check {
        let mut findings = Vec::new();
        let state = signer.state.as_deref().unwrap_or("Active");
        // Lambda puts a function that is not called to sleep, and wakes it up at the next call.
        if !matches!(state, "Active" | "Inactive") {
            let reason = signer.reason.clone().unwrap_or_default();
            findings.push(Finding::SignerNotActive { state: state.to_owned(), reason });
        }
        let runtime = signer.runtime.as_deref().unwrap_or("a runtime that is not known");
        let end = RUNTIMES.iter().find(|(name, _)| *name == runtime).map(|(_, end)| *end);
        if let Some(at) = end.filter(|end| self.now.get().saturating_add(SOON) >= end.get()) {
            let is_over = self.now >= at;
            findings.push(Finding::RuntimeEnds { runtime: runtime.to_owned(), at, is_over });
        }
        self.seen("signer", format!("{state}, {runtime}"), &findings)
    }

    fn permission(&self, policy: &Policy, behind: &Behind) -> Check {
        let authorizers = behind.authorizers.as_deref().unwrap_or_default();
        let id = self.output("AuthorizerId");
        if authorizers.iter().any(|of| Some(&*of.id) == id && of.role.is_some()) {
            return self.seen("permission", "API Gateway uses a role", &[]);
        }
        let sources = policy.of_api_gateway();
        let api = self.output("ApiId").unwrap_or_default();
        let admits = |source: &Option<&str>| match source {
            Some(source) => {
                source.split(':').nth(5).and_then(|of| of.split('/').next()).is_some_and(|of| matches(of, api))
            }
            None => true,
        };
        let mut findings = Vec::new();
        if !sources.iter().any(admits) {
            findings.push(Finding::NotPermitted);
        }
        if sources.iter().any(Option::is_none) {
            findings.push(Finding::PermissionWide);
        }
        let value = if findings.is_empty() {
            "API Gateway may call the authorizer for this API"
        } else {
            "not as the stack has it"
        };
        self.seen("permission", value, &findings)
    }
}

/// The id of the API, or a pattern with one asterisk at its end.
fn matches(pattern: &str, api: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == api, |begin| api.starts_with(begin))
}
