//! A line of the log: its reason, the rule of that reason, and what the line shows.

use crate::diagnosis::{
    decision::behind,
    evidence::{CAME_PAST, ID_OF_OTHERS, ORIGIN_PATHS, POLICIES},
    manual::{self, Entry},
    report::{Cause, Explanation, State, Step},
};
use serde_json::Value;
use signing::{Outcome, Rule};

/// Explains a line; `None` if it is not about a request or a failure.
pub(crate) fn explain(line: &Value) -> Option<Explanation> {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let event = text("event")?;
    let reason = text("reason");
    let entry = reason.and_then(manual::entry);
    let verdict = verdict(event)?;
    let parts =
        ["timestamp", "event", "method", "resource", "route_key", "request_id", "x_amz_cf_id", "gateway_source_ip"];
    let parts = parts.into_iter().filter_map(|name| Some(format!("{name}={}", text(name)?)));
    let explanation = Explanation {
        form: "log-line",
        subject: parts.collect::<Vec<_>>().join(" "),
        verdict: verdict.to_owned(),
        reason: reason.map(str::to_owned),
        detail: text("detail").map(str::to_owned),
        rules: steps(event, entry.as_ref()),
        causes: causes(event, reason, &text),
        ..Explanation::default()
    };
    Some(explanation.with_manual(entry))
}

/// What became of the request, or what failed.
fn verdict(event: &str) -> Option<&'static str> {
    Some(match event {
        "request-admitted" => "admitted",
        "request-refused" | "request-refused-by-token" | "request-refused-by-next-authorizer" => "refused",
        "request-would-be-refused"
        | "request-would-be-refused-by-token"
        | "request-would-be-refused-by-next-authorizer" => "admitted in monitor mode, and enforce mode would refuse it",
        "request-undecided" => "not decided, so API Gateway answered 500",
        "event-unreadable" => "not an event about which the authorizer can decide, so API Gateway answered 500",
        "refresh-failed" => "a read failed",
        "request-answered-at-edge" => "answered by the edge signer",
        "request-forwarded-unsigned" => "forwarded without a signature, and enforce mode would answer it at the edge",
        "request-refused-by-gateway" => "answered by API Gateway itself, before the authorizer",
        "request-answered-by-cloudfront" => "answered by CloudFront itself",
        _ => return None,
    })
}

fn steps(event: &str, entry: Option<&Entry>) -> Vec<Step> {
    let held = |rule: Rule| Step { name: rule.name().to_owned(), state: State::Held, detail: None };
    if event == "request-admitted" {
        let behind = behind(State::Held, Some("or the function is not configured to check it"));
        return Rule::ALL.into_iter().map(held).chain(behind).collect();
    }
    // The edge has some reasons of the rules too, and its checks are others.
    let is_of_authorizer = event.starts_with("request-refused") || event.starts_with("request-would-be-refused");
    let Some(entry) = entry.filter(|_| is_of_authorizer && event != "request-refused-by-gateway") else {
        return Vec::new();
    };
    let broken = Rule::ALL.into_iter().find(|rule| rule.name() == entry.group);
    // The monitor mode of the signature goes on with a request that the rules refuse, to these two.
    let may_follow = matches!(event.rsplit_once("-by-"), Some((_, "token" | "next-authorizer")));
    let rules = Rule::ALL.into_iter().map(|rule| Step {
        name: rule.name().to_owned(),
        state: match rule.outcome(broken) {
            Outcome::Failed => State::Failed,
            Outcome::NotReached => State::NotReached,
            Outcome::Held => State::Held,
        },
        detail: may_follow.then(|| "or a line request-would-be-refused of the same request says why not".to_owned()),
    });
    let mut steps: Vec<_> = rules.collect();
    let mut is_reached = broken.is_none();
    for step in behind(State::NotReached, None) {
        let state = match is_reached {
            false => State::NotReached,
            true if step.name == entry.group => State::Failed,
            true => State::Held,
        };
        let detail = (state == State::Held).then(|| "or the function is not configured to check it".to_owned());
        is_reached &= state == State::Held;
        steps.push(Step { state, detail, ..step });
    }
    steps
}

