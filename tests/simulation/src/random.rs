//! Randomness from a seed. Logarithms come from `libm`, so that a run is the same on every machine.

use std::{ops::Range, time::Duration};

/// A stream of random numbers.
#[derive(Debug)]
pub(crate) struct Random(fastrand::Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Another stream.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.u8(..)
    }

    pub(crate) fn secret(&mut self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.0.fill(&mut secret);
        secret
    }

    /// One of the numbers below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.f64() < probability
    }

    /// A number from -`most` to `most`.
    pub(crate) fn around_zero(&mut self, most: i64) -> i64 {
        self.0.i64(-most..=most)
    }

    /// Each moment of the range is equally likely.
    pub(crate) fn between(&mut self, range: &Range<Duration>) -> Duration {
        range.start + range.end.saturating_sub(range.start).mul_f64(self.0.f64())
    }

    /// Each factor of the range is equally likely: as many from one second to ten as from ten to a hundred.
    pub(crate) fn between_by_factor(&mut self, range: &Range<Duration>) -> Duration {
        let factor = range.end.as_secs_f64() / range.start.as_secs_f64();
        range.start.mul_f64(libm::pow(factor, self.0.f64()))
    }

    /// The time until the next event of a Poisson process, for example until the next request.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-libm::log(1.0 - self.0.f64()))
    }

    /// An index, with these weights.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.0.f64() * weights.clone().sum::<f64>();
        let found = weights.clone().position(|weight| {
            left -= weight;
            left < 0.0
        });
        found.unwrap_or(weights.count().saturating_sub(1))
    }
}
