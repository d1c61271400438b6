//! The templates with valid parameters, and rows about their resources.

use crate::infra::support::template::Template;
use serde_json::Value;
use std::sync::LazyLock;

/// What `infra/edge.yaml` needs.
const EDGE: &[(&str, &str)] = &[("CodeSha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")];

/// What `infra/api.yaml` needs: the article's own parameter, and what `edge.yaml` puts out.
const API: &[(&str, &str)] = &[
    ("ApiURL", "abc123.execute-api.eu-west-1.amazonaws.com/prod"),
    ("SignerVersionArn", "arn:aws:lambda:us-east-1:123456789012:function:signer:7"),
    ("SignerRoleArn", "arn:aws:iam::123456789012:role/signer"),
];

/// An HTTP API, whose stage is `$default`.
pub(crate) const HTTP_API: &[(&str, &str)] =
    &[("ApiURL", "abc123.execute-api.eu-west-1.amazonaws.com"), ("ApiKind", "HTTP"), ("UseApiKey", "false")];

/// A REST API behind a custom domain with a base path.
pub(crate) const REST_CUSTOM: &[(&str, &str)] =
    &[("ApiURL", "api.example.com/v1"), ("ApiId", "xyz789"), ("ApiStage", "live")];

/// An HTTP API behind one, which has a named stage.
pub(crate) const HTTP_CUSTOM: &[(&str, &str)] = &[
    ("ApiURL", "api.example.com/v1"),
    ("ApiId", "xyz789"),
    ("ApiStage", "live"),
    ("ApiKind", "HTTP"),
    ("UseApiKey", "false"),
];

/// A WebSocket API.
pub(crate) const WEBSOCKET_API: &[(&str, &str)] = &[("ApiKind", "WEBSOCKET")];

/// A WebSocket API behind a custom domain with a key.
pub(crate) const WEBSOCKET_CUSTOM: &[(&str, &str)] =
    &[("ApiURL", "api.example.com/chat"), ("ApiId", "xyz789"), ("ApiStage", "live"), ("ApiKind", "WEBSOCKET")];

/// What `infra/monitoring.yaml` needs: the outputs of the stack of an API, and the API's name.
const MONITORING: &[(&str, &str)] = &[
    ("ApiKind", "REST"),
    ("ApiId", "abc123"),
    ("ApiStage", "prod"),
    ("ApiName", "Pets"),
    ("AuthorizerFunctionName", "authorizer"),
    ("RotateApiKeysFunction", "rotator"),
    ("RotationDeadLettersArn", "arn:aws:sqs:eu-west-1:123456789012:dead-letters"),
    ("ApiKeyRotationSchedule", "Daily"),
    ("SignerFunctionName", "signer"),
    ("ApiStackId", "arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/51af3dc0-da77-11e4-872e-1234567db123"),
];

/// In the place of those of a REST API.
pub(crate) const MONITORED_HTTP_API: &[(&str, &str)] = &[("ApiKind", "HTTP"), ("ApiStage", "$default")];

/// Likewise.
pub(crate) const MONITORED_WEBSOCKET_API: &[(&str, &str)] = &[("ApiKind", "WEBSOCKET")];

/// The signer's stack.
#[track_caller]
pub(crate) fn edge(parameters: &[(&str, &str)]) -> Template {
    Template::rendered("edge.yaml", &with(EDGE, parameters))
}

/// The stack around a distribution.
#[track_caller]
pub(crate) fn front(parameters: &[(&str, &str)]) -> Template {
    Template::rendered("front.yaml", parameters)
}

/// The stack of the alarms of an API.
#[track_caller]
pub(crate) fn monitoring(parameters: &[(&str, &str)]) -> Template {
    Template::rendered("monitoring.yaml", &with(MONITORING, parameters))
}

/// The stack of the example API.
#[track_caller]
pub(crate) fn example(parameters: &[(&str, &str)]) -> Template {
    Template::rendered("example.yaml", parameters)
}

/// The stack of an API.
#[track_caller]
pub(crate) fn api(parameters: &[(&str, &str)]) -> Template {
    Template::rendered("api.yaml", &with(API, parameters))
}

