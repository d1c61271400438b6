//! Custom domains of REST APIs: base paths that are kept, and routing rules.

use crate::{
    options::{Options, RoutingRule},
    running::Running,
    test_tools::{Reply, Seen, ask, log, options, start_open},
};
use serde_json::json;

fn on(domain: &str) -> Options {
    Options { domain: Some(domain.parse().unwrap()), ..options() }
}

async fn get(running: &Running, target: &str, headers: &str) -> Reply {
    ask(running.gateway, format!("GET {target} HTTP/1.1\r\nHost: api.example.com\r\n{headers}\r\n")).await
}

/// The resources of the API, its ARN and its backend have the whole path. What `path` and `requestContext.path` show is the same
/// as if the base path was stripped: recorded.
#[tokio::test]
async fn a_base_path_is_stripped_or_kept() {
    for (keeps_base_path, resource, arn, arrives) in
        [(true, "/echo/{proxy+}", "echo/echo/x", "/echo/echo/x?a"), (false, "/echo/{proxy+}", "echo/x", "/echo/x?a")]
    {
        let options = Options { keeps_base_path, ..on("api.example.com/echo") };
        let (running, edge_seen, seen): (_, Seen, Seen) = start_open(options).await;
        let through = ask(running.edge, "GET /echo/x?a HTTP/1.1\r\nHost: viewer\r\n\r\n").await;
        assert_eq!((through.status, &through.json()["target"]), (200, &json!(arrives)));
        assert_eq!(edge_seen.one()["path"], "/echo");
        let event = seen.one();
        assert_eq!(
            (&event["path"], &event["requestContext"]["path"]),
            (&json!("/echo/echo/x"), &json!("/echo/echo/x"))
        );
        assert_eq!(event["resource"], resource);
        let arn = format!("arn:aws:execute-api:us-east-1:123456789012:local12345/prod/GET/{arn}");
        assert_eq!(event["methodArn"], arn);
    }
}

#[tokio::test]
async fn only_requests_below_a_kept_base_path_reach_the_api() {
    let options = Options { keeps_base_path: true, ..on("api.example.com/echo/v1") };
    let (running, _, seen) = start_open(options).await;
    for (target, status) in [("/echo/v1", 200), ("/echo/v1/", 200), ("/echo/v1?a", 200), ("/echo/v1//x", 200)] {
        assert_eq!(get(&running, target, "").await.status, status, "{target}");
    }
    assert_eq!(seen.take().len(), 4);
    for target in ["/", "/echo", "/echo/v12", "/echo/v1x/", "/echo//v1", "//echo/v1", "/echo/%761", "/echo?/echo/v1"] {
        let log = log();
        assert_eq!(get(&running, target, "").await.status, 403, "{target}");
        assert_eq!(log.take()[0]["reason"], "outside-base-path", "{target}");
    }
    assert!(seen.take().is_empty());
}

#[tokio::test]
async fn a_header_steers_a_request_to_another_stage() {
    let routing_rule = Some("X-Version=beta:test".parse().unwrap());
    for domain in ["api.example.com", "api.example.com/v1"] {
        let (running, _, seen) = start_open(Options { routing_rule: routing_rule.clone(), ..on(domain) }).await;
        let target = format!("{}/echo/x", domain.strip_prefix("api.example.com").unwrap());
        for (headers, stage) in [
            ("", "prod"),
            ("X-Version: beta\r\n", "test"),
            ("x-version: beta\r\n", "test"),
            ("x-version: a\r\nX-Version: beta\r\n", "test"),
            ("X-Version: Beta\r\n", "prod"),
            ("X-Version: beta2\r\n", "prod"),
            ("X_Version: beta\r\n", "prod"),
        ] {
            let reply = get(&running, &target, headers).await;
            assert_eq!((reply.status, &reply.json()["target"]), (200, &json!("/echo/x")), "{headers}");
            let event = seen.one();
            assert_eq!(event["requestContext"]["stage"], stage, "{headers}");
            let arn = format!("arn:aws:execute-api:us-east-1:123456789012:local12345/{stage}/GET/echo/x");
            assert_eq!(event["methodArn"], arn);
            // The stage is not on the wire.
            assert_eq!(event["requestContext"]["path"], target);
        }
        let steered = ask(running.edge, "GET /echo/x HTTP/1.1\r\nHost: a\r\nx-version: beta\r\n\r\n").await;
        assert_eq!(steered.status, 200);
        assert_eq!(seen.one()["requestContext"]["stage"], "test", "CloudFront passes the header on");
    }
}

#[test]
fn routing_rules_are_read() {
    let rule: RoutingRule = "X-Version==a:b=:test_1-".parse().unwrap();
    let [header, value, stage] = ["X-Version", "=a:b=", "test_1-"].map(str::to_owned);
    assert_eq!(rule, RoutingRule { header, value, stage });
    for (text, reason) in [
        ("", "it has no ="),
        ("x", "it has no ="),
        ("x=y", "it has no : before the stage"),
        ("=y:s", "the name or the value of the header cannot be sent over HTTP"),
        ("x=:s", "the name or the value of the header cannot be sent over HTTP"),
        ("x y=z:s", "the name or the value of the header cannot be sent over HTTP"),
        ("x=a\nb:s", "the name or the value of the header cannot be sent over HTTP"),
        ("x=y:", "the stage is not 1 to 128 characters of A–Z, a–z, 0–9, `_` and `-`"),
        ("x=y:$default", "the stage is not 1 to 128 characters of A–Z, a–z, 0–9, `_` and `-`"),
    ] {
        let form = "is not of the form HEADER=VALUE:STAGE, like x-version=beta:test";
        let error = text.parse::<RoutingRule>().unwrap_err().to_string();
        assert_eq!(error, format!("the routing rule {text:?} {form}: {reason}"));
    }
}
