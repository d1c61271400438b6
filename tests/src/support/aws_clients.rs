//! The official clients of AWS, for servers on loopback, and what programs need to ask these.
//!
//! The clients wait no longer than any test does.

use crate::support::patience::PATIENCE;
use aws_sdk_cloudformation as cloudformation;
use aws_sdk_secretsmanager as secretsmanager;
use key_store::aws::{CallLimits, SdkConfig, of_lambda};
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

/// What a program needs to ask an AWS that is on loopback, from this Region.
pub(crate) fn aws_variables<'a>(endpoint: &'a str, region: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", region),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ]
}

/// The configuration as `of_lambda` makes it, without this process's environment.
pub(crate) fn in_region(endpoint: &str, region: &'static str) -> SdkConfig {
    let region = Region::new(region);
    let credentials = Credentials::new("AKIDTEST", "secret", None, None, "tests");
    let credentials = SharedCredentialsProvider::new(credentials);
    let config = of_lambda(CallLimits::BRIEF).into_builder().region(region).endpoint_url(endpoint);
    config.credentials_provider(credentials).build()
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
