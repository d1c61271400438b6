//! The value of `Countersign-Signature-Input` (RFC 9421, section 4.1): how it is written, and what is read in it.

use crate::{
    Component, KeyId, Nonce, Parameter, Refusal, UnixSeconds,
    alphabet::Alphabet,
    profile::{ALGORITHM, LABEL},
    structured_field::{BareItem, InnerList, Member, SfString},
};
use alloc::string::String;
use arrayvec::ArrayVec;

/// The beginning of the field. The value of this member is also the last line of the signature base.
pub(crate) const MEMBER: &str = "countersign=";
const WITHOUT_DIGEST: &str = r#"("@method" "@authority" "@path" "@query" "countersign-viewer-ip")"#;
const WITH_DIGEST: &str = r#"("@method" "@authority" "@path" "@query" "countersign-viewer-ip" "content-digest")"#;
const CREATED: &str = ";created=";
const EXPIRES: &str = ";expires=";
const NONCE: &str = ";nonce=\"";
const ALG_AND_KEYID: &str = "\";alg=\"hmac-sha256\";keyid=\"";
const TAG: &str = "\";tag=\"countersign\"";

/// The most bytes that [`Written::push_to`] writes: those of a key id of 64 characters, and of the longest times.
pub(crate) const MAX_BYTES: usize = 352;

/// The member's value, as the signer writes it.
pub(crate) struct Written<'a> {
    pub(crate) covers_digest: bool,
    pub(crate) created: UnixSeconds,
    pub(crate) expires: UnixSeconds,
    pub(crate) nonce: Nonce,
    pub(crate) key_id: &'a KeyId,
}

impl Written<'_> {
    pub(crate) fn push_to(&self, text: &mut String) {
        let mut digits = itoa::Buffer::new();
        text.push_str(if self.covers_digest { WITH_DIGEST } else { WITHOUT_DIGEST });
        text.push_str(CREATED);
        text.push_str(digits.format(self.created.get()));
        text.push_str(EXPIRES);
        text.push_str(digits.format(self.expires.get()));
        text.push_str(NONCE);
        self.nonce.write(text);
        text.push_str(ALG_AND_KEYID);
        text.push_str(self.key_id.as_str());
        text.push_str(TAG);
    }
}

/// What the signature covers, in its order.
pub(crate) type Covered = ArrayVec<Component, { Component::ALL.len() }>;

/// The parameters that say who signed when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) created: UnixSeconds,
    pub(crate) expires: UnixSeconds,
    pub(crate) nonce: Nonce,
    pub(crate) key_id: KeyId,
}

/// What was read in the member `countersign`. The refusals of its parts wait for the turn of their rules.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignatureInput<'a> {
    pub(crate) covered: Result<Covered, Refusal>,
    pub(crate) signed: Result<Signed, Refusal>,
    /// The value as received.
    pub(crate) text: &'a str,
}

impl<'a> SignatureInput<'a> {
    /// Reads a field that is, to the byte, as [`Written`] writes it, which nearly every field is. It takes a quarter of the
    /// time of [`of_member`](Self::of_member), and gives the same.
    pub(crate) fn as_written(field: &'a str) -> Option<Self> {
        let text = field.strip_prefix(MEMBER)?;
        let (covered, rest) = match (text.strip_prefix(WITHOUT_DIGEST), text.strip_prefix(WITH_DIGEST)) {
            (Some(rest), _) => (Component::ALL.into_iter().filter(|c| *c != Component::ContentDigest).collect(), rest),
            (None, rest) => (Component::ALL.into(), rest?),
        };
        let (created, rest) = digits(rest.strip_prefix(CREATED)?)?;
        let (expires, rest) = digits(rest.strip_prefix(EXPIRES)?)?;
        let (nonce, rest) = rest.strip_prefix(NONCE)?.split_at_checked(Nonce::CHARACTERS)?;
        let (key_id, rest) = Alphabet::KEY_ID.split(rest.strip_prefix(ALG_AND_KEYID)?);
        if rest != TAG {
            return None;
        }
        let signed = Signed { created, expires, nonce: nonce.try_into().ok()?, key_id: key_id.try_into().ok()? };
        Some(Self { covered: Ok(covered), signed: Ok(signed), text })
    }

