//! An origin-request event is signed, answered or forwarded, depending on its configuration and its parts.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edge_signer::{
    Action, Body, Decision, EdgeSigner, Edits, Header, LogEvent, Origin, OriginRequest, OtherTrigger, SignerConfig,
    SigningError, sign_origin_request,
};
use key_store::{
    CacheLimits, KeyFile,
    aws::{CallLimits, of_lambda},
};
use settings::Seconds;
use signing::{
    BasePaths, CheckedRequest, ContentDigest, Key, KeyId, KeySet, Nonce, Query, ReceivedRequest, ReceivedTarget,
    Refusal, RotationTimings, UnixSeconds, VerificationPolicy,
};
use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

const HOST: &str = "abc.execute-api.eu-west-1.amazonaws.com";
const NOW: UnixSeconds = UnixSeconds::new(1_795_341_845);

fn keys() -> KeySet {
    KeySet::new(vec![Key::new("k1".try_into().unwrap(), &[7; 32], NOW, NOW + Duration::from_secs(3600)).unwrap()])
        .unwrap()
}

/// An event. A test can change every part.
#[derive(Clone)]
struct Event {
    method: &'static str,
    uri: String,
    querystring: &'static str,
    client_ip: &'static str,
    headers: Vec<(&'static str, String)>,
    protocol: &'static str,
    custom_headers: Vec<(&'static str, &'static str)>,
    body: Option<(&'static str, String, bool)>,
}

impl Event {
    /// `GET /pets?type=dog` from 203.0.113.7, to the stage `prod` of an API that requires an API key.
    fn get() -> Self {
        Self {
            method: "GET",
            uri: "/pets".to_owned(),
            querystring: "type=dog",
            client_ip: "203.0.113.7",
            headers: vec![("host", HOST.to_owned()), ("accept", "*/*".to_owned())],
            protocol: "https",
            custom_headers: vec![("countersign-secret", "file:/keys.json"), ("x-api-key", "secret")],
            body: None,
        }
    }

    /// `POST /pets?type=dog` with the body `{}`.
    fn post() -> Self {
        Self { method: "POST", ..Self::get() }.body("{}", false)
    }

    fn body(self, body: &str, truncated: bool) -> Self {
        Self { body: Some(("base64", STANDARD.encode(body), truncated)), ..self }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn custom(mut self, name: &'static str, value: &'static str) -> Self {
        self.custom_headers.retain(|(other, _)| *other != name);
        self.custom_headers.push((name, value));
        self
    }

    fn request(&self) -> OriginRequest<'_> {
        let custom = self.custom_headers.iter().map(|&(name, value)| Header { name, value });
        OriginRequest {
            request_id: "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
            method: self.method,
            uri: &self.uri,
            querystring: self.querystring,
            client_ip: self.client_ip,
            headers: self.headers.iter().map(|(name, value)| Header { name, value }).collect(),
            origin: Origin { protocol: self.protocol, path: "/prod", custom_headers: custom.collect() },
            body: self.body.as_ref().map(|(encoding, data, input_truncated)| Body {
                encoding,
                data: data.as_bytes(),
                input_truncated: *input_truncated,
            }),
        }
    }

    fn decision_with(&self, keys: Option<&KeySet>) -> Decision {
        let request = self.request();
        let config = SignerConfig::read(&request.origin);
        sign_origin_request(&request, config.as_ref().map_err(Clone::clone), keys, Nonce::new([9; 16]), NOW)
    }

    fn decision(&self) -> Decision {
        self.decision_with(Some(&keys()))
    }

    #[track_caller]
    fn edits(&self) -> Edits {
        match self.decision().action {
            Action::Forward(edits) => edits,
            Action::Respond(response) => panic!("answered {response:?}"),
        }
    }

    /// The headers that CloudFront would send with these edits.
    fn sent(&self, edits: &Edits) -> Vec<(String, String)> {
        let gone = |name: &str| {
            edits.remove.iter().any(|other| other == name)
                || edits.set.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        let kept = self.headers.iter().filter(|(name, _)| !gone(name)).map(|(name, value)| (*name, value.clone()));
        let set = edits.set.iter().map(|(key, value)| (&**key, value.clone()));
        kept.chain(set).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The verdict of a verifier behind a REST API.
    fn verdict(&self) -> Result<(KeyId, IpAddr), Refusal> {
        let sent = self.sent(&self.edits());
        let headers: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let pairs = self.querystring.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
        let query: Query<'_> = pairs.map(|(name, value)| (name.into(), value.into())).collect();
        let received = ReceivedRequest {
            method: self.method,
            second_method: None,
            domain_name: HOST,
            api_id: "abc",
            stage: "prod",
            headers: &headers,
            target: &ReceivedTarget::Rest {
                path: format!("/prod{}", self.uri).into(),
                api_path: (&*self.uri).into(),
                query,
            },
            time: Some(NOW),
        };
        let policy = VerificationPolicy {
            max_lifetime: Duration::from_secs(60),
            skew: Duration::from_secs(5),
            allow_ambiguous_path: false,
            // Like an authorizer that requires what such an edge promises.
            require_digest: self.custom_headers.contains(&("countersign-body", "require")),
            base_paths: BasePaths::default(),
        };
        let verified = CheckedRequest::check(&received, &policy)?.verify(&keys())?;
        Ok((verified.key_id().clone(), verified.viewer_ip()))
    }

    #[track_caller]
    fn answered(&self, problem: SigningError) {
        let decision = self.decision();
        assert_eq!(decision.log.last(), Some(&LogEvent::Answered(problem.clone())));
        let Action::Respond(response) = decision.action else { panic!("{decision:?}") };
        assert_eq!(response.status, problem.status());
        assert!(response.headers.contains(&("Cache-Control".into(), "no-store".to_owned())));
    }
}

#[track_caller]
fn value<'a>(edits: &'a Edits, key: &str) -> Option<&'a str> {
    edits.set.iter().find(|(other, _)| *other == key).map(|(_, value)| value.as_str())
}

#[test]
fn a_request_is_signed_and_otherwise_unchanged() {
    let edits = Event::get().edits();
    assert_eq!(
        edits,
        Edits {
            remove: vec![],
            set: vec![
                (
                    "Countersign-Signature-Input".into(),
                    "countersign=(\"@method\" \"@authority\" \"@path\" \"@query\" \"countersign-viewer-ip\");\
                    created=1795341845;expires=1795341905;nonce=\"CQkJCQkJCQkJCQkJCQkJCQ\";alg=\"hmac-sha256\";\
                    keyid=\"k1\";tag=\"countersign\""
                        .to_owned()
                ),
                // Computed with another implementation: Python's hmac over the base that RFC 9421, section 2.5, makes of it.
                (
                    "Countersign-Signature".into(),
                    "countersign=:hMxYzVstdYC+m+3Vq9+dFUCBfJjf+0Kb6DpGtBgUdAI=:".to_owned()
                ),
                ("Countersign-Target".into(), "/prod/pets?type=dog".to_owned()),
                ("Countersign-Viewer-Ip".into(), "203.0.113.7".to_owned()),
            ],
            remove_custom: vec!["countersign-secret".to_owned()],
        }
    );
    assert!(Event::get().verdict().is_ok());
    assert!(Event::post().verdict().is_ok());
    let bare = Event { querystring: "", ..Event::get() };
    assert_eq!(value(&bare.edits(), "Countersign-Target"), Some("/prod/pets"));
    assert!(bare.verdict().is_ok());
    let odd = Event { uri: "/a%2Fb//%zz;c".to_owned(), ..Event::get() };
    assert!(odd.verdict().is_ok());
    let six = Event { client_ip: "2001:db8::1", ..Event::get() };
    assert_eq!(six.verdict().unwrap().1.to_string(), "2001:db8::1");
}

#[test]
fn the_lifetime_is_the_configured_one() {
    let edits = Event::get().custom("countersign-lifetime", "7").edits();
    assert!(value(&edits, "Countersign-Signature-Input").unwrap().contains(";created=1795341845;expires=1795341852;"));
    assert_eq!(edits.remove_custom, ["countersign-lifetime", "countersign-secret"]);
}

#[test]
fn headers_that_a_viewer_may_have_forged_are_removed() {
    let event = Event::get()
        .header("countersign-target", "/prod/admin")
        .header("countersign-viewer-ip", "127.0.0.1")
        .header("countersign-viewer-ip", "127.0.0.2")
        .header("countersign-anything", "x")
        .header("x-http-method-override", "DELETE")
        .header("x-http-method", "DELETE")
        .header("x-method-override", "DELETE")
        .header("countersign_viewer_ip", "127.0.0.3")
        .header("x_http_method_override", "DELETE")
        .header("x-api-key", "mine")
        .header("x_api_key", "mine")
        .custom("x-origin-verify", "fixed.secret")
        .header("x-origin-verify", "fixed.mine")
        .header("X-Origin-Verify", "fixed.mine")
        .header("x_origin_verify", "fixed.mine")
        .header("countersign-signature-input", "countersign=()")
        .header("countersign-signature", "countersign=:YQ==:")
        .header("COUNTERSIGN_Signature", "countersign=:YQ==:")
        .header("countersign-signature_input", "countersign=()")
        .header("Content_Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
        .header("content_digest", "nonsense");
    let sent = event.sent(&event.edits());
    let names: Vec<_> = sent.iter().map(|(name, _)| name.as_str()).collect();
    let ours = ["Countersign-Signature-Input", "Countersign-Signature", "Countersign-Target", "Countersign-Viewer-Ip"];
    assert_eq!(names, [&["host", "accept"], &ours[..]].concat());
    assert!(event.verdict().is_ok());
}

#[test]
fn a_method_override_is_removed_with_a_notice_that_names_it() {
    #[track_caller]
    fn check(event: &Event, removed: &[&str], named: &[&'static str]) {
        let log: Vec<_> = named.iter().map(|name| LogEvent::MethodOverrideRemoved(name)).collect();
        for event in [
            event.clone(),
            event.clone().custom("countersign-mode", "monitor"),
            event.clone().custom("countersign-secret", "none"),
        ] {
            let decision = event.decision();
            let Action::Forward(edits) = decision.action else { panic!("{decision:?}") };
            assert_eq!(edits.remove, removed);
            assert_eq!(decision.log, log);
        }
    }
    for name in signing::METHOD_OVERRIDES {
        check(&Event::get().header(name, "DELETE"), &[name], &[name]);
    }
    let spelled = Event::get().header("X_Http-METHOD_Override", "DELETE").header("X_HTTP_METHOD_OVERRIDE", "PUT");
    check(&spelled, &["X_HTTP_METHOD_OVERRIDE", "X_Http-METHOD_Override"], &["x-http-method-override"]);
    let all = Event::post().header("x-method-override", "GET").header("x-http-method", "POST");
    check(&all, &["x-http-method", "x-method-override"], &["x-http-method", "x-method-override"]);
    check(&Event::get().header("x-http-methods", "DELETE").header("method-override", "DELETE"), &[], &[]);
    let notice = LogEvent::MethodOverrideRemoved("x-http-method");
    assert!(notice.to_string().contains("x-http-method was removed"), "{notice}");

    // A request that the edge answers itself is not forwarded, so it did not remove any header.
    let answered = Event { protocol: "http", ..all.clone() };
    assert_eq!(answered.decision().log, [LogEvent::Answered(SigningError::NotHttps)]);
    let unsigned = all.custom("countersign-mode", "monitor").decision_with(None).log;
    assert_eq!(unsigned[0], LogEvent::ForwardedUnsigned(SigningError::NoKey));
    assert_eq!(unsigned.len(), 3);
}

/// Values that viewers send in the headers of RFC 9421, by that RFC and otherwise. All of them are for the API.
const VIEWER_SIGNATURES: [&[(&str, &str)]; 5] = [
    // Web Bot Auth.
    &[
        ("signature-agent", "\"https://bot.example\""),
        ("signature-input", "sig1=(\"@authority\");created=1735689600;keyid=\"poqkLGiymh\";tag=\"web-bot-auth\""),
        (
            "signature",
            "sig1=:jdq0SqOwHdyHr9+r5jw3iYZH6aNGKijYp/EstF4RQTQdi5N5YYKrD+mCT1HA1nZDsi6nJKuHxUi/5Syp3rLWBA==:",
        ),
    ],
    // A web hook: an HMAC of the body.
    &[("signature", "d2a8f4e10ce8b1c9d1a6a5ed3e0f6ee1c2a8b5e19a3d7cbb9e3d1fd4c7b81d0e")],
    // The fediverse: draft-cavage-http-signatures.
    &[(
        "signature",
        "keyId=\"https://social.example/users/a#main-key\",algorithm=\"rsa-sha256\",\
        headers=\"(request-target) host date digest\",signature=\"Zm9v\"",
    )],
    // A value that looks like ours in these headers is not ours: no part of Countersign reads it.
    &[("signature-input", "countersign=();tag=\"countersign\""), ("signature", "countersign=:YQ==:")],
    // Values without a meaning, in several lines and other spellings.
    &[("signature", ",,"), ("signature", ""), ("Signature_Input", "\u{e9}"), ("SIGNATURE", "a=(")],
];

#[test]
fn a_viewers_own_signatures_arrive_byte_for_byte() {
    for signatures in VIEWER_SIGNATURES {
        for base in [Event::get(), Event::post()] {
            let event = signatures.iter().fold(base, |event, (name, value)| event.header(name, value));
            let check = |decision: &Decision| {
                let Action::Forward(edits) = &decision.action else { panic!("{decision:?}") };
                let sent = event.sent(edits);
                let arrived: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let arrived: Vec<_> = arrived.into_iter().filter(|pair| signatures.contains(pair)).collect();
                assert_eq!(arrived, signatures);
                let touched = |name: &str| name.to_ascii_lowercase().starts_with("signature");
                assert!(
                    !edits.remove.iter().any(|name| touched(name)) && !edits.set.iter().any(|(key, _)| touched(key))
                );
            };
            let enforced = event.decision();
            check(&enforced);
            assert_eq!(enforced.log, []);
            assert!(event.verdict().is_ok());
            let monitored = event.clone().custom("countersign-mode", "monitor");
            check(&monitored.decision());
            check(&monitored.decision_with(None));
            check(&event.clone().custom("countersign-secret", "none").decision_with(None));
        }
    }
}

/// It is a header like any other: CloudFront sends the origin's value, and the viewer's is removed.
#[test]
fn an_origin_may_have_a_custom_header_of_the_name_signature() {
    let event = Event::get().custom("signature", "the origin's").header("signature", "x").header("Signature", "y");
    let edits = event.edits();
    assert_eq!(edits.remove, ["Signature", "signature"]);
    assert_eq!(edits.remove_custom, ["countersign-secret"]);
    assert!(event.verdict().is_ok());
}

#[test]
fn the_digest_follows_the_body_and_the_rule() {
    const OURS: Option<&str> = Some("sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"); // {}
    const EMPTY: Option<&str> = Some("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    let good = ContentDigest::of(b"{}");
    let other = ContentDigest::of(b"[]");
    #[track_caller]
    fn check(event: &Event, rule: &'static str, digest: Option<&str>, log: &[LogEvent]) {
        let event = event.clone().custom("countersign-body", rule);
        assert_eq!(value(&event.edits(), "Content-Digest"), digest);
        assert_eq!(event.decision().log, log);
        assert!(event.verdict().is_ok());
    }
    let post = Event::post();
    let unseen = Event { body: None, ..post.clone() };
    let cut = post.clone().body("{}", true);
    let with = |event: &Event, digest: &str| event.clone().header("content-digest", digest);
    let dropped = [LogEvent::ViewerDigestRemoved];
    for rule in ["digest", "require"] {
        check(&post, rule, OURS, &[]);
        check(&post.clone().body("", false), rule, EMPTY, &[]);
        check(&with(&post, &good), rule, Some(&good), &[]);
        check(&with(&with(&post, &good), "md5=:AA==:"), rule, Some(&format!("{good}, md5=:AA==:")), &[]);
        check(&with(&post, "md5=:AA==:"), rule, OURS, &dropped);
        check(&with(&post, "nonsense"), rule, OURS, &dropped);
        with(&post, &other).custom("countersign-body", rule).answered(SigningError::DigestMismatch);
        check(&Event::get().body("", false), rule, None, &[]);
        check(&Event::get().header("content-length", "0"), rule, None, &[]);
        check(&Event::get(), rule, None, &[]);
        check(&with(&Event::get(), &other), rule, Some(&other), &[]);
    }
    // An event without a body, of a request that does not announce one.
    let of_nothing = ContentDigest::of(b"");
    for rule in ["digest", "ignore"] {
        check(&unseen, rule, None, &[]);
        check(&with(&unseen, &other), rule, Some(&other), &[]);
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"] {
        let unseen = Event { method, ..unseen.clone() };
        check(&unseen, "require", EMPTY, &[]);
        check(&unseen.clone().header("content-length", "0"), "require", EMPTY, &[]);
        check(&with(&unseen, &of_nothing), "require", EMPTY, &[]);
        check(&with(&unseen, "nonsense"), "require", EMPTY, &dropped);
        with(&unseen, &other).custom("countersign-body", "require").answered(SigningError::DigestMismatch);
    }
    // The viewer's digest is read only under its exact name.
    for name in ["Content_Digest", "content_digest"] {
        let folded = post.clone().header(name, &other);
        check(&folded, "digest", OURS, &[]);
        check(&folded, "require", OURS, &[]);
        check(&folded, "ignore", None, &[]);
    }
    check(&post, "ignore", None, &[]);
    check(&with(&post, &other), "ignore", Some(&other), &[]);
    check(&with(&post, "nonsense"), "ignore", None, &dropped);

    check(&cut, "digest", None, &[LogEvent::BodyTruncated]);
    check(&cut, "ignore", None, &[LogEvent::BodyTruncated]);
    check(&with(&cut, &other), "digest", Some(&other), &[LogEvent::BodyTruncated]);
    let both = [LogEvent::ViewerDigestRemoved, LogEvent::BodyTruncated];
    check(&with(&cut, "nonsense"), "digest", None, &both);
    cut.custom("countersign-body", "require").answered(SigningError::BodyTooLarge);
    for method in ["GET", "HEAD"] {
        let bodied = Event { method, ..Event::post() };
        check(&bodied, "digest", None, &[]);
    }

    let announced = unseen.clone().header("content-length", "2");
    check(&announced, "digest", None, &[LogEvent::BodyNotSeen]);
    check(&with(&announced, &other), "digest", Some(&other), &[]);
    check(&announced, "ignore", None, &[]);
    for (name, value) in [
        ("content-length", "2"),
        ("Content_Length", "2"),
        ("content_length", ""),
        ("transfer-encoding", "chunked"),
        ("Transfer_Encoding", "chunked"),
    ] {
        let announced = unseen.clone().header("content-length", "0").header(name, value);
        check(&announced, "digest", None, &[LogEvent::BodyNotSeen]);
        for method in ["GET", "HEAD"] {
            let event = Event { method, ..announced.clone() };
            event.answered(SigningError::BodyOnGet);
            let monitored = event.custom("countersign-mode", "monitor").decision();
            assert_eq!(monitored.log, [LogEvent::ForwardedUnsigned(SigningError::BodyOnGet)]);
        }
        let require = announced.custom("countersign-body", "require");
        require.answered(SigningError::BodyNotIncluded);
        with(&require, &of_nothing).answered(SigningError::BodyNotIncluded);
    }
}

#[test]
fn a_request_that_cannot_be_signed_is_answered_at_the_edge() {
    for uri in ["/caf\u{e9}", "/a b", "/a\u{7f}", "/a#b", "/a\n"] {
        Event { uri: uri.to_owned(), ..Event::get() }.answered(SigningError::Target);
    }
    Event { querystring: "q=\u{fffd}", ..Event::get() }.answered(SigningError::Target);
    for protocol in ["http", "", "HTTPS"] {
        Event { protocol, ..Event::get() }.answered(SigningError::NotHttps);
    }
    Event { client_ip: "unknown", ..Event::get() }.answered(SigningError::Event("its clientIp is not an IP address"));
    Event { method: "G T", ..Event::get() }.answered(SigningError::Event("its method is not a method"));
    Event { headers: vec![], ..Event::get() }.answered(SigningError::Event("it does not have exactly one Host"));
    Event::get().header("host", HOST).answered(SigningError::Event("it does not have exactly one Host"));
    Event { headers: vec![("host", "a b".to_owned())], ..Event::get() }
        .answered(SigningError::Event("its Host is not a host name"));
    let body = |encoding, data: &str| Event { body: Some((encoding, data.to_owned(), false)), ..Event::post() };
    body("base64", "e30").answered(SigningError::Event("its body is not base64"));
    body("hex", "7b7d").answered(SigningError::Event("its body is neither base64 nor text"));
    assert_eq!(value(&body("text", "{}").edits(), "Content-Digest"), Some(&*ContentDigest::of(b"{}")));
    let misconfigured = Event::get().custom("countersign-mode", "off");
    let error = SignerConfig::read(&misconfigured.request().origin).unwrap_err();
    misconfigured.answered(SigningError::Misconfigured(error));
}

/// A body is decoded in pieces. Where one ends is not seen.
#[test]
fn a_long_body_has_the_digest_of_the_whole() {
    let post = |data: String| Event { body: Some(("base64", data, false)), ..Event::post() };
    for length in [0, 1, 12_287, 12_288, 12_289, 24_576, 100_000, 1_048_576] {
        let body: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
        let edits = post(STANDARD.encode(&body)).edits();
        assert_eq!(value(&edits, "Content-Digest"), Some(&*ContentDigest::of(&body)), "{length} bytes");
    }
    // The end of a first piece has no padding.
    let padded = format!("{}==", "A".repeat(16_382));
    for wrong in
        [format!("{padded}AAAA"), format!("{padded}="), "A".repeat(16_385), format!("{}*AA", "A".repeat(16_385))]
    {
        post(wrong).answered(SigningError::Event("its body is not base64"));
    }
}

#[test]
fn each_problem_has_its_status() {
    let misconfigured = Event::get().custom("countersign-mode", "off");
    let misconfigured = SignerConfig::read(&misconfigured.request().origin).unwrap_err();
    for (problem, status) in [
        (SigningError::Misconfigured(misconfigured), 500),
        (SigningError::NotHttps, 500),
        (SigningError::Event("it is not an event"), 500),
        (SigningError::Trigger(OtherTrigger::ViewerRequest), 500),
        (SigningError::Target, 400),
        (SigningError::BodyOnGet, 400),
        (SigningError::DigestMismatch, 400),
        (SigningError::BodyTooLarge, 413),
        (SigningError::BodyNotIncluded, 500),
        (SigningError::TooLarge { bytes: 10_241 }, 431),
        (SigningError::NoKey, 503),
    ] {
        assert_eq!(problem.status(), status, "{problem}");
    }
}

#[test]
fn a_head_over_the_gateways_limit_is_answered_431() {
    // The length of a value that makes the head exactly 10,240 bytes: one byte more is too many.
    let sized = |length: usize| Event::get().header("x", &"v".repeat(length));
    let room = (0..10_240).rev().find(|length| matches!(sized(*length).decision().action, Action::Forward(_))).unwrap();
    sized(room + 1).answered(SigningError::TooLarge { bytes: 10_241 });
    sized(room + 100).answered(SigningError::TooLarge { bytes: 10_340 });
    let edits = sized(room).edits();
    let sent: usize = sized(room).sent(&edits).iter().map(|(name, value)| name.len() + value.len()).sum();
    assert_eq!("GET /prod/pets?type=dog HTTP/1.1\r\n".len() + sent + "x-api-keysecret".len() + 512, 10_240);
    // A header that is removed does not count.
    assert!(matches!(Event::get().header("countersign-x", &"v".repeat(10_240)).decision().action, Action::Forward(_)));
}

#[test]
fn without_a_key_the_answer_is_503() {
    let ended =
        KeySet::new(vec![Key::new("old".try_into().unwrap(), &[7; 32], UnixSeconds::new(0), NOW).unwrap()]).unwrap();
    for keys in [None, Some(&ended)] {
        let decision = Event::get().decision_with(keys);
        assert_eq!(decision.log, [LogEvent::Answered(SigningError::NoKey)]);
        let Action::Respond(response) = decision.action else { panic!("{decision:?}") };
        assert_eq!(response.status, 503);
        assert!(response.headers.contains(&("Retry-After".into(), "5".to_owned())));
    }
}

#[test]
fn monitor_mode_forwards_a_request_that_cannot_be_signed() {
    let event = Event::get()
        .custom("countersign-mode", "monitor")
        .header("countersign-target", "/x")
        .header("Countersign_Signature", "countersign=:YQ==:")
        .header("content-digest", "sha-256=:AA==:")
        .header("content_digest", "sha-256=:AA==:")
        .header("signature-input", "bot=(), countersign=()")
        .header("signature", "bot=:YQ==:, countersign=:YQ==:");
    let unsigned = Edits {
        remove: vec!["Countersign_Signature".into(), "content_digest".into(), "countersign-target".into()],
        set: vec![],
        remove_custom: vec!["countersign-mode".into(), "countersign-secret".into()],
    };
    let decision = event.decision_with(None);
    assert_eq!(decision.action, Action::Forward(unsigned));
    assert_eq!(decision.log, [LogEvent::ForwardedUnsigned(SigningError::NoKey)]);
    let bad_target = Event { uri: "/a b".into(), ..event.clone() };
    assert_eq!(bad_target.decision().action, decision.action);
    let misconfigured = event.custom("countersign-body", "maybe").decision();
    assert!(matches!(misconfigured.log.last(), Some(LogEvent::ForwardedUnsigned(SigningError::Misconfigured(_)))));
    assert!(matches!(misconfigured.action, Action::Forward(_)));
}

#[test]
fn with_the_secret_none_requests_are_forwarded_unsigned() {
    let event = Event { protocol: "http", ..Event::get().custom("countersign-secret", "none") };
    let decision = event.clone().header("countersign-target", "/x").decision_with(None);
    let edits = Edits {
        remove: vec!["countersign-target".into()],
        set: vec![],
        remove_custom: vec!["countersign-secret".into()],
    };
    assert_eq!(decision, Decision { action: Action::Forward(edits), log: vec![] });
}

#[tokio::test]
async fn a_signer_reads_its_keys_once_and_then_signs_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::new(folder.path().join("keys.json"));
    let source = format!("file:{}", file.path().display()).leak();
    let event = Event::get().custom("countersign-secret", source);
    let (request, nonce) = (event.request(), Nonce::new([9; 16]));
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.get() + seconds);
    let signer = EdgeSigner::new(0, of_lambda(CallLimits::BRIEF));

    assert_eq!(signer.handle_warm(&request, nonce, at(0)), None);
    let missing = signer.handle(&request, nonce, at(0)).await;
    assert!(
        matches!(
            &missing.log[..],
            [LogEvent::RefreshFailed { key_set_age: None, .. }, LogEvent::Answered(SigningError::NoKey)]
        ),
        "{missing:?}"
    );
    assert_eq!(signer.handle_warm(&request, nonce, at(0)).unwrap().log, [LogEvent::Answered(SigningError::NoKey)]);

    file.create(&keys(), &[]).unwrap();
    let signed = signer.handle(&request, nonce, at(3)).await;
    assert_eq!(signed.log, []);
    assert_eq!(signer.handle_warm(&request, nonce, at(3)), Some(signed));

    // After the file is removed, the keys are used further, and each failed read is logged once.
    std::fs::remove_file(file.path()).unwrap();
    assert_eq!(signer.handle_warm(&request, nonce, at(303)), None);
    let stale = signer.handle(&request, nonce, at(303)).await;
    assert!(matches!(&stale.log[..], [LogEvent::RefreshFailed { key_set_age: Some(300), .. }]), "{stale:?}");
    assert_eq!(signer.handle_warm(&request, nonce, at(304)).unwrap().log, []);

    // Keys that were read for one origin do not sign for another.
    let other = Event::get().custom("countersign-secret", "file:/keys.json");
    assert_eq!(signer.handle_warm(&other.request(), nonce, at(304)), None);
}

#[tokio::test]
async fn an_origin_may_shorten_how_long_its_keys_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::new(folder.path().join("keys.json"));
    file.create(&keys(), &[]).unwrap();
    let source = format!("file:{}", file.path().display()).leak();
    let event = Event::get().custom("countersign-secret", source);
    let brief = event.clone().custom("countersign-ttl", "20").custom("countersign-max-stale", "5");
    let nonce = Nonce::new([9; 16]);
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.get() + seconds);
    // At most a tenth less, so that processes do not read at the same time.
    for (jitter, read_again) in [(0, 20), (255, 19)] {
        let signer = EdgeSigner::new(jitter, of_lambda(CallLimits::BRIEF));
        let is_due = |event: &Event, seconds| signer.handle_warm(&event.request(), nonce, at(seconds)).is_none();
        for event in [&event, &brief] {
            assert!(is_due(event, 0), "other limits have another cache");
            assert_eq!(signer.handle(&event.request(), nonce, at(0)).await.log, []);
        }
        assert!(!is_due(&brief, read_again - 1) && is_due(&brief, read_again) && !is_due(&event, read_again));
    }

    let signer = EdgeSigner::new(0, of_lambda(CallLimits::BRIEF));
    assert_eq!(signer.handle(&brief.request(), nonce, at(0)).await.log, []);
    std::fs::remove_file(file.path()).unwrap();
    let stale = signer.handle(&brief.request(), nonce, at(24)).await;
    assert!(matches!(&stale.log[..], [LogEvent::RefreshFailed { key_set_age: Some(24), .. }]), "{stale:?}");
    let ended = signer.handle(&brief.request(), nonce, at(35)).await;
    assert_eq!(ended.log.last(), Some(&LogEvent::Answered(SigningError::NoKey)), "{ended:?}");
}

/// A rotation waits for the edge exactly as long as the edge may keep its keys.
#[test]
fn the_edge_keeps_its_keys_as_long_as_a_rotation_assumes() {
    let RotationTimings { signer_ttl, outage, .. } = RotationTimings::DEFAULT;
    let longest = |setting: Seconds| Duration::from_secs(*setting.accepted.end());
    let default = SignerConfig::read(&Event::get().request().origin).unwrap().limits;
    assert_eq!(default, CacheLimits { ttl: signer_ttl, max_stale: outage });
    assert_eq!((longest(Seconds::SIGNER_TTL), longest(Seconds::SIGNER_MAX_STALE)), (signer_ttl, outage));
}
