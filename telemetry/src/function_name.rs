//! The name of the function, as its metrics have it.

use std::ffi::OsStr;

/// The name of the function that this process runs, which Lambda sets; `local` outside of Lambda.
///
/// A replica of Lambda@Edge is called `us-east-1.NAME`, and whether it is told so itself is not documented. As a dimension its
/// function has one name everywhere, so what is before the last dot is left out: a name that one gives a function has no dot.
pub fn function_name() -> String {
    named(std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").as_deref())
}

/// No dimension may be empty.
fn named(name: Option<&OsStr>) -> String {
    let name = name.and_then(OsStr::to_str).unwrap_or_default();
    let own = name.rsplit('.').next().filter(|own| !own.is_empty());
    own.unwrap_or("local").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_one_name_wherever_it_runs() {
        for (name, expected) in [
            (None, "local"),
            (Some(""), "local"),
            (Some("edge_1-a"), "edge_1-a"),
            (Some("us-east-1.edge_1-a"), "edge_1-a"),
            (Some("a.us-east-1.edge"), "edge"),
            (Some("us-east-1."), "local"),
        ] {
            assert_eq!(named(name.map(OsStr::new)), expected, "{name:?}");
        }
    }
}
