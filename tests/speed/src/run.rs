//! A run: sides take turns, and each comparison becomes a finding.

use crate::{
    bounds::{Bound, Row},
    environment::Environment,
    fixtures::Fixtures,
    noise::Watch,
    statistics::{Ratio, Sample},
    workers::{Bench, Side, Workers},
};
use anyhow::Result;
use std::{array, collections::BTreeMap, time::Duration};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The turns of workers.
    pub(crate) rounds: usize,
    /// The time of one turn.
    pub(crate) slice: Duration,
    /// The turns of processes.
    pub(crate) starts: usize,
    /// The invocations of a process after its first.
    pub(crate) warm: usize,
}

impl Pace {
    pub(crate) const WHOLE: Self = Self { rounds: 41, slice: Duration::from_millis(20), starts: 15, warm: 2000 };
    pub(crate) const QUICK: Self = Self { rounds: 5, slice: Duration::from_millis(2), starts: 2, warm: 50 };
}

/// What came out of a row.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) row: &'static Row,
    /// The median of ours, and of theirs if there is another side.
    pub(crate) ours: f64,
    pub(crate) theirs: Option<f64>,
    /// The number that the bound limits: the ratio, or the median of ours where nothing is compared.
    pub(crate) value: f64,
    pub(crate) ratio: Option<Ratio>,
}

impl Finding {
    pub(crate) fn holds(&self) -> Option<bool> {
        self.row.bound.holds(self.value)
    }
}

pub(crate) struct Run<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) fixtures: &'a Fixtures,
    pub(crate) pace: Pace,
    workers: Workers<'a>,
    pub(crate) watch: Watch,
    pub(crate) findings: Vec<Finding>,
    /// Every value, by what was measured.
    pub(crate) samples: BTreeMap<String, Vec<Sample>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(environment: &'a Environment, fixtures: &'a Fixtures, pace: Pace) -> Result<Self> {
        Ok(Self {
            environment,
            fixtures,
            pace,
            workers: Workers::new(environment, fixtures),
            watch: Watch::begin(&environment.processors)?,
            findings: Vec::new(),
            samples: BTreeMap::new(),
        })
    }

    /// Measures benches in turns: the processor time of a round in nanoseconds.
    pub(crate) fn measure<const N: usize>(&mut self, benches: [(Side, &str); N]) -> Result<[Sample; N]> {
        let benches = benches.map(|(side, name)| Bench { side, name: name.to_owned() });
        for bench in &benches {
            self.workers.calibrate(bench, self.pace.slice)?;
        }
        let mut samples: [Sample; N] = array::from_fn(|_| Sample::default());
        for turn in 0..self.pace.rounds {
            self.watch.look(&self.environment.processors)?;
            for (bench, sample) in in_turn(turn, benches.iter().zip(&mut samples)) {
                sample.0.push(self.workers.measure(bench)?.ns);
            }
        }
        for (bench, sample) in benches.iter().zip(&samples) {
            self.keep(bench.label(), sample);
        }
        Ok(samples)
    }

    /// Measures processes in turns: `measure` starts one, and returns its values.
    pub(crate) fn start<T: Copy, const N: usize, const M: usize>(
        &mut self,
        what: &str,
        processes: [T; N],
        values: [&str; M],
        measure: impl Fn(&Self, T) -> Result<[f64; M]>,
    ) -> Result<[[Sample; M]; N]> {
        let mut samples: [[Sample; M]; N] = array::from_fn(|_| array::from_fn(|_| Sample::default()));
        for turn in 0..self.pace.starts {
            self.watch.look(&self.environment.processors)?;
            for (process, samples) in in_turn(turn, processes.iter().zip(&mut samples)) {
                for (value, sample) in measure(self, *process)?.into_iter().zip(samples) {
                    sample.0.push(value);
                }
            }
        }
        for (at, samples) in samples.iter().enumerate() {
            for (value, sample) in values.iter().zip(samples) {
                self.keep(format!("{what} {at}: {value}"), sample);
            }
        }
        Ok(samples)
    }

    fn keep(&mut self, label: String, sample: &Sample) {
        self.samples.entry(label).or_default().push(sample.clone());
    }

    /// A comparison of two sides that took turns.
    pub(crate) fn compare(&mut self, row: &'static Row, ours: &Sample, theirs: &Sample) {
        let ratio = match row.bound {
            Bound::AtLeast(_) => theirs.by(ours),
            Bound::AtMost(_) | Bound::Information => ours.by(theirs),
        };
        let (ours, theirs) = (ours.median(), Some(theirs.median()));
        self.findings.push(Finding { row, ours, theirs, value: ratio.median, ratio: Some(ratio) });
    }

    /// A count of ours.
    pub(crate) fn count(&mut self, row: &'static Row, ours: f64) {
        self.findings.push(Finding { row, ours, theirs: None, value: ours, ratio: None });
    }
}

/// Every second turn begins at the other end, so that no side always comes after the same other side.
fn in_turn<T>(turn: usize, sides: impl DoubleEndedIterator<Item = T>) -> Vec<T> {
    if turn.is_multiple_of(2) { sides.collect() } else { sides.rev().collect() }
}
