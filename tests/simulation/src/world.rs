//! The run of a scenario: events in their order, over real caches and real rotations.

use crate::{
    events::Events,
    moment::{Moment, Skew},
    process::Process,
    random::Random,
    region::Region,
    rotator::{REHEARSAL, Rotator},
    scenario::{LONGEST_TROUBLE, Lives, Scenario},
    secrets_manager::{Copy, SecretsManager, Trouble, TroubleKind},
    signature::sign_and_verify,
    tally::{AfterRotation, Calls, Cause, Emergency, GoodRequests, Side},
};
use key_store::{CacheLimits, unix_seconds};
use signing::{KeySet, Refusal, RotationKind, UnixSeconds};
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::{runtime, time::Instant};

/// What a run counted.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The requests of viewers.
    pub requests: GoodRequests,
    /// The requests after planned rotations.
    pub after_rotation: AfterRotation,
    /// The planned rotations that were promoted.
    pub rotated: usize,
    /// The emergencies.
    pub emergencies: Vec<Emergency>,
    /// The reads of the secret.
    pub calls: Calls,
    /// The number of cold starts.
    pub cold_starts: u64,
}

/// Runs a scenario. The same seed gives the same outcome.
///
/// The cache waits on timers of tokio, whose clock is paused: it goes on only when everything waits for it.
pub fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O needs nothing from the system").block_on(World::new(scenario, seed).run())
}

/// What can happen.
#[derive(Debug)]
enum Event {
    /// A process gets a request of its own. The number must be that of its present life.
    Own(Kind, usize, u32),
    /// A request arrives at an authorizer.
    Arrival(usize, Signed),
    /// A request with a stolen key arrives at an authorizer, in the emergency with this index.
    Attack(usize, usize, KeyAt),
    /// A rotation is due.
    Plan(RotationKind),
    /// The rotation that was planned last is promoted.
    Promote,
    /// A new version of the functions replaces all processes.
    Deployment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Edge,
    Authorizer,
}

/// A key: the version of the secret that has it, and its index there.
#[derive(Clone, Copy, Debug)]
struct KeyAt {
    version: usize,
    index: usize,
}

/// A signed request on its way.
#[derive(Clone, Copy, Debug)]
struct Signed {
    key: KeyAt,
    created: UnixSeconds,
    at: Moment,
    /// Whether the authorizer's own next request follows it.
    own: Option<u32>,
}

/// The place of a process. When one has ended, another starts there.
#[derive(Debug)]
struct Slot {
    region: usize,
    /// The copies that it reads, in their order.
    copies: Vec<usize>,
    process: Process,
    /// Counts the chains of own requests: only the last one goes on.
    chain: u32,
}

struct World<'s> {
    scenario: &'s Scenario,
    random: Random,
    manager: Arc<SecretsManager>,
    rotator: Rotator,
    events: Events<Event>,
    edges: Vec<Slot>,
    authorizers: Vec<Slot>,
    /// The gateway's clock in each Region.
    gateways: Vec<Skew>,
    requests: GoodRequests,
    after_rotation: AfterRotation,
    emergencies: Vec<Emergency>,
    cold_starts: u64,
}

/// From the edge to the authorizer, and one request of many that is uploaded slowly. Each is shorter than the life of a signature.
const FAST: Range<Duration> = Duration::from_millis(10)..Duration::from_millis(300);
const SLOW: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(58);
const SLOW_ONE_OF: usize = 200;
/// A rotation that cannot go on is tried again after this time, as a queue does it.
const NEXT_TRY: Duration = Duration::from_secs(300);
/// The mean time between two requests of the attacker at one authorizer: while they are admitted, and after that.
const ATTACK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// All processes are replaced within this time after a deployment.
const DEPLOYMENT: Range<Duration> = Duration::ZERO..Duration::from_secs(60);

impl<'s> World<'s> {
    fn new(scenario: &'s Scenario, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let skew = skew(scenario, &mut random);
        let mut rotator = Rotator::new(scenario.timings, skew, random.fork());
        let manager = SecretsManager::new(rotator.first_keys(), scenario.copies, random.fork());
        let mut world = Self {
            scenario,
            manager: Arc::new(manager),
            rotator,
            events: Events::default(),
            edges: Vec::with_capacity(scenario.edges),
            authorizers: Vec::with_capacity(scenario.authorizers),
            gateways: Region::ALL.iter().map(|_| self::skew(scenario, &mut random)).collect(),
            requests: GoodRequests::default(),
            after_rotation: AfterRotation::default(),
            emergencies: Vec::new(),
            cold_starts: 0,
            random,
        };
        world.populate();
        world.plan_troubles();
        for (at, kind) in &scenario.rotations {
            world.events.push(*at, Event::Plan(*kind));
        }
        for at in &scenario.deployments {
            world.events.push(*at, Event::Deployment);
        }
        world
    }

