//! A secret with a replica and a stack in the fake AWS, the real rotator, its triggers, and the conditions that must
//! hold afterwards.

use crate::{
    fake_aws::{FakeAws, call::Call, cloud_formation::Parameter},
    rotation::support::{
        demand::{Demand, REGION, Setting, text},
        invariant::{Jwk, Promoted, broken, epochs, moment},
    },
    support::{
        aws_clients::{aws_variables, secrets_manager},
        bootstrap::{Bootstrap, Invocation},
        leaks::Secrets,
    },
};
use serde_json::{Value, json};
use signing::{Key, KeySet, NEVER_EXPIRES, UnixSeconds};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::Semaphore, task::JoinHandle};

pub(crate) const REPLICA: &str = "us-east-1";
pub(crate) const SECRET: &str = "countersign/keys";
const STACK: &str = "api";
const CAPABILITY: &str = "CAPABILITY_NAMED_IAM";

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    moment(SystemTime::now()) / 1000
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) aws: FakeAws,
    pub(crate) arn: String,
    /// When it began, in seconds.
    pub(crate) began: i64,
    setting: Setting,
    demands: Vec<Demand>,
    /// Which of all that was current a person has gone back to.
    rolled_back: BTreeSet<usize>,
    /// The greatest `Timestamp` of those that are complete.
    latest: Option<String>,
    /// All logs, reports and errors.
    told: Vec<String>,
}

impl World {
    /// One key, and one that has ended; a stack of four parameters, two of which an update can damage.
    pub(crate) async fn new(setting: Setting) -> Self {
        let (aws, began) = (FakeAws::start().await, now());
        let seconds = |time: i64| UnixSeconds::new(time.try_into().unwrap());
        let key = |id: &str, secret: &[u8; 40], end| Key::new(id.try_into().unwrap(), secret, seconds(0), end).unwrap();
        let keys = vec![
            key("ended", b"the secret of the key that has ended ...", seconds(began - 9000)),
            key("first", b"the secret of the key that is in force: ", NEVER_EXPIRES),
        ];
        let arn = aws.create_secret(REGION, SECRET, &KeySet::new(keys).unwrap().to_json(), &[REPLICA]);
        let parameters = [
            Parameter::new("Domain", "example.com").default("nowhere"),
            Parameter::new("Password", "of the database").default("weak").no_echo(),
            Parameter::new("Timestamp", "2026-01-01").default("never"),
            Parameter::new("Zone", "Z1"),
        ];
        aws.create_stack(REGION, STACK, &parameters, &[CAPABILITY]);
        aws.finish_updates_at_once();
        Self {
            aws,
            arn,
            began,
            setting,
            demands: Vec::new(),
            rolled_back: BTreeSet::new(),
            latest: None,
            told: Vec::new(),
        }
    }

    /// A rotator, as Lambda starts it.
    pub(crate) async fn rotator(&self) -> Bootstrap {
        let lead = self.setting.lead.to_string();
        let settings = [
            ("COUNTERSIGN_SECRET", self.arn.as_str()),
            ("COUNTERSIGN_REGIONS", REPLICA),
            ("COUNTERSIGN_ROTATE", self.setting.rotate),
            ("COUNTERSIGN_LEAD", &lead),
            ("StackName", STACK),
        ];
        Bootstrap::of("rotator", &[&aws_variables(self.aws.endpoint(), REGION)[..], &settings].concat()).await
    }

    /// From now on it is known that this rotation was asked for.
    pub(crate) fn expect(&mut self, demand: &Demand) {
        if self.demands.iter().all(|known| (&known.id, known.emergency) != (&demand.id, demand.emergency)) {
            self.demands.push(demand.clone());
        }
    }

    /// Hands over an event, from this step on, and returns the last report or the first error.
    pub(crate) async fn run(&mut self, rotator: &Bootstrap, demand: &Demand, from: usize) -> Result<Value, String> {
        self.expect(demand);
        let mut last = Value::Null;
        for step in from..demand.payloads.len() {
            last = self.step(rotator, demand, step).await?;
        }
        Ok(last)
    }

