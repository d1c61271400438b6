//! The commands of `infra/attach.md` for a WebSocket API.

use crate::{
    infra::shell::{
        attach::is_for_websocket,
        blocks::{Block, blocks_of, find},
        machine::{Kind, Machine},
    },
    support::moto::Moto,
};
use serde_json::{Value, json};

const REGION: &str = "eu-west-1";

#[test]
fn the_commands_for_websocket_apis_run_in_bash_with_version_1_of_the_command_line() {
    walk(Kind::BashAndCli1, "121212121212");
}

#[test]
fn the_commands_for_websocket_apis_run_in_zsh_with_version_2_of_the_command_line() {
    walk(Kind::ZshAndCli2, "343434343434");
}

/// LocalStack has no WebSocket APIs: the API is moto's, and the stack has only the outputs.
fn walk(kind: Kind, account: &str) {
    let blocks = blocks_of("attach.md", "sh");
    let block = |part| find(&blocks, part);
    let (attach, make, key) =
        (block("everybody may connect. Nothing"), block("--route-key '$connect'"), block("--api-key-required"));
    let mut machine = Machine::new(kind, account);
    let call = |machine: &Machine, line: &str| {
        let words = shlex::split(line).unwrap();
        machine.aws(REGION, &[vec!["apigatewayv2"], words.iter().map(String::as_str).collect()].concat())
    };
    let api = call(
        &machine,
        "create-api --name chat --protocol-type WEBSOCKET --route-selection-expression '$request.body.action'",
    );
    let api = api["ApiId"].as_str().unwrap().to_owned();
    let authorizer = call(
        &machine,
        &format!(
            "create-authorizer --api-id {api} --authorizer-type REQUEST --name Countersign \
             --identity-source route.request.header.Countersign-Signature"
        ),
    );
    let authorizer = authorizer["AuthorizerId"].as_str().unwrap().to_owned();
    call(&machine, &format!("create-route --api-id {api} --route-key '$default'"));
    call(&machine, &format!("create-stage --api-id {api} --stage-name prod --auto-deploy"));
    machine.stub(
        "pets-countersign",
        &json!({"AuthorizerId": authorizer, "ApiKind": "WEBSOCKET", "ApiKeyRequired": "true"}),
    );
    let routes = |machine: &Machine| {
        let routes = call(machine, &format!("get-routes --api-id {api}"))["Items"].as_array().unwrap().clone();
        let guard = |route: &Value| {
            (
                route["RouteKey"].as_str().unwrap().to_owned(),
                json!([route["AuthorizationType"], route["AuthorizerId"], route["ApiKeyRequired"]]),
            )
        };
        routes.iter().map(guard).collect::<std::collections::BTreeMap<_, _>>()
    };

    machine.succeeds_with(&blocks[0], &[("API_ID", "unknown"), ("STAGE", "prod")]);
    machine.fails(attach, "NotFoundException");
    machine.fails(make, "NotFoundException");
    machine.fails(key, "NotFoundException");
    machine.types(&format!("API_ID={api}"));
    machine.fails(
        attach,
        &format!("API {api} has no route $connect: everybody may connect. Nothing was changed or deployed"),
    );
    machine.fails(key, &format!("API {api} has no route $connect: nothing was changed or deployed"));
    let made = machine.succeeds(make);
    assert!(made.contains("\t$connect\tintegrations/"), "{made}");
    machine.fails(make, &format!("API {api} has $connect already: nothing was changed"));
    machine.answer(
        &json!([{"program": "aws", "has": ["update-route"], "err": "TooManyRequestsException\n", "status": 254}]),
    );
    machine.fails(attach, "TooManyRequestsException");
    machine.calls();
    machine.answer(&json!([]));
    let done = machine.succeeds(attach);
    assert_eq!(done, format!("$connect\tCUSTOM\t{authorizer}\nstage prod of {api} deploys by itself"));
    machine.fails(attach, &format!("$connect of API {api} is attached: nothing was changed or deployed"));
    let required = machine.succeeds(key);
    assert!(required.starts_with(&format!("$connect of API {api}: ApiKeyRequired=True\n")), "{required}");
    let guards = routes(&machine);
    assert_eq!(guards["$connect"], json!(["CUSTOM", authorizer, true]));
    // Messages have no authorizer.
    assert_eq!(guards["$default"], json!(["NONE", null, false]));

    // Another authorizer at the route.
    machine.stub(
        "pets-countersign-other",
        &json!({"AuthorizerId": "another", "ApiKind": "WEBSOCKET", "ApiKeyRequired": "false"}),
    );
    machine.types("STACK=pets-countersign-other");
    machine
        .fails(attach, &format!("$connect of API {api} has an authorizer of its own: nothing was changed or deployed"));
    machine.fails(key, "stack pets-countersign-other has no API key: nothing was changed or deployed");
    machine.types("STACK=pets-countersign");

    connections(&mut machine, &blocks, &api);
    check(&mut machine, &blocks);
    machine.has_done(blocks.iter().filter(|block| is_for_websocket(block)));
}

