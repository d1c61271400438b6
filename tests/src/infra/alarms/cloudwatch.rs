//! CloudWatch, as far as alarms go, as its user guide documents it. moto does not evaluate alarms, and LocalStack evaluates only
//! those on one metric, at the pace of the clock.

pub(crate) mod alarm;
pub(crate) mod composite;
pub(crate) mod embedded;
pub(crate) mod expression;
pub(crate) mod history;
pub(crate) mod metrics;

#[cfg(test)]
mod as_documented;

/// One way to read what the user guide leaves open. An alarm must ring, or be silent, in each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How many periods more than the alarm evaluates are looked at for data: "CloudWatch attempts to retrieve a higher number
    /// of data points", two more in the guide's example.
    pub(crate) more_periods: usize,
    /// Whether `FILL` fills a series that has no value at all.
    pub(crate) fills_empty_series: bool,
    /// How many minutes late the values of AWS's own metrics come.
    pub(crate) late: u32,
    /// How many minutes late the values come that CloudWatch reads in the logs.
    pub(crate) late_in_logs: u32,
}

impl Reading {
    /// Where a log comes a minute after the metrics of AWS.
    pub(crate) const LATE_LOG: Self = Self { more_periods: 2, fills_empty_series: true, late: 0, late_in_logs: 1 };

    pub(crate) const ALL: [Self; 5] = [
        Self { more_periods: 0, fills_empty_series: true, late: 0, late_in_logs: 0 },
        Self { more_periods: 0, fills_empty_series: false, late: 0, late_in_logs: 0 },
        Self { more_periods: 2, fills_empty_series: true, late: 0, late_in_logs: 0 },
        Self { more_periods: 2, fills_empty_series: false, late: 0, late_in_logs: 0 },
        Self { more_periods: 2, fills_empty_series: true, late: 2, late_in_logs: 0 },
    ];
}
