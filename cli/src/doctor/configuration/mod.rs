//! The configuration of the distribution, the API and the functions, as the AWS command line reads it: all that `status` reads, and
//! what decides whether a request can reach the API without a signature.

mod answers;
mod examined;
mod exception;
mod finding;
mod reading;

use crate::{
    aws::Aws,
    doctor::{
        check::{Check, Part},
        targets::Targets,
    },
    finding::Mark,
    output,
    status::{self, Deployed, summary::Status},
};
use clap::Args;
use examined::Examined;
use exception::Exception;
use signing::UnixSeconds;

#[derive(Args)]
pub(crate) struct ConfigurationOptions {
    /// A method or a route that is to stay without Countersign's authorizer, as 'GET /health'. Can be repeated
    #[arg(long = "except", value_name = "METHOD PATH", help_heading = "API", requires = "stack")]
    exceptions: Vec<Exception>,
}

/// Reads the configuration, and says what is wrong with it. Without a stack this is the distribution, and without its id nothing.
pub(crate) async fn examine(
    aws: &Aws<'_>,
    targets: &Targets,
    options: &ConfigurationOptions,
    now: UnixSeconds,
) -> Vec<Check> {
    let deployed = match targets.stack.as_ref().map(Deployed::of).transpose() {
        Ok(deployed) => deployed,
        Err(error) => return vec![Check::unread(Part::Configuration, "stack", output::chain(&error))],
    };
    let (of_status, read) = tokio::join!(
        async {
            match &deployed {
                Some(deployed) => Some(status::read(aws, deployed, targets.distribution.as_deref(), now).await),
                None => None,
            }
        },
        reading::read(aws, deployed.as_ref(), targets.distribution.as_deref()),
    );
    let mut checks = Vec::new();
    if let (Some(deployed), Some(answers)) = (&deployed, &of_status) {
        checks.extend(in_force(&Status::of(answers, now), deployed, now));
    }
    let function = of_status.as_ref().and_then(|answers| answers.authorizer.as_ref().ok());
    let exceptions = &*options.exceptions;
    checks.extend(Examined { targets, deployed: deployed.as_ref(), function, exceptions, now }.checks(&read));
    checks
}

/// The lines of `status`.
fn in_force(status: &Status, deployed: &Deployed<'_>, now: UnixSeconds) -> Vec<Check> {
    let names = deployed.names("doctor");
    let mut checks = Vec::new();
    for line in &status.lines {
        let found: Vec<_> = line.findings.iter().map(|finding| finding.found(&names, now)).collect();
        let error = status.unread.iter().find(|(what, _)| line.mark == Mark::Unread && *what == line.what);
        if let Some((_, error)) = error {
            checks.push(Check::unread(Part::Configuration, line.what, error));
            if found.is_empty() {
                continue;
            }
        }
        let value = format!("{}{}", line.value, status::times(line.since, line.due, now));
        checks.push(Check::seen(Part::Configuration, line.what, value, found));
    }
    checks
}
