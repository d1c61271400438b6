//! A request as it stands on the wire, for a judge to look at, and what changes of it are to be noticed.

use serde_json::Value;

/// What a judge says: the components that are covered, or its reason in its own words.
pub(crate) type Verdict = Result<Vec<String>, String>;

/// The five components of every signature of ours, in our order.
pub(crate) const COVERED: [&str; 5] = ["@method", "@authority", "@path", "@query", "countersign-viewer-ip"];

/// The two fields of a signature: ours, and those of RFC 9421, sections 4.1 and 4.2, which a library has to be told ours for.
const OURS: [&str; 2] = ["Countersign-Signature-Input", "Countersign-Signature"];
const STANDARD: [&str; 2] = ["Signature-Input", "Signature"];

/// A request with its target and headers as they are on the wire.
#[derive(Clone, Debug)]
pub(crate) struct JudgedRequest {
    pub(crate) method: String,
    /// The value of `Host`.
    pub(crate) authority: String,
    pub(crate) target: String,
    /// `Host` among them.
    pub(crate) headers: Vec<(String, String)>,
    /// Where the digest is to be looked at too.
    pub(crate) body: Option<Vec<u8>>,
}

impl JudgedRequest {
    /// The request as it came to the gateway, out of what `/echo` behind it says: there only the stage is missing.
    pub(crate) fn at_the_gateway(echo: &Value, stage: &str) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pair = |header: &Value| (text(&header[0]), text(&header[1]));
        let headers: Vec<_> = echo["headers"].as_array().unwrap().iter().map(pair).collect();
        let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        Self {
            method: text(&echo["method"]),
            authority: host.unwrap().1.clone(),
            target: format!("/{stage}{}", text(&echo["target"])),
            headers,
            body: None,
        }
    }

    /// The only value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} appears twice");
        value
    }

    /// As a library for RFC 9421 reads it: our two fields under the names that it knows, in the place of a viewer's own.
    pub(crate) fn with_the_names_of_the_rfc(&self) -> Self {
        let ours = |name: &str| OURS.iter().position(|ours| ours.eq_ignore_ascii_case(name));
        let of_a_viewer = |name: &str| STANDARD.iter().any(|standard| standard.eq_ignore_ascii_case(name));
        let kept = self.headers.iter().filter(|(name, _)| !of_a_viewer(name));
        let headers =
            kept.map(|(name, value)| (ours(name).map_or(name.as_str(), |at| STANDARD[at]).to_owned(), value.clone()));
        Self { headers: headers.collect(), ..self.clone() }
    }

    /// What a library has signed, as it is sent: its two fields under our names.
    pub(crate) fn with_our_names(mut self) -> Self {
        for (name, _) in &mut self.headers {
            if let Some(at) = STANDARD.iter().position(|standard| standard.eq_ignore_ascii_case(name)) {
                OURS[at].clone_into(name);
            }
        }
        self
    }

    fn header_mut(&mut self, name: &str) -> &mut String {
        let mut headers = self.headers.iter_mut();
        let header = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        &mut header.unwrap().1
    }

    /// What its signature covers.
    pub(crate) fn covered(&self) -> Vec<&'static str> {
        let digest = self.header("content-digest").map(|_| "content-digest");
        COVERED.into_iter().chain(digest).collect()
    }

    /// The same request with one byte of each thing changed that is covered, under the name of that thing.
    pub(crate) fn altered(&self) -> Vec<(&'static str, Self)> {
        let mut all = Vec::new();
        let mut add = |name, change: &dyn Fn(&mut Self)| {
            let mut altered = self.clone();
            change(&mut altered);
            let told = [("host", altered.authority.clone()), ("countersign-target", altered.target.clone())];
            for (name, value) in told {
                *altered.header_mut(name) = value;
            }
            all.push((name, altered));
        };
        let path_end = self.target.find('?').unwrap_or(self.target.len());
        add("@method", &|r| flip(&mut r.method, self.method.len() - 1));
        add("@authority", &|r| flip(&mut r.authority, self.authority.len() - 1));
        add("@path", &|r| flip(&mut r.target, path_end - 1));
        match self.target.get(path_end + 1..) {
            Some(_) => add("@query", &|r| flip(&mut r.target, path_end + 1)),
            None => add("@query", &|r| r.target.push_str("?x")),
        }
        let in_header = |name: &'static str, after: &'static str| {
            move |r: &mut Self| {
                let value = r.header_mut(name);
                let at = value.find(after).unwrap() + after.len() + 3;
                flip(value, at);
            }
        };
        add("countersign-viewer-ip", &|r| {
            let value = r.header_mut("countersign-viewer-ip");
            flip(value, value.len() - 1);
        });
        if self.header("content-digest").is_some() {
            add("content-digest", &in_header("content-digest", ":"));
        }
        add("the parameters", &in_header("countersign-signature-input", "nonce=\""));
        add("the signature", &in_header("countersign-signature", "countersign=:"));
        all
    }
}

/// Puts another letter or digit in the place of one; of base64 too it becomes other bytes.
#[track_caller]
fn flip(text: &mut String, at: usize) {
    let other = match text.as_bytes()[at] {
        b'9' | b'+' | b'/' | b'-' | b'_' => '0',
        b'z' => 'a',
        b'Z' => 'A',
        byte if byte.is_ascii_alphanumeric() => char::from(byte + 1),
        byte => panic!("{:?} at {at} of {text:?} is not a letter", char::from(byte)),
    };
    text.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
}
