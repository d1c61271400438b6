//! How long tests wait.

use std::time::Duration;

/// The end of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
