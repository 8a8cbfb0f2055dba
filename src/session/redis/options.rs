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
    /// The prefix of all keys, in front of a colon: 1 to 32 letters, digits, `-` and `_`.
    ///
    /// Give each application on a server a prefix of its own, so that none reads or ends the sessions of another. They
    /// still share the memory of the server. A new prefix loses the present sessions.
    pub prefix: String,
    /// The longest time to make a connection.
    pub connect_timeout: Duration,
    /// The longest time of a call, with all its queries. After it, the error is
    /// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable).
    pub response_timeout: Duration,
    /// The largest number of concurrent calls. Further calls fail at once instead of queueing for a slow server. Calls
    /// that wait for replicas have a limit of their own, of the same size.
    pub max_in_flight: usize,
    /// The number of replicas that must confirm a revocation or the end of a session before the call returns, within
    /// the rest of `response_timeout`.
    ///
    /// If fewer confirm it, the error is [`NotReplicated`](crate::session::store::StoreErrorKind::NotReplicated). The
    /// session has then ended on the primary: a missing replica costs the guarantee, not the logout.
    ///
    /// With 0 a failover may undo an acknowledged logout. To exclude that, use the number of all replicas that may
    /// become the primary. A sign-in does not wait for replicas, because its old cookie opens no session any more.
    pub min_replica_acks: u32,
    /// The time for which a primary is used after a majority of the sentinels has confirmed it, with
    /// [`sentinels`](RedisStore::sentinel) alone. The store queries the sentinels four times in this period, so that it
    /// must be longer than a query takes.
    ///
    /// If the network is cut at the moment of a logout on another server, the session may be read for this time plus
    /// `response_timeout`. After that, the error is [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable)
    /// until a majority of the sentinels answers again.
    pub max_primary_age: Duration,
}

impl Default for RedisOptions {
    /// Returns the prefix `cs`, 500 ms to connect, 250 ms for a call, 1024 concurrent calls, no replica to wait for,
    /// and a primary that is used for 5 s.
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
