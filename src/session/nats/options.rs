//! How the store speaks to its servers.

use core::time::Duration;
use std::string::String;

/// How the store speaks to its servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsOptions {
    /// The bucket: 1 to 32 letters, digits, `-` and `_`. Several applications on the same servers each have one of their own, and then share neither
    /// sessions, whatever their users are called, nor room.
    pub bucket: String,
    /// Bytes that sessions may take in the bucket, when it is made; every server of the application keeps about as much in memory. Sessions of nobody
    /// may take half of it, those of users all that these leave: what is over that is refused with [`Full`](crate::session::store::StoreErrorKind::Full). From three quarters on,
    /// a user of whom there is more than a sixty-fourth of it is refused. Half as much again is kept for what says that a session has ended.
    pub max_bytes: i64,
    /// How many servers of NATS keep the bucket, when it is made: 1, 3 or 5. Of three one may fail and of five two; a write waits for most of them.
    pub stream_replicas: usize,
    /// How long a call may take in all: then it is [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable).
    pub response_timeout: Duration,
    /// How far behind the feed may be before this copy is not believed any more: then reads go to the bucket itself, and where that does not
    /// answer they fail. A session that was ended elsewhere may be read here for so long, if the network is cut at that very moment; and for
    /// another moment when a leader that was cut off is back and has not heard yet that another one leads.
    pub max_staleness: Duration,
}

impl Default for NatsOptions {
    /// The bucket `countersign`, 256 MiB on one server, one second for an answer, two for the feed.
    fn default() -> Self {
        Self {
            bucket: "countersign".into(),
            max_bytes: 256 << 20,
            stream_replicas: 1,
            response_timeout: Duration::from_secs(1),
            max_staleness: Duration::from_secs(2),
        }
    }
}

impl NatsOptions {
    /// How long what has ended stays in the bucket: copies that have not heard of it by then begin anew.
    pub(super) fn life(&self) -> Duration {
        self.max_staleness.saturating_mul(10).clamp(Duration::from_secs(5), Duration::from_secs(3600))
    }
}
