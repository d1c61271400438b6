//! `countersign local`: CloudFront, API Gateway and both functions on this machine, until a signal stops them.

pub(crate) mod emulation;
pub(crate) mod next_authorizer;
mod second_check;

use crate::{
    artifacts::Artifacts,
    durations::{seconds, show},
    explain::{self, TtlFlags},
    key_file,
    local::{
        emulation::{Api, Emulation, Functions, Mode},
        next_authorizer::NextAuthorizerOptions,
        second_check::SecondCheckOptions,
    },
    output::{self, Hint, line},
    progress::{Beside, Interrupt, Progress},
    times::now,
    timings::TimingOptions,
};
use anyhow::{Context as _, Error, Result, anyhow, ensure};
use clap::Args;
use key_store::{KeyFile, KeyFileError};
use local::{Answer, Backend, Domain, RoutingRule, StartError};
use settings::{Seconds, SettingError};
use signing::{KeySet, RotationSchedule, RotationTimings};
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use telemetry::Log;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) const EXAMPLES: &str = "\
When both servers listen, one line says where, for scripts: ready edge=URL gateway=URL … keys=FILE
For a WebSocket API it also has websocket=URL, the address for viewers

Examples:
  countersign local                                    Put both functions in front of a Pet Store
  countersign local --backend http://127.0.0.1:3000    Put them in front of your own server
  countersign local --api http --stage '$default' --domain api.example.com/v1
  countersign local --api websocket                    Connect to ws://, at the address of the edge
  countersign local --mode monitor --keys keys.json    Refuse nothing, but log refusals
  countersign local --jwt 'https://issuer.example;audience=api' --then 'GET /pets=none,*=jwt(read)'
  countersign local --next-authorizer ./authorizer     Ask your own Lambda authorizer too
  countersign local --artifacts dist                   Run the functions as they are deployed";

#[derive(Args)]
pub(crate) struct Options {
    /// The address where viewers send requests: CloudFront. Port 0 takes a free port
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080", value_parser = address, help_heading = "Servers")]
    edge: SocketAddr,
    /// The address of the API itself: API Gateway. Port 0 takes a free port
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8081", value_parser = address, help_heading = "Servers")]
    gateway: SocketAddr,
    /// Your own server, `http://host:port`. Without this option, a built-in Pet Store answers
    #[arg(long, value_name = "URL", help_heading = "Servers")]
    backend: Option<String>,
    /// The kind of the API
    #[arg(long, value_enum, value_name = "API", default_value_t = Api::Rest, help_heading = "API")]
    api: Api,
    /// The form in which the authorizer answers: `isAuthorized`, or an IAM policy. Only for --api http, because all other kinds
    /// always take a policy [default: simple]
    #[arg(long, value_enum, value_name = "ANSWER", help_heading = "API")]
    answer: Option<AnswerForm>,
    /// The stage of the API. An HTTP API can also have `$default`
    #[arg(long, default_value = "prod", help_heading = "API")]
    stage: String,
    /// A custom domain of the API, and the key that maps it there. The gateway still listens at --gateway, and only admits
    /// requests with this Host
    #[arg(long, value_name = "HOST[/KEY]", help_heading = "API")]
    domain: Option<Domain>,
    /// The resources of the REST API see the key of the domain, as with a routing rule that does not strip the base path
    #[arg(long, help_heading = "API")]
    keep_base_path: bool,
    /// A routing rule of the domain of a REST API: a request with this header, and exactly this value, reaches this stage
    #[arg(long, value_name = "HEADER=VALUE:STAGE", help_heading = "API")]
    routing_rule: Option<RoutingRule>,
    /// Use no API key, neither at CloudFront nor at the API. With --mode monitor, every request then reaches your server. An HTTP
    /// API never has one
    #[arg(long, help_heading = "API")]
    no_api_key: bool,
    /// Send your server the verified path, as an HTTP API does with the parameter mapping overwrite:path =
    /// $context.authorizer.countersignPath. It replaces the whole path of --backend. In monitor mode no path is verified, and each
    /// request is answered with 500
    #[arg(long, help_heading = "API")]
    overwrite_path: bool,
    /// What the functions do with a request that is not signed
    #[arg(long, value_enum, value_name = "MODE", default_value_t = Mode::Enforce, help_heading = "Functions")]
    mode: Mode,
    /// Run the packaged functions of this folder, each in a process of its own. Needs Node 20 or newer
    #[arg(long, value_name = "DIR", help_heading = "Functions")]
    artifacts: Option<PathBuf>,
    /// The key file. It is made if it does not exist. Without this option, the keys exist for this run only
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    keys: Option<PathBuf>,
    /// Rotate the keys again and again
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = seconds(Seconds::new(Duration::ZERO, 1..=604_800)),
        help_heading = "Keys"
    )]
    rotate_every: Option<Duration>,
    /// The TTL of the keys, which is at most 60s at the authorizer [default: 5m at the edge, 60s at the authorizer]
    #[arg(long, value_name = "DURATION", value_parser = seconds(Seconds::SIGNER_TTL), help_heading = "Timings")]
    ttl: Option<Duration>,
    /// How long past their TTL keys are used if they cannot be read again
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30m",
        value_parser = seconds(Seconds::SIGNER_MAX_STALE),
        help_heading = "Timings"
    )]
    outage: Duration,
    #[command(flatten)]
    timings: TimingOptions,
    #[command(flatten)]
    second_check: SecondCheckOptions,
    #[command(flatten)]
    next_authorizer: NextAuthorizerOptions,
}

