use crate::{Key, KeyId, KeyIdError, KeyLengthError, UnixSeconds};
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
/// A bare JWK is a set of one. Members that are not known are ignored, as RFC 7517 asks; all that are shown are required.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// A rotation needs the old key and the new one; eight leave room for several in a row, and bound every search.
    pub const MAX_KEYS: usize = 8;

    /// A set of these keys.
    ///
    /// # Errors
    /// Where there are none or more than eight, or two of them share an id.
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

    /// Reads a JWK Set or a bare JWK. A byte order mark before it, which some editors write, is passed over.
    ///
    /// # Errors
    /// What is wrong and in which key; never a part of the text itself, which is secret.
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

    /// The JWK Set, secrets and all.
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

    /// The key that a signer uses at `now`: the latest that has begun (ties by id) among those that have not expired.
    pub fn signing_key(&self, now: UnixSeconds) -> Option<&Key> {
        self.keys
            .iter()
            .filter(|key| key.not_before() <= now && now < key.expires())
            .max_by_key(|key| (key.not_before(), key.id()))
    }

    /// The key of that id, in force or not.
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

/// Why a text is no key set. Holds nothing of the text but ids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The text is not JSON.
    #[error("not a JWK Set: wrong JSON at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// An object has a member twice, and there is no telling which one is meant.
    #[error("not a JWK Set: a second `{member}` in one object, at line {line}, column {column}")]
    Repeated {
        /// Its name.
        member: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The text is JSON of another type.
    #[error("not a JWK Set: the JSON has to be an object, {{\"keys\":[…]}}")]
    NotAnObject,
    /// `keys` is of another type.
    #[error("not a JWK Set: `keys` has to be a list")]
    NotAList,
    /// There is no telling which one is meant.
    #[error("holds `keys` and members of a bare JWK beside it: make it one of the two")]
    SetAndKey,
    /// A set without keys admits nothing and signs nothing.
    #[error("holds no key")]
    Empty,
    /// More than [`KeySet::MAX_KEYS`].
    #[error("holds {keys} keys, and may hold {max}", max = KeySet::MAX_KEYS)]
    TooMany {
        /// How many.
        keys: usize,
    },
    /// The id would name two keys.
    #[error("the kid {0} appears twice")]
    DuplicateId(KeyId),
    /// One key is not usable.
    #[error("key {index} (from 0): {error}")]
    Key {
        /// Which one, in the order of the document.
        index: usize,
        /// What is wrong with it.
        error: JwkError,
    },
}

impl KeySetError {
    fn of_json(error: &serde_json::Error) -> Self {
        const MEMBERS: [&str; 7] = ["keys", "kty", "alg", "kid", "k", "nbf", "exp"];
        let (line, column) = (error.line(), error.column());
        // Its words are not told: those about a type hold the value.
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

/// Why one JWK is no key of this product.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// It is JSON of another type.
    #[error("has to be an object")]
    NotAnObject,
    /// A member is JSON of another type.
    #[error("`{member}` has to be {accepted}")]
    Type {
        /// Its name.
        member: &'static str,
        /// What it may be.
        accepted: &'static str,
    },
    /// A required member is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// `kty` says another type.
    #[error("`kty` has to be \"oct\"")]
    KeyType,
    /// `alg` says another algorithm.
    #[error("`alg` has to be \"HS256\"")]
    Algorithm,
    /// `kid` has characters it may not have.
    #[error("`kid`: {0}")]
    Id(#[from] KeyIdError),
    /// `k` is no base64url.
    #[error("`k` is not base64url without padding and spare bits")]
    Encoding,
    /// `k` is too short or too long.
    #[error("`k`: {0}")]
    Length(#[from] KeyLengthError),
}

/// A JWK Set or a bare JWK: told apart by whether `keys` is there.
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
    /// Borrowed alone: a `k` with JSON escapes in it, which base64url never needs, would be copied to where no one zeroes it.
    #[serde(borrow)]
    k: Option<Of<Member<&'a str>>>,
    nbf: Option<Of<Member<u64>>>,
    exp: Option<Of<Member<u64>>>,
}

impl Jwk<'_> {
    fn read(&self) -> Result<Key, JwkError> {
        const TEXT: &str = "a text";
        const SECONDS: &str = "a whole number of seconds since 1970";
        if self.kty.as_ref().of("kty", TEXT)? != "oct" {
            return Err(JwkError::KeyType);
        }
        if self.alg.as_ref().of("alg", TEXT)? != "HS256" {
            return Err(JwkError::Algorithm);
        }
        let id = KeyId::try_from(&**self.kid.as_ref().of("kid", TEXT)?)?;
        let k = self.k.as_ref().of("k", "a text without escapes")?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(k).map_err(|_| JwkError::Encoding)?);
        let not_before = UnixSeconds::new(*self.nbf.as_ref().of("nbf", SECONDS)?);
        let expires = UnixSeconds::new(*self.exp.as_ref().of("exp", SECONDS)?);
        Ok(Key::new(id, &secret, not_before, expires)?)
    }
}

/// A member that has to be there, and of its type.
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

/// What is read of any JSON: what is of another type is no error of the reader's, which knows a place and not which member it is.
enum Member<T> {
    Is(T),
    Other,
}

/// Reads any JSON as a `T`.
struct Of<T>(T);

