//! A REST API over real sockets, with requests that bypass the edge.

use crate::{
    gateway::api_keys::ApiKeys,
    net::server::Limits,
    options::{IdentitySources, Options},
    test_tools::{
        Authorizer, Hanging, ask, ask_gateway, check_rest_answer, iam_policy, log, options, start_gateway, start_open,
    },
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const BODY_LIMIT: usize = 10_485_760;

#[tokio::test]
async fn the_event_and_the_backends_request() {
    let (running, _, seen) = start_open(options()).await;
    let request = "POST /prod//echo//a%2Fb?b=1&a=x+y;b=%7a HTTP/1.1\r\nHost: a\r\nUSER-agent: test\r\nX-MiXed: 1\r\n\
        x-mixed: 2\r\nX-MiXed: 3\r\nx-forwarded-for: 192.0.2.1\r\nx-Forwarded-PROTO: http\r\nConnection: x-hop\r\nX-Hop: 1\r\n\
        Content-Length: 2\r\n\r\nhi";
    let before = SystemTime::now();
    let reply = ask_gateway(&running, request).await;
    let event = seen.one();
    assert_eq!(event["type"], "REQUEST");
    let arn = "arn:aws:execute-api:us-east-1:123456789012:local12345/prod/POST//echo//a%2Fb";
    assert_eq!(event["methodArn"], arn);
    assert_eq!(event["path"], "/echo//a%2Fb");
    assert_eq!(event["resource"], "/echo/{proxy+}");
    assert_eq!(event["pathParameters"], json!({ "proxy": "/a%2Fb" }));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "a": ["x y"], "b": ["1", "z"] }));
    let trace = event["headers"]["X-Amzn-Trace-Id"].as_str().unwrap();
    let expected = json!({
        "Host": [running.gateway.to_string()],
        "USER-agent": ["test"],
        "X-MiXed": ["1", "3"],
        "x-mixed": ["2"],
        "Connection": ["x-hop"],
        "Content-Length": ["2"],
        "X-Amzn-Trace-Id": [trace],
        "X-Forwarded-For": ["192.0.2.1, 127.0.0.1"],
        "X-Forwarded-Port": ["443"],
        "X-Forwarded-Proto": ["https"],
    });
    assert_eq!(event["multiValueHeaders"], expected);
    let context = &event["requestContext"];
    assert_eq!(context["path"], "/prod//echo//a%2Fb");
    assert_eq!(context["domainName"], running.gateway.to_string());
    assert_eq!(context["apiId"], "local12345");
    assert_eq!(context["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["identity"]["userAgent"], "test");
    assert_eq!(context["requestId"].as_str(), reply.header("x-amzn-requestid"));
    let epoch = SystemTime::UNIX_EPOCH + Duration::from_millis(context["requestTimeEpoch"].as_u64().unwrap() + 1);
    assert!(epoch > before && epoch < SystemTime::now() + Duration::from_millis(1));
    // The backend's path is the event's.
    assert_eq!((reply.status, &reply.json()["target"]), (200, &json!("/echo//a%2Fb?b=1&a=x+y;b=%7a")));

    for (target, arrives) in [
        ("/prod/echo", "/echo"),
        ("/prod/echo?", "/echo?"),
        ("/prod/echo/%7a;a/%2e%2E/../?b=1&a=x+y;b=%7A?", "/echo/%7a;a/%2e%2E/../?b=1&a=x+y;b=%7A?"),
    ] {
        let request =
            format!("PUT {target} HTTP/1.1\r\nhOST: a\r\nX-MiXed: 1\r\nx-mixed: 2\r\nContent-Length: 2\r\n\r\nhi");
        let echo = ask_gateway(&running, request).await.json();
        assert_eq!((&echo["target"], &echo["method"]), (&json!(arrives), &json!("PUT")));
        assert_eq!((&echo["body"], &echo["body_length"]), (&json!("aGk="), &json!(2)));
        let headers = &echo["headers"].as_array().unwrap()[..5];
        let length = json!(["Content-Length", "2"]);
        let trace = json!(["X-Amzn-Trace-Id", seen.one()["headers"]["X-Amzn-Trace-Id"]]);
        assert_eq!(
            headers,
            [
                json!(["hOST", running.gateway.to_string()]),
                json!(["X-MiXed", "1"]),
                json!(["x-mixed", "2"]),
                length,
                trace
            ]
        );
    }
}

#[tokio::test]
async fn answers_of_the_authorizer() {
    const DENIED: &str = r#"{"Message":"User is not authorized to access this resource with an explicit deny in an identity-based policy"}"#;
    let mut null_condition = iam_policy("Allow", "*");
    null_condition["policyDocument"]["Statement"][0]["Condition"] = Value::Null;
    let mut deep_context = iam_policy("Allow", "*");
    deep_context["context"] = json!({ "a": [] });
    let other = "arn:aws:execute-api:us-east-1:123456789012:local12345/prod/GET/other";
    let not_allowed = r#"{"Message":"User is not authorized to access this resource"}"#;
    let broken = (500, "AuthorizerConfigurationException", r#"{"message":null}"#);
    for (answer, (status, error_type, body)) in [
        (Ok(iam_policy("Deny", "*")), (403, "AccessDeniedException", DENIED)),
        (Ok(iam_policy("Allow", other)), (403, "AccessDeniedException", not_allowed)),
        (Ok(null_condition), broken),
        (Ok(deep_context), broken),
        (Ok(json!({})), broken),
        (Err("out of order".to_owned()), broken),
        (Err("unauthorized".to_owned()), broken),
        (Err("Unauthorized".to_owned()), (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#)),
    ] {
        let answer: Result<Value, String> = answer;
        let running = start_gateway(options(), Authorizer(move |_| answer.clone()), Limits::default()).await;
        check_rest_answer(
            &ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await,
            status,
            error_type,
            body,
        );
    }

    let short = Limits { function: Duration::from_millis(50), ..Limits::default() };
    let running = start_gateway(options(), Hanging, short).await;
    let reply = ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n").await;
    check_rest_answer(&reply, broken.0, broken.1, broken.2);
}

#[tokio::test]
async fn identity_sources_are_matched_by_case() {
    let (running, _, seen) = start_open(Options { identity_sources: IdentitySources::Signature, ..options() }).await;
    for (headers, called) in [
        ("Countersign-Signature: a\r\n", true),
        ("Countersign-Signature: \r\nCountersign-Signature: a\r\n", true),
        ("", false),
        ("Signature-Input: a\r\nSignature: b\r\n", false),
        ("Countersign-Signature-Input: a\r\n", false),
        ("Countersign-Signature:\r\n", false),
        ("Countersign-Signature: \r\n", false),
        ("Countersign-Signature: a\r\nCountersign-Signature: \r\n", false),
        ("Countersign_Signature: a\r\n", false),
        ("countersign-signature: a\r\n", false),
        ("COUNTERSIGN-SIGNATURE: a\r\n", false),
    ] {
        let log = log();
        let reply = ask_gateway(&running, format!("GET /prod/echo HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).await;
        if called {
            assert_eq!(reply.status, 200, "{headers:?}");
            assert_eq!(log.take(), Vec::<Value>::new());
        } else {
            check_rest_answer(&reply, 401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#);
            let reason = "an identity source is missing or empty";
            let line = json!({ "level": "INFO", "event": "request-refused-by-gateway", "status": 401, "reason": "identity-source-missing", "detail": reason, "method": "GET" });
            assert_eq!(log.take(), [line]);
        }
        assert_eq!(seen.take().len(), usize::from(called), "{headers:?}");
    }
}

#[tokio::test]
async fn api_keys_come_after_the_authorizer() {
    let keys = vec!["first".to_owned(), "second".to_owned()];
    let (running, _, seen) = start_open(Options { api_keys: Some(ApiKeys::new(keys)), ..options() }).await;
    for (headers, accepted) in [
        ("x-api-key: first\r\n", true),
        ("X-API-KEY: second\r\n", true),
        ("", false),
        ("x-api-key:\r\n", false),
        ("x-api-key: firs\r\n", false),
        ("x-api-key: First\r\n", false),
        ("x-api-key: first, second\r\n", false),
        ("x-api-key: first\r\nX-Api-Key: first\r\n", false),
    ] {
        let log = log();
        let reply = ask_gateway(&running, format!("GET /prod/echo HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).await;
        if accepted {
            assert_eq!(reply.status, 200, "{headers:?}");
        } else {
            check_rest_answer(&reply, 403, "ForbiddenException", r#"{"message":"Forbidden"}"#);
            let reason = "the API key is missing or not of the usage plan";
            let line = json!({ "level": "INFO", "event": "request-refused-by-gateway", "status": 403, "reason": "api-key", "detail": reason, "method": "GET" });
            assert_eq!(log.take(), [line]);
        }
        assert_eq!(seen.take().len(), 1, "{headers:?}");
    }
    let none = Options { api_keys: Some(ApiKeys::new(vec![])), ..options() };
    let (running, _, _) = start_open(none).await;
    assert_eq!(ask_gateway(&running, "GET /prod/echo HTTP/1.1\r\nHost: a\r\nx-api-key:\r\n\r\n").await.status, 403);
    assert_eq!(format!("{:?}", ApiKeys::new(vec!["secret".to_owned()])), "ApiKeys(..)");
}

#[tokio::test]
async fn cloudfront_sends_the_first_api_key_and_both_hops_change_together() {
    let api_keys = ApiKeys::new(vec!["one".to_owned()]);
    let (running, _, _) = start_open(Options { api_keys: Some(api_keys.clone()), ..options() }).await;
    let direct = |key: &str| format!("GET /prod/echo HTTP/1.1\r\nHost: a\r\nx-api-key: {key}\r\n\r\n");
    let through = "GET /echo HTTP/1.1\r\nHost: a\r\nX-Api-Key: mine\r\n\r\n";
    for (keys, sent, accepted) in [
        (vec!["one"], "one", [200, 403, 403]),
        (vec!["two", "one"], "two", [200, 200, 403]),
        (vec!["three", "two"], "three", [403, 200, 200]),
    ] {
        api_keys.replace(keys.into_iter().map(str::to_owned).collect());
        let reply = ask(running.edge, through).await;
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains(&format!("\"{sent}\"")) && !reply.text().contains("mine"), "{}", reply.text());
        for (key, status) in ["one", "two", "three"].into_iter().zip(accepted) {
            assert_eq!(ask_gateway(&running, direct(key)).await.status, status, "{key}");
        }
    }
}

#[tokio::test]
async fn what_the_gateway_refuses_before_the_authorizer() {
    let (running, _, seen) = start_open(options()).await;
    // Request line and header values of that many bytes.
    let host = running.gateway.to_string().len();
    let of_size = |bytes: usize| {
        let line = "GET /prod/echo HTTP/1.1";
        format!("{line}\r\nHost: a\r\nX-Long-Name: {}\r\n\r\n", "x".repeat(bytes - line.len() - host))
    };
    let arn = |bytes: usize| {
        let start = "arn:aws:execute-api:us-east-1:123456789012:local12345/prod/GET/echo/";
        format!("GET /prod/echo/{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(bytes - start.len()))
    };
    let forbidden = (403, "ForbiddenException", r#"{"message":"Forbidden"}"#);
    let no_method = (403, "MissingAuthenticationTokenException", r#"{"message":"Missing Authentication Token"}"#);
    let bad = (400, "BadRequestException", r#"{"message":"Bad Request"}"#);
    let too_long = (413, "RequestTooLargeException", r#"{"message":"Request Too Long"}"#);
    let headers = (431, "RequestHeaderFieldsTooLargeException", r#"{"message":"Request Header Fields Too Large"}"#);
    let uri = (414, "RequestUriTooLongException", r#"{"message":"Request-URI Too Long"}"#);
    let over = BODY_LIMIT + 1;
    let conflict = "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for (request, (status, error_type, body)) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), forbidden),
        ("GET /pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), forbidden),
        ("GET /Prod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), forbidden),
        ("GET /production HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), forbidden),
        ("GET ///prod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), forbidden),
        ("GET /%70rod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), forbidden),
        ("GET /prod HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), no_method),
        ("GET /prod/cats HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), no_method),
        ("GET /prod/pets/1/2 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), no_method),
        ("GET /prod/%70ets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), no_method),
        ("GET /prod/echo/% HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET /prod/echo/%zz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET /prod/echo?a=%4 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET /prod/echo?a=%25%4g HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET /elsewhere/%zz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("TRACE /prod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), no_method),
        ("get /prod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), no_method),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET http://a/prod HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET /prod#a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET /prod HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), bad),
        ("GET /prod HTTP/1.1\r\n\r\n".to_owned(), bad),
        (format!("POST /prod HTTP/1.1\r\nHost: a\r\n{conflict}"), bad),
        ("POST /prod HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx".to_owned(), bad),
        (format!("POST /prod HTTP/1.1\r\nHost: a\r\nContent-Length: {over}\r\n\r\n"), too_long),
        (of_size(10_241), headers),
        (arn(1_601), uri),
    ] {
        let log = log();
        check_rest_answer(&ask_gateway(&running, &request).await, status, error_type, body);
        let lines = log.take();
        assert_eq!(lines.len(), 1, "{request}: {lines:?}");
        assert_eq!((&lines[0]["event"], &lines[0]["status"]), (&json!("request-refused-by-gateway"), &json!(status)));
    }
    let log = log();
    let unreadable =
        [&b"GET /prod/\xff HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"GET /prod HTTP/1.1\r\nHost\r\n\r\n", b"\0\r\n\r\n"];
    for request in unreadable {
        assert_eq!(ask_gateway(&running, request).await.status, 400);
    }
    let huge = format!("GET /prod HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    assert_eq!(ask_gateway(&running, huge).await.status, 431);
    assert_eq!(log.take().iter().map(|line| line["status"].clone()).collect::<Vec<_>>(), [400, 400, 400, 431]);
    assert!(seen.take().is_empty());

    for request in [
        of_size(10_240),
        arn(1_600),
        format!("GET /prod/echo HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-A: b\r\n".repeat(2_000)),
    ] {
        assert_eq!(ask_gateway(&running, request).await.status, 200);
    }
    assert_eq!(seen.take().len(), 3);
}

#[tokio::test]
async fn the_method_override_changes_the_method() {
    let (running, _, seen) = start_open(options()).await;
    let request = "GET /prod/echo HTTP/1.1\r\nHost: a\r\nx-http-method-override: DELETE\r\n\r\n";
    let reply = ask_gateway(&running, request).await;
    let event = seen.one();
    assert_eq!((&event["httpMethod"], &event["requestContext"]["httpMethod"]), (&json!("DELETE"), &json!("DELETE")));
    assert!(event["methodArn"].as_str().unwrap().ends_with("/prod/DELETE/echo"));
    assert_eq!(reply.json()["method"], "DELETE");
    let request = "GET /prod/echo HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: secret\r\n\r\n";
    assert_eq!(ask_gateway(&running, request).await.status, 403);
}
