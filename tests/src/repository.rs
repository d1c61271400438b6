//! What the repository says of itself: its documents, the arrows between its crates, and those between the files of each.

mod arrows;
mod circles;
pub(crate) mod definitions;
mod documents;
mod errors;
mod imports;
pub(crate) mod markdown;
mod modules;
pub(crate) mod reference_pages;
mod wording;
