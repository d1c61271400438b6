//! The program `countersign` as a person runs it.

use crate::{
    cli::support::countersign::{Local, countersign, run},
    support::{bootstrap::decisions, client::ask, patience::PATIENCE},
};
use hyper::Method;
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// It runs in one process, and does not need another program.
#[tokio::test]
async fn the_tour_comes_out_as_it_should() {
    let output = timeout(PATIENCE * 2, countersign(&["tour"]).env_clear().output()).await.expect("it ends").unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{out}");
    assert!(!out.contains("WRONG"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let last = out.lines().last().unwrap();
    let rows: u32 = last.split(' ').next().unwrap().parse().unwrap();
    assert!(rows >= 45 && last == format!("{rows} of {rows} as expected"), "{last}");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tour.md")).unwrap();
    assert!(page.contains(&out), "docs/tour.md shows another tour than this:\n{out}");
}

#[tokio::test]
async fn local_serves_until_a_signal_and_logs_a_line_a_request() {
    // The longest TTL of the edge is too long for the authorizer.
    for (signal, options) in [("INT", &[][..]), ("TERM", &["--ttl", "5m"])] {
        let local = Local::start(options).await;
        let signed = ask(local.edge, Method::GET, "/pets/1", &[], b"").await;
        let direct = ask(local.gateway, Method::GET, "/prod/pets/1", &[], b"").await;
        let forged = [("Countersign-Signature", "x"), ("Countersign-Signature-Input", "x")];
        let forged = ask(local.gateway, Method::GET, "/prod/pets/1", &forged, b"").await;
        let unsignable = ask(local.edge, Method::GET, &format!("/{}", "x".repeat(7000)), &[], b"").await;
        assert_eq!((signed.0, direct.0, forged.0, unsignable.0), (200, 401, 403, 431));
        let folder = Path::new(&local.keys).parent().unwrap().to_owned();
        assert!(folder.exists());
        let (status, log) = local.end(signal).await;
        assert_eq!(status, Some(0), "{signal}");
        assert!(!folder.exists(), "the keys of this run are removed");
        assert_eq!(log[0]["event"], "keys-read");
        let log = decisions(&log);
        let told: Vec<_> = log.iter().map(|line| line["event"].as_str().unwrap()).collect();
        assert_eq!(
            told,
            ["request-admitted", "request-refused-by-gateway", "request-refused", "request-answered-at-edge"]
        );
        assert!(log.iter().skip(1).all(|line| line["reason"].is_string()));
    }
}

#[tokio::test]
async fn local_makes_a_missing_key_file_and_uses_an_existing_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my keys.json");
    let path = path.to_str().unwrap();
    let local =
        countersign(&["local", "--edge", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--keys", path]).spawn().unwrap();
    drop(wait_for_file(local, path).await);
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    let made = fs::read(path).unwrap();
    let (status, shown, _) = run(&["keys", "show", "--keys", path]).await;
    assert_eq!(status, Some(0));
    assert!(shown.contains("signs and is accepted") && shown.contains("API keys: one in force"), "{shown}");
    let document: Value = serde_json::from_slice(&made).unwrap();
    for secret in [&document["keys"][0]["k"], &document["countersign_api_keys"][0]] {
        assert!(!shown.contains(secret.as_str().unwrap()));
    }
    let (status, _, error) = run(&["keys", "init", "--keys", path]).await;
    let expected = format!(
        "error: the key file {path} cannot be made: a file of this name exists\n\
        hint: to see its keys, run: countersign keys show --keys '{path}'\n"
    );
    assert_eq!((status, error), (Some(1), expected));
    assert_eq!(fs::read(path).unwrap(), made);
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    for command in [&["local", "--keys", path][..], &["keys", "show", "--keys", path]] {
        let (status, _, error) = run(command).await;
        let hint = format!(
            "\nhint: run: chmod 600 '{path}'. If others may have read it, then also run: countersign keys rotate "
        );
        assert!(status == Some(1) && error.contains(&hint), "{error}");
    }
    // A name without a folder is a file in the folder in which the program runs.
    let init = countersign(&["keys", "init", "--keys", "keys.json"]).current_dir(folder.path()).output().await.unwrap();
    assert!(init.status.success(), "{init:?}");
    assert!(folder.path().join("keys.json").is_file());
}

async fn wait_for_file(mut local: Child, path: &str) -> Child {
    let mut line = String::new();
    let stdout = local.stdout.take().unwrap();
    timeout(PATIENCE, BufReader::new(stdout).read_line(&mut line)).await.expect("it is ready in time").unwrap();
    assert!(line.ends_with(&format!(" keys={path}\n")), "{line}");
    local
}

#[tokio::test]
async fn local_in_monitor_mode_refuses_nothing_and_logs_what_it_would_refuse() {
    let local = Local::start(&["--mode", "monitor"]).await;
    let document: Value = serde_json::from_slice(&fs::read(&local.keys).unwrap()).unwrap();
    let api_key = document["countersign_api_keys"][0].as_str().unwrap();
    let direct = ask(local.gateway, Method::GET, "/prod/pets/1", &[("x-api-key", api_key)], b"").await;
    assert_eq!(direct.0, 200);
    let (_, log) = local.end("TERM").await;
    assert_eq!(
        (log[0]["event"].as_str(), log[0]["reason"].as_str()),
        (Some("request-would-be-refused"), Some("header-missing"))
    );
}

#[tokio::test]
async fn local_sends_to_the_given_server() {
    let backend = Local::start(&["--mode", "monitor"]).await;
    let url = format!("http://{}/prod", backend.gateway);
    let local = Local::start(&["--backend", &url]).await;
    // The other stack's gateway wants its own API key, and says so.
    let (status, answer) = ask(local.edge, Method::GET, "/pets/1", &[], b"").await;
    assert_eq!((status, answer["message"].as_str()), (403, Some("Forbidden")));
    local.end("TERM").await;
    backend.end("TERM").await;
}

/// Neither CloudFront nor the API uses one: monitor mode lets everything through. An HTTP API has none anyway.
#[tokio::test]
async fn local_without_an_api_key_lets_everything_through_in_monitor_mode() {
    for api in ["rest", "http"] {
        let local = Local::start(&["--mode", "monitor", "--no-api-key", "--api", api]).await;
        let direct = ask(local.gateway, Method::GET, "/prod/echo", &[], b"").await;
        let signed = ask(local.edge, Method::GET, "/echo", &[], b"").await;
        assert_eq!((direct.0, signed.0), (200, 200));
        assert!(!signed.1["headers"].to_string().to_lowercase().contains("x-api-key"), "{}", signed.1);
        local.end("TERM").await;
    }
}

/// The `ready` line of `countersign local`, which ends with the key file.
async fn ready_line(arguments: &[&str]) -> (Child, String) {
    let arguments = [&["local", "--edge", "127.0.0.1:0", "--gateway", "127.0.0.1:0"], arguments].concat();
    let mut child = countersign(&arguments).spawn().unwrap();
    let mut ready = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    timeout(PATIENCE, out.read_line(&mut ready)).await.expect("it is ready in time").unwrap();
    (child, ready)
}

#[tokio::test]
async fn local_says_where_the_gateway_is_and_under_which_host() {
    for (arguments, base, host) in [
        (&["--api", "http", "--stage", "$default"][..], "", ""),
        (&["--api", "http", "--stage", "$default", "--domain", "API.example.com/v1"], "/v1", "host=api.example.com "),
        (&["--api", "http", "--domain", "api.example.com"], "", "host=api.example.com "),
        (&["--domain", "api.example.com/orders/v1"], "/orders/v1", "host=api.example.com "),
    ] {
        let (mut child, ready) = ready_line(arguments).await;
        child.kill().await.unwrap();
        let gateway = ready.split("gateway=http://").nth(1).unwrap();
        let (address, rest) = gateway.split_at(gateway.find(['/', ' ']).unwrap());
        assert!(address.starts_with("127.0.0.1:"), "{ready}");
        assert!(rest.starts_with(&format!("{base} {host}api=")), "{ready}");
    }
}

#[tokio::test]
async fn keys_are_rotated_as_planned_and_a_dry_run_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let path = path.to_str().unwrap();
    run(&["keys", "init", "--keys", path]).await;
    let made: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();

    let (status, shown, _) = run(&["keys", "rotate", "--dry-run", "--keys", path]).await;
    assert_eq!(status, Some(0));
    assert!(shown.contains("not yet in force") && shown.contains("nothing is changed"), "{shown}");
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap(), made);

    let (status, shown, _) = run(&["keys", "rotate", "--keys", path]).await;
    assert!(status == Some(0) && shown.contains("planned: no valid request is refused"), "{shown}");
    let planned: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let key = |set: &Value, index: usize| set["keys"][index].clone();
    assert_eq!(planned["keys"].as_array().unwrap().len(), 2);
    assert_eq!(key(&planned, 0)["k"], key(&made, 0)["k"]);
    let (old_end, new_begin) = (key(&planned, 0)["exp"].as_u64().unwrap(), key(&planned, 1)["nbf"].as_u64().unwrap());
    assert_eq!(old_end - new_begin, 3600);
    assert_eq!(planned["countersign_api_keys"][1], made["countersign_api_keys"][0]);

    let (status, shown, _) = run(&["keys", "rotate", "--emergency", "--keys", path]).await;
    assert!(
        status == Some(0) && shown.contains("Z (in 6 min), or in an outage by ") && shown.contains("Z (in 36 min)"),
        "{shown}"
    );
    let emergency: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(emergency["keys"].as_array().unwrap().len(), 1);
    assert_eq!(emergency["countersign_api_keys"].as_array().unwrap().len(), 1);
    for set in [&made, &planned, &emergency] {
        for secret in set["keys"].as_array().unwrap().iter().map(|key| &key["k"]) {
            assert!(!shown.contains(secret.as_str().unwrap()));
        }
    }
    let (status, _, error) = run(&["keys", "rotate", "--lead", "10m", "--keys", path]).await;
    let expected = "--lead is 10m, and must be at least 32m 5s: \
        --verifier-ttl 1m + --replication 1m + --skew 5s + --outage 30m\n";
    assert!(status == Some(1) && error.contains(expected), "{error}");
}

/// The reader of a server's log may close it: the server goes on, and an error keeps its status.
#[tokio::test]
async fn a_log_that_cannot_be_written_does_not_stop_the_program() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut show = countersign(&["keys", "show", "--keys", "/nowhere/keys.json"]);
    let status = timeout(PATIENCE, show.stderr(full()).status()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(1));

    let mut local = countersign(&["local", "--edge", "127.0.0.1:0", "--gateway", "127.0.0.1:0"]);
    let mut local = local.stderr(full()).spawn().unwrap();
    let mut ready = String::new();
    let stdout = local.stdout.take().unwrap();
    timeout(PATIENCE, BufReader::new(stdout).read_line(&mut ready)).await.expect("it is ready in time").unwrap();
    let edge = ready.split(' ').find_map(|word| word.strip_prefix("edge=http://")).unwrap().parse().unwrap();
    for _ in 0..3 {
        assert_eq!(ask(edge, Method::GET, "/pets/1", &[], b"").await.0, 200);
    }
    local.kill().await.unwrap();
}

