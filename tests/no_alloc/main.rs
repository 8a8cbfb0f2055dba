//! Nothing is allocated, not once. A program of its own, as its allocator counts, which takes more of the stack than tests on a small one have.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

#[cfg(feature = "serde")]
mod jwt;
mod token;
