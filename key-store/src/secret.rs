//! A key set in AWS Secrets Manager.

use crate::{
    aws::{Call, SdkConfig, explain},
    copies::{Copies, SecretCopy},
    store::{KeyStore, ReadError, StoredKeys},
};
use aws_sdk_secretsmanager::{Client, config, error::ProvideErrorMetadata as _};
use signing::KeySet;
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// A secret by its ARN, and the Regions that hold a replica of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretLocation {
    /// The ARN of the primary.
    pub arn: SecretArn,
    /// The Regions of the replicas, each once, in the given order.
    pub replicas: Vec<String>,
}

/// The whole ARN of a secret, with the six characters that Secrets Manager appends to its name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretArn(Box<str>);

impl SecretArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The Region of the primary.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The ARN of the replica in that Region.
    pub fn in_region(&self, region: &str) -> String {
        let mut parts: Vec<_> = self.0.splitn(5, ':').collect();
        if let Some(own) = parts.get_mut(3) {
            *own = region;
        }
        parts.join(":")
    }
}

impl fmt::Debug for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for SecretArn {
    type Error = SecretArnError;

    fn try_from(text: &str) -> Result<Self, SecretArnError> {
        let mut parts = text.splitn(7, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service, region) = (next(), next(), next(), next());
        let (account, kind, name) = (next(), next(), next());
        // Secrets Manager appends the last hyphen and the characters after it.
        let whole = name.rsplit_once('-').is_some_and(|(name, end)| {
            !name.is_empty() && end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let good = arn == "arn"
            && partition.starts_with("aws")
            && service == "secretsmanager"
            && is_region(region)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && kind == "secret"
            && name.len() <= 519
            && name.bytes().all(of_a_name)
            && whole;
        if good { Ok(Self(text.into())) } else { Err(SecretArnError) }
    }
}

/// Whether the name of a secret may have this byte.
pub(crate) fn of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte)
}

/// The text is not the ARN of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the whole ARN of a secret, like arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-AbCdEf")]
pub struct SecretArnError;

/// Regions like `eu-west-1`, with commas between them.
///
/// # Errors
/// If an entry is not a Region, or appears twice.
pub(crate) fn regions(text: &str) -> Result<Vec<String>, RegionsError> {
    let mut regions: Vec<String> = Vec::new();
    for region in text.split(',').map(str::trim) {
        if !is_region(region) || regions.iter().any(|other| other == region) {
            return Err(RegionsError);
        }
        regions.push(region.to_owned());
    }
    Ok(regions)
}

