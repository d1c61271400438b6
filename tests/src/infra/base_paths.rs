//! `COUNTERSIGN_BASE_PATHS` as `infra/api.yaml` sets it: what it takes, and how much of it.

use crate::infra::support::{
    localstack::LocalStack,
    rows::{HTTP_API, HTTP_CUSTOM, REST_CUSTOM, WEBSOCKET_API, WEBSOCKET_CUSTOM, api, api_refusal, check},
    stack::CODE,
    template::Template,
};
use serde_json::{Value, json};
use std::fs;

const BASE_PATHS: &str = "/Properties/Environment/Variables/COUNTERSIGN_BASE_PATHS";

/// What Lambda takes of variables, as JSON.
const MOST_BYTES: usize = 4_096;

const REFUSED: &str = "Parameter BasePaths failed to satisfy constraint: DOMAIN[/KEY]=API_ID/STAGE[/KEY] with commas, each DOMAIN[/KEY] \
    once and of custom domains only, DOMAIN in lower case, as in api.example.com/v1=abc123/prod. A KEY at the end must be the one after DOMAIN. Up to \
    3,690 characters, and fewer beside Then and Jwt";

/// An HTTP or WebSocket API's authorizer sees no base path, and a REST API's does not see where it ends. So the stack names the API
/// and the stage if a custom domain hides them; otherwise it names neither.
#[test]
fn the_authorizer_gets_the_api_and_stage_of_a_custom_domain() {
    let of = |url, kind, stage| {
        let key = if kind == "HTTP" { "false" } else { "true" };
        api(&[("ApiURL", url), ("ApiKind", kind), ("UseApiKey", key), ("ApiId", "xyz789"), ("ApiStage", stage)])
    };
    for (stack, expected) in [
        (api(REST_CUSTOM), json!("api.example.com/v1=xyz789/live")),
        (api(HTTP_CUSTOM), json!("api.example.com/v1=xyz789/live")),
        (api(WEBSOCKET_CUSTOM), json!("api.example.com/chat=xyz789/live")),
        (of("api.example.com", "REST", "live"), json!("api.example.com=xyz789/live")),
        (of("api.example.com", "WEBSOCKET", "live"), json!("api.example.com=xyz789/live")),
        (of("api.example.com", "HTTP", "live"), json!("api.example.com=xyz789/live")),
        (of("api.example.com/v1", "HTTP", ""), json!("api.example.com/v1=xyz789/$default")),
        (of("api.example.com/orders/v1", "HTTP", ""), json!("api.example.com/orders/v1=xyz789/$default")),
        (of("api.example.com/orders/v1/items", "REST", "live"), json!("api.example.com/orders/v1/items=xyz789/live")),
        // Which stage a base path of a REST API is, the stack does not know.
        (of("api.example.com/v1", "REST", ""), Value::Null),
        (of("xyz789.execute-api.eu-west-1.amazonaws.com/live", "REST", ""), Value::Null),
        (of("xyz789.execute-api.eu-west-1.amazonaws.com/live", "HTTP", ""), Value::Null),
        (of("xyz789.execute-api.eu-west-1.amazonaws.com", "HTTP", "live"), Value::Null),
        (of("xyz789.execute-api.cn-north-1.amazonaws.com.cn/live", "REST", "live"), Value::Null),
        // Nor which API.
        (api(&[HTTP_CUSTOM, &[("ApiId", "")]].concat()), Value::Null),
        (api(&[]), Value::Null),
        (api(HTTP_API), Value::Null),
        (api(WEBSOCKET_API), Value::Null),
    ] {
        check(&stack, &[("Authorizer", BASE_PATHS, expected)]);
    }
}

