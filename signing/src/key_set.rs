use crate::{Key, KeyId, KeyIdError, KeyLengthError, Refusal, UnixSeconds};
use alloc::{
    borrow::{Cow, ToOwned as _},
    string::{String, ToString as _},
    vec::Vec,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use core::{fmt, marker::PhantomData};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use zeroize::Zeroizing;

/// The keys of one door: a JWK Set (RFC 7517) of 1 to 8 symmetric keys.
///
/// ```json
/// {"keys":[{"kty":"oct","alg":"HS256","kid":"2026-11-22","k":"…","nbf":1795341845,"exp":1795349045}]}
/// ```
/// A bare JWK is a set of one key. Unknown members are ignored, as RFC 7517 asks; all members shown above are required.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// A rotation needs the old key and the new key. Eight keys are enough for several rotations in a row, and bound
    /// every search.
    pub const MAX_KEYS: usize = 8;

    /// A set of these keys.
    ///
    /// # Errors
    /// If there is no key, if there are more than eight, or if two keys have the same id.
    pub fn new(keys: Vec<Key>) -> Result<Self, KeySetError> {
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        if keys.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooMany { keys: keys.len() });
        }
        for (index, key) in keys.iter().enumerate() {
            if keys.iter().take(index).any(|earlier| earlier.id() == key.id()) {
                return Err(KeySetError::DuplicateId(key.id().clone()));
            }
        }
        Ok(Self { keys })
    }

    /// Reads a JWK Set or a bare JWK. A byte order mark before it, which some editors write, is ignored.
    ///
    /// # Errors
    /// The problem and the key that has it; never a part of the text itself, which is secret.
    pub fn from_json(json: &str) -> Result<Self, KeySetError> {
        let document: Of<Member<Document<'_>>> =
            serde_json::from_str(without_mark(json)).map_err(|error| KeySetError::of_json(&error))?;
        let Member::Is(document) = document.0 else { return Err(KeySetError::NotAnObject) };
        let jwks = match document {
            Document { keys: Some(keys), kty: None, k: None, .. } => match keys.0 {
                Member::Is(keys) => keys.0,
                Member::Other => return Err(KeySetError::NotAList),
            },
            Document { keys: Some(_), .. } => return Err(KeySetError::SetAndKey),
            Document { keys: None, kty, alg, kid, k, nbf, exp } => {
                alloc::vec![Of(Member::Is(Jwk { kty, alg, kid, k, nbf, exp }))]
            }
        };
        // Counted before the keys are read, so that a huge set costs nothing.
        if jwks.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooMany { keys: jwks.len() });
        }
        let read = |(index, jwk): (usize, &Of<Member<Jwk<'_>>>)| {
            let key = match &jwk.0 {
                Member::Is(jwk) => jwk.read(),
                Member::Other => Err(JwkError::NotAnObject),
            };
            key.map_err(|error| KeySetError::Key { index, error })
        };
        Self::new(jwks.iter().enumerate().map(read).collect::<Result<_, _>>()?)
    }

    /// The JWK Set, with the secrets.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        struct Set<'a> {
            keys: Vec<Out<'a>>,
        }
        #[derive(Serialize)]
        struct Out<'a> {
            kty: &'a str,
            alg: &'a str,
            kid: &'a str,
            k: &'a str,
            nbf: u64,
            exp: u64,
        }
        let secrets: Vec<_> = self.keys.iter().map(Key::secret_base64url).collect();
        let keys = self.keys.iter().zip(&secrets).map(|(key, k)| Out {
            kty: "oct",
            alg: "HS256",
            kid: key.id().as_str(),
            k,
            nbf: key.not_before().get(),
            exp: key.expires().get(),
        });
        #[expect(clippy::expect_used, reason = "cannot fail: strings and numbers under string keys")]
        Zeroizing::new(serde_json::to_string(&Set { keys: keys.collect() }).expect("plain data is JSON"))
    }

    /// The key that a signer uses at `now`: the latest to begin (ties by id) of those that have begun and have not
    /// expired.
    pub fn signing_key(&self, now: UnixSeconds) -> Option<&Key> {
        self.keys
            .iter()
            .filter(|key| key.not_before() <= now && now < key.expires())
            .max_by_key(|key| (key.not_before(), key.id()))
    }

    /// The key with which a verifier checks a signature that names `id`, was made at `created` and has arrived at `now`.
    ///
    /// # Errors
    /// If the set does not hold the key, if `created` is before the key may sign, or if the key has expired at `now`.
    pub fn verifying_key(&self, id: &KeyId, created: UnixSeconds, now: UnixSeconds) -> Result<&Key, Refusal> {
        let key = self.get(id).ok_or_else(|| Refusal::KeyUnknown(id.clone()))?;
        if created < key.not_before() {
            return Err(Refusal::KeyNotYetValid(id.clone()));
        }
        if now >= key.expires() {
            return Err(Refusal::KeyExpired(id.clone()));
        }
        Ok(key)
    }

    /// The key with this id, valid now or not.
    pub fn get(&self, id: &KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// Whether the other set has the same keys, with the same ids and times, in the same order. Secrets are compared in constant
    /// time.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        let same = |(one, other): (&Key, &Key)| {
            let rest = |key: &Key| (key.id().clone(), key.not_before(), key.expires());
            rest(one) == rest(other) && one.has_secret_of(other)
        };
        self.keys.len() == other.keys.len() && self.keys.iter().zip(&other.keys).all(same)
    }

    /// All keys, in the order of the document.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }
}

