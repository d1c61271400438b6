//! CloudFront, API Gateway and both functions on this machine: the functions around one key file, between the servers of the
//! crate `local`.

use crate::{
    artifacts::Artifacts,
    key_file,
    local::next_authorizer::{NextAuthorizer, RunningNextAuthorizer},
    times::now,
};
use anyhow::{Context as _, Result};
use authorizer::{Authorizer, AuthorizerConfig};
use edge_signer::EdgeSigner;
use key_store::{ApiKey, KeyFile, aws};
use local::{Answer, ApiKeys, ApiKind, Backend, Domain, IdentitySources, RoutingRule, Running};
use signing::{RotationKind, RotationSchedule, RotationTimings};
use std::{
    future::pending,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};
use telemetry::{Causes, Detail, Event, Log};
use tokio::{
    task::JoinSet,
    time::{Instant, interval_at},
};

/// The name in the authorizer's context under which it hands on the path that it has verified.
const VERIFIED_PATH: &str = "countersignPath";

/// What an emulation is made of.
#[derive(Clone)]
pub(crate) struct Emulation {
    pub(crate) edge: SocketAddr,
    pub(crate) gateway: SocketAddr,
    pub(crate) api: Api,
    pub(crate) stage: String,
    pub(crate) domain: Option<Domain>,
    /// Whether the resources of the API see the key of the domain. REST APIs only.
    pub(crate) keeps_base_path: bool,
    /// Another rule of the domain. REST APIs only.
    pub(crate) routing_rule: Option<RoutingRule>,
    /// The form of the authorizer's answer, which only HTTP APIs with payload format 2.0 can choose.
    pub(crate) answer: Answer,
    pub(crate) backend: Backend,
    /// Whether CloudFront sends an API key and the gateway asks for it. HTTP APIs have none.
    pub(crate) with_api_key: bool,
    /// Whether the backend's path is the one that the authorizer has verified. HTTP APIs only.
    pub(crate) overwrite_path: bool,
    pub(crate) keys: KeyFile,
    pub(crate) mode: Mode,
    /// How old keys may grow on either side, how long a signature is good, and the like.
    pub(crate) timings: RotationTimings,
    /// How often keys are rotated, if at all, under these timings.
    pub(crate) rotate_every: Option<(Duration, RotationSchedule)>,
    /// The authorizer's settings about what follows the signature.
    pub(crate) second_check: Vec<(&'static str, String)>,
    /// The user's own authorizer, which is asked after the signature.
    pub(crate) next_authorizer: Option<NextAuthorizer>,
    pub(crate) functions: Functions,
    /// The log of all of it.
    pub(crate) log: Log,
}

/// Where the functions run.
#[derive(Clone)]
pub(crate) enum Functions {
    /// In this process.
    BuiltIn,
    /// As they are packaged, each in a process of its own.
    Packaged(Arc<Artifacts>),
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Mode {
    /// What the check does not accept is refused
    Enforce,
    /// What would be refused is allowed and logged
    Monitor,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Api {
    /// A REST API, which shows its authorizer the query decoded
    Rest,
    /// An HTTP API, payload format 2.0, which shows its authorizer the path decoded
    Http,
    /// An HTTP API, payload format 1.0, which shows its authorizer the path and the query decoded
    HttpV1,
    /// A WebSocket API, which shows its authorizer no path, and the query decoded
    #[value(name = "websocket")]
    WebSocket,
}

impl Mode {
    /// Its word in the settings of the functions.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Monitor => "monitor",
        }
    }
}

impl Api {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Http => "http",
            Self::HttpV1 => "http-v1",
            Self::WebSocket => "websocket",
        }
    }

    /// Its word in the edge signer's header `countersign-api`.
    fn word(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Http | Self::HttpV1 => "http",
            Self::WebSocket => "websocket",
        }
    }

    pub(crate) fn kind(self) -> ApiKind {
        match self {
            Self::Rest => ApiKind::Rest,
            Self::Http => ApiKind::Http,
            Self::HttpV1 => ApiKind::HttpV1,
            Self::WebSocket => ApiKind::WebSocket,
        }
    }
}

