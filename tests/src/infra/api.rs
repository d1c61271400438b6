//! What `infra/api.yaml` promises of the API, its keys and its authorizer, in rows.

use crate::infra::support::{
    rows::{HTTP_API, HTTP_CUSTOM, REST_CUSTOM, WEBSOCKET_API, WEBSOCKET_CUSTOM, api, api_refusal, check, every_api},
    template::{Template, custom_header, template, text},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const JWT: (&str, &str) = ("Jwt", "https://issuer.example/;audience=pets");
const NEXT: (&str, &str) = ("NextAuthorizerArn", "arn:aws:lambda:eu-west-1:123456789012:function:own:live");
const BOTH: &[(&str, &str)] = &[("OriginSecretHeader", "true")];

/// The names of AWS's article are kept, so that who comes from its template finds everything.
#[test]
fn the_articles_parameters_resources_and_output_are_there() {
    let raw = Template::raw("api.yaml");
    for (name, default) in [
        ("ApiURL", Value::Null),
        ("ApiKeyRotationSchedule", json!("Daily")),
        ("Timestamp", json!("2026-01-01")),
        ("Mode", json!("monitor")),
        ("Distribution", json!("new")),
        ("UseApiKey", json!("true")),
        ("OriginSecretHeader", json!("false")),
    ] {
        let parameter = &raw.value()["Parameters"][name];
        assert_eq!(*parameter.get("Default").unwrap_or(&Value::Null), default, "{name}");
        assert!(parameter.is_object(), "{name}");
    }
    let rows = [
        ("CFDistribution", "/Type", json!("AWS::CloudFront::Distribution")),
        ("ApiUsagePlan", "/Type", json!("AWS::ApiGateway::UsagePlan")),
        ("ApiKey", "/Type", json!("AWS::ApiGateway::ApiKey")),
        ("ApiKeyUsagePlan", "/Type", json!("AWS::ApiGateway::UsagePlanKey")),
        ("RotateApiKeysFunction", "/Type", json!("AWS::Lambda::Function")),
        ("RotateApiKeysRole", "/Type", json!("AWS::IAM::Role")),
        ("RotateApiKeysScheduledJob", "/Type", json!("AWS::Events::Rule")),
    ];
    let stack = api(&[]);
    check(&stack, &rows);
    assert_eq!(
        stack.value()["Outputs"]["CFDistribution"]["Value"],
        json!({"Fn::GetAtt": ["CFDistribution", "DomainName"]})
    );
}

#[test]
fn parameters_that_do_not_fit_together_are_refused_with_what_to_do() {
    const URL: &str = "Parameter ApiURL failed to satisfy constraint: the API's host, host/stage or host/base/path of up to three \
        parts, in lower case, without https:// and without a slash at the end";
    const PAYLOADS: &str = "Rule AfterTheSignature: NextPayload=token is for REST APIs, and 1.0 for HTTP APIs with AuthorizerAnswer=policy";
    for (parameters, reason) in [
        (&[("ApiKind", "HTTP")][..], "Rule NoApiKeyForHttpApis: HTTP APIs have no API keys. Give UseApiKey=false"),
        (
            &[("ApiKind", "WEBSOCKET"), ("ApiURL", "api.example.com"), ("ApiId", "xyz789")],
            "Rule StageOfAWebSocketApi: The authorizer of a WebSocket API needs the mapping of a custom domain. Give ApiStage, or \
            BasePaths",
        ),
        (
            &[("ApiKind", "WEBSOCKET"), ("CorsAllowOrigins", "*")],
            "Rule NoCorsForWebSocketApis: Browsers do not use CORS for WebSocket. Leave CorsAllowOrigins empty",
        ),
        (
            &[("AuthorizerAnswer", "iam")],
            "Parameter AuthorizerAnswer failed to satisfy constraint: must be one of ['simple', 'policy']",
        ),
        (&[("Then", "*=jwt")], "Rule AfterTheSignature: Then needs Jwt or NextAuthorizerArn"),
        (&[JWT, NEXT], "Rule AfterTheSignature: Jwt and NextAuthorizerArn together need Then"),
        (&[HTTP_API, &[NEXT, ("NextPayload", "token")]].concat(), PAYLOADS),
        (&[NEXT, ("NextPayload", "1.0"), ("AuthorizerAnswer", "policy")], PAYLOADS),
        (&[HTTP_API, &[NEXT, ("NextPayload", "1.0")]].concat(), PAYLOADS),
        (&[("ApiURL", "")], URL),
        (&[("ApiURL", "https://abc123.execute-api.eu-west-1.amazonaws.com/prod")], URL),
        (&[("ApiURL", "abc123.execute-api.eu-west-1.amazonaws.com/prod/")], URL),
        (&[("ApiURL", "api.example.com/a/b/c/d")], URL),
        (
            &[("ReplicaRegions", "us-east-1,eu-west-1,ap-south-1,sa-east-1")],
            "Parameter ReplicaRegions failed to satisfy constraint: up to three Regions with commas, as in us-east-1,ap-southeast-2",
        ),
        (
            &[("ApiStage", "$default")],
            "Parameter ApiStage failed to satisfy constraint: the name of a stage; empty for the stage $default of an HTTP API",
        ),
        (
            &[("Timestamp", "2026-11-22T06:04:05Z")],
            "Parameter Timestamp failed to satisfy constraint: letters, digits and hyphens, because it becomes a part of names",
        ),
        (
            &[("SignerVersionArn", "arn:aws:lambda:us-east-1:123456789012:function:signer:$LATEST")],
            "Parameter SignerVersionArn failed to satisfy constraint: a numbered version in us-east-1, like edge.yaml's output \
            SignerVersionArn",
        ),
        (
            &[("CertificateArn", "arn:aws:acm:eu-west-1:123456789012:certificate/1")],
            "Parameter CertificateArn failed to satisfy constraint: CloudFront accepts only certificates of us-east-1",
        ),
    ] {
        assert_eq!(api_refusal(parameters), reason);
    }
}

/// The API is found by its URL alone, as in the article, or by more parameters if the URL is not enough.
#[test]
fn every_kind_of_api_is_found() {
    let host = "abc123.execute-api.eu-west-1.amazonaws.com";
    let rest = |id: Value, stage: Value| json!([{"ApiId": id, "Stage": stage}]);
    for (parameters, domain, path, stages) in [
        (&[][..], json!(host), json!("/prod"), rest(json!("abc123"), json!("prod"))),
        (REST_CUSTOM, json!("api.example.com"), json!("/v1"), rest(json!("xyz789"), json!("live"))),
        (
            &[("ApiURL", "api.example.com"), ("ApiId", "xyz789"), ("ApiStage", "live")],
            json!("api.example.com"),
            json!(""),
            rest(json!("xyz789"), json!("live")),
        ),
        (
            &[("ApiURL", "api.example.com/orders/v1"), ("ApiId", "xyz789"), ("ApiStage", "live")],
            json!("api.example.com"),
            json!("/orders/v1"),
            rest(json!("xyz789"), json!("live")),
        ),
        (
            &[("ApiURL", "api.example.com/orders/v1/items"), ("ApiId", "xyz789"), ("ApiStage", "live")],
            json!("api.example.com"),
            json!("/orders/v1/items"),
            rest(json!("xyz789"), json!("live")),
        ),
        (HTTP_CUSTOM, json!("api.example.com"), json!("/v1"), Value::Null),
        (HTTP_API, json!(host), json!(""), Value::Null),
        (WEBSOCKET_API, json!(host), json!("/prod"), rest(json!("abc123"), json!("prod"))),
        (WEBSOCKET_CUSTOM, json!("api.example.com"), json!("/chat"), rest(json!("xyz789"), json!("live"))),
    ] {
        let parameters = [&[("AWS::Region", "eu-west-1")], parameters].concat();
        let stack = api(&parameters);
        let origin = "/Properties/DistributionConfig/Origins/0";
        let rows = [
            ("CFDistribution", &*format!("{origin}/DomainName"), domain),
            ("CFDistribution", &format!("{origin}/OriginPath"), path),
        ];
        check(&stack, &rows);
        let plan = stack.resources().get("ApiUsagePlan").map_or(&Value::Null, |plan| &plan["Properties"]["ApiStages"]);
        assert_eq!(*plan, stages, "{parameters:?}");
    }
}

/// The edges need minutes to cover every body, the authorizer seconds to refuse a body that is not covered: so the
/// edges change first.
#[test]
fn bodies_can_be_covered_before_the_authorizer_asks_for_it() {
    let asks = "/Properties/Environment/Variables/COUNTERSIGN_BODY";
    for (choice, edge, authorizer) in [
        (&[][..], "digest", "digest"),
        (&[("BodyDigest", "digest")], "digest", "digest"),
        (&[("BodyDigest", "ignore")], "ignore", "ignore"),
        (&[("BodyDigest", "require-at-edge")], "require", "digest"),
        (&[("BodyDigest", "require")], "require", "require"),
    ] {
        for kind in [&[][..], HTTP_API, REST_CUSTOM] {
            let stack = api(&[kind, choice].concat());
            assert_eq!(custom_header(&stack, "countersign-body"), Some(json!(edge)), "{choice:?}");
            check(&stack, &[("Authorizer", asks, json!(authorizer))]);
        }
    }
}

#[test]
fn a_result_is_never_kept_and_identity_sources_are_for_enforce_mode() {
    // The one source: were a result kept after all, it would be kept under a MAC.
    let rest = "method.request.header.Countersign-Signature";
    let http = json!(["$request.header.Countersign-Signature"]);
    // In monitor mode what no request lacks: an update takes no property away, it only changes one.
    let (any, any_http) = (json!("context.identity.sourceIp"), json!(["$context.identity.sourceIp"]));
    let socket = json!(["route.request.header.Countersign-Signature"]);
    let any_socket = json!(["context.identity.sourceIp"]);
    for (mode, rest, http, socket) in [("enforce", json!(rest), http, socket), ("monitor", any, any_http, any_socket)] {
        let rows = [
            ("RestAuthorizer", "/Properties/Type", json!("REQUEST")),
            ("RestAuthorizer", "/Properties/AuthorizerResultTtlInSeconds", json!(0)),
            ("RestAuthorizer", "/Properties/IdentitySource", rest),
            ("Authorizer", "/Properties/Environment/Variables/COUNTERSIGN_MODE", json!(mode)),
        ];
        check(&api(&[("Mode", mode)]), &rows);
        let rows = [
            ("HttpAuthorizer", "/Properties/AuthorizerType", json!("REQUEST")),
            ("HttpAuthorizer", "/Properties/AuthorizerResultTtlInSeconds", json!(0)),
            ("HttpAuthorizer", "/Properties/AuthorizerPayloadFormatVersion", json!("2.0")),
            ("HttpAuthorizer", "/Properties/EnableSimpleResponses", json!(true)),
            ("HttpAuthorizer", "/Properties/IdentitySource", http),
        ];
        check(&api(&[HTTP_API, &[("Mode", mode)]].concat()), &rows);
        // A WebSocket API keeps no results, and its authorizer takes none of the settings of an HTTP API's.
        let rows = [
            ("WebSocketAuthorizer", "/Properties/AuthorizerType", json!("REQUEST")),
            ("WebSocketAuthorizer", "/Properties/AuthorizerResultTtlInSeconds", Value::Null),
            ("WebSocketAuthorizer", "/Properties/AuthorizerPayloadFormatVersion", Value::Null),
            ("WebSocketAuthorizer", "/Properties/EnableSimpleResponses", Value::Null),
            ("WebSocketAuthorizer", "/Properties/IdentitySource", socket),
        ];
        check(&api(&[WEBSOCKET_API, &[("Mode", mode)]].concat()), &rows);
    }
    for stack in every_api() {
        let authorizers = ["RestAuthorizer", "HttpAuthorizer", "WebSocketAuthorizer"]
            .map(|name| Some((name, stack.resources().get(name)?)));
        let [(name, one)] = authorizers.into_iter().flatten().collect::<Vec<_>>()[..] else {
            panic!("not one authorizer")
        };
        let of_kind = if name == "WebSocketAuthorizer" { Value::Null } else { json!(0) };
        assert_eq!(one["Properties"]["AuthorizerResultTtlInSeconds"], of_kind);
        assert_eq!(stack.value()["Outputs"]["AuthorizerId"]["Value"], json!({"Ref": name}));
        let source = &one["Properties"]["IdentitySource"];
        let told = &stack.value()["Outputs"]["IdentitySource"]["Value"];
        assert!(source == told || *source == json!([told]), "{source} is not {told}");
        let uri = text(&one["Properties"]["AuthorizerUri"]);
        assert!(uri.ends_with(":function:${Authorizer}/invocations"), "{uri}");
    }
}

/// Authorizers of an HTTP API that do not take simple answers get policies; then so does the stack's own.
#[test]
fn the_answer_is_what_the_stacks_own_authorizer_expects() {
    let answer = "/Properties/Environment/Variables/COUNTERSIGN_ANSWER";
    for (choice, variable, simple) in [
        (&[][..], Value::Null, true),
        (&[("AuthorizerAnswer", "simple")], Value::Null, true),
        (&[("AuthorizerAnswer", "policy")], json!("policy"), false),
    ] {
        for kind in [HTTP_API, HTTP_CUSTOM] {
            let rows = [
                ("Authorizer", answer, variable.clone()),
                ("HttpAuthorizer", "/Properties/EnableSimpleResponses", json!(simple)),
            ];
            check(&api(&[kind, choice].concat()), &rows);
        }
    }
}

/// Nothing of it is set where nothing is asked for: then the function is as it was before there were these parameters.
#[test]
fn what_follows_the_signature_is_set_and_permitted_only_where_it_is_given() {
    let of = |stack: &Template| {
        let variables = stack.resource("Authorizer")["Properties"]["Environment"]["Variables"].clone();
        let of_checks =
            |name: &str| ["_THEN", "_JWT", "_NEXT"].iter().any(|part| name.starts_with(&format!("COUNTERSIGN{part}")));
        let variables = variables.as_object().unwrap().iter().filter(|(name, _)| of_checks(name));
        let variables: Vec<_> = variables.map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
        let document = "/Properties/Policies/0/PolicyDocument/Statement";
        let statements = stack.resource("AuthorizerRole").pointer(document).unwrap().as_array().unwrap();
        let invokes = statements.iter().filter(|statement| statement.to_string().contains("lambda:")).cloned();
        (variables, invokes.collect::<Vec<_>>())
    };
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:own:live";
    let invokes = vec![json!({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn})];
    let jwt = ["COUNTERSIGN_JWT=https://issuer.example/;audience=pets", "COUNTERSIGN_JWT_MODE=enforce"];
    let next = [
        "COUNTERSIGN_NEXT_AUTHORIZER=arn:aws:lambda:eu-west-1:123456789012:function:own:live",
        "COUNTERSIGN_NEXT_MODE=enforce",
        "COUNTERSIGN_NEXT_PAYLOAD=same",
    ];
    for (given, expected, permitted) in [
        (&[][..], vec![], vec![]),
        // They belong to a check that is not given.
        (
            &[("JwtClaims", "email"), ("JwtMode", "monitor"), ("NextIdentity", "x"), ("NextMode", "monitor")],
            vec![],
            vec![],
        ),
        (&[JWT], jwt.to_vec(), vec![]),
        (
            &[JWT, ("JwtClaims", "email,cognito:groups"), ("JwtMode", "monitor")],
            vec![
                "COUNTERSIGN_JWT=https://issuer.example/;audience=pets",
                "COUNTERSIGN_JWT_CLAIMS=email,cognito:groups",
                "COUNTERSIGN_JWT_MODE=monitor",
            ],
            vec![],
        ),
        (&[NEXT], next.to_vec(), invokes.clone()),
        (
            &[
                NEXT,
                JWT,
                ("Then", "GET /pets/{id}=jwt(read),*=lambda"),
                ("NextPayload", "token"),
                ("NextIdentity", "method.request.header.X-Token"),
            ],
            [
                &jwt[..],
                &next[..2],
                &["COUNTERSIGN_NEXT_IDENTITY=method.request.header.X-Token", "COUNTERSIGN_NEXT_PAYLOAD=token"],
                &["COUNTERSIGN_THEN=GET /pets/{id}=jwt(read),*=lambda"],
            ]
            .concat(),
            invokes,
        ),
    ] {
        let (mut variables, statements) = of(&api(given));
        let mut expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
        variables.sort();
        expected.sort();
        assert_eq!((variables, statements), (expected, permitted), "{given:?}");
    }
}

/// What the function would not start with, or what a person did not mean.
#[test]
fn a_wrong_form_of_a_check_is_refused_before_anything_changes() {
    for (name, good, wrong) in [
        (
            "Then",
            &[
                "lambda",
                "jwt",
                "jwt(read write)",
                "*=jwt(https://graph.example/.default)",
                "GET /pets/{id}=jwt(read),$default=lambda, ANY /{proxy+} /public/*=none,*=none",
            ][..],
            &[
                "Lambda",
                "jwt()",
                "GET /pets",
                "GET /pets=",
                "GET /pets=iam",
                "get /pets=jwt",
                "*=jwt,",
                "jwt;none",
                "*=jwt(a",
                "*=jwt(\"a\")",
            ][..],
        ),
        (
            "Jwt",
            &[
                "https://issuer.example;audience=pets",
                "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC;client-id=1h57|2k68;token-use=access",
                "https://a.example/;audience=api://pets,https://b.example/realms/x;audience=b;jwks=https://b.example/keys",
            ],
            &[
                "https://issuer.example",
                "http://issuer.example;audience=pets",
                "issuer.example;audience=pets",
                "https://issuer.example;aud=pets",
                "https://issuer.example;audience=",
                "https://issuer.example;audience=pets,",
                "https://issuer.example; audience=pets",
            ],
        ),
        ("JwtClaims", &["email,cognito:groups,https://x/roles"], &["a b", "a\"b"]),
        (
            "NextAuthorizerArn",
            &[
                "arn:aws:lambda:eu-west-1:123456789012:function:own",
                "arn:aws:lambda:eu-west-1:123456789012:function:own:7",
            ],
            &[
                "own",
                "arn:aws:lambda:eu-west-1:123456789012:function:*",
                "arn:aws:lambda:eu-west-1:123456789012:function:own:*",
                "arn:aws:lambda:eu-west-1:123456789012:layer:own:7",
            ],
        ),
        ("NextIdentity", &["$request.header.Authorization,$context.identity.sourceIp"], &["Authorization: x", "a b"]),
    ] {
        let with = |value| match name {
            "Then" => vec![JWT, NEXT, (name, value)],
            _ => vec![(name, value)],
        };
        good.iter().for_each(|good| drop(api(&with(good))));
        for wrong in wrong {
            let refusal = api_refusal(&with(wrong));
            assert!(
                refusal.starts_with(&format!("Parameter {name} failed to satisfy constraint")),
                "{wrong}: {refusal}"
            );
        }
    }
}

#[test]
fn both_programs_run_where_they_were_built_for() {
    for architecture in ["x86_64", "arm64"] {
        let stack = api(&[("Architecture", architecture)]);
        for (function, zip) in [("Authorizer", "authorizer"), ("RotateApiKeysFunction", "rotator")] {
            let rows = [
                (function, "/Properties/Runtime", json!("provided.al2023")),
                (function, "/Properties/Handler", json!("bootstrap")),
                (function, "/Properties/Architectures", json!([architecture])),
                (function, "/Properties/Code", json!(format!("../dist/{zip}.zip"))),
            ];
            check(&stack, &rows);
        }
    }
    // An HTTP API waits for ten seconds.
    assert!(api(&[]).resource("Authorizer")["Properties"]["Timeout"].as_u64().unwrap() <= 10);
}

/// The authorizer's and the rotator's own readers take what the template gives them.
#[test]
fn the_programs_take_their_environment() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:SigningSecret-AbC123-dEf456";
    let words = ["digest", "ignore", "require-at-edge", "require"].map(|word| api(&[("BodyDigest", word)]));
    let mappings =
        "api.example.com=xyz789/$default,api.example.com/a/(b)!/c/d=xyz789/live_1,api.example.com/k/v=xyz789/live/k/v";
    let listed = api(&[HTTP_CUSTOM, &[("BasePaths", mappings)]].concat());
    let policies = api(&[HTTP_API, &[("AuthorizerAnswer", "policy")]].concat());
    let default_stage = api(&[HTTP_CUSTOM, &[("ApiURL", "api.example.com/a.b/+c"), ("ApiStage", "")]].concat());
    let jwt = api(&[JWT, ("JwtClaims", "email"), ("JwtMode", "monitor")]);
    let next = api(&[NEXT, ("NextPayload", "token"), ("NextIdentity", "method.request.header.X-Token")]);
    let format_1 = api(&[HTTP_API, &[NEXT, ("NextPayload", "1.0"), ("AuthorizerAnswer", "policy")]].concat());
    let rows = api(&[JWT, NEXT, ("Then", "GET /pets/{id}=jwt(read),$default /admin/*=lambda,*=none")]);
    let second_checks = [&jwt, &next, &format_1, &rows];
    let others = [&listed, &policies, &default_stage].into_iter().chain(second_checks);
    for stack in every_api().iter().chain(&words).chain(others) {
        let variables = |function: &str| {
            let variables = stack.resource(function)["Properties"]["Environment"]["Variables"].clone();
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                reference => {
                    assert_eq!(*reference, json!({"Ref": "SigningSecret"}));
                    ARN.to_owned()
                }
            };
            let variables = variables.as_object().unwrap().iter();
            variables.map(|(name, value)| (name.into(), text(value).into())).collect::<Vec<_>>()
        };
        authorizer::AuthorizerConfig::read(variables("Authorizer")).unwrap();
        rotator::RotatorConfig::read(variables("RotateApiKeysFunction")).unwrap();
    }
}