/// Why a text is not a key set. Of the text it holds only ids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The text is not JSON.
    #[error("the key set is not valid JSON at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// An object has a member twice, so it is not clear which one counts.
    #[error("the key set has a second `{member}` in one object, at line {line}, column {column}")]
    Repeated {
        /// Its name.
        member: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The text is JSON of another type.
    #[error("the key set must be a JSON object, {{\"keys\":[…]}}")]
    NotAnObject,
    /// `keys` is of another type.
    #[error("`keys` must be a list")]
    NotAList,
    /// It is not clear which of the two counts.
    #[error("the key set has both `keys` and members of a bare JWK: remove one of the two")]
    SetAndKey,
    /// A set without keys admits nothing and signs nothing.
    #[error("the key set has no key, and must have 1 to {max}", max = KeySet::MAX_KEYS)]
    Empty,
    /// More than [`KeySet::MAX_KEYS`].
    #[error("the key set has {keys} keys, and must have 1 to {max}", max = KeySet::MAX_KEYS)]
    TooMany {
        /// The number of its keys.
        keys: usize,
    },
    /// Two keys have the same id.
    #[error("the kid {0} appears twice in the key set")]
    DuplicateId(KeyId),
    /// One key cannot be used.
    #[error("the key at index {index} cannot be used: {error}")]
    Key {
        /// Its place in the document, from 0.
        index: usize,
        /// What is wrong with it.
        error: JwkError,
    },
}

impl KeySetError {
    fn of_json(error: &serde_json::Error) -> Self {
        const MEMBERS: [&str; 7] = ["keys", "kty", "alg", "kid", "k", "nbf", "exp"];
        let (line, column) = (error.line(), error.column());
        // The parser's own message is not repeated: about a wrong type it holds the value.
        let words = error.to_string();
        let repeated = words.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
        match MEMBERS.into_iter().find(|member| Some(*member) == repeated) {
            Some(member) => Self::Repeated { member, line, column },
            None => Self::Json { line, column },
        }
    }
}

/// The text without the byte order mark that Windows' editors put before UTF-8.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Why one JWK cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// It is JSON of another type.
    #[error("it must be an object")]
    NotAnObject,
    /// A member is JSON of another type.
    #[error("`{member}` must be {accepted}")]
    Type {
        /// Its name.
        member: &'static str,
        /// The accepted values.
        accepted: &'static str,
    },
    /// A required member is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// `kty` is another type.
    #[error("`kty` must be \"oct\"")]
    KeyType,
    /// `alg` is another algorithm.
    #[error("`alg` must be \"HS256\"")]
    Algorithm,
    /// `kid` is not a key id.
    #[error("`kid` is wrong: {0}")]
    Id(KeyIdError),
    /// `k` is not base64url.
    #[error("`k` must be base64url without padding and without spare bits")]
    Encoding,
    /// `k` is too short or too long.
    #[error("`k` is wrong: {0}")]
    Length(KeyLengthError),
}

/// A JWK Set if it has `keys`, or else a bare JWK.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Option<Of<Member<Keys<'a>>>>,
    #[serde(borrow)]
    kty: Option<Of<Member<Cow<'a, str>>>>,
    #[serde(borrow)]
    alg: Option<Of<Member<Cow<'a, str>>>>,
    #[serde(borrow)]
    kid: Option<Of<Member<Cow<'a, str>>>>,
    #[serde(borrow)]
    k: Option<Of<Member<&'a str>>>,
    nbf: Option<Of<Member<u64>>>,
    exp: Option<Of<Member<u64>>>,
}

