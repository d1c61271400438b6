//! Times in which all is well, and times with an outage: minutes of real runs, one after the other.
//!
//! A run takes seconds, and an alarm looks at minutes or a week: a minute that was recorded is repeated.

use crate::infra::alarms::{
    cloudwatch::metrics::{Minute, Timeline},
    runs::{
        functions::{AuthorizerAtATime, Clock, signer},
        minutes::{self, FINE, MISSING, Mode, keys_made, with_both, with_keys},
        rotations,
        servers::{SecondCheck, Servers},
        websocket,
    },
};
use local::ApiKind;
use std::fs;
use telemetry::MemoryLog;

/// A time, and what is wrong in it.
#[derive(Debug)]
pub(crate) struct Situation {
    pub(crate) name: &'static str,
    pub(crate) timeline: Timeline,
    /// Where the outage begins, and where it is over; both are the end, if all is well.
    pub(crate) begins: u32,
    pub(crate) over: u32,
    /// The minutes from one look at the alarms to the next.
    pub(crate) every: u32,
}

// All is well.
pub(crate) const BUSY_HOUR: &str = "a busy hour";
pub(crate) const IDLE_NIGHT: &str = "an idle night";
pub(crate) const SCANNED_NIGHT: &str = "a night with scanners";
pub(crate) const HEALTH_CHECKS: &str = "a night in which a method without the authorizer is asked (by hand)";
pub(crate) const LONE_401: &str = "a 401 now and then, whose line comes a minute after its invocation (by hand)";
pub(crate) const MONITOR_DAYS: &str = "six days in monitor mode";

// Outages.
pub(crate) const NO_ASSOCIATION: &str = "the association is removed";
pub(crate) const NO_ASSOCIATION_MONITOR: &str = "the association is removed in monitor mode";
pub(crate) const NOT_FOUND_MONITOR: &str = "the backend answers 404 to unsigned requests in monitor mode";
pub(crate) const NO_KEYS: &str = "the authorizer has no keys";
pub(crate) const STALE_KEYS: &str = "the authorizer's keys cannot be read for half an hour";
pub(crate) const KEYS_RUN_OUT: &str = "the authorizer's keys cannot be read for 45 minutes";
pub(crate) const NO_KEYS_AT_EDGE: &str = "the edge has no keys";
pub(crate) const NO_KEYS_AT_EDGE_MONITOR: &str = "the edge has no keys in monitor mode";
pub(crate) const WRONG_HEADERS: &str = "a custom header is wrong";
pub(crate) const WRONG_HEADERS_MONITOR: &str = "a custom header is wrong in monitor mode";
pub(crate) const ANOTHER_SECRET: &str = "the edge signs with another secret";
pub(crate) const SIGNER_FAILS: &str = "the signer throws";
pub(crate) const SIGNER_HANGS: &str = "the signer does not answer in time";
pub(crate) const SIGNER_NOT_ACCEPTED: &str = "CloudFront does not accept the signer's answer";
pub(crate) const SIGNER_THROTTLED: &str = "the signer is throttled (by hand)";
pub(crate) const SIGNER_THROTTLED_TOO: &str = "the signer is throttled, by the metric's other name (by hand)";
pub(crate) const AUTHORIZER_FAILS: &str = "the authorizer throws";
pub(crate) const AUTHORIZER_THROTTLED: &str = "the authorizer is throttled (by hand)";
pub(crate) const BACKEND_FAILS: &str = "the backend fails";
pub(crate) const NOT_FOUND: &str = "the backend answers 404";
pub(crate) const FORGERS: &str = "strangers send signatures of other requests";
pub(crate) const TOKENS_REFUSED: &str = "the tokens of all viewers are refused (by hand)";
pub(crate) const NEXT_REFUSES: &str = "the next authorizer refuses all viewers (by hand)";
pub(crate) const TOKENS_REFUSED_BESIDE_FORGERS: &str =
    "the tokens of all viewers are refused, and strangers send signatures of other requests (by hand)";
pub(crate) const NEXT_REFUSES_BESIDE_FORGERS: &str =
    "the next authorizer refuses all viewers, and strangers send signatures of other requests (by hand)";
