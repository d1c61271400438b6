//! The event that API Gateway passes to an authorizer, as far as the rules need it, borrowed from the event's text.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use signing::{ReceivedRequest, ReceivedTarget, UnixSeconds};
use std::{borrow::Cow, fmt, marker::PhantomData, ops::RangeInclusive};

/// Names and values of headers or of a query.
type TextPairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// A REQUEST event. Not `Debug`: its headers hold the credentials of viewers.
pub struct Event<'a> {
    /// The format of the answer.
    pub response_format: ResponseFormat<'a>,
    kind: Kind,
    method: Cow<'a, str>,
    second_method: Option<Cow<'a, str>>,
    domain_name: Cow<'a, str>,
    api_id: Cow<'a, str>,
    stage: Cow<'a, str>,
    headers: TextPairs<'a>,
    target: ReceivedTarget<'a>,
    time: Option<UnixSeconds>,
    request_id: Option<Cow<'a, str>>,
    source_ip: Option<Cow<'a, str>>,
    route: Option<Cow<'a, str>>,
}

/// The kinds of event that the function accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a REST API.
    Rest,
    /// Of an HTTP API, payload format 2.0.
    Http,
    /// Of an HTTP API, payload format 1.0.
    HttpV1,
    /// Of the route `$connect` of a WebSocket API.
    WebSocket,
}

impl Kind {
    /// Whether API Gateway answers 401 if the function fails with the text `Unauthorized`. No document says so of HTTP APIs.
    pub const fn has_unauthorized(self) -> bool {
        matches!(self, Self::Rest | Self::WebSocket)
    }
}

/// The answer that an HTTP API with payload format 2.0 expects, which its event does not show. All other kinds of API expect an
/// IAM policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `isAuthorized`: an authorizer with `EnableSimpleResponses`.
    Simple,
    /// An IAM policy: an authorizer without it.
    Policy,
}

/// The answer must stay under this size, in bytes of JSON (API Gateway's quota of an authorizer's result).
pub(crate) const ANSWER_LIMIT: usize = 8_192;

/// The format of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseFormat<'a> {
    /// An IAM policy about this resource.
    IamPolicy {
        /// The event's `methodArn`, or `routeArn` of payload format 2.0.
        method_arn: Cow<'a, str>,
    },
    /// `isAuthorized`
    Simple,
}

/// This function cannot decide about the event. API Gateway answers 500.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The text is not an authorizer event.
    #[error("the event is not an API Gateway authorizer event: its JSON is wrong at line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A TOKEN authorizer sees only one header.
    #[error(
        "the event is of type TOKEN, which shows neither path, query nor headers: \
        configure the authorizer as type REQUEST, with result caching off (TTL 0)"
    )]
    Token,
    /// The event is from another kind of API.
    #[error(
        "the event {0}, and this function accepts only REQUEST events of REST APIs, of HTTP APIs, and of the route $connect of \
        WebSocket APIs"
    )]
    Unsupported(&'static str),
    /// The event has no ARN that a policy could name.
    #[error("the event's methodArn (routeArn in payload format 2.0) is missing or is not arn:…:API/STAGE/METHOD/…")]
    MethodArn,
}

impl EventError {
    /// The error as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Json { .. } => "not-json",
            Self::Token => "token-authorizer",
            Self::Unsupported(_) => "unsupported-event",
            Self::MethodArn => "method-arn",
        }
    }
}

impl<'a> Event<'a> {
    /// Reads an event, which is answered as `answer` says if it is from an HTTP API with payload format 2.0. Parts that only
    /// the rules need may be missing: then the rules refuse the request.
    ///
    /// # Errors
    /// If it is not a REQUEST event of a known kind of API.
    pub fn parse(text: &'a str, answer: Answer) -> Result<Self, EventError> {
        let raw: Raw<'a> = serde_json::from_str(text).map_err(json)?;
        match (text_of(&raw.kind), text_of(&raw.version)) {
            (Some("TOKEN"), _) => Err(EventError::Token),
            (Some("REQUEST"), Some("2.0")) => Self::of_http_api(raw, answer),
            (Some("REQUEST"), Some("1.0")) => Self::of_decoded_maps(raw, Kind::HttpV1),
            (Some("REQUEST"), Some(_)) => Err(EventError::Unsupported("has an unknown payload format")),
            (Some("REQUEST"), None) => {
                let kind = kind_without_version(&raw)?;
                Self::of_decoded_maps(raw, kind)
            }
            _ => Err(EventError::Unsupported("is not of type REQUEST")),
        }
    }

