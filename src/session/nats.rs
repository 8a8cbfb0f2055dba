//! Sessions on NATS JetStream: a bucket of keys and values, of which every server holds a copy.
//!
//! Reads are local. A write names the revision that it replaces, and NATS accepts it only if that is still the current
//! revision.
//!
//! ```text
//! s.tag.selector    a session, a pointer to what it was rotated into, or that it has ended
//! e.tag             the epoch of a user
//! h                 heartbeats: a server that hears its own knows that its feed runs
//! ```
//!
//! A revocation is one write of the epoch: every server that has received it treats sessions of another epoch as ended.
//! With an excepted session it is one batch of the epoch and the session. A rotation is one batch of the new session
//! and the pointer to it.
//!
//! Deadlines are compared with the caller's time. A session past its absolute deadline leaves the bucket by itself.

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
