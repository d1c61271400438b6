//! Keys are read over TLS from a server whose certificate the system trusts, and from no other.

use crate::{
    jwt::{
        ask::{check_with, reason},
        issuer::Issuer,
    },
    support::tls::Tls,
};
use std::{env, time::SystemTime};
use telemetry::MemoryLog;
use tokio::process::Command;

const THIS_TEST: &str = "jwt::over_tls::keys_are_read_only_from_a_trusted_server";
/// The setting and the token, for the process that asks.
const SETTING: &str = "COUNTERSIGN_TEST_SETTING";
const TOKEN: &str = "COUNTERSIGN_TEST_TOKEN";

/// The system's authorities are those of a process, so the test runs itself a second and a third time.
#[tokio::test]
async fn keys_are_read_only_from_a_trusted_server() {
    if let (Ok(setting), Ok(token)) = (env::var(SETTING), env::var(TOKEN)) {
        let log = MemoryLog::default();
        let reason = reason(&check_with(&setting, &log), &token, SystemTime::now()).await;
        println!("the answer is {reason}: {}", log.take_lines().concat());
        return;
    }
    let mut issuer = Issuer::start().await;
    let tls = Tls::before(&issuer.url).await;
    let token = issuer.ask("token RS256").await;
    let setting = format!("{};audience=pets;jwks={}/jwks", issuer.url, tls.endpoint);
    for (authority, answer, logged) in [
        (Some(tls.authority()), "the answer is ok: ", "\"issuer-keys-read\""),
        (None, "the answer is token-no-keys: ", "its server cannot be reached: invalid peer certificate"),
    ] {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args([THIS_TEST, "--exact", "--nocapture"]).env(SETTING, &setting).env(TOKEN, &token);
        command.env_remove("SSL_CERT_DIR").kill_on_drop(true);
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority);
        }
        let output = command.output().await.unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(answer) && printed.contains(logged) && output.status.success(), "{printed}");
    }
    issuer.stop().await;
}
