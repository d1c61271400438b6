//! The answer of the user's own authorizer, and what is handed on of it.

use crate::{
    delegate::{
        policy::{self, Effect},
        unique::{Members, Unique},
    },
    event::ANSWER_LIMIT,
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use std::fmt;

/// Of the bytes that API Gateway accepts, 1,024 are for our context.
const LONGEST: usize = ANSWER_LIMIT - 1_024;

/// The names in a context that only we may set, in lower case: API Gateway and backends are not known to compare them exactly.
const OUR_PREFIXES: [&str; 2] = ["countersign", "jwt_"];
const OUR_NAME: &str = "viewerip";

/// The answer of the user's own authorizer, which has the form that API Gateway accepts for this kind of event.
pub struct Delegated {
    effect: Effect,
    /// All members but the context, as the function wrote them.
    members: Vec<(String, Box<RawValue>)>,
    context: Vec<(String, Box<RawValue>)>,
}

/// The form that an answer must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `isAuthorized`
    Simple,
    /// An IAM policy.
    Policy {
        /// Whether the values of the context must be texts, numbers or booleans.
        flat: bool,
    },
}

/// The answer with our members in its context is not under 8,192 bytes, so API Gateway would not accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer of the next authorizer does not fit with our context into 8,192 bytes")]
pub struct AnswerTooLarge;

impl Delegated {
    /// Reads an answer about the request with this ARN.
    ///
    /// # Errors
    /// The part of it that API Gateway would not accept, or that two readers could understand differently.
    pub(super) fn read(answer: &[u8], form: Form, arn: &str) -> Result<Self, &'static str> {
        const NOT_JSON: &str = "it is not JSON, or an object in it names a member twice";
        let Unique(value) = serde_json::from_slice(answer).map_err(|_| NOT_JSON)?;
        let value = value.as_object().ok_or("it is not an object")?;
        let effect = match form {
            Form::Simple => simple(value)?,
            Form::Policy { .. } => policy(value, arn)?,
        };
        let Members(mut members) = serde_json::from_slice(answer).map_err(|_| NOT_JSON)?;
        let context = match value.get("context") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(context)) => {
                if form == (Form::Policy { flat: true }) && !context.values().all(is_flat) {
                    return Err("a context value is not a string, a number or a boolean");
                }
                let written = members.iter().find(|(name, _)| name == "context").map(|(_, written)| written.get());
                let Members(context) = serde_json::from_str(written.unwrap_or("{}")).map_err(|_| NOT_JSON)?;
                context
            }
            Some(_) => return Err("context is not an object"),
        };
        members.retain(|(name, _)| name != "context");
        let answer = Self { effect, members, context };
        match answer.with_context(&Map::new()) {
            Ok(written) if written.get().len() <= LONGEST => Ok(answer),
            _ => Err("it has more than 7,168 bytes, and does not leave room for our context"),
        }
    }

    /// Whether the answer may allow the request: `isAuthorized` is true, or a statement of the policy allows this request and none
    /// denies it. What is not evaluated here, like a condition, is left to API Gateway, which evaluates the policy itself.
    pub fn allows(&self) -> bool {
        matches!(self.effect, Effect::Allows | Effect::MayAllow)
    }

    /// Whether it is certain here that the answer allows the request: nothing in it is left to API Gateway.
    pub fn surely_allows(&self) -> bool {
        self.effect == Effect::Allows
    }

    /// Whether nobody can read the answer as an allow: `isAuthorized` is false, or no statement of the policy allows this request.
    /// Only such an answer may be handed on for a request that is refused.
    pub fn never_allows(&self) -> bool {
        self.effect == Effect::NeverAllows
    }

    /// The answer with our members in its context. All other members are as the function wrote them, byte for byte. Where a name of
    /// its context is also one of ours, or begins with `countersign` or `jwt_`, or is `viewerIp`, in any case, it is left out.
    ///
    /// # Errors
    /// If the whole is not under the size that API Gateway accepts.
    pub fn with_context(&self, ours: &Map<String, Value>) -> Result<Box<RawValue>, AnswerTooLarge> {
        let context = Context { theirs: &self.context, ours };
        let answer = to_raw_value(&Written { members: &self.members, context }).map_err(|_| AnswerTooLarge)?;
        if answer.get().len() < ANSWER_LIMIT { Ok(answer) } else { Err(AnswerTooLarge) }
    }
}

/// The texts of the function are not a part of any log.
impl fmt::Debug for Delegated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegated").field("effect", &self.effect).finish_non_exhaustive()
    }
}

fn simple(answer: &Map<String, Value>) -> Result<Effect, &'static str> {
    if answer.keys().any(|name| name != "isAuthorized" && name != "context") {
        return Err("it has another member than isAuthorized and context, so it is not a simple response");
    }
    let authorized = answer.get("isAuthorized").and_then(Value::as_bool);
    let authorized = authorized.ok_or("isAuthorized is missing or not a boolean")?;
    Ok(if authorized { Effect::Allows } else { Effect::NeverAllows })
}

