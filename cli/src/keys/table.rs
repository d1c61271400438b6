//! The keys of a set, a line each.

use crate::times;
use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;
use signing::{Key, KeySet, UnixSeconds};

/// Shows ids, times and states, and never the bytes of a key.
pub(crate) fn table(keys: &KeySet, now: UnixSeconds) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["kid", "not before", "expires", "state"]);
    for key in keys.keys() {
        let state = KeyState::of(key, keys, now).text();
        let [not_before, expires] = [key.not_before(), key.expires()].map(|moment| times::show(moment, now));
        table.add_row([key.id().as_str(), &not_before, &expires, state]);
    }
    table.trim_fmt()
}

/// What a key does now.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyState {
    NotYetInForce,
    Signs,
    Accepted,
    Expired,
}

impl KeyState {
    pub(crate) fn of(key: &Key, keys: &KeySet, now: UnixSeconds) -> Self {
        if now >= key.expires() {
            Self::Expired
        } else if now < key.not_before() {
            Self::NotYetInForce
        } else if keys.signing_key(now).is_some_and(|signing| signing.id() == key.id()) {
            Self::Signs
        } else {
            Self::Accepted
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::NotYetInForce => "not yet in force",
            Self::Signs => "signs and is accepted",
            Self::Accepted => "is accepted",
            Self::Expired => "expired",
        }
    }
}
