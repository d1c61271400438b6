//! What a run says about each question: pure.

use crate::doctor::learn::{
    decided::decided,
    learned::{AnsweredBy, Learned, Observation, PAST_AUTHORIZER, all_probes},
    probes::{Kind, PLAIN, Probe, Way},
    unknowns::{self, SettledBy, Unknown},
};
use serde_json::Value;

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as Countersign assumes: an example.
    AsAssumed(String),
    /// It is otherwise: each difference.
    Otherwise(Vec<String>),
    /// Requests that settle it have no answer.
    NotObserved(Vec<String>),
    /// A run does not settle it: it needs this.
    Needs(&'static str),
}

/// The answers of a run. `assumed` is a run on `local`.
pub(crate) fn verdicts(observed: &Learned, assumed: &Learned) -> Vec<(&'static Unknown, Verdict)> {
    unknowns::ALL.iter().map(|unknown| (unknown, verdict(unknown, observed, assumed))).collect()
}

fn verdict(unknown: &Unknown, observed: &Learned, assumed: &Learned) -> Verdict {
    let (kinds, ways, probes, values) = match unknown.settled_by {
        SettledBy::Requests { kinds, ways, probes, values } => (kinds, ways, probes, values),
        SettledBy::Needs(what) => return Verdict::Needs(what),
    };
    let (mut example, mut missing, mut otherwise) = (None, Vec::new(), Vec::new());
    for (kind, way, probe) in asked(kinds, ways, probes) {
        let request = request(kind, way, probe);
        let Some(answer) = observed.of(kind, way, probe.id).filter(|answer| is_taken(unknown, answer, observed)) else {
            missing.push(request);
            continue;
        };
        let expected = assumed.of(kind, way, probe.id);
        let differences: Vec<_> = values.iter().filter_map(|of| difference(of, answer, expected)).collect();
        if !differences.is_empty() {
            let decided =
                decided(answer).map(|decided| format!("; then the signed request is {decided}")).unwrap_or_default();
            otherwise.push(format!("{request}: {}{decided}", differences.join("; ")));
        }
        example.get_or_insert_with(|| format!("{request}: {}", shown(values, answer)));
    }
    if unknown.id == unknowns::BACK_DOORS {
        otherwise = past_authorizer(observed);
    }
    // A difference is settled, whatever else is missing.
    if !otherwise.is_empty() {
        return Verdict::Otherwise(otherwise);
    }
    if !missing.is_empty() {
        return Verdict::NotObserved(missing);
    }
    Verdict::AsAssumed(example.unwrap_or_default())
}

/// Each request that got past the authorizer: an open door is one, whatever was asked there.
fn past_authorizer(observed: &Learned) -> Vec<String> {
    let all = all_probes().filter_map(|(kind, way, probe)| Some((observed.of(kind, way, probe.id)?, probe)));
    let past = all.filter(|(answer, _)| answer.answered_by == AnsweredBy::IntegrationUnasked);
    past.map(|(answer, probe)| {
        let request = request(answer.kind, answer.way, probe);
        format!("{request}: {} is true (assumed: false)", name(PAST_AUTHORIZER))
    })
    .collect()
}

/// Whether an answer shows what AWS does with the request, and not only that a function or a server has failed, or is not ready.
fn is_taken(unknown: &Unknown, answer: &Observation, observed: &Learned) -> bool {
    let is_answer = match (answer.answered_by, answer.status) {
        (AnsweredBy::Nobody, _) | (_, None) => false,
        // The handshake has succeeded. Then the function has failed.
        (AnsweredBy::Gateway, Some(101)) => false,
        _ => !answer.says_to_come_again(),
    };
    let is_up = |way| plain(observed, answer.kind, way).is_some_and(Observation::is_of_integration);
    is_answer && (is_up(answer.way) || is_about_door(unknown, answer, is_up(Way::Direct)))
}

/// The plain request is itself what these two questions are about, so that its refusal is an answer.
fn is_about_door(unknown: &Unknown, answer: &Observation, is_up_directly: bool) -> bool {
    match (unknown.id, answer.status) {
        // What API Gateway documents for a request without the identity source.
        (unknowns::SOURCE_ADDRESS, Some(401)) => true,
        (unknowns::WEBSOCKET_CLOUDFRONT, Some(400..=499)) => is_up_directly,
        _ => false,
    }
}

fn plain(observed: &Learned, kind: Kind, way: Way) -> Option<&Observation> {
    observed.of(kind, way, PLAIN.id)
}

