//! The real rotator before the fake AWS, and the metrics of its rotations.

use crate::{
    infra::alarms::{cloudwatch::metrics::Minute, runs::servers::minute_of},
    rotation::support::rotator::{FakeWorld, REGION, TIME, queued, scheduled},
    support::{artifacts::artifact, aws_clients::aws_variables, patience::PATIENCE},
};
use local::{FunctionError, FunctionProcess};
use telemetry::{Log, MemoryLog};

pub(crate) const ROTATOR: &str = "rotator";

/// A rotation that a schedule's message in the queue asks for.
pub(crate) async fn done() -> Minute {
    let [minute] = rotations(None, minute_of).await;
    minute
}

/// The eight tries of a message whose rotation fails, as SQS delivers it again.
pub(crate) async fn failed_eight_times() -> [Minute; 8] {
    rotations(Some(DENIED), minute_of).await
}

/// The lines of one that is done, and then of one that fails.
pub(crate) async fn lines() -> Vec<String> {
    let [done] = rotations(None, MemoryLog::take_lines).await;
    let [failed] = rotations(Some(DENIED), MemoryLog::take_lines).await;
    [done, failed].concat()
}

const DENIED: &str = "secretsmanager:PutSecretValue";

/// What is read of the log after each try.
async fn rotations<T, const TRIES: usize>(denied: Option<&str>, read: impl Fn(&MemoryLog) -> T) -> [T; TRIES] {
    let world = FakeWorld::new().await;
    denied.inspect(|action| world.aws.deny(action));
    let log = MemoryLog::default();
    let mut variables = aws_variables(world.aws.endpoint(), REGION).to_vec();
    variables.extend([("COUNTERSIGN_SECRET", world.secret.as_str()), ("StackName", "api")]);
    let program = artifact("rotator").join("bootstrap");
    let rotator = FunctionProcess::program(ROTATOR, &program, &variables, PATIENCE, Log::new(None, log.clone()));
    let rotator = rotator.await.unwrap();
    let event = queued(&[&scheduled(1, TIME)]).to_string();
    let mut tries = [const { None }; TRIES];
    for (number, found) in tries.iter_mut().enumerate() {
        let answer = rotator.invoke(&format!("00000000-0000-4000-8000-{number:012}"), event.clone()).await;
        let failed = matches!(answer, Err(FunctionError::Threw { .. }));
        assert_eq!(failed, denied.is_some(), "{answer:?}");
        *found = Some(read(&log));
    }
    tries.map(|found| found.expect("each try is recorded"))
}
