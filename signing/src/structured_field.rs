//! The forms of RFC 8941 that RFC 9421 and RFC 9530 use, parsed strictly and kept as received.
//!
//! Two kinds of dictionary: of inner lists (`Signature-Input`) and of byte sequences (`Signature`, `Content-Digest`). A
//! key that appears twice is reported twice, for the caller to refuse. RFC 8941 lets the last one win.
//!
//! Nothing is allocated: a request that is refused costs no more than one that is admitted.

use crate::alphabet::Alphabet;
use arrayvec::ArrayVec;
use base64::{Engine, engine::general_purpose::STANDARD};

/// One member of a dictionary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member<'a, V> {
    pub(crate) key: &'a str,
    pub(crate) value: V,
    /// The value with its parameters, byte for byte as received.
    pub(crate) text: &'a str,
}

/// How many items and parameters of a list are kept: one more than there are names for them. Of more than that, one is
/// unknown or repeated among those that are kept, and the caller refuses it.
const KEPT: usize = 7;

/// `("a" "b");p=1`: strings with parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InnerList<'a> {
    pub(crate) items: ArrayVec<Item<'a>, KEPT>,
    pub(crate) parameters: ArrayVec<Parameter<'a>, KEPT>,
}

/// `"a"` or `"a";p=1` in an inner list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) name: SfString<'a>,
    pub(crate) has_parameters: bool,
}

/// `:YWJj:` with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByteSequence<'a> {
    base64: &'a str,
    pub(crate) has_parameters: bool,
}

impl ByteSequence<'_> {
    /// The bytes, if there are exactly `N` of them in canonical, padded base64.
    pub(crate) fn decode<const N: usize>(&self) -> Option<[u8; N]> {
        decode_exactly(&STANDARD, self.base64)
    }
}

/// The bytes of a text, if there are exactly `N` of them. `N` is at most 64.
pub(crate) fn decode_exactly<const N: usize>(engine: &impl Engine, text: &str) -> Option<[u8; N]> {
    // An engine asks for room for the longest text of this length, with up to three bytes more than it has.
    let mut bytes = [0; 96];
    let length = engine.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: BareItem<'a>,
}

/// A bare item (RFC 8941, section 3.3). A value that no caller reads is recognised but not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Parses a dictionary whose members are inner lists of strings, as `Signature-Input` is, and shows each to `member`.
pub(crate) fn inner_lists<'a>(
    text: &'a str,
    mut member: impl FnMut(&Member<'a, &InnerList<'a>>),
) -> Result<(), StructuredFieldError> {
    // One list, since it is large and would be copied several times on its way.
    let mut list = InnerList::default();
    Parser::new(text).dictionary(|parser, key| {
        let start = parser.at;
        parser.inner_list(&mut list)?;
        member(&Member { key, value: &list, text: parser.since(start) });
        Ok(())
    })
}

