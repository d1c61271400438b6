//! JSON as tokens and the documents of issuers hold it, read strictly: in no object does a name appear twice. Two readers could
//! otherwise disagree about the meaning of a token (RFC 8725, section 2.4).

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The members of an object.
pub(super) type Object = Map<String, Value>;

/// The object that these bytes are, if they are one. It is at most 128 levels deep, the limit of `serde_json`.
///
/// Errors are not passed on: the words of `serde_json` may repeat a part of the text.
pub(super) fn object(bytes: &[u8]) -> Option<Object> {
    match serde_json::from_slice(bytes).ok()? {
        Strict(Value::Object(members)) => Some(members),
        Strict(_) => None,
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is repeated"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text =
            r#" {"a":null,"b":[true,-1,1,1.5,"x",{"c":{"c":1}}],"\u00e9":"\ud83d\ude00","big":18446744073709551615} "#;
        assert_eq!(Some(serde_json::from_str(text).unwrap()), object(text.as_bytes()).map(Value::Object));
        assert_eq!(object(b"{}"), json!({}).as_object().cloned());
    }

    #[test]
    fn anything_else_is_not_an_object() {
        let (deep, shallow) = (|levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels)), "{\"a\":1}");
        for text in [
            "",
            "1",
            "null",
            "\"{}\"",
            "[{}]",
            "{",
            "{}{}",
            "{} x",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}",
            "{\"x\":[{\"a\":1,\"a\":1}]}",
            "\u{feff}{}",
            "{}\0",
            &format!("{{\"a\":{}}}", deep(127)),
            &format!("{{\"a\":{}}}", deep(100_000)),
        ] {
            assert_eq!(object(text.as_bytes()), None, "{}", text.chars().take(60).collect::<String>());
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
        assert!(
            object(shallow.as_bytes()).is_some() && object(format!("{{\"a\":{}}}", deep(126)).as_bytes()).is_some()
        );
    }
}
