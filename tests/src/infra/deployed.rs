//! The templates as a user deploys them, by the AWS command line, on LocalStack.
//!
//! It makes most of what they name, and each test says what it does not; what it got wrong is mended, as
//! `tests/localstack/mended.py` says: that resources are replaced at all, for one. It resolves no dynamic reference inside of a text:
//! the API key's value is the reference itself. It works out what conditions leave out, too, and fails where that names something
//! left out: without an API key it cannot make `api.yaml`. It refuses no parameter, reads no Rules, and runs no function.

use crate::{
    infra::support::{
        localstack::LocalStack,
        template::{Template, template},
    },
    support::stage::PATIENCE,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Instant,
};
use tempfile::TempDir;

/// A zip without a file in it: nothing here runs it.
const CODE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What LocalStack says of a resource that it ignores.
const IGNORED: &str = "is not supported but was deployed as a fallback";

/// The whole of `api.yaml`, with the example API: what API Gateway then has, and what a new `Timestamp` makes of it.
///
/// LocalStack ignores `AWS::CloudFront::Distribution` and `AWS::CloudWatch::Dashboard`, and asks nobody for permissions: so this shows
/// neither what CloudFront sends, nor that it sends the new key before the old one ends, nor that the rotator may do all this.
#[test]
fn a_new_timestamp_replaces_the_api_key_and_what_names_it() {
    let stack = Stack::package("pets", "eu-central-1", "api.yaml", &template("api.yaml"));
    let parameters = |timestamp| {
        [
            ("SignerVersionArn", "arn:aws:lambda:us-east-1:000000000000:function:signer:1"),
            ("SignerRoleArn", "arn:aws:iam::000000000000:role/signer"),
            ("ExamplePetStore", "true"),
            ("Mode", "enforce"),
            ("Timestamp", timestamp),
        ]
    };

    stack.deploy("create-stack", &parameters("2026-11-22"));
    assert_eq!(stack.resources(), resources(&Template::rendered("api.yaml", &parameters("2026-11-22"))));
    let ignored = ["AWS::CloudFront::Distribution", "AWS::CloudWatch::Dashboard"];
    assert_eq!(stack.ignored_types(), ignored.map(str::to_owned).into());

    let api = only(stack.items(&["apigateway", "get-rest-apis"]));
    assert_eq!(api["name"], "PetStore-pets");
    let api = text(&api["id"]);
    let authorizer = only(stack.items(&["apigateway", "get-authorizers", "--rest-api-id", api]));
    assert_eq!(authorizer["type"], "REQUEST");
    assert_eq!(authorizer["authorizerResultTtlInSeconds"], 0);
    assert_eq!(authorizer["identitySource"], "method.request.header.Countersign-Signature");
    let guard = json!([true, "CUSTOM", authorizer["id"]]);
    let guarded = ["GET /pets", "GET /pets/{petId}", "POST /pets"].map(|method| (method.to_owned(), guard.clone()));
    assert_eq!(stack.guards_of_methods(api), guarded.into());
    let deployment = only(stack.items(&["apigateway", "get-deployments", "--rest-api-id", api]));
    let stages = stack.aws(&["apigateway", "get-stages", "--rest-api-id", api]).unwrap();
    let stage = only(stages["item"].as_array().unwrap().clone());
    assert_eq!((&stage["stageName"], &stage["deploymentId"]), (&json!("prod"), &deployment["id"]));

    let plan = only(stack.items(&["apigateway", "get-usage-plans"]));
    assert_eq!(
        (&plan["name"], &plan["apiStages"]),
        (&json!("CloudFront-pets"), &json!([{"apiId": api, "stage": "prod"}]))
    );
    let plan = text(&plan["id"]);
    let old = stack.api_key(plan);
    assert_eq!(old["name"], "CloudFront-pets-2026-11-22");

    let updated = stack.deploy("update-stack", &parameters("2026-11-23T06-04-05Z"));
    let new = stack.api_key(plan);
    assert_eq!(new["name"], "CloudFront-pets-2026-11-23T06-04-05Z");
    assert_ne!(new["id"], old["id"]);
    assert_eq!(updated, ["ApiKey", "ApiKeyUsagePlan", "ApiKeyValue", "CFDistribution"].map(str::to_owned).into());
}

