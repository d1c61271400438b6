//! The key of these tests, and key files.

use key_store::KeyFile;
use signing::{Key, KeySet, UnixSeconds};
use tempfile::TempDir;

/// The secret of every key in these tests.
pub(crate) const SECRET: [u8; 32] = *b"the secret that no log may hold.";

/// A key file in a folder of its own, which goes when it is dropped.
pub(crate) struct Keys {
    _folder: TempDir,
    pub(crate) file: KeyFile,
}

impl Keys {
    /// One key, `k1`, that does not end.
    pub(crate) fn new() -> Self {
        let keys = Self::none();
        keys.file.create(&key_set(), &[]).unwrap();
        keys
    }

    /// No file yet.
    pub(crate) fn none() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        Self { _folder: folder, file }
    }

    /// As configurations name it.
    pub(crate) fn source(&self) -> String {
        format!("file:{}", self.file.path().display())
    }
}

pub(crate) fn key_set() -> KeySet {
    let key = Key::new("k1".try_into().unwrap(), &SECRET, UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
    KeySet::new(vec![key]).unwrap()
}
