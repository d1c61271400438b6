//! A key set in a file, for local runs and tests.
//!
//! The file is a JWK Set (a bare JWK is refused) with one more member, `countersign_api_keys`: the current API key and
//! optionally the previous one. So one rename rotates both kinds of keys.

use crate::store::{KeyStore, ReadError, StoredKeys};
use serde::{Deserialize, de::IgnoredAny};
use signing::{KeySet, KeySetError};
use std::{
    ffi::{OsStr, OsString},
    fmt,
    fs::{self, File},
    future::Future,
    io::{self, Read as _, Write as _},
    mem,
    os::unix::fs::{MetadataExt as _, fchown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tempfile::{Builder, NamedTempFile};
use zeroize::Zeroizing;

/// The limit of a secret in Secrets Manager.
const MAX_BYTES: u64 = 65_536;

/// A key file by its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyFile {
    path: PathBuf,
}

/// The contents of a key file.
#[derive(Debug)]
pub struct KeyFileContents {
    /// The signing keys.
    pub keys: KeySet,
    /// The current API key, then the previous one: zero, one or two keys.
    pub api_keys: Vec<ApiKey>,
    /// The time at which the file was written, if the file system reports it.
    pub modified: Option<SystemTime>,
}

/// The version of a key file that was read: its text, kept to compare.
pub struct FileVersion(Zeroizing<String>);

impl fmt::Debug for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileVersion(..)")
    }
}

impl KeyFile {
    /// The file at `path`. It need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file.
    ///
    /// # Errors
    /// If the file cannot be read, is not a key file, or other users than its owner can read it.
    pub fn load(&self) -> Result<KeyFileContents, KeyFileError> {
        Ok(self.load_version()?.0)
    }

    /// Reads the file, and returns its version too.
    ///
    /// # Errors
    /// As [`KeyFile::load`].
    pub fn load_version(&self) -> Result<(KeyFileContents, FileVersion), KeyFileError> {
        let (text, modified) = self.read_text().map_err(|error| self.at(error))?;
        let (keys, api_keys) = parse(&text).map_err(|error| self.at(error))?;
        Ok((KeyFileContents { keys, api_keys, modified }, FileVersion(text)))
    }

    /// Makes the file. Only its owner can read it.
    ///
    /// # Errors
    /// If the file already exists, which then stays unchanged, or if it cannot be written.
    pub fn create(&self, keys: &KeySet, api_keys: &[ApiKey]) -> Result<(), KeyFileError> {
        let finish = |file: NamedTempFile| file.persist_noclobber(&self.path).map_err(|error| error.error);
        write(&self.path, keys, api_keys, finish).map_err(|error| self.at(Problem::Io(error)))
    }

    /// Replaces the file, but only if it still is the version `base`. Unknown members are not kept.
    ///
    /// # Errors
    /// If the file has changed since `base`, which then stays unchanged, or if it cannot be written.
    pub fn replace(&self, base: &FileVersion, keys: &KeySet, api_keys: &[ApiKey]) -> Result<(), KeyFileError> {
        let replace = || {
            // The file and not a link to it: otherwise the new file would replace the link.
            let path = fs::canonicalize(&self.path).map_err(Problem::Io)?;
            // Another process that wants to replace this version waits here, and then sees that the file has changed.
            let old = File::open(&path).map_err(Problem::Io)?;
            old.lock().map_err(Problem::Io)?;
            if *self.read_text()?.0 != *base.0 {
                return Err(Problem::Changed);
            }
            // Every process that writes beside this file holds this lock, so other files found beside it are
            // incomplete.
            remove_leftovers(&path);
            let owner = old.metadata().map_err(Problem::Io)?;
            let finish = |file: NamedTempFile| {
                // The new file gets the permissions of the old file.
                fchown(file.as_file(), Some(owner.uid()), Some(owner.gid()))?;
                file.persist(&path).map_err(|error| error.error)
            };
            write(&path, keys, api_keys, finish).map_err(Problem::Io)
        };
        replace().map_err(|error| self.at(error))
    }

