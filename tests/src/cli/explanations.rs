//! `countersign explain`: each of the most usual problems, made with the real edge signer and the real authorizer, has its cause at the
//! first place. And every reason has its page.

use crate::{
    cli::support::{countersign::run, on_aws},
    fake_aws::FakeAws,
    repository::{
        markdown::{Document, Kind},
        reference_pages::codes,
    },
    support::{
        artifacts::fixture,
        keys::{SECRET, key_set},
    },
};
use authorizer::{Authorizer, AuthorizerConfig};
use edge_signer::{Action, EdgeSigner, Header, Origin, OriginRequest};
use key_store::{
    KeyFile,
    aws::{CallLimits, of_lambda},
};
use local::{Api, ApiRequest, Routes, http_event, rest_event};
use pulldown_cmark::HeadingLevel;
use serde_json::{Value, json};
use signing::{Key, KeySet, Nonce, UnixSeconds};
use std::{
    fs,
    time::{Duration, SystemTime},
};
use telemetry::{Log, MemoryLog};
use tempfile::TempDir;

const DOMAIN: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
const VIEWER_HOST: &str = "api.example.com";
/// What no output may hold.
const TOKEN: &str = "eyJ-a-token-of-a-viewer";

type Show = fn(&Api<'_>, &ApiRequest<'_>, SystemTime) -> Option<Value>;

/// The keys of both sides, and a time.
struct World {
    folder: TempDir,
    now: SystemTime,
}

impl World {
    fn new() -> Self {
        Self::at(SystemTime::now())
    }

