//! A method that is to stay without the authorizer.

use anyhow::{Error, Result, ensure};
use std::str::FromStr;

/// The name of a method of a REST API, `GET /pets`, or the key of a route: `$default`, `ANY /{proxy+}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception(String);

impl Exception {
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl FromStr for Exception {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_method = text.split_once(' ').is_some_and(|(method, path)| !method.is_empty() && path.starts_with('/'));
        ensure!(
            is_method || text.starts_with('$'),
            "accepted is METHOD PATH as 'GET /health', or the key of a route as $default"
        );
        Ok(Self(text.to_owned()))
    }
}
