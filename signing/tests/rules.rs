//! The rules of acceptance: each with requests that break only this rule, and laws that hold for every request.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

use arbtest::{arbitrary, arbtest};
use signing::{
    BasePaths, CheckedRequest, Component, ContentDigest, Field, Key, KeyId, KeySet, Nonce, Parameter, Query,
    ReceivedRequest, ReceivedTarget, Refusal, Request, UnixSeconds, VerificationPolicy, sign,
};
use std::{borrow::Cow, time::Duration};

const CREATED: u64 = 1_795_341_845;
const LIFETIME: Duration = Duration::from_secs(60);
const HOST: &str = "abc.execute-api.eu-west-1.amazonaws.com";

fn id(id: &str) -> KeyId {
    KeyId::try_from(id).unwrap()
}

fn key(name: &str, not_before: u64, expires: u64) -> Key {
    Key::new(id(name), &[7; 32], UnixSeconds::new(not_before), UnixSeconds::new(expires)).unwrap()
}

/// Keys that share one secret, so that they differ only in their times and ids.
fn keys() -> KeySet {
    KeySet::new(vec![
        key("k1", 0, CREATED + 3600),
        key("later", CREATED + 1, CREATED + 3600),
        key("ended", 0, CREATED + 10),
    ])
    .unwrap()
}

fn policy() -> VerificationPolicy {
    VerificationPolicy {
        max_lifetime: LIFETIME,
        skew: Duration::from_secs(5),
        allow_ambiguous_path: false,
        require_digest: false,
        base_paths: BasePaths::default(),
    }
}

/// The result of an admitted request, without the request.
#[derive(Debug, PartialEq)]
struct Proven {
    key_id: KeyId,
    nonce: Nonce,
    viewer_ip: String,
    target: String,
    path: String,
    content_digest: Option<String>,
}

/// A request as the gateway received it. A test can change every part.
#[derive(Clone, Debug)]
struct Case {
    method: String,
    second_method: Option<String>,
    domain_name: String,
    api_id: String,
    stage: String,
    headers: Vec<(String, String)>,
    path: String,
    query: Vec<(String, Vec<String>)>,
    time: Option<u64>,
}

impl Case {
    /// `GET /prod/pets?type=dog&type=cat&page=2`, signed ten seconds ago.
    fn get() -> Self {
        Self::signed("GET", "/prod/pets?type=dog&type=cat&page=2", None, "k1")
    }

    /// `POST /prod/pets` with a digest, signed ten seconds ago.
    fn post() -> Self {
        Self::signed("POST", "/prod/pets", Some(&ContentDigest::of(b"{}")), "k1")
    }

