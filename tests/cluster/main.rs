//! Sessions on real servers of Redis and NATS, behind real balancers, in networks that break; and the kit that starts and kills all of these.
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
#[path = "../session/races.rs"]
mod races;

mod applications;
mod kit_self;
mod load;
mod nats;
mod power;
mod redis;
mod sticky;
mod tls;
