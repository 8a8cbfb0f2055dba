//! Calls of the servers that have the sessions, wherever they are.

mod connected;
mod errand;
mod fill;
mod link;
mod sentinels;
mod server;
mod servers;

pub(super) use server::{Answer, Call, Server};
pub(super) use servers::Servers;
