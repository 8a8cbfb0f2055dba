//! The store on NATS: how it begins, and whether it can be used.

use super::access::Access;
use super::bucket::Bucket;
use super::options::NatsOptions;
use super::server;
use crate::session::store::{StoreError, StoreErrorKind, StoreOpenError};
use core::fmt;
use std::sync::Arc;
use tokio::task::JoinSet;

/// A store on NATS JetStream (nats-server 2.12 or newer; an older one is refused), replicated to every server of the application.
///
/// A read of what this server has heard of costs no round trip. What it has not heard of is looked up in the bucket, and so is everything while
/// the feed is behind. A write is answered once the bucket has it, on most of its servers if there are several, and once this server has heard of it;
/// NATS syncs its files every two minutes unless it is told to sync before it answers (`sync_interval: always`, as in `examples/cluster/nats.conf`):
/// without that, a loss of power everywhere at once may undo the last writes, logouts too.
///
/// A session that has ended leaves a marker of two hundred bytes for ten times [`NatsOptions::max_staleness`]. One that was rotated leaves a pointer, so that
/// ending it ends what it has become; that leaves with it.
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
    /// Opens the bucket, or makes it, and waits until all of it has been heard. `nats://user:password@host:port` signs in (`%40` for an
    /// `@` in the password, RFC 3986 section 2.1), `tls://host:port` asks for TLS, by the roots that the system trusts.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address, an option, the version of the server or the
    /// bucket is wrong, and of the kind [`Connect`](crate::session::store::StoreOpenErrorKind::Connect) if the servers do not answer.
    pub async fn connect<'u>(
        urls: impl IntoIterator<Item = &'u str>,
        options: NatsOptions,
    ) -> Result<Self, StoreOpenError> {
        server::can_be_met(&options)?;
        let client = server::client_of(urls.into_iter().collect(), &options).await?;
        Self::with_client(client, options).await
    }

    /// The same with a client of your own, for what an address does not say: credentials in a file, a key, roots of your own.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address, an option, the version of the server or the
    /// bucket is wrong, and of the kind [`Connect`](crate::session::store::StoreOpenErrorKind::Connect) if the servers do not answer.
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

    /// True while the feed runs, and reads are local.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.access.is_fresh()
    }

    /// Asks the bucket whether it can be used, reads and writes, for up to twice [`NatsOptions::response_timeout`]: for the log or a page of health of
    /// whoever runs it, as every call is a mere [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable) when it cannot.
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
    /// [`StoreError`] with what is wrong as its source.
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

    /// Waits until this copy has heard of everything that was written before the call, wherever.
    ///
    /// # Errors
    /// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable) if that takes longer than an answer may.
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
