//! How an HTTP API reads an authorizer's answer in the simple form (`EnableSimpleResponses`).

use serde_json::Value;

/// Whether an authorizer's answer allows the request: `{"isAuthorized": true, "context": {…}}`.
///
/// ```
/// use local::is_authorized;
/// use serde_json::json;
/// assert_eq!(is_authorized(&json!({ "isAuthorized": true, "context": { "kid": "k1" } })), Ok(true));
/// assert_eq!(is_authorized(&json!({ "isAuthorized": false })), Ok(false));
/// assert_eq!(is_authorized(&json!({ "isAuthorized": "true" })), Err("isAuthorized is missing or not a boolean"));
/// ```
///
/// # Errors
/// Why the answer is not of that form. A context may hold any JSON there, lists and objects too. How the real gateway
/// reads a context that is not an object, or further members, is not known; here a doubtful answer is not an allow.
pub fn is_authorized(answer: &Value) -> Result<bool, &'static str> {
    let answer = answer.as_object().ok_or("the answer is not an object")?;
    let authorized =
        answer.get("isAuthorized").and_then(Value::as_bool).ok_or("isAuthorized is missing or not a boolean")?;
    if !matches!(answer.get("context"), None | Some(Value::Null | Value::Object(_))) {
        return Err("context is not an object");
    }
    if answer.keys().any(|name| name != "isAuthorized" && name != "context") {
        return Err("the answer has a member that is not of the simple form");
    }
    Ok(authorized)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(answer: Value, expected: Result<bool, &'static str>) {
        assert_eq!(is_authorized(&answer), expected, "{answer}");
    }

    #[test]
    fn of_the_simple_form() {
        check(json!({ "isAuthorized": true }), Ok(true));
        check(json!({ "isAuthorized": false }), Ok(false));
        for context in [json!(null), json!({}), json!({ "a": "x", "b": 1, "c": [true], "d": { "e": null } })] {
            check(json!({ "isAuthorized": true, "context": context }), Ok(true));
            check(json!({ "isAuthorized": false, "context": context }), Ok(false));
        }
    }

    #[test]
    fn anything_else() {
        for answer in [json!(null), json!(true), json!("allow"), json!([true])] {
            check(answer, Err("the answer is not an object"));
        }
        let policy =
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
        let not_a_boolean = Err("isAuthorized is missing or not a boolean");
        check(json!({}), not_a_boolean);
        check(json!({ "isauthorized": true }), not_a_boolean);
        check(json!({ "principalId": "p", "policyDocument": policy }), not_a_boolean);
        for value in [json!(null), json!("true"), json!(1), json!([true]), json!({})] {
            check(json!({ "isAuthorized": value }), not_a_boolean);
        }
        for context in [json!("x"), json!([]), json!(1), json!(true)] {
            check(json!({ "isAuthorized": true, "context": context }), Err("context is not an object"));
        }
        let other = Err("the answer has a member that is not of the simple form");
        check(json!({ "isAuthorized": true, "policyDocument": policy }), other);
        check(json!({ "isAuthorized": true, "principalId": "p" }), other);
    }
}
