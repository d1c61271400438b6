//! What the policy of an answer says about one request. API Gateway evaluates the policy itself.
//!
//! What is not evaluated here, for example a condition, is left to API Gateway: such an Allow may allow, and such a Deny may not deny.
//! A form that API Gateway refuses is an error.

use serde_json::{Map, Value};
use std::{slice, str::Chars};

/// What a policy says about the request with an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// An Allow covers the request, and no Deny does.
    Allows,
    /// An Allow covers the request, or may cover it, and no Deny surely does: one of them is not evaluated here.
    MayAllow,
    /// A Deny covers the request, and an Allow covers it or may cover it.
    Denies,
    /// No Allow covers the request, so that nobody can read the policy as an allow.
    NeverAllows,
}

/// What the policy says about the request with this ARN.
///
/// # Errors
/// The part that does not have the form of an IAM policy.
pub(super) fn effect(document: &Value, arn: &str) -> Result<Effect, &'static str> {
    let document = document.as_object().ok_or("policyDocument is not an object")?;
    if !document.get("Version").is_none_or(|version| version == "2012-10-17" || version == "2008-10-17") {
        return Err("the policy's Version is not one of IAM's");
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement @ Value::Object(_)) => slice::from_ref(statement),
        _ => return Err("Statement is neither a list nor an object"),
    };
    let (mut allowed, mut certain, mut may_deny, mut denied) = (false, false, false, false);
    for statement in statements {
        // Every statement is read, so that a broken statement in any place breaks the answer.
        let Statement { allow, covers } = Statement::read(statement, arn)?;
        allowed |= allow && covers != Covers::No;
        certain |= allow && covers == Covers::Yes;
        may_deny |= !allow && covers == Covers::Maybe;
        denied |= !allow && covers == Covers::Yes;
    }
    Ok(match (allowed, denied) {
        (false, _) => Effect::NeverAllows,
        (true, true) => Effect::Denies,
        (true, false) if certain && !may_deny => Effect::Allows,
        (true, false) => Effect::MayAllow,
    })
}

struct Statement {
    allow: bool,
    covers: Covers,
}

/// Whether a statement is about the request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Covers {
    Yes,
    Maybe,
    No,
}

impl Statement {
    fn read(statement: &Value, arn: &str) -> Result<Self, &'static str> {
        let statement = statement.as_object().ok_or("a statement is not an object")?;
        const MEMBERS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
        if statement.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            return Err("a statement has a member that is not one of IAM's");
        }
        if !statement.get("Sid").is_none_or(Value::is_string) {
            return Err("Sid is not text");
        }
        // API Gateway answers 500 to a condition that is null.
        let condition = match statement.get("Condition") {
            None => false,
            Some(Value::Object(condition)) => !condition.is_empty(),
            Some(_) => return Err("Condition is not an object"),
        };
        let allow = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("Effect is neither Allow nor Deny"),
        };
        let (actions, not_actions) = one_of(statement, "Action", "NotAction")
            .ok_or("a statement needs either Action or NotAction, as text or a list of texts")?;
        let (resources, not_resources) = one_of(statement, "Resource", "NotResource")
            .ok_or("a statement needs either Resource or NotResource, as text or a list of texts")?;
        // Actions are compared without case, resources with case.
        let acts = actions.iter().any(|action| matches(&action.to_ascii_lowercase(), "execute-api:invoke"));
        let about = resources.iter().any(|resource| matches(resource, arn));
        // A variable like `${aws:PrincipalTag/x}` is not resolved here.
        let variable = resources.iter().any(|resource| resource.contains("${"));
        let covers = if not_actions || not_resources {
            Covers::Maybe
        } else if !acts || !(about || variable) {
            Covers::No
        } else if condition || !about {
            Covers::Maybe
        } else {
            Covers::Yes
        };
        Ok(Self { allow, covers })
    }
}

/// The texts of one of two members, and whether it is the second. `None` if both or neither is there.
fn one_of<'a>(statement: &'a Map<String, Value>, first: &str, second: &str) -> Option<(Vec<&'a str>, bool)> {
    let (value, is_second) = match (statement.get(first), statement.get(second)) {
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        _ => return None,
    };
    let texts = match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(list) if !list.is_empty() => list.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    Some((texts, is_second))
}

