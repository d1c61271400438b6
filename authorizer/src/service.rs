use crate::{
    config::AuthorizerConfig,
    event::{Answer, Event, EventError},
    failure::{Failure, Unavailable, Unverified, refresh_failed},
    mode::Mode,
    origin_header::{Admissible, OriginHeader},
    response::{Admission, Response, admit, admit_unverified, check_format, refuse, refuse_as},
    then::{Standing, Stopped, Then, Undecided, Verdict},
};
use key_store::{Cache, ReadError, Store, StoredKeys, aws::SdkConfig};
use signing::{CheckedRequest, KeyId, ReceivedRequest, VerificationPolicy};
use std::{fmt, sync::Arc, time::SystemTime};
use telemetry::{Detail, Log, RefusedRequest, SecondCheckRefusal};

/// The authorizer of one process: its configuration and its caches.
#[derive(Debug)]
pub struct Authorizer {
    mode: Mode,
    answer: Answer,
    policy: VerificationPolicy,
    keys: Cache<Store>,
    origin_header: OriginHeader,
    then: Then,
    log: Log,
}

/// The function fails, so API Gateway never allows the request. It answers 500, or 401 to [`AuthorizerError::Unauthorized`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizerError {
    /// The authorizer cannot decide about the event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// It is not known whether the rules hold.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The check after the signature does not know who sends the request. A REST API and a WebSocket API answer 401 to exactly
    /// this text.
    #[error("Unauthorized")]
    Unauthorized,
    /// The check after the signature cannot be made.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

impl Authorizer {
    /// An authorizer with empty caches, which reads Secrets Manager with `aws`.
    pub fn new(config: AuthorizerConfig, aws: &SdkConfig, log: Log) -> Self {
        let AuthorizerConfig { source, mode, answer, limits, policy, origin_header, then } = config;
        let keys = Cache::new(source.open(aws), limits);
        let origin_header = OriginHeader::new(origin_header, limits, aws, log.clone());
        let then = Then::new(then, policy.base_paths.clone(), aws, &log);
        Self { mode, answer, policy, keys, origin_header, then, log }
    }

    /// Decides about one event, and logs a line about it, one about each check that monitor mode passes over, and one about each
    /// read of keys.
    ///
    /// Only the caches use `now`; the rules use the gateway's request time in the event.
    ///
    /// # Errors
    /// If the authorizer cannot decide.
    pub async fn authorize(&self, event: &str, now: SystemTime) -> Result<Response, AuthorizerError> {
        let answer = self.decide(event, now).await;
        if let Err(AuthorizerError::Event(error)) = &answer {
            let event = telemetry::Event::EventUnreadable { reason: error.reason(), detail: Detail(error) };
            self.log.write(&event, now);
        }
        answer
    }

    async fn decide(&self, text: &str, now: SystemTime) -> Result<Response, AuthorizerError> {
        let event = Event::parse(text, self.answer)?;
        let headers = event.headers();
        let received = event.received(&headers);
        let (verdict, key_set_age) = self.verify(&received, now).await;
        let asked = Asked { event: &event, key_set_age, log: &self.log, now };
        let standing = match (verdict, self.mode) {
            (Ok(admissible), _) => Standing::Admissible(admissible),
            (Err(failure), Mode::Monitor) => Standing::Unverified(Unverified(failure)),
            (Err(failure), Mode::Enforce) => return asked.refuse(failure),
        };
        if let Standing::Unverified(Unverified(failure)) = &standing {
            check_format(&event.response_format)?;
            asked.log_would_refuse(failure);
        }
        let would_stop = |stopped: &Stopped| asked.log_would_stop(stopped);
        let followed = match self.then.follow(&standing, &event, text, &received, now, would_stop).await {
            Ok(followed) => followed,
            Err(stopped) => return asked.stop(&stopped),
        };
        let format = &event.response_format;
        let admissible = match standing {
            Standing::Admissible(admissible) => admissible,
            Standing::Unverified(unverified) => return Ok(admit_unverified(&unverified, &followed, format)?),
        };
        match (admit(&admissible, &followed, format)?, self.mode) {
            (Ok(Admission { response, omitted }), _) => {
                asked.log_admitted(admissible.verified().key_id(), omitted);
                Ok(response)
            }
            (Err(failure), Mode::Monitor) => {
                asked.log_would_refuse(&failure);
                Ok(admit_unverified(&Unverified(failure), &followed, format)?)
            }
            (Err(failure), Mode::Enforce) => asked.refuse(failure),
        }
    }