    fn at(now: SystemTime) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), now };
        world.keys("keys.json", "k1", &SECRET);
        world.keys("other-secret.json", "k1", &[7; 32]);
        world.keys("other-id.json", "k2", &SECRET);
        world
    }

    fn keys(&self, name: &str, id: &str, secret: &[u8; 32]) {
        let key = Key::new(id.try_into().unwrap(), secret, UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
        KeyFile::new(self.path(name)).create(&KeySet::new(vec![key]).unwrap(), &[]).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, text: &str) -> String {
        let path = self.path("input");
        fs::write(&path, text).unwrap();
        path
    }

    /// The headers of a GET of `/pets?type=dog&page=2` behind the real edge signer.
    async fn signed_at_the_edge(&self, host: &str, origin_path: &str, now: SystemTime) -> Vec<(String, String)> {
        let source = format!("file:{}", self.path("keys.json"));
        let header = |name, value| Header { name, value };
        let request = OriginRequest {
            request_id: "id",
            method: "GET",
            uri: "/pets",
            querystring: "type=dog&page=2",
            client_ip: "203.0.113.7",
            headers: vec![header("host", host)],
            origin: Origin {
                protocol: "https",
                path: origin_path,
                custom_headers: vec![header("countersign-secret", &source)],
            },
            body: None,
        };
        let signer = EdgeSigner::new(0, of_lambda(CallLimits::BRIEF));
        let decision = signer.handle(&request, Nonce::new([1; 16]), now).await;
        let Action::Forward(edits) = decision.action else { panic!("{:?}", decision.action) };
        let sent = [("Host", host), ("Authorization", TOKEN), ("X-Amz-Cf-Id", "cf==")];
        let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter();
        sent.chain(edits.set.into_iter().map(|(name, value)| (name.into_owned(), value))).collect()
    }

    /// What API Gateway shows its authorizer of the request, if it accepts it.
    fn event(&self, show: Show, target: &str, headers: &[(String, String)]) -> Option<Value> {
        let api = Api {
            region: "eu-west-1",
            account_id: "123456789012",
            api_id: "abc123",
            stage: "prod",
            domain_name: DOMAIN,
            base_path: None,
            routes: Routes::All,
            identity_sources: &[],
        };
        let request = ApiRequest {
            method: "GET",
            target,
            headers,
            source_ip: "198.51.100.1",
            request_id: "r",
            extended_request_id: "x",
        };
        show(&api, &request, self.now)
    }

    /// The line that the real authorizer logs about the event.
    async fn log_line(&self, event: &Value, keys: &str) -> Value {
        let source = format!("file:{}", self.path(keys));
        let config = AuthorizerConfig::read([("COUNTERSIGN_SECRET".into(), source.into())]).unwrap();
        let lines = MemoryLog::default();
        let log = Log::new(Some("authorizer".to_owned()), lines.clone());
        let authorizer = Authorizer::new(config, &of_lambda(CallLimits::BRIEF), log);
        let _ = authorizer.authorize(&event.to_string(), self.now).await;
        lines.take().into_iter().rfind(|line| line["event"] != "keys-read").unwrap()
    }

    /// The explanation of an event has the reason of the authorizer's log and this cause at the first place. So has that of the line,
    /// which has fewer causes.
    async fn check(&self, event: &Value, keys: &str, reason: &str, cause: &str) -> Value {
        let line = self.log_line(event, keys).await;
        assert_eq!(line["reason"], reason, "{line}");
        let of_line = explain(&[&self.file(&line.to_string())]).await;
        assert_eq!((&of_line["form"], &of_line["reason"]), (&json!("log-line"), &json!(reason)));
        let explained = explain(&[&self.file(&event.to_string()), "--keys", &self.path(keys)]).await;
        assert_eq!(explained["reason"], reason, "{explained}");
        assert_eq!(explained["detail"], line["detail"], "{explained}");
        first_cause(&explained, cause);
        let failed = |explained: &Value| {
            let rules = explained["rules"].as_array().unwrap();
            rules.iter().filter(|rule| rule["state"] == "failed").map(|rule| rule["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(failed(&explained), failed(&of_line));
        assert_eq!(failed(&explained).len(), 1, "{explained}");
        explained
    }
}

/// Runs `explain --format json`, and the same as text.
async fn explain(arguments: &[&str]) -> Value {
    let (status, text, error) = run(&[&["explain"], arguments].concat()).await;
    assert_eq!((status, error.as_str()), (Some(0), ""), "{text}");
    let (status, out, error) = run(&[&["explain", "--format", "json"], arguments].concat()).await;
    assert_eq!((status, error.as_str()), (Some(0), ""), "{out}");
    for output in [&text, &out] {
        assert!(!output.contains(TOKEN) && !output.contains('\u{1b}'), "{output}");
        assert!(!output.contains(std::str::from_utf8(&SECRET).unwrap()), "{output}");
    }
    let mut explained: Value = serde_json::from_str(&out).unwrap();
    let [explained] = &mut explained["explained"].as_array_mut().unwrap()[..] else { panic!("{out}") };
    explained.take()
}

#[track_caller]
fn first_cause(explained: &Value, expected: &str) {
    let first = &explained["causes"][0];
    assert!(first["cause"].as_str().unwrap().starts_with(expected), "{expected} is not first in {explained}");
    assert_eq!(first["seen_here"], true, "{first}");
}

fn state<'a>(explained: &'a Value, rule: &str) -> &'a Value {
    &explained["rules"].as_array().unwrap().iter().find(|other| other["name"] == rule).unwrap()["state"]
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_the_first_cause() {
    let world = World::new();
    let gateways: [(Show, &str); 2] = [(rest_event, "rest"), (http_event, "http")];
    for (show, of_gateway) in gateways {
        for (ahead, reason, cause) in [
            (
                600,
                "future",
                "The clock of the signer is ahead of the gateway's clock by 10m. All other rules would hold.",
            ),
            (-3600, "expired", "No request is on its way for so long. So the clock of the signer is behind"),
        ] {
            let skew = Duration::from_secs(i64::unsigned_abs(ahead));
            let signer = if ahead > 0 { world.now + skew } else { world.now - skew };
            let headers = world.signed_at_the_edge(DOMAIN, "/prod", signer).await;
            let event = world.event(show, "/prod/pets?type=dog&page=2", &headers).unwrap();
            let explained = world.check(&event, "keys.json", reason, cause).await;
            assert_eq!(state(&explained, "The signature"), "would-hold", "{of_gateway}");
            assert!(explained["times"][1]["at"].as_str().unwrap().contains(if ahead > 0 { "(in " } else { " ago)" }));
        }
    }
}

#[tokio::test]
async fn a_key_that_differs_is_the_first_cause() {
    let world = World::new();
    let headers = world.signed_at_the_edge(DOMAIN, "/prod", world.now).await;
    let event = world.event(rest_event, "/prod/pets?type=dog&page=2", &headers).unwrap();
    for (keys, reason, cause) in [
        ("other-secret.json", "signature", "The secret of the key k1 is another one at the signer"),
        (
            "other-id.json",
            "key-unknown",
            "Both sides have different keys: the signature names k1, and the keys that were given are k2.",
        ),
    ] {
        let explained = world.check(&event, keys, reason, cause).await;
        assert_eq!(state(&explained, "Target of the request"), "held");
    }
    let explained = explain(&[&world.file(&event.to_string()), "--keys", &world.path("keys.json")]).await;
    assert_eq!((&explained["verdict"], &explained["causes"]), (&json!("every rule holds"), &Value::Null));
    let explained = explain(&[&world.file(&event.to_string())]).await;
    assert_eq!(explained["verdict"], "every rule holds that can be asked without keys");
    assert_eq!(state(&explained, "The key"), "not-reached");
}

#[tokio::test]
async fn a_query_that_was_stripped_is_the_first_cause() {
    let world = World::new();
    let headers = world.signed_at_the_edge(DOMAIN, "/prod", world.now).await;
    let gateways: [Show; 2] = [rest_event, http_event];
    for show in gateways {
        let event = world.event(show, "/prod/pets?type=dog", &headers).unwrap();
        let cause = "Something removes a part of the query behind the edge: page did not arrive.";
        let explained = world.check(&event, "keys.json", "query", cause).await;
        assert_eq!(state(&explained, "The signature"), "would-hold");
        let line =
            explained["signature_base"].as_array().unwrap().iter().find(|line| line["name"] == "@query").unwrap();
        let expected =
            json!({ "name": "@query", "as_signed": "?type=dog&page=2", "as_received": "?type=dog", "differs": true });
        assert_eq!(*line, expected);
    }
}

/// At the edge, where it can be seen before API Gateway answers 403 by itself; and at an authorizer.
#[tokio::test]
async fn a_host_of_the_viewer_is_the_first_cause() {
    let world = World::new();
    let mut event = cloudfront_event();
    event["Records"][0]["cf"]["request"]["headers"]["host"][0]["value"] = json!(VIEWER_HOST);
    let explained = explain(&[&world.file(&event.to_string())]).await;
    first_cause(&explained, "The behavior forwards the viewer's Host, api.example.com.");
    let command = explained["causes"][0]["command"].as_str().unwrap();
    assert!(command.contains("--id EDFDVBD6EXAMPLE"), "{command}");

    let headers = world.signed_at_the_edge(VIEWER_HOST, "/prod", world.now).await;
    let event = world.event(rest_event, "/prod/pets?type=dog&page=2", &headers).unwrap();
    let cause = "The behavior forwards the viewer's Host: the request has api.example.com, for which it was signed";
    world.check(&event, "keys.json", "host", cause).await;
}

/// API Gateway answers by itself, so only the edge and the request itself show it.
#[tokio::test]
async fn a_stage_that_is_missing_is_the_first_cause() {
    let world = World::new();
    let mut event = cloudfront_event();
    let custom = &mut event["Records"][0]["cf"]["request"]["origin"]["custom"];
    custom["path"] = json!("");
    custom["customHeaders"]["countersign-api"] = json!([{ "key": "countersign-api", "value": "rest" }]);
    first_cause(&explain(&[&world.file(&event.to_string())]).await, "The stage is missing: the origin path is empty");
    let named = [&world.file(&event.to_string()), "--stage", "prod"];
    first_cause(&explain(&named).await, "The stage is missing: the origin path is \"\"");

    let headers = world.signed_at_the_edge(DOMAIN, "", world.now).await;
    assert_eq!(world.event(rest_event, "/pets?type=dog&page=2", &headers), None, "API Gateway does not accept it");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let request = world.file(&format!("GET /pets?type=dog&page=2 HTTP/1.1\n{headers}\n"));
    let explained = explain(&[&request, "--stage", "prod"]).await;
    first_cause(&explained, "The path does not begin with the stage /prod");
    assert_eq!(state(&explained, "Headers"), "not-reached");
}

/// A signature that is not there, or that lost a header on its way.
#[tokio::test]
async fn a_request_without_a_signature_has_its_way_as_the_first_cause() {
    let world = World::new();
    let signed = world.signed_at_the_edge(DOMAIN, "/prod", world.now).await;
    let check = async |keep: &dyn Fn(&str) -> bool, cause: &str| {
        let headers: Vec<_> = signed.iter().filter(|(name, _)| keep(name)).cloned().collect();
        let event = world.event(rest_event, "/prod/pets", &headers).unwrap();
        world.check(&event, "keys.json", "header-missing", cause).await
    };
    let ours = |name: &str| name.starts_with("Countersign-");
    let past = check(&|name| !ours(name) && name != "X-Amz-Cf-Id", "The request came past CloudFront").await;
    let causes = past["causes"].as_array().unwrap().iter();
    assert_eq!(causes.filter(|cause| cause["cause"].as_str().unwrap().contains("came past CloudFront")).count(), 1);
    check(&|name| !ours(name), "The request came through CloudFront").await;
    check(&|name| name != "Countersign-Target", "Something behind the edge removed or renamed Countersign-Target")
        .await;
}

#[tokio::test]
async fn an_error_of_the_cache_is_the_first_cause() {
    let world = World::new();
    let answer = "HTTP/2 403 \nx-amzn-errortype: AccessDeniedException\nx-cache: Error from cloudfront\nage: 7\n\n{}";
    let explained = explain(&[&world.file(answer)]).await;
    first_cause(&explained, "CloudFront cached an error: the answer is 7 s old (Age)");
    let explained = explain(&[&world.file(&answer.replace("age: 7\n", ""))]).await;
    first_cause(&explained, "The authorizer refused the request");
}

#[tokio::test]
async fn the_keys_can_be_those_of_a_secret() {
    let world = World::new();
    let aws = FakeAws::start().await;
    let arn = aws.create_secret("eu-west-1", "keys", &key_set().to_json(), &[]);
    let headers = world.signed_at_the_edge(DOMAIN, "/prod", world.now).await;
    let event = world.event(rest_event, "/prod/pets?type=dog&page=2", &headers).unwrap();
    let input = world.file(&event.to_string());
    let arguments = ["explain", &input, "--secret", &arn];
    let (status, out, error) = on_aws::run(aws.endpoint(), &arguments).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    assert!(out.contains("every rule holds\n") && !out.contains(TOKEN), "{out}");
    aws.deny("secretsmanager:GetSecretValue");
    let (status, out, error) = on_aws::run(aws.endpoint(), &arguments).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(error.starts_with(&format!("error: {arn} cannot be used: ")) && error.contains("AWS denies"), "{error}");
}

/// What `countersign sign` prints is explained as the authorizer decides about it.
#[tokio::test]
async fn a_signed_curl_command_is_explained() {
    let world = World::new();
    let keys = world.path("keys.json");
    let url = format!("https://{DOMAIN}/prod/pets?type=dog&access_token={TOKEN}");
    let (_, command, _) = run(&["sign", "POST", &url, "--keys", &keys, "--curl", "--header", "Authorization: x"]).await;
    for api in ["rest", "http", "http-v1"] {
        let input = world.file(&command);
        let explained = explain(&[&input, "--keys", &keys, "--api", api, "--stage", "prod"]).await;
        assert_eq!(explained["verdict"], "every rule holds", "{api}: {explained}");
    }
    let explained = explain(&[&world.file(&command.replace("POST", "PUT")), "--keys", &keys]).await;
    assert_eq!(explained["reason"], "signature");
    first_cause(&explained, "The method was changed: the signature fits POST, and PUT arrived.");
    let explained = explain(&[&world.file(&format!("curl '{url}'"))]).await;
    first_cause(&explained, "The request is not signed.");
}

/// What the page shows is what the command prints.
#[tokio::test]
async fn the_page_shows_what_is_printed() {
    let world = World::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_778_713));
    let headers = world.signed_at_the_edge(DOMAIN, "/prod", world.now - Duration::from_secs(1)).await;
    let event = world.event(rest_event, "/prod/pets?type=dog", &headers).unwrap();
    let input = world.file(&event.to_string());
    let (status, out, error) = run(&["explain", &input, "--keys", &world.path("keys.json")]).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    let page = Document::open("docs/explain.md").text;
    let shown = page.split("```\n").find(|block| block.starts_with("An event of"));
    assert_eq!(shown, Some(out.as_str()), "{out}");
}

