//! What `infra/edge.yaml` promises of the signer, in rows.

use crate::infra::support::{
    rows::{GLOBAL_TOPIC, check, edge},
    template::Template,
};
use serde_json::json;

/// Lambda@Edge refuses each of these, at the association, when the stack has long been made.
#[test]
fn the_signer_has_nothing_that_lambda_at_edge_refuses() {
    for template in [edge(&[]), edge(&[("AlarmTopicArn", GLOBAL_TOPIC)])] {
        let signer = &template.resource("EdgeSigner")["Properties"];
        let refused = ["Environment", "Layers", "VpcConfig", "DeadLetterConfig", "TracingConfig", "EphemeralStorage"];
        for name in
            refused.iter().chain(&["Architectures", "ImageUri", "PackageType", "KmsKeyArn", "FileSystemConfigs"])
        {
            assert_eq!(signer.get(*name), None, "{name}");
        }
        let runtime = signer["Runtime"].as_str().unwrap();
        let version: u32 =
            runtime.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x")).unwrap().parse().unwrap();
        assert!(version >= 22, "{runtime} can no longer be created");
        assert!(signer["Timeout"].as_u64().unwrap() <= 30, "an origin event may take 30 s");
    }
    let rows = [
        ("EdgeSigner", "/Properties/Code", json!("../dist/edge-signer.zip")),
        ("EdgeSigner", "/Properties/Handler", json!("index.handler")),
        ("EdgeSigner", "/Properties/Role", json!({"Fn::GetAtt": ["EdgeSignerRole", "Arn"]})),
    ];
    check(&edge(&[]), &rows);
}

/// A version ignores new code unless another property changes; and CloudFront holds on to the one before for hours.
#[test]
fn new_code_or_memory_makes_a_new_version_and_the_old_one_stays() {
    let code = "zz7HGwjN0zNwqUxGrJ3hDwxYVZ1k1y0zXG9l5W0zX3A=";
    let before = edge(&[]);
    let version = |template: &Template| template.resource("EdgeSignerVersion")["Properties"].clone();
    let rows = [
        ("EdgeSignerVersion", "/Type", json!("AWS::Lambda::Version")),
        ("EdgeSignerVersion", "/DeletionPolicy", json!("Retain")),
        ("EdgeSignerVersion", "/UpdateReplacePolicy", json!("Retain")),
        ("EdgeSignerVersion", "/Properties/FunctionName", json!({"Ref": "EdgeSigner"})),
        ("EdgeSignerVersion", "/Properties/CodeSha256", json!(code)),
    ];
    check(&edge(&[("CodeSha256", code)]), &rows);
    assert_ne!(version(&before), version(&edge(&[("CodeSha256", code)])));
    assert_ne!(version(&before), version(&edge(&[("SignerMemory", "512")])));
    assert_eq!(version(&before), version(&edge(&[("LogRetentionDays", "7"), ("AlarmTopicArn", GLOBAL_TOPIC)])));
    let runtime = before.resource("EdgeSigner")["Properties"]["Runtime"].as_str().unwrap();
    let described = before.resource("EdgeSignerVersion")["Properties"]["Description"].as_str().unwrap();
    assert!(
        described.starts_with(runtime),
        "a new runtime makes a version another: {described:?} has to name {runtime}"
    );
}

#[test]
fn its_outputs_are_what_the_stack_of_an_api_takes() {
    let outputs = edge(&[]).value()["Outputs"].clone();
    for (name, expected) in [
        ("SignerVersionArn", json!({"Ref": "EdgeSignerVersion"})),
        ("SignerRoleArn", json!({"Fn::GetAtt": ["EdgeSignerRole", "Arn"]})),
        ("SignerFunctionName", json!({"Ref": "EdgeSigner"})),
        ("SignerLogGroup", json!({"Ref": "EdgeSignerLog"})),
    ] {
        assert_eq!(outputs[name]["Value"], expected, "{name}");
    }
    assert_eq!(outputs.as_object().unwrap().len(), 4);
    let taken = Template::raw("api.yaml").value()["Parameters"].clone();
    for name in ["SignerVersionArn", "SignerRoleArn"] {
        assert!(taken.get(name).is_some(), "api.yaml has no parameter {name}");
    }
}
