//! An alarm of a template, and its state at a time.

use crate::infra::alarms::cloudwatch::{
    Reading,
    expression::{Expression, Value},
    metrics::{Metric, Statistic, Timeline},
};
use serde::Deserialize;
use serde_json::{Value as Json, from_value};
use std::collections::{BTreeMap, BTreeSet};

/// A metric alarm.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    /// By their ids. The alarm watches the result of one.
    queries: BTreeMap<String, Query>,
    watched: String,
    /// The minutes of a period.
    period: u32,
    periods: usize,
    to_alarm: usize,
    threshold: f64,
    comparison: Comparison,
    missing: Missing,
}

/// What an alarm watches, or needs for it.
#[derive(Clone, Debug)]
enum Query {
    Metric(Metric, Statistic),
    Expression(Expression),
}

/// The properties of `AWS::CloudWatch::Alarm` that are understood. Any other is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Properties {
    evaluation_periods: usize,
    datapoints_to_alarm: Option<usize>,
    threshold: f64,
    comparison_operator: Comparison,
    treat_missing_data: Missing,
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    statistic: Option<Statistic>,
    period: Option<u32>,
    metrics: Option<Vec<MetricDataQuery>>,
    #[serde(rename = "AlarmName")]
    _name: Option<Json>,
    #[serde(rename = "AlarmDescription")]
    _description: Json,
    #[serde(rename = "AlarmActions")]
    _alarm_actions: Option<Json>,
    #[serde(rename = "OKActions")]
    _ok_actions: Option<Json>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct MetricDataQuery {
    id: String,
    return_data: Option<bool>,
    expression: Option<String>,
    metric_stat: Option<MetricStat>,
    #[serde(rename = "Label")]
    _label: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct MetricStat {
    metric: MetricName,
    period: u32,
    stat: Statistic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct MetricName {
    namespace: String,
    metric_name: String,
    dimensions: Vec<Dimension>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Comparison {
    #[serde(rename = "GreaterThanThreshold")]
    Greater,
    #[serde(rename = "GreaterThanOrEqualToThreshold")]
    GreaterOrEqual,
    #[serde(rename = "LessThanThreshold")]
    Less,
    #[serde(rename = "LessThanOrEqualToThreshold")]
    LessOrEqual,
}

/// The two of four that are in use.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Missing {
    Breaching,
    NotBreaching,
}

/// "The total evaluation can be no longer than seven days", and one day for periods of less than an hour. In minutes.
const WEEK: u32 = 7 * DAY;
const DAY: u32 = 24 * 60;

impl Alarm {
    /// The alarm of these properties, all texts in their places.
    pub(crate) fn read(properties: &Json) -> Result<Self, String> {
        let Properties {
            evaluation_periods,
            datapoints_to_alarm,
            threshold,
            comparison_operator,
            treat_missing_data,
            namespace,
            metric_name,
            dimensions,
            statistic,
            period,
            metrics,
            ..
        } = from_value(properties.clone()).map_err(|error| error.to_string())?;
        let (queries, watched, seconds) = match (namespace, metric_name, dimensions, statistic, period, metrics) {
            (Some(namespace), Some(metric_name), Some(dimensions), Some(statistic), Some(period), None) => {
                let metric = MetricName { namespace, metric_name, dimensions }.into();
                (BTreeMap::from([("m".to_owned(), Query::Metric(metric, statistic))]), "m".to_owned(), period)
            }
            (None, None, None, None, None, Some(metrics)) => read_queries(metrics)?,
            _ => return Err("it watches either one metric with a statistic, or the result of Metrics".to_owned()),
        };
        let (periods, period) = (evaluation_periods, seconds / 60);
        let evaluated = u32::try_from(periods).ok().and_then(|periods| periods.checked_mul(period));
        let most = if period < 60 { DAY } else { WEEK };
        let to_alarm = datapoints_to_alarm.unwrap_or(periods);
        if seconds % 60 != 0 || period == 0 || !(1..=periods).contains(&to_alarm) {
            return Err(format!("{to_alarm} of {periods} periods of {seconds} s are not possible"));
        }
        if evaluated.is_none_or(|minutes| minutes > most) {
            return Err(format!("{periods} periods of {seconds} s are too long"));
        }
        let (comparison, missing) = (comparison_operator, treat_missing_data);
        Ok(Self { queries, watched, period, periods, to_alarm, threshold, comparison, missing })
    }

    /// The metrics that it looks at.
    pub(crate) fn metrics(&self) -> BTreeSet<&Metric> {
        let queries = self.queries.values();
        queries.filter_map(|query| if let Query::Metric(metric, _) = query { Some(metric) } else { None }).collect()
    }

    /// The minutes from one evaluation to the next: one, and an hour for alarms that look at more than a day.
    pub(crate) fn interval(&self) -> u32 {
        if usize::try_from(self.period).unwrap() * self.periods > usize::try_from(DAY).unwrap() { 60 } else { 1 }
    }

    /// Whether it is in the state ALARM when the minutes before this one are over.
    pub(crate) fn rings(&self, timeline: &Timeline, minute: u32, reading: Reading) -> Result<bool, String> {
        let result = self.result(&self.watched, timeline, minute, reading, self.queries.len())?;
        let Value::Series(values) = result else { return Err("an alarm watches a series, not a number".to_owned()) };
        Ok(self.state(&values))
    }

    /// The result of a query for the periods that are over, the oldest first. The window slides: it ends now.
    fn result(
        &self,
        id: &str,
        timeline: &Timeline,
        minute: u32,
        reading: Reading,
        depth: usize,
    ) -> Result<Value, String> {
        let periods = i64::try_from(self.periods + reading.more_periods).unwrap();
        match self.queries.get(id) {
            None => Err(format!("no query has the id {id}")),
            Some(_) if depth == 0 => Err(format!("the queries of {id} go round in a circle")),
            Some(Query::Expression(expression)) => {
                expression.evaluate(reading, &|id| self.result(id, timeline, minute, reading, depth - 1))
            }
            Some(Query::Metric(metric, statistic)) => {
                let values = (0..periods).rev().map(|before| {
                    let end = i64::from(minute) - before * i64::from(self.period);
                    let late = if metric.namespace.starts_with("AWS/") { reading.late } else { reading.late_in_logs };
                    let known = end.min(i64::from(minute) - i64::from(late));
                    timeline.get(metric, *statistic, end - i64::from(self.period)..known)
                });
                Ok(Value::Series(values.collect()))
            }
        }
    }

    /// "How alarm state is evaluated when data is missing": the most recent values decide, and missing ones are filled in only
    /// where there are fewer values than periods.
    pub(crate) fn state(&self, values: &[Option<f64>]) -> bool {
        let present: Vec<f64> = values.iter().rev().copied().flatten().take(self.periods).collect();
        let breaching = present.iter().filter(|&&value| self.breaches(value)).count();
        let filled = match self.missing {
            Missing::Breaching => self.periods - present.len(),
            Missing::NotBreaching => 0,
        };
        breaching + filled >= self.to_alarm
    }

    fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Greater => value > self.threshold,
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Less => value < self.threshold,
            Comparison::LessOrEqual => value <= self.threshold,
        }
    }
}

