//! Minutes of real runs: one in which all is well, and one of each outage. Viewers get what the outage must give them.

use crate::{
    infra::alarms::{
        cloudwatch::metrics::{Metric, Minute},
        runs::{
            functions::{NoAssociation, authorizer, signer, with_handler},
            servers::{AUTHORIZER, DISTRIBUTION, SIGNER, SecondCheck, Servers},
        },
    },
    support::{keys::Keys, patience::PATIENCE, whole_path::options},
};
use local::{ApiKind, Backend, IdentitySources, Options};
use signing::{Key, KeySet, UnixSeconds};
use std::{
    fs,
    time::{Duration, SystemTime},
};
use telemetry::MemoryLog;
use tokio::net::TcpListener;

/// The requests in a minute.
const REQUESTS: usize = 30;
/// A pet that there is, and one that there is not.
pub(crate) const FINE: &str = "/pets/1";
pub(crate) const MISSING: &str = "/pets/0";

/// The mode of both functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Enforce,
    Monitor,
}

impl Mode {
    /// The word for a setting.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Monitor => "monitor",
        }
    }
}

/// Keys that were made so many hours ago.
pub(crate) fn keys_made(hours_ago: u64) -> Keys {
    let keys = Keys::new();
    let made = SystemTime::now() - Duration::from_secs(3_600 * hours_ago);
    fs::File::open(keys.file.path()).unwrap().set_modified(made).unwrap();
    keys
}

/// The options with which the edge has these keys.
pub(crate) fn with_keys(api: ApiKind, keys: &Keys, mode: Mode) -> Options {
    let mut options = options(&keys.source(), api);
    options.custom_headers.push(("countersign-mode".to_owned(), mode.word().to_owned()));
    if mode == Mode::Monitor {
        options.identity_sources = IdentitySources::None;
    }
    options
}

/// Both real functions. These are the keys of the authorizer.
async fn real(options: Options, keys: &Keys, mode: Mode) -> Servers {
    let log = MemoryLog::default();
    let (edge, authorizer) = (signer(&log).await, authorizer(&keys.source(), mode.word(), &log).await);
    Servers::start(options, edge, authorizer, &log).await
}

/// Both real functions with the same keys.
pub(crate) async fn with_both(api: ApiKind, keys: &Keys, mode: Mode) -> Servers {
    real(with_keys(api, keys, mode), keys, mode).await
}

/// Viewers, one of whom asks for what is missing, and a stranger at the API's own URL.
pub(crate) async fn healthy(api: ApiKind) -> Minute {
    let keys = keys_made(6);
    let mut servers = with_both(api, &keys, Mode::Enforce).await;
    servers.viewers(REQUESTS, FINE, 200).await.viewers(1, MISSING, 404).await.strangers(1, 401).await;
    servers.minute()
}

/// The same in monitor mode, where the stranger is let in too.
pub(crate) async fn monitored(api: ApiKind) -> Minute {
    let keys = keys_made(6);
    let mut servers = with_both(api, &keys, Mode::Monitor).await;
    servers.viewers(REQUESTS, FINE, 200).await.strangers(1, 200).await;
    servers.minute()
}

pub(crate) async fn no_association(api: ApiKind, mode: Mode) -> Minute {
    unsigned(api, mode, FINE, if mode == Mode::Enforce { 401 } else { 200 }).await
}

/// In monitor mode these are answers of the backend.
pub(crate) async fn no_association_and_not_found(api: ApiKind) -> Minute {
    unsigned(api, Mode::Monitor, MISSING, 404).await
}

async fn unsigned(api: ApiKind, mode: Mode, path: &str, status: u16) -> Minute {
    let (keys, log) = (keys_made(6), MemoryLog::default());
    let authorizer = authorizer(&keys.source(), mode.word(), &log).await;
    let mut servers = Servers::start(with_keys(api, &keys, mode), NoAssociation, authorizer, &log).await;
    servers.viewers(REQUESTS, path, status).await;
    servers.minute()
}

pub(crate) async fn no_keys(api: ApiKind) -> Minute {
    let (keys, mode) = (keys_made(6), Mode::Enforce);
    let mut servers = real(with_keys(api, &keys, mode), &Keys::none(), mode).await;
    servers.viewers(REQUESTS, FINE, 500).await;
    servers.minute()
}

pub(crate) async fn no_keys_at_edge(api: ApiKind, mode: Mode) -> Minute {
    let keys = keys_made(6);
    let mut servers = real(with_keys(api, &Keys::none(), mode), &keys, mode).await;
    servers.viewers(REQUESTS, FINE, if mode == Mode::Enforce { 503 } else { 200 }).await;
    servers.minute()
}

pub(crate) async fn wrong_headers(api: ApiKind, mode: Mode) -> Minute {
    let keys = keys_made(6);
    let mut options = with_keys(api, &keys, mode);
    options.custom_headers.push(("countersign-body".to_owned(), "whole".to_owned()));
    let mut servers = real(options, &keys, mode).await;
    servers.viewers(REQUESTS, FINE, if mode == Mode::Enforce { 500 } else { 200 }).await;
    servers.minute()
}

