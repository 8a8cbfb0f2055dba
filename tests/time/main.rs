//! Time: clocks that are wrong, and the window that a token is accepted in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

#[path = "../token/kit.rs"]
mod kit;

mod clock;
mod window;
