//! The worker that measures our own code. Its argument is the folder of the fixtures.

use anyhow::{Context as _, Result};
use std::{env, path::Path};

fn main() -> Result<()> {
    let fixtures = env::args_os().nth(1).context("the folder of the fixtures is missing")?;
    speed_common::serve(|name| speed_ours::bench(Path::new(&fixtures), name))
}