fn connections(machine: &mut Machine, blocks: &[Block], api: &str) {
    let end = find(blocks, "delete-connection");
    machine.fails(end, "CONNECTIONS: set it to the ids of connections, one a line");
    machine.types("CONNECTIONS='L0SM9cOFvHcCIhw=\nL0SM9cOFvHcCIhx='");
    // The API's own endpoint is not on this machine.
    let endpoint = format!("https://{api}.execute-api.eu-west-1.amazonaws.com/prod");
    let gone = "An error occurred (GoneException) when calling the DeleteConnection operation\n";
    machine.answer(&json!([
        {"program": "aws", "has": ["delete-connection", "L0SM9cOFvHcCIhw=", endpoint]},
        {"program": "aws", "has": ["delete-connection", "L0SM9cOFvHcCIhx=", endpoint], "err": gone, "status": 254},
    ]));
    assert_eq!(machine.succeeds(end), "ended: L0SM9cOFvHcCIhw=\nhad ended before: L0SM9cOFvHcCIhx=");
    let denied = "An error occurred (ForbiddenException) when calling the DeleteConnection operation\n";
    machine.answer(&json!([{"program": "aws", "has": ["delete-connection"], "err": denied, "status": 254}]));
    machine.fails(end, "failed: L0SM9cOFvHcCIhw=: An error occurred (ForbiddenException)");
    machine.calls();
    machine.answer(&json!([]));
    // moto takes every id.
    machine.types(&format!("ENDPOINT={}", Moto::shared().endpoint()));
    assert_eq!(machine.succeeds(end), "ended: L0SM9cOFvHcCIhw=\nended: L0SM9cOFvHcCIhx=");
}

fn check(machine: &mut Machine, blocks: &[Block]) {
    let check = find(blocks, "connects() (");
    machine.types("FRONT= BACK=");
    machine.fails(check, "FRONT: set it to the URL at CloudFront");
    let (front, back) =
        ("https://d111111abcdef8.cloudfront.net/", "https://abc123.execute-api.eu-west-1.amazonaws.com/prod");
    machine.types(&format!("FRONT={front} BACK={back}"));
    let other = format!("{back}?countersign=check");
    // curl waits on an open connection until its time is over.
    let answer = |own: &str| {
        let open = |url: &str, status: &str| json!({"program": "curl", "has": [url], "out": status, "status": if status == "101" { 28 } else { 0 }});
        json!([
            open(front, "101"),
            {"program": "curl", "has": [back, "Countersign-Signature: x"], "out": "403"},
            open(back, own),
            open(&other, "401"),
        ])
    };
    machine.answer(&answer("401"));
    let done = machine.succeeds(check);
    let expected = [
        format!("101 {front}"),
        format!("401 {back}"),
        format!("401 {other}"),
        format!("403 {back} -H Countersign-Signature-Input: x -H Countersign-Signature: x"),
    ];
    assert_eq!(done.lines().collect::<Vec<_>>(), expected);
    let handshake = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--http1.1", "--max-time", "10"];
    for call in machine.calls() {
        assert_eq!(call[..handshake.len()], handshake);
        for header in ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"] {
            assert!(call.iter().any(|word| word == header), "{call:?}");
        }
    }
    machine.answer(&answer("101"));
    machine.fails(check, "expected: 401|403");
    machine.answer(&json!([{"program": "curl", "has": [front], "out": "000", "status": 7}]));
    machine.fails(check, "");
    machine.calls();
    machine.answer(&json!([]));
}