    /// One of its invocations.
    pub(crate) async fn step(&mut self, rotator: &Bootstrap, demand: &Demand, step: usize) -> Result<Value, String> {
        let invocation = rotator.invoke_as(&demand.request, demand.payloads[step].as_str()).await;
        self.keep(invocation)
    }

    /// The same, but it must succeed; then the rotation is complete.
    pub(crate) async fn complete(&mut self, rotator: &Bootstrap, demand: &Demand, from: usize) {
        let told = self.run(rotator, demand, from).await;
        let reports = told.unwrap_or_else(|error| panic!("{}: {error}\n{}", demand.id, self.calls_told()));
        self.is_complete(demand, &reports);
    }

    /// Hands over an event and returns when a call is held, with the step that it is of. The rotator is killed there.
    pub(crate) async fn run_until_held(&mut self, rotator: &Bootstrap, demand: &Demand) -> usize {
        self.expect(demand);
        let mut step = 0;
        loop {
            let payload = demand.payloads.get(step).expect("no call is held").as_str();
            let invocation = tokio::select! {
                invocation = rotator.invoke_as(&demand.request, payload) => invocation,
                _ = self.aws.reached() => break,
            };
            self.keep(invocation).unwrap();
            step += 1;
        }
        self.remember_timestamp();
        step
    }

    /// What stands there is a rotation's, whether it has been reported or not.
    pub(crate) fn remember_timestamp(&mut self) {
        let timestamp = self.aws.parameters(STACK).remove("Timestamp").filter(|timestamp| timestamp != "2026-01-01");
        self.latest = self.latest.take().max(timestamp);
    }

    /// Keeps an answer, to be searched.
    pub(crate) fn keep(&mut self, invocation: Invocation) -> Result<Value, String> {
        match invocation {
            Invocation::Response(report) => {
                self.told.push(report.to_string());
                Ok(report)
            }
            Invocation::Error(kind, message) => {
                assert_eq!(kind, "Rotation", "{message}");
                self.told.push(message.clone());
                Err(message)
            }
        }
    }

    /// Kills a rotator, wherever it is, and keeps its log.
    pub(crate) async fn end(&mut self, rotator: Bootstrap) {
        self.told.extend(rotator.log().await.iter().map(Value::to_string));
    }

    /// A person restores the version before, if there is one. Returns the version that is put aside.
    pub(crate) async fn roll_back(&mut self) -> Option<String> {
        let labels = self.aws.labels(SECRET);
        let holder = |label: &str| labels.iter().find(|(_, labels)| labels.contains(label)).map(|(id, _)| id.clone());
        let (aside, before) = (holder("AWSCURRENT")?, holder("AWSPREVIOUS")?);
        let client = secrets_manager(self.aws.endpoint(), REGION);
        let stage = client.update_secret_version_stage().secret_id(SECRET).version_stage("AWSCURRENT");
        stage.move_to_version_id(before).remove_from_version_id(&aside).send().await.unwrap();
        self.rolled_back.insert(self.aws.history(SECRET).len() - 1);
        Some(aside)
    }

