//! The answer, in the format of the event: an IAM policy about this request, or a plain yes or no.

use crate::{
    delegate::Delegated,
    event::{ANSWER_LIMIT, EventError, ResponseFormat},
    failure::{Failure, Unverified},
    jwt::JwtContext,
    origin_header::Admissible,
    then::Followed,
};
use serde::{Serialize, Serializer};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use signing::LABEL;
use std::{borrow::Cow, net::IpAddr};

/// An answer that API Gateway accepts, as JSON: an IAM policy or `isAuthorized`, as the [`ResponseFormat`] says.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Response(Box<RawValue>);

/// The parts of the decision that the integration receives, as strings: `$context.authorizer.countersignPath` and so
/// on.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    /// `verified`, or in monitor mode `would-refuse`; empty in a refusal.
    #[serde(skip_serializing_if = "str::is_empty")]
    countersign: &'a str,
    /// The path that was signed, byte for byte, without stage or listed base path. Every verified request has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    countersign_path: Option<&'a str>,
    /// The target that was signed, byte for byte: path, with stage or base path, and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    countersign_target: Option<&'a str>,
    /// The id of the key that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    countersign_key_id: Option<&'a str>,
    /// The `Content-Digest` that was signed, if the request has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    countersign_body_digest: Option<&'a str>,
    /// The viewer's address as the edge saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    countersign_viewer_ip: Option<IpAddr>,
    /// The same address.
    #[serde(skip_serializing_if = "Option::is_none")]
    viewer_ip: Option<IpAddr>,
    /// The members that are missing because the answer would have been too large, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    countersign_omitted: Option<&'static str>,
}

/// All that the integration receives: what the signature says, and what the token says.
#[derive(Clone, Copy)]
struct HandedOn<'a> {
    context: &'a Context<'a>,
    jwt: Option<&'a JwtContext>,
}

impl Serialize for HandedOn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Both<'a> {
            #[serde(flatten)]
            context: &'a Context<'a>,
            #[serde(flatten)]
            jwt: &'a JwtContext,
        }
        // Flattened members are written more slowly.
        match (self.context, self.jwt) {
            (context, None) => context.serialize(serializer),
            (context, Some(jwt)) => Both { context, jwt }.serialize(serializer),
        }
    }
}

/// An answer that allows the request and passes on its verified parts.
#[derive(Clone, Debug)]
pub struct Admission {
    /// For API Gateway.
    pub response: Response,
    /// The members of the context that did not fit, as `countersignOmitted` names them.
    pub omitted: Option<&'static str>,
}

/// Allows the request, and passes on its verified parts: the path always, the digest and then the target only if they
/// fit. If the next authorizer has allowed it, the answer is that authorizer's with these parts added.
///
/// ```compile_fail,E0308
/// # use authorizer::{Admission, EventError, Failure, Followed, ResponseFormat, Unverified, admit};
/// # fn allow(unverified: &Unverified, followed: &Followed, response_format: &ResponseFormat<'_>) -> Result<Result<Admission, Failure>, EventError> {
/// admit(unverified, followed, response_format)
/// # }
/// ```
/// ```compile_fail,E0308
/// # use authorizer::{Admission, EventError, Failure, Followed, ResponseFormat, admit};
/// # use signing::Verified;
/// # fn allow(verified: &Verified<'_>, followed: &Followed, response_format: &ResponseFormat<'_>) -> Result<Result<Admission, Failure>, EventError> {
/// admit(verified, followed, response_format)
/// # }
/// ```
/// ```compile_fail,E0061
/// # use authorizer::{Admissible, Admission, EventError, Failure, ResponseFormat, admit};
/// # fn allow(admissible: &Admissible<'_>, response_format: &ResponseFormat<'_>) -> Result<Result<Admission, Failure>, EventError> {
/// admit(admissible, response_format)
/// # }
/// ```
/// ```
/// # use authorizer::{Admissible, Admission, EventError, Failure, Followed, ResponseFormat, admit};
/// # fn allow(admissible: &Admissible<'_>, followed: &Followed, response_format: &ResponseFormat<'_>) -> Result<Result<Admission, Failure>, EventError> {
/// admit(admissible, followed, response_format)
/// # }
/// ```
///
/// # Errors
/// If the event's `methodArn` is not an ARN; in the inner result, [`Failure::PathTooLong`].
pub fn admit(
    admissible: &Admissible<'_>,
    followed: &Followed,
    response_format: &ResponseFormat<'_>,
) -> Result<Result<Admission, Failure>, EventError> {
    let verified = admissible.verified();
    let target = verified.target();
    let digest = verified.content_digest();
    let digest = digest.as_ref().map(|digest| digest.as_str());
    let contexts = [
        (Some(target.as_str()), digest, None),
        (None, digest, Some("countersignTarget")),
        (None, None, digest.map_or(Some("countersignTarget"), |_| Some("countersignTarget,countersignBodyDigest"))),
    ];
    for (target, digest, omitted) in contexts {
        let context = Context {
            countersign: "verified",
            countersign_path: Some(verified.path()),
            countersign_target: target,
            countersign_key_id: Some(verified.key_id().as_str()),
            countersign_body_digest: digest,
            countersign_viewer_ip: Some(verified.viewer_ip()),
            viewer_ip: Some(verified.viewer_ip()),
            countersign_omitted: omitted,
        };
        let handed_on = HandedOn { context: &context, jwt: followed.jwt() };
        if let Some(response) = allow(&handed_on, followed.delegated(), response_format)? {
            return Ok(Ok(Admission { response, omitted }));
        }
    }
    Ok(Err(Failure::PathTooLong))
}