/// What the line itself shows.
fn causes<'a>(event: &str, reason: Option<&str>, text: &impl Fn(&str) -> Option<&'a str>) -> Vec<Cause> {
    let cause = match (event, reason.unwrap_or_default()) {
        ("request-refused" | "request-would-be-refused", "header-missing") => match text("x_amz_cf_id") {
            None => {
                let from =
                    text("gateway_source_ip").filter(|ip| !ip.is_empty()).unwrap_or("an address that is not shown");
                Cause::shown(
                    format!("The request came past CloudFront: the line has no x_amz_cf_id. It came from {from}."),
                    None,
                )
                .instead_of(CAME_PAST)
            }
            Some(id) => Cause::shown(
                format!(
                    "The request came through CloudFront, by its x_amz_cf_id, and the edge signer did not sign it. {ID_OF_OTHERS}"
                ),
                Some(format!(
                    "aws logs filter-log-events --log-group-name EDGE_LOG_GROUP --filter-pattern '{{ $.x_amz_cf_id = \"{}\" }}'",
                    id.replace(['\'', '"', '\\'], "")
                )),
            ),
        },
        ("request-refused-by-gateway", "other-host") => Cause::shown(
            format!(
                "The behavior forwards the viewer's Host, or somebody called the gateway under another name: it accepts only {}.",
                text("accepted_host").unwrap_or("its own domain name")
            ),
            Some(POLICIES.to_owned()),
        ),
        ("request-refused-by-gateway", "outside-stage") => Cause::shown(
            "The path does not begin with the stage: the origin path of the distribution is missing, or somebody called the API's own URL \
             without the stage.",
            Some(ORIGIN_PATHS.to_owned()),
        ),
        ("request-refused-by-gateway", "outside-base-path") => Cause::shown(
            "The path does not begin with the mapping key of the custom domain: the origin path of the distribution is missing.",
            Some(ORIGIN_PATHS.to_owned()),
        ),
        ("request-refused-by-gateway", "identity-source-missing") => Cause::shown(
            "The request has no Countersign-Signature, which the gateway requires: it came past CloudFront, or the edge signer did not \
             sign it.",
            None,
        ),
        _ => return Vec::new(),
    };
    vec![cause]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn states(explanation: &Explanation) -> Vec<(&str, State)> {
        explanation.rules.iter().map(|step| (step.name.as_str(), step.state)).collect()
    }

    #[test]
    fn the_rule_of_a_reason_failed_and_those_before_it_held() {
        let line =
            json!({ "event": "request-refused", "reason": "expired", "detail": "the signature expired 9 s ago" });
        let explanation = explain(&line).unwrap();
        assert_eq!((explanation.verdict.as_str(), explanation.reason.as_deref()), ("refused", Some("expired")));
        assert_eq!(
            states(&explanation)[2..6],
            [
                ("Signature parameters", State::Held),
                ("Time", State::Failed),
                ("Target of the request", State::NotReached),
                ("The key", State::NotReached),
            ]
        );
        assert!(states(&explanation)[7..].iter().all(|(_, state)| *state == State::NotReached));
        assert!(!explanation.causes.is_empty() && explanation.what_to_do.is_some());
    }

    #[test]
    fn a_check_behind_the_rules_failed_and_the_rules_held() {
        for (event, reason, failed) in [
            ("request-refused", "origin-header-mismatch", "The origin's secret header"),
            ("request-refused-by-token", "token-expired", "The token"),
            ("request-refused-by-next-authorizer", "next-denied", "The next authorizer"),
            ("request-refused", "path-too-long", "The answer"),
        ] {
            let explanation = explain(&json!({ "event": event, "reason": reason })).unwrap();
            let states = states(&explanation);
            assert!(states[..7].iter().all(|(_, state)| *state == State::Held), "{reason}: {states:?}");
            let at = states.iter().position(|(_, state)| *state == State::Failed);
            assert_eq!(at.map(|at| states[at].0), Some(failed), "{reason}");
        }
    }

    #[test]
    fn what_the_line_shows_is_the_first_cause() {
        for (line, expected) in [
            (
                json!({ "event": "request-refused", "reason": "header-missing", "gateway_source_ip": "198.51.100.1" }),
                "The request came past CloudFront: the line has no x_amz_cf_id. It came from 198.51.100.1.",
            ),
            (
                json!({ "event": "request-refused", "reason": "header-missing", "x_amz_cf_id": "a\"b'" }),
                "The request came through CloudFront, by its x_amz_cf_id, and the edge signer did not sign it.",
            ),
            (
                json!({ "event": "request-refused-by-gateway", "reason": "outside-stage" }),
                "The path does not begin with the stage: the origin path of the distribution is missing, or somebody called the API's own \
                 URL without the stage.",
            ),
        ] {
            let explanation = explain(&line).unwrap();
            assert!(explanation.causes[0].cause.starts_with(expected), "{}", explanation.causes[0].cause);
            let command = explanation.causes[0].command.clone().unwrap_or_default();
            assert!(shlex::split(&command).is_some(), "{command}");
        }
    }

    #[test]
    fn a_line_about_neither_a_request_nor_a_failure_is_not_explained() {
        for event in ["keys-read", "function-started", "rotation-done", "x"] {
            assert!(explain(&json!({ "event": event })).is_none(), "{event}");
        }
    }
}
