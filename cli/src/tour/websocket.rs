//! The tour's chapters about WebSocket APIs. A handshake is signed as the GET that it is; what follows it is not.

use crate::{
    local::emulation::{Emulation, Mode},
    sign::request::UnsignedRequest,
    times::now,
    tour::{
        chapters::Chapter,
        client::Client,
        decision_log::DecisionLog,
        keys::{QUICK, rotate},
        own_emulation::one,
        report::{Report, Rows},
    },
};
use anyhow::Result;
use key_store::KeyFile;
use signing::{Field, RotationKind};
use std::net::Ipv4Addr;

pub(crate) async fn chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let keys = &emulation.keys;
    let mapped = Emulation { domain: Some("api.example/chat".parse()?), ..emulation.clone() };
    let quick = Emulation { timings: QUICK, ..emulation.clone() };
    let monitor = Emulation { mode: Mode::Monitor, ..emulation.clone() };
    one(Chapter::WebSocketHandshake, emulation.clone(), log, report, async |client, rows| {
        handshake(client, keys, rows).await
    })
    .await?;
    one(Chapter::WebSocketDomain, mapped, log, report, domain).await?;
    one(Chapter::WebSocketRevoked, quick, log, report, async |client, rows| revoked(client, keys, rows).await).await?;
    one(Chapter::WebSocketMonitor, monitor, log, report, async |client, rows| in_monitor_mode(client, keys, rows).await)
        .await
}

async fn handshake(client: &Client, keys: &KeyFile, rows: &mut Rows) -> Result<()> {
    let direct = client.handshake_at_gateway("", &[]).await?;
    rows.row("the API's own URL, as anybody can find it", "401 refused-by-gateway", direct.verdict());
    let mut edge = client.handshake_at_edge("/?room=7", &[]).await?;
    rows.row("through CloudFront", "101 admitted", edge.verdict());
    let echoed = edge.ask("a message").await?;
    rows.row("a message, which the API sends back", "a message", echoed);
    let whoami = edge.ask_whoami("countersignTarget").await?;
    rows.row("what was handed on at $connect", "/prod/?room=7", whoami);
    edge.close().await?;
    let plain = client.at_edge(hyper::Method::GET, "/", &[]).await?;
    rows.row("a GET that is not a handshake", "426 refused-by-gateway", plain.verdict());
    let below = client.handshake_at_edge("/pets", &[]).await?;
    rows.row("a path below the stage", "403 refused-by-gateway", below.verdict());

    let caught = signed(client, keys, "?room=7")?;
    let all = borrowed(&caught);
    let mut same = client.handshake_at_gateway("?room=7", &all).await?;
    rows.row("signed headers of /prod?room=7, replayed there", "101 admitted", same.verdict());
    same.close().await?;
    let mut slash = client.handshake_at_gateway("/?room=7", &all).await?;
    rows.row("with a slash at the end, which no event shows", "101 admitted", slash.verdict());
    slash.close().await?;
    let query = client.handshake_at_gateway("?room=8", &all).await?;
    rows.row("with another query", "403 refused: query", query.verdict());
    let mut other = all.clone();
    other.retain(|(name, _)| !name.eq_ignore_ascii_case(Field::CountersignViewerIp.key()));
    other.push((Field::CountersignViewerIp.key(), "203.0.113.7"));
    let viewer = client.handshake_at_gateway("?room=7", &other).await?;
    rows.row("for another viewer's address", "403 refused: signature", viewer.verdict());
    let twice: Vec<_> = all.iter().chain(&all).copied().collect();
    let twice = client.handshake_at_gateway("?room=7", &twice).await?;
    rows.row("with every header twice", "403 refused: header-repeated", twice.verdict());
    let mut no_key = all;
    no_key.retain(|(name, _)| *name != "x-api-key");
    let no_key = client.handshake_at_gateway("?room=7", &no_key).await?;
    rows.row("without CloudFront's API key", "403 admitted, refused-by-gateway", no_key.verdict());
    Ok(())
}

/// No event shows the mapping key: the setting lists where it leads.
async fn domain(client: &Client, rows: &mut Rows) -> Result<()> {
    let mut edge = client.handshake_at_edge("/", &[]).await?;
    rows.row("through CloudFront", "101 admitted", edge.verdict());
    let target = edge.ask_whoami("countersignTarget").await?;
    rows.row("the target that was handed on", "/chat/", target);
    edge.close().await?;
    let direct = client.handshake_at_gateway("", &[]).await?;
    rows.row("the domain, as anybody can find it", "401 refused-by-gateway", direct.verdict());
    Ok(())
}

/// An authorizer is asked once for each connection, when it opens.
async fn revoked(client: &Client, keys: &KeyFile, rows: &mut Rows) -> Result<()> {
    let mut open = client.handshake_at_edge("/", &[]).await?;
    rows.row("through CloudFront", "101 admitted", open.verdict());
    let caught = signed(client, keys, "")?;
    rotate(keys, RotationKind::Emergency)?;
    tokio::time::sleep(2 * QUICK.verifier_ttl).await;
    let dropped = client.handshake_at_gateway("", &borrowed(&caught)).await?;
    rows.row("a new handshake with the dropped key", "403 refused: key-unknown", dropped.verdict());
    let echoed = open.ask("still here").await?;
    rows.row("a message through the open connection", "still here", echoed);
    open.close().await?;
    Ok(())
}

async fn in_monitor_mode(client: &Client, keys: &KeyFile, rows: &mut Rows) -> Result<()> {
    let mut edge = client.handshake_at_edge("/", &[]).await?;
    rows.row("through CloudFront", "101 admitted", edge.verdict());
    edge.close().await?;
    let signed = signed(client, keys, "")?;
    let mut key = borrowed(&signed);
    key.retain(|(name, _)| *name == "x-api-key");
    let mut direct = client.handshake_at_gateway("", &key).await?;
    rows.row("the API's own URL, with only the API key", "101 would-be-refused: header-missing", direct.verdict());
    direct.close().await
}

/// The headers of a handshake that `countersign sign --api-key` would print.
fn signed(client: &Client, keys: &KeyFile, target: &str) -> Result<Vec<(String, String)>> {
    let url = client.gateway_url(target);
    let request = UnsignedRequest { method: "GET", url: &url, body: None, viewer_ip: Ipv4Addr::LOCALHOST.into() };
    let mut signed = request.sign(keys, QUICK.lifetime, now())?;
    signed.headers.push(signed.api_key()?);
    Ok(signed.headers)
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
