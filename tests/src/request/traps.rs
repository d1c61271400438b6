//! Traps into which other signers, verifiers and authorizers have fallen, and the test that keeps us out of each.
//!
//! | trap | test |
//! | --- | --- |
//! | `created=-1` panics | `signing/tests/rules.rs::rule_3_every_parameter_appears_once_and_has_its_type` |
//! | an unknown `@name` panics | `signing/tests/rules.rs::rule_2_exactly_the_profile_is_covered` |
//! | any other text panics | `signing/src/structured_field.rs::no_text_makes_the_parser_panic` |
//! | parameters are written back in an order of one's own | `signing/tests/rules.rs::any_order_of_components_and_parameters_is_admitted`, `tests/src/interop/signed_by_others.rs::parameters_in_another_order_are_admitted` |
//! | key bytes in `Debug` | `signing/src/key.rs::debug_shows_no_secret`, `key-store/src/file.rs::a_debug_of_a_key_file_shows_no_secret` |
//! | `keyid` is a hash of the key | `signing/tests/rules.rs::rule_6_the_key_is_known_and_valid_at_this_time`: keys with one secret and different ids |
//! | no `expires` means never | `tests/src/interop/signed_by_others.rs::a_signature_that_only_the_rfc_allows_is_refused` |
//! | a list that covers nothing is accepted | `tests/src/interop/signed_by_others.rs::a_signature_that_only_the_rfc_allows_is_refused` |
//! | an unsigned request is passed over and not refused | `tests/src/request/at_the_authorizer.rs::a_signed_request_is_allowed_and_an_altered_one_denied`, `tests/src/request/traps.rs::every_unsigned_request_is_denied` |
//! | the last of several signatures wins | `signing/tests/rules.rs::rule_1_both_dictionaries_parse_and_hold_one_member_of_ours`, `tests/src/request/traps.rs::of_several_signatures_none_wins` |
//! | `?x=1&x=2` or `%zz` throws at the edge | `tests/src/interop/verified_by_others.rs::a_request_from_the_edge_verifies_for_other_libraries_and_no_covered_byte_may_change` |
//! | `via` or `x-forwarded-for` is signed, which every hop changes | `tests/src/request/traps.rs::headers_that_hops_change_are_not_covered` |
//! | the viewer's `Authorization` is overwritten | `tests/src/request/traps.rs::the_viewers_authorization_is_passed_on_untouched` |
//! | credentials in a log | `tests/src/request/at_the_authorizer.rs::the_secret_is_in_no_log`, `tests/src/request/traps.rs::no_credential_is_in_a_log` |
//! | environment variables are read at the edge, where there are none | `tests/src/request/traps.rs::nothing_is_read_from_the_environment_at_the_edge` |
//! | a nonce is claimed before the signature is checked, so that anybody can use it up | `tests/src/request/traps.rs::a_forged_request_uses_up_nothing` |
//! | the answer has JSON quotes in its ARN, or a `Condition` of null | `authorizer/src/response.rs::the_answer_has_the_form_that_api_gateway_accepts` |
//! | a wide policy behind a result cache | `authorizer/src/response.rs::the_resource_is_the_one_request_unless_iam_would_read_it_as_more` |
//! | a fixed sleep replaces the wait for a new key to spread | `signing/tests/rotation_model.rs::no_valid_request_is_refused_in_any_interleaving`, `tests/src/rotation/aws_failures.rs::a_replica_that_lags_for_a_moment_is_waited_for` |
//! | the old secret is accepted until the next rotation | `signing/src/rotation.rs::a_planned_rotation_adds_a_key_and_sets_the_end_of_the_old_keys` |
//! | the date is read once, at the start | `tests/src/cli/on_key_files.rs::local_rotates_its_keys_again_and_again` |
//! | a second rotation on one day does nothing and says nothing | `tests/src/cli/on_key_files.rs::rotations_side_by_side_lose_nothing` |
//! | the list of the stack's parameters is hard-coded, and one that is added falls back to its default | `tests/src/rotation/stack_updates.rs::an_update_changes_the_timestamp_and_nothing_else` |
//! | a test that parses, writes, parses and compares, and so sees no field that is ignored | `authorizer/src/config.rs::an_omitted_setting_has_its_default`, `edge-signer/src/codec.rs::an_event_is_read_field_by_field`, `signing/src/structured_field.rs::a_signature_input_is_read_and_its_text_kept` |
//! | two readers of one name: a lenient one decides, a strict one acts | `signing/tests/rules.rs::rule_1_each_header_appears_once`, `tests/src/request/from_edge_to_allow.rs::a_name_that_only_resembles_ours_is_never_accepted_as_ours` |
//! | a hop behind the verifier removes what was verified | `signing/tests/rules.rs::rule_1_connection_lists_no_header_on_which_the_verdict_depends` |
//! | a stranger's member of a shared field decides about ours | `signing/tests/rules.rs::rule_1_a_viewers_own_rfc_9421_fields_are_ignored` |
//! | a base path is guessed from the end of the path | `signing/src/gateway.rs::http_the_path_is_passed_on_without_stage_or_listed_mapping_key` |
//! | a report has the request instead of the result | `tests/src/rotation/two_kinds_under_one_id.rs::two_kinds_under_one_id_are_reported_as_what_they_did` |
//! | a label that was left behind decides later | `tests/src/rotation/interventions.rs::a_version_that_a_person_has_put_aside_stays_aside`, `tests/src/rotation/interventions.rs::a_single_test_secret_moves_no_label` |