    fn populate(&mut self) {
        let scenario = self.scenario;
        for kind in [Kind::Edge, Kind::Authorizer] {
            let number = if kind == Kind::Edge { scenario.edges } else { scenario.authorizers };
            for index in 0..number {
                let region = match kind {
                    Kind::Edge => {
                        let regions = &Region::ALL[..scenario.edge_regions];
                        self.random.weighted(regions.iter().map(|region| region.weight))
                    }
                    Kind::Authorizer => {
                        let weights = scenario.api_regions.iter().map(|(_, weight)| *weight);
                        scenario.api_regions[self.random.weighted(weights)].0
                    }
                };
                // As `SecretStore::new`: the replica in the own Region, and the primary.
                let own = (region != 0 && region < scenario.copies).then_some(region);
                let copies: Vec<_> = own.into_iter().chain([0]).collect();
                let process = self.start(kind, region, &copies, Moment::START);
                let first = self.random.exponential(process.gap);
                self.slots(kind).push(Slot { region, copies, process, chain: 0 });
                self.events.push(Moment::at(first), Event::Own(kind, index, 0));
            }
        }
    }

    /// Troubles of random lengths, within the tolerated outage.
    fn plan_troubles(&mut self) {
        self.scenario.troubles.iter().for_each(|trouble| self.manager.add_trouble(trouble.clone()));
        let Some(mean) = self.scenario.random_troubles else { return };
        for copy in 0..self.scenario.copies {
            let mut from = Moment::at(self.random.exponential(mean));
            while from.since_start() < self.scenario.length {
                let length = self.random.exponential(LONGEST_TROUBLE / 3).min(LONGEST_TROUBLE);
                let kinds = [TroubleKind::Fails, TroubleKind::Hangs, TroubleKind::Throttles(1)];
                let kind = kinds[self.random.below(kinds.len())];
                self.manager.add_trouble(Trouble { copy: Some(copy), time: from..from.after(length), kind });
                from = from.after(length + self.random.exponential(mean));
            }
        }
    }

    fn slots(&mut self, kind: Kind) -> &mut Vec<Slot> {
        match kind {
            Kind::Edge => &mut self.edges,
            Kind::Authorizer => &mut self.authorizers,
        }
    }

    async fn run(mut self) -> Outcome {
        let end = Moment::at(self.scenario.length);
        while let Some((now, event)) = self.events.pop() {
            if now > end {
                break;
            }
            self.manager.set_time(now);
            match event {
                Event::Own(Kind::Edge, edge, chain) => self.edge_request(edge, chain, now).await,
                Event::Own(Kind::Authorizer, authorizer, chain) => {
                    if self.authorizers[authorizer].chain == chain {
                        let edge = self.partner(Kind::Edge, now);
                        self.send(edge, authorizer, Some(chain), now).await;
                    }
                }
                Event::Arrival(authorizer, signed) => self.arrive(authorizer, signed, now).await,
                Event::Attack(authorizer, emergency, key) => self.attack(authorizer, emergency, key, now).await,
                Event::Plan(kind) => self.plan(kind, now),
                Event::Promote => self.promote(now),
                Event::Deployment => self.deploy(now),
            }
        }
        Outcome {
            requests: self.requests,
            after_rotation: self.after_rotation,
            rotated: self.rotator.planned_rotations(),
            emergencies: self.emergencies,
            calls: self.manager.calls(),
            cold_starts: self.cold_starts,
        }
    }

    async fn edge_request(&mut self, edge: usize, chain: u32, now: Moment) {
        if self.edges[edge].chain == chain {
            let authorizer = self.partner(Kind::Authorizer, now);
            self.send(edge, authorizer, None, now).await;
            self.schedule_own(Kind::Edge, edge, now);
        }
    }

