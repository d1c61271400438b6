//! The alarms of the templates: that each rings in its outage, and is silent where all is well.
//!
//! Each alarm is read from its template, and looks at the metrics of real runs as CloudWatch's user guide says it does.

pub(crate) mod cloudwatch;
pub(crate) mod deployed;
pub(crate) mod planted;
pub(crate) mod runs;
pub(crate) mod situations;
pub(crate) mod table;

use crate::infra::{
    alarms::{
        cloudwatch::Reading,
        deployed::{Alarms, Properties, properties},
        runs::servers::{API_NAME, AUTHORIZER, DISTRIBUTION, SIGNER},
        situations::{DEAD_LETTERS, KEYS_RUN_OUT, ROTATION_FAILS, Situation},
        table::{TABLE, disagreements},
    },
    support::{
        rows::{GLOBAL_TOPIC, TOPIC, edge, front, monitoring},
        template::Template,
    },
};
use local::ApiKind;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
    thread,
};
use tokio::runtime::Runtime;

const KINDS: [ApiKind; 2] = [ApiKind::Rest, ApiKind::Http];

/// The situations at this kind of API, recorded once for all tests.
fn situations(api: ApiKind) -> &'static [Situation] {
    static REST: LazyLock<Vec<Situation>> = LazyLock::new(|| record(ApiKind::Rest));
    static HTTP: LazyLock<Vec<Situation>> = LazyLock::new(|| record(ApiKind::Http));
    match api {
        ApiKind::Rest | ApiKind::WebSocket => &REST,
        ApiKind::Http | ApiKind::HttpV1 => &HTTP,
    }
}

fn record(api: ApiKind) -> Vec<Situation> {
    let recording = move || Runtime::new().unwrap().block_on(situations::all(api));
    thread::spawn(recording).join().expect("above is what went wrong")
}

/// All alarms of all templates, on the metrics of the runs.
fn all_alarms(api: ApiKind) -> Properties {
    let letters = format!("arn:aws:sqs:eu-west-1:123456789012:{DEAD_LETTERS}");
    let of_api = [
        ("ApiKind", if api == ApiKind::Rest { "REST" } else { "HTTP" }),
        ("ApiId", "local12345"),
        ("ApiStage", "prod"),
        ("ApiName", API_NAME),
        ("AuthorizerFunctionName", AUTHORIZER),
        ("RotateApiKeysFunction", runs::rotations::ROTATOR),
        ("RotationDeadLettersArn", &letters),
        ("AlarmTopicArn", TOPIC),
    ];
    let topic = ("AlarmTopicArn", GLOBAL_TOPIC);
    let stacks = [monitoring(&of_api), front(&[("DistributionId", DISTRIBUTION), topic]), edge(&[topic])];
    stacks.iter().flat_map(|stack| properties(stack, &[("EdgeSigner", SIGNER)])).collect()
}

#[track_caller]
fn check(api: ApiKind) {
    let alarms = Alarms::read(&all_alarms(api)).unwrap();
    let found: Vec<_> = alarms.names().flat_map(|name| disagreements(&alarms, name, situations(api))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_alarm_of_a_rest_api_rings_in_its_outages_and_nowhere_else() {
    check(ApiKind::Rest);
}

#[test]
fn each_alarm_of_an_http_api_rings_in_its_outages_and_nowhere_else() {
    check(ApiKind::Http);
}

/// In whichever template it is.
#[test]
fn the_table_has_all_alarms_and_each_rings_somewhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let templates = files.filter(|name| name.ends_with(".yaml")).map(|name| Template::raw(&name));
    let named: BTreeSet<_> = templates.flat_map(|template| properties(&template, &[]).into_keys()).collect();
    let rows: BTreeSet<_> = TABLE.iter().map(|(alarm, _)| (*alarm).to_owned()).collect();
    assert_eq!((TABLE.len(), rows), (named.len(), named));
    let situations: BTreeSet<_> = situations(ApiKind::Rest).iter().map(|situation| situation.name).collect();
    for (alarm, rings_in) in TABLE {
        assert!(!rings_in.is_empty() && rings_in.iter().all(|name| situations.contains(name)), "{alarm}");
    }
}

/// An alarm on a metric that is never written would never ring.
#[test]
fn each_alarm_is_about_metrics_that_are_written() {
    for api in KINDS {
        let written: BTreeSet<_> = situations(api).iter().flat_map(|situation| situation.timeline.metrics()).collect();
        let alarms = Alarms::read(&all_alarms(api)).unwrap();
        let unwritten: Vec<_> = alarms.metrics().difference(&written).map(ToString::to_string).collect();
        assert!(unwritten.is_empty(), "{unwritten:?}");
    }
}

/// How often an alarm called its actions, in the situation of that name.
#[track_caller]
fn check_calls(alarm: &str, name: &str, expected: usize) {
    let properties = all_alarms(ApiKind::Rest);
    assert!(properties[alarm].1["AlarmActions"].is_array(), "{alarm} has actions");
    let alarms = Alarms::read(&properties).unwrap();
    let situation = situations(ApiKind::Rest).iter().find(|situation| situation.name == name).unwrap();
    for reading in Reading::ALL {
        let rings = alarms.history(alarm, situation, reading).unwrap().rings();
        assert_eq!(rings.len(), expected, "{alarm}, {name}: {rings:?} ({reading:?})");
    }
}

#[test]
fn eight_tries_of_a_failed_rotation_are_one_message() {
    check_calls("RotationFailedAlarm", ROTATION_FAILS, 1);
}

/// First the keys grow old, and then there are none.
#[test]
fn keys_that_run_out_are_one_message() {
    check_calls("NoKeysAlarm", KEYS_RUN_OUT, 1);
    for part in ["KeySetAgeAlarm", "UnavailableAlarm"] {
        assert!(all_alarms(ApiKind::Rest)[part].1["AlarmActions"].is_null(), "{part}");
    }
}

#[test]
fn a_planted_fault_in_an_alarm_is_found() {
    let faults = planted::check(&all_alarms(ApiKind::Rest), situations(ApiKind::Rest));
    let of_each: BTreeMap<_, usize> = faults.iter().fold(BTreeMap::new(), |mut count, (alarm, _)| {
        *count.entry(alarm.as_str()).or_default() += 1;
        count
    });
    assert!(of_each.len() == TABLE.len() && of_each.values().all(|&faults| faults >= 3), "{of_each:?}");
}
