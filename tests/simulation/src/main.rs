//! `cargo xtask simulate`: Countersign at scale, and where the first valid request is refused.
//!
//! The exit status is 0 if every promise was kept, 1 if one was broken or something failed, and 2 if the command line is wrong.

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use serde::Serialize;
use simulation::{CopiesReport, Limit, LimitReport, RunReport, Scenario, chart, run};
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Simulate thousands of edges and authorizers through rotations, outages and emergencies, with the real caches and plans
#[derive(Parser)]
#[command(name = "cargo xtask simulate", bin_name = "cargo xtask simulate", max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    /// What to simulate
    #[arg(value_enum, default_value_t = Part::All)]
    part: Part,
    /// The seed of all randomness: the same seed prints the same
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Take far fewer processes, for a few seconds
    #[arg(long)]
    quick: bool,
    /// The form of the output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// The folder for the charts: quarter.svg and day.svg [default: target/simulation of the repository]
    #[arg(long, value_name = "FOLDER")]
    charts: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit status:
  0  Every promise was kept
  1  A promise was broken, or something failed, and standard error says what
  2  The command line is wrong, and nothing was done

Examples:
  cargo xtask simulate                  Simulate everything, which takes some minutes
  cargo xtask simulate day --quick      Simulate a day with few processes
  cargo xtask simulate limits --seed 7  Look where the first valid request is refused";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 2,000 edge and 200 authorizer processes, 90 days of daily rotations
    Quarter,
    /// 100,000 and 10,000 processes, one day with a rotation and emergencies
    Day,
    /// Where the first valid request is refused if lag, outages or clocks get worse
    Limits,
    /// What a month costs with 1 to 13 copies of the secret
    Copies,
    /// All of these
    All,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for people
    #[default]
    Text,
    /// One JSON object for programs
    Json,
}

/// The reports, in their order.
#[derive(Default, Serialize)]
struct Reports {
    runs: Vec<RunReport>,
    limits: Vec<LimitReport>,
    copies: Vec<CopiesReport>,
}

fn main() -> ExitCode {
    match simulate(&Arguments::parse()) {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            for promise in broken {
                let _ = writeln!(io::stderr(), "error: a promise was broken: {promise}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the promises that were broken.
fn simulate(arguments: &Arguments) -> Result<Vec<String>> {
    let &Arguments { part, seed, quick, format, .. } = arguments;
    let with = |other| part == other || part == Part::All;
    let sized = |scenario: Scenario| if quick { scenario.quick() } else { scenario };
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/simulation");
    let charts = arguments.charts.as_deref().unwrap_or(&default);
    let mut reports = Reports::default();
    for (other, scenario) in [(Part::Quarter, Scenario::quarter()), (Part::Day, Scenario::day())] {
        if with(other) {
            reports.runs.push(large(&sized(scenario), seed, charts)?);
        }
    }
    if with(Part::Limits) {
        let search = if quick { Limit::first_refusal_quickly } else { Limit::first_refusal };
        reports.limits = Limit::ALL.iter().map(|limit| LimitReport::from(&search(*limit, seed))).collect();
    }
    if with(Part::Copies) {
        for copies in [1, 2, 4, 8, 13] {
            let scenario = sized(Scenario::with_copies(copies));
            let report = RunReport::new(&scenario, seed, &run(&scenario, seed));
            reports.copies.push(CopiesReport::new(&scenario, &report));
        }
    }
    print(&reports, format)?;
    let of_limits = reports.limits.iter().filter_map(LimitReport::broken_promise);
    Ok(reports.runs.iter().flat_map(RunReport::broken_promises).chain(of_limits).collect())
}

/// One of the large runs, with its chart.
fn large(scenario: &Scenario, seed: u64, charts: &Path) -> Result<RunReport> {
    let outcome = run(scenario, seed);
    let file = charts.join(scenario.name).with_extension("svg");
    let chart = chart(scenario, &outcome)?;
    fs::create_dir_all(charts)
        .and_then(|()| fs::write(&file, chart))
        .with_context(|| format!("the chart cannot be written to {}", file.display()))?;
    Ok(RunReport::new(scenario, seed, &outcome))
}

fn print(reports: &Reports, format: Format) -> Result<()> {
    let mut texts: Vec<String> = reports.runs.iter().map(ToString::to_string).collect();
    if !reports.limits.is_empty() {
        texts.push(LimitReport::table(&reports.limits));
    }
    if !reports.copies.is_empty() {
        texts.push(CopiesReport::table(&reports.copies));
    }
    let text = match format {
        Format::Text => texts.join("\n"),
        Format::Json => serde_json::to_string_pretty(reports)? + "\n",
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("standard output cannot be written")
}