use crate::{
    interop::judges::request::COVERED,
    repository::definitions::{is_test, read},
    support::{
        artifacts::fixture,
        bootstrap::{Bootstrap, Invocation, decisions},
        client::ask,
        edge_process::{EdgeProcess, Returned},
        keys::{Keys, SECRET, key_set},
        whole_path::stack,
    },
};
use hyper::Method;
use local::{Api, ApiKind, ApiRequest, Routes, rest_event};
use serde_json::{Value, json};
use signing::{Nonce, Request, UnixSeconds, sign};
use std::time::{Duration, SystemTime};

const HOST: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
const API_KEY: &str = "an-api-key-of-20-characters";
const PASSWORD: &str = "Basic cGV0czp0aGUgdmlld2VyJ3MgcGFzc3dvcmQ=";

/// The tests of the table above are there, by file and name.
#[test]
fn every_test_of_the_table_is_there() {
    let table = include_str!("traps.rs").lines().filter(|line| line.starts_with("//! | "));
    let rows: Vec<_> = table.skip(2).collect();
    assert_eq!(rows.len(), 30);
    for row in rows {
        let named: Vec<_> = row.split('`').filter_map(|text| text.split_once(".rs::")).collect();
        assert!(!named.is_empty(), "{row}");
        for (file, name) in named {
            assert!(is_test(&read(&format!("{file}.rs")), name), "{name} in {file}.rs is not a test");
        }
    }
}

/// The event of a GET at the authorizer, with these headers beside `Host`.
fn at_the_authorizer(headers: &[(&str, &str)]) -> String {
    let api = Api {
        region: "eu-west-1",
        account_id: "123456789012",
        api_id: "abc123",
        stage: "prod",
        domain_name: HOST,
        base_path: None,
        routes: Routes::All,
        identity_sources: &[],
    };
    let headers: Vec<_> = [&[("Host", HOST)], headers]
        .concat()
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let request = ApiRequest {
        method: "GET",
        target: "/prod/pets",
        headers: &headers,
        source_ip: "198.51.100.1",
        request_id: "r",
        extended_request_id: "x",
    };
    rest_event(&api, &request, SystemTime::now()).unwrap().to_string()
}

/// `Countersign-Signature-Input` and `Countersign-Signature` of that GET.
fn signature() -> (String, String) {
    let request = Request {
        method: "GET".try_into().unwrap(),
        authority: HOST.try_into().unwrap(),
        target: "/prod/pets".try_into().unwrap(),
        viewer_ip: "203.0.113.7".try_into().unwrap(),
        content_digest: None,
    };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = UnixSeconds::new(since.as_secs());
    let lifetime = Duration::from_secs(60);
    let signature = sign(&request, &key_set().keys()[0], Nonce::new([1; 16]), lifetime, now);
    (signature.input, signature.signature)
}

/// The other headers of ours that must be present.
const TARGET: (&str, &str) = ("Countersign-Target", "/prod/pets");
const VIEWER: (&str, &str) = ("Countersign-Viewer-Ip", "203.0.113.7");

async fn effect(bootstrap: &Bootstrap, headers: &[(&str, &str)]) -> String {
    match bootstrap.invoke(at_the_authorizer(headers)).await {
        Invocation::Response(answer) => {
            let effect = &answer["policyDocument"]["Statement"][0]["Effect"];
            effect.as_str().unwrap().to_owned()
        }
        Invocation::Error(kind, message) => panic!("{kind}: {message}"),
    }
}