pub(crate) const ROTATION_FAILS: &str = "a rotation fails eight times (the dead letter by hand)";
pub(crate) const ROTATION_OVERDUE: &str = "a rotation is overdue";
pub(crate) const MONITOR_WEEK: &str = "a week in monitor mode";
pub(crate) const MESSAGES_FAIL: &str = "the integration answers messages with errors while nobody connects (by hand)";
pub(crate) const MESSAGES_REFUSED: &str = "API Gateway refuses messages while nobody connects (by hand)";
pub(crate) const MESSAGES_MONITOR: &str =
    "API Gateway refuses messages while unsigned viewers connect in monitor mode (by hand)";
pub(crate) const UNSIGNED_WEEK: &str = "a week in monitor mode in which nothing is signed";

/// The queue of the dead letters.
pub(crate) const DEAD_LETTERS: &str = "dead-letters";

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

/// Where outages begin.
const BEGINS: u32 = 30;

/// All situations, at this kind of API.
pub(crate) async fn all(api: ApiKind) -> Vec<Situation> {
    let healthy = minutes::healthy(api).await;
    let outages = [
        (NO_ASSOCIATION, minutes::no_association(api, Mode::Enforce).await),
        (NO_ASSOCIATION_MONITOR, minutes::no_association(api, Mode::Monitor).await),
        (NOT_FOUND_MONITOR, minutes::no_association_and_not_found(api).await),
        (NO_KEYS, minutes::no_keys(api).await),
        (NO_KEYS_AT_EDGE, minutes::no_keys_at_edge(api, Mode::Enforce).await),
        (NO_KEYS_AT_EDGE_MONITOR, minutes::no_keys_at_edge(api, Mode::Monitor).await),
        (WRONG_HEADERS, minutes::wrong_headers(api, Mode::Enforce).await),
        (WRONG_HEADERS_MONITOR, minutes::wrong_headers(api, Mode::Monitor).await),
        (ANOTHER_SECRET, minutes::another_secret(api).await),
        (SIGNER_FAILS, minutes::signer_fails(api).await),
        (SIGNER_HANGS, minutes::signer_hangs(api).await),
        (SIGNER_NOT_ACCEPTED, minutes::signer_is_not_accepted(api).await),
        (SIGNER_THROTTLED, minutes::signer_throttled(&healthy, "LambdaLimitExceededError")),
        (SIGNER_THROTTLED_TOO, minutes::signer_throttled(&healthy, "LambdaLimitExceededErrors")),
        (AUTHORIZER_FAILS, minutes::authorizer_fails(api).await),
        (AUTHORIZER_THROTTLED, minutes::authorizer_throttled(&healthy)),
        (BACKEND_FAILS, minutes::backend_fails(api, 30).await),
        (NOT_FOUND, minutes::not_found(api).await),
        (FORGERS, minutes::forgers(api).await),
        (TOKENS_REFUSED, minutes::refused_after_the_signature(api, SecondCheck::Token).await),
        (NEXT_REFUSES, minutes::refused_after_the_signature(api, SecondCheck::NextAuthorizer).await),
        (TOKENS_REFUSED_BESIDE_FORGERS, minutes::refused_beside_forgers(api, SecondCheck::Token).await),
        (NEXT_REFUSES_BESIDE_FORGERS, minutes::refused_beside_forgers(api, SecondCheck::NextAuthorizer).await),
        (ROTATION_OVERDUE, minutes::rotation_overdue(api).await),
    ];
    let mut situations: Vec<_> = outages.iter().map(|(name, minute)| outage(name, &healthy, minute)).collect();
    situations.push(busy_hour(api).await);
    situations.extend(nights(api).await);
    situations.extend(stale_keys(api, &healthy).await);
    situations.push(rotation_fails(&healthy).await);
    let unsigned = minutes::no_association(api, Mode::Monitor).await;
    situations.extend(monitor_mode(&healthy, &minutes::monitored(api).await, &unsigned));
    situations
}

/// An outage of half an hour.
fn outage(name: &'static str, healthy: &Minute, minute: &Minute) -> Situation {
    let mut outage = outage_of(30, name, healthy);
    outage.timeline.add(BEGINS..outage.over, minute);
    outage
}