    /// Reads a member in any form that RFC 8941 allows.
    pub(crate) fn of_member(member: &Member<'a, &InnerList<'a>>) -> Self {
        Self { covered: covered(member.value), signed: Signed::read(member.value), text: member.text }
    }
}

/// An integer of a structured field at the beginning of a text, and the rest.
fn digits(text: &str) -> Option<(UnixSeconds, &str)> {
    let (digits, rest) = Alphabet::DIGITS.split(text);
    (digits.len() <= 15).then_some(())?;
    Some((UnixSeconds::new(digits.parse().ok()?), rest))
}

fn covered(input: &InnerList<'_>) -> Result<Covered, Refusal> {
    let mut covered = Covered::new();
    for (index, item) in input.items.iter().enumerate() {
        let component = Component::from_name(item.name.0).ok_or(Refusal::ComponentUnknown { index })?;
        if item.has_parameters {
            return Err(Refusal::ComponentParameters(component));
        }
        if covered.contains(&component) {
            return Err(Refusal::ComponentRepeated(component));
        }
        covered.push(component);
    }
    let required = Component::ALL.into_iter().filter(|component| *component != Component::ContentDigest);
    match required.into_iter().find(|component| !covered.contains(component)) {
        Some(component) => Err(Refusal::ComponentMissing(component)),
        None => Ok(covered),
    }
}