    /// An event that shows headers and query as maps, and the query decoded.
    fn of_decoded_maps(raw: Raw<'a>, kind: Kind) -> Result<Self, EventError> {
        let context = raw.request_context.unwrap_or_default();
        // The events of REST APIs always have both maps.
        let shows_repeats = kind == Kind::Rest
            || raw.multi_value_headers.is_some()
                && (raw.multi_value_query_string_parameters.is_some() || is_absent(raw.query_string_parameters));
        let headers = match raw.multi_value_headers {
            Some(all) => all.pairs,
            None => singles(raw.headers)?,
        };
        let query = match raw.multi_value_query_string_parameters {
            // A name without a value is not a part of any query, and would pass unseen.
            Some(all) if all.has_empty_list => {
                return Err(EventError::Unsupported("has a query parameter without a value"));
            }
            Some(all) if all.pairs.is_empty() && !is_absent(raw.query_string_parameters) => {
                return Err(EventError::Unsupported(
                    "has query parameters, and none in multiValueQueryStringParameters",
                ));
            }
            Some(all) => all.pairs,
            None => singles(raw.query_string_parameters)?,
        };
        let query = query.into();
        let path = raw.path.unwrap_or_default().0;
        let (target, method, route) = match kind {
            // A handshake is a GET (RFC 6455, section 4.1), and the event shows no method.
            Kind::WebSocket => (ReceivedTarget::WebSocket { query, shows_repeats }, "GET".into(), context.route_key),
            Kind::HttpV1 => {
                let target = ReceivedTarget::HttpV1 { path, query, shows_repeats };
                (target, context.http_method.unwrap_or_default().0, raw.resource)
            }
            Kind::Rest | Kind::Http => {
                let target = ReceivedTarget::Rest { path: context.path.unwrap_or_default().0, api_path: path, query };
                (target, context.http_method.unwrap_or_default().0, raw.resource)
            }
        };
        Ok(Self {
            response_format: ResponseFormat::IamPolicy { method_arn: raw.method_arn.ok_or(EventError::MethodArn)?.0 },
            kind,
            method,
            second_method: raw.http_method.map(|Text(method)| method),
            domain_name: context.domain_name.unwrap_or_default().0,
            api_id: context.api_id.unwrap_or_default().0,
            stage: context.stage.unwrap_or_default().0,
            headers,
            target,
            time: time(context.request_time_epoch),
            request_id: context.request_id.map(|Text(id)| id),
            source_ip: context.identity.and_then(|identity| identity.source_ip).map(|Text(address)| address),
            route: route.map(|Text(route)| route),
        })
    }

    fn of_http_api(raw: Raw<'a>, answer: Answer) -> Result<Self, EventError> {
        let context = raw.request_context.unwrap_or_default();
        let http = context.http.unwrap_or_default();
        Ok(Self {
            response_format: match answer {
                Answer::Simple => ResponseFormat::Simple,
                Answer::Policy => {
                    ResponseFormat::IamPolicy { method_arn: raw.route_arn.ok_or(EventError::MethodArn)?.0 }
                }
            },
            kind: Kind::Http,
            method: http.method.unwrap_or_default().0,
            second_method: None,
            domain_name: context.domain_name.unwrap_or_default().0,
            api_id: context.api_id.unwrap_or_default().0,
            stage: context.stage.unwrap_or_default().0,
            headers: singles(raw.headers)?,
            target: ReceivedTarget::Http {
                path: raw.raw_path.unwrap_or_default().0,
                query: raw.raw_query_string.unwrap_or_default().0,
            },
            time: time(context.time_epoch),
            request_id: context.request_id.map(|Text(id)| id),
            source_ip: http.source_ip.map(|Text(address)| address),
            route: raw.route_key.map(|Text(key)| key),
        })
    }

