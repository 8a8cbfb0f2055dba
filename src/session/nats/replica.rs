//! The copy of the bucket in this server's memory, and what of it is believed.

mod awaited;
mod ends;
mod feed;
mod known;

use super::bucket::Bucket;
use super::epoch::EpochRecord;
use super::log::{Body, Id, Key, Message, Place};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::store::{Entry, StoreError};
use awaited::Awaited;
pub(super) use awaited::{Expected, Outcome};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
pub(super) use feed::{beat, listen, send_beat};
use known::{Known, Lost};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::vec::Vec;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// How long a feed may say nothing while it brings what is there already.
const SILENCE: Duration = Duration::from_secs(10);
/// Feeds that end before they are whole, before a store that is opened gives up.
const BEGINNINGS: u64 = 10;

/// A session as the log has it.
#[derive(Clone, Debug)]
pub(super) enum Session {
    Is(Entry),
    /// It was ended, and would be over by then anyway.
    Ended(UnixTime),
}

impl Session {
    pub(super) fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Is(entry) => Some(entry),
            Self::Ended(_) => None,
        }
    }
}

pub(super) type Held = Option<Place<Session>>;

pub(super) struct Replica {
    known: RwLock<Known>,
    staleness: Duration,
    /// The last revision that was heard of, once the whole bucket was.
    heard: watch::Sender<Option<u64>>,
    /// The last message that was heard: its revision and when it was written. If that is another one by now, the servers have lost some.
    last: Mutex<Option<(u64, i128)>>,
    must_begin_anew: AtomicBool,
    /// Counts messages, so that one can see whether more come.
    messages: AtomicU64,
    /// What was seen in the bucket: before that was heard, this copy is behind what was answered already.
    must_hear: AtomicU64,
    /// The last revision that was written here since the copy began anew.
    written: AtomicU64,
    /// Hundredths of the bucket's room that are taken, as was said last.
    fill: AtomicU64,
    awaited: Arc<Awaited>,
}

impl Replica {
    pub(super) fn new(staleness: Duration) -> Result<Self, StoreError> {
        Ok(Self {
            known: RwLock::default(),
            staleness,
            heard: watch::Sender::new(None),
            last: Mutex::default(),
            must_begin_anew: AtomicBool::new(false),
            messages: AtomicU64::new(0),
            must_hear: AtomicU64::new(0),
            written: AtomicU64::new(0),
            fill: AtomicU64::new(0),
            awaited: Arc::new(Awaited::new()?),
        })
    }

    // Every change is one step: what a panicking thread has left behind is whole.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> MutexGuard<'_, Option<(u64, i128)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if nothing is missing of what was acknowledged longer ago than the bound: a heartbeat that was sent since has come back. That other
    /// messages come says nothing, as they may be old ones.
    pub(super) fn is_fresh(&self) -> bool {
        self.believed(|_| ()).is_some()
    }

    /// Reads what is known, if it is believed; at once, as all of it may be forgotten at any moment.
    fn believed<T>(&self, read: impl FnOnce(&Known) -> T) -> Option<T> {
        let known = self.read();
        let must_hear = self.must_hear.load(Ordering::Relaxed);
        // What is known is forgotten after this says so, and complete before it does.
        let is_whole = self.heard.borrow().is_some_and(|heard| heard >= must_hear);
        let is_current = known.current_at.is_some_and(|at| at.elapsed() < self.staleness);
        (is_whole && is_current).then(|| read(&known))
    }

    /// This revision was seen in the bucket.
    pub(super) fn has_seen(&self, revision: u64) {
        self.must_hear.fetch_max(revision, Ordering::Relaxed);
    }

    /// How far the log was when this server wrote into it or heard of it last; nothing if it has done neither since the copy began anew.
    pub(super) fn position(&self) -> Option<u64> {
        let written = Some(self.written.load(Ordering::Relaxed)).filter(|written| *written > 0);
        (*self.heard.borrow()).max(written)
    }

