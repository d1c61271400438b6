//! The head of an answer that a viewer got: who answered, and whether it was an answer of the cache.

use crate::diagnosis::report::{Cause, Explanation};
use anyhow::{Context as _, Result};

/// The command that shows for how long CloudFront keeps errors.
const ERRORS: &str = "aws cloudfront get-distribution-config --id DISTRIBUTION --query \
    'DistributionConfig.CustomErrorResponses.Items[].[ErrorCode,ErrorCachingMinTTL]'";

/// The statuses that CloudFront keeps as errors. It never keeps 416, whatever the distribution says ("Control how long CloudFront caches
/// errors").
pub(crate) const KEPT_ERRORS: [u16; 10] = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];

/// Explains an answer.
///
/// # Errors
/// It has no status.
pub(crate) fn explain(text: &str) -> Result<Explanation> {
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse::<u16>().ok());
    let status = status.context("the first line of the response is not HTTP/1.1 STATUS")?;
    let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':')).collect();
    let header = |name: &str| {
        let found = headers.iter().find(|(other, _)| other.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    };
    let age = header("age").and_then(|age| age.parse::<u64>().ok());
    let x_cache = header("x-cache").unwrap_or_default();
    let error_type = header("x-amzn-errortype").map(|name| name.split(':').next().unwrap_or_default());
    let mut explanation =
        Explanation { form: "response", subject: format!("An answer with status {status}"), ..Explanation::default() };
    if status < 400 {
        explanation.verdict = "answered, and not with an error".to_owned();
        return Ok(explanation);
    }
    explanation.verdict = "answered with an error".to_owned();
    match age {
        Some(age) => {
            explanation.verdict = "an earlier error, which a cache gave to this viewer again".to_owned();
            // An answer with Age was not made for this request (RFC 9111, section 5.1).
            explanation.causes.push(Cause::shown(
                format!(
                    "CloudFront cached an error: the answer is {age} s old (Age), so this request reached neither the edge signer nor the \
                     authorizer."
                ),
                Some(ERRORS.to_owned()),
            ));
            explanation.what_to_do = Some(
                "Set the error caching minimum TTL to 0 for 400, 403, 404, 405, 414, 500, 501, 502, 503 and 504. Then look for the \
                 cause of the first error: the log of that moment has its reason."
                    .to_owned(),
            );
        }
        None if x_cache.starts_with("Error from cloudfront") && KEPT_ERRORS.contains(&status) => {
            explanation.notes.push(
                "The answer has no Age, so it is not known to be of the cache. Send the request again: an Age shows that CloudFront keeps \
                 the error."
                    .to_owned(),
            );
        }
        None => {}
    }
    explanation.causes.extend(error_type.and_then(by_error_type).map(|cause| Cause::shown(cause, None)));
    if let Some(id) = header("x-amz-cf-id")
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+/=".contains(&byte)))
    {
        let filter = format!("'{{ $.x_amz_cf_id = \"{id}\" }}'");
        explanation.told_apart_by = Some(format!(
            "The log has the reason, if this request came to a function: `aws logs filter-log-events --log-group-name GROUP --filter-pattern \
             {filter}`."
        ));
    }
    Ok(explanation)
}

/// What API Gateway means with its name for an error.
fn by_error_type(name: &str) -> Option<&'static str> {
    Some(match name {
        "ForbiddenException" => {
            "API Gateway answered by itself: the Host is not its own, the path is outside of the stage, or the API key is missing."
        }
        "MissingAuthenticationTokenException" => {
            "API Gateway answered by itself: the API has no such resource or method."
        }
        "UnauthorizedException" => {
            "API Gateway answered by itself: the request has no Countersign-Signature, so it was not signed. Or the check behind the \
             signature asks for a token."
        }
        "AccessDeniedException" => "The authorizer refused the request: its log has the reason.",
        "AuthorizerConfigurationException" => "The authorizer failed: its log has the reason.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_cache_is_told_from_a_new_one() {
        let cached = "HTTP/2 403\r\nx-cache: Error from cloudfront\r\nage: 7\r\nx-amzn-errortype: AccessDeniedException\r\n\r\n{}";
        let explanation = explain(cached).unwrap();
        assert_eq!(explanation.verdict, "an earlier error, which a cache gave to this viewer again");
        assert!(explanation.causes[0].cause.starts_with("CloudFront cached an error: the answer is 7 s old"));
        assert!(explanation.causes[1].cause.starts_with("The authorizer refused"));
        let explanation = explain(&cached.replace("age: 7\r\n", "")).unwrap();
        assert_eq!(explanation.verdict, "answered with an error");
        assert_eq!(explanation.causes.len(), 1);
        assert!(explanation.notes[0].starts_with("The answer has no Age"));
        assert_eq!(explain("HTTP/1.1 200 OK\r\nAge: 7").unwrap().causes, []);
        assert!(explain("HTTP/1.1 x").is_err());
    }
}
