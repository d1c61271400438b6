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
use telemetry::MemoryLog;

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
        self.add_distribution(&mut minute, now);
        self.add_gateway(&mut minute, since(now.gateway, self.counted.gateway));
        let lambda = |name: &str| Metric::new("AWS/Lambda", name, &[("FunctionName", AUTHORIZER)]);
        let failed = now.authorizer_errors - self.counted.authorizer_errors;
        let calls = now.authorizer_invocations - self.counted.authorizer_invocations;
        for (name, value, times) in
            [("Invocations", 1.0, calls), ("Errors", 1.0, failed), ("Errors", 0.0, calls - failed)]
        {
            put(&mut minute, &lambda(name), value, times);
        }
        self.counted = now;
        minute
    }

    /// "4xx error rate: the percentage of all viewer requests" whose answer is 4xx: of each request 100 or 0, so that the average
    /// is the rate also where minutes are put together.
    fn add_distribution(&self, minute: &mut Minute, now: Counts) {
        let answers = since(now.distribution, self.counted.distribution);
        let execution = now.edge_execution_errors - self.counted.edge_execution_errors;
        let validation = now.edge_validation_errors - self.counted.edge_validation_errors;
        let metric =
            |name| Metric::new("AWS/CloudFront", name, &[("DistributionId", DISTRIBUTION), ("Region", "Global")]);
        for (name, value, times) in [
            ("Requests", 1.0, answers.total),
            ("4xxErrorRate", 100.0, answers.client_errors),
            ("4xxErrorRate", 0.0, answers.total - answers.client_errors),
            ("5xxErrorRate", 100.0, answers.server_errors),
            ("5xxErrorRate", 0.0, answers.total - answers.server_errors),
            ("LambdaExecutionError", 1.0, execution),
            ("LambdaValidationError", 1.0, validation),
        ] {
            put(minute, &metric(name), value, times);
        }
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
