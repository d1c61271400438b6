//! What each kind of API has, and what it does not have; and the two forms of an authorizer's answer at HTTP APIs.

use crate::{
    gateway::api_keys::ApiKeys,
    net::server::Limits,
    options::{Answer, ApiKind, Options},
    running::start,
    test_tools::{Authorizer, Edge, Hanging, ask_gateway, forward, iam_policy, log, options, start_gateway},
};
use serde_json::{Value, json};

const KINDS: [ApiKind; 4] = [ApiKind::Rest, ApiKind::Http, ApiKind::HttpV1, ApiKind::WebSocket];

async fn refusal(options: Options) -> Option<String> {
    let edge = Edge(|_: &edge_signer::OriginRequest<'_>| forward(edge_signer::Edits::default()));
    start(options, edge, Hanging).await.err().map(|error| error.to_string())
}

#[tokio::test]
async fn an_option_that_a_kind_of_api_does_not_have_is_refused() {
    let names = ["a REST API", "an HTTP API", "an HTTP API with payload format 1.0", "a WebSocket API"];
    let domain = |text: &str| Some(text.parse().unwrap());
    let rule = || Some("x=y:other".parse().unwrap());
    type Change = fn(Options) -> Options;
    let changes: [(Change, [bool; 4], &str); 6] = [
        (
            |options| Options { stage: "$default".to_owned(), ..options },
            [false, true, true, false],
            "cannot have the stage \"$default\": only HTTP APIs have it",
        ),
        (
            |options| Options { api_keys: Some(ApiKeys::new(vec![])), ..options },
            [true, false, false, true],
            "cannot have API keys: only REST APIs and WebSocket APIs have API keys and usage plans",
        ),
        (
            |options| Options { overwrite_path: Some("p".to_owned()), ..options },
            [false, true, true, false],
            "cannot overwrite the path with a parameter mapping: only HTTP APIs have `overwrite:path`",
        ),
        (
            |options| Options { answer: Answer::Policy, ..options },
            [false, true, false, false],
            "has no choice of the authorizer's answer, which is a policy: only HTTP APIs with payload format 2.0 have it",
        ),
        (
            |options| Options { keeps_base_path: true, ..options },
            [true, false, false, false],
            "cannot keep the base path: only the custom domain of a REST API can",
        ),
        (
            |options| Options { routing_rule: Some("x=y:other".parse().unwrap()), ..options },
            [true, false, false, false],
            "cannot have a routing rule by header: only the custom domain of a REST API can",
        ),
    ];
    for (change, has, text) in changes {
        for ((api, name), has) in KINDS.into_iter().zip(names).zip(has) {
            let options = Options { api, domain: domain("api.example.com/v1"), ..options() };
            let expected = (!has).then(|| format!("{name} {text}"));
            assert_eq!(refusal(change(options)).await, expected);
        }
    }

    let kept = "a base path that is kept needs a custom domain with a key";
    for domain in [None, domain("api.example.com")] {
        assert_eq!(refusal(Options { keeps_base_path: true, domain, ..options() }).await.as_deref(), Some(kept));
    }
    let without = Options { routing_rule: rule(), ..options() };
    assert_eq!(refusal(without).await.as_deref(), Some("a routing rule needs a custom domain"));
}

/// The answer of the other form is broken, also if it would deny.
#[tokio::test]
async fn each_http_api_takes_its_own_form_of_the_answer() {
    let arn = "arn:aws:execute-api:us-east-1:123456789012:local12345/prod/GET/echo";
    let allows = json!({ "isAuthorized": true });
    let denies = json!({ "isAuthorized": false });
    let mut deep = iam_policy("Allow", arn);
    deep["context"] = json!({ "a": [] });
    let internal = (500, r#"{"message":"Internal Server Error"}"#);
    let forbidden = (403, r#"{"message":"Forbidden"}"#);
    for (api, answer) in [(ApiKind::Http, Answer::Policy), (ApiKind::HttpV1, Answer::Simple)] {
        for (given, expected, reason) in [
            (iam_policy("Allow", arn), None, None),
            (iam_policy("Allow", "*"), None, None),
            (iam_policy("Deny", arn), Some(forbidden), None),
            (iam_policy("Allow", &format!("{arn}/x")), Some(forbidden), Some("method-not-covered")),
            (deep.clone(), Some(internal), Some("authorizer-answer-malformed")),
            (allows.clone(), Some(internal), Some("authorizer-answer-malformed")),
            (denies.clone(), Some(internal), Some("authorizer-answer-malformed")),
            (Value::Null, Some(internal), Some("authorizer-answer-malformed")),
        ] {
            let options = Options { api, answer, ..options() };
            let answer = given.clone();
            let running = start_gateway(options, Authorizer(move |_| Ok(answer.clone())), Limits::default()).await;
            let log = log();
            let reply = ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await;
            match expected {
                None => assert_eq!(reply.status, 200, "{given}"),
                Some(expected) => assert_eq!((reply.status, reply.text()), expected, "{given}"),
            }
            let reasons: Vec<_> = log.take().iter().map(|line| line["reason"].clone()).collect();
            assert_eq!(reasons, reason.map(|reason| json!(reason)).into_iter().collect::<Vec<_>>(), "{given}");
        }
    }
    let running = start_gateway(
        Options { api: ApiKind::Http, ..options() },
        Authorizer(move |_| Ok(iam_policy("Allow", "*"))),
        Limits::default(),
    )
    .await;
    assert_eq!(ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 500);
}

/// The text `Unauthorized` has a meaning at REST APIs only, as far as is known.
#[tokio::test]
async fn an_authorizer_that_throws_is_500_at_http_apis() {
    for api in [ApiKind::Http, ApiKind::HttpV1] {
        let options = Options { api, ..options() };
        let throws = Authorizer(|_| Err("Unauthorized".to_owned()));
        let running = start_gateway(options, throws, Limits::default()).await;
        assert_eq!(ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 500);
    }
}