    /// An edge signs a request, and sends it to an authorizer.
    async fn send(&mut self, edge: usize, authorizer: usize, own: Option<u32>, now: Moment) {
        self.requests.simulated += 1;
        self.wake(Kind::Edge, edge, now);
        let process = &mut self.edges[edge].process;
        let began = Instant::now();
        let keys = process.keys(now).await;
        let created = unix_seconds(process.clock(now));
        let waited = began.elapsed();
        let Some(keys) = keys else {
            self.without_keys(Kind::Edge, edge, now);
            return self.go_on(authorizer, own, now);
        };
        let Some(key) = keys.0.keys.signing_key(created) else {
            self.refused(Cause::Fault, now, || "no key may sign".to_owned());
            return self.go_on(authorizer, own, now);
        };
        let index = keys.0.keys.keys().iter().position(|other| other.id() == key.id()).expect("a key of this set");
        let key = KeyAt { version: keys.0.number, index };
        self.note_after_rotation(key, now);
        let way = if self.random.below(SLOW_ONE_OF) == 0 { SLOW } else { FAST };
        let arrival = now.after(waited).after(self.random.between(&way));
        self.events.push(arrival, Event::Arrival(authorizer, Signed { key, created, at: now, own }));
    }

    /// After a request that the edge did not send, the authorizer's own next request follows too.
    fn go_on(&mut self, authorizer: usize, own: Option<u32>, now: Moment) {
        if own.is_some() {
            self.schedule_own(Kind::Authorizer, authorizer, now);
        }
    }

    fn note_after_rotation(&mut self, key: KeyAt, now: Moment) {
        let current = self.manager.current();
        if current.number > 0 && current.keys.keys().len() > 1 {
            let with_new = key.version == current.number && key.index + 1 == current.keys.keys().len();
            self.after_rotation.signed(now.since(current.promoted), with_new);
        }
    }

    /// A good request arrives at an authorizer.
    async fn arrive(&mut self, authorizer: usize, signed: Signed, now: Moment) {
        let verdict = self.verdict(authorizer, signed.key, signed.created, now).await;
        match verdict {
            Verdict::Admitted { left } => {
                self.requests.admitted += 1;
                let least = &mut self.after_rotation.least_left;
                *least = left.into_iter().chain(*least).min();
            }
            Verdict::NoKeys => self.without_keys(Kind::Authorizer, authorizer, now),
            Verdict::Refused(refusal) => {
                let emergency = self.emergencies.iter().rposition(|emergency| {
                    // A signature that was under way when the keys were dropped counts too.
                    let begins = emergency.at.since_start().saturating_sub(self.scenario.timings.lifetime);
                    let ends = emergency.at.after(emergency.refused.bound_in_outage);
                    Moment::at(begins) <= signed.at && signed.at <= ends
                });
                match emergency {
                    Some(index) => self.refused(Cause::Emergency(index), signed.at, || refusal.to_string()),
                    None => self.refused(Cause::Fault, now, || refusal.to_string()),
                }
            }
        }
        self.go_on(authorizer, signed.own, now);
    }

    /// What an authorizer decides about a request with this key.
    async fn verdict(&mut self, authorizer: usize, key: KeyAt, created: UnixSeconds, now: Moment) -> Verdict {
        self.wake(Kind::Authorizer, authorizer, now);
        let signer = self.manager.version(key.version);
        let key = &signer.keys.keys()[key.index];
        let slot = &mut self.authorizers[authorizer];
        let Some(keys) = slot.process.keys_with(key.id(), now).await else { return Verdict::NoKeys };
        let received = unix_seconds(now.by_clock(self.gateways[slot.region]));
        let verified = keys.0.keys.verifying_key(key.id(), created, received);
        let refusal = if self.random.below(self.scenario.verify_one_of) == 0 {
            let timings = &self.scenario.timings;
            let set = &keys.0.keys;
            let real = sign_and_verify((key, created), (set, received), timings.lifetime, timings.skew).err();
            self.requests.verified_for_real += 1;
            let of_the_time = matches!(real, Some(Refusal::Future { .. } | Refusal::Expired { .. }));
            self.requests.other_verdicts += u64::from(!of_the_time && real.as_ref() != verified.as_ref().err());
            real
        } else {
            verified.as_ref().err().cloned()
        };
        match (refusal, verified) {
            (Some(refusal), _) | (None, Err(refusal)) => Verdict::Refused(refusal),
            (None, Ok(key)) => {
                let ends = key.expires() < signing::NEVER_EXPIRES;
                Verdict::Admitted { left: ends.then(|| key.expires().since(received)) }
            }
        }
    }

