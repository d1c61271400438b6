//! Each failure of `countersign`, to the letter: the files in `failures` hold commands, and what each prints.
//!
//! A line `$ countersign …` is a command, perhaps with variables before it; after it come its exit status and what it printed, `out|` and `err|`. To add a failure,
//! add its command, run these tests with `SNAPSHOTS=overwrite`, and read what they have written.

use crate::{
    cli::support::{
        countersign::{assert_errors_said_once, countersign},
        golden::Golden,
    },
    package::zips::{Entry, edge_signer_zip, write_zip},
    support::patience::PATIENCE,
};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Output,
    time::SystemTime,
};
use tempfile::TempDir;
use tokio::time::timeout;

const HOUR: i64 = 3600;
const NEVER_EXPIRES: i64 = 253_402_300_799;
const SECRET: &str = "dGhlIHNlY3JldCBvZiBhIGtleSB0aGF0IGZhaWxzIGluIGEgdGVzdC4u";

/// The folder in which the commands run, with the files that they name; and a port that is in use.
struct World {
    folder: TempDir,
    taken: TcpListener,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), taken: TcpListener::bind("127.0.0.1:0").unwrap() };
        world.key_files();
        world.invalid_key_files();
        fs::write(world.path("body.json"), "{}").unwrap();
        world
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A file that only its owner can use.
    fn private(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A key file of these keys: each with its id, and how many seconds from now it begins and ends.
    fn keys(&self, name: &str, keys: &[(&str, i64, i64)]) {
        let keys: Vec<_> = keys.iter().map(|&(kid, begins, ends)| key(kid, begins, ends)).collect();
        self.private(name, json!({"keys": keys, "countersign_api_keys": ["an-api-key-of-a-test"]}).to_string());
    }

    fn key_files(&self) {
        self.keys("keys.json", &[("k1", -HOUR, NEVER_EXPIRES)]);
        self.keys("future.json", &[("k1", 2 * HOUR, NEVER_EXPIRES)]);
        self.keys("expired.json", &[("k1", -3 * HOUR, -2 * HOUR)]);
        self.keys("ends-soon.json", &[("k1", -HOUR, HOUR / 6)]);
        let eight: Vec<_> = (1..=8).map(|number| (format!("k{number}"), -HOUR, 26 * HOUR - 40 + number)).collect();
        let eight: Vec<_> = eight.iter().map(|(kid, begins, ends)| (kid.as_str(), *begins, *ends)).collect();
        self.keys("eight.json", &eight);
        self.keys("nine.json", &[&eight[..], &[("k9", -HOUR, NEVER_EXPIRES)]].concat());
        self.keys("same-id.json", &[("k1", -HOUR, NEVER_EXPIRES), ("k1", -HOUR, NEVER_EXPIRES)]);
        self.private("no-api-key.json", json!({"keys": [key("k1", -HOUR, NEVER_EXPIRES)]}).to_string());
        symlink("missing.json", self.path("dangling.json")).unwrap();
        let exposed = self.path("others can read.json");
        fs::copy(self.path("keys.json"), &exposed).unwrap();
        fs::set_permissions(&exposed, fs::Permissions::from_mode(0o644)).unwrap();
        fs::create_dir(self.path("folder")).unwrap();
    }

    fn invalid_key_files(&self) {
        let set = |key: Value| json!({"keys": [key]}).to_string();
        let with = |member: &str, value: Value| {
            let mut key = key("k1", -HOUR, NEVER_EXPIRES);
            key[member] = value;
            set(key)
        };
        self.private("empty.json", "");
        self.private("huge.json", " ".repeat(65_537));
        self.private("text.json", "k1 = secret");
        self.private("utf-16.json", b"\xff\xfe{\0}\0");
        self.private("latin-1.json", b"{\"keys\": \"\xe9\"}");
        self.private("list.json", "[]");
        self.private("no-list.json", "{\"keys\": {}}");
        self.private("no-keys.json", "{\"keys\": []}");
        self.private("bare.json", key("k1", -HOUR, NEVER_EXPIRES).to_string());
        self.private("no-alg.json", set(json!({"kty": "oct", "kid": "k1", "k": SECRET, "nbf": 1, "exp": 2})));
        self.private("wrong-alg.json", with("alg", json!("HS512")));
        self.private("wrong-kid.json", with("kid", json!("a key")));
        self.private("wrong-nbf.json", with("nbf", json!("soon")));
        self.private("short-k.json", with("k", json!("c2hvcnQ")));
        self.private("padded-k.json", with("k", json!(format!("{SECRET}=="))));
        let keys = [key("k1", -HOUR, NEVER_EXPIRES)];
        self.private("wrong-api-key.json", json!({"keys": keys, "countersign_api_keys": ["short"]}).to_string());
    }

    fn inputs(&self) {
        for (name, text) in [
            ("request.txt", "GET /prod/a HTTP/1.1\nHost: abc.execute-api.eu-west-1.amazonaws.com\n"),
            ("no-host.txt", "GET /prod/a HTTP/1.1\nAccept: */*\n"),
            ("no-stage.txt", "GET / HTTP/1.1\nHost: abc.execute-api.eu-west-1.amazonaws.com\n"),
            ("no-head.txt", "GET /a HTTP/1.1\nAuthorization\n"),
            ("quote.txt", "curl 'https://a.example/"),
            ("two-urls.txt", "curl https://a.example/ https://b.example/"),
            ("no-url.txt", "curl -H 'Authorization: Bearer x'"),
            ("no-value.txt", "curl https://a.example/ -H"),
            ("no-status.txt", "HTTP/1.1 Forbidden\n"),
            ("keys-read.log", "{\"event\":\"keys-read\"}\n"),
            ("started.json", "{\"time\":\"x\",\"type\":1}"),
            ("half.json", "{\"type\":\"REQUEST\",\n\"headers\":"),
        ] {
            fs::write(self.path(name), text).unwrap();
        }
        fs::write(self.path("huge.txt"), vec![b' '; 4 * 1024 * 1024 + 1]).unwrap();
        fs::write(self.path("bytes.txt"), b"GET /\xe9 HTTP/1.1\n").unwrap();
    }

    fn packages(&self) {
        let folder = |name: &str| {
            let path = self.path(name);
            fs::create_dir(&path).unwrap();
            path
        };
        fs::write(folder("not-a-zip").join("edge-signer.zip"), "text").unwrap();
        let authorizers: [(&str, &[Entry<'_>]); 4] = [
            ("no-authorizer", &[]),
            ("other-authorizer", &[("rotator", b"x", 0o755)]),
            ("not-a-program", &[("bootstrap", b"x", 0o644)]),
            ("another-machine", &[("bootstrap", b"\x7fELF of another machine", 0o755)]),
        ];
        for (name, entries) in authorizers {
            let path = folder(name);
            edge_signer_zip(&path);
            if !entries.is_empty() {
                write_zip(&path.join("authorizer.zip"), entries);
            }
        }
        write_zip(&folder("other-edge-signer").join("edge-signer.zip"), &[("index.js", b"x", 0o644)]);
    }

    /// Runs the commands of a file, and compares what they print with it.
    async fn check(&self, name: &str, commands: usize) {
        let port = self.taken.local_addr().unwrap().port().to_string();
        let mut golden = Golden::new(name);
        golden.redact("[PORT]", port.clone());
        golden.redact("[FOLDER]", self.folder.path().to_str().unwrap().to_owned());
        let mut run = 0;
        for line in golden.commands() {
            let words = shlex::split(&line.replace("[PORT]", &port)).unwrap();
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let program =
                words.iter().position(|word| *word == "countersign").unwrap_or_else(|| panic!("{name}: {line}"));
            let variables = words[..program].iter().map(|word| word.split_once('=').unwrap()).collect::<Vec<_>>();
            let Output { status, stdout, stderr } = self.run(&variables, &words[program + 1..]).await;
            let (out, error) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
            assert!(matches!(status.code(), Some(1 | 2)), "{name}: {line}: {status} {out}{error}");
            assert!(!error.contains(SECRET) && !error.contains("c2hvcnQ"), "{name}: {line}: {error}");
            assert_errors_said_once(&out, &error);
            golden.ran(&line, status.code(), &out, &error);
            run += 1;
        }
        assert_eq!(run, commands, "{name}: each command is run");
        golden.compare();
    }

    async fn run(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = countersign(arguments);
        // The environment of a person without AWS. Node is not needed to find out what is wrong.
        let path = std::env::var_os("PATH").unwrap();
        command.env_clear().env("PATH", path).env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.envs(variables.iter().copied());
        timeout(PATIENCE, command.output()).await.expect("it ends").unwrap()
    }
}

fn key(kid: &str, begins: i64, ends: i64) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let ends = if ends == NEVER_EXPIRES { NEVER_EXPIRES } else { now + ends };
    json!({"kty": "oct", "alg": "HS256", "kid": kid, "k": SECRET, "nbf": now + begins, "exp": ends})
}

#[tokio::test]
async fn wrong_command_lines() {
    World::new().check("usage.txt", 54).await;
}

#[tokio::test]
async fn key_files_that_cannot_be_used() {
    World::new().check("key_files.txt", 44).await;
}

#[tokio::test]
async fn rotations_that_are_refused() {
    World::new().check("rotations.txt", 10).await;
}

#[tokio::test]
async fn requests_that_cannot_be_signed() {
    World::new().check("signing.txt", 23).await;
}

#[tokio::test]
async fn inputs_that_cannot_be_explained() {
    let world = World::new();
    world.inputs();
    world.check("explaining.txt", 24).await;
}

#[tokio::test]
async fn servers_that_cannot_start() {
    World::new().check("local.txt", 39).await;
}

#[tokio::test]
async fn packages_that_cannot_be_used() {
    let world = World::new();
    world.packages();
    world.check("packages.txt", 11).await;
}

#[tokio::test]
async fn environments_without_a_folder_or_a_program() {
    let world = World::new();
    world.packages();
    world.check("environment.txt", 6).await;
}

/// Permissions do not stop root, and Linux has a file that nobody can read from its beginning, and a folder without new files.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn key_files_that_cannot_be_read() {
    World::new().check("unreadable.txt", 6).await;
}

/// A file that no test reads would promise what nobody holds.
#[test]
fn each_file_of_failures_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/failures");
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let all = [
        "environment",
        "explaining",
        "key_files",
        "local",
        "on_aws",
        "packages",
        "rotations",
        "signing",
        "unreadable",
        "usage",
    ];
    assert_eq!(names, all.map(|name| format!("{name}.txt")));
}
