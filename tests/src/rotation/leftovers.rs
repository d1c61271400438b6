//! A version that somebody has left pending: a valid one is completed, an invalid one does not block a rotation, and an
//! emergency drops a version of another rotation.
//!
//! Real programs and the fake AWS, as in `killed_at_every_call.rs`.

use crate::{
    fake_aws::{
        FIRST_VERSION,
        faults::{Fault, Happening},
    },
    rotation::support::{
        demand::{Demand, FIRST, NEXT, REGION, Setting},
        trigger::{
            HELD,
            Trigger::{self, Emergency, Scheduled},
        },
        world::{SECRET, World, now, with_each},
    },
    support::aws_clients::secrets_manager,
};
use serde_json::{Value, json};

const SEED: &str = "55555555-5555-4555-8555-555555555555";
const NEVER_EXPIRES: i64 = 253_402_300_799;

/// The pending version before the rotation begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leftover {
    /// Its planned_from is no longer current, or never was.
    PlannedFromAnother,
    /// Its key signs before the last authorizer has it.
    TooLate,
    /// The same, left by the rotation that is asked for again.
    OwnTooLate,
    /// As Secrets Manager makes it before `createSecret`.
    Empty,
    Garbage,
    /// A key set that no rotation has put there.
    WithoutPlan,
    /// Another's planned rotation, broken off before its promotion.
    Good,
    /// An emergency, broken off before its promotion.
    PendingEmergency,
}
use Leftover::{Empty, Garbage, Good, OwnTooLate, PendingEmergency, PlannedFromAnother, TooLate, WithoutPlan};

const ALL: [Leftover; 8] =
    [PlannedFromAnother, TooLate, OwnTooLate, Empty, Garbage, WithoutPlan, Good, PendingEmergency];

impl Leftover {
    fn is_good(self) -> bool {
        matches!(self, Good | PendingEmergency)
    }

    fn version(self) -> &'static str {
        if self == OwnTooLate { FIRST } else { SEED }
    }

    async fn put(self, world: &mut World) {
        let kind = if self == PendingEmergency { "emergency" } else { "planned" };
        world.expect(&Demand::manual(SEED, kind));
        let value = match self {
            Empty => return world.aws.stage_pending(SECRET, SEED),
            Garbage => "<<{ garbage".to_owned(),
            _ => self.document(world).to_string(),
        };
        let put = secrets_manager(world.aws.endpoint(), REGION).put_secret_value().secret_id(SECRET);
        let put = put.client_request_token(self.version()).secret_string(value).version_stages("AWSPENDING");
        put.send().await.unwrap();
    }

    fn document(self, world: &World) -> Value {
        let nbf = match self {
            // 1926 s is the least that is in time.
            TooLate | OwnTooLate => now() + 1925,
            PendingEmergency => now() - 5,
            _ => now() + 3601,
        };
        let jwk = |kid: &str, k: &str, nbf: i64, exp: i64| json!({"kty": "oct", "alg": "HS256", "kid": kid, "k": k, "nbf": nbf, "exp": exp});
        let new =
            jwk(self.version(), "dGhlIHNlY3JldCBvZiBhIGtleSB0aGF0IHdhcyBsZWZ0IHBlbmRpbmcuLi4u", nbf, NEVER_EXPIRES);
        let history = world.history();
        let first = history[0].keys.iter().find(|key| key.kid == "first").unwrap();
        let old = jwk(&first.kid, &first.k, first.nbf, nbf + 3600);
        match self {
            PendingEmergency => {
                json!({"keys": [new], "countersign_planned_from": FIRST_VERSION, "countersign_kind": "emergency"})
            }
            WithoutPlan => json!({"keys": [old, new]}),
            PlannedFromAnother => json!({
                "keys": [old, new], "countersign_planned_from": "00000000-0000-4000-8000-000000000009", "countersign_kind": "planned",
            }),
            _ => json!({"keys": [old, new], "countersign_planned_from": FIRST_VERSION, "countersign_kind": "planned"}),
        }
    }
}

/// Every set that becomes current, by its version.
#[tokio::test]
async fn a_leftover_pending_version_is_completed_or_put_aside() {
    for (trigger, leftover) in [Scheduled, Emergency].into_iter().flat_map(|trigger| ALL.map(|one| (trigger, one))) {
        let own = if leftover == OwnTooLate { format!("{FIRST}-2") } else { FIRST.to_owned() };
        let expected = match (trigger, leftover.is_good()) {
            (Scheduled, true) => vec![FIRST_VERSION, SEED, &own],
            _ => vec![FIRST_VERSION, &own],
        };
        let (_, versions) = undisturbed(trigger, leftover).await;
        assert_eq!(versions, expected, "{trigger:?} {leftover:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_killed_over_a_leftover_pending_version_is_completed_too() {
    let mut rows = Vec::new();
    let of_an_emergency = [PlannedFromAnother, OwnTooLate, Good, PendingEmergency];
    let pairs = ALL.map(|leftover| (Scheduled, leftover)).into_iter();
    for (trigger, leftover) in pairs.chain(of_an_emergency.map(|leftover| (Emergency, leftover))) {
        for call in 1..=undisturbed(trigger, leftover).await.0 {
            for happening in HELD {
                rows.extend([true, false].map(|retried| (trigger, leftover, call, happening, retried)));
            }
        }
    }
    let points = rows.len() / 2;
    let runs = with_each(rows, |(trigger, leftover, call, happening, retried)| {
        killed(trigger, leftover, call, happening, retried)
    });
    let runs = runs.await;
    println!("killed over leftovers: {points} crash points, {runs} runs");
    assert_eq!((points, runs), (358, 716), "each call of each");
}

async fn killed(trigger: Trigger, leftover: Leftover, call: usize, happening: Happening, retried: bool) {
    let mut world = World::new(Setting::BOTH).await;
    leftover.put(&mut world).await;
    let demand = trigger.demand(&world);
    world.aws.fail(Fault::at(call, happening));
    let rotator = world.rotator().await;
    world.run_until_held(&rotator, &demand).await;
    world.end(rotator).await;

    let rotator = world.rotator().await;
    if retried {
        world.complete(&rotator, &demand, 0).await;
    }
    world.complete(&rotator, &Demand::scheduled(NEXT, world.began + 60), 0).await;
    world.end(rotator).await;
    world.check().await;
    let promoted = world.history().iter().any(|set| set.version == leftover.version());
    if !leftover.is_good() {
        assert!(!promoted, "it is dead");
    } else if trigger == Scheduled || retried {
        assert_eq!(promoted, trigger == Scheduled, "{:?}", world.kids());
    }
}

/// How many calls it takes, and which versions have been current.
async fn undisturbed(trigger: Trigger, leftover: Leftover) -> (usize, Vec<String>) {
    let mut world = World::new(Setting::BOTH).await;
    leftover.put(&mut world).await;
    let before = world.calls().len();
    let demand = trigger.demand(&world);
    let rotator = world.rotator().await;
    world.complete(&rotator, &demand, 0).await;
    let calls = world.calls().len() - before;
    world.end(rotator).await;
    world.check().await;
    (calls, world.history().into_iter().map(|set| set.version).collect())
}