fn cloudfront_event() -> Value {
    serde_json::from_str(&fixture("cloudfront-origin-request.json")).unwrap()
}

/// `explain REASON` prints the section of the page, for each code of the enums of reasons.
#[tokio::test]
async fn every_reason_has_its_page() {
    let document = Document::open("docs/refusal-reasons.md");
    for code in codes() {
        let (status, out, error) = run(&["explain", &code, "--format", "json"]).await;
        assert_eq!((status, error.as_str()), (Some(0), ""), "{code}");
        let printed: Value = serde_json::from_str(&out).unwrap();
        let blocks = document
            .blocks
            .iter()
            .skip_while(|block| block.kind != Kind::Heading(HeadingLevel::H3) || block.cells[0].text != code);
        let texts: Vec<_> = blocks.skip(1).map(|block| block.cells[0].text.as_str()).take(4).collect();
        let part = |name: &str| texts.iter().find_map(|text| text.strip_prefix(name)).map(str::to_owned);
        // The reader of these tests has no backquotes.
        let shown = |name: &str| printed[name].as_str().map(|text| text.replace('`', ""));
        assert_eq!(printed["reason"], code);
        assert_eq!(shown("meaning"), part("Meaning: "), "{code}");
        assert_eq!(shown("what_to_do"), part("What to do: "), "{code}");
        let causes = printed["causes"].as_array().unwrap().iter().map(|cause| cause.as_str().unwrap().to_lowercase());
        let causes = causes.map(|cause| cause.trim_end_matches('.').replace('`', "")).collect::<Vec<_>>().join(". or ");
        assert_eq!(
            Some(causes + "."),
            part("Likely causes: ").map(|text| text.to_lowercase().replace(". or, ", ". or ")),
            "{code}"
        );
    }
}
