//! Sessions on NATS JetStream: a bucket of key and value that every server has a copy of. Reads are local; a write names the revision that it is over,
//! and the server takes it only if that is still the present one.
//!
//! ```text
//! s.tag.selector    a session, a pointer to what it was rotated into, or that it has ended
//! e.tag             the epoch of a user, and the session that was kept when it began
//! h                 heartbeats: a server that hears its own knows that its feed runs
//! ```
//!
//! A revocation is one write, that of the epoch: sessions of another epoch are over wherever it has been heard. A rotation is one batch. Deadlines are
//! compared with the caller's time; what is past its absolute one leaves the bucket by itself.

mod access;
mod bucket;
mod epoch;
mod error;
mod known;
mod lineage;
mod message;
mod replica;
mod server;

use super::credential::{Handle, UserTag};
use super::store::{Capabilities, Content, Created, Durability, Entry, Epoch, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use access::{Access, life_of};
use bucket::Bucket;
use core::fmt;
use core::time::Duration;
pub use error::{NatsCheckError, NatsError};
use replica::Replica;
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a request waits for what its client has seen elsewhere.
const MOMENT: Duration = Duration::from_millis(200);

/// The shortest staleness.
const SHORTEST: Duration = Duration::from_millis(100);

/// How the store speaks to its servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsOptions {
    /// The bucket: 1 to 32 letters, digits, `-` and `_`. Several applications on the same servers each have one of their own, and then share neither
    /// sessions, whatever their users are called, nor room.
    pub bucket: String,
    /// Bytes that sessions may take in the bucket, when it is made; every server of the application keeps about as much in memory. Sessions of nobody
    /// may take half of it, those of users all that these leave: what is over that is refused with [`StoreError::Full`]. From three quarters on,
    /// a user of whom there is more than a sixty-fourth of it is refused. Half as much again is kept for what says that a session has ended.
    pub max_bytes: i64,
    /// How many servers of NATS keep the bucket, when it is made: 1, 3 or 5. Of three one may fail and of five two; a write waits for most of them.
    pub replicas: usize,
    /// How long a call may take in all: then it is [`StoreError::Unavailable`].
    pub answer: Duration,
    /// How far behind the feed may be before this copy is not believed any more: then reads go to the bucket itself, and where that does not
    /// answer they fail. A session that was ended elsewhere may be read here for so long, if the network is cut at that very moment; and for
    /// another moment when a leader that was cut off is back and has not heard yet that another one leads.
    pub staleness: Duration,
}

impl Default for NatsOptions {
    /// The bucket `countersign`, 256 MiB on one server, one second for an answer, two for the feed.
    fn default() -> Self {
        let (answer, staleness) = (Duration::from_secs(1), Duration::from_secs(2));
        Self { bucket: "countersign".into(), max_bytes: 256 << 20, replicas: 1, answer, staleness }
    }
}

/// A store on NATS JetStream (nats-server 2.12 or newer; an older one is refused), replicated to every server of the application.
///
/// A read of what this server has heard of costs no round trip. What it has not heard of is looked up in the bucket, and so is everything while
/// the feed is behind. A write is answered once the bucket has it, on most of its servers if there are several, and once this server has heard of it;
/// NATS syncs its files every two minutes unless it is told to sync before it answers (`sync_interval: always`, as in `examples/cluster/nats.conf`):
/// without that, a loss of power everywhere at once may undo the last writes, logouts too.
///
/// A session that has ended leaves a marker of two hundred bytes for ten times [`NatsOptions::staleness`]. One that was rotated leaves a pointer, so that
/// ending it ends what it has become; that leaves with it.
///
/// ```no_run
/// use countersign::session::{NatsOptions, NatsStore};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let store = NatsStore::connect(["nats://10.0.0.1:4222"], NatsOptions::default()).await?;
/// # Ok::<(), countersign::session::NatsError>(())
/// # }).unwrap();
/// ```
pub struct NatsStore {
    access: Access,
    tasks: Vec<JoinHandle<()>>,
}

