//! A curl command that somebody pasted. It is read, never run.

use crate::diagnosis::request::WireRequest;
use anyhow::{Context as _, Result, anyhow, ensure};

/// Options that change nothing that a rule sees, with a value.
const WITH_VALUE: [&str; 24] = [
    "--cacert",
    "--capath",
    "--cert",
    "--ciphers",
    "--connect-timeout",
    "--connect-to",
    "--dns-servers",
    "--interface",
    "--key",
    "--limit-rate",
    "--max-redirs",
    "--max-time",
    "--output",
    "--proxy",
    "--resolve",
    "--retry",
    "--retry-delay",
    "--stderr",
    "--tls-max",
    "--trace",
    "--trace-ascii",
    "--unix-socket",
    "--write-out",
    "--dump-header",
];

/// Short options with a value, and their long names.
const SHORT: [(char, &str); 14] = [
    ('X', "--request"),
    ('H', "--header"),
    ('d', "--data"),
    ('A', "--user-agent"),
    ('e', "--referer"),
    ('b', "--cookie"),
    ('u', "--user"),
    ('o', "--output"),
    ('m', "--max-time"),
    ('x', "--proxy"),
    ('w', "--write-out"),
    ('E', "--cert"),
    ('D', "--dump-header"),
    ('F', "--form"),
];

/// What was read of a command.
#[derive(Debug, PartialEq)]
pub(crate) struct CurlCommand {
    pub(crate) request: WireRequest,
    /// The options that were ignored, without their values.
    pub(crate) ignored: Vec<String>,
}

/// Reads a command.
///
/// # Errors
/// What is wrong, without the values of options: they may be credentials.
pub(crate) fn parse(text: &str) -> Result<CurlCommand> {
    // A line that ends in a backslash goes on in the next.
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let words = shlex::split(&text).context("the curl command has a quote that does not end")?;
    let mut command = Reader::default();
    let mut words = words.into_iter().skip(1);
    while let Some(word) = words.next() {
        command.take(word, &mut words)?;
    }
    command.finish()
}

#[derive(Default)]
struct Reader {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    /// The length of the body, if there is one.
    body: Option<usize>,
    is_head: bool,
    is_query: bool,
    query: Vec<String>,
    ignored: Vec<String>,
}

impl Reader {
    fn take(&mut self, word: String, rest: &mut impl Iterator<Item = String>) -> Result<()> {
        let letters: Vec<char> = word.chars().collect();
        match letters[..] {
            ['-', '-', ..] => {
                let (name, joined) =
                    word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
                self.long(name, joined.map(str::to_owned), rest)
            }
            ['-', _, ..] => self.short(&letters, rest),
            _ if self.url.is_none() => {
                self.url = Some(word);
                Ok(())
            }
            _ => Err(anyhow!("the curl command has more than one URL: paste a command with one")),
        }
    }

    /// `-X POST`, `-XPOST` or `-sSi`.
    fn short(&mut self, letters: &[char], rest: &mut impl Iterator<Item = String>) -> Result<()> {
        for (at, letter) in letters.iter().enumerate().skip(1) {
            if let Some((_, long)) = SHORT.iter().find(|(short, _)| short == letter) {
                let joined: String = letters.iter().skip(at + 1).collect();
                return self.long(long, Some(joined).filter(|joined| !joined.is_empty()), rest);
            }
            match letter {
                'I' => self.is_head = true,
                'G' => self.is_query = true,
                'i' | 's' | 'S' | 'v' | 'k' | 'L' | 'f' | 'g' | '4' | '6' | '#' | 'N' | 'O' | 'J' | 'a' | '0' => {}
                other => self.ignored.push(format!("-{other}")),
            }
        }
        Ok(())
    }

