//! How a decision grows with its event, beside a scan of the same JSON.

use crate::{
    bounds::{HEADERS as BY_HEADERS, QUERY, Row},
    fixtures::{HEADERS, QUERIES, headers_file, query_file},
    run::{Finding, Run},
    statistics::{Line, Ratio, Sample, number},
    workers::Side::Ours,
};
use anyhow::Result;

pub(crate) fn decisions(run: &mut Run<'_>) -> Result<()> {
    grow(run, &QUERY, QUERIES, QUERIES.map(query_file))?;
    grow(run, &BY_HEADERS, HEADERS, HEADERS.map(headers_file))
}

/// Below this R², it is a curve.
const STRAIGHT: f64 = 0.99;

fn grow(run: &mut Run<'_>, row: &'static Row, sizes: [usize; 4], files: [String; 4]) -> Result<()> {
    let decisions = files.each_ref().map(|file| format!("event@{file}"));
    let scans = files.each_ref().map(|file| format!("scan@{file}"));
    let [a, b, c, d] = decisions.each_ref().map(|name| (Ours, name.as_str()));
    let [e, f, g, h] = scans.each_ref().map(|name| (Ours, name.as_str()));
    let [a, b, c, d, e, f, g, h] = run.measure([a, b, c, d, e, f, g, h])?;
    let (decisions, scans) = ([a, b, c, d], [e, f, g, h]);
    // A slope shows every disturbance, so it is that of the fastest rounds.
    let line = |samples: &[Sample]| {
        let points: Vec<_> = sizes.iter().map(|size| number(*size)).zip(samples.iter().map(Sample::least)).collect();
        Line::through(&points)
    };
    let (ours, theirs) = (line(&decisions), line(&scans));
    // Between neighbours, for the spread.
    let slopes = |samples: &[Sample]| -> Vec<f64> {
        let steps = sizes.windows(2).zip(samples.windows(2));
        steps
            .filter_map(|(sizes, samples)| match (sizes, samples) {
                ([from, to], [low, high]) => Some((high.least() - low.least()) / (number(*to) - number(*from))),
                _ => None,
            })
            .collect()
    };
    let steps = Sample(slopes(&decisions).iter().zip(slopes(&scans)).map(|(ours, theirs)| ours / theirs).collect());
    // On a curve the steepest step counts.
    let value = if ours.r_squared >= STRAIGHT { ours.slope / theirs.slope } else { steps.percentile(1.0) };
    let ratio = Ratio { median: value, spread: (steps.percentile(0.1), steps.percentile(0.9)), of_least: value };
    run.findings.push(Finding { row, ours: ours.slope, theirs: Some(theirs.slope), value, ratio: Some(ratio) });
    Ok(())
}