    async fn attack(&mut self, authorizer: usize, emergency: usize, key: KeyAt, now: Moment) {
        let after = now.since(self.emergencies[emergency].at);
        if after > self.scenario.attack {
            return;
        }
        let created = unix_seconds(now.by_clock(Skew::default()));
        let verdict = self.verdict(authorizer, key, created, now).await;
        let stolen = &mut self.emergencies[emergency].stolen;
        stolen.all += 1;
        let admitted = matches!(verdict, Verdict::Admitted { .. });
        if admitted {
            stolen.count_wrong(after);
        }
        let pause = self.random.exponential(if admitted { ATTACK.0 } else { ATTACK.1 });
        self.events.push(now.after(pause), Event::Attack(authorizer, emergency, key));
    }

    /// A process refused a good request because it has no usable keys.
    fn without_keys(&mut self, kind: Kind, index: usize, now: Moment) {
        let slot = if kind == Kind::Edge { &self.edges[index] } else { &self.authorizers[index] };
        let since = self.manager.unreliable_since(&slot.copies, now);
        let was_fresh = since.is_none_or(|since| slot.process.was_fresh(since));
        let cause = if was_fresh { Cause::Fault } else { Cause::NoKeys };
        self.refused(cause, now, || "no keys that may still be used".to_owned());
    }

    fn refused(&mut self, cause: Cause, at: Moment, reason: impl Fn() -> String) {
        match cause {
            Cause::Fault => {
                self.requests.faults += 1;
                self.requests.first_fault.get_or_insert_with(|| (at, reason()));
            }
            Cause::NoKeys => self.requests.without_keys += 1,
            Cause::Emergency(index) => {
                self.requests.in_emergencies += 1;
                let emergency = &mut self.emergencies[index];
                emergency.refused.count_wrong(at.since(emergency.at));
            }
        }
    }

    /// A process that can get the next request: another starts if it has ended, and its freeze ends.
    fn wake(&mut self, kind: Kind, index: usize, now: Moment) {
        let slot = &self.slots(kind)[index];
        if slot.process.ends <= now {
            let (region, copies) = (slot.region, slot.copies.clone());
            let process = self.start(kind, region, &copies, now);
            self.slots(kind)[index].process = process;
        }
        let awake_until = self.slots(kind)[index].process.awake_until;
        if let Some(lives) = self.scenario.lives
            && awake_until <= now
        {
            let awake = self.random.exponential(lives.awake);
            // Its clock was set while it was frozen.
            let skew = skew(self.scenario, &mut self.random);
            let process = &mut self.slots(kind)[index].process;
            (process.awake_until, process.skew) = (now.after(awake), skew);
        }
    }

    /// A cold start.
    fn start(&mut self, kind: Kind, region: usize, copies: &[usize], now: Moment) -> Process {
        self.cold_starts += 1;
        let Scenario { lives, gap, .. } = self.scenario;
        let limits: CacheLimits = if kind == Kind::Edge { self.scenario.signer } else { self.scenario.verifier };
        let copy = |index: &usize| Copy::new(&self.manager, *index, &Region::ALL[*index], &Region::ALL[region]);
        let copies = copies.iter().map(copy).collect();
        let life = lives.map_or(self.scenario.length * 2, |lives| self.random.exponential(lives.life));
        let gap = self.random.between_by_factor(gap);
        let skew = skew(self.scenario, &mut self.random);
        Process::new(copies, limits.jittered(self.random.byte()), gap, skew, now.after(life))
    }

    /// Any process of the other side, if possible one that is not frozen.
    fn partner(&mut self, kind: Kind, now: Moment) -> usize {
        let number = self.slots(kind).len();
        let mut found = self.random.below(number);
        for _ in 0..4 {
            let process = &self.slots(kind)[found].process;
            if now < process.awake_until && now < process.ends {
                break;
            }
            found = self.random.below(number);
        }
        found
    }

