//! The two protocols of the fake AWS: JSON 1.1 for Secrets Manager, forms and XML for CloudFormation.

use crate::fake_aws::{
    call::{ACCOUNT, Answer, Call, Refusal, Service},
    cloud_formation::element,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, http::request::Parts};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// A call as it came in.
pub(crate) struct Asked {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) region: String,
    /// The members of the JSON object, or the fields of the form.
    pub(crate) input: Value,
    /// The whole body.
    pub(crate) body: String,
}

impl Asked {
    /// Reads it. The service and the Region are those in its signature.
    #[track_caller]
    pub(crate) fn read(parts: &Parts, body: &[u8]) -> Self {
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        // Credential=AKID/DATE/REGION/SERVICE/aws4_request
        let scope: Vec<_> =
            header("authorization").split("Credential=").nth(1).unwrap_or_default().split('/').collect();
        let [_, _, region, service, ..] = scope[..] else {
            panic!("a request without a signature of version 4");
        };
        let body = String::from_utf8(body.to_vec()).unwrap();
        let (service, operation, input) = if service == "secretsmanager" {
            let operation = header("x-amz-target").strip_prefix("secretsmanager.").expect("an operation");
            (Service::SecretsManager, operation.to_owned(), serde_json::from_str(&body).unwrap())
        } else {
            let input = form(&body);
            (Service::CloudFormation, input["Action"].as_str().unwrap_or_default().to_owned(), input)
        };
        Self { service, operation, region: region.to_owned(), input, body }
    }

    /// As the log has it, with nothing done yet.
    pub(crate) fn call(&self) -> Call {
        let text = |names: &[&str]| names.iter().find_map(|name| self.input[*name].as_str()).map(str::to_owned);
        let given = self.input["VersionStages"].as_array().into_iter().flatten();
        let stages = given.chain([&self.input["VersionStage"]]).filter_map(Value::as_str);
        Call {
            service: self.service,
            operation: self.operation.clone(),
            region: self.region.clone(),
            concerns: self.subject().to_owned(),
            version: text(&["MoveToVersionId", "RemoveFromVersionId", "ClientRequestToken", "VersionId"]),
            stages: stages.map(str::to_owned).collect(),
            effect: false,
            answer: String::new(),
        }
    }

    /// The action of IAM that it takes.
    pub(crate) fn action(&self) -> String {
        let service = match self.service {
            Service::SecretsManager => "secretsmanager",
            Service::CloudFormation => "cloudformation",
        };
        format!("{service}:{}", self.operation)
    }

    /// The resource that a denial names: a secret as it was asked for, a stack by its ARN.
    pub(crate) fn resource(&self) -> String {
        let subject = self.subject();
        match self.service {
            Service::CloudFormation if !subject.starts_with("arn:") => {
                format!("arn:aws:cloudformation:{}:{ACCOUNT}:stack/{subject}/*", self.region)
            }
            _ => subject.to_owned(),
        }
    }

    /// A refusal that is not the service's own: the two protocols call the same one `AccessDeniedException` and `AccessDenied`.
    pub(crate) fn refusal_by_iam(&self, code: &str, message: &str) -> Refusal {
        match self.service {
            Service::SecretsManager => Refusal::new(400, &format!("{code}Exception"), message),
            Service::CloudFormation => Refusal::new(403, code, message),
        }
    }

    /// What goes over the wire.
    pub(crate) fn respond(&self, done: Result<Answer, Refusal>) -> Response<Full<Bytes>> {
        let status = done.as_ref().map_or_else(|refusal| refusal.status, |_| 200);
        let (kind, body) = match (self.service, done) {
            (Service::SecretsManager, Ok(answer)) => ("application/x-amz-json-1.1", answer.body),
            (Service::SecretsManager, Err(Refusal { code, message, .. })) => {
                ("application/x-amz-json-1.1", json!({"__type": code, "Message": message}).to_string())
            }
            (Service::CloudFormation, Ok(answer)) => {
                let (operation, body) = (&self.operation, answer.body);
                let result = format!("<{operation}Result>{body}</{operation}Result>");
                ("text/xml", format!("<{operation}Response {NAMESPACE}>{result}</{operation}Response>"))
            }
            (Service::CloudFormation, Err(Refusal { code, message, status })) => {
                let fault = element("Type", if status < 500 { "Sender" } else { "Receiver" });
                let error = format!("{fault}{}{}", element("Code", &code), element("Message", &message));
                ("text/xml", format!("<ErrorResponse {NAMESPACE}><Error>{error}</Error></ErrorResponse>"))
            }
        };
        Response::builder().status(status).header("content-type", kind).body(Full::from(body)).unwrap()
    }

    fn subject(&self) -> &str {
        let names = ["SecretId", "Name", "StackName"];
        names.iter().find_map(|name| self.input[*name].as_str()).unwrap_or_default()
    }
}

const NAMESPACE: &str = "xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"";

/// The fields of a form.
fn form(body: &str) -> Value {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    let fields = body.split('&').filter_map(|field| field.split_once('='));
    fields.map(|(name, value)| (decode(name), Value::String(decode(value)))).collect()
}