    /// The text of the file, and the time at which it was written.
    fn read_text(&self) -> Result<(Zeroizing<String>, Option<SystemTime>), Problem> {
        // Checked before the file is opened: opening a pipe waits for a writer.
        if !fs::metadata(&self.path).map_err(Problem::Io)?.is_file() {
            return Err(Problem::NotAFile);
        }
        let file = File::open(&self.path).map_err(Problem::Io)?;
        let metadata = file.metadata().map_err(Problem::Io)?;
        if metadata.mode() & 0o077 != 0 {
            return Err(Problem::Exposed { mode: metadata.mode() & 0o777 });
        }
        if metadata.len() > MAX_BYTES {
            return Err(Problem::TooLarge);
        }
        // Large enough from the start: a buffer that grows leaves copies that are never zeroed.
        let capacity = usize::try_from(MAX_BYTES).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(Problem::Io)?;
        let text = String::from_utf8(mem::take(&mut bytes)).map_err(|error| {
            let bytes = Zeroizing::new(error.into_bytes());
            if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
                Problem::Utf16
            } else {
                Problem::NotText
            }
        });
        Ok((Zeroizing::new(text?), metadata.modified().ok()))
    }

    fn at(&self, problem: Problem) -> KeyFileError {
        KeyFileError { path: self.path.clone(), problem }
    }
}

/// Writes a file beside this file and renames it, so that every reader sees the old file or the new one, never a part.
fn write(
    path: &Path,
    keys: &KeySet,
    api_keys: &[ApiKey],
    finish: impl FnOnce(NamedTempFile) -> io::Result<File>,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Made with mode 0600. A process that is killed leaves this file behind: its name shows to which file it belongs.
    let prefix = leftover_prefix(path);
    let mut file = Builder::new().prefix(&prefix).rand_bytes(RANDOM).tempfile_in(folder)?;
    file.write_all(print(keys, api_keys).as_bytes())?;
    file.as_file().sync_all()?;
    finish(file)?;
    File::open(folder)?.sync_all()
}

/// The number of random characters at the end of the name of a file that is being written.
const RANDOM: usize = 6;

/// The prefix of the names of files that are being written to replace this file.
fn leftover_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".tmp-");
    prefix
}

/// Removes the files, with keys in them, that killed writers left beside a file. If a file cannot be removed, it stays.
fn remove_leftovers(path: &Path) {
    let prefix = leftover_prefix(path);
    let prefix = prefix.as_encoded_bytes();
    let is_left = |name: &OsStr| {
        let random = name.as_encoded_bytes().strip_prefix(prefix);
        random.is_some_and(|random| random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric))
    };
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten().filter(|entry| is_left(&entry.file_name())) {
        let _ = fs::remove_file(entry.path());
    }
}

impl KeyStore for KeyFile {
    type Value = StoredKeys;

    fn read(&self, _: Duration) -> impl Future<Output = Result<StoredKeys, ReadError>> + Send {
        let file = self.clone();
        async move {
            // A file system can hang like a network. Then this thread keeps running, and its answer is dropped.
            let load = tokio::task::spawn_blocking(move || file.load()).await;
            match load {
                Ok(Ok(KeyFileContents { keys, modified, .. })) => Ok(StoredKeys { keys, created: modified }),
                Ok(Err(error)) => Err(ReadError(error.to_string())),
                Err(_) => Err(ReadError("the read of the key file was interrupted".into())),
            }
        }
    }
}

/// The members beside the keys, which [`KeySet::from_json`] reads. Borrowed, so that no copy of a secret stays in
/// memory.
#[derive(Deserialize)]
struct Beside<'a> {
    keys: Option<IgnoredAny>,
    #[serde(borrow)]
    countersign_api_keys: Option<Vec<&'a str>>,
}

fn parse(text: &str) -> Result<(KeySet, Vec<ApiKey>), Problem> {
    let keys = KeySet::from_json(text).map_err(Problem::Keys)?;
    // The reader of the keys ignores it too.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let beside: Beside<'_> = serde_json::from_str(text).map_err(|_| Problem::ApiKey(ApiKeyError))?;
    if beside.keys.is_none() {
        return Err(Problem::BareKey);
    }
    let api_keys = beside.countersign_api_keys.unwrap_or_default();
    if api_keys.len() > 2 {
        return Err(Problem::ApiKey(ApiKeyError));
    }
    let api_keys = api_keys.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>().map_err(Problem::ApiKey)?;
    Ok((keys, api_keys))
}

