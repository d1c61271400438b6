//! The forms of RFC 8941 that RFC 9421 and RFC 9530 use, parsed strictly and kept as received.
//!
//! Two kinds of dictionary: of inner lists (`Signature-Input`) and of byte sequences (`Signature`, `Content-Digest`). A
//! key that appears twice is reported twice, for the caller to refuse. RFC 8941 lets the last one win.

use alloc::vec::Vec;
use base64::{
    Engine as _,
    alphabet::STANDARD as STANDARD_ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

/// One member of a dictionary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member<'a, V> {
    pub(crate) key: &'a str,
    pub(crate) value: V,
    /// The value with its parameters, byte for byte as received.
    pub(crate) text: &'a str,
}

/// `("a" "b");p=1`: strings with parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InnerList<'a> {
    pub(crate) items: Vec<(SfString<'a>, Vec<Parameter<'a>>)>,
    pub(crate) parameters: Vec<Parameter<'a>>,
}

/// `:YWJj:` with parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ByteSequence<'a> {
    base64: &'a str,
    pub(crate) parameters: Vec<Parameter<'a>>,
}

impl ByteSequence<'_> {
    /// The bytes, if there are exactly `N` of them in canonical, padded base64.
    pub(crate) fn decode<const N: usize>(&self) -> Option<[u8; N]> {
        STANDARD.decode(self.base64).ok()?.try_into().ok()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: BareItem<'a>,
}

/// A bare item (RFC 8941, section 3.3). A value that no caller reads is recognised but not kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BareItem<'a> {
    Integer(i64),
    Decimal,
    String(SfString<'a>),
    Token,
    Bytes,
    Boolean,
}

/// A string as it appears between its quotes, with its escapes.
///
/// An escape always means `"` or `\`. So a string that equals a text without these two is that text, and comparing what
/// was received is exact for every name in this profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SfString<'a>(pub(crate) &'a str);

/// The text is not a dictionary of the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the structured field does not have the expected form at byte {at}")]
pub(crate) struct StructuredFieldError {
    /// Where parsing stopped, in bytes from the start of the field.
    pub(crate) at: usize,
}

/// Parses a dictionary whose members are inner lists of strings, as `Signature-Input` is.
pub(crate) fn inner_lists(text: &str) -> Result<Vec<Member<'_, InnerList<'_>>>, StructuredFieldError> {
    Parser::new(text).dictionary(Parser::inner_list)
}

/// Parses a dictionary whose members are byte sequences, as `Signature` and `Content-Digest` are.
pub(crate) fn byte_sequences(text: &str) -> Result<Vec<Member<'_, ByteSequence<'_>>>, StructuredFieldError> {
    Parser::new(text).dictionary(Parser::byte_sequence)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Parsed<T> = Result<T, StructuredFieldError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn dictionary<V>(mut self, value: fn(&mut Self) -> Parsed<V>) -> Parsed<Vec<Member<'a, V>>> {
        let mut members = Vec::new();
        self.skip(|byte| byte == b' ');
        while !self.at_end() {
            let key = self.key()?;
            self.expect(b'=')?;
            let start = self.at;
            let value = value(&mut self)?;
            members.push(Member { key, value, text: self.since(start) });
            self.skip(is_optional_whitespace);
            if self.at_end() {
                break;
            }
            self.expect(b',')?;
            self.skip(is_optional_whitespace);
            if self.at_end() {
                return self.fail();
            }
        }
        Ok(members)
    }

    fn inner_list(&mut self) -> Parsed<InnerList<'a>> {
        self.expect(b'(')?;
        let mut items = Vec::new();
        loop {
            self.skip(|byte| byte == b' ');
            if self.take(b')') {
                break;
            }
            items.push((self.string()?, self.parameters()?));
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return self.fail();
            }
        }
        Ok(InnerList { items, parameters: self.parameters()? })
    }

    fn byte_sequence(&mut self) -> Parsed<ByteSequence<'a>> {
        Ok(ByteSequence { base64: self.bytes()?, parameters: self.parameters()? })
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter<'a>>> {
        let mut parameters = Vec::new();
        while self.take(b';') {
            self.skip(|byte| byte == b' ');
            let key = self.key()?;
            let value = if self.take(b'=') { self.bare_item()? } else { BareItem::Boolean };
            parameters.push(Parameter { key, value });
        }
        Ok(parameters)
    }

    fn bare_item(&mut self) -> Parsed<BareItem<'a>> {
        match self.peek() {
            Some(b'"') => self.string().map(BareItem::String),
            Some(b':') => self.bytes().map(|_| BareItem::Bytes),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'?') => self.boolean(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'*' => {
                self.skip(is_token);
                Ok(BareItem::Token)
            }
            _ => self.fail(),
        }
    }

    fn key(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        if !self.peek().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*') {
            return self.fail();
        }
        self.skip(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte));
        Ok(self.since(start))
    }

    fn string(&mut self) -> Parsed<SfString<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    if !matches!(self.peek(), Some(b'"' | b'\\')) {
                        return self.fail();
                    }
                }
                Some(b' '..=b'~') => {}
                _ => return self.fail(),
            }
            self.at += 1;
        }
        let content = self.since(start);
        self.expect(b'"')?;
        Ok(SfString(content))
    }

    /// Padding may be missing and spare bits set (RFC 8941, section 4.2.7); [`ByteSequence::decode`] is stricter.
    fn bytes(&mut self) -> Parsed<&'a str> {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &STANDARD_ALPHABET,
            GeneralPurposeConfig::new()
                .with_decode_padding_mode(DecodePaddingMode::Indifferent)
                .with_decode_allow_trailing_bits(true),
        );
        self.expect(b':')?;
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        let base64 = self.since(start);
        if LENIENT.decode(base64).is_err() {
            return self.fail();
        }
        self.expect(b':')?;
        Ok(base64)
    }

    fn boolean(&mut self) -> Parsed<BareItem<'a>> {
        self.expect(b'?')?;
        if self.take(b'0') || self.take(b'1') { Ok(BareItem::Boolean) } else { self.fail() }
    }

    /// At most 15 digits for an integer, 12 before and 3 after the point for a decimal (RFC 8941, section 4.2.4).
    fn number(&mut self) -> Parsed<BareItem<'a>> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits()?;
        if !self.take(b'.') {
            return match self.since(start).parse() {
                Ok(integer) if whole <= 15 => Ok(BareItem::Integer(integer)),
                _ => self.fail(),
            };
        }
        if whole <= 12 && self.digits()? <= 3 { Ok(BareItem::Decimal) } else { self.fail() }
    }

    /// Reads one digit or more, and returns how many.
    fn digits(&mut self) -> Parsed<usize> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        if self.at == start { self.fail() } else { Ok(self.at - start) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Parsed<()> {
        if self.take(byte) { Ok(()) } else { self.fail() }
    }

    fn skip(&mut self, accept: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&accept) {
            self.at += 1;
        }
    }

    /// The text that was read since `start`. Only ASCII bytes are ever stepped over, so both ends lie between
    /// characters.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn fail<T>(&self) -> Parsed<T> {
        Err(StructuredFieldError { at: self.at })
    }
}

