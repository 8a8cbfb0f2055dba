//! Tokens: vectors, attacks, what holds for any token, and what shows of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

mod data;
mod kit;

mod attacks;
mod promises;
mod properties;
mod redaction;
mod vectors;
mod wire_safety;
