//! JWTs: signed, verified and refused, against vectors of others, by a policy, and as a server uses them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

mod kit;

mod hostile;
mod json;
mod keys;
mod policy;
mod vectors;

#[cfg(feature = "std")]
mod claims;
#[cfg(all(feature = "eddsa", feature = "es256", feature = "std"))]
mod public_keys;
#[cfg(feature = "std")]
mod server;
#[cfg(all(feature = "eddsa", feature = "es256", feature = "std"))]
mod third_party;
