//! Both doors, as anybody finds them.

use crate::doctor::{check::Check, targets::Targets};
use clap::Args;

#[derive(Args)]
pub(crate) struct RequestOptions {
    /// The path below the API's URL that is asked for: one that answers GET, and to which any request is harmless
    #[arg(long, value_name = "PATH", default_value = "/", help_heading = "Requests")]
    path: String,
}

/// Sends the requests, and says what the answers show.
pub(crate) async fn examine(_targets: &Targets, _options: &RequestOptions) -> Vec<Check> {
    Vec::new()
}
