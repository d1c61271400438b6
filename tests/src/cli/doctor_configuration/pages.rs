//! The findings that the pages list.

use std::{fs, path::PathBuf};

/// The findings of `status` and those about the configuration.
pub(super) fn of_the_pages() -> Vec<String> {
    let mut all = of_the_page("doctor.md", "\n### Findings about the configuration\n");
    all.extend(of_the_page("status.md", "\n## Findings\n"));
    all
}

/// The first column of the table after a heading.
pub(super) fn of_the_page(name: &str, heading: &str) -> Vec<String> {
    let page = page(name);
    let section = page.split_once(heading).expect("the heading").1;
    let section = section.split("\n#").next().unwrap();
    section.lines().filter_map(|row| Some(row.strip_prefix("| `")?.split('`').next()?.to_owned())).collect()
}

pub(super) fn page(name: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}
