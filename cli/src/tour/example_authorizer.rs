//! A Lambda authorizer as a user could have it, for the tour: `countersign` itself, where it is called `bootstrap`.
//!
//! It decides by the header `Authorization`, which is the name of a user here.

use crate::local::next_authorizer::NextAuthorizer;
use anyhow::{Context as _, Result};
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::{Value, json};
use std::{env, ffi::OsStr, os::unix::fs::symlink, path::Path, process::ExitCode, time::Duration};
use tempfile::TempDir;

/// The name of a program that Lambda runs.
const PROGRAM: &str = "bootstrap";

/// Whether this process is the function.
pub(crate) fn is_called() -> bool {
    let name = env::args_os().next();
    name.as_deref().map(Path::new).and_then(Path::file_name) == Some(OsStr::new(PROGRAM))
}

/// Answers events until Lambda ends the process.
pub(crate) async fn run() -> ExitCode {
    match Runtime::new(service_fn(answer)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The function in a folder of its own, which is removed with the second value.
pub(crate) fn folder() -> Result<(NextAuthorizer, TempDir)> {
    let folder = tempfile::tempdir().context("the folder for the example authorizer cannot be made")?;
    symlink(env::current_exe()?, folder.path().join(PROGRAM))?;
    let timeout = ("COUNTERSIGN_NEXT_TIMEOUT", "1".to_owned());
    Ok((NextAuthorizer::find(folder.path().to_owned(), None, vec![timeout])?, folder))
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let event = event.payload;
    let headers = event.get("headers").and_then(Value::as_object).into_iter().flatten();
    let user =
        headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).find_map(|(_, value)| value.as_str());
    let error = |error_type: &str, error_message: &str| {
        Err(Diagnostic { error_type: error_type.to_owned(), error_message: error_message.to_owned() })
    };
    let allow = match user {
        Some("user-7") => true,
        Some("suspended") => false,
        Some("slow") => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            true
        }
        Some("failing") => return error("ExampleError", "the table of users cannot be read"),
        Some("garbage") => return Ok(json!("allow")),
        _ => return error("Unauthorized", "Unauthorized"),
    };
    // It tries to pose as Countersign.
    let context = json!({ "user": user, "countersign": "forged", "countersignPath": "/forged" });
    if let Some("2.0") = event.get("version").and_then(Value::as_str) {
        return Ok(json!({ "isAuthorized": allow, "context": context }));
    }
    let statement = json!({
        "Effect": if allow { "Allow" } else { "Deny" },
        "Action": "execute-api:Invoke",
        "Resource": event.get("methodArn"),
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    Ok(json!({ "principalId": user, "policyDocument": policy, "context": context }))
}
