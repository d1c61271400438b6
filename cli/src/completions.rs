//! `countersign completions`: the script with which a shell completes commands and options.

use crate::output;
use anyhow::Result;
use clap::Args;
use clap_complete::{Shell, generate};

pub(crate) const EXAMPLES: &str = "\
Examples:
  countersign completions bash > ~/.local/share/bash-completion/completions/countersign
  countersign completions zsh > ~/.zfunc/_countersign    For a folder of your fpath
  countersign completions fish > ~/.config/fish/completions/countersign.fish";

#[derive(Args)]
pub(crate) struct Options {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(options: &Options, mut command: clap::Command) -> Result<()> {
    // Into memory first: clap_complete panics on a pipe that nobody reads.
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    generate(options.shell, &mut command, name, &mut script);
    output::line(String::from_utf8(script)?.trim_end());
    Ok(())
}
