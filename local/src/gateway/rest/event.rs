//! The event that a REST API passes to its REQUEST authorizer, with its quirks.
//!
//! Pure: the request, the ids and the time are arguments. The event does not have the raw query, the order of
//! parameters across names, or the body.

use crate::gateway::{
    event::{
        Api, ApiRequest, Arrival, arn, grouped, last_and_all, milliseconds, parameters, request_time, with_one_slash,
    },
    rejections::Rejection,
};
use serde_json::{Value, json};
use std::time::SystemTime;

/// The authorizer event for a request that arrived `now`.
///
/// `None` if the path is not the API's: `/STAGE` or below `/STAGE/` on its own domain, `/KEY` or below `/KEY/` on a
/// custom one, byte for byte. `None` too if there is no such resource.
///
/// ```
/// use local::{Api, ApiRequest, Routes, rest_event};
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
///     target: "/prod/a%2Fb?x=1+2",
///     headers: &[("Host".to_owned(), "a1.example".to_owned())],
///     source_ip: "192.0.2.1",
///     request_id: "r",
///     extended_request_id: "e",
/// };
/// let event = rest_event(&api, &request, std::time::UNIX_EPOCH).unwrap();
/// assert_eq!(event["requestContext"]["path"], "/prod/a%2Fb");
/// assert_eq!(event["pathParameters"]["proxy"], "a%2Fb");
/// assert_eq!(event["queryStringParameters"]["x"], "1 2");
/// ```
pub fn rest_event(api: &Api<'_>, request: &ApiRequest<'_>, now: SystemTime) -> Option<Value> {
    let arrival = arrival(api, request.target).ok()?;
    Some(event(api, request, &arrival, now))
}

/// Where a request arrives, if it does.
///
/// Recorded: one of two leading slashes before the stage is removed, and a slash at the end of a path is not part of a
/// path parameter. It is not known whether a slash before a base path is removed; here it is not.
pub(crate) fn arrival<'a>(api: &Api<'_>, target: &'a str) -> Result<Arrival<'a>, Rejection> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let wire_path = match (api.base_path, path.strip_prefix('/')) {
        (None, Some(path)) if path.starts_with('/') => path,
        _ => path,
    };
    let below = api.below(wire_path)?;
    let path = with_one_slash(below);
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    let routed = api.routes.find(path).ok_or(Rejection::NoSuchRoute)?;
    Ok(Arrival { wire_path, below, query, routed })
}

/// The event for a request that has arrived there.
pub(crate) fn event(api: &Api<'_>, request: &ApiRequest<'_>, arrival: &Arrival<'_>, now: SystemTime) -> Value {
    let Arrival { wire_path, below, query, routed } = arrival;
    // A leading `//` is kept in the path of the context, but not in this path. The base path of a custom domain is in
    // both. The stage is only in the path of the context, and only if it is on the wire.
    let path = with_one_slash(if api.base_path.is_some() { wire_path } else { below });
    let resource = routed.route.pattern;
    // Events for integrations keep percent-encoding; it is believed that events for authorizers do too.
    let path_parameters = routed.parameter.map_or_else(|| json!({}), |(name, value)| json!({ name: value }));
    // Names that differ in case are different names.
    let (headers, multi_value_headers) = last_and_all(grouped(request.headers.iter().cloned()));
    let (parameters, multi_value_parameters) = last_and_all(parameters(query, &['&', ';']));
    let user_agent = request.headers.iter().rfind(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    json!({
        "type": "REQUEST",
        "methodArn": arn(api, request.method, below),
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": multi_value_headers,
        "queryStringParameters": parameters,
        "multiValueQueryStringParameters": multi_value_parameters,
        "pathParameters": path_parameters,
        "stageVariables": {},
        "requestContext": {
            "resourceId": routed.route.resource_id,
            "resourcePath": resource,
            "httpMethod": request.method,
            "extendedRequestId": request.extended_request_id,
            "requestTime": request_time(now),
            "path": wire_path,
            "accountId": api.account_id,
            "protocol": "HTTP/1.1",
            "stage": api.stage,
            "domainPrefix": api.domain_prefix(),
            "requestTimeEpoch": milliseconds(now),
            "requestId": request.request_id,
            "identity": {
                "cognitoIdentityPoolId": null,
                "accountId": null,
                "cognitoIdentityId": null,
                "caller": null,
                "sourceIp": request.source_ip,
                "principalOrgId": null,
                "accessKey": null,
                "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null,
                "userArn": null,
                "userAgent": user_agent.map(|(_, value)| value),
                "user": null,
            },
            "domainName": api.domain_name,
            "deploymentId": "local1",
            "apiId": api.api_id,
        },
    })
}