/// The doors at which the plain request was not answered by the integration, in words: their other answers say nothing about AWS.
pub(crate) fn not_ready(observed: &Learned) -> Vec<String> {
    let doors = Kind::ALL.into_iter().flat_map(|kind| Way::ALL.map(|way| (kind, way)));
    let closed = doors.filter_map(|(kind, way)| {
        let answer = plain(observed, kind, way);
        if answer.is_some_and(Observation::is_of_integration) {
            return None;
        }
        let said = match answer.and_then(|answer| answer.status) {
            Some(101) => "the connection is made, but the function does not answer".to_owned(),
            Some(status) => format!("status {status}"),
            None => "no answer".to_owned(),
        };
        Some(format!("{}: {said}", request(kind, way, &PLAIN)))
    });
    closed.collect()
}

fn asked(
    kinds: &'static [Kind],
    ways: &'static [Way],
    probes: &'static [&'static str],
) -> impl Iterator<Item = (Kind, Way, &'static Probe)> {
    let probes = probes.iter().filter_map(|id| Probe::named(id));
    probes
        .flat_map(move |probe| kinds.iter().flat_map(move |kind| ways.iter().map(move |way| (*kind, *way, probe))))
        .filter(|(kind, way, probe)| probe.is_sent(*kind, *way))
}

fn request(kind: Kind, way: Way, probe: &Probe) -> String {
    let header = probe.header.map(|(name, value)| format!(" with {name}: {value}")).unwrap_or_default();
    format!("GET {}{header}, {}", probe.wire_target(kind), way.words())
}

fn difference(of: &str, answer: &Observation, expected: Option<&Observation>) -> Option<String> {
    let (is, assumed) = (answer.value(of), expected.and_then(|expected| expected.value(of)));
    (is != assumed).then(|| format!("{} is {} (assumed: {})", name(of), text(is.as_ref()), text(assumed.as_ref())))
}

/// The values of an answer, without those that it does not have.
fn shown(values: &[&str], answer: &Observation) -> String {
    let values = values.iter().filter_map(|of| Some(format!("{} is {}", name(of), text(Some(&answer.value(of)?)))));
    values.collect::<Vec<_>>().join("; ")
}

