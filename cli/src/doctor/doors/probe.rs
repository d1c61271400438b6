//! The requests, byte for byte, and what each of them is for.

use crate::doctor::{
    check::Part,
    targets::{ApiUrl, Targets},
};
use anyhow::{Error, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{borrow::Cow, fmt, str::FromStr};

/// The longest path: API Gateway accepts 10,240 bytes of a whole head.
const PATH_BYTES: usize = 1024;

/// A method that nobody has registered.
pub(crate) const UNREGISTERED: &str = "COUNTERSIGN-PROBE";

/// What is sent without being asked for. None of them changes anything where the meaning of methods is kept (RFC 9110, section 9.2.1),
/// and nothing gives the last one a meaning.
const SAFE: [&str; 4] = ["GET", "HEAD", "OPTIONS", UNREGISTERED];

/// What is sent only with `--unsafe-methods`.
const UNSAFE: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// With these headers OPTIONS is a preflight (fetch.spec.whatwg.org, 4.8. CORS-preflight fetch). Without them the answer of API Gateway
/// to a preflight has no CORS headers.
const PREFLIGHT: [(&str, &str); 2] =
    [("origin", "https://countersign-doctor.invalid"), ("access-control-request-method", "GET")];

/// The query that is tried.
const QUERY: &str = "?countersign-doctor=1";

/// A path as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath(String);

impl RequestPath {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestPath {
    type Err = Error;

    /// A path of RFC 3986, section 3.3.
    fn from_str(text: &str) -> Result<Self> {
        ensure!(text.starts_with('/'), "the path must begin with /");
        ensure!(text.len() <= PATH_BYTES, "the path has {} bytes, and accepted are at most {PATH_BYTES}", text.len());
        ensure!(!text.contains(['?', '#']), "the path must not have a query or a fragment");
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
        ensure!(
            text.bytes().all(is_allowed),
            "the path has a character that must be percent-encoded: accepted are A-Z a-z 0-9 - . _ ~ ! $ & ' ( ) * + , ; = : @ / and %XX"
        );
        let escapes = text.split('%').skip(1);
        for behind in escapes {
            let is_escape = behind.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            ensure!(is_escape, "the path has a % without two hexadecimal digits behind it");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Api,
    DefaultEndpoint,
    CloudFront,
}

impl Place {
    pub(crate) fn part(self) -> Part {
        match self {
            Self::Api | Self::DefaultEndpoint => Part::ApiUrl,
            Self::CloudFront => Part::CloudFront,
        }
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The path with one of the methods, without a signature.
    Unsigned,
    /// The path in a form that resembles it, without a signature.
    Resembling,
    /// A signature that nobody has made, and headers that could name another method or path.
    Forged,
    /// The path, as a viewer asks for it.
    Viewer,
    /// A path that the API does not have: the first and the second time.
    Unknown(u8),
    /// The path with a query.
    Query,
    /// The path below the stage, if CloudFront does not add the stage.
    Stage,
    /// The request whose answer shows the headers that the API received.
    Echo,
    /// A request with its own signature, past CloudFront.
    Replayed(Source),
    /// Another request with that signature.
    ReplayedElsewhere(Source),
}

/// Where a signature is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The edge signer has made it, and the API has shown it.
    Captured,
    /// This command has made it, with the keys of a secret.
    Signed,
}

/// One request. Not `Debug`: a signature or an API key may be among its headers.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) place: Place,
    pub(crate) purpose: Purpose,
    pub(crate) method: &'static str,
    /// The target as it is sent.
    pub(crate) target: String,
    /// The target below the stage or the base path, for the report.
    shown: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Probe {
    /// Only the method and the path.
    pub(crate) fn request(&self) -> String {
        let shown = if self.shown.is_empty() { &self.target } else { &self.shown };
        format!("{} {shown}", self.method)
    }

    /// As the report names it.
    pub(crate) fn what(&self) -> String {
        if let Purpose::Unknown(time) = self.purpose {
            return format!("an unknown path{}", if time == 1 { "" } else { ", again" });
        }
        let endpoint = if self.place == Place::DefaultEndpoint { ", default endpoint" } else { "" };
        let more = match self.purpose {
            Purpose::Forged => ", forged headers",
            Purpose::Replayed(Source::Signed) => ", signed",
            Purpose::Replayed(Source::Captured) => ", replayed",
            Purpose::ReplayedElsewhere(_) => ", that signature",
            _ => "",
        };
        format!("{}{endpoint}{more}", self.request())
    }
}

/// What all requests are made of.
pub(crate) struct Plan<'a> {
    pub(crate) path: &'a RequestPath,
    pub(crate) unsafe_methods: bool,
    /// Each request is the handshake of a WebSocket, which is a GET.
    pub(crate) is_websocket: bool,
    /// A name that no API has.
    pub(crate) random: String,
    pub(crate) api: &'a ApiUrl,
    pub(crate) default_endpoint: Option<&'a ApiUrl>,
    pub(crate) viewer: &'a ApiUrl,
}

impl Plan<'_> {
    pub(crate) fn url(&self, place: Place) -> &ApiUrl {
        match place {
            Place::Api => self.api,
            Place::DefaultEndpoint => self.default_endpoint.unwrap_or(self.api),
            Place::CloudFront => self.viewer,
        }
    }

    /// To the API's own URL.
    pub(crate) fn direct(&self) -> Vec<Probe> {
        let safe = SAFE.iter().take(if self.is_websocket { 1 } else { SAFE.len() });
        let methods = safe.chain(UNSAFE.iter().filter(|_| self.unsafe_methods && !self.is_websocket));
        let mut probes: Vec<_> =
            methods.map(|method| self.probe(Place::Api, Purpose::Unsigned, method, self.path.as_str())).collect();
        for probe in probes.iter_mut().filter(|probe| probe.method == "OPTIONS") {
            probe.headers.extend(PREFLIGHT.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        for target in resembling(self.api.base(), self.path.as_str()) {
            let mut probe = self.probe(Place::Api, Purpose::Resembling, "GET", "");
            probe.shown = target.strip_prefix(self.api.base()).unwrap_or(&target).to_owned();
            probe.target = target;
            probes.push(probe);
        }
        probes.push(self.forged(Place::Api));
        if self.default_endpoint.is_some() {
            probes.push(self.probe(Place::DefaultEndpoint, Purpose::Unsigned, "GET", self.path.as_str()));
        }
        probes
    }

    /// The request of a viewer.
    pub(crate) fn through_cloudfront(&self) -> Probe {
        self.probe(Place::CloudFront, Purpose::Viewer, "GET", self.path.as_str())
    }

    /// The same request twice. Nobody else asks for the path, so that nobody gets an answer that CloudFront keeps.
    pub(crate) fn unknown_path(&self) -> [Probe; 2] {
        let path = format!("{}/countersign-doctor-{}", self.path.as_str().trim_end_matches('/'), self.random);
        [1, 2].map(|time| self.probe(Place::CloudFront, Purpose::Unknown(time), "GET", &path))
    }

    pub(crate) fn query(&self) -> Probe {
        self.probe(Place::CloudFront, Purpose::Query, "GET", &format!("{}{QUERY}", self.path))
    }

    /// The stage is then there twice, if CloudFront adds it.
    pub(crate) fn with_stage(&self) -> Option<Probe> {
        let base = self.api.base();
        let path = format!("{base}{}", self.path);
        (!base.is_empty()).then(|| self.probe(Place::CloudFront, Purpose::Stage, "GET", &path))
    }

    /// A signature that has the form of ours and that nobody has made. `X-HTTP-Method-Override` names the method that is sent: if it
    /// takes effect, nothing happens.
    pub(crate) fn forged(&self, place: Place) -> Probe {
        let mut probe = self.probe(place, Purpose::Forged, "GET", self.path.as_str());
        let mut headers = vec![
            (
                "countersign-signature-input",
                "countersign=(\"@method\" \"@authority\");created=1;expires=2;keyid=\"doctor\";alg=\"hmac-sha256\"\
                 ;nonce=\"doctor\";tag=\"countersign\"",
            ),
            ("countersign-signature", "countersign=:Zm9yZ2Vk:"),
            ("countersign-target", "/"),
            ("signature-input", "sig1=(\"@method\");created=1;keyid=\"doctor\""),
            ("signature", "sig1=:Zm9yZ2Vk:"),
            ("x-http-method-override", "GET"),
            ("x-original-url", "/"),
        ];
        // CloudFront puts its own values in the place of these, and an API key that is wrong would be refused for itself.
        if place != Place::CloudFront {
            headers.push(("x-api-key", "forged-by-countersign-doctor"));
            headers.push(("x-forwarded-host", "countersign-doctor.invalid"));
        }
        probe.headers.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        probe
    }

    /// A request whose answer shows its headers.
    pub(crate) fn echo(&self, path: &RequestPath) -> Probe {
        self.probe(Place::CloudFront, Purpose::Echo, "GET", path.as_str())
    }

    /// A request past CloudFront with these headers, which are its own or those of another request.
    pub(crate) fn replayed(
        &self,
        source: Source,
        own: bool,
        method: &'static str,
        path: &str,
        headers: &[(String, String)],
    ) -> Probe {
        let purpose = if own { Purpose::Replayed(source) } else { Purpose::ReplayedElsewhere(source) };
        let mut probe = self.probe(Place::Api, purpose, method, path);
        probe.headers.extend_from_slice(headers);
        probe
    }

    fn probe(&self, place: Place, purpose: Purpose, method: &'static str, path: &str) -> Probe {
        let target = format!("{}{path}", self.url(place).base());
        let headers = if self.is_websocket { handshake(&self.random) } else { Vec::new() };
        Probe { place, purpose, method, target, shown: path.to_owned(), headers }
    }
}

/// The headers of a handshake (RFC 6455, section 4.1).
fn handshake(random: &str) -> Vec<(String, String)> {
    // Of 16 bytes.
    let key = STANDARD.encode(format!("{random:a<16.16}"));
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", &key),
    ];
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The targets that are not the path and that something behind the authorizer may take for it.
///
/// Reported of HTTP APIs (infoq.com/news/2026/06/aws-api-gateway-auth-bypass, not confirmed by AWS): a slash at the end of the path gets
/// past an authorizer.
fn resembling(base: &str, path: &str) -> Vec<String> {
    let slash = match path.strip_suffix('/') {
        Some(without) => Cow::Borrowed(without),
        None => Cow::Owned(format!("{path}/")),
    };
    let mut all = vec![
        format!("{base}{slash}"),
        format!("{base}/{path}"),
        format!("{base}{path}%2F"),
        format!("{base}{}", other_case(path)),
    ];
    if !base.is_empty() {
        all.push(format!("/{base}{path}"));
    }
    let mut seen = vec![String::new(), format!("{base}{path}")];
    all.retain(|target| {
        let is_new = !seen.contains(target);
        seen.push(target.clone());
        is_new
    });
    all
}

/// The letters in the other case. Those of an escape stay as they are: their case has no meaning (RFC 3986, section 6.2.2.1).
fn other_case(path: &str) -> String {
    let mut escape = 0;
    let other = path.chars().map(|letter| {
        if letter == '%' {
            escape = 2;
        } else if escape > 0 {
            escape -= 1;
            return letter;
        }
        if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    });
    other.collect()
}

/// The default endpoint of an API behind a custom domain, as the stack knows it.
pub(crate) fn default_endpoint(targets: &Targets) -> Option<ApiUrl> {
    let stack = targets.stack.as_ref()?;
    if is_default_endpoint(&targets.api_url) {
        return None;
    }
    let (id, stage, region) = (stack.output("ApiId")?, stack.output("ApiStage")?, stack.region()?);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let stage = if stage == "$default" { "" } else { stage };
    format!("https://{id}.execute-api.{region}.{suffix}/{stage}").parse().ok()
}

pub(crate) fn is_default_endpoint(url: &ApiUrl) -> bool {
    url.authority().split('.').nth(1) == Some("execute-api")
}

pub(crate) fn random_name() -> Result<String> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ApiUrl {
        text.parse().unwrap()
    }

    fn plan<'a>(path: &'a RequestPath, api: &'a ApiUrl, viewer: &'a ApiUrl) -> Plan<'a> {
        Plan {
            path,
            unsafe_methods: false,
            is_websocket: false,
            random: "0a".to_owned(),
            api,
            default_endpoint: None,
            viewer,
        }
    }

    fn sent(probes: &[Probe]) -> Vec<String> {
        probes.iter().map(|probe| format!("{} {}", probe.method, probe.target)).collect()
    }

    #[test]
    fn a_path_is_one_as_it_goes_over_the_wire() {
        for path in ["/", "/pets", "/a%2Fb", "/a/;x=1:@", "//"] {
            assert_eq!(path.parse::<RequestPath>().unwrap().as_str(), path);
        }
        for path in ["", "pets", "/a?b", "/a#b", "/a b", "/é", "/%", "/%4", "/%zz", "/a\nb", "/\"", &"/a".repeat(600)]
        {
            assert!(path.parse::<RequestPath>().is_err(), "{path}");
        }
    }

    #[test]
    fn only_harmless_methods_are_sent_without_being_asked_for() {
        let (path, api, viewer) = ("/pets".parse().unwrap(), url("https://a.example/prod"), url("https://b.example"));
        let mut plan = plan(&path, &api, &viewer);
        let expected = [
            "GET /prod/pets",
            "HEAD /prod/pets",
            "OPTIONS /prod/pets",
            "COUNTERSIGN-PROBE /prod/pets",
            "GET /prod/pets/",
            "GET /prod//pets",
            "GET /prod/pets%2F",
            "GET /prod/PETS",
            "GET //prod/pets",
            "GET /prod/pets",
        ];
        assert_eq!(sent(&plan.direct()), expected);
        plan.unsafe_methods = true;
        let more = ["POST /prod/pets", "PUT /prod/pets", "PATCH /prod/pets", "DELETE /prod/pets"];
        assert_eq!(sent(&plan.direct()), [&expected[..4], &more, &expected[4..]].concat());
        plan.is_websocket = true;
        assert_eq!(sent(&plan.direct()), [&expected[..1], &expected[4..]].concat());
        assert_eq!(plan.direct()[0].headers[3].1, "MGFhYWFhYWFhYWFhYWFhYQ==");
        let expected = ["GET /pets/countersign-doctor-0a"; 2];
        assert_eq!(sent(&plan.unknown_path()), expected);
        assert_eq!(
            sent(&[plan.query(), plan.with_stage().unwrap()]),
            ["GET /pets?countersign-doctor=1", "GET /prod/pets"]
        );
    }

    #[test]
    fn a_path_that_resembles_is_another_one() {
        for (base, path, expected) in [
            ("", "/", &["//", "/%2F"][..]),
            ("/prod", "/", &["/prod", "/prod//", "/prod/%2F", "//prod/"]),
            ("", "/pets/", &["/pets", "//pets/", "/pets/%2F", "/PETS/"]),
            ("/v1", "/a%2fB", &["/v1/a%2fB/", "/v1//a%2fB", "/v1/a%2fB%2F", "/v1/A%2fb", "//v1/a%2fB"]),
        ] {
            assert_eq!(resembling(base, path), expected);
        }
    }

    #[test]
    fn a_default_endpoint_is_told_by_its_name() {
        for (text, expected) in [
            ("https://abc123.execute-api.eu-west-1.amazonaws.com/prod", true),
            ("https://abc123.execute-api.cn-north-1.amazonaws.com.cn", true),
            ("https://api.example.com", false),
            ("https://execute-api.example.com", false),
            ("http://127.0.0.1:8081/prod", false),
        ] {
            assert_eq!(is_default_endpoint(&url(text)), expected, "{text}");
        }
    }
}