/// The file that a killed rotation leaves holds keys: it is named after its key file, and the next rotation removes it.
#[tokio::test]
async fn a_rotation_removes_the_files_of_a_killed_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let path = path.to_str().unwrap();
    run(&["keys", "init", "--keys", path]).await;
    let names = || {
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    // Killed again and again, some are caught while they write.
    for milliseconds in 0..40 {
        let mut rotate = countersign(&["keys", "rotate", "--emergency", "--keys", path]).spawn().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
        rotate.kill().await.unwrap();
        let others = names().into_iter().filter(|name| name != "keys.json");
        assert!(others.into_iter().all(|name| name.starts_with(".keys.json.tmp-")), "{:?}", names());
    }
    let foreign = folder.path().join(".other.json.tmp-AbC123");
    fs::write(&foreign, "").unwrap();
    fs::write(folder.path().join(".keys.json.tmp-AbC123"), "keys").unwrap();
    let (status, _, error) = run(&["keys", "rotate", "--keys", path]).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    assert_eq!(names(), ["keys.json", ".other.json.tmp-AbC123"].map(str::to_owned).into());
}

/// Rotations side by side: the file has every rotation that reported success.
#[tokio::test]
async fn rotations_side_by_side_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let path = path.to_str().unwrap();
    run(&["keys", "init", "--keys", path]).await;
    let arguments = ["keys", "rotate", "--keys", path];
    let rotate = || run(&arguments);
    let all = tokio::join!(rotate(), rotate(), rotate(), rotate());
    let mut done = 0;
    for (status, _, error) in [all.0, all.1, all.2, all.3] {
        done += usize::from(status == Some(0));
        assert!(
            status == Some(0) || error.contains("has been changed by another program since it was read"),
            "{error}"
        );
    }
    let set: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(done >= 1);
    assert_eq!(set["keys"].as_array().unwrap().len(), 1 + done);
}

