//! What a run reports, as text and as JSON, and which promises it found broken.

use crate::{
    limits::FirstRefusal,
    moment::Moment,
    number::{count, float},
    region::Region,
    scenario::Scenario,
    secrets_manager::QUOTA,
    tally::{Emergency, Side},
    world::Outcome,
};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use jiff::fmt::friendly::SpanPrinter;
use serde::Serialize;
use std::{fmt, time::Duration};

/// Secrets Manager's prices (late 2026, as `infra/README.md` quotes them): for a secret or replica a month, and for 10,000 calls.
const DOLLARS_A_SECRET: f64 = 0.40;
const DOLLARS_FOR_10_000_CALLS: f64 = 0.05;
/// A month of the cost.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// The report of one run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    scenario: &'static str,
    seed: u64,
    days: f64,
    edges: usize,
    authorizers: usize,
    edge_regions: usize,
    copies: usize,
    cold_starts: u64,
    requests: Requests,
    rotations: Rotations,
    emergencies: Vec<EmergencyReport>,
    reads: Vec<Reads>,
    quota_per_second: u32,
    dollars_a_month: Dollars,
}

#[derive(Debug, Serialize)]
struct Requests {
    simulated: u64,
    admitted: u64,
    refused_within_the_limits: u64,
    first_refusal: Option<String>,
    refused_without_keys_in_an_outage: u64,
    refused_in_an_emergency: u64,
    verified_with_real_signatures: u64,
    other_verdicts_of_real_signatures: u64,
}

#[derive(Debug, Serialize)]
struct Rotations {
    planned: usize,
    /// From an admitted request until its key ended.
    least_seconds_left: Option<u64>,
}

#[derive(Debug, Serialize)]
struct EmergencyReport {
    seconds_after_the_start: u64,
    in_an_outage: bool,
    with_the_dropped_key: SideReport,
    valid_and_refused: SideReport,
}

#[derive(Debug, Serialize)]
struct SideReport {
    requests: u64,
    last_after_seconds: Option<f64>,
    bound_seconds: u64,
    after_the_bound: u64,
    bound_in_an_outage_seconds: u64,
    after_the_bound_in_an_outage: u64,
}

#[derive(Debug, Serialize)]
struct Reads {
    region: &'static str,
    total: u64,
    mean_per_second: f64,
    peak_per_second: u32,
    throttled: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Dollars {
    secrets: f64,
    reads: f64,
}

impl RunReport {
    /// The report of a run with this outcome.
    pub fn new(scenario: &Scenario, seed: u64, outcome: &Outcome) -> Self {
        let Outcome { requests, after_rotation, rotated, emergencies, calls, cold_starts } = outcome;
        let reads = calls.copies.iter().chain([&calls.all]).enumerate().map(|(index, counter)| Reads {
            region: if index < scenario.copies { Region::ALL[index].name } else { "all" },
            total: counter.total,
            mean_per_second: rounded(float(counter.total) / scenario.length.as_secs_f64()),
            peak_per_second: counter.peak,
            throttled: counter.throttled,
        });
        let reads_a_month = float(calls.all.total) * (MONTH.as_secs_f64() / scenario.length.as_secs_f64());
        Self {
            scenario: scenario.name,
            seed,
            days: scenario.length.as_secs_f64() / 86_400.0,
            edges: scenario.edges,
            authorizers: scenario.authorizers,
            edge_regions: scenario.edge_regions,
            copies: scenario.copies,
            cold_starts: *cold_starts,
            requests: Requests {
                simulated: requests.simulated,
                admitted: requests.admitted,
                refused_within_the_limits: requests.faults,
                first_refusal: requests.first_fault.as_ref().map(|(at, reason)| format!("{}: {reason}", clock(*at))),
                refused_without_keys_in_an_outage: requests.without_keys,
                refused_in_an_emergency: requests.in_emergencies,
                verified_with_real_signatures: requests.verified_for_real,
                other_verdicts_of_real_signatures: requests.other_verdicts,
            },
            rotations: Rotations {
                planned: *rotated,
                least_seconds_left: after_rotation.least_left.map(|left| left.as_secs()),
            },
            emergencies: emergencies.iter().map(EmergencyReport::new).collect(),
            reads: reads.collect(),
            quota_per_second: QUOTA,
            dollars_a_month: Dollars {
                secrets: rounded(float(count(scenario.copies)) * DOLLARS_A_SECRET),
                reads: rounded(reads_a_month / 10_000.0 * DOLLARS_FOR_10_000_CALLS),
            },
        }
    }

