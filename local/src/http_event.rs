//! The event that an HTTP API hands its authorizer, payload format 2.0, quirks included.
//!
//! Pure: the request, the ids and the time are arguments. The event has lost the path as it was written, where a
//! repeated header ends and the next begins, and the body; the query is there byte for byte.

use std::collections::BTreeMap;
use std::time::SystemTime;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::gateway_event::{Api, ApiRequest, arn, below_stage, grouped, milliseconds, parameters, request_time};

/// The only route.
const ROUTE: &str = "$default";

/// The authorizer event for a request that arrived `now`, for an API whose only route is `$default`.
///
/// `None` where the path is not the stage's: `/STAGE` or below `/STAGE/`, byte for byte. Whether the real gateway
/// compares before or after decoding is not known. On the stage `$default` every path is.
///
/// ```
/// use local::{Api, ApiRequest, http_event};
/// let api = Api {
///     region: "us-east-1",
///     account_id: "123456789012",
///     api_id: "a1",
///     stage: "prod",
///     domain_name: "a1.example",
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
    let (wire_path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let below = below_stage(wire_path, api.stage)?;
    let path = raw_path(wire_path);
    let mut headers = grouped(lower_case(request.headers));
    let cookies = headers.remove("cookie").unwrap_or_default();
    let cookies = cookie_list(&cookies);
    let headers = joined(headers);
    let identity_source: Vec<&Value> =
        api.identity_sources.iter().filter_map(|name| headers.get(&name.to_ascii_lowercase())).collect();
    // `;` is taken as part of a value. Whether the real one splits there, as a REST API does, is not known.
    let parameters = joined(parameters(query, &['&']));
    let mut event = json!({
        "version": "2.0",
        "type": "REQUEST",
        // The path is as it came, as in a REST API's method ARN. Whether the real one decodes it here is not known.
        "routeArn": arn(api, request.method, below),
        "identitySource": (!identity_source.is_empty()).then_some(identity_source),
        "routeKey": ROUTE,
        "rawPath": path,
        "rawQueryString": query,
        "cookies": (!cookies.is_empty()).then_some(cookies),
        "headers": headers,
        "queryStringParameters": (!parameters.is_empty()).then_some(parameters),
        "requestContext": {
            "accountId": api.account_id,
            "apiId": api.api_id,
            "domainName": api.domain_name,
            "domainPrefix": api.api_id,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                // Null where there is none, as in a REST API's event: the real one is not known.
                "userAgent": headers.get("user-agent"),
            },
            "requestId": request.request_id,
            "routeKey": ROUTE,
            "stage": api.stage,
            "time": request_time(now),
            "timeEpoch": milliseconds(now),
        },
    });
    // Captured events have no member for what is not there: no cookies, no query, no path parameters, no stage
    // variables. That an authorizer without identity sources is shown no `identitySource` is believed.
    if let Some(members) = event.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    Some(event)
}

/// The path, stage included, percent-decoded: captured. `+` stays `+`.
///
/// Reported: a decoded `?` ends it. Not known: what becomes of an escape like `%zz` (it is kept as it is here), and of
/// bytes that are not UTF-8 (U+FFFD here).
fn raw_path(wire_path: &str) -> String {
    let decoded = percent_decode_str(wire_path).decode_utf8_lossy();
    decoded.split('?').next().unwrap_or_default().to_owned()
}

fn lower_case(headers: &[(String, String)]) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
}

/// The cookies, which stand apart from the headers.
fn cookie_list(values: &[String]) -> Vec<&str> {
    let cookies = values.iter().flat_map(|value| value.split(';'));
    cookies.map(str::trim).filter(|cookie| !cookie.is_empty()).collect()
}

/// The values of one name joined with `,` and no space: captured, of headers and of parameters.
fn joined(all: BTreeMap<String, Vec<String>>) -> Map<String, Value> {
    all.into_iter().map(|(name, values)| (name, values.join(",").into())).collect()
}
