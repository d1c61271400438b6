//! The whole path over HTTP: CloudFront, the edge, API Gateway, the authorizer, the user's own authorizer, and `/echo`.

use crate::{
    next_authorizer::functions::{Function, LANGUAGES, MARKER},
    support::{
        aws_clients::{aws_variables, in_region},
        bootstrap::Bootstrap,
        client::ask,
        keys::Keys,
        whole_path,
    },
};
use authorizer::{Authorizer, AuthorizerConfig};
use edge_signer::EdgeSigner;
use hyper::Method;
use local::{ApiKind, IdentitySources, InvokeOptions, Options, Running};
use serde_json::{Value, json};
use telemetry::{Log, MemoryLog};

/// The whole path, with these settings of the authorizer beside its keys and the function; and the authorizer's log.
async fn start(function: &Function, keys: &Keys, api: ApiKind, settings: &[(&str, &str)]) -> (Running, MemoryLog) {
    let source = keys.source();
    let own = [("COUNTERSIGN_SECRET", source.as_str()), ("COUNTERSIGN_NEXT_AUTHORIZER", function.api.function_arn())];
    let all = own.iter().chain(settings).map(|&(name, value)| (name.into(), value.into()));
    let config = AuthorizerConfig::read(all).unwrap();
    let lines = MemoryLog::default();
    let aws = in_region(&function.api.url(), "eu-west-1");
    let authorizer = Authorizer::new(config, &aws, Log::new(None, lines.clone()));
    let is_monitor = settings.contains(&("COUNTERSIGN_MODE", "monitor"));
    let identity_sources = if is_monitor { IdentitySources::None } else { IdentitySources::Signature };
    let options = Options { identity_sources, ..whole_path::options(&source, api) };
    (local::start(options, EdgeSigner::new(0, aws), authorizer).await.unwrap(), lines)
}

/// The packaged program, which reads its settings, its credentials and the address of Lambda from its environment.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_asks_the_next_authorizer() {
    let function = Function::start("python", InvokeOptions::default()).await;
    let keys = Keys::new();
    let (source, url) = (keys.source(), function.api.url());
    let own = [
        ("COUNTERSIGN_SECRET", source.as_str()),
        ("COUNTERSIGN_NEXT_AUTHORIZER", function.api.function_arn()),
        ("COUNTERSIGN_NEXT_TIMEOUT", "20"),
    ];
    for (api, unauthorized) in [(ApiKind::Rest, 401), (ApiKind::Http, 403)] {
        let bootstrap = Bootstrap::start(&[&own[..], &aws_variables(&url, "eu-west-1")].concat()).await;
        let signer = EdgeSigner::new(0, in_region(&url, "eu-west-1"));
        let running = local::start(whole_path::options(&source, api), signer, bootstrap).await.unwrap();
        for (way, status) in [("allow", 200), ("deny", 403), ("unauthorized", unauthorized), ("throws", 500)] {
            let headers = [("X-Do", way)];
            let (found, echo) = ask(running.edge, Method::GET, "/echo/pets", &headers, b"").await;
            assert_eq!(found, status, "{way} at {api:?}");
            let handed_on = (&echo["authorizer"]["countersign"], &echo["authorizer"]["tenant"]);
            assert!(status != 200 || handed_on == (&json!("verified"), &json!("own")), "{echo}");
        }
        running.stop().await;
    }
}

/// The status, the context that the API gets, and the reason in the log.
async fn sent(running: &Running, lines: &MemoryLog, way: &str) -> (u16, Value, Option<String>) {
    let authorization = format!("Bearer {MARKER}");
    let headers = [("X-Do", way), ("Authorization", authorization.as_str())];
    let (status, echo) = ask(running.edge, Method::GET, "/echo/pets?q=1", &headers, b"").await;
    (status, echo["authorizer"].clone(), reason(lines))
}