/// Whether a pattern with `*` (any characters, a slash and a colon too) and `?` (one character) covers the whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // The place to go on if the part after the last `*` does not fit: the pattern after it, and the text one character later.
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
                let Some((after_star, rest)) = retry.as_mut() else { return false };
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
    use super::{Effect::*, *};
    use serde_json::json;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:a1/prod/GET/pets/1";

    #[track_caller]
    fn check(statements: Value, expected: Result<Effect, &'static str>) {
        assert_eq!(effect(&json!({ "Version": "2012-10-17", "Statement": statements }), ARN), expected);
    }

    fn statement(effect: &str, resource: &str) -> Value {
        json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": resource })
    }

    #[test]
    fn a_deny_that_covers_the_request_wins() {
        let (allow, deny) = (statement("Allow", ARN), statement("Deny", "*"));
        let deny_other = statement("Deny", "arn:aws:execute-api:*:*:a1/prod/PUT/*");
        for (statements, expected) in [
            (json!([]), NeverAllows),
            (allow.clone(), Allows),
            (json!([allow]), Allows),
            (json!([deny]), NeverAllows),
            (json!([allow, deny]), Denies),
            (json!([deny, allow]), Denies),
            (json!([deny_other, allow]), Allows),
            (json!([deny_other]), NeverAllows),
        ] {
            check(statements, Ok(expected));
        }
    }

    #[test]
    fn an_allow_needs_a_matching_action_and_resource() {
        for resource in ["*", "arn:aws:execute-api:*:*:a1/prod/*", "*/pets/?", "*:a1/prod/*/pets/1", "**"] {
            check(statement("Allow", resource), Ok(Allows));
        }
        let longer = format!("{ARN}0");
        for resource in ["", "?", "*/pets", "*/PETS/1", &longer] {
            check(statement("Allow", resource), Ok(NeverAllows));
        }
        for (action, expected) in
            [("*", Allows), ("EXECUTE-API:invoke", Allows), ("execute-api:ManageConnections", NeverAllows)]
        {
            check(json!({ "Effect": "Allow", "Action": ["s3:*", action], "Resource": [ARN] }), Ok(expected));
        }
    }

    #[test]
    fn what_is_not_evaluated_is_left_to_api_gateway() {
        let condition = json!({ "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } });
        let with = |effect: &str, name: &str, value: &Value, without: &str| {
            let mut statement = statement(effect, "*");
            statement[name] = value.clone();
            statement.as_object_mut().unwrap().remove(without);
            statement
        };
        for (name, value, without) in [
            ("Condition", &condition, ""),
            ("NotAction", &json!("s3:*"), "Action"),
            ("NotResource", &json!("arn:aws:s3:::x"), "Resource"),
            ("Resource", &json!("arn:aws:execute-api:*:*:a1/${x}/*"), ""),
        ] {
            check(with("Allow", name, value, without), Ok(MayAllow));
            check(with("Deny", name, value, without), Ok(NeverAllows));
            check(json!([statement("Allow", "*"), with("Deny", name, value, without)]), Ok(MayAllow));
            check(json!([statement("Deny", "*"), with("Allow", name, value, without)]), Ok(Denies));
        }
        // An empty condition does not restrict anything.
        check(json!([statement("Allow", "*"), with("Deny", "Condition", &json!({}), "")]), Ok(Denies));
    }

    #[test]
    fn a_broken_statement_in_any_place_is_an_error() {
        let with = |name: &str, value: Value| {
            let mut broken = statement("Allow", "*");
            broken[name] = value;
            json!([statement("Deny", "*"), broken])
        };
        check(json!(null), Err("Statement is neither a list nor an object"));
        check(json!("Allow"), Err("Statement is neither a list nor an object"));
        check(json!([1]), Err("a statement is not an object"));
        check(with("Condition", json!(null)), Err("Condition is not an object"));
        check(with("Effect", json!("allow")), Err("Effect is neither Allow nor Deny"));
        check(with("Sid", json!(1)), Err("Sid is not text"));
        check(with("Principal", json!("*")), Err("a statement has a member that is not one of IAM's"));
        for bad in [json!(null), json!([]), json!([1]), json!({})] {
            check(
                with("Action", bad.clone()),
                Err("a statement needs either Action or NotAction, as text or a list of texts"),
            );
            check(
                with("Resource", bad),
                Err("a statement needs either Resource or NotResource, as text or a list of texts"),
            );
        }
        check(
            with("NotAction", json!("x")),
            Err("a statement needs either Action or NotAction, as text or a list of texts"),
        );
        for document in [json!(null), json!([]), json!("{}")] {
            assert_eq!(effect(&document, ARN), Err("policyDocument is not an object"));
        }
        let version = json!({ "Version": "2023-01-01", "Statement": [] });
        assert_eq!(effect(&version, ARN), Err("the policy's Version is not one of IAM's"));
    }

    #[test]
    fn wildcards_end_in_reasonable_time() {
        assert!(!matches(&format!("{}b", "*a".repeat(200)), &"a".repeat(2_000)));
    }
}
