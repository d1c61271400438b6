//! Answers of API Gateway, in one shape for all kinds of APIs.

use crate::status::answers::{At, null_is_default};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `apigateway get-resources --embed methods`, by [`RESOURCES`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Resource {
    id: String,
    path: String,
    #[serde(default, deserialize_with = "null_is_default")]
    methods: Vec<ResourceMethod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceMethod {
    method: String,
    authorization: Option<String>,
    authorizer: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    key: bool,
    integration: Option<String>,
}

pub(crate) const RESOURCES: &str = "items[].{Id: id, Path: path, Methods: resourceMethods.*.{Method: httpMethod, \
    Authorization: authorizationType, Authorizer: authorizerId, Key: apiKeyRequired, Integration: methodIntegration.type}}";

/// `apigatewayv2 get-routes`, by [`ROUTES`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Route {
    id: String,
    route: String,
    authorization: Option<String>,
    authorizer: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    key: bool,
}

pub(crate) const ROUTES: &str = "Items[].{Id: RouteId, Route: RouteKey, Authorization: AuthorizationType, \
    Authorizer: AuthorizerId, Key: ApiKeyRequired}";

/// A method of a REST API, or a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// `GET /pets`, or the key of the route.
    pub(crate) name: String,
    /// The id of the resource, or of the route.
    pub(crate) id: String,
    /// The method of a REST API.
    pub(crate) method: String,
    pub(crate) authorization: String,
    pub(crate) authorizer: Option<String>,
    /// Whether it requires an API key.
    pub(crate) key: bool,
    /// Whether API Gateway answers it by itself, as it does preflights.
    pub(crate) mock: bool,
}

/// What a method without an authorizer has.
const NONE: &str = "NONE";

impl Method {
    pub(crate) fn of_resources(resources: Vec<Resource>) -> Vec<Self> {
        let methods = resources.into_iter().flat_map(|Resource { id, path, methods }| {
            methods.into_iter().map(move |of| Self {
                name: format!("{} {path}", of.method),
                id: id.clone(),
                method: of.method,
                authorization: of.authorization.unwrap_or_else(|| NONE.to_owned()),
                authorizer: of.authorizer,
                key: of.key,
                mock: of.integration.as_deref() == Some("MOCK"),
            })
        });
        methods.collect()
    }

    pub(crate) fn of_routes(routes: Vec<Route>) -> Vec<Self> {
        let methods = routes.into_iter().map(|of| Self {
            name: of.route,
            id: of.id,
            method: String::new(),
            authorization: of.authorization.unwrap_or_else(|| NONE.to_owned()),
            authorizer: of.authorizer,
            key: of.key,
            mock: false,
        });
        methods.collect()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.authorization == NONE
    }

    /// A preflight that API Gateway answers by itself reaches nothing.
    pub(crate) fn is_mock_preflight(&self) -> bool {
        self.method == "OPTIONS" && self.mock
    }
}

/// `get-authorizers`, by [`REST_AUTHORIZERS`] or [`V2_AUTHORIZERS`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Authorizer {
    pub(crate) id: String,
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) uri: String,
    /// With a role of its own API Gateway needs no permission of the function.
    pub(crate) role: Option<String>,
    pub(crate) ttl: Option<u64>,
    /// Only at HTTP APIs.
    pub(crate) payload: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) simple: bool,
}

pub(crate) const REST_AUTHORIZERS: &str = "items[].{Id: id, Kind: type, Uri: authorizerUri, Role: authorizerCredentials, \
    Ttl: authorizerResultTtlInSeconds}";
pub(crate) const V2_AUTHORIZERS: &str = "Items[].{Id: AuthorizerId, Kind: AuthorizerType, Uri: AuthorizerUri, \
    Role: AuthorizerCredentialsArn, Ttl: AuthorizerResultTtlInSeconds, Payload: AuthorizerPayloadFormatVersion, \
    Simple: EnableSimpleResponses}";

impl Authorizer {
    /// Whether it calls this function, or a version or an alias of it.
    pub(crate) fn calls(&self, function: &str) -> bool {
        let after = self.uri.split_once("/functions/").map_or("", |(_, after)| after);
        let called = after.strip_suffix("/invocations").unwrap_or(after);
        called.strip_prefix(function).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}

/// `apigateway get-rest-api` by [`REST_API`], or `apigatewayv2 get-api` by [`V2_API`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Api {
    /// Whether the default endpoint is closed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) closed: bool,
    /// `HEADER` or `AUTHORIZER`.
    pub(crate) key_source: Option<String>,
}

pub(crate) const REST_API: &str = "{Closed: disableExecuteApiEndpoint, KeySource: apiKeySource}";
pub(crate) const V2_API: &str = "{Closed: DisableExecuteApiEndpoint}";

/// `get-stage`, by [`REST_STAGE`] or [`V2_STAGE`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stage {
    /// Absent at a stage that was never deployed.
    pub(crate) deployment: Option<String>,
    /// That of a canary, which gets a part of the requests.
    pub(crate) canary: Option<String>,
    /// Whether it deploys each change by itself. A REST API does not.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) auto: bool,
    /// Whether it has a cache.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) cache: bool,
}

pub(crate) const REST_STAGE: &str =
    "{Deployment: deploymentId, Canary: canarySettings.deploymentId, Cache: cacheClusterEnabled}";
pub(crate) const V2_STAGE: &str = "{Deployment: DeploymentId, Auto: AutoDeploy}";

/// `get-deployment`, by [`REST_DEPLOYMENT`] or [`V2_DEPLOYMENT`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Deployment {
    pub(crate) created: Option<At>,
    /// The methods as they were deployed: by path, then by method. Only at a REST API.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) summary: BTreeMap<String, BTreeMap<String, Snapshot>>,
}

/// AWS does not say which authorizer a deployed method has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    pub(crate) authorization_type: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) api_key_required: bool,
}

impl Snapshot {
    pub(crate) fn is_open(&self) -> bool {
        self.authorization_type.as_deref().unwrap_or(NONE) == NONE
    }
}

pub(crate) const REST_DEPLOYMENT: &str = "{Created: createdDate, Summary: apiSummary}";
pub(crate) const V2_DEPLOYMENT: &str = "{Created: CreatedDate}";