    /// All headers, one entry for each value.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value)).collect()
    }

    /// The request as the rules need it.
    pub fn received<'b>(&'b self, headers: &'b [(&'b str, &'b str)]) -> ReceivedRequest<'b> {
        ReceivedRequest {
            method: &self.method,
            second_method: self.second_method.as_deref(),
            domain_name: &self.domain_name,
            api_id: &self.api_id,
            stage: &self.stage,
            headers,
            target: &self.target,
            time: self.time,
        }
    }

    /// The kind of the event.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The path of the resource or route that the request reached, like `/pets/{petId}`, `$default` or `$connect`: the API's
    /// owner chose this text.
    pub fn route_path(&self) -> Option<&str> {
        let route = self.route.as_deref()?;
        match self.kind {
            Kind::Rest | Kind::HttpV1 | Kind::WebSocket => Some(route),
            // METHOD /path
            Kind::Http => Some(route.split_once(' ').map_or(route, |(_, path)| path)),
        }
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The gateway's name for the request, for the log.
    pub fn request_id(&self) -> &str {
        self.request_id.as_deref().unwrap_or_default()
    }

    /// The source address that the gateway shows, for the log. It is the address of CloudFront, or of a caller who
    /// bypasses CloudFront. At an HTTP API it can also be the first address of `X-Forwarded-For`, which a viewer can
    /// set.
    pub fn gateway_source_ip(&self) -> &str {
        self.source_ip.as_deref().unwrap_or_default()
    }

    /// The resource that the request reached, like `/pets/{petId}`, as REST APIs and payload format 1.0 name it: the API's
    /// owner chose this text. For the log.
    pub fn resource(&self) -> Option<&str> {
        self.route.as_deref().filter(|_| matches!(self.kind, Kind::Rest | Kind::HttpV1))
    }

    /// The route that the request reached, like `GET /pets` or `$connect`, as HTTP APIs with payload format 2.0 and WebSocket
    /// APIs name it: the API's owner chose this text. For the log.
    pub fn route_key(&self) -> Option<&str> {
        self.route.as_deref().filter(|_| matches!(self.kind, Kind::Http | Kind::WebSocket))
    }

    /// CloudFront's id of the request, for the log, if there is exactly one `x-amz-cf-id` of CloudFront's form. A
    /// caller who bypasses CloudFront can send one too.
    pub fn cloudfront_id(&self) -> Option<&str> {
        const LONGEST: usize = 128;
        let mut ids = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-amz-cf-id"));
        let (Some((_, id)), None) = (ids.next(), ids.next()) else { return None };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+/=".contains(&byte);
        ((1..=LONGEST).contains(&id.len()) && id.bytes().all(allowed)).then_some(&**id)
    }
}

/// The kind of an event that does not name a payload format.
fn kind_without_version(raw: &Raw<'_>) -> Result<Kind, EventError> {
    let context = raw.request_context.as_ref();
    let event_type = context.and_then(|context| text_of(&context.event_type));
    let route = context.and_then(|context| text_of(&context.route_key));
    match (event_type, route) {
        (None, None) => Ok(Kind::Rest),
        (Some("CONNECT"), Some("$connect")) if raw.path.is_none() && raw.http_method.is_none() => Ok(Kind::WebSocket),
        (Some("CONNECT"), Some("$connect")) => {
            Err(EventError::Unsupported("is from a WebSocket API, and has a path or a method"))
        }
        _ => Err(EventError::Unsupported("is from a route of a WebSocket API other than $connect")),
    }
}

/// Whether an object is missing, `null` or empty.
fn is_absent(object: Option<&RawValue>) -> bool {
    singles(object).is_ok_and(|all| all.is_empty())
}

