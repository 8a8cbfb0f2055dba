//! Sessions on NATS JetStream: a bucket that every server has a copy of. Reads are local, writes go to the bucket's leader under the revision that
//! was read, so nothing is overwritten and nothing comes back.
//!
//! ```text
//! s.tag.selector    a session: kind, version, deadlines, epoch, record
//! e.tag             the epoch of a user, and the session that was kept when it began
//! h                 a heartbeat: whoever hears it knows that the feed runs
//! ```
//!
//! A revocation is one write, that of the epoch: sessions of another epoch are over wherever it has been heard. Deadlines are compared with the
//! caller's time; the server removes nothing by itself.

mod bucket;
mod replica;

use super::credential::{Handle, UserTag};
use super::names::new_version;
use super::row;
use super::store::{Capabilities, Content, Created, Durability, Entry, Epoch, Kind, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use bucket::{Bucket, Value};
use core::fmt;
use core::future::Future;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use replica::{EpochRecord, Held, Replica, epoch_key, session_key};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Writes that others were faster with, before a call gives up.
const ATTEMPTS: usize = 100;

/// Hundredths of the bucket that sessions of nobody may fill, and all sessions together: what is left is for epochs and for markers of deletion, so
/// that who cannot sign in can still be signed out.
const FOR_ANONYMOUS: u64 = 75;
const FOR_SESSIONS: u64 = 95;

/// How the store speaks to its servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsOptions {
    /// The bucket: letters, digits, `-` and `_`.
    pub bucket: String,
    /// Bytes that the bucket may take, when it is made; every server of the application keeps as much in memory. Sessions of nobody are refused
    /// with [`StoreError::Full`] when three quarters are taken, and all new ones when hardly anything is left. Counted every other second, so
    /// leave room for what comes in meanwhile.
    pub max_bytes: i64,
    /// How many servers of NATS keep the bucket, when it is made: 1, 3 or 5. Of three one may fail and of five two; a write waits for most of them.
    pub replicas: usize,
    /// How long a call may take in all: then it is [`StoreError::Unavailable`].
    pub answer: Duration,
    /// How far behind the feed may be before this copy is not believed any more: then reads go to the bucket itself, and where that does not
    /// answer they fail. A session that was ended elsewhere may be read here for so long, if the network is cut at that very moment.
    pub staleness: Duration,
    /// How long the marker of a session that was ended stays in the bucket, at least; then [`SessionStore::sweep`] removes it.
    pub markers: Duration,
}

impl Default for NatsOptions {
    /// The bucket `countersign`, 256 MiB on one server, one second for an answer, two for the feed, ten minutes for markers.
    fn default() -> Self {
        let (answer, staleness) = (Duration::from_secs(1), Duration::from_secs(2));
        Self {
            bucket: "countersign".into(),
            max_bytes: 256 << 20,
            replicas: 1,
            answer,
            staleness,
            markers: Duration::from_secs(600),
        }
    }
}

/// Why the store could not be opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsError(String);

impl fmt::Display for NatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session bucket cannot be opened: {}", self.0)
    }
}

impl core::error::Error for NatsError {}

/// A store on NATS JetStream (written for servers of 2.9 and newer, tested on 2.9), replicated to every server of the application.
///
/// A read of what this server has heard of costs no round trip. What it has not heard of is looked up in the bucket, and so is everything while
/// the feed is behind. A write is answered once the bucket has it, on most of its servers if there are several; NATS flushes to disk once in a
/// minute or two, so a loss of power on those may undo the last writes.
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
    bucket: Bucket,
    replica: Arc<Replica>,
    options: NatsOptions,
    /// The last revision that was written here.
    written: AtomicU64,
    tasks: Vec<JoinHandle<()>>,
}

