//! Sessions on NATS JetStream: a bucket of key and value that every server has a copy of. Reads are local; a write names the revision that it is over,
//! and the server takes it only if that is still the present one.
//!
//! ```text
//! s.tag.selector    a session, a pointer to what it was rotated into, or that it has ended
//! e.tag             the epoch of a user
//! h                 heartbeats: a server that hears its own knows that its feed runs
//! ```
//!
//! A revocation is one write, that of the epoch: sessions of another epoch are over wherever it has been heard. With a session that goes on, it is one
//! batch of both. So is a rotation, of the new session and of the pointer to it. Deadlines are
//! compared with the caller's time; what is past its absolute one leaves the bucket by itself.

mod access;
mod bucket;
mod calls;
mod feed;
mod known;
mod message;
mod options;
mod server;
mod store;

pub use options::NatsOptions;
pub use store::NatsStore;
