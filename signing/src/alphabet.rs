//! The characters of which the parts of a request consist.

/// A set of ASCII characters, to be asked for every byte that arrives.
pub(crate) struct Alphabet([bool; 256]);

impl Alphabet {
    /// `tchar` (RFC 9110, section 5.6.2).
    pub(crate) const TOKEN: Self = Self::letters_digits_and(b"!#$%&'*+-.^_`|~");
    /// The characters of a host and a port.
    pub(crate) const HOST: Self = Self::letters_digits_and(b"-._~:[]");
    /// The characters of a key id.
    pub(crate) const KEY_ID: Self = Self::letters_digits_and(b"._-");
    /// The characters of base64 but for its padding.
    pub(crate) const BASE64: Self = Self::letters_digits_and(b"+/");

    /// The characters of a key of a structured field (RFC 8941, section 3.1.2).
    pub(crate) const SF_KEY: Self = Self::of(b"abcdefghijklmnopqrstuvwxyz0123456789_-.*");
    /// The characters of a string of a structured field (RFC 8941, section 3.3.3) that have no other meaning in it.
    pub(crate) const SF_STRING: Self = Self::letters_digits_and(b" !#$%&'()*+,-./:;<=>?@[]^_`{|}~");
    /// The characters of a token of a structured field (RFC 8941, section 3.3.4) after its first.
    pub(crate) const SF_TOKEN: Self = Self::letters_digits_and(b"!#$%&'*+-.^_`|~:/");
    pub(crate) const DIGITS: Self = Self::of(b"0123456789");

    #[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "the compiler runs this loop")]
    const fn letters_digits_and(others: &[u8]) -> Self {
        let Self(mut set) = Self::of(others);
        let mut byte = 0;
        while byte < set.len() {
            set[byte] |= (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        Self(set)
    }

    #[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "the compiler runs this loop")]
    const fn of(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut at = 0;
        while at < others.len() {
            set[others[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// Whether a text consists of it, and is not empty. Every byte is looked at, which is faster than to stop at the first
    /// wrong one: nearly all texts are right.
    pub(crate) fn spells(&self, text: &str) -> bool {
        !text.is_empty() && text.bytes().fold(true, |all, byte| all & self.has(byte))
    }

    /// The characters of it at the beginning of a text, and the rest. It is a set of ASCII, so both are texts.
    pub(crate) fn split<'a>(&self, text: &'a str) -> (&'a str, &'a str) {
        let length = text.bytes().position(|byte| !self.has(byte)).unwrap_or(text.len());
        text.split_at_checked(length).unwrap_or((text, ""))
    }
}
