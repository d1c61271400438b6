//! The rehearsal of a new set before it is promoted: real signatures, under the real rules.

use crate::{
    secret_value::VersionId,
    version::{Pending, Version},
};
use signing::{
    BasePaths, CheckedRequest, Key, KeySet, Malformed, Nonce, ReceivedRequest, ReceivedTarget, Refusal, Request,
    RotationKind, RotationPlan, RotationPlanError, RotationSchedule, RotationTimings, UnixSeconds, VerificationPolicy,
    sign,
};

/// A plan that has been rehearsed as it was stored. Only such a plan can be promoted.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    id: VersionId,
    created: UnixSeconds,
    plan: RotationPlan<VersionId>,
}

impl Rehearsed {
    /// The version that holds it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn plan(&self) -> &RotationPlan<VersionId> {
        &self.plan
    }

    /// The version as it is after its promotion.
    pub(crate) fn into_version(self) -> Version {
        let Self { id, created, plan: RotationPlan { keys, planned_from, rotation, .. } } = self;
        Version { id, created, keys, planned: Some((planned_from, rotation)) }
    }
}

/// Why a stored set must not be promoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalFailure {
    /// The version does not hold a key set.
    #[error("{0}")]
    NoKeySet(String),
    /// The version has been current, and a person has restored the version before it.
    #[error("it has the label AWSPREVIOUS: it was current, and somebody has restored the version before it")]
    PutAside,
    /// It is not known which version it would replace.
    #[error("it does not say from which version it was planned")]
    NoPlan,
    /// Another version has been promoted in the meantime.
    #[error("it was planned from version {planned_from}, but version {current} is current")]
    OtherCurrent {
        /// The version that it was planned from.
        planned_from: VersionId,
        /// The version that is current.
        current: VersionId,
    },
    /// It is not a plan of the current version, or can no longer be promoted.
    #[error(transparent)]
    Plan(#[from] RotationPlanError),
    /// A valid request would be refused.
    #[error("a request signed with key {key} would be refused: {refusal}")]
    Refused {
        /// Its `kid`.
        key: String,
        /// Why.
        refusal: Refusal,
    },
    /// A request signed with a dropped key would be admitted.
    #[error("key {0} must be dropped, but a request signed with it would be admitted")]
    Admitted(String),
}

/// Takes up a pending version if it may be promoted. It signs with every key that must be accepted, as the edges hold
/// it now, and verifies with the stored set; in an emergency it also signs with every key that must be dropped.
pub(crate) fn rehearse(
    current: &Version,
    pending: Pending,
    schedule: &RotationSchedule,
    now: UnixSeconds,
) -> Result<Rehearsed, RehearsalFailure> {
    if pending.put_aside {
        return Err(RehearsalFailure::PutAside);
    }
    let Version { id, created, keys, planned } = pending.content.map_err(RehearsalFailure::NoKeySet)?;
    let (planned_from, rotation) = planned.ok_or(RehearsalFailure::NoPlan)?;
    if planned_from != current.id {
        return Err(RehearsalFailure::OtherCurrent { planned_from, current: current.id.clone() });
    }
    let plan = RotationPlan::resume(&current.keys, planned_from, keys, rotation, schedule, now)?;
    plan.check_promotion(now)?;
    admits_what_it_should(&current.keys, &plan, schedule.timings(), now)?;
    Ok(Rehearsed { id, created, plan })
}

fn admits_what_it_should(
    current: &KeySet,
    plan: &RotationPlan<VersionId>,
    timings: &RotationTimings,
    now: UnixSeconds,
) -> Result<(), RehearsalFailure> {
    for key in plan.keys.keys().iter().filter(|key| now < key.expires()) {
        let by_an_edge = current.get(key.id()).unwrap_or(key);
        let moment = key.not_before().max(now);
        let refused = |refusal| RehearsalFailure::Refused { key: key.id().to_string(), refusal };
        admits(&plan.keys, by_an_edge, timings, moment).map_err(refused)?;
    }
    if plan.rotation == RotationKind::Emergency {
        for key in current.keys() {
            if admits(&plan.keys, key, timings, key.not_before().max(now)).is_ok() {
                return Err(RehearsalFailure::Admitted(key.id().to_string()));
            }
        }
    }
    Ok(())
}

/// Whether an authorizer with `keys` admits what `key` signs at `moment`.
fn admits(keys: &KeySet, key: &Key, timings: &RotationTimings, moment: UnixSeconds) -> Result<(), Refusal> {
    let request = request();
    let RotationTimings { lifetime, skew, .. } = *timings;
    let headers = sign(&request, key, Nonce::new([0; 16]), lifetime, moment).headers(&request);
    let mut headers: Vec<_> = headers.iter().map(|(field, value)| (field.name(), value.as_str())).collect();
    headers.push(("host", HOST));
    let received = ReceivedRequest {
        method: request.method.as_str(),
        second_method: None,
        domain_name: HOST,
        api_id: "rehearsal",
        stage: "$default",
        headers: &headers,
        target: &ReceivedTarget::Http { path: PATH.into(), query: QUERY.into() },
        time: Some(moment),
    };
    let policy = VerificationPolicy {
        max_lifetime: lifetime,
        skew,
        allow_ambiguous_path: false,
        require_digest: false,
        base_paths: BasePaths::default(),
    };
    CheckedRequest::check(&received, &policy)?.verify(keys).map(|_| ())
}

const HOST: &str = "rehearsal.example";
const PATH: &str = "/rehearsal";
const QUERY: &str = "of=a-rotation";

