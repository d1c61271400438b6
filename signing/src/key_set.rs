use crate::{Key, KeyId, KeyIdError, KeyLengthError, UnixSeconds};
use alloc::{borrow::Cow, string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
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

    /// Reads a JWK Set or a bare JWK.
    ///
    /// # Errors
    /// What is wrong and in which key; never a part of the text itself, which is secret.
    pub fn from_json(json: &str) -> Result<Self, KeySetError> {
        let document: Document<'_> = serde_json::from_str(json)
            .map_err(|error| KeySetError::Json { line: error.line(), column: error.column() })?;
        let jwks = match document {
            Document { keys: Some(keys), kty: None, k: None, .. } => keys,
            Document { keys: Some(_), .. } => return Err(KeySetError::SetAndKey),
            Document { keys: None, kty, alg, kid, k, nbf, exp } => alloc::vec![Jwk { kty, alg, kid, k, nbf, exp }],
        };
        // Counted before the keys are read, so that a huge set costs nothing.
        if jwks.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooMany { keys: jwks.len() });
        }
        let read = |(index, jwk): (usize, &Jwk<'_>)| jwk.read().map_err(|error| KeySetError::Key { index, error });
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

    /// All keys, in the order of the document.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }
}

/// Why a text is no key set. Holds nothing of the text but ids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The text is not JSON, or a member has the wrong type.
    #[error("not a JWK Set: wrong JSON at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
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
    #[error("the kid {0} stands twice")]
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

/// Why one JWK is no key of this product.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
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
    keys: Option<Vec<Jwk<'a>>>,
    kty: Option<Cow<'a, str>>,
    alg: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    k: Option<&'a str>,
    nbf: Option<u64>,
    exp: Option<u64>,
}

#[derive(Deserialize)]
struct Jwk<'a> {
    kty: Option<Cow<'a, str>>,
    alg: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    /// Borrowed alone: a `k` with JSON escapes in it, which base64url never needs, would be copied to where no one zeroes it.
    k: Option<&'a str>,
    nbf: Option<u64>,
    exp: Option<u64>,
}

impl Jwk<'_> {
    fn read(&self) -> Result<Key, JwkError> {
        if self.kty.as_ref().ok_or(JwkError::Missing("kty"))? != "oct" {
            return Err(JwkError::KeyType);
        }
        if self.alg.as_ref().ok_or(JwkError::Missing("alg"))? != "HS256" {
            return Err(JwkError::Algorithm);
        }
        let id = KeyId::try_from(self.kid.as_deref().ok_or(JwkError::Missing("kid"))?)?;
        let k = self.k.ok_or(JwkError::Missing("k"))?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(k).map_err(|_| JwkError::Encoding)?);
        let not_before = UnixSeconds::new(self.nbf.ok_or(JwkError::Missing("nbf"))?);
        let expires = UnixSeconds::new(self.exp.ok_or(JwkError::Missing("exp"))?);
        Ok(Key::new(id, &secret, not_before, expires)?)
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

    #[test]
    fn what_is_no_key_set_is_refused_without_telling_a_secret() {
        let good = jwk("a", 1, 20);
        let without = |member: &str| good.replace(member, "");
        let instead = |old: &str, new: &str| good.replace(old, new);
        let many: Vec<_> = (0..9).map(|i| jwk(&i.to_string(), 1, 2)).collect();
        let table = [
            (String::new(), "not a JWK Set: wrong JSON at line 1, column 0"),
            ("[]".into(), "not a JWK Set: wrong JSON at line 1, column 2"),
            (format!("{good:?}"), "not a JWK Set: wrong JSON at line 1, column 126"),
            (r#"{"keys":{}}"#.into(), "not a JWK Set: wrong JSON at line 1, column 8"),
            (set(core::slice::from_ref(&good)) + "x", "not a JWK Set: wrong JSON at line 1, column 116"),
            (instead(":20", ":-1"), "not a JWK Set: wrong JSON at line 1, column 103"),
            (instead(":20", ":1.5"), "not a JWK Set: wrong JSON at line 1, column 104"),
            (instead(K, r"\u0041"), "not a JWK Set: wrong JSON at line 1, column 49"),
            ("{}".into(), "key 0 (from 0): `kty` is missing"),
            (set(&[]), "holds no key"),
            (set(&many), "holds 9 keys, and may hold 8"),
            (set(&[good.clone(), good.clone()]), "the kid a stands twice"),
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
