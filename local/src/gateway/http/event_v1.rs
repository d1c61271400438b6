//! The event that an HTTP API passes to its authorizer, payload format 1.0, with its quirks.
//!
//! Pure: the request, the ids and the time are arguments. AWS documents one example of this event and one of the event of an
//! integration in format 1.0. No captured event of an authorizer is known. The shape of `requestContext` is that of the
//! integration's event. The event has neither the path as it was written, the raw query, nor the body.

use crate::gateway::{
    event::{Api, ApiRequest, Arrival, arn, grouped, last_and_all, milliseconds, parameters, request_time},
    http::event::{arrival, raw_path},
    routes::Routes,
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::time::SystemTime;

/// The authorizer event for a request that arrived `now`.
///
/// `None` for the same requests as [`http_event`](crate::http_event): a path outside of the API, or an unknown route.
///
/// ```
/// use local::{Api, ApiRequest, Routes, http_v1_event};
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
///     extended_request_id: "e",
/// };
/// let event = http_v1_event(&api, &request, std::time::UNIX_EPOCH).unwrap();
/// assert_eq!(event["path"], "/prod/a/b");
/// assert_eq!(event["multiValueQueryStringParameters"]["x"][1], "3");
/// assert_eq!(event["identitySource"], "s");
/// ```
pub fn http_v1_event(api: &Api<'_>, request: &ApiRequest<'_>, now: SystemTime) -> Option<Value> {
    let arrival = arrival(api, request.target).ok()?;
    Some(event(api, request, &arrival, now))
}

/// The event for a request that has arrived there.
pub(crate) fn event(api: &Api<'_>, request: &ApiRequest<'_>, arrival: &Arrival<'_>, now: SystemTime) -> Value {
    let Arrival { below, query, routed, .. } = arrival;
    // Decoded, and on the API's own domain with a named stage first: reported. It is not known what a custom domain shows;
    // here it is the same path as in format 2.0.
    let path = raw_path(api, arrival);
    // Documented: `resource` is the path of the route. It is believed to be `$default` for that route.
    let (resource, path_parameters) = match api.routes {
        Routes::All => ("$default", None),
        Routes::PetStore => {
            let value = |value| percent_decode_str(value).decode_utf8_lossy();
            (routed.route.pattern, routed.parameter.map(|(name, text)| json!({ name: value(text) })))
        }
    };
    // It is believed that names keep the sender's case, that names which differ in case are different names, and that
    // the last value is the single one, as at a REST API. Two examples of AWS contradict each other about the latter.
    let (headers, multi_value_headers) = last_and_all(grouped(request.headers.iter().cloned()));
    // It is not known whether `;` separates, as it does at a REST API. Here it is a part of a value.
    let (parameters, multi_value_parameters) = last_and_all(parameters(query, &['&']));
    let identity_source = identity_source(api, request);
    let user_agent = request.headers.iter().rfind(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    let mut event = json!({
        "version": "1.0",
        "type": "REQUEST",
        // As the route ARN of format 2.0: it is not known whether the real gateway decodes the path here.
        "methodArn": arn(api, request.method, below),
        "identitySource": identity_source,
        "authorizationToken": identity_source,
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": headers,
        // Documented for integrations. The example of an authorizer's event does not have the two `multiValue` members; it
        // is believed that the event has them.
        "multiValueHeaders": multi_value_headers,
        "queryStringParameters": non_empty(parameters),
        "multiValueQueryStringParameters": non_empty(multi_value_parameters),
        "pathParameters": path_parameters,
        "stageVariables": null,
        "requestContext": {
            "accountId": api.account_id,
            "apiId": api.api_id,
            "domainName": api.domain_name,
            "domainPrefix": api.domain_prefix(),
            "extendedRequestId": request.extended_request_id,
            "httpMethod": request.method,
            "identity": {
                "accessKey": null,
                "accountId": null,
                "caller": null,
                "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null,
                "cognitoIdentityId": null,
                "cognitoIdentityPoolId": null,
                "principalOrgId": null,
                "sourceIp": request.source_ip,
                "user": null,
                "userAgent": user_agent.map(|(_, value)| value),
                "userArn": null,
            },
            // Believed: the same path as above.
            "path": path,
            "protocol": "HTTP/1.1",
            "requestId": request.request_id,
            "requestTime": request_time(now),
            "requestTimeEpoch": milliseconds(now),
            "resourceId": null,
            "resourcePath": resource,
            "stage": api.stage,
        },
    });
    // It is believed that an authorizer without identity sources does not get these two. Other missing parts are null, as in
    // the documented event of an integration.
    if identity_source.is_none()
        && let Some(members) = event.as_object_mut()
    {
        members.remove("identitySource");
        members.remove("authorizationToken");
    }
    event
}

/// The values of the identity sources with a comma between them: documented. It is believed that the values of a repeated
/// header are joined in the same way.
fn identity_source(api: &Api<'_>, request: &ApiRequest<'_>) -> Option<String> {
    let values = api.identity_sources.iter().flat_map(|source| {
        request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(source)).map(|(_, value)| value.as_str())
    });
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Documented for integrations: a request without parameters has null.
fn non_empty(members: Map<String, Value>) -> Option<Map<String, Value>> {
    (!members.is_empty()).then_some(members)
}
