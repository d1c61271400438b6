use super::*;
use crate::{
    doctor::{
        check::{self, Outcome},
        configuration::{
            answers::gateway::Method,
            reading::{Behind, Edge},
        },
    },
    finding::{Mark, Severity},
    status::answers::{Read, Stack},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{collections::BTreeMap, slice};

/// 2026-11-26T10:00:00Z
const NOW: UnixSeconds = UnixSeconds::new(1_795_687_200);
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:api-Authorizer";
const SIGNER: &str = "arn:aws:lambda:us-east-1:123456789012:function:signer:7";
const HOST: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
const NOT_CACHED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
const ALL_EXCEPT_HOST: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";

/// A deployment in which nothing is wrong, as the expressions make it of what AWS answers.
fn in_order(kind: &str) -> Value {
    let uri = format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations");
    let method = |method: &str| json!({"Method": method, "Authorization": "CUSTOM", "Authorizer": "auth01", "Key": true, "Integration": "AWS_PROXY"});
    let snapshot = json!({"authorizationType": "CUSTOM", "apiKeyRequired": true});
    let source = "arn:aws:execute-api:eu-west-1:123456789012:abc123/authorizers/*";
    let statement = json!({"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Condition": {"ArnLike": {"AWS:SourceArn": source}}});
    let output = |name: &str, value: &str| json!({"OutputKey": name, "OutputValue": value});
    let parameter = |name: &str, value: &str| json!({"ParameterKey": name, "ParameterValue": value});
    let codes = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];
    let setting = |name: &str, value: &str| json!({"Name": name, "Value": value});
    json!({
        "stack": {
            "StackName": "api", "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/api/1",
            "StackStatus": "UPDATE_COMPLETE", "CreationTime": "2026-01-01T00:00:00Z", "EnableTerminationProtection": true,
            "Parameters": [
                parameter("SignerVersionArn", SIGNER), parameter("BodyDigest", "digest"),
                parameter("ReplicaRegions", ""), parameter("WebAclArn", ""),
            ],
            "Outputs": [
                output("ApiKind", kind), output("BackDoor", &format!("https://{HOST}/prod")), output("ApiId", "abc123"),
                output("ApiStage", "prod"), output("AuthorizerId", "auth01"),
                output("AuthorizerFunctionArn", FUNCTION), output("AuthorizerFunctionName", "api-Authorizer"),
                output("SigningSecretArn", "arn:keys"), output("DistributionId", "E1"),
                output("ApiKeyRequired", if kind == "HTTP" { "false" } else { "true" }),
            ],
        },
        "function": {"Variables": {}},
        "methods": [
            {"Id": "root01", "Path": "/", "Methods": null},
            {"Id": "pets01", "Path": "/pets", "Methods": [method("GET"), method("OPTIONS")]},
        ],
        "routes": [{"Id": "r1", "Route": "$connect", "Authorization": "CUSTOM", "Authorizer": "auth01", "Key": true}],
        "authorizers": [
            {"Id": "auth01", "Kind": "REQUEST", "Uri": uri, "Ttl": 0, "Payload": "2.0", "Simple": true},
            {"Id": "own001", "Kind": "REQUEST", "Uri": uri, "Ttl": 0},
            {"Id": "other1", "Kind": "TOKEN", "Uri": "arn:aws:apigateway:x", "Ttl": 300},
        ],
        "api": {"Closed": false, "KeySource": "HEADER"},
        "stage": {"Deployment": "dep001", "Cache": false, "Auto": null},
        "deployment": {"Created": "2026-11-01T08:05:00Z", "Summary": {"/pets": {"GET": snapshot, "OPTIONS": snapshot}}},
        "resources": [
            {"Logical": "RestAuthorizer", "Physical": "auth01", "At": "2026-11-01T08:00:00Z"},
            {"Logical": "HttpAuthorizer", "Physical": "auth01", "At": "2026-11-01T08:00:00Z"},
            {"Logical": "WebSocketAuthorizer", "Physical": "auth01", "At": "2026-11-01T08:00:00Z"},
        ],
        "signer": {"State": "Active", "Reason": null, "Runtime": "nodejs24.x"},
        "concurrency": {"Reserved": null},
        "policy": json!({"Statement": [statement]}).to_string(),
        "rule": {"State": "ENABLED", "Schedule": "rate(1 day)"},
        "mappings": [{"Id": "m1", "State": "Enabled"}],
        "letters": "0",
        "distribution": {
            "WebAcl": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/pets/1",
            "Origins": [
                {"Id": "api", "Domain": HOST, "Path": "/prod", "Attempts": 2, "Protocol": "https-only", "ReadTimeout": 30,
                    "Names": ["countersign-secret", "countersign-api", "x-api-key"],
                    "Settings": [setting("countersign-secret", "arn:keys"), setting("Countersign-Api", &kind.to_lowercase())]},
                {"Id": "pages", "Domain": "pages.s3.amazonaws.com", "Path": null, "Attempts": 3, "Protocol": null},
            ],
            "Groups": [{"Id": "group", "Members": ["api", "pages"]}],
            "Default": {"Path": null, "Origin": "api", "Viewer": "https-only",
                "Methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
                "Cache": NOT_CACHED, "Request": ALL_EXCEPT_HOST, "Grpc": null, "Legacy": null,
                "Functions": [{"Arn": SIGNER, "Event": "origin-request", "Body": true}]},
            "Others": [{"Path": "/pages/*", "Origin": "pages", "Viewer": "allow-all", "Methods": ["GET"], "Cache": "kept"}],
            "Errors": codes.map(|code| json!({"Code": code, "Ttl": 0, "Page": ""})),
        },
        "requests": {"viewer": {"Name": "AllViewer", "Headers": "allViewer", "HeaderNames": null, "Query": "all"}},
        "caches": {"kept": {"Name": "Kept", "Default": 60, "Max": 60, "HeaderNames": null, "Query": "none"}},
        "acl": {"Name": "pets", "Rules": 2, "Blocks": false},
    })
}

