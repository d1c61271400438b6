//! The tour's chapters about keys: rotations under load, emergencies, and a key store that fails.

use crate::{
    key_file,
    local::emulation::Emulation,
    sign::request::UnsignedRequest,
    times::now,
    tour::{
        chapters::Chapter,
        client::Client,
        decision_log::DecisionLog,
        report::{Report, Rows},
    },
};
use anyhow::{Context as _, Result};
use hyper::Method;
use key_store::KeyFile;
use signing::{Field, RotationKind, RotationSchedule, RotationTimings};
use std::{
    collections::BTreeSet,
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Seconds for what takes minutes in production. The inequality holds all the same.
pub(crate) const QUICK: RotationTimings = RotationTimings {
    lead: Duration::from_secs(2),
    grace: Duration::from_secs(8),
    verifier_ttl: Duration::from_secs(1),
    signer_ttl: Duration::from_secs(1),
    replication: Duration::ZERO,
    skew: Duration::ZERO,
    lifetime: Duration::from_secs(6),
    outage: Duration::from_secs(1),
};

pub(crate) async fn chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let quick = [Chapter::KeysRotation, Chapter::KeysEmergency, Chapter::KeysOutage];
    if quick.into_iter().any(|chapter| report.includes(chapter)) {
        let quick = Emulation { timings: QUICK, ..emulation.clone() };
        let running = quick.clone().start().await?;
        let (client, file) = (&Client::new(&running, emulation.api, log), &quick.keys);
        report.chapter(Chapter::KeysRotation, async |rows| planned(client, file, rows).await).await?;
        report.chapter(Chapter::KeysEmergency, async |rows| emergency(client, file, rows).await).await?;
        report.chapter(Chapter::KeysOutage, async |rows| outage(client, file, rows).await).await?;
        running.stop().await;
    }
    if report.includes(Chapter::KeysFirstMoments) {
        let running = emulation.clone().start().await?;
        let (client, file) = (&Client::new(&running, emulation.api, log), &emulation.keys);
        report.chapter(Chapter::KeysFirstMoments, async |rows| first_moments(client, file, rows).await).await?;
        running.stop().await;
    }
    Ok(())
}

pub(crate) fn rotate(file: &KeyFile, kind: RotationKind) -> Result<()> {
    let schedule = RotationSchedule::try_from(QUICK)?;
    let now = now();
    key_file::apply(file, &key_file::plan(file, kind, &schedule, now)?, now)
}

async fn planned(client: &Client, file: &KeyFile, rows: &mut Rows) -> Result<()> {
    client.decisions();
    let begun = Instant::now();
    // Seconds are counted whole, so one more for the end to be past.
    let until = begun + QUICK.lead + QUICK.grace + Duration::from_secs(2);
    let worker = || async {
        let (mut refused, mut key_ids, mut api_keys) = (0, BTreeSet::new(), BTreeSet::new());
        while Instant::now() < until {
            let (status, headers) = client.status_and_headers("/echo/load").await?;
            refused += usize::from(status != 200);
            key_ids.extend(headers.get(Field::SignatureInput.key()).and_then(key_id));
            api_keys.extend(headers.get("x-api-key").map(str::to_owned));
        }
        Ok::<_, anyhow::Error>((refused, key_ids, api_keys))
    };
    let rotation = async {
        sleep(Duration::from_millis(500)).await;
        rotate(file, RotationKind::Planned)
    };
    let [a, b, c, d] = [worker(), worker(), worker(), worker()];
    let (rotated, a, b, c, d) = tokio::join!(rotation, a, b, c, d);
    rotated?;
    let (mut refused, mut key_ids, mut api_keys) = (0, BTreeSet::new(), BTreeSet::new());
    for worker in [a, b, c, d] {
        let (more_refused, more_ids, more_api_keys) = worker?;
        refused += more_refused;
        key_ids.extend(more_ids);
        api_keys.extend(more_api_keys);
    }
    // And those that only the log shows.
    refused += client.decisions().iter().filter(|decision| *decision != "admitted").count();
    rows.row(
        "each request, until the old key has expired",
        "0 refused, signed with 2 keys",
        format!("{refused} refused, signed with {} keys", key_ids.len()),
    );
    rows.row("the API keys that CloudFront sends", "2 in turn", format!("{} in turn", api_keys.len()));
    Ok(())
}

