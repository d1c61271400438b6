//! AWS Secrets Manager and AWS Lambda on loopback, each of which knows one answer.

use crate::loopback::{Server, document};
use anyhow::{Result, bail, ensure};
use serde_json::json;

/// Answers every GetSecretValue with this text, until the process ends. Returns the endpoint.
pub(crate) fn with_secret(secret: &str) -> Result<String> {
    serve(secret, None)
}

/// The same, and answers every Invoke with this answer of a function, at once.
pub(crate) fn with_function(secret: &str, answer: &str) -> Result<String> {
    serve(secret, Some(answer))
}

fn serve(secret: &str, function: Option<&str>) -> Result<String> {
    let secret = json!({
        "ARN": crate::fixtures::ARN,
        "Name": "keys",
        "VersionId": "12345678-90ab-cdef-1234-567890123456",
        "SecretString": secret,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1.7636e9,
    });
    let secret = document("application/x-amz-json-1.1", &secret.to_string());
    let function = function.map(|answer| document("application/json", answer));
    let server = Server::bind("AWS")?;
    let endpoint = server.url.clone();
    server.answer(move |request| {
        let signs = request.header("authorization").is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256"));
        ensure!(signs, "not signed: {}", request.head);
        let path = request.head.split(' ').nth(1).unwrap_or_default();
        match &function {
            _ if request.header("x-amz-target") == Some("secretsmanager.GetSecretValue") => Ok(secret.clone()),
            Some(answer) if path.starts_with("/2015-03-31/functions/") && path.ends_with("/invocations") => {
                ensure!(!request.body.is_empty(), "Invoke without an event");
                Ok(answer.clone())
            }
            _ => bail!("this is not known: {}", request.head),
        }
    });
    Ok(endpoint)
}