/// Under the id of the right key.
pub(crate) async fn another_secret(api: ApiKind) -> Minute {
    let (keys, others) = (keys_made(6), Keys::none());
    let secret = b"another secret, of forty bytes at least.";
    let key = Key::new("k1".try_into().unwrap(), secret, UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
    others.file.create(&KeySet::new(vec![key]).unwrap(), &[]).unwrap();
    let mut servers = real(with_keys(api, &others, Mode::Enforce), &keys, Mode::Enforce).await;
    servers.viewers(REQUESTS, FINE, 403).await;
    servers.minute()
}

pub(crate) async fn signer_fails(api: ApiKind) -> Minute {
    with_signer(api, "throw new Error('out of order')", REQUESTS, PATIENCE).await
}

/// Fewer requests, because each of them ends a process.
pub(crate) async fn signer_hangs(api: ApiKind) -> Minute {
    with_signer(api, "for (;;);", 5, Duration::from_millis(20)).await
}

/// It sets a header that a function may not set.
pub(crate) async fn signer_is_not_accepted(api: ApiKind) -> Minute {
    const HANDLER: &str = "const { request } = event.Records[0].cf; \
        request.headers.via = [{ key: 'Via', value: 'another' }]; return request";
    with_signer(api, HANDLER, REQUESTS, PATIENCE).await
}

async fn with_signer(api: ApiKind, handler: &str, requests: usize, limit: Duration) -> Minute {
    let (keys, log) = (keys_made(6), MemoryLog::default());
    let (signer, _folder) = with_handler(SIGNER, handler, limit, &log).await;
    let authorizer = authorizer(&keys.source(), "enforce", &log).await;
    let mut servers = Servers::start(with_keys(api, &keys, Mode::Enforce), signer, authorizer, &log).await;
    servers.viewers(requests, FINE, 502).await;
    servers.minute()
}

pub(crate) async fn authorizer_fails(api: ApiKind) -> Minute {
    let (keys, log) = (keys_made(6), MemoryLog::default());
    let (authorizer, _folder) = with_handler(AUTHORIZER, "throw new Error('out of order')", PATIENCE, &log).await;
    let edge = signer(&log).await;
    let mut servers = Servers::start(with_keys(api, &keys, Mode::Enforce), edge, authorizer, &log).await;
    servers.viewers(REQUESTS, FINE, 500).await;
    servers.minute()
}

/// A backend that ends each connection.
pub(crate) async fn backend_fails(api: ApiKind, requests: usize) -> Minute {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend::Url(format!("http://{}", listener.local_addr().unwrap()));
    let rude = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let keys = keys_made(6);
    let options = Options { backend, ..with_keys(api, &keys, Mode::Enforce) };
    let mut servers = real(options, &keys, Mode::Enforce).await;
    servers.viewers(requests, FINE, if api == ApiKind::Rest { 504 } else { 503 }).await;
    rude.abort();
    servers.minute()
}

pub(crate) async fn not_found(api: ApiKind) -> Minute {
    let keys = keys_made(6);
    let mut servers = with_both(api, &keys, Mode::Enforce).await;
    servers.viewers(REQUESTS, MISSING, 404).await;
    servers.minute()
}

/// All viewers, whose signatures are valid.
pub(crate) async fn refused_after_the_signature(api: ApiKind, check: SecondCheck) -> Minute {
    let keys = keys_made(6);
    let mut servers = with_both(api, &keys, Mode::Enforce).await;
    servers.strangers(1, 401).await;
    let mut minute = servers.minute();
    minute.add(&servers.refused_after_the_signature(check, 30));
    minute
}

/// The same beside forgers.
pub(crate) async fn refused_beside_forgers(api: ApiKind, check: SecondCheck) -> Minute {
    let keys = keys_made(6);
    let servers = with_both(api, &keys, Mode::Enforce).await;
    let viewers = servers.refused_after_the_signature(check, 300);
    let mut minute = forgers_only(servers).await;
    minute.add(&viewers);
    minute
}

/// Beside ten times as many viewers whose requests are well.
pub(crate) async fn forgers(api: ApiKind) -> Minute {
    let keys = keys_made(6);
    let mut servers = with_both(api, &keys, Mode::Enforce).await;
    servers.viewers(REQUESTS, FINE, 200).await;
    let viewers = servers.minute();
    let mut minute = forgers_only(servers).await;
    (0..9).for_each(|_| minute.add(&viewers));
    minute
}

async fn forgers_only(mut servers: Servers) -> Minute {
    servers.forgers(25).await;
    servers.minute()
}

/// The keys were made three days ago, and are due each day.
pub(crate) async fn rotation_overdue(api: ApiKind) -> Minute {
    let keys = keys_made(72);
    let mut servers = with_both(api, &keys, Mode::Enforce).await;
    servers.viewers(REQUESTS, FINE, 200).await;
    servers.minute()
}

/// By hand: nothing here limits how many invocations run at one time. One request in a minute that is otherwise well.
pub(crate) fn authorizer_throttled(healthy: &Minute) -> Minute {
    with(healthy, Metric::new("AWS/Lambda", "Throttles", &[("FunctionName", AUTHORIZER)]))
}

/// By hand, likewise. It is not documented which of two names AWS writes.
pub(crate) fn signer_throttled(healthy: &Minute, name: &str) -> Minute {
    with(healthy, Metric::new("AWS/CloudFront", name, &[("DistributionId", DISTRIBUTION), ("Region", "Global")]))
}

/// By hand: no queue is here.
pub(crate) fn dead_letter(queue: &str) -> Minute {
    let metric = Metric::new("AWS/SQS", "ApproximateNumberOfMessagesVisible", &[("QueueName", queue)]);
    with(&Minute::default(), metric)
}

fn with(minute: &Minute, metric: Metric) -> Minute {
    let mut minute = minute.clone();
    minute.put(metric, 1.0);
    minute
}
