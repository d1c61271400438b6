//! The answer, in the format of the event: an IAM policy about this request, or a plain yes or no.

use crate::{
    event::{EventError, ResponseFormat},
    failure::Failure,
    origin_header::Admissible,
};
use aws_lambda_events::{
    apigw::{ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerSimpleResponse},
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use serde::{Deserialize, Serialize};
use signing::LABEL;
use std::{borrow::Cow, io, net::IpAddr};

/// An answer that API Gateway accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// For REST APIs.
    IamPolicy(ApiGatewayCustomAuthorizerResponse<Context>),
    /// For HTTP APIs.
    Simple(ApiGatewayV2CustomAuthorizerSimpleResponse<Context>),
}

/// The parts of the decision that the integration receives, as strings: `$context.authorizer.countersignPath` and so
/// on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// `verified`, or in monitor mode `would-refuse`; empty in a refusal.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub countersign: Cow<'static, str>,
    /// The path that was signed, byte for byte, without stage or listed base path. Every verified request has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersign_path: Option<String>,
    /// The target that was signed, byte for byte: path, with stage or base path, and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersign_target: Option<String>,
    /// The id of the key that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersign_key_id: Option<String>,
    /// The `Content-Digest` that was signed, if the request has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersign_body_digest: Option<String>,
    /// The viewer's address as the edge saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersign_viewer_ip: Option<IpAddr>,
    /// The same address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viewer_ip: Option<IpAddr>,
    /// The members that are missing because the answer would have been too large, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countersign_omitted: Option<String>,
}

/// The answer of an authorizer must stay under this size, in bytes of JSON (API Gateway's quota of an authorizer's
/// result).
const ANSWER_LIMIT: usize = 8_192;

/// A request that monitor mode allows although it would be refused. It does not prove anything.
#[derive(Debug)]
pub struct Unverified(pub Failure);

/// An answer that allows the request and passes on its verified parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// For API Gateway.
    pub response: Response,
    /// The members of the context that did not fit, as [`Context::countersign_omitted`] names them.
    pub omitted: Option<String>,
}

/// Allows the request, and passes on its verified parts: the path always, the digest and then the target only if they
/// fit.
///
/// ```compile_fail,E0308
/// # use authorizer::{Admission, Failure, ResponseFormat, Unverified, admit};
/// # fn allow(unverified: &Unverified, response_format: &ResponseFormat<'_>) -> Result<Result<Admission, Failure>, authorizer::EventError> {
/// admit(unverified, response_format)
/// # }
/// ```
/// ```compile_fail,E0308
/// # use authorizer::{Admission, Failure, ResponseFormat, admit};
/// # use signing::Verified;
/// # fn allow(verified: &Verified<'_>, response_format: &ResponseFormat<'_>) -> Result<Result<Admission, Failure>, authorizer::EventError> {
/// admit(verified, response_format)
/// # }
/// ```
/// ```
/// # use authorizer::{Admissible, Admission, Failure, ResponseFormat, admit};
/// # fn allow(admissible: &Admissible<'_>, response_format: &ResponseFormat<'_>) -> Result<Result<Admission, Failure>, authorizer::EventError> {
/// admit(admissible, response_format)
/// # }
/// ```
///
/// # Errors
/// If the event's `methodArn` is not an ARN; in the inner result, [`Failure::PathTooLong`].
pub fn admit(
    admissible: &Admissible<'_>,
    response_format: &ResponseFormat<'_>,
) -> Result<Result<Admission, Failure>, EventError> {
    let verified = admissible.verified();
    let mut response = respond(
        true,
        Context {
            countersign: "verified".into(),
            countersign_path: Some(verified.path().to_owned()),
            countersign_target: Some(verified.target().as_str().to_owned()),
            countersign_key_id: Some(verified.key_id().as_str().to_owned()),
            countersign_body_digest: verified.content_digest().map(|digest| digest.as_str().to_owned()),
            countersign_viewer_ip: Some(verified.viewer_ip()),
            viewer_ip: Some(verified.viewer_ip()),
            countersign_omitted: None,
        },
        response_format,
    )?;
    for omit in [Context::omit_nothing, Context::omit_target, Context::omit_body_digest] {
        omit(response.context());
        if response.size() < ANSWER_LIMIT {
            let omitted = response.context().countersign_omitted.clone();
            return Ok(Ok(Admission { response, omitted }));
        }
    }
    Ok(Err(Failure::PathTooLong))
}

impl Context {
    fn omit_nothing(&mut self) {}

    fn omit_target(&mut self) {
        self.countersign_target = None;
        self.countersign_omitted = Some("countersignTarget".to_owned());
    }

    fn omit_body_digest(&mut self) {
        if self.countersign_body_digest.take().is_some() {
            self.countersign_omitted = Some("countersignTarget,countersignBodyDigest".to_owned());
        }
    }
}

impl Response {
    fn context(&mut self) -> &mut Context {
        match self {
            Self::IamPolicy(response) => &mut response.context,
            Self::Simple(response) => &mut response.context,
        }
    }

