//! Tokens of a real issuer.

mod issuer;
mod real_tokens;
