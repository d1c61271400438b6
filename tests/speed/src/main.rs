//! `cargo xtask bench`: Countersign's speed beside what users take instead, and beside the floor of the hardware.
//!
//! All sides are workers that stay alive. They take turns on one processor, and each comparison is the median of the ratios of its
//! rounds: what slows one round down slows both sides down. The bounds are in one table, `bounds.rs`.

mod aws;
mod bounds;
mod environment;
mod fixtures;
mod issuer;
mod loopback;
mod noise;
mod processors;
mod report;
mod rows;
mod run;
mod runtime_api;
mod statistics;
mod workers;

use anyhow::{Context as _, Result};
use clap::Parser;
use environment::{Environment, Places};
use fixtures::Fixtures;
use jiff::Timestamp;
use processors::Processors;
use report::{Machine, Report};
use run::{Pace, Run};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};

/// Measures Countersign beside what users take instead
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// The rows of the table, with commas between them [default: all]
    #[arg(long, value_name = "ROWS", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=i64::from(rows::LAST)))]
    rows: Vec<u8>,
    /// Try everything for a moment: the figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Write every measured value into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table into this document, between its lines `bench: begin` and `bench: end`
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let Arguments { rows, quick, json, markdown, places } = arguments;
    let rows: BTreeSet<u8> = if rows.is_empty() { (1..=rows::LAST).collect() } else { rows.into_iter().collect() };
    let environment = Environment::new(places, Processors::choose()?)?;
    let fixtures = Fixtures::write(SystemTime::now())?;
    let pace = if quick { Pace::QUICK } else { Pace::WHOLE };
    let mut run = Run::new(&environment, &fixtures, pace)?;
    rows::measure(&mut run, &rows, |rows| {
        let rows: Vec<_> = rows.iter().map(u8::to_string).collect();
        let _ = writeln!(io::stderr(), "measuring rows {}", rows.join(", "));
    })?;
    let noise = run.watch.end()?;
    let Run { findings, samples, .. } = run;
    let report = Report { findings, samples, noise, pace, is_quick: quick, machine: machine(&environment)? };
    io::stdout().write_all(report.terminal().as_bytes()).context("standard output cannot be written")?;
    if let Some(file) = json {
        fs::write(&file, format!("{}\n", report.json()))
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    if let Some(document) = markdown {
        report::put(&document, &report.markdown())?;
    }
    Ok(())
}

fn machine(environment: &Environment) -> Result<Machine> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo cannot be read")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let rustc = environment.version_of("rustc")?;
    Ok(Machine {
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
        version: telemetry::VERSION,
        processor: model.map_or_else(|| "an unknown processor".to_owned(), |(_, name)| name.to_owned()),
        processors: environment.processors.others.len() + 1,
        versions: vec![
            format!("Node {}", environment.version_of("node")?.trim_start_matches('v')),
            environment.version_of("python")?,
            rustc.split(" (").next().unwrap_or_default().to_owned(),
        ],
    })
}