/// The whole of `edge.yaml`, and that `api.yaml` takes its outputs.
///
/// LocalStack ignores `AWS::WAFv2::WebACL`, and knows no Node newer than 22: "Value nodejs24.x at
/// 'runtime' failed to satisfy constraint".
#[test]
fn the_edges_outputs_are_what_the_api_takes() {
    let text = template("edge.yaml").replace("nodejs24.x", "nodejs22.x");
    let stack = Stack::package("edge", "us-east-1", "edge.yaml", &text);
    let code = STANDARD.encode(Sha256::digest(CODE));
    let parameters = [("CodeSha256", code.as_str()), ("DistributionId", "E2EXAMPLE")];

    stack.deploy("create-stack", &parameters);
    assert_eq!(stack.resources(), resources(&Template::rendered("edge.yaml", &parameters)));
    let ignored = ["AWS::WAFv2::WebACL"];
    assert_eq!(stack.ignored_types(), ignored.map(str::to_owned).into());

    let outputs = stack.outputs();
    let of_edge = ["SignerVersionArn", "SignerRoleArn"].map(|name| (name, outputs[name].as_str()));
    let api = Template::rendered("api.yaml", &[&of_edge[..], &[("ExamplePetStore", "true")]].concat());
    let behavior = &api.resource("CFDistribution")["Properties"]["DistributionConfig"]["DefaultCacheBehavior"];
    assert_eq!(behavior["LambdaFunctionAssociations"][0]["LambdaFunctionARN"], outputs["SignerVersionArn"]);
}

/// A stack in a Region of its own.
pub(crate) struct Stack {
    name: &'static str,
    region: &'static str,
    /// `infra`, `dist` and what `package` makes of them.
    folder: TempDir,
}

impl Stack {
    /// Puts the functions' code into a bucket, as a user does before the first deployment.
    pub(crate) fn package(name: &'static str, region: &'static str, file: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for part in ["infra", "dist"] {
            fs::create_dir(root.join(part)).unwrap();
        }
        fs::write(root.join("infra").join(file), text).unwrap();
        for function in ["authorizer", "edge-signer", "rotator"] {
            fs::write(root.join("dist").join(function).with_extension("zip"), CODE).unwrap();
        }
        let stack = Self { name, region, folder };
        let bucket = format!("code-{name}");
        stack.aws(&["s3", "mb", &format!("s3://{bucket}")]).unwrap();
        let template = stack.path(&format!("infra/{file}"));
        let packaged = stack.path("packaged.yaml");
        let package = ["cloudformation", "package", "--template-file", &template, "--s3-bucket", &bucket];
        stack.aws(&[&package[..], &["--output-template-file", &packaged]].concat()).unwrap();
        stack
    }

