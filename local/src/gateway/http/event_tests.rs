//! The event of an HTTP API, payload format 2.0.

use crate::gateway::{
    event::{Api, ApiRequest},
    http::event::http_event,
    routes::Routes,
};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

const API: Api<'static> = Api {
    region: "eu-west-1",
    account_id: "123456789012",
    api_id: "lsw1ro4ipb",
    stage: "prod",
    domain_name: "lsw1ro4ipb.execute-api.eu-west-1.amazonaws.com",
    base_path: None,
    routes: Routes::All,
    identity_sources: &[],
};

fn event_of(api: &Api<'_>, method: &str, target: &str, headers: &[(&str, &str)], milliseconds: u64) -> Option<Value> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ApiRequest {
        method,
        target,
        headers: &headers,
        source_ip: "15.248.3.126",
        request_id: "ZhNHJhhLjoEEPiw=",
        extended_request_id: "not shown",
    };
    http_event(api, &request, UNIX_EPOCH + Duration::from_millis(milliseconds))
}

#[track_caller]
fn get(target: &str, headers: &[(&str, &str)]) -> Value {
    event_of(&API, "GET", target, headers, 0).unwrap()
}

/// The values are those of an authorizer's event that was captured on a deployed HTTP API. Only its route is another:
/// `POST /lambda` there.
#[test]
fn as_captured() {
    let api = Api { stage: "$default", identity_sources: &["Authorization"], ..API };
    let headers = [
        ("User-Agent", "HTTPie/3.2.2"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Accept", "*/*"),
        ("Authorization", "Bearer foo"),
        ("Content-Length", "0"),
        ("Host", "lsw1ro4ipb.execute-api.eu-west-1.amazonaws.com"),
        ("X-Amzn-Trace-Id", "Root=1-66705bc7-2b4257df30cbee696ef2cf28"),
        ("X-Forwarded-For", "15.248.3.126"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let expected = json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-west-1:123456789012:lsw1ro4ipb/$default/POST/lambda",
        "identitySource": ["Bearer foo"],
        "routeKey": "$default",
        "rawPath": "/lambda",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            "authorization": "Bearer foo",
            "content-length": "0",
            "host": "lsw1ro4ipb.execute-api.eu-west-1.amazonaws.com",
            "user-agent": "HTTPie/3.2.2",
            "x-amzn-trace-id": "Root=1-66705bc7-2b4257df30cbee696ef2cf28",
            "x-forwarded-for": "15.248.3.126",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "lsw1ro4ipb",
            "domainName": "lsw1ro4ipb.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "lsw1ro4ipb",
            "http": {
                "method": "POST",
                "path": "/lambda",
                "protocol": "HTTP/1.1",
                "sourceIp": "15.248.3.126",
                "userAgent": "HTTPie/3.2.2",
            },
            "requestId": "ZhNHJhhLjoEEPiw=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "17/Jun/2024:15:52:39 +0000",
            "timeEpoch": 1_718_639_559_080_u64,
        },
    });
    assert_eq!(event_of(&api, "POST", "/lambda", &headers, 1_718_639_559_080), Some(expected));
}

/// The decoding that a captured event for an integration shows: the path, the parameters, the cookies and a header sent
/// twice.
#[test]
fn decoded_as_captured() {
    let query =
        "repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&literalPlus=a+b&encodedPlus=a%2Bb&empty=";
    let headers = [("cookie", "session=abc123; theme=dark"), ("x-voker-probe", "first"), ("x-voker-probe", "second")];
    let api = Api { stage: "$default", ..API };
    let event = event_of(&api, "POST", &format!("/capture/space%20value?{query}"), &headers, 0).unwrap();
    assert_eq!(event["rawPath"], "/capture/space value");
    assert_eq!(event["requestContext"]["http"]["path"], "/capture/space value");
    assert_eq!(event["rawQueryString"], query);
    assert_eq!(event["cookies"], json!(["session=abc123", "theme=dark"]));
    assert_eq!(event["headers"], json!({ "x-voker-probe": "first,second" }));
    let parameters = json!({
        "empty": "",
        "encodedPlus": "a+b",
        "literalPlus": "a b",
        "redirect": "https://example.com/a/b",
        "repeat": "one,two",
    });
    assert_eq!(event["queryStringParameters"], parameters);
}

#[test]
fn paths() {
    #[track_caller]
    fn check(target: &str, raw_path: &str, arn_path: &str) {
        let event = get(target, &[]);
        assert_eq!(event["rawPath"], raw_path);
        assert_eq!(event["requestContext"]["http"]["path"], raw_path);
        assert_eq!(
            event["routeArn"],
            format!("arn:aws:execute-api:eu-west-1:123456789012:lsw1ro4ipb/prod/GET/{arn_path}")
        );
    }
    check("/prod", "/prod", "");
    check("/prod?a=b", "/prod", "");
    check("/prod/", "/prod/", "");
    check("/prod/prod", "/prod/prod", "prod");
    check("/prod/applications", "/prod/applications", "applications");
    check("/prod/a%2Fb", "/prod/a/b", "a%2Fb");
    check("/prod/a%2fb%20c", "/prod/a/b c", "a%2fb%20c");
    check("/prod//a//", "/prod//a//", "/a//");
    check("/prod/a+b", "/prod/a+b", "a+b");
    check("/prod/%25", "/prod/%", "%25");
    check("/prod/%2525", "/prod/%25", "%2525");
    check("/prod/%zz/%4/%", "/prod/%zz/%4/%", "%zz/%4/%");
    check("/prod/a%3Fb%3Fc?d", "/prod/a", "a%3Fb%3Fc");
    check("/prod/%2e%2E/../.", "/prod/../../.", "%2e%2E/../.");
    check("/prod/%23%3b%5C%00", "/prod/#;\\\0", "%23%3b%5C%00");
    check("/prod/%c3%a4/%ff", "/prod/ä/\u{fffd}", "%c3%a4/%ff");
    for target in
        ["/", "", "/production", "/Prod/a", "//prod/a", "/%70rod/a", "prod/a", "/a/prod", "?/prod", "/prod%2Fa"]
    {
        assert_eq!(event_of(&API, "GET", target, &[], 0), None, "{target:?}");
    }
}

/// Five users of HTTP APIs have reported the same: a path always begins with a named stage, and never with a mapping
/// key.
#[test]
fn on_a_custom_domain_the_stage_is_shown_and_the_key_is_not() {
    #[track_caller]
    fn check((stage, base_path): (&str, &str), target: &str, raw_path: &str, arn_path: &str) {
        let api = Api { stage, domain_name: "api.example.com", base_path: Some(base_path), ..API };
        let event = event_of(&api, "GET", target, &[], 0).unwrap();
        assert_eq!(event["rawPath"], raw_path);
        let context = &event["requestContext"];
        assert_eq!(context["http"]["path"], raw_path);
        assert_eq!((&context["domainName"], &context["domainPrefix"]), (&json!("api.example.com"), &json!("api")));
        assert_eq!(context["stage"], stage);
        let arn = format!("arn:aws:execute-api:eu-west-1:123456789012:lsw1ro4ipb/{stage}/GET/{arn_path}");
        assert_eq!(event["routeArn"], arn);
    }
    check(("prod", ""), "/pets?x", "/prod/pets", "pets");
    check(("prod", ""), "/", "/prod/", "");
    check(("prod", ""), "/prod/pets", "/prod/prod/pets", "prod/pets");
    check(("prod", "/v1"), "/v1/pets", "/prod/pets", "pets");
    check(("prod", "/v1"), "/v1", "/prod/", "");
    check(("prod", "/v1"), "/v1/", "/prod/", "");
    check(("prod", "/v1"), "/v1/v1//a%2Fb", "/prod/v1//a/b", "v1//a%2Fb");
    check(("prod", "/orders/v1"), "/orders/v1/pets", "/prod/pets", "pets");
    check(("$default", ""), "/pets", "/pets", "pets");
    check(("$default", "/v1"), "/v1/pets?x", "/pets", "pets");
    check(("$default", "/v1"), "/v1", "/", "");
    check(("$default", "/v1"), "/v1?x", "/", "");
    for (base_path, target) in [("/v1", "/v2/pets"), ("/v1", "/"), ("/v1", "/v12"), ("/v1", "/prod/v1/pets")] {
        let api = Api { base_path: Some(base_path), ..API };
        assert_eq!(event_of(&api, "GET", target, &[], 0), None, "{target}");
    }
}

#[test]
fn routes() {
    #[track_caller]
    fn check(target: &str, route: &str, parameters: Value) {
        let api = Api { routes: Routes::PetStore, ..API };
        let event = event_of(&api, "GET", target, &[], 0).unwrap();
        assert_eq!((&event["routeKey"], &event["requestContext"]["routeKey"]), (&json!(route), &json!(route)));
        assert_eq!(event.get("pathParameters").cloned().unwrap_or_default(), parameters);
    }
    check("/prod/pets", "ANY /pets", Value::Null);
    check("/prod/pets/1?x", "ANY /pets/{petId}", json!({ "petId": "1" }));
    check("/prod/echo", "ANY /echo", Value::Null);
    check("/prod/echo/a%20b//c/", "ANY /echo/{proxy+}", json!({ "proxy": "a b//c/" }));
    // Recorded: `//test` reaches `GET /test`.
    check("/prod//pets", "ANY /pets", Value::Null);
    let api = Api { routes: Routes::PetStore, ..API };
    for target in ["/prod", "/prod/", "/prod/cats", "/prod/pets/", "/prod/pets/1/2", "/prod/echo/", "/prod/%70ets"] {
        assert_eq!(event_of(&api, "GET", target, &[], 0), None, "{target}");
    }
    assert_eq!(get("/prod/pets/1", &[]).get("pathParameters"), None);
}

#[test]
fn queries() {
    #[track_caller]
    fn check(query: &str, parameters: Value) {
        let event = get(&format!("/prod/a?{query}"), &[]);
        assert_eq!(event["rawQueryString"], query);
        assert_eq!(event["queryStringParameters"], parameters);
        assert_eq!(event.get("queryStringParameters").is_none(), parameters.is_null());
    }
    check("", Value::Null);
    check("&&", Value::Null);
    check("a=1;b=2&x=%zz", json!({ "a": "1;b=2", "x": "%zz" }));
    check("b=1&a=%32&b=3,4&b", json!({ "a": "2", "b": "1,3,4," }));
    check("%61+b=%26%3b%2B?", json!({ "a b": "&;+?" }));
    check("flag&=x&a=%ff&&", json!({ "flag": "", "": "x", "a": "\u{fffd}" }));
    let event = get("/prod/a", &[]);
    assert_eq!((&event["rawQueryString"], event.get("queryStringParameters")), (&json!(""), None));
}

#[test]
fn headers_and_cookies() {
    let headers = [
        ("X-A", "1"),
        ("x-a", "2, 3"),
        ("X-a", ""),
        ("Cookie", "a=1;b=2 ; c"),
        ("COOKIE", " d=\"x;"),
        ("User-Agent", "one"),
        ("user-agent", "two"),
    ];
    let event = get("/prod", &headers);
    assert_eq!(event["headers"], json!({ "x-a": "1,2, 3,", "user-agent": "one,two" }));
    assert_eq!(event["cookies"], json!(["a=1", "b=2", "c", "d=\"x"]));
    assert_eq!(event["requestContext"]["http"]["userAgent"], "one,two");

    let event = get("/prod", &[("Cookie", "; ")]);
    assert_eq!((&event["headers"], event.get("cookies")), (&json!({}), None));
    assert_eq!(event["requestContext"]["http"]["userAgent"], Value::Null);
}

#[test]
fn identity_sources() {
    let api = Api { identity_sources: &["X-A", "X-B"], ..API };
    let headers = [("X-B", "c"), ("x-a", "a"), ("X-A", "b")];
    let event = event_of(&api, "GET", "/prod", &headers, 0).unwrap();
    assert_eq!(event["identitySource"], json!(["a,b", "c"]));
    assert_eq!(get("/prod", &headers).get("identitySource"), None);
}
