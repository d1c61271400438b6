//! A function of the user, such as the authorizer that an API already has, behind Lambda's API.

pub(crate) mod function;
pub(crate) mod invoke_api;

#[cfg(test)]
mod tests;