#[tokio::test]
async fn every_unsigned_request_is_denied() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let (input, signature) = &signature();
    let (input, signature) =
        (("Countersign-Signature-Input", input.as_str()), ("Countersign-Signature", signature.as_str()));
    assert_eq!(effect(&bootstrap, &[input, signature, TARGET, VIEWER]).await, "Allow");
    for headers in [
        vec![],
        vec![TARGET, VIEWER],
        vec![input, TARGET, VIEWER],
        vec![signature, TARGET, VIEWER],
        vec![("Countersign-Signature-Input", ""), ("Countersign-Signature", ""), TARGET, VIEWER],
        vec![("Countersign-Signature-Input", "countersign"), ("Countersign-Signature", "countersign"), TARGET, VIEWER],
        vec![("Countersign-Signature-Input", "null"), ("Countersign-Signature", "null"), TARGET, VIEWER],
    ] {
        assert_eq!(effect(&bootstrap, &headers).await, "Deny", "{headers:?}");
    }
}

/// Neither the first nor the last is used: with a second signature the valid one is refused too.
#[tokio::test]
async fn of_several_signatures_none_wins() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let (input, signature) = &signature();
    let other = &signature.replace("countersign=:", "countersign=:AAAA");
    let (both, reversed) = (&format!("{signature}, {other}"), &format!("{other}, {signature}"));
    let inputs = &format!("{input}, {input}");
    for (inputs, signatures) in [
        (&[input][..], &[signature, other][..]),
        (&[input], &[other, signature]),
        (&[input, input], &[signature, other]),
        (&[input, input], &[other, signature]),
        (&[input], &[both]),
        (&[input], &[reversed]),
        (&[inputs], &[both]),
        (&[inputs], &[reversed]),
        (&[inputs], &[signature]),
    ] {
        let inputs = inputs.iter().map(|value| ("Countersign-Signature-Input", value.as_str()));
        let signatures = signatures.iter().map(|value| ("Countersign-Signature", value.as_str()));
        let headers: Vec<_> = inputs.chain(signatures).chain([TARGET, VIEWER]).collect();
        assert_eq!(effect(&bootstrap, &headers).await, "Deny", "{headers:?}");
    }
    assert_eq!(
        effect(
            &bootstrap,
            &[("Countersign-Signature-Input", input), ("Countersign-Signature", signature), TARGET, VIEWER]
        )
        .await,
        "Allow"
    );
}

/// Forgeries with the nonce of a request that is under way do not keep that one out.
#[tokio::test]
async fn a_forged_request_uses_up_nothing() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let (input, signature) = &signature();
    let forged = "countersign=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    for (signature, expected) in [(forged, "Deny"), (forged, "Deny"), (signature, "Allow")] {
        let headers =
            [("Countersign-Signature-Input", input.as_str()), ("Countersign-Signature", signature), TARGET, VIEWER];
        assert_eq!(effect(&bootstrap, &headers).await, expected);
    }
}

fn values<'a>(echo: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echo["headers"].as_array().unwrap().iter();
    headers
        .filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|header| header[1].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_viewers_authorization_is_passed_on_untouched() {
    let keys = Keys::new();
    let running = stack(&keys, ApiKind::Rest).await;
    let own = [("Authorization", PASSWORD), ("Cookie", "session=1")];
    let (status, echo) = ask(running.edge, Method::GET, "/echo", &own, b"").await;
    assert_eq!(status, 200);
    assert_eq!(values(&echo, "authorization"), [PASSWORD]);
    assert_eq!(values(&echo, "cookie"), ["session=1"]);
    let (_, echo) = ask(running.edge, Method::GET, "/echo", &[], b"").await;
    assert_eq!(values(&echo, "authorization"), [""; 0]);
    running.stop().await;
}

/// Two hops have changed these headers after the signature, and it is still valid.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_hops_change_are_not_covered() {
    let keys = Keys::new();
    let running = stack(&keys, ApiKind::Rest).await;
    let own = [("Via", "1.1 proxy"), ("X-Forwarded-For", "192.0.2.1")];
    let (status, echo) = ask(running.edge, Method::GET, "/echo", &own, b"").await;
    assert_eq!(status, 200);
    assert_eq!(values(&echo, "x-forwarded-for"), ["192.0.2.1, 127.0.0.1, 127.0.0.1"]);
    assert!(!values(&echo, "via").is_empty());
    let covered = COVERED.map(|name| format!("\"{name}\"")).join(" ");
    let input = values(&echo, "countersign-signature-input");
    assert!(input[0].starts_with(&format!("countersign=({covered});created=")), "{input:?}");
    running.stop().await;
}

