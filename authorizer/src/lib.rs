//! The authorizer: it takes an API Gateway authorizer event and returns an answer that allows only requests that the
//! edge has signed.
//!
//! A program needs only [`Authorizer`]. An allow is made only from an [`Admissible`], for which a signature must be
//! [`Verified`](signing::Verified), or in monitor mode from an [`Unverified`]. Its name, the log and the answer show
//! that. Both also need a [`Followed`]: the request has passed what [follows](Then) the signature.

mod config;
mod delegate;
mod event;
mod failure;
mod jwt;
mod mode;
mod origin_header;
mod response;
mod service;
mod then;

pub use config::AuthorizerConfig;
pub use delegate::{AnswerTooLarge, Delegate, DelegateConfig, DelegateFailure, Delegated};
pub use event::{Answer, Event, EventError, Kind, ResponseFormat};
pub use failure::{Failure, Unavailable, Unverified};
pub use jwt::{IssuerUnavailable, JwtCheck, JwtConfig, JwtContext, JwtFailure, Scope, ScopeError, TokenRefusal};
pub use mode::Mode;
pub use origin_header::{
    Admissible, OriginHeader,
    refusal::{Name, OriginHeaderRefusal},
};
pub use response::{Admission, Response, admit, admit_unverified, refuse, refuse_as};
pub use service::{Authorizer, AuthorizerError};
pub use then::{Followed, Standing, Stopped, Then, ThenConfig, Undecided, Verdict};
