//! Counts what one round allocates, and prints it as JSON. Its arguments are the folder of the fixtures, and benches.
//!
//! A program of its own, because counting takes time.

use anyhow::{Context as _, Result};
use serde_json::{Map, json};
use std::{
    env,
    io::{self, Write as _},
    path::Path,
};

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let fixtures = arguments.next().context("the folder of the fixtures is missing")?;
    let mut counted = Map::new();
    for name in arguments {
        let bench = speed_ours::bench(Path::new(&fixtures), &name)?;
        // What is made once is not counted.
        bench(1);
        let before = allocation_counter::measure(|| bench(0));
        let after = allocation_counter::measure(|| bench(1));
        counted.insert(
            name,
            json!({
                "allocations": after.count_total.saturating_sub(before.count_total),
                "most_bytes": after.bytes_max.saturating_sub(before.bytes_max),
            }),
        );
    }
    writeln!(io::stdout(), "{}", serde_json::to_string(&counted)?)?;
    Ok(())
}