/// `null` is what could not be read.
fn read<T: DeserializeOwned>(value: &Value) -> Read<T> {
    if value.is_null() { Err("aws x: denied".to_owned()) } else { Ok(serde_json::from_value(value.clone()).unwrap()) }
}

fn each<T: DeserializeOwned>(values: &Value) -> BTreeMap<String, Read<T>> {
    values.as_object().unwrap().iter().map(|(id, value)| (id.clone(), read(value))).collect()
}

fn checks(of: &Value) -> Vec<Check> {
    let stack: Stack = read(&of["stack"]).unwrap();
    let is_rest = stack.output("ApiKind") == Some("REST");
    let methods = if is_rest {
        read(&of["methods"]).map(Method::of_resources)
    } else {
        read(&of["routes"]).map(Method::of_routes)
    };
    let behind = Behind {
        methods,
        authorizers: read(&of["authorizers"]),
        api: read(&of["api"]),
        stage: read(&of["stage"]),
        deployments: vec![("dep001".to_owned(), read(&of["deployment"]))],
        resources: read(&of["resources"]),
        signer: Some(read(&of["signer"])),
        concurrency: read(&of["concurrency"]),
        policy: read(&of["policy"]),
        rule: Some(("api-Job".to_owned(), read(&of["rule"]))),
        mappings: Some(read(&of["mappings"])),
        dead_letters: Some(read(&of["letters"])),
    };
    let edge = Edge {
        distribution: read(&of["distribution"]),
        request_policies: each(&of["requests"]),
        cache_policies: each(&of["caches"]),
        web_acl: Some(read(&of["acl"])),
    };
    let function: Read<Function> = read(&of["function"]);
    let deployed = Deployed::of(&stack).unwrap();
    let examined = Examined {
        targets: &targets(),
        deployed: Some(&deployed),
        function: function.as_ref().ok(),
        exceptions: &[],
        now: NOW,
    };
    examined.checks(&Answers { edge: Some(edge), behind: Some(behind) })
}

fn targets() -> Targets {
    Targets {
        api_url: format!("https://{HOST}/prod").parse().unwrap(),
        viewer_url: "https://d111111abcdef8.cloudfront.net".parse().unwrap(),
        distribution: None,
        stack: None,
    }
}

/// The answers with changes: a member that is not there is made.
#[track_caller]
fn changed(kind: &str, changes: &[(&str, Value)]) -> Value {
    let mut answers = in_order(kind);
    for (pointer, value) in changes {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        match answers.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}")) {
            Value::Array(items) => items[member.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[member] = value.clone(),
        }
    }
    answers
}

#[track_caller]
fn check(kind: &str, changes: &[(&str, Value)], expected: &[(&str, Severity)]) -> Vec<Check> {
    let checks = checks(&changed(kind, changes));
    let found: Vec<_> = check::findings(&checks).into_iter().map(|of| (of.finding, of.severity)).collect();
    assert_eq!(found, expected, "{changes:?}");
    checks
}

#[track_caller]
fn text(checks: &[Check]) -> (String, String) {
    let found = check::findings(checks);
    let first = found.first().unwrap();
    (first.text.clone(), first.next.clone())
}

use Severity::{Note, Open, Wrong};

