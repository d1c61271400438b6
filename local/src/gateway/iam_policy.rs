//! How an API reads an authorizer's answer that is an IAM policy: a REST API, a WebSocket API, and an HTTP API that is set to it.
//!
//! Pure. An answer that is not understood here is [`Verdict::Broken`], which the gateway answers with 500: a doubtful
//! answer is not an allow.

use crate::gateway::{deployment::context, rejections::Rejection};
use serde_json::{Map, Value};
use std::{slice, str::Chars};

/// The outcome for one method ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An Allow statement covers the method, and no Deny statement does.
    Allow,
    /// A Deny statement covers the method.
    ExplicitDeny,
    /// No statement covers the method.
    ImplicitDeny,
    /// API Gateway does not accept the answer, for this reason.
    Broken(&'static str),
}

/// Evaluates an authorizer's answer for the method that was called, as IAM would.
///
/// ```
/// use local::{Verdict, evaluate};
/// let answer = serde_json::json!({
///     "principalId": "cloudfront",
///     "policyDocument": {
///         "Version": "2012-10-17",
///         "Statement": [{
///             "Action": "execute-api:Invoke",
///             "Effect": "Allow",
///             "Resource": "arn:aws:execute-api:*:*:a1/prod/GET/*",
///         }],
///     },
/// });
/// assert_eq!(evaluate(&answer, "arn:aws:execute-api:us-east-1:123456789012:a1/prod/GET/pets"), Verdict::Allow);
/// assert_eq!(evaluate(&answer, "arn:aws:execute-api:us-east-1:123456789012:a1/prod/PUT/pets"), Verdict::ImplicitDeny);
/// ```
pub fn evaluate(answer: &Value, method_arn: &str) -> Verdict {
    covering_effects(answer, method_arn).unwrap_or_else(Verdict::Broken)
}

/// The context of an answer that allows the method.
///
/// # Errors
/// What the gateway answers instead.
pub(crate) fn allowed_context(answer: &Value, method_arn: &str) -> Result<Map<String, Value>, Rejection> {
    match evaluate(answer, method_arn) {
        Verdict::Allow => Ok(context(answer)),
        Verdict::ExplicitDeny => Err(Rejection::Denied),
        Verdict::ImplicitDeny => Err(Rejection::NotCovered),
        Verdict::Broken(reason) => Err(Rejection::BrokenAnswer(reason)),
    }
}

fn covering_effects(answer: &Value, method_arn: &str) -> Result<Verdict, &'static str> {
    if answer.get("principalId").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err("principalId is missing");
    }
    context_is_flat(answer.get("context"))?;
    let document = answer.get("policyDocument").and_then(Value::as_object).ok_or("policyDocument is not an object")?;
    let version = document.get("Version");
    if !version.is_none_or(|version| version == "2012-10-17" || version == "2008-10-17") {
        return Err("the policy's Version is not one of IAM's");
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement @ Value::Object(_)) => slice::from_ref(statement),
        _ => return Err("Statement is neither a list nor an object"),
    };
    let mut verdict = Verdict::ImplicitDeny;
    for statement in statements {
        // Every statement is read, so that a broken statement in any place breaks the answer.
        match covers(statement, method_arn)? {
            Some(Verdict::ExplicitDeny) => verdict = Verdict::ExplicitDeny,
            Some(effect) if verdict == Verdict::ImplicitDeny => verdict = effect,
            _ => {}
        }
    }
    Ok(verdict)
}

