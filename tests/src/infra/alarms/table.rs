//! The table: in which situations each alarm rings. In all others it is silent.

use crate::infra::alarms::{
    cloudwatch::Reading,
    deployed::Alarms,
    situations::{self as of, Situation},
};

/// An alarm, and the situations in which it rings.
pub(crate) type Row = (&'static str, &'static [&'static str]);

pub(crate) const TABLE: &[Row] = &[
    // edge.yaml
    ("EdgeAnsweredAlarm", &[of::NO_KEYS_AT_EDGE]),
    ("EdgeMisconfiguredAlarm", &[of::WRONG_HEADERS]),
    ("EdgeUnsignedAlarm", &[of::NO_KEYS_AT_EDGE_MONITOR, of::WRONG_HEADERS_MONITOR]),
    // front.yaml
    ("EdgeExecutionErrorAlarm", &[of::SIGNER_FAILS, of::SIGNER_HANGS]),
    ("EdgeValidationErrorAlarm", &[of::SIGNER_NOT_ACCEPTED]),
    ("EdgeThrottledAlarm", &[of::SIGNER_THROTTLED, of::SIGNER_THROTTLED_TOO]),
    (
        "Viewer4xxAlarm",
        &[
            of::NO_ASSOCIATION,
            of::ANOTHER_SECRET,
            of::NOT_FOUND,
            of::NOT_FOUND_MONITOR,
            of::TOKENS_REFUSED,
            of::NEXT_REFUSES,
            of::TOKENS_REFUSED_BESIDE_FORGERS,
            of::NEXT_REFUSES_BESIDE_FORGERS,
        ],
    ),
    (
        "Viewer5xxAlarm",
        &[
            of::NO_KEYS,
            of::KEYS_RUN_OUT,
            of::NO_KEYS_AT_EDGE,
            of::WRONG_HEADERS,
            of::SIGNER_FAILS,
            of::SIGNER_HANGS,
            of::SIGNER_NOT_ACCEPTED,
            of::AUTHORIZER_FAILS,
            of::BACKEND_FAILS,
        ],
    ),
    // monitoring.yaml
    ("UnavailableAlarm", &[of::NO_KEYS, of::KEYS_RUN_OUT]),
    ("KeySetAgeAlarm", &[of::STALE_KEYS, of::KEYS_RUN_OUT]),
    ("NoKeysAlarm", &[of::NO_KEYS, of::STALE_KEYS, of::KEYS_RUN_OUT]),
    ("NothingAdmittedAlarm", &[of::NO_ASSOCIATION, of::ANOTHER_SECRET, of::AUTHORIZER_FAILS]),
    ("RefusedShareAlarm", &[of::ANOTHER_SECRET]),
    (
        "SomebodyIsTryingAlarm",
        &[of::ANOTHER_SECRET, of::FORGERS, of::TOKENS_REFUSED_BESIDE_FORGERS, of::NEXT_REFUSES_BESIDE_FORGERS],
    ),
    (
        "Gateway4xxAlarm",
        &[
            of::NO_ASSOCIATION,
            of::ANOTHER_SECRET,
            of::NOT_FOUND,
            of::NOT_FOUND_MONITOR,
            of::TOKENS_REFUSED,
            of::NEXT_REFUSES,
            of::TOKENS_REFUSED_BESIDE_FORGERS,
            of::NEXT_REFUSES_BESIDE_FORGERS,
        ],
    ),
    ("Gateway5xxAlarm", &[of::AUTHORIZER_FAILS, of::BACKEND_FAILS]),
    ("AuthorizerErrorsAlarm", &[of::AUTHORIZER_FAILS]),
    ("AuthorizerThrottledAlarm", &[of::AUTHORIZER_THROTTLED]),
    ("RotationFailedAlarm", &[of::ROTATION_FAILS]),
    ("RotationOverdueAlarm", &[of::ROTATION_OVERDUE]),
    ("DeadLettersAlarm", &[of::ROTATION_FAILS]),
    ("MonitorModeAlarm", &[of::MONITOR_WEEK, of::UNSIGNED_WEEK]),
];

/// The rows of a WebSocket API that are others. What its own code answers to `$connect` counts as an error of the integration, whether it
/// is 4xx or 5xx; and API Gateway counts refused messages as it counts refused connections.
const OF_WEBSOCKET: &[Row] = &[
    ("NothingAdmittedAlarm", &[of::NO_ASSOCIATION, of::ANOTHER_SECRET, of::AUTHORIZER_FAILS, of::MESSAGES_REFUSED]),
    (
        "Gateway4xxAlarm",
        &[
            of::NO_ASSOCIATION,
            of::ANOTHER_SECRET,
            of::MESSAGES_REFUSED,
            of::TOKENS_REFUSED,
            of::NEXT_REFUSES,
            of::TOKENS_REFUSED_BESIDE_FORGERS,
            of::NEXT_REFUSES_BESIDE_FORGERS,
        ],
    ),
    (
        "Gateway5xxAlarm",
        &[of::AUTHORIZER_FAILS, of::BACKEND_FAILS, of::NOT_FOUND, of::NOT_FOUND_MONITOR, of::MESSAGES_FAIL],
    ),
];

/// The table of a WebSocket API.
pub(crate) fn of_websocket() -> Vec<Row> {
    let row = |of: &Row| *OF_WEBSOCKET.iter().find(|(alarm, _)| *alarm == of.0).unwrap_or(of);
    TABLE.iter().map(row).collect()
}

/// Where an alarm behaves in another way than the table says. If it rings, it does so after the begin, and no longer at the end, hours
/// after all is well again.
pub(crate) fn disagreements<'a>(
    table: &[Row],
    alarms: &'a Alarms,
    name: &'a str,
    situations: &'a [Situation],
) -> impl Iterator<Item = String> + use<'a> {
    let (_, rings_in) = *table.iter().find(|(alarm, _)| *alarm == name).unwrap_or_else(|| panic!("{name} has no row"));
    situations.iter().filter_map(move |situation| {
        let must_ring = rings_in.contains(&situation.name);
        Reading::ALL.iter().find_map(|&reading| {
            let wrong = disagreement(alarms, name, situation, must_ring, reading).unwrap_or_else(Some)?;
            Some(format!("{name}, {}: {wrong} ({reading:?})", situation.name))
        })
    })
}

fn disagreement(
    alarms: &Alarms,
    name: &str,
    situation: &Situation,
    must_ring: bool,
    reading: Reading,
) -> Result<Option<String>, String> {
    let rings = alarms.history(name, situation, reading)?.rings();
    let begins = usize::try_from(situation.begins).unwrap();
    if rings.iter().any(|ring| ring.start < begins) {
        return Ok(Some(format!("rings while all is well, in the minutes {rings:?}")));
    }
    if rings.is_empty() == must_ring {
        return Ok(Some(if must_ring { "is silent".to_owned() } else { format!("rings in the minutes {rings:?}") }));
    }
    let rings_at_the_end = alarms.rings(name, situation, situation.timeline.minutes, reading)?;
    Ok(rings_at_the_end.then(|| "still rings long after".to_owned()))
}
