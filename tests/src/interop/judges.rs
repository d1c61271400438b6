//! The other libraries, and the requests that they judge.

pub(crate) mod python;
pub(crate) mod request;
pub(crate) mod rows;
pub(crate) mod rust;