fn print(keys: &KeySet, api_keys: &[ApiKey]) -> Zeroizing<String> {
    let set = keys.to_json();
    let api_keys: Vec<_> = api_keys.iter().map(|key| format!("\"{}\"", key.expose())).collect();
    let api_keys = Zeroizing::new(api_keys.join(","));
    // The set is an object of one member; an API key does not have a character that JSON escapes.
    let members = set.trim_end_matches('}');
    Zeroizing::new(format!("{members},\"countersign_api_keys\":[{}]}}\n", *api_keys))
}

/// A key file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the key file {} {problem}", path.display())]
pub struct KeyFileError {
    path: PathBuf,
    problem: Problem,
}

impl KeyFileError {
    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.problem, Problem::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether users other than its owner can use it.
    pub fn is_exposed(&self) -> bool {
        matches!(self.problem, Problem::Exposed { .. })
    }

    /// Whether it has changed since it was read.
    pub fn is_changed(&self) -> bool {
        matches!(self.problem, Problem::Changed)
    }

    /// Whether the file already exists.
    pub fn is_already_there(&self) -> bool {
        matches!(&self.problem, Problem::Io(error) if error.kind() == io::ErrorKind::AlreadyExists)
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot be used: {0}")]
    Io(io::Error),
    #[error("is not a regular file")]
    NotAFile,
    #[error("has mode {mode:03o}, and users other than its owner can use it: accepted are modes like 600 and 400")]
    Exposed { mode: u32 },
    #[error("is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("is UTF-16 text: save it as UTF-8")]
    Utf16,
    #[error("is not UTF-8 text")]
    NotText,
    #[error("does not hold valid keys: {0}")]
    Keys(KeySetError),
    #[error("holds a bare key: put it into a set, {{\"keys\":[…]}}")]
    BareKey,
    #[error("has been changed by another program since it was read, and stays as it is")]
    Changed,
    #[error("has an invalid member `countersign_api_keys`: {0}")]
    ApiKey(ApiKeyError),
}

/// The value of an API Gateway API key. Its `Debug` hides it.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// The value, for the header that carries it and the file that keeps it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl TryFrom<&str> for ApiKey {
    type Error = ApiKeyError;

    fn try_from(value: &str) -> Result<Self, ApiKeyError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        // API Gateway takes 20 to 128 characters.
        if (20..=128).contains(&value.len()) && value.bytes().all(allowed) {
            Ok(Self(Zeroizing::new(value.to_owned())))
        } else {
            Err(ApiKeyError)
        }
    }
}

/// The text is not an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be a list of at most two strings of 20 to 128 characters of A-Z a-z 0-9 . _ -")]
pub struct ApiKeyError;

#[cfg(test)]
mod tests {
    use super::*;
    use signing::{Key, KeyId, UnixSeconds};
    use std::os::unix::fs::PermissionsExt as _;
    use tempfile::TempDir;

    const API_KEY: &str = "abcdefghij0123456789";

    fn key_set() -> KeySet {
        let id = KeyId::try_from("k1").unwrap();
        let key = Key::new(id, &[7; 32], UnixSeconds::new(1), UnixSeconds::new(2)).unwrap();
        KeySet::new(vec![key]).unwrap()
    }

    fn api_keys() -> [ApiKey; 1] {
        [API_KEY.try_into().unwrap()]
    }

    fn folder() -> (TempDir, KeyFile) {
        let folder = TempDir::new().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        (folder, file)
    }

