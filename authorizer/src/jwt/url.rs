//! The URLs of issuers and of their key sets.

/// A URL with the scheme `https`, or `http` on this machine, as tests have it. It has no user information and no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url(Box<str>);

impl Url {
    /// The greatest length, so that an issuer fits into the context.
    const MAX_BYTES: usize = 512;

    /// The URL, if the text is one, with or without a query. It is kept byte for byte.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (is_plain, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return None,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let good_host =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let good_port = port.is_none_or(|port| is_number(port) && port.parse::<u16>().is_ok_and(|port| port != 0));
        let good_path = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte));
        let is_here = matches!(host, "127.0.0.1" | "localhost");
        let good = text.len() <= Self::MAX_BYTES && good_host && good_port && good_path && (!is_plain || is_here);
        good.then(|| Self(text.into()))
    }

    /// The URL, if the text is one without a query, as OpenID Connect Discovery 1.0, section 4.3 asks of an issuer.
    pub(super) fn parse_issuer(text: &str) -> Option<Self> {
        // The three separate the parts of the setting.
        if text.contains(['?', ',', ';', '|']) { None } else { Self::parse(text) }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is sent without TLS, to this machine.
    pub(super) fn is_plain(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// Where the issuer of this name publishes its configuration (OpenID Connect Discovery 1.0, section 4).
    pub(super) fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.strip_suffix('/').unwrap_or(&self.0))
    }
}

impl PartialEq<str> for Url {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_https_url_without_query_and_fragment() {
        for text in [
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
            "https://tenant.eu.auth0.com/",
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "https://sso.example.com:8443/realms/my%20realm",
            "https://a",
            "http://127.0.0.1:8080/realms/x",
            "http://localhost",
        ] {
            assert_eq!(Url::parse_issuer(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "https://",
            "https:///path",
            "https://:443/",
            "HTTPS://a.example",
            "issuer.example",
            "ftp://a.example",
            "http://issuer.example",
            "http://127.0.0.1.issuer.example",
            "http://localhost@issuer.example/",
            "http://localhost.example",
            "http://127.0.0.2/",
            "https://user@issuer.example",
            "https://user:pass@issuer.example",
            "https://issuer.example:0",
            "https://issuer.example:65536",
            "https://issuer.example:x",
            "https://issuer.example:+80",
            "https://issuer.example:",
            "https://[::1]/",
            "https://issuer.example/?a=b",
            "https://issuer.example?a=b",
            "https://issuer.example/#f",
            "https://issuer.example/a b",
            "https://issuer.example/a\\b",
            "https://issuer.example\\@evil.example/",
            "https://issuer.example/a|b",
            "https://\u{e9}.example/",
            "https://issuer.example/\u{e9}",
            "https://issuer.example/\n",
            " https://issuer.example",
            &format!("https://issuer.example/{}", "x".repeat(512)),
        ] {
            assert_eq!(Url::parse_issuer(text), None, "{text}");
        }
        assert!(Url::parse("https://issuer.example/keys?p=a|b").is_none());
        assert!(Url::parse("https://issuer.example/keys?p=policy&x=,;").is_some());
    }

    #[test]
    fn the_slash_at_the_end_of_an_issuer_is_not_doubled() {
        for (issuer, expected) in [
            ("https://a.example", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/r/x", "https://a.example/r/x/.well-known/openid-configuration"),
            ("https://a.example/r/x/", "https://a.example/r/x/.well-known/openid-configuration"),
        ] {
            assert_eq!(Url::parse_issuer(issuer).unwrap().discovery(), expected);
        }
    }
}
