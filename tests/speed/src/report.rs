//! What a run says: a table for the terminal, one in Markdown, and JSON with every value.

use crate::{
    bounds::{Bound, Row, Unit},
    noise::Noise,
    run::{Finding, Pace},
    statistics::Sample,
};
use anyhow::{Context as _, Result};
use comfy_table::{Table, presets::NOTHING};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// What was measured, where.
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
    pub(crate) samples: BTreeMap<String, Vec<Sample>>,
    pub(crate) noise: Noise,
    pub(crate) pace: Pace,
    pub(crate) is_quick: bool,
    pub(crate) machine: Machine,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) version: &'static str,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) versions: Vec<String>,
}

const TITLES: [&str; 10] = ["row", "what", "beside", "ours", "theirs", "ratio", "spread", "best", "bound", ""];

impl Report {
    pub(crate) fn terminal(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(TITLES);
        let mut before = None;
        for finding in &self.findings {
            let mut cells = cells(finding);
            // What a row says again is left out.
            if let [number, what, ..] = &mut cells
                && before.replace(finding.row.what) == Some(finding.row.what)
            {
                number.clear();
                what.clear();
            }
            table.add_row(cells);
        }
        format!("{}\n\n{}\n", table.trim_fmt(), self.sentences().join("\n"))
    }

    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&TITLES.map(str::to_owned));
        text.push_str(&format!("|{}\n", " --- |".repeat(TITLES.len())));
        for finding in &self.findings {
            text.push_str(&line(&cells(finding).map(|cell| if cell == MISSES { format!("**{cell}**") } else { cell })));
        }
        format!("{text}\n{}\n", self.sentences().join("\n\n"))
    }

    pub(crate) fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            let ratio = finding.ratio;
            json!({
                "row": finding.row,
                "ours": finding.ours,
                "theirs": finding.theirs,
                "value": finding.value,
                "spread": ratio.map(|ratio| [ratio.spread.0, ratio.spread.1]),
                "of_least": ratio.map(|ratio| ratio.of_least),
                "holds": finding.holds(),
            })
        };
        let Machine { date, version, processor, processors, versions } = &self.machine;
        json!({
            "date": date,
            "version": version,
            "machine": { "processor": processor, "processors": processors, "versions": versions },
            "quick": self.is_quick,
            "noise": self.noise,
            "disturbances": self.noise.disturbances(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "samples": self.samples.iter().map(|(name, samples)| {
                (name.clone(), samples.iter().map(|sample| json!(sample.0)).collect())
            }).collect::<serde_json::Map<String, Value>>(),
        })
    }

    fn sentences(&self) -> Vec<String> {
        let Machine { date, version, processor, processors, versions } = &self.machine;
        let Pace { rounds, starts, .. } = self.pace;
        let missed = self.findings.iter().filter(|finding| finding.holds() == Some(false)).count();
        let held = self.findings.iter().filter(|finding| finding.holds() == Some(true)).count();
        let mut sentences = vec![
            format!("{held} bounds hold, {missed} are missed."),
            format!(
                "Countersign {version} on {date}: {processor}, one of {processors} processors; {}. Ratios are the median of {rounds} \
                rounds in which the sides took turns ({starts} for processes), and their spread is the 10th to the 90th percentile.",
                versions.join("; ")
            ),
            self.noise.sentence(),
        ];
        if self.is_quick {
            sentences.push("This was a quick run, whose figures mean nothing.".to_owned());
        }
        sentences
    }
}

/// What a reader should find at once.
const MISSES: &str = "misses";

