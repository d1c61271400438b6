//! What every side of the comparison gets: a key, a signed request, and the events that show it.
//!
//! The times are inside of the events, so that they stay valid.

use anyhow::{Context as _, Result, ensure};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use key_store::{KeyFile, unix_seconds};
use local::{Api, ApiRequest, Routes, rest_event};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use signing::{Key, KeySet, Nonce, Request, Signature, UnixSeconds, sign};
use speed_common::{KEY_ID, Parts, SECRET};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// The secret, for those who fetch their key.
pub(crate) const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";
/// The bytes of queries, and the numbers of headers, for the growth of a decision.
pub(crate) const QUERIES: [usize; 4] = [100, 1000, 4000, 8000];
pub(crate) const HEADERS: [usize; 4] = [10, 50, 100, 200];
/// A body at the edge.
pub(crate) const BODY: usize = 1 << 20;

/// What the events of a REST API ask about.
pub(crate) const METHOD_ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets";

const HOST: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
const VIEWER: &str = "203.0.113.178";
const TARGET: &str = "/prod/pets?type=dog&page=2";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const NONCE: [u8; 16] = [1; 16];

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
const LANGUAGES: &str = "en-GB,en;q=0.9,de;q=0.8";
const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36";
const VIA: &str = "2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)";

/// A folder of files, which is removed when this is dropped.
pub(crate) struct Fixtures {
    folder: TempDir,
    /// The text of the secret.
    pub(crate) secret: String,
    /// The time of the events.
    pub(crate) now: SystemTime,
    keys: KeySet,
}

impl Fixtures {
    pub(crate) fn write(now: SystemTime) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the fixtures")?;
        let key = Key::new(KEY_ID.try_into()?, &SECRET, UnixSeconds::new(0), UnixSeconds::new(4_102_444_800))?;
        let keys = KeySet::new(vec![key])?;
        KeyFile::new(folder.path().join("keys.json")).create(&keys, &[])?;
        let fixtures = Self { folder, secret: keys.to_json().to_string(), now, keys };
        let key = fixtures.key()?;

        fixtures.put(Parts::FILE, &serde_json::to_value(parts(key, now)?)?)?;
        fixtures.put("rest.json", &rest(key, now, TARGET, &[])?)?;
        for length in QUERIES {
            fixtures.put(&query_file(length), &rest(key, now, &format!("/prod/pets?{}", query_of(length)), &[])?)?;
        }
        for count in HEADERS {
            fixtures.put(&headers_file(count), &rest(key, now, TARGET, &headers_of(count))?)?;
        }
        let file = format!("file:{}", fixtures.path("keys.json").display());
        fixtures.put("edge.json", &edge(&file, None))?;
        fixtures.put("edge-arn.json", &edge(ARN, None))?;
        fixtures.put("edge-body.json", &edge(&file, Some(&body())))?;
        Ok(fixtures)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The event of a REST API's authorizer with this bearer token.
    pub(crate) fn rest_with_token(&self, token: &str) -> Result<String> {
        let header = ("Authorization".to_owned(), format!("Bearer {token}"));
        Ok(rest(self.key()?, self.now, TARGET, &[header])?.to_string())
    }

    fn key(&self) -> Result<&Key> {
        self.keys.signing_key(unix_seconds(self.now)).context("the key signs now")
    }

    fn put(&self, file: &str, content: &Value) -> Result<()> {
        fs::write(self.path(file), content.to_string()).with_context(|| file.to_owned())
    }
}

pub(crate) fn query_file(length: usize) -> String {
    format!("rest-query-{length}.json")
}

pub(crate) fn headers_file(count: usize) -> String {
    format!("rest-headers-{count}.json")
}

fn signed(key: &Key, target: &str, lifetime: Duration, now: SystemTime) -> Result<Signature> {
    let request = Request {
        method: "GET".try_into()?,
        authority: HOST.try_into()?,
        target: target.try_into()?,
        viewer_ip: VIEWER.try_into()?,
        content_digest: None,
    };
    Ok(sign(&request, key, Nonce::new(NONCE), lifetime, unix_seconds(now)))
}