/// The members of `keys`.
struct Keys<'a>(Vec<Of<Member<Jwk<'a>>>>);

#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow)]
    kty: Option<Of<Member<Cow<'a, str>>>>,
    #[serde(borrow)]
    alg: Option<Of<Member<Cow<'a, str>>>>,
    #[serde(borrow)]
    kid: Option<Of<Member<Cow<'a, str>>>>,
    /// Only borrowed: a `k` with JSON escapes, which base64url never needs, would be copied to memory that is never
    /// zeroed.
    #[serde(borrow)]
    k: Option<Of<Member<&'a str>>>,
    nbf: Option<Of<Member<u64>>>,
    exp: Option<Of<Member<u64>>>,
}

impl Jwk<'_> {
    fn read(&self) -> Result<Key, JwkError> {
        const TEXT: &str = "a string";
        const SECONDS: &str = "a whole number of seconds since 1970";
        if self.kty.as_ref().of("kty", TEXT)? != "oct" {
            return Err(JwkError::KeyType);
        }
        if self.alg.as_ref().of("alg", TEXT)? != "HS256" {
            return Err(JwkError::Algorithm);
        }
        let id = KeyId::try_from(&**self.kid.as_ref().of("kid", TEXT)?).map_err(JwkError::Id)?;
        let k = self.k.as_ref().of("k", "a string without escapes")?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(k).map_err(|_| JwkError::Encoding)?);
        let not_before = UnixSeconds::new(*self.nbf.as_ref().of("nbf", SECONDS)?);
        let expires = UnixSeconds::new(*self.exp.as_ref().of("exp", SECONDS)?);
        Key::new(id, &secret, not_before, expires).map_err(JwkError::Length)
    }
}

/// A required member, of its type.
trait Required<'m, T> {
    fn of(self, member: &'static str, accepted: &'static str) -> Result<&'m T, JwkError>;
}

impl<'m, T> Required<'m, T> for Option<&'m Of<Member<T>>> {
    fn of(self, member: &'static str, accepted: &'static str) -> Result<&'m T, JwkError> {
        match self {
            Some(Of(Member::Is(value))) => Ok(value),
            Some(Of(Member::Other)) => Err(JwkError::Type { member, accepted }),
            None => Err(JwkError::Missing(member)),
        }
    }
}

/// A value of any JSON. Another type is not an error of the JSON reader here, because the reader knows the place but
/// not the member.
enum Member<T> {
    Is(T),
    Other,
}

/// Reads any JSON as a `T`.
struct Of<T>(T);

/// How one type of JSON is read. All other types become [`Member::Other`].
trait Shape<'de>: Sized {
    fn number(_: u64) -> Option<Self> {
        None
    }

    /// A string without escapes, borrowed from the document.
    fn borrowed(_: &'de str) -> Option<Self> {
        None
    }

    /// A string that had escapes.
    fn copied(_: &str) -> Option<Self> {
        None
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Shape<'_> for u64 {
    fn number(number: u64) -> Option<Self> {
        Some(number)
    }
}

impl<'de: 'a, 'a> Shape<'de> for &'a str {
    fn borrowed(text: &'de str) -> Option<Self> {
        Some(text)
    }
}

impl<'de: 'a, 'a> Shape<'de> for Cow<'a, str> {
    fn borrowed(text: &'de str) -> Option<Self> {
        Some(Cow::Borrowed(text))
    }

    fn copied(text: &str) -> Option<Self> {
        Some(Cow::Owned(text.to_owned()))
    }
}

impl<'de: 'a, 'a> Shape<'de> for Keys<'a> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = list.next_element()? {
            keys.push(key);
        }
        Ok(Some(Self(keys)))
    }
}

impl<'de: 'a, 'a> Shape<'de> for Jwk<'a> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

impl<'de: 'a, 'a> Shape<'de> for Document<'a> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

impl<'de, T: Shape<'de>> Deserialize<'de> for Of<Member<T>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for Any<T> {
    type Value = Of<Member<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None.into())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::number(number).into())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::copied(text).into())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::borrowed(text).into())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::list(list).map(Into::into)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::object(object).map(Into::into)
    }
}

