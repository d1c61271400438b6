//! The vectors of `vectors/`: requests that another implementation signed, each with its expected verdict.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

use serde::{Deserialize, Serialize};
use signing::{
    BasePaths, CheckedRequest, Component, Field, KeyId, KeySet, Parameter, Query, ReceivedRequest, ReceivedTarget,
    Refusal, Rule, UnixSeconds, VerificationPolicy,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::Path,
    time::Duration,
};

const ADMITTED: &str = "admitted";

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let cases = read_folder(&vectors).unwrap_or_else(|error| panic!("{error}"));
    let wrong: Vec<_> = cases
        .iter()
        .map(|case| (case, case.judge()))
        .filter(|(case, judged)| !case.expects(judged))
        .map(|(case, judged)| format!("{}: {judged:?}, and not {} {:?}", case.name, case.verdict, case.verified_path))
        .collect();
    assert!(wrong.is_empty(), "{} of {} vectors:\n{}", wrong.len(), cases.len(), wrong.join("\n"));

    // Every reason for a refusal must have a vector.
    let seen: BTreeSet<_> = cases.iter().map(|case| case.verdict.as_str()).collect();
    let unseen: Vec<_> = verdicts().filter(|verdict| !seen.contains(verdict)).collect();
    assert!(unseen.is_empty(), "no vector has the verdict {unseen:?}");
}

/// A file of vectors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "description")]
    _description: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    received: Request,
    policy: Tolerance,
    keys: Jwks,
    verdict: String,
    /// The signed path without stage and base path, if the vector has it.
    verified_path: Option<String>,
}

/// [`ReceivedRequest`] as JSON. A member is optional if the event of some gateway does not have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    second_method: Option<String>,
    domain_name: String,
    api_id: String,
    stage: String,
    headers: Vec<(String, String)>,
    rest: Option<Rest>,
    http: Option<Http>,
    http_v1: Option<HttpV1>,
    websocket: Option<WebSocket>,
    time: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    path: String,
    api_path: String,
    query: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    path: String,
    query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpV1 {
    path: String,
    query: BTreeMap<String, Vec<String>>,
    shows_repeats: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebSocket {
    query: BTreeMap<String, Vec<String>>,
    shows_repeats: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tolerance {
    max_lifetime: u64,
    skew: u64,
    allow_ambiguous_path: bool,
    require_digest: bool,
    /// In the form of the setting; empty if no mapping is listed.
    base_paths: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Jwk {
    kty: String,
    alg: String,
    kid: String,
    k: String,
    nbf: u64,
    exp: u64,
}

impl Request {
    /// `None` unless exactly one gateway shows it.
    fn target(&self) -> Option<ReceivedTarget<'_>> {
        match (&self.rest, &self.http, &self.http_v1, &self.websocket) {
            (Some(Rest { path, api_path, query }), None, None, None) => {
                Some(ReceivedTarget::Rest { path: path.into(), api_path: api_path.into(), query: decoded(query) })
            }
            (None, Some(Http { path, query }), None, None) => {
                Some(ReceivedTarget::Http { path: path.into(), query: query.into() })
            }
            (None, None, Some(HttpV1 { path, query, shows_repeats }), None) => {
                Some(ReceivedTarget::HttpV1 { path: path.into(), query: decoded(query), shows_repeats: *shows_repeats })
            }
            (None, None, None, Some(WebSocket { query, shows_repeats })) => {
                Some(ReceivedTarget::WebSocket { query: decoded(query), shows_repeats: *shows_repeats })
            }
            _ => None,
        }
    }
}

fn decoded(query: &BTreeMap<String, Vec<String>>) -> Query<'_> {
    let pairs = query.iter().flat_map(|(name, all)| all.iter().map(move |value| (name, value)));
    pairs.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
}

impl Case {
    fn expects(&self, (verdict, path): &(&'static str, Option<String>)) -> bool {
        self.verdict == *verdict && (self.verified_path.is_none() || self.verified_path == *path)
    }

    /// The verdict, and for an admitted request the path that is passed on.
    fn judge(&self) -> (&'static str, Option<String>) {
        let Request { method, second_method, domain_name, api_id, stage, headers, time, .. } = &self.received;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let received = ReceivedRequest {
            method,
            second_method: second_method.as_deref(),
            domain_name,
            api_id,
            stage,
            headers: &headers,
            target: &self.received.target().expect(&self.name),
            time: time.map(UnixSeconds::new),
        };
        let policy = VerificationPolicy {
            max_lifetime: Duration::from_secs(self.policy.max_lifetime),
            skew: Duration::from_secs(self.policy.skew),
            allow_ambiguous_path: self.policy.allow_ambiguous_path,
            require_digest: self.policy.require_digest,
            base_paths: match self.policy.base_paths.as_str() {
                "" => BasePaths::default(),
                listed => listed.try_into().expect(&self.name),
            },
        };
        let keys = serde_json::to_string(&self.keys).expect("plain data is JSON");
        let keys = KeySet::from_json(&keys).expect(&self.name);
        match CheckedRequest::check(&received, &policy).and_then(|checked| checked.verify(&keys)) {
            Ok(verified) => (ADMITTED, Some(verified.path().to_owned())),
            Err(refusal) => (refusal.reason(), None),
        }
    }
}

/// All cases of all files, or the first problem of the folder.
fn read_folder(folder: &Path) -> Result<Vec<Case>, String> {
    let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let path = entry.map_err(|error| at(folder, &error))?.path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("make.py" | "README.md") => {}
            Some(name) if name.ends_with(".json") => {
                let text = fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
                files.push((name.to_owned(), text));
            }
            _ => return Err(at(&path, &"this file is neither vectors, nor make.py, nor README.md")),
        }
    }
    read_files(&files)
}

