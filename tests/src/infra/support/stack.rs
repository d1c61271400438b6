//! A stack on LocalStack, as a user deploys it.

use crate::{infra::support::localstack::LocalStack, support::patience::PATIENCE};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Instant,
};
use tempfile::TempDir;

/// A zip without a file in it: nothing here runs it.
pub(crate) const CODE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What LocalStack says of a resource that it ignores.
const IGNORED: &str = "is not supported but was deployed as a fallback";

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
    pub(crate) fn resources(&self) -> BTreeMap<String, String> {
        let resources = self.list("describe-stack-resources", "StackResources");
        let named = |resource: &Value| {
            (text(&resource["LogicalResourceId"]).to_owned(), text(&resource["ResourceType"]).to_owned())
        };
        resources.iter().map(named).collect()
    }

    /// The types of resources that LocalStack only says to have made.
    pub(crate) fn ignored_types(&self) -> BTreeSet<String> {
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
    pub(crate) fn guards_of_methods(&self, api: &str) -> BTreeMap<String, Value> {
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

    /// The deployment that a stage of a REST API shows.
    pub(crate) fn deployment_of_stage(&self, api: &str, stage: &str) -> String {
        let stage = self.aws(&["apigateway", "get-stage", "--rest-api-id", api, "--stage-name", stage]).unwrap();
        text(&stage["deploymentId"]).to_owned()
    }

    /// The size of the template as `package` has written it.
    pub(crate) fn packaged_bytes(&self) -> usize {
        fs::read(self.path("packaged.yaml")).unwrap().len()
    }

    /// The one API key that there is, and that the usage plan has.
    #[track_caller]
    pub(crate) fn api_key(&self, plan: &str) -> Value {
        let key = only(self.items(&["apigateway", "get-api-keys"]));
        let of_plan = only(self.items(&["apigateway", "get-usage-plan-keys", "--usage-plan-id", plan]));
        assert_eq!(of_plan["id"], key["id"]);
        key
    }

    pub(crate) fn described(&self) -> Value {
        only(self.list("describe-stacks", "Stacks"))
    }

    pub(crate) fn list(&self, call: &str, what: &str) -> Vec<Value> {
        let mut answer = self.aws(&["cloudformation", call, "--stack-name", self.name]).unwrap();
        serde_json::from_value(answer[what].take()).unwrap()
    }

    pub(crate) fn items(&self, call: &[&str]) -> Vec<Value> {
        serde_json::from_value(self.aws(call).unwrap()["items"].take()).unwrap()
    }

    pub(crate) fn aws(&self, call: &[&str]) -> Result<Value, String> {
        LocalStack::shared().aws(self.region, call)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

#[track_caller]
pub(crate) fn only(values: Vec<Value>) -> Value {
    let [value] = <[Value; 1]>::try_from(values).expect("there is one");
    value
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}
