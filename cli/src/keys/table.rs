//! The keys of a set, a line each.

use crate::times;
use comfy_table::{Table, presets::NOTHING};
use signing::{Key, KeySet, UnixSeconds};

/// Shows ids, times and states, and never the bytes of a key.
pub(crate) fn table(keys: &KeySet, now: UnixSeconds) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["kid", "not before", "expires", "state"]);
    for key in keys.keys() {
        let state = state(key, keys, now);
        table.add_row([key.id().as_str(), &times::show(key.not_before()), &times::show(key.expires()), state]);
    }
    table.trim_fmt()
}

fn state(key: &Key, keys: &KeySet, now: UnixSeconds) -> &'static str {
    if now >= key.expires() {
        "expired"
    } else if now < key.not_before() {
        "not yet in force"
    } else if keys.signing_key(now).is_some_and(|signing| signing.id() == key.id()) {
        "signs and is accepted"
    } else {
        "is accepted"
    }
}
