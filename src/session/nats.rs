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

mod access;
mod again;
mod bucket;
mod epoch;
mod error;
mod log;
mod replica;
mod turns;

use super::credential::{Handle, UserTag};
use super::names::new_version;
use super::store::{Capabilities, Content, Created, Durability, Entry, Epoch, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use access::{FOR_TOUCHES, Log, room_for};
use bucket::Bucket;
use core::fmt;
use core::time::Duration;
pub use error::{NatsCheckError, NatsError};
use log::{Key, Message};
use replica::{Replica, Session};
use std::format;
use std::string::String;
use std::sync::{Arc, Mutex};
use std::vec::Vec;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use turns::Turns;

/// How long a request waits for what its client has seen elsewhere.
const MOMENT: Duration = Duration::from_millis(200);

/// The shortest staleness.
const SHORTEST: Duration = Duration::from_millis(100);

/// How the store speaks to its servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsOptions {
    /// The bucket: letters, digits, `-` and `_`.
    pub bucket: String,
    /// Bytes that sessions may take in the bucket, when it is made; every server of the application keeps about as much in memory. Sessions of nobody
    /// are refused with [`StoreError::Full`] when three quarters are taken, and all new or larger ones when hardly anything is left; a quarter
    /// more is kept for logouts. Counted with every heartbeat, about four in the time of `staleness`, so leave room for what comes in meanwhile.
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

/// A store on NATS JetStream (servers of 2.9 and newer; tested on 2.9, and by hand on 2.15), replicated to every server of the application.
///
/// A read of what this server has heard of costs no round trip. What it has not heard of is looked up in the bucket, and so is everything while
/// the feed is behind. A write is answered once the bucket has it, on most of its servers if there are several, and once it is known to count; NATS
/// syncs its files every two minutes, so a loss of power on those may undo the last writes, logouts too; servers of 2.10 and newer can be told to sync
/// before they answer (`sync_interval: always`).
///
/// Whoever has heard that a session was ended holds on to that, even if servers of NATS lose it, and writes it again. An end is one for good: no
/// session is made under the handle of one that has ended.
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

impl NatsStore {
    /// Opens the bucket, or makes it, and waits until all of it has been heard. `nats://user:password@host:port` signs in (`%40` for an
    /// `@` in the password, RFC 3986 section 2.1), `tls://host:port` asks for TLS, by the roots that the system trusts.
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
            return Err(NatsError::of(&format!(
                "staleness is at least {SHORTEST:?}, so that a heartbeat can come back"
            )));
        }
        let bucket = Bucket::open(client, &options).await?;
        let replica = Replica::new(options.staleness).map_err(|error| NatsError::of(&error))?;
        let replica = Arc::new(replica);
        let listening = tokio::spawn(replica::listen(bucket.clone(), Arc::clone(&replica)));
        let beating = tokio::spawn(replica::beat(bucket.clone(), Arc::clone(&replica)));
        let (turns, proven_at) = (Turns::default(), Mutex::default());
        let log = Arc::new(Log { bucket, replica, options, turns, proven_at });
        let tasks = Vec::from([listening, beating, tokio::spawn(again::say_again(Arc::clone(&log)))]);
        let store = Self { log, tasks };
        if !store.log.replica.has_heard_all().await {
            return Err(NatsError::of(&"its feed says nothing"));
        }
        // So that it is believed from the start: its lists would fail until then.
        replica::send_beat(store.log.bucket.clone(), Arc::clone(&store.log.replica)).await;
        Ok(store)
    }

    /// True while the feed runs, and reads are local.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.log.replica.is_fresh()
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
        let log = &self.log;
        log.bucket.check(&log.options).await?;
        let written = log.replica.append(&log.bucket, Key::Beat, &Message::ANY_BEAT).await;
        written.map(drop).map_err(NatsCheckError::of_write)
    }

    /// Waits until this copy has heard of everything that was written before the call, wherever.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if that takes longer than an answer may.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        // A message of its own, behind all others: what is heard in order has heard those, too.
        let log = &self.log;
        log.in_time(async {
            let behind = log.replica.append(&log.bucket, Key::Beat, &Message::ANY_BEAT).await?;
            log.replica.has_heard(behind).await;
            Ok(())
        })
        .await
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
        log.replica.sweep_ends(now);
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
        self.log.replica.position()
    }

    /// For a moment: then the answer is what this server knows, which is as old as the bound allows. A position of another bucket is never
    /// reached, and must lock nobody out.
    async fn reach(&self, position: u64) -> Result<bool, StoreError> {
        let moment = MOMENT.min(self.log.options.answer);
        if timeout(moment, self.log.replica.has_heard(position)).await.is_ok() {
            return Ok(true);
        }
        // Only the bucket knows whether this server is behind, or the position is of none that there is.
        let info = timeout(moment, self.log.bucket.info()).await;
        Ok(!matches!(info, Ok(Ok(info)) if info.state.last_sequence < position))
    }
}

/// Ends what listens, beats and repeats.
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
