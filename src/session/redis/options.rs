//! How the store speaks to its servers.

#[cfg(doc)]
use super::RedisStore;
#[cfg(doc)]
use crate::session::StoreError;
use core::time::Duration;
use std::string::String;

/// How the store speaks to its servers, and what its keys begin with.
///
/// ```
/// use countersign::session::{RedisOptions, RedisStore};
///
/// let of_shop = RedisOptions { prefix: "shop".to_owned(), ..RedisOptions::default() };
/// assert!(RedisStore::single("redis://10.0.0.1", of_shop).is_ok());
/// let wrong = RedisOptions { prefix: "shop:eu".to_owned(), ..RedisOptions::default() };
/// assert!(RedisStore::single("redis://10.0.0.1", wrong).is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisOptions {
    /// What the keys of the application begin with, in front of a colon: 1 to 32 letters, digits, `-` and `_`. Several applications on one server each
    /// have one of their own, and then neither read nor end each other's sessions, whatever their users are called. The memory of the server they
    /// share. With another prefix than before, the sessions from before are not found any more.
    pub prefix: String,
    /// How long making a connection may take.
    pub connect: Duration,
    /// How long a call may take in all, with all that it asks the servers: then it is [`StoreError::Unavailable`].
    pub answer: Duration,
    /// How many calls may be under way at once; more are refused, so that they do not queue up in front of a slow server. Those that wait for
    /// replicas are counted on their own.
    pub in_flight: usize,
    /// How many replicas must have a revocation or the end of a session before it is answered, within what is left of the time of an answer; else
    /// the answer is [`StoreError::NotReplicated`]. On the primary it is over in any case: a replica that is missing costs the promise, not the
    /// logout. With 0 a failover may undo one that was answered; to be sure of every failover, name all replicas that may become the primary.
    /// Signing in is answered in any case, as the old cookie is of no use any more.
    pub replicas: u32,
    /// With [`sentinels`](RedisStore::sentinel) only: how long a primary is believed to be one, after most of the sentinels that are named have
    /// said so. They are asked four times as often. A session that was ended elsewhere may be read for so long, and the time of an answer, if the
    /// network is cut at that moment; after it, calls are [`StoreError::Unavailable`] until most sentinels answer again. Longer than it takes to ask
    /// them.
    pub staleness: Duration,
}

impl Default for RedisOptions {
    /// The prefix `cs`, 500 ms to connect, 250 ms for an answer, 1024 calls at once, no replica that is waited for, a primary that is believed for 5 s.
    fn default() -> Self {
        let (connect, answer) = (Duration::from_millis(500), Duration::from_millis(250));
        Self { prefix: "cs".into(), connect, answer, in_flight: 1024, replicas: 0, staleness: Duration::from_secs(5) }
    }
}
