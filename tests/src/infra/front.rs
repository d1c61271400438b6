//! What `infra/front.yaml` promises of the web ACL and the access log, in rows.

use crate::infra::support::{
    rows::{check, front},
    template::Template,
};
use serde_json::{Value, json};

#[test]
fn the_web_acl_guards_a_distribution_and_blocks_no_large_body() {
    let acl = "WebAclForApis";
    let rows = [
        (acl, "/Properties/Scope", json!("CLOUDFRONT")),
        (acl, "/Properties/DefaultAction", json!({"Allow": {}})),
        (acl, "/Properties/Rules/0/Statement/RateBasedStatement", json!({"AggregateKeyType": "IP", "Limit": 500})),
        (acl, "/Properties/Rules/0/Action", json!({"Block": {}})),
        (acl, "/Properties/Rules/1/OverrideAction", json!({"None": {}})),
        (
            acl,
            "/Properties/Rules/1/Statement/ManagedRuleGroupStatement",
            json!({"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet", "RuleActionOverrides": [
                {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}},
                {"Name": "SizeRestrictions_QUERYSTRING", "ActionToUse": {"Count": {}}},
            ]}),
        ),
        (acl, "/Properties/Rules/2/OverrideAction", json!({"None": {}})),
        (
            acl,
            "/Properties/Rules/2/Statement/ManagedRuleGroupStatement",
            json!({"VendorName": "AWS", "Name": "AWSManagedRulesKnownBadInputsRuleSet"}),
        ),
        (acl, "/Properties/Rules/3", Value::Null),
    ];
    check(&front(&[("RateLimit", "500")]), &rows);
    let without = front(&[("WebAcl", "false")]);
    assert!(!without.resources().contains_key(acl));
    assert_eq!(without.value()["Outputs"].get("WebAclArn"), None);
}

#[test]
fn the_access_log_is_private_encrypted_and_kept() {
    let bucket = "AccessLogBucket";
    let private = json!({"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true});
    let rows = [
        (bucket, "/DeletionPolicy", json!("RetainExceptOnCreate")),
        (bucket, "/Properties/OwnershipControls/Rules/0/ObjectOwnership", json!("BucketOwnerPreferred")),
        (bucket, "/Properties/PublicAccessBlockConfiguration", private),
        (
            bucket,
            "/Properties/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/SSEAlgorithm",
            json!("AES256"),
        ),
        (bucket, "/Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", json!(7)),
    ];
    check(&front(&[("LogRetentionDays", "7")]), &rows);
    let without = front(&[("AccessLog", "false")]);
    assert!([bucket, "AccessLogBucketPolicy"].iter().all(|name| !without.resources().contains_key(*name)));
    assert_eq!(without.value()["Outputs"].get("AccessLogBucket"), None);
}

#[test]
fn its_outputs_are_what_the_stack_of_an_api_takes() {
    let outputs = front(&[]).value()["Outputs"].clone();
    let taken = Template::raw("api.yaml").value()["Parameters"].clone();
    for (name, expected) in [
        ("WebAclArn", json!({"Fn::GetAtt": ["WebAclForApis", "Arn"]})),
        ("AccessLogBucket", json!({"Ref": "AccessLogBucket"})),
    ] {
        assert_eq!(outputs[name]["Value"], expected, "{name}");
        assert!(taken.get(name).is_some(), "api.yaml has no parameter {name}");
    }
    assert_eq!(outputs.as_object().unwrap().len(), 2);
}