/// An emulation that runs. Dropping it ends it at once.
pub(crate) struct RunningEmulation {
    pub(crate) servers: Running,
    /// The name that the gateway's callers have to send in `Host`, where that is not its address.
    pub(crate) host: Option<String>,
    /// What every path on the gateway's wire begins with: `/STAGE`, `/KEY` of a custom domain, or nothing.
    pub(crate) path_prefix: String,
    _task: JoinSet<()>,
    /// A process that has ended is started again, from the files there.
    _functions: Functions,
    _next_authorizer: Option<RunningNextAuthorizer>,
}

impl RunningEmulation {
    /// Lets requests under way finish, and ends.
    pub(crate) async fn stop(self) {
        self.servers.stop().await;
    }
}

impl Emulation {
    /// Starts it.
    pub(crate) async fn start(self) -> Result<RunningEmulation> {
        let contents = self.keys.load()?;
        let path = self.keys.path().to_str().context("the path of the key file is not UTF-8")?;
        let source = format!("file:{path}");
        let mode = self.mode.word();
        let identity_sources = match self.mode {
            Mode::Enforce => IdentitySources::Signature,
            Mode::Monitor => IdentitySources::None,
        };
        let RotationTimings { signer_ttl, verifier_ttl, lifetime, skew, outage, .. } = self.timings;
        let [edge_ttl, ttl, lifetime, skew, max_stale] =
            [signer_ttl, verifier_ttl, lifetime, skew, outage].map(|duration| duration.as_secs().to_string());
        let custom_headers = [
            ("countersign-secret", source.as_str()),
            ("countersign-mode", mode),
            ("countersign-api", self.api.word()),
            ("countersign-body", "digest"),
            ("countersign-lifetime", &lifetime),
            ("countersign-ttl", &edge_ttl),
            ("countersign-max-stale", &max_stale),
        ];
        let mut settings = vec![
            ("COUNTERSIGN_SECRET", source.as_str()),
            ("COUNTERSIGN_MODE", mode),
            ("COUNTERSIGN_TTL", &ttl),
            ("COUNTERSIGN_MAX_STALE", &max_stale),
            ("COUNTERSIGN_MAX_LIFETIME", &lifetime),
            ("COUNTERSIGN_SKEW", &skew),
        ];
        let api_id = "local12345";
        // What the path on the wire begins with on a custom domain is not shown by an event of an HTTP API. A key that is
        // repeated is kept.
        let base_paths = self.domain.as_ref().map(|domain| {
            let kept = if self.keeps_base_path && matches!(self.api, Api::Rest) { domain.base_path() } else { "" };
            format!("{domain}={api_id}/{}{kept}", self.stage)
        });
        if let Some(base_paths) = &base_paths {
            settings.push(("COUNTERSIGN_BASE_PATHS", base_paths));
        }
        if self.answer == Answer::Policy {
            settings.push(("COUNTERSIGN_ANSWER", "policy"));
        }
        settings.extend(self.second_check.iter().map(|(name, value)| (*name, value.as_str())));
        let next_authorizer = match self.next_authorizer {
            Some(next) => Some(next.start(self.log.clone()).await?),
            None => None,
        };
        settings.extend(next_authorizer.iter().flat_map(RunningNextAuthorizer::settings));
        // The function in another process reads the same, and its error would be in the log only.
        let config = AuthorizerConfig::read(settings.iter().map(|&(name, value)| (name.into(), value.into())))?;
        // HTTP APIs have no API keys.
        let api_keys = match self.api {
            Api::Rest | Api::WebSocket if self.with_api_key && !contents.api_keys.is_empty() => {
                Some(ApiKeys::new(texts(&contents.api_keys)))
            }
            _ => None,
        };
        let options = local::Options {
            edge: self.edge,
            gateway: self.gateway,
            api: self.api.kind(),
            stage: self.stage.clone(),
            api_id: api_id.to_owned(),
            custom_headers: custom_headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            api_keys: api_keys.clone(),
            identity_sources,
            backend: self.backend,
            domain: self.domain.clone(),
            overwrite_path: self.overwrite_path.then(|| VERIFIED_PATH.to_owned()),
            answer: self.answer,
            keeps_base_path: self.keeps_base_path,
            routing_rule: self.routing_rule,
            log: self.log.clone(),
        };
        let path_prefix = options.wire_base();
        let host = self.domain.map(|domain| domain.host().to_owned());
        let servers = match &self.functions {
            Functions::BuiltIn => {
                // The keys are in a file: it is not asked for any.
                let aws = aws::of_lambda(aws::CallLimits::BRIEF);
                let aws = next_authorizer.as_ref().map_or(aws.clone(), |next| next.reached_with(&aws));
                let authorizer = Authorizer::new(config, &aws, self.log.clone());
                // There are no other processes that could read at the same time.
                local::start(options, EdgeSigner::new(0, aws), authorizer).await?
            }
            Functions::Packaged(artifacts) => {
                let (edge_signer, authorizer) =
                    tokio::try_join!(artifacts.edge_signer(), artifacts.authorizer(&settings))?;
                local::start(options, edge_signer, authorizer).await?
            }
        };
        let mut task = JoinSet::new();
        task.spawn(rotate_and_hand_over(
            self.keys,
            api_keys,
            signer_ttl.min(verifier_ttl),
            self.rotate_every,
            self.log,
        ));
        Ok(RunningEmulation {
            servers,
            host,
            path_prefix,
            _task: task,
            _functions: self.functions,
            _next_authorizer: next_authorizer,
        })
    }
}

