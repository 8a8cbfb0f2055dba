//! Sessions on NATS JetStream: a bucket that every server has a copy of. Reads are local; a write names the revision that it is over, and counts if
//! that is still the present one, so nothing is overwritten and nothing comes back ([`log`]).
//!
//! ```text
//! s.tag.selector    a session, or that it was ended
//! e.tag             the epoch of a user, and the session that was kept when it began
//! h                 heartbeats: a server that hears its own knows that its feed runs
//! ```
//!
//! A revocation is one write, that of the epoch: sessions of another epoch are over wherever it has been heard. Deadlines are compared with the
//! caller's time; the server removes nothing by itself.

mod bucket;
mod epoch;
mod log;
mod replica;
mod turns;

use super::credential::{Handle, UserTag};
use super::names::new_version;
use super::store::{Capabilities, Content, Created, Durability, Entry, Epoch, Kind, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use bucket::Bucket;
use core::fmt;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use epoch::EpochRecord;
use log::{Body, Key, Message, Place};
use replica::{Held, Outcome, Replica, Session};
use std::format;
use std::string::{String, ToString};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use turns::Turns;

/// Writes that others were faster with, before a call gives up.
const ATTEMPTS: usize = 100;
/// The shortest staleness.
const SHORTEST: Duration = Duration::from_millis(100);
/// How often whoever waits for the feed looks whether it is still believed.
const FEED: Duration = Duration::from_millis(100);
/// Messages of a key that are of no use, before they are removed.
const UNTIDY: usize = 8;
/// Hundredths of the bucket that writes of sessions of nobody may fill, those of all sessions, and those that only push a deadline on. What is left
/// is for epochs and for the ends of sessions, so that who cannot sign in can still be signed out.
const FOR_ANONYMOUS: u64 = 75;
const FOR_SESSIONS: u64 = 95;
const FOR_TOUCHES: u64 = 100;

/// How the store speaks to its servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsOptions {
    /// The bucket: letters, digits, `-` and `_`.
    pub bucket: String,
    /// Bytes that sessions may take in the bucket, when it is made; every server of the application keeps about as much in memory. Sessions of nobody
    /// are refused with [`StoreError::Full`] when three quarters are taken, and all new or larger ones when hardly anything is left; a quarter
    /// more is kept for logouts. Counted once in a quarter of `staleness`, so leave room for what comes in meanwhile.
    pub max_bytes: i64,
    /// How many servers of NATS keep the bucket, when it is made: 1, 3 or 5. Of three one may fail and of five two; a write waits for most of them.
    pub replicas: usize,
    /// How long a call may take in all: then it is [`StoreError::Unavailable`].
    pub answer: Duration,
    /// How far behind the feed may be before this copy is not believed any more: then reads go to the bucket itself, and where that does not
    /// answer they fail. A session that was ended elsewhere may be read here for so long, if the network is cut at that very moment.
    pub staleness: Duration,
}

impl Default for NatsOptions {
    /// The bucket `countersign`, 256 MiB on one server, one second for an answer, two for the feed.
    fn default() -> Self {
        let (answer, staleness) = (Duration::from_secs(1), Duration::from_secs(2));
        Self { bucket: "countersign".into(), max_bytes: 256 << 20, replicas: 1, answer, staleness }
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

/// A store on NATS JetStream (written for servers of 2.9 and newer, tested on 2.9), replicated to every server of the application, of which there
/// may be a few dozen.
///
/// A read of what this server has heard of costs no round trip. What it has not heard of is looked up in the bucket, and so is everything while
/// the feed is behind. A write is answered once the bucket has it, on most of its servers if there are several, and once it is known to count; NATS
/// flushes to disk once in a minute or two, so a loss of power on those may undo the last writes.
///
/// A session that was ended leaves a message of a hundred bytes until its absolute deadline: [`SessionStore::sweep`] removes it then.
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
    log: Arc<Log>,
    tasks: Vec<JoinHandle<()>>,
}

/// The log, and what is known of it here.
struct Log {
    bucket: Bucket,
    replica: Arc<Replica>,
    options: NatsOptions,
    turns: Turns,
    /// The last revision that was written here.
    written: AtomicU64,
    /// When the bucket was last asked whether it takes writes, and did.
    proven_at: Mutex<Option<Instant>>,
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
        if options.staleness < SHORTEST {
            return Err(NatsError(format!("staleness is at least {SHORTEST:?}, so that a heartbeat can come back")));
        }
        let bucket = Bucket::open(client, &options).await?;
        let replica = Replica::new(options.staleness).map_err(|error| NatsError(error.to_string()))?;
        let replica = Arc::new(replica);
        let listening = tokio::spawn(replica::listen(bucket.clone(), Arc::clone(&replica)));
        let beating = tokio::spawn(replica::beat(bucket.clone(), Arc::clone(&replica)));
        let tasks = Vec::from([listening, beating]);
        let (turns, written, proven_at) = (Turns::default(), AtomicU64::new(0), Mutex::default());
        let log = Arc::new(Log { bucket, replica, options, turns, written, proven_at });
        let store = Self { log, tasks };
        if store.log.replica.has_heard_all().await { Ok(store) } else { Err(NatsError("its feed says nothing".into())) }
    }