/// CloudFormation regenerates the secret when a letter of this changes: every key in use would be removed, and every
/// request refused.
#[test]
fn the_first_key_is_made_by_a_block_that_never_changes() {
    const BLOCK: &str = r#"
      GenerateSecretString:
        SecretStringTemplate: !Sub
          - '{"kty":"oct","alg":"HS256","kid":"${Kid}","nbf":0,"exp":253402300799}'
          - Kid: !Select [2, !Split ["/", !Ref "AWS::StackId"]]
        GenerateStringKey: k
        PasswordLength: 64
        ExcludePunctuation: true
"#;
    let text = template("api.yaml");
    assert_eq!(text.matches(BLOCK).count(), 1, "put the block back as it was, byte for byte");
    let id = "51af3dc0-da77-11e4-872e-1234567db123";
    let stack_id = format!("arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/{id}");
    let stack = api(&[("AWS::StackId", &stack_id)]);
    let made_of = stack.resource("SigningSecret").pointer("/Properties/GenerateSecretString/SecretStringTemplate");
    let mut first: Value = serde_json::from_str(made_of.unwrap().as_str().unwrap()).unwrap();
    assert_eq!(first["kid"], id);
    // Any 64 letters and digits: no bit of them is spare.
    first["k"] = json!("Az09".repeat(16));
    let keys = signing::KeySet::from_json(&first.to_string()).unwrap();
    let now = signing::UnixSeconds::new(1_795_341_855);
    let key = keys.signing_key(now).unwrap();
    assert_eq!((key.id().as_str(), key.expires()), (id, signing::NEVER_EXPIRES));
}