    /// Writes a message behind all others; the revision that it got. If that was heard of already, the bucket is another one by now, or has lost
    /// some: what is known here is of no use for it.
    pub(super) async fn append(&self, bucket: &Bucket, key: Key, message: &Message) -> Result<u64, StoreError> {
        let (generation, last) = (self.generation(), self.last_heard());
        let revision = bucket.append(key, message).await?;
        // What was heard before the copy began anew says nothing of this bucket.
        if self.generation() != generation {
            return Ok(revision);
        }
        if last.is_some_and(|last| revision <= last) {
            self.begin_anew();
            return Err(StoreError::Unavailable);
        }
        self.written.fetch_max(revision, Ordering::Relaxed);
        Ok(revision)
    }

    /// The last revision that was heard on this feed.
    fn last_heard(&self) -> Option<u64> {
        self.last().map(|(revision, _)| revision)
    }

    pub(super) fn fill(&self) -> u64 {
        self.fill.load(Ordering::Relaxed)
    }

    /// A name for a message that is to be written, and what tells once it was heard.
    pub(super) fn expect(&self) -> Expected {
        self.awaited.expect()
    }

    /// Tells who waits for this message what became of it.
    pub(super) fn tell(&self, id: Id, outcome: Outcome) {
        self.awaited.tell(id, outcome);
    }

    /// Forgets everything: the feed begins anew, and what ended meanwhile may have left no trace.
    fn forget(&self) {
        self.heard.send_replace(None);
        self.write().forget();
        for mark in [&self.must_hear, &self.written] {
            mark.store(0, Ordering::Relaxed);
        }
        *self.last() = None;
        self.must_begin_anew.store(false, Ordering::Relaxed);
    }

    /// Waits until all of the bucket was heard; false if nothing more comes.
    pub(super) async fn has_heard_all(&self) -> bool {
        let mut heard = self.heard.subscribe();
        loop {
            let before = self.messages.load(Ordering::Relaxed);
            if timeout(SILENCE, heard.wait_for(Option::is_some)).await.is_ok() {
                return true;
            }
            if self.messages.load(Ordering::Relaxed) == before || self.generation() > BEGINNINGS {
                return false;
            }
        }
    }

    pub(super) async fn has_heard(&self, revision: u64) {
        let _ = self.heard.subscribe().wait_for(|heard| heard.is_some_and(|heard| heard >= revision)).await;
    }

    /// A session as it is known here; nothing if that is not believed.
    pub(super) fn session(&self, handle: Handle) -> Option<Held> {
        self.believed(|known| known.session(handle).map(Place::present))
    }

    pub(super) fn epoch(&self, tag: UserTag) -> Option<Option<Place<EpochRecord>>> {
        self.believed(|known| known.epoch(tag).map(Place::present))
    }

    /// The revision that a key has here, if that is believed.
    pub(super) fn revision_of(&self, key: Key) -> Option<u64> {
        self.believed(|known| match key {
            Key::Session(handle) => known.session(handle).map_or(0, |place| place.revision),
            Key::Epoch(tag) => known.epoch(tag).map_or(0, |place| place.revision),
            Key::Beat => 0,
        })
    }

    /// The messages of a key that are of no use any more, and since when they are known: whoever asks is to remove them.
    pub(super) fn useless(&self, key: Key) -> (u64, Vec<u64>) {
        let mut known = self.write();
        (known.generation, known.useless(key))
    }

    /// True if nothing was forgotten since, and what is known is believed: a revision then still stands for what it did.
    pub(super) fn is_still(&self, generation: u64) -> bool {
        self.believed(|known| known.generation == generation) == Some(true)
    }

    pub(super) fn generation(&self) -> u64 {
        self.read().generation
    }

    /// The servers have lost something of what was heard, or another one leads.
    fn begin_anew(&self) {
        self.write().current_at = None;
        self.must_begin_anew.store(true, Ordering::Relaxed);
    }

