//! The headers of one request, sent again with it and with another one.

use crate::{
    credentials::new_nonce,
    doctor::{
        doors::{
            answer::Answer,
            probe::{Plan, Probe, Source},
        },
        targets::ApiUrl,
    },
};
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use settings::Seconds;
use signing::{Field, KeySet, Method, Request, Target, UnixSeconds, ViewerIp};

/// The answer of the example API's `/echo`, as far as it is used.
#[derive(Deserialize)]
struct Echo {
    headers: Vec<(String, String)>,
}

/// The headers that sign the request, as the backend received and echoed them, and the API key and the origin's header.
///
/// # Errors
/// If the answer is not an echo, or the request was not signed. No error has a part of the answer.
pub(crate) fn captured(answer: &Answer) -> Result<Vec<(String, String)>> {
    if answer.status != 200 {
        bail!("it is answered {} through CloudFront, and 200 with an echo is expected", answer.status);
    }
    let echo: Echo = serde_json::from_slice(&answer.body)
        .ok()
        .context("the answer is not JSON with the member headers, as GET /echo of infra/example.yaml answers")?;
    let is_sent_again = |name: &str| {
        Field::ALL
            .iter()
            .map(|field| field.name())
            .chain(["x-api-key", "x-origin-verify"])
            .any(|other| name.eq_ignore_ascii_case(other))
    };
    let headers: Vec<_> = echo.headers.into_iter().filter(|(name, _)| is_sent_again(name)).collect();
    let has = |field: Field| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(field.name()));
    if !has(Field::Signature) || !has(Field::SignatureInput) {
        bail!("the echo has no signature: the request was not signed, or the API does not echo these headers");
    }
    Ok(headers)
}

/// The headers that sign a GET of the path.
///
/// # Errors
/// If the path or the host cannot be signed, or no key signs now.
pub(crate) fn signed(keys: &KeySet, url: &ApiUrl, path: &str, now: UnixSeconds) -> Result<Vec<(String, String)>> {
    let target = format!("{}{path}", url.base());
    let request = Request {
        method: Method::try_from("GET")?,
        authority: url.authority().try_into()?,
        target: Target::try_from(target.as_str())?,
        viewer_ip: ViewerIp::try_from("127.0.0.1")?,
        content_digest: None,
    };
    let key = keys.signing_key(now).context("no key of the secret can sign now")?;
    let signature = signing::sign(&request, key, new_nonce()?, Seconds::LIFETIME.default, now);
    let headers = signature.headers(&request).into_iter();
    Ok(headers.map(|(field, value)| (field.key().to_owned(), value)).collect())
}

/// The request itself, and then others with the same headers.
pub(crate) fn probes(plan: &Plan<'_>, source: Source, path: &str, headers: &[(String, String)]) -> [Probe; 4] {
    let other = if path == plan.path.as_str() {
        format!("{}/countersign-doctor-{}", path.trim_end_matches('/'), plan.random)
    } else {
        plan.path.as_str().to_owned()
    };
    let elsewhere = |method, path: &str| plan.replayed(source, false, method, path, headers);
    [
        plan.replayed(source, true, "GET", path, headers),
        elsewhere("GET", &other),
        elsewhere("GET", &format!("{path}?countersign-doctor=1")),
        elsewhere("HEAD", path),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::doors::answer::tests::answer, output::chain};

    #[test]
    fn only_the_headers_that_sign_are_sent_again() {
        let echo = |headers: &str| answer(200, &[], &format!(r#"{{"method":"GET","headers":[{headers}]}}"#));
        let headers = r#"["Host","a"],["COUNTERSIGN-Signature","s"],["Countersign-Signature-Input","i"],["X-Api-Key","k"],["Via","v"]"#;
        let found = captured(&echo(headers)).unwrap();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["COUNTERSIGN-Signature", "Countersign-Signature-Input", "X-Api-Key"]);
        for (answer, expected) in [
            (echo(r#"["Host","a"]"#), "the echo has no signature"),
            (answer(200, &[], "secret"), "the answer is not JSON"),
            (answer(403, &[], "secret"), "it is answered 403 through CloudFront"),
        ] {
            let error = chain(&captured(&answer).unwrap_err());
            assert!(error.starts_with(expected) && !error.contains("secret"), "{error}");
        }
    }
}
