//! Functions of users, correct and faulty ones, through Lambda's API.

use crate::{
    lambda::user::{
        function::{UserFunction, UserFunctionError},
        invoke_api::{InvokeApi, InvokeOptions},
    },
    test_tools::{PATIENCE, Reply, ask},
};
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    time::Duration,
};
use telemetry::{Log, MemoryLog};
use tempfile::TempDir;
use tokio::time::timeout;

const SIGNED: &str =
    "Authorization: AWS4-HMAC-SHA256 Credential=A/20261127/us-east-1/lambda/aws4_request, SignedHeaders=host\r\n";

struct Stage {
    folder: TempDir,
    lines: MemoryLog,
}

impl Stage {
    /// A folder with these files, of which `bootstrap` is executable.
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(if *name == "bootstrap" { 0o700 } else { 0o600 }))
                .unwrap();
        }
        Self { folder, lines: MemoryLog::default() }
    }

    fn find(&self, handler: Option<&str>) -> Result<UserFunction, UserFunctionError> {
        UserFunction::find("next", self.folder.path(), handler)
    }

    async fn start(&self, handler: Option<&str>, options: InvokeOptions) -> InvokeApi {
        let log = Log::new(None, self.lines.clone());
        InvokeApi::start(self.find(handler).unwrap(), options, log).await.unwrap()
    }
}

fn address(api: &InvokeApi) -> SocketAddr {
    api.url().strip_prefix("http://").unwrap().parse().unwrap()
}

