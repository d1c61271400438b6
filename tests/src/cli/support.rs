//! What the tests of `countersign` share.

pub(crate) mod countersign;
pub(crate) mod golden;
pub(crate) mod on_aws;
