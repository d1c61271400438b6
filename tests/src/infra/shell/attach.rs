//! The commands of `infra/attach.md`, on a REST API and a distribution, and on an HTTP API.

use crate::infra::shell::{
    blocks::{Block, blocks_of, find},
    machine::{Kind, Machine, curl, has_lines},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

const REGION: &str = "eu-west-1";

#[test]
fn the_commands_for_existing_apis_run_in_bash_with_version_1_of_the_command_line() {
    walk(Kind::BashAndCli1, "333333333333");
}

#[test]
fn the_commands_for_existing_apis_run_in_zsh_with_version_2_of_the_command_line() {
    walk(Kind::ZshAndCli2, "444444444444");
}

#[test]
fn the_commands_for_http_apis_run_in_bash_with_version_1_of_the_command_line() {
    http(Kind::BashAndCli1, "555555555555");
}

#[test]
fn the_commands_for_http_apis_run_in_zsh_with_version_2_of_the_command_line() {
    http(Kind::ZshAndCli2, "666666666666");
}

fn walk(kind: Kind, account: &str) {
    let blocks = blocks_of("attach.md", "sh");
    let mut machine = Machine::new(kind, account);
    let api = deploy(&mut machine);

    let settings = &blocks[0];
    let printed = machine.succeeds_with(settings, &[("API_ID", &api)]);
    assert!(printed.contains(account) && printed.contains("AuthorizerId="), "{printed}");

    rest(&mut machine, &blocks, &api);
    beside_another(&mut machine, &blocks, &api);
    enforced(&mut machine, &blocks);
    distribution(&mut machine, &blocks);
    keys(&mut machine, &blocks);
    machine.has_done(blocks.iter().filter(|block| !is_for_http(block) && !is_for_websocket(block)));
}

fn is_for_http(block: &Block) -> bool {
    block.text.contains("aws apigatewayv2") && !block.text.contains("deploy_api() (") && !is_for_websocket(block)
}

/// `shell::websocket` runs these.
pub(crate) fn is_for_websocket(block: &Block) -> bool {
    ["$connect", "aws apigatewaymanagementapi", "connects() ("].iter().any(|part| block.text.contains(part))
}

/// The stacks that the document begins with: the edge, an API that is open, and api.yaml in monitor mode. Returns the API's id.
fn deploy(machine: &mut Machine) -> String {
    machine.package();
    machine.succeeds(&blocks_of("README.md", "sh")[0]);
    machine.succeeds(find(&blocks_of("README.md", "sh"), "s3 mb"));
    machine.types("deploy edge.yaml countersign-edge us-east-1 file://dist/edge-parameters.json");
    machine.types("deploy example.yaml existing eu-west-1");
    machine.types("EDGE=$(outputs countersign-edge us-east-1) API=$(outputs existing)");
    machine.types(
        "deploy api.yaml pets-countersign eu-west-1 \"$EDGE\" \"$API\" Distribution=existing OriginSecretHeader=true",
    );
    machine.types("output ApiURL existing").split('.').next().unwrap().to_owned()
}

fn rest(machine: &mut Machine, blocks: &[Block], api: &str) {
    let attach = find(blocks, "value=CUSTOM");
    let require = find(blocks, "create-request-validator");
    let before = deployment(machine, api);

    machine.types("API_ID=unknown");
    machine.fails(attach, "NotFoundException");
    machine.types("unset API_ID");
    machine.fails(attach, "API_ID");
    machine.types(&format!("API_ID={api}"));
    // AWS refuses the second of the methods.
    machine.answer(&json!([{"program": "aws", "has": ["update-method", "POST"], "err": "TooManyRequestsException\n", "status": 254}]));
    machine.fails(attach, "failed: POST /pets. Nothing was deployed");
    machine.calls();
    machine.answer(&json!([]));
    assert_eq!(deployment(machine, api), before, "nothing is deployed after a failure");

    let done = machine.succeeds(attach);
    assert!(done.contains("now attached: POST /pets") && done.contains(" 3 attached"), "{done}");
    let attached = deployment(machine, api);
    assert_ne!(attached, before);
    machine.fails(attach, &format!("no method of {api} is open: nothing was changed or deployed"));

    // A method that has an authorizer of its own, one that is open, and one that is listed with its reason.
    let root = machine.aws(REGION, &["apigateway", "get-resources", "--rest-api-id", api]);
    let root =
        root["items"].as_array().unwrap().iter().find(|resource| resource["path"] == "/pets").unwrap()["id"].clone();
    let root = root.as_str().unwrap();
    let put = |method: &str, kind: &str| {
        machine.aws(
            REGION,
            &[
                "apigateway",
                "put-method",
                "--rest-api-id",
                api,
                "--resource-id",
                root,
                "--http-method",
                method,
                "--authorization-type",
                kind,
            ],
        );
    };
    put("DELETE", "AWS_IAM");
    put("PUT", "NONE");
    put("HEAD", "NONE");
    machine.fails(attach, "these have an authorizer of their own: nothing was changed or deployed");
    machine.types("EXCEPT='DELETE /pets: signed by IAM\nHEAD /pets: the load balancer asks it'");
    let done = machine.succeeds(attach);
    assert!(done.contains(" 4 attached") && done.contains(" 2 excepted"), "{done}");
    machine.types("EXCEPT=");

    let done = machine.succeeds(require);
    has_lines(
        &done,
        &["required: GET /pets", "required: POST /pets", "required: GET /pets/{petId}", "required: PUT /pets"],
    );

    let close = find(blocks, "update-rest-api");
    assert!(machine.succeeds(close).ends_with("disableExecuteApiEndpoint is True"));
    let back = find(blocks, "path=/deploymentId");
    machine.fails(back, "DEPLOYMENT_ID: set it to the id of the deployment to return to");
    machine.types(&format!("DEPLOYMENT_ID={attached}"));
    machine.succeeds(back);
    assert_eq!(deployment(machine, api), attached);
}

/// The parameters of what follows the signature, and the methods that change from one authorizer to another and back.
fn beside_another(machine: &mut Machine, blocks: &[Block], api: &str) {
    let set = find(blocks, "SETTINGS");
    machine.fails(set, "SETTINGS: set it to parameters of the stack, NAME=VALUE, one a line");
    machine.types("SETTINGS='NextAuthorizer=x'");
    machine.fails(set, "the stack has no parameter NextAuthorizer");
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:own";
    machine.types(&format!("SETTINGS='NextAuthorizerArn={arn}\nNextPayload=token\n'"));
    let done = machine.succeeds(set);
    let settings: Vec<_> = done.lines().skip(1).collect();
    assert_eq!(settings.len(), 2, "{done}");
    has_lines(&done, &[&format!("NextAuthorizerArn={arn}"), "NextPayload=token"]);

    let start = find(blocks, "--log-type Tail");
    let says = |machine: &Machine, line: &str| {
        let log = STANDARD.encode(format!("START RequestId: 1\n{line}\nEND RequestId: 1\n"));
        machine.answer(&json!([{"program": "aws", "has": ["invoke", "--log-type"], "out": format!("{log}\n")}]));
    };
    says(machine, r#"{"level":"ERROR","event":"function-not-started","detail":"COUNTERSIGN_THEN has a wrong row"}"#);
    let printed = machine.fails(start, "has not started");
    has_lines(&printed, &["function-not-started COUNTERSIGN_THEN has a wrong row"]);
    says(machine, r#"{"level":"ERROR","event":"event-unreadable","detail":"not an event"}"#);
    assert!(machine.succeeds(start).ends_with(" has started"));
    machine.calls();
    machine.answer(&json!([]));

    let change = find(blocks, "type=$kind");
    machine.types("unset FROM TO");
    machine.fails(change, "FROM: set it to the id of the present authorizer");
    let own = |kind: &str, more: &[&str]| {
        let call = ["apigateway", "create-authorizer", "--rest-api-id", api, "--name", kind, "--type", kind];
        let made = machine.aws(REGION, &[&call[..], more].concat());
        made["id"].as_str().unwrap().to_owned()
    };
    let pool = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbC";
    let source = "method.request.header.Authorization";
    let cognito = own("COGNITO_USER_POOLS", &["--provider-arns", pool, "--identity-source", source]);
    let before = deployment(machine, api);
    machine.types(&format!("FROM={cognito} TO=unknown"));
    machine.fails(change, "NotFoundException");
    machine.types("TO=$(output AuthorizerId)");
    machine.fails(change, &format!("no method of {api} has the authorizer {cognito}: nothing was changed or deployed"));
    assert_eq!(deployment(machine, api), before);
    machine.types(&format!("FROM=$TO TO={cognito}"));
    let done = machine.succeeds(change);
    has_lines(&done, &[&format!("{cognito}: GET /pets"), &format!("{cognito}: GET /pets/{{petId}}")]);
    assert_ne!(deployment(machine, api), before);
    let guards = |machine: &Machine| {
        let all = machine.aws(REGION, &["apigateway", "get-resources", "--rest-api-id", api, "--embed", "methods"]);
        let methods = all["items"].as_array().unwrap().iter().filter_map(|of| of["resourceMethods"].as_object());
        let methods = methods.flat_map(|methods| methods.values().cloned().collect::<Vec<_>>());
        let guards = methods.map(|method| (method["authorizationType"].clone(), method["authorizerId"].clone()));
        guards.filter(|(_, authorizer)| authorizer.is_string()).collect::<Vec<_>>()
    };
    let of_cognito = guards(machine);
    assert!(of_cognito.iter().all(|guard| *guard == (json!("COGNITO_USER_POOLS"), json!(cognito))), "{of_cognito:?}");
    machine.types(&format!("FROM={cognito} TO=$(output AuthorizerId)"));
    machine.succeeds(change);
    let ours = json!(machine.types("output AuthorizerId"));
    let again = guards(machine);
    assert_eq!(again, vec![(json!("CUSTOM"), ours); of_cognito.len()]);
}

fn enforced(machine: &mut Machine, blocks: &[Block]) {
    let would = find(blocks, "request-would-be-refused");
    assert_eq!(machine.succeeds(would), "nothing would have been refused in the last hour");
    let latest = find(blocks, "the last five minutes");
    machine.fails(latest, "the authorizer wrote nothing in the last five minutes");
    let follow = find(blocks, "CF_ID");
    machine.fails(follow, "CF_ID: set it to the x-amz-cf-id of the answer");
    // LocalStack reads no filter pattern: every line is found.
    machine.types("CF_ID=abc==");
    machine.fails(follow, "the authorizer has not seen abc== in the last hour");
    let line = r#"{"event":"request-would-be-refused","reason":"path","method":"GET","resource":"/pets","gateway_source_ip":"192.0.2.1","x_amz_cf_id":"abc=="}"#;
    let group = machine.types("output AuthorizerLogGroup");
    machine.writes_log(REGION, &group, &[line]);
    assert_eq!(machine.succeeds(would).trim(), "1 path GET /pets 192.0.2.1");
    assert_eq!(machine.succeeds(follow), line);
    assert!(machine.succeeds(latest).contains("request-would-be-refused\tpath"));

    let enforce = machine.succeeds(find(blocks, "set_mode enforce"));
    assert!(enforce.contains("stack pets-countersign: Mode=enforce\n"), "{enforce}");

    let check = find(blocks, "expect '403' \"$BACK\" -H");
    machine.fails(check, "FRONT: set it to a URL at CloudFront");
    machine.types("FRONT=https://d111111abcdef8.cloudfront.net/pets BACK=https://abc123.execute-api.eu-west-1.amazonaws.com/prod/pets");
    let (front, back) =
        ("https://d111111abcdef8.cloudfront.net/pets", "https://abc123.execute-api.eu-west-1.amazonaws.com/prod/pets");
    let twice = back.replace("/pets", "//pets");
    let (slash, escape) = (format!("{back}/"), format!("{back}%2F"));
    let answer = |post: &str, slashed: &str| {
        json!([
            {"program": "curl", "has": ["-X", "POST"], "out": post}, {"program": "curl", "has": [front], "out": "200"},
            {"program": "curl", "has": ["-H"], "out": "403"}, {"program": "curl", "has": [back], "out": "401"},
            {"program": "curl", "has": [slash], "out": slashed}, {"program": "curl", "has": [twice], "out": "404"},
            {"program": "curl", "has": [escape], "out": "403"},
        ])
    };
    machine.answer(&answer("405", "404"));
    machine.succeeds(check);
    let headers = ["-H", "Countersign-Signature-Input: x", "-H", "Countersign-Signature: x"];
    assert_eq!(
        machine.calls(),
        [
            curl(&[front]),
            curl(&[back]),
            curl(&[&[back], &headers[..]].concat()),
            curl(&[front, "-X", "POST", "-d", "{}"]),
            curl(&[&slash]),
            curl(&[&twice]),
            curl(&[&escape]),
        ]
    );
    machine.answer(&answer("403", "404"));
    machine.fails(check, "expected: [25]..");
    machine.answer(&answer("200", "200"));
    machine.fails(check, "expected: 401|403|404");
    machine.calls();
    machine.answer(&json!([]));
}

fn distribution(machine: &mut Machine, blocks: &[Block]) {
    let (compare, update) = (find(blocks, "cat > sign.jq"), find(blocks, "distribution-deployed"));
    machine.fails(update, "before.json");
    let id = machine.makes_a_distribution();
    machine.types("DISTRIBUTION=");
    machine.fails(compare, "DISTRIBUTION: set it to the id of the distribution");
    machine.types(&format!("DISTRIBUTION={id}"));
    let shown = machine.succeeds(compare);
    has_lines(
        &shown,
        &[
            "header: countersign-secret",
            "header: countersign-api",
            "header: countersign-mode",
            "header: countersign-body",
            "header: x-api-key",
            "header: x-origin-verify",
        ],
    );
    assert!(shown.contains("4135ea2d-6df8-44a3-9df3-4b5a84be39ad"), "{shown}");
    let key = machine.types("aws secretsmanager get-secret-value --secret-id \"$(output ApiKeySecretArn)\" --query SecretString --output text");
    assert!(!shown.contains(&key), "the secret is printed");

    assert!(machine.succeeds(update).ends_with(&format!("{id}: Deployed")));
    let now = machine.aws("us-east-1", &["cloudfront", "get-distribution-config", "--id", &id]);
    let origin = &now["DistributionConfig"]["Origins"]["Items"][0];
    let header = |name: &str| {
        let headers = origin["CustomHeaders"]["Items"].as_array().unwrap();
        headers.iter().find(|header| header["HeaderName"] == name).map(|header| header["HeaderValue"].clone())
    };
    assert_eq!(header("countersign-secret"), Some(json!(machine.types("output SigningSecretArn"))));
    assert_eq!(header("countersign-mode"), Some(json!("enforce")));
    assert_eq!(header("countersign-api"), Some(json!("rest")));
    assert_eq!(header("x-api-key"), Some(json!(key)));
}

fn keys(machine: &mut Machine, blocks: &[Block]) {
    let (make, disable) = (find(blocks, "create-api-key"), find(blocks, "path=/enabled"));
    let made = machine.succeeds(make);
    let new = made.lines().last().unwrap().to_owned();
    let ids = made.lines().filter_map(|line| line.split_once('\t').map(|(id, _)| id));
    let old = ids.filter(|id| !new.ends_with(id)).collect::<Vec<_>>();
    let [old] = old.as_slice() else { panic!("{made}") };
    machine.fails(disable, "OLD_KEY_ID: set it to the id of the old key");
    machine.types(&new);
    machine.types("OLD_KEY_ID=$NEW_KEY_ID");
    machine.fails(disable, "this is the new key");
    machine.types(&format!("OLD_KEY_ID={old}"));
    assert_eq!(machine.succeeds(disable), format!("key {old}: enabled=False"));
    // The new key is what the distribution gets next.
    let compare = find(blocks, "cat > sign.jq");
    machine.succeeds(compare);
    let after = machine.types(
        "jq -r '.Origins.Items[].CustomHeaders.Items[] | select(.HeaderName == \"x-api-key\").HeaderValue' after.json",
    );
    let value = machine
        .types("aws apigateway get-api-key --api-key \"$NEW_KEY_ID\" --include-value --query value --output text");
    assert_eq!(after, value);
}

/// LocalStack has no HTTP APIs and makes no authorizers of them: the API is moto's, and the stack has only the outputs.
fn http(kind: Kind, account: &str) {
    let blocks = blocks_of("attach.md", "sh");
    let block = |part| find(&blocks, part);
    let (attach, close) = (block("now attached: $name"), block("apigatewayv2 update-api"));
    let (list, set) = (block("get-integrations"), block("= '$context.authorizer"));
    let unset = block("\"overwrite:path\": \"\"");
    let mut machine = Machine::new(kind, account);
    let call = |line: &str| {
        let words = shlex::split(line).unwrap();
        machine.aws(REGION, &[vec!["apigatewayv2"], words.iter().map(String::as_str).collect()].concat())
    };
    let api = call("create-api --name http --protocol-type HTTP")["ApiId"].as_str().unwrap().to_owned();
    let authorizer = call(&format!(
        "create-authorizer --api-id {api} --authorizer-type REQUEST --name Countersign \
         --identity-source '$request.header.Countersign-Signature' --authorizer-payload-format-version 2.0"
    ));
    let authorizer = authorizer["AuthorizerId"].as_str().unwrap().to_owned();
    let tokens = call(&format!(
        "create-authorizer --api-id {api} --authorizer-type JWT --name Tokens --identity-source \
         '$request.header.Authorization' --jwt-configuration Audience=pets,Issuer=https://issuer.example"
    ));
    let tokens = tokens["AuthorizerId"].as_str().unwrap().to_owned();
    call(&format!("create-route --api-id {api} --route-key 'GET /pets'"));
    call(&format!("create-route --api-id {api} --route-key '$default'"));
    call(&format!("create-stage --api-id {api} --stage-name '$default' --auto-deploy"));
    call(&format!("create-stage --api-id {api} --stage-name live --no-auto-deploy"));
    let integration = call(&format!(
        "create-integration --api-id {api} --integration-type HTTP_PROXY --integration-uri https://example.com"
    ));
    let integration = integration["IntegrationId"].as_str().unwrap().to_owned();
    machine.stub("pets-countersign", &json!({"AuthorizerId": authorizer, "ApiKind": "HTTP"}));

    machine.succeeds_with(&blocks[0], &[("API_ID", "unknown"), ("STAGE", "$default")]);
    machine.fails(attach, "NotFoundException");
    machine.types(&format!("API_ID={api}"));
    machine.answer(
        &json!([{"program": "aws", "has": ["update-route"], "err": "TooManyRequestsException\n", "status": 254}]),
    );
    machine.fails(attach, "Nothing was deployed");
    machine.calls();
    machine.answer(&json!([]));
    let done = machine.succeeds(attach);
    assert!(
        done.contains(" 2 attached") && done.ends_with(&format!("stage $default of {api} deploys by itself")),
        "{done}"
    );
    let routes = machine.aws(REGION, &["apigatewayv2", "get-routes", "--api-id", &api]);
    assert!(
        routes["Items"].as_array().unwrap().iter().all(|route| route["AuthorizerId"] == json!(authorizer)),
        "{routes}"
    );
    machine.fails(attach, &format!("no route of {api} is open: nothing was changed or deployed"));

    let change = block("type=JWT");
    machine.types(&format!("FROM={tokens} TO={authorizer}"));
    machine.fails(change, &format!("no route of {api} has the authorizer {tokens}: nothing was changed or deployed"));
    machine.types(&format!("FROM={authorizer} TO={tokens}"));
    let done = machine.succeeds(change);
    assert!(done.contains(&format!("{tokens}: ")) && done.contains("GET /pets"), "{done}");
    let guard = |machine: &Machine| {
        let routes = machine.aws(REGION, &["apigatewayv2", "get-routes", "--api-id", &api]);
        let routes = routes["Items"].as_array().unwrap().clone();
        let of = |route: &Value| (route["AuthorizationType"].clone(), route["AuthorizerId"].clone());
        routes.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(guard(&machine), vec![(json!("JWT"), json!(tokens)); 2]);
    machine.types(&format!("FROM={tokens} TO={authorizer}"));
    machine.succeeds(change);
    assert_eq!(guard(&machine), vec![(json!("CUSTOM"), json!(authorizer)); 2]);

    assert!(machine.succeeds(list).starts_with(&integration));
    machine.fails(set, "INTEGRATION_ID: set it to the id of the integration");
    machine.types(&format!("INTEGRATION_ID={integration}"));
    machine.succeeds(set);
    machine.succeeds(unset);
    assert!(machine.succeeds(close).ends_with("DisableExecuteApiEndpoint is True"));

    own_authorizer(&mut machine, &blocks, &api, &authorizer);
    custom_domain(&mut machine, &blocks, &api);

    // A stage that does not deploy by itself, which moto does not know.
    machine.types("STAGE=live");
    machine.answer(&json!([
        {"program": "aws", "has": ["create-deployment"], "out": "d1\n"},
        {"program": "aws", "has": ["get-stage", "DeploymentId"], "out": "d1\n"},
    ]));
    assert_eq!(machine.types("deploy_api"), format!("stage live of {api}: deployment d1"));
    let calls = machine.calls();
    assert_eq!(calls[0][..7], ["aws", "apigatewayv2", "create-deployment", "--api-id", &api, "--stage-name", "live"]);
    machine.answer(&json!([]));
    machine.has_done(blocks.iter().filter(|block| is_for_http(block)));
}

/// The stack's authorizer stands for one that another tool made.
fn own_authorizer(machine: &mut Machine, blocks: &[Block], api: &str, authorizer: &str) {
    let (list, change) = (find(blocks, "get-authorizers"), find(blocks, "OWN_AUTHORIZER"));
    // moto has no list of authorizers. This is one of CDK's.
    let of_cdk = json!({"Items": [
        {"AuthorizerId": authorizer, "Name": "Own", "AuthorizerPayloadFormatVersion": "1.0", "AuthorizerResultTtlInSeconds": 300},
        {"AuthorizerId": "jwt1", "Name": "Tokens"}]});
    machine.answer(&json!([{"program": "aws", "has": ["get-authorizers"], "out": of_cdk.to_string()}]));
    has_lines(
        &machine.succeeds(list),
        &[
            &format!("{authorizer}\tOwn\tpayload 1.0\tsimple responses false\tTTL 300"),
            "jwt1\tTokens\tpayload -\tsimple responses false\tTTL -",
        ],
    );
    machine.answer(&json!([{"program": "aws", "has": ["get-authorizers"], "out": "{\"Items\": []}"}]));
    machine.fails(list, &format!("API {api} has no authorizers"));
    machine.calls();
    machine.answer(&json!([]));
    machine.fails(change, "OWN_AUTHORIZER: set it to the id of your authorizer");
    machine.types(&format!("OWN_AUTHORIZER={authorizer}"));
    let changed = machine.succeeds(change);
    assert!(changed.ends_with(&format!("authorizer {authorizer}: payload 2.0, simple responses")), "{changed}");
}

/// What a domain has is printed as the list says it.
fn custom_domain(machine: &mut Machine, blocks: &[Block], api: &str) {
    let (mappings, rules) = (find(blocks, "get-api-mappings"), find(blocks, "list-routing-rules"));
    machine.fails(mappings, "DOMAIN: set it to the custom domain");
    machine.fails(rules, "DOMAIN: set it to the custom domain");
    let certificate = "CertificateArn=arn:aws:acm:eu-west-1:123456789012:certificate/1,EndpointType=REGIONAL";
    // moto has one such domain for all accounts.
    let domain = format!("{api}.example.com");
    let make = |call: &[&str]| machine.aws(REGION, &[&["apigatewayv2"], call].concat());
    make(&["create-domain-name", "--domain-name", &domain, "--domain-name-configurations", certificate]);
    for (key, stage) in [("orders/v1", "$default"), ("v2", "live")] {
        let place = ["--domain-name", &domain, "--api-id", api, "--stage", stage, "--api-mapping-key", key];
        make(&[&["create-api-mapping"], &place[..]].concat());
    }
    machine.types(&format!("DOMAIN={domain}"));
    let printed = machine.succeeds(mappings);
    let mut printed: Vec<_> = printed.lines().collect();
    printed.sort_unstable();
    assert_eq!(printed, [format!("{domain}/orders/v1={api}/$default"), format!("{domain}/v2={api}/live")]);

    // moto has no routing rules. The members are those of the command line's own model of the answer.
    let invoke =
        |stage: &str, strip: bool| json!([{"InvokeApi": {"ApiId": "abc123", "Stage": stage, "StripBasePath": strip}}]);
    let beta = json!({"MatchHeaders": {"AnyOf": [{"Header": "x-version", "ValueGlob": "beta"}]}});
    let answer = json!({"RoutingRules": [
        {"Priority": 200, "Conditions": [{"MatchBasePaths": {"AnyOf": ["v2"]}}], "Actions": invoke("live", true)},
        {"Priority": 300, "Conditions": [], "Actions": invoke("prod", false)},
        {"Priority": 50, "Conditions": [{"MatchBasePaths": {"AnyOf": ["v1"]}}, beta], "Actions": invoke("beta", false)},
        {"Priority": 100, "Conditions": [{"MatchBasePaths": {"AnyOf": ["v1"]}}], "Actions": [{"InvokeApi": {"ApiId": "abc123", "Stage": "live"}}]},
    ]});
    machine.answer(&json!([{"program": "aws", "has": ["list-routing-rules"], "out": answer.to_string()}]));
    machine.types("DOMAIN=api.example.com");
    let printed = machine.succeeds(rules);
    let expected = [
        "api.example.com/v1=abc123/beta/v1  only with x-version: beta",
        "api.example.com/v1=abc123/live/v1",
        "api.example.com/v2=abc123/live",
        "api.example.com=abc123/prod",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    machine.calls();
    machine.answer(&json!([]));
}

fn deployment(machine: &Machine, api: &str) -> Value {
    machine.aws(REGION, &["apigateway", "get-stage", "--rest-api-id", api, "--stage-name", "prod"])["deploymentId"]
        .clone()
}
