//! A raw HTTP request or a curl command: shown to the authorizer as API Gateway shows it, by the gateway of `countersign local`.

use crate::{
    diagnosis::{
        asked::Asked,
        authorizer_event::{self, none_reached},
        evidence::ORIGIN_PATHS,
        printable::masked_target,
        report::{Cause, Explanation},
    },
    output::command,
};
use anyhow::{Context as _, Result, anyhow, bail};
use local::{Api, ApiKind, ApiRequest, Routes, http_event, http_v1_event, rest_event, websocket_event};
use serde_json::Value;
use std::{net::SocketAddr, time::Duration, time::SystemTime};

/// More than API Gateway and CloudFront accept.
const HEADERS: usize = 256;

/// A request as it goes over the wire.
#[derive(Debug, PartialEq)]
pub(crate) struct WireRequest {
    pub(crate) method: String,
    /// From the first slash.
    pub(crate) target: String,
    /// With `Host`.
    pub(crate) headers: Vec<(String, String)>,
}

impl WireRequest {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// What is wrong, without the text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (line, rest) = text.split_once("\r\n").unwrap_or((text, ""));
        // Only HTTP/1 is written as text; what curl shows of HTTP/2 has the same form.
        let (start, _) = line.rsplit_once(' ').context("the first line is not METHOD TARGET HTTP/1.1")?;
        let head =
            format!("{start} HTTP/1.1\r\n{}\r\n\r\n", rest.split("\r\n\r\n").next().unwrap_or_default().trim_end());
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(head.as_bytes()).map_err(|error| anyhow!("the head is not an HTTP request: {error}"))?;
        let of = |header: &httparse::Header<'_>| {
            (header.name.to_owned(), String::from_utf8_lossy(header.value).trim().to_owned())
        };
        let headers: Vec<_> = request.headers.iter().map(of).collect();
        let target = request.path.unwrap_or_default();
        let mut parsed =
            Self { method: request.method.unwrap_or_default().to_owned(), target: target.to_owned(), headers };
        // The absolute form, which a proxy gets.
        if let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) {
            let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            parsed.target = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
            parsed.host_or(host);
        }
        Ok(parsed)
    }

    /// Adds this `Host` if the request has none.
    pub(crate) fn host_or(&mut self, host: &str) {
        if self.host().is_none() {
            self.headers.insert(0, ("Host".to_owned(), host.to_owned()));
        }
    }

    fn host(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, host)| host.as_str())
    }
}

/// Explains a request.
///
/// # Errors
/// It is not known where it would be sent.
pub(crate) fn explain(form: &'static str, request: &WireRequest, asked: &Asked) -> Result<Explanation> {
    let host = request.host();
    let domain =
        asked.domain.as_deref().or(host).context("the request has no Host: name the API's domain with --domain")?;
    let path = request.target.split('?').next().unwrap_or_default();
    let mapped = asked.policy.base_paths.leads_to(domain, path);
    let own_id = domain.split_once(".execute-api.").map(|(id, _)| id);
    let is_own = own_id.is_some() || mapped.is_none() && is_address(domain);
    let mut notes = Vec::new();
    let stage = match (&asked.stage, mapped, asked.api) {
        (Some(stage), ..) => stage.clone(),
        (None, Some((_, _, stage)), _) => stage.to_owned(),
        (None, None, ApiKind::Http | ApiKind::HttpV1) => assumed("$default", "", &mut notes),
        (None, None, ApiKind::Rest | ApiKind::WebSocket) if is_own => {
            let first = path.split('/').nth(1).unwrap_or_default();
            if first.is_empty() {
                bail!("the path {path:?} has no stage: name the API's stage with --stage");
            }
            assumed(first, ", the first segment of the path,", &mut notes)
        }
        (None, None, ApiKind::Rest | ApiKind::WebSocket) => assumed("prod", "", &mut notes),
    };
    notes
        .insert(0, format!("The request is taken for one to {}: another kind is chosen with --api.", asked.api.name()));
    let key = mapped.map(|(key, ..)| if key.is_empty() { String::new() } else { format!("/{key}") });
    let api = Api {
        region: "us-east-1",
        account_id: "123456789012",
        api_id: own_id.or(mapped.map(|(_, api_id, _)| api_id)).unwrap_or("local12345"),
        stage: &stage,
        domain_name: domain,
        base_path: if is_own { None } else { Some(key.as_deref().unwrap_or_default()) },
        routes: Routes::All,
        identity_sources: &[],
    };
    let time = asked.time.unwrap_or(asked.now);
    let subject = format!("{} {domain}{}", request.method, masked_target(&request.target));
    let mut explanation = match event(&api, asked.api, request, time.get()) {
        Some(event) => Explanation { subject, ..authorizer_event::explain(&event.to_string(), asked) },
        None => Explanation {
            subject,
            verdict: "answered by API Gateway itself, before the authorizer".to_owned(),
            detail: Some(format!("the path {path} does not lead to the stage {stage} of {}", asked.api.name())),
            rules: none_reached(),
            causes: vec![outside(&stage)],
            what_to_do: Some(format!(
                "Set the origin path of the distribution to /{stage}, or add the stage to the URL."
            )),
            ..Explanation::default()
        },
    };
    explanation.form = form;
    if explanation.reason.as_deref() == Some("header-missing") {
        // What reached the gateway is not known: this is what somebody sends.
        explanation.causes.retain(|cause| !cause.seen_here);
        explanation.causes.insert(0, unsigned(request, domain));
    }
    if host.is_some_and(|host| !host.eq_ignore_ascii_case(domain)) {
        notes.push(format!("API Gateway answers 403 before the authorizer to every Host but its own, {domain}."));
    }
    notes.append(&mut explanation.notes);
    explanation.notes = notes;
    Ok(explanation)
}

