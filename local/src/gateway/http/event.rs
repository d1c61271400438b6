//! The event that an HTTP API passes to its authorizer, payload format 2.0, with its quirks.
//!
//! Pure: the request, the ids and the time are arguments. The event does not have the path as it was written, the
//! borders between values of a repeated header, or the body; it has the query byte for byte.

use crate::gateway::{
    event::{Api, ApiRequest, Arrival, arn, grouped, milliseconds, parameters, request_time, with_one_slash},
    rejections::Rejection,
    routes::Routes,
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, time::SystemTime};

/// The authorizer event for a request that arrived `now`.
///
/// `None` if the path is not the API's: `/STAGE` or below `/STAGE/` on its own domain, `/KEY` or below `/KEY/` on a
/// custom one, byte for byte; on the stage `$default`, and on a custom domain without a key, every path is. `None` too
/// if there is no such route.
///
/// ```
/// use local::{Api, ApiRequest, Routes, http_event};
/// let api = Api {
///     region: "us-east-1",
///     account_id: "123456789012",
///     api_id: "a1",
///     stage: "prod",
///     domain_name: "a1.example",
///     base_path: None,
///     routes: Routes::All,
///     identity_sources: &["Signature"],
/// };
/// let request = ApiRequest {
///     method: "GET",
///     target: "/prod/a%2Fb?x=1+2&x=%33",
///     headers: &[("Signature".to_owned(), "s".to_owned())],
///     source_ip: "192.0.2.1",
///     request_id: "r",
///     extended_request_id: "",
/// };
/// let event = http_event(&api, &request, std::time::UNIX_EPOCH).unwrap();
/// assert_eq!(event["rawPath"], "/prod/a/b");
/// assert_eq!(event["rawQueryString"], "x=1+2&x=%33");
/// assert_eq!(event["queryStringParameters"]["x"], "1 2,3");
/// assert_eq!(event["identitySource"][0], "s");
/// ```
pub fn http_event(api: &Api<'_>, request: &ApiRequest<'_>, now: SystemTime) -> Option<Value> {
    let arrival = arrival(api, request.target).ok()?;
    Some(event(api, request, &arrival, now))
}

/// Where a request arrives, if it does. Several leading slashes count as one for the routing: recorded for the stage
/// `$default`.
pub(crate) fn arrival<'a>(api: &Api<'_>, target: &'a str) -> Result<Arrival<'a>, Rejection> {
    let (wire_path, query) = target.split_once('?').unwrap_or((target, ""));
    let below = api.below(wire_path)?;
    let routed = api.routes.find(with_one_slash(below)).ok_or(Rejection::NoSuchRoute)?;
    Ok(Arrival { wire_path, below, query, routed })
}

/// The event for a request that has arrived there.
pub(crate) fn event(api: &Api<'_>, request: &ApiRequest<'_>, arrival: &Arrival<'_>, now: SystemTime) -> Value {
    let Arrival { below, query, routed, .. } = arrival;
    let path = raw_path(api, arrival);
    let (route, path_parameters) = match api.routes {
        Routes::All => ("$default".to_owned(), None),
        Routes::PetStore => {
            // It is believed that a value is decoded, like `rawPath`.
            let value = |value| percent_decode_str(value).decode_utf8_lossy();
            let parameter = routed.parameter.map(|(name, text)| json!({ name: value(text) }));
            (format!("ANY {}", routed.route.pattern), parameter)
        }
    };
    let mut headers = grouped(lower_case(request.headers));
    let cookies = headers.remove("cookie").unwrap_or_default();
    let cookies = cookie_list(&cookies);
    let headers = joined(headers);
    let identity_source: Vec<&Value> =
        api.identity_sources.iter().filter_map(|name| headers.get(&name.to_ascii_lowercase())).collect();
    // `;` is a part of a value. It is not known whether the real gateway splits there, as a REST API does.
    let parameters = joined(parameters(query, &['&']));
    let mut event = json!({
        "version": "2.0",
        "type": "REQUEST",
        // The path is as received, as in a REST API's method ARN. It is not known whether the real gateway decodes it
        // here.
        "routeArn": arn(api, request.method, below),
        "identitySource": (!identity_source.is_empty()).then_some(identity_source),
        "routeKey": &route,
        "rawPath": path,
        "rawQueryString": query,
        "cookies": (!cookies.is_empty()).then_some(cookies),
        "headers": headers,
        "queryStringParameters": (!parameters.is_empty()).then_some(parameters),
        "pathParameters": path_parameters,
        "requestContext": {
            "accountId": api.account_id,
            "apiId": api.api_id,
            "domainName": api.domain_name,
            "domainPrefix": api.domain_prefix(),
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                // Null if there is none, as in a REST API's event: the real value is not known.
                "userAgent": headers.get("user-agent"),
            },
            "requestId": request.request_id,
            "routeKey": route,
            "stage": api.stage,
            "time": request_time(now),
            "timeEpoch": milliseconds(now),
        },
    });
    // Captured events do not have a member for a missing part: cookies, query, path parameters, stage variables. It is
    // believed that an authorizer without identity sources does not get `identitySource`.
    if let Some(members) = event.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    event
}

/// The path, percent-decoded: captured. `+` stays `+`. On a custom domain it begins with a named stage, which is not on
/// the wire, and never shows the key: reported, five times.
///
/// Reported: a decoded `?` ends it. Not known: how an escape like `%zz` is decoded (here it stays unchanged), and how
/// bytes that are not UTF-8 are decoded (here U+FFFD).
pub(crate) fn raw_path(api: &Api<'_>, arrival: &Arrival<'_>) -> String {
    let rest = if arrival.below.is_empty() { "/" } else { arrival.below };
    let path = match (api.base_path, api.stage) {
        (None, _) => arrival.wire_path.to_owned(),
        (Some(_), "$default") => rest.to_owned(),
        (Some(_), stage) => format!("/{stage}{rest}"),
    };
    let decoded = percent_decode_str(&path).decode_utf8_lossy();
    decoded.split('?').next().unwrap_or_default().to_owned()
}

fn lower_case(headers: &[(String, String)]) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
}

/// The cookies, which are separate from the headers.
fn cookie_list(values: &[String]) -> Vec<&str> {
    let cookies = values.iter().flat_map(|value| value.split(';'));
    cookies.map(str::trim).filter(|cookie| !cookie.is_empty()).collect()
}

/// The values of one name joined with `,` and no space: captured, of headers and of parameters.
fn joined(all: BTreeMap<String, Vec<String>>) -> Map<String, Value> {
    all.into_iter().map(|(name, values)| (name, values.join(",").into())).collect()
}
