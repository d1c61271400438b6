use super::{Delegate, DelegateConfig, DelegateFailure, Delegated};
use crate::event::{Answer, Event, Kind};
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use key_store::aws::{CallLimits, of_lambda};
use serde_json::{Value, json};
use settings::Settings;
use std::{
    fmt::Debug,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:next:live";
const METHOD_ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1/prod/GET/pets/1";
/// In events and answers; never in what an operator reads.
const MARKER: &str = "s3cr3t-marker";

/// A server in the place of Lambda, which answers each call with the same bytes.
struct Lambda {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<(String, String)>>>,
    server: JoinHandle<()>,
}

impl Lambda {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = calls.clone();
        let server = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let call = read_call(&mut connection).await;
                seen.lock().unwrap().push(call);
                if answer.is_empty() {
                    // Until the client closes its side.
                    let _ = connection.read(&mut [0]).await;
                } else {
                    // The client may stop to read.
                    let _ = connection.write_all(&answer).await;
                }
            }
        });
        Self { address, calls, server }
    }

    /// Head and body of the one call; `None` if there was none.
    fn stop(self) -> Option<(String, String)> {
        self.server.abort();
        let mut calls = self.calls.lock().unwrap();
        assert!(calls.len() <= 1, "the function is called {} times", calls.len());
        calls.pop()
    }
}

async fn read_call(connection: &mut TcpStream) -> (String, String) {
    let mut read = Vec::new();
    loop {
        let length = connection.read_buf(&mut read).await.unwrap();
        let text = String::from_utf8(read.clone()).unwrap();
        assert!(length > 0, "cut off: {text}");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lower = head.to_ascii_lowercase();
        let expected = lower.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
        if body.len() == expected.parse::<usize>().unwrap() {
            return (head.to_owned(), body.to_owned());
        }
    }
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn answered(body: impl ToString) -> Vec<u8> {
    response("200 OK", "", &body.to_string())
}

fn function_error(body: &str) -> Vec<u8> {
    response("200 OK", "X-Amz-Function-Error: Unhandled\r\n", body)
}

fn aws_error(status: &str, code: &str) -> Vec<u8> {
    let body = json!({ "Type": "User", "message": format!("words about {ARN}"), "Message": "words" }).to_string();
    response(status, &format!("x-amzn-ErrorType: {code}\r\n"), &body)
}

fn delegate(address: SocketAddr, more: &[(&str, &str)]) -> Delegate {
    let variables = [("COUNTERSIGN_NEXT_AUTHORIZER", ARN), ("COUNTERSIGN_NEXT_TIMEOUT", "1")].into_iter();
    let variables = variables.chain(more.iter().copied()).map(|(name, value)| (name.into(), value.into()));
    let settings = Settings::of_environment(variables, &[]).unwrap();
    let config = DelegateConfig::read(&settings).unwrap().unwrap();
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let aws = of_lambda(CallLimits::BRIEF).into_builder();
    let aws = aws.credentials_provider(SharedCredentialsProvider::new(credentials));
    let aws = aws.endpoint_url(format!("http://{address}"));
    Delegate::new(config, &aws.build())
}

fn rest_event() -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": METHOD_ARN,
        "resource": "/pets/{id}",
        "path": "/pets/1",
        "httpMethod": "GET",
        "headers": { "Authorization": format!("Bearer {MARKER}"), "Empty": "" },
        "multiValueHeaders": { "Authorization": [format!("Bearer {MARKER}")], "Empty": [""], "X": ["1", "2"] },
        "queryStringParameters": { "q": "1" },
        "multiValueQueryStringParameters": { "q": ["1"] },
        "requestContext": { "path": "/prod/pets/1", "stage": "prod", "httpMethod": "GET" },
    })
}

fn http_event() -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": METHOD_ARN,
        "identitySource": ["of our own"],
        "routeKey": "GET /pets/{id}",
        "rawPath": "/prod/pets/1",
        "rawQueryString": "a=1&b=x+y%2Bz&a=2&c",
        "cookies": ["a=1", "b=2"],
        "headers": { "authorization": format!("Bearer {MARKER}"), "x": "1,2" },
        "queryStringParameters": { "a": "1,2", "b": "x y+z", "c": "" },
        "pathParameters": { "id": "1" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1",
            "authentication": { "clientCert": { "serialNumber": "7" } },
            "domainName": "a1.example",
            "domainPrefix": "a1",
            "http": { "method": "GET", "path": "/prod/pets/1", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "u" },
            "requestId": "r",
            "routeKey": "GET /pets/{id}",
            "stage": "prod",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_u64,
        },
    })
}