/// The queries by their ids, the id of the one that is watched, and their period.
fn read_queries(metrics: Vec<MetricDataQuery>) -> Result<(BTreeMap<String, Query>, String, u32), String> {
    let (mut queries, mut watched, mut periods) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    for MetricDataQuery { id, return_data, expression, metric_stat, .. } in metrics {
        if return_data.unwrap_or(true) {
            watched.push(id.clone());
        }
        let query = match (expression, metric_stat) {
            (Some(expression), None) => Query::Expression(Expression::parse(&expression)?),
            (None, Some(MetricStat { metric, period, stat })) => {
                periods.insert(period);
                Query::Metric(metric.into(), stat)
            }
            _ => return Err(format!("{id} is either an expression or a metric")),
        };
        if queries.insert(id.clone(), query).is_some() {
            return Err(format!("{id} is there twice"));
        }
    }
    match (&watched[..], periods.len(), periods.pop_first()) {
        ([watched], 1, Some(period)) => Ok((queries, watched.clone(), period)),
        _ => Err(format!("one query returns data, and all have one period: {watched:?}")),
    }
}

impl From<MetricName> for Metric {
    fn from(MetricName { namespace, metric_name, dimensions }: MetricName) -> Self {
        let dimensions = dimensions.into_iter().map(|Dimension { name, value }| (name, value)).collect();
        Self { namespace, name: metric_name, dimensions }
    }
}