#[test]
fn the_signing_secret_outlives_its_stack_and_only_edges_are_let_in() {
    let rows = [
        ("SigningSecret", "/DeletionPolicy", json!("RetainExceptOnCreate")),
        ("SigningSecret", "/UpdateReplacePolicy", json!("Retain")),
        ("SigningSecret", "/Properties/Name", Value::Null),
        ("SigningSecret", "/Properties/ReplicaRegions", Value::Null),
        ("SigningSecretPolicy", "/DeletionPolicy", json!("RetainExceptOnCreate")),
        ("SigningSecretPolicy", "/UpdateReplacePolicy", json!("Retain")),
        ("SigningSecretPolicy", "/Properties/SecretId", json!({"Ref": "SigningSecret"})),
        ("SigningSecretPolicy", "/Properties/BlockPublicPolicy", json!(true)),
        (
            "SigningSecretPolicy",
            "/Properties/ResourcePolicy/Statement",
            json!([{
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::123456789012:role/signer"},
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}},
            }]),
        ),
    ];
    check(&api(&[]), &rows);
    for regions in [&["us-east-1"][..], &["us-east-1", "ap-south-1"], &["us-east-1", "ap-south-1", "sa-east-1"]] {
        let together = regions.join(",");
        let stack = api(&[("ReplicaRegions", &together)]);
        let listed: Vec<_> = regions.iter().map(|region| json!({"Region": region})).collect();
        let rows = [
            ("SigningSecret", "/Properties/ReplicaRegions", json!(listed)),
            ("RotateApiKeysFunction", "/Properties/Environment/Variables/COUNTERSIGN_REGIONS", json!(together)),
        ];
        check(&stack, &rows);
        assert_eq!(custom_header(&stack, "countersign-regions"), Some(json!(together)));
    }
    assert_eq!(custom_header(&api(&[]), "countersign-regions"), None);
}