fn cells(finding: &Finding) -> [String; 10] {
    let Row { number, what, theirs, bound, unit } = *finding.row;
    let digits = |ratio: f64| match ratio {
        small if small < 0.2 => format!("{small:.3}"),
        middle if middle < 20.0 => format!("{middle:.2}"),
        large => format!("{large:.0}"),
    };
    let is_count = finding.ratio.is_none();
    let limit = |limit: f64| if is_count { quantity(limit, unit) } else { format!("{limit} ×") };
    [
        number.to_string(),
        what.to_owned(),
        theirs.to_owned(),
        quantity(finding.ours, unit),
        finding.theirs.map(|theirs| quantity(theirs, unit)).unwrap_or_default(),
        finding.ratio.map(|found| format!("{} ×", digits(found.median))).unwrap_or_default(),
        finding.ratio.map(|found| format!("{}–{}", digits(found.spread.0), digits(found.spread.1))).unwrap_or_default(),
        finding.ratio.map(|found| digits(found.of_least)).unwrap_or_default(),
        match bound {
            Bound::AtMost(most) => format!("≤ {}", limit(most)),
            Bound::AtLeast(least) => format!("≥ {}", limit(least)),
            Bound::Information => String::new(),
        },
        match finding.holds() {
            Some(true) => "holds".to_owned(),
            Some(false) => MISSES.to_owned(),
            None => String::new(),
        },
    ]
}

fn quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Time if value < 100.0 => format!("{value:.1} ns"),
        Unit::Time if value < 1e3 => format!("{value:.0} ns"),
        Unit::Time if value < 1e6 => format!("{:.2} µs", value / 1e3),
        Unit::Time => format!("{:.2} ms", value / 1e6),
        Unit::Bytes if value < 1e6 => format!("{:.0} kB", value / 1e3),
        Unit::Bytes => format!("{:.2} MB", value / 1e6),
        Unit::Count => format!("{value:.0}"),
    }
}

const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->";

/// Puts a table into the place of a document for it.
pub(crate) fn put(document: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(document).with_context(|| format!("{} cannot be read", document.display()))?;
    let replaced = replaced(&text, table).with_context(|| {
        format!(
            "{} has no place for the table\nhint: write the lines {:?} and {END:?} there",
            document.display(),
            BEGIN.trim_end()
        )
    })?;
    fs::write(document, replaced).with_context(|| format!("{} cannot be written", document.display()))
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bounds::{EDGE_FETCHED, EDGE_ZIP_SIZE, EVENT_FLOOR, SIGN, SIGN_HTTPSIG},
        statistics::Ratio,
    };

    fn found(row: &'static Row, ours: f64, theirs: f64, median: f64) -> Finding {
        let ratio = Ratio { median, spread: (median - 0.25, median + 0.25), of_least: median };
        Finding { row, ours, theirs: Some(theirs), value: median, ratio: Some(ratio) }
    }

    #[test]
    fn a_row_shows_both_sides_their_ratio_and_the_bound() {
        let zip = Finding { row: &EDGE_ZIP_SIZE, ours: 2_100_000.0, theirs: None, value: 2_100_000.0, ratio: None };
        for (finding, expected) in [
            (
                found(&SIGN, 512.0, 256.0, 2.0),
                "2|a request is signed|SHA-256 compressions|512 ns|256 ns|2.00 ×|1.75–2.25|2.00|≤ 2 ×|holds",
            ),
            (
                found(&SIGN_HTTPSIG, 1000.0, 4870.0, 4.87),
                "2|a request is signed|crate httpsig|1.00 µs|4.87 µs|4.87 ×|4.62–5.12|4.87|≥ 8 ×|misses",
            ),
            (
                found(&EVENT_FLOOR, 5.5e6, 42.0, 130_952.0),
                "4|REST event to answer, with its log line|JSON scan + compressions|5.50 ms|42.0 ns|130952 ×|130952–130952|\
                130952||",
            ),
            (
                found(&EDGE_FETCHED, 12.0e6, 150.0e6, 0.0804),
                "8|fresh edge process, key fetched: first signature|JavaScript with AWS SDK|12.00 ms|150.00 ms|0.080 ×|\
                -0.170–0.33|0.080|≤ 0.08 ×|misses",
            ),
            (zip, "14|size of edge-signer.zip||2.10 MB|||||≤ 2.00 MB|misses"),
        ] {
            assert_eq!(cells(&finding).join("|"), expected);
        }
    }

    #[test]
    fn a_document_gets_the_table_in_its_place() {
        let text = "a\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nb\n";
        let expected = "a\n<!-- bench: begin -->\n\nnew\n\n<!-- bench: end -->\nb\n";
        assert_eq!(replaced(text, "new\n").unwrap(), expected);
        assert_eq!(replaced(expected, "new\n").unwrap(), expected, "it does not grow");
        assert_eq!(replaced("a\n", "new\n"), None);
    }
}
