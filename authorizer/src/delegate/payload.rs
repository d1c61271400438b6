//! The event that the user's own authorizer gets.

use crate::{
    delegate::{
        config::{DelegateConfig, Payload},
        failure::DelegateFailure,
        identity::Source,
        unique::Unique,
    },
    event::Kind,
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// An event, with what is needed to ask about it. Not `Debug`: its headers hold the credentials of viewers.
pub(super) struct RequestEvent<'a> {
    text: &'a str,
    kind: Kind,
    headers: &'a [(&'a str, &'a str)],
    value: Value,
    arn: String,
}

impl<'a> RequestEvent<'a> {
    /// Reads the event.
    ///
    /// # Errors
    /// If two readers could understand it differently, or if it does not name the ARN of the request.
    pub(super) fn read(text: &'a str, kind: Kind, headers: &'a [(&'a str, &'a str)]) -> Result<Self, DelegateFailure> {
        use DelegateFailure::EventNotConvertible;
        let Ok(Unique(value)) = serde_json::from_str(text) else {
            return Err(EventNotConvertible("is not JSON, or an object in it names a member twice"));
        };
        let name = if kind == Kind::Http { "routeArn" } else { "methodArn" };
        let arn = value.get(name).and_then(Value::as_str).map(str::to_owned);
        let arn = arn.ok_or(EventNotConvertible("has no methodArn (routeArn in payload format 2.0)"))?;
        Ok(Self { text, kind, headers, value, arn })
    }

    /// The ARN of the request, about which a policy must say something.
    pub(super) fn arn(&self) -> &str {
        &self.arn
    }

