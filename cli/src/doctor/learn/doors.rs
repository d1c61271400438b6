//! Where the requests are sent, and the sending.

use crate::{
    doctor::{
        learn::{
            client::Client,
            learned::{Answer, Observation, all_probes},
            probes::{Kind, PLAIN, Probe, Way},
        },
        targets::ApiUrl,
    },
    output,
};
use anyhow::{Context as _, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two attempts at the same request.
const PAUSE: Duration = Duration::from_secs(2);

/// How often a request is sent that has no answer, or one that says to come again.
const ATTEMPTS: usize = 3;

/// The URLs of all APIs, directly and through CloudFront.
pub(crate) struct Doors(pub(crate) Vec<(Kind, Way, ApiUrl)>);

/// The observations, and what could not be observed, in words.
pub(crate) struct Observed {
    pub(crate) observations: Vec<Observation>,
    pub(crate) errors: Vec<String>,
}

impl Doors {
    /// Waits until all answer as they should, but not for longer than that: a name or a stage that was made a moment ago is not known
    /// everywhere.
    pub(crate) async fn ready(&self, client: &Client, patience: Duration) {
        let deadline = Instant::now() + patience;
        for (kind, way, _) in &self.0 {
            loop {
                let answer = self.ask(client, *kind, *way, &PLAIN).await;
                if answer.is_ok_and(|answer| answer.is_of_authorizer()) || Instant::now() >= deadline {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
    }

    /// Sends all requests, one after the other: the APIs let few through at a time.
    pub(crate) async fn observe(&self, client: &Client) -> Observed {
        let mut observed = Observed { observations: Vec::new(), errors: Vec::new() };
        for (kind, way, probe) in all_probes() {
            let answer = self.ask_again(client, kind, way, probe).await.unwrap_or_else(|error| {
                let what = format!("{} {} at {}", probe.wire_target(kind), way.words(), kind.word());
                observed.errors.push(format!("{what}: {}", output::chain(&error)));
                Answer::none()
            });
            observed.observations.push(Observation::new(kind, way, probe, answer));
        }
        observed
    }

    async fn ask_again(&self, client: &Client, kind: Kind, way: Way, probe: &Probe) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            let answer = self.ask(client, kind, way, probe).await;
            let is_of_no_use = answer.as_ref().map_or(true, Answer::says_to_come_again);
            if !is_of_no_use || attempt == ATTEMPTS {
                return answer;
            }
            attempt += 1;
            sleep(PAUSE).await;
        }
    }

    async fn ask(&self, client: &Client, kind: Kind, way: Way, probe: &Probe) -> Result<Answer> {
        let url = self.0.iter().find(|(other, on, _)| (*other, *on) == (kind, way)).map(|(.., url)| url);
        let url = url.with_context(|| format!("there is no URL of {} {}", kind.word(), way.words()))?;
        client.ask(kind, url, &probe.target(kind, url.base()), probe.header).await
    }

    /// The ids in the names of the hosts, which a result must not have.
    pub(crate) fn private(&self) -> Vec<String> {
        let hosts = self.0.iter().map(|(.., url)| url.authority().split([':', '.']).next().unwrap_or_default());
        // On this machine it is the number 127, which may be anywhere.
        let mut ids: Vec<_> = hosts.filter(|id| id.len() > 3).map(str::to_owned).collect();
        ids.dedup();
        ids
    }
}
