//! The programs that measure: each stays alive and answers questions, one at a time.

use crate::{environment::Environment, fixtures::Fixtures};
use anyhow::{Context as _, Result, anyhow, bail};
use speed_common::{REPLY, Reply};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// No question takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose code a worker measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Ours,
    Rust,
    Node,
    Python,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Rust => "rust",
            Self::Node => "node",
            Self::Python => "python",
        }
    }

    fn command(self, environment: &Environment) -> Command {
        match self {
            Self::Ours => environment.command(&environment.program("ours")),
            Self::Rust => environment.command(&environment.program("peers")),
            Self::Node => environment.node("worker.mjs"),
            Self::Python => environment.python("worker.py"),
        }
    }
}

/// A bench of a side.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) side: Side,
    pub(crate) name: String,
}

impl Bench {
    /// As the samples name it.
    pub(crate) fn label(&self) -> String {
        format!("{}:{}", self.side.name(), self.name)
    }
}

/// The workers that were needed until now.
pub(crate) struct Workers<'a> {
    environment: &'a Environment,
    fixtures: &'a Fixtures,
    running: BTreeMap<Side, Worker>,
}

struct Worker {
    name: &'static str,
    child: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
    /// For each bench the rounds that take about a slice.
    rounds: BTreeMap<String, u64>,
}

impl<'a> Workers<'a> {
    pub(crate) fn new(environment: &'a Environment, fixtures: &'a Fixtures) -> Self {
        Self { environment, fixtures, running: BTreeMap::new() }
    }

    /// Runs a bench until it is warm, and finds how many rounds take about a slice of time.
    pub(crate) fn calibrate(&mut self, bench: &Bench, slice: Duration) -> Result<()> {
        // V8 compiles what is hot in several steps.
        let warm = if bench.side == Side::Node { slice * 25 } else { slice * 4 };
        let worker = self.worker(bench.side)?;
        if worker.rounds.contains_key(&bench.name) {
            return Ok(());
        }
        let (mut rounds, mut spent) = (1, 0.0);
        loop {
            let wall = worker.ask(&bench.name, rounds)?.wall.max(1.0) / 1e9;
            spent += wall * f64::from(rounds);
            #[expect(clippy::as_conversions, reason = "a count of rounds in a slice: far below 2^32")]
            let fitting = ((slice.as_secs_f64() / wall).round() as u32).max(1);
            if spent >= warm.as_secs_f64() && rounds >= fitting / 2 {
                worker.rounds.insert(bench.name.clone(), fitting.into());
                return Ok(());
            }
            rounds = fitting.min(rounds.saturating_mul(10));
        }
    }

    /// A slice of a bench.
    pub(crate) fn measure(&mut self, bench: &Bench) -> Result<Reply> {
        let worker = self.worker(bench.side)?;
        let rounds = worker.rounds.get(&bench.name).copied().unwrap_or(1);
        worker.ask(&bench.name, rounds)
    }

    fn worker(&mut self, side: Side) -> Result<&mut Worker> {
        if !self.running.contains_key(&side) {
            let mut command = side.command(self.environment);
            command.arg(self.fixtures.folder());
            if side == Side::Node {
                command.arg(self.environment.edge_function());
            }
            let worker = Worker::start(side.name(), command, self.environment)?;
            self.running.insert(side, worker);
        }
        self.running.get_mut(&side).context("it was just started")
    }
}

impl Worker {
    fn start(name: &'static str, mut command: Command, environment: &Environment) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = environment.spawn(&mut command).with_context(|| format!("the worker {name}"))?;
        let questions = child.stdin.take().context("its input is a pipe")?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Other lines are a log.
                if let Some(answer) = line.strip_prefix(REPLY)
                    && sender.send(answer.to_owned()).is_err()
                {
                    break;
                }
            }
        });
        Ok(Self { name, child, questions, answers, rounds: BTreeMap::new() })
    }

    fn ask(&mut self, bench: &str, rounds: impl Into<u64>) -> Result<Reply> {
        let name = self.name;
        // If it has ended, its answer is missing too.
        let _ = writeln!(self.questions, "{bench} {}", rounds.into()).and_then(|()| self.questions.flush());
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => {
                serde_json::from_str(&answer).with_context(|| format!("the worker {name} answered {answer:?}"))
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!("the worker {name} did not answer within {} s when it measured {bench}", PATIENCE.as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                Err(anyhow!(
                    "the worker {name} ended when it measured {bench} ({status})\nhint: its own message is above"
                ))
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
