//! `Connection` (RFC 9110, section 7.6.1): a hop behind the authorizer removes the headers that it lists.

use crate::{
    Field, Refusal,
    profile::{resembles, resembles_ours},
    request::is_token,
};

/// Headers beside those of the signature. Without them the request is another request.
const FRAMING: [&str; 3] = ["Host", "Content-Length", "Transfer-Encoding"];

/// Refuses a value that lists a header whose removal changes what was verified, or that two readers could split in two ways.
///
/// The value is a list of tokens, in which empty elements are allowed (RFC 9110, section 5.6.1.2).
pub(crate) fn check(value: &str) -> Result<(), Refusal> {
    for option in value.split(',').map(|element| element.trim_matches([' ', '\t'])) {
        if option.is_empty() {
            continue;
        }
        if !is_token(option) {
            return Err(Refusal::ConnectionMalformed);
        }
        let known = Field::ALL.into_iter().map(Field::key).chain(FRAMING).find(|name| resembles(option, name));
        if let Some(name) =
            known.or_else(|| resembles_ours(option).then_some("a header whose name begins with Countersign-"))
        {
            return Err(Refusal::ConnectionOption(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_concerns_only_one_hop_passes() {
        for value in
            ["", ",", " , ,\t", "close", "keep-alive", "Upgrade", "keep-alive, Upgrade", "close,,TE", "x-hop", "via"]
        {
            assert_eq!(check(value), Ok(()), "{value:?}");
        }
    }

    #[test]
    fn a_header_on_which_the_verdict_depends_is_refused_in_every_spelling() {
        for (value, name) in [
            ("Content-Digest", "Content-Digest"),
            ("close, content_digest", "Content-Digest"),
            ("countersign-target", "Countersign-Target"),
            ("COUNTERSIGN_VIEWER_IP", "Countersign-Viewer-Ip"),
            (",\tcountersign-signature ,", "Countersign-Signature"),
            ("countersign-signature-input", "Countersign-Signature-Input"),
            ("countersign_other", "a header whose name begins with Countersign-"),
            ("host", "Host"),
            ("Content_Length", "Content-Length"),
            ("transfer-encoding", "Transfer-Encoding"),
        ] {
            assert_eq!(check(value), Err(Refusal::ConnectionOption(name)), "{value:?}");
        }
    }

    #[test]
    fn an_element_that_is_not_a_token_is_refused() {
        for value in
            ["content-digest;x", "a b", "close, \"x\"", "\u{e9}", "close;content-digest", "close\u{a0}", "a\nb", "(x)"]
        {
            assert_eq!(check(value), Err(Refusal::ConnectionMalformed), "{value:?}");
        }
    }
}