/// Rotates the keys where that is asked for, and hands CloudFront and the gateway the API keys of the file. One task does
/// both: API keys that were read before a rotation are never handed over after it.
async fn rotate_and_hand_over(
    file: KeyFile,
    api_keys: Option<ApiKeys>,
    every: Duration,
    rotate_every: Option<(Duration, RotationSchedule)>,
    log: Log,
) {
    // The servers began with the API keys of the file.
    let mut read = interval_at(Instant::now() + every, every);
    let mut rotate = rotate_every.map(|(every, schedule)| (interval_at(Instant::now() + every, every), schedule));
    loop {
        let rotation = async {
            match &mut rotate {
                Some((interval, schedule)) => {
                    interval.tick().await;
                    *schedule
                }
                None => pending().await,
            }
        };
        tokio::select! {
            schedule = rotation => rotate_once(&file, &schedule, &log),
            _ = read.tick() => {}
        }
        // A file that cannot be read leaves what there is; the key caches tell the log.
        if let (Some(api_keys), Ok(contents)) = (&api_keys, file.load())
            && !contents.api_keys.is_empty()
        {
            api_keys.replace(texts(&contents.api_keys));
        }
    }
}

fn rotate_once(file: &KeyFile, schedule: &RotationSchedule, log: &Log) {
    let now = now();
    let rotated = key_file::plan(file, RotationKind::Planned, schedule, now)
        .and_then(|rotation| key_file::apply(file, &rotation, now).map(|()| rotation));
    let time = SystemTime::now();
    match rotated {
        Ok(rotation) => log.write(&Event::KeyFileRotated { new_key: rotation.plan.new_key.as_str() }, time),
        Err(error) => {
            log.write(&Event::KeyFileNotRotated { detail: Detail(&Causes(&*error)) }, time);
        }
    }
}

fn texts(api_keys: &[ApiKey]) -> Vec<String> {
    api_keys.iter().map(|key| key.expose().to_owned()).collect()
}
