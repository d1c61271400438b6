//! What other libraries for RFC 9421 make of our signatures, and our authorizer of theirs.

pub(crate) mod judges;
mod signed_by_others;
mod verified_by_others;
