//! The decision about a request, rule by rule. The rules themselves are in `signing`: here the same request is shown to them again,
//! with what they refused put right, to find out whether the rules behind the first failure would hold.
//!
//! Nothing here admits a request: a [`Verified`](signing::Verified) of a request that was put right is dropped at once.

use crate::diagnosis::{
    manual,
    report::{State, Step},
};
use signing::{
    BasePaths, CheckedRequest, Field, KeySet, Outcome, ReceivedRequest, ReceivedTarget, Refusal, Rule, StatedSignature,
    Target, VerificationPolicy,
};
use std::{borrow::Cow, time::Duration};

/// The methods that are tried if a signature does not fit.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What the rules say of a request.
pub(crate) struct Decision {
    /// The first rule that does not hold.
    pub(crate) refusal: Option<Refusal>,
    /// Each rule behind it that would not hold either.
    pub(crate) further: Vec<Refusal>,
    /// The last rule about which something is known; `None` if all are known.
    known_until: Option<Rule>,
    /// Whether the key and the signature were asked: not without keys.
    pub(crate) has_keys: bool,
    /// What the signature fits, if it does not fit the request.
    pub(crate) fits: Option<Fit>,
}

/// What a signature fits that does not fit the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Method(&'static str),
    Host(String),
    /// None of those that were tried.
    Nothing,
}

impl Decision {
    /// Asks the rules, without those of the key and the signature if there are no keys.
    pub(crate) fn about(received: &ReceivedRequest<'_>, policy: &VerificationPolicy, keys: Option<&KeySet>) -> Self {
        let refusal = ask(received, policy, keys).err();
        let mut decision = Self {
            refusal: refusal.clone(),
            further: Vec::new(),
            known_until: None,
            has_keys: keys.is_some(),
            fits: None,
        };
        let (mut time, mut target) = (false, false);
        let mut last = refusal;
        while let Some(refusal) = last {
            decision.known_until = Some(refusal.rule());
            match refusal.rule() {
                Rule::Time if !time => time = true,
                Rule::Target if !target => target = true,
                _ => break,
            }
            last = match put_right(received, policy, keys, time, target) {
                Ok(()) => {
                    decision.known_until = None;
                    None
                }
                // It could not be put right.
                Err(next) if next.rule() <= refusal.rule() => break,
                Err(next) => {
                    decision.further.push(next.clone());
                    Some(next)
                }
            };
        }
        let is_of_another = decision.refusals().any(|refusal| *refusal == Refusal::Signature);
        if let (Some(keys), true) = (keys, is_of_another) {
            decision.fits = Some(fit(received, policy, keys));
        }
        decision
    }

    /// The first rule that does not hold, and each that would not hold either.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.refusal.iter().chain(&self.further)
    }

    /// Whether the signature is that of the signed target under the method and the domain that arrived.
    pub(crate) fn has_signature_of_the_edge(&self) -> bool {
        self.has_keys && self.known_until.is_none()
    }

    /// Whether all rules but the first that does not hold would hold. Without keys this is not known.
    pub(crate) fn is_the_only_one(&self) -> bool {
        self.has_signature_of_the_edge() && self.further.is_empty()
    }

    /// Each rule with what became of it, and the checks behind the rules, which only the function can make.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let broken = self.refusal.as_ref().map(Refusal::rule);
        let rules = Rule::ALL.into_iter().map(|rule| {
            let needs_keys = !self.has_keys && rule >= Rule::Key;
            let further = self.further.iter().find(|refusal| refusal.rule() == rule);
            let is_known = self.known_until.is_none_or(|last| rule <= last);
            let (state, detail) = match (rule.outcome(broken), further) {
                (Outcome::Failed, _) => (State::Failed, self.refusal.as_ref().map(ToString::to_string)),
                (_, Some(refusal)) => (State::WouldFail, Some(refusal.to_string())),
                _ if needs_keys => (State::NotReached, Some("no keys were given: --keys FILE".to_owned())),
                (Outcome::Held, None) => (State::Held, None),
                (Outcome::NotReached, None) if is_known => (State::WouldHold, None),
                (Outcome::NotReached, None) => (State::NotReached, None),
            };
            Step { name: rule.name().to_owned(), state, detail }
        });
        rules.chain(behind(State::NotChecked, Some("the function's own settings decide"))).collect()
    }
}