    /// What the function gets.
    ///
    /// # Errors
    /// If an identity source is missing, or the event cannot be written in that format.
    pub(super) fn payload(&self, config: &DelegateConfig) -> Result<Cow<'a, str>, DelegateFailure> {
        let identity = config.identity.iter().map(|source| self.values_of(source)).collect::<Result<Vec<_>, _>>()?;
        let event = match (config.payload, self.kind) {
            (Payload::Same, _) | (Payload::V1, Kind::HttpV1) => return Ok(self.text.into()),
            (Payload::Token, Kind::Rest) => self.token(&identity, &config.identity)?,
            (Payload::Token, _) => {
                return Err(DelegateFailure::EventNotConvertible(
                    "is not from a REST API, and only these have TOKEN authorizers",
                ));
            }
            (Payload::V1, Kind::Http) => self.v1(&identity)?,
            (Payload::V1, Kind::Rest | Kind::WebSocket) => {
                return Err(DelegateFailure::EventNotConvertible(
                    "is not from an HTTP API, and only these have payload format 1.0",
                ));
            }
        };
        Ok(event.to_string().into())
    }

    fn values_of(&self, source: &Source) -> Result<Vec<String>, DelegateFailure> {
        let missing = || DelegateFailure::IdentityMissing(source.text().to_owned());
        source.values(&self.value, self.headers).ok_or_else(missing)
    }

    /// The event of a TOKEN authorizer. A header that appears twice is refused as if it were missing: nobody could say which value
    /// is meant.
    fn token(&self, identity: &[Vec<String>], sources: &[Source]) -> Result<Value, DelegateFailure> {
        let [values] = identity else {
            return Err(DelegateFailure::EventNotConvertible("needs one header for the token"));
        };
        let [token] = &**values else {
            let source = sources.first().map(|source| source.text().to_owned()).unwrap_or_default();
            return Err(DelegateFailure::IdentityMissing(source));
        };
        Ok(json!({ "type": "TOKEN", "methodArn": self.arn, "authorizationToken": token }))
    }

    /// Payload format 1.0, from an event in format 2.0. The names are those of AWS's example.
    ///
    /// Format 2.0 has header names in lower case and the values of a repeated header as one text, and both stay like that.
    fn v1(&self, identity: &[Vec<String>]) -> Result<Value, DelegateFailure> {
        let context = self.value.get("requestContext").unwrap_or(&Value::Null);
        let http = context.get("http").unwrap_or(&Value::Null);
        let event = |name: &str| self.value.get(name).cloned().unwrap_or_default();
        let of_context = |name: &str| context.get(name).cloned().unwrap_or_default();
        let of_http = |name: &str| http.get(name).cloned().unwrap_or_default();
        let route = self.value.get("routeKey").and_then(Value::as_str);
        let route = route.ok_or(DelegateFailure::EventNotConvertible("has no routeKey"))?;
        // `GET /pets/{id}`, or `$default`.
        let resource = route.split_once(' ').map_or(route, |(_, path)| path);
        let headers = self.headers_with_cookies()?;
        let all_headers = headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect::<Map<_, _>>();
        let all_parameters = self.parameters()?;
        let last = |values: &Value| values.as_array().and_then(|values| values.last()).cloned().unwrap_or_default();
        let parameters =
            all_parameters.iter().map(|(name, values)| (name.clone(), last(values))).collect::<Map<_, _>>();
        let non_empty = |members: Map<String, Value>| (!members.is_empty()).then_some(members);
        let mut converted = json!({
            "version": "1.0",
            "type": "REQUEST",
            "methodArn": self.arn,
            "resource": resource,
            "path": event("rawPath"),
            "httpMethod": of_http("method"),
            "headers": headers,
            "multiValueHeaders": all_headers,
            "queryStringParameters": non_empty(parameters),
            "multiValueQueryStringParameters": non_empty(all_parameters),
            "pathParameters": event("pathParameters"),
            "stageVariables": event("stageVariables"),
            "requestContext": {
                "accountId": of_context("accountId"),
                "apiId": of_context("apiId"),
                "domainName": of_context("domainName"),
                "domainPrefix": of_context("domainPrefix"),
                "httpMethod": of_http("method"),
                "identity": {
                    "sourceIp": of_http("sourceIp"),
                    "userAgent": of_http("userAgent"),
                },
                "path": of_http("path"),
                "protocol": of_http("protocol"),
                "requestId": of_context("requestId"),
                "requestTime": of_context("time"),
                "requestTimeEpoch": of_context("timeEpoch"),
                "resourcePath": resource,
                "stage": of_context("stage"),
            },
        });
        if let Some(certificate) =
            context.pointer("/authentication/clientCert").filter(|certificate| !certificate.is_null())
        {
            set(&mut converted, "/requestContext/identity", "clientCert", certificate.clone());
        }
        if !identity.is_empty() {
            let identity: Vec<&str> = identity.iter().flatten().map(String::as_str).collect();
            let identity = Value::from(identity.join(","));
            set(&mut converted, "", "identitySource", identity.clone());
            set(&mut converted, "", "authorizationToken", identity);
        }
        Ok(converted)
    }

    /// The headers, and the cookies among them: format 2.0 has these apart.
    fn headers_with_cookies(&self) -> Result<Map<String, Value>, DelegateFailure> {
        let mut headers = match self.value.get("headers") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(headers)) => headers.clone(),
            Some(_) => return Err(DelegateFailure::EventNotConvertible("has headers that are not an object")),
        };
        let cookies = match self.value.get("cookies") {
            None | Some(Value::Null) => return Ok(headers),
            Some(cookies) => {
                cookies.as_array().and_then(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>())
            }
        };
        let cookies =
            cookies.ok_or(DelegateFailure::EventNotConvertible("has cookies that are not a list of texts"))?;
        if headers.insert("cookie".to_owned(), cookies.join("; ").into()).is_some() {
            return Err(DelegateFailure::EventNotConvertible("has cookies and a header of this name"));
        }
        Ok(headers)
    }

    /// All values of each query parameter. The gateway decodes the query too, and joins the values with commas: if its result is
    /// another one, it is not known what format 1.0 would show.
    fn parameters(&self) -> Result<Map<String, Value>, DelegateFailure> {
        let query = self.value.get("rawQueryString").and_then(Value::as_str).unwrap_or_default();
        let different = || DelegateFailure::EventNotConvertible("has a query that can be decoded in more than one way");
        let mut all: Vec<(String, Vec<String>)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name).ok_or_else(different)?, decoded(value).ok_or_else(different)?);
            match all.iter_mut().find(|(other, _)| *other == name) {
                Some((_, values)) => values.push(value),
                None => all.push((name, vec![value])),
            }
        }
        let joined: Map<_, _> = all.iter().map(|(name, values)| (name.clone(), values.join(",").into())).collect();
        let shown = match self.value.get("queryStringParameters") {
            None | Some(Value::Null) => joined.is_empty(),
            Some(shown) => *shown == Value::Object(joined),
        };
        if !shown {
            return Err(different());
        }
        Ok(all.into_iter().map(|(name, values)| (name, values.into())).collect())
    }
}

/// Sets a member of the object at that place.
fn set(event: &mut Value, place: &str, name: &str, value: Value) {
    if let Some(object) = event.pointer_mut(place).and_then(Value::as_object_mut) {
        object.insert(name.to_owned(), value);
    }
}

/// A name or a value of a query, if its bytes are UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}
