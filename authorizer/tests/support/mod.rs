//! An authorizer with its keys in a file, and signed headers for its events.

use authorizer::{Authorizer, AuthorizerConfig};
use key_store::{
    KeyFile,
    aws::{CallLimits, SdkConfig, of_lambda},
};
use serde_json::Value;
use signing::{Key, KeySet, Nonce, Request, UnixSeconds, sign};
use std::time::{Duration, SystemTime};
use telemetry::{Log, MemoryLog};
use tempfile::TempDir;

pub(crate) const NOW: u64 = 1_795_341_845;
pub(crate) const DOMAIN: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
pub(crate) const IP: &str = "2001:db8::7";

fn keys() -> KeySet {
    let (begin, end) = (UnixSeconds::new(0), UnixSeconds::new(u64::MAX));
    KeySet::new(vec![Key::new("k1".try_into().unwrap(), &[7; 32], begin, end).unwrap()]).unwrap()
}

/// An authorizer with its keys in a file, and its log.
pub(crate) struct Subject {
    pub(crate) authorizer: Authorizer,
    pub(crate) log: MemoryLog,
    _folder: TempDir,
}

impl Subject {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        Self::with_aws(settings, &of_lambda(CallLimits::BRIEF))
    }

    pub(crate) fn with_aws(settings: &[(&str, &str)], aws: &SdkConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        file.create(&keys(), &[]).unwrap();
        let secret = format!("file:{}", file.path().display());
        let is_set = settings.iter().any(|(name, _)| *name == "COUNTERSIGN_SECRET");
        let all = settings.iter().copied().chain((!is_set).then_some(("COUNTERSIGN_SECRET", secret.as_str())));
        let config = AuthorizerConfig::read(all.map(|(name, value)| (name.into(), value.into()))).unwrap();
        let log = MemoryLog::default();
        let authorizer = Authorizer::new(config, aws, Log::new(Some("authorizer".to_owned()), log.clone()));
        Self { authorizer, log, _folder: folder }
    }

    /// The answer as it goes to API Gateway, and the last line of the log.
    pub(crate) async fn ask(&self, event: &Value) -> (Value, Value) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let answer = self.authorizer.authorize(&event.to_string(), now).await.unwrap();
        let line = self.log.take().pop().expect("a line of the log");
        let answer = serde_json::to_string(&answer).unwrap();
        assert!(answer.len() < 8_192, "{} bytes", answer.len());
        (serde_json::from_str(&answer).unwrap(), line)
    }
}

/// The headers of a signed request, with names in lower case.
pub(crate) fn headers(method: &str, domain: &str, target: &str, digest: Option<&str>) -> Vec<(String, String)> {
    let request = Request {
        method: method.try_into().unwrap(),
        authority: domain.try_into().unwrap(),
        target: target.try_into().unwrap(),
        viewer_ip: IP.try_into().unwrap(),
        content_digest: digest.map(|digest| digest.try_into().unwrap()),
    };
    let now = UnixSeconds::new(NOW);
    let keys = keys();
    let signature = sign(&request, keys.signing_key(now).unwrap(), Nonce::new([1; 16]), Duration::from_secs(60), now);
    let signed = signature.headers(&request).into_iter().map(|(field, value)| (field.name().to_owned(), value));
    [("host".to_owned(), domain.to_owned())].into_iter().chain(signed).collect()
}
