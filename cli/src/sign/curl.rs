//! A request as a command for a POSIX shell.

use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// HTTP/1.1, since REST APIs match the names of identity sources by case, and the target as it is in the URL.
pub(crate) fn curl(method: &str, url: &str, headers: &[(String, String)], body: Option<&Path>) -> Result<String> {
    let mut words = ["curl", "--http1.1", "--globoff", "--path-as-is", "--request", method].map(str::to_owned).to_vec();
    if method == "HEAD" {
        words.push("--head".to_owned());
    }
    for (name, value) in headers {
        words.extend(["--header".to_owned(), format!("{name}: {value}")]);
    }
    if let Some(body) = body {
        let path = body.to_str().context("--body must be a path in UTF-8 if --curl is used")?;
        ensure!(body.is_file(), "--body {path} is not a regular file, so curl cannot read it a second time");
        words.extend(["--data-binary".to_owned(), format!("@{path}")]);
    }
    words.push(url.to_owned());
    Ok(shlex::try_join(words.iter().map(String::as_str))?)
}
