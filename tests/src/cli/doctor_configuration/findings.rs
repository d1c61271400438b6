//! Each finding about the configuration, provoked once by the real command.

use crate::cli::doctor_configuration::{
    NOWHERE, Report, SIGNER, doctor, in_order, in_order_with_an_http_api, output,
    pages::{of_the_page, page},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

const STACK: &str = "/cloudformation describe-stacks/Stacks/0";
const CONFIG: &str = "/cloudfront get-distribution-config/DistributionConfig";
const OF_STATUS: &str = "/cloudfront get-distribution/Distribution/DistributionConfig";
const ORIGIN: &str = "/cloudfront get-distribution-config/DistributionConfig/Origins/Items/0";
const BEHAVIOR: &str = "/cloudfront get-distribution-config/DistributionConfig/DefaultCacheBehavior";
const PETS: &str = "/apigateway get-resources/items/2/resourceMethods";

/// A deployment in which something is wrong: where it differs from one in order, and what is found.
struct Case {
    api: Api,
    changes: Vec<(String, Value)>,
    found: &'static [&'static str],
    options: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Api {
    Rest,
    Http,
    WebSocket,
}

impl Case {
    fn of(api: Api, changes: &[(&str, Value)], found: &'static [&'static str]) -> Self {
        let changes = changes.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect();
        Self { api, changes, found, options: &[] }
    }

    fn with(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    fn answers(&self) -> Value {
        let mut answers = match self.api {
            Api::Rest => in_order(),
            Api::Http | Api::WebSocket => in_order_with_an_http_api(),
        };
        if matches!(self.api, Api::WebSocket) {
            *output(&mut answers, "ApiKind") = json!("WEBSOCKET");
        }
        for (pointer, value) in &self.changes {
            // The member may be a new one.
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            let member = member.replace("~1", "/");
            match answers.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}")) {
                Value::Array(items) => items[member.parse::<usize>().unwrap()] = value.clone(),
                parent => parent[&member] = value.clone(),
            }
        }
        answers
    }
}

