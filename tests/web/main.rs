//! Both layers of a server, their guards and their options, over HTTP without a socket or with one.
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

mod diagnosis;
mod filter;
mod guards;
mod options;
mod session;
