//! Metrics as CloudWatch keeps them: minute by minute, each with its statistics.

use serde::Deserialize;
use std::{collections::BTreeMap, fmt, ops::Range};

/// A metric by its full name. CloudWatch does not add up over dimensions: other dimensions are another metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl Metric {
    pub(crate) fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let dimensions = dimensions.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.namespace, self.name, self.dimensions)
    }
}

/// What is kept of the values of some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistics {
    samples: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl From<f64> for Statistics {
    fn from(value: f64) -> Self {
        Self { samples: 1.0, sum: value, minimum: value, maximum: value }
    }
}

impl Statistics {
    fn merged(self, other: Self) -> Self {
        Self {
            samples: self.samples + other.samples,
            sum: self.sum + other.sum,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
        }
    }
}

/// A statistic of CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Statistic {
    Average,
    Maximum,
    Minimum,
    SampleCount,
    Sum,
}

impl Statistic {
    fn of(self, statistics: Statistics) -> f64 {
        match self {
            Self::Average => statistics.sum / statistics.samples,
            Self::Maximum => statistics.maximum,
            Self::Minimum => statistics.minimum,
            Self::SampleCount => statistics.samples,
            Self::Sum => statistics.sum,
        }
    }
}

/// The values of some metrics in one minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minute(BTreeMap<Metric, Statistics>);

impl Minute {
    /// Adds a value. Each value counts, also the same one again.
    pub(crate) fn put(&mut self, metric: Metric, value: f64) {
        self.put_all(metric, value.into());
    }

    /// Adds all values of another minute, as if both were the same one.
    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(metric, &statistics)| self.put_all(metric.clone(), statistics));
    }

    fn put_all(&mut self, metric: Metric, new: Statistics) {
        self.0.entry(metric).and_modify(|statistics| *statistics = statistics.merged(new)).or_insert(new);
    }

    /// The metrics of a namespace, and the others.
    pub(crate) fn apart(self, namespace: &str) -> (Self, Self) {
        let (of, others) = self.0.into_iter().partition(|(metric, _)| metric.namespace == namespace);
        (Self(of), Self(others))
    }

    /// A statistic of each metric.
    pub(crate) fn all(&self, statistic: Statistic) -> Vec<(Metric, f64)> {
        self.0.iter().map(|(metric, &statistics)| (metric.clone(), statistic.of(statistics))).collect()
    }
}

/// Some time, minute by minute from 0 on.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// How many minutes it has.
    pub(crate) minutes: u32,
    values: BTreeMap<Metric, BTreeMap<u32, Statistics>>,
}

impl Timeline {
    /// A time in which nothing happens.
    pub(crate) fn idle(minutes: u32) -> Self {
        Self { minutes, values: BTreeMap::new() }
    }

    /// Adds the same values in each of these minutes.
    pub(crate) fn add(&mut self, at: impl IntoIterator<Item = u32>, values: &Minute) {
        for minute in at {
            assert!(minute < self.minutes, "minute {minute} of {}", self.minutes);
            for (metric, &new) in &values.0 {
                let minutes = self.values.entry(metric.clone()).or_default();
                minutes.entry(minute).and_modify(|statistics| *statistics = statistics.merged(new)).or_insert(new);
            }
        }
    }

    /// The same without the metrics of a namespace.
    pub(crate) fn without(&self, namespace: &str) -> Self {
        let mut rest = self.clone();
        rest.values.retain(|metric, _| metric.namespace != namespace);
        rest
    }

    /// The metrics that have values.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.values.keys()
    }

    /// A statistic of these minutes, if there are values.
    pub(crate) fn get(&self, metric: &Metric, statistic: Statistic, minutes: Range<i64>) -> Option<f64> {
        let from = u32::try_from(minutes.start.max(0)).ok()?;
        let until = u32::try_from(minutes.end.max(0)).ok()?;
        let values = self.values.get(metric)?.range(from..until.max(from)).map(|(_, &statistics)| statistics);
        values.reduce(Statistics::merged).map(|statistics| statistic.of(statistics))
    }
}

#[test]
fn a_statistic_is_of_all_values_of_its_time() {
    let metric = Metric::new("A", "M", &[("D", "d")]);
    let mut minute = Minute::default();
    minute.put(metric.clone(), 1.0);
    let mut same = Minute::default();
    (0..2).for_each(|_| same.put(metric.clone(), 4.0));
    minute.add(&same);
    let mut timeline = Timeline::idle(10);
    timeline.add([2, 3], &minute);
    let get = |statistic, minutes| timeline.get(&metric, statistic, minutes);
    for (statistic, expected) in [
        (Statistic::Average, 3.0),
        (Statistic::Maximum, 4.0),
        (Statistic::Minimum, 1.0),
        (Statistic::SampleCount, 6.0),
        (Statistic::Sum, 18.0),
    ] {
        assert_eq!(get(statistic, -5..10), Some(expected), "{statistic:?}");
    }
    assert_eq!(get(Statistic::Sum, 3..4), Some(9.0));
    assert_eq!((get(Statistic::Sum, -5..2), get(Statistic::Sum, 4..10)), (None, None));
    assert_eq!(timeline.metrics().collect::<Vec<_>>(), [&metric]);
    let other = Metric::new("A", "M", &[("D", "e")]);
    assert_eq!(timeline.get(&other, Statistic::Sum, 0..10), None, "other dimensions are another metric");
}
