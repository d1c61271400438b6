//! Secrets that Secrets Manager has generated, found by their names in the Region of the function itself.

use crate::{
    aws::{Call, SdkConfig, explain},
    secret::of_a_name,
    store::{KeyStore, ReadError},
};
use aws_sdk_secretsmanager::{Client, error::SdkError, operation::get_secret_value::GetSecretValueError};
use ctutils::CtEq as _;
use std::{fmt, ops::RangeInclusive, time::Duration};
use zeroize::Zeroizing;

/// What the names of some secrets begin with; behind it each has a slash and a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPrefix(Box<str>);

impl SecretPrefix {
    /// A name has at most 512 characters, and these leave room for what is behind them.
    const MAX_BYTES: usize = 400;
}

impl TryFrom<&str> for SecretPrefix {
    type Error = SecretPrefixError;

    fn try_from(text: &str) -> Result<Self, SecretPrefixError> {
        let good = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(of_a_name) && !text.ends_with('/');
        if good { Ok(Self(text.into())) } else { Err(SecretPrefixError) }
    }
}

/// The text is no beginning of secrets' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not what names of secrets begin with, like my-stack/origin-header, without a slash at its end")]
pub struct SecretPrefixError;

/// The secrets whose names begin alike.
#[derive(Clone, Debug)]
pub struct NamedSecrets {
    client: Client,
    region: String,
    prefix: SecretPrefix,
}

impl NamedSecrets {
    /// Those in the Region of `aws`.
    pub fn new(prefix: SecretPrefix, aws: &SdkConfig) -> Self {
        let region = aws.region().map_or_else(|| "no Region".to_owned(), ToString::to_string);
        Self { client: Client::new(aws), region, prefix }
    }

    /// The secret with this name behind the prefix.
    pub fn named(&self, name: &str) -> NamedSecret {
        NamedSecret { all: self.clone(), name: format!("{}/{name}", self.prefix.0) }
    }
}

/// A secret that there may be, or no longer be.
#[derive(Debug)]
pub struct NamedSecret {
    all: NamedSecrets,
    name: String,
}

impl KeyStore for NamedSecret {
    /// None where there is no such secret. That is an answer, which takes the place of what was read before; a failure is none.
    type Value = Option<SecretText>;

    async fn read(&self, _: Duration) -> Result<Option<SecretText>, ReadError> {
        let NamedSecrets { client, region, prefix } = &self.all;
        // On the heap, so that an invocation that reads nothing does not carry the SDK's state with it.
        let call = client.get_secret_value().secret_id(&self.name).version_stage("AWSCURRENT");
        let answer = match Box::pin(call.send()).await {
            Ok(answer) => answer,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => {
                // All of them: whoever allowed the one alone would find the next one denied.
                let resource = format!("secret:{}/*", prefix.0);
                let call = Call { action: "secretsmanager:GetSecretValue", resource: &resource, region };
                return Err(ReadError(explain(&error, call)));
            }
        };
        let text = answer.secret_string.and_then(SecretText::new);
        let problem = || ReadError(format!("secret {} in {region} is no text of {}", self.name, SecretText::FORM));
        text.map(Some).ok_or_else(problem)
    }
}

/// There is no such secret, or it is marked for deletion: so GetSecretValue documents the two.
fn is_gone<R>(error: &SdkError<GetSecretValueError, R>) -> bool {
    let error = error.as_service_error();
    error.is_some_and(|error| error.is_resource_not_found_exception() || error.is_invalid_request_exception())
}

/// A generated secret. It is never printed, cloned or compared but in constant time, and its bytes are zeroed when it is dropped.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Secrets Manager generates 32 characters where nothing else is asked for: of letters and digits that is 190 bits.
    const LENGTHS: RangeInclusive<usize> = 32..=128;
    const FORM: &str = "32 to 128 letters and digits";

    /// The secret, where it has the form of one.
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        Self::is_one(&text).then_some(Self(text))
    }

    /// Whether a text has the form of such a secret: 32 to 128 letters and digits.
    pub fn is_one(text: &str) -> bool {
        Self::LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// Whether the text is the secret. Compares in constant time, as `hmac` does; only another length shows at once.
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
    fn a_prefix_is_what_names_begin_with() {
        for good in ["s", "my-stack/origin-header", "/a//b", "A_b+c=d.e@f-", &"x".repeat(400)] {
            assert!(SecretPrefix::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "a b", "a:b", "a*", "é", "a\n", &"x".repeat(401)] {
            assert_eq!(SecretPrefix::try_from(bad), Err(SecretPrefixError), "{bad}");
        }
    }

    #[test]
    fn a_generated_text_is_long_and_of_letters_and_digits() {
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
    fn a_text_is_the_secret_or_it_is_not() {
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
    fn the_text_is_not_printed_and_is_zeroed_on_drop() {
        fn zeroed<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let secret = SecretText::new(TEXT.to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "SecretText(..)");
        zeroed(&secret.0);
    }
}
