//! One request all the way: the real addon in Node signs it, the real `bootstrap` admits it, over real HTTP.

use crate::support::{
    client::ask,
    echo::{CAUGHT, arrived},
    keys::Keys,
    whole_path::stack,
};
use hyper::Method;
use local::ApiKind;

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_is_admitted_and_a_direct_or_altered_one_refused() {
    for (api, escaped) in [(ApiKind::Rest, "/echo/a%2Fb?x=a+b;c"), (ApiKind::Http, "/echo/a%20b?x=a+b;c")] {
        requests(api, escaped).await;
    }
}

async fn requests(api: ApiKind, escaped: &str) {
    let keys = Keys::new();
    let running = stack(&keys, api).await;

    for (method, target, body) in [
        (Method::GET, "/echo/pets?type=dog&type=cat", &b""[..]),
        (Method::POST, "/echo/pets", b"{\"type\":\"dog\"}"),
        (Method::POST, "/echo/empty", b""),
        (Method::PUT, escaped, &[0xff; 1_048_577]),
        (Method::DELETE, "/echo//x", b""),
    ] {
        let (status, echo) = ask(running.edge, method.clone(), target, &[], body).await;
        assert_eq!(
            (status, echo["target"].as_str(), echo["method"].as_str()),
            (200, Some(target), Some(method.as_str()))
        );
        assert_eq!(echo["body_length"], body.len());
        let digest = arrived(&echo, "content-digest");
        assert_eq!(digest.is_some(), method != Method::GET && body.len() <= 1_048_576, "{method} {target}");
    }

    let direct = ask(running.gateway, Method::GET, "/prod/pets", &[], b"").await;
    assert_eq!(direct.0, 401);
    let (_, echo) = ask(running.edge, Method::GET, "/echo/a", &[], b"").await;
    let caught: Vec<_> = CAUGHT.iter().map(|name| (*name, arrived(&echo, name).unwrap())).collect();
    let moved = ask(running.gateway, Method::GET, "/prod/echo/b", &caught, b"").await;
    let same = ask(running.gateway, Method::GET, "/prod/echo/a", &caught, b"").await;
    assert_eq!((moved.0, same.0), (403, 200));
    running.stop().await;
}

/// A captured POST with another body is refused with the digest under a name that only resembles its own, and with an
/// order for a hop behind the authorizer to remove it; and so for every header on which the verdict depends.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_only_resembles_ours_is_never_accepted_as_ours() {
    for api in [ApiKind::Rest, ApiKind::Http] {
        let keys = Keys::new();
        let running = stack(&keys, api).await;
        let (_, echo) = ask(running.edge, Method::POST, "/echo/a", &[], b"{}").await;
        let names = [&CAUGHT[..], &["Content-Digest"]].concat();
        let caught: Vec<_> = names.iter().map(|name| (*name, arrived(&echo, name).unwrap())).collect();
        let send = async |headers: &[(&str, &str)]| {
            ask(running.gateway, Method::POST, "/prod/echo/a", headers, b"another body").await.0
        };
        assert_eq!(send(&caught).await, 200, "no authorizer sees a body");
        for (at, name) in names.iter().enumerate() {
            for folded in [name.replace('-', "_"), name.replacen('-', "_", 1)] {
                let mut spelled = caught.clone();
                spelled[at].0 = &folded;
                // Without its identity source the gateway answers by itself.
                let expected = if *name == "Countersign-Signature" { 401 } else { 403 };
                assert_eq!(send(&spelled).await, expected, "{folded} for {name}");
                assert_eq!(send(&[&caught[..], &[(&folded, "x")]].concat()).await, 403, "{folded} beside {name}");
                let listed = [("Connection", folded.as_str())];
                // A hop has removed it, be it the gateway itself.
                assert!(matches!(send(&[&caught[..], &listed].concat()).await, 401 | 403), "Connection: {folded}");
            }
            let listed = format!("keep-alive, {name}");
            let refused = send(&[&caught[..], &[("Connection", &listed)]].concat()).await;
            assert!(matches!(refused, 401 | 403), "Connection: {listed}");
        }
        for value in ["content-length", "host", "Transfer_Encoding", "a b"] {
            assert_eq!(send(&[&caught[..], &[("Connection", value)]].concat()).await, 403, "Connection: {value}");
        }
        for value in ["keep-alive", "x-hop,, keep-alive"] {
            assert_eq!(send(&[&caught[..], &[("Connection", value)]].concat()).await, 200, "Connection: {value}");
        }
        running.stop().await;
    }
}

/// What no authorizer of an HTTP API can see, and what the API can: the path it gets is not that of `Countersign-Target`.
#[tokio::test(flavor = "multi_thread")]
async fn behind_an_http_api_the_backend_must_compare_the_target() {
    let keys = Keys::new();
    let running = stack(&keys, ApiKind::Http).await;
    let (_, echo) = ask(running.edge, Method::GET, "/echo/a", &[], b"").await;
    let caught: Vec<_> = CAUGHT.iter().map(|name| (*name, arrived(&echo, name).unwrap())).collect();
    for target in ["/prod/echo/a%3Fadmin=1", "/prod/echo/a%3F/../secret", "/prod/echo/%61"] {
        let (status, echo) = ask(running.gateway, Method::GET, target, &caught, b"").await;
        let got = format!("/prod{}", echo["target"].as_str().unwrap());
        assert_eq!((status, got.as_str(), arrived(&echo, "countersign-target")), (200, target, Some("/prod/echo/a")));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_the_edge_answers_503_and_the_gateway_500() {
    let keys = Keys::new();
    let running = stack(&keys, ApiKind::Rest).await;
    std::fs::remove_file(keys.file.path()).unwrap();
    let (status, answer) = ask(running.edge, Method::GET, "/pets", &[], b"").await;
    assert_eq!((status, answer["message"].as_str()), (503, Some("Service unavailable")));

    // Signed with the right key, but the authorizer cannot know that.
    let target = "/prod/pets";
    let authority = running.gateway.to_string();
    let request = signing::Request {
        method: "GET".try_into().unwrap(),
        authority: authority.as_str().try_into().unwrap(),
        target: target.try_into().unwrap(),
        viewer_ip: "203.0.113.7".try_into().unwrap(),
        content_digest: None,
    };
    let set = crate::support::keys::key_set();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = signing::UnixSeconds::new(since.as_secs());
    let lifetime = std::time::Duration::from_secs(60);
    let signature = signing::sign(&request, &set.keys()[0], signing::Nonce::new([1; 16]), lifetime, now);
    let headers = [
        ("Countersign-Signature-Input", signature.input.as_str()),
        ("Countersign-Signature", &signature.signature),
        ("Countersign-Target", target),
        ("Countersign-Viewer-Ip", "203.0.113.7"),
    ];
    let (status, _) = ask(running.gateway, Method::GET, target, &headers, b"").await;
    assert_eq!(status, 500);
    running.stop().await;
}
