//! The official clients of AWS, for servers on loopback. They wait no longer than any test does.

use crate::support::stage::PATIENCE;
use aws_sdk_cloudformation as cloudformation;
use aws_sdk_secretsmanager as secretsmanager;
use key_store::aws::SdkConfig;
use secretsmanager::{
    config::{
        BehaviorVersion, Credentials, Region, SharedCredentialsProvider, http::HttpResponse, retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
};

pub(crate) fn secrets_manager(endpoint: &str, region: &'static str) -> secretsmanager::Client {
    secretsmanager::Client::new(&config(endpoint, region))
}

pub(crate) fn cloud_formation(endpoint: &str, region: &'static str) -> cloudformation::Client {
    cloudformation::Client::new(&config(endpoint, region))
}

/// Each request is sent once, so that one call is one line in a log.
fn config(endpoint: &str, region: &'static str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(SharedCredentialsProvider::new(credentials()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
        .region(Region::new(region))
        .endpoint_url(endpoint)
        .build()
}

/// What came instead of success: `CODE: MESSAGE`, the status of an answer that cannot be read, or `no answer`.
pub(crate) fn told<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> String {
    match (error.code(), error.raw_response()) {
        (Some(code), _) => format!("{code}: {}", error.message().unwrap_or_default()),
        (None, Some(response)) => format!("HTTP {}", response.status()),
        (None, None) => "no answer".to_owned(),
    }
}

fn credentials() -> Credentials {
    Credentials::new("AKIDTEST", "secret", None, None, "tests")
}