    /// The next own request of a process that must be simulated.
    ///
    /// Its requests are a Poisson process. Most find keys that are fresh, and change nothing. So two kinds are simulated: a part
    /// that is chosen at random, and the first one after the keys are due. It comes as long after that moment as any request
    /// comes after any moment, because a Poisson process has no memory. While its keys are not fresh, each request counts.
    fn schedule_own(&mut self, kind: Kind, index: usize, now: Moment) {
        let sampled = self.scenario.sampled;
        let process = &self.slots(kind)[index].process;
        let (gap, rests, awake_until, ends) = (process.gap, process.rests(now), process.awake_until, process.ends);
        let next = self.random.exponential(gap);
        let mut at = match rests {
            None => now.after(next),
            Some(rests) => {
                let any = self.random.exponential(sampled.max(gap));
                now.after(any.min(rests + next))
            }
        };
        if let Some(Lives { freezes, .. }) = self.scenario.lives
            && awake_until < at
            && at < ends
        {
            let [short, long, longest] = freezes;
            let freeze = [short, long, longest][self.random.weighted([0.6, 0.3, 0.1].into_iter())];
            at = awake_until.max(now).after(self.random.exponential(freeze));
        }
        let slot = &mut self.slots(kind)[index];
        let chain = slot.chain;
        self.events.push(at, Event::Own(kind, index, chain));
    }

    fn plan(&mut self, kind: RotationKind, now: Moment) {
        // The rotator checks first that every replica is in sync. An emergency needs only the primary.
        let can = match kind {
            RotationKind::Planned => self.manager.is_in_sync(now),
            RotationKind::Emergency => self.manager.answers(0, now),
        };
        if can && self.rotator.plan(&self.manager.current(), kind, now) {
            self.events.push(now.after(REHEARSAL), Event::Promote);
        } else {
            self.events.push(now.after(NEXT_TRY), Event::Plan(kind));
        }
    }

    fn promote(&mut self, now: Moment) {
        let before = self.manager.current();
        let (kind, keys) = match self.rotator.promote(&before, now) {
            Ok(promoted) => promoted,
            Err(kind) => return self.events.push(now, Event::Plan(kind)),
        };
        let lag = &self.scenario.lag;
        self.manager.promote(keys, now, || self.random.between(lag));
        if kind == RotationKind::Emergency {
            self.begin_attack(&before.keys, before.number, now);
        }
    }

    fn begin_attack(&mut self, dropped: &KeySet, version: usize, now: Moment) {
        let timings = &self.scenario.timings;
        let stolen = dropped.signing_key(unix_seconds(now.by_clock(Skew::default())));
        let index = dropped.keys().iter().position(|key| stolen.is_some_and(|stolen| stolen.id() == key.id()));
        let key = KeyAt { version, index: index.expect("a key signs at each time") };
        let emergency = self.emergencies.len();
        self.emergencies.push(Emergency {
            at: now,
            in_outage: self.manager.has_trouble(now..now.after(timings.outage)),
            stolen: Side::new(timings.verifier_ttl + timings.replication, timings.outage),
            refused: Side::new(timings.signer_ttl + timings.replication, timings.outage),
        });
        for authorizer in 0..self.authorizers.len() {
            let first = self.random.exponential(ATTACK.0);
            self.events.push(now.after(first), Event::Attack(authorizer, emergency, key));
        }
    }

    /// Every process ends, and another one starts with its next request.
    fn deploy(&mut self, now: Moment) {
        for kind in [Kind::Edge, Kind::Authorizer] {
            for index in 0..self.slots(kind).len() {
                let ends = now.after(self.random.between(&DEPLOYMENT));
                let slot = &mut self.slots(kind)[index];
                if now < slot.process.awake_until {
                    slot.process.ends = ends;
                    slot.chain += 1;
                    let (chain, gap) = (slot.chain, slot.process.gap);
                    let first = ends.after(self.random.exponential(gap));
                    self.events.push(first, Event::Own(kind, index, chain));
                }
            }
        }
    }
}

/// What an authorizer decides.
enum Verdict {
    /// With the time until the key ends, if it ends.
    Admitted {
        left: Option<Duration>,
    },
    Refused(Refusal),
    NoKeys,
}

/// A clock: two of these differ by at most the skew of the scenario.
fn skew(scenario: &Scenario, random: &mut Random) -> Skew {
    let most = i64::try_from(scenario.skew.as_millis() / 2).expect("clocks differ by seconds");
    match (scenario.worst_clocks, random.chance(0.5)) {
        (false, _) => Skew(random.around_zero(most)),
        (true, true) => Skew(most),
        (true, false) => Skew(-most),
    }
}
