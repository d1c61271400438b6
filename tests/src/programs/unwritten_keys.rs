//! A key file that cannot be written leaves the old keys as they are.

use crate::{
    cli::support::countersign::run,
    support::{artifacts::artifact, keys::Keys, patience::PATIENCE},
};
use std::{fs, os::unix::process::ExitStatusExt as _, process::Output};
use tokio::{process::Command, time::timeout};

/// The signal that ends a program which writes more than it may.
const SIGXFSZ: i32 = 25;

/// Runs a command that can write no byte into a file: as on a full disk, writing fails, or the signal ends the program.
async fn without_room(is_told: bool, arguments: &[&str]) -> Output {
    let trap = if is_told { "trap '' XFSZ; " } else { "" };
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{trap}ulimit -f 0; exec \"$@\""), "sh"]).arg(artifact("countersign"));
    timeout(PATIENCE, command.args(arguments).kill_on_drop(true).output()).await.expect("it ends").unwrap()
}

fn names(keys: &Keys) -> Vec<String> {
    let folder = fs::read_dir(keys.file.path().parent().unwrap()).unwrap();
    folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_rotation_without_room_for_the_new_keys_keeps_the_old_keys() {
    for more in [&[][..], &["--emergency"], &["--format", "json"]] {
        let keys = Keys::new();
        let path = keys.file.path().to_str().unwrap();
        let before = fs::read(path).unwrap();
        let rotate = [&["keys", "rotate", "--keys", path], more].concat();
        let output = without_room(true, &rotate).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with(&format!("error: the key file {path} cannot be used: File too large")), "{error}");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
        assert_eq!((fs::read(path).unwrap(), names(&keys)), (before.clone(), vec!["keys.json".to_owned()]));

        let output = without_room(false, &rotate).await;
        assert_eq!(output.status.signal(), Some(SIGXFSZ));
        assert_eq!(fs::read(path).unwrap(), before, "the keys of a program that was ended");
        let (status, _, error) = run(&rotate).await;
        assert_eq!((status, error.as_str()), (Some(0), ""), "with room again");
        assert_eq!(names(&keys), ["keys.json"], "what it has left is removed");
        assert_ne!(fs::read(path).unwrap(), before);
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_first_key_without_room_leaves_no_file() {
    let keys = Keys::none();
    let path = keys.file.path().to_str().unwrap();
    let output = without_room(true, &["keys", "init", "--keys", path]).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("error: the key file {path} cannot be used: File too large")), "{error}");
    assert_eq!((output.status.code(), names(&keys).len()), (Some(1), 0));
}
