//! What the API learns of an accepted token.

use super::{
    claims::AcceptedClaims,
    config::{ChosenClaims, OMITTED},
};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::{borrow::Cow, fmt};

/// The greatest size of all members together, as JSON. API Gateway accepts an answer of less than 8,192 bytes, in which the signed
/// path needs the most room.
const MAX_BYTES: usize = 2_048;

/// Numbers from here on are not exact in JSON as most backends read it: 2^53 (RFC 8259, section 6).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Members of the answer's context: `jwt_iss`, `jwt_sub`, `jwt_client_id`, `jwt_scope`, and one for each chosen claim that the token
/// has. Their values are texts, numbers or booleans, as API Gateway passes them on. Together they have at most 2,048 bytes as JSON.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct JwtContext {
    members: Vec<(Cow<'static, str>, Value)>,
}

impl JwtContext {
    /// The members of these claims. A value that does not fit, or that cannot be handed on as it is, is left out, and its member is
    /// named in `jwt_omitted`.
    pub(super) fn of(claims: &AcceptedClaims, chosen: &ChosenClaims) -> Self {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        let sub = claims.others.get("sub").and_then(Value::as_str).and_then(text);
        let scope = (!claims.scopes.is_empty()).then(|| Value::String(claims.scopes.join(" ")));
        let always = [
            ("jwt_iss", text(&claims.issuer)),
            ("jwt_sub", sub),
            ("jwt_client_id", claims.client().and_then(text)),
            ("jwt_scope", scope),
        ];
        let always = always.into_iter().filter_map(|(name, value)| Some((Cow::Borrowed(name), value?)));
        let chosen = chosen.iter().filter_map(|claim| {
            let value = claims.others.get(&*claim.name).filter(|value| !value.is_null())?;
            Some((Cow::Owned(claim.member.to_string()), value.clone()))
        });
        let (mut members, mut omitted) = (Vec::new(), Vec::new());
        for (name, value) in always.chain(chosen) {
            match plain(value) {
                Some(value) => members.push((name, value)),
                None => omitted.push(name),
            }
        }
        loop {
            let context = Self::with_omitted(&members, &omitted);
            // The largest one, so that as few as possible are missing.
            let largest = (0..members.len()).max_by_key(|index| members.get(*index).map(size));
            match largest {
                Some(largest) if context.size() > MAX_BYTES => omitted.push(members.remove(largest).0),
                _ => return context,
            }
        }
    }

    fn with_omitted(members: &[(Cow<'static, str>, Value)], omitted: &[Cow<'static, str>]) -> Self {
        let omitted = (!omitted.is_empty()).then(|| (Cow::Borrowed(OMITTED), Value::String(omitted.join(","))));
        Self { members: members.iter().cloned().chain(omitted).collect() }
    }

    /// The members by their names.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether the context is empty.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The bytes of all members as one JSON object.
    fn size(&self) -> usize {
        self.members.iter().map(size).sum::<usize>() + 1
    }
}

/// The bytes of a member as JSON, with the colon, and the comma or brace before it.
fn size((name, value): &(Cow<'static, str>, Value)) -> usize {
    // Names do not need escapes.
    name.len() + "\"\":,".len() + value.to_string().len()
}

/// The value as API Gateway passes it on: a list or an object as JSON text. `None` if it is not passed on as it is: text with control
/// characters, which could be taken for the end of a header, and a number that most readers would change.
fn plain(value: Value) -> Option<Value> {
    match value {
        Value::Array(_) | Value::Object(_) => Some(Value::String(value.to_string())),
        Value::String(text) => (!text.contains(char::is_control)).then_some(Value::String(text)),
        Value::Number(number) => {
            let is_exact = number.as_f64().is_some_and(|number| number.abs() < EXACT);
            is_exact.then_some(Value::Number(number))
        }
        Value::Null => None,
        Value::Bool(_) => Some(value),
    }
}

impl Serialize for JwtContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members())
    }
}

/// The names of the members, without their values: they are about a person.
impl fmt::Debug for JwtContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtContext")?;
        f.debug_set().entries(self.members().map(|(name, _)| name)).finish()
    }
}
