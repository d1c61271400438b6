//! The faults of calls, and the calls that they match.

use crate::fake_aws::{
    call::{Refusal, Service},
    wire::Asked,
};
use std::time::Duration;

/// Something that goes wrong, once or always.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    happening: Happening,
    /// The calls until it comes, itself included; `None` if it comes with each.
    left: Option<usize>,
    operation: Option<&'static str>,
    region: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Happening {
    /// Refused for the rate of calls, without effect.
    Throttled,
    /// An error of the server, without effect.
    ServerError,
    /// The connection ends before the effect.
    DroppedBefore,
    /// The connection ends after the effect.
    DroppedAfter,
    /// No effect and no answer, until [`crate::fake_aws::FakeAws::release`]. [`crate::fake_aws::FakeAws::reached`]
    /// waits for it.
    HeldBefore,
    /// The effect, and no answer, until [`crate::fake_aws::FakeAws::release`]. [`crate::fake_aws::FakeAws::reached`]
    /// waits for it.
    HeldAfter,
    /// The effect at once, the answer later.
    Delayed(Duration),
    /// The effect, and an answer that no client can read.
    Garbage,
    /// Refused with a message that holds the whole body of the request, so that a client that logs the message logs the key.
    Echo,
}

impl Fault {
    /// It comes with the n-th call from now on that it matches, and never again.
    pub(crate) fn at(call: usize, happening: Happening) -> Self {
        assert!(call > 0, "the first call is 1");
        Self { happening, left: Some(call), operation: None, region: None }
    }

    /// It comes with each call that it matches.
    pub(crate) fn always(happening: Happening) -> Self {
        Self { happening, left: None, operation: None, region: None }
    }

    /// It matches calls of this operation only.
    pub(crate) fn of(self, operation: &'static str) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// It matches calls in this Region only.
    pub(crate) fn within(self, region: &'static str) -> Self {
        Self { region: Some(region), ..self }
    }

    /// Sees a call: what happens to it by this fault, and whether the fault is there any longer.
    pub(crate) fn sees(&mut self, operation: &str, region: &str) -> (Option<Happening>, bool) {
        let of_others = self.operation.is_some_and(|only| only != operation);
        if of_others || self.region.is_some_and(|only| only != region) {
            return (None, true);
        }
        match &mut self.left {
            None => (Some(self.happening), true),
            Some(1) => (Some(self.happening), false),
            Some(left) => {
                *left -= 1;
                (None, true)
            }
        }
    }
}

impl Happening {
    /// The service's refusal without an effect; `None` if it does what was requested.
    pub(crate) fn instead_of_effect(self, asked: &Asked) -> Option<Refusal> {
        let secrets = asked.service == Service::SecretsManager;
        match self {
            Self::Throttled => {
                let code = if secrets { "ThrottlingException" } else { "Throttling" };
                Some(Refusal::new(400, code, "Rate exceeded"))
            }
            Self::ServerError | Self::DroppedBefore | Self::HeldBefore => {
                let code = if secrets { "InternalServiceError" } else { "InternalFailure" };
                Some(Refusal::new(500, code, "An error occurred on the server side."))
            }
            Self::Echo => {
                let code = if secrets { "InvalidRequestException" } else { "ValidationError" };
                Some(Refusal::new(400, code, &format!("Cannot take {}", asked.body)))
            }
            Self::DroppedAfter | Self::HeldAfter | Self::Delayed(_) | Self::Garbage => None,
        }
    }

    /// Its name in the log of calls if the service did not answer.
    pub(crate) fn instead_of_answer(self) -> Option<&'static str> {
        match self {
            Self::DroppedBefore | Self::DroppedAfter => Some("dropped"),
            Self::HeldBefore | Self::HeldAfter => Some("held"),
            Self::Garbage => Some("garbage"),
            Self::Throttled | Self::ServerError | Self::Delayed(_) | Self::Echo => None,
        }
    }

    pub(crate) fn holds(self) -> bool {
        matches!(self, Self::HeldBefore | Self::HeldAfter)
    }
}
