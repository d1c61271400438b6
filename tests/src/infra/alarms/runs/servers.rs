//! CloudFront and API Gateway on loopback with functions, and the metrics of what they did.

use crate::{
    infra::alarms::cloudwatch::{
        embedded::add_line,
        metrics::{Metric, Minute},
    },
    support::{
        client::ask,
        echo::{CAUGHT, arrived},
    },
};
use hyper::Method;
use local::{Answers, ApiKind, AuthorizerFunction, Counts, EdgeFunction, Options, Running};
use std::time::SystemTime;
use telemetry::{Detail, Event, MemoryLog, RefusedRequest, SecondCheckRefusal, line};

/// The names by which metrics are kept.
pub(crate) const SIGNER: &str = "edge-signer";
pub(crate) const AUTHORIZER: &str = "authorizer";
pub(crate) const DISTRIBUTION: &str = "E1A2B3C4D5E6F7";
pub(crate) const API_NAME: &str = "pets";

/// Both servers, and the log of both functions.
pub(crate) struct Servers {
    running: Running,
    api: ApiKind,
    api_id: String,
    stage: String,
    log: MemoryLog,
    /// What is in a minute already.
    counted: Counts,
}

impl Servers {
    /// Starts them between functions that log to `log`.
    pub(crate) async fn start(
        options: Options,
        edge: impl EdgeFunction,
        authorizer: impl AuthorizerFunction,
        log: &MemoryLog,
    ) -> Self {
        let (api, api_id, stage) = (options.api, options.api_id.clone(), options.stage.clone());
        let running = local::start(options, edge, authorizer).await.unwrap();
        Self { running, api, api_id, stage, log: log.clone(), counted: Counts::default() }
    }

    /// So many requests of viewers, each of which must get this status.
    pub(crate) async fn viewers(&self, requests: usize, path: &str, status: u16) -> &Self {
        for _ in 0..requests {
            assert_eq!(ask(self.running.edge, Method::GET, path, &[], b"").await.0, status, "{path}");
        }
        self
    }

    /// So many requests without a signature at the API's own URL, each of which must get this status.
    pub(crate) async fn strangers(&self, requests: usize, status: u16) -> &Self {
        for _ in 0..requests {
            let path = format!("/{}/pets/1", self.stage);
            assert_eq!(ask(self.running.gateway, Method::GET, &path, &[], b"").await.0, status);
        }
        self
    }

    /// So many requests at the API's own URL with the signature of another request, which are refused.
    pub(crate) async fn forgers(&self, requests: usize) -> &Self {
        let (status, echo) = ask(self.running.edge, Method::GET, "/echo", &[], b"").await;
        assert_eq!(status, 200);
        let caught = CAUGHT.map(|name| (name, arrived(&echo, name).unwrap()));
        for _ in 0..requests {
            let path = format!("/{}/echo/another", self.stage);
            assert_eq!(ask(self.running.gateway, Method::GET, &path, &caught, b"").await.0, 403);
        }
        self
    }

    /// The metrics of all that happened since the last time, as those of one minute.
    pub(crate) fn minute(&mut self) -> Minute {
        let mut minute = minute_of(&self.log);
        let now = self.running.counts();
        self.add_gateway(&mut minute, since(now.gateway, self.counted.gateway));
        add_distribution(&mut minute, since(now.distribution, self.counted.distribution));
        let execution = now.edge_execution_errors - self.counted.edge_execution_errors;
        let validation = now.edge_validation_errors - self.counted.edge_validation_errors;
        put(&mut minute, &of_distribution("LambdaExecutionError"), 1.0, execution);
        put(&mut minute, &of_distribution("LambdaValidationError"), 1.0, validation);
        let failed = now.authorizer_errors - self.counted.authorizer_errors;
        add_invocations(&mut minute, now.authorizer_invocations - self.counted.authorizer_invocations, failed);
        self.counted = now;
        minute
    }

