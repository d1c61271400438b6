//! The version of the programs.

/// The version of these programs: `0.1.0 (3dc6b6c1a2b3)` with the git commit if it was built in a checkout, and `0.1.0` elsewhere.
///
/// `COUNTERSIGN_COMMIT` at build time takes the place of the commit.
pub const VERSION: &str = env!("COUNTERSIGN_VERSION");

#[cfg(test)]
mod tests {
    use super::VERSION;

    #[test]
    fn the_version_is_that_of_the_package_and_a_commit() {
        let rest = VERSION.strip_prefix(env!("CARGO_PKG_VERSION")).unwrap();
        let commit = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
        assert!(rest.is_empty() || commit.is_some_and(|commit| !commit.is_empty()), "{VERSION}");
    }
}