    /// The size of the answer as JSON, counted without keeping it.
    fn size(&self) -> usize {
        struct Counter(usize);

        impl io::Write for Counter {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += bytes.len();
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let mut counter = Counter(0);
        // A value that cannot be written is not sent either.
        serde_json::to_writer(&mut counter, self).map_or(usize::MAX, |()| counter.0)
    }
}

/// Allows a request that would be refused, in monitor mode.
///
/// # Errors
/// If the event's `methodArn` is not an ARN.
pub fn admit_unverified(_: &Unverified, response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
    let context = Context { countersign: "would-refuse".into(), ..Context::default() };
    respond(true, context, response_format)
}

/// Denies the request. Only the log has the reason.
///
/// # Errors
/// If the event's `methodArn` is not an ARN.
pub fn refuse(response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
    respond(false, Context::default(), response_format)
}

fn respond(allow: bool, context: Context, response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
    let method_arn = match response_format {
        ResponseFormat::IamPolicy { method_arn } => method_arn,
        ResponseFormat::Simple => {
            let mut response = ApiGatewayV2CustomAuthorizerSimpleResponse::default();
            response.is_authorized = allow;
            response.context = context;
            return Ok(Response::Simple(response));
        }
    };
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".to_owned()];
    statement.effect = if allow { IamPolicyEffect::Allow } else { IamPolicyEffect::Deny };
    statement.resource = vec![resource(method_arn)?];
    let mut response = ApiGatewayCustomAuthorizerResponse::default();
    response.principal_id = Some(LABEL.to_owned());
    response.policy_document.version = Some("2012-10-17".to_owned());
    response.policy_document.statement = vec![statement];
    response.context = context;
    Ok(Response::IamPolicy(response))
}

/// The event's own ARN, so that a policy that is cached, against the documentation, does not allow any other request.
/// IAM accepts 512 characters, and reads `*` and `?` as wildcards and `${…}` as a variable: for such an ARN the
/// resource is all paths of the stage and method.
fn resource(method_arn: &str) -> Result<String, EventError> {
    let mut parts = method_arn.splitn(4, '/');
    let (Some(api), Some(stage), Some(method)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(EventError::MethodArn);
    };
    let wild = |text: &str| text.contains(['*', '?']) || text.contains("${");
    if !api.starts_with("arn:") || [api, stage, method].into_iter().any(|part| part.is_empty() || wild(part)) {
        return Err(EventError::MethodArn);
    }
    if method_arn.len() <= 512 && !wild(method_arn) {
        return Ok(method_arn.to_owned());
    }
    let all = format!("{api}/{stage}/{method}/*");
    if all.len() <= 512 { Ok(all) } else { Err(EventError::MethodArn) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signing::{Field, Refusal};

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/GET";

    #[test]
    fn the_answer_has_the_form_that_api_gateway_accepts() {
        let response_format = ResponseFormat::IamPolicy { method_arn: format!("{ARN}/pets").into() };
        let refused = serde_json::to_value(refuse(&response_format).unwrap()).unwrap();
        let statement = |effect| {
            serde_json::json!({
                "Version": "2012-10-17",
                "Statement": [{"Action": ["execute-api:Invoke"], "Effect": effect, "Resource": [format!("{ARN}/pets")]}],
            })
        };
        assert_eq!(
            refused,
            serde_json::json!({
                "principalId": "countersign",
                "policyDocument": statement("Deny"),
                "context": {},
                "usageIdentifierKey": null,
            })
        );
        let unverified = Unverified(Failure::Refused(Refusal::Missing(Field::Signature)));
        let monitored = serde_json::to_value(admit_unverified(&unverified, &response_format).unwrap()).unwrap();
        assert_eq!(monitored["policyDocument"], statement("Allow"));
        assert_eq!(monitored["context"], serde_json::json!({"countersign": "would-refuse"}));

        let simple = |answer: Response| serde_json::to_value(answer).unwrap();
        assert_eq!(
            simple(refuse(&ResponseFormat::Simple).unwrap()),
            serde_json::json!({"isAuthorized": false, "context": {}})
        );
        assert_eq!(
            simple(admit_unverified(&unverified, &ResponseFormat::Simple).unwrap()),
            serde_json::json!({"isAuthorized": true, "context": {"countersign": "would-refuse"}})
        );
    }

    #[test]
    fn the_resource_is_the_one_request_unless_iam_would_read_it_as_more() {
        let long = format!("{ARN}/{}", "x".repeat(512 - ARN.len()));
        let table = [
            (format!("{ARN}/pets/1"), Some(format!("{ARN}/pets/1"))),
            (format!("{ARN}/"), Some(format!("{ARN}/"))),
            (ARN.to_owned(), Some(ARN.to_owned())),
            (format!("{ARN}/pets/*"), Some(format!("{ARN}/*"))),
            (format!("{ARN}/pe?s"), Some(format!("{ARN}/*"))),
            (format!("{ARN}/${{aws:username}}"), Some(format!("{ARN}/*"))),
            (format!("{ARN}/$5/a$"), Some(format!("{ARN}/$5/a$"))),
            (ARN.replace("prod", "$default") + "/pets", Some(ARN.replace("prod", "$default") + "/pets")),
            (ARN.replace("prod", "${stage}") + "/pets", None),
            (format!("{ARN}/{}", "x".repeat(511 - ARN.len())), Some(format!("{ARN}/{}", "x".repeat(511 - ARN.len())))),
            (long, Some(format!("{ARN}/*"))),
            (String::new(), None),
            ("arn:aws:execute-api:eu-west-1:1:abc/prod".to_owned(), None),
            ("arn:aws:execute-api:eu-west-1:1:abc//GET/x".to_owned(), None),
            ("arn:aws:execute-api:eu-west-1:1:abc/*/GET/x".to_owned(), None),
            ("abc/prod/GET/x".to_owned(), None),
            (format!("{}/x", ARN.replace("prod", &"p".repeat(600))), None),
        ];
        for (arn, expected) in table {
            assert_eq!(resource(&arn).ok(), expected, "{arn}");
        }
    }
}
