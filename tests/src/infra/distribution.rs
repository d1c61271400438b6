//! What `infra/api.yaml` promises of CloudFront, in rows.

use crate::infra::support::{
    rows::{HTTP_API, REST_CUSTOM, WEB_ACL, WEBSOCKET_API, api, check, every_api},
    template::custom_header,
};
use edge_signer::{Header, Origin, SignerConfig};
use serde_json::{Value, json};

/// The managed policies, by the ids that they have in every account.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
const ALL_VIEWER_EXCEPT_HOST_HEADER: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";

#[test]
fn a_request_comes_whole_and_uncached_to_the_signer_and_the_api() {
    for parameters in [&[][..], REST_CUSTOM, HTTP_API, WEBSOCKET_API] {
        let config = "/Properties/DistributionConfig";
        let signer = json!([{
            "EventType": "origin-request",
            "IncludeBody": true,
            "LambdaFunctionARN": "arn:aws:lambda:us-east-1:123456789012:function:signer:7",
        }]);
        let rows = [
            ("/Enabled", json!(true)),
            ("/DefaultCacheBehavior/ViewerProtocolPolicy", json!("https-only")),
            (
                "/DefaultCacheBehavior/AllowedMethods",
                json!(["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]),
            ),
            ("/DefaultCacheBehavior/CachePolicyId", json!(CACHING_DISABLED)),
            ("/DefaultCacheBehavior/OriginRequestPolicyId", json!(ALL_VIEWER_EXCEPT_HOST_HEADER)),
            ("/DefaultCacheBehavior/LambdaFunctionAssociations", signer),
            ("/CacheBehaviors", Value::Null),
            ("/Origins/0/CustomOriginConfig/OriginProtocolPolicy", json!("https-only")),
            ("/Origins/0/CustomOriginConfig/OriginSSLProtocols", json!(["TLSv1.2"])),
            ("/Origins/1", Value::Null),
        ];
        let stack = api(parameters);
        for (place, expected) in rows {
            check(&stack, &[("CFDistribution", &format!("{config}{place}"), expected)]);
        }
    }
}

/// CloudFront keeps these ten seconds by default, and its key has no query: one viewer's 503 would be sent to other
/// viewers too. It does not keep 416, whatever is set for it: "CloudFront doesn't cache status code 416 responses", in
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html>.
#[test]
fn no_error_is_kept() {
    let stack = api(&[]);
    let kept = stack.resource("CFDistribution").pointer("/Properties/DistributionConfig/CustomErrorResponses").unwrap();
    let expected = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];
    let expected: Vec<_> = expected.map(|code| json!({"ErrorCode": code, "ErrorCachingMinTTL": 0})).into();
    assert_eq!(*kept, json!(expected));
}

/// A GET that the API is slow to answer is sent again with the signature that it has.
#[test]
fn the_last_try_is_sent_while_its_signature_lives() {
    let stack = api(&[]);
    let origin = stack.resource("CFDistribution").pointer("/Properties/DistributionConfig/Origins/0").unwrap();
    let attempts = origin["ConnectionAttempts"].as_u64().unwrap();
    let timeout = origin["CustomOriginConfig"]["OriginReadTimeout"].as_u64().unwrap();
    assert_eq!(custom_header(&stack, "countersign-lifetime"), None, "the signer's default holds");
    let life = signing::RotationTimings::DEFAULT.lifetime.as_secs();
    assert!(timeout * (attempts - 1) < life, "{timeout} s × {} is not under {life} s", attempts - 1);
    // API Gateway itself answers within 29 seconds.
    assert!(timeout > 29);
}

#[test]
fn the_signer_takes_its_custom_headers() {
    for stack in every_api().iter().filter(|stack| stack.resources().contains_key("CFDistribution")) {
        let place = "/Properties/DistributionConfig/Origins/0/OriginCustomHeaders";
        let headers = stack.resource("CFDistribution").pointer(place).unwrap().as_array().unwrap();
        assert!(headers.len() <= 10, "CloudFront takes no more");
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:SigningSecret-AbC123-dEf456";
        let text = |value: &Value| {
            if *value == json!({"Ref": "SigningSecret"}) {
                secret.to_owned()
            } else {
                value.as_str().unwrap_or("a secret").to_owned()
            }
        };
        let headers: Vec<_> =
            headers.iter().map(|header| (text(&header["HeaderName"]), text(&header["HeaderValue"]))).collect();
        let custom_headers = headers.iter().map(|(name, value)| Header { name, value }).collect();
        SignerConfig::read(&Origin { protocol: "https", path: "", custom_headers }).unwrap();
    }
    for (parameters, name, expected) in [
        (&[][..], "countersign-secret", json!({"Ref": "SigningSecret"})),
        (&[], "countersign-api", json!("rest")),
        (HTTP_API, "countersign-api", json!("http")),
        (WEBSOCKET_API, "countersign-api", json!("websocket")),
        (&[], "countersign-mode", json!("monitor")),
        (&[("Mode", "enforce")], "countersign-mode", json!("enforce")),
        (&[], "countersign-body", json!("digest")),
        (&[("BodyDigest", "require")], "countersign-body", json!("require")),
        (&[("BodyDigest", "require-at-edge")], "countersign-body", json!("require")),
    ] {
        assert_eq!(custom_header(&api(parameters), name), Some(expected), "{name}");
    }
}

/// While CloudFront deploys, edges send the old API key and the new one. Both must be valid before the first edge sends
/// the new key.
#[test]
fn cloudfront_changes_after_its_new_values_are_valid() {
    // CloudFormation takes a reference in the metadata for a dependency, and an If only there.
    let rows = [
        ("CFDistribution", "/Metadata/DependsOn", json!({"Ref": "ApiKeyUsagePlan"})),
        ("CFDistribution", "/DependsOn", json!(["SigningSecretPolicy"])),
    ];
    check(&api(&[]), &rows);
    check(&api(&[("UseApiKey", "false")]), &[("CFDistribution", "/Metadata/DependsOn", json!("none"))]);
}

#[test]
fn its_own_name_certificate_price_class_acl_and_log_are_taken() {
    let config = "/Properties/DistributionConfig";
    let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1";
    let asked = [
        ("Aliases", "pets.example.com,www.example.com"),
        ("CertificateArn", certificate),
        ("PriceClass", "PriceClass_100"),
        ("WebAclArn", WEB_ACL),
        ("AccessLogBucket", "logs"),
    ];
    let log = json!({"Bucket": "logs.s3.amazonaws.com", "Prefix": "cloudfront/", "IncludeCookies": false});
    let tls = json!({"AcmCertificateArn": certificate, "SslSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"});
    for (place, none, given) in [
        ("/Aliases", Value::Null, json!(["pets.example.com", "www.example.com"])),
        ("/ViewerCertificate", Value::Null, tls),
        ("/PriceClass", json!("PriceClass_All"), json!("PriceClass_100")),
        ("/WebACLId", Value::Null, json!(WEB_ACL)),
        ("/Logging", Value::Null, log),
    ] {
        let place = &*format!("{config}{place}");
        check(&api(&[]), &[("CFDistribution", place, none)]);
        check(&api(&asked), &[("CFDistribution", place, given)]);
    }
}

#[test]
fn an_existing_distribution_is_not_changed() {
    let stack = api(&[("Distribution", "existing"), ("WebAclArn", WEB_ACL)]);
    for name in ["CFDistribution", "CorsPolicy", "RotateApiKeysStackPolicy"] {
        assert!(!stack.resources().contains_key(name), "{name}");
    }
    let outputs = stack.value()["Outputs"].as_object().unwrap();
    assert_eq!(outputs.get("CFDistribution"), None);
    // What its custom headers are to hold.
    assert_eq!(outputs["SigningSecretArn"]["Value"], json!({"Ref": "SigningSecret"}));
    assert_eq!(outputs["ApiKeySecretArn"]["Value"], json!({"Ref": "ApiKeyValue"}));
}
