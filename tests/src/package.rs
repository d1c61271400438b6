//! What `cargo xtask package` makes.

mod contents;
// They are programs for this alone.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod in_local_and_tour;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod unpacked;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod zips;