async fn emergency(client: &Client, file: &KeyFile, rows: &mut Rows) -> Result<()> {
    let old = client.at_edge(Method::GET, "/echo/a", &[]).await?.signed_headers()?;
    rotate(file, RotationKind::Emergency)?;
    sleep(QUICK.verifier_ttl.max(QUICK.signer_ttl) + Duration::from_millis(200)).await;
    let new = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    let dropped = old.get(Field::SignatureInput.key()).and_then(key_id);
    let signed_anew = new.value_at_origin(Field::SignatureInput.key())?.and_then(|input| key_id(&input)) != dropped;
    rows.row("through CloudFront", "200 admitted, with the new key", new.verdict_and(signed_anew, "with the new key"));
    let caught = client.at_gateway(Method::GET, "/echo/a", &old.all()).await?;
    rows.row("fresh signed headers of the dropped key", "403 refused: key-unknown", caught.verdict());
    Ok(())
}

async fn outage(client: &Client, file: &KeyFile, rows: &mut Rows) -> Result<()> {
    let valid = fs::read(file.path())?;
    let url = client.gateway_url("/echo/a");
    // Signed before the file is removed.
    let by_hand = signed_by_hand(&url, file)?;
    let by_hand: Vec<_> = by_hand.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.at_edge(Method::GET, "/echo/a", &[]).await?;

    fs::remove_file(file.path())?;
    sleep(QUICK.signer_ttl + Duration::from_millis(100)).await;
    let missing = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("the file is missing: cached keys are used", "200 admitted", missing.verdict());
    file_with(file, b"garbage")?;
    sleep(QUICK.outage + Duration::from_millis(100)).await;
    let garbage = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("garbage for longer than that: through CloudFront", "503 answered-at-edge", garbage.verdict());
    let direct = client.at_gateway(Method::GET, "/echo/a", &by_hand).await?;
    rows.row("and a signed request at the API's own URL", "500 undecided: no-keys", direct.verdict());
    file_with(file, &valid)?;
    sleep(Duration::from_millis(1100)).await;
    let back = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("the valid file is back", "200 admitted", back.verdict());
    Ok(())
}

async fn first_moments(client: &Client, file: &KeyFile, rows: &mut Rows) -> Result<()> {
    let before = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("through CloudFront before it", "200 admitted", before.verdict());
    rotate(file, RotationKind::Emergency)?;
    let old = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("the authorizer still accepts the old key", "200 admitted", old.verdict());
    let mut by_hand = signed_by_hand(&client.gateway_url("/echo/a"), file)?;
    // The gateway does not know the new API key yet.
    by_hand.retain(|(name, _)| name != "x-api-key");
    let api_key = before.signed_headers()?.only("x-api-key");
    let by_hand: Vec<_> = by_hand.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let new = client.at_gateway(Method::GET, "/echo/a", &[by_hand, api_key.all()].concat()).await?;
    rows.row("the first request with the new key makes it read", "200 admitted", new.verdict());
    let old = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("then the old key is refused until the edge reads", "403 refused: key-unknown", old.verdict());
    Ok(())
}

/// The headers of a GET that `countersign sign --api-key` would print.
fn signed_by_hand(url: &str, file: &KeyFile) -> Result<Vec<(String, String)>> {
    let request = UnsignedRequest { method: "GET", url, body: None, viewer_ip: Ipv4Addr::LOCALHOST.into() };
    let mut signed = request.sign(file, QUICK.lifetime, now())?;
    signed.headers.push(signed.api_key()?);
    Ok(signed.headers)
}

/// A file that only its owner can read, whatever was there.
fn file_with(file: &KeyFile, text: &[u8]) -> Result<()> {
    let folder = file.path().parent().context("the key file has a folder")?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut new, text)?;
    new.persist(file.path())?;
    Ok(())
}

/// The `keyid` of our signature.
fn key_id(signature_input: &str) -> Option<String> {
    let (_, rest) = signature_input.split_once(";keyid=\"")?;
    rest.split('"').next().map(str::to_owned)
}