#[expect(clippy::expect_used, reason = "cannot fail: constants")]
fn request() -> Request<'static> {
    let request = || {
        Ok::<_, Malformed>(Request {
            method: "GET".try_into()?,
            authority: HOST.try_into()?,
            target: "/rehearsal?of=a-rotation".try_into()?,
            viewer_ip: "192.0.2.1".try_into()?,
            content_digest: None,
        })
    };
    request().expect("the parts of a request")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_000_000);

    fn schedule() -> RotationSchedule {
        RotationTimings::DEFAULT.try_into().unwrap()
    }

    fn set(keys: &[(&str, u8, u64, u64)]) -> KeySet {
        let key = |&(id, secret, not_before, expires): &(&str, u8, u64, u64)| {
            let (not_before, expires) = (UnixSeconds::new(not_before), UnixSeconds::new(expires));
            Key::new(id.try_into().unwrap(), &[secret; 32], not_before, expires).unwrap()
        };
        KeySet::new(keys.iter().map(key).collect()).unwrap()
    }

    const END: u64 = signing::NEVER_EXPIRES.get();

    fn version(id: &str, keys: KeySet, planned: Option<(&str, RotationKind)>) -> Version {
        let planned = planned.map(|(planned_from, rotation)| (planned_from.to_owned(), rotation));
        Version { id: id.to_owned(), created: NOW, keys, planned }
    }

    fn plan(current: &KeySet, rotation: RotationKind) -> KeySet {
        let new = ("new".try_into().unwrap(), &[9; 32][..]);
        RotationPlan::new(current, (), new, rotation, &schedule(), NOW).unwrap().keys
    }

    fn rehearse(
        current: KeySet,
        keys: KeySet,
        planned: Option<(&str, RotationKind)>,
        now: u64,
    ) -> Result<Rehearsed, String> {
        let content = Ok(version("v2", keys, planned));
        let pending = Pending { id: "v2".to_owned(), content, put_aside: false };
        super::rehearse(&version("v1", current, None), pending, &schedule(), UnixSeconds::new(now))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_planned_set_passes() {
        let current = || set(&[("old", 1, 0, END), ("next", 2, 1_000_100, END), ("ended", 3, 0, 1_000_000)]);
        for rotation in [RotationKind::Planned, RotationKind::Emergency] {
            let keys = plan(&current(), rotation);
            let text = keys.to_json();
            let promoted = rehearse(current(), keys, Some(("v1", rotation)), 1_000_000).unwrap().into_version();
            assert_eq!((promoted.id.as_str(), promoted.created), ("v2", NOW));
            assert_eq!((*promoted.keys.to_json()).as_str(), text.as_str());
            assert_eq!(promoted.planned, Some(("v1".to_owned(), rotation)));
        }
        // In the last second.
        assert!(
            rehearse(
                current(),
                plan(&current(), RotationKind::Planned),
                Some(("v1", RotationKind::Planned)),
                1_001_675
            )
            .is_ok()
        );
    }

    #[test]
    fn a_set_that_is_not_a_plan_of_the_current_version_fails() {
        let current = || set(&[("old", 1, 0, END)]);
        let planned = || plan(&current(), RotationKind::Planned);
        let emergency = || plan(&current(), RotationKind::Emergency);
        let table = [
            (planned(), None, 1_000_000, "it does not say from which version it was planned"),
            (
                planned(),
                Some(("v0", RotationKind::Planned)),
                1_000_000,
                "it was planned from version v0, but version v1 is current",
            ),
            (planned(), Some(("v1", RotationKind::Emergency)), 1_000_000, "it keeps a key that must be dropped"),
            (emergency(), Some(("v1", RotationKind::Planned)), 1_000_000, "it drops a key that is still accepted"),
            (
                planned(),
                Some(("v1", RotationKind::Planned)),
                1_001_676,
                "the plan is too old: its last moment for promotion was 1970-01-12T14:14:35Z",
            ),
        ];
        for (keys, from, now, expected) in table {
            let failure = rehearse(current(), keys, from, now).unwrap_err();
            assert!(failure.contains(expected), "{failure}");
        }
        let aside = version("v2", planned(), Some(("v1", RotationKind::Planned)));
        let aside = Pending { id: "v2".to_owned(), content: Ok(aside), put_aside: true };
        let failure = super::rehearse(&version("v1", current(), None), aside, &schedule(), NOW).unwrap_err();
        assert_eq!(failure, RehearsalFailure::PutAside);
        let content = Err("holds nothing yet".to_owned());
        let empty = Pending { id: "v2".to_owned(), content, put_aside: false };
        let failure = super::rehearse(&version("v1", current(), None), empty, &schedule(), NOW).unwrap_err();
        assert_eq!(failure, RehearsalFailure::NoKeySet("holds nothing yet".to_owned()));
    }

    /// In these cases the plan itself is right: only a signature shows what is wrong.
    #[test]
    fn a_set_that_would_refuse_or_admit_wrongly_fails() {
        let current = set(&[("old", 1, 0, END)]);
        let check = |keys: KeySet, rotation| {
            let new = ("new".try_into().unwrap(), &[9; 32][..]);
            let mut plan = RotationPlan::new(&current, "v1".to_owned(), new, rotation, &schedule(), NOW).unwrap();
            plan.keys = keys;
            admits_what_it_should(&current, &plan, schedule().timings(), NOW).unwrap_err().to_string()
        };
        let refused = check(set(&[("old", 2, 0, END), ("new", 9, 1_003_601, END)]), RotationKind::Planned);
        assert!(refused.starts_with("a request signed with key old would be refused: "), "{refused}");
        let admitted = check(set(&[("old", 1, 0, END), ("new", 9, 0, END)]), RotationKind::Emergency);
        assert_eq!(admitted, "key old must be dropped, but a request signed with it would be admitted");
    }
}
