//! What `cargo xtask package` makes, at work where nothing else is: the zips alone are all that Lambda gets.

use crate::{
    infra::support::rows::edge,
    rotation::support::rotator::{REGION, REPLICA, TIME, World, id, report, rotate},
    support::{
        artifacts::{archive, lambda_node},
        aws_clients::aws_variables,
        bootstrap::Bootstrap,
        client::ask,
        echo::arrived,
        edge_process::EdgeProcess,
        moto::Moto,
        whole_path::options,
    },
};
use hyper::Method;
use local::{ApiKind, Running};
use serde_json::json;
use std::path::PathBuf;
use tempfile::TempDir;

/// The zips, each unpacked into an empty folder of its name.
struct Unpacked(TempDir);

impl Unpacked {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for function in ["edge-signer", "authorizer", "rotator"] {
            archive(&format!("{function}.zip")).extract(folder.path().join(function)).unwrap();
        }
        Self(folder)
    }

    fn folder(&self, function: &str) -> PathBuf {
        self.0.path().join(function)
    }
}

/// The whole path with an edge that has just been started.
async fn path(unpacked: &Unpacked, world: &World) -> Running {
    let endpoint = Moto::shared().endpoint();
    let node = lambda_node();
    let mut variables = aws_variables(endpoint, REPLICA).to_vec();
    variables.push(("PATH", node.to_str().unwrap()));
    let edge = EdgeProcess::start_in(&unpacked.folder("edge-signer"), &variables).await;
    let mut variables = aws_variables(endpoint, REGION).to_vec();
    variables.push(("COUNTERSIGN_SECRET", &world.secret));
    let authorizer = Bootstrap::start_in(&unpacked.folder("authorizer"), &variables).await;
    let mut options = options(&world.secret, ApiKind::Rest);
    options.custom_headers.push(("countersign-regions".to_owned(), REPLICA.to_owned()));
    local::start(options, edge, authorizer).await.unwrap()
}

/// Not that of this machine, but that which the template names.
#[test]
fn they_are_signed_for_in_the_node_of_the_template() {
    let node = std::process::Command::new(lambda_node().join("node")).arg("--version").output().unwrap();
    let version = String::from_utf8(node.stdout).unwrap();
    let major = version.trim_start_matches('v').split('.').next().unwrap();
    let template = edge(&[]);
    let runtime = &template.resource("EdgeSigner")["Properties"]["Runtime"];
    assert_eq!(*runtime, json!(format!("nodejs{major}.x")));
}

/// The keys are moto's, and the new one is the packaged rotator's.
#[tokio::test(flavor = "multi_thread")]
async fn unpacked_they_sign_admit_refuse_and_rotate() {
    let unpacked = Unpacked::new();
    let world = World::new("packaged").await;
    assert_eq!(signer(&unpacked, &world).await, "k1");

    let mut variables = aws_variables(Moto::shared().endpoint(), REGION).to_vec();
    variables.extend([("COUNTERSIGN_SECRET", world.secret.as_str()), ("COUNTERSIGN_ROTATE", "secret")]);
    let rotator = Bootstrap::start_in(&unpacked.folder("rotator"), &variables).await;
    let told = rotate(&rotator, 1, TIME).await;
    assert_eq!(told[0]["keys"]["new_key"], id(1), "{told}");
    let found = world.found().await;
    let kids: Vec<_> = found.keys().into_iter().map(|(kid, ..)| kid.to_owned()).collect();
    assert_eq!((kids, &found.labels["AWSCURRENT"]), (vec!["k1".to_owned(), id(1)], &id(1)));

    // The planned one signs in an hour; the next signs now, and alone.
    report(rotator.invoke_as(&id(2), json!({"rotate": "emergency"}).to_string()).await);
    assert_eq!(signer(&unpacked, &world).await, id(2));
}

/// Which key signs a request that is admitted. On another path the same headers are refused.
async fn signer(unpacked: &Unpacked, world: &World) -> String {
    let running = path(unpacked, world).await;
    let (status, echo) = ask(running.edge, Method::POST, "/echo/a?x=1", &[], b"body").await;
    assert_eq!((status, echo["target"].as_str()), (200, Some("/echo/a?x=1")));
    let names = [
        "Countersign-Signature-Input",
        "Countersign-Signature",
        "Countersign-Target",
        "Countersign-Viewer-Ip",
        "Content-Digest",
    ];
    let caught: Vec<_> = names.iter().map(|name| (*name, arrived(&echo, name).unwrap())).collect();
    let moved = ask(running.gateway, Method::POST, "/prod/echo/b?x=1", &caught, b"body").await;
    let same = ask(running.gateway, Method::POST, "/prod/echo/a?x=1", &caught, b"body").await;
    assert_eq!((moved.0, same.0), (403, 200));
    running.stop().await;
    let input = caught[0].1;
    input.split("keyid=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
}