#[test]
fn a_deployment_in_order_has_no_finding() {
    let all = check("REST", &[], &[]);
    let lines: Vec<_> = all
        .iter()
        .map(|check| match &check.outcome {
            Outcome::Seen { value, .. } => (&*check.what, &**value, check.mark()),
            Outcome::Unread(error) => (&*check.what, &**error, check.mark()),
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("methods", "2 of 2 have the authorizer", Mark::Ok),
            ("authorizers", "2 call the function: auth01, own001", Mark::Ok),
            ("API", "default endpoint open", Mark::Ok),
            ("stage", "prod, deploys when it is told to, no cache", Mark::Ok),
            ("deployment", "dep001, made 2026-11-01T08:05:00Z (25 d 2 h ago), 2 methods, 0 open", Mark::Ok),
            ("signer", "Active, nodejs24.x", Mark::Ok),
            ("concurrency", "not reserved", Mark::Ok),
            ("permission", "API Gateway may call the authorizer for this API", Mark::Ok),
            ("operations on the stack", "no service role, protected", Mark::Ok),
            ("schedule", "rate(1 day), ENABLED", Mark::Ok),
            ("trigger of the rotator", "enabled", Mark::Ok),
            ("dead letters", "none", Mark::Ok),
            (
                "origin api",
                "abc123.execute-api.eu-west-1.amazonaws.com/prod, https-only, 30 s, 2 attempts; headers countersign-secret, \
                 countersign-api, x-api-key",
                Mark::Ok
            ),
            ("behavior Default (*)", "signer:7 signs, with the body", Mark::Ok),
            ("policies Default (*)", "AllViewerExceptHostHeader, CachingDisabled", Mark::Ok),
            ("errors", "not kept", Mark::Ok),
            ("web ACL", "pets, rules: 2", Mark::Ok),
        ]
    );
    check("HTTP", &[], &[]);
    check("WEBSOCKET", &[], &[]);
}

#[test]
fn every_method_has_the_authorizer() {
    let get = "/methods/1/Methods/0/Authorization";
    let one = check("REST", &[(get, json!("NONE"))], &[("methods-open", Open)]);
    assert_eq!(
        text(&one),
        (
            "these have no authorizer, and everybody may call them: GET /pets".to_owned(),
            "aws apigateway update-method --region eu-west-1 --rest-api-id abc123 --resource-id pets01 --http-method GET \
             --patch-operations 'op=replace,path=/authorizationType,value=CUSTOM' 'op=replace,path=/authorizerId,value=auth01' && \
             aws apigateway create-deployment --region eu-west-1 --rest-api-id abc123 --stage-name prod"
                .to_owned()
        )
    );
    let options = "/methods/1/Methods/1/Authorization";
    let both = check("REST", &[(get, Value::Null), (options, json!("NONE"))], &[("methods-open", Open)]);
    assert_eq!(text(&both).1, "infra/attach.md: 1. An existing REST API");
    // The edge signs preflights too. One that API Gateway answers by itself reaches nothing.
    let mock = ("/methods/1/Methods/1/Integration", json!("MOCK"));
    check("REST", &[(options, json!("NONE")), mock], &[("preflights-open", Note)]);
    check("REST", &[(get, json!("AWS_IAM"))], &[("other-authorizer", Wrong)]);
    check("REST", &[("/methods/1/Methods/0/Authorizer", json!("other1"))], &[("other-authorizer", Wrong)]);
    check("REST", &[("/methods/1/Methods/0/Authorizer", json!("own001"))], &[]);
    // Without the list of authorizers only that of the stack is known.
    let unknown = [("/methods/1/Methods/0/Authorizer", json!("own001")), ("/authorizers", Value::Null)];
    check("REST", &unknown, &[("other-authorizer", Wrong)]);
    check("REST", &[("/methods/1/Methods/0/Key", json!(false))], &[("key-not-required", Wrong)]);
    check("HTTP", &[("/routes/0/Key", json!(false))], &[]);
    let route = check("HTTP", &[("/routes/0/Authorization", json!("NONE"))], &[("methods-open", Open)]);
    assert_eq!(
        text(&route).1,
        "aws apigatewayv2 update-route --region eu-west-1 --api-id abc123 --route-id r1 --authorization-type CUSTOM \
         --authorizer-id auth01 && aws apigatewayv2 create-deployment --region eu-west-1 --api-id abc123 --stage-name prod"
    );
}

#[test]
fn only_connect_of_a_websocket_api_has_an_authorizer() {
    let open = json!({"Id": "r2", "Route": "$default", "Authorization": "NONE", "Key": false});
    let connect =
        json!({"Id": "r1", "Route": "$connect", "Authorization": "CUSTOM", "Authorizer": "auth01", "Key": true});
    check("WEBSOCKET", &[("/routes", json!([open, connect]))], &[]);
    check("WEBSOCKET", &[("/routes", json!([open]))], &[("connect-missing", Open)]);
    check("WEBSOCKET", &[("/routes/0/Authorization", json!("NONE"))], &[("methods-open", Open)]);
}

