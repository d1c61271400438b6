//! Zips like those of `cargo xtask package`, of other files.

use crate::support::artifacts::artifact;
use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// An entry of a zip: its name, what is in it, and who may run it.
pub(crate) type Entry<'a> = (&'a str, &'a [u8], u32);

/// Makes the zip of the edge signer alone.
pub(crate) fn edge_signer_zip(folder: &Path) {
    let [addon, module] =
        ["edge-signer.node", "index.mjs"].map(|name| fs::read(artifact(&format!("edge-signer/{name}"))).unwrap());
    write_zip(&folder.join("edge-signer.zip"), &[("edge-signer.node", &addon, 0o644), ("index.mjs", &module, 0o644)]);
}

pub(crate) fn write_zip(path: &Path, entries: &[Entry<'_>]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, contents, mode) in entries {
        // The level that packs fastest: programs with all their symbols are large.
        let options = SimpleFileOptions::default().unix_permissions(*mode).compression_level(Some(1));
        zip.start_file(*name, options).unwrap();
        zip.write_all(contents).unwrap();
    }
    zip.finish().unwrap();
}
