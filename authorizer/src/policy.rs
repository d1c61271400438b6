//! The answer, in the form that the event asks for: an IAM policy about the one request, or a plain yes or no.

use crate::{Admissible, EventError, Failure, Form};
use aws_lambda_events::{
    apigw::{ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerSimpleResponse},
    iam::{IamPolicyEffect, IamPolicyStatement},
};
use serde::{Deserialize, Serialize};
use signing::LABEL;

/// What API Gateway takes for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// For REST APIs.
    Policy(ApiGatewayCustomAuthorizerResponse<Context>),
    /// For HTTP APIs.
    Simple(ApiGatewayV2CustomAuthorizerSimpleResponse<Context>),
}

/// What the integration gets to know of the decision. REST APIs take texts, numbers and booleans here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// `verified`, or in monitor mode `would-refuse`; empty in a refusal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub countersign: String,
    /// The viewer's address as the edge saw it, where it is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_ip: Option<String>,
}

/// A request that monitor mode lets through though it would be refused. It is no evidence of anything.
#[derive(Debug)]
pub struct Unverified(pub Failure);

/// Allows the request.
///
/// ```compile_fail,E0308
/// # use authorizer::{EventError, Form, Response, Unverified, admit};
/// # fn allow(unverified: &Unverified, form: &Form<'_>) -> Result<Response, EventError> {
/// admit(unverified, form)
/// # }
/// ```
/// ```compile_fail,E0308
/// # use authorizer::{EventError, Form, Response, admit};
/// # use signing::Verified;
/// # fn allow(verified: &Verified, form: &Form<'_>) -> Result<Response, EventError> {
/// admit(verified, form)
/// # }
/// ```
/// ```
/// # use authorizer::{Admissible, EventError, Form, Response, admit};
/// # fn allow(admissible: &Admissible, form: &Form<'_>) -> Result<Response, EventError> {
/// admit(admissible, form)
/// # }
/// ```
///
/// # Errors
/// Where the event's `methodArn` is none.
pub fn admit(admissible: &Admissible, form: &Form<'_>) -> Result<Response, EventError> {
    let viewer_ip = Some(admissible.verified().viewer_ip().to_string());
    let context = Context { countersign: "verified".to_owned(), viewer_ip };
    respond(true, context, form)
}

/// Allows a request that would be refused: monitor mode.
///
/// # Errors
/// Where the event's `methodArn` is none.
pub fn admit_unverified(_: &Unverified, form: &Form<'_>) -> Result<Response, EventError> {
    let context = Context { countersign: "would-refuse".to_owned(), viewer_ip: None };
    respond(true, context, form)
}

/// Denies the request. Why is nobody's business but the log's.
///
/// # Errors
/// Where the event's `methodArn` is none.
pub fn refuse(form: &Form<'_>) -> Result<Response, EventError> {
    respond(false, Context::default(), form)
}

fn respond(allow: bool, context: Context, form: &Form<'_>) -> Result<Response, EventError> {
    let method_arn = match form {
        Form::Policy { method_arn } => method_arn,
        Form::Simple => {
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
    Ok(Response::Policy(response))
}

/// The event's own ARN, so that a policy that is cached against all advice opens nothing else. IAM takes 512 characters,
/// reads `*` and `?` as wildcards and `${…}` as a variable: then it is all paths of the stage and method.
fn resource(method_arn: &str) -> Result<String, EventError> {
    let mut parts = method_arn.splitn(4, '/');
    let (Some(api), Some(stage), Some(method)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(EventError::MethodArn);
    };
    let wild = |text: &str| text.contains(['*', '?', '$']);
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
    fn the_answer_is_what_api_gateway_takes() {
        let form = Form::Policy { method_arn: format!("{ARN}/pets").into() };
        let refused = serde_json::to_value(refuse(&form).unwrap()).unwrap();
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
        let monitored = serde_json::to_value(admit_unverified(&unverified, &form).unwrap()).unwrap();
        assert_eq!(monitored["policyDocument"], statement("Allow"));
        assert_eq!(monitored["context"], serde_json::json!({"countersign": "would-refuse"}));

        let simple = |answer: Response| serde_json::to_value(answer).unwrap();
        assert_eq!(simple(refuse(&Form::Simple).unwrap()), serde_json::json!({"isAuthorized": false, "context": {}}));
        assert_eq!(
            simple(admit_unverified(&unverified, &Form::Simple).unwrap()),
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
