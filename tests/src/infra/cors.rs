//! What `CorsAllowOrigins` of `infra/api.yaml` promises, in rows.

use crate::infra::support::rows::{HTTP_API, api, api_refusal, check};
use serde_json::{Value, json};

/// The header is on what the edge, API Gateway and CloudFront answer by themselves. The API's own headers stay as they are.
#[test]
fn refusals_have_the_origins_that_are_asked_for() {
    let policy = "/Properties/ResponseHeadersPolicyConfig/CorsConfig";
    let behavior = "/Properties/DistributionConfig/DefaultCacheBehavior/ResponseHeadersPolicyId";
    for (origins, listed) in [
        ("https://www.example.com", &["https://www.example.com"][..]),
        ("*", &["*"]),
        ("https://www.example.com,http://localhost:3000", &["https://www.example.com", "http://localhost:3000"]),
    ] {
        for kind in [&[][..], HTTP_API] {
            let stack = api(&[kind, &[("CorsAllowOrigins", origins)]].concat());
            let rows = [
                ("CFDistribution", behavior, json!({"Ref": "CorsPolicy"})),
                ("CorsPolicy", &*format!("{policy}/AccessControlAllowOrigins/Items"), json!(listed)),
                ("CorsPolicy", &format!("{policy}/OriginOverride"), json!(false)),
                // Whoever may read a status may not read what a cookie protects.
                ("CorsPolicy", &format!("{policy}/AccessControlAllowCredentials"), json!(false)),
            ];
            check(&stack, &rows);
            let responses = stack.resources().values().filter(|one| one["Type"] == "AWS::ApiGateway::GatewayResponse");
            // An HTTP API has none, and one has one value for all.
            let expected = if kind.is_empty() && listed.len() == 1 { 2 } else { 0 };
            assert_eq!(responses.count(), expected, "{origins}");
        }
    }
}

/// Without a distribution of its own, the stack has only the gateway responses, which have one value for all origins.
#[test]
fn a_rest_api_has_the_origin_in_its_gateway_responses() {
    let one = "https://www.example.com";
    for (distribution, origins, value) in [
        ("new", one.to_owned(), "'https://www.example.com'"),
        ("existing", one.to_owned(), "'https://www.example.com'"),
        ("existing", format!("{one},http://localhost:3000"), "'*'"),
        ("existing", "*".to_owned(), "'*'"),
    ] {
        let stack = api(&[("CorsAllowOrigins", &origins), ("Distribution", distribution)]);
        for (name, kind) in [("GatewayResponse4xx", "DEFAULT_4XX"), ("GatewayResponse5xx", "DEFAULT_5XX")] {
            let parameters = json!({"gatewayresponse.header.Access-Control-Allow-Origin": value});
            let rows = [
                (name, "/Properties/RestApiId", json!("abc123")),
                (name, "/Properties/ResponseType", json!(kind)),
                (name, "/Properties/ResponseParameters", parameters),
            ];
            check(&stack, &rows);
        }
        assert_eq!(stack.resources().contains_key("CorsPolicy"), distribution == "new");
    }
}

#[test]
fn without_origins_nothing_is_changed() {
    let stack = api(&[]);
    for name in ["CorsPolicy", "GatewayResponse4xx", "GatewayResponse5xx"] {
        assert!(!stack.resources().contains_key(name), "{name}");
    }
    let behavior = "/Properties/DistributionConfig/DefaultCacheBehavior/ResponseHeadersPolicyId";
    check(&stack, &[("CFDistribution", behavior, Value::Null)]);
}

#[test]
fn origins_that_cannot_be_set_are_refused() {
    const FORM: &str = "Parameter CorsAllowOrigins failed to satisfy constraint: one or several origins with commas and without a \
        path, as in https://www.example.com, or an asterisk";
    for wrong in [
        "www.example.com",
        "https://www.example.com/",
        "https://a.example.com, https://b.example.com",
        "*,*",
        "https://*'",
    ] {
        assert_eq!(api_refusal(&[("CorsAllowOrigins", wrong)]), FORM, "{wrong}");
    }
    let existing = [("CorsAllowOrigins", "*"), ("Distribution", "existing")];
    let nothing = "Rule CorsOfAnExistingDistribution: HTTP APIs have no gateway responses. Use the API's CORS settings and a response \
        headers policy of your own";
    assert_eq!(api_refusal(&[HTTP_API, &existing].concat()), nothing);
}
