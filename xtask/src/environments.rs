//! Tools of the tests that are not Rust: packages of PyPI, npm and Debian. The packages of each lock file are installed
//! once, in a folder of its own under `target/`.

use crate::tools::metadata;
use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use xshell::{Shell, cmd};
use zip::ZipArchive;

/// A Python with the packages of these lock files, installed one file after the other.
///
/// The files name wheels, except a file that says otherwise: its packages are built with the packages of the files
/// before it.
pub(crate) fn python(shell: &Shell, locks: &[&str]) -> Result<PathBuf> {
    // An environment works only with the Python that made it.
    let mut made_of = cmd!(shell, "python3 --version").quiet().read()?;
    for lock in locks {
        made_of.push('\n');
        made_of.push_str(&shell.read_file(lock)?);
    }
    let python = Path::new("bin").join("python");
    let made = made_once("python", &made_of, |folder| {
        cmd!(shell, "python3 -m venv {folder}")
            .run()
            .context("python3 cannot make a virtual environment: on Debian and Ubuntu install python3-venv")?;
        let pip = folder.join(&python);
        for lock in locks {
            cmd!(
                shell,
                "{pip} -m pip install --quiet --no-input --disable-pip-version-check
                 --require-hashes --no-deps --only-binary :all: --no-build-isolation --requirement {lock}"
            )
            .run()
            .with_context(|| format!("the packages of {lock} cannot be installed"))?;
        }
        Ok(())
    })?;
    Ok(made.join(python))
}

/// A folder with the `node_modules` of the lock file in `folder`.
pub(crate) fn node(shell: &Shell, folder: &str) -> Result<PathBuf> {
    made_once("node", &shell.read_file(format!("{folder}/package-lock.json"))?, |made| {
        for file in ["package.json", "package-lock.json"] {
            shell.copy_file(format!("{folder}/{file}"), made.join(file))?;
        }
        // Peers are left out: what is installed here is not loaded by the packages that it is a peer of.
        cmd!(shell, "npm ci --prefix {made} --legacy-peer-deps --ignore-scripts --no-audit --no-fund --loglevel error")
            .run()
            .with_context(|| {
                format!("the packages of {folder}/package-lock.json cannot be installed: check that npm is installed")
            })
    })
}

/// Version 2 of the AWS command line, as AWS builds it for Linux on x86-64. The package of npm holds it in a zip.
pub(crate) fn aws_cli_2(shell: &Shell) -> Result<PathBuf> {
    let folder = "tests/shell/aws-cli-2";
    let zip = node(shell, folder)?.join("node_modules/@aws-cdk/asset-awscli-v2/lib/layer.zip");
    let made = made_once("aws-cli", &shell.read_file(format!("{folder}/package-lock.json"))?, |made| {
        unpack(&zip, "/dist/", made).with_context(|| zip.display().to_string())
    })?;
    Ok(made.join("aws"))
}

/// Puts the files of a zip that are under this folder of it into another. The links of this zip lead out of it.
fn unpack(zip: &Path, from: &str, to: &Path) -> Result<()> {
    let mut zip = ZipArchive::new(File::open(zip)?)?;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index)?;
        let Some(path) = entry.name()?.split_once(from).map(|(_, name)| to.join(name)) else { continue };
        if !entry.is_file() {
            continue;
        }
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        let mode = entry.unix_mode().context("a file has a mode")?;
        io::copy(&mut entry, &mut File::create(&path)?)?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The machine's zsh, or that of Debian 12 in a folder.
pub(crate) fn zsh(shell: &Shell) -> Result<PathBuf> {
    match installed(shell, "zsh") {
        Some(path) => Ok(path),
        None => Ok(debian(shell).context("zsh cannot be installed from Debian 12: install zsh")?.join("bin/zsh")),
    }
}

/// The folder of the machine's jq, or of that of Debian 12, with which the documents' commands read JSON.
pub(crate) fn folder_of_jq(shell: &Shell) -> Result<PathBuf> {
    let jq = match installed(shell, "jq") {
        Some(path) => path,
        None => debian(shell)
            .context("jq cannot be installed from Debian 12: install jq 1.6 or newer")?
            .join("with-libraries/jq"),
    };
    Ok(jq.parent().context("a program is in a folder")?.to_owned())
}

fn installed(shell: &Shell, program: &str) -> Option<PathBuf> {
    let found = cmd!(shell, "sh -c 'command -v \"$0\"' {program}").quiet().ignore_stderr().read();
    found.ok().map(PathBuf::from)
}

/// The packages of `tests/shell/debian.txt`, unpacked.
fn debian(shell: &Shell) -> Result<PathBuf> {
    let packages = shell.read_file("tests/shell/debian.txt")?;
    made_once("debian", &packages, |made| {
        let names: Vec<_> = packages.lines().filter(|line| !line.starts_with('#')).collect();
        let _folder = shell.push_dir(made);
        if cmd!(shell, "apt-get download --quiet=2").args(&names).ignore_stderr().run().is_err() {
            // A new machine may have no lists of packages. These are in a folder of their own, for which nobody must be root.
            let lists = tempfile::tempdir()?;
            for folder in ["lists/partial", "cache/archives/partial"] {
                fs::create_dir_all(lists.path().join(folder))?;
            }
            let lists = lists.path().display();
            let (lists, cache) = (format!("Dir::State::Lists={lists}/lists"), format!("Dir::Cache={lists}/cache"));
            let own = ["-o", &lists, "-o", &cache, "-o", "Debug::NoLocking=true"];
            cmd!(shell, "apt-get --quiet=2 {own...} update").run()?;
            cmd!(shell, "apt-get download --quiet=2 {own...}").args(&names).run()?;
        }
        for file in shell.read_dir(".")?.into_iter().filter(|file| file.extension().is_some_and(|end| end == "deb")) {
            cmd!(shell, "dpkg-deb --extract {file} {made}").run()?;
        }
        // Its libraries are where no program looks.
        let jq = "#!/bin/sh\nroot=$(dirname \"$0\")/..\n\
            LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu exec \"$root/usr/bin/jq\" \"$@\"\n";
        shell.write_file("with-libraries/jq", jq)?;
        fs::set_permissions(made.join("with-libraries/jq"), Permissions::from_mode(0o755))?;
        Ok(())
    })
}

/// The folder that `make` fills. Its name depends on its inputs, so it is found again.
///
/// It is made under another name and renamed when it is complete, so that an interrupted run leaves nothing that is
/// used.
fn made_once(kind: &str, made_of: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    // 64 bits of the hash are enough to distinguish lock files.
    let name: String = hex::encode(Sha256::digest(made_of)).chars().take(16).collect();
    let metadata = metadata(MetadataCommand::new().no_deps())?;
    let environments = metadata.target_directory.into_std_path_buf().join(kind);
    let environment = environments.join(name);
    if !environment.exists() {
        fs::create_dir_all(&environments)?;
        let making = tempfile::Builder::new().prefix("making-").tempdir_in(&environments)?;
        make(making.path())?;
        match fs::rename(making.path(), &environment) {
            Ok(()) => drop(making.keep()),
            // Another run has made it in the meantime.
            Err(_) if environment.exists() => {}
            Err(error) => return Err(error).with_context(|| format!("{} cannot be made", environment.display())),
        }
    }
    Ok(environment)
}
