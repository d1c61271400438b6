//! A small AWS on loopback, for tests that an emulator cannot serve: it fails at the call that a test names, lets
//! replicas lag, keeps an update running until a test ends it, and records every call and every state.
//!
//! `versions_against_moto.rs` and `stacks_against_moto.rs` compare it with moto in everything that moto does like AWS.

pub(crate) mod call;
pub(crate) mod cloud_formation;
pub(crate) mod faults;
mod faults_happen_as_asked;
pub(crate) mod secrets_manager;
mod stacks_against_moto;
mod versions_against_moto;
mod wire;

use crate::{
    fake_aws::{
        call::{ACCOUNT, Call, Refusal, Service},
        cloud_formation::{CloudFormation, Parameter, UpdateEnd},
        faults::{Fault, Happening},
        secrets_manager::{Labels, Lag, Promotion, Replication, SecretsManager, Stored},
        wire::Asked,
    },
    support::patience::PATIENCE,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

/// The version that [`FakeAws::create_secret`] makes.
pub(crate) const FIRST_VERSION: &str = "00000000-0000-4000-8000-000000000001";

/// The server. It ends on drop, with all its state.
pub(crate) struct FakeAws {
    endpoint: String,
    server: JoinHandle<()>,
    state: Arc<Mutex<State>>,
    held: tokio::sync::Mutex<mpsc::UnboundedReceiver<Call>>,
}

struct State {
    secrets: SecretsManager,
    stacks: CloudFormation,
    denied: BTreeSet<String>,
    expired: bool,
    ahead: Duration,
    faults: Vec<Fault>,
    calls: Vec<Call>,
    tell_held: mpsc::UnboundedSender<Call>,
    held: Vec<oneshot::Sender<()>>,
}

/// What becomes of a call.
struct Taken {
    response: Response<Full<Bytes>>,
    happening: Option<Happening>,
    /// For a held call: ends when the call is released.
    let_go: Option<oneshot::Receiver<()>>,
}

impl FakeAws {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (tell_held, held) = mpsc::unbounded_channel();
        let state = Arc::new(Mutex::new(State {
            secrets: SecretsManager::default(),
            stacks: CloudFormation::default(),
            denied: BTreeSet::new(),
            expired: false,
            ahead: Duration::ZERO,
            faults: Vec::new(),
            calls: Vec::new(),
            tell_held,
            held: Vec::new(),
        }));
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { endpoint, server, state, held: held.into() }
    }

    /// The value of `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a secret with one version, which is current, and returns the ARN that it has in its primary Region.
    #[track_caller]
    pub(crate) fn create_secret(&self, region: &str, name: &str, value: &str, replicas: &[&str]) -> String {
        let replicas: Vec<_> = replicas.iter().map(|region| json!({"Region": region})).collect();
        let token = FIRST_VERSION;
        let input =
            json!({"Name": name, "ClientRequestToken": token, "SecretString": value, "AddReplicaRegions": replicas});
        let answer = self.act(|state, now| state.secrets.answer("CreateSecret", region, &input, now));
        let body = answer.unwrap_or_else(|refusal| panic!("{}", refusal.message)).body;
        serde_json::from_str::<Value>(&body).unwrap()["ARN"].as_str().unwrap().to_owned()
    }

    /// Makes a secret without any version, and returns its ARN.
    #[track_caller]
    pub(crate) fn create_empty_secret(&self, region: &str, name: &str) -> String {
        let answer = self.act(|state, now| state.secrets.answer("CreateSecret", region, &json!({"Name": name}), now));
        let body = answer.unwrap_or_else(|refusal| panic!("{}", refusal.message)).body;
        serde_json::from_str::<Value>(&body).unwrap()["ARN"].as_str().unwrap().to_owned()
    }

    /// Labels a new version without a value AWSPENDING, as RotateSecret does before it has the function called.
    #[track_caller]
    pub(crate) fn stage_pending(&self, secret: &str, token: &str) {
        self.act(|state, now| state.secrets.named(secret).stage_pending(token, now));
    }

    /// Keeps a replica at its present version.
    #[track_caller]
    pub(crate) fn hold_back(&self, secret: &str, region: &str, lag: Lag) {
        self.act(|state, _| state.secrets.named(secret).hold_back(region, lag));
    }

    /// Ends what [`Self::hold_back`] began.
    #[track_caller]
    pub(crate) fn catch_up(&self, secret: &str, region: &str) {
        self.act(|state, _| state.secrets.named(secret).catch_up(region));
    }

    #[track_caller]
    pub(crate) fn set_replication(&self, secret: &str, region: &str, status: Replication) {
        self.act(|state, _| state.secrets.named(secret).set_replication(region, status));
    }

    /// The versions that have labels, with these.
    #[track_caller]
    pub(crate) fn labels(&self, secret: &str) -> Labels {
        self.look(|state| state.secrets.named(secret).labels())
    }

    /// Every version that has ever been current, in order.
    #[track_caller]
    pub(crate) fn history(&self, secret: &str) -> Vec<Promotion> {
        self.look(|state| state.secrets.named(secret).history.clone())
    }

    /// The labels after each call and each act of the test, in order.
    #[track_caller]
    pub(crate) fn moments(&self, secret: &str) -> Vec<Labels> {
        self.look(|state| state.secrets.named(secret).moments.clone())
    }

    /// Makes a stack that is complete, and returns its ARN. Each update must have these capabilities.
    pub(crate) fn create_stack(
        &self,
        region: &str,
        name: &str,
        parameters: &[Parameter],
        capabilities: &[&str],
    ) -> String {
        self.look(|state| state.stacks.create(region, name, parameters, capabilities))
    }

    /// The present parameters of a stack, also those that DescribeStacks hides.
    #[track_caller]
    pub(crate) fn parameters(&self, stack: &str) -> BTreeMap<String, String> {
        self.look(|state| state.stacks.parameters(stack))
    }

    /// Ends the update that is under way.
    #[track_caller]
    pub(crate) fn finish_update(&self, stack: &str, end: UpdateEnd) {
        self.look(|state| state.stacks.finish(stack, end));
    }

    /// From now on an update is complete before it is answered.
    pub(crate) fn finish_updates_at_once(&self) {
        self.look(|state| state.stacks.at_once = true);
    }

    #[track_caller]
    pub(crate) fn set_stack_status(&self, stack: &str, status: &str) {
        self.look(|state| state.stacks.set_status(stack, status));
    }

    /// Gives a stack a service role or a parent, by the element that shows it.
    #[track_caller]
    pub(crate) fn set_stack_owner(&self, stack: &str, element: &'static str, value: &str) {
        self.look(|state| state.stacks.set_owner(stack, element, value));
    }

    /// Denies an action, such as `secretsmanager:GetSecretValue`, in every Region.
    pub(crate) fn deny(&self, action: &str) {
        self.look(|state| state.denied.insert(action.to_owned()));
    }

    /// Lets the caller's credentials expire.
    pub(crate) fn expire_credentials(&self) {
        self.look(|state| state.expired = true);
    }

    /// Puts its clock forward.
    pub(crate) fn let_pass(&self, time: Duration) {
        self.look(|state| state.ahead += time);
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.look(|state| state.faults.push(fault));
    }

    /// Takes every fault back.
    pub(crate) fn heal(&self) {
        self.look(|state| state.faults.clear());
    }

    /// Waits until the next call is held, and returns it.
    pub(crate) async fn reached(&self) -> Call {
        timeout(PATIENCE, async { self.held.lock().await.recv().await.unwrap() }).await.expect("a call is held in time")
    }

    /// Releases every held call: a call that was held before its effect has it now, and is in the log of calls again;
    /// each is answered.
    pub(crate) fn release(&self) {
        for held in self.look(|state| std::mem::take(&mut state.held)) {
            // The client may have closed the connection.
            let _ = held.send(());
        }
    }

    /// Every version that has ever existed, labelled or not.
    #[track_caller]
    pub(crate) fn stored(&self, secret: &str) -> Vec<Stored> {
        self.look(|state| state.secrets.named(secret).stored())
    }

    /// Every call, in the order in which they had their effects.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.look(|state| state.calls.clone())
    }

    /// How often an operation was called.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Reads the state, or sets how calls will end.
    #[track_caller]
    fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// Changes the state without a call, and records the new state.
    #[track_caller]
    fn act<T>(&self, act: impl FnOnce(&mut State, SystemTime) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let now = state.now();
        let done = act(&mut state, now);
        state.secrets.witness(now);
        done
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    /// Handles one call: returns the answer, and what happens to it.
    fn take(&mut self, asked: &Asked) -> Taken {
        let happening = self.happening(asked);
        let (response, call) = self.perform(asked, happening);
        let let_go = happening.filter(|happening| happening.holds()).map(|_| {
            let (let_go, told) = oneshot::channel();
            self.held.push(let_go);
            // The test need not wait for it.
            let _ = self.tell_held.send(call);
            told
        });
        Taken { response, happening, let_go }
    }

    /// Does what a call requests, unless a fault happens instead, and records it.
    fn perform(&mut self, asked: &Asked, happening: Option<Happening>) -> (Response<Full<Bytes>>, Call) {
        let now = self.now();
        let done = match happening.and_then(|happening| happening.instead_of_effect(asked)) {
            Some(refusal) => Err(refusal),
            None => self.admit(asked).and_then(|()| match asked.service {
                Service::SecretsManager => self.secrets.answer(&asked.operation, &asked.region, &asked.input, now),
                Service::CloudFormation => self.stacks.answer(&asked.operation, &asked.region, &asked.input),
            }),
        };
        self.secrets.witness(now);
        let answered = done.as_ref().map_or_else(|refusal| refusal.code.as_str(), |_| "ok");
        let answer = happening.and_then(Happening::instead_of_answer).unwrap_or(answered).to_owned();
        let call = Call { effect: done.as_ref().is_ok_and(|done| done.effect), answer, ..asked.call() };
        self.calls.push(call.clone());
        (asked.respond(done), call)
    }

    /// The first fault that is due. A call counts for every fault that it matches.
    fn happening(&mut self, asked: &Asked) -> Option<Happening> {
        let mut due = None;
        self.faults.retain_mut(|fault| {
            let (happens, stays) = fault.sees(&asked.operation, &asked.region);
            due = due.or(happens);
            stays
        });
        due
    }

    /// Whether the caller may do this at all.
    fn admit(&self, asked: &Asked) -> Result<(), Refusal> {
        if self.expired {
            let message = "The security token included in the request is expired";
            return Err(asked.refusal_by_iam("ExpiredToken", message));
        }
        let action = asked.action();
        if self.denied.contains(&action) {
            let message = format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/countersign/test is not authorized to perform: {action} on resource: {} \
                 because no identity-based policy allows the {action} action",
                asked.resource()
            );
            return Err(asked.refusal_by_iam("AccessDenied", &message));
        }
        Ok(())
    }

    fn now(&self) -> SystemTime {
        SystemTime::now() + self.ahead
    }
}

/// Accepts until it is dropped, and every connection with it.
async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(Arc::clone(&state), request));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// An error here ends the connection without an answer.
async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let asked = Asked::read(&parts, &body);
    let Taken { response, happening, let_go } = state.lock().unwrap().take(&asked);
    if let Some(let_go) = let_go
        && let_go.await.is_err()
    {
        return pending().await;
    }
    match happening {
        Some(Happening::DroppedBefore | Happening::DroppedAfter) => Err(io::ErrorKind::ConnectionReset.into()),
        Some(Happening::HeldBefore) => Ok(state.lock().unwrap().perform(&asked, None).0),
        Some(Happening::Delayed(time)) => {
            sleep(time).await;
            Ok(response)
        }
        Some(Happening::Garbage) => Ok(Response::new(Full::from("<<{ garbage"))),
        Some(Happening::HeldAfter | Happening::Throttled | Happening::ServerError | Happening::Echo) | None => {
            Ok(response)
        }
    }
}
