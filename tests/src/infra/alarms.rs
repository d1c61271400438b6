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
        situations::{AUTHORIZER_FAILS, DEAD_LETTERS, KEYS_RUN_OUT, NO_KEYS, ROTATION_FAILS, Situation},
        table::{Row, TABLE, disagreements, of_websocket},
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

/// The kinds of APIs that API Gateway writes different metrics for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Metered {
    Rest,
    Http,
    WebSocket,
}

impl Metered {
    const ALL: [Self; 3] = [Self::Rest, Self::Http, Self::WebSocket];

    /// The word for `ApiKind`.
    fn word(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Http => "HTTP",
            Self::WebSocket => "WEBSOCKET",
        }
    }

    fn table(self) -> Vec<Row> {
        if self == Self::WebSocket { of_websocket() } else { TABLE.to_vec() }
    }
}

/// The situations at this kind of API, recorded once for all tests.
fn situations(api: Metered) -> &'static [Situation] {
    static REST: LazyLock<Vec<Situation>> = LazyLock::new(|| record(ApiKind::Rest));
    static HTTP: LazyLock<Vec<Situation>> = LazyLock::new(|| record(ApiKind::Http));
    static WEBSOCKET: LazyLock<Vec<Situation>> = LazyLock::new(|| situations::of_websocket(&REST));
    match api {
        Metered::Rest => &REST,
        Metered::Http => &HTTP,
        Metered::WebSocket => &WEBSOCKET,
    }
}

fn record(api: ApiKind) -> Vec<Situation> {
    let recording = move || Runtime::new().unwrap().block_on(situations::all(api));
    thread::spawn(recording).join().expect("above is what went wrong")
}

/// All alarms of all templates, on the metrics of the runs.
fn all_alarms(api: Metered) -> Properties {
    let letters = format!("arn:aws:sqs:eu-west-1:123456789012:{DEAD_LETTERS}");
    let of_api = [
        ("ApiKind", api.word()),
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
fn check(api: Metered) {
    let (table, alarms) = (api.table(), Alarms::read(&all_alarms(api)).unwrap());
    let found: Vec<_> = alarms.names().flat_map(|name| disagreements(&table, &alarms, name, situations(api))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_alarm_of_a_rest_api_rings_in_its_outages_and_nowhere_else() {
    check(Metered::Rest);
}

#[test]
fn each_alarm_of_an_http_api_rings_in_its_outages_and_nowhere_else() {
    check(Metered::Http);
}

#[test]
fn each_alarm_of_a_websocket_api_rings_in_its_outages_and_nowhere_else() {
    check(Metered::WebSocket);
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
    for api in Metered::ALL {
        let situations: BTreeSet<_> = situations(api).iter().map(|situation| situation.name).collect();
        for (alarm, rings_in) in api.table() {
            assert!(!rings_in.is_empty() && rings_in.iter().all(|name| situations.contains(name)), "{alarm}");
        }
    }
}

/// An alarm on a metric that is never written would never ring.
#[test]
fn each_alarm_is_about_metrics_that_are_written() {
    for api in Metered::ALL {
        let written: BTreeSet<_> = situations(api).iter().flat_map(|situation| situation.timeline.metrics()).collect();
        let alarms = Alarms::read(&all_alarms(api)).unwrap();
        let unwritten = alarms.metrics().into_iter().filter(|metric| !written.contains(metric));
        // An HTTP API cannot answer 401 for its authorizer.
        let unwritten = unwritten.filter(|metric| !(api == Metered::Http && metric.name == "Unauthorized"));
        let unwritten: Vec<_> = unwritten.map(ToString::to_string).collect();
        assert!(unwritten.is_empty(), "{unwritten:?}");
    }
}

/// The alarm subtracts what the log counts from what Lambda counts.
#[test]
fn a_401_whose_line_comes_late_is_not_a_failure_and_a_failure_is_still_found() {
    let alarms = Alarms::read(&all_alarms(Metered::Rest)).unwrap();
    for situation in situations(Metered::Rest) {
        // Where nothing can be decided, it rings beside the alarm on that.
        if [NO_KEYS, KEYS_RUN_OUT].contains(&situation.name) {
            continue;
        }
        let history = alarms.history("AuthorizerErrorsAlarm", situation, Reading::LATE_LOG).unwrap();
        let rings = history.rings();
        assert_eq!(rings.is_empty(), situation.name != AUTHORIZER_FAILS, "{}: {rings:?}", situation.name);
    }
}

/// How often an alarm called its actions, in the situation of that name.
#[track_caller]
fn check_calls(alarm: &str, name: &str, expected: usize) {
    let properties = all_alarms(Metered::Rest);
    assert!(properties[alarm].1["AlarmActions"].is_array(), "{alarm} has actions");
    let alarms = Alarms::read(&properties).unwrap();
    let situation = situations(Metered::Rest).iter().find(|situation| situation.name == name).unwrap();
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
        assert!(all_alarms(Metered::Rest)[part].1["AlarmActions"].is_null(), "{part}");
    }
}

#[test]
fn a_planted_fault_in_an_alarm_is_found() {
    let faults = planted::check(TABLE, &all_alarms(Metered::Rest), situations(Metered::Rest));
    let of_each: BTreeMap<_, usize> = faults.iter().fold(BTreeMap::new(), |mut count, (alarm, _)| {
        *count.entry(alarm.as_str()).or_default() += 1;
        count
    });
    assert!(of_each.len() == TABLE.len() && of_each.values().all(|&faults| faults >= 3), "{of_each:?}");
}

/// Those that look at what API Gateway counts. All other alarms are the same for each kind of API.
#[test]
fn a_planted_fault_in_an_alarm_of_a_websocket_api_is_found() {
    let mut alarms = all_alarms(Metered::WebSocket);
    let at_rest = all_alarms(Metered::Rest);
    alarms.retain(|name, alarm| *alarm != at_rest[name]);
    assert_eq!(alarms.keys().collect::<Vec<_>>(), ["Gateway4xxAlarm", "Gateway5xxAlarm", "NothingAdmittedAlarm"]);
    let faults = planted::check(&of_websocket(), &alarms, situations(Metered::WebSocket));
    assert!(faults.len() >= 9, "{faults:?}");
}
