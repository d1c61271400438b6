//! The tour's chapters about requests: what is admitted and what is refused.

use crate::{
    local::emulation::Api,
    tour::{
        client::{Client, Headers, Reply},
        report::Rows,
    },
};
use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::Method;
use signing::{ContentDigest, Field};
use std::time::Duration;

const JSON: (&str, &str) = ("Content-Type", "application/json");

pub(crate) async fn doors(client: &Client, rows: &mut Rows) -> Result<()> {
    let direct = client.at_gateway(Method::GET, "/pets", &[]).await?;
    rows.row("the API's own URL, as anybody can find it", "401 refused-by-gateway", direct.verdict());
    let forged = client.at_gateway(Method::GET, "/pets", &[(Field::Signature.key(), "x")]).await?;
    rows.row("the same with an invalid signature", "403 refused: header-missing", forged.verdict());
    let host = client.at_gateway(Method::GET, "/pets", &[("Host", "api.example")]).await?;
    rows.row("under another Host", "403 refused-by-gateway", host.verdict());
    let outside = client.outside_the_stage("/pets").await?;
    rows.row("at a path without the stage", "403 refused-by-gateway", outside.verdict());
    let unknown = client.at_gateway(Method::GET, "/nothing", &[(Field::Signature.key(), "x")]).await?;
    let expected = by_kind(client, "403 refused-by-gateway", "404 refused-by-gateway");
    rows.row("on a route that the API does not have", expected, unknown.verdict());
    let pets = client.at_edge(Method::GET, "/pets?type=dog&page=2", &[]).await?;
    rows.row("GET /pets through CloudFront", "200 admitted", pets.verdict());
    let pet = client.at_edge(Method::GET, "/pets/1", &[]).await?;
    rows.row("GET /pets/1 through CloudFront", "200 admitted", pet.verdict());
    let post = client.send_to_edge(Method::POST, "/pets", &[JSON], br#"{"type":"cat","price":3.5}"#).await?;
    rows.row("POST /pets through CloudFront", "200 admitted", post.verdict());
    Ok(())
}

pub(crate) async fn replay(client: &Client, rows: &mut Rows) -> Result<()> {
    let get = client.at_edge(Method::GET, "/echo/a?x=1", &[]).await?.signed_headers()?;
    let post = client.send_to_edge(Method::POST, "/echo/a", &[JSON], b"{}").await?.signed_headers()?;
    let same = client.at_gateway(Method::GET, "/echo/a?x=1", &get.all()).await?;
    rows.row("the same request, within its 70 s", "200 admitted", same.verdict());

    let path = client.at_gateway(Method::GET, "/echo/b?x=1", &get.all()).await?;
    rows.row("on another path", "403 refused: path", path.verdict());
    let matching = get.with(Field::CountersignTarget.key(), "/prod/echo/b?x=1");
    let path = client.at_gateway(Method::GET, "/echo/b?x=1", &matching.all()).await?;
    rows.row("on another path, with a target to match", "403 refused: signature", path.verdict());
    let method = client.at_gateway(Method::DELETE, "/echo/a?x=1", &get.all()).await?;
    rows.row("with another method", "403 refused: signature", method.verdict());
    let query = client.at_gateway(Method::GET, "/echo/a?x=2", &get.all()).await?;
    rows.row("with another query", "403 refused: query", query.verdict());
    let viewer = get.with(Field::CountersignViewerIp.key(), "203.0.113.7");
    let viewer = client.at_gateway(Method::GET, "/echo/a?x=1", &viewer.all()).await?;
    rows.row("for another viewer's address", "403 refused: signature", viewer.verdict());
    let digest = post.with(Field::ContentDigest.key(), &ContentDigest::of(b"[]"));
    let digest = client.at_gateway(Method::POST, "/echo/a", &digest.all()).await?;
    rows.row("with the digest of another body", "403 refused: signature", digest.verdict());
    let spelled = post.renamed(Field::ContentDigest.key(), "Content_Digest");
    let spelled = client.send_to_gateway(Method::POST, "/echo/a", &spelled.all(), b"[]").await?;
    rows.row("with another body, and Content_Digest", "403 refused: digest-absent", spelled.verdict());
    let hop = [post.all(), vec![("Connection", "Countersign-Viewer-Ip, Content-Digest")]].concat();
    let hop = client.send_to_gateway(Method::POST, "/echo/a", &hop, b"[]").await?;
    // The gateway itself removes what is listed.
    rows.row("with a Connection that removes headers of ours", "403 refused: header-missing", hop.verdict());
    let framing = [post.all(), vec![("Connection", "Content-Length")]].concat();
    let framing = client.send_to_gateway(Method::POST, "/echo/a", &framing, b"[]").await?;
    rows.row("with a Connection that removes the length", "403 refused: connection-option", framing.verdict());
    let undigested = post.without(Field::ContentDigest.key());
    let undigested = client.at_gateway(Method::POST, "/echo/a", &undigested.all()).await?;
    rows.row("without the digest", "403 refused: digest-absent", undigested.verdict());
    let key = get.edit(Field::SignatureInput.key(), ";keyid=\"", ";keyid=\"x");
    let key = client.at_gateway(Method::GET, "/echo/a?x=1", &key.all()).await?;
    rows.row("with the id of an unknown key", "403 refused: key-unknown", key.verdict());
    let longer = get.edit(Field::SignatureInput.key(), ";tag=", ";tag=\"x\";tag=");
    let longer = client.at_gateway(Method::GET, "/echo/a?x=1", &longer.all()).await?;
    rows.row("with a parameter twice", "403 refused: parameter-repeated", longer.verdict());
    let twice = [get.all(), get.all()].concat();
    let twice = client.at_gateway(Method::GET, "/echo/a?x=1", &twice).await?;
    rows.row(
        "with every header twice",
        by_kind(client, "403 refused: header-repeated", "403 refused: label-repeated"),
        twice.verdict(),
    );
    let over = [get.all(), vec![("X-Method-Override", "DELETE")]].concat();
    let over = client.at_gateway(Method::GET, "/echo/a?x=1", &over).await?;
    rows.row("with a header that overrides the method", "403 refused: method-override", over.verdict());
    let body = client.send_to_gateway(Method::GET, "/echo/a?x=1", &get.all(), b"{}").await?;
    rows.row("with a body in a GET", "403 refused: body-on-get", body.verdict());
    if matches!(client.api, Api::Rest) {
        let keyless = get.without("x-api-key");
        let keyless = client.at_gateway(Method::GET, "/echo/a?x=1", &keyless.all()).await?;
        rows.row("without CloudFront's API key", "403 admitted, refused-by-gateway", keyless.verdict());
    }
    Ok(())
}

/// What the gateway does not show, and the backend can compare with what the authorizer hands on.
pub(crate) async fn context(client: &Client, rows: &mut Rows) -> Result<()> {
    let post = client.send_to_edge(Method::POST, "/echo/a?id=7&view=full", &[JSON], b"{}").await?;
    let digest = ContentDigest::of(b"{}");
    for (name, expected) in [
        ("countersignPath", "/echo/a"),
        ("countersignTarget", &format!("{}/echo/a?id=7&view=full", client.path_prefix())),
        ("countersignBodyDigest", &digest),
        ("countersignViewerIp", "127.0.0.1"),
    ] {
        let came = post.handed_on(name)?.is_some_and(|value| value == expected);
        rows.row(name, "200 admitted, as signed", post.verdict_and(came, "as signed"));
    }
    let headers = post.signed_headers()?;
    let body = client.send_to_gateway(Method::POST, "/echo/a?id=7&view=full", &headers.all(), b"[]").await?;
    let same = body.handed_on("countersignBodyDigest")?.is_some_and(|digest| digest == ContentDigest::of(b"[]"));
    rows.row(
        "replayed with another body, which no gateway shows",
        "200 admitted, not the signed body",
        body.verdict_and(same, "the signed body"),
    );
    match client.api {
        Api::Rest | Api::WebSocket => {
            let target = "/echo/a?id=7;view=full";
            let query = client.send_to_gateway(Method::POST, target, &headers.all(), b"{}").await?;
            let same = query.handed_on("countersignTarget")?.is_some_and(|signed| signed.ends_with(target));
            rows.row(
                "replayed with ; for & in its query",
                "200 admitted, not the signed query",
                query.verdict_and(same, "the signed query"),
            );
        }
        Api::Http | Api::HttpV1 => {
            // All that such an API shows of it is the path up to the `?` that the escape yields.
            let get = client.at_edge(Method::GET, "/echo/a", &[]).await?.signed_headers()?;
            let longer = client.at_gateway(Method::GET, "/echo/a%3F/../secret", &get.all()).await?;
            let arrived = longer.echo()?.get("target").cloned();
            let same =
                longer.handed_on("countersignPath")?.is_some_and(|signed| arrived.is_some_and(|it| it == signed));
            rows.row(
                "replayed at /echo/a%3F/../secret",
                "200 admitted, not the signed path",
                longer.verdict_and(same, "the signed path"),
            );
        }
    }
    Ok(())
}

/// An HTTP API whose integration has the parameter mapping `overwrite:path` = `$context.authorizer.countersignPath`.
pub(crate) async fn path(client: &Client, rows: &mut Rows) -> Result<()> {
    arrives(client, rows, "/echo/a%20b?x=1", "200 admitted, as sent").await?;
    let get = client.at_edge(Method::GET, "/echo/a", &[]).await?.signed_headers()?;
    let longer = client.at_gateway(Method::GET, "/echo/a%3F/../secret", &get.all()).await?;
    let signed = longer.echo()?.get("target").is_some_and(|arrived| arrived == "/echo/a");
    rows.row(
        "replayed at /echo/a%3F/../secret",
        "200 admitted, arrives as /echo/a",
        longer.verdict_and(signed, "arrives as /echo/a"),
    );
    Ok(())
}

/// A custom domain. An HTTP API never shows its key, and always shows its named stage.
pub(crate) async fn domain(client: &Client, rows: &mut Rows) -> Result<()> {
    let caught = below_the_key(client, rows).await?;
    let other = client.at_gateway(Method::GET, "/echo/b?x=1", &caught.all()).await?;
    rows.row("replayed on another path", "403 refused: path", other.verdict());
    let direct = client.at_gateway(Method::GET, "/echo/a", &[]).await?;
    rows.row("the domain, as anybody can find it", "401 refused-by-gateway", direct.verdict());
    let outside = client.outside_the_stage("/v2/echo/a").await?;
    rows.row("the gateway under another name", "403 refused-by-gateway", outside.verdict());
    Ok(())
}

/// A request through a custom domain whose key is removed, and its headers, which open it again.
pub(crate) async fn below_the_key(client: &Client, rows: &mut Rows) -> Result<Headers> {
    let get = client.at_edge(Method::GET, "/echo/a?x=1", &[]).await?;
    let path = get.handed_on("countersignPath")?.is_some_and(|path| path == "/echo/a");
    rows.row("through CloudFront", "200 admitted, without the key", get.verdict_and(path, "without the key"));
    let caught = get.signed_headers()?;
    let same = client.at_gateway(Method::GET, "/echo/a?x=1", &caught.all()).await?;
    rows.row("replayed within its 70 s", "200 admitted", same.verdict());
    Ok(caught)
}

pub(crate) async fn forgery(client: &Client, rows: &mut Rows) -> Result<()> {
    let forged = [
        ("countersign-TARGET", "/prod/admin"),
        ("Countersign-Viewer-Ip", "127.0.0.9"),
        ("Countersign_Viewer_Ip", "127.0.0.9"),
        ("Countersign-Secret", "none"),
        ("Countersign-Signature-Input", "countersign=()"),
        ("Countersign_Signature", "countersign=:YQ==:"),
        ("X-HTTP-Method-Override", "DELETE"),
    ];
    let reply = client.at_edge(Method::GET, "/echo/forged", &forged).await?;
    let left = reply
        .headers_at_origin()?
        .into_iter()
        .filter(|(name, value)| forged.iter().any(|(forged, with)| forged.eq_ignore_ascii_case(name) && with == value));
    rows.row(
        "target, viewer address, signature, method, …",
        "200 admitted, 0 of 7 arrive",
        format!("{}, {} of 7 arrive", reply.verdict(), left.count()),
    );
    let bot = "bot=(\"@authority\");created=1;keyid=\"bot\";tag=\"web-bot-auth\"";
    for (what, own) in [
        ("a viewer's own signature: Web Bot Auth", &[("Signature-Input", bot), ("Signature", "bot=:YQ==:")][..]),
        (
            "a web hook's own signature",
            &[("Signature", "d2a84f4b8b650937ec8f73cd8be2c74add5a911ba64df27458ed8229da804a26")],
        ),
        (
            "the fediverse's own signature",
            &[("Signature", "keyId=\"https://social.example/u#main-key\",signature=\"YQ==\"")],
        ),
        ("a signature with our label", &[("Signature-Input", "countersign=()"), ("Signature", "countersign=:YQ==:")]),
        ("a signature that does not parse", &[("Signature-Input", "=,"), ("Signature", ",bot=YQ==")]),
    ] {
        let reply = client.at_edge(Method::GET, "/echo/own", own).await?;
        let mut as_sent = true;
        for (name, value) in own {
            as_sent &= reply.value_at_origin(name)?.is_some_and(|arrived| arrived == *value);
        }
        rows.row(what, "200 admitted, as sent", reply.verdict_and(as_sent, "as sent"));
    }
    Ok(())
}

pub(crate) async fn targets(client: &Client, rows: &mut Rows) -> Result<()> {
    for target in [
        "/echo/q?x=1&x=2",
        "/echo/q?a=1;b=2",
        "/echo/q?plus=a+b&encoded=a%2Bb&space=a%20b",
        "/echo/q?empty=&flag",
        "/echo/q?%C3%A9=%E2%82%AC",
        "/echo/%c3%a9%20x",
        "/echo//double//slash/",
    ] {
        arrives(client, rows, target, "200 admitted, as sent").await?;
    }
    // REST APIs show the path as it is and the query decoded, HTTP APIs the other way round.
    for (target, rest, http) in [
        ("/echo/a%2Fb", "200 admitted, as sent", "403 refused: path-ambiguous, not as sent"),
        // That a REST API answers 400 to a `%` that begins no escape is reported.
        ("/echo/p%zz", "400 refused-by-gateway, not as sent", "403 refused: path-ambiguous, not as sent"),
        ("/echo/q?x=%zz", "400 refused-by-gateway, not as sent", "200 admitted, as sent"),
        ("/echo/q?x=%E9", "403 refused: query-escape, not as sent", "200 admitted, as sent"),
    ] {
        arrives(client, rows, target, by_kind(client, rest, http)).await?;
    }
    let long = format!("/echo/q?x={}", "v".repeat(7_000));
    let long = client.at_edge(Method::GET, &long, &[]).await?;
    rows.row("a query of 7 KB: too large with the signature", "431 answered-at-edge", long.verdict());
    let longer = format!("/echo/q?x={}", "v".repeat(8_200));
    let longer = client.at_edge(Method::GET, &longer, &[]).await?;
    rows.row("a query of 8 KB: too long for CloudFront", "414 answered-by-cloudfront", longer.verdict());
    let raw = client.raw_at_edge(b"GET /echo/caf\xe9 HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    rows.row("a target that is not ASCII", "400 answered-by-cloudfront", raw.verdict());
    Ok(())
}

async fn arrives(client: &Client, rows: &mut Rows, target: &str, expected: &str) -> Result<()> {
    let reply = client.at_edge(Method::GET, target, &[]).await?;
    let as_sent = reply.echo()?.get("target").is_some_and(|arrived| arrived == target);
    rows.row(&format!("GET {target}"), expected, reply.verdict_and(as_sent, "as sent"));
    Ok(())
}

fn by_kind(client: &Client, rest: &'static str, http: &'static str) -> &'static str {
    match client.api {
        Api::Rest | Api::WebSocket => rest,
        Api::Http | Api::HttpV1 => http,
    }
}

pub(crate) async fn bodies(client: &Client, rows: &mut Rows) -> Result<()> {
    let body = br#"{"name":"Rex"}"#;
    let reply = client.send_to_edge(Method::POST, "/echo/b", &[JSON], body).await?;
    rows.row("a body, whose digest is added and covered", "200 admitted, whole, with digest", describe(&reply, body)?);
    let own = ContentDigest::of(body);
    let reply = client.send_to_edge(Method::PUT, "/echo/b", &[(Field::ContentDigest.key(), &own)], body).await?;
    rows.row("a body with the viewer's own digest", "200 admitted, whole, with digest", describe(&reply, body)?);
    let other = ContentDigest::of(b"other");
    let reply = client.send_to_edge(Method::POST, "/echo/b", &[(Field::ContentDigest.key(), &other)], body).await?;
    rows.row("a body that does not match its digest", "400 answered-at-edge", reply.verdict());
    let reply = client.send_to_edge(Method::POST, "/echo/b", &[], b"").await?;
    rows.row("an empty body", "200 admitted, whole, with digest", describe(&reply, b"")?);
    let large = vec![b'x'; 2 * 1024 * 1024];
    let reply = client.send_to_edge(Method::POST, "/echo/b", &[], &large).await?;
    rows.row(
        "a body of 2 MB: more than the edge sees",
        "200 admitted, whole, without digest",
        describe(&reply, &large)?,
    );
    let reply = client.send_to_edge(Method::GET, "/echo/b", &[], body).await?;
    rows.row("a GET with a body", "403 answered-by-cloudfront", reply.verdict());
    Ok(())
}

fn describe(reply: &Reply, sent: &[u8]) -> Result<String> {
    let arrived = reply.echo()?.get("body").and_then(|body| STANDARD.decode(body.as_str()?).ok());
    let whole = if arrived.as_deref() == Some(sent) { "whole" } else { "not whole" };
    let digest = match reply.value_at_origin(Field::ContentDigest.key())? {
        Some(digest) if digest == ContentDigest::of(sent) => "with digest",
        Some(_) => "with another digest",
        None => "without digest",
    };
    Ok(format!("{}, {whole}, {digest}", reply.verdict()))
}

pub(crate) async fn time(client: &Client, rows: &mut Rows) -> Result<()> {
    let headers = client.at_edge(Method::GET, "/echo/a", &[]).await?.signed_headers()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let late = client.at_gateway(Method::GET, "/echo/a", &headers.all()).await?;
    rows.row("signed headers, replayed 3 s later", "403 refused: expired", late.verdict());
    Ok(())
}

pub(crate) async fn monitor(client: &Client, rows: &mut Rows) -> Result<()> {
    let key = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("through CloudFront", "200 admitted", key.verdict());
    let headers = key.signed_headers()?;
    // There is none behind an HTTP API.
    let key = headers.only("x-api-key");
    let direct = client.at_gateway(Method::GET, "/pets", &key.all()).await?;
    rows.row("the API's own URL, with only the API key", "200 would-be-refused: header-missing", direct.verdict());
    let path = client.at_gateway(Method::GET, "/pets", &headers.all()).await?;
    rows.row("signed headers on another path", "200 would-be-refused: path", path.verdict());
    Ok(())
}