/// The members of an object that is read only where the event has no list of all values.
fn singles<'a>(object: Option<&'a RawValue>) -> Result<TextPairs<'a>, EventError> {
    let Some(object) = object else { return Ok(Vec::new()) };
    let Pairs(all) = serde_json::from_str::<Option<Pairs<'a>>>(object.get()).map_err(json)?.unwrap_or_default();
    Ok(all)
}

fn json(error: serde_json::Error) -> EventError {
    EventError::Json { line: error.line(), column: error.column() }
}

fn text_of<'b>(text: &'b Option<Text<'_>>) -> Option<&'b str> {
    text.as_ref().map(|Text(text)| &**text)
}

/// A time that is not a whole number counts as missing: then the rules refuse the request.
///
/// API Gateway writes milliseconds. `sam local` writes seconds: a number is read as seconds if it is a time before 1973
/// in milliseconds and a time after 2001 in seconds.
fn time(number: Option<&RawValue>) -> Option<UnixSeconds> {
    const SECONDS: RangeInclusive<u64> = 1_000_000_000..=100_000_000_000;
    let number: u64 = number?.get().parse().ok()?;
    Some(if SECONDS.contains(&number) { UnixSeconds::new(number) } else { UnixSeconds::from_millis(number) })
}

/// All kinds of event in one type: [`Event::parse`] decides by the members that are present.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    method_arn: Option<Text<'a>>,
    #[serde(borrow)]
    route_arn: Option<Text<'a>>,
    #[serde(borrow)]
    resource: Option<Text<'a>>,
    #[serde(borrow)]
    route_key: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    #[serde(borrow)]
    http_method: Option<Text<'a>>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_headers: Option<MultiValues<'a>>,
    #[serde(borrow)]
    query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<MultiValues<'a>>,
    #[serde(borrow)]
    raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    raw_query_string: Option<Text<'a>>,
    #[serde(borrow)]
    request_context: Option<RequestContext<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    #[serde(borrow)]
    http_method: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    #[serde(borrow)]
    domain_name: Option<Text<'a>>,
    #[serde(borrow)]
    api_id: Option<Text<'a>>,
    #[serde(borrow)]
    stage: Option<Text<'a>>,
    #[serde(borrow)]
    request_time_epoch: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<Text<'a>>,
    #[serde(borrow)]
    event_type: Option<Text<'a>>,
    /// Of a WebSocket API.
    #[serde(borrow)]
    route_key: Option<Text<'a>>,
    #[serde(borrow)]
    identity: Option<Identity<'a>>,
    #[serde(borrow)]
    http: Option<Http<'a>>,
    #[serde(borrow)]
    time_epoch: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow)]
    source_ip: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow)]
    source_ip: Option<Text<'a>>,
}

/// A string that is borrowed if it has no escapes; a bare `Option<Cow<str>>` would always be copied.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object of texts as the list of its members, so that a member that appears twice is seen twice.
#[derive(Default)]
struct Pairs<'a>(TextPairs<'a>);

/// An object of lists of texts, likewise: a pair for each text.
struct MultiValues<'a> {
    pairs: TextPairs<'a>,
    has_empty_list: bool,
}

/// Room for the headers of many requests, in a block that the allocator keeps at hand: glibc's has 1,032 bytes at most.
const PAIRS: usize = 16;

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Members<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(PAIRS);
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Pairs(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for MultiValues<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Members<'a> {
            type Value = MultiValues<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of lists")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = MultiValues { pairs: Vec::with_capacity(PAIRS), has_empty_list: false };
                while let Some(Text(name)) = map.next_key()? {
                    let before = found.pairs.len();
                    map.next_value_seed(Values { name, pairs: &mut found.pairs })?;
                    found.has_empty_list |= found.pairs.len() == before;
                }
                Ok(found)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// The list of one name, whose texts go to the end of the pairs.
struct Values<'p, 'a> {
    name: Cow<'a, str>,
    pairs: &'p mut TextPairs<'a>,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Values<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Values<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(Text(value)) = list.next_element()? {
            self.pairs.push((self.name.clone(), value));
        }
        Ok(())
    }
}
