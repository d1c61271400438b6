//! `countersign local` and `tour` with the functions as they are packaged, each in a process of its own.

use crate::{
    cli::support::countersign::{Local, countersign, run},
    package::zips::{edge_signer_zip, write_zip},
    rotation::support::rotator::until,
    support::{artifacts::dist, client::ask, patience::PATIENCE},
};
use hyper::Method;
use serde_json::Value;
use std::{fs, path::Path, process::Command};
use tokio::time::timeout;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Whether it is about a request: reads of keys happen at other times.
fn is_about_a_request(line: &Value) -> bool {
    line["event"] != "keys-read" && line["event"] != "function-started"
}

/// The processes that a process has started.
fn children(of: u32) -> Vec<u32> {
    let table =
        String::from_utf8(Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap().stdout).unwrap();
    let rows = table.lines().map(|row| row.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>());
    rows.filter(|row| row[1] == of).map(|row| row[0]).collect()
}

/// Whether a process runs. A process that has ended, but was not waited for, does not run.
fn runs(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap().stdout;
    !state.is_empty() && !state.starts_with(b"Z")
}

#[tokio::test]
async fn the_tour_with_packaged_functions_comes_out_as_the_one_without() {
    let (status, out, error) = run(&["tour", "--artifacts", text(&dist())]).await;
    assert_eq!((status, error.as_str()), (Some(0), ""), "{out}");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tour.md")).unwrap();
    assert!(page.contains(&out), "docs/tour.md shows another tour than this:\n{out}");
}

#[tokio::test]
async fn local_runs_packaged_functions_and_prints_their_logs() {
    for api in ["rest", "http"] {
        let local = Local::start(&["--artifacts", text(&dist()), "--api", api]).await;
        let processes = children(local.child.id().unwrap());
        assert_eq!(processes.len(), 2, "one of Node and one of the authorizer");
        let signed = ask(local.edge, Method::GET, "/pets/1", &[], b"").await;
        let direct = ask(local.gateway, Method::GET, "/prod/pets/1", &[], b"").await;
        let forged = [("Countersign-Signature", "x"), ("Countersign-Signature-Input", "x")];
        let forged = ask(local.gateway, Method::GET, "/prod/pets/1", &forged, b"").await;
        let unsignable = ask(local.edge, Method::GET, &format!("/{}", "x".repeat(7000)), &[], b"").await;
        assert_eq!((signed.0, direct.0, forged.0, unsignable.0), (200, 401, 403, 431), "{api}");
        let (status, mut log) = local.end("TERM").await;
        assert_eq!(status, Some(0));
        log.retain(is_about_a_request);
        let told = |name: &str| log.iter().map(|line| line[name].as_str().unwrap_or("-")).collect::<Vec<_>>();
        assert_eq!(
            told("event"),
            ["request-admitted", "request-refused-by-gateway", "request-refused", "request-answered-at-edge"]
        );
        // What the functions log is what CloudWatch would get: with the metrics.
        assert_eq!(told("FunctionName"), ["authorizer", "-", "authorizer", "edge-signer"]);
        for process in processes {
            until("the function ends", || !runs(process)).await;
        }
    }
}

/// Nothing of ours runs then that could end them.
#[tokio::test]
async fn the_functions_end_where_countersign_is_killed() {
    let mut local = Local::start(&["--artifacts", text(&dist())]).await;
    assert_eq!(ask(local.edge, Method::GET, "/pets/1", &[], b"").await.0, 200);
    let processes = children(local.child.id().unwrap());
    assert!(processes.len() == 2 && processes.iter().all(|process| runs(*process)));
    local.child.kill().await.unwrap();
    for process in processes {
        until("the function ends", || !runs(process)).await;
    }
}

#[tokio::test]
async fn packaged_functions_do_as_the_options_say() {
    let brief = ["--ttl", "1s", "--outage", "0s", "--replication", "0s", "--skew", "0s", "--lifetime", "2s"];
    let rotation = ["--rotate-every", "1s", "--lead", "1s", "--grace", "3s"];
    let dist = dist();
    let artifacts = ["--artifacts", text(&dist)];
    let local = Local::start(&[&artifacts[..], &brief, &rotation].concat()).await;
    let keys = || -> Value { serde_json::from_slice(&fs::read(&local.keys).unwrap()).unwrap() };
    let first = keys();
    let begun = std::time::Instant::now();
    let mut refused = 0;
    while keys().to_string().contains(first["keys"][0]["k"].as_str().unwrap()) {
        refused += u32::from(ask(local.edge, Method::GET, "/pets/1", &[], b"").await.0 != 200);
        assert!(begun.elapsed() < PATIENCE, "the first key stays");
    }
    let (status, mut log) = local.end("TERM").await;
    log.retain(is_about_a_request);
    let others: Vec<_> = log.iter().filter(|line| line["event"] != "request-admitted").collect();
    assert_eq!((status, refused), (Some(0), 0), "{others:?}");
    assert!(others.len() >= 2 && others.iter().all(|line| line["event"] == "key-file-rotated"), "{others:?}");

    let local = Local::start(&[&artifacts[..], &["--mode", "monitor", "--api", "http"]].concat()).await;
    assert_eq!(ask(local.gateway, Method::GET, "/prod/pets/1", &[], b"").await.0, 200);
    let (_, mut log) = local.end("TERM").await;
    log.retain(is_about_a_request);
    assert_eq!(
        (log[0]["event"].as_str(), log[0]["reason"].as_str()),
        (Some("request-would-be-refused"), Some("header-missing"))
    );
}

