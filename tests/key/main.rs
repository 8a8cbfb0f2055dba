//! Keys: as bytes, as text, and in a ring that a verifier looks into.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

#[path = "../token/data.rs"]
mod data;
#[path = "../token/kit.rs"]
mod kit;

mod ring;
mod text;
