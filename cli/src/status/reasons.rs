//! The reasons of refusals, counted.

/// The most reasons that a finding names.
const NAMED: usize = 5;

/// How many requests have this reason, the most frequent reasons first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reasons(Vec<(String, u64)>);

impl Reasons {
    pub(crate) fn new(mut counted: Vec<(String, u64)>) -> Self {
        counted.retain(|(_, requests)| *requests > 0);
        counted.sort_by_key(|(_, requests)| std::cmp::Reverse(*requests));
        Self(counted)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `expired 12, key-unknown 3`
    pub(crate) fn text(&self) -> String {
        let named: Vec<_> =
            self.0.iter().take(NAMED).map(|(reason, requests)| format!("{reason} {requests}")).collect();
        let more = self.0.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}", named.join(", "))
    }

    /// The most frequent reason.
    pub(crate) fn first(&self) -> Option<&str> {
        self.0.first().map(|(reason, _)| reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_are_named_and_the_others_counted() {
        let reasons = |all: &[(&str, u64)]| {
            Reasons::new(all.iter().map(|(reason, requests)| ((*reason).to_owned(), *requests)).collect())
        };
        assert_eq!(reasons(&[("a", 0)]), Reasons::default());
        let six = reasons(&[("a", 6), ("b", 5), ("c", 4), ("d", 3), ("e", 2), ("f", 1)]);
        assert_eq!(six.text(), "a 6, b 5, c 4, d 3, e 2 and 1 more");
    }
}
