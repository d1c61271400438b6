//! The configuration of the distribution, the API and the functions, as the AWS command line reads it.

use crate::{
    aws::Aws,
    doctor::{check::Check, targets::Targets},
};

/// Reads the configuration, and says what is wrong with it.
pub(crate) async fn examine(_aws: &Aws<'_>, _targets: &Targets) -> Vec<Check> {
    Vec::new()
}