/// Whether the text has the form of the name of a Region, like `us-gov-west-1`.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let words =
        |parts: &[&str]| parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()));
    match &*parts {
        [words_before @ .., number] if words_before.len() >= 2 => {
            words(words_before) && (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

/// The text is not a list of Regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a list of different Regions, like eu-west-1,us-east-1")]
pub struct RegionsError;

/// The secret as one process reads it: in the process's own Region if that has a replica, and in the Region of the
/// primary.
#[derive(Debug)]
pub struct SecretStore(Copies<Place>);

/// The secret in one Region.
#[derive(Debug)]
struct Place {
    client: Client,
    arn: String,
    region: String,
}

impl SecretStore {
    /// The secret as it is read from the Region of `aws`.
    pub fn new(secret: &SecretLocation, aws: &SdkConfig) -> Self {
        let primary = secret.arn.region();
        let own = aws.region().map(AsRef::as_ref);
        let replica = own.filter(|own| *own != primary && secret.replicas.iter().any(|region| region == own));
        let place = |region: &str| Place {
            client: client(aws, region),
            arn: secret.arn.in_region(region),
            region: region.to_owned(),
        };
        Self(Copies::new(replica.into_iter().chain([primary]).map(place).collect()))
    }
}

/// A client for `region`, which need not be the Region of `aws`.
pub fn client(aws: &SdkConfig, region: &str) -> Client {
    let region = config::Region::new(region.to_owned());
    Client::from_conf(config::Builder::from(aws).region(region).build())
}

impl KeyStore for SecretStore {
    type Value = StoredKeys;

    async fn read(&self, patience: Duration) -> Result<StoredKeys, ReadError> {
        self.0.read(patience).await
    }
}

impl SecretCopy for Place {
    type Value = StoredKeys;

    fn region(&self) -> &str {
        &self.region
    }

    async fn read(&self) -> Result<StoredKeys, String> {
        // On the heap, so that an invocation that does not read is not as large as the SDK's state.
        let call = self.client.get_secret_value().secret_id(&self.arn).version_stage("AWSCURRENT");
        let answer = Box::pin(call.send()).await;
        let answer = answer.map_err(|error| {
            // Only AWS's message shows whether the secret has no such version, or does not exist.
            let words = error.as_service_error().and_then(|error| error.message()).unwrap_or_default();
            if words.contains("staging label") && words.contains("AWSCURRENT") {
                return no_current(&self.arn, &self.region);
            }
            explain(&error, Call { action: "secretsmanager:GetSecretValue", resource: &self.arn, region: &self.region })
        })?;
        let text = answer.secret_string.map(Zeroizing::new);
        let text = text.ok_or_else(|| format!("{} is binary, and must be a JWK Set as text", self.arn))?;
        let keys = KeySet::from_json(&text).map_err(|error| format!("{}: {error}", self.arn))?;
        // The date of the version, not of the secret.
        let created = answer.created_date.and_then(|created| created.try_into().ok());
        Ok(StoredKeys { keys, created })
    }
}

/// The message about a secret without AWSCURRENT: it is empty, or somebody has removed the label.
fn no_current(arn: &str, region: &str) -> String {
    format!(
        "the secret {arn} has no version AWSCURRENT in {region}: if the secret is empty, make its first key with \
        `countersign keys init --secret ARN` and the ARN of the primary"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:countersign/keys-AbC123";

    #[test]
    fn only_a_whole_arn_of_a_secret_is_accepted() {
        let arn = SecretArn::try_from(ARN).unwrap();
        assert_eq!((arn.as_str(), arn.region()), (ARN, "eu-west-1"));
        assert_eq!(arn.in_region("us-gov-west-1"), ARN.replace("eu-west-1", "us-gov-west-1"));
        assert!(SecretArn::try_from(ARN.replace("aws:", "aws-cn:").as_str()).is_ok());
        for (part, other) in [
            ("arn:", "urn:"),
            (":aws:", ":gcp:"),
            ("secretsmanager", "ssm"),
            ("eu-west-1", ""),
            ("eu-west-1", "EU-west-1"),
            ("eu-west-1", "eu-west"),
            ("eu-west-1", "x.example/eu-west-1"),
            ("123456789012", "12345678901"),
            ("123456789012", "12345678901x"),
            (":secret:", ":parameter:"),
            ("-AbC123", ""),
            ("-AbC123", "-AbC12"),
            ("countersign/keys-", "-"),
            ("keys", "ke ys"),
            ("keys", "ke:ys"),
            ("keys", "kéys"),
        ] {
            let text = ARN.replace(part, other);
            assert_eq!(SecretArn::try_from(text.as_str()), Err(SecretArnError), "{text}");
        }
        for text in ["", "arn", &format!("{ARN}:x"), &format!("{ARN}\n"), &ARN.replace("keys", &"k".repeat(520))] {
            assert_eq!(SecretArn::try_from(text), Err(SecretArnError), "{text}");
        }
    }

    #[test]
    fn only_a_list_of_different_regions_is_accepted() {
        for (text, expected) in [
            ("eu-west-1", Ok(vec!["eu-west-1"])),
            ("eu-west-1, us-gov-east-1,ap-southeast-12", Ok(vec!["eu-west-1", "us-gov-east-1", "ap-southeast-12"])),
            ("", Err(RegionsError)),
            ("eu-west-1,", Err(RegionsError)),
            ("eu-west-1,eu-west-1", Err(RegionsError)),
            ("eu-west-1;us-east-1", Err(RegionsError)),
            ("eu--1", Err(RegionsError)),
            ("west-1", Err(RegionsError)),
            ("eu-west-123", Err(RegionsError)),
        ] {
            let expected = expected.map(|regions| regions.into_iter().map(str::to_owned).collect());
            assert_eq!(regions(text), expected, "{text}");
        }
    }

    #[test]
    fn the_own_region_is_asked_first_if_it_has_a_replica() {
        let secret = SecretLocation {
            arn: ARN.try_into().unwrap(),
            replicas: vec!["us-east-1".into(), "eu-west-1".into(), "ap-south-1".into()],
        };
        for (own, expected) in [
            (Some("ap-south-1"), &["ap-south-1", "eu-west-1"][..]),
            (Some("eu-west-1"), &["eu-west-1"]),
            (Some("sa-east-1"), &["eu-west-1"]),
            (None, &["eu-west-1"]),
        ] {
            let version = config::BehaviorVersion::v2026_01_12();
            let aws = SdkConfig::builder().behavior_version(version).region(own.map(config::Region::new)).build();
            let store = SecretStore::new(&secret, &aws);
            let asked: Vec<_> = store.0.iter().map(|place| (&*place.region, place.arn.clone())).collect();
            let expected: Vec<_> = expected.iter().map(|region| (*region, secret.arn.in_region(region))).collect();
            assert_eq!(asked, expected);
        }
    }
}