#[tokio::test]
async fn local_rotates_its_keys_again_and_again() {
    let quick = ["--ttl", "1s", "--outage", "0s", "--replication", "0s", "--skew", "0s", "--lifetime", "2s"];
    let rotation = ["--rotate-every", "1s", "--lead", "1s", "--grace", "3s"];
    let local = Local::start(&[&quick[..], &rotation].concat()).await;
    // Times are whole seconds, so a lifetime of one second may leave no time at all.
    let keys = || -> Value { serde_json::from_slice(&fs::read(&local.keys).unwrap()).unwrap() };
    let first = keys();
    // Until the first key is removed.
    let begun = std::time::Instant::now();
    let mut refused = 0;
    while keys().to_string().contains(first["keys"][0]["k"].as_str().unwrap()) {
        refused += u32::from(ask(local.edge, Method::GET, "/pets/1", &[], b"").await.0 != 200);
        assert!(begun.elapsed() < PATIENCE, "the first key stays");
    }
    let (status, log) = local.end("TERM").await;
    let others: Vec<_> = log.iter().filter(|line| line["event"] != "request-admitted").collect();
    assert_eq!((status, refused), (Some(0), 0), "{others:?}");
    assert!(log.iter().filter(|line| line["event"] == "key-file-rotated").count() >= 2);
    let good = |line: &Value| {
        line["event"] == "request-admitted" || line["event"] == "key-file-rotated" || line["event"] == "keys-read"
    };
    assert!(log.iter().all(good), "{log:?}");
}

