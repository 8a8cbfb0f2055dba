//! Options of the store on NATS.

use core::time::Duration;
use std::string::String;

/// Options of a [`NatsStore`](super::NatsStore).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsOptions {
    /// The name of the bucket: 1 to 32 letters, digits, `-` and `_`.
    ///
    /// Give each application on the same servers a bucket of its own: applications then share neither sessions nor
    /// space, even if their user ids are equal.
    pub bucket: String,
    /// The bytes that sessions may take in the bucket, used when the store creates it. Every server of the application
    /// keeps about as much in memory.
    ///
    /// Anonymous sessions may take half of it, and signed-in sessions all the rest. A write beyond that fails with
    /// [`Full`](crate::session::store::StoreErrorKind::Full). From three quarters on, the store also refuses users who
    /// take more than a sixty-fourth of it. The bucket is half as large again, for the markers of ended sessions.
    pub max_bytes: i64,
    /// The number of NATS servers that keep the bucket, used when the store creates it: 1, 3 or 5. Of three servers one
    /// may fail, of five two. A write waits for a majority of them.
    pub stream_replicas: usize,
    /// The longest time of a call in all. After it, the error is
    /// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable).
    pub response_timeout: Duration,
    /// The longest time that the feed may be behind before reads go to the bucket instead of the local copy, at least
    /// 100 ms. If the bucket does not answer either, reads fail.
    ///
    /// A session that another server has ended may be read here for this time, if the network is cut at that moment. It
    /// may be read a little longer if a former leader of the bucket returns and does not yet know of the new one.
    pub max_staleness: Duration,
}

impl Default for NatsOptions {
    /// Returns the bucket `countersign` of 256 MiB on one NATS server, with 1 s for a call and 2 s for the feed.
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
