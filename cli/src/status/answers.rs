//! What AWS answered, as far as it is used. Values of the origin's custom headers that may be secrets are never part of it.

use jiff::{SignedDuration, Timestamp, civil::DateTime, fmt::strtime};
use serde::{Deserialize, Deserializer, de::Error as _};
use signing::UnixSeconds;

/// What was read, or why it could not be.
pub(crate) type Read<T> = Result<T, String>;

/// All answers about one stack.
pub(crate) struct Answers {
    pub(crate) stack: Stack,
    pub(crate) authorizer: Read<Function>,
    pub(crate) gateway: Read<Gateway>,
    pub(crate) secret: Read<Secret>,
    pub(crate) versions: Read<Versions>,
    /// The secret with the API key, or else with the origin's header. Absent if CloudFront sends neither.
    pub(crate) sent: Option<Read<Secret>>,
    /// Absent if the distribution is not known.
    pub(crate) distribution: Option<(String, Read<Distribution>)>,
    /// Those of the Region and of us-east-1.
    pub(crate) alarms: Read<Vec<Alarms>>,
    pub(crate) metrics: Read<Metrics>,
}

/// `cloudformation describe-stacks`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stacks {
    pub(crate) stacks: Vec<Stack>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stack {
    pub(crate) stack_name: String,
    pub(crate) stack_id: String,
    pub(crate) stack_status: String,
    pub(crate) creation_time: At,
    pub(crate) last_updated_time: Option<At>,
    /// The service role.
    #[serde(rename = "RoleARN")]
    pub(crate) role: Option<String>,
    #[serde(default)]
    pub(crate) enable_termination_protection: bool,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    parameter_key: String,
    #[serde(default)]
    parameter_value: String,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    output_value: String,
}

impl Stack {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|parameter| parameter.parameter_key == name).map(|found| &*found.parameter_value)
    }

    pub(crate) fn output(&self, name: &str) -> Option<&str> {
        self.outputs.iter().find(|output| output.output_key == name).map(|found| &*found.output_value)
    }

    /// The Region in its ARN.
    pub(crate) fn region(&self) -> Option<&str> {
        self.stack_id.split(':').nth(3).filter(|region| !region.is_empty())
    }
}

/// `lambda get-function-configuration`, by [`FUNCTION`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Function {
    pub(crate) state: Option<String>,
    pub(crate) state_reason: Option<String>,
    pub(crate) last_update_status: Option<String>,
    pub(crate) last_modified: Option<At>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) variables: Variables,
}

pub(crate) const FUNCTION: &str = "{State: State, StateReason: StateReason, LastUpdateStatus: LastUpdateStatus, \
                                   LastModified: LastModified, Variables: Environment.Variables}";

/// The settings of the authorizer that matter here. Others, and variables of the operator, are not kept.
#[derive(Default, Deserialize)]
pub(crate) struct Variables {
    #[serde(rename = "COUNTERSIGN_MODE")]
    pub(crate) mode: Option<String>,
    #[serde(rename = "COUNTERSIGN_SECRET")]
    pub(crate) secret: Option<String>,
    #[serde(rename = "COUNTERSIGN_ANSWER")]
    pub(crate) answer: Option<String>,
    #[serde(rename = "COUNTERSIGN_MAX_LIFETIME")]
    pub(crate) max_lifetime: Option<String>,
    #[serde(rename = "COUNTERSIGN_THEN")]
    pub(crate) then: Option<String>,
    #[serde(rename = "COUNTERSIGN_JWT")]
    pub(crate) jwt: Option<String>,
    #[serde(rename = "COUNTERSIGN_JWT_MODE")]
    pub(crate) jwt_mode: Option<String>,
    #[serde(rename = "COUNTERSIGN_NEXT_AUTHORIZER")]
    pub(crate) next: Option<String>,
    #[serde(rename = "COUNTERSIGN_NEXT_MODE")]
    pub(crate) next_mode: Option<String>,
}

/// `apigateway get-authorizer` by [`REST_AUTHORIZER`], or `apigatewayv2 get-authorizer` by [`V2_AUTHORIZER`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Gateway {
    /// For how many seconds an answer is kept. A WebSocket API has none.
    pub(crate) ttl: Option<u64>,
    /// The identity sources, with commas.
    pub(crate) source: Option<String>,
}

pub(crate) const REST_AUTHORIZER: &str = "{Ttl: authorizerResultTtlInSeconds, Source: identitySource}";
pub(crate) const V2_AUTHORIZER: &str =
    "{Ttl: AuthorizerResultTtlInSeconds, Source: IdentitySource && join(',', IdentitySource)}";

/// `secretsmanager describe-secret`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Secret {
    pub(crate) created_date: Option<At>,
    pub(crate) deleted_date: Option<At>,
    #[serde(default)]
    pub(crate) replication_status: Vec<Replica>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Replica {
    pub(crate) region: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) status_message: Option<String>,
}

/// `secretsmanager list-secret-version-ids`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Versions {
    pub(crate) versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version {
    #[serde(default)]
    version_stages: Vec<String>,
    pub(crate) created_date: Option<At>,
}

impl Versions {
    pub(crate) fn current(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.has("AWSCURRENT"))
    }

    /// The version of a rotation that has begun and not ended.
    pub(crate) fn pending(&self) -> Option<&Version> {
        // The label may stay on a version that was promoted.
        self.versions.iter().find(|version| version.has("AWSPENDING") && !version.has("AWSCURRENT"))
    }
}

