//! The metrics: their names and units in CloudWatch, and by what they are kept apart.

use std::{
    fmt,
    io::{self, Write as _},
};

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "Countersign";

/// One metric: its name and unit in CloudWatch, and by what it is kept apart.
#[derive(Debug)]
pub struct Metric {
    /// Its name, in [`NAMESPACE`].
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// The dimension under which CloudWatch keeps it a second time. It is always kept under `FunctionName`.
    pub by: Option<Dimension>,
    /// Name and unit as a directive has them, and the name as a member of the line: as JSON, made by the compiler.
    definition: &'static str,
    member: &'static str,
}

/// A unit of CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How often.
    Count,
    /// A time.
    Seconds,
    /// A time.
    Milliseconds,
    /// Without a unit.
    None,
}

/// A dimension beside `FunctionName`. The values of each are words of the source, or few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The reason of a refusal.
    Reason,
    /// The status of an answer.
    Status,
    /// `done` or `failed`.
    Result,
    /// `planned` or `emergency`.
    Kind,
}

macro_rules! metrics {
    ($($(#[$meaning:meta])* $constant:ident: $name:literal, $unit:ident, $by:expr;)*) => {
        $($(#[$meaning])* pub(crate) static $constant: Metric = Metric {
            name: $name,
            unit: Unit::$unit,
            by: $by,
            definition: concat!(r#"{"Name":""#, $name, r#"","Unit":""#, stringify!($unit), r#""}"#),
            member: concat!(r#",""#, $name, r#"":"#),
        };)*

        /// All metrics.
        pub static METRICS: [&Metric; [$($name),*].len()] = [$(&$constant),*];
    };
}

metrics! {
    /// The authorizer has admitted a request.
    ALLOWED: "Allowed", Count, None;
    /// The authorizer has refused a request.
    REFUSED: "Refused", Count, Some(Dimension::Reason);
    /// In monitor mode the authorizer has allowed a request that enforce mode would refuse.
    WOULD_REFUSE: "WouldRefuse", Count, Some(Dimension::Reason);
    /// The check of its token has refused a request that was not refused for its signature.
    TOKEN_REFUSED: "TokenRefused", Count, Some(Dimension::Reason);
    /// In its monitor mode the check of the token has not refused a request that enforce mode would refuse.
    TOKEN_WOULD_REFUSE: "TokenWouldRefuse", Count, Some(Dimension::Reason);
    /// The authorizer that is called next has refused a request that was not refused for its signature.
    NEXT_REFUSED: "NextRefused", Count, Some(Dimension::Reason);
    /// The authorizer that is called next has refused a request, and its monitor mode does not follow it.
    NEXT_WOULD_REFUSE: "NextWouldRefuse", Count, Some(Dimension::Reason);
    /// The authorizer has refused a request with the error `Unauthorized`, which Lambda counts as a failed invocation.
    UNAUTHORIZED: "Unauthorized", Count, None;
    /// The authorizer could not decide, because it has no usable keys or no usable value of the origin's header.
    UNAVAILABLE: "Unavailable", Count, None;
    /// How old the keys are that were used, or are still used after a failed read.
    KEY_SET_AGE: "KeySetAge", Seconds, None;
    /// How long ago the current version of the secret was made, at each read of the keys.
    SECRET_AGE: "SecretAge", Seconds, None;
    /// The mode of the authorizer, at each read of the keys and at each request that is or would be refused: 1 in monitor mode, 0 in
    /// enforce mode.
    MONITOR_MODE: "MonitorMode", None, None;
    /// The keys, or a value of the origin's header, could not be read again, at the edge or by the authorizer.
    REFRESH_FAILED: "RefreshFailed", Count, None;
    /// The edge has answered a request that it could not sign.
    EDGE_ANSWERED: "EdgeAnswered", Count, Some(Dimension::Status);
    /// In monitor mode the edge has forwarded a request unsigned that enforce mode would answer.
    EDGE_WOULD_ANSWER: "EdgeWouldAnswer", Count, Some(Dimension::Status);
    /// The edge has removed a viewer's header that names another method.
    METHOD_OVERRIDE_REMOVED: "MethodOverrideRemoved", Count, None;
    /// The rotator has ended, with this result.
    ROTATION: "Rotation", Count, Some(Dimension::Result);
    /// A version of the signing secret has become current; one rotation can make more than one current.
    KEYS_ROTATED: "KeysRotated", Count, Some(Dimension::Kind);
    /// How long the rotator took.
    ROTATION_DURATION: "RotationDuration", Milliseconds, None;
}

/// A value of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    metric: &'static Metric,
    value: u64,
    by: Option<DimensionValue>,
}

/// The value of a dimension.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DimensionValue {
    /// A word of the source.
    Word(&'static str),
    Status(u16),
}

impl Measurement {
    pub(crate) const fn of(metric: &'static Metric, value: u64) -> Self {
        Self { metric, value, by: None }
    }

    pub(crate) const fn by(metric: &'static Metric, value: u64, by: DimensionValue) -> Self {
        Self { metric, value, by: Some(by) }
    }

    fn dimension(&self) -> Option<(Dimension, DimensionValue)> {
        self.metric.by.zip(self.by)
    }
}

/// Writes the members that make a line a set of metrics, in CloudWatch's embedded metric format: `,"_aws":…`. Without a
/// measurement it writes nothing.
///
/// All texts in them are words of the source, which need no escapes, but for the name of the function, which is JSON already.
pub(crate) fn write_embedded(
    buffer: &mut Vec<u8>,
    measurements: &[Option<Measurement>],
    function_name: &JsonText,
    milliseconds: u64,
) -> io::Result<()> {
    const DIRECTIVE: &[u8] = br#"{"Namespace":"Countersign","Dimensions":[["FunctionName"]"#;
    let measurements = || measurements.iter().flatten();
    if measurements().next().is_none() {
        return Ok(());
    }
    buffer.extend_from_slice(br#","_aws":{"Timestamp":"#);
    serde_json::to_writer(&mut *buffer, &milliseconds)?;
    buffer.extend_from_slice(br#","CloudWatchMetrics":["#);
    for measurement in measurements() {
        if let Some((dimension, _)) = measurement.dimension() {
            buffer.extend_from_slice(DIRECTIVE);
            buffer.extend_from_slice(br#",["FunctionName",""#);
            buffer.extend_from_slice(dimension.name().as_bytes());
            buffer.extend_from_slice(br#""]],"Metrics":["#);
            buffer.extend_from_slice(measurement.metric.definition.as_bytes());
            buffer.extend_from_slice(b"]},");
        }
    }
    // Metrics that are kept only under the name of the function share a directive, so that lines stay short.
    let undivided = || measurements().filter(|measurement| measurement.by.is_none());
    if undivided().next().is_some() {
        buffer.extend_from_slice(DIRECTIVE);
        buffer.extend_from_slice(br#"],"Metrics":["#);
        for measurement in undivided() {
            buffer.extend_from_slice(measurement.metric.definition.as_bytes());
            buffer.push(b',');
        }
        end_list(buffer, b"]},");
    }
    end_list(buffer, br#"]},"FunctionName":"#);
    buffer.extend_from_slice(function_name.0.as_bytes());
    for measurement in measurements() {
        if let Some((dimension, value)) = measurement.dimension() {
            write!(buffer, r#","{}":"{value}""#, dimension.name())?;
        }
        buffer.extend_from_slice(measurement.metric.member.as_bytes());
        serde_json::to_writer(&mut *buffer, &measurement.value)?;
    }
    Ok(())
}

/// Writes the end of a list in the place of the comma after its last member.
fn end_list(buffer: &mut Vec<u8>, end: &[u8]) {
    buffer.pop();
    buffer.extend_from_slice(end);
}

/// A text as JSON, with its quotes.
pub(crate) struct JsonText(String);

impl JsonText {
    pub(crate) fn new(text: &str) -> Self {
        Self(serde_json::Value::from(text).to_string())
    }
}

impl fmt::Display for DimensionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Status(status) => status.fmt(f),
        }
    }
}

impl Unit {
    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

impl Dimension {
    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reason => "Reason",
            Self::Status => "Status",
            Self::Result => "Result",
            Self::Kind => "Kind",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The numbers are the specification's of the embedded metric format.
    #[test]
    fn the_metrics_keep_the_limits_of_the_format() {
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        assert_eq!(NAMESPACE, "Countersign", "as the directives have it");
        for Metric { name, by, .. } in METRICS {
            assert!((1..=1024).contains(&name.len()));
            assert!(by.is_none_or(|dimension| !names.contains(dimension.name())), "{name}");
        }
    }
}