/// Allows a request that would be refused, in monitor mode of the signature. What follows the signature must let it pass too:
///
/// ```compile_fail,E0061
/// # use authorizer::{EventError, Response, ResponseFormat, Unverified, admit_unverified};
/// # fn allow(unverified: &Unverified, response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
/// admit_unverified(unverified, response_format)
/// # }
/// ```
/// ```
/// # use authorizer::{EventError, Followed, Response, ResponseFormat, Unverified, admit_unverified};
/// # fn allow(unverified: &Unverified, followed: &Followed, response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
/// admit_unverified(unverified, followed, response_format)
/// # }
/// ```
///
/// # Errors
/// If the event's `methodArn` is not an ARN.
pub fn admit_unverified(
    _: &Unverified,
    followed: &Followed,
    response_format: &ResponseFormat<'_>,
) -> Result<Response, EventError> {
    let context = Context { countersign: "would-refuse", ..Context::default() };
    let jwt = followed.jwt();
    // The answer of the next authorizer always leaves room for the second.
    for handed_on in [HandedOn { context: &context, jwt }, HandedOn { context: &context, jwt: None }] {
        if let Some(response) = allow(&handed_on, followed.delegated(), response_format)? {
            return Ok(response);
        }
    }
    refuse(response_format)
}

/// Whether the request can be answered.
///
/// # Errors
/// If the event's `methodArn` is not an ARN.
pub(crate) fn check_format(response_format: &ResponseFormat<'_>) -> Result<(), EventError> {
    match response_format {
        ResponseFormat::IamPolicy { method_arn } => resource(method_arn).map(|_| ()),
        ResponseFormat::Simple => Ok(()),
    }
}

/// Denies the request. Only the log has the reason.
///
/// # Errors
/// If the event's `methodArn` is not an ARN.
pub fn refuse(response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
    respond(false, &HandedOn { context: &Context::default(), jwt: None }, response_format)
}

/// Denies the request with the answer of the next authorizer, if nobody can read that as an allow, and otherwise with our own:
/// what a Deny in a policy covers is API Gateway's to say.
///
/// # Errors
/// If the event's `methodArn` is not an ARN.
pub fn refuse_as(denied: &Delegated, response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
    if denied.never_allows()
        && let Ok(answer) = denied.with_context(&Map::new())
    {
        return Ok(Response(answer));
    }
    refuse(response_format)
}

/// Our answer, or that of the next authorizer with what we hand on; `None` if it is too large.
fn allow(
    handed_on: &HandedOn<'_>,
    delegated: Option<&Delegated>,
    response_format: &ResponseFormat<'_>,
) -> Result<Option<Response>, EventError> {
    let Some(delegated) = delegated else {
        let response = respond(true, handed_on, response_format)?;
        return Ok(Some(response).filter(|response| response.0.get().len() < ANSWER_LIMIT));
    };
    let Ok(Value::Object(ours)) = serde_json::to_value(handed_on) else { return Ok(None) };
    Ok(delegated.with_context(&ours).ok().map(Response))
}

fn respond(allow: bool, context: &HandedOn<'_>, response_format: &ResponseFormat<'_>) -> Result<Response, EventError> {
    let ResponseFormat::IamPolicy { method_arn } = response_format else {
        return Ok(Response::write(&SimpleResponse { is_authorized: allow, context }));
    };
    let statement = Statement {
        action: ["execute-api:Invoke"],
        effect: if allow { "Allow" } else { "Deny" },
        resource: [&resource(method_arn)?],
    };
    let policy_document = PolicyDocument { version: "2012-10-17", statement: [statement] };
    Ok(Response::write(&PolicyResponse { principal_id: LABEL, policy_document, context }))
}