/// Several mappings of one domain, routing rules that keep the base path, or a mapping that the parameters cannot say.
#[test]
fn given_mappings_replace_the_known_one() {
    let two = "api.example.com/v1=xyz789/live,api.example.com/v2/beta=xyz789/$default,v1.example.com/v1=xyz789/live";
    let kept =
        "api.example.com/v1=xyz789/live/v1,api.example.com/v2/beta=xyz789/live/v2/beta,api.example.com/v3=xyz789/live";
    for kind in [&[][..], REST_CUSTOM, HTTP_CUSTOM, WEBSOCKET_CUSTOM] {
        for given in ["api.example.com=xyz789/live", "api.example.com/a/B/c/(d)!=xyz789/$default", two, kept] {
            let stack = api(&[kind, &[("BasePaths", given)]].concat());
            check(&stack, &[("Authorizer", BASE_PATHS, json!(given))]);
        }
    }
    for wrong in [
        "api.example.com",
        "api.example.com/v1/=xyz789/live",
        "api.example.com/v1/=xyz789/live/v1/",
        "api.example.com//v1=xyz789/live",
        "api.example.com/~v1=xyz789/live",
        "api.example.com=xyz789",
        "api.example.com=xyz789/$live",
        "api.example.com=xyz789/live,",
        ",api.example.com=xyz789/live",
        "api.example.com=xyz789/live, www.example.com=xyz789/live",
        "api.example.com=xyz789/live,xyz789.execute-api.eu-west-1.amazonaws.com=xyz789/live",
        "=xyz789/live",
        "api.example.com/./v1=xyz789/live",
        "api.example.com/..=xyz789/live/..",
        // The same domain and key twice.
        "api.example.com=xyz789/live,api.example.com=abc123/prod",
        "www.example.com=xyz789/live,api.example.com/v1=xyz789/live,a.example.com=xyz789/live,api.example.com/v1=xyz789/beta/v1",
        // To the authorizer the same domain and key twice. API Gateway has no custom domain with upper case.
        "API.example.com/v1=xyz789/live,api.example.com/v1=abc123/prod",
        "API.example.com=xyz789/live",
        // A key at the end is the key of the same entry, whole, or none.
        "api.example.com=xyz789/live/v1",
        "api.example.com/v1=xyz789/live/v2",
        "api.example.com/v1=xyz789/live/V1",
        "api.example.com/v1=xyz789/live/v1/",
        "api.example.com/v1=xyz789/live/v1x",
        "api.example.com/v1/a=xyz789/live/v1",
        "api.example.com/v1=xyz789/live/v1,api.example.com/v2=xyz789/live/v1",
        "api.example.com/v1=xyz789/live/v1,www.example.com=xyz789/live/v1",
    ] {
        assert_eq!(api_refusal(&[("BasePaths", wrong)]), REFUSED, "{wrong}");
    }
}

/// CloudFormation's expressions are Java's, which goes into a group again by recursion, as long as it can go back: 350 entries overflowed
/// its stack, and so did a key of 1,800 parts. A possessive group is a loop.
#[test]
fn only_a_possessive_group_is_repeated() {
    let raw = Template::raw("api.yaml");
    for (name, possessive) in [("Then", 1), ("Jwt", 2)] {
        let pattern = raw.value()["Parameters"][name]["AllowedPattern"].as_str().unwrap();
        assert_eq!(
            [")++", ")+", ")*"].map(|repeated| pattern.matches(repeated).count()),
            [possessive, possessive, 0],
            "{pattern}"
        );
    }
    let pattern = raw.value()["Parameters"]["BasePaths"]["AllowedPattern"].as_str().unwrap();
    assert_eq!([")++", ")+", ")*"].map(|repeated| pattern.matches(repeated).count()), [1, 1, 0], "{pattern}");
    let entries: Vec<_> = (0..400).map(|number| format!("a{number}=b/c")).collect();
    for long in [format!("api.example.com{}=xyz789/live", "/a".repeat(1_800)), entries.join(",")] {
        check(&api(&[("BasePaths", &long)]), &[("Authorizer", BASE_PATHS, json!(long))]);
    }
}

/// Lambda counts the variables as JSON: "key names, values, quotes, commas, and brackets", says its page on failed deployments. The list
/// may be as long as what all other variables leave at their longest.
#[test]
fn the_longest_list_and_the_longest_of_all_else_are_what_lambda_takes() {
    let longest = longest_list();
    let variables = at_most(&longest);
    assert_eq!(variables.as_object().unwrap().len(), 6, "{variables}");
    assert_eq!(variables.to_string().len(), MOST_BYTES);
    assert_eq!(api_refusal(&[("BasePaths", &format!("{longest}x"))]), REFUSED);
    assert!(REFUSED.contains(&format!("Up to {},{:03} characters", longest.len() / 1000, longest.len() % 1000)));
}