impl NatsStore {
    /// Opens the bucket, or makes it, and waits until all of it has been heard. `nats://user:password@host:port` signs in, `tls://host:port` asks for
    /// TLS, by the roots that the system trusts.
    ///
    /// # Errors
    /// [`NatsError`]
    pub async fn connect<'u>(urls: impl IntoIterator<Item = &'u str>, options: NatsOptions) -> Result<Self, NatsError> {
        let urls = urls.into_iter().map(String::from).collect();
        let client = bucket::client_of(urls, &options).await?;
        Self::with_client(client, options).await
    }

    /// The same with a client of your own, for what an address does not say: credentials in a file, a key, roots of your own.
    ///
    /// # Errors
    /// [`NatsError`]
    pub async fn with_client(client: async_nats::Client, options: NatsOptions) -> Result<Self, NatsError> {
        let bucket = Bucket::open(client, &options).await?;
        let patience = options.answer.saturating_mul(10);
        let replica = Arc::new(Replica::new(options.staleness));
        let listening = tokio::spawn(replica::listen(bucket.clone(), Arc::clone(&replica)));
        let beating = tokio::spawn(replica::beat(bucket.clone(), Arc::clone(&replica)));
        let tasks = Vec::from([listening, beating]);
        let store = Self { bucket, replica, options, written: AtomicU64::new(0), tasks };
        let whole = timeout(patience, store.replica.has_heard_all());
        whole.await.map_err(|_| NatsError("its feed says nothing".into()))?;
        Ok(store)
    }

    /// True while the feed runs, and reads are local.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.replica.is_fresh()
    }

    /// Waits until this copy has heard of everything that was written before the call, wherever.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if that takes longer than an answer may.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        self.in_time(async {
            // A write of its own, behind all others: what is heard in order has heard those, too.
            let behind = self.bucket.beat().await?;
            self.replica.has_heard(behind).await;
            Ok(())
        })
        .await
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.options.answer, call).await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// The session as the bucket has it, unless something later was heard of.
    async fn look_up_session(&self, handle: Handle) -> Result<Held, StoreError> {
        let (revision, value) = self.bucket.look_up(&session_key(handle)).await?;
        let held = Held { revision, entry: value.and_then(|value| row::decode(&value)) };
        Ok(self.replica.learn_session(handle, held))
    }

    /// The session as this server knows it, or as the bucket has it where that is not enough.
    async fn session(&self, handle: Handle) -> Result<Held, StoreError> {
        let is_fresh = self.replica.is_fresh();
        match self.replica.session(handle).filter(|held| held.entry.is_some() && is_fresh) {
            Some(held) => Ok(held),
            None => {
                self.ask_all(is_fresh).await?;
                self.look_up_session(handle).await
            }
        }
    }

    /// Makes sure that the bucket still takes writes: where several servers keep it, one that is cut off from the others answers reads for a
    /// while, and knows nothing of what they have ended.
    async fn ask_all(&self, is_fresh: bool) -> Result<(), StoreError> {
        if is_fresh { Ok(()) } else { self.bucket.beat().await.map(drop) }
    }

    async fn epoch_record(&self, tag: UserTag) -> Result<EpochRecord, StoreError> {
        if self.replica.is_fresh() {
            return Ok(self.replica.epoch(tag));
        }
        self.ask_all(false).await?;
        self.look_up_epoch(tag).await.map(|(_, record)| record)
    }

    async fn look_up_epoch(&self, tag: UserTag) -> Result<(u64, EpochRecord), StoreError> {
        let (revision, value) = self.bucket.look_up(&epoch_key(tag)).await?;
        let record = value.and_then(|value| EpochRecord::decode(&value)).unwrap_or_default();
        Ok(self.replica.learn_epoch(tag, revision, record))
    }

    /// A live session of the present epoch, as whoever reads it has it.
    async fn live(&self, handle: Handle, held: Held, now: UnixTime) -> Result<Option<(u64, Entry)>, StoreError> {
        let Some(entry) = held.entry.filter(|entry| entry.is_live(now)) else { return Ok(None) };
        if entry.content.kind == Kind::Anonymous {
            return Ok(Some((held.revision, entry)));
        }
        let mut record = self.epoch_record(handle.tag()).await?;
        if record.epoch.number < entry.content.epoch {
            // It is of an epoch that this server has not heard of.
            (_, record) = self.look_up_epoch(handle.tag()).await?;
        }
        Ok(record.admits(handle, entry.content.epoch).then(|| (held.revision, record.raised(&entry))))
    }

    async fn is_of_epoch(&self, handle: Handle, content: &Content) -> Result<bool, StoreError> {
        Ok(content.kind == Kind::Anonymous || self.epoch_record(handle.tag()).await?.epoch.number == content.epoch)
    }

    /// Writes over what has this revision; false if it has another one by now.
    async fn put(&self, handle: Handle, entry: &Entry, over: u64) -> Result<bool, StoreError> {
        let revision = self.write(&session_key(handle), Value::Is(row::encode(entry)), over).await?;
        Ok(self.written(handle, revision, Some(entry.clone())))
    }

    /// Ends what has this revision; false if it has another one by now.
    async fn end(&self, handle: Handle, over: u64) -> Result<bool, StoreError> {
        let revision = self.write(&session_key(handle), Value::Deleted, over).await?;
        Ok(self.written(handle, revision, None))
    }

    fn written(&self, handle: Handle, revision: Option<u64>, entry: Option<Entry>) -> bool {
        if let Some(revision) = revision {
            self.replica.learn_session(handle, Held { revision, entry });
        }
        revision.is_some()
    }

    /// [`Bucket::write`], and notes how far this server has written.
    async fn write(&self, key: &str, value: Value, over: u64) -> Result<Option<u64>, StoreError> {
        let revision = self.bucket.write(key, value, over).await?;
        self.written.fetch_max(revision.unwrap_or(0), Ordering::Relaxed);
        Ok(revision)
    }

    /// Changes a live session under the revision that was read, again and again while others are faster. `change` says what to write, or what to
    /// answer instead.
    async fn change<T>(
        &self,
        handle: Handle,
        now: UnixTime,
        over: T,
        change: impl Fn(&Entry) -> Result<Option<Entry>, T>,
    ) -> Result<Result<Option<Entry>, T>, StoreError> {
        let mut held = self.session(handle).await?;
        for attempt in 0..ATTEMPTS {
            let was_looked_up = attempt > 0;
            match self.live(handle, held, now).await? {
                Some((revision, entry)) => match change(&entry) {
                    // What this server knows may be old: the bucket has the last word.
                    Err(_) if !was_looked_up => {}
                    Err(answer) => return Ok(Err(answer)),
                    Ok(None) => return Ok(Ok(None)),
                    Ok(Some(next)) => {
                        if self.put(handle, &next, revision).await? {
                            return Ok(Ok(Some(next)));
                        }
                    }
                },
                None if was_looked_up => return Ok(Err(over)),
                None => {}
            }
            held = self.look_up_session(handle).await?;
        }
        Err(StoreError::Unavailable)
    }

    async fn begin_epoch(
        &self,
        tag: UserTag,
        except: Option<Handle>,
        now: UnixTime,
    ) -> Result<EpochRecord, StoreError> {
        for _ in 0..ATTEMPTS {
            let (revision, before) = self.look_up_epoch(tag).await?;
            let record = before.next(except, now);
            if let Some(revision) = self.write(&epoch_key(tag), Value::Is(record.encode()), revision).await? {
                self.replica.learn_epoch(tag, revision, record);
                return Ok(record);
            }
        }
        Err(StoreError::Unavailable)
    }
}