impl Version {
    fn has(&self, stage: &str) -> bool {
        self.version_stages.iter().any(|of| of == stage)
    }
}

/// `cloudfront get-distribution`, by [`DISTRIBUTION`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Distribution {
    pub(crate) status: String,
    pub(crate) last_modified_time: Option<At>,
    pub(crate) enabled: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) origins: Vec<Origin>,
    pub(crate) default: Behavior,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) others: Vec<Behavior>,
}

/// The values of other custom headers, among them the API key, stay in the process of `aws`.
pub(crate) const DISTRIBUTION: &str = "Distribution.{Status: Status, LastModifiedTime: LastModifiedTime, \
    Enabled: DistributionConfig.Enabled, \
    Origins: DistributionConfig.Origins.Items[].{Id: Id, Headers: CustomHeaders.Items[?\
    starts_with(HeaderName, 'countersign-') || starts_with(HeaderName, 'Countersign-')]}, \
    Default: DistributionConfig.DefaultCacheBehavior.{Origin: TargetOriginId, Functions: LambdaFunctionAssociations.Items}, \
    Others: DistributionConfig.CacheBehaviors.Items[].{Path: PathPattern, Origin: TargetOriginId, \
    Functions: LambdaFunctionAssociations.Items}}";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Origin {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    header_name: String,
    header_value: String,
}

impl Origin {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.header_name.eq_ignore_ascii_case(name)).map(|of| &*of.header_value)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Behavior {
    /// Absent at the default one.
    pub(crate) path: Option<String>,
    pub(crate) origin: String,
    #[serde(default, deserialize_with = "null_is_default")]
    functions: Vec<Association>,
}

#[derive(Deserialize)]
struct Association {
    #[serde(rename = "LambdaFunctionARN")]
    function: String,
    #[serde(rename = "EventType")]
    event: String,
}

impl Behavior {
    /// The function at the origin request.
    pub(crate) fn signer(&self) -> Option<&str> {
        self.functions.iter().find(|of| of.event == "origin-request").map(|of| &*of.function)
    }
}

/// `cloudwatch describe-alarms`, by [`ALARMS`].
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Alarms {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) metric: Vec<Alarm>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) composite: Vec<Alarm>,
}

pub(crate) const ALARMS: &str = "{Metric: MetricAlarms[].{Name: AlarmName, State: StateValue, \
    Since: StateTransitionedTimestamp || StateUpdatedTimestamp, Text: AlarmDescription, \
    About: [Dimensions[].Value, Metrics[].MetricStat.Metric.Dimensions[].Value][]}, \
    Composite: CompositeAlarms[].{Name: AlarmName, State: StateValue, \
    Since: StateTransitionedTimestamp || StateUpdatedTimestamp, Text: AlarmDescription, Rule: AlarmRule}}";

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) since: Option<At>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// The values of the dimensions of its metrics.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) about: Vec<String>,
    #[serde(default)]
    pub(crate) rule: Option<String>,
}

/// `cloudwatch get-metric-data`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metrics {
    metric_data_results: Vec<MetricResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricResult {
    id: String,
    #[serde(default)]
    values: Vec<f64>,
}

impl Metrics {
    /// The sum of a metric, by its id.
    pub(crate) fn sum(&self, id: &str) -> u64 {
        let results = self.metric_data_results.iter().filter(|result| result.id == id);
        let sum: f64 = results.flat_map(|result| &result.values).sum();
        // Counts are whole numbers. Rust converts a float to an integer only with `as`, which is not used on input.
        format!("{sum:.0}").parse().unwrap_or(0)
    }
}

/// A time in one of the forms that the AWS command line prints: seconds, RFC 3339, or Lambda's `2026-11-26T10:00:00.000+0000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(pub(crate) UnixSeconds);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Seconds(f64),
            Text(String),
        }
        let timestamp = match Form::deserialize(deserializer)? {
            Form::Seconds(seconds) => SignedDuration::try_from_secs_f64(seconds)
                .ok()
                .and_then(|duration| Timestamp::from_duration(duration).ok()),
            Form::Text(text) => time(&text),
        };
        let seconds = timestamp.and_then(|timestamp| u64::try_from(timestamp.as_second()).ok());
        seconds.map(|seconds| Self(UnixSeconds::new(seconds))).ok_or_else(|| D::Error::custom("not a time"))
    }
}

fn time(text: &str) -> Option<Timestamp> {
    // Version 1 of the command line prints some times without a zone: they are UTC.
    text.parse().ok().or_else(|| strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?.to_timestamp().ok()).or_else(
        || {
            let civil: DateTime = text.parse().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
        },
    )
}

/// A JMESPath expression answers `null` where there is nothing.
pub(crate) fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_each_form_of_the_command_line() {
        for text in [
            "1795687200",
            "1795687200.123",
            "\"2026-11-26T10:00:00Z\"",
            "\"2026-11-26T10:00:00.123000+00:00\"",
            "\"2026-11-26T11:00:00+01:00\"",
            "\"2026-11-26T10:00:00.000+0000\"",
            "\"2026-11-26T10:00:00\"",
        ] {
            assert_eq!(serde_json::from_str::<At>(text).unwrap(), At(UnixSeconds::new(1_795_687_200)), "{text}");
        }
        for text in ["\"yesterday\"", "-1", "null", "1e300", "\"\""] {
            assert!(serde_json::from_str::<At>(text).is_err(), "{text}");
        }
    }
}
