//! `countersign doctor` and the configuration: each finding is provoked once, by a program `aws` that answers from a file. What moto
//! holds is read with the real AWS command line, of version 1 and 2.
//!
//! moto has neither policies of CloudFront nor the summary of a deployment, and forgets much of a distribution. The file has them, in
//! the form of AWS's documentation.

mod findings;
mod on_moto;
mod pages;

use crate::{
    cli::support::countersign::countersign,
    support::{artifacts::moto_python, patience::PATIENCE},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Output,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{sync::Semaphore, time::timeout};

const SIGNER: &str = "arn:aws:lambda:us-east-1:123456789012:function:signer:7";

/// What is in the header with the API key, in variables and in credentials.
const HIDDEN: &str = "this-is-never-printed";

/// Nothing answers there: the requests of the command are not what is tested here.
const NOWHERE: [&str; 4] = ["--api-url", "http://127.0.0.1:1/prod", "--distribution", "http://127.0.0.1:1"];

/// The calls need a processor each.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// The whole answers of AWS about a deployment in which nothing is wrong, by call.
fn in_order() -> Value {
    let mut answers: Value = serde_json::from_str(include_str!("doctor_configuration/in_order.json")).unwrap();
    let now = json!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    answers["secretsmanager describe-secret"]["CreatedDate"] = now.clone();
    answers["secretsmanager list-secret-version-ids"]["Versions"][0]["CreatedDate"] = now;
    answers
}

/// The same with an HTTP API, whose stage does not deploy by itself.
fn in_order_with_an_http_api() -> Value {
    let mut answers = in_order();
    for (name, value) in
        [("ApiKind", "HTTP"), ("IdentitySource", "$request.header.Countersign-Signature"), ("ApiKeyRequired", "false")]
    {
        *output(&mut answers, name) = json!(value);
    }
    let stack = &mut answers["cloudformation describe-stacks"]["Stacks"][0];
    stack["Outputs"].as_array_mut().unwrap().retain(|output| output["OutputKey"] != "ApiKeySecretArn");
    for config in ["/cloudfront get-distribution-config", "/cloudfront get-distribution/Distribution"] {
        let kind = format!("{config}/DistributionConfig/Origins/Items/0/CustomHeaders/Items/1/HeaderValue");
        *answers.pointer_mut(&kind).unwrap() = json!("http");
    }
    answers
}

/// The value of an output of the stack.
fn output<'a>(answers: &'a mut Value, name: &str) -> &'a mut Value {
    let outputs = &mut answers["cloudformation describe-stacks"]["Stacks"][0]["Outputs"];
    let output = outputs.as_array_mut().unwrap().iter_mut().find(|output| output["OutputKey"] == name);
    &mut output.unwrap_or_else(|| panic!("{name}"))["OutputValue"]
}

/// What the command printed about the configuration.
struct Report {
    status: Option<i32>,
    whole: Value,
    /// The calls of the AWS command line.
    calls: BTreeSet<String>,
}

impl Report {
    /// The findings, without those of the requests.
    fn findings(&self) -> BTreeSet<&str> {
        let all = self.whole["findings"].as_array().unwrap().iter();
        let all = all.map(|found| found["finding"].as_str().unwrap());
        let known = pages::of_the_pages();
        all.filter(|finding| known.iter().any(|of| of == finding)).collect()
    }

    /// The lines about the configuration that are not in order.
    fn not_in_order(&self) -> Vec<(&str, &str, &str)> {
        let checks = self.whole["checks"].as_array().unwrap().iter();
        let checks = checks.filter(|check| check["part"] == "configuration" && check["state"] != "ok");
        checks
            .map(|check| {
                let text = |member: &str| check[member].as_str().unwrap();
                (text("what"), text("state"), text("value"))
            })
            .collect()
    }

    fn next(&self, finding: &str) -> &str {
        let mut all = self.whole["findings"].as_array().unwrap().iter();
        let found = all.find(|found| found["finding"] == finding);
        found.unwrap_or_else(|| panic!("{finding}"))["next"].as_str().unwrap()
    }
}

/// Runs `countersign doctor` with a program `aws` that gives these answers.
async fn doctor(answers: &Value, arguments: &[&str]) -> Report {
    let folder = fake(answers);
    let _permit = AT_ONCE.acquire().await.unwrap();
    let mut command = countersign(&[&["doctor", "--format", "json"], arguments].concat());
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let command = command.env("PATH", path).env("COUNTERSIGN_TEST_ANSWERS", folder.path().join("answers.json"));
    let Output { status, stdout, stderr } = timeout(PATIENCE * 2, command.output()).await.expect("it ends").unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(!stdout.contains(HIDDEN) && !stderr.contains(HIDDEN), "{stdout}{stderr}");
    let whole = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    let calls = fs::read_to_string(folder.path().join("calls")).unwrap_or_default();
    Report { status: status.code(), whole, calls: calls.lines().map(str::to_owned).collect() }
}

fn fake(answers: &Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (aws, script) = (folder.path().join("aws"), folder.path().join("aws.py"));
    fs::write(folder.path().join("answers.json"), answers.to_string()).unwrap();
    fs::write(&script, include_str!("doctor_configuration/aws.py")).unwrap();
    let python = moto_python();
    fs::write(&aws, format!("#!/bin/sh\nexec '{}' -I '{}' \"$@\"\n", python.display(), script.display())).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}