#[test]
fn the_names_of_many_methods_are_cut() {
    let methods: Vec<_> = (0..27).map(|at| json!({"Method": format!("M{at}"), "Key": true})).collect();
    let all = check("REST", &[("/methods/1/Methods", json!(methods))], &[("methods-open", Open)]);
    assert!(text(&all).0.ends_with(" M9 /pets and 17 more"), "{}", text(&all).0);
}

#[test]
fn the_deployment_has_what_the_api_has() {
    let get = "/deployment/Summary/~1pets/GET";
    let open = json!({"authorizationType": "NONE", "apiKeyRequired": true});
    let of = |snapshot: &Value| ("/deployment/Summary", json!({"/pets": {"GET": snapshot}}));
    let found = check("REST", &[of(&open)], &[("deployed-open", Open)]);
    assert_eq!(
        text(&found),
        (
            "in the deployment dep001 of the stage prod these have no authorizer: GET /pets".to_owned(),
            "aws apigateway create-deployment --region eu-west-1 --rest-api-id abc123 --stage-name prod".to_owned()
        )
    );
    assert!(in_order("REST").pointer(get).is_some());
    check("REST", &[("/deployment/Summary", json!({"~1pets": {"GET": open}}))], &[("deployed-open", Open)]);
    // A method that was removed since is open until the next deployment.
    check("REST", &[("/deployment/Summary", json!({"/old": {"GET": open}}))], &[("deployed-open", Open)]);
    // What is open now is one finding.
    let now = ("/methods/1/Methods/0/Authorization", json!("NONE"));
    check("REST", &[of(&open), now], &[("methods-open", Open)]);
    let keyless = json!({"authorizationType": "CUSTOM", "apiKeyRequired": false});
    check("REST", &[of(&keyless)], &[("deployment-old", Wrong)]);
    // It has the authorizer now, and another authorization in the deployment.
    for other in ["AWS_IAM", "COGNITO_USER_POOLS"] {
        let other = json!({"authorizationType": other, "apiKeyRequired": true});
        let found = check("REST", &[of(&other)], &[("deployment-old", Wrong)]);
        assert!(text(&found).0.ends_with("an authorization that checks no signature: GET /pets"), "{:?}", text(&found));
    }
    // A preflight that API Gateway answers by itself.
    let mock = [
        ("/methods/1/Methods/1/Integration", json!("MOCK")),
        ("/deployment/Summary", json!({"/pets": {"OPTIONS": open}})),
    ];
    check("REST", &mock, &[]);
    check("REST", &[mock[1].clone(), ("/methods", Value::Null)], &[]);
}

#[test]
fn the_deployment_is_younger_than_the_change_of_the_authorizer() {
    for (kind, at) in [("REST", 0), ("HTTP", 1), ("WEBSOCKET", 2)] {
        let changed = |time: &str| (format!("/resources/{at}/At"), json!(time));
        let (pointer, later) = changed("2026-11-01T08:05:01Z");
        check(kind, &[(&pointer, later.clone())], &[("deployment-old", Wrong)]);
        let (_, same) = changed("2026-11-01T08:05:00Z");
        check(kind, &[(&pointer, same)], &[]);
        check(kind, &[(&pointer, later), ("/stage/Auto", json!(true))], &[]);
    }
}

#[test]
fn the_authorizers_call_the_function_as_api_gateway_expects() {
    check("REST", &[("/authorizers/0/Uri", json!("arn:aws:apigateway:x"))], &[("authorizer-calls-another", Wrong)]);
    check("REST", &[("/authorizers/1/Kind", json!("TOKEN"))], &[("authorizer-not-request", Wrong)]);
    check("REST", &[("/authorizers/1/Ttl", json!(300))], &[("own-authorizer-caches", Wrong)]);
    // `status` reads that of the stack.
    check("REST", &[("/authorizers/0/Ttl", json!(300))], &[]);
    let policy = ("/function/Variables/COUNTERSIGN_ANSWER", json!("policy"));
    let not_simple = ("/authorizers/0/Simple", json!(false));
    check("HTTP", slice::from_ref(&policy), &[("answer-form-differs", Wrong)]);
    check("HTTP", slice::from_ref(&not_simple), &[("answer-form-differs", Wrong)]);
    check("HTTP", &[policy, not_simple], &[]);
    check("HTTP", &[("/authorizers/0/Payload", json!("1.0"))], &[("payload-old", Note)]);
    // An alias of the function, and a function whose name begins with the same.
    let uri = format!("arn:aws:apigateway:x:lambda:path/2015-03-31/functions/{FUNCTION}:live/invocations");
    check("REST", &[("/authorizers/0/Uri", json!(uri))], &[]);
    let uri = format!("arn:aws:apigateway:x:lambda:path/2015-03-31/functions/{FUNCTION}-2/invocations");
    check("REST", &[("/authorizers/0/Uri", json!(uri))], &[("authorizer-calls-another", Wrong)]);
}