/// The effect of a statement that covers the method.
fn covers(statement: &Value, method_arn: &str) -> Result<Option<Verdict>, &'static str> {
    let statement = statement.as_object().ok_or("a statement is not an object")?;
    if let Some(unknown) =
        statement.keys().find(|key| !matches!(key.as_str(), "Sid" | "Action" | "Effect" | "Resource"))
    {
        return Err(match unknown.as_str() {
            // `"Condition": null` is refused by API Gateway. A real condition would need an evaluation, which is not
            // implemented here.
            "Condition" => "a statement has a Condition",
            _ => "a statement has a member that is not evaluated here",
        });
    }
    let effect = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Verdict::Allow,
        Some("Deny") => Verdict::ExplicitDeny,
        _ => return Err("Effect is neither Allow nor Deny"),
    };
    let actions = strings(statement.get("Action")).ok_or("Action is not text or a list of texts")?;
    let resources = strings(statement.get("Resource")).ok_or("Resource is not text or a list of texts")?;
    // Actions are compared without case, resources with case.
    let acts = actions.iter().any(|action| matches(&action.to_ascii_lowercase(), "execute-api:invoke"));
    Ok((acts && resources.iter().any(|resource| matches(resource, method_arn))).then_some(effect))
}

/// A REST API takes strings, numbers and booleans as context values. It is believed that a WebSocket API does too. An HTTP
/// API is documented to accept lists and objects in a simple answer; for a policy this is not known, and the stricter rule
/// is used. A missing context and null are the same.
fn context_is_flat(context: Option<&Value>) -> Result<(), &'static str> {
    match context {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(context)) => {
            let flat = context.values().all(|value| value.is_string() || value.is_number() || value.is_boolean());
            if flat { Ok(()) } else { Err("a context value is not a string, a number or a boolean") }
        }
        Some(_) => Err("context is not an object"),
    }
}

