//! Calls of the servers that have the sessions, wherever they are.

mod connected;
mod link;
mod memory_usage;
mod sentinels;
mod server;
mod single_flight;
mod topology;

pub(super) use server::{Answer, Call, Server};
pub(super) use topology::Topology;