impl Response {
    /// If the answer could not be written, it would be `null`, for which API Gateway answers 500.
    fn write(answer: &impl Serialize) -> Self {
        Self(to_raw_value(answer).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

// The same members as in `aws_lambda_events`, whose types own every text, which costs a tenth of a decision.

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SimpleResponse<'a> {
    is_authorized: bool,
    context: &'a HandedOn<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyResponse<'a> {
    principal_id: &'a str,
    policy_document: PolicyDocument<'a>,
    context: &'a HandedOn<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument<'a> {
    version: &'a str,
    statement: [Statement<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    action: [&'a str; 1],
    effect: &'a str,
    resource: [&'a str; 1],
}

/// The event's own ARN, so that a policy that is cached, against the documentation, does not allow any other request.
/// IAM accepts 512 characters, and reads `*` and `?` as wildcards and `${…}` as a variable: for such an ARN the
/// resource is all paths of the stage and method.
fn resource(method_arn: &str) -> Result<Cow<'_, str>, EventError> {
    let mut parts = method_arn.splitn(4, '/');
    let (Some(api), Some(stage), Some(method)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(EventError::MethodArn);
    };
    if !api.starts_with("arn:") || [api, stage, method].contains(&"") {
        return Err(EventError::MethodArn);
    }
    let wild = |text: &str| text.bytes().any(|byte| matches!(byte, b'*' | b'?')) || text.contains("${");
    if method_arn.len() <= 512 && !wild(method_arn) {
        return Ok(method_arn.into());
    }
    if [api, stage, method].into_iter().any(wild) {
        return Err(EventError::MethodArn);
    }
    let all = format!("{api}/{stage}/{method}/*");
    if all.len() <= 512 { Ok(all.into()) } else { Err(EventError::MethodArn) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lambda_events::{
        apigw::{ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerSimpleResponse},
        iam::IamPolicyEffect,
    };
    use serde_json::Value;
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
            })
        );
        let unverified = Unverified(Failure::Refused(Refusal::Missing(Field::Signature)));
        let monitored =
            serde_json::to_value(admit_unverified(&unverified, &Followed::NOTHING, &response_format).unwrap()).unwrap();
        assert_eq!(monitored["policyDocument"], statement("Allow"));
        assert_eq!(monitored["context"], serde_json::json!({"countersign": "would-refuse"}));

        let simple = |answer: Response| serde_json::to_value(answer).unwrap();
        assert_eq!(
            simple(refuse(&ResponseFormat::Simple).unwrap()),
            serde_json::json!({"isAuthorized": false, "context": {}})
        );
        assert_eq!(
            simple(admit_unverified(&unverified, &Followed::NOTHING, &ResponseFormat::Simple).unwrap()),
            serde_json::json!({"isAuthorized": true, "context": {"countersign": "would-refuse"}})
        );
    }

    #[test]
    fn the_answer_is_what_aws_lambda_events_reads() {
        let response_format = ResponseFormat::IamPolicy { method_arn: format!("{ARN}/pets").into() };
        let unverified = Unverified(Failure::Unavailable(crate::Unavailable::Keys));
        let answers = [
            (refuse(&response_format), refuse(&ResponseFormat::Simple), false),
            (
                admit_unverified(&unverified, &Followed::NOTHING, &response_format),
                admit_unverified(&unverified, &Followed::NOTHING, &ResponseFormat::Simple),
                true,
            ),
        ];
        for (policy, simple, allowed) in answers {
            let policy = serde_json::to_string(&policy.unwrap()).unwrap();
            let policy: ApiGatewayCustomAuthorizerResponse<Value> = serde_json::from_str(&policy).unwrap();
            assert_eq!(policy.principal_id.as_deref(), Some("countersign"));
            assert_eq!(policy.policy_document.version.as_deref(), Some("2012-10-17"));
            let [statement] = &policy.policy_document.statement[..] else { panic!("{policy:?}") };
            assert_eq!(statement.action, ["execute-api:Invoke"]);
            assert_eq!(statement.effect, if allowed { IamPolicyEffect::Allow } else { IamPolicyEffect::Deny });
            assert_eq!(statement.resource, [format!("{ARN}/pets")]);
            let simple = serde_json::to_string(&simple.unwrap()).unwrap();
            let simple: ApiGatewayV2CustomAuthorizerSimpleResponse<Value> = serde_json::from_str(&simple).unwrap();
            assert_eq!(simple.is_authorized, allowed);
            assert_eq!(simple.context, policy.context);
        }
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
            assert_eq!(resource(&arn).ok().as_deref(), expected.as_deref(), "{arn}");
        }
    }
}
