//! The event that a REST API hands its REQUEST authorizer, quirks included.
//!
//! Pure: the request, the ids and the time are arguments. The event has lost the raw query, the order of parameters
//! across names, and the body.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::gateway_event::{Api, ApiRequest, arn, below_stage, grouped, milliseconds, parameters, request_time};

/// The authorizer event for a request that arrived `now`, for an API whose only resources are `/` and `/{proxy+}`.
///
/// `None` where the path is not the stage's: `/STAGE` or below `/STAGE/`, byte for byte.
///
/// ```
/// use local::{Api, ApiRequest, rest_event};
/// let api = Api {
///     region: "us-east-1",
///     account_id: "123456789012",
///     api_id: "a1",
///     stage: "prod",
///     domain_name: "a1.example",
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
    let (wire_path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let below = below_stage(wire_path, api.stage)?;
    // The path on the wire keeps a leading `//`; `path` does not.
    let path = format!("/{}", below.trim_start_matches('/'));
    let (resource, resource_id, path_parameters) = match path.trim_start_matches('/') {
        "" => ("/", "root000001", json!({})),
        // Percent-encoding is kept in events for integrations; that it is for authorizers too is believed.
        proxy => ("/{proxy+}", "proxy00001", json!({ "proxy": proxy })),
    };
    // Names that differ in case are different names.
    let (headers, multi_value_headers) = last_and_all(grouped(request.headers.iter().cloned()));
    let (parameters, multi_value_parameters) = last_and_all(parameters(query, &['&', ';']));
    let user_agent = request.headers.iter().rfind(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    Some(json!({
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
            "resourceId": resource_id,
            "resourcePath": resource,
            "httpMethod": request.method,
            "extendedRequestId": request.extended_request_id,
            "requestTime": request_time(now),
            "path": wire_path,
            "accountId": api.account_id,
            "protocol": "HTTP/1.1",
            "stage": api.stage,
            "domainPrefix": api.api_id,
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
    }))
}

/// A map with the last value of each name, and its `multiValue…` sibling.
fn last_and_all(all: BTreeMap<String, Vec<String>>) -> (Map<String, Value>, Map<String, Value>) {
    let last = all.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.clone().into()))).collect();
    (last, all.into_iter().map(|(name, values)| (name, values.into())).collect())
}
