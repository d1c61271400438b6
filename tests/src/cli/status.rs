//! `countersign status` with the real AWS command line, of version 1 and 2, and moto.
//!
//! moto lists the versions of a secret with the present time, and knows no composite alarm: the pure tests of the command have both.

use crate::{
    cli::support::countersign::countersign,
    support::{
        artifacts::{aws_cli_2, localstack_python},
        aws_clients::aws_variables,
        moto::Moto,
        patience::PATIENCE,
    },
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

const REGION: &str = "eu-west-1";
const SIGNER: &str = "arn:aws:lambda:us-east-1:123456789012:function:signer:7";
/// What is in the secrets, in the header with the API key and in a variable of the operator.
const HIDDEN: &str = "this-is-never-printed";

/// The kind of the API.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Rest,
    Http,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Http => "HTTP",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Rest => "method.request.header.Countersign-Signature",
            Self::Http => "$request.header.Countersign-Signature",
        }
    }
}

/// A folder with a program `aws`.
pub(super) struct CommandLine {
    folder: TempDir,
}

impl CommandLine {
    pub(super) fn version_1() -> Self {
        // It asks AWS itself about queues, whatever the endpoint is.
        let here = "if [ \"$1\" = sqs ]; then set -- --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"; fi";
        Self::of(&format!("{here}\nexec '{}' -I -m awscli \"$@\"", localstack_python().display()))
    }

    pub(super) fn version_2() -> Self {
        Self::of(&format!("exec '{}' \"$@\"", aws_cli_2().display()))
    }

