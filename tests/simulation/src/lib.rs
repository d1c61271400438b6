//! A simulation of Countersign at scale: discrete events over the real caches and the real plan of a rotation.
//!
//! `key-store` decides when keys are read again and how long they are used, `signing` plans each rotation and decides which key signs
//! and which one verifies. Time is an argument of both, so they run here as they are. Simulated are the processes, their clocks and
//! requests, and AWS Secrets Manager with its copies of the secret.

#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test program: nothing here comes from a stranger, and a run that cannot go on must stop"
)]

mod chart;
mod events;
mod limits;
mod moment;
mod number;
mod process;
mod random;
mod region;
mod report;
mod rotator;
mod scenario;
mod secrets_manager;
mod signature;
mod tally;
mod world;

pub use chart::chart;
pub use limits::{FirstRefusal, Limit};
pub use moment::Moment;
pub use region::Region;
pub use report::{CopiesReport, LimitReport, RunReport};
pub use scenario::{Lives, Scenario};
pub use secrets_manager::{QUOTA, Trouble, TroubleKind};
pub use tally::{AfterRotation, Calls, Counter, Emergency, GoodRequests, Side};
pub use world::{Outcome, run};