/// The checks behind the rules, by the groups of the manual.
pub(crate) fn behind(state: State, detail: Option<&str>) -> impl Iterator<Item = Step> {
    let groups = manual::groups().into_iter().skip(Rule::ALL.len()).take_while(|group| group != "No decision");
    groups.map(move |name| Step { name, state, detail: detail.map(str::to_owned) })
}

/// Asks all rules.
fn ask(received: &ReceivedRequest<'_>, policy: &VerificationPolicy, keys: Option<&KeySet>) -> Result<(), Refusal> {
    let checked = CheckedRequest::check(received, policy)?;
    match keys {
        Some(keys) => checked.verify(keys).map(|_| ()),
        None => Ok(()),
    }
}

/// Asks them about the same request, received at the moment at which it was signed, or with the target for which it was signed.
fn put_right(
    received: &ReceivedRequest<'_>,
    policy: &VerificationPolicy,
    keys: Option<&KeySet>,
    time: bool,
    target: bool,
) -> Result<(), Refusal> {
    let stated = StatedSignature::read(received.headers);
    let mut policy = policy.clone();
    let mut right = received.clone();
    if let (true, Some(stated)) = (time, &stated) {
        right.time = Some(stated.created());
        policy.max_lifetime = Duration::MAX;
    }
    if !target {
        return ask(&right, &policy, keys);
    }
    with_signed_target(&right, &policy, |right, policy| ask(right, policy, keys))
}

/// The request as a gateway shows it that received exactly the signed target, under its own `Host`.
fn with_signed_target<T>(
    received: &ReceivedRequest<'_>,
    policy: &VerificationPolicy,
    then: impl FnOnce(&ReceivedRequest<'_>, &VerificationPolicy) -> T,
) -> T {
    let is_host = |name: &str| name.eq_ignore_ascii_case("host");
    let others = received.headers.iter().copied().filter(|(name, _)| !is_host(name));
    let headers: Vec<_> = others.chain([("host", received.domain_name)]).collect();
    let signed = signed_target(received.headers);
    let path = signed.map_or("/", |target| target.path());
    let target = ReceivedTarget::Http {
        path: decoded(path),
        query: signed.and_then(|target| target.query()).unwrap_or_default().into(),
    };
    let right = ReceivedRequest {
        second_method: None,
        stage: "$default",
        headers: &headers,
        target: &target,
        ..received.clone()
    };
    let policy = VerificationPolicy { allow_ambiguous_path: true, base_paths: BasePaths::default(), ..policy.clone() };
    then(&right, &policy)
}

/// `Countersign-Target`, if it is a target.
pub(crate) fn signed_target<'a>(headers: &[(&'a str, &'a str)]) -> Option<Target<'a>> {
    header(headers, Field::CountersignTarget.name()).and_then(|target| target.try_into().ok())
}

/// The last value of a header.
pub(crate) fn header<'a>(headers: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    headers.iter().rev().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|&(_, value)| value)
}

/// The path as an HTTP API shows it.
pub(crate) fn decoded(path: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy()
}