    /// The verdict, and the age of its keys in whole seconds. The age is `None` if the verdict did not need keys: such
    /// a request does not make the authorizer read its keys again, so it must not make them seem old.
    async fn verify<'a>(
        &self,
        received: &'a ReceivedRequest<'a>,
        now: SystemTime,
    ) -> (Result<Admissible<'a>, Failure>, Option<u64>) {
        let checked = match CheckedRequest::check(received, &self.policy) {
            Ok(checked) => checked,
            Err(refusal) => return (Err(refusal.into()), None),
        };
        let mut cached = self.keys.get(now);
        if cached.due {
            self.log_read(self.keys.refresh(now).await, now);
            cached = self.keys.get(now);
        }
        if cached.value.as_ref().is_some_and(|stored| stored.keys.get(checked.key_id()).is_none()) {
            self.log_read(self.keys.refresh_for(checked.key_id(), now).await, now);
            cached = self.keys.get(now);
        }
        let Some(stored) = cached.value else {
            return (Err(Unavailable::Keys.into()), None);
        };
        let verdict = match checked.verify(&stored.keys) {
            Ok(verified) => self.origin_header.check(verified, received.headers, now).await,
            Err(refusal) => Err(refusal.into()),
        };
        (verdict, Some(cached.age.as_secs()))
    }

    /// Each read of the keys is a line of the log.
    fn log_read(&self, refreshed: Result<Option<Arc<StoredKeys>>, ReadError>, now: SystemTime) {
        match refreshed {
            Ok(Some(stored)) => {
                let (secret_age, monitor_mode) = (stored.age(now), self.mode == Mode::Monitor);
                self.log.write(&telemetry::Event::KeysRead { secret_age, monitor_mode }, now);
            }
            Ok(None) => {}
            Err(error) => self.log.write(&refresh_failed("keys", &error), now),
        }
    }
}

/// A request about which is decided: what the log needs of it, and the answers that are not an allow.
#[derive(Clone, Copy)]
struct Asked<'a> {
    event: &'a Event<'a>,
    key_set_age: Option<u64>,
    log: &'a Log,
    now: SystemTime,
}