/// `requestContext.path`.
fn name(of: &str) -> String {
    of.trim_start_matches('/').replace('/', ".")
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::learn::{local, observed_files};
    const DIRECT: &[Way] = &[Way::Direct];
    use serde_json::json;

    /// A run on AWS that is as `local`, but for these.
    fn aws(changes: &[(&str, Option<Value>)]) -> Learned {
        let mut file = serde_json::to_value(local()).unwrap();
        file["observed_on"] = json!("aws");
        file["region"] = json!("eu-west-1");
        file["on"] = json!("2026-11-27");
        for (place, value) in changes {
            let (request, pointer) = place.split_once(' ').unwrap();
            let observations = file["observations"].as_array_mut().unwrap();
            let at = observations.iter().position(|observation| {
                let name = |member: &str| observation[member].as_str().unwrap().to_owned();
                format!("{}:{}:{}", name("kind"), name("way"), name("probe")) == request
            });
            match value {
                Some(value) => *observations[at.unwrap()].pointer_mut(pointer).unwrap() = value.clone(),
                None => drop(observations.remove(at.unwrap())),
            }
        }
        Learned::from_json(&file.to_string()).unwrap()
    }

    #[track_caller]
    fn of(id: &str, learned: &Learned) -> Verdict {
        let mut verdicts = verdicts(learned, &local()).into_iter();
        verdicts.find(|(unknown, _)| unknown.id == id).map(|(_, verdict)| verdict).unwrap()
    }

    #[test]
    fn a_run_that_is_as_local_settles_all_that_a_run_can() {
        for (unknown, verdict) in verdicts(&aws(&[]), &local()) {
            match &unknown.settled_by {
                SettledBy::Requests { .. } => {
                    assert!(matches!(&verdict, Verdict::AsAssumed(_)), "{}: {verdict:?}", unknown.id);
                }
                SettledBy::Needs(what) => assert_eq!(verdict, Verdict::Needs(what)),
            }
        }
        let example = "GET /rest/echo/a%2Fb, directly: status is 200; requestContext.path is \"/rest/echo/a%2Fb\"; \
                       path is \"/echo/a%2Fb\"";
        assert_eq!(of("rest-path", &aws(&[])), Verdict::AsAssumed(example.to_owned()));
    }

    #[test]
    fn a_difference_is_in_its_rows_and_in_no_other() {
        let change = ("rest:direct:escaped-slash /event/requestContext/path", Some(json!("/rest/echo/a/b")));
        let learned = aws(&[change]);
        let expected = "GET /rest/echo/a%2Fb, directly: requestContext.path is \"/rest/echo/a/b\" \
                        (assumed: \"/rest/echo/a%2Fb\"); then the signed request is refused: the path at the \
                        gateway differs from the signed path";
        assert_eq!(of("rest-path", &learned), Verdict::Otherwise(vec![expected.to_owned()]));
        let others = verdicts(&learned, &local()).into_iter().filter(|(unknown, _)| unknown.id != "rest-path");
        assert!(others.into_iter().all(|(_, verdict)| !matches!(verdict, Verdict::Otherwise(_))));
    }

    #[test]
    fn an_answer_that_is_missing_is_not_taken_for_an_assumption() {
        let without = aws(&[("http:cloudfront:escaped-space ", None)]);
        let missing = vec!["GET /http/echo/a%20b, through CloudFront".to_owned()];
        assert_eq!(of("http-path", &without), Verdict::NotObserved(missing.clone()));
        // With an observation that says so, as a run writes it.
        let mut nobody = local();
        for observation in &mut nobody.observations {
            if observation.probe == "escaped-space"
                && observation.kind == Kind::Http
                && observation.way == Way::CloudFront
            {
                observation.answered_by = AnsweredBy::Nobody;
            }
        }
        assert_eq!(of("http-path", &nobody), Verdict::NotObserved(missing));
        // A difference is one, whatever else is missing.
        let both = aws(&[
            ("http:cloudfront:escaped-space ", None),
            ("http:direct:escaped-space /event/rawPath", Some(json!("/http/echo/a+b"))),
        ]);
        assert!(matches!(of("http-path", &both), Verdict::Otherwise(_)));
    }

    /// As `local`, but for the answers that these chose.
    fn failing(is_failing: impl Fn(&Observation) -> bool, status: u16) -> Learned {
        let mut learned = local();
        for observation in learned.observations.iter_mut().filter(|observation| is_failing(observation)) {
            (observation.answered_by, observation.status) = (AnsweredBy::Gateway, Some(status));
            (observation.message, observation.event) = (None, None);
        }
        Learned::from_json(&serde_json::to_string(&learned).unwrap()).unwrap()
    }

    #[test]
    fn a_door_that_is_not_ready_settles_nothing() {
        for status in [403, 404, 500, 503] {
            let learned = failing(|answer| answer.way == Way::CloudFront, status);
            for (unknown, verdict) in verdicts(&learned, &local()) {
                let SettledBy::Requests { ways, .. } = unknown.settled_by else { continue };
                let id = unknown.id;
                match &verdict {
                    // Directly the handshake succeeds.
                    Verdict::Otherwise(_) if id == "websocket-cloudfront" => assert!(status < 500, "{status}"),
                    Verdict::NotObserved(_) => assert!(ways.contains(&Way::CloudFront), "{id}"),
                    verdict => assert!(
                        matches!(verdict, Verdict::AsAssumed(_)) && ways == DIRECT,
                        "{status} {id}: {verdict:?}"
                    ),
                }
            }
            let expected: Vec<_> = ["/rest/echo", "/http/echo", "/http-v1/echo", "/websocket"]
                .map(|target| format!("GET {target}, through CloudFront: status {status}"))
                .into();
            assert_eq!(not_ready(&learned), expected);
        }
        assert_eq!(not_ready(&local()), [""; 0]);
    }

    #[test]
    fn an_answer_that_is_not_about_the_request_settles_nothing() {
        for (kind, probe, status, id) in [
            (Kind::Rest, "escaped-slash", 429, "rest-path"),
            (Kind::Http, "escaped-slash", 502, "http-path"),
            (Kind::HttpV1, "escaped-slash", 504, "http-v1-path"),
            (Kind::Http, "unauthorized", 503, "http-unauthorized"),
            (Kind::WebSocket, "query-flag", 101, "websocket-query"),
        ] {
            let one = failing(|one| (one.kind, one.way, &*one.probe) == (kind, Way::Direct, probe), status);
            let verdict = of(id, &one);
            assert!(matches!(&verdict, Verdict::NotObserved(requests) if requests.len() == 1), "{id}: {verdict:?}");
        }
    }

    #[test]
    fn a_refusal_of_the_plain_request_settles_the_questions_about_it() {
        let refused = failing(|one| one.kind == Kind::WebSocket && one.probe == "plain", 401);
        assert!(matches!(of("source-address", &refused), Verdict::Otherwise(_)));
        assert!(matches!(of("event-members", &refused), Verdict::NotObserved(_)));
        let refused = failing(|one| one.kind == Kind::WebSocket && one.way == Way::CloudFront, 403);
        assert!(matches!(of("websocket-cloudfront", &refused), Verdict::Otherwise(_)));
        assert!(matches!(of("source-address", &refused), Verdict::NotObserved(_)));
    }

    #[test]
    fn each_integration_that_is_reached_past_the_authorizer_is_an_open_door() {
        let assumed = local();
        let row = |id: &str| unknowns::ALL.iter().find(|unknown| unknown.id == id).unwrap();
        for at in 0..assumed.observations.len() {
            let mut learned = assumed.clone();
            let observation = &mut learned.observations[at];
            observation.answered_by = AnsweredBy::IntegrationUnasked;
            let status = if observation.kind == Kind::WebSocket { 101 } else { 200 };
            (observation.status, observation.message, observation.event) = (Some(status), None, None);
            let probe = Probe::named(&observation.probe).unwrap();
            let request = request(observation.kind, observation.way, probe);
            let expected = format!("{request}: past_authorizer is true (assumed: false)");
            let found = verdict(row("back-doors"), &learned, &assumed);
            assert_eq!(found, Verdict::Otherwise(vec![expected]));
            if probe.id == "plain" {
                let found = verdict(row("source-address"), &learned, &assumed);
                assert!(matches!(found, Verdict::Otherwise(_)), "{request}");
            }
        }
        let plain =
            |one: &Observation| one.kind == Kind::WebSocket && one.way == Way::CloudFront && one.probe == "plain";
        let mut learned = local();
        let observation = learned.observations.iter_mut().find(|one| plain(one)).unwrap();
        (observation.answered_by, observation.event) = (AnsweredBy::IntegrationUnasked, None);
        assert!(matches!(of("websocket-cloudfront", &learned), Verdict::Otherwise(_)));
    }

    /// Another status is not a door: the authorizer was asked, or nobody let the request in.
    #[test]
    fn a_closed_door_is_none_whatever_the_answer_is() {
        for probe in ["trailing-slash", "second-slash", "trailing-escaped-slash"] {
            for kind in [Kind::Rest, Kind::Http, Kind::HttpV1] {
                let is_asked = |one: &Observation| (one.kind, one.way, &*one.probe) == (kind, Way::Direct, probe);
                let event = local().of(kind, Way::Direct, "plain").unwrap().event.clone();
                let mut asked = local();
                let observation = asked.observations.iter_mut().find(|one| is_asked(one)).unwrap();
                (observation.answered_by, observation.status) = (AnsweredBy::Integration, Some(200));
                (observation.message, observation.event) = (None, event);
                let closed = [400, 403, 404].map(|status| failing(is_asked, status));
                for learned in closed.into_iter().chain([asked]) {
                    let verdict = of("back-doors", &learned);
                    assert!(matches!(verdict, Verdict::AsAssumed(_)), "{probe}: {verdict:?}");
                }
            }
        }
    }

    #[test]
    fn a_header_that_is_removed_is_a_difference_and_the_case_of_its_name_is_none() {
        let with = |headers: Value| aws(&[("rest:cloudfront:method-override /event/headers", Some(headers))]);
        let expected = "GET /rest/echo with X-HTTP-Method-Override: PUT, through CloudFront: x-http-method-override is \
                        missing (assumed: \"PUT\")";
        let removed = of("method-override", &with(json!({})));
        assert!(
            matches!(&removed, Verdict::Otherwise(differences) if differences[0].starts_with(expected)),
            "{removed:?}"
        );
        let kept = of("method-override", &with(json!({ "X-HTTP-Method-OVERRIDE": "PUT" })));
        assert!(matches!(kept, Verdict::AsAssumed(_)), "{kept:?}");
    }

    /// Each file of the folder: that of `local`, and those that somebody has sent.
    #[test]
    fn each_file_that_was_observed_is_read_and_has_an_answer_to_each_question() {
        let files = observed_files();
        assert!(!files.is_empty(), "the folder is empty");
        for (name, text) in files {
            let learned = Learned::from_json(&text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
            for (unknown, verdict) in verdicts(&learned, &local()) {
                assert!(!matches!(verdict, Verdict::NotObserved(_)), "{name}: {}: {verdict:?}", unknown.id);
            }
        }
    }
}