fn is_optional_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_signature_input_is_read_and_its_text_kept() {
        let text = "sig1=(\"@method\" \"@query-param\";name=\"a\" );created=1;x=-2;d=1.5;t=tok/en;b=:YQ==:;f;g=?0 ,\tcountersign=()";
        let members = inner_lists(text).unwrap();
        assert_eq!(members.iter().map(|member| member.key).collect::<Vec<_>>(), ["sig1", "countersign"]);
        assert_eq!(
            members[0].text,
            "(\"@method\" \"@query-param\";name=\"a\" );created=1;x=-2;d=1.5;t=tok/en;b=:YQ==:;f;g=?0"
        );
        let name = Parameter { key: "name", value: BareItem::String(SfString("a")) };
        assert_eq!(members[0].value.items, vec![(SfString("@method"), vec![]), (SfString("@query-param"), vec![name])]);
        let parameters = &members[0].value.parameters;
        assert_eq!(
            parameters.iter().map(|parameter| &parameter.value).collect::<Vec<_>>(),
            [
                &BareItem::Integer(1),
                &BareItem::Integer(-2),
                &BareItem::Decimal,
                &BareItem::Token,
                &BareItem::Bytes,
                &BareItem::Boolean,
                &BareItem::Boolean
            ]
        );
        assert_eq!(members[1].value.items, vec![]);
    }

    #[test]
    fn a_text_that_is_not_a_dictionary_of_inner_lists_is_refused_at_its_first_wrong_byte() {
        let table = [
            ("a", 1),
            ("a=", 2),
            ("a=1", 2),
            ("a=(", 3),
            ("a=(\"x\"", 6),
            ("a=(\"x\"\"y\")", 6),
            ("a=(x)", 3),
            ("a=(\"x\\n\")", 6),
            ("a=(\"\u{e9}\")", 4),
            ("a=(\"x\n\")", 5),
            ("a=(),", 5),
            ("a=(),,b=()", 5),
            ("a=() b=()", 5),
            ("A=()", 0),
            ("1=()", 0),
            ("\ta=()", 0),
            ("a =()", 1),
            ("a=();", 5),
            ("a=();x=", 7),
            ("a=();x=@1", 7),
            ("a=();x=!a", 7),
            ("a=();x=,b=()", 7),
            ("a=();x=1234567890123456", 23),
            ("a=();x=1.2345", 13),
            ("a=();x=1234567890123.1", 21),
            ("a=();x=1.", 9),
            ("a=();x=-", 8),
            ("a=();x=?2", 8),
            ("a=();x=:a b:", 9),
            ("a=();x=:a:", 9),
            ("a=();x=:YQ===:", 13),
        ];
        for (text, at) in table {
            assert_eq!(inner_lists(text), Err(StructuredFieldError { at }), "{text:?}");
        }
    }

    #[test]
    fn byte_sequences_decode_only_to_the_expected_length_in_canonical_base64() {
        #[track_caller]
        fn check(text: &str, expected: Option<[u8; 2]>) {
            let members = byte_sequences(text).unwrap();
            assert_eq!(members[0].value.decode::<2>(), expected, "{text:?}");
        }
        check("a=:AAE=:", Some([0, 1]));
        check("a=:AAE:", None); // no padding
        check("a=:AAF=:", None); // spare bits set
        check("a=:AAEC:", None); // three bytes
        check("a=::", None);
        assert!(byte_sequences("a=AAE=").is_err());
        assert_eq!(byte_sequences("").unwrap(), vec![]);
    }

    #[test]
    fn a_key_that_appears_twice_is_reported_twice() {
        assert_eq!(byte_sequences("a=:AA==:, a=:AQ==:").unwrap().len(), 2);
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        arbtest::arbtest(|u| {
            let bytes: Vec<u8> = u.arbitrary()?;
            let alphabet = b"a=(\";:,)1.?- \t\\\xc3\xa9";
            let text: Vec<u8> = bytes.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect();
            let text = alloc::string::String::from_utf8_lossy(&text);
            for error in [inner_lists(&text).err(), byte_sequences(&text).err()].into_iter().flatten() {
                assert!(error.at <= text.len());
            }
            Ok(())
        });
    }
}