    /// By hand, but for the line of the log: viewers with valid signatures, whom this check refuses. A REST or WebSocket API answers
    /// 401, to a failed invocation.
    pub(crate) fn refused_after_the_signature(&self, check: SecondCheck, requests: u64) -> Minute {
        let unauthorized = matches!(self.api, ApiKind::Rest | ApiKind::WebSocket);
        let refusal = SecondCheckRefusal { request: REFUSED, unauthorized };
        let event = match check {
            SecondCheck::Token => Event::RequestRefusedByToken(refusal),
            SecondCheck::NextAuthorizer => Event::RequestRefusedByNextAuthorizer(refusal),
        };
        let line = serde_json::from_str(&line(&event, Some(AUTHORIZER), SystemTime::now())).unwrap();
        let answers = Answers { total: requests, client_errors: requests, server_errors: 0 };
        let mut minute = Minute::default();
        (0..requests).for_each(|_| add_line(&mut minute, &line));
        self.add_gateway(&mut minute, answers);
        add_distribution(&mut minute, answers);
        add_invocations(&mut minute, requests, if unauthorized { requests } else { 0 });
        minute
    }

    /// By hand: every method of `local` has the authorizer. API Gateway answers so many requests with 200, and asks nobody.
    pub(crate) fn unattached_method(&self, requests: u64) -> Minute {
        let mut minute = Minute::default();
        self.add_gateway(&mut minute, Answers { total: requests, client_errors: 0, server_errors: 0 });
        minute
    }

    /// A value for each request, of which the average is the rate.
    fn add_gateway(&self, minute: &mut Minute, answers: Answers) {
        let (names, dimensions) = match self.api {
            // No alarm of ours is about a WebSocket API.
            ApiKind::Rest | ApiKind::WebSocket => {
                (["4XXError", "5XXError"], [("ApiName", API_NAME), ("Stage", &self.stage)])
            }
            ApiKind::Http | ApiKind::HttpV1 => (["4xx", "5xx"], [("ApiId", &*self.api_id), ("Stage", &self.stage)]),
        };
        let metric = |name: &str| Metric::new("AWS/ApiGateway", name, &dimensions);
        put(minute, &metric("Count"), 1.0, answers.total);
        for (name, errors) in names.into_iter().zip([answers.client_errors, answers.server_errors]) {
            put(minute, &metric(name), 1.0, errors);
            put(minute, &metric(name), 0.0, answers.total - errors);
        }
    }
}

/// What checks a request after its signature.
#[derive(Clone, Copy)]
pub(crate) enum SecondCheck {
    Token,
    NextAuthorizer,
}

const REFUSED: RefusedRequest<'static> = RefusedRequest {
    reason: "by-hand",
    detail: Detail(&"by hand"),
    key_set_age: Some(0),
    method: "GET",
    resource: None,
    route_key: None,
    request_id: "r",
    x_amz_cf_id: None,
    gateway_source_ip: "192.0.2.1",
};

/// "4xx error rate: the percentage of all viewer requests" whose answer is 4xx: of each request 100 or 0, so that the average is the
/// rate also where minutes are put together.
fn add_distribution(minute: &mut Minute, answers: Answers) {
    for (name, value, times) in [
        ("Requests", 1.0, answers.total),
        ("4xxErrorRate", 100.0, answers.client_errors),
        ("4xxErrorRate", 0.0, answers.total - answers.client_errors),
        ("5xxErrorRate", 100.0, answers.server_errors),
        ("5xxErrorRate", 0.0, answers.total - answers.server_errors),
    ] {
        put(minute, &of_distribution(name), value, times);
    }
}

fn of_distribution(name: &str) -> Metric {
    Metric::new("AWS/CloudFront", name, &[("DistributionId", DISTRIBUTION), ("Region", "Global")])
}

fn add_invocations(minute: &mut Minute, calls: u64, failed: u64) {
    for (name, value, times) in [("Invocations", 1.0, calls), ("Errors", 1.0, failed), ("Errors", 0.0, calls - failed)]
    {
        put(minute, &Metric::new("AWS/Lambda", name, &[("FunctionName", AUTHORIZER)]), value, times);
    }
}

/// The metrics in a log since it was last read.
pub(crate) fn minute_of(log: &MemoryLog) -> Minute {
    let mut minute = Minute::default();
    for line in log.take() {
        add_line(&mut minute, &line);
    }
    minute
}

fn since(now: Answers, before: Answers) -> Answers {
    Answers {
        total: now.total - before.total,
        client_errors: now.client_errors - before.client_errors,
        server_errors: now.server_errors - before.server_errors,
    }
}

fn put(minute: &mut Minute, metric: &Metric, value: f64, times: u64) {
    (0..times).for_each(|_| minute.put(metric.clone(), value));
}
