//! Whether somebody else used the machine meanwhile.

use crate::{processors::Processors, statistics::Sample};
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::{fs, hint::black_box, time::Instant};

/// By how much the 90th percentile of the fixed work may exceed its 10th.
const MOST_SPREAD: f64 = 1.15;
/// How much of the other processors' time may be spent. The harness itself, and what answers to the measured programs, spend some.
const MOST_BUSY: f64 = 0.25;
/// How much time the hypervisor may take.
const MOST_STOLEN: f64 = 0.01;

/// Looks at the machine from the beginning of a run.
#[derive(Debug)]
pub(crate) struct Watch {
    load_before: f64,
    ticks_before: Ticks,
    measured: usize,
    /// How long the same work took, again and again, on the processor that measures.
    work: Sample,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Noise {
    /// The load average of a minute, before the run.
    pub(crate) load_before: f64,
    /// Of a fixed piece of work on the processor that measures: the 90th percentile of its times by the 10th. Nothing if nothing was
    /// timed.
    pub(crate) spread: Option<f64>,
    /// The part of the time for which the other processors were busy.
    pub(crate) busy: f64,
    /// The part of the time that the hypervisor took.
    pub(crate) stolen: f64,
}

/// Counters of `/proc/stat`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ticks {
    /// Of all processors.
    all: f64,
    stolen: f64,
    /// Of those that do not measure.
    others: f64,
    others_busy: f64,
}

impl Watch {
    pub(crate) fn begin(processors: &Processors) -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg").context("/proc/loadavg cannot be read")?;
        let load_before = load.split(' ').next().unwrap_or_default().parse().context("/proc/loadavg")?;
        let measured = processors.measured;
        Ok(Self { load_before, ticks_before: ticks(measured)?, measured, work: Sample::default() })
    }

    /// Does the fixed work once.
    pub(crate) fn look(&mut self, processors: &Processors) -> Result<()> {
        let took = processors.on_measured(|| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64()
        })?;
        self.work.0.push(took * 1e9);
        Ok(())
    }

    pub(crate) fn end(&self) -> Result<Noise> {
        let (before, after) = (self.ticks_before, ticks(self.measured)?);
        let part = |part: fn(&Ticks) -> f64, of: fn(&Ticks) -> f64| {
            (part(&after) - part(&before)) / (of(&after) - of(&before)).max(1.0)
        };
        Ok(Noise {
            load_before: self.load_before,
            spread: (!self.work.0.is_empty()).then(|| self.work.percentile(0.9) / self.work.percentile(0.1)),
            busy: part(|ticks| ticks.others_busy, |ticks| ticks.others),
            stolen: part(|ticks| ticks.stolen, |ticks| ticks.all),
        })
    }
}

impl Noise {
    /// What disturbed the run; nothing if it was quiet.
    pub(crate) fn disturbances(&self) -> Vec<String> {
        let mut found = Vec::new();
        // Counts are the same on a busy machine.
        let Some(spread) = self.spread else { return found };
        if spread.is_nan() || spread > MOST_SPREAD {
            found.push(format!("the same work took {spread:.2} times as long in some rounds as in others"));
        }
        if self.busy > MOST_BUSY {
            found.push(format!("the other processors were busy for {:.0} % of the time", self.busy * 100.0));
        }
        if self.stolen > MOST_STOLEN {
            found.push(format!("the hypervisor took {:.1} % of the time", self.stolen * 100.0));
        }
        found
    }

    /// The verdict, with the figures.
    pub(crate) fn sentence(&self) -> String {
        let Some(spread) = self.spread else {
            return "Nothing was timed, so no other program could disturb it.".to_owned();
        };
        let figures = format!(
            "load average before the run {:.2}; the same work, 90th percentile by 10th: {:.2} (quiet: up to {MOST_SPREAD:.2}); other \
            processors busy: {:.0} % (up to {:.0} %); time taken by the hypervisor: {:.1} % (up to {:.0} %)",
            self.load_before,
            spread,
            self.busy * 100.0,
            MOST_BUSY * 100.0,
            self.stolen * 100.0,
            MOST_STOLEN * 100.0,
        );
        match self.disturbances() {
            quiet if quiet.is_empty() => format!("The machine was quiet: {figures}."),
            found => {
                format!("The run was DISTURBED, so do not record it: {}. In figures: {figures}.", found.join("; "))
            }
        }
    }
}

/// Work that slows down with everything that a program can meet: a lower clock, a neighbour on the same core, a full cache. Its chains
/// do not wait for each other, so it needs the whole core.
fn work() {
    let mut table = [0_u64; 1024];
    let mut chains = [1_u64, 2, 3, 4];
    for round in 0..40_000_u64 {
        for (chain, place) in chains.iter_mut().zip([3, 11, 17, 29]) {
            *chain = chain.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31) ^ round;
            let at = usize::try_from((*chain >> place) & 1023).unwrap_or_default();
            if let Some(entry) = table.get_mut(at) {
                *entry = entry.wrapping_add(*chain);
            }
        }
    }
    black_box((table, chains));
}

fn ticks(measured: usize) -> Result<Ticks> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat cannot be read")?;
    Ok(read_ticks(&stat, measured))
}

/// A line is `cpu1 user nice system idle iowait irq softirq steal …`.
fn read_ticks(stat: &str, measured: usize) -> Ticks {
    let mut ticks = Ticks::default();
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let Some(processor) = words.next().and_then(|word| word.strip_prefix("cpu")?.parse::<usize>().ok()) else {
            continue;
        };
        let times: Vec<f64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
        let all: f64 = times.iter().sum();
        let time = |at: usize| times.get(at).copied().unwrap_or_default();
        ticks.all += all;
        ticks.stolen += time(7);
        if processor != measured {
            ticks.others += all;
            ticks.others_busy += all - time(3) - time(4);
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Noise = Noise { load_before: 0.3, spread: Some(1.02), busy: 0.03, stolen: 0.0 };

    #[test]
    fn a_run_that_was_disturbed_says_so() {
        for (noise, expected) in [
            (QUIET, &[][..]),
            // The load of what was built before the run.
            (Noise { load_before: 3.0, ..QUIET }, &[]),
            (
                Noise { spread: Some(1.4), ..QUIET },
                &["the same work took 1.40 times as long in some rounds as in others"],
            ),
            (Noise { busy: 0.5, ..QUIET }, &["the other processors were busy for 50 % of the time"]),
            (Noise { stolen: 0.02, ..QUIET }, &["the hypervisor took 2.0 % of the time"]),
            // Only counts.
            (Noise { spread: None, busy: 0.9, ..QUIET }, &[]),
        ] {
            assert_eq!(noise.disturbances(), expected, "{noise:?}");
        }
        assert!(QUIET.sentence().starts_with("The machine was quiet: load average before the run 0.30; "));
        let disturbed = Noise { busy: 0.5, ..QUIET }.sentence();
        assert!(
            disturbed.starts_with("The run was DISTURBED, so do not record it: the other processors"),
            "{disturbed}"
        );
    }

    #[test]
    fn the_counters_of_the_system_are_read() {
        let stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 0 5 80 3 0 1 1 0 0\ncpu1 50 0 50 100 0 0 0 0 0 0\nintr 5\n";
        assert_eq!(read_ticks(stat, 1), Ticks { all: 300.0, stolen: 1.0, others: 100.0, others_busy: 17.0 });
        assert_eq!(read_ticks(stat, 0), Ticks { all: 300.0, stolen: 1.0, others: 200.0, others_busy: 100.0 });
    }
}
