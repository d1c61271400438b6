//! A request as a command for a POSIX shell.

use crate::{credentials::new_websocket_key, sign::request::is_websocket};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// HTTP/1.1, since REST APIs match the names of identity sources by case, and the target as it is in the URL. A WebSocket is only
/// opened: not every curl knows `ws://`, and so this one sends the handshake, shows the answer and ends.
pub(crate) fn curl(method: &str, url: &str, headers: &[(String, String)], body: Option<&Path>) -> Result<String> {
    let handshake = is_websocket(url).then(handshake).transpose()?;
    let url = match url.split_once("://") {
        Some((scheme, rest)) if is_websocket(url) => {
            let scheme = if scheme.eq_ignore_ascii_case("wss") { "https" } else { "http" };
            format!("{scheme}://{rest}")
        }
        _ => url.to_owned(),
    };
    let mut words = ["curl", "--http1.1", "--globoff", "--path-as-is", "--request", method].map(str::to_owned).to_vec();
    if method == "HEAD" {
        words.push("--head".to_owned());
    }
    if handshake.is_some() {
        words.extend(["--include", "--max-time", "2"].map(str::to_owned));
    }
    for header in handshake.into_iter().flatten() {
        words.extend(["--header".to_owned(), header]);
    }
    for (name, value) in headers {
        words.extend(["--header".to_owned(), format!("{name}: {value}")]);
    }
    if let Some(body) = body {
        let path = body.to_str().context("--body must be a path in UTF-8 if --curl is used")?;
        ensure!(body.is_file(), "--body {path} is not a regular file, so curl cannot read it a second time");
        words.extend(["--data-binary".to_owned(), format!("@{path}")]);
    }
    words.push(url);
    Ok(shlex::try_join(words.iter().map(String::as_str))?)
}

/// The headers of a WebSocket's handshake (RFC 6455, section 4.1).
fn handshake() -> Result<[String; 4]> {
    Ok([
        "Connection: Upgrade".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Sec-WebSocket-Version: 13".to_owned(),
        format!("Sec-WebSocket-Key: {}", new_websocket_key()?),
    ])
}