impl<T> From<Option<T>> for Of<Member<T>> {
    fn from(value: Option<T>) -> Self {
        Self(value.map_or(Member::Other, Member::Is))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    const K: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"; // 0123456789abcdef0123456789abcdef

    fn jwk(kid: &str, nbf: u64, exp: u64) -> String {
        format!(r#"{{"kty":"oct","alg":"HS256","kid":"{kid}","k":"{K}","nbf":{nbf},"exp":{exp}}}"#)
    }

    fn set(jwks: &[String]) -> String {
        format!(r#"{{"keys":[{}]}}"#, jwks.join(","))
    }

    #[test]
    fn a_set_is_written_as_it_was_read() {
        let json = set(&[jwk("a", 1, 20), jwk("b", 10, 30)]);
        let keys = KeySet::from_json(&json).unwrap();
        assert_eq!(keys.keys().len(), 2);
        assert_eq!(keys.keys()[1].id().as_str(), "b");
        assert_eq!(keys.keys()[1].not_before(), UnixSeconds::new(10));
        assert_eq!(keys.keys()[1].expires(), UnixSeconds::new(30));
        assert_eq!(*keys.to_json(), json);
    }

    #[test]
    fn eight_keys_are_a_set() {
        let eight: Vec<_> = (0..8).map(|i| jwk(&i.to_string(), 1, 2)).collect();
        assert_eq!(KeySet::from_json(&set(&eight)).unwrap().keys().len(), 8);
    }

    #[test]
    fn a_bare_key_is_a_set_of_one_and_unknown_members_are_ignored() {
        let bare = jwk("a", 1, 20).replace('{', r#"{"use":"sig","x":{"y":[1]},"#);
        let keys = KeySet::from_json(&bare).unwrap();
        assert_eq!(*keys.to_json(), set(&[jwk("a", 1, 20)]));
    }

    /// Editors on Windows write one at the start. A second one, or one elsewhere, is refused.
    #[test]
    fn a_byte_order_mark_is_ignored() {
        let json = set(&[jwk("a", 1, 20)]);
        assert_eq!(*KeySet::from_json(&format!("\u{feff}{json}")).unwrap().to_json(), json);
        assert!(KeySet::from_json(&format!("\u{feff}\u{feff}{json}")).is_err());
        assert!(KeySet::from_json(&format!("{json}\u{feff}")).is_err());
    }

    #[test]
    fn a_text_that_is_not_a_key_set_is_refused_without_its_secrets() {
        let good = jwk("a", 1, 20);
        let without = |member: &str| good.replace(member, "");
        let instead = |old: &str, new: &str| good.replace(old, new);
        let many: Vec<_> = (0..9).map(|i| jwk(&i.to_string(), 1, 2)).collect();
        let table = [
            (String::new(), "the key set is not valid JSON at line 1, column 0"),
            ("{".into(), "the key set is not valid JSON at line 1, column 1"),
            ("[]".into(), "the key set must be a JSON object, {\"keys\":[…]}"),
            (format!("[\"oct\",\"HS256\",\"a\",\"{K}\",1,20]"), "the key set must be a JSON object, {\"keys\":[…]}"),
            (format!("{good:?}"), "the key set must be a JSON object, {\"keys\":[…]}"),
            ("null".into(), "the key set must be a JSON object, {\"keys\":[…]}"),
            (r#"{"keys":{}}"#.into(), "`keys` must be a list"),
            (r#"{"keys":"MDEy"}"#.into(), "`keys` must be a list"),
            (set(&[good.clone(), "[1]".into()]), "the key at index 1 cannot be used: it must be an object"),
            (set(&["1".into()]), "the key at index 0 cannot be used: it must be an object"),
            (set(core::slice::from_ref(&good)) + "x", "the key set is not valid JSON at line 1, column 116"),
            (
                instead(":20", ":-1"),
                "the key at index 0 cannot be used: `exp` must be a whole number of seconds since \
            1970",
            ),
            (
                instead(":20", ":1.5"),
                "the key at index 0 cannot be used: `exp` must be a whole number of seconds since \
            1970",
            ),
            (
                instead(":20", ":\"20\""),
                "the key at index 0 cannot be used: `exp` must be a whole number of seconds \
            since 1970",
            ),
            (
                set(&[good.clone(), instead(r#""nbf":1"#, r#""nbf":{"x":[1]}"#)]),
                "the key at index 1 cannot be used: `nbf` must be a whole number of seconds since 1970",
            ),
            (instead(r#""a""#, "7"), "the key at index 0 cannot be used: `kid` must be a string"),
            (instead(r#""oct""#, "[]"), "the key at index 0 cannot be used: `kty` must be a string"),
            (instead(r#""HS256""#, "true"), "the key at index 0 cannot be used: `alg` must be a string"),
            (
                instead(&format!("\"{K}\""), "5"),
                "the key at index 0 cannot be used: `k` must be a string without \
            escapes",
            ),
            (instead(K, r"\u0041"), "the key at index 0 cannot be used: `k` must be a string without escapes"),
            (instead(r#""nbf":1"#, r#""nbf":null"#), "the key at index 0 cannot be used: `nbf` is missing"),
            (
                instead(r#""nbf":1"#, r#""nbf":1,"nbf":1"#),
                "the key set has a second `nbf` in one object, at line 1, column 100",
            ),
            ("{}".into(), "the key at index 0 cannot be used: `kty` is missing"),
            (set(&[]), "the key set has no key, and must have 1 to 8"),
            (set(&many), "the key set has 9 keys, and must have 1 to 8"),
            (set(&[good.clone(), good.clone()]), "the kid a appears twice in the key set"),
            (
                instead("{", r#"{"keys":[],"#),
                "the key set has both `keys` and members of a bare JWK: remove one of the two",
            ),
            (instead("oct", "RSA"), "the key at index 0 cannot be used: `kty` must be \"oct\""),
            (instead("HS256", "none"), "the key at index 0 cannot be used: `alg` must be \"HS256\""),
            (without(r#""alg":"HS256","#), "the key at index 0 cannot be used: `alg` is missing"),
            (without(r#""kid":"a","#), "the key at index 0 cannot be used: `kid` is missing"),
            (without(r#","nbf":1"#), "the key at index 0 cannot be used: `nbf` is missing"),
            (without(r#","exp":20"#), "the key at index 0 cannot be used: `exp` is missing"),
            (
                set(&[good.clone(), instead(r#""a""#, r#""a b""#)]),
                "the key at index 1 cannot be used: `kid` is wrong: a key id must have 1 to 64 characters of A-Z a-z \
                0-9 . _ -",
            ),
            (
                instead(K, "%%%"),
                "the key at index 0 cannot be used: `k` must be base64url without padding and without \
            spare bits",
            ),
            (
                instead(K, &format!("{K}=")),
                "the key at index 0 cannot be used: `k` must be base64url without padding \
            and without spare \
            bits",
            ),
            (
                instead(K, "c2hvcnQ"),
                "the key at index 0 cannot be used: `k` is wrong: the secret has 5 bytes and must \
            have 32 to 64",
            ),
        ];
        for (json, expected) in table {
            let error = KeySet::from_json(&json).unwrap_err();
            assert_eq!(error.to_string(), expected, "{json}");
            assert!(!format!("{error:?}").contains("MDEy"));
        }
    }

    #[test]
    fn a_signer_uses_the_latest_key_that_has_begun_and_has_not_expired() {
        let keys =
            KeySet::from_json(&set(&[jwk("old", 0, 50), jwk("same", 20, 40), jwk("new", 20, 90), jwk("next", 60, 99)]))
                .unwrap();
        let table = [
            (0, Some("old")),
            (19, Some("old")),
            (20, Some("same")),
            (39, Some("same")),
            (40, Some("new")),
            (59, Some("new")),
            (60, Some("next")),
            (98, Some("next")),
            (99, None),
        ];
        for (now, expected) in table {
            let key = keys.signing_key(UnixSeconds::new(now));
            assert_eq!(key.map(|key| key.id().as_str()), expected, "at {now}");
        }
    }

    #[test]
    fn two_sets_have_the_same_keys_only_if_every_part_of_every_key_is_the_same() {
        let read = |jwks: &[String]| KeySet::from_json(&set(jwks)).unwrap();
        let all = || [jwk("a", 1, 20), jwk("b", 10, 30)];
        assert!(read(&all()).has_keys_of(&read(&all())));
        let other = |index: usize, old: &str, new: &str| {
            let mut all = all();
            all[index] = all[index].replace(old, new);
            all
        };
        for other in [
            other(0, r#""a""#, r#""c""#),
            other(0, K, &K.replace("MDEy", "MDEx")),
            other(1, ":10", ":11"),
            other(1, ":30", ":31"),
        ] {
            assert!(!read(&all()).has_keys_of(&read(&other)), "{other:?}");
        }
        assert!(!read(&all()).has_keys_of(&read(&all()[..1])));
        assert!(!read(&all()[..1]).has_keys_of(&read(&all())));
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        arbtest::arbtest(|u| {
            let mut json = set(&[jwk("a", 1, 2)]).into_bytes();
            for _ in 0..u.int_in_range(1..=4)? {
                let at = u.choose_index(json.len())?;
                json[at] = u.arbitrary()?;
            }
            if let Ok(json) = core::str::from_utf8(&json) {
                let _ = KeySet::from_json(json);
            }
            Ok(())
        });
    }
}
