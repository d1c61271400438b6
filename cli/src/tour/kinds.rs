//! The tour's chapters about what only one kind of API has.

use crate::tour::{client::Client, report::Rows, requests::below_the_key};
use anyhow::Result;
use hyper::Method;

/// An HTTP API without `EnableSimpleResponses`.
pub(crate) async fn policy(client: &Client, rows: &mut Rows) -> Result<()> {
    let direct = client.at_gateway(Method::GET, "/pets", &[]).await?;
    rows.row("the API's own URL, as anybody can find it", "401 refused-by-gateway", direct.verdict());
    let get = client.at_edge(Method::GET, "/echo/a?x=1", &[]).await?;
    let path = get.handed_on("countersignPath")?.is_some_and(|path| path == "/echo/a");
    rows.row("through CloudFront", "200 admitted, path handed on", get.verdict_and(path, "path handed on"));
    let caught = get.signed_headers()?;
    let other = client.at_gateway(Method::GET, "/echo/b?x=1", &caught.all()).await?;
    rows.row("replayed on another path", "403 refused: path", other.verdict());
    Ok(())
}

pub(crate) async fn payload_format_1_0(client: &Client, rows: &mut Rows) -> Result<()> {
    let direct = client.at_gateway(Method::GET, "/pets", &[]).await?;
    rows.row("the API's own URL, as anybody can find it", "401 refused-by-gateway", direct.verdict());
    for (target, expected) in [
        ("/echo/q?x=1&x=2", "200 admitted, as sent"),
        ("/echo/q?plus=a+b&encoded=a%2Bb&space=a%20b", "200 admitted, as sent"),
        ("/echo/%c3%a9%20x", "200 admitted, as sent"),
        // Of this format it is not known whether `;` separates.
        ("/echo/q?a=1;b=2", "403 refused: query-separator, not as sent"),
        ("/echo/q?x=%E9", "403 refused: query-escape, not as sent"),
        ("/echo/a%2Fb", "403 refused: path-ambiguous, not as sent"),
    ] {
        let reply = client.at_edge(Method::GET, target, &[]).await?;
        let as_sent = reply.echo()?.get("target").is_some_and(|arrived| arrived == target);
        rows.row(&format!("GET {target}"), expected, reply.verdict_and(as_sent, "as sent"));
    }
    let caught = client.at_edge(Method::GET, "/echo/q?x=1&x=2", &[]).await?.signed_headers()?;
    let same = client.at_gateway(Method::GET, "/echo/q?x=1&x=2", &caught.all()).await?;
    rows.row("replayed within its 70 s", "200 admitted", same.verdict());
    let order = client.at_gateway(Method::GET, "/echo/q?x=2&x=1", &caught.all()).await?;
    rows.row("replayed with another order of values", "403 refused: query", order.verdict());
    let path = client.at_gateway(Method::GET, "/echo/b?x=1&x=2", &caught.all()).await?;
    rows.row("replayed on another path", "403 refused: path", path.verdict());
    Ok(())
}

/// Whether a mapping key is shown by payload format 1.0 is not known.
pub(crate) async fn unknown_base_path(client: &Client, rows: &mut Rows) -> Result<()> {
    let get = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("through CloudFront", "403 refused: base-path-unknown", get.verdict());
    Ok(())
}

/// A custom domain with a key, and a routing rule: `x-version: beta` leads to the stage `dev`.
pub(crate) async fn routing_rule(client: &Client, rows: &mut Rows) -> Result<()> {
    let caught = below_the_key(client, rows).await?;
    let steered = caught.with("x-version", "beta");
    let steered = client.at_gateway(Method::GET, "/echo/a?x=1", &steered.all()).await?;
    rows.row("replayed with a header that steers it to dev", "403 refused: base-path", steered.verdict());
    let viewer = client.at_edge(Method::GET, "/echo/a", &[("x-version", "beta")]).await?;
    rows.row("a viewer sends that header through CloudFront", "403 refused: base-path", viewer.verdict());
    let direct = client.at_gateway(Method::GET, "/echo/a", &[]).await?;
    rows.row("the domain, as anybody can find it", "401 refused-by-gateway", direct.verdict());
    Ok(())
}

/// The API's resources, and so the path that is handed on, have the key `echo`.
pub(crate) async fn kept_base_path(client: &Client, rows: &mut Rows) -> Result<()> {
    let get = client.at_edge(Method::GET, "/a%2Fb?x=1", &[]).await?;
    let path = get.handed_on("countersignPath")?.is_some_and(|path| path == "/echo/a%2Fb");
    rows.row("through CloudFront", "200 admitted, with the key", get.verdict_and(path, "with the key"));
    let caught = get.signed_headers()?;
    let other = client.at_gateway(Method::GET, "/c?x=1", &caught.all()).await?;
    rows.row("replayed on another path", "403 refused: path", other.verdict());
    Ok(())
}
