//! The packaged functions, as Lambda gets them: unpacked into a folder of their own.

use crate::output::Hint;
use anyhow::{Context as _, Result, anyhow, bail};
use local::{FunctionError, FunctionProcess};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use telemetry::Log;
use tempfile::TempDir;
use zip::ZipArchive;

/// Lambda's limits: of an origin-request function and, by API Gateway, of an authorizer.
const EDGE_TIMEOUT: Duration = Duration::from_secs(30);
const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);

/// Lambda's limit for a function, unpacked.
const UNPACKED_BYTES: u64 = 250 * 1024 * 1024;

/// Both functions, unpacked. Dropping it removes their folder.
pub(crate) struct Artifacts {
    from: PathBuf,
    folder: TempDir,
    log: Log,
}

/// One of the packages.
struct Package {
    zip: &'static str,
    /// What is in it, and whether Lambda runs it as a program.
    entries: &'static [(&'static str, bool)],
}

const EDGE_SIGNER: Package =
    Package { zip: "edge-signer.zip", entries: &[("edge-signer.node", false), ("index.mjs", false)] };
const AUTHORIZER: Package = Package { zip: "authorizer.zip", entries: &[("bootstrap", true)] };

impl Artifacts {
    /// Unpacks the packages of that folder. What the functions write goes to `log`, line by line.
    pub(crate) fn unpack(from: &Path, log: Log) -> Result<Self> {
        let folder = tempfile::tempdir().context("the folder for the unpacked functions cannot be made")?;
        for package in [&EDGE_SIGNER, &AUTHORIZER] {
            let path = from.join(package.zip);
            package.unpack(&path, folder.path()).map_err(|error| {
                error.context(format!("the package {} cannot be used", path.display())).context(made_by())
            })?;
        }
        Ok(Self { from: from.to_owned(), folder, log })
    }

    /// The edge signer in a process of Node, loaded.
    pub(crate) async fn edge_signer(&self) -> Result<FunctionProcess> {
        let module = self.folder.path().join("index.mjs");
        let started = FunctionProcess::node("edge-signer", &module, &[], EDGE_TIMEOUT, self.log.clone()).await;
        self.started(&EDGE_SIGNER, started)
    }

    /// The authorizer in a process with these settings, ready.
    pub(crate) async fn authorizer(&self, settings: &[(&str, &str)]) -> Result<FunctionProcess> {
        let program = self.folder.path().join("bootstrap");
        let started =
            FunctionProcess::program("authorizer", &program, settings, AUTHORIZER_TIMEOUT, self.log.clone()).await;
        self.started(&AUTHORIZER, started)
    }

    fn started(&self, package: &Package, started: Result<FunctionProcess, FunctionError>) -> Result<FunctionProcess> {
        let path = self.from.join(package.zip);
        started.map_err(|error| match error {
            FunctionError::NoNode(_) => anyhow!("{}: {error}", path.display()),
            error => anyhow!("{}: {error}", path.display()).context(made_by()),
        })
    }
}

fn made_by() -> Hint {
    Hint("to make the packages for this machine, in the folder dist, run: cargo xtask package".to_owned())
}

impl Package {
    fn unpack(&self, path: &Path, folder: &Path) -> Result<()> {
        let mut archive = ZipArchive::new(File::open(path)?)?;
        let names = archive.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<Vec<_>>>()?;
        let expected: Vec<_> = self.entries.iter().map(|(name, _)| *name).collect();
        if names.len() != expected.len() || !expected.iter().all(|name| names.iter().any(|other| other == name)) {
            bail!("it must hold {expected:?}, and holds {names:?}");
        }
        for (name, is_program) in self.entries {
            let mut entry = archive.by_name(name)?;
            if *is_program && entry.unix_mode().is_none_or(|mode| mode & 0o111 == 0) {
                bail!("{name} in it is not executable");
            }
            let mode = if *is_program { 0o700 } else { 0o600 };
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(folder.join(name))?;
            // The size that the archive states may be wrong.
            let bytes = io::copy(&mut entry.by_ref().take(UNPACKED_BYTES + 1), &mut file)
                .with_context(|| format!("{name} in it"))?;
            if bytes > UNPACKED_BYTES {
                bail!("{name} in it has more than 250 MB, the most that Lambda runs");
            }
        }
        Ok(())
    }
}