impl SessionStore for NatsStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        self.in_time(async {
            if !self.is_of_epoch(handle, &content).await? {
                return Ok(Created::Revoked);
            }
            let may_fill = if content.kind == Kind::Anonymous { FOR_ANONYMOUS } else { FOR_SESSIONS };
            if self.replica.fill() >= may_fill {
                return Err(StoreError::Full);
            }
            let entry = Entry { version: new_version()?, content };
            if self.put(handle, &entry, 0).await? {
                return Ok(Created::Done(entry.version));
            }
            for _ in 0..ATTEMPTS {
                let held = self.look_up_session(handle).await?;
                let revision = held.revision;
                if self.live(handle, held, now).await?.is_some() {
                    return Ok(Created::Exists);
                }
                if self.put(handle, &entry, revision).await? {
                    return Ok(Created::Done(entry.version));
                }
            }
            Err(StoreError::Unavailable)
        })
        .await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        self.in_time(async {
            let held = self.session(handle).await?;
            if let Some((_, entry)) = self.live(handle, held, now).await? {
                return Ok(Some(entry));
            }
            // It may have been touched elsewhere a moment ago.
            let held = self.look_up_session(handle).await?;
            Ok(self.live(handle, held, now).await?.map(|(_, entry)| entry))
        })
        .await
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        self.in_time(async {
            let (is_of_epoch, next) = (self.is_of_epoch(handle, &content).await?, new_version()?);
            let swap = |entry: &Entry| {
                if entry.version != version || !is_of_epoch {
                    return Err(Swapped::Conflict);
                }
                Ok(Some(entry.successor(next, content.clone())))
            };
            Ok(match self.change(handle, now, Swapped::Gone, swap).await? {
                Ok(_) => Swapped::Done(next),
                Err(answer) => answer,
            })
        })
        .await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let touch = |entry: &Entry| {
            let touched = entry.touched(idle);
            Ok((touched.content.deadlines != entry.content.deadlines).then_some(touched))
        };
        self.in_time(async { Ok(self.change(handle, now, (), touch).await?.is_ok()) }).await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.in_time(async {
            let mut held = self.session(handle).await?;
            for _ in 0..ATTEMPTS {
                if let Some((revision, _)) = self.live(handle, held, now).await? {
                    if self.end(handle, revision).await? {
                        return Ok(true);
                    }
                    held = self.look_up_session(handle).await?;
                    continue;
                }
                // Not there, as far as this server knows.
                let looked_up = self.look_up_session(handle).await?;
                if self.live(handle, looked_up.clone(), now).await?.is_none() {
                    return Ok(false);
                }
                held = looked_up;
            }
            Err(StoreError::Unavailable)
        })
        .await
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        if old == new {
            return Ok(Swapped::Gone);
        }
        // What is refused anyway makes nothing.
        let held = self.in_time(self.look_up_session(old)).await?;
        let Some((revision, entry)) = self.in_time(self.live(old, held, now)).await? else { return Ok(Swapped::Gone) };
        if entry.version != version {
            return Ok(Swapped::Conflict);
        }
        // The new one first: nobody has its cookie before this is answered.
        let Created::Done(made) = self.create(new, content, now).await? else { return Ok(Swapped::Gone) };
        if self.in_time(self.end(old, revision)).await? {
            return Ok(Swapped::Done(made));
        }
        self.delete(new, now).await?;
        let held = self.in_time(self.look_up_session(old)).await?;
        let is_live = self.in_time(self.live(old, held, now)).await?.is_some();
        Ok(if is_live { Swapped::Conflict } else { Swapped::Gone })
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        // A list is as good as this copy.
        if self.replica.is_fresh() {
            Ok(self.replica.list(tag, after, limit, now))
        } else {
            Err(StoreError::Unavailable)
        }
    }

    async fn revoke_user(&self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Result<Epoch, StoreError> {
        let except = except.filter(|except| except.tag() == tag);
        self.in_time(async {
            // From here on all others are over; what follows only tidies up.
            let record = self.begin_epoch(tag, except, now).await?;
            for (handle, revision) in self.replica.of_user(tag) {
                if Some(handle) != except {
                    self.end(handle, revision).await?;
                }
            }
            Ok(record.epoch)
        })
        .await
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        self.in_time(async { Ok(self.epoch_record(tag).await?.epoch) }).await
    }

    /// Ends what is over, as far as this server knows, and removes what was ended long ago from the bucket.
    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let mut swept = 0usize;
        for (handle, revision) in self.replica.dead(now, limit) {
            if self.in_time(self.end(handle, revision)).await? {
                swept = swept.saturating_add(1);
            }
        }
        // A copy that was away for longer than the bound begins anew: nobody else can have missed them.
        let age = self.options.markers.max(self.options.staleness.saturating_mul(8));
        for handle in self.replica.old_graves(age, limit) {
            if self.in_time(self.bucket.purge(&session_key(handle))).await.is_err() {
                self.replica.bury_again(handle);
                break;
            }
        }
        Ok(swept)
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
        Some(self.written.load(Ordering::Relaxed))
    }

    /// For a moment: then the answer is what this server knows, which is as old as the bound allows. A position of another bucket is never
    /// reached, and must lock nobody out.
    async fn reach(&self, position: u64) -> Result<(), StoreError> {
        let moment = Duration::from_millis(200).min(self.options.answer);
        let _ = timeout(moment, self.replica.has_heard(position)).await;
        Ok(())
    }
}

/// Ends what listens and what beats.
impl Drop for NatsStore {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl fmt::Debug for NatsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsStore").field("options", &self.options).finish_non_exhaustive()
    }
}