    fn of(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn status(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.run("status", arguments).await
    }

    /// Runs a command of `countersign`. Region and credentials are those of the environment.
    pub(super) async fn run(&self, command: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = countersign(&[&[command], arguments].concat());
        let path = format!("{}:{}", self.path().display(), std::env::var("PATH").unwrap());
        let command =
            command.env("PATH", path).envs(self.variables()).envs(aws_variables(Moto::shared().endpoint(), REGION));
        let Output { status, stdout, stderr } =
            timeout(PATIENCE * 4, command.output()).await.expect("it ends").unwrap();
        let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(!stdout.contains(HIDDEN) && !stderr.contains(HIDDEN), "{stdout}{stderr}");
        (status.code(), stdout, stderr)
    }

    /// What the AWS command line answers, which is not what is tested.
    pub(super) async fn aws(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(self.path().join("aws"));
        command.args(arguments).args(["--output", "json"]).envs(self.variables()).kill_on_drop(true);
        let command = command.envs(aws_variables(Moto::shared().endpoint(), REGION)).env("AWS_DEFAULT_REGION", REGION);
        let output = timeout(PATIENCE * 2, command.output()).await.expect("it ends").unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// A machine may have a profile of its own.
    fn variables(&self) -> [(&'static str, String); 4] {
        let nowhere = |file: &str| self.path().join(file).display().to_string();
        [
            ("AWS_CONFIG_FILE", nowhere("config")),
            ("AWS_SHARED_CREDENTIALS_FILE", nowhere("credentials")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ]
    }
}

/// The stack of an API with the names of `infra/api.yaml`, a distribution that signs for it, and an alarm that does not ring.
pub(super) async fn deployed(name: &str, kind: Kind, cli: &CommandLine) -> Gateway {
    let moto = Moto::shared();
    let keys = moto.create_secret(REGION, &format!("{name}-keys"), &version(name), HIDDEN, &["us-east-1"]).await;
    let api_key = moto.create_secret(REGION, &format!("{name}-key"), &version(name), HIDDEN, &[]).await;
    let header = |name: &str, value: &str| json!({"HeaderName": name, "HeaderValue": value});
    let headers =
        [header("countersign-secret", &keys), header("countersign-mode", "enforce"), header("x-api-key", HIDDEN)];
    let function = json!({"LambdaFunctionARN": SIGNER, "EventType": "origin-request", "IncludeBody": true});
    let distribution = json!({
        "CallerReference": name, "Comment": "", "Enabled": true,
        "Origins": {"Quantity": 1, "Items": [{"Id": "api", "DomainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "CustomHeaders": {"Quantity": headers.len(), "Items": headers},
            "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "match-viewer"}}]},
        "DefaultCacheBehavior": {"TargetOriginId": "api", "ViewerProtocolPolicy": "redirect-to-https",
            "ForwardedValues": {"QueryString": true, "Cookies": {"Forward": "all"}}, "MinTTL": 0,
            "LambdaFunctionAssociations": {"Quantity": 1, "Items": [function]}},
    });
    let distribution =
        cli.aws(&["cloudfront", "create-distribution", "--distribution-config", &distribution.to_string()]).await;
    let authorizer = format!("{name}-Authorizer");
    let gateway = made(kind, name, cli).await;
    let principal =
        json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let output = |value: &str| json!({"Value": value});
    let parameter = json!({"Type": "String"});
    let template = json!({
        "Parameters": {"Mode": parameter, "SignerVersionArn": parameter, "ReplicaRegions": parameter},
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties":
                {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [principal]}}},
            "Authorizer": {"Type": "AWS::Lambda::Function", "Properties": {
                "FunctionName": authorizer, "Runtime": "provided.al2023", "Handler": "bootstrap",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Code": {"ZipFile": "x"},
                "Environment": {"Variables":
                    {"COUNTERSIGN_MODE": {"Ref": "Mode"}, "COUNTERSIGN_SECRET": keys, "OTHER": HIDDEN}}}},
            "RotateApiKeysScheduledJob": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)"}},
            "RotationDeadLetters": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {
            "AuthorizerFunctionName": output(&authorizer), "AuthorizerFunctionArn": output(&function_arn(&authorizer)),
            "SigningSecretArn": output(&keys),
            "ApiKeySecretArn": output(&api_key), "ApiKeyRotationSchedule": output("Daily"),
            "SignerFunctionName": output("signer"), "ApiKind": output(kind.name()), "ApiId": output(&gateway.api),
            "ApiStage": output("prod"), "AuthorizerId": output(&gateway.authorizer),
            "IdentitySource": output(kind.source()),
            "DistributionId": distribution["Distribution"]["Id"].as_str().map(output),
        },
    });
    let parameters = [("Mode", "enforce"), ("SignerVersionArn", SIGNER), ("ReplicaRegions", "us-east-1")];
    moto.create_stack(REGION, name, &template.to_string(), &parameters).await;
    let dimension = format!("Name=FunctionName,Value={authorizer}");
    let alarm = [
        "--alarm-name",
        &alarm(name),
        "--namespace",
        "Countersign",
        "--metric-name",
        "Unavailable",
        "--dimensions",
        &dimension,
        "--statistic",
        "Sum",
        "--period",
        "60",
        "--evaluation-periods",
        "1",
        "--threshold",
        "0",
        "--comparison-operator",
        "GreaterThanThreshold",
        "--alarm-description",
        "The authorizer cannot decide. infra/RUNBOOK.md: The authorizer has no usable keys",
    ];
    cli.aws(&[&["cloudwatch", "put-metric-alarm"], &alarm[..]].concat()).await;
    rings(name, "OK", cli).await;
    // An alarm on an expression has the dimensions in its metrics.
    let metric = json!({"Namespace": "Countersign", "MetricName": "Refused",
        "Dimensions": [{"Name": "FunctionName", "Value": authorizer}]});
    let metrics = json!([
        {"Id": "share", "Expression": "refused * 2", "Label": "share"},
        {"Id": "refused", "ReturnData": false, "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}},
    ]);
    let alarm = [
        "--alarm-name",
        &format!("{name}-share"),
        "--metrics",
        &metrics.to_string(),
        "--evaluation-periods",
        "1",
        "--threshold",
        "0",
        "--comparison-operator",
        "GreaterThanThreshold",
    ];
    cli.aws(&[&["cloudwatch", "put-metric-alarm"], &alarm[..]].concat()).await;
    let dimension = format!("FunctionName={authorizer}");
    let metric =
        ["--namespace", "Countersign", "--metric-name", "Allowed", "--dimensions", &dimension, "--value", "12"];
    cli.aws(&[&["cloudwatch", "put-metric-data"], &metric[..]].concat()).await;
    gateway
}

/// An API with an authorizer, at API Gateway.
pub(super) struct Gateway {
    pub(super) api: String,
    pub(super) authorizer: String,
}

async fn made(kind: Kind, name: &str, cli: &CommandLine) -> Gateway {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let function = function_arn(&format!("{name}-Authorizer"));
    let uri = format!("arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations");
    let common = ["--name", name, "--authorizer-uri", &uri, "--identity-source", kind.source()];
    let ttl = ["--authorizer-result-ttl-in-seconds", "0"];
    match kind {
        Kind::Rest => {
            let api = text(&cli.aws(&["apigateway", "create-rest-api", "--name", name]).await["id"]);
            let authorizer = ["apigateway", "create-authorizer", "--rest-api-id", &api, "--type", "REQUEST"];
            let authorizer = text(&cli.aws(&[&authorizer[..], &common, &ttl].concat()).await["id"]);
            Gateway { api, authorizer }
        }
        Kind::Http => {
            let api = ["apigatewayv2", "create-api", "--name", name, "--protocol-type", "HTTP"];
            let api = text(&cli.aws(&api).await["ApiId"]);
            let form = ["--authorizer-payload-format-version", "2.0"];
            let authorizer = ["apigatewayv2", "create-authorizer", "--api-id", &api, "--authorizer-type", "REQUEST"];
            let authorizer = text(&cli.aws(&[&authorizer[..], &common, &ttl, &form].concat()).await["AuthorizerId"]);
            Gateway { api, authorizer }
        }
    }
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:123456789012:function:{name}")
}

/// A version id must have 32 characters.
fn version(name: &str) -> String {
    format!("{name:-<32}")
}

fn alarm(name: &str) -> String {
    format!("{name}-monitoring-UnavailableAlarm-1A2B3C")
}

async fn rings(name: &str, state: &str, cli: &CommandLine) {
    let arguments = ["--alarm-name", &alarm(name), "--state-value", state, "--state-reason", "a test"];
    cli.aws(&[&["cloudwatch", "set-alarm-state"], &arguments[..]].concat()).await;
}

/// In order, and with an alarm that rings.
async fn is_read(name: &str, kind: Kind, cli: &CommandLine, operator: &CommandLine) {
    deployed(name, kind, operator).await;
    let (status, out, error) = cli.status(&["--stack", name]).await;
    assert_eq!((status, error.as_str()), (Some(0), ""), "{out}");
    let begins: Vec<_> = out.lines().map(|line| line.split(", since ").next().unwrap_or_default().to_owned()).collect();
    let gateway = format!("ok   gateway        {} ", kind.name());
    let api = out.lines().find_map(|line| line.strip_prefix(&gateway)?.split('/').next());
    let api = api.unwrap_or_default();
    let distribution = out.lines().find_map(|line| line.strip_prefix("ok   edge           ")?.split(':').next());
    assert_eq!(
        begins,
        [
            format!("ok   stack          {name} CREATE_COMPLETE"),
            "ok   signature      edge enforce, authorizer enforce".to_owned(),
            format!("{gateway}{api}/prod, answers not cached"),
            "ok   then           nothing follows the signature".to_owned(),
            "ok   keys           rotated Daily".to_owned(),
            "ok   replicas       us-east-1 InSync".to_owned(),
            "ok   API key        rotated Daily".to_owned(),
            format!("ok   edge           {}: signer:7 signs 1 of 1 behaviors", distribution.unwrap_or_default()),
            "ok   alarms         0 of 2 ring".to_owned(),
            "ok   last hour      12 admitted, 0 refused, 0 would be, 0 after it, 0 were 401, 0 undecided".to_owned(),
        ],
        "{out}"
    );

    rings(name, "ALARM", operator).await;
    let (status, out, error) = cli.status(&["--stack", name, "--format", "json"]).await;
    assert_eq!((status, error.as_str()), (Some(3), ""), "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["wrong"], true);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{out}");
    let finding = &report["findings"][0];
    assert_eq!((&finding["finding"], &finding["severity"]), (&json!("alarm-rings"), &json!("wrong")));
    assert_eq!(finding["next"], "infra/RUNBOOK.md: The authorizer has no usable keys");
}

#[tokio::test]
async fn a_stack_is_read_with_version_1_of_the_aws_command_line() {
    let (name, cli) = ("status-one", CommandLine::version_1());
    is_read(name, Kind::Rest, &cli, &cli).await;

    // One part that cannot be read leaves the others.
    rings(name, "OK", &cli).await;
    let dimensions = format!("FunctionName={name}-Authorizer,Reason=key-unknown");
    let metric =
        ["--namespace", "Countersign", "--metric-name", "Refused", "--dimensions", &dimensions, "--value", "3"];
    cli.aws(&[&["cloudwatch", "put-metric-data"], &metric[..]].concat()).await;
    let (status, out, error) = cli.status(&["--stack", name, "--distribution", "E0"]).await;
    assert_eq!((status, error.as_str()), (Some(1), ""), "{out}");
    assert!(out.contains("\n?    edge           not read\n"), "{out}");
    assert!(out.contains("\nnot read: edge: aws cloudfront get-distribution: it ended with status 25"), "{out}");
    let refused = "note: the authorizer refused requests of the last hour: key-unknown 3\n  next: countersign explain key-unknown\n";
    assert!(out.contains(refused), "{out}");

    let (status, out, error) = cli.status(&["--stack", "nothing", "--region", REGION]).await;
    assert_eq!((status, out.as_str()), (Some(1), ""), "{error}");
    assert!(error.starts_with("error: aws cloudformation describe-stacks: it ended with status 25"), "{error}");
    assert!(error.contains("nothing"), "{error}");
}

#[tokio::test]
async fn a_stack_is_read_with_version_2_of_the_aws_command_line() {
    // Version 1 prepares: it starts faster.
    is_read("status-two", Kind::Http, &CommandLine::version_2(), &CommandLine::version_1()).await;
}

#[tokio::test]
async fn another_stack_than_the_one_of_the_api_is_an_error() {
    let cli = CommandLine::version_1();
    let template = json!({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}});
    Moto::shared().create_stack(REGION, "status-other", &template.to_string(), &[]).await;
    let (status, out, error) = cli.status(&["--stack", "status-other"]).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert_eq!(
        error,
        "error: stack status-other has no output AuthorizerFunctionName, in status CREATE_COMPLETE: give the stack of \
         infra/api.yaml\n"
    );
}
