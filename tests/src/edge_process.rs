//! The real function of the edge: Node with the addon, asked as CloudFront asks it.

use crate::{artifacts::artifact, stage::PATIENCE};
use edge_signer::{Answer, Edits, Header, OriginRequest, Outcome, Response};
use local::EdgeFunction;
use serde_json::{Map, Value, json};
use std::{process::Stdio, time::SystemTime};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
    time::timeout,
};

/// A Node process that has the function loaded. Killed when dropped.
pub(crate) struct EdgeProcess {
    _child: Child,
    pipes: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

/// What the function returned, and what it logged meanwhile.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) result: Value,
    pub(crate) log: Vec<Value>,
}

impl EdgeProcess {
    /// Starts Node on a script that answers each line, an event, with a line. What the function logs comes before it.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with these environment variables beside those that there are.
    pub(crate) fn start_with(variables: &[(&str, &str)]) -> Self {
        let script = "
            const { handler } = await import(process.argv[1]);
            const { createInterface } = await import('node:readline');
            const write = (line) => process.stdout.write(JSON.stringify(line) + '\\n');
            for await (const line of createInterface({ input: process.stdin })) {
              try {
                write({ result: await handler(JSON.parse(line)) });
              } catch (error) {
                write({ result: { threw: String(error) } });
              }
            }";
        let mut child = Command::new("node")
            .args(["--input-type=module", "--eval", script])
            .arg(artifact("edge-signer/index.mjs"))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, pipes: Mutex::new((stdin, stdout)) }
    }

    /// Calls the function with an event.
    pub(crate) async fn call(&self, event: &Value) -> Returned {
        let mut pipes = self.pipes.lock().await;
        let (stdin, stdout) = &mut *pipes;
        stdin.write_all(format!("{event}\n").as_bytes()).await.unwrap();
        let mut log = Vec::new();
        loop {
            let line = timeout(PATIENCE, stdout.next_line()).await.expect("an answer in time").unwrap();
            let mut line: Value = serde_json::from_str(&line.expect("node lives")).unwrap();
            match line.get_mut("result") {
                Some(result) => return Returned { result: result.take(), log },
                None => log.push(line),
            }
        }
    }
}

impl EdgeFunction for EdgeProcess {
    async fn handle(&self, request: &OriginRequest<'_>, _: SystemTime) -> Result<Outcome, String> {
        let event = event(request);
        let returned = self.call(&event).await;
        Ok(Outcome { answer: answer(&event["Records"][0]["cf"]["request"], &returned.result), notices: vec![] })
    }
}

/// The event as CloudFront writes it.
fn event(request: &OriginRequest<'_>) -> Value {
    let origin = &request.origin;
    let body = request.body.map(|body| {
        json!({
            "inputTruncated": body.input_truncated,
            "action": "read-only",
            "encoding": body.encoding,
            "data": body.data,
        })
    });
    let mut request = json!({
        "clientIp": request.client_ip,
        "method": request.method,
        "uri": request.uri,
        "querystring": request.querystring,
        "headers": header_map(&request.headers),
        "origin": {"custom": {
            "domainName": "origin.example",
            "port": 443,
            "protocol": origin.protocol,
            "path": origin.path,
            "sslProtocols": ["TLSv1.2"],
            "readTimeout": 30,
            "keepaliveTimeout": 5,
            "customHeaders": header_map(&origin.custom_headers),
        }},
    });
    if let Some(body) = body {
        request["body"] = body;
    }
    json!({"Records": [{"cf": {
        "config": {"distributionId": "EXAMPLE", "eventType": "origin-request", "requestId": "r"},
        "request": request,
    }}]})
}

fn header_map(headers: &[Header<'_>]) -> Value {
    let mut map = Map::new();
    for Header { name, value } in headers {
        let values = map.entry(*name).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(json!({"key": name, "value": value}));
    }
    Value::Object(map)
}

/// What the returned request or response says is to be done.
fn answer(asked: &Value, result: &Value) -> Answer {
    let pair = |values: &Value| {
        let [header] = &values.as_array().unwrap()[..] else { panic!("more than one value: {values}") };
        (leak(&header["key"]), header["value"].as_str().unwrap().to_owned())
    };
    if let Some(status) = result.get("status") {
        return Answer::Respond(Response {
            status: status.as_str().unwrap().parse().unwrap(),
            headers: result["headers"].as_object().unwrap().values().map(pair).collect(),
            body: result["body"].as_str().unwrap().to_owned(),
        });
    }
    // All but headers has to come back as it was.
    let same = |name: &str| assert_eq!(asked[name], result[name], "{name} of {result}");
    ["clientIp", "method", "uri", "querystring", "body"].iter().for_each(|name| same(name));

    let gone = |before: &Value, after: &Value| {
        let (before, after) = (before.as_object().unwrap(), after.as_object().unwrap());
        before.keys().filter(|name| !after.contains_key(*name)).cloned().collect::<Vec<_>>()
    };
    let (before, after) = (&asked["headers"], &result["headers"]);
    let changed = after.as_object().unwrap().iter().filter(|(name, values)| before.get(name) != Some(values));
    let custom = |request: &Value| request["origin"]["custom"]["customHeaders"].clone();
    Answer::Forward(Edits {
        remove: gone(before, after),
        set: changed.map(|(_, values)| pair(values)).collect(),
        remove_custom: gone(&custom(asked), &custom(result)),
    })
}

/// Keys are literals in the real function; here they come out of JSON, a few bytes for each test.
fn leak(key: &Value) -> &'static str {
    key.as_str().unwrap().to_owned().leak()
}