/// Why these parameters are refused.
#[track_caller]
pub(crate) fn api_refusal(parameters: &[(&str, &str)]) -> String {
    Template::refusal("api.yaml", &with(API, parameters))
}

/// The parameters, of which those in `more` come in the place of others.
fn with<'a>(parameters: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = parameters.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    kept.chain(more).copied().collect()
}

/// Each row is a resource, a place in it, and what stands there; null where nothing does.
#[track_caller]
pub(crate) fn check(template: &Template, rows: &[(&str, &str, Value)]) {
    for (resource, place, expected) in rows {
        let found = template.resource(resource).pointer(place).unwrap_or(&Value::Null);
        assert_eq!(found, expected, "{resource}{place}");
    }
}

/// All stacks that are worth a look where something holds for each: every choice of what changes more than a value.
pub(crate) fn every_api() -> &'static [Template] {
    static ALL: LazyLock<Vec<Template>> = LazyLock::new(|| {
        let mut stacks =
            [&[], HTTP_API, WEBSOCKET_API, REST_CUSTOM, HTTP_CUSTOM, WEBSOCKET_CUSTOM].map(<[_]>::to_vec).to_vec();
        for choices in [
            &[&[("Mode", "monitor")][..], &[("Mode", "enforce")]][..],
            &[&[("UseApiKey", "true")], &[("UseApiKey", "false")]],
            &[&[("OriginSecretHeader", "true")], &[("OriginSecretHeader", "send")], &[("OriginSecretHeader", "false")]],
            &[&[("Distribution", "new")], &[("Distribution", "existing")]],
            &[&[], &[("ReplicaRegions", REPLICA), ("WebAclArn", WEB_ACL), ("AccessLogBucket", "logs"), ONE_ORIGIN]],
        ] {
            let with_choice = |stack: &Vec<_>| choices.iter().map(|choice| with(stack, choice)).collect::<Vec<_>>();
            stacks = stacks.iter().flat_map(with_choice).collect();
        }
        // An HTTP API has neither API keys nor gateway responses, and CORS is not for a WebSocket API.
        stacks.retain(|stack| {
            let has_cors = stack.contains(&ONE_ORIGIN);
            let at_gateway = has_cors && stack.contains(&("Distribution", "existing"));
            !(stack.contains(&("ApiKind", "HTTP")) && (stack.contains(&("UseApiKey", "true")) || at_gateway))
                && !(stack.contains(&("ApiKind", "WEBSOCKET")) && has_cors)
        });
        stacks.iter().map(|stack| api(stack)).collect()
    });
    &ALL
}

pub(crate) const REPLICA: &str = "us-east-1";
pub(crate) const WEB_ACL: &str = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/0a1b";
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";
pub(crate) const GLOBAL_TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:alarms";
pub(crate) const DISTRIBUTION: (&str, &str) = ("DistributionId", "E1A2B3C4D5E6F7");
const ONE_ORIGIN: (&str, &str) = ("CorsAllowOrigins", "https://www.example.com");

/// All other stacks, likewise.
pub(crate) fn every_other_stack() -> &'static [Template] {
    static ALL: LazyLock<Vec<Template>> = LazyLock::new(|| {
        let (none, global) = (("AlarmTopicArn", ""), ("AlarmTopicArn", GLOBAL_TOPIC));
        vec![
            edge(&[none]),
            edge(&[global]),
            front(&[none]),
            front(&[("WebAcl", "false"), ("AccessLog", "false"), DISTRIBUTION]),
            front(&[DISTRIBUTION, global]),
            monitoring(&[none]),
            monitoring(&[("AlarmTopicArn", TOPIC)]),
            monitoring(&[MONITORED_HTTP_API, &[("AlarmTopicArn", TOPIC)]].concat()),
            monitoring(&[MONITORED_WEBSOCKET_API, &[("AlarmTopicArn", TOPIC)]].concat()),
            example(&[]),
            example(&[("AuthorizerId", "abc123"), ("ApiKeyRequired", "true"), ("OriginHeaderRequired", "true")]),
        ]
    });
    &ALL
}
