//! moto, an emulator of AWS that others have written, as a process of its own.

use crate::support::{
    artifacts::moto_python,
    aws_clients::{cloud_formation, secrets_manager},
    patience::PATIENCE,
};
use aws_sdk_cloudformation::types::Parameter;
use aws_sdk_secretsmanager::types::ReplicaRegionType;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{LazyLock, mpsc},
    thread,
};

/// The server. All tests of a program share one: each uses secrets and stacks of names of its own.
pub(crate) struct Moto {
    endpoint: String,
    /// Holds its standard input open. That ends with this process, and the server with it.
    _child: Child,
}

impl Moto {
    /// Starts it where no other test has.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Moto> = LazyLock::new(Moto::start);
        &SHARED
    }

    /// The value of `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a secret and returns its ARN.
    pub(crate) async fn create_secret(
        &self,
        region: &'static str,
        name: &str,
        version: &str,
        value: &str,
        replicas: &[&str],
    ) -> String {
        let mut call = secrets_manager(&self.endpoint, region).create_secret();
        for region in replicas {
            call = call.add_replica_regions(ReplicaRegionType::builder().region(*region).build());
        }
        let made = call.name(name).client_request_token(version).secret_string(value).send().await.unwrap();
        made.arn.unwrap()
    }

    /// Labels a new version without a value AWSPENDING.
    ///
    /// moto's RotateSecret does that before it finds that there is no such function, which is what it answers.
    pub(crate) async fn stage_pending(&self, region: &'static str, secret: &str, token: &str) {
        let client = secrets_manager(&self.endpoint, region);
        let nobody = format!("arn:aws:lambda:{region}:123456789012:function:nobody");
        let call = client.rotate_secret().secret_id(secret).client_request_token(token).rotation_lambda_arn(nobody);
        call.send().await.expect_err("no such function");
    }

    /// Makes a stack from a template and returns its ARN.
    pub(crate) async fn create_stack(
        &self,
        region: &'static str,
        name: &str,
        template: &str,
        parameters: &[(&str, &str)],
    ) -> String {
        let mut call = cloud_formation(&self.endpoint, region).create_stack();
        for (key, value) in parameters {
            call = call.parameters(Parameter::builder().parameter_key(*key).parameter_value(*value).build());
        }
        call.stack_name(name).template_body(template).send().await.unwrap().stack_id.unwrap()
    }

    /// Makes a stack from a template and returns its outputs.
    pub(crate) async fn outputs(
        &self,
        region: &'static str,
        name: &str,
        template: &str,
        parameters: &[(&str, &str)],
    ) -> Vec<(String, String)> {
        self.create_stack(region, name, template, parameters).await;
        let stacks = cloud_formation(&self.endpoint, region).describe_stacks().stack_name(name).send().await.unwrap();
        let outputs = stacks.stacks()[0].outputs().iter();
        outputs
            .map(|output| (output.output_key().unwrap().to_owned(), output.output_value().unwrap().to_owned()))
            .collect()
    }

    fn start() -> Self {
        let mut child = Command::new(moto_python())
            .arg("-I")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/moto/serve.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(lines.next()));
        let port = told.recv_timeout(PATIENCE).expect("moto answers in time").expect("moto lives").unwrap();
        Self { endpoint: format!("http://127.0.0.1:{port}"), _child: child }
    }
}