    /// Creates or updates it with all parameters, and returns the names of the resources that this has touched.
    #[track_caller]
    pub(crate) fn deploy(&self, action: &str, parameters: &[(&str, &str)]) -> BTreeSet<String> {
        let body = format!("file://{}", self.path("packaged.yaml"));
        let given: Vec<_> =
            parameters.iter().map(|(name, value)| json!({"ParameterKey": name, "ParameterValue": value})).collect();
        let given = Value::from(given).to_string();
        let call =
            ["cloudformation", action, "--stack-name", self.name, "--template-body", &body, "--parameters", &given];
        self.aws(&[&call[..], &["--capabilities", "CAPABILITY_IAM"]].concat()).unwrap();
        let begun = Instant::now();
        let status = loop {
            let status = text(&self.described()["StackStatus"]).to_owned();
            if !status.ends_with("_IN_PROGRESS") {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "{status} for long");
        };
        let events = self.list("describe-stack-events", "StackEvents");
        assert!(["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&status.as_str()), "{status}: {events:#?}");
        // The newest first, and before all of them that of the stack itself.
        let begins =
            |event: &Value| event["LogicalResourceId"] == self.name && event["ResourceStatus"] != status.as_str();
        let touched = events.iter().take_while(|event| !begins(event)).map(|event| text(&event["LogicalResourceId"]));
        touched.filter(|name| *name != self.name).map(str::to_owned).collect()
    }

    /// Its resources and their types.
    fn resources(&self) -> BTreeMap<String, String> {
        let resources = self.list("describe-stack-resources", "StackResources");
        let named = |resource: &Value| {
            (text(&resource["LogicalResourceId"]).to_owned(), text(&resource["ResourceType"]).to_owned())
        };
        resources.iter().map(named).collect()
    }

    /// The types of resources that LocalStack only says to have made.
    fn ignored_types(&self) -> BTreeSet<String> {
        let resources = self.list("describe-stack-resources", "StackResources");
        let ignored = resources.iter().filter(|resource| {
            resource["ResourceStatusReason"].as_str().is_some_and(|reason| reason.ends_with(IGNORED))
        });
        ignored.map(|resource| text(&resource["ResourceType"]).to_owned()).collect()
    }

    pub(crate) fn outputs(&self) -> BTreeMap<String, String> {
        let outputs = self.described()["Outputs"].as_array().unwrap().clone();
        let named = |output: &Value| (text(&output["OutputKey"]).to_owned(), text(&output["OutputValue"]).to_owned());
        outputs.iter().map(named).collect()
    }

    /// Of each method of an API: whether it requires a key, how it authorizes, and by which authorizer.
    fn guards_of_methods(&self, api: &str) -> BTreeMap<String, Value> {
        let resources = self.items(&["apigateway", "get-resources", "--rest-api-id", api, "--embed", "methods"]);
        let mut guards = BTreeMap::new();
        for resource in resources {
            for (method, of) in resource["resourceMethods"].as_object().into_iter().flatten() {
                let guard = json!([of["apiKeyRequired"], of["authorizationType"], of["authorizerId"]]);
                guards.insert(format!("{method} {}", text(&resource["path"])), guard);
            }
        }
        guards
    }

    /// The one API key that there is, and that the usage plan has.
    #[track_caller]
    fn api_key(&self, plan: &str) -> Value {
        let key = only(self.items(&["apigateway", "get-api-keys"]));
        let of_plan = only(self.items(&["apigateway", "get-usage-plan-keys", "--usage-plan-id", plan]));
        assert_eq!(of_plan["id"], key["id"]);
        key
    }

    fn described(&self) -> Value {
        only(self.list("describe-stacks", "Stacks"))
    }

    fn list(&self, call: &str, what: &str) -> Vec<Value> {
        let mut answer = self.aws(&["cloudformation", call, "--stack-name", self.name]).unwrap();
        serde_json::from_value(answer[what].take()).unwrap()
    }

    fn items(&self, call: &[&str]) -> Vec<Value> {
        serde_json::from_value(self.aws(call).unwrap()["items"].take()).unwrap()
    }

    pub(crate) fn aws(&self, call: &[&str]) -> Result<Value, String> {
        LocalStack::shared().aws(self.region, call)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// The resources and their types that CloudFormation would make.
fn resources(template: &Template) -> BTreeMap<String, String> {
    let named = |(name, resource): (&String, &Value)| (name.clone(), text(&resource["Type"]).to_owned());
    template.resources().iter().map(named).collect()
}

#[track_caller]
fn only(values: Vec<Value>) -> Value {
    let [value] = <[Value; 1]>::try_from(values).expect("there is one");
    value
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