/// Tries what else the signature could be of.
fn fit(received: &ReceivedRequest<'_>, policy: &VerificationPolicy, keys: &KeySet) -> Fit {
    let Some(stated) = StatedSignature::read(received.headers) else { return Fit::Nothing };
    let verifies = |received: &ReceivedRequest<'_>| {
        let policy = VerificationPolicy { max_lifetime: Duration::MAX, ..policy.clone() };
        let received = ReceivedRequest { time: Some(stated.created()), ..received.clone() };
        with_signed_target(&received, &policy, |received, policy| ask(received, policy, Some(keys)).is_ok())
    };
    for method in METHODS {
        if method != received.method && verifies(&ReceivedRequest { method, ..received.clone() }) {
            return Fit::Method(method);
        }
    }
    for name in ["host", "x-forwarded-host"] {
        if let Some(host) = header(received.headers, name)
            && verifies(&ReceivedRequest { domain_name: host, ..received.clone() })
        {
            return Fit::Host(host.to_owned());
        }
    }
    Fit::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::asked::Asked;
    use signing::{Key, Nonce, Request, Signature, UnixSeconds, sign};

    const NOW: UnixSeconds = UnixSeconds::new(1_795_687_200);
    const DOMAIN: &str = "abc.execute-api.eu-west-1.amazonaws.com";

    fn keys(id: &str, secret: u8) -> KeySet {
        let (begins, ends) = (UnixSeconds::new(0), UnixSeconds::new(u64::MAX));
        KeySet::new(vec![Key::new(id.try_into().unwrap(), &[secret; 32], begins, ends).unwrap()]).unwrap()
    }

    /// The decision about a request that was signed for this method and target, and arrived so long after.
    fn decide(
        (signed_method, signed_target): (&str, &str),
        (method, target): (&str, &str),
        (host, seconds): (&str, u64),
        keys: Option<&KeySet>,
    ) -> Decision {
        let request = Request {
            method: signed_method.try_into().unwrap(),
            authority: DOMAIN.try_into().unwrap(),
            target: signed_target.try_into().unwrap(),
            viewer_ip: "203.0.113.7".try_into().unwrap(),
            content_digest: None,
        };
        let key = self::keys("k1", 1);
        let lifetime = Duration::from_secs(60);
        let Signature { input, signature } = sign(&request, &key.keys()[0], Nonce::new([1; 16]), lifetime, NOW);
        let headers = [
            ("host", host),
            ("countersign-signature-input", &input),
            ("countersign-signature", &signature),
            ("countersign-target", signed_target),
            ("countersign-viewer-ip", "203.0.113.7"),
        ];
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let shown = ReceivedTarget::Http { path: path.into(), query: query.into() };
        let received = ReceivedRequest {
            method,
            second_method: None,
            domain_name: DOMAIN,
            api_id: "abc",
            stage: "$default",
            headers: &headers,
            target: &shown,
            time: Some(NOW + Duration::from_secs(seconds)),
        };
        Decision::about(&received, &Asked::defaults().policy, keys)
    }

    /// The states of the last four rules: time, target, key, signature.
    fn states(decision: &Decision) -> [State; 4] {
        let steps = decision.steps();
        assert!(steps[..3].iter().all(|step| step.state == State::Held));
        [3, 4, 5, 6].map(|at| steps[at].state)
    }

    #[test]
    fn the_rules_behind_a_failure_are_asked_with_it_put_right() {
        use State::{Failed, Held, NotReached, WouldFail, WouldHold};
        let (right, wrong) = (keys("k1", 1), keys("k1", 2));
        let other = keys("k2", 1);
        let get = ("GET", "/a?x=%zz");
        for (received, arrived, keys, expected) in [
            (get, (DOMAIN, 0), Some(&right), [Held, Held, Held, Held]),
            (get, (DOMAIN, 0), None, [Held, Held, NotReached, NotReached]),
            (get, (DOMAIN, 999), Some(&right), [Failed, WouldHold, WouldHold, WouldHold]),
            (get, (DOMAIN, 999), None, [Failed, WouldHold, NotReached, NotReached]),
            (("GET", "/b"), (DOMAIN, 999), Some(&right), [Failed, WouldFail, WouldHold, WouldHold]),
            (("GET", "/b"), (DOMAIN, 999), Some(&wrong), [Failed, WouldFail, WouldHold, WouldFail]),
            (("GET", "/b"), ("other.example", 0), Some(&right), [Held, Failed, WouldHold, WouldHold]),
            (get, ("other.example", 0), Some(&other), [Held, Failed, WouldFail, NotReached]),
            (get, (DOMAIN, 0), Some(&other), [Held, Held, Failed, NotReached]),
            (get, (DOMAIN, 0), Some(&wrong), [Held, Held, Held, Failed]),
        ] {
            let decision = decide(get, received, arrived, keys);
            assert_eq!(states(&decision), expected, "{received:?} {arrived:?}");
        }
    }

    #[test]
    fn another_method_that_fits_the_signature_is_found() {
        let (right, wrong) = (keys("k1", 1), keys("k1", 2));
        let fits = |method, keys| decide(("POST", "/a"), (method, "/a"), (DOMAIN, 0), Some(keys)).fits;
        assert_eq!(fits("POST", &right), None);
        assert_eq!(fits("PUT", &right), Some(Fit::Method("POST")));
        assert_eq!(fits("POST", &wrong), Some(Fit::Nothing));
    }
}
