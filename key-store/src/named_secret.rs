//! Secrets that Secrets Manager has generated. They are found by their names, in the function's own Region.

use crate::{
    aws::{Call, SdkConfig, explain},
    secret::of_a_name,
    store::{KeyStore, ReadError},
};
use aws_sdk_secretsmanager::{Client, error::SdkError, operation::get_secret_value::GetSecretValueError};
use ctutils::CtEq as _;
use std::{fmt, ops::RangeInclusive, time::Duration};
use zeroize::Zeroizing;

/// The common prefix of the names of some secrets. Each name continues with a slash and a part of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPrefix(Box<str>);

impl SecretPrefix {
    /// A name has at most 512 characters, so this limit leaves room for the rest of the name.
    const MAX_BYTES: usize = 400;
}

impl TryFrom<&str> for SecretPrefix {
    type Error = SecretPrefixError;

    fn try_from(text: &str) -> Result<Self, SecretPrefixError> {
        let good = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(of_a_name) && !text.ends_with('/');
        if good { Ok(Self(text.into())) } else { Err(SecretPrefixError) }
    }
}

/// The text is not a prefix of the names of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a prefix of the names of secrets, like my-stack/origin-header, without a slash at its end")]
pub struct SecretPrefixError;

/// The secrets whose names have the same prefix.
#[derive(Clone, Debug)]
pub struct NamedSecrets {
    client: Client,
    region: String,
    prefix: SecretPrefix,
}

impl NamedSecrets {
    /// The secrets in the Region of `aws`.
    pub fn new(prefix: SecretPrefix, aws: &SdkConfig) -> Self {
        let region = aws.region().map_or_else(|| "no Region".to_owned(), ToString::to_string);
        Self { client: Client::new(aws), region, prefix }
    }

    /// The secret with this name after the prefix.
    pub fn named(&self, name: &str) -> NamedSecret {
        NamedSecret { all: self.clone(), name: format!("{}/{name}", self.prefix.0) }
    }
}

/// A secret that may not exist, or no longer exist.
#[derive(Debug)]
pub struct NamedSecret {
    all: NamedSecrets,
    name: String,
}

impl KeyStore for NamedSecret {
    /// `None` if the secret does not exist. This is an answer, so it replaces the value that was read before; a failure
    /// does not.
    type Value = Option<SecretText>;

    async fn read(&self, _: Duration) -> Result<Option<SecretText>, ReadError> {
        let NamedSecrets { client, region, prefix } = &self.all;
        // On the heap, so that an invocation that does not read is not as large as the SDK's state.
        let call = client.get_secret_value().secret_id(&self.name).version_stage("AWSCURRENT");
        let answer = match Box::pin(call.send()).await {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => {
                // All secrets of the prefix: a policy for only this one would deny the next one.
                let resource = format!("secret:{}/*", prefix.0);
                let call = Call { action: "secretsmanager:GetSecretValue", resource: &resource, region };
                return Err(ReadError(explain(&error, call)));
            }
        };
        let text = answer.secret_string.and_then(SecretText::new);
        let problem =
            || ReadError(format!("the value of secret {} in {region} is not {}", self.name, SecretText::FORM));
        text.map(Some).ok_or_else(problem)
    }
}

/// Whether the secret does not exist or is marked for deletion, as GetSecretValue documents these two errors.
fn is_missing<R>(error: &SdkError<GetSecretValueError, R>) -> bool {
    let error = error.as_service_error();
    error.is_some_and(|error| error.is_resource_not_found_exception() || error.is_invalid_request_exception())
}

/// A generated secret. It is never printed or cloned, and is compared only in constant time. Its bytes are zeroed on
/// drop.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Secrets Manager generates 32 characters by default: with letters and digits these are 190 bits.
    const LENGTHS: RangeInclusive<usize> = 32..=128;
    const FORM: &str = "32 to 128 letters and digits";

    /// The secret, if the text has the form of one.
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        Self::is_one(&text).then_some(Self(text))
    }

    /// Whether a text has the form of such a secret: 32 to 128 letters and digits.
    pub fn is_one(text: &str) -> bool {
        Self::LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// Whether the text is the secret. Compares in constant time, as `hmac` does; only another length returns earlier.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABC";

    #[test]
    fn a_prefix_has_the_characters_of_names_and_no_slash_at_its_end() {
        for good in ["s", "my-stack/origin-header", "/a//b", "A_b+c=d.e@f-", &"x".repeat(400)] {
            assert!(SecretPrefix::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "a b", "a:b", "a*", "é", "a\n", &"x".repeat(401)] {
            assert_eq!(SecretPrefix::try_from(bad), Err(SecretPrefixError), "{bad}");
        }
    }

    #[test]
    fn a_generated_secret_is_32_to_128_letters_and_digits() {
        for (text, good) in [
            ("x".repeat(31), false),
            ("x".repeat(32), true),
            ("0".repeat(128), true),
            ("x".repeat(129), false),
            (format!("{TEXT}."), false),
            (format!("{TEXT} "), false),
            (format!("{TEXT}é"), false),
            (String::new(), false),
        ] {
            assert_eq!(SecretText::is_one(&text), good, "{text}");
            assert_eq!(SecretText::new(text).is_some(), good);
        }
    }

    #[test]
    fn only_the_same_text_is_the_secret() {
        let secret = SecretText::new(TEXT.to_owned()).unwrap();
        assert!(secret.is(TEXT));
        for at in 0..TEXT.len() {
            let mut other = TEXT.to_owned();
            other.replace_range(at..=at, "-");
            assert!(!secret.is(&other), "{other}");
        }
        let (headless, endless) = (TEXT.strip_prefix('a').unwrap(), TEXT.strip_suffix('C').unwrap());
        for other in ["", headless, endless, &format!("{TEXT}x"), &TEXT.to_uppercase()] {
            assert!(!secret.is(other), "{other}");
        }
    }

    #[test]
    fn the_secret_is_not_printed_and_is_zeroed_on_drop() {
        fn zeroed<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let secret = SecretText::new(TEXT.to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "SecretText(..)");
        zeroed(&secret.0);
    }
}
