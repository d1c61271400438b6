//! Conversions of counts that cannot fail here.

/// A number of things in memory.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).expect("no machine has more than 64 bits")
}

#[expect(clippy::as_conversions, reason = "counts have less than 53 bits")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
