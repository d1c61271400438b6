//! Functions in processes of their own, correct and faulty ones.

use crate::{
    lambda::{error::FunctionError, process::FunctionProcess},
    options::{ApiKind, Options},
    running::start,
    test_tools::{Authorizer, PATIENCE, allow, ask, ask_gateway, log, options},
};
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::Duration,
};
use telemetry::{Log, MemoryLog};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// A function in a folder of its own, and its log.
struct Stage {
    folder: TempDir,
    lines: MemoryLog,
}

impl Stage {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), lines: MemoryLog::default() }
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn log(&self) -> Log {
        Log::new(None, self.lines.clone())
    }

    fn told(&self) -> Vec<String> {
        self.lines.take_lines()
    }

    async fn module(&self, text: &str, limit: Duration) -> Result<FunctionProcess, FunctionError> {
        let module = self.file("index.mjs", text, 0o600);
        FunctionProcess::node("f", &module, &[("OWN", "1")], limit, self.log()).await
    }

    /// A module whose handler has this body.
    async fn handler(&self, body: &str) -> FunctionProcess {
        let text = format!("export const handler = async (event) => {{ {body} }};");
        self.module(&text, PATIENCE).await.unwrap()
    }

    async fn program(&self, text: &str, mode: u32) -> Result<FunctionProcess, FunctionError> {
        let program = self.file("bootstrap", text, mode);
        FunctionProcess::program("f", &program, &[("OWN", "1")], PATIENCE, self.log()).await
    }
}

async fn invoke(function: &FunctionProcess, event: Value) -> Result<Value, String> {
    function.invoke("r", event.to_string()).await.map_err(|error| error.to_string())
}