#[test]
fn the_api_and_its_stage_are_judged() {
    check("REST", &[("/api/KeySource", json!("AUTHORIZER"))], &[("key-source-authorizer", Wrong)]);
    check("REST", &[("/stage/Cache", json!(true))], &[("stage-caches", Note)]);
    let domain = ("/stack/Outputs/1/OutputValue", json!("https://api.example.com/prod"));
    let origin = ("/distribution/Origins/0/Domain", json!("api.example.com"));
    check("REST", &[domain.clone(), origin.clone()], &[("default-endpoint-open", Note)]);
    check("REST", &[domain, origin, ("/api/Closed", json!(true))], &[]);
}

#[test]
fn the_functions_run_and_may_be_called() {
    check("REST", &[("/signer/State", json!("Failed"))], &[("signer-not-active", Wrong)]);
    check("REST", &[("/signer/State", json!("Inactive"))], &[]);
    for (runtime, expected) in [
        ("nodejs18.x", &[("runtime-ends", Wrong)][..]),
        ("nodejs20.x", &[("runtime-ends", Wrong)]),
        // In 155 days.
        ("nodejs22.x", &[]),
        ("nodejs24.x", &[]),
        ("another", &[]),
    ] {
        check("REST", &[("/signer/Runtime", json!(runtime))], expected);
    }
    check("REST", &[("/concurrency/Reserved", json!(0))], &[("authorizer-stopped", Wrong)]);
    check("REST", &[("/concurrency/Reserved", json!(5))], &[]);
    let policy = |api: &str, condition: &str| {
        let source = format!("arn:aws:execute-api:eu-west-1:123456789012:{api}/authorizers/*");
        let statement = json!({"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Condition": {condition: {"aws:sourcearn": source}}});
        ("/policy", json!(json!({"Statement": statement}).to_string()))
    };
    check("REST", &[policy("abc123", "StringLike")], &[]);
    check("REST", &[policy("*", "ArnLike")], &[]);
    check("REST", &[policy("other1", "ArnLike")], &[("not-permitted", Wrong)]);
    check("REST", &[("/policy", json!("{}"))], &[("not-permitted", Wrong)]);
    check("REST", &[("/policy", json!("{}")), ("/authorizers/0/Role", json!("arn:role"))], &[]);
    let wide = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction"}]});
    check("REST", &[("/policy", json!(wide.to_string()))], &[("permission-wide", Note)]);
}

#[test]
fn a_runtime_is_a_note_ninety_days_before_its_end() {
    let signer = |now: u64| {
        let stack: Stack = read(&in_order("REST")["stack"]).unwrap();
        let deployed = Deployed::of(&stack).unwrap();
        let now = UnixSeconds::new(now);
        let examined =
            Examined { targets: &targets(), deployed: Some(&deployed), function: None, exceptions: &[], now };
        let signer = serde_json::from_value(json!({"State": "Active", "Runtime": "nodejs22.x"})).unwrap();
        examined.signer(&signer).findings().iter().map(|found| found.severity).next()
    };
    // 2027-04-30T00:00:00Z
    let end = 1_809_043_200;
    assert_eq!(signer(end - 90 * 86_400 - 1), None);
    assert_eq!(signer(end - 90 * 86_400), Some(Note));
    assert_eq!(signer(end - 1), Some(Note));
    assert_eq!(signer(end), Some(Wrong));
}

#[test]
fn the_stack_and_its_rotations_are_judged() {
    check("REST", &[("/stack/RoleARN", json!("arn:role"))], &[("service-role", Note)]);
    let open = check("REST", &[("/stack/EnableTerminationProtection", json!(false))], &[("stack-unprotected", Note)]);
    assert_eq!(
        text(&open).1,
        "aws cloudformation update-termination-protection --region eu-west-1 --stack-name api --enable-termination-protection"
    );
    check("REST", &[("/rule/State", json!("DISABLED"))], &[("schedule-off", Wrong)]);
    check("REST", &[("/mappings/0/State", json!("Disabled"))], &[("trigger-off", Wrong)]);
    check("REST", &[("/mappings", json!([]))], &[("trigger-off", Wrong)]);
    check("REST", &[("/letters", json!("3"))], &[("dead-letters", Wrong)]);
}

#[test]
fn an_origin_that_is_the_api_signs() {
    let secret = "/distribution/Origins/0/Settings/0/Value";
    check("REST", &[(secret, json!("none"))], &[("origin-not-signing", Wrong)]);
    check("REST", &[("/distribution/Origins/0/Settings", Value::Null)], &[("origin-not-signing", Wrong)]);
    // An origin that signs is examined whatever its name is.
    let other = ("/distribution/Origins/0/Domain", json!("other.example.com"));
    check("REST", &[other.clone(), (secret, json!("none"))], &[("api-not-an-origin", Wrong)]);
    check("REST", &[other, ("/distribution/Origins/0/Protocol", json!("http-only"))], &[("origin-not-https", Wrong)]);
    check("REST", &[("/distribution/Origins/0/Path", json!("/beta"))], &[("origin-path-differs", Wrong)]);
    check("REST", &[("/distribution/Origins/0/Path", json!(""))], &[("origin-path-differs", Wrong)]);
    let own = ("/stack/Outputs/8/OutputKey", json!("Other"));
    check("REST", &[("/distribution/Origins/0/Path", json!("")), own], &[]);
}