fn strings(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(text) => Some(vec![text]),
        Value::Array(list) if !list.is_empty() => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Whether a pattern with `*` (any characters, a slash and a colon too) and `?` (one character) covers the whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // The place to go on if the part after the last `*` does not fit: the pattern after it, and the text one character
    // later.
    let mut retry: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let text_before = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                text = text_before;
                retry = Some((pattern.clone(), text.clone()));
            }
            (None, None) => return true,
            (Some(expected), Some(found)) if expected == '?' || expected == found => {}
            _ => {
                let Some((after_star, rest)) = retry.as_mut() else {
                    return false;
                };
                if rest.next().is_none() {
                    return false;
                }
                (pattern, text) = (after_star.clone(), rest.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:a1/prod/GET/pets/1";

    fn statement(effect: &str, action: impl Into<Value>, resource: impl Into<Value>) -> Value {
        json!({ "Action": action.into(), "Effect": effect, "Resource": resource.into() })
    }

    fn answer(statements: impl Into<Value>) -> Value {
        json!({ "principalId": "p", "policyDocument": { "Version": "2012-10-17", "Statement": statements.into() } })
    }

    #[track_caller]
    fn check(statements: impl Into<Value>, expected: Verdict) {
        assert_eq!(evaluate(&answer(statements), ARN), expected);
    }

    #[test]
    fn effects() {
        let allow = statement("Allow", "execute-api:Invoke", ARN);
        let deny = statement("Deny", "execute-api:Invoke", ARN);
        let deny_other =
            statement("Deny", "execute-api:Invoke", "arn:aws:execute-api:us-east-1:123456789012:a1/prod/PUT/*");
        check(vec![allow.clone()], Verdict::Allow);
        check(allow.clone(), Verdict::Allow);
        check(vec![deny.clone()], Verdict::ExplicitDeny);
        check(vec![allow.clone(), deny.clone()], Verdict::ExplicitDeny);
        check(vec![deny, allow.clone()], Verdict::ExplicitDeny);
        check(vec![allow, deny_other.clone()], Verdict::Allow);
        check(vec![deny_other], Verdict::ImplicitDeny);
        check(Vec::<Value>::new(), Verdict::ImplicitDeny);
    }

    #[test]
    fn actions_and_resources() {
        for action in ["*", "execute-api:*", "execute-api:Invoke", "EXECUTE-API:invoke", "execute-api:Inv*"] {
            check(statement("Allow", action, ARN), Verdict::Allow);
        }
        for action in ["execute-api:ManageConnections", "execute-api:", "s3:*", "", "invoke"] {
            check(statement("Allow", action, ARN), Verdict::ImplicitDeny);
        }
        check(
            statement("Allow", json!(["s3:*", "execute-api:Invoke"]), json!(["arn:aws:s3:::a", ARN])),
            Verdict::Allow,
        );
        for resource in ["*", "arn:aws:execute-api:*:*:a1/prod/*", "*/pets/?", "*:a1/prod/*/pets/1", "**", "*1*"] {
            check(statement("Allow", "*", resource), Verdict::Allow);
        }
        let upper = ARN.to_uppercase();
        let longer = format!("{ARN}0");
        for resource in ["", "?", "*/pets/??", "*/pets", "a1/prod/GET/pets/1", &upper, &longer, "*/pet/*"] {
            check(statement("Allow", "*", resource), Verdict::ImplicitDeny);
        }
        let (stage, method) =
            ("arn:aws:execute-api:us-east-1:123456789012:a1/prod/", "arn:aws:execute-api:*:*:*/GET/*");
        check(statement("Allow", "*", stage), Verdict::ImplicitDeny);
        check(statement("Allow", "*", method), Verdict::Allow);
    }

    #[test]
    fn wildcards_end_in_reasonable_time() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(matches(&"*a".repeat(200), &"a".repeat(400)));
        assert!(!matches(&format!("{}b", "*a".repeat(200)), &"a".repeat(2_000)));
    }

    #[test]
    fn broken_answers() {
        #[track_caller]
        fn broken(answer: Value, expected: &'static str) {
            assert_eq!(evaluate(&answer, ARN), Verdict::Broken(expected));
        }
        let good = || answer(vec![statement("Allow", "*", "*")]);
        let with = |pointer: &str, value: Value| {
            let mut answer = good();
            *answer.pointer_mut(pointer).unwrap() = value;
            answer
        };
        let statement_with = |name: &str, value: Value| {
            let mut answer = good();
            answer["policyDocument"]["Statement"][0][name] = value;
            answer
        };
        assert_eq!(evaluate(&good(), ARN), Verdict::Allow);
        for answer in
            [json!(null), json!({}), json!("Allow"), with("/principalId", json!(null)), with("/principalId", json!(""))]
        {
            broken(answer, "principalId is missing");
        }
        for document in [json!(null), json!([]), json!("{}")] {
            broken(with("/policyDocument", document), "policyDocument is not an object");
        }
        broken(json!({ "principalId": "p" }), "policyDocument is not an object");
        for statements in [json!(null), json!("Allow"), json!(1)] {
            broken(with("/policyDocument/Statement", statements), "Statement is neither a list nor an object");
        }
        broken(with("/policyDocument/Version", json!(null)), "the policy's Version is not one of IAM's");
        broken(with("/policyDocument/Statement/0", json!("x")), "a statement is not an object");
        broken(with("/policyDocument/Statement/0/Effect", json!("allow")), "Effect is neither Allow nor Deny");
        for bad in [json!(null), json!([]), json!([1]), json!({})] {
            broken(statement_with("Action", bad.clone()), "Action is not text or a list of texts");
            broken(statement_with("Resource", bad), "Resource is not text or a list of texts");
        }
        for condition in [json!(null), json!({}), json!({ "IpAddress": {} })] {
            broken(statement_with("Condition", condition), "a statement has a Condition");
        }
        broken(statement_with("NotResource", json!("*")), "a statement has a member that is not evaluated here");
        let second = answer(vec![statement("Deny", "*", "*"), json!({ "Condition": null })]);
        broken(second, "a statement has a Condition");
    }

    #[test]
    fn contexts() {
        let with = |context: Value| {
            let mut answer = answer(vec![statement("Allow", "*", "*")]);
            answer["context"] = context;
            evaluate(&answer, ARN)
        };
        assert_eq!(with(json!({ "a": "x", "b": 1, "c": true })), Verdict::Allow);
        assert_eq!(with(json!(null)), Verdict::Allow);
        for bad in [json!({ "a": null }), json!({ "a": [] }), json!({ "a": {} }), json!({ "b": 1, "a": ["x"] })] {
            assert_eq!(with(bad), Verdict::Broken("a context value is not a string, a number or a boolean"));
        }
        assert_eq!(with(json!("x")), Verdict::Broken("context is not an object"));
    }
}