    fn signed(method: &str, target: &str, digest: Option<&str>, key_id: &str) -> Self {
        let request = Request {
            method: method.try_into().unwrap(),
            authority: HOST.try_into().unwrap(),
            target: target.try_into().unwrap(),
            viewer_ip: "203.0.113.7".try_into().unwrap(),
            content_digest: digest.map(|digest| digest.try_into().unwrap()),
        };
        let signature =
            sign(&request, &key(key_id, 0, u64::MAX), Nonce::new([9; 16]), LIFETIME, UnixSeconds::new(CREATED));
        let mut headers = vec![
            ("Accept".to_owned(), "*/*".to_owned()),
            ("Host".to_owned(), HOST.to_owned()),
            (SignatureInput.key().to_owned(), signature.input),
            (Signature.key().to_owned(), signature.signature),
            (Field::CountersignTarget.key().to_owned(), target.to_owned()),
            (Field::CountersignViewerIp.key().to_owned(), "203.0.113.7".to_owned()),
        ];
        headers.extend(digest.map(|digest| (Field::ContentDigest.key().to_owned(), digest.to_owned())));
        let mut query: Vec<(String, Vec<String>)> = Vec::new();
        for pair in request.target.query().into_iter().flat_map(|query| query.split('&')) {
            let (name, value) = pair.split_once('=').unwrap();
            match query.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value.to_owned()),
                None => query.push((name.to_owned(), vec![value.to_owned()])),
            }
        }
        Self {
            method: method.to_owned(),
            second_method: Some(method.to_owned()),
            domain_name: HOST.to_owned(),
            api_id: "abc".to_owned(),
            stage: "prod".to_owned(),
            headers,
            path: request.target.path().to_owned(),
            query,
            time: Some(CREATED + 10),
        }
    }

    fn verdict(&self) -> Result<Proven, Refusal> {
        self.verdict_with(&keys(), &policy())
    }

    fn verdict_with(&self, keys: &KeySet, policy: &VerificationPolicy) -> Result<Proven, Refusal> {
        let cow = |text: &'_ String| Cow::Owned(text.clone());
        let query: Query<'_> =
            self.query.iter().flat_map(|(name, all)| all.iter().map(move |value| (cow(name), cow(value)))).collect();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let received = ReceivedRequest {
            method: &self.method,
            second_method: self.second_method.as_deref(),
            domain_name: &self.domain_name,
            api_id: &self.api_id,
            stage: &self.stage,
            headers: &headers,
            target: &ReceivedTarget::Rest {
                path: self.path.as_str().into(),
                api_path: self.path.as_str().into(),
                query,
            },
            time: self.time.map(UnixSeconds::new),
        };
        let checked = CheckedRequest::check(&received, policy)?;
        let verified = checked.verify(keys)?;
        Ok(Proven {
            key_id: verified.key_id().clone(),
            nonce: verified.nonce(),
            viewer_ip: verified.viewer_ip().to_string(),
            target: verified.target().as_str().to_owned(),
            path: verified.path().to_owned(),
            content_digest: verified.content_digest().map(|value| value.as_str().to_owned()),
        })
    }

    fn value(&mut self, field: Field) -> &mut String {
        &mut self.headers.iter_mut().find(|(name, _)| name == field.key()).expect("the header is there").1
    }

    fn add(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn remove(mut self, field: Field) -> Self {
        self.headers.retain(|(name, _)| name != field.key());
        self
    }

    /// Sends a header under another name.
    fn spell(mut self, field: Field, name: &str) -> Self {
        for (other, _) in self.headers.iter_mut().filter(|(other, _)| other == field.key()) {
            name.clone_into(other);
        }
        self
    }

    fn set(mut self, field: Field, value: &str) -> Self {
        value.clone_into(self.value(field));
        self
    }

    /// Changes the text of one header, which must hold `old`.
    fn edit(mut self, field: Field, old: &str, new: &str) -> Self {
        let value = self.value(field);
        assert!(value.contains(old), "{old:?} is not in {value:?}");
        *value = value.replace(old, new);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[track_caller]
fn refused(case: &Case, expected: Refusal) {
    assert_eq!(case.verdict().unwrap_err(), expected);
}

use Field::{
    ContentDigest as DigestField, CountersignTarget as TargetField, CountersignViewerIp as IpField, Signature,
    SignatureInput,
};

#[test]
fn a_signed_request_is_admitted_with_the_id_of_its_key() {
    let get = Proven {
        key_id: id("k1"),
        nonce: Nonce::new([9; 16]),
        viewer_ip: "203.0.113.7".to_owned(),
        target: "/prod/pets?type=dog&type=cat&page=2".to_owned(),
        path: "/pets".to_owned(),
        content_digest: None,
    };
    let digest = ContentDigest::of(b"{}");
    assert_eq!(Case::post().set(DigestField, &format!(" {digest}\t")).verdict().unwrap().content_digest, Some(digest));
    assert_eq!(Case::get().verdict(), Ok(get));
}

#[test]
fn rule_1_each_header_appears_once() {
    for field in [SignatureInput, Signature, TargetField, IpField] {
        refused(&Case::get().remove(field), Refusal::Missing(field));
        let value = Case::get().value(field).clone();
        refused(&Case::get().add(field.key(), &value), Refusal::Repeated(field, 2));
        let folded = field.name().replace('-', "_");
        for twin in [field.name().to_uppercase(), folded.clone()] {
            refused(&Case::get().add(&twin, ""), Refusal::Repeated(field, 2));
        }
        // A header with a similar name is never accepted as the header.
        refused(&Case::get().spell(field, &folded), Refusal::Missing(field));
        refused(&Case::get().spell(field, &field.key().replacen('-', "_", 1)), Refusal::Missing(field));
    }
    // The name may be in any case.
    let shouted = Case::get().with(|case| case.headers.iter_mut().for_each(|(name, _)| *name = name.to_uppercase()));
    assert!(shouted.verdict().is_ok());
}

#[test]
fn rule_1_both_dictionaries_parse_and_hold_one_member_of_ours() {
    let input = Case::get().value(SignatureInput).clone();
    let signature = Case::get().value(Signature).clone();
    refused(&Case::get().set(SignatureInput, ""), Refusal::LabelMissing(SignatureInput));
    refused(&Case::get().set(Signature, "other=:YQ==:"), Refusal::LabelMissing(Signature));
    refused(&Case::get().set(SignatureInput, "countersign"), Refusal::Unparsable(SignatureInput, 11));
    refused(
        &Case::get().set(SignatureInput, &format!("{input},")),
        Refusal::Unparsable(SignatureInput, input.len() + 1),
    );
    refused(&Case::get().set(Signature, "countersign=YQ=="), Refusal::Unparsable(Signature, 12));
    refused(&Case::get().set(Signature, "countersign=:\u{e4}:"), Refusal::Unparsable(Signature, 13));
    refused(&Case::get().set(SignatureInput, &format!("{input},{input}")), Refusal::LabelRepeated(SignatureInput));
    refused(&Case::get().set(Signature, &format!("{signature}, {signature}")), Refusal::LabelRepeated(Signature));
    let beside = format!("bot=(\"@authority\");tag=\"web-bot-auth\", {input}");
    refused(&Case::get().set(SignatureInput, &beside), Refusal::LabelUnknown(SignatureInput));
    refused(&Case::get().set(Signature, &format!("{signature} ,\tbot=:YQ==:")), Refusal::LabelUnknown(Signature));
}

#[test]
fn rule_1_a_viewers_own_rfc_9421_fields_are_ignored() {
    for (input, signature) in [
        ("bot=(\"@authority\");tag=\"web-bot-auth\"", "bot=:YQ==:"),
        ("countersign=(\"@method\");tag=\"countersign\"", "countersign=:YQ==:"),
        ("", "d2a84f4b8b650937"),
        ("\u{e9},", "keyId=\"https://social.example/u#main-key\",signature=\"YQ==\""),
    ] {
        let case = Case::get().add("Signature-Input", input).add("Signature", signature).add("SIGNATURE", signature);
        assert_eq!(case.verdict().map(|_| ()), Ok(()));
        let bare = Case::get().remove(SignatureInput).remove(Signature);
        let bare = bare.add("Signature-Input", input).add("Signature", signature);
        refused(&bare, Refusal::Missing(SignatureInput));
    }
}

#[test]
fn rule_1_connection_lists_no_header_on_which_the_verdict_depends() {
    for value in ["close", "keep-alive", "upgrade", "Upgrade, keep-alive", "", ",,", "x-hop"] {
        assert!(Case::post().add("Connection", value).verdict().is_ok(), "{value}");
    }
    for field in Field::ALL {
        for name in [field.key().to_owned(), field.name().replace('-', "_")] {
            refused(&Case::post().add("connection", &name), Refusal::ConnectionOption(field.key()));
        }
    }
    for (name, known) in [
        ("HOST", "Host"),
        ("content-length", "Content-Length"),
        ("Transfer_Encoding", "Transfer-Encoding"),
        ("countersign-", "a header whose name begins with Countersign-"),
    ] {
        refused(&Case::post().add("Connection", &format!("close,, {name}")), Refusal::ConnectionOption(known));
    }
    refused(&Case::post().add("CONNECTION", "content-digest;a=b"), Refusal::ConnectionMalformed);
    let second = Case::get().add("Connection", "close").add("connection", "a b");
    refused(&second, Refusal::ConnectionMalformed);
}

#[test]
fn rule_1_nothing_changes_the_method_behind_the_gateway() {
    let [long, short, other] = signing::METHOD_OVERRIDES;
    for (name, known) in [
        ("X-HTTP-Method-Override", long),
        ("x-http-method", short),
        ("X-METHOD-OVERRIDE", other),
        ("X_HTTP_Method", short),
    ] {
        refused(&Case::get().add(name, "GET"), Refusal::MethodOverride(known));
    }
}

#[test]
fn rule_1_a_get_or_head_has_no_body() {
    let head = Case::signed("HEAD", "/prod", None, "k1");
    for case in [Case::get(), head] {
        assert!(case.clone().add("content-length", "0").verdict().is_ok());
        for (name, value) in [
            ("Content-Length", "1"),
            ("content-length", "00"),
            ("content-length", ""),
            ("Transfer-Encoding", "chunked"),
            ("Content_Length", "1"),
            ("TRANSFER_ENCODING", ""),
        ] {
            refused(&case.clone().add(name, value), Refusal::Body);
        }
        // No other header replaces it.
        for [first, second] in [
            [("content-length", "1"), ("content-length", "0")],
            [("content-length", "0"), ("content-length", "1")],
            [("content-length", "1"), ("content-length", "1")],
            [("transfer-encoding", "chunked"), ("content-length", "0")],
            [("transfer-encoding", "chunked"), ("content-length", "1")],
        ] {
            refused(&case.clone().add(first.0, first.1).add(second.0, second.1), Refusal::Body);
        }
    }
    assert!(Case::post().add("Content-Length", "2").verdict().is_ok());
}

#[test]
fn rule_2_exactly_the_profile_is_covered() {
    let edit = |old: &str, new: &str| Case::get().edit(SignatureInput, old, new);
    for component in Component::ALL.into_iter().filter(|component| *component != Component::ContentDigest) {
        let name = format!("\"{component}\"");
        refused(&edit(&name, ""), Refusal::ComponentMissing(component));
        refused(&edit(&name, &format!("{name} {name}")), Refusal::ComponentRepeated(component));
        refused(&edit(&name, &format!("{name};req")), Refusal::ComponentParameters(component));
    }
    refused(&edit("(\"@method\"", "(\"date\" \"@method\""), Refusal::ComponentUnknown { index: 0 });
    refused(&edit("\"@path\"", "\"@path\" \"@nonsense\""), Refusal::ComponentUnknown { index: 3 });
    refused(&edit("\"@path\"", "\"@Path\""), Refusal::ComponentUnknown { index: 2 });
    refused(&Case::get().set(SignatureInput, "countersign=()"), Refusal::ComponentMissing(Component::Method));
}

#[test]
fn rule_2_the_digest_is_covered_if_and_only_if_it_is_present() {
    let digest = ContentDigest::of(b"{}");
    refused(&Case::get().add("content-digest", &digest), Refusal::ComponentMissing(Component::ContentDigest));
    refused(&Case::post().remove(DigestField), Refusal::DigestAbsent);
    refused(&Case::post().add("CONTENT-DIGEST", &digest), Refusal::Repeated(DigestField, 2));
    refused(&Case::post().add("Content_Digest", &digest), Refusal::Repeated(DigestField, 2));
    refused(&Case::post().spell(DigestField, "Content_Digest"), Refusal::DigestAbsent);
    refused(&Case::get().add("content_digest", &digest), Refusal::ComponentMissing(Component::ContentDigest));
    refused(&Case::post().set(DigestField, "a\nb"), Refusal::DigestMalformed);
    refused(&Case::post().set(DigestField, &ContentDigest::of(b"[]")), Refusal::Signature);
}

#[test]
fn rule_2_every_body_needs_a_covered_digest_if_the_policy_requires_it() {
    let strict = VerificationPolicy { require_digest: true, ..policy() };
    let verdict = |case: &Case| case.verdict_with(&keys(), &strict).map(|_| ());
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "M-SEARCH"] {
        let bare = Case::signed(method, "/prod", None, "k1");
        assert_eq!(bare.verdict().map(|_| ()), Ok(()));
        // The rule does not depend on an announced body, because a gateway need not show it.
        assert_eq!(verdict(&bare), Err(Refusal::DigestRequired));
        assert_eq!(verdict(&bare.add("Content-Length", "0")), Err(Refusal::DigestRequired));
        assert_eq!(verdict(&Case::signed(method, "/prod", Some(&ContentDigest::of(b"")), "k1")), Ok(()));
    }
    for method in ["GET", "HEAD"] {
        assert_eq!(verdict(&Case::signed(method, "/prod", None, "k1")), Ok(()));
    }
}

#[test]
fn rule_2_the_viewer_address_is_an_address() {
    for bad in ["", "203.0.113.7, 10.0.0.1", "203.0.113.7:80", "[2001:db8::1]", "localhost"] {
        refused(&Case::get().set(IpField, bad), Refusal::ViewerIp);
    }
    refused(&Case::get().set(IpField, "203.0.113.8"), Refusal::Signature);
}

#[test]
fn rule_3_every_parameter_appears_once_and_has_its_type() {
    let edit = |old: &str, new: &str| Case::get().edit(SignatureInput, old, new);
    let created = format!(";created={CREATED}");
    let expires = format!(";expires={}", CREATED + 60);
    let table = [
        (Parameter::Created, created.as_str(), vec![";created=-1", ";created=\"1\"", ";created=1.5", ";created"]),
        (Parameter::Expires, &expires, vec![";expires=-1", ";expires=?1", ";expires=x"]),
        (
            Parameter::Nonce,
            ";nonce=\"CQkJCQkJCQkJCQkJCQkJCQ\"",
            vec![";nonce=\"\"", ";nonce=1", ";nonce=\"CQkJCQkJCQkJCQkJCQkJCR\""],
        ),
        (Parameter::Alg, ";alg=\"hmac-sha256\"", vec![";alg=hmac-sha256"]),
        (Parameter::KeyId, ";keyid=\"k1\"", vec![";keyid=k1", ";keyid=\"\"", ";keyid=\"k 1\"", ";keyid=:azE=:"]),
        (Parameter::Tag, ";tag=\"countersign\"", vec![";tag=countersign", ";tag"]),
    ];
    for (parameter, text, wrong) in table {
        refused(&edit(text, ""), Refusal::ParameterMissing(parameter));
        refused(&edit(text, &format!("{text}{text}")), Refusal::ParameterRepeated(parameter));
        for wrong in wrong {
            refused(&edit(text, wrong), Refusal::ParameterType(parameter));
        }
    }
    refused(&edit(";alg=\"hmac-sha256\"", ";alg=\"HMAC-SHA256\""), Refusal::Algorithm);
    refused(&edit(";tag=\"countersign\"", ";tag=\"web-bot-auth\""), Refusal::Tag);
    refused(&edit(";tag=\"countersign\"", ";tag=\"countersign\";x=1"), Refusal::ParameterUnknown { index: 6 });
    let signature = Case::get().value(Signature).clone();
    refused(&Case::get().set(Signature, &format!("{signature};x")), Refusal::SignatureParameters);
}

#[test]
fn rule_4_a_signature_is_admitted_only_in_its_time() {
    let at = |time: u64| Case::get().with(|case| case.time = Some(time));
    refused(&at(CREATED - 6), Refusal::Future { seconds: 6 });
    assert!(at(CREATED - 5).verdict().is_ok());
    assert!(at(CREATED + 64).verdict().is_ok());
    refused(&at(CREATED + 65), Refusal::Expired { seconds: 5 });
    refused(&at(0), Refusal::Future { seconds: CREATED });
    refused(&at(u64::MAX), Refusal::Expired { seconds: u64::MAX - CREATED - 60 });
    refused(&Case::get().with(|case| case.time = None), Refusal::RequestTime);
    let lifetime = |expires: u64| {
        Case::get().edit(SignatureInput, &format!("expires={}", CREATED + 60), &format!("expires={expires}"))
    };
    let seconds = UnixSeconds::new;
    refused(&lifetime(CREATED), Refusal::Lifetime { created: seconds(CREATED), expires: seconds(CREATED) });
    refused(&lifetime(1), Refusal::Lifetime { created: seconds(CREATED), expires: seconds(1) });
    refused(&lifetime(CREATED + 61), Refusal::LifetimeTooLong { seconds: 61 });
    refused(&lifetime(999_999_999_999_999), Refusal::LifetimeTooLong { seconds: 999_999_999_999_999 - CREATED });
}

#[test]
fn rule_5_the_target_is_what_the_gateway_received() {
    refused(&Case::get().with(|case| case.domain_name = "other.example".into()), Refusal::Host);
    refused(&Case::get().with(|case| case.headers[1].1 = "other.example".into()), Refusal::Host);
    refused(&Case::get().with(|case| case.headers[1].0 = "X-Host".into()), Refusal::Host);
    refused(&Case::get().add("host", HOST), Refusal::Host);
    refused(&Case::get().with(|case| case.domain_name = String::new()), Refusal::Host);
    let shouted = Case::get().with(|case| {
        case.domain_name = HOST.to_uppercase();
        case.headers[1].1 = HOST.to_uppercase();
    });
    assert!(shouted.verdict().is_ok());

    refused(&Case::get().with(|case| case.second_method = Some("POST".into())), Refusal::Method);
    assert!(Case::get().with(|case| case.second_method = None).verdict().is_ok());
    let method = |method: &str| {
        Case::get().with(|case| {
            case.method = method.into();
            case.second_method = None;
        })
    };
    refused(&method("GET\n\"@authority\": x"), Refusal::Method);
    refused(&method("get"), Refusal::Signature);
    refused(&method("DELETE"), Refusal::Signature);

    for bad in ["", "prod/pets", "http://x/prod/pets", "/prod/p\u{e4}ts", "/prod/pets#x", "/prod/pets x"] {
        refused(&Case::get().set(TargetField, bad), Refusal::Target);
    }
    refused(&Case::get().set(TargetField, "/prod/pets?"), Refusal::BareQuestionMark);
    refused(&Case::get().with(|case| case.path = "/prod/dogs".into()), Refusal::Path);
    refused(&Case::get().with(|case| case.query.truncate(1)), Refusal::Query);
    refused(&Case::get().set(TargetField, "/prod/pets?type=%zz"), Refusal::QueryEscape);
    // Header, path and query agree on another target: then the signature does not match.
    let moved = Case::get().set(TargetField, "/prod/dogs").with(|case| {
        case.path = "/prod/dogs".into();
        case.query.clear();
    });
    refused(&moved, Refusal::Signature);
    // The signature also covers the parts of the query that REST APIs do not show.
    refused(&Case::get().set(TargetField, "/prod/pets?page=2&type=dog&type=cat"), Refusal::Signature);
}

#[test]
fn rule_5_a_listed_domain_leads_to_the_events_api_and_stage() {
    let listed = |text: &str| VerificationPolicy { base_paths: text.try_into().unwrap(), ..policy() };
    let verdict = |base_paths: &str| {
        let proven = Case::get().verdict_with(&keys(), &listed(base_paths));
        proven.map(|proven| proven.path)
    };
    // The domain of the case is the API's own, which cannot be listed, so it gets another name here.
    let custom = |base_paths: &str| {
        let case = Case::get().with(|case| case.domain_name = "api.example".into());
        let case = case.with(|case| case.headers[1].1 = "api.example".into());
        case.verdict_with(&keys(), &listed(base_paths)).map(|proven| proven.path)
    };
    assert_eq!(verdict("api.example/v1=abc/prod"), Ok("/pets".to_owned()));
    assert_eq!(custom("api.example=other/prod"), Err(Refusal::BasePath));
    assert_eq!(custom("api.example=abc/dev"), Err(Refusal::BasePath));
    assert_eq!(custom("api.example/v1=abc/prod"), Err(Refusal::Path));
    // The mapping is right, but another authority was signed.
    assert_eq!(custom("api.example/prod=abc/prod"), Err(Refusal::Signature));
}

#[test]
fn rule_6_the_key_is_known_and_valid_at_this_time() {
    let signed_by = |key_id| Case::signed("GET", "/prod/pets", None, key_id);
    refused(&signed_by("nobody"), Refusal::KeyUnknown(id("nobody")));
    refused(&signed_by("later"), Refusal::KeyNotYetValid(id("later")));
    refused(&signed_by("ended"), Refusal::KeyExpired(id("ended")));
    assert!(signed_by("ended").with(|case| case.time = Some(CREATED + 9)).verdict().is_ok());
}

#[test]
fn rule_7_the_signature_matches_the_request() {
    for wrong in ["countersign=::", "countersign=:YQ==:", "countersign=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"]
    {
        refused(&Case::get().set(Signature, wrong), Refusal::Signature);
    }
    let other = Key::new(id("k1"), &[8; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
    assert_eq!(Case::get().verdict_with(&KeySet::new(vec![other]).unwrap(), &policy()), Err(Refusal::Signature));
    let nonce = Case::get().edit(SignatureInput, "CQkJ", "CQkK");
    refused(&nonce, Refusal::Signature);
}

/// The last line of the signature base is the text as received, so another order of the parameters is admitted.
#[test]
fn any_order_of_components_and_parameters_is_admitted() {
    let request = Request {
        method: "GET".try_into().unwrap(),
        authority: HOST.try_into().unwrap(),
        target: "/prod".try_into().unwrap(),
        viewer_ip: "203.0.113.7".try_into().unwrap(),
        content_digest: None,
    };
    let input = format!(
        "(\"countersign-viewer-ip\" \"@query\" \"@path\" \"@method\" \"@authority\");tag=\"countersign\";keyid=\"k1\";\
        nonce=\"CQkJCQkJCQkJCQkJCQkJCQ\";expires={};created={CREATED};alg=\"hmac-sha256\"",
        CREATED + 60
    );
    let base = format!(
        "\"countersign-viewer-ip\": 203.0.113.7\n\"@query\": ?\n\"@path\": /prod\n\"@method\": GET\n\
        \"@authority\": {HOST}\n\"@signature-params\": {input}"
    );
    let mac = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(&[7; 32]).unwrap();
    let mac = hmac::Mac::finalize(hmac::Mac::chain_update(mac, base)).into_bytes();
    let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mac);
    let case = Case::signed("GET", request.target.as_str(), None, "k1")
        .set(SignatureInput, &format!("countersign={input}"))
        .set(Signature, &format!("countersign=:{signature}:"));
    assert!(case.verdict().is_ok());
}

/// Law: a signed request verifies; if one byte of any covered part is changed, it does not.
#[test]
fn a_signed_request_verifies_and_one_changed_byte_is_refused() {
    fn path(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<String> {
        let bytes: Vec<u8> = u.arbitrary()?;
        let text = bytes.into_iter().filter(|byte| matches!(byte, 0x21..=0x7E) && !b"#?%".contains(byte));
        Ok(text.map(char::from).collect())
    }
    arbtest(|u| {
        let method = *u.choose(&["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])?;
        let mut target = format!("/prod/{}", path(u)?);
        if u.arbitrary()? {
            target += "?a=1&b=2";
        }
        let digest = (method == "POST").then(|| ContentDigest::of(target.as_bytes()));
        let case = Case::signed(method, &target, digest.as_deref(), "k1");
        assert!(case.verdict().is_ok(), "{case:?}");

        let mut forged = case.clone();
        let covered: Vec<_> = (0..case.headers.len()).filter(|at| case.headers[*at].0 != "Accept").collect();
        let header = &mut forged.headers[*u.choose(&covered)?].1;
        let at = u.choose_index(header.len())?;
        let other = char::from(u.int_in_range(0x20..=0x7E)?);
        header.replace_range(at..=at, &other.to_string());
        // Host is compared without case.
        if forged
            .headers
            .iter()
            .zip(&case.headers)
            .any(|(new, old)| !new.1.eq_ignore_ascii_case(&old.1) || (new.0 != "Host" && new.1 != old.1))
        {
            assert!(forged.verdict().is_err(), "{forged:?}");
        }
        Ok(())
    });
}