    #[test]
    fn a_new_file_is_readable_only_by_its_owner_and_read_back() {
        let (folder, file) = folder();
        file.create(&key_set(), &api_keys()).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
        let read = file.load().unwrap();
        assert_eq!(*read.keys.to_json(), *key_set().to_json());
        assert_eq!(read.api_keys.iter().map(ApiKey::expose).collect::<Vec<_>>(), [API_KEY]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left beside it");
    }

    #[test]
    fn two_api_keys_keep_their_order() {
        let (_folder, file) = folder();
        let both = ["the-one-that-is-in-force", API_KEY].map(|key| ApiKey::try_from(key).unwrap());
        file.create(&key_set(), &both).unwrap();
        let read = file.load().unwrap().api_keys;
        assert_eq!(read.iter().map(ApiKey::expose).collect::<Vec<_>>(), ["the-one-that-is-in-force", API_KEY]);
    }

    #[test]
    fn an_existing_file_is_not_made_again() {
        let (folder, file) = folder();
        fs::write(file.path(), "mine").unwrap();
        let error = file.create(&key_set(), &api_keys()).unwrap_err();
        assert!(error.to_string().contains("File exists"), "{error}");
        assert!(error.is_already_there() && !error.is_not_found());
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = KeyFile::new(folder.path().join("no/keys.json"));
        let error = nowhere.create(&key_set(), &api_keys()).unwrap_err();
        assert!(error.is_not_found() && !error.is_already_there());
    }

    #[test]
    fn a_file_that_other_users_can_use_is_refused() {
        let (_folder, file) = folder();
        file.create(&key_set(), &api_keys()).unwrap();
        for (mode, good) in
            [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o610, false), (0o777, false)]
        {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let loaded = file.load();
            assert_eq!(loaded.is_ok(), good, "{mode:03o}");
            if let Err(error) = loaded {
                assert!(error.to_string().contains(&format!("has mode {mode:03o}, and users other")), "{error}");
            }
        }
    }

    #[test]
    fn a_file_that_is_not_a_key_file_is_refused_with_the_reason() {
        let (folder, file) = folder();
        let write = |text: &[u8]| {
            fs::write(file.path(), text).unwrap();
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
            file.load().unwrap_err().to_string()
        };
        let good = print(&key_set(), &api_keys()).to_string();
        let api_key = format!("\"{API_KEY}\"");
        let table = [
            (String::new(), "the key set is not valid JSON"),
            ("{\"keys\":[]}".into(), "the key set has no key"),
            (" ".repeat(65_537), "is larger than 65536 bytes"),
            (" ".repeat(65_536), "the key set is not valid JSON"),
            (key_set().to_json().replace("{\"keys\":[", "").replace("]}", ""), "holds a bare key"),
            (good.replace(API_KEY, "short"), "`countersign_api_keys`: it must be a list of at most two"),
            (good.replace(&api_key, "1"), "`countersign_api_keys`: it must be a list"),
            (good.replace(&api_key, &[&*api_key; 3].join(",")), "`countersign_api_keys`: it must be a list"),
        ];
        for (text, expected) in table {
            let error = write(text.as_bytes());
            assert!(error.contains(expected) && !error.contains("Bwc"), "{error}");
        }
        assert!(write(b"\xff\xfe{\0").contains("is UTF-16 text: save it as UTF-8"));
        assert!(write(b"\xfe\xff\0{").contains("is UTF-16 text: save it as UTF-8"));
        assert!(write(b"{\xff\xfe").contains("is not UTF-8 text"));
        assert!(KeyFile::new(folder.path()).load().unwrap_err().to_string().contains("is not a regular file"));
        assert!(KeyFile::new(folder.path().join("none")).load().unwrap_err().is_not_found());
    }

    /// Editors on Windows write one. The next rotation writes the file without it.
    #[test]
    fn a_byte_order_mark_is_ignored() {
        let (_folder, file) = folder();
        fs::write(file.path(), format!("\u{feff}{}", *print(&key_set(), &api_keys()))).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let (read, version) = file.load_version().unwrap();
        assert_eq!(*read.keys.to_json(), *key_set().to_json());
        assert_eq!(read.api_keys.iter().map(ApiKey::expose).collect::<Vec<_>>(), [API_KEY]);
        file.replace(&version, &key_set(), &[]).unwrap();
        assert!(fs::read_to_string(file.path()).unwrap().starts_with("{\"keys\""));
    }