/// Several findings that do not touch each other are provoked together: each run starts two dozen processes.
fn cases() -> Vec<Case> {
    let at = |begin: &str, rest: &str| format!("{begin}{rest}");
    let open = json!({"authorizationType": "NONE", "apiKeyRequired": false});
    let policy = |source: Value| {
        let statement = json!({"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Condition": source});
        json!(json!({"Statement": [statement]}).to_string())
    };
    let other_api =
        json!({"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:eu-west-1:123456789012:other1/authorizers/*"}});
    let codes: Vec<_> = (0..11).map(|at| json!({"ErrorCode": 400 + at, "ErrorCachingMinTTL": 10})).collect();
    let case = Case::of;
    vec![
        case(
            Api::Rest,
            &[
                (&at(PETS, "/GET/authorizationType"), json!("NONE")),
                (&at(PETS, "/POST/authorizerId"), json!("other1")),
                (&at(PETS, "/OPTIONS/authorizationType"), json!("NONE")),
                ("/apigateway get-deployment/apiSummary/~1pets", json!({"GET": open, "POST": open, "OPTIONS": open})),
                ("/apigateway get-authorizers/items/1/authorizerResultTtlInSeconds", json!(300)),
                ("/apigateway get-rest-api/apiKeySource", json!("AUTHORIZER")),
                ("/apigateway get-stage/cacheClusterEnabled", json!(true)),
                ("/cloudfront get-distribution-config/DistributionConfig/WebACLId", json!("")),
                ("/events describe-rule/State", json!("DISABLED")),
                ("/sqs get-queue-attributes/Attributes/ApproximateNumberOfMessages", json!("2")),
                ("/lambda list-event-source-mappings/EventSourceMappings/0/State", json!("Disabled")),
            ],
            &[
                "methods-open",
                "other-authorizer",
                "preflights-open",
                "deployed-open",
                // There POST does not require the key.
                "deployment-old",
                "own-authorizer-caches",
                "key-source-authorizer",
                "stage-caches",
                // The stack names one.
                "other-web-acl",
                "schedule-off",
                "dead-letters",
                "trigger-off",
            ],
        ),
        case(
            Api::Rest,
            &[
                (&at(PETS, "/GET/apiKeyRequired"), json!(false)),
                ("/cloudformation describe-stack-resources/StackResources/0/Timestamp", json!("2026-11-01T09:00:00Z")),
                ("/apigateway get-authorizers/items/1/type", json!("TOKEN")),
                ("/lambda get-policy/Policy", policy(other_api)),
                ("/lambda get-function-concurrency/ReservedConcurrentExecutions", json!(0)),
                (
                    &format!("/lambda get-function-configuration {SIGNER}"),
                    json!({"State": "Failed", "Runtime": "nodejs18.x"}),
                ),
                (&at(STACK, "/RoleARN"), json!("arn:aws:iam::123456789012:role/deployer")),
                (&at(STACK, "/EnableTerminationProtection"), json!(false)),
                (&at(CONFIG, "/CustomErrorResponses/Items"), json!(codes)),
                (&at(ORIGIN, "/CustomOriginConfig/OriginProtocolPolicy"), json!("match-viewer")),
                (&at(ORIGIN, "/OriginPath"), json!("/beta")),
                (&at(ORIGIN, "/ConnectionAttempts"), json!(3)),
                (&at(ORIGIN, "/CustomHeaders/Items/3/HeaderValue"), json!("ignore")),
                (&at(ORIGIN, "/CustomHeaders/Items/4/HeaderName"), json!("x-other")),
                (&at(BEHAVIOR, "/OriginRequestPolicyId"), json!("216adef6-5c7f-47e4-b989-5492eafa07d3")),
                (&at(BEHAVIOR, "/AllowedMethods/Items"), json!(["GET", "HEAD"])),
                (&at(BEHAVIOR, "/ViewerProtocolPolicy"), json!("allow-all")),
                (&at(BEHAVIOR, "/GrpcConfig/Enabled"), json!(true)),
                ("/wafv2 get-web-acl/WebACL/Rules", json!([])),
            ],
            &[
                "key-not-required",
                "deployment-old",
                "authorizer-not-request",
                "not-permitted",
                "authorizer-stopped",
                "signer-not-active",
                "runtime-ends",
                "service-role",
                "stack-unprotected",
                "errors-cached",
                "origin-not-https",
                "origin-path-differs",
                "signature-expires-first",
                "origin-setting-differs",
                "origin-header-missing",
                "host-forwarded",
                "methods-not-allowed",
                "viewer-http",
                "grpc-unsigned",
                "web-acl-empty",
            ],
        ),
        case(
            Api::Rest,
            &[
                (
                    "/apigateway get-authorizers/items/0/authorizerUri",
                    json!("arn:aws:apigateway:x:lambda:path/functions/another/invocations"),
                ),
                ("/lambda get-policy/Policy", policy(json!({}))),
                (&at(BEHAVIOR, "/CachePolicyId"), json!("658327ea-f89d-4fab-a63d-7e88639e58f6")),
                (&at(BEHAVIOR, "/OriginRequestPolicyId"), Value::Null),
                (&at(BEHAVIOR, "/LambdaFunctionAssociations/Items/0/IncludeBody"), json!(false)),
                (&at(BEHAVIOR, "/TargetOriginId"), json!("group")),
                (&at(CONFIG, "/CustomErrorResponses/Items/1/ResponsePagePath"), json!("/error.html")),
                (&at(STACK, "/Parameters/5/ParameterValue"), json!("")),
                (&at(CONFIG, "/WebACLId"), json!("")),
                (
                    &at(ORIGIN, "/CustomHeaders/Items/2"),
                    json!({"HeaderName": "countersign-lifetime", "HeaderValue": "120"}),
                ),
            ],
            &[
                "authorizer-calls-another",
                "permission-wide",
                "behavior-caches",
                "query-not-forwarded",
                "body-not-included",
                "failover-unset",
                "refusals-hidden",
                "no-web-acl",
                "lifetime-too-long",
            ],
        ),
        case(
            Api::Http,
            &[
                ("/apigatewayv2 get-authorizers/Items/0/EnableSimpleResponses", json!(false)),
                (&at(STACK, "/Outputs/0/OutputValue"), json!("https://api.example.com/prod")),
                (&at(ORIGIN, "/CustomHeaders/Items/0/HeaderValue"), json!("none")),
                (&at(OF_STATUS, "/Origins/Items/0/CustomHeaders/Items/0/HeaderValue"), json!("none")),
            ],
            &["answer-form-differs", "default-endpoint-open", "api-not-an-origin", "nothing-signs"],
        ),
        case(
            Api::Http,
            &[
                ("/apigatewayv2 get-authorizers/Items/0/AuthorizerPayloadFormatVersion", json!("1.0")),
                (&at(ORIGIN, "/CustomHeaders/Items/0/HeaderValue"), json!("none")),
                (&at(OF_STATUS, "/Origins/Items/0/CustomHeaders/Items/0/HeaderValue"), json!("none")),
            ],
            &["payload-old", "origin-not-signing", "nothing-signs"],
        ),
        case(
            Api::WebSocket,
            &[(&at(ORIGIN, "/CustomHeaders/Items/1/HeaderValue"), json!("websocket"))],
            // Its source is named as those of a REST API.
            &["connect-missing", "exception-unknown"],
        )
        .with(&["--except", "GET /nothing"]),
    ]
}

/// All of them at once, as far as there are processors.
async fn reports(cases: Vec<Case>) -> Vec<(Case, Report)> {
    let mut running = JoinSet::new();
    for case in cases {
        running.spawn(async move {
            let report = doctor(&case.answers(), &[&["--stack", "api"], &NOWHERE[..], case.options].concat()).await;
            (case, report)
        });
    }
    running.join_all().await
}