impl Asked<'_> {
    fn refuse(&self, failure: Failure) -> Result<Response, AuthorizerError> {
        if let Failure::Unavailable(unavailable) = failure {
            self.write(&telemetry::Event::RequestUndecided(self.refused(failure.reason(), &failure)));
            return Err(unavailable.into());
        }
        let response = refuse(&self.event.response_format)?;
        self.write(&telemetry::Event::RequestRefused(self.refused(failure.reason(), &failure)));
        Ok(response)
    }

    /// Answers a request that the check after the signature has stopped.
    fn stop(&self, stopped: &Stopped) -> Result<Response, AuthorizerError> {
        let request = self.refused(stopped.reason(), stopped);
        let verdict = stopped.verdict();
        let unauthorized = matches!(verdict, Verdict::Unauthorized) && self.event.kind().has_unauthorized();
        let answer = match verdict {
            Verdict::Undecided(undecided) => {
                self.write(&telemetry::Event::RequestUndecided(request));
                return Err(undecided.into());
            }
            Verdict::Unauthorized if unauthorized => Err(AuthorizerError::Unauthorized),
            Verdict::Unauthorized | Verdict::Denied(None) => Ok(refuse(&self.event.response_format)?),
            Verdict::Denied(Some(delegated)) => Ok(refuse_as(delegated, &self.event.response_format)?),
        };
        let refusal = SecondCheckRefusal { request, unauthorized };
        self.write(&match stopped {
            Stopped::Token(_) => telemetry::Event::RequestRefusedByToken(refusal),
            Stopped::Next(_) | Stopped::Denied(_) => telemetry::Event::RequestRefusedByNextAuthorizer(refusal),
        });
        answer
    }

    fn log_admitted(&self, key_id: &KeyId, omitted: Option<&str>) {
        self.write(&telemetry::Event::RequestAdmitted {
            key_id: key_id.as_str(),
            key_set_age: self.key_set_age,
            method: self.event.method(),
            request_id: self.event.request_id(),
            x_amz_cf_id: self.event.cloudfront_id(),
            omitted,
        });
    }

    fn log_would_refuse(&self, failure: &Failure) {
        self.write(&telemetry::Event::RequestWouldBeRefused(self.refused(failure.reason(), failure)));
    }

    fn log_would_stop(&self, stopped: &Stopped) {
        let request = self.refused(stopped.reason(), stopped);
        self.write(&match stopped {
            Stopped::Token(_) => telemetry::Event::RequestWouldBeRefusedByToken(request),
            Stopped::Next(_) | Stopped::Denied(_) => telemetry::Event::RequestWouldBeRefusedByNextAuthorizer(request),
        });
    }

    fn refused<'b>(&'b self, reason: &'static str, detail: &'b dyn fmt::Display) -> RefusedRequest<'b> {
        RefusedRequest {
            reason,
            detail: Detail(detail),
            key_set_age: self.key_set_age,
            method: self.event.method(),
            resource: self.event.resource(),
            route_key: self.event.route_key(),
            request_id: self.event.request_id(),
            x_amz_cf_id: self.event.cloudfront_id(),
            gateway_source_ip: self.event.gateway_source_ip(),
        }
    }

    fn write(&self, event: &telemetry::Event<'_>) {
        self.log.write(event, self.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use key_store::{
        KeyFile,
        aws::{CallLimits, of_lambda},
    };
    use serde_json::{Value, json};
    use signing::{Key, KeySet, Nonce, Request, UnixSeconds, sign};
    use std::{collections::BTreeSet, ffi::OsString, time::Duration};
    use telemetry::MemoryLog;

    const NOW: u64 = 1_795_341_845;
    const HOST: &str = "abc123.execute-api.eu-west-1.amazonaws.com";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + seconds)
    }

    fn keys(id: &str) -> KeySet {
        let key = Key::new(id.try_into().unwrap(), &[7; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
        KeySet::new(vec![key]).unwrap()
    }

    /// An event of an HTTP API, signed with the key of that id.
    fn signed(id: &str) -> Value {
        let request = Request {
            method: "GET".try_into().unwrap(),
            authority: HOST.try_into().unwrap(),
            target: "/prod/pets".try_into().unwrap(),
            viewer_ip: "203.0.113.7".try_into().unwrap(),
            content_digest: None,
        };
        let now = UnixSeconds::new(NOW);
        let keys = keys(id);
        let signature =
            sign(&request, keys.signing_key(now).unwrap(), Nonce::new([1; 16]), Duration::from_secs(60), now);
        json!({
            "type": "REQUEST",
            "version": "2.0",
            "rawPath": "/prod/pets",
            "rawQueryString": "",
            "headers": {
                "host": HOST,
                "countersign-signature-input": signature.input,
                "countersign-signature": signature.signature,
                "countersign-target": "/prod/pets",
                "countersign-viewer-ip": "203.0.113.7",
            },
            "requestContext": {
                "domainName": HOST,
                "requestId": "r",
                "timeEpoch": NOW * 1000,
                "http": { "method": "GET", "sourceIp": "198.51.100.1" },
            },
        })
    }

    /// An authorizer, and its log.
    fn authorizer(file: &KeyFile, mode: &str) -> (Authorizer, MemoryLog) {
        let secret = format!("file:{}", file.path().display());
        let variables = [("COUNTERSIGN_SECRET", secret.as_str()), ("COUNTERSIGN_MODE", mode)];
        let config =
            AuthorizerConfig::read(variables.map(|(name, value)| (OsString::from(name), value.into()))).unwrap();
        let lines = MemoryLog::default();
        let log = Log::new(Some("authorizer".to_owned()), lines.clone());
        (Authorizer::new(config, &of_lambda(CallLimits::BRIEF), log), lines)
    }

    trait Told {
        fn told(&self) -> Vec<(String, String, Option<u64>)>;
    }

    impl Told for MemoryLog {
        /// Each line's event, its reason, and the age of the keys, as a field and as a metric.
        fn told(&self) -> Vec<(String, String, Option<u64>)> {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let told = |line: Value| {
                assert_eq!(line["key_set_age"], line["KeySetAge"]);
                (text(&line["event"]), text(&line["reason"]), line["key_set_age"].as_u64())
            };
            self.take().into_iter().map(told).collect()
        }
    }

    #[tokio::test]
    async fn a_decision_tells_how_old_the_keys_are_that_it_took() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        file.create(&keys("k1"), &[]).unwrap();
        let (authorizer, log) = authorizer(&file, "enforce");
        let mut unsigned = signed("k1");
        unsigned["headers"].as_object_mut().unwrap().remove("countersign-signature");
        let mut forged = signed("k1");
        forged["headers"]["countersign-viewer-ip"] = json!("203.0.113.8");
        let check = async |event: &Value, seconds, expected: &[(&str, &str, Option<u64>)]| {
            let _ = authorizer.authorize(&event.to_string(), at(seconds)).await;
            let told = log.told();
            let told: Vec<_> = told.iter().map(|(what, reason, age)| (what.as_str(), reason.as_str(), *age)).collect();
            assert_eq!(told, expected, "at {seconds} s");
        };
        check(&unsigned, 0, &[("request-refused", "header-missing", None)]).await;
        check(&signed("k1"), 0, &[("keys-read", "", None), ("request-admitted", "", Some(0))]).await;
        check(&signed("k1"), 59, &[("request-admitted", "", Some(59))]).await;
        check(&forged, 59, &[("request-refused", "signature", Some(59))]).await;
        check(&unsigned, 59, &[("request-refused", "header-missing", None)]).await;
        // Read again, for the sake of a key that is not known.
        check(&signed("k2"), 59, &[("keys-read", "", None), ("request-refused", "key-unknown", Some(0))]).await;
        std::fs::remove_file(file.path()).unwrap();
        check(&signed("k1"), 119, &[("refresh-failed", "keys", None), ("request-admitted", "", Some(60))]).await;
        check(&unsigned, 1918, &[("request-refused", "header-missing", None)]).await;
        check(&signed("k1"), 1920, &[("refresh-failed", "keys", None), ("request-undecided", "no-keys", None)]).await;
        check(&json!({ "type": "TOKEN" }), 1920, &[("event-unreadable", "token-authorizer", None)]).await;
    }

    /// Rotation that is overdue shows, whatever the reason.
    #[tokio::test]
    async fn each_read_tells_how_long_ago_the_keys_were_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        file.create(&keys("k1"), &[]).unwrap();
        let made = |at| std::fs::File::open(file.path()).unwrap().set_modified(at).unwrap();
        let (authorizer, log) = authorizer(&file, "enforce");
        let ages = async |seconds| {
            authorizer.authorize(&signed("k1").to_string(), at(seconds)).await.unwrap();
            let ages = |line: Value| (line["secret_age"].as_u64(), line["SecretAge"].as_u64());
            log.take().into_iter().map(ages).collect::<Vec<_>>()
        };
        made(at(0) - Duration::from_millis(604_800_999));
        assert_eq!(ages(0).await, [(Some(604_800), Some(604_800)), (None, None)]);
        assert_eq!(ages(59).await, [(None, None)], "nothing is read");
        made(at(60));
        assert_eq!(ages(60).await, [(Some(0), Some(0)), (None, None)]);
        // The clock that made it was ahead.
        made(at(125));
        assert_eq!(ages(120).await, [(Some(0), Some(0)), (None, None)]);
    }

    /// So that an alarm can report that monitor mode was left on, and falls silent when it is off.
    #[tokio::test]
    async fn each_read_tells_the_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        file.create(&keys("k1"), &[]).unwrap();
        for (mode, monitor_mode, metric) in [("enforce", false, 0), ("monitor", true, 1)] {
            let (authorizer, log) = authorizer(&file, mode);
            for seconds in [0, 60] {
                authorizer.authorize(&signed("k1").to_string(), at(seconds)).await.unwrap();
                let lines = log.take();
                let [read, decision] = &lines[..] else { panic!("two lines, not {lines:?}") };
                assert_eq!((&read["monitor_mode"], &read["MonitorMode"]), (&json!(monitor_mode), &json!(metric)));
                assert_eq!(decision["MonitorMode"], Value::Null);
            }
        }
    }

    #[tokio::test]
    async fn an_admission_that_cannot_be_answered_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        let rest = json!({ "type": "REQUEST", "methodArn": "x" }).to_string();
        for mode in ["enforce", "monitor"] {
            let (authorizer, log) = authorizer(&file, mode);
            let error = authorizer.authorize(&rest, at(0)).await.unwrap_err();
            assert_eq!(error, AuthorizerError::Event(EventError::MethodArn));
            assert_eq!(log.told(), [("event-unreadable".to_owned(), "method-arn".to_owned(), None)]);
        }
    }

    /// Whatever is sent, the dimensions of metrics stay the fixed words of the refusals, as the vectors list them.
    #[tokio::test]
    async fn nothing_that_a_stranger_sends_becomes_a_dimension() {
        let vectors = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../signing/vectors")).unwrap();
        let texts = vectors.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        let texts: Vec<_> = texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect();
        let verdicts = texts.iter().flat_map(|text| text.split("\"verdict\": \"").skip(1));
        let mut reasons: BTreeSet<_> = verdicts.map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(reasons.remove("admitted"));
        reasons.extend(["no-keys", "no-origin-header", "path-too-long"]);
        let of_the_header = ["missing", "repeated", "malformed", "unknown", "mismatch"];
        let of_the_header = of_the_header.map(|word| format!("origin-header-{word}"));
        reasons.extend(of_the_header.iter().map(String::as_str));
        assert!((30..100).contains(&reasons.len()), "{reasons:?}");

        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        file.create(&keys("k1"), &[]).unwrap();
        let (authorizer, log) = authorizer(&file, "monitor");
        authorizer.authorize(&signed("k1").to_string(), at(0)).await.unwrap();
        log.take();
        let hostile = ["stranger", "\"}\n{\"_aws\":{}}", "", "path", "stranger=1"];
        let places = [
            "/rawPath",
            "/rawQueryString",
            "/headers/host",
            "/headers/countersign-signature",
            "/headers/countersign-signature-input",
            "/headers/countersign-target",
            "/headers/countersign-viewer-ip",
            "/requestContext/requestId",
            "/requestContext/http/method",
            "/requestContext/http/sourceIp",
        ];
        for (place, text) in places.iter().flat_map(|place| hostile.map(|text| (place, text))) {
            let mut event = signed("stranger");
            *event.pointer_mut(place).unwrap() = json!(text);
            authorizer.authorize(&event.to_string(), at(0)).await.unwrap();
            let lines = log.take();
            let [line] = &lines[..] else { panic!("one line, not {lines:?}") };
            assert_eq!((&line["FunctionName"], &line["WouldRefuse"]), (&json!("authorizer"), &json!(1)));
            assert!(reasons.contains(line["Reason"].as_str().unwrap()), "{line}");
            for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                let dimensions = directive["Dimensions"].as_array().unwrap().iter();
                let mut names = dimensions.flat_map(|set| set.as_array().unwrap());
                assert!(names.all(|name| name == "FunctionName" || name == "Reason"), "{line}");
            }
        }
    }
}
