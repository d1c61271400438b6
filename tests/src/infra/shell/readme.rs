//! The walk-through of `infra/README.md`, from nothing to protected and back. The runbook runs before the way back.

use crate::{
    infra::shell::{
        blocks::{blocks_of, documents, find},
        machine::{Kind, Machine, curl, filled, has_lines},
        runbook,
    },
    support::artifacts::artifact,
};
use serde_json::{Value, json};

const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];

#[test]
fn the_readme_runs_in_bash_with_version_1_of_the_command_line() {
    walk(Kind::BashAndCli1, ACCOUNTS[0]);
}

#[test]
fn the_readme_runs_in_zsh_with_version_2_of_the_command_line() {
    walk(Kind::ZshAndCli2, ACCOUNTS[1]);
}

fn walk(kind: Kind, account: &str) {
    let blocks = blocks_of("README.md", "sh");
    let block = |part: &str| find(&blocks, part);
    let mut machine = Machine::new(kind, account);

    // A user begins in the middle.
    machine.fails(block("s3 mb"), "REGION: run the first block");
    machine.fails(block("deploy front.yaml \"$STACK-front\" us-east-1\n"), "EDGE_STACK");
    let settings = &blocks[0];
    machine.fails(&filled(settings, &[("REGION", "")]), "REGION: set it to the Region of the API");
    machine.types("unset AWS_ACCESS_KEY_ID");
    machine.fails(settings, "ACCOUNT: unknown, check your credentials");
    machine.types(&format!("export AWS_ACCESS_KEY_ID={account}"));
    assert_eq!(
        machine.succeeds(settings),
        format!("account {account}, Region eu-west-1, stacks pets*, countersign-edge")
    );

    machine
        .answer(&json!([{"program": "cargo", "has": ["xtask", "package"], "status": 1, "err": "error: not built\n"}]));
    machine.fails(block("cargo xtask package"), "not built");
    machine.calls();
    machine.package();
    machine.answer(&json!([{"program": "cargo", "has": ["xtask", "package"]}]));
    assert!(machine.succeeds(block("cargo xtask package")).contains("edge-signer.zip"));
    assert_eq!(machine.calls(), [["cargo", "xtask", "package"]]);

    machine.fails(block("deploy front.yaml \"$STACK-front\" us-east-1\n"), "S3 Bucket does not exist");
    let made = machine.succeeds(block("s3 mb"));
    assert!(made.contains("eu-west-1"), "{made}");

    let deployed = machine.succeeds(block("deploy front.yaml \"$STACK-front\" us-east-1\n"));
    has_lines(&deployed, &["countersign-edge: CREATE_COMPLETE", "pets-front: CREATE_COMPLETE"]);
    let code = machine.aws("us-east-1", &["cloudformation", "describe-stacks", "--stack-name", "countersign-edge"]);
    let parameters = code["Stacks"][0]["Parameters"].as_array().unwrap();
    assert!(
        parameters.iter().any(|p| p["ParameterKey"] == "CodeSha256" && p["ParameterValue"] != ""),
        "{parameters:?}"
    );

    has_lines(
        &machine.succeeds(block("deploy example.yaml \"$STACK-example\" \"$REGION\"\n")),
        &["pets-example: CREATE_COMPLETE"],
    );
    let api = only_api(&machine);
    let url = format!("https://{}/pets?type=dog", machine.types("output ApiURL \"$STACK-example\""));
    let open = block("url=$(output ApiURL");
    machine.answer(&json!([{"program": "curl", "has": [url], "out": "403"}]));
    machine.fails(open, "expected: 200");
    machine.calls();
    machine.answer(&json!([{"program": "curl", "has": [url], "out": "200"}]));
    assert_eq!(machine.succeeds(open), format!("200 {url}"));
    assert_eq!(machine.calls(), [curl(&[&url])]);

    // Outputs that cannot be read are not an empty list of parameters.
    let attach = block("deploy example.yaml \"$STACK-example\" \"$REGION\" \"$(outputs \"$STACK\")\"");
    machine.fails(attach, "Nothing was deployed");
    has_lines(&machine.succeeds(block("deploy api.yaml \"$STACK\" \"$REGION\" \\")), &["pets: CREATE_COMPLETE"]);
    assert_eq!(guards(&machine, &api), [json!([false, "NONE"]), json!([false, "NONE"]), json!([false, "NONE"])]);
    has_lines(&machine.succeeds(attach), &["pets-example: UPDATE_COMPLETE"]);
    assert_eq!(guards(&machine, &api), [json!([true, "CUSTOM"]), json!([true, "CUSTOM"]), json!([true, "CUSTOM"])]);

    let (back, front) = (url, format!("https://{}/pets?type=dog", machine.types("output CFDistribution")));
    let doors = block("front=$(output CFDistribution)");
    machine.answer(&json!([
        {"program": "curl", "has": [front], "out": "200"},
        {"program": "curl", "has": [back], "out": "403"},
    ]));
    assert_eq!(machine.succeeds(doors), format!("200 {front}\n403 {back}"));
    assert_eq!(machine.calls(), [curl(&[&front]), curl(&[&back])]);
    machine.answer(&json!([
        {"program": "curl", "has": [front], "out": "200"},
        {"program": "curl", "has": [back], "out": "200"},
    ]));
    machine.fails(doors, "expected: 401|403");
    machine.calls();
    machine.answer(&json!([]));

    let log = block("AuthorizerLogGroup");
    machine.fails(log, "has no line of a request yet");
    let group = machine.types("output AuthorizerLogGroup");
    machine.writes_log("eu-west-1", &group, &[r#"{"event":"request-admitted","reason":"valid"}"#]);
    has_lines(&machine.succeeds(log), &[r#"{"event":"request-admitted","reason":"valid"}"#]);

    let enforced = machine.succeeds(block("Mode=enforce"));
    has_lines(
        &enforced,
        &[
            "pets: UPDATE_COMPLETE",
            "pets-example: UPDATE_COMPLETE",
            "IdentitySource=method.request.header.Countersign-Signature",
        ],
    );

    let topics = block("sns create-topic");
    machine.fails(topics, "EMAIL: set it to the address for alarms");
    machine.types("EMAIL=you@example.com");
    has_lines(&machine.succeeds(topics), &[]);
    let alarms = machine.succeeds(block("deploy monitoring.yaml"));
    has_lines(
        &alarms,
        &["pets-monitoring: CREATE_COMPLETE", "pets-front: UPDATE_COMPLETE", "countersign-edge: UPDATE_COMPLETE"],
    );

    let signer = machine.types("output SignerFunctionName \"$EDGE_STACK\" us-east-1");
    let group = format!("/aws/lambda/us-east-1.{signer}");
    machine.aws("sa-east-1", &["logs", "create-log-group", "--log-group-name", &group]);
    let retention = block("ec2 describe-regions");
    let regions = |names: &str| json!([{"program": "aws", "has": ["ec2", "describe-regions"], "out": names}]);
    machine.answer(&regions("us-west-2\neu-west-1\n"));
    machine.fails(retention, &format!("no Region has {group}"));
    machine.calls();
    machine.answer(&regions("us-west-2\nsa-east-1\n"));
    let set = machine.succeeds(retention);
    assert_eq!(set, format!("arn:aws:logs:sa-east-1:{account}:log-group:{group}:*\t30"));
    let asked = [
        "aws",
        "ec2",
        "describe-regions",
        "--region",
        "us-east-1",
        "--query",
        "Regions[].[RegionName]",
        "--output",
        "text",
    ];
    assert_eq!(machine.calls(), [asked]);
    machine.answer(&json!([]));

    let invoke = block("lambda invoke");
    assert!(machine.succeeds(invoke).ends_with(": 202"));
    let rotate = block("keys rotate");
    let secret = machine.types("output SigningSecretArn");
    let command = ["keys", "rotate", "--secret", &secret, "--stack", "pets"];
    let program = artifact("countersign").display().to_string();
    let runs = [&[program.as_str()], &command[..]].concat();
    machine.answer(&json!([{"program": "cargo", "has": ["keys", "rotate"], "runs": runs}]));
    let rotated = machine.succeeds(rotate);
    assert!(rotated.contains("AWSPREVIOUS"), "{rotated}");
    assert_eq!(machine.calls(), [[&["cargo", "run", "--release", "--"], &command[..]].concat()]);
    machine.answer(&json!([]));
    machine.succeeds(block("start-message-move-task"));

    runbook::walk(&mut machine);

    machine.succeeds(block("AuthorizerId= "));
    let secret = machine.types("output SigningSecretArn");
    let deleted = machine.succeeds(block("secret=$(output SigningSecretArn); bucket="));
    has_lines(&deleted, &["deleted: pets-monitoring", "deleted: pets", "deleted: pets-example", "deleted: pets-front"]);
    has_lines(&deleted, &[&format!("SECRET_ARN={secret}")]);
    let kept = block("remove-regions-from-replication");
    machine.fails(kept, "SECRET_ARN: set it as step 2 has printed it");
    // LocalStack does not keep what the templates say is to be kept.
    let replica = ["secretsmanager", "create-secret", "--name", "kept", "--add-replica-regions", "Region=us-east-1"];
    let secret = machine.aws("eu-west-1", &replica);
    let bucket = format!("kept-{account}");
    machine.aws("us-east-1", &["s3api", "create-bucket", "--bucket", &bucket]);
    machine.types(&format!("SECRET_ARN={} LOG_BUCKET={bucket}", secret["ARN"].as_str().unwrap()));
    let kept = machine.succeeds(kept);
    assert!(kept.contains("kept\t") && kept.ends_with(&format!("remove_bucket: {bucket}")), "{kept}");
    machine.succeeds(block("--stack-name \"$EDGE_STACK\"\n  echo \"deleted: $EDGE_STACK\""));
    machine.has_done(&blocks);
}

fn only_api(machine: &Machine) -> String {
    let apis = machine.aws("eu-west-1", &["apigateway", "get-rest-apis"]);
    assert_eq!(apis["items"].as_array().unwrap().len(), 1);
    apis["items"][0]["id"].as_str().unwrap().to_owned()
}

fn guards(machine: &Machine, api: &str) -> Vec<Value> {
    let resources =
        machine.aws("eu-west-1", &["apigateway", "get-resources", "--rest-api-id", api, "--embed", "methods"]);
    let methods =
        resources["items"].as_array().unwrap().iter().filter_map(|resource| resource["resourceMethods"].as_object());
    methods.flat_map(|methods| methods.values().map(|m| json!([m["apiKeyRequired"], m["authorizationType"]]))).collect()
}

/// A document that is new needs a walk.
#[test]
fn every_document_has_a_walk() {
    assert_eq!(documents(), ["README.md", "RUNBOOK.md", "attach.md"]);
}