#[test]
fn a_request_is_not_sent_again_after_its_signature_has_expired() {
    let origin = |timeout: Value, attempts: Value| {
        [("/distribution/Origins/0/ReadTimeout", timeout), ("/distribution/Origins/0/Attempts", attempts)]
    };
    check("REST", &origin(json!(59), json!(2)), &[]);
    let late = check("REST", &origin(json!(60), json!(2)), &[("signature-expires-first", Wrong)]);
    assert_eq!(
        text(&late).0,
        "CloudFront waits 60 s for the origin api and tries 2 times, so it may send a request after 60 s, and its signature \
         is valid for 60 s"
    );
    check("REST", &origin(json!(180), json!(1)), &[]);
    // CloudFront's defaults.
    check("REST", &origin(Value::Null, Value::Null), &[("signature-expires-first", Wrong)]);
    let longer = json!({"Name": "countersign-lifetime", "Value": "120"});
    let settings = ("/distribution/Origins/0/Settings/1", longer);
    check("REST", slice::from_ref(&settings), &[("lifetime-too-long", Wrong)]);
    check("REST", &[settings, ("/function/Variables/COUNTERSIGN_MAX_LIFETIME", json!("120"))], &[]);
}

#[test]
fn an_origin_has_the_headers_and_settings_of_the_stack() {
    check("REST", &[("/stack/Outputs/2/OutputKey", json!("ApiId")), ("/distribution/Origins/0/Names", json!([]))], &[]);
    let mut answers = in_order("REST");
    let outputs = answers["stack"]["Outputs"].as_array_mut().unwrap();
    for name in ["ApiKeySecretArn", "OriginHeaderSecretArn"] {
        outputs.push(json!({"OutputKey": name, "OutputValue": "arn:x"}));
    }
    let all = checks(&answers);
    let missing: Vec<_> = check::findings(&all).into_iter().map(|of| &*of.text).collect();
    // x-api-key is there.
    let text = "CloudFront does not send x-origin-verify to the origin api, and the stack has a value for it";
    assert_eq!(missing, [text]);
    for (parameter, value) in [("/stack/Parameters/1", "ignore"), ("/stack/Parameters/2", "us-east-1")] {
        let pointer = format!("{parameter}/ParameterValue");
        check("REST", &[(&pointer, json!(value))], &[("origin-setting-differs", Wrong)]);
    }
    check("REST", &[("/distribution/Origins/0/Settings/1/Value", json!("http"))], &[("origin-setting-differs", Wrong)]);
    // The order of Regions has no meaning.
    let regions = json!({"Name": "countersign-regions", "Value": "ap-southeast-2,us-east-1"});
    let replicas = ("/stack/Parameters/2/ParameterValue", json!("us-east-1,ap-southeast-2"));
    let settings = [in_order("REST").pointer("/distribution/Origins/0/Settings/0").unwrap().clone(), regions];
    check("REST", &[("/distribution/Origins/0/Settings", json!(settings)), replicas], &[]);
    // For a distribution require-at-edge is require.
    let body = json!({"Name": "countersign-body", "Value": "require"});
    let at_edge = ("/stack/Parameters/1/ParameterValue", json!("require-at-edge"));
    check("REST", &[("/distribution/Origins/0/Settings/1", body), at_edge], &[]);
}

