//! The headers beside the signature without which the API refuses a request: CloudFront sends them, and the stack knows their secrets.

use crate::{aws::Aws, doctor::doors::notice::notice, status::answers::Stack};
use anyhow::{Context as _, Result};

/// Reads their values, after saying so.
///
/// # Errors
/// If a secret cannot be read.
pub(crate) async fn read(aws: &Aws<'_>, stack: &Stack) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    if let Some(secret) = stack.output("ApiKeySecretArn") {
        notice(format_args!("reads the value of the secret {secret}, the API key that CloudFront sends"));
        headers.push(("x-api-key".to_owned(), value(aws, secret).await?));
    }
    if let Some(secret) = stack.output("OriginHeaderSecretArn") {
        notice(format_args!("reads the value of the secret {secret}, the origin's header that CloudFront sends"));
        let name = of(secret).with_context(|| format!("{secret} is not the secret of an origin's header"))?;
        headers.push(("x-origin-verify".to_owned(), format!("{name}.{}", value(aws, secret).await?)));
    }
    Ok(headers)
}

async fn value(aws: &Aws<'_>, secret: &str) -> Result<String> {
    aws.read(&["secretsmanager", "get-secret-value", "--secret-id", secret, "--query", "SecretString"]).await
}

/// What the value begins with, by the name of the secret in `infra/api.yaml`: `STACK/origin-header/OF/value`.
fn of(arn: &str) -> Option<&str> {
    arn.split_once("/origin-header/")?.1.split('/').next().filter(|of| !of.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_secret_has_the_begin_of_the_header() {
        let arn = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf");
        assert_eq!(of(&arn("pets/origin-header/2026-01-01/value")), Some("2026-01-01"));
        assert_eq!(of(&arn("pets/origin-header/fixed/value")), Some("fixed"));
        for name in ["pets/keys", "pets/origin-header//value"] {
            assert_eq!(of(&arn(name)), None, "{name}");
        }
    }
}