    /// The calls that rotators have made.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.aws.calls()
    }

    /// Every call on a line, for the search for a cause.
    fn calls_told(&self) -> String {
        let line = |call: &Call| {
            let Call { operation, region, version, stages, effect, answer, .. } = call;
            let version = version.as_deref().unwrap_or_default();
            format!("{operation} {region} {version} {stages:?} effect {effect}: {answer}")
        };
        self.calls().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The version that is pending and not current, if it has a value.
    pub(crate) fn left_pending(&self) -> Option<String> {
        let labels = self.aws.labels(SECRET);
        let left = |labels: &BTreeSet<String>| labels.contains("AWSPENDING") && !labels.contains("AWSCURRENT");
        let (left, _) = labels.into_iter().find(|(_, labels)| left(labels))?;
        self.aws.stored(SECRET).into_iter().find(|stored| stored.version == left && stored.value.is_some())?;
        Some(left)
    }

    /// The ids of all keys that are current.
    pub(crate) fn kids(&self) -> Vec<String> {
        self.history().pop().unwrap().keys.into_iter().map(|key| key.kid).collect()
    }

    /// The conditions after a rotation has been reported as done, without a rotation since then.
    #[track_caller]
    fn is_complete(&mut self, demand: &Demand, reports: &Value) {
        let history = self.history();
        let report = &reports[0];
        if self.setting.keys() {
            let current = history.last().unwrap();
            let kids: Vec<_> = current.keys.iter().map(|key| key.kid.as_str()).collect();
            let own = kids.iter().filter(|kid| demand.has_made(kid)).count();
            // An emergency is over too once another has dropped what it was about.
            let of_others = |set: &Promoted| set.keys.iter().all(|key| !demand.has_made(&key.kid));
            // What a person has gone back to counts as the beginning.
            let since = history.iter().rposition(|set| set.by_person).unwrap_or_default();
            let history = &history[since..];
            let by_another = demand.emergency && history.iter().any(|set| set.emergency && of_others(set));
            assert!(own == 1 || own == 0 && by_another, "the key of {} in {kids:?}", demand.id);
            let dropped = history.iter().any(|set| set.emergency && !set.by_person);
            assert_eq!(!kids.contains(&"first"), dropped, "{kids:?}");
            let labels = self.aws.labels(SECRET);
            assert!(labels.values().all(|labels| !labels.contains("AWSPENDING")), "{labels:?}");
            let told: Vec<_> = report["keys"]["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
            assert_eq!(told, kids);
            assert_eq!(report["keys"]["version"], current.version);
            let region = |name| json!({"region": name, "in_step": true, "version": current.version});
            assert_eq!(report["keys"]["regions"], json!([region(REGION), region(REPLICA)]));
        } else {
            assert_eq!((&report["keys"], history.len()), (&Value::Null, 1));
        }
        let mut parameters = self.aws.parameters(STACK);
        let timestamp = parameters.remove("Timestamp").unwrap();
        if self.setting.stack() {
            // What has no time of its own has that at which its keys were made.
            let made = history.iter().rev().take_while(|set| set.keys.iter().any(|key| demand.has_made(&key.kid)));
            let made = made.last().map(|set| set.created / 1000).filter(|_| self.setting.keys());
            let own = demand.time.or(made).map_or_else(|| timestamp.clone(), |time| text(time).replace(':', "-"));
            if demand.time.or(made).is_none() {
                let since = text(self.began).replace(':', "-");
                assert!(since <= timestamp && timestamp <= text(now()).replace(':', "-"), "{timestamp}");
            }
            let latest = self.latest.take().map_or_else(|| own.clone(), |latest| latest.max(own.clone()));
            assert_eq!(timestamp, latest, "{}", demand.id);
            self.latest = Some(latest);
        } else {
            assert_eq!(timestamp, "2026-01-01");
        }
        let others = [("Domain", "example.com"), ("Password", "of the database"), ("Zone", "Z1")];
        assert_eq!(parameters, others.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    /// The conditions that must hold in every case.
    pub(crate) async fn check(&self) {
        for labels in self.aws.moments(SECRET) {
            let current = labels.values().filter(|labels| labels.contains("AWSCURRENT")).count();
            assert_eq!(current, 1, "{labels:?}");
        }
        let history = self.history();
        if let Some(why) = broken(&history, &self.setting.timings()) {
            panic!("{why}\n{}", self.calls_told());
        }
        self.one_key_for_each(&history);
        let current = &history.last().unwrap().version;
        for region in [REGION, REPLICA] {
            let client = secrets_manager(self.aws.endpoint(), region);
            let read = client.get_secret_value().secret_id(SECRET).send().await.unwrap();
            assert_eq!(read.version_id().unwrap(), current, "{region}");
        }
        let mut secrets = Secrets::of_aws();
        for stored in self.aws.stored(SECRET) {
            secrets.extend(Jwk::all(&stored.value.unwrap_or_default()).into_iter().map(|key| key.k));
        }
        for told in &self.told {
            assert_eq!(secrets.found_in(told), None, "{told}");
        }
    }

    /// A rotation makes one key, however often it is tried; after an emergency, which drops that, perhaps another.
    #[track_caller]
    fn one_key_for_each(&self, history: &[Promoted]) {
        for epoch in epochs(history) {
            let mut made: BTreeMap<&str, usize> = BTreeMap::new();
            let mut before =
                epoch.first().filter(|set| !set.emergency || set.by_person).map_or(&[][..], |set| &set.keys);
            for set in epoch {
                for new in set.keys.iter().filter(|key| before.iter().all(|known| known.kid != key.kid)) {
                    let demand = self.demands.iter().find(|demand| demand.has_made(&new.kid));
                    let demand = demand.unwrap_or_else(|| panic!("{} was not requested", new.kid));
                    *made.entry(&demand.id).or_default() += 1;
                }
                before = &set.keys;
            }
            assert!(made.values().all(|made| *made == 1), "{made:?}");
        }
    }

    /// Every set that has been current.
    pub(crate) fn history(&self) -> Vec<Promoted> {
        let stored = self.aws.stored(SECRET);
        let promoted = self.aws.history(SECRET).into_iter().enumerate().map(|(at, promotion)| {
            let document = promotion.value.expect("the current version has a value");
            let parsed: Value = serde_json::from_str(&document).unwrap();
            let created = stored.iter().find(|stored| stored.version == promotion.version).unwrap().created;
            let rotation = parsed["countersign_kind"].as_str();
            let emergency = rotation == Some("emergency");
            // Under one id there may have been demands of both kinds.
            let asked = |demand: &Demand| demand.emergency == emergency && demand.has_made(&promotion.version);
            let known = rotation.is_none() || self.demands.iter().any(asked);
            assert!(known, "{} was not requested as {rotation:?}", promotion.version);
            Promoted {
                at: moment(promotion.at),
                version: promotion.version,
                planned_from: parsed["countersign_planned_from"].as_str().map(str::to_owned),
                emergency,
                by_person: self.rolled_back.contains(&at),
                created: moment(created),
                keys: Jwk::all(&document),
            }
        });
        promoted.collect()
    }
}

/// Does this with each row, a few at a time of all tests together, and returns how many there were.
pub(crate) async fn with_each<R, F>(rows: Vec<R>, run: impl Fn(R) -> F) -> usize
where
    R: Clone + Debug,
    F: Future<Output = ()> + Send + 'static,
{
    // Most of a run is waiting, for a process to start or for the SDK to try again; but other tests have to get on too.
    static AT_ONCE: Semaphore = Semaphore::const_new(10);
    let mut runs = VecDeque::new();
    let count = rows.len();
    for row in rows {
        let permit = AT_ONCE.acquire().await.unwrap();
        while runs.front().is_some_and(|(_, run): &(R, JoinHandle<()>)| run.is_finished()) {
            finished(runs.pop_front().unwrap()).await;
        }
        let run = run(row.clone());
        runs.push_back((
            row,
            tokio::spawn(async move {
                run.await;
                drop(permit);
            }),
        ));
    }
    for run in runs {
        finished(run).await;
    }
    count
}

async fn finished<R: Debug>((row, run): (R, JoinHandle<()>)) {
    if let Err(error) = run.await {
        panic!("{row:?}: {error}");
    }
}

/// Waits until the clock has passed a second.
pub(crate) async fn past(second: i64) {
    let then = UNIX_EPOCH + Duration::from_secs((second + 1).try_into().unwrap());
    if let Ok(left) = then.duration_since(SystemTime::now()) {
        tokio::time::sleep(left).await;
    }
}
