//! The event that a WebSocket API passes to its authorizer, at `$connect`, with its quirks.
//!
//! Pure: the request, the ids and the time are arguments. The shape is that of a captured `$connect` event, without the two
//! members about a body, which authorizers of other kinds do not get. The event has neither the path, the method nor the raw
//! query.

use crate::gateway::{
    event::{Api, ApiRequest, Arrival, grouped, last_and_all, milliseconds, parameters, request_time},
    rejections::Rejection,
    routes::{Routed, Routes},
};
use serde_json::{Value, json};
use std::time::SystemTime;

/// The authorizer event for a handshake that arrived `now`.
///
/// `None` if the path is not the API's: `/STAGE` or `/STAGE/` on its own domain, `/KEY` or `/KEY/` on a custom one, byte for
/// byte.
///
/// ```
/// use local::{Api, ApiRequest, Routes, websocket_event};
/// let api = Api {
///     region: "us-east-1",
///     account_id: "123456789012",
///     api_id: "a1",
///     stage: "prod",
///     domain_name: "a1.example",
///     base_path: None,
///     routes: Routes::All,
///     identity_sources: &[],
/// };
/// let request = ApiRequest {
///     method: "GET",
///     target: "/prod?x=1+2",
///     headers: &[("Host".to_owned(), "a1.example".to_owned())],
///     source_ip: "192.0.2.1",
///     request_id: "r",
///     extended_request_id: "e",
/// };
/// let event = websocket_event(&api, &request, "c", std::time::UNIX_EPOCH).unwrap();
/// assert_eq!(event["methodArn"], "arn:aws:execute-api:us-east-1:123456789012:a1/prod/$connect");
/// assert_eq!(event["queryStringParameters"]["x"], "1 2");
/// assert_eq!((event.get("path"), event.get("httpMethod")), (None, None));
/// ```
pub fn websocket_event(api: &Api<'_>, request: &ApiRequest<'_>, connection_id: &str, now: SystemTime) -> Option<Value> {
    let arrival = arrival(api, request.target).ok()?;
    Some(event(api, request, &arrival, connection_id, now))
}

/// Where a handshake arrives: only at the stage, or the base path, itself. It is believed that a longer path is refused.
pub(crate) fn arrival<'a>(api: &Api<'_>, target: &'a str) -> Result<Arrival<'a>, Rejection> {
    let (wire_path, query) = target.split_once('?').unwrap_or((target, ""));
    let below = api.below(wire_path)?;
    // A WebSocket API does not have routes for paths. This one is not shown.
    let route = Routes::All.find("/").map(|Routed { route, .. }| route).ok_or(Rejection::NoSuchRoute)?;
    match below {
        "" | "/" => Ok(Arrival { wire_path, below, query, routed: Routed { route, parameter: None } }),
        _ => Err(Rejection::NoSuchRoute),
    }
}

/// The event for a handshake that has arrived there.
pub(crate) fn event(
    api: &Api<'_>,
    request: &ApiRequest<'_>,
    arrival: &Arrival<'_>,
    connection_id: &str,
    now: SystemTime,
) -> Value {
    // Captured: names in the sender's case. It is believed that the single value is the last, as at a REST API.
    let (headers, multi_value_headers) = last_and_all(grouped(request.headers.iter().cloned()));
    // Not known for a WebSocket API: how a query is decoded. Here it is decoded as at a REST API, with `;` as a separator.
    let (parameters, multi_value_parameters) = last_and_all(parameters(arrival.query, &['&', ';']));
    let user_agent = request.headers.iter().rfind(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    let Api { region, account_id, api_id, stage, .. } = api;
    let mut event = json!({
        "type": "REQUEST",
        "methodArn": format!("arn:aws:execute-api:{region}:{account_id}:{api_id}/{stage}/$connect"),
        "headers": headers,
        "multiValueHeaders": multi_value_headers,
        "queryStringParameters": parameters,
        "multiValueQueryStringParameters": multi_value_parameters,
        "stageVariables": {},
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": request.extended_request_id,
            "requestTime": request_time(now),
            "messageDirection": "IN",
            "stage": api.stage,
            "connectedAt": milliseconds(now),
            "requestTimeEpoch": milliseconds(now),
            "identity": identity(request.source_ip, user_agent.map(|(_, value)| value.as_str())),
            "requestId": request.request_id,
            "domainName": api.domain_name,
            "connectionId": connection_id,
            "apiId": api.api_id,
        },
    });
    // AWS's documented example of a `$connect` event, for a handshake without a query, does not have the two members. It is
    // believed that the authorizer's event does not either.
    if parameters_are_missing(arrival.query)
        && let Some(members) = event.as_object_mut()
    {
        members.remove("queryStringParameters");
        members.remove("multiValueQueryStringParameters");
    }
    event
}

/// The `identity` of every event of a connection. A handshake without `User-Agent` has no `userAgent`: captured.
pub(crate) fn identity(source_ip: &str, user_agent: Option<&str>) -> Value {
    match user_agent {
        Some(user_agent) => json!({ "sourceIp": source_ip, "userAgent": user_agent }),
        None => json!({ "sourceIp": source_ip }),
    }
}

fn parameters_are_missing(query: &str) -> bool {
    parameters(query, &['&', ';']).is_empty()
}
