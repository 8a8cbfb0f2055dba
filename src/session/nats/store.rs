//! The store on NATS: its opening and its health.

use super::access::Access;
use super::bucket::Bucket;
use super::options::NatsOptions;
use super::server;
use crate::session::store::{StoreError, StoreErrorKind, StoreOpenError};
use core::fmt;
use std::sync::Arc;
use tokio::task::JoinSet;

/// A store on NATS JetStream, with a copy of all sessions on every server of the application. It needs nats-server 2.12
/// or newer and refuses older ones.
///
/// A read of a session in the local copy costs no round trip. A session that the copy lacks is read from the bucket,
/// and so are all sessions while the feed is behind. A write returns once the bucket has it, on a majority of its
/// servers if there are several, and once the local copy has received it.
///
/// By default NATS syncs its files every two minutes, so that a power failure of all servers at once may undo the last
/// writes, logouts included. With `sync_interval: always`, as in `examples/cluster/nats.conf`, NATS syncs before it
/// answers.
///
/// A session that has ended leaves a marker of 200 bytes for ten times [`NatsOptions::max_staleness`], but at least 5 s
/// and at most an hour. A rotated session leaves a pointer, so that ending the old session ends the new one; the
/// pointer is removed with the new session.
///
/// ```no_run
/// use countersign::session::nats::{NatsOptions, NatsStore};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let store = NatsStore::connect(["nats://10.0.0.1:4222"], NatsOptions::default()).await?;
/// # Ok::<(), countersign::session::store::StoreOpenError>(())
/// # }).unwrap();
/// ```
pub struct NatsStore {
    pub(super) access: Arc<Access>,
    /// What listens and beats; it ends with this.
    _tasks: JoinSet<()>,
}

impl NatsStore {
    /// Opens or creates the bucket and waits until the local copy has received all of it.
    ///
    /// `nats://user:password@host:port` signs in; percent-encode the password (`%40` for an `@`, RFC 3986 section 2.1).
    /// `tls://host:port` requires TLS, with the root certificates of the system.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address, an
    /// option, the version of NATS or the bucket is wrong, and of the kind
    /// [`Connect`](crate::session::store::StoreOpenErrorKind::Connect) if NATS does not answer.
    pub async fn connect<'u>(
        urls: impl IntoIterator<Item = &'u str>,
        options: NatsOptions,
    ) -> Result<Self, StoreOpenError> {
        server::can_be_met(&options)?;
        let client = server::client_of(urls.into_iter().collect(), &options).await?;
        Self::with_client(client, options).await
    }

    /// Opens or creates the bucket with a client of the application: for credentials in a file, a key, or other root
    /// certificates.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an option, the
    /// version of NATS or the bucket is wrong, and of the kind
    /// [`Connect`](crate::session::store::StoreOpenErrorKind::Connect) if NATS does not answer.
    pub async fn with_client(client: async_nats::Client, options: NatsOptions) -> Result<Self, StoreOpenError> {
        server::can_be_met(&options)?;
        let access = Arc::new(Access::new(Bucket::open(client, &options).await?, options));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&access).listen());
        tasks.spawn(Arc::clone(&access).send_beats());
        let store = Self { access, _tasks: tasks };
        if !store.access.has_heard_all().await {
            store.can_write().await?;
            return Err(server::connect("its feed says nothing"));
        }
        Ok(store)
    }

    /// Returns true while the feed runs and reads are local.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.access.is_fresh()
    }

    /// Checks that the bucket can be read and written, in up to twice [`NatsOptions::response_timeout`].
    ///
    /// Use it for a log or a health page: other calls report only
    /// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable).
    ///
    /// ```no_run
    /// # use std::error::Error;
    /// # async fn health(store: &countersign::session::nats::NatsStore) -> (u16, String) {
    /// match store.check().await {
    ///     Ok(()) => (200, "ok".to_owned()),
    ///     // "the session store on NATS cannot be used: none of its servers can be reached"
    ///     Err(error) => (503, error.source().map(ToString::to_string).unwrap_or_default()),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] if the bucket is unusable, with the reason as its source.
    pub async fn check(&self) -> Result<(), StoreError> {
        let has_bucket = self.access.bucket.check(&self.access.options).await;
        has_bucket.map_err(|error| StoreError::unavailable().with_source(error))?;
        self.can_write().await.map_err(|error| StoreError::unavailable().with_source(error))
    }

    async fn can_write(&self) -> Result<(), StoreOpenError> {
        let beaten = self.access.beat().await;
        beaten.map(drop).map_err(|error| {
            server::connect(match error.kind() {
                StoreErrorKind::Full => "the bucket is full to the brim, and takes no writes",
                _ => "the bucket takes no writes: do most of its servers run?",
            })
        })
    }

    /// Waits until the local copy has received every write that any server made before the call.
    ///
    /// # Errors
    /// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable) if that takes longer than
    /// [`NatsOptions::response_timeout`].
    pub async fn sync(&self) -> Result<(), StoreError> {
        // A message of its own, behind all others: what is heard in order has heard those, too.
        self.access.in_time(self.access.hear_beat()).await?;
        if self.is_fresh() { Ok(()) } else { Err(StoreError::unavailable()) }
    }
}

impl fmt::Debug for NatsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsStore").field("options", &self.access.options).finish_non_exhaustive()
    }
}