/// An outage of so many minutes, which are empty yet. Before and after it all is well: afterwards until the alarm that looks back
/// longest, at an hour and at two more for data, has an end too.
fn outage_of(minutes: u32, name: &'static str, healthy: &Minute) -> Situation {
    let over = BEGINS + minutes;
    let end = over + 3 * HOUR + 5;
    let mut timeline = Timeline::idle(end);
    timeline.add((0..BEGINS).chain(over..end), healthy);
    Situation { name, timeline, begins: BEGINS, over, every: 1 }
}

fn well(name: &'static str, timeline: Timeline) -> Situation {
    let end = timeline.minutes;
    Situation { name, timeline, begins: end, over: end, every: 1 }
}

/// Some thousand requests, refusals by the gateway, by the authorizer and by the checks after the signature, some answers of the API with 404 and 504, keys that are
/// up to a minute old, and a rotation.
async fn busy_hour(api: ApiKind) -> Situation {
    let keys = keys_made(6);
    let mut servers = with_both(api, &keys, Mode::Enforce).await;
    servers.viewers(50, FINE, 200).await.viewers(2, MISSING, 404).await.strangers(2, 401).await;
    let minute = servers.minute();
    servers.forgers(1).await;
    let forged = servers.minute();
    let (log, clock) = (MemoryLog::default(), Clock::default());
    let authorizer = AuthorizerAtATime::new(&keys, &log, &clock);
    let options = with_keys(api, &keys, Mode::Enforce);
    let mut servers = Servers::start(options, signer(&log).await, authorizer, &log).await;
    for seconds in [0, 20, 40, 59] {
        clock.set(seconds);
        servers.viewers(3, FINE, 200).await;
    }
    let mut timeline = Timeline::idle(2 * HOUR);
    timeline.add(0..2 * HOUR, &minute);
    timeline.add(0..2 * HOUR, &servers.minute());
    timeline.add((0..2 * HOUR).step_by(5), &forged);
    timeline.add((7..2 * HOUR).step_by(20), &minutes::backend_fails(api, 1).await);
    timeline.add([90], &rotations::done().await);
    for check in [SecondCheck::Token, SecondCheck::NextAuthorizer] {
        timeline.add(0..2 * HOUR, &servers.refused_after_the_signature(check, 1));
    }
    well(BUSY_HOUR, timeline)
}

/// The situations of a REST API, counted as those of a WebSocket API, and those that only this has.
pub(crate) fn of_websocket(rest: &[Situation]) -> Vec<Situation> {
    let counted =
        |of: &Situation| Situation { timeline: websocket::counted(&of.timeline, of.name == BACKEND_FAILS), ..*of };
    rest.iter().map(counted).chain(of_messages()).collect()
}

/// What only a WebSocket API has: messages on connections that are open. By hand.
fn of_messages() -> [Situation; 3] {
    let refused = websocket::messages("ClientError");
    let mut monitored = refused.clone();
    monitored.add(&websocket::connections_in_monitor_mode());
    [
        (MESSAGES_FAIL, websocket::messages("IntegrationError")),
        (MESSAGES_REFUSED, refused),
        (MESSAGES_MONITOR, monitored),
    ]
    .map(|(name, minute)| outage(name, &Minute::default(), &minute))
}

/// Eight hours with a request now and then, and strangers at the API's own URL. In the second night somebody tries sixty paths in
/// a minute, and again some minutes later, while nothing else happens: first at the API's own URL, and then through CloudFront.
/// Two scans are at least a quarter of an hour apart: alarms on 4xx look at so much.
async fn nights(api: ApiKind) -> [Situation; 4] {
    let keys = keys_made(6);
    let mut timeline = Timeline::idle(8 * HOUR);
    let mut servers = with_both(api, &keys, Mode::Enforce).await;
    servers.viewers(1, FINE, 200).await;
    timeline.add((10..8 * HOUR).step_by(25), &servers.minute());
    servers.viewers(1, MISSING, 404).await;
    timeline.add((47..8 * HOUR).step_by(110), &servers.minute());
    servers.strangers(4, 401).await;
    timeline.add((33..8 * HOUR).step_by(90), &servers.minute());
    servers.forgers(1).await;
    timeline.add([200, 300], &servers.minute());
    servers.strangers(60, 401).await;
    let mut scanned = timeline.clone();
    scanned.add([95, 111], &servers.minute());
    servers.viewers(60, MISSING, 404).await;
    scanned.add([142, 158], &servers.minute());
    let mut checked = timeline.clone();
    checked.add(0..8 * HOUR, &servers.unattached_method(6));
    let (line, invocation) = servers.refused_after_the_signature(SecondCheck::Token, 1).apart("Countersign");
    let mut lone = timeline.clone();
    lone.add((12..8 * HOUR).step_by(10), &invocation);
    lone.add((13..8 * HOUR).step_by(10), &line);
    [well(LONE_401, lone), well(IDLE_NIGHT, timeline), well(SCANNED_NIGHT, scanned), well(HEALTH_CHECKS, checked)]
}

