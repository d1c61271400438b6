//! Answers of CloudFront and of AWS WAF.

use crate::status::answers::null_is_default;
use serde::Deserialize;

/// `cloudfront get-distribution-config`, by [`query`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Distribution {
    /// The ARN of a web ACL, or the id of one of WAF Classic. It may be empty.
    pub(crate) web_acl: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) origins: Vec<Origin>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) groups: Vec<Group>,
    pub(crate) default: Behavior,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) others: Vec<Behavior>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) errors: Vec<ErrorResponse>,
}

/// The values of custom headers other than the signer's own settings, among them the API key, stay in the process of `aws`.
pub(crate) fn query() -> String {
    let behavior = "{Path: PathPattern, Origin: TargetOriginId, Viewer: ViewerProtocolPolicy, Methods: AllowedMethods.Items, \
        Cache: CachePolicyId, Request: OriginRequestPolicyId, Grpc: GrpcConfig.Enabled, \
        Functions: LambdaFunctionAssociations.Items[].{Arn: LambdaFunctionARN, Event: EventType, Body: IncludeBody}, \
        Legacy: ForwardedValues && {Query: ForwardedValues.QueryString, Headers: ForwardedValues.Headers.Items, \
        Default: DefaultTTL, Max: MaxTTL}}";
    let origin = "{Id: Id, Domain: DomainName, Path: OriginPath, Attempts: ConnectionAttempts, \
        Protocol: CustomOriginConfig.OriginProtocolPolicy, ReadTimeout: CustomOriginConfig.OriginReadTimeout, \
        Names: CustomHeaders.Items[].HeaderName, Settings: CustomHeaders.Items[?\
        starts_with(HeaderName, 'countersign-') || starts_with(HeaderName, 'Countersign-')]\
        .{Name: HeaderName, Value: HeaderValue}}";
    format!(
        "DistributionConfig.{{WebAcl: WebACLId, Origins: Origins.Items[].{origin}, \
         Groups: OriginGroups.Items[].{{Id: Id, Members: Members.Items[].OriginId}}, \
         Default: DefaultCacheBehavior.{behavior}, Others: CacheBehaviors.Items[].{behavior}, \
         Errors: CustomErrorResponses.Items[].{{Code: ErrorCode, Ttl: ErrorCachingMinTTL, Page: ResponsePagePath}}}}"
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Origin {
    pub(crate) id: String,
    pub(crate) domain: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) path: String,
    pub(crate) attempts: Option<u64>,
    /// Absent at a bucket.
    pub(crate) protocol: Option<String>,
    pub(crate) read_timeout: Option<u64>,
    /// The names of all custom headers.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) names: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    settings: Vec<Setting>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Setting {
    name: String,
    value: String,
}

impl Origin {
    /// The value of a setting of the signer.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|setting| setting.name.eq_ignore_ascii_case(name)).map(|setting| &*setting.value)
    }

    pub(crate) fn sends(&self, name: &str) -> bool {
        self.names.iter().any(|of| of.eq_ignore_ascii_case(name))
    }

    /// `none` forwards unsigned.
    pub(crate) fn signs(&self) -> bool {
        self.setting("countersign-secret").is_some_and(|secret| secret != "none")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Group {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) members: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Behavior {
    /// Absent at the default one.
    path: Option<String>,
    /// An origin or an origin group.
    pub(crate) origin: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) viewer: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) methods: Vec<String>,
    /// The id of the cache policy. Absent with [`Legacy`].
    pub(crate) cache: Option<String>,
    /// The id of the origin request policy.
    pub(crate) request: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) grpc: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    functions: Vec<Association>,
    pub(crate) legacy: Option<Legacy>,
}

impl Behavior {
    pub(crate) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("Default (*)")
    }

    /// The function at the origin request.
    pub(crate) fn signer(&self) -> Option<&Association> {
        self.functions.iter().find(|of| of.event == "origin-request")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Association {
    pub(crate) arn: String,
    event: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) body: bool,
}

/// What a behavior without a cache policy forwards, and how long it keeps answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Legacy {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) query: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) headers: Vec<String>,
    pub(crate) default: Option<u64>,
    pub(crate) max: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ErrorResponse {
    pub(crate) code: u16,
    /// In seconds. CloudFront's default is 10.
    pub(crate) ttl: Option<u64>,
    /// The page that CloudFront answers in the place of the error.
    pub(crate) page: Option<String>,
}

/// `cloudfront get-origin-request-policy` by [`REQUEST_POLICY`].
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RequestPolicy {
    pub(crate) name: String,
    pub(crate) headers: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) header_names: Vec<String>,
    pub(crate) query: String,
}

pub(crate) const REQUEST_POLICY: &str = "OriginRequestPolicy.OriginRequestPolicyConfig.{Name: Name, \
    Headers: HeadersConfig.HeaderBehavior, HeaderNames: HeadersConfig.Headers.Items, \
    Query: QueryStringsConfig.QueryStringBehavior}";

/// `cloudfront get-cache-policy` by [`CACHE_POLICY`].
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CachePolicy {
    pub(crate) name: String,
    pub(crate) default: Option<u64>,
    pub(crate) max: Option<u64>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) header_names: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) query: String,
}

pub(crate) const CACHE_POLICY: &str = "CachePolicy.CachePolicyConfig.{Name: Name, Default: DefaultTTL, Max: MaxTTL, \
    HeaderNames: ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig.Headers.Items, \
    Query: ParametersInCacheKeyAndForwardedToOrigin.QueryStringsConfig.QueryStringBehavior}";

/// `wafv2 get-web-acl` by [`WEB_ACL`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WebAcl {
    pub(crate) name: String,
    pub(crate) rules: u64,
    /// Whether it blocks what no rule decides on.
    pub(crate) blocks: bool,
}

pub(crate) const WEB_ACL: &str =
    "WebACL.{Name: Name, Rules: length(Rules || `[]`), Blocks: DefaultAction.Block != `null`}";
