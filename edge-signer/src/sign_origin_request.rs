//! The decision about one request: a pure function of the event, its configuration, the keys, a nonce and the time.

use crate::{
    Action, Body, BodyRule, Decision, Edits, Header, LogEvent, Mode, OriginRequest, SignerConfig, SigningError,
};
use base64::{
    Engine as _,
    engine::{
        general_purpose::{NO_PAD, PAD},
        simd::Simd,
    },
};
use settings::SettingError;
use signing::{
    BodyHash, ContentDigest, Field, KeySet, METHOD_OVERRIDES, Nonce, Request, UnixSeconds, announces_body, resembles,
    resembles_ours, sign,
};
use std::{borrow::Cow, sync::LazyLock};

const DIGEST: &str = Field::ContentDigest.name();

/// API Gateway's limit for the request line and all headers.
const HEAD_LIMIT: usize = 10_240;
/// Room for the headers that CloudFront adds after the function: `Via`, `X-Amz-Cf-Id`, `X-Forwarded-For` and similar
/// headers.
const ADDED_BY_CLOUDFRONT: usize = 512;

/// Signs a request, or returns the reason why it cannot be signed.
///
/// `config` is the result of [`SignerConfig::read`] for the request's origin. Without `keys`, or without a key that may
/// be used at `now`, the request is answered at the edge; in monitor mode it is forwarded unsigned.
pub fn sign_origin_request(
    request: &OriginRequest<'_>,
    config: Result<&SignerConfig, SettingError>,
    keys: Option<&KeySet>,
    nonce: Nonce,
    now: UnixSeconds,
) -> Decision {
    let signed = match config {
        Ok(SignerConfig { source: None, .. }) => {
            return Decision { action: unsigned(request), log: overrides_removed(request).collect() };
        }
        Ok(config) => signed(request, config, keys, nonce, now),
        Err(error) => Err(error.into()),
    };
    let mut log = Vec::new();
    let action = match signed {
        Ok((edits, of_the_body)) => {
            log.extend(of_the_body);
            Action::Forward(edits)
        }
        Err(problem) if Mode::read(&request.origin) == Ok(Mode::Monitor) => {
            log.push(LogEvent::ForwardedUnsigned(problem));
            unsigned(request)
        }
        Err(problem) => {
            let response = problem.respond();
            log.push(LogEvent::Answered(problem));
            Action::Respond(response)
        }
    };
    if matches!(action, Action::Forward(_)) {
        log.extend(overrides_removed(request));
    }
    Decision { action, log }
}

/// A notice for each method override that [`edits`] removes, in every spelling.
fn overrides_removed(request: &OriginRequest<'_>) -> impl Iterator<Item = LogEvent> {
    let sent = |name: &str| request.headers.iter().any(|header| resembles(header.name, name));
    METHOD_OVERRIDES.into_iter().filter(move |name| sent(name)).map(LogEvent::MethodOverrideRemoved)
}

/// Forwards the request without any header that looks like one of ours.
fn unsigned(request: &OriginRequest<'_>) -> Action {
    Action::Forward(edits(request, DigestHeader::Kept, Vec::new()))
}

/// The changes that sign the request, and what the log must say about its body.
fn signed(
    request: &OriginRequest<'_>,
    config: &SignerConfig,
    keys: Option<&KeySet>,
    nonce: Nonce,
    now: UnixSeconds,
) -> Result<(Edits, Vec<LogEvent>), SigningError> {
    let origin = &request.origin;
    if origin.protocol != "https" {
        return Err(SigningError::NotHttps);
    }
    let target = match request.querystring {
        "" => [origin.path, request.uri].concat(),
        query => [origin.path, request.uri, "?", query].concat(),
    };
    if is_bodiless(request) && announces_body(headers(request)) {
        return Err(SigningError::BodyOnGet);
    }
    let (content_digest, log) = content_digest(request, config.body)?;
    let mut hosts = request.values("host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(SigningError::Event("it does not have exactly one Host"));
    };
    let covered = Request {
        method: request.method.try_into().map_err(|_| SigningError::Event("its method is not a method"))?,
        authority: host.try_into().map_err(|_| SigningError::Event("its Host is not a host name"))?,
        target: target.as_str().try_into().map_err(|_| SigningError::Target)?,
        viewer_ip: request
            .client_ip
            .try_into()
            .map_err(|_| SigningError::Event("its clientIp is not an IP address"))?,
        content_digest: match &content_digest {
            Some(value) => Some(
                value
                    .as_str()
                    .try_into()
                    .map_err(|_| SigningError::Event("its Content-Digest is not a header value"))?,
            ),
            None => None,
        },
    };
    let key = keys.and_then(|keys| keys.signing_key(now)).ok_or(SigningError::NoKey)?;
    let signature = sign(&covered, key, nonce, config.lifetime, now);
    let set = signature.headers(&covered).into_iter().map(|(field, value)| (field.key().into(), value)).collect();
    let edits = edits(request, DigestHeader::Replaced, set);
    let bytes = head_bytes(request, &target, &edits);
    if bytes > HEAD_LIMIT {
        return Err(SigningError::TooLarge { bytes });
    }
    Ok((edits, log))
}

/// What the function does with the viewer's own `Content-Digest`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DigestHeader {
    Kept,
    Replaced,
}