/// CloudFormation cannot add lengths: each setting of the checks after the signature has its own limit. Beside all of them there is room for
/// the longest domain and a key of three parts.
#[test]
fn the_longest_checks_after_the_signature_leave_room_for_a_mapping() {
    let raw = Template::raw("api.yaml");
    let most = |name: &str| {
        let most =
            raw.value()["Parameters"][name]["MaxLength"].as_u64().unwrap_or_else(|| panic!("{name} has no limit"));
        usize::try_from(most).unwrap()
    };
    let filled = |name: &str, begin: &str, end: &str| {
        format!("{begin}{}{end}", "a".repeat(most(name) - begin.len() - end.len()))
    };
    let arn = format!(
        "arn:aws-us-gov:lambda:{}:123456789012:function:{}:{}",
        "r".repeat(25),
        "f".repeat(64),
        "a".repeat(128)
    );
    let longest = [
        ("Then", filled("Then", "GET /", "=jwt(read write),$default=none,ANY /{proxy+} /public/*=lambda,*=jwt")),
        ("Jwt", filled("Jwt", "https://issuer.example/;audience=", ";client-id=b;algorithms=ES256;token-use=access")),
        ("JwtMode", "enforce".to_owned()),
        ("JwtClaims", filled("JwtClaims", "", "")),
        ("NextAuthorizerArn", arn),
        ("NextMode", "enforce".to_owned()),
        ("NextPayload", "token".to_owned()),
        ("NextIdentity", filled("NextIdentity", "method.request.header.", "")),
    ];
    let parameters: Vec<_> = longest.iter().map(|(name, value)| (*name, &**value)).collect();
    let variables = api(&parameters).resource("Authorizer")["Properties"]["Environment"]["Variables"].clone();
    let mut all = at_most(&format!("{}/{}=abcdefghij/{}", "d".repeat(253), "k".repeat(128), "s".repeat(128)));
    for (name, value) in variables.as_object().unwrap() {
        if ["_THEN", "_JWT", "_NEXT"].iter().any(|part| name.starts_with(&format!("COUNTERSIGN{part}"))) {
            all[name] = value.clone();
        }
    }
    assert_eq!(all.as_object().unwrap().len(), 14, "{all}");
    assert!(all.to_string().len() <= MOST_BYTES, "{} bytes: {all}", all.to_string().len());
    for &(name, value) in &parameters {
        if ["Then", "Jwt", "JwtClaims", "NextIdentity"].contains(&name) {
            let longer = format!("{value}a");
            let more = parameters.iter().map(|&(of, value)| (of, if of == name { &*longer } else { value }));
            assert!(api_refusal(&more.collect::<Vec<_>>()).starts_with(&format!("Parameter {name} ")), "{name}");
        }
    }
}

/// LocalStack counts as Lambda does, and says what Lambda says.
#[test]
fn lambda_refuses_one_byte_more() {
    let create = |name: &str, list: &str| {
        let variables = json!({"Variables": at_most(list)}).to_string();
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("authorizer.zip");
        fs::write(&zip, CODE).unwrap();
        let code = format!("fileb://{}", zip.display());
        LocalStack::shared().aws(
            "eu-west-1",
            &[
                &[
                    "lambda",
                    "create-function",
                    "--function-name",
                    name,
                    "--runtime",
                    "provided.al2023",
                    "--handler",
                    "bootstrap",
                ][..],
                &[
                    "--role",
                    "arn:aws:iam::000000000000:role/authorizer",
                    "--zip-file",
                    &code,
                    "--environment",
                    &variables,
                ],
            ]
            .concat(),
        )
    };
    let longest = longest_list();
    create("fits", &longest).unwrap();
    let refused = create("overflows", &format!("{longest}x")).unwrap_err();
    let said = "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the \
        4KB limit. String measured: {";
    assert!(refused.contains(said), "{refused}");
}

/// A list as long as the parameter takes.
fn longest_list() -> String {
    let most = Template::raw("api.yaml").value()["Parameters"]["BasePaths"]["MaxLength"].as_u64().unwrap();
    let list = "api.example.com/v1=xyz789/live/v1,api.example.com/=xyz789/live";
    let key = "k".repeat(usize::try_from(most).unwrap() - list.len());
    list.replace("/=", &format!("/{key}="))
}

/// The authorizer's variables with this list, each other one at its longest of all that the template can make.
fn at_most(list: &str) -> Value {
    // Longer than every Region that there is, and the name that CloudFormation gives the secret.
    let secret = "arn:aws:secretsmanager:ap-southeast-10:123456789012:secret:SigningSecret-AbCdEfGhIjKl-AbCdEf";
    let words = |name: &str| {
        let words = Template::raw("api.yaml").value()["Parameters"][name]["AllowedValues"].clone();
        let words: Vec<_> = words.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect();
        words
    };
    let name = "s".repeat(128);
    let mut longest = serde_json::Map::new();
    for mode in words("Mode") {
        for body in words("BodyDigest") {
            for (answer, header) in [("policy", "true"), ("simple", "false")] {
                let parameters = [
                    ("Mode", &*mode),
                    ("BodyDigest", &body),
                    ("AuthorizerAnswer", answer),
                    ("OriginSecretHeader", header),
                ];
                // The list is put in below: one that is too long is refused here.
                let stack = api(&[HTTP_CUSTOM, &parameters, &[("AWS::StackName", &name)]].concat());
                let variables = stack.resource("Authorizer")["Properties"]["Environment"]["Variables"].clone();
                for (name, value) in variables.as_object().unwrap() {
                    let value = value.as_str().unwrap_or(secret);
                    if longest.get(name).and_then(Value::as_str).is_none_or(|before| before.len() < value.len()) {
                        longest.insert(name.clone(), json!(value));
                    }
                }
            }
        }
    }
    longest.insert("COUNTERSIGN_BASE_PATHS".to_owned(), json!(list));
    Value::Object(longest)
}