/// Waits until no process has that id.
async fn is_gone(pid: &Value) {
    let pid = pid.to_string();
    let lives = || {
        let state = Command::new("ps").args(["-o", "stat=", "-p", &pid]).output().unwrap().stdout;
        !state.is_empty() && !state.starts_with(b"Z")
    };
    let wait = async {
        while lives() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{pid} lives"));
}

#[tokio::test]
async fn lines_written_before_an_answer_are_in_the_log_with_it() {
    let stage = Stage::new();
    let body = "for (let n = 0; n < event.lines; n++) (n % 2 ? console.log : console.error)(`${event.id} ${n}`);
        return [event.id, process.env.OWN, process.env.AWS_LAMBDA_FUNCTION_NAME];";
    let function = stage.handler(body).await;
    for id in 0..200 {
        let lines = id % 7;
        let answer = invoke(&function, json!({ "id": id, "lines": lines })).await;
        assert_eq!(answer, Ok(json!([id, "1", "f"])));
        assert_eq!(stage.told(), (0..lines).map(|n| format!("{id} {n}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn each_of_many_at_a_time_gets_its_own_answer() {
    let stage = Stage::new();
    let function = Arc::new(stage.handler("return [event, process.pid];").await);
    let invocations = (0..50).map(|id| {
        let function = Arc::clone(&function);
        tokio::spawn(async move { invoke(&function, json!(id)).await.unwrap() })
    });
    let mut pids = Vec::new();
    for (id, invocation) in invocations.enumerate() {
        let answer = invocation.await.unwrap();
        assert_eq!(answer[0], json!(id));
        pids.push(answer[1].clone());
    }
    pids.dedup();
    assert_eq!(pids.len(), 1, "one process");
    drop(function);
    is_gone(&pids[0]).await;
}

#[tokio::test]
async fn a_function_that_throws_lives_on_and_one_that_answers_nothing_does_not() {
    let stage = Stage::new();
    let body = "if (event === 'throw') throw new TypeError('no');
        if (event === 'nothing') return undefined;
        if (event === 'large') return 'x'.repeat(7_000_000);
        return process.pid;";
    let function = stage.handler(body).await;
    for (event, expected, lives) in [
        ("throw", "TypeError: no", true),
        ("nothing", "its answer is not JSON, or is larger than 6 MB", false),
        ("large", "its answer is not JSON, or is larger than 6 MB", false),
    ] {
        let before = invoke(&function, json!(null)).await;
        assert_eq!(invoke(&function, json!(event)).await, Err(expected.to_owned()));
        assert_eq!(invoke(&function, json!(null)).await == before, lives);
    }
}

#[tokio::test]
async fn a_process_that_ends_or_hangs_is_followed_by_another() {
    let stage = Stage::new();
    let text = "export const handler = async (event) => {
        if (event === 'end') { console.error('at the end'); process.exit(3); }
        if (event === 'wait') await new Promise(() => setInterval(() => {}, 1000));
        if (event === 'spin') for (;;);
        return process.pid;
    };";
    let function = stage.module(text, Duration::from_secs(2)).await.unwrap();
    for (event, expected) in [
        ("end", "its process has ended (exit status: 3). Its last lines: at the end"),
        ("wait", "it did not answer within 2 s"),
        ("spin", "it did not answer within 2 s"),
    ] {
        let before = invoke(&function, json!(null)).await.unwrap();
        assert_eq!(invoke(&function, json!(event)).await, Err(expected.to_owned()));
        is_gone(&before).await;
        assert_ne!(invoke(&function, json!(null)).await, Ok(before));
    }
    // One that has ended between two invocations is not even noticed.
    let before = invoke(&function, json!(null)).await.unwrap();
    Command::new("kill").args(["-KILL", &before.to_string()]).status().unwrap();
    is_gone(&before).await;
    assert_ne!(invoke(&function, json!(null)).await, Ok(before));
}

/// Else the next one would get its answer, or wait for it.
#[tokio::test]
async fn an_abandoned_invocation_ends_its_process() {
    let stage = Stage::new();
    let body = "if (event === 'wait') { console.log('begun'); await new Promise(() => setInterval(() => {}, 1000)); }
        return [event, process.pid];";
    let function = stage.handler(body).await;
    let before = invoke(&function, json!("a")).await.unwrap();
    let begun = async {
        while stage.lines.take_lines().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        answer = invoke(&function, json!("wait")) => panic!("{answer:?}"),
        () = begun => {}
    }
    let after = invoke(&function, json!("b")).await.unwrap();
    assert_eq!((&before[0], &after[0]), (&json!("a"), &json!("b")));
    is_gone(&before[1]).await;
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    #[track_caller]
    fn failed(started: Result<FunctionProcess, FunctionError>, expected: &str) {
        let error = started.err().expect("it does not start").to_string();
        assert!(error.contains(expected), "{error}");
    }
    let stage = Stage::new();
    failed(
        stage.module("export const other = 1;", PATIENCE).await,
        "it cannot start: Error: the module has no handler",
    );
    failed(stage.module("export const", PATIENCE).await, "it cannot start: SyntaxError: ");
    failed(stage.module("import './x.node';", PATIENCE).await, "it cannot start: Error");
    let addon = "import { createRequire } from 'node:module'; createRequire(import.meta.url)('./x.node');";
    stage.file("x.node", "no addon", 0o600);
    failed(stage.module(addon, PATIENCE).await, "x.node");
    failed(stage.module("process.exit(4);", PATIENCE).await, "its process has ended (exit status: 4)");
    failed(stage.program("#!/bin/sh\necho why; exit 5\n", 0o700).await, "(exit status: 5). Its last lines: why");
    failed(stage.program("#!/bin/sh\n", 0o600).await, "it cannot be run on this machine: Permission denied");
    failed(
        stage.program("\u{7f}ELF of another machine", 0o700).await,
        "it cannot be run on this machine: Exec format error",
    );
    let environment = stage.program("#!/bin/sh\nexport -p; exit 1\n", 0o700).await;
    assert!(environment.is_err());
    let told = stage.told().join("\n");
    assert!(told.contains("OWN=") && told.contains("AWS_LAMBDA_RUNTIME_API=") && !told.contains("CARGO"), "{told}");
}

/// With a clock that goes on by itself where there is nothing to do but wait.
#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_ask_for_work_is_killed() {
    let stage = Stage::new();
    let started = stage.program("#!/bin/sh\necho $$\nexec sleep 600\n", 0o700).await;
    assert_eq!(started.err().unwrap().to_string(), "it did not answer within 10 s");
}

/// In the event that a function gets and in the header that the origin gets.
#[tokio::test]
async fn cloudfront_gives_a_request_one_id() {
    let stage = Stage::new();
    let body = "console.log(event.Records[0].cf.config.requestId); return event.Records[0].cf.request;";
    let authorizer = Authorizer(|event: Value| allow(&event));
    let running = start(options(), stage.handler(body).await, authorizer).await.unwrap();
    for _ in 0..2 {
        let echo = ask(running.edge, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.json();
        let headers = echo["headers"].as_array().unwrap().iter();
        let ids: Vec<_> = headers.filter(|header| header[0] == "X-Amz-Cf-Id").map(|header| header[1].clone()).collect();
        assert_eq!(ids, stage.told(), "{echo}");
    }
}

#[tokio::test]
async fn a_process_that_fails_is_502_at_the_edge_and_500_at_the_gateway() {
    for (end, told) in
        [("process.exit(1)", "its process has ended (exit status: 1)"), ("return 1", "it answered with neither")]
    {
        for api in [ApiKind::Rest, ApiKind::Http] {
            let (edge, authorizer) = (Stage::new(), Stage::new());
            let options = Options { api, ..options() };
            let log = log();
            let running =
                start(options, edge.handler(end).await, authorizer.handler("process.exit(1)").await).await.unwrap();
            let answer = ask(running.edge, "GET /pets HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!((answer.status, answer.text().contains(told)), (502, true), "{answer:?}");
            assert_eq!(ask_gateway(&running, "GET /prod/pets HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 500);
            let told = log.take();
            let [edge] = &told[..] else { panic!("{told:?}") };
            assert_eq!((&edge["event"], &edge["status"]), (&json!("request-answered-by-cloudfront"), &json!(502)));
            let counts = running.counts();
            assert_eq!((counts.edge_execution_errors, counts.authorizer_errors), (1, 1));
            let reason = "the authorizer failed: its process has ended (exit status: 1)";
            let line: Value = serde_json::from_str(authorizer.told().last().unwrap()).unwrap();
            assert_eq!((&line["event"], &line["detail"]), (&json!("function-failed"), &json!(reason)));
        }
    }
}
