//! Lambda's Runtime API around one process: it sends the same event again and again, and takes the times.

use crate::{environment::Environment, statistics::Sample};
use anyhow::{Context as _, Result, bail, ensure};
use speed_common::Connection;
use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// No process lives longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen of a process.
pub(crate) struct Life {
    /// The nanoseconds from its start to its first answer.
    pub(crate) first: f64,
    /// The nanoseconds of each answer after that, from the end of its event.
    pub(crate) warm: Sample,
    /// The bytes of memory that it held at its end.
    pub(crate) resident: f64,
}

/// Starts a function, and sends it this event until it has answered once and `warm` times more. Each answer must be an allow, the same
/// as the first, which must have the text `proof`.
pub(crate) fn live(
    environment: &Environment,
    command: &mut Command,
    event: &str,
    proof: &'static str,
    warm: usize,
) -> Result<Life> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for the Runtime API")?;
    let address = listener.local_addr()?;
    command.env("AWS_LAMBDA_RUNTIME_API", address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
    let (done, ended) = channel();
    let ended_here = Arc::new(AtomicBool::new(false));
    let state = Arc::new(Mutex::new(State::new(warm)));
    let conversation = Conversation { event: invocation(event), proof, state: Arc::clone(&state), done };
    let stop = Arc::clone(&ended_here);
    // On the processor that measures: this thread and the function take turns, and neither must wake another processor.
    environment.processors.on_measured(|| thread::spawn(move || accept(&listener, &conversation, &stop)))?;
    lock(&state).begun = Instant::now();
    let mut child = environment.spawn(command)?;
    let outcome = ended.recv_timeout(PATIENCE);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    child.kill()?;
    child.wait()?;
    ended_here.store(true, Ordering::Relaxed);
    // The listener waits for a connection. It may have ended already.
    let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    let program = command.get_program().display();
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(error.context(format!("{program} as a Lambda function"))),
        Err(_) => bail!("{program} did not answer all invocations within {} s", PATIENCE.as_secs()),
    }
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    let kilobytes: f64 =
        resident.with_context(|| format!("the system does not say how much memory {program} holds"))?;
    let state = lock(&state);
    let nanoseconds = |time: Duration| time.as_secs_f64() * 1e9;
    Ok(Life {
        first: nanoseconds(state.first.context("it answered")?),
        warm: Sample(state.took.iter().map(|time| nanoseconds(*time)).collect()),
        resident: kilobytes * 1024.0,
    })
}

struct State {
    warm: usize,
    begun: Instant,
    sent: Option<Instant>,
    first: Option<Duration>,
    /// What the first answer was.
    answer: Vec<u8>,
    took: Vec<Duration>,
}

impl State {
    fn new(warm: usize) -> Self {
        Self { warm, begun: Instant::now(), sent: None, first: None, answer: vec![], took: vec![] }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Conversation {
    event: Arc<[u8]>,
    proof: &'static str,
    state: Arc<Mutex<State>>,
    done: Sender<Result<()>>,
}

fn invocation(event: &str) -> Arc<[u8]> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
        Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n\
        Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:authorizer\r\n\
        Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
        Content-Length: {}\r\n\r\n{event}",
        event.len()
    );
    head.into_bytes().into()
}

fn accept(listener: &TcpListener, conversation: &Conversation, stop: &AtomicBool) {
    for stream in listener.incoming().flatten() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let conversation = conversation.clone();
        thread::spawn(move || {
            if let Err(error) = conversation.hold(stream) {
                // Nobody waits any more if it has been killed.
                let _ = conversation.done.send(Err(error));
            }
        });
    }
}

impl Conversation {
    fn hold(&self, stream: TcpStream) -> Result<()> {
        const ACCEPTED: &[u8] =
            b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
        let mut connection = Connection::new(stream)?;
        while let Some(request) = connection.receive()? {
            let path = request.head.split(' ').nth(1).unwrap_or_default();
            if path.ends_with("/invocation/next") {
                let mut state = lock(&self.state);
                if state.first.is_some() && state.took.len() == state.warm {
                    // The process waits for another event until it is killed.
                    let _ = self.done.send(Ok(()));
                    continue;
                }
                state.sent = Some(Instant::now());
                connection.send(&self.event)?;
            } else if path.ends_with("/response") {
                let now = Instant::now();
                let mut state = lock(&self.state);
                match (state.first, state.sent) {
                    (Some(_), Some(sent)) => {
                        let is_same = request.body == state.answer;
                        ensure!(is_same, "it then answered {}", String::from_utf8_lossy(&request.body));
                        state.took.push(now - sent);
                    }
                    _ => {
                        let answer = String::from_utf8_lossy(&request.body);
                        let is_allow = ["Allow", "verified", self.proof].iter().all(|text| answer.contains(text));
                        ensure!(is_allow, "it answered {answer}");
                        state.first = Some(now - state.begun);
                        state.answer = request.body;
                    }
                }
                drop(state);
                connection.send(ACCEPTED)?;
            } else {
                bail!("it reported {path}: {}", String::from_utf8_lossy(&request.body));
            }
        }
        Ok(())
    }
}
