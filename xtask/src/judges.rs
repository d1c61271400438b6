//! The Python that has the outside judge of `tests/judges`: a virtual environment under `target/`, made once for each lock file.

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use sha2::{Digest as _, Sha256};
use std::{fs, path::PathBuf};
use xshell::{Shell, cmd};

const REQUIREMENTS: &str = "tests/judges/requirements.txt";

/// Makes the environment where it is not there yet, and returns its Python.
///
/// It is made under another name and renamed when it is whole, so that whatever breaks off leaves nothing that would be used.
pub(crate) fn python(shell: &Shell) -> Result<PathBuf> {
    let requirements = shell.read_file(REQUIREMENTS)?;
    // An environment belongs to the Python that it was made with.
    let version = cmd!(shell, "python3 --version").quiet().read()?;
    let digest = Sha256::digest(format!("{version}\n{requirements}"));
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();

    let metadata = MetadataCommand::new().no_deps().exec()?;
    let judges = metadata.target_directory.into_std_path_buf().join("judges");
    let environment = judges.join(name);
    let python = PathBuf::from("bin").join("python");
    if !environment.exists() {
        shell.create_dir(&judges)?;
        let making = tempfile::Builder::new().prefix("making-").tempdir_in(&judges)?;
        let unfinished = making.path();
        cmd!(shell, "python3 -m venv {unfinished}")
            .run()
            .context("python3 cannot make a virtual environment: on Debian and Ubuntu install python3-venv")?;
        let pip = unfinished.join(&python);
        cmd!(
            shell,
            "{pip} -m pip install --quiet --no-input --disable-pip-version-check
             --require-hashes --no-deps --only-binary :all: --requirement {REQUIREMENTS}"
        )
        .run()
        .with_context(|| format!("what {REQUIREMENTS} names cannot be installed"))?;
        match fs::rename(unfinished, &environment) {
            Ok(()) => drop(making.keep()),
            // Another run has made it meanwhile.
            Err(_) if environment.exists() => {}
            Err(error) => return Err(error).with_context(|| format!("{} cannot be made", environment.display())),
        }
    }
    Ok(environment.join(python))
}