impl NatsStore {
    /// Opens the bucket, or makes it, and waits until all of it has been heard. `nats://user:password@host:port` signs in (`%40` for an
    /// `@` in the password, RFC 3986 section 2.1), `tls://host:port` asks for TLS, by the roots that the system trusts.
    ///
    /// # Errors
    /// [`NatsError`]
    pub async fn connect<'u>(urls: impl IntoIterator<Item = &'u str>, options: NatsOptions) -> Result<Self, NatsError> {
        server::has_a_name(&options)?;
        let urls = urls.into_iter().map(String::from).collect();
        let client = server::client_of(urls, &options).await?;
        Self::with_client(client, options).await
    }

    /// The same with a client of your own, for what an address does not say: credentials in a file, a key, roots of your own.
    ///
    /// # Errors
    /// [`NatsError`]
    pub async fn with_client(client: async_nats::Client, options: NatsOptions) -> Result<Self, NatsError> {
        if options.staleness < SHORTEST {
            return Err(NatsError::of(&format!(
                "staleness is at least {SHORTEST:?}, so that a heartbeat can come back"
            )));
        }
        server::has_a_name(&options)?;
        let bucket = Bucket::open(client, &options).await?;
        let replica = Arc::new(Replica::new(options.staleness, life_of(&options)));
        let listening = tokio::spawn(replica::listen(bucket.clone(), Arc::clone(&replica)));
        let beating = tokio::spawn(replica::beat(bucket.clone(), Arc::clone(&replica)));
        let (turns, proven_at) = ([(); 64].map(|()| Mutex::default()), Mutex::default());
        let access = Access { bucket, replica, options, turns, proven_at };
        let store = Self { access, tasks: Vec::from([listening, beating]) };
        if !store.access.replica.has_heard_all(&store.access.bucket).await {
            let why = store.access.replica.beat(&store.access.bucket).await.err().map(NatsCheckError::of_write);
            return Err(why.map_or_else(|| NatsError::of(&"its feed says nothing"), |why| NatsError::of(&why)));
        }
        Ok(store)
    }

    /// True while the feed runs, and reads are local.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.access.replica.is_fresh()
    }

    /// Asks the bucket whether it can be used, reads and writes, for up to twice [`NatsOptions::answer`]: for the log or a page of health of
    /// whoever runs it, as every call is a mere [`StoreError::Unavailable`] when it cannot.
    ///
    /// ```no_run
    /// # async fn health(store: &countersign::session::NatsStore) -> (u16, String) {
    /// match store.check().await {
    ///     Ok(()) => (200, "ok".to_owned()),
    ///     Err(error) => (503, error.to_string()), // NATS cannot be used: none of its servers can be reached
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NatsCheckError`]
    pub async fn check(&self) -> Result<(), NatsCheckError> {
        let Access { bucket, replica, options, .. } = &self.access;
        bucket.check(options).await?;
        replica.beat(bucket).await.map(drop).map_err(NatsCheckError::of_write)
    }

    /// Waits until this copy has heard of everything that was written before the call, wherever.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if that takes longer than an answer may.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        // A message of its own, behind all others: what is heard in order has heard those, too.
        let Access { bucket, replica, .. } = &self.access;
        let catching_up = async {
            let behind = replica.beat(bucket).await?;
            replica.has_heard(behind).await;
            if replica.is_fresh() { Ok(()) } else { Err(StoreError::Unavailable) }
        };
        self.access.in_time(catching_up).await
    }
}

impl SessionStore for NatsStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        self.access.in_time(self.access.make(handle, content, now)).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        self.access.in_time(self.access.load(handle, now)).await
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        self.access.in_time(self.access.swap(handle, version, content, false, now)).await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let touch = |entry: &Entry| {
            let touched = entry.touched(idle);
            Ok::<_, ()>((touched.content.deadlines != entry.content.deadlines).then_some(touched))
        };
        let touching = self.access.change_live(handle, now, touch);
        Ok(self.access.in_time(touching).await?.is_some())
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.access.in_time(self.access.end(handle, now)).await
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let access = &self.access;
        if old == new {
            return access.in_time(access.swap(old, version, content, true, now)).await;
        }
        access.in_time(access.rotate(old, version, new, content, now)).await
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        self.access.in_time(self.access.pointer(handle, now)).await
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        // A list is as good as this copy.
        let list = self.access.replica.believed(|known| known.list(tag, after, limit, now));
        list.ok_or(StoreError::Unavailable)
    }

    async fn revoke_user(
        &self,
        tag: UserTag,
        except: Option<Handle>,
        _keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<Epoch, StoreError> {
        let except = except.filter(|except| except.tag() == tag);
        // From here on all others are over; sweeping tidies up.
        Ok(self.access.in_time(self.access.begin_epoch(tag, except, now)).await?.epoch)
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        Ok(self.access.in_time(self.access.epoch(tag)).await?.1.epoch)
    }

    /// Removes what is over from the bucket and from this copy. Every server of the application has to call it, for the sake of its own memory; what
    /// nobody sweeps leaves the bucket some minutes after its absolute deadline.
    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.access.sweep(now, limit).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            is_shared: true,
            expires_by_itself: false,
            durability: Durability::Accepted,
        }
    }

    fn position(&self) -> Option<u64> {
        self.access.replica.position()
    }

    /// For a moment: then the answer is what this server knows, which is as old as the bound allows. A position of another bucket is never
    /// reached, and must lock nobody out.
    async fn reach(&self, position: u64) -> Result<bool, StoreError> {
        let Access { bucket, replica, options, .. } = &self.access;
        let moment = MOMENT.min(options.answer);
        if timeout(moment, replica.has_heard(position)).await.is_ok() {
            return Ok(true);
        }
        // Only the bucket knows whether this server is behind, or the position is of none that there is.
        Ok(!matches!(timeout(moment, bucket.last()).await, Ok(Ok(last)) if last < position))
    }
}

/// Ends what listens and beats.
impl Drop for NatsStore {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl fmt::Debug for NatsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsStore").field("options", &self.access.options).finish_non_exhaustive()
    }
}
