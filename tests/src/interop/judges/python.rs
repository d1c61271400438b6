//! The Python library http-message-signatures, asked through `tests/judges/judge.py`.

use crate::{
    interop::judges::request::{JudgedRequest, Verdict},
    support::{artifacts::judge_python, patience::PATIENCE},
};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// What the library says of a signature that is not that of the request.
pub(crate) const OTHER_SIGNATURE: &str = "InvalidSignature Signature did not match digest.";

/// The process, with the keys that it is to use. Killed when dropped.
pub(crate) struct PythonJudge {
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    keys: Value,
}

/// What to sign with. What is `None` is left out of the signature.
pub(crate) struct Parameters<'a> {
    pub(crate) covered: &'a [&'a str],
    pub(crate) created: u64,
    pub(crate) expires: Option<u64>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) tag: Option<&'a str>,
}

impl PythonJudge {
    /// Starts it with the text of a key file, which is a JWK Set.
    pub(crate) fn start(keys: &str) -> Self {
        let mut child = Command::new(judge_python())
            .arg("-I")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/judges/judge.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the judge starts");
        Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()).lines(),
            keys: serde_json::from_str(keys).unwrap(),
            _child: child,
        }
    }

    /// Verifies the signature labelled and tagged `countersign`, and the digest where the request has both it and its body.
    pub(crate) async fn verify(&mut self, request: &JudgedRequest) -> Verdict {
        self.verify_as(request, Some("countersign")).await
    }

    /// Verifies the signature that has this for its label and tag, or the only one.
    pub(crate) async fn verify_as(&mut self, request: &JudgedRequest, name: Option<&str>) -> Verdict {
        let body = request.body.as_deref().map(base64);
        let request = &request.with_the_names_of_the_rfc();
        let answer = self.ask(request, json!({"do": "verify", "tag": name, "label": name, "body": body})).await?;
        let names = answer["covered"].as_array().unwrap().iter();
        Ok(names.map(|name| name.as_str().unwrap().to_owned()).collect())
    }

    /// Signs with the key `k1`; where there is a body, its digest is made and covered.
    pub(crate) async fn sign(&mut self, request: &JudgedRequest, parameters: &Parameters<'_>) -> JudgedRequest {
        let Parameters { covered, created, expires, nonce, tag } = parameters;
        let body = request.body.as_deref().map(base64);
        let asked = json!({
            "do": "sign", "key_id": "k1", "label": "countersign", "tag": tag, "covered": covered,
            "created": created, "expires": expires, "nonce": nonce, "body": body,
        });
        let answer = self.ask(request, asked).await.expect("it signs");
        let headers = serde_json::from_value(answer["headers"].clone()).unwrap();
        JudgedRequest { headers, ..request.clone() }.with_our_names()
    }

    async fn ask(&mut self, request: &JudgedRequest, mut asked: Value) -> Result<Value, String> {
        asked["method"] = json!(request.method);
        asked["authority"] = json!(request.authority);
        asked["target"] = json!(request.target);
        asked["headers"] = json!(request.headers);
        asked["keys"] = self.keys.clone();
        let exchange = async {
            self.stdin.write_all(format!("{asked}\n").as_bytes()).await.unwrap();
            self.stdout.next_line().await.unwrap().expect("the judge lives")
        };
        let line = timeout(PATIENCE, exchange).await.expect("an answer in time");
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer["refused"].as_str() {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(answer),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}