/// What Lambda would do in their place: the next request has another process.
#[tokio::test]
async fn a_function_whose_process_has_ended_is_started_again() {
    let local = Local::start(&["--artifacts", text(&dist())]).await;
    let started = children(local.child.id().unwrap());
    for process in &started {
        Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
        until("it ends", || !runs(*process)).await;
    }
    assert_eq!(ask(local.edge, Method::GET, "/pets/1", &[], b"").await.0, 200);
    assert!(children(local.child.id().unwrap()).iter().all(|process| !started.contains(process)));
    let (status, mut log) = local.end("INT").await;
    log.retain(is_about_a_request);
    assert_eq!((status, log.len(), &log[0]["event"]), (Some(0), 1, &"request-admitted".into()));
}

#[tokio::test]
async fn zips_that_are_not_the_packages_are_refused_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (path, zip) = (folder.path(), folder.path().join("authorizer.zip"));
    let check = async |expected: &str| {
        for command in ["local", "tour"] {
            let (status, out, error) = run(&[command, "--artifacts", text(path)]).await;
            assert!(status == Some(1) && out.is_empty(), "{command}: {status:?} {out}");
            assert!(error.contains(expected) && error.ends_with("run: cargo xtask package\n"), "{command}: {error}");
        }
    };
    check("edge-signer.zip cannot be used: No such file").await;
    edge_signer_zip(path);
    check("authorizer.zip cannot be used: No such file").await;
    fs::write(&zip, "no zip").unwrap();
    check("authorizer.zip cannot be used: invalid Zip archive: ").await;
    let whole = fs::read(dist().join("authorizer.zip")).unwrap();
    fs::write(&zip, &whole[..whole.len() / 2]).unwrap();
    check("authorizer.zip cannot be used: invalid Zip archive: ").await;
    let mut broken = whole;
    broken[1000] ^= 1;
    fs::write(&zip, broken).unwrap();
    check("bootstrap in it: ").await;
    for (entries, expected) in [
        (&[][..], "it must hold [\"bootstrap\"], and holds []"),
        (&[("rotator", &b"x"[..], 0o755)], "it must hold [\"bootstrap\"], and holds [\"rotator\"]"),
        (
            &[("bootstrap", b"x", 0o755), ("../x", b"x", 0o644)],
            "it must hold [\"bootstrap\"], and holds [\"bootstrap\", \"../x\"]",
        ),
        (&[("bootstrap", b"x", 0o644)], "bootstrap in it is not executable"),
        (
            &[("bootstrap", b"\x7fELF of another machine", 0o755)],
            "authorizer.zip: it cannot be run on this machine: Exec format",
        ),
        (
            &[("bootstrap", b"#!/bin/sh\necho too old >&2\nexit 1\n", 0o755)],
            "its process has ended (exit status: 1). Its last lines: too old",
        ),
    ] {
        write_zip(&zip, entries);
        check(expected).await;
    }
    fs::copy(dist().join("authorizer.zip"), &zip).unwrap();
    let module = fs::read(crate::support::artifacts::artifact("edge-signer/index.mjs")).unwrap();
    write_zip(
        &path.join("edge-signer.zip"),
        &[("edge-signer.node", b"of another machine", 0o644), ("index.mjs", &module, 0o644)],
    );
    check("edge-signer.zip: it cannot start: Error: ").await;
}

#[tokio::test]
async fn without_node_the_error_names_node() {
    let empty = tempfile::tempdir().unwrap();
    let old = tempfile::tempdir().unwrap();
    // What an old Node would say, at the place where ours is asked.
    let node = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join("node"))
        .find(|it| it.exists());
    let script = format!(
        "#!/bin/sh\nexec {} --import 'data:text/javascript,Object.defineProperty(process.versions,\"node\",{{value:\"18.20.4\"}});Object.defineProperty(process,\"version\",{{value:\"v18.20.4\"}})' \"$@\"\n",
        node.unwrap().display()
    );
    fs::write(old.path().join("node"), script).unwrap();
    Command::new("chmod").arg("700").arg(old.path().join("node")).status().unwrap();
    for (path, expected) in [
        (empty.path(), "edge-signer.zip: Node 20 or newer is needed, but `node` is not on the PATH\n"),
        (old.path(), "edge-signer.zip: Node 20 or newer is needed, but `node` is v18.20.4\n"),
    ] {
        let mut tour = countersign(&["tour", "--artifacts", text(&dist())]);
        let output = timeout(PATIENCE, tour.env("PATH", path).output()).await.expect("it ends").unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && output.stdout.is_empty() && error.contains(expected), "{error}");
    }
}
