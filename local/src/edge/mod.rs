//! CloudFront, with an origin-request function.

pub(crate) mod distribution;
pub(crate) mod event;
pub(crate) mod rules;

#[cfg(test)]
mod forwarding_tests;
#[cfg(test)]
mod limits_tests;
