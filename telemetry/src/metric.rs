//! The metrics: their names and units in CloudWatch, and by what they are kept apart.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
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
    /// What has happened, or what is measured.
    pub meaning: &'static str,
}

/// A unit of CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// How often.
    Count,
    /// A time.
    Seconds,
    /// A time.
    Milliseconds,
}

/// A dimension beside `FunctionName`. The values of each are words of the source, or few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
    ($($constant:ident: $name:literal, $unit:ident, $by:expr, $meaning:literal;)*) => {
        $(pub(crate) static $constant: Metric = Metric { name: $name, unit: Unit::$unit, by: $by, meaning: $meaning };)*

        /// All metrics.
        pub static METRICS: [&Metric; [$($name),*].len()] = [$(&$constant),*];
    };
}

metrics! {
    ALLOWED: "Allowed", Count, None, "the authorizer has admitted a request";
    REFUSED: "Refused", Count, Some(Dimension::Reason), "the authorizer has refused a request";
    WOULD_REFUSE: "WouldRefuse", Count, Some(Dimension::Reason),
        "in monitor mode the authorizer has allowed a request that enforce mode would refuse";
    UNAVAILABLE: "Unavailable", Count, None,
        "the authorizer could not decide, because it has no usable keys or no usable value of the origin's header";
    KEY_SET_AGE: "KeySetAge", Seconds, None, "how old the keys are that were used, or are still used after a failed read";
    SECRET_AGE: "SecretAge", Seconds, None, "how long ago the current version of the secret was made, at each read of the keys";
    REFRESH_FAILED: "RefreshFailed", Count, None,
        "the keys, or a value of the origin's header, could not be read again, at the edge or by the authorizer";
    EDGE_ANSWERED: "EdgeAnswered", Count, Some(Dimension::Status), "the edge has answered a request that it could not sign";
    EDGE_WOULD_ANSWER: "EdgeWouldAnswer", Count, Some(Dimension::Status),
        "in monitor mode the edge has forwarded a request unsigned that enforce mode would answer";
    METHOD_OVERRIDE_REMOVED: "MethodOverrideRemoved", Count, None,
        "the edge has removed a viewer's header that names another method";
    ROTATION: "Rotation", Count, Some(Dimension::Result), "the rotator has ended, with this result";
    KEYS_ROTATED: "KeysRotated", Count, Some(Dimension::Kind),
        "a version of the signing secret has become current; one rotation can make more than one current";
    ROTATION_DURATION: "RotationDuration", Milliseconds, None, "how long the rotator took";
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

/// The members that make a line a set of metrics, in CloudWatch's embedded metric format. No measurement, no member.
pub(crate) struct Embedded<'a> {
    pub(crate) function_name: &'a str,
    /// Milliseconds since 1970.
    pub(crate) timestamp: u64,
    pub(crate) measurements: [Option<Measurement>; 2],
}

impl Embedded<'_> {
    fn measurements(&self) -> impl Iterator<Item = &Measurement> {
        self.measurements.iter().flatten()
    }
}

impl Serialize for Embedded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if self.measurements().next().is_some() {
            members.serialize_entry("_aws", &Metadata(self))?;
            members.serialize_entry("FunctionName", self.function_name)?;
        }
        for measurement in self.measurements() {
            if let Some((dimension, value)) = measurement.dimension() {
                members.serialize_entry(&dimension, &value)?;
            }
            members.serialize_entry(measurement.metric.name, &measurement.value)?;
        }
        members.end()
    }
}

/// The metadata object of the format.
struct Metadata<'a>(&'a Embedded<'a>);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry("Timestamp", &self.0.timestamp)?;
        members.serialize_entry("CloudWatchMetrics", &Directives(self.0))?;
        members.end()
    }
}

/// Metrics that are kept under `FunctionName` only share a directive, so that lines stay short.
struct Directives<'a>(&'a Embedded<'a>);

impl Serialize for Directives<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut directives = serializer.serialize_seq(None)?;
        for measurement in self.0.measurements() {
            if let Some((dimension, _)) = measurement.dimension() {
                let dimensions = (["FunctionName"], ("FunctionName", dimension));
                directives.serialize_element(&Directive { dimensions, metrics: [Definition::of(measurement)] })?;
            }
        }
        if self.0.measurements().any(|measurement| measurement.by.is_none()) {
            let metrics = UndividedMetrics(self.0);
            directives.serialize_element(&Directive { dimensions: [["FunctionName"]], metrics })?;
        }
        directives.end()
    }
}

struct Directive<D, M> {
    dimensions: D,
    metrics: M,
}

impl<D: Serialize, M: Serialize> Serialize for Directive<D, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(3))?;
        members.serialize_entry("Namespace", NAMESPACE)?;
        members.serialize_entry("Dimensions", &self.dimensions)?;
        members.serialize_entry("Metrics", &self.metrics)?;
        members.end()
    }
}

struct UndividedMetrics<'a>(&'a Embedded<'a>);

impl Serialize for UndividedMetrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.measurements().filter(|measurement| measurement.by.is_none()).map(Definition::of))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: Unit,
}

impl Definition {
    fn of(measurement: &Measurement) -> Self {
        Self { name: measurement.metric.name, unit: measurement.metric.unit }
    }
}

impl Serialize for DimensionValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(word) => serializer.serialize_str(word),
            Self::Status(status) => serializer.collect_str(status),
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
        assert!((1..=1024).contains(&NAMESPACE.len()));
        for Metric { name, by, meaning, .. } in METRICS {
            assert!((1..=1024).contains(&name.len()) && !meaning.is_empty());
            let dimension = by.map(|dimension| serde_json::to_value(dimension).unwrap());
            assert!(dimension.is_none_or(|dimension| !names.contains(dimension.as_str().unwrap())), "{name}");
        }
    }
}
