//! The copy of the bucket in this server's memory, and whether it is believed.

use super::bucket::Bucket;
use super::epoch::EpochRecord;
use super::known::{Dead, Known, Room};
use super::message::{Change, Key, Place, Value};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::store::StoreError;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use futures_util::{Stream, StreamExt};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::vec::Vec;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long a feed may say nothing while it brings what is there already.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a feed may take to begin.
const BEGINNING: Duration = Duration::from_secs(3);
/// How often whoever listens looks whether it has to begin anew.
const PULSE: Duration = Duration::from_millis(50);

pub(super) struct Replica {
    known: RwLock<Known>,
    staleness: Duration,
    /// How long what has ended stays in the bucket.
    life: Duration,
    /// The last revision that was heard of.
    heard: watch::Sender<u64>,
    /// The last revision that was written here.
    written: AtomicU64,
    must_begin_anew: AtomicBool,
}

/// A message of a feed.
pub(super) struct Heard {
    pub(super) key: Option<Key>,
    pub(super) place: Option<Place>,
    pub(super) revision: u64,
    /// How many are behind it.
    pub(super) pending: u64,
}

impl Replica {
    pub(super) fn new(staleness: Duration, life: Duration) -> Self {
        let (known, heard) = (RwLock::default(), watch::Sender::new(0));
        Self { known, staleness, life, heard, written: AtomicU64::new(0), must_begin_anew: AtomicBool::new(false) }
    }

    // Every change is one step: what a panicking thread has left behind is whole.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is known, if it is believed: nothing is missing of what was acknowledged longer ago than the bound.
    pub(super) fn believed<T>(&self, read: impl FnOnce(&Known) -> T) -> Option<T> {
        let known = self.read();
        let is_current = known.current_at.is_some_and(|at| at.elapsed() < self.staleness);
        is_current.then(|| read(&known))
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.believed(|_| ()).is_some()
    }

    /// A session as it is known here; nothing if that is not believed.
    pub(super) fn session(&self, handle: Handle) -> Option<Option<Place>> {
        self.believed(|known| known.session(handle).cloned())
    }

    pub(super) fn epoch(&self, tag: UserTag) -> Option<(u64, EpochRecord)> {
        self.believed(|known| known.epoch(tag))
    }

    pub(super) fn room(&self) -> Room {
        self.read().room
    }

    pub(super) fn has_ended_more_than(&self, tag: UserTag, limit: usize) -> bool {
        self.read().has_ended_more_than(tag, limit)
    }

    pub(super) fn holds_more_than(&self, tag: UserTag, limit: u64) -> bool {
        self.read().holds_more_than(tag, limit)
    }

    /// Looks for what is over, if this copy is believed: see [`Known::look`].
    pub(super) fn look(&self, after: Option<Handle>, now: UnixTime) -> Option<(Vec<Dead>, Option<Handle>)> {
        self.is_fresh().then(|| self.write().look(after, now))
    }

    /// How far the bucket was when this server wrote into it or heard of it last.
    pub(super) fn position(&self) -> Option<u64> {
        let position = self.written.load(Ordering::Relaxed).max(*self.heard.borrow());
        (position > 0).then_some(position)
    }

    pub(super) fn has_written(&self, revision: u64) {
        self.written.fetch_max(revision, Ordering::Relaxed);
    }

    pub(super) async fn has_heard(&self, revision: u64) {
        let _ = self.heard.subscribe().wait_for(|heard| *heard >= revision).await;
    }

    /// Waits until this revision was heard, for as long as this copy is believed; true if it was.
    pub(super) async fn hears(&self, revision: u64) -> bool {
        while self.is_fresh() {
            if timeout(PULSE, self.has_heard(revision)).await.is_ok() {
                return true;
            }
        }
        false
    }

    /// Waits until all of the bucket was heard, and a heartbeat behind it; false if nothing comes any more.
    pub(super) async fn has_heard_all(&self, bucket: &Bucket) -> bool {
        let (mut before, mut since, mut was_whole) = (0, Instant::now(), false);
        while !self.is_fresh() {
            // One after the other: whoever hears holds both.
            let heard = *self.heard.borrow();
            let is_whole = self.read().is_whole;
            was_whole |= is_whole;
            // Once all was heard, a heartbeat has so long to come back, however often the feed has to begin anew.
            if !was_whole && heard > before {
                (before, since) = (heard, Instant::now());
            }
            if since.elapsed() > SILENCE {
                return false;
            }
            if is_whole {
                self.send_beat(bucket).await;
            }
            if !self.is_fresh() {
                sleep(PULSE).await;
            }
        }
        true
    }