fn unsigned(request: &WireRequest, domain: &str) -> Cause {
    let url = format!("https://{domain}{}", masked_target(&request.target));
    let sign = command(["countersign", "sign", &request.method, &url, "--keys", "FILE", "--curl"]);
    Cause::shown(
        "The request is not signed. That is right for a client that sends it to CloudFront: the edge signer signs it there. A request to the \
         API's own URL must be signed by hand.",
        Some(sign),
    )
}

fn assumed(stage: &str, why: &str, notes: &mut Vec<String>) -> String {
    notes.push(format!("{stage}{why} is taken for the stage: another one is named with --stage."));
    stage.to_owned()
}

fn outside(stage: &str) -> Cause {
    Cause::shown(
        format!(
            "The path does not begin with the stage /{stage}: the origin path of the distribution is missing, or the URL was called without \
             the stage."
        ),
        Some(ORIGIN_PATHS.to_owned()),
    )
}

fn is_address(domain: &str) -> bool {
    domain.parse::<SocketAddr>().is_ok() || domain.starts_with("localhost")
}

/// The event that this kind of gateway makes of the request; `None` if the request is not to this stage.
fn event(api: &Api<'_>, kind: ApiKind, request: &WireRequest, time: u64) -> Option<Value> {
    let request = ApiRequest {
        method: &request.method,
        target: &request.target,
        headers: &request.headers,
        source_ip: "",
        request_id: "explained",
        extended_request_id: "explained",
    };
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time))?;
    match kind {
        ApiKind::Rest => rest_event(api, &request, time),
        ApiKind::Http => http_event(api, &request, time),
        ApiKind::HttpV1 => http_v1_event(api, &request, time),
        ApiKind::WebSocket => websocket_event(api, &request, "explained", time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_head_of_a_request_is_read() {
        for (text, method, target, headers) in [
            ("GET /a?b HTTP/1.1\r\nHost: h\r\nX:  y ", "GET", "/a?b", &[("Host", "h"), ("X", "y")][..]),
            ("POST /a HTTP/2\r\nHost: h\r\n\r\n{\"a\": 1}", "POST", "/a", &[("Host", "h")]),
            ("GET https://h/a?b HTTP/1.1", "GET", "/a?b", &[("Host", "h")]),
            ("GET https://h HTTP/1.1\r\nHost: other", "GET", "/", &[("Host", "other")]),
        ] {
            let expected =
                WireRequest { method: method.to_owned(), target: target.to_owned(), headers: pairs(headers) };
            assert_eq!(WireRequest::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_head_that_is_not_a_request_is_an_error_without_its_text() {
        for text in ["secret", "GET /a HTTP/1.1\r\nsecret", "GET /a b HTTP/1.1", "GET /a HTTP/1.1\r\nA\0: secret"] {
            let error = WireRequest::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