impl Signed {
    /// Reads every parameter once, of its type, and refuses any other.
    fn read(input: &InnerList<'_>) -> Result<Self, Refusal> {
        let mut found: [Option<&BareItem<'_>>; Parameter::ALL.len()] = [None; Parameter::ALL.len()];
        for (index, parameter) in input.parameters.iter().enumerate() {
            let mut slots = Parameter::ALL.into_iter().zip(&mut found);
            let (known, slot) =
                slots.find(|(known, _)| known.name() == parameter.key).ok_or(Refusal::ParameterUnknown { index })?;
            if slot.replace(&parameter.value).is_some() {
                return Err(Refusal::ParameterRepeated(known));
            }
        }
        for (parameter, value) in Parameter::ALL.into_iter().zip(found) {
            if value.is_none() {
                return Err(Refusal::ParameterMissing(parameter));
            }
        }
        let [created, expires, nonce, algorithm, key_id, tag] = found;
        let signed = Self {
            created: time(created).ok_or(Refusal::ParameterType(Parameter::Created))?,
            expires: time(expires).ok_or(Refusal::ParameterType(Parameter::Expires))?,
            nonce: text(nonce).and_then(|text| text.try_into().ok()).ok_or(Refusal::ParameterType(Parameter::Nonce))?,
            key_id: text(key_id)
                .and_then(|text| text.try_into().ok())
                .ok_or(Refusal::ParameterType(Parameter::KeyId))?,
        };
        if text(algorithm).ok_or(Refusal::ParameterType(Parameter::Alg))? != ALGORITHM {
            return Err(Refusal::Algorithm);
        }
        if text(tag).ok_or(Refusal::ParameterType(Parameter::Tag))? != LABEL {
            return Err(Refusal::Tag);
        }
        Ok(signed)
    }
}

fn time(item: Option<&BareItem<'_>>) -> Option<UnixSeconds> {
    match item {
        Some(BareItem::Integer(seconds)) => UnixSeconds::try_from(*seconds).ok(),
        _ => None,
    }
}

fn text<'a>(item: Option<&BareItem<'a>>) -> Option<&'a str> {
    match item {
        Some(BareItem::String(SfString(text))) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structured_field::inner_lists;
    use alloc::{format, string::ToString as _, vec::Vec};
    use std::ops::Range;

    fn write(covers_digest: bool, key_id: &str, created: u64, expires: u64) -> String {
        let mut field = MEMBER.to_string();
        let (created, expires) = (UnixSeconds::new(created), UnixSeconds::new(expires));
        let key_id = &key_id.try_into().unwrap();
        Written { covers_digest, created, expires, nonce: Nonce::new([0xfb; 16]), key_id }.push_to(&mut field);
        field
    }

    /// What the parser of structured fields makes of a field with one member of our label.
    fn parsed(field: &str) -> Option<SignatureInput<'_>> {
        let mut members = Vec::new();
        inner_lists(field, |member| members.push((member.key, SignatureInput::of_member(member)))).ok()?;
        let one = members.pop().filter(|(key, _)| *key == LABEL && members.is_empty());
        one.map(|(_, input)| input)
    }

    #[test]
    fn the_texts_hold_the_names_of_the_profile() {
        let mut names = Component::ALL.map(|component| format!("\"{component}\"")).to_vec();
        assert_eq!(WITH_DIGEST, format!("({})", names.join(" ")));
        names.pop();
        assert_eq!(WITHOUT_DIGEST, format!("({})", names.join(" ")));
        let values = ["1", "2", "\"-_v7-_v7-_v7-_v7-_v7-w\"", &quoted(ALGORITHM), "\"k1\"", &quoted(LABEL)];
        let parameters = Parameter::ALL.into_iter().zip(values).map(|(name, value)| format!(";{name}={value}"));
        let parameters: String = parameters.collect();
        assert_eq!(write(false, "k1", 1, 2), format!("{LABEL}={WITHOUT_DIGEST}{parameters}"));
        assert_eq!(write(true, "k1", 1, 2), format!("{LABEL}={WITH_DIGEST}{parameters}"));
    }

    fn quoted(text: &str) -> String {
        format!("\"{text}\"")
    }

    #[test]
    fn the_longest_text_has_at_most_the_documented_bytes() {
        let text = write(true, &"k".repeat(64), u64::MAX, u64::MAX);
        assert!(text.len() <= MAX_BYTES, "{}: {text}", text.len());
    }

    #[test]
    fn what_is_written_is_read_in_one_go() {
        for covers_digest in [false, true] {
            let field = write(covers_digest, "2026-11-22", 1_795_341_845, 1_795_341_905);
            let input = SignatureInput::as_written(&field).unwrap();
            assert_eq!(input.covered.as_ref().unwrap().len(), if covers_digest { 6 } else { 5 });
            assert_eq!(parsed(&field), Some(input));
        }
    }

    /// Every field that is one edit away from what is written: read in one go, or not, it says what the parser says.
    #[test]
    fn the_short_way_says_nothing_that_the_parser_does_not_say() {
        let mut in_one_go = 0;
        let fields = [write(false, "k1", 17, 1_795_341_905), write(true, "A.b_c-9", 1, 999_999_999_999_999)];
        for field in &fields {
            let edits =
                ["", "0", "00", "A", "Z", "_", ".", " ", "\t", "\"", ";", ",", "=", "(", ")", "-", "\\", "\u{e9}"];
            let places = (0..=field.len()).flat_map(|at| [at..at, at..at + 1, at..at + 15]);
            for Range { start, end } in places.filter(|place| place.end <= field.len()) {
                for edit in edits {
                    let (before, after) = (field.get(..start).unwrap(), field.get(end..).unwrap());
                    let edited = format!("{before}{edit}{after}");
                    let Some(input) = SignatureInput::as_written(&edited) else {
                        continue;
                    };
                    assert_eq!(parsed(&edited), Some(input), "{edited}");
                    in_one_go += 1;
                }
            }
        }
        assert!(in_one_go > 100, "{in_one_go}");
    }

    #[test]
    fn a_number_with_more_than_15_digits_is_left_to_the_parser() {
        assert!(SignatureInput::as_written(&write(false, "k1", 1, 1_000_000_000_000_000)).is_none());
    }
}
