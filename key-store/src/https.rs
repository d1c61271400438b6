//! The HTTP client of the AWS clients, and the connector for single documents. Both read the authorities of the system with their
//! first TLS connection, and from one file.

use aws_smithy_http_client::{
    Builder, Connector as SmithyConnector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use std::{
    env, fs,
    sync::{Arc, LazyLock},
};

/// A client for `https://`, and for `http://` on this machine, as tests have it.
pub(crate) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Client(Arc::new(Clients {
        plain: LazyLock::new(|| with_trust(TrustStore::empty())),
        tls: LazyLock::new(|| with_trust(system_authorities())),
    })))
}

#[derive(Clone, Debug)]
struct Client(Arc<Clients>);

#[derive(Debug)]
struct Clients {
    /// Trusts nobody, and needs nobody.
    plain: LazyLock<SharedHttpClient>,
    tls: LazyLock<SharedHttpClient>,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let (client, settings, components) = (self.clone(), settings.clone(), components.clone());
        SharedHttpConnector::new(Connector { client, settings, components })
    }
}

/// Chooses between the two when there is a request.
#[derive(Debug)]
struct Connector {
    client: Client,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Clients { plain, tls } = &*self.client.0;
        let client = if request.uri().starts_with("http://") { plain } else { tls };
        client.http_connector(&self.settings, &self.components).call(request)
    }
}

/// No connection is kept: a function is frozen between its invocations, and an old connection may be dead afterwards.
fn with_trust(trust: TrustStore) -> SharedHttpClient {
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context(trust));
    client.pool_max_idle_per_host(0).build_https()
}

/// What sends single requests, outside of an AWS client. It has no limits of time, follows no redirect and uses no proxy.
#[derive(Debug)]
pub(crate) struct Connectors {
    plain: LazyLock<SharedHttpConnector>,
    tls: LazyLock<SharedHttpConnector>,
}

impl Connectors {
    pub(crate) fn new() -> Self {
        Self {
            plain: LazyLock::new(|| connector_with_trust(TrustStore::empty())),
            tls: LazyLock::new(|| connector_with_trust(system_authorities())),
        }
    }

    /// Sends a request by the scheme of its URI.
    pub(crate) fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = if request.uri().starts_with("http://") { &self.plain } else { &self.tls };
        connector.call(request)
    }
}

fn connector_with_trust(trust: TrustStore) -> SharedHttpConnector {
    let connector = SmithyConnector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
    SharedHttpConnector::new(connector.tls_context(context(trust)).pool_max_idle_per_host(0).build())
}

fn context(trust: TrustStore) -> TlsContext {
    TlsContext::builder().with_trust_store(trust).build().unwrap_or_default()
}

/// The one file that holds all authorities, where the system has one: beside it there are often hundreds of files with the same
/// authorities, which take most of a cold start to read. Without it, or if something in it cannot be read, all that there is.
fn system_authorities() -> TrustStore {
    let is_folder_named = env::var_os("SSL_CERT_DIR").is_some();
    let file = openssl_probe::probe().cert_file.filter(|_| !is_folder_named);
    match file.and_then(|file| fs::read(file).ok()).filter(|pem| is_readable(pem)) {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem),
        None => TrustStore::default(),
    }
}

/// Whether a TLS client can be made with these certificates: it panics otherwise.
fn is_readable(pem: &[u8]) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let readable = certificates.map(|all| RootCertStore::empty().add_parsable_certificates(all));
    readable.is_ok_and(|(valid, invalid)| valid > 0 && invalid == 0)
}
