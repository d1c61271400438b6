//! Tokens of a real issuer.

mod ask;
mod issuer;
mod over_tls;
mod real_tokens;