async fn post(api: &InvokeApi, function: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let request = format!(
        "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    ask(address(api), request).await
}

async fn invoke(api: &InvokeApi, event: Value) -> Reply {
    post(api, &api.function_arn().replace(':', "%3A"), SIGNED, &event.to_string()).await
}

const NODE: &str = "
    export const handler = async (event, context) => {
        if (event === 'throw') throw new TypeError('no');
        if (event === 'Unauthorized') throw new Error('Unauthorized');
        if (event === 'text') throw 'thrown text';
        if (event === 'exit') process.exit(3);
        if (event === 'wait') await new Promise(() => setInterval(() => {}, 1000));
        if (event === 'nothing') return undefined;
        if (event === 'large') return 'x'.repeat(7_000_000);
        if (event === 'name') return [context.functionName, process.cwd() === process.env.LAMBDA_TASK_ROOT, process.env.OWN];
        return [event, process.pid];
    };";

const CALLBACK: &str = "
    exports.handler = (event, context, callback) => {
        if (event === 'throw') return callback(new TypeError('no'));
        if (event === 'Unauthorized') return callback('Unauthorized');
        if (event === 'fail') return context.fail(new Error('failed'));
        setTimeout(() => callback(null, [event, process.pid]), 1);
    };";

const PYTHON: &str = "
import os, time
import beside

def lambda_handler(event, context):
    if event == 'throw': raise KeyError('no')
    if event == 'Unauthorized': raise Exception('Unauthorized')
    if event == 'exit': os._exit(3)
    if event == 'wait': time.sleep(600)
    if event == 'name': return [context.function_name, os.getcwd() == os.environ['LAMBDA_TASK_ROOT'], os.environ['OWN']]
    if event == 'print': print('printed'); return context.get_remaining_time_in_millis() > 0
    return [event, beside.VALUE or os.getpid()]
";

fn options() -> InvokeOptions {
    InvokeOptions { environment: vec![("OWN".to_owned(), "1".to_owned())], ..InvokeOptions::default() }
}

#[track_caller]
fn check_error(reply: &Reply, kind: &str, message: &str) {
    assert_eq!((reply.status, reply.header("x-amz-function-error")), (200, Some("Unhandled")), "{reply:?}");
    let document = reply.json();
    assert_eq!(document["errorType"], kind);
    let found = document["errorMessage"].as_str().unwrap();
    let id = format!("RequestId: {} ", reply.header("x-amzn-requestid").unwrap());
    assert_eq!(found.strip_prefix(&id).unwrap_or(found), message);
}

#[tokio::test]
async fn a_module_of_node_is_invoked() {
    let stage = Stage::new(&[("index.mjs", NODE)]);
    let api = stage.start(None, InvokeOptions { timeout: Duration::from_secs(2), ..options() }).await;
    assert_eq!(api.function_arn(), "arn:aws:lambda:us-east-1:123456789012:function:next");
    let first = invoke(&api, json!({ "a": [1.5, "é"] })).await;
    assert_eq!((first.status, first.header("x-amz-function-error")), (200, None));
    assert_eq!(first.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(first.json()[0], json!({ "a": [1.5, "é"] }));
    assert_eq!(invoke(&api, json!("name")).await.json(), json!(["next", true, "1"]));
    assert_eq!(invoke(&api, json!("nothing")).await.text(), "null");
    check_error(&invoke(&api, json!("throw")).await, "TypeError", "no");
    check_error(&invoke(&api, json!("Unauthorized")).await, "Error", "Unauthorized");
    check_error(&invoke(&api, json!("text")).await, "string", "thrown text");
    let process = |reply: Reply| reply.json()[1].clone();
    assert_eq!(process(invoke(&api, json!(1)).await), first.json()[1], "a function that threw lives on");
    check_error(
        &invoke(&api, json!("exit")).await,
        "Runtime.ExitError",
        "Error: Runtime exited with error: exit status 3",
    );
    let second = process(invoke(&api, json!(1)).await);
    assert_ne!(second, first.json()[1]);
    check_error(&invoke(&api, json!("wait")).await, "Sandbox.Timedout", "Error: Task timed out after 2.00 seconds");
    assert_ne!(process(invoke(&api, json!(1)).await), second);
    let large = invoke(&api, json!("large")).await;
    check_error(&large, "Runtime.Unknown", "Error: its answer is not JSON, or is larger than 6 MB");
}

#[tokio::test]
async fn a_handler_with_a_callback_is_invoked() {
    let stage = Stage::new(&[("src/auth.js", CALLBACK)]);
    let api = stage.start(Some("src/auth.handler"), options()).await;
    assert_eq!(invoke(&api, json!("a")).await.json()[0], "a");
    check_error(&invoke(&api, json!("throw")).await, "TypeError", "no");
    check_error(&invoke(&api, json!("fail")).await, "Error", "failed");
    check_error(&invoke(&api, json!("Unauthorized")).await, "string", "Unauthorized");
}

#[tokio::test]
async fn a_module_of_python_is_invoked() {
    let stage = Stage::new(&[("lambda_function.py", PYTHON), ("beside.py", "VALUE = None")]);
    let api = stage.start(None, InvokeOptions { timeout: Duration::from_secs(2), ..options() }).await;
    let first = invoke(&api, json!({ "a": "é" })).await.json();
    assert_eq!(first[0], json!({ "a": "é" }));
    assert_eq!(invoke(&api, json!("name")).await.json(), json!(["next", true, "1"]));
    assert_eq!(invoke(&api, json!("print")).await.json(), json!(true));
    assert!(stage.lines.take_lines().contains(&"printed".to_owned()));
    check_error(&invoke(&api, json!("throw")).await, "KeyError", "'no'");
    check_error(&invoke(&api, json!("Unauthorized")).await, "Exception", "Unauthorized");
    assert_eq!(invoke(&api, json!(1)).await.json()[1], first[1]);
    check_error(
        &invoke(&api, json!("exit")).await,
        "Runtime.ExitError",
        "Error: Runtime exited with error: exit status 3",
    );
    check_error(&invoke(&api, json!("wait")).await, "Sandbox.Timedout", "Error: Task timed out after 2.00 seconds");
    assert_ne!(invoke(&api, json!(1)).await.json()[1], first[1]);
}

#[tokio::test]
async fn a_program_is_invoked_and_its_answer_is_not_rewritten() {
    const PROGRAM: &str = "#!/usr/bin/env python3
import http.client, os
c = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
while True:
    c.request('GET', '/2018-06-01/runtime/invocation/next')
    r = c.getresponse(); r.read(); id = r.headers['lambda-runtime-aws-request-id']
    c.request('POST', f'/2018-06-01/runtime/invocation/{id}/response', ' {\"a\":1.50,\"a\":\"\\\\u0061\"}')
    c.getresponse().read()
";
    let stage = Stage::new(&[("bootstrap", PROGRAM), ("index.mjs", NODE)]);
    let api = stage.start(None, options()).await;
    assert_eq!(invoke(&api, json!(null)).await.text(), r#" {"a":1.50,"a":"\u0061"}"#);
}

#[tokio::test]
async fn a_call_that_aws_refuses_is_refused() {
    let stage = Stage::new(&[("index.mjs", NODE)]);
    let api = stage.start(None, options()).await;
    let other_region = SIGNED.replace("us-east-1", "eu-west-1");
    let event = format!("{SIGNED}X-Amz-Invocation-Type: Event\r\n");
    let other = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aother";
    let (arn, large) = (api.function_arn(), "1".repeat(6 * 1024 * 1024 + 1));
    for (function, headers, body, status, code) in [
        (arn, "", "1", 403, "MissingAuthenticationTokenException"),
        (arn, "Authorization: Bearer x\r\n", "1", 403, "MissingAuthenticationTokenException"),
        (arn, &other_region, "1", 403, "InvalidSignatureException"),
        (other, SIGNED, "1", 403, "AccessDeniedException"),
        ("nexter", SIGNED, "1", 403, "AccessDeniedException"),
        ("next:live", SIGNED, "1", 404, "ResourceNotFoundException"),
        (arn, &event, "1", 400, "InvalidParameterValueException"),
        (arn, SIGNED, "{", 400, "InvalidRequestContentException"),
        (arn, SIGNED, &large, 413, "RequestTooLargeException"),
    ] {
        let reply = post(&api, function, headers, body).await;
        assert_eq!((reply.status, reply.header("x-amzn-errortype")), (status, Some(code)), "{function}");
        assert!(reply.json()["message"].is_string());
    }
    for function in ["next", "next:$LATEST", "123456789012:function:next", arn, &format!("{arn}:$LATEST")] {
        assert_eq!(post(&api, function, SIGNED, "1").await.json()[0], 1, "{function}");
    }
    let other = "GET /2015-03-31/functions/next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(address(&api), other).await.status, 404);
}

#[tokio::test]
async fn more_invocations_than_the_concurrency_are_throttled() {
    let gate = "import { existsSync } from 'node:fs';
        export const handler = async (event) => {
            console.log('begun');
            while (event !== 'now' && !existsSync('open')) await new Promise((next) => setTimeout(next, 5));
            return process.pid;
        };";
    let stage = Stage::new(&[("index.mjs", gate)]);
    let api = stage.start(None, InvokeOptions { concurrency: 2, ..options() }).await;
    let both = async { tokio::join!(invoke(&api, json!(1)), invoke(&api, json!(2))) };
    let third = async {
        let mut begun = 0;
        while begun < 2 {
            begun += stage.lines.take_lines().len();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let third = invoke(&api, json!("now")).await;
        fs::write(stage.folder.path().join("open"), "").unwrap();
        third
    };
    let ((first, second), third) = timeout(PATIENCE, async { tokio::join!(both, third) }).await.unwrap();
    assert_eq!((third.status, third.header("x-amzn-errortype")), (429, Some("TooManyRequestsException")));
    assert_eq!(third.json()["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
    assert_eq!((first.status, second.status), (200, 200));
    assert_ne!(first.json(), second.json(), "each has a process of its own");
    assert_eq!(invoke(&api, json!("now")).await.status, 200);
}

#[tokio::test]
async fn a_folder_without_a_function_says_what_is_missing() {
    let empty = Stage::new(&[("README", ""), ("bin/other.js", "exports.other = 1;")]);
    let nothing = empty.folder.path().join("nothing");
    for (handler, expected) in [
        (
            None,
            "the folder has neither an executable file bootstrap, nor index.js, index.mjs or index.cjs, nor lambda_function.py",
        ),
        (
            Some("index.handler"),
            "the folder has no file for the handler index.handler: accepted are index.js, index.mjs, index.cjs and index.py",
        ),
        (Some("index"), "the handler \"index\" is not FILE.NAME, like index.handler"),
        (Some("/etc/x.handler"), "the handler \"/etc/x.handler\" is not FILE.NAME, like index.handler"),
    ] {
        assert_eq!(empty.find(handler).err().unwrap().to_string(), expected);
    }
    let missing = UserFunction::find("next", &nothing, None).err().unwrap().to_string();
    assert!(missing.starts_with("the folder cannot be read: "), "{missing}");
    let log = Log::new(None, MemoryLog::default());
    let started = InvokeApi::start(empty.find(Some("bin/other.handler")).unwrap(), options(), log).await;
    let error = started.err().unwrap().to_string();
    assert!(
        error.starts_with("it cannot start: Error: ") && error.ends_with("does not export a function handler"),
        "{error}"
    );
}
