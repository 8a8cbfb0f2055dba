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

mod replica;

use super::credential::{Handle, UserTag};
use super::names::new_version;
use super::row;
use super::store::{Capabilities, Content, Created, Durability, Entry, Epoch, Kind, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use async_nats::jetstream::kv::{CreateErrorKind, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind};
use core::fmt;
use core::future::Future;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use replica::{EpochRecord, Held, Replica, epoch_key, session_key};
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Writes that others were faster with, before a call gives up.
const ATTEMPTS: usize = 100;

/// How the store speaks to its servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsOptions {
    /// The bucket: letters, digits, `-` and `_`.
    pub bucket: String,
    /// Bytes that the bucket may take, when it is made; every server of the application keeps as much in memory. Beyond that nothing new is
    /// written.
    pub max_bytes: i64,
    /// How long a call may take in all: then it is [`StoreError::Unavailable`].
    pub answer: Duration,
    /// How far behind the feed may be before this copy is not believed any more: then reads go to the bucket itself, and where that does not
    /// answer they fail. A session that was ended elsewhere may be read here for so long, if the network is cut at that very moment.
    pub staleness: Duration,
}

impl Default for NatsOptions {
    /// The bucket `countersign`, 256 MiB, one second for an answer, two for the feed.
    fn default() -> Self {
        let (answer, staleness) = (Duration::from_secs(1), Duration::from_secs(2));
        Self { bucket: "countersign".into(), max_bytes: 256 << 20, answer, staleness }
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
/// the feed is behind. A write is answered once the bucket has it; NATS flushes to disk once in a minute or two, so a loss of power may undo the
/// last writes.
///
/// One server of NATS keeps the bucket. One that several keep is refused: there, of two writes under one revision that come at the same moment,
/// servers of 2.9 take both, and a logout can come undone.
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
    bucket: Store,
    replica: Arc<Replica>,
    options: NatsOptions,
    /// The last revision that was written here.
    written: AtomicU64,
    tasks: Vec<JoinHandle<()>>,
}

impl NatsStore {
    /// Opens the bucket, or makes it, and waits until all of it has been heard.
    ///
    /// # Errors
    /// [`NatsError`]
    pub async fn connect<'u>(urls: impl IntoIterator<Item = &'u str>, options: NatsOptions) -> Result<Self, NatsError> {
        let urls: Vec<String> = urls.into_iter().map(String::from).collect();
        let failed = |error: &dyn fmt::Display| NatsError(error.to_string());
        let client = async_nats::ConnectOptions::new()
            .request_timeout(Some(options.answer))
            .connect(urls)
            .await
            .map_err(|error| failed(&error))?;
        let context = async_nats::jetstream::new(client);
        let bucket = match context.get_key_value(&options.bucket).await {
            Ok(bucket) => bucket,
            Err(_) => {
                // If another server makes it at the same moment, it makes the same.
                context.create_stream(bucket_of(&options)).await.map_err(|error| failed(&error))?;
                context.get_key_value(&options.bucket).await.map_err(|error| failed(&error))?
            }
        };
        let info = bucket.stream.get_info().await.map_err(|error| failed(&error))?;
        // Measured: of two writes under one revision that come at once, such a bucket takes both on servers of 2.9.
        if info.config.num_replicas > 1 {
            return Err(NatsError(
                "several servers keep it, and then revisions are not compared reliably: make it with one replica"
                    .into(),
            ));
        }
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
            let behind = replica::send_beat(&self.bucket).await?;
            self.replica.has_heard(behind).await;
            Ok(())
        })
        .await
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.options.answer, call).await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// What is in the bucket under a key: its revision, and the value unless that was deleted.
    async fn look_up(&self, key: &str) -> Result<(u64, Option<Vec<u8>>), StoreError> {
        let subject = [self.bucket.prefix.as_str(), key].concat();
        match self.bucket.stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => {
                // Markers of deletion say what they are.
                let is_put = message.headers.get("KV-Operation").is_none();
                Ok((message.sequence, is_put.then(|| message.payload.to_vec())))
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok((0, None)),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// The session as the bucket has it.
    async fn look_up_session(&self, handle: Handle) -> Result<Held, StoreError> {
        let (revision, value) = self.look_up(&session_key(handle)).await?;
        let held = Held { revision, entry: value.and_then(|value| row::decode(&value)) };
        self.replica.learn_session(handle, held.clone());
        Ok(held)
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

    /// Makes sure that the bucket still takes writes: if it was given to several servers since it was opened, one of a minority answers reads for
    /// a while, and knows nothing of what the others have ended.
    async fn ask_all(&self, is_fresh: bool) -> Result<(), StoreError> {
        if is_fresh { Ok(()) } else { replica::send_beat(&self.bucket).await.map(drop) }
    }

    async fn epoch_record(&self, tag: UserTag) -> Result<EpochRecord, StoreError> {
        if self.replica.is_fresh() {
            return Ok(self.replica.epoch(tag));
        }
        self.ask_all(false).await?;
        self.look_up_epoch(tag).await.map(|(_, record)| record)
    }

    async fn look_up_epoch(&self, tag: UserTag) -> Result<(u64, EpochRecord), StoreError> {
        let (revision, value) = self.look_up(&epoch_key(tag)).await?;
        let record = value.and_then(|value| EpochRecord::decode(&value)).unwrap_or_default();
        self.replica.learn_epoch(tag, revision, record);
        Ok((revision, record))
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
    async fn put(&self, handle: Handle, entry: &Entry, revision: u64) -> Result<bool, StoreError> {
        let Some(revision) = self.write(&session_key(handle), row::encode(entry), revision).await? else {
            return Ok(false);
        };
        self.replica.learn_session(handle, Held { revision, entry: Some(entry.clone()) });
        Ok(true)
    }

    /// Writes a value over one of this revision, 0 for none; the revision that it got, or `None` if another one is there.
    async fn write(&self, key: &str, value: Vec<u8>, over: u64) -> Result<Option<u64>, StoreError> {
        let written = if over == 0 {
            self.bucket.create(key, value.into()).await.map_err(|error| error.kind() == CreateErrorKind::AlreadyExists)
        } else {
            let updated = self.bucket.update(key, value.into(), over).await;
            updated.map_err(|error| error.kind() == UpdateErrorKind::WrongLastRevision)
        };
        match written {
            Ok(revision) => {
                self.written.fetch_max(revision, Ordering::Relaxed);
                Ok(Some(revision))
            }
            Err(true) => Ok(None),
            Err(false) => Err(StoreError::Unavailable),
        }
    }

    /// Ends what has this revision; false if it has another one by now.
    async fn end(&self, handle: Handle, revision: u64) -> Result<bool, StoreError> {
        match self.bucket.delete_expect_revision(session_key(handle), Some(revision)).await {
            Ok(()) => {
                self.written.fetch_max(revision.saturating_add(1), Ordering::Relaxed);
                // That of the marker is at least this, and all before it are older.
                self.replica.learn_session(handle, Held { revision: revision.saturating_add(1), entry: None });
                Ok(true)
            }
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(false),
            Err(_) => Err(StoreError::Unavailable),
        }
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
            if let Some(revision) = self.write(&epoch_key(tag), record.encode(), revision).await? {
                self.replica.learn_epoch(tag, revision, record);
                return Ok(record);
            }
        }
        Err(StoreError::Unavailable)
    }
}

/// The stream behind a bucket: made by hand, as the client's own call asks servers of 2.9 for what they do not know.
fn bucket_of(options: &NatsOptions) -> Config {
    Config {
        name: format!("KV_{}", options.bucket),
        subjects: Vec::from([format!("$KV.{}.>", options.bucket)]),
        description: Some("sessions of countersign".into()),
        max_messages_per_subject: 1,
        num_replicas: 1,
        max_bytes: options.max_bytes,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        ..Config::default()
    }
}

impl SessionStore for NatsStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        self.in_time(async {
            if !self.is_of_epoch(handle, &content).await? {
                return Ok(Created::Revoked);
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
        for handle in self.replica.old_graves(limit) {
            let subject = [self.bucket.prefix.as_str(), &session_key(handle)].concat();
            let purge = async { self.bucket.stream.purge().filter(subject).await.map_err(|_| StoreError::Unavailable) };
            if self.in_time(purge).await.is_err() {
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
