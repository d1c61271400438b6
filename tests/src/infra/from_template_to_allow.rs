//! The functions with the settings, the custom headers and the secrets that the template gives them, on LocalStack.
//!
//! It makes the template's secrets, but neither a distribution nor anything that runs a function: what CloudFront would send and
//! what Lambda would set is read from the template, and the values of the secrets from where the template keeps them. Nor does it
//! know UsePreviousValue, by which the rotator gives a stack its Timestamp: the rotator rotates the signing secret alone, and the
//! stack is updated as by hand.

use crate::{
    infra::support::{
        localstack::LocalStack,
        stack::Stack,
        template::{Template, template},
    },
    rotation::support::rotator::{TIME, id, rotate},
    support::{
        aws_clients::aws_variables, bootstrap::Bootstrap, client::ask, echo::arrived, edge_process::EdgeProcess,
        whole_path::options,
    },
};
use hyper::Method;
use local::{ApiKind, Running};
use serde_json::Value;
use std::collections::BTreeMap;

const REGION: &str = "eu-north-1";
const OLD: &str = "2026-11-22";
const NEW: &str = "2026-11-23T06-04-05Z";

fn parameters<'a>(api_url: &'a str, timestamp: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("ApiURL", api_url),
        ("SignerVersionArn", "arn:aws:lambda:us-east-1:000000000000:function:signer:1"),
        ("SignerRoleArn", "arn:aws:iam::000000000000:role/signer"),
        ("Mode", "enforce"),
        ("OriginSecretHeader", "true"),
        ("Timestamp", timestamp),
    ]
}

/// A template that is deployed, and what it then says.
struct Deployed {
    stack: Stack,
    says: Template,
    outputs: BTreeMap<String, String>,
}

impl Deployed {
    /// A text of the template, with the secrets that it names in their places.
    fn text(&self, value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Object(function) if function.contains_key("Ref") => {
                assert_eq!(function["Ref"], "SigningSecret");
                self.outputs["SigningSecretArn"].clone()
            }
            function => {
                let text = function["Fn::Sub"].as_str().unwrap();
                let (before, rest) = text.split_once("{{resolve:secretsmanager:${").unwrap();
                let name = rest.strip_suffix("}:SecretString}}").unwrap();
                let output = BTreeMap::from([
                    ("ApiKeyValue", "ApiKeySecretArn"),
                    ("OriginHeaderValue", "OriginHeaderSecretArn"),
                ]);
                format!("{before}{}", self.secret(&self.outputs[output[name]]))
            }
        }
    }

    fn secret(&self, arn: &str) -> String {
        let answer = self.stack.aws(&["secretsmanager", "get-secret-value", "--secret-id", arn]).unwrap();
        answer["SecretString"].as_str().unwrap().to_owned()
    }

    /// The environment that a function has.
    fn environment(&self, function: &str) -> Vec<(String, String)> {
        let variables = &self.says.resource(function)["Properties"]["Environment"]["Variables"];
        variables.as_object().unwrap().iter().map(|(name, value)| (name.clone(), self.text(value))).collect()
    }

    /// What CloudFront sends.
    fn custom_headers(&self) -> Vec<(String, String)> {
        let place = "/Properties/DistributionConfig/Origins/0/OriginCustomHeaders";
        let headers = self.says.resource("CFDistribution").pointer(place).unwrap().as_array().unwrap();
        headers.iter().map(|header| (self.text(&header["HeaderName"]), self.text(&header["HeaderValue"]))).collect()
    }

    /// A function as a process, with its environment.
    async fn function(&self, name: &str, resource: &str, more: &[(&str, &str)]) -> Bootstrap {
        let environment = self.environment(resource);
        let mut variables = aws_variables(LocalStack::shared().endpoint(), REGION).to_vec();
        let own = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        variables.extend(own.filter(|(name, _)| more.iter().all(|(other, _)| other != name)));
        variables.extend(more);
        Bootstrap::of(name, &variables).await
    }
}

/// CloudFront, with what it sends, and the authorizer behind it.
async fn path(custom_headers: Vec<(String, String)>, authorizer: Bootstrap) -> Running {
    let edge = EdgeProcess::start_with(&aws_variables(LocalStack::shared().endpoint(), "us-east-1")).await;
    local::start(local::Options { custom_headers, ..options("", ApiKind::Rest) }, edge, authorizer).await.unwrap()
}

/// The key that CloudFormation made signs, the rotator takes it up, and a new Timestamp turns the secret header over.
#[tokio::test(flavor = "multi_thread")]
async fn the_functions_work_with_what_the_template_gives_them() {
    let stack = Stack::package("door", REGION, "api.yaml", &template("api.yaml"));
    let example = Stack::package("door-example", REGION, "example.yaml", &template("example.yaml"));
    example.deploy("create-stack", &[]);
    let api_url = example.outputs()["ApiURL"].clone();
    stack.deploy("create-stack", &parameters(&api_url, OLD));
    let name = [("AWS::StackName", "door")];
    let says = |timestamp| Template::rendered("api.yaml", &[&name[..], &parameters(&api_url, timestamp)].concat());
    let mut deployed = Deployed { outputs: stack.outputs(), stack, says: says(OLD) };

    let kid = deployed.outputs["SigningSecretArn"].clone();
    let first: Value = serde_json::from_str(&deployed.secret(&kid)).unwrap();
    let old_headers = deployed.custom_headers();
    let running = path(old_headers.clone(), deployed.function("authorizer", "Authorizer", &[]).await).await;
    let (status, echo) = ask(running.edge, Method::GET, "/echo/a?x=1", &[], b"").await;
    let signed = arrived(&echo, "Countersign-Signature-Input").unwrap_or_default();
    assert_eq!((status, signed.contains(&format!(r#";keyid="{}";"#, first["kid"].as_str().unwrap()))), (200, true));
    let (status, _) = ask(running.gateway, Method::GET, "/prod/echo/a?x=1", &[], b"").await;
    assert_eq!(status, 401, "the back door");
    running.stop().await;

    let rotator = deployed.function("rotator", "RotateApiKeysFunction", &[("COUNTERSIGN_ROTATE", "secret")]).await;
    let told = rotate(&rotator, 1, TIME).await;
    assert_eq!(
        (&told[0]["keys"]["outcome"], &told[0]["keys"]["new_key"]),
        (&"rotated".into(), &id(1).into()),
        "{told}"
    );
    let rotated: Value = serde_json::from_str(&deployed.secret(&kid)).unwrap();
    assert_eq!((&rotated["keys"][0]["k"], rotated["keys"].as_array().unwrap().len()), (&first["k"], 2));

    deployed.stack.deploy("update-stack", &parameters(&api_url, NEW));
    (deployed.says, deployed.outputs) = (says(NEW), deployed.stack.outputs());
    let new_headers = deployed.custom_headers();
    let values =
        |headers: &[(String, String)], name: &str| headers.iter().find(|header| header.0 == name).unwrap().1.clone();
    for name in ["x-api-key", "x-origin-verify"] {
        assert_ne!(values(&old_headers, name), values(&new_headers, name), "{name}");
    }
    // The old value is deleted by now, with its secret. An authorizer that has never read it knows no more of it.
    for (headers, expected) in [(new_headers, 200), (old_headers, 403)] {
        let running = path(headers, deployed.function("authorizer", "Authorizer", &[]).await).await;
        assert_eq!(ask(running.edge, Method::GET, "/echo/a", &[], b"").await.0, expected);
        running.stop().await;
    }
}
