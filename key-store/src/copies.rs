//! A secret that has copies in several Regions.

use crate::store::{KeyStore, ReadError};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, timeout};

/// The copy of a secret in one Region.
pub trait SecretCopy: Send + Sync {
    /// The value that is read.
    type Value: Send + Sync;

    /// The Region, for messages.
    fn region(&self) -> &str;

    /// Reads the present value. The error is text for the log.
    fn read(&self) -> impl Future<Output = Result<Self::Value, String>> + Send;
}

/// The copies of a secret that one process reads, in the order in which they are asked.
#[derive(Debug)]
pub struct Copies<C>(Vec<C>);

impl<C: SecretCopy> Copies<C> {
    /// These copies, the one to ask first at the start.
    pub fn new(copies: Vec<C>) -> Self {
        Self(copies)
    }

    /// The copies, in their order.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &C> {
        self.0.iter()
    }
}

impl<C: SecretCopy> KeyStore for Copies<C> {
    type Value = C::Value;

    /// Each Region gets its share of the patience: if one hangs, there is time left for the next.
    async fn read(&self, patience: Duration) -> Result<C::Value, ReadError> {
        let end = Instant::now() + patience;
        let mut problems = Vec::new();
        for (index, copy) in self.0.iter().enumerate() {
            let copies_left = u32::try_from(self.0.len() - index).unwrap_or(u32::MAX);
            let share = end.saturating_duration_since(Instant::now()) / copies_left;
            match timeout(share, copy.read()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(problem)) => problems.push(problem),
                Err(_) => problems.push(format!(
                    "secretsmanager in {} did not answer within {} ms",
                    copy.region(),
                    share.as_millis()
                )),
            }
        }
        Err(ReadError(problems.join("; ")))
    }
}
