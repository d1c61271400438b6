//! How AWS is called, and the messages about a failed call.

use crate::https;
use aws_config::{
    AppName, BehaviorVersion, Region,
    environment::EnvironmentVariableCredentialsProvider,
    retry::RetryConfig,
    timeout::{TimeoutConfig, TimeoutConfigBuilder},
};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::{
    config::SharedCredentialsProvider,
    error::{ProvideErrorMetadata, SdkError},
};
use std::{env, error::Error, fmt::Debug, iter, time::Duration};

pub use aws_config::SdkConfig;

/// How long a call may take, and how often it is tried.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the end of the request to the first byte of the answer.
    pub read: Duration,
    /// For one whole try.
    pub attempt: Duration,
    /// The number of tries.
    pub attempts: u32,
}

impl CallLimits {
    /// For a call on which a request waits: one try, never longer than the longest patience of a
    /// [`Cache`](crate::Cache).
    pub const BRIEF: Self = Self {
        connect: Duration::from_secs(1),
        read: Duration::from_millis(1500),
        attempt: Duration::from_secs(2),
        attempts: 1,
    };

    /// For a call on which no request waits.
    pub const PATIENT: Self = Self {
        connect: Duration::from_secs(3),
        read: Duration::from_secs(10),
        attempt: Duration::from_secs(15),
        attempts: 3,
    };
}

/// AWS as a Lambda function calls it: with the credentials, the Region and, for tests, the `AWS_ENDPOINT_URL` of its
/// environment.
pub fn of_lambda(limits: CallLimits) -> SdkConfig {
    let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(text("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .timeout_config(timeouts(limits).build())
        .retry_config(retries(limits))
        .http_client(https::client());
    config.set_endpoint_url(text("AWS_ENDPOINT_URL"));
    config.set_app_name(app_name());
    config.build()
}

/// AWS in a Region as a person calls it: with the credentials of the environment, of a profile, or of a
/// `credential_process`.
pub async fn of_operator(limits: CallLimits, region: &str) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .timeout_config(timeouts(limits).build())
        .retry_config(retries(limits))
        .http_client(https::client());
    if let Some(name) = app_name() {
        loader = loader.app_name(name);
    }
    loader.load().await
}

fn timeouts(limits: CallLimits) -> TimeoutConfigBuilder {
    let CallLimits { connect, read, attempt, .. } = limits;
    TimeoutConfig::builder().connect_timeout(connect).read_timeout(read).operation_attempt_timeout(attempt)
}

fn retries(limits: CallLimits) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(limits.attempts)
}

/// The name in the user agent, which CloudTrail records.
fn app_name() -> Option<AppName> {
    AppName::new("countersign").ok()
}

/// A call, as messages about its failure name it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The action as a policy names it, like `secretsmanager:GetSecretValue`.
    pub action: &'a str,
    /// The ARN or name of the resource.
    pub resource: &'a str,
    /// The Region of the call.
    pub region: &'a str,
}

fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<CredentialsError>())
}

/// The error, and each error behind it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

/// Why a call failed, and what to do about it.
///
/// The text has AWS's error code and message, and never a part of what was sent or received: AWS's message about a call
/// that sends a secret is left out.
pub fn explain<E, R>(error: &SdkError<E, R>, call: Call<'_>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: Debug + 'static,
{
    let Call { action, resource, region } = call;
    let service = action.split(':').next().unwrap_or_default();
    let SdkError::ServiceError(context) = error else {
        return match error {
            SdkError::TimeoutError(_) => format!("{service} in {region} did not answer {action} in time"),
            SdkError::ResponseError(_) => format!("the answer to {action} in {region} is not from {service}"),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                format!("{service} in {region} did not answer {action} in time")
            }
            _ if lacks_credentials(error) => format!(
                "{action} in {region} cannot be signed, because AWS credentials are missing: set AWS_PROFILE, or \
                AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which `aws configure export-credentials` prints"
            ),
            SdkError::DispatchFailure(_) => {
                // Of a refused connection, a name that does not exist, or a certificate, the last error says what happened, and
                // those before it say only that a call failed.
                let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
                format!(
                    "{service} in {region} cannot be reached: {cause}. Check the network, and whether this Region exists"
                )
            }
            _ => format!("the call {action} in {region} could not be made"),
        };
    };
    let Some(code) = context.err().code() else {
        return format!("the answer to {action} in {region} is not from {service}");
    };
    let says = match context.err().message() {
        Some(words) if action != "secretsmanager:PutSecretValue" => {
            let words: String = words.chars().take(500).collect();
            format!(" ({code}: {words})")
        }
        _ => format!(" ({code})"),
    };
    match code {
        "AccessDeniedException" | "AccessDenied" => {
            let key = match action {
                "secretsmanager:GetSecretValue" => ", and kms:Decrypt on its KMS key if that key is your own",
                "secretsmanager:PutSecretValue" => ", and kms:GenerateDataKey on its KMS key if that key is your own",
                _ => "",
            };
            format!("AWS denies the call: allow {action} on {resource} in {region}{key}{says}")
        }
        "DecryptionFailure" | "EncryptionFailure" => {
            format!("the secret's KMS key cannot be used: allow kms:Decrypt and kms:GenerateDataKey on it{says}")
        }
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => {
            format!("the AWS credentials have expired: renew them{says}")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => {
            format!(
                "AWS does not accept these credentials in {region}: check the account, the Region and the clock{says}"
            )
        }
        "ResourceNotFoundException" => {
            format!("{action} did not find {resource} in {region}: check the name, the account and the Region{says}")
        }
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            format!("AWS throttles {action} in {region}: try again later{says}")
        }
        _ => format!("{action} on {resource} in {region} failed{says}"),
    }
}