    /// A heartbeat that was sent then was heard; by that time, or later, this server led.
    fn has_beaten(&self, generation: u64, at: Instant, leader: Option<&str>) {
        let mut known = self.write();
        // Heard on an earlier feed, it says nothing of this one.
        if known.generation != generation {
            return;
        }
        if known.server.is_none() || known.server.as_deref() == leader {
            known.current_at = known.current_at.max(Some(at));
        } else {
            drop(known);
            self.begin_anew();
        }
    }

    /// What was read of a key where this copy is not believed.
    pub(super) fn has_read(&self, handle: Handle, session: &Session) {
        self.write().ends.hear(handle, session);
    }

    pub(super) fn has_read_epoch(&self, tag: UserTag, record: EpochRecord) {
        self.write().ends.hear_epoch(tag, record);
    }

    /// True if this session is known to be over, believed or not: the servers may have lost its end.
    pub(super) fn was_ended(&self, handle: Handle) -> bool {
        self.read().was_ended(handle)
    }

    /// The epoch of a user, as far as it is known, believed or not: the servers may have lost it.
    pub(super) fn latest(&self, tag: UserTag, record: EpochRecord) -> EpochRecord {
        self.read().latest(tag, record)
    }

    /// What the servers have lost of what was over: sessions that they have still, and users whose epoch is an earlier one there. Nothing if this
    /// copy is not believed.
    pub(super) fn lost(&self) -> Option<Lost> {
        self.believed(Known::lost)
    }

    pub(super) fn list(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Option<Vec<(Handle, Entry)>> {
        self.believed(|known| known.list(tag, after, limit, now))
    }

    /// What is over and still there: by its deadlines, or of an epoch that is.
    pub(super) fn dead(&self, now: UnixTime, limit: usize) -> Vec<(Handle, Place<Session>)> {
        self.believed(|known| known.dead(now, limit)).unwrap_or_default()
    }

    /// What was ended and would be over by now in any case.
    pub(super) fn markers(&self, now: UnixTime, limit: usize) -> Vec<(Handle, Place<Session>)> {
        self.believed(|known| known.markers(now, limit)).unwrap_or_default()
    }

    /// Forgets of what was over what would be by now in any case.
    pub(super) fn sweep_ends(&self, now: UnixTime) {
        self.write().sweep_ends(now);
    }

    /// A marker has left the bucket.
    pub(super) fn drop_marker(&self, handle: Handle, revision: u64) {
        self.write().drop_marker(handle, revision);
    }

    /// Takes a message of the feed; the bucket is known as a whole once the revision that was its last has come.
    fn hear(&self, key: Option<Key>, revision: u64, time: i128, payload: &[u8], last: u64) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        // What nobody here has written changes nothing.
        if let (Some(key), Some(message)) = (key, Message::decode(payload)) {
            let id = message.id;
            let outcome = self.write().take(key, revision, message);
            if let Some(outcome) = outcome {
                self.tell(id, outcome);
            }
        }
        *self.last() = Some((revision, time));
        if revision >= last {
            self.heard.send_replace(Some(revision));
        }
    }

    /// False if the bucket was made anew or its servers have lost some of it: what is known here may never have been.
    async fn is_of(&self, bucket: &Bucket) -> Result<bool, StoreError> {
        let Some((revision, time)) = *self.last() else { return Ok(true) };
        Ok(bucket.time_of(revision).await? == Some(time))
    }
}

/// What a key of a session holds, if it is that.
pub(super) fn session_of(body: Body) -> Option<Session> {
    match body {
        Body::Session(entry) => Some(Session::Is(entry)),
        Body::Ended(until) => Some(Session::Ended(until)),
        Body::Epoch(_) | Body::Beat => None,
    }
}

/// What a key of a user holds, if it is that.
pub(super) fn epoch_of(body: Body) -> Option<EpochRecord> {
    if let Body::Epoch(record) = body { Some(record) } else { None }
}