/// The reason in the lines of the authorizer, which never hold a token.
fn reason(lines: &MemoryLog) -> Option<String> {
    let lines = lines.take_lines();
    assert!(!lines.iter().any(|line| line.contains(MARKER)), "{lines:?}");
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line["reason"].as_str().map(str::to_owned)).next()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_gets_what_the_next_authorizer_says() {
    for language in LANGUAGES {
        let function = Function::start(language, InvokeOptions::default()).await;
        for api in [ApiKind::Rest, ApiKind::Http, ApiKind::HttpV1] {
            let keys = Keys::new();
            let (running, lines) = start(&function, &keys, api, &[("COUNTERSIGN_NEXT_TIMEOUT", "20")]).await;
            let unauthorized = if api == ApiKind::Rest { 401 } else { 403 };
            for (way, status, reason) in [
                ("allow", 200, None),
                ("everything", 200, None),
                ("hostile", 200, None),
                ("deny", 403, Some("next-denied")),
                ("other", 403, Some("next-denied")),
                ("unauthorized", unauthorized, Some("next-unauthorized")),
                ("throws", 500, Some("next-failed")),
                ("crash", 500, Some("next-failed")),
                ("huge", 500, Some("next-answer")),
                ("null", 500, Some("next-answer")),
                ("types", 500, Some("next-answer")),
            ] {
                let (found, context, why) = sent(&running, &lines, way).await;
                assert_eq!((found, why.as_deref()), (status, reason), "{way} in {language} at {api:?}");
                if status == 200 {
                    assert_eq!(context["countersign"], "verified", "{way} in {language} at {api:?}");
                    assert_eq!(context["countersignPath"], "/echo/pets");
                    assert!(context["countersignTarget"].as_str().unwrap().ends_with("/echo/pets?q=1"));
                    assert_eq!(context["viewerIp"], "127.0.0.1");
                    let strangers = ["COUNTERSIGNTARGET", "jwt_sub"];
                    assert!(strangers.iter().all(|name| context.get(name).is_none()), "{context}");
                    let tenant = if way == "everything" { Value::Null } else { json!("own") };
                    assert_eq!(context["tenant"], tenant);
                }
            }
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_signed_does_not_reach_the_next_authorizer() {
    let function = Function::start("node", InvokeOptions::default()).await;
    let keys = Keys::new();
    for api in [ApiKind::Rest, ApiKind::Http] {
        let (running, _) = start(&function, &keys, api, &[]).await;
        let headers = [("X-Do", "print"), ("Countersign-Signature", "countersign=:AAAA:")];
        let (status, _) = ask(running.gateway, Method::GET, "/prod/echo/pets", &headers, b"").await;
        assert_eq!((status, function.lines.take_lines()), (403, Vec::new()));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn monitor_mode_of_the_signature_does_not_switch_the_next_authorizer_off() {
    let function = Function::start("node", InvokeOptions::default()).await;
    let keys = Keys::new();
    for api in [ApiKind::Rest, ApiKind::Http] {
        let (running, lines) = start(&function, &keys, api, &[("COUNTERSIGN_MODE", "monitor")]).await;
        for (way, status) in [("allow", 200), ("hostile", 200), ("deny", 403), ("throws", 500)] {
            let headers = [("X-Do", way)];
            let (found, echo) = ask(running.gateway, Method::GET, "/prod/echo/pets", &headers, b"").await;
            assert_eq!(found, status, "{way} at {api:?}");
            let expected = match way {
                "allow" => json!({ "countersign": "would-refuse", "tenant": "own", "number": 1.5, "flag": true }),
                "hostile" => json!({ "countersign": "would-refuse", "tenant": "own" }),
                _ => Value::Null,
            };
            assert_eq!(echo["authorizer"], expected, "{way} at {api:?}");
        }
        assert_eq!(reason(&lines).as_deref(), Some("header-missing"));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_identity_source_is_answered_without_asking() {
    let function = Function::start("node", InvokeOptions::default()).await;
    let keys = Keys::new();
    for (api, source, status) in
        [(ApiKind::Rest, "method.request.header.X-Token", 401), (ApiKind::Http, "$request.header.X-Token", 403)]
    {
        let (running, lines) = start(&function, &keys, api, &[("COUNTERSIGN_NEXT_IDENTITY", source)]).await;
        let (found, _, why) = sent(&running, &lines, "print").await;
        assert_eq!((found, why.as_deref()), (status, Some("next-identity-missing")));
        assert_eq!(function.lines.take_lines(), Vec::<String>::new());
        running.stop().await;
    }
}