    /// Every promise that this run found broken.
    pub fn broken_promises(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let name = self.scenario;
        let requests = &self.requests;
        if let Some(first) = &requests.first_refusal {
            let number = requests.refused_within_the_limits;
            broken.push(format!("{name}: {number} valid requests were refused within the limits, first at {first}"));
        }
        if requests.other_verdicts_of_real_signatures > 0 {
            let number = requests.other_verdicts_of_real_signatures;
            broken.push(format!("{name}: {number} real signatures had another verdict than their keys"));
        }
        for emergency in &self.emergencies {
            let stolen = &emergency.with_the_dropped_key;
            let late =
                if emergency.in_an_outage { stolen.after_the_bound_in_an_outage } else { stolen.after_the_bound };
            if late > 0 {
                broken.push(format!("{name}: {late} requests with the dropped key were admitted after the bound"));
            }
            // An edge that is far from every copy cannot read for a while, and has the bound of an outage.
            let late = emergency.valid_and_refused.after_the_bound_in_an_outage;
            if late > 0 {
                broken.push(format!("{name}: {late} valid requests were refused after the bound of the emergency"));
            }
        }
        broken
    }
}

impl EmergencyReport {
    fn new(emergency: &Emergency) -> Self {
        let side = |side: &Side| SideReport {
            requests: side.wrong,
            last_after_seconds: side.last.map(|last| rounded(last.as_secs_f64())),
            bound_seconds: side.bound.as_secs(),
            after_the_bound: side.after.0,
            bound_in_an_outage_seconds: side.bound_in_outage.as_secs(),
            after_the_bound_in_an_outage: side.after.1,
        };
        Self {
            seconds_after_the_start: emergency.at.since_start().as_secs(),
            in_an_outage: emergency.in_outage,
            with_the_dropped_key: side(&emergency.stolen),
            valid_and_refused: side(&emergency.refused),
        }
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, edges, authorizers, edge_regions, copies, requests, .. } = self;
        let (edges, authorizers) = (grouped(count(*edges)), grouped(count(*authorizers)));
        let days = if self.days > 1.0 { format!("{} days", self.days) } else { "1 day".to_owned() };
        writeln!(
            f,
            "{scenario}: {edges} edge processes in {edge_regions} Regions and {authorizers} authorizer processes, {copies} \
            copies of the secret, {days}, seed {seed}\n"
        )?;
        let mut rows = vec![
            ("cold starts", grouped(self.cold_starts)),
            ("planned rotations", grouped(count(self.rotations.planned))),
            ("valid requests simulated", grouped(requests.simulated)),
            ("  admitted", grouped(requests.admitted)),
            ("  refused within the limits", grouped(requests.refused_within_the_limits)),
            (
                "  refused in an outage by a process that had no fresh keys when it began",
                grouped(requests.refused_without_keys_in_an_outage),
            ),
            ("  refused for an emergency", grouped(requests.refused_in_an_emergency)),
            ("signed and verified with real signatures too", grouped(requests.verified_with_real_signatures)),
            ("  with another verdict", grouped(requests.other_verdicts_of_real_signatures)),
        ];
        if let Some(left) = self.rotations.least_seconds_left {
            rows.push(("shortest time from an admitted request until its key ended", span(left)));
        }
        let rows = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]);
        writeln!(f, "{}\n", table(&[], rows))?;

        if !self.emergencies.is_empty() {
            let header = ["emergency", "requests", "number", "last after", "bound", "later", "in an outage", "later"];
            let rows = self.emergencies.iter().flat_map(EmergencyReport::rows);
            writeln!(f, "{}\n", table(&header, rows))?;
        }

        let header = ["GetSecretValue", "total", "mean a second", "peak a second", "of the quota", "throttled"];
        let rows = self.reads.iter().map(|reads| {
            // Each Region has a quota of its own.
            let share = f64::from(reads.peak_per_second) / f64::from(self.quota_per_second) * 100.0;
            vec![
                reads.region.to_owned(),
                grouped(reads.total),
                format!("{:.1}", reads.mean_per_second),
                grouped(reads.peak_per_second.into()),
                if reads.region == "all" { String::new() } else { format!("{share:.1} %") },
                grouped(reads.throttled),
            ]
        });
        writeln!(f, "{}\n", table(&header, rows))?;
        let Dollars { secrets, reads } = self.dollars_a_month;
        writeln!(f, "a month: ${secrets:.2} for the secret and its replicas, ${reads:.2} for reads")
    }
}

impl EmergencyReport {
    fn rows(&self) -> [Vec<String>; 2] {
        let at = clock(Moment::at(Duration::from_secs(self.seconds_after_the_start)));
        let outage = if self.in_an_outage { ", in an outage" } else { "" };
        let row = |first: String, name: &str, side: &SideReport| {
            let last =
                side.last_after_seconds.map_or("-".to_owned(), |last| span(Duration::from_secs_f64(last).as_secs()));
            vec![
                first,
                name.to_owned(),
                grouped(side.requests),
                last,
                span(side.bound_seconds),
                grouped(side.after_the_bound),
                span(side.bound_in_an_outage_seconds),
                grouped(side.after_the_bound_in_an_outage),
            ]
        };
        [
            row(format!("{at}{outage}"), "admitted with the dropped key", &self.with_the_dropped_key),
            row(String::new(), "valid and refused", &self.valid_and_refused),
        ]
    }
}

