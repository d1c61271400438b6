use crate::{
    profile::LABEL,
    structured_field::{BareItem, InnerList, Member, Parameter, SfString, byte_sequences, inner_lists},
};
use alloc::{format, string::String, vec::Vec};

/// What a viewer's own `Signature-Input` and `Signature` hold besides anything that poses as ours.
///
/// ```
/// use signing::ForeignSignatures;
///
/// let input = "bot=(\"@authority\");tag=\"web-bot-auth\", countersign=(\"@method\")";
/// let kept = ForeignSignatures::keep(input, "bot=:YQ==:, countersign=:Yg==:").unwrap();
/// assert_eq!(kept.input, "bot=(\"@authority\");tag=\"web-bot-auth\"");
/// assert_eq!(kept.signature, "bot=:YQ==:");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignSignatures {
    /// Members of `Signature-Input` as received; empty where none is left.
    pub input: String,
    /// The members of `Signature` with the same labels.
    pub signature: String,
}

/// The two fields are not two dictionaries with the same labels, each once: nobody could verify them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Signature-Input and Signature are not two dictionaries with the same labels")]
pub struct Unpaired;

impl ForeignSignatures {
    /// Reads both fields, each joined to one value, and drops every member that is labelled or tagged `countersign`.
    ///
    /// # Errors
    /// Where a field does not parse or the labels do not pair; then both fields have to go.
    pub fn keep(input: &str, signature: &str) -> Result<Self, Unpaired> {
        let inputs = inner_lists(input).map_err(|_| Unpaired)?;
        let signatures = byte_sequences(signature).map_err(|_| Unpaired)?;
        if sorted_labels(&inputs)? != sorted_labels(&signatures)? {
            return Err(Unpaired);
        }
        let ours: Vec<&str> = inputs.iter().filter(|member| is_ours(member)).map(|member| member.key).collect();
        Ok(Self { input: join(&inputs, &ours), signature: join(&signatures, &ours) })
    }
}

fn is_ours(member: &Member<'_, InnerList<'_>>) -> bool {
    let tagged = Parameter { key: "tag", value: BareItem::String(SfString(LABEL)) };
    member.key == LABEL || member.value.parameters.contains(&tagged)
}

fn sorted_labels<'a, V>(members: &[Member<'a, V>]) -> Result<Vec<&'a str>, Unpaired> {
    let mut labels: Vec<_> = members.iter().map(|member| member.key).collect();
    labels.sort_unstable();
    if labels.is_sorted_by(|a, b| a < b) { Ok(labels) } else { Err(Unpaired) }
}

fn join<V>(members: &[Member<'_, V>], without: &[&str]) -> String {
    let kept = members.iter().filter(|member| !without.contains(&member.key));
    kept.map(|member| format!("{}={}", member.key, member.text)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, signature: &str, expected: Option<(&str, &str)>) {
        let kept = ForeignSignatures::keep(input, signature).ok();
        assert_eq!(kept.as_ref().map(|kept| (kept.input.as_str(), kept.signature.as_str())), expected);
    }

    #[test]
    fn foreign_members_are_kept_as_received_and_ours_dropped() {
        check("a=( \"x\"  );n=1,b=()", "b=:Yg==:;p,  a=:YQ:", Some(("a=( \"x\"  );n=1, b=()", "b=:Yg==:;p, a=:YQ:")));
        check("countersign=(), a=()", "a=:YQ==:, countersign=:Yg==:", Some(("a=()", "a=:YQ==:")));
        check("a=();tag=\"countersign\"", "a=:YQ==:", Some(("", "")));
        check("a=();tag=\"x\";tag=\"countersign\"", "a=:YQ==:", Some(("", "")));
        check("a=();tag=countersign", "a=:YQ==:", Some(("a=();tag=countersign", "a=:YQ==:")));
        check("", "", Some(("", "")));
    }

    #[test]
    fn fields_that_nobody_could_verify_are_refused() {
        for (input, signature) in [
            ("a=()", ""),
            ("", "a=:YQ==:"),
            ("a=()", "b=:YQ==:"),
            ("a=(), b=()", "a=:YQ==:"),
            ("a=(), a=()", "a=:YQ==:, a=:YQ==:"),
            ("a=1", "a=:YQ==:"),
            ("a=()", "a=1"),
            ("a=(), ", "a=:YQ==:"),
        ] {
            check(input, signature, None);
        }
    }
}
