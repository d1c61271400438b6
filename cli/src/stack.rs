//! A whole stack on this machine: both functions around one key file, between the servers of `local`.

use crate::rotation;
use anyhow::{Context as _, Result};
use authorizer::Authorizer;
use edge_signer::EdgeSigner;
use key_store::{ApiKey, KeyFile, Limits, Source, aws};
use local::{ApiKeys, ApiKind, Backend, IdentitySources, Running};
use signing::{Policy, Rotation, RotationNumbers, RotationSchedule};
use std::{future::pending, net::SocketAddr, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, interval_at},
};

/// What a stack is made of.
#[derive(Clone)]
pub(crate) struct Stack {
    pub(crate) edge: SocketAddr,
    pub(crate) gateway: SocketAddr,
    pub(crate) api: Api,
    pub(crate) stage: String,
    pub(crate) backend: Backend,
    pub(crate) keys: KeyFile,
    pub(crate) mode: Mode,
    /// How old keys may grow on either side, how long a signature is good, and the like.
    pub(crate) numbers: RotationNumbers,
    /// How often keys are rotated, if at all, under these numbers.
    pub(crate) rotate_every: Option<(Duration, RotationSchedule)>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Mode {
    /// What is not signed is refused
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
}

impl Api {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Http => "http",
        }
    }
}

/// A stack that runs. Dropping it ends it at once.
pub(crate) struct RunningStack {
    pub(crate) servers: Running,
    pub(crate) stage: String,
    _task: JoinSet<()>,
}

impl RunningStack {
    /// Lets requests under way finish, and ends.
    pub(crate) async fn stop(self) {
        self.servers.stop().await;
    }
}

impl Stack {
    /// Starts it.
    pub(crate) async fn start(self) -> Result<RunningStack> {
        let contents = self.keys.load()?;
        let path = self.keys.path().to_str().context("the path of the key file is not UTF-8")?;
        let source = format!("file:{path}");
        let (edge_mode, mode, identity_sources) = match self.mode {
            Mode::Enforce => ("enforce", authorizer::Mode::Enforce, IdentitySources::Signature),
            Mode::Monitor => ("monitor", authorizer::Mode::Monitor, IdentitySources::None),
        };
        let RotationNumbers { signer_ttl, verifier_ttl, lifetime, skew, outage: max_stale, .. } = self.numbers;
        let lifetime_text = lifetime.as_secs().to_string();
        let custom_headers = [
            ("countersign-secret", source.as_str()),
            ("countersign-mode", edge_mode),
            ("countersign-api", self.api.name()),
            ("countersign-body", "digest"),
            ("countersign-lifetime", &lifetime_text),
        ];
        // The keys are in a file: it is not asked for any.
        let aws = aws::of_lambda(aws::CallLimits::BRIEF);
        let authorizer = Authorizer::new(
            authorizer::Config {
                source: Source::parse(&source, None)?,
                mode,
                limits: Limits { ttl: verifier_ttl, max_stale },
                policy: Policy { max_lifetime: lifetime, skew, allow_ambiguous_path: false },
                origin_header: None,
            },
            &aws,
        );
        // HTTP APIs have no API keys.
        let api_keys = match self.api {
            Api::Rest if !contents.api_keys.is_empty() => Some(ApiKeys::new(texts(&contents.api_keys))),
            _ => None,
        };
        let options = local::Options {
            edge: self.edge,
            gateway: self.gateway,
            api: match self.api {
                Api::Rest => ApiKind::Rest,
                Api::Http => ApiKind::Http,
            },
            stage: self.stage.clone(),
            api_id: "local12345".to_owned(),
            custom_headers: custom_headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            api_keys: api_keys.clone(),
            identity_sources,
            backend: self.backend,
        };
        let edge_signer = EdgeSigner::new(Limits { ttl: signer_ttl, max_stale }, aws);
        let servers = local::start(options, edge_signer, authorizer).await?;
        let mut task = JoinSet::new();
        task.spawn(turn_over(self.keys, api_keys, signer_ttl.min(verifier_ttl), self.rotate_every));
        Ok(RunningStack { servers, stage: self.stage, _task: task })
    }
}

/// Rotates the keys where that is asked for, and hands CloudFront and the gateway the API keys of the file. One task does
/// both: API keys that were read before a rotation are never handed over after it.
async fn turn_over(
    file: KeyFile,
    api_keys: Option<ApiKeys>,
    every: Duration,
    rotate_every: Option<(Duration, RotationSchedule)>,
) {
    let mut read = interval(every);
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
            schedule = rotation => rotate_once(&file, &schedule),
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

fn rotate_once(file: &KeyFile, schedule: &RotationSchedule) {
    let now = crate::keys::now();
    let rotated = rotation::plan(file, Rotation::Planned, schedule, now)
        .and_then(|plan| rotation::carry_out(file, &plan, now).map(|()| plan));
    match rotated {
        Ok(plan) => tracing::info!(rotation = "done", new_key = plan.plan.new_key.as_str()),
        Err(error) => tracing::error!(rotation = "failed", reason = %format!("{error:#}")),
    }
}

fn texts(api_keys: &[ApiKey]) -> Vec<String> {
    api_keys.iter().map(|key| key.expose().to_owned()).collect()
}