fn read_files(files: &[(String, String)]) -> Result<Vec<Case>, String> {
    let known: BTreeSet<_> = verdicts().collect();
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for (file, text) in files {
        let parsed: File = serde_json::from_str(text).map_err(|error| format!("{file}: {error}"))?;
        if parsed.cases.is_empty() {
            return Err(format!("{file}: the file has no case"));
        }
        for case in parsed.cases {
            let Case { name, verdict, .. } = &case;
            if !known.contains(verdict.as_str()) {
                return Err(format!("{file}: {name}: this is not a verdict: {verdict}"));
            }
            if !names.insert(name.clone()) {
                return Err(format!("{file}: two cases have the same name: {name}"));
            }
            cases.push(case);
        }
    }
    if cases.is_empty() {
        return Err("no vectors".to_owned());
    }
    Ok(cases)
}

fn verdicts() -> impl Iterator<Item = &'static str> {
    let refusals = iter::successors(Some(Refusal::Missing(Field::Signature)), after);
    iter::once(ADMITTED).chain(refusals.map(|refusal| refusal.reason()))
}

/// A rule that is reached has all rules before it behind it: this holds what `Rule::outcome` says of them.
#[test]
fn the_rules_of_the_refusals_are_in_their_order() {
    let refusals: Vec<_> = iter::successors(Some(Refusal::Missing(Field::Signature)), after).collect();
    let rules: Vec<_> = refusals.iter().map(Refusal::rule).collect();
    assert!(rules.is_sorted(), "{rules:?}");
    let mut each = rules.clone();
    each.dedup();
    assert_eq!(each, Rule::ALL);
}

/// The file of a vector names the number of its rule. A file about a kind of API may also have vectors of other rules.
#[test]
fn each_refusal_has_a_vector_in_the_file_of_its_rule() {
    let refusals: Vec<_> = iter::successors(Some(Refusal::Missing(Field::Signature)), after).collect();
    let mut checked = BTreeSet::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(number) = name.strip_prefix("rule-").and_then(|rest| rest.get(..1)) else { continue };
        let rule = Rule::ALL[number.parse::<usize>().unwrap() - 1];
        for case in read_files(&[(name.clone(), fs::read_to_string(&path).unwrap())]).unwrap() {
            checked.insert((rule.name(), case.verdict));
        }
    }
    let missing: Vec<_> = refusals
        .iter()
        .filter(|refusal| !checked.contains(&(refusal.rule().name(), refusal.reason().to_owned())))
        .collect();
    // Rule 1 has this one, and its vectors are with the kinds of API that can have it.
    assert_eq!(missing, [&Refusal::RepeatsHidden]);
}

