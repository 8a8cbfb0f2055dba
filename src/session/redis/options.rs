//! Options of the store on Redis.

#[cfg(doc)]
use super::RedisStore;
use core::time::Duration;
use std::string::String;

/// Options of a [`RedisStore`].
///
/// ```
/// use countersign::session::redis::{RedisOptions, RedisStore};
///
/// let of_shop = RedisOptions { prefix: "shop".to_owned(), ..RedisOptions::default() };
/// assert!(RedisStore::single("redis://10.0.0.1", of_shop).is_ok());
/// let wrong = RedisOptions { prefix: "shop:eu".to_owned(), ..RedisOptions::default() };
/// assert!(RedisStore::single("redis://10.0.0.1", wrong).is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisOptions {
    /// Prefix of the keys, in front of a colon: 1 to 32 letters, digits, `-` and `_`. Give each application on a server a prefix of its own: then none reads
    /// or ends the sessions of another. They share the memory of the server. A new prefix loses the present sessions.
    pub prefix: String,
    /// Longest time to make a connection.
    pub connect_timeout: Duration,
    /// Longest time of a call, with all that it asks the servers. Then the error is [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable).
    pub response_timeout: Duration,
    /// Most calls at once. More are refused, so that they do not queue up in front of a slow server. Calls that wait for replicas count apart.
    pub max_in_flight: usize,
    /// Replicas that must have a revocation or the end of a session before the call returns, within what is left of `response_timeout`. Otherwise the error is [`NotReplicated`](crate::session::store::StoreErrorKind::NotReplicated). The session has then ended on the primary: a missing replica costs the promise, not the logout.
    ///
    /// With 0 a failover may undo an acknowledged logout. To be sure of every failover, name the number of all replicas that may become the primary. A
    /// sign-in does not wait for them, as its old cookie opens nothing any more.
    pub min_replica_acks: u32,
    /// With [`sentinels`](RedisStore::sentinel) alone: time for which the primary counts after most of the named sentinels have confirmed it. The store asks
    /// them four times in it. If the network is cut at the moment of a logout elsewhere, the session may be read for this time and
    /// `response_timeout`; after it, the error is [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable) until most sentinels answer again. It must be longer than it
    /// takes to ask them.
    pub max_primary_age: Duration,
}

impl Default for RedisOptions {
    /// The prefix `cs`, 500 ms to connect, 250 ms for an answer, 1024 calls at once, no replica that is waited for, a primary that is believed for 5 s.
    fn default() -> Self {
        Self {
            prefix: "cs".into(),
            connect_timeout: Duration::from_millis(500),
            response_timeout: Duration::from_millis(250),
            max_in_flight: 1024,
            min_replica_acks: 0,
            max_primary_age: Duration::from_secs(5),
        }
    }
}