    fn long(&mut self, name: &str, joined: Option<String>, rest: &mut impl Iterator<Item = String>) -> Result<()> {
        let mut value = || {
            joined
                .clone()
                .or_else(|| rest.next())
                .with_context(|| format!("the curl command has {name} without a value"))
        };
        match name {
            "--request" => self.method = Some(value()?),
            "--url" => self.url = Some(value()?),
            "--header" => {
                let header = value()?;
                match header.split_once(':') {
                    Some((name, value)) => self.headers.push((name.trim().to_owned(), value.trim().to_owned())),
                    // `Name;` sends an empty header, and `@file` is not read here.
                    None => self.ignored.push("a --header that is not NAME: VALUE".to_owned()),
                }
            }
            "--user-agent" => self.headers.push(("User-Agent".to_owned(), value()?)),
            "--referer" => self.headers.push(("Referer".to_owned(), value()?)),
            "--data" | "--data-raw" | "--data-ascii" | "--data-binary" | "--data-urlencode" | "--json" => {
                let data = value()?;
                self.body = Some(self.body.map_or(0, |length| length + 1) + data.len());
                self.query.push(data);
            }
            "--form" | "--form-string" | "--upload-file" => {
                value()?;
                self.body = Some(1);
            }
            "--cookie" | "--user" | "--oauth2-bearer" | "--aws-sigv4" => {
                value()?;
                self.ignored.push(name.to_owned());
            }
            "--head" => self.is_head = true,
            "--get" => self.is_query = true,
            _ if WITH_VALUE.contains(&name) => {
                value()?;
                if ["--proxy", "--connect-to", "--resolve", "--unix-socket"].contains(&name) {
                    self.ignored.push(name.to_owned());
                }
            }
            "--http1.1" | "--http2" | "--globoff" | "--path-as-is" | "--include" | "--silent" | "--show-error"
            | "--verbose" | "--insecure" | "--location" | "--fail" | "--fail-with-body" | "--compressed"
            | "--no-buffer" => {}
            _ => self.ignored.push(name.to_owned()),
        }
        Ok(())
    }

    fn finish(self) -> Result<CurlCommand> {
        let url = self.url.context("the curl command has no URL")?;
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        ensure!(!host.is_empty(), "the URL of the curl command has no host");
        // curl does not send a fragment.
        let target = target.split('#').next().unwrap_or_default();
        let mut target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let mut ignored = self.ignored;
        let sends_body = self.body.is_some() && !self.is_query;
        if self.is_query && !self.query.is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&self.query.join("&"));
        }
        let method = match self.method {
            Some(method) => method,
            None if self.is_head => "HEAD".to_owned(),
            None if sends_body => "POST".to_owned(),
            None => "GET".to_owned(),
        };
        let mut request = WireRequest { method, target, headers: self.headers };
        request.host_or(host);
        let has_length = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if let (true, false, Some(length)) = (sends_body, has_length, self.body) {
            request.headers.push(("Content-Length".to_owned(), length.to_string()));
        }
        ignored.dedup();
        Ok(CurlCommand { request, ignored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, (method, target): (&str, &str), headers: &[(&str, &str)], ignored: &[&str]) {
        let CurlCommand { request, ignored: found } = parse(text).unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), (method, target), "{text}");
        let found_headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found_headers, headers, "{text}");
        assert_eq!(found, ignored, "{text}");
    }

    #[test]
    fn a_command_is_read_as_curl_reads_it() {
        let host = ("Host", "a.example");
        check("curl https://a.example/b?c=d#e", ("GET", "/b?c=d"), &[host], &[]);
        check("curl a.example", ("GET", "/"), &[host], &[]);
        check("curl -sSi --http1.1 --path-as-is 'https://u:p@a.example/b'", ("GET", "/b"), &[host], &[]);
        check("curl -I https://a.example?x=1", ("HEAD", "/?x=1"), &[host], &[]);
        check(
            "curl -X PUT -H 'X: y:z' \\\n  --header=A:b --url https://a.example/ -H 'Host: h'",
            ("PUT", "/"),
            &[("X", "y:z"), ("A", "b"), ("Host", "h")],
            &[],
        );
        check("curl -XPATCH https://a.example/", ("PATCH", "/"), &[host], &[]);
        check("curl -d a=1 -d b https://a.example/", ("POST", "/"), &[host, ("Content-Length", "5")], &[]);
        check("curl -G -d a=1 --data b=2 https://a.example/?c", ("GET", "/?c&a=1&b=2"), &[host], &[]);
        check(
            "curl -u user:secret --weird --max-time 3 -b secret -o f https://a.example/",
            ("GET", "/"),
            &[host],
            &["--user", "--weird", "--cookie"],
        );
    }

    #[test]
    fn a_command_that_cannot_be_read_is_an_error_without_its_values() {
        for (text, expected) in [
            ("curl 'https://secret", "the curl command has a quote that does not end"),
            ("curl -s", "the curl command has no URL"),
            ("curl https://", "the URL of the curl command has no host"),
            ("curl secret secret", "the curl command has more than one URL: paste a command with one"),
            ("curl a -H", "the curl command has --header without a value"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