/// The refusals in their order: a new refusal does not compile until it has its place here.
fn after(refusal: &Refusal) -> Option<Refusal> {
    let field = Field::Signature;
    let (at, index, seconds) = (0, 0, 0);
    let epoch = UnixSeconds::new(0);
    let id = || KeyId::try_from("k").unwrap();
    Some(match refusal {
        Refusal::Missing(_) => Refusal::Repeated(field, 2),
        Refusal::Repeated(..) => Refusal::Unparsable(field, at),
        Refusal::Unparsable(..) => Refusal::LabelMissing(field),
        Refusal::LabelMissing(_) => Refusal::LabelRepeated(field),
        Refusal::LabelRepeated(_) => Refusal::LabelUnknown(field),
        Refusal::LabelUnknown(_) => Refusal::RepeatsHidden,
        Refusal::RepeatsHidden => Refusal::MethodOverride(""),
        Refusal::MethodOverride(_) => Refusal::ConnectionOption(""),
        Refusal::ConnectionOption(_) => Refusal::ConnectionMalformed,
        Refusal::ConnectionMalformed => Refusal::Body,
        Refusal::Body => Refusal::ComponentUnknown { index },
        Refusal::ComponentUnknown { .. } => Refusal::ComponentParameters(Component::Path),
        Refusal::ComponentParameters(_) => Refusal::ComponentRepeated(Component::Path),
        Refusal::ComponentRepeated(_) => Refusal::ComponentMissing(Component::Path),
        Refusal::ComponentMissing(_) => Refusal::DigestAbsent,
        Refusal::DigestAbsent => Refusal::DigestMalformed,
        Refusal::DigestMalformed => Refusal::DigestRequired,
        Refusal::DigestRequired => Refusal::ViewerIp,
        Refusal::ViewerIp => Refusal::ParameterUnknown { index },
        Refusal::ParameterUnknown { .. } => Refusal::ParameterRepeated(Parameter::Tag),
        Refusal::ParameterRepeated(_) => Refusal::ParameterMissing(Parameter::Tag),
        Refusal::ParameterMissing(_) => Refusal::ParameterType(Parameter::Tag),
        Refusal::ParameterType(_) => Refusal::Algorithm,
        Refusal::Algorithm => Refusal::Tag,
        Refusal::Tag => Refusal::SignatureParameters,
        Refusal::SignatureParameters => Refusal::Lifetime { created: epoch, expires: epoch },
        Refusal::Lifetime { .. } => Refusal::LifetimeTooLong { seconds },
        Refusal::LifetimeTooLong { .. } => Refusal::RequestTime,
        Refusal::RequestTime => Refusal::Future { seconds },
        Refusal::Future { .. } => Refusal::Expired { seconds },
        Refusal::Expired { .. } => Refusal::Host,
        Refusal::Host => Refusal::Method,
        Refusal::Method => Refusal::Target,
        Refusal::Target => Refusal::BareQuestionMark,
        Refusal::BareQuestionMark => Refusal::BasePath,
        Refusal::BasePath => Refusal::BasePathUnlisted,
        Refusal::BasePathUnlisted => Refusal::BasePathUnknown,
        Refusal::BasePathUnknown => Refusal::BasePathHidden,
        Refusal::BasePathHidden => Refusal::PathAmbiguous,
        Refusal::PathAmbiguous => Refusal::Path,
        Refusal::Path => Refusal::QueryEscape,
        Refusal::QueryEscape => Refusal::QuerySeparator,
        Refusal::QuerySeparator => Refusal::Query,
        Refusal::Query => Refusal::KeyUnknown(id()),
        Refusal::KeyUnknown(_) => Refusal::KeyNotYetValid(id()),
        Refusal::KeyNotYetValid(_) => Refusal::KeyExpired(id()),
        Refusal::KeyExpired(_) => Refusal::Signature,
        Refusal::Signature => return None,
    })
}

#[test]
fn a_file_with_an_unknown_or_missing_part_is_an_error() {
    const GOOD: &str = r#"{"description":"","cases":[{"name":"a","received":{"method":"","domain_name":"","api_id":"","stage":"","headers":[],
        "rest":{"path":"","api_path":"","query":{}}},"policy":{"max_lifetime":0,"skew":0,"allow_ambiguous_path":false,
        "require_digest":false,"base_paths":""},"keys":{"keys":[
        {"kty":"","alg":"","kid":"","k":"","nbf":0,"exp":0}]},"verdict":"tag"}]}"#;

    fn read(texts: &[&str]) -> Result<usize, String> {
        let files: Vec<_> = texts.iter().map(|text| ("f".to_owned(), (*text).to_owned())).collect();
        read_files(&files).map(|cases| cases.len())
    }
    #[track_caller]
    fn check(texts: &[&str], expected: &str) {
        let error = read(texts).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let instead = |old: &str, new: &str| {
        assert_eq!(GOOD.matches(old).count(), 1, "{old}");
        GOOD.replace(old, new)
    };

    assert_eq!(read(&[GOOD, &instead(r#""a""#, r#""b""#)]), Ok(2));
    check(&[], "no vectors");
    check(&[r#"{"description":"","cases":[]}"#], "f: the file has no case");
    check(&["{"], "f: EOF");
    check(&[GOOD, GOOD], "f: two cases have the same name: a");
    check(&[&instead(r#""tag""#, r#""ok""#)], "f: a: this is not a verdict: ok");
    for member in [r#""description""#, r#""name""#, r#""method""#, r#""path""#, r#""skew""#, r#""keys":["#, r#""kid""#]
    {
        check(&[&instead(member, &format!(r#""x":0,{member}"#))], "unknown field `x`");
    }
    for member in [r#""description":"","#, r#""name":"a","#, r#""headers":[],"#, r#","skew":0"#, r#","verdict":"tag""#]
    {
        check(&[&instead(member, "")], "missing field");
    }
}

#[test]
fn a_folder_without_vectors_is_an_error() {
    let empty = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-vectors");
    fs::create_dir_all(&empty).unwrap();
    assert_eq!(read_folder(&empty).err().as_deref(), Some("no vectors"));
    assert!(read_folder(&empty.join("nowhere")).is_err());
    // The folder of this package holds other files.
    let error = read_folder(Path::new(env!("CARGO_MANIFEST_DIR"))).err().unwrap_or_default();
    assert!(error.contains("neither vectors"), "{error}");
}