/// The costs of one number of copies.
#[derive(Debug, Serialize)]
pub struct CopiesReport {
    edges: usize,
    authorizers: usize,
    copies: usize,
    reads_a_second: f64,
    dollars_a_month: Dollars,
    /// Edge processes whose reads are too slow for a request that has keys.
    edges_far_from_every_copy_percent: f64,
}

impl CopiesReport {
    /// Of a run of [`Scenario::with_copies`].
    pub fn new(scenario: &Scenario, run: &RunReport) -> Self {
        let far = Region::ALL
            .iter()
            .enumerate()
            .filter(|(index, region)| *index >= scenario.copies && region.is_far_from(&Region::ALL[0]));
        Self {
            edges: scenario.edges,
            authorizers: scenario.authorizers,
            copies: scenario.copies,
            reads_a_second: run.reads.last().map_or(0.0, |all| all.mean_per_second),
            dollars_a_month: run.dollars_a_month,
            edges_far_from_every_copy_percent: rounded(far.fold(0.0, |sum, (_, region)| sum + region.weight) * 100.0),
        }
    }

    /// All of them as a table.
    pub fn table(reports: &[Self]) -> String {
        let header = ["copies", "edges far from all", "reads a second", "secrets a month", "reads a month", "together"];
        let rows = reports.iter().map(|report| {
            let Dollars { secrets, reads } = report.dollars_a_month;
            vec![
                report.copies.to_string(),
                format!("{:.0} %", report.edges_far_from_every_copy_percent),
                format!("{:.1}", report.reads_a_second),
                format!("${secrets:.2}"),
                format!("${reads:.2}"),
                format!("${:.2}", secrets + reads),
            ]
        });
        // All have as many.
        let processes = |number: fn(&Self) -> usize| grouped(count(reports.first().map_or(0, number)));
        format!(
            "copies: {} edge processes in {} Regions and {} authorizer processes, 1 day\n\n{}\n",
            processes(|report| report.edges),
            Region::ALL.len(),
            processes(|report| report.authorizers),
            table(&header, rows)
        )
    }
}

/// Where the first valid request was refused.
#[derive(Debug, Serialize)]
pub struct LimitReport {
    limit: &'static str,
    promised_seconds: u64,
    first_refusal_at_seconds: Option<u64>,
    /// How exactly the first refusal is known.
    known_to_seconds: u64,
    refused_at_the_limit: u64,
    rotated: bool,
}

impl From<&FirstRefusal> for LimitReport {
    fn from(found: &FirstRefusal) -> Self {
        Self {
            limit: found.limit.name,
            promised_seconds: found.limit.promised.as_secs(),
            first_refusal_at_seconds: found.at.map(|at| at.as_secs()),
            known_to_seconds: found.step.as_secs(),
            refused_at_the_limit: found.faults_at_limit,
            rotated: found.rotated,
        }
    }
}

impl LimitReport {
    /// The promise, if it is broken or if the runs could not show it.
    pub fn broken_promise(&self) -> Option<String> {
        let Self {
            limit,
            promised_seconds,
            refused_at_the_limit: refused,
            first_refusal_at_seconds: first,
            rotated,
            ..
        } = self;
        match first {
            _ if *refused > 0 => {
                Some(format!("limits: {refused} valid requests were refused at a {limit} of {promised_seconds} s"))
            }
            _ if !rotated => Some(format!("limits: {limit}: the keys were not rotated")),
            None => Some(format!("limits: {limit}: no valid request was refused, so the run shows nothing")),
            Some(_) => None,
        }
    }

    /// All of them as a table.
    pub fn table(reports: &[Self]) -> String {
        let header = ["limit", "promised", "refused there", "first refusal at"];
        let rows = reports.iter().map(|report| {
            vec![
                report.limit.to_owned(),
                span(report.promised_seconds),
                grouped(report.refused_at_the_limit),
                report.first_refusal_at_seconds.map_or("-".to_owned(), span),
            ]
        });
        let quick = match reports.iter().map(|report| report.known_to_seconds).max() {
            Some(seconds @ 2..) => format!("; quick: each first refusal may come up to {} earlier", span(seconds)),
            _ => String::new(),
        };
        format!(
            "limits: 40 edge and 40 or 400 authorizer processes in 2 Regions, 4 hours around a rotation{quick}\n\n{}\n",
            table(&header, rows)
        )
    }
}

/// Columns, the first one of words and the others of numbers. Lines are indented by two.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if !header.is_empty() {
        table.set_header(header);
    }
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        if index > 0 && header.get(index) != Some(&"requests") {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// `12,345`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 min 38 s`
fn span(seconds: u64) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&Duration::from_secs(seconds))
}

/// A moment as `day 3, 04:05:06`.
fn clock(moment: Moment) -> String {
    let seconds = moment.since_start().as_secs();
    let (day, hour, minute, second) = (seconds / 86_400 + 1, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("day {day}, {hour:02}:{minute:02}:{second:02}")
}

/// To hundredths.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