/// Members that are not known are handed on: API Gateway decides about them, as it does for a function that it asks itself.
fn policy(answer: &Map<String, Value>, arn: &str) -> Result<Effect, &'static str> {
    if answer.get("principalId").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err("principalId is missing or not text");
    }
    if !answer.get("usageIdentifierKey").is_none_or(|key| key.is_string() || key.is_null()) {
        return Err("usageIdentifierKey is not text");
    }
    let effect = policy::effect(answer.get("policyDocument").unwrap_or(&Value::Null), arn)?;
    // Some functions answer both forms at once.
    let allows = matches!(effect, Effect::Allows | Effect::MayAllow);
    if answer.get("isAuthorized").is_none_or(|authorized| authorized.as_bool() == Some(allows)) {
        Ok(effect)
    } else {
        Err("isAuthorized contradicts the policy")
    }
}

fn is_flat(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}

struct Written<'a> {
    members: &'a [(String, Box<RawValue>)],
    context: Context<'a>,
}

struct Context<'a> {
    theirs: &'a [(String, Box<RawValue>)],
    ours: &'a Map<String, Value>,
}

impl Context<'_> {
    /// Compared loosely: a name that only resembles one of ours is left out too.
    fn is_ours(&self, name: &str) -> bool {
        // First to upper case, so that `ſ` and `ı`, which some readers take for `s` and `i`, count as these.
        let fold = |name: &str| name.to_uppercase().to_lowercase();
        let name = fold(name);
        OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || name == OUR_NAME
            || self.ours.keys().any(|ours| fold(ours) == name)
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.members {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("context", &self.context)?;
        map.end()
    }
}

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.ours {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in self.theirs.iter().filter(|(name, _)| !self.is_ours(name)) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1/prod/GET/pets";
    const POLICY: Form = Form::Policy { flat: true };
    const ANY_CONTEXT: Form = Form::Policy { flat: false };

    fn policy(effect: &str) -> Value {
        let statement = json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": ARN });
        json!({ "principalId": "p", "policyDocument": { "Version": "2012-10-17", "Statement": [statement] } })
    }

    fn with(mut answer: Value, name: &str, value: Value) -> Value {
        answer[name] = value;
        answer
    }

    #[track_caller]
    fn check(answer: impl ToString, form: Form, expected: Result<bool, &str>) {
        let answer = answer.to_string();
        let found = Delegated::read(answer.as_bytes(), form, ARN);
        let never = found.as_ref().is_ok_and(Delegated::never_allows);
        assert_eq!(found.map(|answer| answer.allows()), expected, "{answer}");
        assert_eq!(never, expected == Ok(false), "{answer}");
    }

    #[test]
    fn an_answer_of_the_expected_form_is_accepted() {
        for (authorized, form) in [(true, Form::Simple), (false, Form::Simple)] {
            check(json!({ "isAuthorized": authorized }), form, Ok(authorized));
            for context in [json!(null), json!({}), json!({ "a": [null, {}], "b": 1 })] {
                check(json!({ "isAuthorized": authorized, "context": context }), form, Ok(authorized));
            }
        }
        for (effect, allows) in [("Allow", true), ("Deny", false)] {
            check(policy(effect), POLICY, Ok(allows));
            check(with(policy(effect), "context", json!({ "a": "x", "b": 1.5, "c": false })), POLICY, Ok(allows));
            check(with(policy(effect), "context", json!({ "a": [null] })), ANY_CONTEXT, Ok(allows));
            check(with(policy(effect), "usageIdentifierKey", json!("key")), POLICY, Ok(allows));
            check(with(policy(effect), "isAuthorized", json!(allows)), POLICY, Ok(allows));
            check(with(policy(effect), "unknown", json!([])), POLICY, Ok(allows));
            check(with(policy(effect), "usageIdentifierKey", json!(null)), POLICY, Ok(allows));
        }
    }

    #[test]
    fn any_other_answer_is_refused() {
        const NOT_JSON: Result<bool, &str> = Err("it is not JSON, or an object in it names a member twice");
        for form in [Form::Simple, POLICY, ANY_CONTEXT] {
            for text in ["", "allow", "{", "{\"isAuthorized\":true}x", r#"{"isAuthorized":true,"isAuthorized":false}"#]
            {
                check(text, form, NOT_JSON);
            }
            for answer in [json!(null), json!(true), json!("Allow"), json!([{ "isAuthorized": true }])] {
                check(answer, form, Err("it is not an object"));
            }
        }
        let not_a_boolean = Err("isAuthorized is missing or not a boolean");
        for value in [json!(null), json!("true"), json!(1), json!([true])] {
            check(json!({ "isAuthorized": value }), Form::Simple, not_a_boolean);
        }
        check(json!({}), Form::Simple, not_a_boolean);
        check(
            with(policy("Allow"), "isAuthorized", json!(true)),
            Form::Simple,
            Err("it has another member than isAuthorized and context, so it is not a simple response"),
        );
        check(json!({ "isAuthorized": true }), POLICY, Err("principalId is missing or not text"));
        for (effect, authorized) in [("Allow", json!(false)), ("Deny", json!(true)), ("Allow", json!("true"))] {
            let both = with(policy(effect), "isAuthorized", authorized);
            check(both, POLICY, Err("isAuthorized contradicts the policy"));
        }
        for value in [json!(null), json!(""), json!(1)] {
            check(with(policy("Allow"), "principalId", value), POLICY, Err("principalId is missing or not text"));
        }
        check(json!({ "principalId": "p" }), POLICY, Err("policyDocument is not an object"));
        check(with(policy("Allow"), "usageIdentifierKey", json!(1)), POLICY, Err("usageIdentifierKey is not text"));
        for form in [POLICY, ANY_CONTEXT] {
            check(with(policy("Allow"), "context", json!([])), form, Err("context is not an object"));
        }
        check(json!({ "isAuthorized": true, "context": "x" }), Form::Simple, Err("context is not an object"));
        let flat = Err("a context value is not a string, a number or a boolean");
        for value in [json!(null), json!([]), json!({})] {
            check(with(policy("Allow"), "context", json!({ "a": 1, "b": value })), POLICY, flat);
        }
    }

    #[test]
    fn everything_but_the_context_is_handed_on_byte_for_byte() {
        let policy =
            r#"{ "Statement":[{"Resource":["*"], "Effect":"Allow","Action":"\u002a"}] , "Version":"2012-10-17"}"#;
        let answer = format!(
            r#" {{"usageIdentifierKey":"k\u0031","context":{{"n":1.50,"t":"\u00e9"}},"policyDocument":{policy},"principalId":"p"}}"#
        );
        let answer = Delegated::read(answer.as_bytes(), POLICY, ARN).unwrap();
        assert!(answer.allows());
        let ours = json!({ "countersign": "verified" });
        let written = serde_json::to_string(&answer.with_context(ours.as_object().unwrap()).unwrap()).unwrap();
        assert_eq!(
            written,
            format!(
                r#"{{"usageIdentifierKey":"k\u0031","policyDocument":{policy},"principalId":"p","context":{{"countersign":"verified","n":1.50,"t":"\u00e9"}}}}"#
            )
        );
    }

    #[test]
    fn names_of_ours_in_its_context_are_left_out() {
        let context = json!({
            "countersign": "verified", "countersignPath": "/", "COUNTERSIGN_X": 1, "counter\u{17f}ign": 1, "viewerIp": "x", "VIEWERIP": "x",
            "v\u{131}ewerIp": "x", "jwt_sub": "x", "JWT_sub": "x", "tenant": "theirs", "TENANT": "theirs", "user": "u", "jwt": "j", "viewer": "v",
        });
        let answer = json!({ "isAuthorized": true, "context": context }).to_string();
        let answer = Delegated::read(answer.as_bytes(), Form::Simple, ARN).unwrap();
        let written = |ours: Value| {
            serde_json::to_value(answer.with_context(ours.as_object().unwrap()).unwrap()).unwrap()["context"].clone()
        };
        assert_eq!(
            written(json!({ "tenant": "ours", "viewerIp": "203.0.113.7" })),
            json!({ "tenant": "ours", "viewerIp": "203.0.113.7", "user": "u", "jwt": "j", "viewer": "v" })
        );
        assert_eq!(
            written(json!({})),
            json!({ "tenant": "theirs", "TENANT": "theirs", "user": "u", "jwt": "j", "viewer": "v" })
        );
    }

    #[test]
    fn an_answer_must_be_under_the_limit_with_our_context() {
        let read = |filler: usize| {
            let answer = json!({ "isAuthorized": true, "context": { "a": "x".repeat(filler) } }).to_string();
            Delegated::read(answer.as_bytes(), Form::Simple, ARN)
        };
        let own = json!({ "isAuthorized": true, "context": { "a": "" } }).to_string().len();
        assert!(read(7_168 - own).is_ok());
        let too_long = "it has more than 7,168 bytes, and does not leave room for our context";
        assert_eq!(read(7_169 - own).map(|_| ()), Err(too_long));
        let ours_of = |filler: usize| json!({ "countersign": "x".repeat(filler) });
        let answer = read(7_168 - own).unwrap();
        let of = |filler: usize| {
            let ours = ours_of(filler);
            answer.with_context(ours.as_object().unwrap()).map(|answer| serde_json::to_string(&answer).unwrap().len())
        };
        let rest = of(0).unwrap();
        assert_eq!(of(8_191 - rest), Ok(8_191));
        assert_eq!(of(8_192 - rest), Err(AnswerTooLarge));
    }
}