#[tokio::test]
async fn local_is_an_http_api_on_request() {
    let local = Local::start(&["--api", "http"]).await;
    let signed = ask(local.edge, Method::GET, "/pets/1?x=%zz", &[], b"").await;
    let ambiguous = ask(local.edge, Method::GET, "/echo/a%2Fb", &[], b"").await;
    let direct = ask(local.gateway, Method::GET, "/prod/pets/1", &[], b"").await;
    assert_eq!((signed.0, ambiguous.0, direct.0), (200, 403, 401));
    let (_, log) = local.end("TERM").await;
    assert_eq!(decisions(&log)[1]["reason"], "path-ambiguous");
}

#[tokio::test]
async fn a_request_signed_by_hand_is_admitted_past_cloudfront() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("my body.json");
    fs::write(&body, "{\"type\":\"cat\",\"price\":1.5}").unwrap();
    let body = body.to_str().unwrap();
    let local = Local::start(&[]).await;
    let url = |target: &str| format!("http://{}/prod{target}", local.gateway);
    let target = "/pets?type=it's&x=%2F";

    let get = ["sign", "GET", &url(target), "--keys", &local.keys, "--api-key", "--viewer-ip", "2001:db8::1"];
    let (status, out, error) = run(&get).await;
    assert_eq!(status, Some(0), "{error}");
    let headers: Vec<_> = out.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let (status, _) = ask(local.gateway, Method::GET, &format!("/prod{target}"), &headers, b"").await;
    assert_eq!(status, 200);

    let json = "Content-Type: application/json";
    let post =
        ["sign", "POST", &url("/pets"), "--keys", &local.keys, "--api-key", "--header", json, "--body", body, "--curl"];
    let (status, command, error) = run(&post).await;
    assert_eq!(status, Some(0), "{error}");
    // The words that a shell passes to curl.
    let script = format!("curl() {{ printf '%s\\n' \"$@\"; }}\n{command}");
    let output = Command::new("sh").args(["-c", &script]).output().await.unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = words.lines().collect();
    let value = |option: &str| words.iter().position(|word| *word == option).map(|at| words[at + 1]);
    assert_eq!((value("--request"), value("--data-binary")), (Some("POST"), Some(&*format!("@{body}"))));
    assert_eq!(words.last(), Some(&&*url("/pets")));
    for option in ["--http1.1", "--globoff", "--path-as-is"] {
        assert!(words.contains(&option), "{words:?}");
    }
    let headers: Vec<_> =
        words.windows(2).filter(|pair| pair[0] == "--header").map(|pair| pair[1].split_once(": ").unwrap()).collect();
    let sent = fs::read(body).unwrap();
    let (status, answer) = ask(local.gateway, Method::POST, "/prod/pets", &headers, &sent).await;
    assert_eq!((status, answer["message"].as_str()), (200, Some("success")));
    let unsigned: Vec<_> = headers.iter().copied().filter(|(name, _)| *name != "Countersign-Signature").collect();
    let (status, _) = ask(local.gateway, Method::POST, "/prod/pets", &unsigned, &sent).await;
    assert_eq!(status, 401, "the gateway misses its identity source");
}
