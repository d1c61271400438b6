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
use anyhow::{Context as _, Result, anyhow};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};

/// Between two attempts at the same request.
pub(crate) const PAUSE: Duration = Duration::from_secs(2);

/// How often a request is sent that has no answer, or one that says to come again.
const ATTEMPTS: usize = 3;

/// The longest time for all requests. They need about a minute.
const PATIENCE: Duration = Duration::from_secs(600);

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

    /// Sends all requests, one after the other: the APIs let few through at a time. A request that comes too late has no answer.
    pub(crate) async fn observe(&self, client: &Client, pause: Duration) -> Observed {
        let deadline = Instant::now() + PATIENCE;
        let mut observed = Observed { observations: Vec::new(), errors: Vec::new() };
        // Doors that do not answer. Their other requests are sent once.
        let mut closed = BTreeSet::new();
        for (kind, way, probe) in all_probes() {
            let attempts = if closed.contains(&(kind, way)) { 1 } else { ATTEMPTS };
            let asked = timeout_at(deadline, self.ask_again(client, (kind, way, probe), (attempts, pause))).await;
            let asked = asked
                .unwrap_or_else(|_| Err(anyhow!("all requests together take longer than {} s", PATIENCE.as_secs())));
            let answer = asked.unwrap_or_else(|error| {
                let what = format!("{} {} at {}", probe.wire_target(kind), way.words(), kind.word());
                observed.errors.push(format!("{what}: {}", output::chain(&error)));
                closed.insert((kind, way));
                Answer::none()
            });
            observed.observations.push(Observation::new(kind, way, probe, answer));
        }
        observed
    }

    async fn ask_again(
        &self,
        client: &Client,
        (kind, way, probe): (Kind, Way, &Probe),
        (attempts, pause): (usize, Duration),
    ) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            let answer = self.ask(client, kind, way, probe).await;
            let is_of_no_use = answer.as_ref().map_or(true, Answer::says_to_come_again);
            if !is_of_no_use || attempt == attempts {
                return answer;
            }
            attempt += 1;
            sleep(pause).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::learn::{
        learned::{AnsweredBy, Learned},
        local,
        unknowns::SettledBy,
        verdict::{Verdict, verdicts},
    };
    use std::net::Ipv4Addr;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn requests_without_an_answer_leave_their_questions_open() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url: ApiUrl = format!("http://{}/rest", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let all = Kind::ALL.into_iter().flat_map(|kind| Way::ALL.map(|way| (kind, way, url.clone())));
        let doors = Doors(all.collect());
        let client = Client::new();
        doors.ready(&client, Duration::ZERO).await;
        let Observed { observations, errors } = doors.observe(&client, Duration::ZERO).await;
        assert!(observations.iter().all(|observation| observation.answered_by == AnsweredBy::Nobody));
        assert_eq!((observations.len(), errors.len()), (all_probes().count(), all_probes().count()));
        assert!(errors[0].starts_with("/rest/echo directly at rest: no connection to 127.0.0.1:"), "{}", errors[0]);
        for (unknown, verdict) in verdicts(&Learned::on_local(observations), &local()) {
            let is_asked = matches!(unknown.settled_by, SettledBy::Requests { .. });
            assert_eq!(matches!(verdict, Verdict::NotObserved(_)), is_asked, "{}: {verdict:?}", unknown.id);
        }
    }
}
