//! Sessions: what a request does with them, and the laws of a store. Stores on servers are in `tests/cluster`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

mod races;

#[cfg(feature = "disk")]
mod laws;
mod manager;
