//! Calls of Redis: one server, the primary of sentinels, or a cluster.

mod connected;
mod link;
mod memory_usage;
mod sentinels;
mod server;
mod single_flight;
mod topology;

pub(super) use server::{Answer, Call, Server};
pub(super) use topology::Topology;
