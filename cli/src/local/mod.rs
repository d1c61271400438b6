//! `countersign local`: the whole path on this machine, for as long as it is wanted.

pub(crate) mod emulation;

use crate::{
    artifacts::Artifacts,
    durations::{seconds, show},
    key_file,
    local::emulation::{Api, Emulation, Functions, Mode},
    output::line,
    times::now,
    timings::TimingOptions,
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use key_store::KeyFile;
use local::{Backend, Domain};
use settings::Seconds;
use signing::{KeySet, RotationSchedule, RotationTimings};
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use telemetry::Log;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args)]
pub(crate) struct Options {
    /// Where viewers ask: CloudFront. Port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    edge: SocketAddr,
    /// Where the API itself answers: API Gateway. Port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8081")]
    gateway: SocketAddr,
    /// The kind of the API
    #[arg(long, value_enum, default_value_t = Api::Rest)]
    api: Api,
    /// The stage of the API; for HTTP APIs also `$default`
    #[arg(long, default_value = "prod")]
    stage: String,
    /// A custom domain for the API, and the key under which it is mapped there. The gateway still listens at --gateway, and takes
    /// requests with this Host alone
    #[arg(long, value_name = "HOST[/KEY]")]
    domain: Option<Domain>,
    /// Use no API key, neither at CloudFront nor at the API: with --mode monitor every request then gets through. HTTP APIs have
    /// none anyway: there it changes nothing
    #[arg(long)]
    no_api_key: bool,
    /// Send your server the path that was verified, as the parameter mapping overwrite:path of an HTTP API does with
    /// $context.authorizer.countersignPath. It replaces the whole path of the --backend. In monitor mode no path is verified, and
    /// each request is answered 500
    #[arg(long)]
    overwrite_path: bool,
    /// Your own server, `http://host:port`, in the place of the built-in Pet Store
    #[arg(long, value_name = "URL")]
    backend: Option<String>,
    /// The key file; made where it is missing. Without this, one is made for this run alone
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Run the packaged functions out of the zips in this folder, each in a process of its own. Needs Node 20 or newer
    #[arg(long, value_name = "DIR")]
    artifacts: Option<PathBuf>,
    /// What becomes of requests that are not signed
    #[arg(long, value_enum, default_value_t = Mode::Enforce)]
    mode: Mode,
    /// How old keys may grow before they are read again [default: 5m at the edge, 60s at the authorizer]
    #[arg(long, value_name = "DURATION", value_parser = seconds(Seconds::SIGNER_TTL))]
    ttl: Option<Duration>,
    /// How long keys are used that cannot be read again
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = seconds(Seconds::SIGNER_MAX_STALE))]
    outage: Duration,
    #[command(flatten)]
    timings: TimingOptions,
    /// Rotate the keys again and again
    #[arg(long, value_name = "DURATION", value_parser = seconds(Seconds::new(Duration::ZERO, 1..=604_800)))]
    rotate_every: Option<Duration>,
}

/// Runs until SIGINT, SIGTERM or SIGHUP.
pub(crate) async fn run(options: Options) -> Result<()> {
    // Asked for first, so that a signal that comes early is not lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let log = Log::new(None, io::stderr());

    let timings = options.timings();
    let rotate_every = options.rotate_every.map(|every| check_rotation(every, timings)).transpose()?;
    let functions = match &options.artifacts {
        None => Functions::BuiltIn,
        Some(folder) => Functions::Packaged(Arc::new(Artifacts::unpack(folder, log.clone())?)),
    };
    // Kept until the end, when it goes with the keys in it.
    let mut own_folder = None;
    let keys = match options.keys {
        Some(path) => path,
        None => {
            let folder = tempfile::tempdir().context("no folder for the keys of this run: name a file with --keys")?;
            own_folder.insert(folder).path().join("keys.json")
        }
    };
    let sendable = keys.to_str().is_some_and(|path| path.bytes().all(|byte| matches!(byte, 0x20..=0x7E)));
    ensure!(sendable, "the path of the key file goes into a header of the origin, and has to be visible ASCII");
    let keys = KeyFile::new(keys);
    if keys.load().is_err_and(|error| error.is_not_found()) {
        match key_file::create(&keys, now()) {
            // Another was faster; then its keys are good too.
            Err(_) if keys.load().is_ok() => {}
            made => made?,
        }
    }
    let emulation = Emulation {
        edge: options.edge,
        gateway: options.gateway,
        api: options.api,
        stage: options.stage,
        domain: options.domain,
        with_api_key: !options.no_api_key,
        overwrite_path: options.overwrite_path,
        backend: options.backend.map_or(Backend::BuiltIn, Backend::Url),
        keys: keys.clone(),
        mode: options.mode,
        timings,
        rotate_every,
        functions,
        log,
    };
    let running = emulation.start().await?;
    let (edge, gateway, prefix) = (running.servers.edge, running.servers.gateway, &running.path_prefix);
    let host = running.host.as_ref().map(|host| format!("host={host} ")).unwrap_or_default();
    let (api, keys) = (options.api.name(), keys.path().display());
    // The file last: its path may hold spaces.
    line(format_args!("ready edge=http://{edge} gateway=http://{gateway}{prefix} {host}api={api} keys={keys}"));

    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    running.stop().await;
    Ok(())
}

impl Options {
    fn timings(&self) -> RotationTimings {
        let TimingOptions { lead, grace, replication, skew, lifetime } = self.timings;
        RotationTimings {
            lead,
            grace,
            verifier_ttl: self.ttl.unwrap_or(Seconds::VERIFIER_TTL.default),
            signer_ttl: self.ttl.unwrap_or(Seconds::SIGNER_TTL.default),
            replication,
            skew,
            lifetime,
            outage: self.outage,
        }
    }
}

/// Rotations that come again and again have to fit the timings, and a key set.
fn check_rotation(every: Duration, timings: RotationTimings) -> Result<(Duration, RotationSchedule)> {
    let schedule = RotationSchedule::try_from(timings)?;
    let places = u64::try_from(KeySet::MAX_KEYS - 2)?;
    let least = Duration::from_secs((timings.lead + timings.grace).as_secs().div_ceil(places));
    ensure!(
        every >= least,
        "--rotate-every {} would leave more than {} keys at a time under lead {} and grace {}: make it {} or more",
        show(every),
        KeySet::MAX_KEYS,
        show(timings.lead),
        show(timings.grace),
        show(least),
    );
    Ok((every, schedule))
}