/// A type of JSON, and what becomes of the others.
trait Shape<'de>: Sized {
    fn number(_: u64) -> Option<Self> {
        None
    }

    /// A text as it stands in the document.
    fn borrowed(_: &'de str) -> Option<Self> {
        None
    }

    /// A text that had escapes.
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

    /// As Windows' editors write it; and once, not in the middle.
    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let json = set(&[jwk("a", 1, 20)]);
        assert_eq!(*KeySet::from_json(&format!("\u{feff}{json}")).unwrap().to_json(), json);
        assert!(KeySet::from_json(&format!("\u{feff}\u{feff}{json}")).is_err());
        assert!(KeySet::from_json(&format!("{json}\u{feff}")).is_err());
    }

    #[test]
    fn what_is_no_key_set_is_refused_without_telling_a_secret() {
        let good = jwk("a", 1, 20);
        let without = |member: &str| good.replace(member, "");
        let instead = |old: &str, new: &str| good.replace(old, new);
        let many: Vec<_> = (0..9).map(|i| jwk(&i.to_string(), 1, 2)).collect();
        let table = [
            (String::new(), "not a JWK Set: wrong JSON at line 1, column 0"),
            ("{".into(), "not a JWK Set: wrong JSON at line 1, column 1"),
            ("[]".into(), "not a JWK Set: the JSON has to be an object, {\"keys\":[…]}"),
            (
                format!("[\"oct\",\"HS256\",\"a\",\"{K}\",1,20]"),
                "not a JWK Set: the JSON has to be an object, {\"keys\":[…]}",
            ),
            (format!("{good:?}"), "not a JWK Set: the JSON has to be an object, {\"keys\":[…]}"),
            ("null".into(), "not a JWK Set: the JSON has to be an object, {\"keys\":[…]}"),
            (r#"{"keys":{}}"#.into(), "not a JWK Set: `keys` has to be a list"),
            (r#"{"keys":"MDEy"}"#.into(), "not a JWK Set: `keys` has to be a list"),
            (set(&[good.clone(), "[1]".into()]), "key 1 (from 0): has to be an object"),
            (set(&["1".into()]), "key 0 (from 0): has to be an object"),
            (set(core::slice::from_ref(&good)) + "x", "not a JWK Set: wrong JSON at line 1, column 116"),
            (instead(":20", ":-1"), "key 0 (from 0): `exp` has to be a whole number of seconds since 1970"),
            (instead(":20", ":1.5"), "key 0 (from 0): `exp` has to be a whole number of seconds since 1970"),
            (instead(":20", ":\"20\""), "key 0 (from 0): `exp` has to be a whole number of seconds since 1970"),
            (
                set(&[good.clone(), instead(r#""nbf":1"#, r#""nbf":{"x":[1]}"#)]),
                "key 1 (from 0): `nbf` has to be a whole number of seconds since 1970",
            ),
            (instead(r#""a""#, "7"), "key 0 (from 0): `kid` has to be a text"),
            (instead(r#""oct""#, "[]"), "key 0 (from 0): `kty` has to be a text"),
            (instead(r#""HS256""#, "true"), "key 0 (from 0): `alg` has to be a text"),
            (instead(&format!("\"{K}\""), "5"), "key 0 (from 0): `k` has to be a text without escapes"),
            (instead(K, r"\u0041"), "key 0 (from 0): `k` has to be a text without escapes"),
            (instead(r#""nbf":1"#, r#""nbf":null"#), "key 0 (from 0): `nbf` is missing"),
            (
                instead(r#""nbf":1"#, r#""nbf":1,"nbf":1"#),
                "not a JWK Set: a second `nbf` in one object, at line 1, column 100",
            ),
            ("{}".into(), "key 0 (from 0): `kty` is missing"),
            (set(&[]), "holds no key"),
            (set(&many), "holds 9 keys, and may hold 8"),
            (set(&[good.clone(), good.clone()]), "the kid a appears twice"),
            (
                instead("{", r#"{"keys":[],"#),
                "holds `keys` and members of a bare JWK beside it: make it one of the two",
            ),
            (instead("oct", "RSA"), "key 0 (from 0): `kty` has to be \"oct\""),
            (instead("HS256", "none"), "key 0 (from 0): `alg` has to be \"HS256\""),
            (without(r#""alg":"HS256","#), "key 0 (from 0): `alg` is missing"),
            (without(r#""kid":"a","#), "key 0 (from 0): `kid` is missing"),
            (without(r#","nbf":1"#), "key 0 (from 0): `nbf` is missing"),
            (without(r#","exp":20"#), "key 0 (from 0): `exp` is missing"),
            (
                set(&[good.clone(), instead(r#""a""#, r#""a b""#)]),
                "key 1 (from 0): `kid`: a key id has 1 to 64 characters of A-Z a-z 0-9 . _ -",
            ),
            (instead(K, "%%%"), "key 0 (from 0): `k` is not base64url without padding and spare bits"),
            (instead(K, &format!("{K}=")), "key 0 (from 0): `k` is not base64url without padding and spare bits"),
            (instead(K, "c2hvcnQ"), "key 0 (from 0): `k`: the secret has 5 bytes, and has to have 32 to 64"),
        ];
        for (json, expected) in table {
            let error = KeySet::from_json(&json).unwrap_err();
            assert_eq!(error.to_string(), expected, "{json}");
            assert!(!format!("{error:?}").contains("MDEy"));
        }
    }

    #[test]
    fn a_signer_takes_the_latest_key_that_has_begun_and_not_ended() {
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
    fn two_sets_have_the_same_keys_where_nothing_of_any_differs() {
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