/// Parses a dictionary whose members are byte sequences, as `Signature` and `Content-Digest` are, and shows each to
/// `member`.
pub(crate) fn byte_sequences<'a>(
    text: &'a str,
    mut member: impl FnMut(&Member<'a, ByteSequence<'a>>),
) -> Result<(), StructuredFieldError> {
    Parser::new(text).dictionary(|parser, key| {
        let start = parser.at;
        let value = parser.byte_sequence()?;
        member(&Member { key, value, text: parser.since(start) });
        Ok(())
    })
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

    /// `value` reads the value of a key.
    fn dictionary(mut self, mut value: impl FnMut(&mut Self, &'a str) -> Parsed<()>) -> Parsed<()> {
        self.skip_spaces();
        while !self.at_end() {
            let key = self.key()?;
            self.expect(b'=')?;
            value(&mut self, key)?;
            self.skip_optional_whitespace();
            if self.at_end() {
                break;
            }
            self.expect(b',')?;
            self.skip_optional_whitespace();
            if self.at_end() {
                return self.fail();
            }
        }
        Ok(())
    }

    fn inner_list(&mut self, list: &mut InnerList<'a>) -> Parsed<()> {
        list.items.clear();
        list.parameters.clear();
        self.expect(b'(')?;
        loop {
            self.skip_spaces();
            if self.take(b')') {
                break;
            }
            let name = self.string()?;
            let has_parameters = self.has_parameters()?;
            let _ = list.items.try_push(Item { name, has_parameters });
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return self.fail();
            }
        }
        self.parameters(|parameter| {
            let _ = list.parameters.try_push(parameter);
        })
    }

    fn byte_sequence(&mut self) -> Parsed<ByteSequence<'a>> {
        Ok(ByteSequence { base64: self.bytes()?, has_parameters: self.has_parameters()? })
    }

    fn has_parameters(&mut self) -> Parsed<bool> {
        let start = self.at;
        self.parameters(|_| ())?;
        Ok(self.at > start)
    }

    fn parameters(&mut self, mut parameter: impl FnMut(Parameter<'a>)) -> Parsed<()> {
        while self.take(b';') {
            self.skip_spaces();
            let key = self.key()?;
            let value = if self.take(b'=') { self.bare_item()? } else { BareItem::Boolean };
            parameter(Parameter { key, value });
        }
        Ok(())
    }

    fn bare_item(&mut self) -> Parsed<BareItem<'a>> {
        match self.peek() {
            Some(b'"') => self.string().map(BareItem::String),
            Some(b':') => self.bytes().map(|_| BareItem::Bytes),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'?') => self.boolean(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'*' => {
                self.skip(&Alphabet::SF_TOKEN);
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
        self.skip(&Alphabet::SF_KEY);
        Ok(self.since(start))
    }

    fn string(&mut self) -> Parsed<SfString<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            self.skip(&Alphabet::SF_STRING);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    if !matches!(self.peek(), Some(b'"' | b'\\')) {
                        return self.fail();
                    }
                    self.at += 1;
                }
                _ => return self.fail(),
            }
        }
        let content = self.since(start);
        self.expect(b'"')?;
        Ok(SfString(content))
    }

    /// Padding may be missing and spare bits set (RFC 8941, section 4.2.7); [`ByteSequence::decode`] is stricter.
    fn bytes(&mut self) -> Parsed<&'a str> {
        self.expect(b':')?;
        let start = self.at;
        self.skip(&Alphabet::BASE64);
        let characters = self.at - start;
        while self.take(b'=') {}
        // The last group may lack its padding, but not have more of it, and never has one character.
        let may_pad = match characters % 4 {
            0 => 0,
            1 => return self.fail(),
            rest => 4 - rest,
        };
        if self.at - start - characters > may_pad {
            return self.fail();
        }
        let base64 = self.since(start);
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
        self.skip(&Alphabet::DIGITS);
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

    fn skip(&mut self, alphabet: &Alphabet) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !alphabet.has(*byte)).unwrap_or(rest.len());
    }

    fn skip_spaces(&mut self) {
        while self.take(b' ') {}
    }

    fn skip_optional_whitespace(&mut self) {
        while self.take(b' ') || self.take(b'\t') {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec, vec::Vec};
    use base64::{
        alphabet::STANDARD as STANDARD_ALPHABET,
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };

    type All<'a, V> = Result<Vec<Member<'a, V>>, StructuredFieldError>;

    fn all_inner_lists(text: &str) -> All<'_, InnerList<'_>> {
        let mut all = Vec::new();
        inner_lists(text, |&Member { key, value, text }| all.push(Member { key, value: value.clone(), text }))
            .map(|()| all)
    }

    fn all_byte_sequences(text: &str) -> All<'_, ByteSequence<'_>> {
        let mut all = Vec::new();
        byte_sequences(text, |Member { key, value, text }| all.push(Member { key, value: value.clone(), text }))
            .map(|()| all)
    }

    #[test]
    fn a_signature_input_is_read_and_its_text_kept() {
        let text = "sig1=(\"@method\" \"@query-param\";name=\"a\" );created=1;x=-2;d=1.5;t=tok/en;b=:YQ==:;f;g=?0 ,\tcountersign=()";
        let members = all_inner_lists(text).unwrap();
        assert_eq!(members.iter().map(|member| member.key).collect::<Vec<_>>(), ["sig1", "countersign"]);
        assert_eq!(
            members[0].text,
            "(\"@method\" \"@query-param\";name=\"a\" );created=1;x=-2;d=1.5;t=tok/en;b=:YQ==:;f;g=?0"
        );
        let items = members[0].value.items.iter().map(|item| (item.name.0, item.has_parameters));
        assert_eq!(items.collect::<Vec<_>>(), [("@method", false), ("@query-param", true)]);
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
        assert!(members[1].value.items.is_empty());
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
            assert_eq!(all_inner_lists(text), Err(StructuredFieldError { at }), "{text:?}");
        }
    }

    #[test]
    fn byte_sequences_decode_only_to_the_expected_length_in_canonical_base64() {
        #[track_caller]
        fn check(text: &str, expected: Option<[u8; 2]>) {
            let members = all_byte_sequences(text).unwrap();
            assert_eq!(members[0].value.decode::<2>(), expected, "{text:?}");
        }
        check("a=:AAE=:", Some([0, 1]));
        check("a=:AAE:", None); // no padding
        check("a=:AAF=:", None); // spare bits set
        check("a=:AAEC:", None); // three bytes
        check("a=::", None);
        assert!(all_byte_sequences("a=AAE=").is_err());
        assert_eq!(all_byte_sequences("").unwrap(), vec![]);
    }

    /// Parsers must accept missing padding and spare bits (RFC 8941, section 4.2.7).
    #[test]
    fn a_byte_sequence_is_what_a_lenient_decoder_accepts() {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &STANDARD_ALPHABET,
            GeneralPurposeConfig::new()
                .with_decode_padding_mode(DecodePaddingMode::Indifferent)
                .with_decode_allow_trailing_bits(true),
        );
        arbtest::arbtest(|u| {
            let bytes: Vec<u8> = u.arbitrary()?;
            let text: String =
                bytes.iter().take(12).map(|byte| char::from(b"Ab/+9=="[usize::from(*byte) % 7])).collect();
            let accepted = all_byte_sequences(&alloc::format!("a=:{text}:")).is_ok();
            assert_eq!(accepted, LENIENT.decode(&text).is_ok(), "{text}");
            Ok(())
        });
    }

    /// Of eight items or parameters, seven are kept: six names are known, so one of the seven is refused.
    #[test]
    fn more_than_can_be_valid_is_read_and_not_kept() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let items = names.map(|name| alloc::format!("\"{name}\"")).join(" ");
        let parameters = names.map(|name| alloc::format!(";{name}=1")).join("");
        let text = alloc::format!("x=({items}){parameters}");
        let members = all_inner_lists(&text).unwrap();
        assert_eq!((members[0].value.items.len(), members[0].value.parameters.len()), (KEPT, KEPT));
        assert_eq!(Some(members[0].text), text.strip_prefix("x="));
        assert!(KEPT > crate::Component::ALL.len() && KEPT > crate::Parameter::ALL.len());
        // What follows is still read.
        assert!(all_inner_lists(&alloc::format!("{text};=")).is_err());
    }

    #[test]
    fn a_key_that_appears_twice_is_reported_twice() {
        assert_eq!(all_byte_sequences("a=:AA==:, a=:AQ==:").unwrap().len(), 2);
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        arbtest::arbtest(|u| {
            let bytes: Vec<u8> = u.arbitrary()?;
            let alphabet = b"a=(\";:,)1.?- \t\\\xc3\xa9";
            let text: Vec<u8> = bytes.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect();
            let text = String::from_utf8_lossy(&text);
            for error in [all_inner_lists(&text).err(), all_byte_sequences(&text).err()].into_iter().flatten() {
                assert!(error.at <= text.len());
            }
            Ok(())
        });
    }
}