    /// A file that a killed rotation left holds keys. It is found by the name of the key file; files of other key files
    /// stay.
    #[test]
    fn the_next_rotation_removes_the_files_of_a_killed_one() {
        let (folder, file) = folder();
        file.create(&key_set(), &api_keys()).unwrap();
        let link = KeyFile::new(folder.path().join("link.json"));
        std::os::unix::fs::symlink(file.path(), link.path()).unwrap();
        let others = [
            ".other.json.tmp-AbC123",
            ".keys.json.tmp-AbC12",
            ".keys.json.tmp-AbC.23",
            ".tmpAbC123",
            "keys.json.tmp-AbC123",
        ];
        let left = [".keys.json.tmp-AbC123", ".keys.json.tmp-000000"];
        for name in others.into_iter().chain(left) {
            fs::write(folder.path().join(name), "of a rotation").unwrap();
        }
        let names = || {
            let names =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names
                .filter(|name| !["keys.json", "link.json"].contains(&name.as_str()))
                .collect::<std::collections::BTreeSet<_>>()
        };
        // A call that does not replace the file keeps the files that another process may be writing.
        let stale = FileVersion(Zeroizing::new("another".to_owned()));
        assert!(file.replace(&stale, &key_set(), &[]).is_err());
        assert_eq!(names().len(), others.len() + left.len());
        let (_, version) = link.load_version().unwrap();
        link.replace(&version, &key_set(), &[]).unwrap();
        assert_eq!(names(), others.map(str::to_owned).into());
    }

    /// The name shows the key file from the first byte that is written.
    #[test]
    fn a_file_that_is_being_written_is_named_after_its_key_file() {
        let (folder, file) = folder();
        let seen = |written: NamedTempFile| {
            let name = written.path().file_name().unwrap().to_str().unwrap().to_owned();
            assert!(name.starts_with(".keys.json.tmp-") && name.len() == ".keys.json.tmp-".len() + RANDOM, "{name}");
            written.persist(file.path()).map_err(|error| error.error)
        };
        write(file.path(), &key_set(), &[], seen).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_version_is_replaced_only_once() {
        let (folder, file) = folder();
        file.create(&key_set(), &api_keys()).unwrap();
        let (read, version) = file.load_version().unwrap();
        assert_eq!(read.api_keys.len(), 1);
        file.replace(&version, &key_set(), &[]).unwrap();
        assert_eq!(file.load().unwrap().api_keys.len(), 0);
        assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
        let error = file.replace(&version, &key_set(), &api_keys()).unwrap_err();
        assert!(error.to_string().contains("has been changed by another program"), "{error}");
        assert_eq!(file.load().unwrap().api_keys.len(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_file_behind_a_link_is_replaced_and_not_the_link() {
        let (folder, file) = folder();
        file.create(&key_set(), &api_keys()).unwrap();
        let link = KeyFile::new(folder.path().join("link.json"));
        std::os::unix::fs::symlink(file.path(), link.path()).unwrap();
        let (_, version) = link.load_version().unwrap();
        link.replace(&version, &key_set(), &[]).unwrap();
        assert_eq!(file.load().unwrap().api_keys.len(), 0);
        assert!(fs::symlink_metadata(link.path()).unwrap().is_symlink());
    }

    /// If many calls replace the same version at the same time, only one succeeds, and the others leave no file.
    #[test]
    fn of_many_calls_that_replace_a_version_only_one_succeeds() {
        let (folder, file) = folder();
        file.create(&key_set(), &api_keys()).unwrap();
        let replaced: usize = std::thread::scope(|scope| {
            let versions: Vec<_> = (0..8).map(|_| file.load_version().unwrap().1).collect();
            let file = &file;
            let replace = |version| move || file.replace(&version, &key_set(), &[]);
            let threads: Vec<_> = versions.into_iter().map(|version| scope.spawn(replace(version))).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap().is_ok())).sum()
        });
        assert_eq!(replaced, 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_debug_of_a_key_file_shows_no_secret() {
        assert_eq!(format!("{:?}", api_keys()), "[ApiKey(..)]");
        assert_eq!(format!("{:?}", FileVersion(print(&key_set(), &api_keys()))), "FileVersion(..)");
    }
}
