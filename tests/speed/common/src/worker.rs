//! A worker stays alive and measures what it is asked for.

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    io::{self, BufRead as _, Write as _},
    time::{Duration, Instant},
};

/// What a line with an answer begins with. Other lines of a worker are its log.
pub const REPLY: &str = "reply ";

/// Does something that often.
pub type Bench = Box<dyn Fn(u64)>;

/// How long one round took, in nanoseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Reply {
    /// Processor time of all threads.
    pub ns: f64,
    /// Time of the clock.
    pub wall: f64,
}

/// Answers each line `NAME ROUNDS` of standard input, until its end. `make` makes the bench of a name, and checks that it does what it
/// should.
///
/// # Errors
/// If a line does not have this form, if `make` fails, or if the answer cannot be written.
pub fn serve(make: impl Fn(&str) -> Result<Bench>) -> Result<()> {
    let mut benches: HashMap<String, Bench> = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (name, rounds) = line.split_once(' ').context("a question is NAME ROUNDS")?;
        let rounds: u64 = rounds.parse()?;
        if !benches.contains_key(name) {
            benches.insert(name.to_owned(), make(name)?);
        }
        let bench = benches.get(name).context("it was just made")?;
        let (begun, before) = (Instant::now(), processor_time());
        bench(rounds);
        let (after, wall) = (processor_time(), begun.elapsed());
        let reply = Reply { ns: per_round(after.saturating_sub(before), rounds), wall: per_round(wall, rounds) };
        writeln!(io::stdout(), "{REPLY}{}", serde_json::to_string(&reply)?)?;
    }
    Ok(())
}

#[expect(clippy::as_conversions, reason = "a count of rounds is far below 2^52")]
fn per_round(time: Duration, rounds: u64) -> f64 {
    time.as_secs_f64() * 1e9 / rounds as f64
}

/// Of all threads of this process.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
