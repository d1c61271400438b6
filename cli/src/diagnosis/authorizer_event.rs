//! An event of the authorizer: the rules asked about it, and what it shows beside them.

use crate::diagnosis::{
    asked::Asked,
    decision::{Decision, Fit},
    evidence, manual,
    printable::masked_target,
    report::{Explanation, State, Step},
};
use authorizer::{Answer, Event, Kind};
use signing::Rule;

/// Explains the text of an event.
pub(crate) fn explain(text: &str, asked: &Asked) -> Explanation {
    let event = match Event::parse(text, Answer::Simple) {
        Ok(event) => event,
        Err(error) => {
            let explanation = Explanation {
                form: "authorizer-event",
                subject: "An event of an authorizer".to_owned(),
                verdict: "the authorizer cannot decide, so API Gateway answers 500".to_owned(),
                reason: Some(error.reason().to_owned()),
                detail: Some(error.to_string()),
                ..Explanation::default()
            };
            return explanation.with_manual(manual::entry(error.reason()));
        }
    };
    let headers = event.headers();
    let mut received = event.received(&headers);
    received.time = asked.time.or(received.time);
    let decision = Decision::about(&received, &asked.policy, asked.keys.as_ref());
    let reason = decision.refusal.as_ref().map(|refusal| refusal.reason());
    let mut notes = Vec::new();
    let signature_base = evidence::signature_base(&received, &decision);
    let is_found = matches!(decision.fits, Some(Fit::Method(_) | Fit::Host(_)));
    if !signature_base.is_empty() && !decision.has_signature_of_the_edge() && !is_found {
        notes.push(
            "The request does not state the method and the Host for which it was signed: the signature base shows those that arrived."
                .to_owned(),
        );
    }
    if evidence::hides_values(&received) {
        notes.push("The value of a query parameter that may be a credential is shown as ***.".to_owned());
    }
    let causes = |refusal| evidence::causes(refusal, &event, &received, &decision, asked.keys.as_ref());
    let target = evidence::target(&received);
    let explanation = Explanation {
        form: "authorizer-event",
        subject: format!(
            "An event of {}: {} {}{}",
            kind(event.kind()),
            received.method,
            received.domain_name,
            masked_target(&target)
        ),
        verdict: match (&decision.refusal, decision.has_keys) {
            (Some(_), _) => "refused",
            (None, true) => "every rule holds",
            (None, false) => "every rule holds that can be asked without keys",
        }
        .to_owned(),
        reason: reason.map(str::to_owned),
        detail: decision.refusal.as_ref().map(ToString::to_string),
        rules: decision.steps(),
        times: evidence::times(&received),
        signature_base,
        causes: decision.refusal.iter().flat_map(causes).collect(),
        notes,
        ..Explanation::default()
    };
    let mut explanation = explanation.with_manual(reason.and_then(manual::entry));
    // What would be refused next has its causes behind all of those.
    explanation.causes.extend(decision.further.iter().flat_map(causes));
    explanation
}

/// The rules of a request that does not reach the authorizer.
pub(crate) fn none_reached() -> Vec<Step> {
    let rules = Rule::ALL.into_iter().map(|rule| rule.name().to_owned());
    rules.map(|name| Step { name, state: State::NotReached, detail: None }).collect()
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Rest => "a REST API",
        Kind::Http => "an HTTP API, payload format 2.0",
        Kind::HttpV1 => "an HTTP API, payload format 1.0",
        Kind::WebSocket => "a WebSocket API",
    }
}