    /// True while the feed runs, and reads are local.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.log.replica.is_fresh()
    }

    /// Waits until this copy has heard of everything that was written before the call, wherever.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if that takes longer than an answer may.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        // A message of its own, behind all others: what is heard in order has heard those, too.
        let log = &self.log;
        log.in_time(async {
            let behind = log.bucket.append(Key::Beat, &Message::ANY_BEAT).await?;
            log.replica.has_heard(behind).await;
            Ok(())
        })
        .await
    }
}

impl Log {
    async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.options.answer, call).await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// Makes sure that the bucket takes writes, unless that is known: one of its servers that is cut off from the others answers reads for a while,
    /// and knows nothing of what they have ended. Those who ask at the same time, and shortly after, ask together.
    async fn ask_all(&self) -> Result<(), StoreError> {
        let was_proven = || {
            let proven_at = self.proven_at.lock().unwrap_or_else(PoisonError::into_inner);
            let half = self.options.staleness.checked_div(2).unwrap_or_default();
            proven_at.is_some_and(|at| at.elapsed() < half)
        };
        if self.replica.is_fresh() || was_proven() {
            return Ok(());
        }
        let _turn = self.turns.take("h").await;
        if was_proven() {
            return Ok(());
        }
        let at = Instant::now();
        self.bucket.append(Key::Beat, &Message::ANY_BEAT).await?;
        *self.proven_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        Ok(())
    }

    /// Waits for the feed, for as long as it is believed: it brings more at once than one can ask for.
    async fn while_fresh<T>(&self, heard: impl Future<Output = T>) -> Option<T> {
        let mut heard = pin!(heard);
        while self.replica.is_fresh() {
            if let Ok(heard) = timeout(FEED, &mut heard).await {
                return Some(heard);
            }
        }
        None
    }

    /// Waits until this copy has what the bucket has of a key; false if it is not believed.
    async fn has_all_of(&self, key: Key) -> Result<bool, StoreError> {
        if !self.replica.is_fresh() {
            return Ok(false);
        }
        let last = self.bucket.last_of(key).await?;
        Ok(self.while_fresh(self.replica.has_heard(last)).await.is_some())
    }

    /// Reads the log of a key in the bucket: what it holds by that.
    async fn read_all<T: Clone>(
        &self,
        key: Key,
        value_of: impl Fn(Body) -> Option<T>,
    ) -> Result<Option<Place<T>>, StoreError> {
        self.ask_all().await?;
        let (mut place, mut from) = (None, 0);
        // No further: while others write there is always more.
        let last = self.bucket.last_of(key).await?;
        while from <= last {
            let Some((revision, message)) = self.bucket.next(key, from).await? else { break };
            from = revision.saturating_add(1);
            let Some(Message { id, over, body }) = message else { continue };
            let Some(value) = value_of(body) else { continue };
            let counts = Place::take(&mut place, revision, over, value);
            // In this order: whoever is told may read here next.
            self.replica.has_seen(revision);
            self.replica.tell(id, Outcome { counts, others: 0 });
        }
        Ok(place)
    }

    /// The session as the bucket has it.
    async fn look_up_session(&self, handle: Handle) -> Result<Held, StoreError> {
        if self.has_all_of(Key::Session(handle)).await?
            && let Some(held) = self.replica.session(handle)
        {
            return Ok(held);
        }
        self.read_all(Key::Session(handle), replica::session_of).await
    }

    async fn look_up_epoch(&self, tag: UserTag) -> Result<Option<Place<EpochRecord>>, StoreError> {
        if self.has_all_of(Key::Epoch(tag)).await?
            && let Some(place) = self.replica.epoch(tag)
        {
            return Ok(place);
        }
        self.read_all(Key::Epoch(tag), |body| if let Body::Epoch(record) = body { Some(record) } else { None }).await
    }

    /// The session as this server knows it, or as the bucket has it where that is not enough.
    async fn session(&self, handle: Handle) -> Result<Held, StoreError> {
        match self.replica.session(handle).flatten() {
            Some(place) if place.value.entry().is_some() => Ok(Some(place)),
            _ => self.look_up_session(handle).await,
        }
    }

    async fn epoch_record(&self, tag: UserTag) -> Result<EpochRecord, StoreError> {
        let place = match self.replica.epoch(tag) {
            Some(place) => place,
            None => self.look_up_epoch(tag).await?,
        };
        Ok(place.map(|place| place.value).unwrap_or_default())
    }

    /// A live session of the present epoch, as whoever reads it has it, and its revision.
    async fn live(&self, handle: Handle, held: &Held, now: UnixTime) -> Result<Option<(u64, Entry)>, StoreError> {
        let Some(place) = held else { return Ok(None) };
        let Some(entry) = place.value.entry().filter(|entry| entry.is_live(now)) else { return Ok(None) };
        if entry.content.kind == Kind::Anonymous {
            return Ok(Some((place.revision, entry.clone())));
        }
        let mut record = self.epoch_record(handle.tag()).await?;
        if record.epoch.number < entry.content.epoch {
            // It is of an epoch that this server has not heard of.
            record = self.look_up_epoch(handle.tag()).await?.map(|place| place.value).unwrap_or_default();
        }
        Ok(record.admits(handle, entry.content.epoch).then(|| (place.revision, record.raised(entry))))
    }

    async fn is_of_epoch(&self, handle: Handle, content: &Content) -> Result<bool, StoreError> {
        Ok(content.kind == Kind::Anonymous || self.epoch_record(handle.tag()).await?.epoch.number == content.epoch)
    }

    /// Writes over a revision, 0 for none; true if it counts. It goes on when nobody waits for it any more: whoever stops in the middle of a turn
    /// would hold up all others.
    async fn write(self: &Arc<Self>, key: Key, body: Body, over: u64) -> Result<bool, StoreError> {
        let log = Arc::clone(self);
        let patience = self.options.answer.saturating_mul(2);
        let writing = tokio::spawn(async move { timeout(patience, log.write_in_turn(key, body, over)).await });
        // It has neither panicked nor been aborted, unless the runtime ends.
        writing.await.map_or(Err(StoreError::Unavailable), |written| written.unwrap_or(Err(StoreError::Unavailable)))
    }

    async fn write_in_turn(&self, key: Key, body: Body, over: u64) -> Result<bool, StoreError> {
        // Nothing is sent into a connection that is away: it would come late, and stand in the log behind what counts.
        self.ask_all().await?;
        let _turn = self.turns.take(&key.name()).await;
        // What this server knows to be another revision by now is not even tried.
        if self.replica.revision_of(key).is_some_and(|revision| revision > over) {
            return Ok(false);
        }
        let is_end = matches!(body, Body::Ended(_));
        let mut expected = self.replica.expect();
        let appended = self.bucket.append(key, &Message { id: expected.id, over, body }).await?;
        let outcome = match self.while_fresh(expected.outcome()).await {
            Some(outcome) => outcome?,
            // The feed is behind: the bucket says what became of it.
            None => {
                match key {
                    Key::Session(handle) => self.look_up_session(handle).await.map(drop)?,
                    Key::Epoch(tag) => self.look_up_epoch(tag).await.map(drop)?,
                    Key::Beat => {}
                }
                // If it has left the log before it was read, nobody knows.
                timeout(FEED, expected.outcome()).await.unwrap_or(Err(StoreError::Unavailable))?
            }
        };
        if !outcome.counts {
            return Ok(false);
        }
        self.written.fetch_max(appended, Ordering::Relaxed);
        if outcome.others >= UNTIDY || is_end {
            self.tidy(key);
        }
        Ok(true)
    }

    /// Removes the messages of a key that are of no use, later: those who have written them may not have heard yet what became of them. One by one,
    /// as feeds of 2.9 leave out what they have not brought yet when a key is purged.
    fn tidy(&self, key: Key) {
        let (bucket, replica) = (self.bucket.clone(), Arc::clone(&self.replica));
        let (generation, useless) = replica.useless(key);
        let age = self.options.answer.saturating_mul(4).max(self.options.staleness);
        tokio::spawn(async move {
            sleep(age).await;
            for revision in useless {
                // One that stays takes room, and does no harm: it does not count.
                if replica.is_still(generation) {
                    let _ = bucket.remove(revision).await;
                }
            }
        });
    }

    /// Writes a session over a revision, if there is room for it; true if it counts.
    async fn put(
        self: &Arc<Self>,
        handle: Handle,
        entry: &Entry,
        over: u64,
        may_fill: u64,
    ) -> Result<bool, StoreError> {
        if self.replica.fill() >= may_fill {
            return Err(StoreError::Full);
        }
        self.write(Key::Session(handle), Body::Session(entry.clone()), over).await
    }

    /// Ends a session that has this revision; true if that counts.
    async fn end(self: &Arc<Self>, handle: Handle, entry: &Entry, revision: u64) -> Result<bool, StoreError> {
        self.write(Key::Session(handle), Body::Ended(entry.content.deadlines.absolute), revision).await
    }

    /// Changes a live session under the revision that was read, again and again while others are faster. `change` says what to write, or what to
    /// answer instead.
    async fn change<T>(
        self: &Arc<Self>,
        handle: Handle,
        now: UnixTime,
        over: T,
        may_fill: impl Fn(&Entry) -> u64,
        change: impl Fn(&Entry) -> Result<Option<Entry>, T>,
    ) -> Result<Result<Option<Entry>, T>, StoreError> {
        let mut held = self.session(handle).await?;
        for attempt in 0..ATTEMPTS {
            let was_looked_up = attempt > 0;
            match self.live(handle, &held, now).await? {
                Some((revision, entry)) => match change(&entry) {
                    // What this server knows may be old: the bucket has the last word.
                    Err(_) if !was_looked_up => {}
                    Err(answer) => return Ok(Err(answer)),
                    Ok(None) => return Ok(Ok(None)),
                    Ok(Some(next)) => {
                        if self.put(handle, &next, revision, may_fill(&entry)).await? {
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
        self: &Arc<Self>,
        tag: UserTag,
        except: Option<Handle>,
        now: UnixTime,
    ) -> Result<EpochRecord, StoreError> {
        for _ in 0..ATTEMPTS {
            let place = self.look_up_epoch(tag).await?;
            let revision = place.as_ref().map_or(0, |place| place.revision);
            let record = place.map(|place| place.value).unwrap_or_default().next(except, now);
            if self.write(Key::Epoch(tag), Body::Epoch(record), revision).await? {
                return Ok(record);
            }
        }
        Err(StoreError::Unavailable)
    }

    /// Makes a session in a place that nobody lives in.
    async fn make(self: &Arc<Self>, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        if !self.is_of_epoch(handle, &content).await? {
            return Ok(Created::Revoked);
        }
        let may_fill = room_for(content.kind);
        let entry = Entry { version: new_version()?, content };
        let mut held = self.replica.session(handle).flatten();
        for _ in 0..ATTEMPTS {
            if self.live(handle, &held, now).await?.is_some() {
                return Ok(Created::Exists);
            }
            let revision = held.as_ref().map_or(0, |place| place.revision);
            if self.put(handle, &entry, revision, may_fill).await? {
                return Ok(Created::Done(entry.version));
            }
            held = self.look_up_session(handle).await?;
        }
        Err(StoreError::Unavailable)
    }

    /// Ends a live session; false if there is none.
    async fn end_live(self: &Arc<Self>, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let mut held = self.session(handle).await?;
        for attempt in 0..ATTEMPTS {
            match self.live(handle, &held, now).await? {
                Some((revision, entry)) if self.end(handle, &entry, revision).await? => return Ok(true),
                Some(_) => {}
                // Not there, as far as this server knows.
                None if attempt > 0 => return Ok(false),
                None => {}
            }
            held = self.look_up_session(handle).await?;
        }
        Err(StoreError::Unavailable)
    }

    async fn change_handle(
        self: &Arc<Self>,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        // What is refused anyway makes nothing.
        let held = self.look_up_session(old).await?;
        let Some((revision, entry)) = self.live(old, &held, now).await? else { return Ok(Swapped::Gone) };
        if entry.version != version {
            return Ok(Swapped::Conflict);
        }
        // The new one first: nobody has its cookie before this is answered.
        let Created::Done(made) = self.make(new, content, now).await? else { return Ok(Swapped::Gone) };
        if self.end(old, &entry, revision).await? {
            return Ok(Swapped::Done(made));
        }
        self.end_live(new, now).await?;
        let held = self.look_up_session(old).await?;
        let is_live = self.live(old, &held, now).await?.is_some();
        Ok(if is_live { Swapped::Conflict } else { Swapped::Gone })
    }
}

/// Hundredths of the bucket that may be taken when a session of this kind is made, or grows.
const fn room_for(kind: Kind) -> u64 {
    match kind {
        Kind::Anonymous => FOR_ANONYMOUS,
        Kind::SignedIn => FOR_SESSIONS,
    }
}

impl SessionStore for NatsStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        self.log.in_time(self.log.make(handle, content, now)).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        self.log
            .in_time(async {
                let held = self.log.session(handle).await?;
                if let Some((_, entry)) = self.log.live(handle, &held, now).await? {
                    return Ok(Some(entry));
                }
                // It may have been touched elsewhere a moment ago.
                let held = self.log.look_up_session(handle).await?;
                Ok(self.log.live(handle, &held, now).await?.map(|(_, entry)| entry))
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
        self.log
            .in_time(async {
                let (is_of_epoch, next) = (self.log.is_of_epoch(handle, &content).await?, new_version()?);
                let may_fill = |entry: &Entry| {
                    if content.bytes.len() > entry.content.bytes.len() {
                        room_for(entry.content.kind)
                    } else {
                        FOR_TOUCHES
                    }
                };
                let swap = |entry: &Entry| {
                    if entry.version != version || !is_of_epoch {
                        return Err(Swapped::Conflict);
                    }
                    Ok(Some(entry.successor(next, content.clone())))
                };
                Ok(match self.log.change(handle, now, Swapped::Gone, may_fill, swap).await? {
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
        self.log.in_time(async { Ok(self.log.change(handle, now, (), |_| FOR_TOUCHES, touch).await?.is_ok()) }).await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.log.in_time(self.log.end_live(handle, now)).await
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
        self.log.in_time(self.log.change_handle(old, version, new, content, now)).await
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        // A list is as good as this copy.
        self.log.replica.list(tag, after, limit, now).ok_or(StoreError::Unavailable)
    }

    async fn revoke_user(&self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Result<Epoch, StoreError> {
        let except = except.filter(|except| except.tag() == tag);
        // From here on all others are over; sweeping tidies up.
        self.log.in_time(async { Ok(self.log.begin_epoch(tag, except, now).await?.epoch) }).await
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        self.log.in_time(async { Ok(self.log.epoch_record(tag).await?.epoch) }).await
    }

    /// Removes from the bucket and from this copy what was ended and would be over by now in any case, and ends what is over. Every server of the
    /// application has to call it, for the sake of its own memory.
    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let (log, mut swept) = (&self.log, 0usize);
        let generation = log.replica.generation();
        // These need no room.
        for (handle, place) in log.replica.markers(now, limit) {
            // Its own message last: without it, the others would count again.
            for revision in place.others.into_iter().chain([place.revision]) {
                if !log.replica.is_still(generation) {
                    return Err(StoreError::Unavailable);
                }
                log.in_time(log.bucket.remove(revision)).await?;
            }
            log.replica.drop_marker(handle, place.revision);
        }
        for (handle, place) in log.replica.dead(now, limit) {
            let Session::Is(entry) = &place.value else { continue };
            if log.in_time(log.end(handle, entry, place.revision)).await? {
                swept = swept.saturating_add(1);
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
        Some(self.log.written.load(Ordering::Relaxed))
    }

    /// For a moment: then the answer is what this server knows, which is as old as the bound allows. A position of another bucket is never
    /// reached, and must lock nobody out.
    async fn reach(&self, position: u64) -> Result<(), StoreError> {
        let moment = Duration::from_millis(200).min(self.log.options.answer);
        let _ = timeout(moment, self.log.replica.has_heard(position)).await;
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
        f.debug_struct("NatsStore").field("options", &self.log.options).finish_non_exhaustive()
    }
}
