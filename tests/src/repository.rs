//! What the repository says of itself: its documents, and the arrows between its crates.

mod arrows;
pub(crate) mod definitions;
mod documents;
