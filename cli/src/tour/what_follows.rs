//! The tour's chapters about what follows the signature: a token, your own authorizer, and both by route.

use crate::{
    local::emulation::{Api, Emulation, Mode},
    times::now,
    tour::{
        chapters::Chapter,
        client::{Client, Reply},
        decision_log::DecisionLog,
        example_authorizer,
        issuer::Issuer,
        own_emulation::one,
        report::{Report, Rows},
    },
};
use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::Method;
use serde_json::{Value, json};

const JWT: &str = "COUNTERSIGN_JWT";
const THEN: &str = "COUNTERSIGN_THEN";

pub(crate) async fn chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let issuer = &Issuer::start().await?;
    let of = |api, settings: &[(&'static str, &str)]| Emulation {
        api,
        second_check: settings.iter().map(|&(name, value)| (name, value.to_owned())).collect(),
        ..emulation.clone()
    };
    let setting = issuer.setting();
    let jwt = (JWT, setting.as_str());
    let read = (THEN, "jwt(read)");
    for (chapter, api) in
        [(Chapter::RestToken, Api::Rest), (Chapter::HttpToken, Api::Http), (Chapter::HttpV1Token, Api::HttpV1)]
    {
        one(chapter, of(api, &[jwt, read]), log, report, async |client, rows| token(client, issuer, rows).await)
            .await?;
    }
    let handshake = of(Api::WebSocket, &[jwt, read]);
    one(Chapter::WebSocketToken, handshake, log, report, async |client, rows| {
        token_of_handshake(client, issuer, rows).await
    })
    .await?;
    let (next, _folder) = example_authorizer::folder()?;
    let asking =
        |api, settings: &[(&'static str, &str)]| Emulation { next_authorizer: Some(next.clone()), ..of(api, settings) };
    for (chapter, api) in
        [(Chapter::RestNext, Api::Rest), (Chapter::HttpNext, Api::Http), (Chapter::HttpV1Next, Api::HttpV1)]
    {
        one(chapter, asking(api, &[]), log, report, next_authorizer).await?;
    }
    one(Chapter::WebSocketNext, asking(Api::WebSocket, &[]), log, report, next_of_handshake).await?;
    let rows_of_rest = (THEN, "GET /pets=none,ANY /echo/{proxy+} /echo/public/*=none,*=jwt");
    for (chapter, api) in [(Chapter::RestRoutes, Api::Rest), (Chapter::HttpRoutes, Api::Http)] {
        let by_route = of(api, &[jwt, rows_of_rest]);
        one(chapter, by_route, log, report, async |client, rows| routes(client, issuer, rows).await).await?;
    }
    let both = asking(Api::Http, &[jwt, (THEN, "ANY /pets=jwt,ANY /pets/{petId}=lambda")]);
    one(Chapter::BothChecks, both, log, report, async |client, rows| both_checks(client, issuer, rows).await).await?;
    let monitor = Emulation { mode: Mode::Monitor, ..of(Api::Rest, &[jwt]) };
    one(Chapter::MonitorToken, monitor, log, report, async |client, rows| {
        monitor_of_the_signature(client, issuer, rows).await
    })
    .await?;
    let monitor = Emulation { mode: Mode::Monitor, ..asking(Api::Rest, &[]) };
    one(Chapter::MonitorNext, monitor, log, report, monitor_of_the_signature_with_next).await?;
    let own_monitor = of(Api::Http, &[jwt, ("COUNTERSIGN_JWT_MODE", "monitor")]);
    one(Chapter::TokenMonitor, own_monitor, log, report, monitor_of_the_token).await?;
    let own_monitor = asking(Api::Http, &[("COUNTERSIGN_NEXT_MODE", "monitor")]);
    one(Chapter::NextMonitor, own_monitor, log, report, monitor_of_next).await
}

/// 401 where an authorizer can make one, else 403.
fn unauthorized(client: &Client) -> u16 {
    match client.api {
        Api::Rest | Api::WebSocket => 401,
        Api::Http | Api::HttpV1 => 403,
    }
}

async fn with_token(client: &Client, target: &str, bearer: &str) -> Result<Reply> {
    client.at_edge(Method::GET, target, &[("Authorization", bearer)]).await
}

async fn token(client: &Client, issuer: &Issuer, rows: &mut Rows) -> Result<()> {
    let status = unauthorized(client);
    let claims = issuer.claims(now().get());
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed.insert(name.to_owned(), value);
        issuer.bearer(&changed)
    };
    let good = issuer.bearer(&claims);

    let get = with_token(client, "/echo/a", &good).await?;
    let sub = get.handed_on("jwt_sub")?.is_some_and(|sub| sub == "user-7");
    rows.row(
        "with a token, through CloudFront",
        "200 admitted, jwt_sub handed on",
        get.verdict_and(sub, "jwt_sub handed on"),
    );
    let caught = get.signed_headers()?;
    for (tried, bearer, reason) in [
        ("with an expired token", with("exp", json!(now().get() - 400)), "token-expired"),
        ("with a token of another issuer", with("iss", json!("https://issuer.example")), "token-issuer"),
        ("with a token for another API", with("aud", json!("another")), "token-audience"),
        (
            "with a token whose last bytes differ",
            format!("{}AAAA", good.get(..good.len() - 4).unwrap_or_default()),
            "token-signature",
        ),
        ("with a token of the algorithm none", of_no_algorithm(&good), "token-algorithm"),
        ("with Basic in the place of Bearer", "Basic dXNlcjpwYXNz".to_owned(), "token-not-bearer"),
    ] {
        let reply = with_token(client, "/echo/a", &bearer).await?;
        rows.row(tried, &format!("{status} refused: {reason}"), reply.verdict());
    }
    let none = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("without a token", &format!("{status} refused: token-missing"), none.verdict());
    let scope = with_token(client, "/echo/a", &with("scope", json!("write"))).await?;
    rows.row("with a token that lacks the scope", "403 refused: token-scope", scope.verdict());

    let direct = client.at_gateway(Method::GET, "/echo/a", &[("Authorization", &good)]).await?;
    rows.row("with a token, at the API's own URL", "401 refused-by-gateway", direct.verdict());
    let replayed = client.at_gateway(Method::GET, "/echo/b", &caught.with("Authorization", &good).all()).await?;
    rows.row("with a token and the signature of another path", "403 refused: path", replayed.verdict());
    let tokenless = client.at_gateway(Method::GET, "/echo/a", &caught.all()).await?;
    rows.row("captured headers without the token", &format!("{status} refused: token-missing"), tokenless.verdict());
    Ok(())
}

/// The token with another header.
fn of_no_algorithm(bearer: &str) -> String {
    let rest = bearer.split_once('.').map_or("", |(_, rest)| rest);
    format!("Bearer {}.{rest}", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#))
}

async fn token_of_handshake(client: &Client, issuer: &Issuer, rows: &mut Rows) -> Result<()> {
    let good = issuer.bearer(&issuer.claims(now().get()));
    let mut open = client.handshake_at_edge("/", &[("Authorization", &good)]).await?;
    rows.row("a handshake with a token", "101 admitted", open.verdict());
    let sub = open.ask_whoami("jwt_sub").await?;
    rows.row("what was handed on at $connect", "user-7", sub);
    open.close().await?;
    let none = client.handshake_at_edge("/", &[]).await?;
    rows.row("a handshake without a token", "401 refused: token-missing", none.verdict());
    Ok(())
}

async fn as_user(client: &Client, target: &str, user: &str) -> Result<Reply> {
    client.at_edge(Method::GET, target, &[("Authorization", user)]).await
}

async fn next_authorizer(client: &Client, rows: &mut Rows) -> Result<()> {
    let status = unauthorized(client);
    let get = as_user(client, "/echo/a", "user-7").await?;
    let user = get.handed_on("user")?.is_some_and(|user| user == "user-7");
    rows.row("a user it knows, through CloudFront", "200 admitted, its context", get.verdict_and(user, "its context"));
    let ours = get.handed_on("countersignPath")?.is_some_and(|path| path == "/echo/a");
    rows.row("it poses as Countersign in its context", "200 admitted, ours", get.verdict_and(ours, "ours"));
    let caught = get.signed_headers()?;
    for (tried, user, expected) in [
        ("a user it refuses", "suspended", "403 refused: next-denied".to_owned()),
        ("a user it does not know", "who", format!("{status} refused: next-unauthorized")),
        ("it fails", "failing", "500 undecided: next-failed".to_owned()),
        ("it answers garbage", "garbage", "500 undecided: next-answer".to_owned()),
        ("it takes longer than it may", "slow", "500 undecided: next-timed-out".to_owned()),
    ] {
        let reply = as_user(client, "/echo/a", user).await?;
        rows.row(tried, &expected, reply.verdict());
    }
    let direct = client.at_gateway(Method::GET, "/echo/a", &[("Authorization", "user-7")]).await?;
    rows.row("a user it knows, at the API's own URL", "401 refused-by-gateway", direct.verdict());
    let replayed = client.at_gateway(Method::GET, "/echo/b", &caught.with("Authorization", "user-7").all()).await?;
    rows.row("with the signature of another path", "403 refused: path", replayed.verdict());
    Ok(())
}

async fn next_of_handshake(client: &Client, rows: &mut Rows) -> Result<()> {
    let mut open = client.handshake_at_edge("/", &[("Authorization", "user-7")]).await?;
    rows.row("a handshake of a user it knows", "101 admitted", open.verdict());
    let user = open.ask_whoami("user").await?;
    rows.row("what was handed on at $connect", "user-7", user);
    open.close().await?;
    let suspended = client.handshake_at_edge("/", &[("Authorization", "suspended")]).await?;
    rows.row("of a user it refuses", "403 refused: next-denied", suspended.verdict());
    let none = client.handshake_at_edge("/", &[]).await?;
    rows.row("without a user", "401 refused: next-unauthorized", none.verdict());
    Ok(())
}

/// The example authorizer takes only the name of a user, and the other check only a token: no request has both.
async fn both_checks(client: &Client, issuer: &Issuer, rows: &mut Rows) -> Result<()> {
    let good = issuer.bearer(&issuer.claims(now().get()));
    for (target, authorization, expected) in [
        ("/pets", good.as_str(), "200 admitted"),
        ("/pets", "user-7", "403 refused: token-not-bearer"),
        ("/pets/1", "user-7", "200 admitted"),
        ("/pets/1", &good, "403 refused: next-unauthorized"),
        ("/echo/a", "user-7", "403 refused: token-not-bearer"),
        ("/echo/a", &good, "403 refused: next-unauthorized"),
    ] {
        let what = if authorization == good { "a token" } else { "the name of a user" };
        let reply = as_user(client, target, authorization).await?;
        rows.row(&format!("GET {target} with {what}"), expected, reply.verdict());
    }
    Ok(())
}

async fn monitor_of_the_signature_with_next(client: &Client, rows: &mut Rows) -> Result<()> {
    let caught = as_user(client, "/echo/a", "user-7").await?.signed_headers()?;
    let key = caught.only("x-api-key");
    let open = client.at_gateway(Method::GET, "/echo/a", &key.with("Authorization", "user-7").all()).await?;
    rows.row("unsigned, a user it knows", "200 would-be-refused: header-missing", open.verdict());
    let none = client.at_gateway(Method::GET, "/echo/a", &key.all()).await?;
    rows.row("unsigned, without a user", "401 refused: next-unauthorized", none.last_verdict());
    Ok(())
}

async fn monitor_of_next(client: &Client, rows: &mut Rows) -> Result<()> {
    let refused = as_user(client, "/echo/a", "suspended").await?;
    let expected = "200 would-be-refused: next-denied";
    rows.row("a user it refuses, through CloudFront", expected, refused.first_verdict());
    let direct = client.at_gateway(Method::GET, "/echo/a", &[("Countersign-Signature", "x")]).await?;
    rows.row("unsigned, at the API's own URL", "403 refused: header-missing", direct.verdict());
    Ok(())
}

async fn routes(client: &Client, issuer: &Issuer, rows: &mut Rows) -> Result<()> {
    let status = unauthorized(client);
    let good = issuer.bearer(&issuer.claims(now().get()));
    let refused = format!("{status} refused: token-missing");
    for (target, expected) in [
        ("/pets?type=dog", "200 admitted"),
        ("/pets/1", &*refused),
        ("/echo/a", &refused),
        ("/echo/public", "200 admitted"),
        ("/echo/public/a", "200 admitted"),
        ("/echo/publications", &refused),
        ("/echo/Public/a", &refused),
        ("/echo/public.json", &refused),
        ("/echo/public//a", &refused),
        ("/echo/public/..;/a", &refused),
    ] {
        let reply = client.at_edge(Method::GET, target, &[]).await?;
        rows.row(&format!("GET {target} without a token"), expected, reply.verdict());
    }
    let post = client.at_edge(Method::POST, "/pets", &[]).await?;
    rows.row("POST /pets without a token", &refused, post.verdict());
    let get = with_token(client, "/pets/1", &good).await?;
    rows.row("GET /pets/1 with a token", "200 admitted", get.verdict());
    Ok(())
}

async fn monitor_of_the_signature(client: &Client, issuer: &Issuer, rows: &mut Rows) -> Result<()> {
    let good = issuer.bearer(&issuer.claims(now().get()));
    let key = client.at_edge(Method::GET, "/echo/a", &[("Authorization", &good)]).await?.signed_headers()?;
    let key = key.only("x-api-key");
    let open = client.at_gateway(Method::GET, "/echo/a", &key.with("Authorization", &good).all()).await?;
    rows.row("unsigned, with a token", "200 would-be-refused: header-missing", open.verdict());
    let none = client.at_gateway(Method::GET, "/echo/a", &key.all()).await?;
    rows.row("unsigned, without a token", "401 refused: token-missing", none.last_verdict());
    let signed = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("through CloudFront, without a token", "401 refused: token-missing", signed.verdict());
    Ok(())
}

async fn monitor_of_the_token(client: &Client, rows: &mut Rows) -> Result<()> {
    let none = client.at_edge(Method::GET, "/echo/a", &[]).await?;
    rows.row("through CloudFront, without a token", "200 would-be-refused: token-missing", none.first_verdict());
    let direct = client.at_gateway(Method::GET, "/echo/a", &[("Countersign-Signature", "x")]).await?;
    rows.row("unsigned, at the API's own URL", "403 refused: header-missing", direct.verdict());
    Ok(())
}