#[tokio::test]
async fn a_deployment_in_order_has_no_finding() {
    for answers in [in_order(), in_order_with_an_http_api()] {
        let report = doctor(&answers, &[&["--stack", "api"], &NOWHERE[..]].concat()).await;
        assert_eq!(report.not_in_order(), []);
        assert_eq!(report.findings(), BTreeSet::new());
    }
}

#[tokio::test]
async fn a_method_that_is_open_on_purpose_is_counted_apart() {
    let open = json!({"authorizationType": "NONE", "apiKeyRequired": false});
    let changes = [
        (&*format!("{PETS}/GET/authorizationType"), json!("NONE")),
        (&*format!("{PETS}/GET/apiKeyRequired"), json!(false)),
        ("/apigateway get-deployment/apiSummary/~1pets/GET", open),
    ];
    let answers = Case::of(Api::Rest, &changes, &[]).answers();
    let report = doctor(&answers, &[&["--stack", "api"], &NOWHERE[..]].concat()).await;
    assert_eq!(report.findings(), BTreeSet::from(["methods-open", "key-not-required"]));
    let excepted = ["--stack", "api", "--except", "GET /pets"];
    let report = doctor(&answers, &[&excepted, &NOWHERE[..]].concat()).await;
    assert_eq!((report.findings(), report.not_in_order()), (BTreeSet::new(), Vec::new()), "{:#}", report.whole);
}

#[tokio::test]
async fn every_finding_is_provoked_by_the_command_with_the_permissions_of_the_page() {
    let (mut provoked, mut calls) = (BTreeSet::new(), BTreeSet::new());
    for (case, report) in reports(cases()).await {
        assert_eq!(report.findings(), case.found.iter().copied().collect(), "{:#}", report.whole);
        assert_eq!(report.status, Some(3));
        if case.found.contains(&"schedule-off") {
            assert_eq!(report.next("schedule-off"), "aws events enable-rule --region eu-west-1 --name api-Job");
        }
        provoked.extend(case.found.iter().copied());
        calls.extend(report.calls);
    }
    let of_page = of_the_page("doctor.md", "\n### Findings about the configuration\n");
    let missing: Vec<_> = of_page.iter().filter(|finding| !provoked.contains(finding.as_str())).collect();
    assert!(missing.is_empty() && of_page.len() > 40, "{missing:?}");

    let (page, calls) = (page("doctor.md"), calls.into_iter().collect::<Vec<_>>());
    assert_eq!(of_the_page("doctor.md", "\n### Calls and permissions\n"), calls);
    let section = page.split_once("\n### Calls and permissions\n").unwrap().1.split("\n#").next().unwrap();
    let rows = section.lines().filter(|row| row.starts_with("| `"));
    let permissions: BTreeSet<_> = rows.map(|row| row.split('`').nth(3).unwrap()).collect();
    let policy = section.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    assert_eq!(policy["Statement"][0]["Action"], json!(permissions));
}

/// Every call but one is answered: the others are examined, and the command says what it could not.
#[tokio::test]
async fn a_call_that_is_denied_leaves_the_others() {
    let mut answers = in_order();
    answers["lambda get-policy"] = json!("AccessDeniedException: not authorized to perform: lambda:GetPolicy");
    let report = doctor(&answers, &[&["--stack", "api"], &NOWHERE[..]].concat()).await;
    let denied = "aws lambda get-policy: it ended with status 254: An error occurred: AccessDeniedException: not authorized \
                  to perform: lambda:GetPolicy";
    assert_eq!((report.status, report.not_in_order()), (Some(1), vec![("permission", "unread", denied)]));
    // A function without a policy.
    answers["lambda get-policy"] = json!("ResourceNotFoundException: The resource you requested does not exist.");
    let report = doctor(&answers, &[&["--stack", "api"], &NOWHERE[..]].concat()).await;
    assert_eq!(report.findings(), BTreeSet::from(["not-permitted"]));
}

#[tokio::test]
async fn without_a_stack_only_the_distribution_is_examined() {
    let mut answers = in_order();
    // The command sends requests there.
    answers["cloudfront get-distribution"]["Distribution"]["DomainName"] = json!("127.0.0.1:1");
    let arguments = ["--api-url", "http://127.0.0.1:1/prod", "--distribution", "E1A2B3C4D5E6F7"];
    let report = doctor(&answers, &arguments).await;
    assert_eq!((report.not_in_order(), report.findings()), (Vec::new(), BTreeSet::new()));
    assert!(report.calls.iter().all(|call| call.starts_with("cloudfront ") || call == "wafv2 get-web-acl"));
    *answers.pointer_mut(&format!("{ORIGIN}/ConnectionAttempts")).unwrap() = json!(3);
    let report = doctor(&answers, &arguments).await;
    assert_eq!((report.status, report.findings()), (Some(3), BTreeSet::from(["signature-expires-first"])));
}