/// Sets these headers. Always removes the headers that a viewer may have forged, those that the origin's custom headers
/// have too, and our configuration. A viewer's `Signature` and `Signature-Input` are not ours, so they stay unchanged.
fn edits(request: &OriginRequest<'_>, digest: DigestHeader, set: Vec<(Cow<'static, str>, String)>) -> Edits {
    let custom = &request.origin.custom_headers;
    let goes = |name: &str| {
        let is_digest = digest == DigestHeader::Kept && name.eq_ignore_ascii_case(DIGEST);
        resembles_ours(name)
            || METHOD_OVERRIDES.iter().any(|other| resembles(name, other))
            || (resembles(name, DIGEST) && !is_digest)
            || custom.iter().any(|header| resembles(name, header.name))
    };
    Edits { remove: names(&request.headers, goes), set, remove_custom: names(custom, resembles_ours) }
}

/// Each name of these headers that `goes`, once, and in order.
fn names(headers: &[Header<'_>], goes: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names: Vec<_> = headers.iter().map(|header| header.name).filter(|name| goes(name)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// The digest to send and to cover: the viewer's own, if the body matches it, or ours of the body that the edge sees.
///
/// With [`BodyRule::Require`] every method but GET and HEAD has a digest, as an authorizer with
/// `COUNTERSIGN_BODY=require` requires.
fn content_digest(
    request: &OriginRequest<'_>,
    rule: BodyRule,
) -> Result<(Option<String>, Vec<LogEvent>), SigningError> {
    let field = join(request.values(DIGEST));
    let own = ContentDigest::try_from(field.as_str()).ok();
    let unreadable = own.is_none() && request.values(DIGEST).next().is_some();
    let mut log: Vec<_> = unreadable.then_some(LogEvent::ViewerDigestRemoved).into_iter().collect();
    let may_have_body = !is_bodiless(request);
    let seen = match request.body.filter(|_| may_have_body) {
        Some(Body { input_truncated: true, .. }) if rule == BodyRule::Require => {
            return Err(SigningError::BodyTooLarge);
        }
        Some(Body { input_truncated: true, .. }) => {
            log.push(LogEvent::BodyTruncated);
            None
        }
        Some(body) if rule != BodyRule::Ignore => Some(body),
        None if may_have_body && announces_body(headers(request)) => match rule {
            BodyRule::Require => return Err(SigningError::BodyNotIncluded),
            BodyRule::Digest if own.is_none() => {
                log.push(LogEvent::BodyNotSeen);
                None
            }
            _ => None,
        },
        // CloudFront need not include an empty body.
        None if may_have_body && rule == BodyRule::Require => {
            Some(Body { encoding: "text", data: b"", input_truncated: false })
        }
        _ => None,
    };
    let hash = seen.map(|body| hash(body, own.as_ref())).transpose()?;
    let digest = match (own, hash) {
        (None, hash) => hash.map(BodyHash::field),
        (Some(own), Some(hash)) => Some(hash.is_named_by(&own).then_some(field).ok_or(SigningError::DigestMismatch)?),
        (Some(_), None) => Some(field),
    };
    Ok((digest, log))
}

fn is_bodiless(request: &OriginRequest<'_>) -> bool {
    matches!(request.method, "GET" | "HEAD")
}

fn headers<'a>(request: &OriginRequest<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    request.headers.iter().map(|header| (header.name, header.value))
}

/// How many characters of a body are decoded at once: what they make stays in the processor's cache until it is hashed. The body is
/// never held whole beside its text.
const PIECE: usize = 16_384;

/// The decoder of all pieces of a body but the last one: only the end may have padding.
static DECODER: LazyLock<Simd> = LazyLock::new(|| Simd::standard(NO_PAD));
static DECODER_OF_END: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));

/// The hash of a body, for the digest that the request already has, if it has one.
fn hash(body: Body<'_>, own: Option<&ContentDigest>) -> Result<BodyHash, SigningError> {
    let mut hash = BodyHash::new(own);
    match body.encoding {
        "base64" => {
            let mut bytes = [0; PIECE / 4 * 3];
            let mut pieces = body.data.chunks(PIECE).peekable();
            while let Some(piece) = pieces.next() {
                let decoder = if pieces.peek().is_some() { &DECODER } else { &DECODER_OF_END };
                let decoded = decoder.decode_slice(piece, &mut bytes);
                let length = decoded.map_err(|_| SigningError::Event("its body is not base64"))?;
                hash.update(bytes.get(..length).unwrap_or_default());
            }
        }
        "text" => hash.update(body.data),
        _ => return Err(SigningError::Event("its body is neither base64 nor text")),
    }
    Ok(hash)
}

/// The size of the head of the request that would be sent.
fn head_bytes(request: &OriginRequest<'_>, target: &str, edits: &Edits) -> usize {
    let size = |headers: &[Header<'_>], gone: &[String]| -> usize {
        let sent =
            headers.iter().filter(|header| gone.binary_search_by(|name| name.as_str().cmp(header.name)).is_err());
        sent.map(|header| header.name.len() + header.value.len()).sum()
    };
    let request_line = request.method.len() + target.len() + "  HTTP/1.1\r\n".len();
    let added: usize = edits.set.iter().map(|(key, value)| key.len() + value.len()).sum();
    request_line
        + size(&request.headers, &edits.remove)
        + size(&request.origin.custom_headers, &edits.remove_custom)
        + added
        + ADDED_BY_CLOUDFRONT
}

/// Joins several values to one, as in RFC 9110.
fn join<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for value in values {
        if !joined.is_empty() && !value.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(value);
    }
    joined
}