/// Minute by minute: keys are used for half an hour after they were due, and then every request fails.
async fn stale_keys(api: ApiKind, healthy: &Minute) -> [Situation; 2] {
    const LAST_FINE: u32 = 30;
    let (keys, at_the_edge, log, clock) = (keys_made(6), keys_made(6), MemoryLog::default(), Clock::default());
    let authorizer = AuthorizerAtATime::new(&keys, &log, &clock);
    let options = with_keys(api, &at_the_edge, Mode::Enforce);
    let mut servers = Servers::start(options, signer(&log).await, authorizer, &log).await;
    servers.viewers(1, FINE, 200).await;
    fs::remove_file(keys.file.path()).unwrap();
    let mut stale =
        [(STALE_KEYS, LAST_FINE + 1), (KEYS_RUN_OUT, 45)].map(|(name, minutes)| outage_of(minutes, name, healthy));
    for minute in 0..45 {
        clock.set(60 * u64::from(minute));
        servers.viewers(10, FINE, if minute <= LAST_FINE { 200 } else { 500 }).await;
        let recorded = servers.minute();
        for situation in stale.iter_mut().filter(|situation| BEGINS + minute < situation.over) {
            situation.timeline.add([BEGINS + minute], &recorded);
        }
    }
    stale
}

/// SQS delivers the message again each 15 minutes, and after the eighth time puts it with the dead letters.
async fn rotation_fails(healthy: &Minute) -> Situation {
    let mut outage = outage_of(3 * HOUR, ROTATION_FAILS, healthy);
    outage.timeline.add(BEGINS..outage.over, healthy);
    for (minute, failed) in (BEGINS..).step_by(15).zip(rotations::failed_eight_times().await) {
        outage.timeline.add([minute], &failed);
    }
    outage.timeline.add(BEGINS + 2 * HOUR..outage.over, &minutes::dead_letter(DEAD_LETTERS));
    outage
}

/// A day in enforce mode, and then monitor mode, without requests on some of the days. On the seventh day somebody ends it, or
/// nobody does, and then it is a week when that day is over. A request without a signature causes no read of the keys.
fn monitor_mode(healthy: &Minute, monitored: &Minute, unsigned: &Minute) -> [Situation; 3] {
    let of_day = |day: u32| (day * DAY..(day + 1) * DAY).step_by(5);
    let mut ended = Timeline::idle(12 * DAY);
    ended.add(of_day(0), healthy);
    [1, 2, 4, 5].iter().for_each(|&day| ended.add(of_day(day), monitored));
    [7, 8, 9, 10].iter().for_each(|&day| ended.add(of_day(day), healthy));
    let left_on = |name, minute| {
        let mut timeline = Timeline::idle(12 * DAY);
        timeline.add(of_day(0), healthy);
        [1, 2, 4, 5, 8, 9].iter().for_each(|&day| timeline.add(of_day(day), minute));
        [10, 11].iter().for_each(|&day| timeline.add(of_day(day), healthy));
        Situation { name, timeline, begins: 8 * DAY, over: 10 * DAY, every: HOUR }
    };
    [
        Situation { every: HOUR, ..well(MONITOR_DAYS, ended) },
        left_on(MONITOR_WEEK, monitored),
        left_on(UNSIGNED_WEEK, unsigned),
    ]
}
