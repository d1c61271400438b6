//! The whole path of a request on loopback: CloudFront, the real edge, API Gateway, the real authorizer, and `/echo`.

use crate::support::{bootstrap::Bootstrap, edge_process::EdgeProcess, keys::Keys};
use local::{Answer, ApiKind, Backend, IdentitySources, Options, Running};
use telemetry::Log;

/// The stage `prod` with `/echo` behind it and its keys from there.
pub(crate) fn options(source: &str, api: ApiKind) -> Options {
    Options {
        edge: "127.0.0.1:0".parse().unwrap(),
        gateway: "127.0.0.1:0".parse().unwrap(),
        api,
        stage: "prod".to_owned(),
        domain: None,
        api_id: "local12345".to_owned(),
        custom_headers: vec![("countersign-secret".to_owned(), source.to_owned())],
        api_keys: None,
        identity_sources: IdentitySources::Signature,
        backend: Backend::BuiltIn,
        overwrite_path: None,
        answer: Answer::Simple,
        keeps_base_path: false,
        routing_rule: None,
        log: Log::none(),
    }
}

/// The whole path, with the real functions as processes of their own.
pub(crate) async fn stack(keys: &Keys, api: ApiKind) -> Running {
    let source = keys.source();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &source)]).await;
    local::start(options(&source, api), EdgeProcess::start().await, bootstrap).await.unwrap()
}
