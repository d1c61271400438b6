//! `countersign doctor` with the real AWS command line and moto, for the calls that moto answers.

use crate::cli::{
    doctor_configuration::{NOWHERE, pages::of_the_pages},
    status::{CommandLine, Gateway, Kind, deployed},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One method or route has the authorizer, and one does not.
async fn half_attached(kind: Kind, gateway: &Gateway, cli: &CommandLine) {
    let Gateway { api, authorizer } = gateway;
    match kind {
        Kind::Rest => {
            let of = ["apigateway", "get-resources", "--rest-api-id", api, "--query", "items[0].id"];
            let root = cli.aws(&of).await;
            let of = ["--rest-api-id", api, "--resource-id", root.as_str().unwrap(), "--http-method"];
            let custom = ["GET", "--authorization-type", "CUSTOM", "--authorizer-id", authorizer];
            cli.aws(&[&["apigateway", "put-method"], &of[..], &custom].concat()).await;
            cli.aws(&[&["apigateway", "put-method"], &of[..], &["POST", "--authorization-type", "NONE"]].concat())
                .await;
            for method in ["GET", "POST"] {
                cli.aws(&[&["apigateway", "put-integration"], &of[..], &[method, "--type", "MOCK"]].concat()).await;
            }
            cli.aws(&["apigateway", "create-deployment", "--rest-api-id", api, "--stage-name", "prod"]).await;
        }
        Kind::Http => {
            let of = ["apigatewayv2", "create-route", "--api-id", api, "--route-key"];
            let custom = ["GET /pets", "--authorization-type", "CUSTOM", "--authorizer-id", authorizer];
            cli.aws(&[&of[..], &custom].concat()).await;
            cli.aws(&[&of[..], &["$default", "--authorization-type", "NONE"]].concat()).await;
            cli.aws(&["apigatewayv2", "create-stage", "--api-id", api, "--stage-name", "prod", "--auto-deploy"]).await;
        }
    }
}

/// What moto's distribution lacks, and what the stack of this test does not have.
const FOUND: [&str; 10] = [
    "default-endpoint-open",
    "errors-cached",
    "methods-not-allowed",
    "methods-open",
    "no-web-acl",
    "not-permitted",
    "origin-not-https",
    "origin-setting-differs",
    "signature-expires-first",
    "stack-unprotected",
];

async fn is_examined(name: &str, kind: Kind, cli: &CommandLine, operator: &CommandLine) {
    let gateway = deployed(name, kind, operator).await;
    half_attached(kind, &gateway, operator).await;
    let arguments = [&["--stack", name, "--format", "json"], &NOWHERE[..]].concat();
    let (status, out, error) = cli.run("doctor", &arguments).await;
    assert_eq!((status, error.as_str()), (Some(3), ""), "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let known = of_the_pages();
    let findings = report["findings"].as_array().unwrap().iter().map(|of| of["finding"].as_str().unwrap());
    let findings: BTreeSet<_> = findings.filter(|finding| known.iter().any(|of| of == finding)).collect();
    // moto has neither the signer in us-east-1 nor policies nor the methods of a deployment, and does not list the authorizers of an HTTP API.
    let (lines, not_held): (_, &[&str]) = match kind {
        Kind::Rest => (["methods", "GET /"], &["deployment", "policies Default (*)", "signer"]),
        Kind::Http => (["routes", "GET /pets"], &["authorizers", "policies Default (*)", "signer"]),
    };
    assert_eq!(findings, BTreeSet::from(FOUND), "{out}");
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["part"] == "configuration");
    let checks: BTreeMap<_, _> = checks.map(|of| (of["what"].as_str().unwrap(), of)).collect();
    let unread: Vec<_> = checks.values().filter(|of| of["state"] == "unread").map(|of| &of["what"]).collect();
    assert_eq!(unread, not_held, "{out}");
    assert_eq!(checks[lines[0]]["value"], "1 of 2 have the authorizer");
    let open = report["findings"].as_array().unwrap().iter().find(|of| of["finding"] == "methods-open").unwrap();
    assert!(!open["text"].as_str().unwrap().contains(lines[1]), "{open}");
    for (what, value) in
        [("schedule", "rate(1 day), ENABLED"), ("dead letters", "none"), ("concurrency", "not reserved")]
    {
        assert_eq!((&checks[what]["state"], &checks[what]["value"]), (&json!("ok"), &json!(value)), "{out}");
    }
}

#[tokio::test]
async fn a_rest_api_is_examined_with_version_1_of_the_aws_command_line() {
    let cli = CommandLine::version_1();
    is_examined("doctor-one", Kind::Rest, &cli, &cli).await;
}

#[tokio::test]
async fn an_http_api_is_examined_with_version_2_of_the_aws_command_line() {
    // Version 1 prepares: it starts faster.
    is_examined("doctor-two", Kind::Http, &CommandLine::version_2(), &CommandLine::version_1()).await;
}
