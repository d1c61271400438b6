//! Requests through rotations, with the keys in Secrets Manager: the real edge in Node signs them, the real authorizer admits
//! them, and the real rotator turns the keys over meanwhile. Secrets Manager is moto, whose replicas never lag.

use crate::{
    rotation::support::rotator::{REGION, REPLICA, World, id, report},
    support::{
        aws_clients::aws_variables, bootstrap::Bootstrap, client::ask, edge_process::EdgeProcess, moto::Moto,
        patience::PATIENCE, whole_path::options,
    },
};
use edge_signer::{Decision, OriginRequest};
use hyper::Method;
use local::{ApiKind, EdgeFunction, Running};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::{sleep, timeout};

/// Several edges: a process keeps its keys for five minutes, and CloudFront starts and ends processes at any time.
struct Edges {
    processes: [EdgeProcess; 2],
    signs: Arc<AtomicUsize>,
}

impl EdgeFunction for Edges {
    async fn handle(&self, request: &OriginRequest<'_>, now: SystemTime) -> Result<Decision, String> {
        self.processes[self.signs.load(Ordering::SeqCst)].handle(request, now).await
    }
}

/// The whole path, the edges in the Region of the replica.
struct Path {
    running: Running,
    signs: Arc<AtomicUsize>,
}

/// The edge that has read the keys before the rotation, and the one that has not.
const OLD: usize = 0;
const FRESH: usize = 1;

impl Path {
    async fn start(world: &World, authorizer: &[(&str, &str)]) -> Self {
        let endpoint = Moto::shared().endpoint();
        let variables = aws_variables(endpoint, REPLICA);
        let edge = || EdgeProcess::start_with(&variables);
        let signs = Arc::new(AtomicUsize::new(OLD));
        let edges = Edges { processes: [edge().await, edge().await], signs: Arc::clone(&signs) };
        let mut variables = aws_variables(endpoint, REGION).to_vec();
        variables.push(("COUNTERSIGN_SECRET", &world.secret));
        variables.extend(authorizer);
        let bootstrap = Bootstrap::start(&variables).await;
        let mut options = options(&world.secret, ApiKind::Rest);
        options.custom_headers.push(("countersign-regions".to_owned(), REPLICA.to_owned()));
        Self { running: local::start(options, edges, bootstrap).await.unwrap(), signs }
    }

    /// One request by way of that edge: what the viewer gets, and the key that it was signed with, if the API saw it.
    async fn ask(&self, edge: usize) -> (u16, String) {
        self.signs.store(edge, Ordering::SeqCst);
        let (status, echo) = ask(self.running.edge, Method::GET, "/echo/pets?type=dog", &[], b"").await;
        let headers = echo["headers"].as_array().into_iter().flatten();
        let mut inputs =
            headers.filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case("countersign-signature-input"));
        let input = inputs.next().map(|header| header[1].as_str().unwrap().to_owned()).unwrap_or_default();
        let kid = input.split("keyid=\"").nth(1).and_then(|rest| rest.split('"').next());
        (status, kid.unwrap_or_default().to_owned())
    }
}

/// Before, while and after: with the lead of a test, three seconds, in the place of an hour.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_refused_through_a_planned_rotation() {
    let world = World::new("through-planned").await;
    let path =
        Path::start(&world, &[("COUNTERSIGN_TTL", "1"), ("COUNTERSIGN_MAX_STALE", "0"), ("COUNTERSIGN_SKEW", "0")])
            .await;
    let timings = [
        ("COUNTERSIGN_LEAD", "3"),
        ("COUNTERSIGN_GRACE", "361"),
        ("COUNTERSIGN_TTL", "1"),
        ("COUNTERSIGN_REPLICATION", "1"),
        ("COUNTERSIGN_SKEW", "0"),
        ("COUNTERSIGN_OUTAGE", "0"),
        ("COUNTERSIGN_REGIONS", REPLICA),
    ];
    let rotator = world.rotator(&timings).await;
    let old_key = (200, "k1".to_owned());
    assert_eq!(path.ask(OLD).await, old_key);

    let event = json!({"rotate": "planned"}).to_string();
    let rotation = tokio::spawn(async move { report(rotator.invoke_as(&id(1), event).await) });
    while !rotation.is_finished() {
        assert_eq!(path.ask(OLD).await, old_key);
    }
    let told = rotation.await.unwrap();
    assert_eq!(told[0]["keys"]["new_key"], id(1));
    // One that has the new key already waits for its time; every answer on the way is the API's.
    let mut seen = vec![];
    let until_it_signs = async {
        loop {
            let (status, kid) = path.ask(FRESH).await;
            assert_eq!(status, 200, "signed with {kid}");
            seen.push(kid);
            if seen.last() == Some(&id(1)) {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, until_it_signs).await.expect("the new key signs in time");
    assert!(seen.len() > 1 && seen[..seen.len() - 1].iter().all(|kid| kid == "k1"), "{seen:?}");
    // An edge that has not read again signs with the old key, which is accepted during the grace.
    for _ in 0..3 {
        assert_eq!((path.ask(OLD).await, path.ask(FRESH).await), (old_key.clone(), (200, id(1))));
    }
    path.running.stop().await;
}

/// With the usual timings: the edge that holds the old keys is refused as soon as the authorizer has heard, a fresh one never.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_emergency_rotation_only_the_new_key_opens() {
    let world = World::new("through-emergency").await;
    let path = Path::start(&world, &[]).await;
    let rotator = world.rotator(&[("COUNTERSIGN_REGIONS", REPLICA)]).await;
    let old_key = (200, "k1".to_owned());
    assert_eq!(path.ask(OLD).await, old_key);
    report(rotator.invoke_as(&id(1), json!({"rotate": "emergency"}).to_string()).await);
    // Nothing is at once: the authorizer has its keys for a minute, unless it sees one that it does not know.
    assert_eq!(path.ask(OLD).await, old_key);
    assert_eq!(path.ask(FRESH).await, (200, id(1)));
    for _ in 0..3 {
        assert_eq!(path.ask(OLD).await, (403, String::new()));
        assert_eq!(path.ask(FRESH).await, (200, id(1)));
    }
    path.running.stop().await;
}
