//! What AWS answered, as far as it is used. Each shape has the JMESPath expression that makes it, so that the values of the origin's
//! custom headers, of variables and of templates stay in the process of `aws`.

pub(crate) mod distribution;
pub(crate) mod gateway;
pub(crate) mod stack;
