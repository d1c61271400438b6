//! Zip files that have the same bytes for the same entries, at every time and on every machine.

use anyhow::Result;
use std::io::{Cursor, Write as _};
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

/// A file in a zip.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    /// Lambda runs functions as its own user, so every user must be able to read or run the file.
    pub(crate) mode: u32,
    pub(crate) bytes: &'a [u8],
}

pub(crate) fn zip(entries: &[Entry<'_>]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for Entry { name, mode, bytes } in entries {
        let options = SimpleFileOptions::default()
            .system(System::Unix)
            .unix_permissions(*mode)
            .last_modified_time(DateTime::DEFAULT)
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9));
        zip.start_file(*name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use zip::ZipArchive;

    #[test]
    fn the_same_files_make_the_same_bytes_and_are_read_back() {
        let large: Vec<u8> = (0..1_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let entries = [
            Entry { name: "b", mode: 0o755, bytes: &large },
            Entry { name: "a", mode: 0o644, bytes: b"export const a = 1;\n" },
        ];
        let zipped = zip(&entries).unwrap();
        assert!(zipped == zip(&entries).unwrap());
        assert!(zipped.len() < large.len() / 2, "{} bytes", zipped.len());

        let mut archive = ZipArchive::new(Cursor::new(zipped)).unwrap();
        assert_eq!(archive.len(), entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!((file.name().unwrap().as_ref(), file.unix_mode()), (entry.name, Some(0o100_000 | entry.mode)));
            assert_eq!(file.last_modified(), Some(DateTime::DEFAULT));
            assert!(bytes == entry.bytes);
        }
    }
}