/// The form of the authorizer's answer.
#[derive(Clone, Copy, clap::ValueEnum)]
enum AnswerForm {
    /// The API has EnableSimpleResponses
    Simple,
    /// An IAM policy about the route
    Policy,
}

/// Runs until SIGINT, SIGTERM or SIGHUP.
pub(crate) async fn run(options: Options) -> Result<()> {
    // Before anything else, so that an early signal is not lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let log = Log::new(None, Beside(io::stderr()));

    let answer = options.answer()?;
    let timings = options.timings();
    let rotate_every = options.rotate_every.map(|every| check_rotation(every, timings)).transpose()?;
    let progress =
        Progress::start_with("starting, for up to 10 s each function; Ctrl-C ends it after that", Interrupt::IsHandled);
    let functions = match &options.artifacts {
        None => Functions::BuiltIn,
        Some(folder) => Functions::Packaged(Arc::new(Artifacts::unpack(folder, log.clone())?)),
    };
    // Kept until the end. Dropping it removes the folder, with the keys in it.
    let mut own_folder = None;
    let keys = match options.keys {
        Some(path) => path,
        None => {
            let folder = tempfile::tempdir().map_err(|error| {
                Error::new(error)
                    .context("the folder for the keys of this run cannot be made")
                    .context(Hint("name a key file with --keys".to_owned()))
            })?;
            own_folder.insert(folder).path().join("keys.json")
        }
    };
    let sendable = keys.to_str().is_some_and(|path| path.bytes().all(|byte| matches!(byte, 0x20..=0x7E)));
    ensure!(
        sendable,
        "--keys {:?} cannot be used: the path goes into a header of the origin, and must be visible ASCII",
        keys.display()
    );
    let keys = KeyFile::new(keys);
    if keys.load().is_err_and(|error| error.is_not_found()) {
        match key_file::create(&keys, now()) {
            // Another process was faster, and its keys are valid too.
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
        keeps_base_path: options.keep_base_path,
        routing_rule: options.routing_rule,
        answer,
        with_api_key: !options.no_api_key,
        overwrite_path: options.overwrite_path,
        backend: options.backend.map_or(Backend::BuiltIn, Backend::Url),
        keys: keys.clone(),
        mode: options.mode,
        timings,
        rotate_every,
        second_check: options.second_check.settings(),
        next_authorizer: options.next_authorizer.find()?,
        functions,
        log,
    };
    let (edge, gateway) = (emulation.edge, emulation.gateway);
    let running = emulation.start().await.map_err(|error| explained(error, edge, gateway))?;
    progress.done();
    let (edge, gateway, prefix) = (running.servers.edge, running.servers.gateway, &running.path_prefix);
    let host = running.host.as_ref().map(|host| format!("host={host} ")).unwrap_or_default();
    // A WebSocket client does not take http://.
    let websocket = match options.api {
        Api::WebSocket => format!("websocket=ws://{edge} "),
        Api::Rest | Api::Http | Api::HttpV1 => String::new(),
    };
    let (api, keys) = (options.api.name(), keys.path().display());
    // The file last: its path may hold spaces.
    line(format_args!(
        "ready edge=http://{edge} gateway=http://{gateway}{prefix} {websocket}{host}api={api} keys={keys}"
    ));

    // Who waits for the line that cannot be written would wait for ever.
    if !output::is_written() {
        running.stop().await;
        return Ok(());
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    running.stop().await;
    Ok(())
}

impl Options {
    fn answer(&self) -> Result<Answer> {
        match (self.answer, self.api) {
            (None, _) | (Some(AnswerForm::Simple), Api::Http) => Ok(Answer::Simple),
            (Some(AnswerForm::Policy), Api::Http) => Ok(Answer::Policy),
            (Some(_), api) => {
                Err(anyhow!("--answer needs --api http: {} always takes an IAM policy", api.kind().name())
                    .context(Hint("leave --answer off, or use --api http".to_owned())))
            }
        }
    }

    fn timings(&self) -> RotationTimings {
        let TimingOptions { lead, grace, replication, skew, lifetime } = self.timings;
        let verifier_ttl = Seconds::VERIFIER_TTL.default;
        RotationTimings {
            lead,
            grace,
            verifier_ttl: self.ttl.unwrap_or(verifier_ttl).min(verifier_ttl),
            signer_ttl: self.ttl.unwrap_or(Seconds::SIGNER_TTL.default),
            replication,
            skew,
            lifetime,
            outage: self.outage,
        }
    }
}

fn address(text: &str) -> Result<SocketAddr> {
    text.parse().ok().context("accepted is IP:PORT, like 127.0.0.1:8080")
}

/// An error of the start, with the flag that it is about.
fn explained(error: Error, edge: SocketAddr, gateway: SocketAddr) -> Error {
    let error = match error.downcast::<KeyFileError>() {
        Ok(error) => return explain::of_file(error),
        Err(error) => error,
    };
    let error = match error.downcast::<SettingError>() {
        Ok(error) => return explain::of_setting(&error),
        Err(error) => error,
    };
    let flag = |address: SocketAddr| if address == edge { "--edge" } else { "--gateway" };
    let error = match error.downcast::<StartError>() {
        Ok(error) => error,
        Err(error) => return error,
    };
    match error {
        StartError::Listen { address, source } => {
            // Both are the same address: then the gateway's is the second.
            let flag = if edge == gateway { "--gateway" } else { flag(address) };
            let hint = format!("use another port: {flag} {} takes a free port", SocketAddr::new(address.ip(), 0));
            anyhow!("{flag} {address} cannot be used: {source}").context(Hint(hint))
        }
        StartError::NotLoopback(address) => anyhow!(
            "{} {address} is not a loopback address: accepted are addresses like 127.0.0.1:8080, because this is plain HTTP",
            flag(address)
        ),
        StartError::Name { value, .. } => {
            anyhow!("--stage {value:?} is not the name of a stage: accepted are 1 to 128 characters of A-Z a-z 0-9 _ -")
        }
        StartError::DefaultStage(kind) => anyhow!("{} cannot have the stage $default", kind.name())
            .context(Hint("use --api http, or name another --stage".to_owned())),
        StartError::OverwritePath(kind) => {
            anyhow!("--overwrite-path needs an HTTP API: {} cannot overwrite the path", kind.name())
                .context(Hint("use --api http".to_owned()))
        }
        StartError::KeptBasePath(kind) => {
            anyhow!("--keep-base-path needs a REST API: {} cannot keep the base path", kind.name())
                .context(Hint("use --api rest".to_owned()))
        }
        StartError::NoBasePathToKeep => {
            anyhow!("--keep-base-path needs a custom domain with a key: without a key there is no base path")
                .context(Hint("add --domain HOST/KEY, like api.example.com/v1".to_owned()))
        }
        StartError::RoutingRule(kind) => {
            anyhow!("--routing-rule needs a REST API: {} cannot have a routing rule", kind.name())
                .context(Hint("use --api rest".to_owned()))
        }
        StartError::NoDomainForRoutingRule => {
            anyhow!("--routing-rule needs a custom domain: the API's own name does not have routing rules")
                .context(Hint("add --domain HOST, or --domain HOST/KEY".to_owned()))
        }
        StartError::Backend(error) => {
            Error::new(error).context(Hint("set --backend to a URL like http://127.0.0.1:3000".to_owned()))
        }
        error => Error::new(error),
    }
}

/// Repeated rotations must fit the timings, and a key set.
fn check_rotation(every: Duration, timings: RotationTimings) -> Result<(Duration, RotationSchedule)> {
    let flags = TtlFlags { verifier: "--ttl (authorizer)", signer: "--ttl (edge)" };
    let schedule = RotationSchedule::try_from(timings).map_err(|error| explain::of_timings(error, &flags))?;
    let places = u64::try_from(KeySet::MAX_KEYS - 2)?;
    let least = Duration::from_secs((timings.lead + timings.grace).as_secs().div_ceil(places));
    let too_often = || {
        anyhow!(
            "--rotate-every {} would make more than {} keys at a time under --lead {} and --grace {}: it must be at least {}",
            show(every),
            KeySet::MAX_KEYS,
            show(timings.lead),
            show(timings.grace),
            show(least),
        )
        .context(Hint(format!("set --rotate-every to {} or more, or --lead and --grace to less", show(least).replace(' ', ""))))
    };
    if every < least {
        return Err(too_often());
    }
    Ok((every, schedule))
}
