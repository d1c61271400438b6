//! The events that are logged, with the fields and the metrics of each.

use crate::metric::{self, DimensionValue, Measurement};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// An event of a program: one line of its log.
///
/// `reason` is always a code out of the source, `detail` a sentence. Nothing that a stranger sends is in a field that names a
/// metric: those fields are `&'static str` or numbers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// The authorizer admitted a request.
    RequestAdmitted {
        /// The `kid` of the key that signed it.
        key_id: &'a str,
        /// How many seconds ago the keys were read.
        #[serde(skip_serializing_if = "Option::is_none")]
        key_set_age: Option<u64>,
        /// Its method.
        method: &'a str,
        /// API Gateway's id of it.
        request_id: &'a str,
        /// CloudFront's id of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        x_amz_cf_id: Option<&'a str>,
        /// The names of context values that did not fit into the answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        omitted: Option<&'a str>,
    },
    /// The authorizer refused a request.
    RequestRefused(RefusedRequest<'a>),
    /// The authorizer, in monitor mode, did not refuse a request that enforce mode would refuse.
    RequestWouldBeRefused(RefusedRequest<'a>),
    /// The check of its token refused a request that was not refused for its signature.
    RequestRefusedByToken(SecondCheckRefusal<'a>),
    /// The authorizer that is called next refused a request that was not refused for its signature.
    RequestRefusedByNextAuthorizer(SecondCheckRefusal<'a>),
    /// The check of a token, in monitor mode, did not refuse a request that enforce mode would refuse.
    RequestWouldBeRefusedByToken(RefusedRequest<'a>),
    /// The authorizer that is called next refused a request. It is in monitor mode: enforce mode would refuse the request.
    RequestWouldBeRefusedByNextAuthorizer(RefusedRequest<'a>),
    /// The authorizer could not decide about a request, which was not allowed.
    RequestUndecided(RefusedRequest<'a>),
    /// The authorizer was called with an event about which it cannot decide.
    EventUnreadable {
        /// The kind of event, or what is wrong with it.
        reason: &'static str,
        /// The same in a sentence.
        detail: Detail<'a>,
    },
    /// The authorizer has read its keys.
    KeysRead {
        /// How many seconds ago the current version of their secret was made.
        #[serde(skip_serializing_if = "Option::is_none")]
        secret_age: Option<u64>,
        /// If it is in monitor mode.
        monitor_mode: bool,
    },
    /// The authorizer has read the keys of an issuer of tokens.
    IssuerKeysRead {
        /// The issuer, as the configuration names it.
        issuer: &'a str,
        /// How many keys can verify a token.
        keys: usize,
        /// The keys that are made for tokens and cannot be used, by their places in the set, and why.
        #[serde(skip_serializing_if = "Option::is_none")]
        unusable: Option<Detail<'a>>,
    },
    /// The keys, a value of the origin's header, or the keys of an issuer of tokens could not be read again.
    RefreshFailed {
        /// `keys`, `origin-header` or `token-keys`.
        reason: &'static str,
        /// What failed.
        detail: Detail<'a>,
        /// How many seconds old the keys are that are still used.
        #[serde(skip_serializing_if = "Option::is_none")]
        key_set_age: Option<u64>,
        /// CloudFront's id of the request.
        #[serde(skip_serializing_if = "Option::is_none")]
        x_amz_cf_id: Option<&'a str>,
    },
    /// The edge answered a request that it could not sign.
    RequestAnsweredAtEdge(UnsignedRequest<'a>),
    /// The edge, in monitor mode, forwarded a request unsigned that enforce mode would answer.
    RequestForwardedUnsigned(UnsignedRequest<'a>),
    /// The edge removed a viewer's header that names another method.
    MethodOverrideRemoved(EdgeRemark<'a>),
    /// The edge removed a viewer's `Content-Digest` that it could not read.
    ViewerDigestRemoved(EdgeRemark<'a>),
    /// CloudFront did not show the edge the body of a request.
    BodyNotSeen(EdgeRemark<'a>),
    /// CloudFront showed the edge only a part of the body of a request.
    BodyTruncated(EdgeRemark<'a>),
    /// The edge function is associated with a trigger at which it cannot sign.
    WrongTrigger(EdgeRemark<'a>),
    /// The rotator begins a rotation, or a step of one.
    RotationBegun {
        /// `scheduled`, `manual` or `secrets-manager`.
        trigger: &'static str,
        /// The kind that is asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<&'static str>,
        /// The id of the rotation.
        id: &'a str,
        /// The time of the scheduled event.
        #[serde(skip_serializing_if = "Option::is_none")]
        time: Option<Detail<'a>>,
        /// The step of Secrets Manager's rotation.
        #[serde(skip_serializing_if = "Option::is_none")]
        secrets_manager_step: Option<&'static str>,
        /// The comment of the person who asks for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        comment: Option<&'a str>,
    },
    /// The rotator has done a step.
    RotationStep(Step<'a>),
    /// An operator should look at this, although nothing failed.
    RotationWarning {
        /// The step that found it.
        step: &'a str,
        /// The version of the secret that it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<&'a str>,
        /// What it is.
        detail: Detail<'a>,
    },
    /// A version of the signing secret has become current.
    KeysRotated {
        /// `planned` or `emergency`.
        kind: &'static str,
        /// Its id.
        version: &'a str,
        /// The id of its rotation.
        id: &'a str,
        /// The version from which it was planned.
        planned_from: &'a str,
        /// The keys that it does not have any more.
        dropped: Detail<'a>,
    },
    /// The rotator has done what it was asked for.
    RotationDone(RotationEnd<'a>),
    /// The rotator stopped before it had done what it was asked for.
    RotationFailed {
        /// Why, and what was done before.
        detail: Detail<'a>,
        /// How far it came.
        #[serde(flatten)]
        end: RotationEnd<'a>,
    },
    /// A function stopped at its start.
    FunctionNotStarted {
        /// Why.
        detail: Detail<'a>,
        /// The version of the program.
        version: &'static str,
    },
    /// A function has started.
    FunctionStarted {
        /// The version of the program.
        version: &'static str,
    },
    /// A function stopped because Lambda's Runtime API did not answer as it must.
    FunctionStopped {
        /// Why.
        detail: Detail<'a>,
    },
    /// Lines of a function's log cannot be written, from this moment on. This one goes to another place.
    LogNotWritten {
        /// Why.
        detail: Detail<'a>,
    },
    /// An emulated function failed: it did not answer, or ended.
    FunctionFailed {
        /// How.
        detail: Detail<'a>,
    },
    /// `countersign local` has rotated the keys of its file.
    KeyFileRotated {
        /// The `kid` of the new key.
        new_key: &'a str,
    },
    /// `countersign local` could not rotate the keys of its file.
    KeyFileNotRotated {
        /// Why.
        detail: Detail<'a>,
    },
    /// The emulated CloudFront answered a request by itself.
    RequestAnsweredByCloudfront {
        /// Why.
        reason: &'static str,
        /// The same in a sentence.
        detail: Detail<'a>,
        /// The status of the answer.
        status: u16,
        /// The method of the request.
        method: &'a str,
    },
    /// The emulated API Gateway answered a request by itself.
    RequestRefusedByGateway {
        /// Why.
        reason: &'static str,
        /// The same in a sentence.
        detail: Detail<'a>,
        /// The status of the answer.
        status: u16,
        /// The method of the request.
        method: &'a str,
        /// The `Host` that the API accepts.
        #[serde(skip_serializing_if = "Option::is_none")]
        accepted_host: Option<&'a str>,
    },
}

/// A request that the edge could not sign.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct UnsignedRequest<'a> {
    /// Why it could not be signed.
    pub reason: &'static str,
    /// The same in a sentence.
    pub detail: Detail<'a>,
    /// The status of the answer: in monitor mode, the status with which enforce mode would answer.
    pub status: u16,
    /// CloudFront's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_amz_cf_id: Option<&'a str>,
}

/// What the edge found or changed in a request.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EdgeRemark<'a> {
    /// What it is, and what to do.
    pub detail: Detail<'a>,
    /// CloudFront's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_amz_cf_id: Option<&'a str>,
}

/// A request that the authorizer did not admit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RefusedRequest<'a> {
    /// The first rule that does not hold.
    pub reason: &'static str,
    /// The same in a sentence.
    pub detail: Detail<'a>,
    /// How many seconds ago the keys were read, if the request came as far as the keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_set_age: Option<u64>,
    /// Its method.
    pub method: &'a str,
    /// The resource of a REST API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'a str>,
    /// The route of an HTTP API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_key: Option<&'a str>,
    /// API Gateway's id of it.
    pub request_id: &'a str,
    /// CloudFront's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_amz_cf_id: Option<&'a str>,
    /// The address from which the gateway got it.
    pub gateway_source_ip: &'a str,
}

/// A request that the check after the signature refused: that of its token, or the authorizer that is called next.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SecondCheckRefusal<'a> {
    /// The request, and why it was refused.
    #[serde(flatten)]
    pub request: RefusedRequest<'a>,
    /// If the answer is the error `Unauthorized`, with which API Gateway answers 401. Lambda counts it as a failed invocation.
    pub unauthorized: bool,
}

/// A step of a rotation.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the rotator's report")]
pub enum Step<'a> {
    /// The secret's versions were read.
    Read {
        current: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pending: Option<&'a str>,
    },
    /// A new set of keys was planned.
    Plan { kind: &'static str, planned_from: &'a str, new_key: &'a str, signs_from: u64 },
    /// The new set was stored, or its id was taken already.
    Put { version: &'a str, outcome: &'static str },
    /// The new set was tested as it is stored.
    Rehearse { version: &'a str, keys: usize },
    /// AWSPENDING was taken off a version.
    TakeOff { version: &'a str, detail: Detail<'a> },
    /// A promotion came too late: another version is current.
    Overtaken { version: &'a str, planned_from: &'a str },
    /// The Regions were asked which version they return.
    ReadBack { regions: usize, in_step: bool },
    /// Secrets Manager's test step found the present keys.
    Test { version: &'a str, outcome: &'static str },
    /// The stack's status was read.
    DescribeStack { stack: &'a str, status: &'a str },
    /// The stack was updated, or did not need to be.
    UpdateStack { stack: &'a str, stack_timestamp: &'a str, outcome: &'static str },
    /// One of the first three steps of Secrets Manager's rotation is done.
    End(RotationEnd<'a>),
}

/// The end of an invocation of the rotator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RotationEnd<'a> {
    /// The worst kind of the versions that became current.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// How long it took.
    pub duration_ms: u64,
    /// Lambda's id of the invocation.
    pub request_id: &'a str,
    /// The whole report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<&'a RawValue>,
}

/// A text that is made when it is written.
#[derive(Clone, Copy)]
pub struct Detail<'a>(pub &'a dyn fmt::Display);

impl fmt::Debug for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", format_args!("{}", self.0))
    }
}

impl Serialize for Detail<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// How much an event needs somebody's attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// None.
    Info,
    /// Some, if it is not expected.
    Warn,
    /// Soon.
    Error,
}

impl Level {
    /// Its name in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl Event<'_> {
    /// How much it needs somebody's attention.
    pub const fn level(&self) -> Level {
        match self {
            Self::RequestAdmitted { .. }
            | Self::KeysRead { .. }
            | Self::IssuerKeysRead { .. }
            | Self::BodyTruncated(_)
            | Self::RotationBegun { .. }
            | Self::RotationStep(_)
            | Self::KeysRotated { .. }
            | Self::RotationDone(_)
            | Self::FunctionStarted { .. }
            | Self::KeyFileRotated { .. }
            | Self::RequestAnsweredByCloudfront { .. }
            | Self::RequestRefusedByGateway { .. } => Level::Info,
            Self::RequestRefused(_)
            | Self::RequestWouldBeRefused(_)
            | Self::RequestRefusedByToken(_)
            | Self::RequestRefusedByNextAuthorizer(_)
            | Self::RequestWouldBeRefusedByToken(_)
            | Self::RequestWouldBeRefusedByNextAuthorizer(_)
            | Self::RefreshFailed { .. }
            | Self::RequestAnsweredAtEdge(_)
            | Self::RequestForwardedUnsigned(_)
            | Self::MethodOverrideRemoved(_)
            | Self::ViewerDigestRemoved(_)
            | Self::BodyNotSeen(_)
            | Self::WrongTrigger(_)
            | Self::RotationWarning { .. } => Level::Warn,
            Self::RequestUndecided(_)
            | Self::EventUnreadable { .. }
            | Self::RotationFailed { .. }
            | Self::FunctionNotStarted { .. }
            | Self::FunctionStopped { .. }
            | Self::LogNotWritten { .. }
            | Self::FunctionFailed { .. }
            | Self::KeyFileNotRotated { .. } => Level::Error,
        }
    }

    /// Its metrics.
    pub(crate) fn measurements(&self) -> [Option<Measurement>; 3] {
        let age = |age: Option<u64>| age.map(|age| Measurement::of(&metric::KEY_SET_AGE, age));
        let mode = |monitor: bool| Some(Measurement::of(&metric::MONITOR_MODE, monitor.into()));
        let counted = |counted, reason| Measurement::by(counted, 1, DimensionValue::Word(reason));
        let refused_by = |metric, SecondCheckRefusal { request, unauthorized }| {
            let unauthorized = unauthorized.then(|| Measurement::of(&metric::UNAUTHORIZED, 1));
            [Some(counted(metric, request.reason)), age(request.key_set_age), unauthorized]
        };
        let would_be_refused_by = |metric, request: RefusedRequest<'_>| {
            [Some(counted(metric, request.reason)), age(request.key_set_age), None]
        };
        match *self {
            Self::RequestAdmitted { key_set_age, .. } => {
                [Some(Measurement::of(&metric::ALLOWED, 1)), age(key_set_age), None]
            }
            Self::RequestRefused(request) => {
                [Some(counted(&metric::REFUSED, request.reason)), age(request.key_set_age), mode(false)]
            }
            Self::RequestWouldBeRefused(request) => {
                [Some(counted(&metric::WOULD_REFUSE, request.reason)), age(request.key_set_age), mode(true)]
            }
            Self::RequestRefusedByToken(refusal) => refused_by(&metric::TOKEN_REFUSED, refusal),
            Self::RequestRefusedByNextAuthorizer(refusal) => refused_by(&metric::NEXT_REFUSED, refusal),
            Self::RequestWouldBeRefusedByToken(request) => would_be_refused_by(&metric::TOKEN_WOULD_REFUSE, request),
            Self::RequestWouldBeRefusedByNextAuthorizer(request) => {
                would_be_refused_by(&metric::NEXT_WOULD_REFUSE, request)
            }
            Self::RequestUndecided(request) => {
                [Some(Measurement::of(&metric::UNAVAILABLE, 1)), age(request.key_set_age), None]
            }
            Self::KeysRead { secret_age, monitor_mode } => {
                [secret_age.map(|age| Measurement::of(&metric::SECRET_AGE, age)), mode(monitor_mode), None]
            }
            Self::RefreshFailed { key_set_age, .. } => {
                [Some(Measurement::of(&metric::REFRESH_FAILED, 1)), age(key_set_age), None]
            }
            Self::RequestAnsweredAtEdge(request) => {
                [Some(Measurement::by(&metric::EDGE_ANSWERED, 1, DimensionValue::Status(request.status))), None, None]
            }
            Self::RequestForwardedUnsigned(request) => [
                Some(Measurement::by(&metric::EDGE_WOULD_ANSWER, 1, DimensionValue::Status(request.status))),
                None,
                None,
            ],
            Self::MethodOverrideRemoved(_) => [Some(Measurement::of(&metric::METHOD_OVERRIDE_REMOVED, 1)), None, None],
            Self::KeysRotated { kind, .. } => [Some(counted(&metric::KEYS_ROTATED, kind)), None, None],
            Self::RotationDone(end) => [
                Some(counted(&metric::ROTATION, "done")),
                Some(Measurement::of(&metric::ROTATION_DURATION, end.duration_ms)),
                None,
            ],
            Self::RotationFailed { end, .. } => [
                Some(counted(&metric::ROTATION, "failed")),
                Some(Measurement::of(&metric::ROTATION_DURATION, end.duration_ms)),
                None,
            ],
            Self::EventUnreadable { .. }
            | Self::IssuerKeysRead { .. }
            | Self::ViewerDigestRemoved(_)
            | Self::BodyNotSeen(_)
            | Self::BodyTruncated(_)
            | Self::WrongTrigger(_)
            | Self::RotationBegun { .. }
            | Self::RotationStep(_)
            | Self::RotationWarning { .. }
            | Self::FunctionStarted { .. }
            | Self::FunctionNotStarted { .. }
            | Self::FunctionStopped { .. }
            | Self::LogNotWritten { .. }
            | Self::FunctionFailed { .. }
            | Self::KeyFileRotated { .. }
            | Self::KeyFileNotRotated { .. }
            | Self::RequestAnsweredByCloudfront { .. }
            | Self::RequestRefusedByGateway { .. } => [None, None, None],
        }
    }
}
