//! What the tests of rotations share.

pub(crate) mod demand;
pub(crate) mod invariant;
pub(crate) mod rotator;
pub(crate) mod trigger;
pub(crate) mod world;