#[test]
fn each_behavior_that_leads_to_the_api_signs_with_the_body() {
    let other = SIGNER.replace(":7", ":6");
    check("REST", &[("/distribution/Default/Functions/0/Arn", json!(other))], &[("other-signer", Wrong)]);
    check("REST", &[("/distribution/Default/Functions", Value::Null)], &[("behavior-unsigned", Wrong)]);
    check("REST", &[("/distribution/Default/Functions/0/Body", json!(false))], &[("body-not-included", Wrong)]);
    // Of a group one origin needs the body.
    let digest = json!([{"Name": "countersign-secret", "Value": "arn:keys"}]);
    let ignore =
        json!([{"Name": "countersign-secret", "Value": "arn:keys"}, {"Name": "countersign-body", "Value": "ignore"}]);
    let group = [
        ("/distribution/Default/Origin", json!("group")),
        ("/distribution/Origins/0/Settings", digest),
        ("/distribution/Origins/1/Settings", ignore),
        ("/distribution/Default/Functions/0/Body", json!(false)),
    ];
    let found = checks(&changed("REST", &group));
    let found: Vec<_> = found.iter().flat_map(Check::findings).map(|found| found.finding).collect();
    assert!(found.contains(&"body-not-included"), "{found:?}");
    let ignore = [
        ("/distribution/Default/Functions/0/Body", json!(false)),
        ("/distribution/Origins/0/Settings/1", json!({"Name": "countersign-body", "Value": "ignore"})),
        ("/stack/Parameters/1/ParameterValue", json!("ignore")),
    ];
    check("REST", &ignore, &[]);
    check("REST", &[("/distribution/Default/Methods", json!(["GET", "HEAD"]))], &[("methods-not-allowed", Note)]);
    check("WEBSOCKET", &[("/distribution/Default/Methods", json!(["GET", "HEAD"]))], &[]);
    check("REST", &[("/distribution/Default/Viewer", json!("allow-all"))], &[("viewer-http", Note)]);
    check("REST", &[("/distribution/Default/Grpc", json!(true))], &[("grpc-unsigned", Note)]);
    // The other origin of a group must say that it does not sign.
    let group = ("/distribution/Default/Origin", json!("group"));
    check("REST", slice::from_ref(&group), &[("failover-unset", Wrong)]);
    let none = ("/distribution/Origins/1/Settings", json!([{"Name": "countersign-secret", "Value": "none"}]));
    check("REST", &[group, none], &[]);
}

#[test]
fn a_behavior_forwards_the_query_and_not_host() {
    let request = |id: Value| ("/distribution/Default/Request", id);
    let cache = |id: Value| ("/distribution/Default/Cache", id);
    let policy = |headers: &str, names: Value, query: &str| {
        ("/requests/own", json!({"Name": "Own", "Headers": headers, "HeaderNames": names, "Query": query}))
    };
    check("REST", &[request(json!("viewer"))], &[("host-forwarded", Wrong)]);
    check("REST", &[request(Value::Null)], &[("query-not-forwarded", Wrong)]);
    let own = || request(json!("own"));
    for (headers, names, query, expected) in [
        ("allExcept", json!(["host"]), "all", &[][..]),
        ("allExcept", json!(["cookie"]), "all", &[("host-forwarded", Wrong)]),
        ("allViewerAndWhitelistCloudFront", json!(["CloudFront-Viewer-Country"]), "all", &[("host-forwarded", Wrong)]),
        ("whitelist", json!(["Accept", "Host"]), "all", &[("host-forwarded", Wrong)]),
        ("whitelist", json!(["Accept"]), "all", &[]),
        ("none", Value::Null, "all", &[]),
        ("none", Value::Null, "none", &[("query-not-forwarded", Wrong)]),
        ("none", Value::Null, "whitelist", &[("query-not-forwarded", Wrong)]),
        ("none", Value::Null, "allExcept", &[("query-not-forwarded", Wrong)]),
    ] {
        check("REST", &[own(), policy(headers, names, query)], expected);
    }
    check("REST", &[cache(json!("kept"))], &[("behavior-caches", Note)]);
    // What is part of the cache's key reaches the origin too.
    let all = json!({"Name": "Own", "Default": 0, "Max": 0, "HeaderNames": ["Host"], "Query": "all"});
    check("REST", &[cache(json!("own")), request(Value::Null), ("/caches/own", all)], &[("host-forwarded", Wrong)]);
}

#[test]
fn a_behavior_without_policies_is_judged_alike() {
    for (legacy, expected) in [
        (json!({"Query": true, "Headers": ["Accept"], "Default": 0, "Max": 0}), &[][..]),
        (json!({"Query": false, "Headers": null, "Default": 0, "Max": 0}), &[("query-not-forwarded", Wrong)]),
        (json!({"Query": true, "Headers": ["Host"], "Default": 0, "Max": 0}), &[("host-forwarded", Wrong)]),
        (json!({"Query": true, "Headers": ["*"], "Default": 0, "Max": null}), &[("host-forwarded", Wrong)]),
        (json!({"Query": true, "Headers": null, "Default": null, "Max": null}), &[("behavior-caches", Note)]),
    ] {
        let changes = [
            ("/distribution/Default/Cache", Value::Null),
            ("/distribution/Default/Request", Value::Null),
            ("/distribution/Default/Legacy", legacy),
        ];
        check("REST", &changes, expected);
    }
}

#[test]
fn errors_are_not_kept_and_refusals_are_shown() {
    check("REST", &[("/distribution/Errors/1/Ttl", json!(10))], &[("errors-cached", Wrong)]);
    check("REST", &[("/distribution/Errors/1/Ttl", Value::Null)], &[("errors-cached", Wrong)]);
    let none = check("REST", &[("/distribution/Errors", Value::Null)], &[("errors-cached", Wrong)]);
    assert!(text(&none).0.ends_with(": 400, 403, 404, 405, 414, 500, 501, 502, 503, 504"));
    check("REST", &[("/distribution/Errors/1/Page", json!("/index.html"))], &[("refusals-hidden", Note)]);
    check("REST", &[("/distribution/Errors/2/Page", json!("/index.html"))], &[]);
}

