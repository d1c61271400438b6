//! What an API answers before any authorizer, what reaches it on a custom domain, and what a hop takes off before.

use crate::{
    backend::upstream::Backend,
    net::server::Limits,
    options::{ApiKind, IdentitySources, Options},
    running::IDENTITY_SOURCE,
    test_tools::{Authorizer, allow, ask, ask_gateway, iam_policy, log, options, start_gateway, start_open},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Those that take requests. A WebSocket API takes handshakes.
const KINDS: [ApiKind; 3] = [ApiKind::Rest, ApiKind::Http, ApiKind::HttpV1];

fn of(api: ApiKind) -> Options {
    Options { api, ..options() }
}

fn on(api: ApiKind, stage: &str, domain: &str) -> Options {
    Options { stage: stage.to_owned(), domain: Some(domain.parse().unwrap()), ..of(api) }
}

#[tokio::test]
async fn another_host_is_403_before_any_authorizer() {
    for api in KINDS {
        let (running, _, seen) = start_open(of(api)).await;
        let own = running.gateway.to_string();
        let localhost = format!("localhost:{}", running.gateway.port());
        for host in ["a", "127.0.0.1", "", &localhost, &format!("{own}.")] {
            let log = log();
            let reply = ask(running.gateway, format!("GET /prod/echo HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            assert_eq!((reply.status, reply.text()), (403, r#"{"message":"Forbidden"}"#), "{host}");
            assert_eq!(reply.header("x-amzn-errortype"), (api == ApiKind::Rest).then_some("ForbiddenException"));
            let line = json!({
                "level": "INFO",
                "event": "request-refused-by-gateway",
                "status": 403,
                "reason": "other-host",
                "detail": "the Host is not the API's own name",
                "accepted_host": own,
                "method": "GET",
            });
            assert_eq!(log.take(), [line]);
        }
        assert_eq!(ask(running.gateway, "GET /prod/echo HTTP/1.0\r\n\r\n").await.status, 403);
        assert!(seen.take().is_empty());
        assert_eq!(ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 200);
    }
}

#[tokio::test]
async fn a_refusal_before_any_authorizer_names_its_cause() {
    for (api, of_route) in [(ApiKind::Rest, 403), (ApiKind::Http, 404), (ApiKind::HttpV1, 404)] {
        let (running, _, seen) = start_open(of(api)).await;
        for (target, status, reason) in [
            ("/pets", 403, "the path does not begin with the stage"),
            ("/", 403, "the path does not begin with the stage"),
            ("/production/pets", 403, "the path does not begin with the stage"),
            ("/prod", of_route, "the API has no such route"),
            ("/prod/cats", of_route, "the API has no such route"),
        ] {
            let log = log();
            let reply = ask_gateway(&running, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            assert_eq!(reply.status, status, "{target}");
            assert_eq!(log.take()[0]["detail"], reason);
        }
        assert!(seen.take().is_empty());
    }
}

/// With a server of the user's own every path is a route.
#[tokio::test]
async fn any_other_backend_has_every_route() {
    for api in KINDS {
        let none = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let backend = Backend::Url(format!("http://{none}"));
        let (running, _, seen) = start_open(Options { backend, ..of(api) }).await;
        for target in ["/prod", "/prod/cats/1"] {
            let reply = ask_gateway(&running, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            assert!(matches!(reply.status, 503 | 504), "{reply:?}");
        }
        let shown: Vec<_> =
            seen.take().iter().map(|event| [event["resource"].clone(), event["routeKey"].clone()]).collect();
        let expected = match api {
            ApiKind::Rest => [[json!("/"), Value::Null], [json!("/{proxy+}"), Value::Null]],
            ApiKind::HttpV1 => [[json!("$default"), Value::Null], [json!("$default"), Value::Null]],
            ApiKind::Http | ApiKind::WebSocket => [[Value::Null, json!("$default")], [Value::Null, json!("$default")]],
        };
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn one_of_two_slashes_before_a_rest_apis_stage_is_removed() {
    let (running, _, seen) = start_open(options()).await;
    for (target, path, wire_path) in [
        ("//prod/echo/x", "/echo/x", "/prod/echo/x"),
        ("/prod//echo/x", "/echo/x", "/prod//echo/x"),
        ("//prod//echo/x", "/echo/x", "/prod//echo/x"),
    ] {
        let reply = ask_gateway(&running, format!("GET {target}?a HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let event = seen.one();
        assert_eq!((&event["path"], &event["requestContext"]["path"]), (&json!(path), &json!(wire_path)));
        assert_eq!(reply.json()["target"], format!("{path}?a"));
    }
}

/// The header itself stays in the event. Framing and `Host` stay even if it names them.
#[tokio::test]
async fn headers_that_connection_names_are_removed_before_the_authorizer() {
    for api in KINDS {
        let (running, _, seen) = start_open(of(api)).await;
        let request = "POST /prod/echo HTTP/1.1\r\nHost: a\r\nConnection: , X-HOP ,,x-other,host,content-length\r\n\
            connection: x-forwarded-for, Connection\r\nX-Hop: 1\r\nx-hop: 2\r\nX-Other: 3\r\nX-Kept: 4\r\nX_Hop: 5\r\n\
            X-Forwarded-For: 192.0.2.1\r\nContent-Length: 2\r\n\r\nhi";
        let reply = ask_gateway(&running, request).await;
        let echo = reply.json();
        assert_eq!(echo["body_length"], 2);
        let arrived: Vec<_> = echo["headers"].as_array().unwrap().iter().map(|header| header[0].clone()).collect();
        let event = seen.one();
        let shown: Vec<_> =
            event["headers"].as_object().unwrap().keys().map(|name| name.to_ascii_lowercase()).collect();
        for (name, is_shown, arrives) in [
            ("X-Hop", false, false),
            ("X-Other", false, false),
            ("X-Kept", true, true),
            ("X_Hop", true, true),
            ("Connection", true, false),
            ("Host", true, true),
            ("Content-Length", true, true),
            ("X-Forwarded-For", true, true),
        ] {
            assert_eq!(shown.contains(&name.to_ascii_lowercase()), is_shown, "{name} in {shown:?}");
            assert_eq!(arrived.contains(&json!(name)), arrives, "{name} in {arrived:?}");
        }
        let hops = event["headers"].get("X-Forwarded-For").or(event["headers"].get("x-forwarded-for"));
        assert_eq!(hops, Some(&json!("127.0.0.1")));
    }
}

#[tokio::test]
async fn an_identity_source_that_connection_names_is_missing() {
    let source = IDENTITY_SOURCE[0];
    for api in KINDS {
        let (running, _, seen) = start_open(Options { identity_sources: IdentitySources::Signature, ..of(api) }).await;
        for (connection, status) in [("close", 200), (source, 401)] {
            let head = format!("GET /prod/echo HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n{source}: a\r\n\r\n");
            assert_eq!(ask_gateway(&running, head).await.status, status, "{connection}");
        }
        assert_eq!(seen.take().len(), 1);
    }
}

#[tokio::test]
async fn a_custom_domain_is_served_under_its_name_and_below_its_key() {
    for (api, stage, domain, key, shown) in [
        (ApiKind::Http, "prod", "API.example.com", "", "/prod/echo/x"),
        (ApiKind::Http, "prod", "api.example.com/v1", "/v1", "/prod/echo/x"),
        (ApiKind::Http, "$default", "api.example.com", "", "/echo/x"),
        (ApiKind::Http, "$default", "api.example.com/a/b", "/a/b", "/echo/x"),
        (ApiKind::HttpV1, "prod", "api.example.com/v1", "/v1", "/prod/echo/x"),
        (ApiKind::HttpV1, "$default", "api.example.com", "", "/echo/x"),
        (ApiKind::Rest, "prod", "api.example.com", "", "/echo/x"),
        (ApiKind::Rest, "prod", "api.example.com/v1", "/v1", "/v1/echo/x"),
    ] {
        let (running, edge_seen, seen) = start_open(on(api, stage, domain)).await;
        let through = ask(running.edge, "GET /echo/x?a HTTP/1.1\r\nHost: viewer\r\n\r\n").await;
        assert_eq!((through.status, &through.json()["target"]), (200, &json!("/echo/x?a")), "{domain}");
        let edge_event = edge_seen.one();
        assert_eq!(edge_event["path"], key);
        assert!(edge_event["headers"].as_array().unwrap().contains(&json!(["host", "api.example.com"])));
        let check = |event: &Value| {
            let context = &event["requestContext"];
            let paths = match api {
                ApiKind::Rest | ApiKind::HttpV1 => [&event["path"], &context["path"]],
                ApiKind::Http | ApiKind::WebSocket => [&event["rawPath"], &context["http"]["path"]],
            };
            assert_eq!(paths, [shown, shown]);
            assert_eq!((&context["domainName"], &context["domainPrefix"]), (&json!("api.example.com"), &json!("api")));
            assert_eq!(context["stage"], stage);
        };
        check(&seen.one());
        let direct = format!("GET {key}/echo/x HTTP/1.1\r\nHost: API.example.com\r\n\r\n");
        assert_eq!(ask(running.gateway, direct).await.status, 200);
        check(&seen.one());

        let outside = "the path does not begin with the mapping key of the custom domain";
        let no_route = "the API has no such route";
        let log = log();
        for (target, reason) in [
            ("/v2/echo/x".to_owned(), if key.is_empty() { no_route } else { outside }),
            (format!("{key}x/echo"), if key.is_empty() { no_route } else { outside }),
            (format!("/{stage}{key}/echo"), if key.is_empty() { no_route } else { outside }),
            (format!("{key}/"), no_route),
        ] {
            let target = if target.starts_with('/') { target } else { format!("/{target}") };
            let reply = ask(running.gateway, format!("GET {target} HTTP/1.1\r\nHost: api.example.com\r\n\r\n")).await;
            let status = if reason == outside || api == ApiKind::Rest { 403 } else { 404 };
            assert_eq!((reply.status, &log.take()[0]["detail"]), (status, &json!(reason)), "{domain} {target}");
        }
        let own = format!("GET {key}/echo/x HTTP/1.1\r\nHost: {}\r\n\r\n", running.gateway);
        assert_eq!(ask(running.gateway, own).await.status, 403, "its own name is not asked");
        assert!(seen.take().is_empty());
    }
}

#[tokio::test]
async fn the_default_stage_is_not_on_the_wire() {
    let (running, _, seen) = start_open(Options { stage: "$default".to_owned(), ..of(ApiKind::Http) }).await;
    assert_eq!(ask(running.edge, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n").await.json()["target"], "/echo/x");
    let event = seen.one();
    assert_eq!((&event["rawPath"], &event["requestContext"]["stage"]), (&json!("/echo/x"), &json!("$default")));
    assert_eq!(ask_gateway(&running, "GET /pets/1 HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 200);
}

fn answer(api: ApiKind, context: &Value) -> Value {
    let mut answer = match api {
        ApiKind::Rest | ApiKind::HttpV1 | ApiKind::WebSocket => iam_policy("Allow", "*"),
        ApiKind::Http => json!({ "isAuthorized": true }),
    };
    answer["context"] = context.clone();
    answer
}

#[tokio::test]
async fn the_echo_shows_the_authorizers_context() {
    for api in KINDS {
        for context in [json!({ "countersignPath": "/a", "n": 1 }), json!({})] {
            let answer = answer(api, &context);
            let running = start_gateway(of(api), Authorizer(move |_| Ok(answer.clone())), Limits::default()).await;
            let reply = ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(reply.json()["authorizer"], context);
        }
        let running = start_gateway(of(api), Authorizer(|event: Value| allow(&event)), Limits::default()).await;
        let reply = ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(reply.json()["authorizer"], json!({}));
    }
}

#[tokio::test]
async fn an_answer_of_an_authorizer_over_8192_bytes_is_refused() {
    for api in KINDS {
        let of_size = |bytes: usize| {
            let empty = answer(api, &json!({ "a": "" })).to_string().len();
            answer(api, &json!({ "a": "x".repeat(bytes - empty) }))
        };
        for (bytes, status) in [(8_192, 200), (8_193, 500)] {
            let answer = of_size(bytes);
            let running = start_gateway(of(api), Authorizer(move |_| Ok(answer.clone())), Limits::default()).await;
            let log = log();
            let reply = ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(reply.status, status);
            let told: Vec<_> = log.take().iter().map(|line| line["detail"].clone()).collect();
            let expected = [json!("the authorizer's answer is over 8,192 bytes")];
            assert_eq!(told, expected[..usize::from(status == 500)]);
        }
    }
}

#[tokio::test]
async fn a_path_of_the_context_replaces_the_whole_path_of_the_backend() {
    // The backend is a second API, which shows its requests.
    let (inner, _, inner_seen) = start_open(Options { stage: "$default".to_owned(), ..of(ApiKind::Http) }).await;
    let backends = [Backend::BuiltIn, Backend::Url(format!("http://{}/base", inner.gateway))];
    for backend in backends {
        let http = Options { backend, overwrite_path: Some("path".to_owned()), ..of(ApiKind::Http) };
        for (context, arrives) in [
            (json!({ "path": "/echo/a%2Fb" }), Some("/echo/a%2Fb?x=%zz&y")),
            (json!({ "path": "/echo/../%3Fa" }), Some("/echo/../%3Fa?x=%zz&y")),
            (json!({}), None),
            (json!({ "other": "/echo" }), None),
            (json!({ "path": 1 }), None),
            (json!({ "path": "" }), None),
            (json!({ "path": "echo" }), None),
            (json!({ "path": "/echo?a" }), None),
            (json!({ "path": null }), None),
        ] {
            let answer = answer(ApiKind::Http, &context);
            let running = start_gateway(http.clone(), Authorizer(move |_| Ok(answer.clone())), Limits::default()).await;
            let log = log();
            let reply = ask_gateway(&running, "GET /prod/echo/sent?x=%zz&y HTTP/1.1\r\nHost: a\r\n\r\n").await;
            match arrives {
                Some(target) => assert_eq!((reply.status, &reply.json()["target"]), (200, &json!(target))),
                None => {
                    assert_eq!((reply.status, reply.text()), (500, r#"{"message":"Internal Server Error"}"#));
                    let reason = "the authorizer's context has no path under the name that overwrite:path maps";
                    assert_eq!(log.take()[0]["detail"], reason, "{context}");
                }
            }
        }
    }
    assert_eq!(inner_seen.take().len(), 2, "nothing is sent on without a path");
}