/// The headers that CloudFront and a browser send, with ours.
fn headers(target: &str, signature: &Signature, more: &[(String, String)]) -> Vec<(String, String)> {
    let viewers = [
        ("Accept", ACCEPT),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Accept-Language", LANGUAGES),
        ("User-Agent", BROWSER),
        ("Via", VIA),
        ("X-Amz-Cf-Id", "sIEfafSQxwenKloeWOp-4eyo_-grMyVNzwnkBmx5q7OcvBJV7knerQ=="),
        ("X-Amzn-Trace-Id", "Root=1-66704feb-118151122b2ad2d3488844e7"),
        ("X-Forwarded-For", "203.0.113.178, 130.176.209.37"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let ours = [
        ("Host", HOST),
        ("Countersign-Signature-Input", &signature.input),
        ("Countersign-Signature", &signature.signature),
        ("Countersign-Target", target),
        ("Countersign-Viewer-Ip", VIEWER),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    viewers.into_iter().map(owned).chain(more.iter().cloned()).chain(ours.into_iter().map(owned)).collect()
}

/// The event of a REST API's authorizer.
fn rest(key: &Key, now: SystemTime, target: &str, more: &[(String, String)]) -> Result<Value> {
    let signature = signed(key, target, MINUTE, now)?;
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
    let request = ApiRequest {
        method: "GET",
        target,
        headers: &headers(target, &signature, more),
        source_ip: "130.176.209.37",
        request_id: "141d6671-99b4-40ca-9997-7a22f01eac74",
        extended_request_id: "ZhFsxGQDDoEEMig=",
    };
    rest_event(&api, &request, now).context("the target is the API's")
}

fn parts(key: &Key, now: SystemTime) -> Result<Parts> {
    let signature = signed(key, TARGET, HOUR, now)?;
    let (path, query) = TARGET.split_once('?').context("the target has a query")?;
    let parameters = signature.input.strip_prefix("countersign=").context("the member is ours")?;
    let base = format!(
        "\"@method\": GET\n\"@authority\": {HOST}\n\"@path\": {path}\n\"@query\": ?{query}\n\
        \"countersign-viewer-ip\": {VIEWER}\n\"@signature-params\": {parameters}"
    );
    let mac = Hmac::<Sha256>::new_from_slice(&SECRET)?.chain_update(&base).finalize().into_bytes();
    ensure!(signature.signature == format!("countersign=:{}:", STANDARD.encode(mac)), "the base is what was signed");
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        parameters.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    let created = unix_seconds(now).get();
    Ok(Parts {
        method: "GET".to_owned(),
        authority: HOST.to_owned(),
        target: TARGET.to_owned(),
        viewer_ip: VIEWER.to_owned(),
        created,
        expires: created + HOUR.as_secs(),
        nonce: Nonce::new(NONCE).to_string(),
        key_id: KEY_ID.to_owned(),
        k: URL_SAFE_NO_PAD.encode(SECRET),
        headers: headers(TARGET, &signature, &[]),
        query: parameters,
        input: signature.input,
        signature: signature.signature,
        // A bit and eight bytes of length are added to the text, and its hash is hashed again in one block.
        compressions: (base.len() + 9).div_ceil(64) + 1,
        base,
    })
}

/// CloudFront's origin-request event of about 2 KB, as a browser causes it.
fn edge(source: &str, body: Option<&[u8]>) -> Value {
    let cookie = format!("session={}; theme=dark; consent=1", "a".repeat(200));
    let mut headers = header_map(&[
        ("Host", HOST),
        ("User-Agent", BROWSER),
        ("Accept", ACCEPT),
        ("Accept-Language", LANGUAGES),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Cookie", &cookie),
        ("Referer", "https://www.example.com/catalogue/dogs?sort=name"),
        ("X-Forwarded-For", VIEWER),
        ("Via", VIA),
        ("CloudFront-Viewer-Country", "GB"),
    ]);
    let length = body.map_or(0, <[u8]>::len).to_string();
    if body.is_some() {
        headers
            .extend(header_map(&[("Content-Type", "application/octet-stream"), ("Content-Length", length.as_str())]));
    }
    let api_key = "k".repeat(40);
    let mut request = json!({
        "clientIp": VIEWER,
        "method": if body.is_some() { "POST" } else { "GET" },
        "uri": "/pets",
        "querystring": "type=dog&page=2",
        "headers": headers,
        "origin": {"custom": {
            "customHeaders": header_map(&[("countersign-secret", source), ("x-api-key", &api_key)]),
            "domainName": HOST, "path": "/prod", "port": 443, "protocol": "https", "readTimeout": 30,
            "keepaliveTimeout": 5, "sslProtocols": ["TLSv1.2"],
        }},
    });
    if let (Some(body), Some(request)) = (body, request.as_object_mut()) {
        let body = json!({
            "inputTruncated": false, "action": "read-only", "encoding": "base64", "data": STANDARD.encode(body),
        });
        request.insert("body".to_owned(), body);
    }
    json!({"Records": [{"cf": {
        "config": {
            "distributionDomainName": "d111111abcdef8.cloudfront.net", "distributionId": "EDFDVBD6EXAMPLE",
            "eventType": "origin-request",
            "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
        },
        "request": request,
    }}]})
}

fn header_map(headers: &[(&str, &str)]) -> Map<String, Value> {
    let one = |(key, value): &(&str, &str)| (key.to_lowercase(), json!([{"key": key, "value": value}]));
    headers.iter().map(one).collect()
}

/// Bytes that no two blocks have alike.
fn body() -> Vec<u8> {
    (0..BODY).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes().iter().fold(0, |all, byte| all ^ byte)).collect()
}

/// A query of about this length, of parameters of 20 bytes.
fn query_of(length: usize) -> String {
    let pairs: Vec<_> = (0..length / 20).map(|at| format!("p{at:04}=value-{at:07}")).collect();
    pairs.join("&")
}

fn headers_of(count: usize) -> Vec<(String, String)> {
    (0..count).map(|at| (format!("X-Custom-{at:03}"), format!("value-of-header-{at:03}-of-about-forty"))).collect()
}