    /// Writes a heartbeat, behind everything else; its revision. If that was heard of already, the bucket is another one by now.
    pub(super) async fn beat(&self, bucket: &Bucket) -> Result<u64, StoreError> {
        // One after the other: whoever hears holds both.
        let heard = *self.heard.borrow();
        let generation = self.read().generation;
        let beat = Change { key: Key::Beat, of: Key::Beat, over: 0, value: Value::Beat, leaves_after: None };
        let revision = bucket.append(&beat).await?;
        if revision <= heard && self.read().generation == generation {
            self.begin_anew();
            return Err(StoreError::Unavailable);
        }
        Ok(revision)
    }

    fn begin_anew(&self) {
        self.write().current_at = None;
        self.must_begin_anew.store(true, Ordering::Relaxed);
    }

    /// Sends a heartbeat: when it is heard, everything that was acknowledged before was heard, too.
    pub(super) async fn send_beat(&self, bucket: &Bucket) {
        let (at, generation) = (Instant::now(), self.read().generation);
        let beating = async {
            let revision = self.beat(bucket).await?;
            self.has_heard(revision).await;
            Ok::<_, StoreError>(())
        };
        let is_heard = matches!(timeout(self.staleness, beating).await, Ok(Ok(())));
        let mut known = self.write();
        if !is_heard || !known.is_whole || known.generation != generation {
            return;
        }
        known.current_at = known.current_at.max(Some(at));
    }

    fn hear(&self, heard: Heard, is_whole: bool) {
        // Under one lock, so that who has seen the revision finds what it brought.
        let mut known = self.write();
        known.forget_ended(self.life);
        match (heard.key, heard.place) {
            (Some(Key::Session(handle)), Some(place)) => known.take(handle, place),
            (Some(Key::Epoch(tag)), Some(Place { revision, bytes, value: Value::Epoch(record) })) => {
                known.take_epoch(tag, revision, bytes, record);
            }
            _ => {}
        }
        known.is_whole = is_whole;
        self.heard.send_replace(heard.revision);
    }

    /// True if the connection is another one than that on which the feed began, or the bucket is.
    fn is_another(&self, bucket: &Bucket, connects: u64) -> bool {
        bucket.connects() != connects || self.must_begin_anew.load(Ordering::Relaxed)
    }

    /// True if no heartbeat has come back since then: the consumer may be gone with the server that it was on, and an end since may leave no trace.
    fn is_silent(&self, since: Instant) -> bool {
        let at = self.read().current_at.map_or(since, |at| at.max(since));
        at.elapsed() >= self.staleness.saturating_mul(2)
    }

    /// Hears what comes, until that is of no use any more.
    async fn follow(&self, bucket: &Bucket) -> Result<(), StoreError> {
        let connects = bucket.connects();
        // Why one feed for what is there and what follows: of two, each may be on another server of the cluster, and one of those be behind.
        // What was asked of a server that is gone is never answered.
        let (mut feed, count) = timeout(BEGINNING, bucket.feed()).await.map_err(|_| StoreError::Unavailable)??;
        let (mut is_whole, mut since) = (count == 0, Instant::now());
        self.write().is_whole = is_whole;
        while !self.is_another(bucket, connects) {
            if let Some(heard) = next(&mut feed).await? {
                let heard = heard?;
                if !is_whole {
                    (is_whole, since) = (heard.pending == 0, Instant::now());
                }
                self.hear(heard, is_whole);
            } else if if is_whole { self.is_silent(since) } else { since.elapsed() > SILENCE } {
                break;
            }
        }
        Ok(())
    }
}

/// The next of them; nothing if none comes for a moment.
async fn next<T>(feed: &mut (impl Stream<Item = T> + Unpin)) -> Result<Option<T>, StoreError> {
    match timeout(PULSE, feed.next()).await {
        Ok(Some(item)) => Ok(Some(item)),
        Ok(None) => Err(StoreError::Unavailable),
        Err(_) => Ok(None),
    }
}

/// Listens to the bucket, and begins anew with a whole one whenever something may have been missed.
pub(super) async fn listen(bucket: Bucket, replica: Arc<Replica>) {
    loop {
        replica.heard.send_replace(0);
        replica.written.store(0, Ordering::Relaxed);
        replica.write().forget();
        replica.must_begin_anew.store(false, Ordering::Relaxed);
        let _ = replica.follow(&bucket).await;
        sleep(PULSE).await;
    }
}

/// Sends heartbeats: what comes back says how far the feed is.
pub(super) async fn beat(bucket: Bucket, replica: Arc<Replica>) {
    let pace = replica.staleness.checked_div(4).unwrap_or_default().max(Duration::from_millis(10));
    let mut beats = tokio::time::interval(pace);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let (bucket, replica) = (bucket.clone(), Arc::clone(&replica));
        // It may be heard long after the next one was sent.
        tokio::spawn(async move { replica.send_beat(&bucket).await });
    }
}