/// CloudFormation asks a resource for an attribute in every update that may need it, with the rights of who updates: the rotator's.
/// The name of a resource, its Ref, it knows.
#[test]
fn attributes_are_asked_only_of_what_the_rotator_may_look_at() {
    for stack in every_api() {
        let text = stack.value().to_string();
        let attributes = text.split(r#"{"Fn::GetAtt":["#).skip(1).map(|rest| rest.split(']').next().unwrap());
        let in_texts =
            text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap()).filter(|name| name.contains('.'));
        let asked: BTreeSet<_> = attributes.chain(in_texts).collect();
        let allowed = [r#""CFDistribution","DomainName""#];
        assert!(asked.iter().all(|one| allowed.contains(one)), "{asked:?}");
    }
}

/// The edges need minutes to send a new header, the authorizer seconds to ask for it: so on a live API the one comes before the other.
#[test]
fn the_header_can_be_sent_before_anybody_asks_for_it() {
    let asks = "/Properties/Environment/Variables/COUNTERSIGN_ORIGIN_HEADER";
    let prefix = json!("pets/origin-header");
    for (header, sent, asked, required) in
        [("false", false, Value::Null, "false"), ("send", true, Value::Null, "false"), ("true", true, prefix, "true")]
    {
        let stack = api(&[("OriginSecretHeader", header)]);
        assert_eq!(custom_header(&stack, "x-origin-verify").is_some(), sent, "{header}");
        assert_eq!(stack.resources().contains_key("OriginHeaderValue"), sent, "{header}");
        check(&stack, &[("Authorizer", asks, asked)]);
        assert_eq!(stack.value()["Outputs"]["OriginHeaderRequired"]["Value"], required, "{header}");
    }
}

/// The article put `Ref` of the key into the header, which is its id: CloudFront never sent a valid key.
#[test]
fn the_key_and_the_header_are_one_value() {
    for stack in [api(&[]), api(BOTH), api(REST_CUSTOM)] {
        let value = json!({"Fn::Sub": "{{resolve:secretsmanager:${ApiKeyValue}:SecretString}}"});
        check(
            &stack,
            &[("ApiKey", "/Properties/Value", value.clone()), ("ApiKey", "/Properties/Enabled", json!(true))],
        );
        assert_eq!(custom_header(&stack, "x-api-key"), Some(value));
    }
    let header = json!({"Fn::Sub": "2026-01-01.{{resolve:secretsmanager:${OriginHeaderValue}:SecretString}}"});
    assert_eq!(custom_header(&api(BOTH), "x-origin-verify"), Some(header));
    assert_eq!(custom_header(&api(&[]), "x-origin-verify"), None);
    assert_eq!(custom_header(&api(&[("UseApiKey", "false")]), "x-api-key"), None);
}

/// The resources that CloudFormation must replace or update for a new Timestamp, and those that it does not change.
#[test]
fn a_new_timestamp_touches_what_the_rotator_may_touch_and_nothing_else() {
    for (parameters, expected) in [
        (&[][..], &["ApiKey", "ApiKeyUsagePlan", "ApiKeyValue", "CFDistribution"][..]),
        (BOTH, &["ApiKey", "ApiKeyUsagePlan", "ApiKeyValue", "CFDistribution", "OriginHeaderValue"]),
        (&[("UseApiKey", "false"), BOTH[0]], &["CFDistribution", "OriginHeaderValue"]),
        (REST_CUSTOM, &["ApiKey", "ApiKeyUsagePlan", "ApiKeyValue", "CFDistribution"]),
        (&[("CorsAllowOrigins", "*")], &["ApiKey", "ApiKeyUsagePlan", "ApiKeyValue", "CFDistribution"]),
        (&[("UseApiKey", "false")], &[]),
        (&[("Distribution", "existing"), BOTH[0]], &[]),
    ] {
        let at = |timestamp| api(&[parameters, &[("Timestamp", timestamp)]].concat());
        let (before, after) = (at("2026-01-01"), at("2026-11-22T06-04-05Z"));
        assert_eq!(before.resources().keys().collect::<Vec<_>>(), after.resources().keys().collect::<Vec<_>>());
        let changed = after.resources().iter().filter(|(name, resource)| before.resource(name) != *resource);
        let mut touched: BTreeSet<_> = changed.map(|(name, _)| name.as_str()).collect();
        // A replaced resource has another id, and every resource that refers to it changes too. An updated resource
        // keeps its id.
        let replaced = |name: &str| name != "CFDistribution";
        loop {
            let refers = |text: &str| {
                touched.iter().any(|name| {
                    let forms = [format!(r#"{{"Ref":"{name}"}}"#), format!("${{{name}}}"), format!(r#"["{name}","#)];
                    replaced(name) && forms.iter().any(|form| text.contains(form))
                })
            };
            let more = after
                .resources()
                .iter()
                .filter(|(name, resource)| !touched.contains(name.as_str()) && refers(&resource.to_string()));
            let more: Vec<_> = more.map(|(name, _)| name.as_str()).collect();
            if more.is_empty() {
                break;
            }
            touched.extend(more);
        }
        assert_eq!(touched, expected.iter().copied().collect(), "{parameters:?}");
        let rotate =
            after.resource("RotateApiKeysFunction").pointer("/Properties/Environment/Variables/COUNTERSIGN_ROTATE");
        assert_eq!(rotate, Some(&json!(if expected.is_empty() { "secret" } else { "both" })));
        assert_eq!(after.resources().contains_key("RotateApiKeysStackPolicy"), !expected.is_empty());
    }
}

/// A secret's name, like a key's, is taken once in an account: only another name makes another value.
#[test]
fn the_names_follow_the_timestamp_where_the_distribution_does() {
    for (distribution, of) in [("new", "2026-11-22"), ("existing", "fixed")] {
        let parameters =
            [BOTH[0], ("Timestamp", "2026-11-22"), ("Distribution", distribution), ("AWS::StackName", "pets")];
        let rows = [
            ("ApiKeyValue", "/Properties/Name", json!(format!("pets/api-key/{of}/value"))),
            (
                "ApiKeyValue",
                "/Properties/GenerateSecretString",
                json!({"PasswordLength": 40, "ExcludePunctuation": true}),
            ),
            ("ApiKey", "/Properties/Name", json!(format!("CloudFront-pets-{of}"))),
            ("OriginHeaderValue", "/Properties/Name", json!(format!("pets/origin-header/{of}/value"))),
            (
                "OriginHeaderValue",
                "/Properties/GenerateSecretString",
                json!({"PasswordLength": 64, "ExcludePunctuation": true}),
            ),
            ("Authorizer", "/Properties/Environment/Variables/COUNTERSIGN_ORIGIN_HEADER", json!("pets/origin-header")),
        ];
        check(&api(&parameters), &rows);
    }
}

#[test]
fn throttle_and_quota_are_there_where_they_are_asked_for() {
    let plan = "ApiUsagePlan";
    let rows = [(plan, "/Properties/Throttle", Value::Null), (plan, "/Properties/Quota", Value::Null)];
    check(&api(&[]), &rows);
    let limits =
        [("ThrottleRateLimit", "100"), ("ThrottleBurstLimit", "20"), ("QuotaLimit", "5000"), ("QuotaPeriod", "DAY")];
    let rows = [
        (plan, "/Properties/Throttle", json!({"RateLimit": "100", "BurstLimit": "20"})),
        (plan, "/Properties/Quota", json!({"Limit": "5000", "Period": "DAY"})),
    ];
    check(&api(&limits), &rows);
    check(&api(&[("ThrottleBurstLimit", "20")]), &[(plan, "/Properties/Throttle", json!({"BurstLimit": "20"}))]);
    let key = [
        ("ApiKeyUsagePlan", "/Properties/KeyId", json!({"Ref": "ApiKey"})),
        ("ApiKeyUsagePlan", "/Properties/UsagePlanId", json!({"Ref": "ApiUsagePlan"})),
        ("ApiKeyUsagePlan", "/Properties/KeyType", json!("API_KEY")),
    ];
    check(&api(&[]), &key);
}
