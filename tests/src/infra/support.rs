//! What the tests of `infra` share.

pub(crate) mod localstack;
pub(crate) mod rows;
pub(crate) mod stack;
pub(crate) mod template;