fn policy(resource: &str) -> Value {
    let statement = json!({ "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource });
    json!({
        "principalId": MARKER,
        "policyDocument": { "Version": "2012-10-17", "Statement": [statement] },
        "context": { "tenant": MARKER },
    })
}

async fn ask(delegate: &Delegate, event: &Value) -> Result<Delegated, DelegateFailure> {
    let text = event.to_string();
    let parsed = Event::parse(&text, Answer::Simple).unwrap();
    let result = delegate.ask(&text, parsed.kind(), &parsed.headers()).await;
    if let Err(failure) = &result {
        assert_is_silent(failure);
        assert_is_silent(failure.to_string());
    }
    if let Ok(answer) = &result {
        assert_is_silent(answer);
    }
    assert_is_silent(delegate);
    result
}

#[track_caller]
fn assert_is_silent(text: impl Debug) {
    let text = format!("{text:?}");
    assert!(!text.contains(MARKER), "{text}");
}

/// The result of one call about a REST event, and the head and body of the call.
async fn call(answer: Vec<u8>) -> (Result<Delegated, DelegateFailure>, String, String) {
    let lambda = Lambda::start(answer).await;
    let result = ask(&delegate(lambda.address, &[]), &rest_event()).await;
    let (head, body) = lambda.stop().unwrap();
    (result, head, body)
}

#[tokio::test]
async fn the_function_gets_the_event_unchanged_in_one_signed_call() {
    let (result, head, body) = call(answered(policy("*"))).await;
    let answer = result.unwrap();
    assert!(answer.allows());
    let ours = json!({ "countersign": "verified" });
    let handed_on = serde_json::to_value(answer.with_context(ours.as_object().unwrap()).unwrap()).unwrap();
    assert_eq!(handed_on["policyDocument"], policy("*")["policyDocument"]);
    assert_eq!(handed_on["context"], json!({ "countersign": "verified", "tenant": MARKER }));
    assert_eq!(body, rest_event().to_string());
    let arn = ARN.replace(':', "%3A");
    assert!(head.starts_with(&format!("POST /2015-03-31/functions/{arn}/invocations HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("AKIDEXAMPLE/") && head.contains("/eu-west-1/lambda/aws4_request"), "{head}");
    assert!(head.to_ascii_lowercase().contains("x-amz-invocation-type: requestresponse\r\n"), "{head}");
}

#[tokio::test]
async fn a_policy_that_does_not_cover_the_request_is_handed_on_and_does_not_allow() {
    let (result, ..) = call(answered(policy("arn:aws:execute-api:*:*:*/*/PUT/*"))).await;
    assert!(!result.unwrap().allows());
}

#[tokio::test]
async fn each_failure_has_its_reason_and_never_an_allow() {
    let unauthorized = json!({ "errorMessage": "Unauthorized", "errorType": "Error" }).to_string();
    let almost = json!({ "errorMessage": "Unauthorized ", "errorType": MARKER, "trace": [MARKER] }).to_string();
    let thrown = json!({ "errorMessage": format!("bad {MARKER}"), "errorType": "TypeError" }).to_string();
    let allowed_in_error = policy("*").to_string();
    let huge = format!("{}{}", policy("*"), " ".repeat(65_537));
    let endless = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
        "4000\r\n".to_owned() + &" ".repeat(0x4000) + "\r\n"
    );
    let endless = endless.clone() + &("4000\r\n".to_owned() + &" ".repeat(0x4000) + "\r\n").repeat(64);
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{}", policy("*"));
    let table = [
        (function_error(&unauthorized), "next-unauthorized", "the next authorizer ended with the error Unauthorized"),
        (function_error(&almost), "next-failed", "the next authorizer ended with an error: see its log"),
        (
            function_error(&thrown),
            "next-failed",
            "the next authorizer ended with an error of type TypeError: see its log",
        ),
        (function_error(&allowed_in_error), "next-failed", "the next authorizer ended with an error: see its log"),
        (function_error("garbage"), "next-failed", "the next authorizer ended with an error: see its log"),
        (
            aws_error("429 Too Many Requests", "TooManyRequestsException"),
            "next-throttled",
            "Lambda throttled the next authorizer: raise its reserved concurrency, or the account's limit",
        ),
        (
            aws_error("403 Forbidden", "AccessDeniedException"),
            "next-not-allowed",
            "AWS denies the call: allow lambda:InvokeFunction on arn:aws:lambda:eu-west-1:123456789012:function:next:live in eu-west-1 \
            (AccessDeniedException: words about arn:aws:lambda:eu-west-1:123456789012:function:next:live)",
        ),
        (
            aws_error("403 Forbidden", "ExpiredTokenException"),
            "next-not-allowed",
            "Lambda does not accept the credentials of this function (ExpiredTokenException)",
        ),
        (
            aws_error("404 Not Found", "ResourceNotFoundException"),
            "next-not-run",
            "Lambda did not run the next authorizer (ResourceNotFoundException): check the ARN in COUNTERSIGN_NEXT_AUTHORIZER, and the \
            function's state",
        ),
        (
            aws_error("413 Payload Too Large", "RequestTooLargeException"),
            "next-not-run",
            "Lambda did not run the next authorizer (RequestTooLargeException): check the ARN in COUNTERSIGN_NEXT_AUTHORIZER, and the \
            function's state",
        ),
        (
            aws_error("502 Bad Gateway", "KMSAccessDeniedException"),
            "next-not-run",
            "Lambda did not run the next authorizer (KMSAccessDeniedException): check the ARN in COUNTERSIGN_NEXT_AUTHORIZER, and the \
            function's state",
        ),
        (
            response("503 Service Unavailable", "", MARKER),
            "next-unreachable",
            "the answer to lambda:InvokeFunction in eu-west-1 is not from lambda",
        ),
        (cut.into_bytes(), "next-unreachable", "the answer to lambda:InvokeFunction in eu-west-1 is not from lambda"),
        (
            Vec::new(),
            "next-timed-out",
            "the next authorizer did not answer within 1 s: make it faster, or raise COUNTERSIGN_NEXT_TIMEOUT and the timeout of this \
            function",
        ),
        (
            answered(""),
            "next-answer",
            "the answer of the next authorizer is not accepted: it is not JSON, or an object in it names a member twice",
        ),
        (answered("null"), "next-answer", "the answer of the next authorizer is not accepted: it is not an object"),
        (
            answered(json!({ "isAuthorized": true })),
            "next-answer",
            "the answer of the next authorizer is not accepted: principalId is missing or not text",
        ),
        (
            answered(huge),
            "next-answer",
            "the answer of the next authorizer is not accepted: it is larger than 65,536 bytes",
        ),
        (
            endless.into_bytes(),
            "next-answer",
            "the answer of the next authorizer is not accepted: it is larger than 65,536 bytes",
        ),
    ];
    for (answer, reason, text) in table {
        let (result, ..) = call(answer).await;
        let failure = result.unwrap_err();
        assert_eq!((failure.reason(), failure.to_string().as_str()), (reason, text));
    }
}

#[tokio::test]
async fn without_a_server_lambda_is_unreachable() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failure = ask(&delegate(address, &[]), &rest_event()).await.unwrap_err();
    assert_eq!(failure.reason(), "next-unreachable");
    assert!(failure.to_string().starts_with("lambda in eu-west-1 cannot be reached: "), "{failure}");
}

#[tokio::test]
async fn an_answer_of_the_greatest_size_is_read() {
    let padding = 65_536 - policy("*").to_string().len();
    let (result, ..) = call(answered(format!("{}{}", policy("*"), " ".repeat(padding)))).await;
    assert!(result.unwrap().allows());
}

#[tokio::test]
async fn a_missing_identity_source_is_found_without_asking() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (payload, identity, missing) in [
        ("same", "method.request.header.Empty", "method.request.header.Empty"),
        ("same", "method.request.header.authorization,method.request.querystring.r", "method.request.querystring.r"),
        ("token", "method.request.header.Other", "method.request.header.Other"),
        // Twice in the event.
        ("token", "method.request.header.X", "method.request.header.X"),
    ] {
        let settings = [("COUNTERSIGN_NEXT_PAYLOAD", payload), ("COUNTERSIGN_NEXT_IDENTITY", identity)];
        let failure = ask(&delegate(nobody, &settings), &rest_event()).await.unwrap_err();
        assert_eq!(failure, DelegateFailure::IdentityMissing(missing.to_owned()));
    }
}

/// What the function gets.
async fn payload(event: &Value, answer: Value, more: &[(&str, &str)]) -> Result<Value, DelegateFailure> {
    let lambda = Lambda::start(answered(answer)).await;
    ask(&delegate(lambda.address, more), event).await?;
    Ok(serde_json::from_str(&lambda.stop().unwrap().1).unwrap())
}

#[tokio::test]
async fn a_token_authorizer_gets_the_one_header() {
    let found = payload(&rest_event(), policy("*"), &[("COUNTERSIGN_NEXT_PAYLOAD", "token")]).await;
    let expected =
        json!({ "type": "TOKEN", "methodArn": METHOD_ARN, "authorizationToken": format!("Bearer {MARKER}") });
    assert_eq!(found, Ok(expected));
}

#[tokio::test]
async fn an_event_of_format_2_0_is_rewritten_as_format_1_0() {
    let settings = [
        ("COUNTERSIGN_NEXT_PAYLOAD", "1.0"),
        ("COUNTERSIGN_ANSWER", "policy"),
        ("COUNTERSIGN_NEXT_IDENTITY", "$request.header.Authorization,$request.querystring.b"),
    ];
    let expected = json!({
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": METHOD_ARN,
        "identitySource": format!("Bearer {MARKER},x y+z"),
        "authorizationToken": format!("Bearer {MARKER},x y+z"),
        "resource": "/pets/{id}",
        "path": "/prod/pets/1",
        "httpMethod": "GET",
        "headers": { "authorization": format!("Bearer {MARKER}"), "x": "1,2", "cookie": "a=1; b=2" },
        "multiValueHeaders": { "authorization": [format!("Bearer {MARKER}")], "x": ["1,2"], "cookie": ["a=1; b=2"] },
        "queryStringParameters": { "a": "2", "b": "x y+z", "c": "" },
        "multiValueQueryStringParameters": { "a": ["1", "2"], "b": ["x y+z"], "c": [""] },
        "pathParameters": { "id": "1" },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1",
            "domainName": "a1.example",
            "domainPrefix": "a1",
            "httpMethod": "GET",
            "identity": { "sourceIp": "192.0.2.1", "userAgent": "u", "clientCert": { "serialNumber": "7" } },
            "path": "/prod/pets/1",
            "protocol": "HTTP/1.1",
            "requestId": "r",
            "requestTime": "12/Mar/2020:19:03:58 +0000",
            "requestTimeEpoch": 1_583_348_638_390_u64,
            "resourcePath": "/pets/{id}",
            "stage": "prod",
        },
    });
    assert_eq!(payload(&http_event(), policy("*"), &settings).await, Ok(expected));

    let mut v1 = rest_event();
    v1["version"] = json!("1.0");
    assert_eq!(payload(&v1, policy("*"), &[settings[0], settings[1]]).await, Ok(v1.clone()));
}

#[tokio::test]
async fn an_event_that_cannot_be_rewritten_is_refused() {
    let v1 = [("COUNTERSIGN_NEXT_PAYLOAD", "1.0"), ("COUNTERSIGN_ANSWER", "policy")];
    let token = [("COUNTERSIGN_NEXT_PAYLOAD", "token"), ("COUNTERSIGN_NEXT_IDENTITY", "$request.header.Authorization")];
    let with = |name: &str, value: Value| {
        let mut event = http_event();
        event[name] = value;
        event
    };
    const QUERY: &str = "has a query that can be decoded in more than one way";
    let table = [
        (&v1, rest_event(), "is not from an HTTP API, and only these have payload format 1.0"),
        (&token, http_event(), "is not from a REST API, and only these have TOKEN authorizers"),
        (&v1, with("rawQueryString", json!("a=1;a=2&b=x+y%2Bz&c")), QUERY),
        (&v1, with("rawQueryString", json!("a=%FF")), QUERY),
        (&v1, with("queryStringParameters", json!(null)), QUERY),
        (&v1, with("cookies", json!("a=1")), "has cookies that are not a list of texts"),
        (&v1, with("headers", json!({ "cookie": "a=1" })), "has cookies and a header of this name"),
        (&v1, with("routeKey", json!(null)), "has no routeKey"),
        (&v1, with("routeArn", json!(null)), "has no methodArn (routeArn in payload format 2.0)"),
    ];
    for (settings, event, expected) in table {
        let found = payload(&event, policy("*"), settings).await;
        assert_eq!(found, Err(DelegateFailure::EventNotConvertible(expected)), "{event}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let twice = r#"{"methodArn":"a","headers":{"x":"1","x":"2"}}"#;
    let found = delegate(nobody, &[]).ask(twice, Kind::Rest, &[]).await.unwrap_err();
    assert_eq!(found.reason(), "next-event-not-convertible");
}

#[tokio::test]
async fn the_form_of_the_answer_is_that_of_our_own_answer() {
    let simple = json!({ "isAuthorized": true, "context": { "a": [1] } });
    let mut with_a_list = policy("*");
    with_a_list["context"] = json!({ "a": [1] });
    let not_flat = Some("a context value is not a string, a number or a boolean");
    let of_v1 = [("COUNTERSIGN_NEXT_PAYLOAD", "1.0"), ("COUNTERSIGN_ANSWER", "policy")];
    let missing = Some("principalId is missing or not text");
    let other = Some("it has another member than isAuthorized and context, so it is not a simple response");
    for (event, answer, settings, expected) in [
        (http_event(), &simple, &[][..], None),
        (http_event(), &policy("*"), &[], other),
        (http_event(), &simple, &of_v1[1..], missing),
        (http_event(), &with_a_list, &of_v1[1..], None),
        (http_event(), &with_a_list, &of_v1, not_flat),
        (rest_event(), &with_a_list, &of_v1[1..], not_flat),
        (rest_event(), &simple, &[], missing),
    ] {
        let found = payload(&event, answer.clone(), settings).await;
        assert_eq!(found.err(), expected.map(DelegateFailure::Answer), "{answer}");
    }
}

/// What is accepted of damaged answers still has our members in its context, and says the same when it is read again.
#[test]
fn a_damaged_answer_is_refused_or_handed_on_with_our_context() {
    use super::answer::Form;
    let ours = json!({ "countersign": "verified", "countersignPath": "/pets" });
    let ours = ours.as_object().unwrap();
    let simple =
        json!({ "isAuthorized": true, "context": { "countersign": "x", "a": { "b": [1.5, null] } } }).to_string();
    let (mut accepted, mut refused) = (0, 0);
    arbtest::arbtest(|u| {
        let (form, text) = match u.int_in_range(0..=2)? {
            0 => (Form::Simple, simple.clone()),
            1 => (Form::Policy { flat: true }, policy("*").to_string()),
            _ => (Form::Policy { flat: false }, policy(METHOD_ARN).to_string()),
        };
        let mut bytes = text.into_bytes();
        for _ in 0..u.int_in_range(0..=3)? {
            let place = u.choose_index(bytes.len())?;
            match u.int_in_range(0..=2)? {
                0 => bytes[place] = *u.choose(b"\"{}[]:,\\ux019eE-. tfn\x00\xff")?,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, bytes[u.choose_index(bytes.len())?]),
            }
        }
        let Ok(answer) = Delegated::read(&bytes, form, METHOD_ARN) else {
            refused += 1;
            return Ok(());
        };
        accepted += 1;
        let written = serde_json::to_string(&answer.with_context(ours).unwrap()).unwrap();
        let again = Delegated::read(written.as_bytes(), form, METHOD_ARN).unwrap();
        assert_eq!(again.allows(), answer.allows());
        let (before, after): (Value, Value) =
            (serde_json::from_slice(&bytes).unwrap(), serde_json::from_str(&written).unwrap());
        for (name, value) in before.as_object().unwrap().iter().filter(|(name, _)| *name != "context") {
            assert_eq!(after[name], *value);
        }
        assert_eq!(
            (&after["context"]["countersign"], &after["context"]["countersignPath"]),
            (&json!("verified"), &json!("/pets"))
        );
        Ok(())
    })
    .budget_ms(500)
    .run();
    // Few on a busy machine, because the time is bounded.
    assert!(accepted > 10 && refused > 10, "{accepted} accepted, {refused} refused");
}

/// How a policy is read that allows and denies is API Gateway's to say; that the request is refused is not.
#[test]
fn a_refusal_is_handed_on_only_if_nobody_can_read_it_as_an_allow() {
    use super::answer::Form;
    use crate::{event::ResponseFormat, response::refuse_as};
    let statement = |effect: &str, resource: &str| json!({ "Effect": effect, "Action": "*", "Resource": resource });
    let of = |statements: Value| {
        let answer = json!({ "principalId": "theirs", "policyDocument": { "Statement": statements }, "context": { "why": "no" } });
        let answer = Delegated::read(answer.to_string().as_bytes(), Form::Policy { flat: true }, METHOD_ARN).unwrap();
        assert!(!answer.allows());
        let format = ResponseFormat::IamPolicy { method_arn: METHOD_ARN.into() };
        serde_json::to_value(refuse_as(&answer, &format).unwrap()).unwrap()
    };
    let denied = of(json!([statement("Deny", "*")]));
    assert_eq!((&denied["principalId"], &denied["context"]), (&json!("theirs"), &json!({ "why": "no" })));
    let both = of(json!([statement("Allow", "*"), statement("Deny", "*/GET/*")]));
    let own = json!([{ "Action": ["execute-api:Invoke"], "Effect": "Deny", "Resource": [METHOD_ARN] }]);
    assert_eq!((&both["principalId"], &both["policyDocument"]["Statement"]), (&json!("countersign"), &own));
}