/// An event at the edge, with credentials of all kinds in it.
fn at_the_edge(keys: &Keys) -> Value {
    let mut event: Value = serde_json::from_str(&fixture("cloudfront-origin-request.json")).unwrap();
    let request = &mut event["Records"][0]["cf"]["request"];
    request["origin"]["custom"]["customHeaders"]["countersign-secret"] = json!([{ "value": keys.source() }]);
    assert_eq!(request["origin"]["custom"]["customHeaders"]["x-api-key"][0]["value"], API_KEY);
    request["headers"]["authorization"] = json!([{ "value": PASSWORD }]);
    request["headers"]["cookie"] = json!([{ "value": PASSWORD }]);
    event
}

#[tokio::test]
async fn no_credential_is_in_a_log() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let mut log = Vec::new();
    let changes: [(&str, Value); 9] = [
        ("/uri", json!("/a b")),
        ("/clientIp", json!(PASSWORD)),
        ("/method", json!(PASSWORD)),
        ("/headers/host", json!([{ "value": PASSWORD }])),
        ("/headers/content-digest", json!([{ "value": PASSWORD }])),
        ("/headers/x-http-method-override", json!([{ "value": PASSWORD }])),
        ("/body/encoding", json!(PASSWORD)),
        ("/body/data", json!(PASSWORD)),
        ("/origin/custom/customHeaders/countersign-mode", json!([{ "value": PASSWORD }])),
    ];
    for (path, value) in changes {
        let mut event = at_the_edge(&keys);
        let (parent, name) = path.rsplit_once('/').unwrap();
        event["Records"][0]["cf"]["request"].pointer_mut(parent).unwrap()[name] = value;
        let Returned { log: lines, .. } = edge.call(&event).await;
        assert_eq!(lines.len(), 1, "{path}");
        log.extend(lines);
    }

    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let (input, signature) = &signature();
    let credentials = [("Authorization", PASSWORD), ("Cookie", PASSWORD), ("x-api-key", API_KEY)];
    let good = [("Countersign-Signature-Input", input.as_str()), ("Countersign-Signature", signature), TARGET, VIEWER];
    for (at, effect_of_all) in
        [(None, "Allow"), (Some(0), "Deny"), (Some(1), "Deny"), (Some(2), "Deny"), (Some(3), "Deny")]
    {
        let mut headers = [&good[..], &credentials].concat();
        if let Some(at) = at {
            headers[at].1 = PASSWORD;
        }
        assert_eq!(effect(&bootstrap, &headers).await, effect_of_all);
    }
    let lines = bootstrap.log().await;
    assert_eq!(decisions(&lines).len(), 5);
    log.extend(lines);

    let text = Value::from(log).to_string();
    let jwk: Value = serde_json::from_str(&key_set().to_json()).unwrap();
    let secret = std::str::from_utf8(&SECRET).unwrap();
    let mac = signature.split(':').nth(1).unwrap();
    for credential in [secret, jwk["keys"][0]["k"].as_str().unwrap(), API_KEY, PASSWORD, mac] {
        assert!(!text.contains(credential), "{credential} is in {text}");
    }
}

/// Lambda@Edge has no environment variables. Where there are some, they are not looked at.
#[tokio::test]
async fn nothing_is_read_from_the_environment_at_the_edge() {
    let (keys, others) = (Keys::new(), Keys::none());
    let variables = [
        ("COUNTERSIGN_SECRET", &*others.source()),
        ("COUNTERSIGN_REGIONS", "nowhere-1"),
        ("COUNTERSIGN_MODE", "monitor"),
        ("COUNTERSIGN_BODY", "ignore"),
        ("COUNTERSIGN_API", "http"),
        ("COUNTERSIGN_LIFETIME", "1"),
        ("COUNTERSIGN_TTL", "nonsense"),
        ("COUNTERSIGN_SKEW", "nonsense"),
        ("countersign-secret", "none"),
        ("countersign-mode", "monitor"),
    ];
    let edge = EdgeProcess::start_with(&variables).await;
    let result = edge.call(&at_the_edge(&keys)).await.result;
    let header = |name: &str| result["headers"][name][0]["value"].as_str().unwrap();
    let numbers: Vec<u64> =
        header("countersign-signature-input").split([';', '=']).filter_map(|text| text.parse().ok()).collect();
    assert_eq!(numbers[1] - numbers[0], 60, "created and expires");
    assert!(header("content-digest").starts_with("sha-256=:"));

    // And what its configuration does not say is not looked for anywhere else.
    let mut unset = at_the_edge(&keys);
    unset["Records"][0]["cf"]["request"]["origin"]["custom"]["customHeaders"] = json!({});
    let Returned { result, log } = edge.call(&unset).await;
    assert_eq!(result["status"], "500");
    assert!(log[0]["detail"].as_str().unwrap().contains("countersign-secret is missing"));
}