#[test]
fn the_distribution_has_a_web_acl_with_rules() {
    check("REST", &[("/distribution/WebAcl", json!(""))], &[("no-web-acl", Note)]);
    check("REST", &[("/acl/Rules", json!(0))], &[("web-acl-empty", Note)]);
    check("REST", &[("/acl/Rules", json!(0)), ("/acl/Blocks", json!(true))], &[]);
    let named =
        ("/stack/Parameters/3/ParameterValue", json!("arn:aws:wafv2:us-east-1:123456789012:global/webacl/other/2"));
    check("REST", slice::from_ref(&named), &[("other-web-acl", Wrong)]);
    check("REST", &[named.clone(), ("/distribution/WebAcl", json!(""))], &[("other-web-acl", Wrong)]);
    // That of the operator's own distribution is not the stack's to set.
    check("REST", &[named, ("/stack/Outputs/8/OutputKey", json!("Other"))], &[]);
}

#[test]
fn the_page_that_mends_a_distribution_depends_on_who_made_it() {
    let kept = ("/distribution/Errors/1/Ttl", json!(10));
    let made = check("REST", slice::from_ref(&kept), &[("errors-cached", Wrong)]);
    assert_eq!(text(&made).1, "infra/RUNBOOK.md: Undo a change that was made past CloudFormation");
    let own = check("REST", &[kept, ("/stack/Outputs/8/OutputKey", json!("Other"))], &[("errors-cached", Wrong)]);
    assert_eq!(text(&own).1, "infra/attach.md: 4. An existing distribution");
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    for (member, lines) in [
        ("methods", &["methods"][..]),
        ("authorizers", &["authorizers"]),
        ("api", &["API"]),
        ("stage", &["stage"]),
        ("deployment", &["deployment"]),
        ("resources", &["schedule"]),
        ("signer", &["signer"]),
        ("concurrency", &["concurrency"]),
        ("policy", &["permission"]),
        ("rule", &["schedule"]),
        ("mappings", &["trigger of the rotator"]),
        ("letters", &["dead letters"]),
        ("distribution", &["distribution"]),
        ("acl", &["web ACL"]),
    ] {
        let mut answers = in_order("REST");
        answers[member] = Value::Null;
        let checks = checks(&answers);
        let unread: Vec<_> = checks.iter().filter(|of| of.mark() == Mark::Unread).map(|of| &*of.what).collect();
        assert_eq!(unread, lines, "{member}");
        assert_eq!(check::exit_status(&checks), 1, "{member}");
    }
    // A list that is empty was not read either: an API without a method cannot be deployed.
    for (pointer, line) in [("/deployment/Summary", "deployment"), ("/methods", "methods")] {
        let checks =
            checks(&changed("REST", &[(pointer, json!(if line == "methods" { json!([]) } else { json!({}) }))]));
        let unread: Vec<_> = checks.iter().filter(|of| of.mark() == Mark::Unread).map(|of| &*of.what).collect();
        assert_eq!((unread, check::exit_status(&checks)), (vec![line], 1), "{pointer}");
    }
    let policy = [("/distribution/Default/Request", json!("viewer")), ("/requests/viewer", Value::Null)];
    let all = check("REST", &policy, &[]);
    let unread: Vec<_> = all.iter().filter(|of| of.mark() == Mark::Unread).map(|of| &*of.what).collect();
    assert_eq!(unread, ["policies Default (*)"]);
}

#[test]
fn without_a_stack_the_distribution_is_compared_with_the_url() {
    let answers = in_order("REST");
    let edge = |distribution: &Value| Edge {
        distribution: read(distribution),
        request_policies: each(&answers["requests"]),
        cache_policies: each(&answers["caches"]),
        web_acl: None,
    };
    let found = |distribution: &Value| -> Vec<_> {
        let examined = Examined { targets: &targets(), deployed: None, function: None, exceptions: &[], now: NOW };
        let checks = examined.checks(&Answers { edge: Some(edge(distribution)), behind: None });
        check::findings(&checks).into_iter().map(|of| of.finding).collect()
    };
    assert_eq!(found(&answers["distribution"]), [""; 0]);
    let mut other = answers["distribution"].clone();
    other["Default"]["Functions"] = Value::Null;
    other["Origins"][0]["Settings"] = Value::Null;
    other["Origins"][0]["Path"] = json!("/beta");
    assert_eq!(found(&other), ["origin-not-signing", "origin-path-differs", "behavior-unsigned"]);
}
