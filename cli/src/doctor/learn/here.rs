//! The run on this machine: `local` in the place of AWS, with the observing function of `infra/learn.yaml` as its authorizer.
//!
//! The integration's half of that function is not called here: the built-in echo of `local` answers in its form.

use crate::doctor::{
    learn::{
        doors::Doors,
        probes::{Kind, Way},
        template,
    },
    targets::ApiUrl,
};
use anyhow::{Context as _, Result};
use edge_signer::{Action, Decision, Edits, OriginRequest};
use local::{
    Answer, ApiKind, AuthorizerFunction, Backend, EdgeFunction, FunctionProcess, IdentitySources, Options, Running,
};
use serde_json::Value;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};
use telemetry::Log;
use tempfile::TempDir;

/// The timeout of the function in the template.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Four gateways on this machine. Dropping it ends them and the function.
pub(crate) struct Here {
    pub(crate) doors: Doors,
    _gateways: Vec<Running>,
    _folder: TempDir,
}

impl Here {
    /// Starts all.
    ///
    /// # Errors
    /// If Node or a free port is missing.
    pub(crate) async fn start() -> Result<Self> {
        // What the gateways say of the requests that they refuse is in their answers.
        let log = Log::none();
        let folder = tempfile::tempdir().context("the folder for the observing function cannot be made")?;
        // Without a package beside it, Lambda reads this name as CommonJS too.
        let module = folder.path().join("index.js");
        fs::write(&module, template::observer())?;
        let function = FunctionProcess::node("observer", &module, &[], TIMEOUT, log.clone()).await?;
        let function = Arc::new(function);
        let mut gateways = Vec::new();
        let mut doors = Vec::new();
        for kind in Kind::ALL {
            let options = options(kind, log.clone());
            let gateway = local::start(options, PassOn, Observer(Arc::clone(&function))).await?;
            doors.push((kind, Way::Direct, url(gateway.gateway, kind.word())?));
            doors.push((kind, Way::CloudFront, url(gateway.edge, "")?));
            gateways.push(gateway);
        }
        Ok(Self { doors: Doors(doors), _gateways: gateways, _folder: folder })
    }
}

fn url(address: SocketAddr, path: &str) -> Result<ApiUrl> {
    format!("http://{address}/{path}").parse()
}

fn options(kind: Kind, log: Log) -> Options {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Options {
        edge: loopback,
        gateway: loopback,
        api: match kind {
            Kind::Rest => ApiKind::Rest,
            Kind::Http => ApiKind::Http,
            Kind::HttpV1 => ApiKind::HttpV1,
            Kind::WebSocket => ApiKind::WebSocket,
        },
        stage: kind.word().to_owned(),
        domain: None,
        api_id: "local12345".to_owned(),
        custom_headers: Vec::new(),
        api_keys: None,
        identity_sources: IdentitySources::None,
        // It has the routes of the template among its own.
        backend: Backend::BuiltIn,
        overwrite_path: None,
        answer: Answer::Simple,
        keeps_base_path: false,
        routing_rule: None,
        log,
    }
}

/// An edge function that changes nothing: as if there were none.
struct PassOn;

impl EdgeFunction for PassOn {
    async fn handle(&self, _: &OriginRequest<'_>, _: SystemTime) -> Result<Decision, String> {
        Ok(Decision { action: Action::Forward(Edits::default()), log: Vec::new() })
    }
}

/// The function that all gateways ask.
struct Observer(Arc<FunctionProcess>);

impl AuthorizerFunction for Observer {
    async fn authorize(&self, event: &str, now: SystemTime) -> Result<Value, String> {
        self.0.authorize(event, now).await
    }
}
