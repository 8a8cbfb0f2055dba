//! The copy of the bucket in this server's memory, and the feed that it is made from.

use super::bucket::Bucket;
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::store::{Entry, Epoch, Kind};
use crate::session::{names, row};
use async_nats::jetstream::kv::{self, Operation};
use core::ops::Bound::{Excluded, Included, Unbounded};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use futures_util::StreamExt;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::format;
use std::string::String;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::vec::Vec;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// How long it waits before the feed is asked for again, and how often it looks whether it is behind.
const PAUSE: Duration = Duration::from_millis(200);

/// Heartbeats from one look at how full the bucket is to the next.
const BEATS_PER_LOOK: usize = 4;

/// A session as it is known: in this revision, and over if there is no entry.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) revision: u64,
    pub(super) entry: Option<Entry>,
}

/// The epoch of a user, and the session that goes on from the ones before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EpochRecord {
    pub(super) epoch: Epoch,
    /// Which one, and from which epoch on it counts.
    kept: Option<(Handle, u64)>,
}

impl EpochRecord {
    /// True for a session of this epoch, and for the one that was kept.
    pub(super) fn admits(&self, handle: Handle, epoch: u64) -> bool {
        let is_kept = |(kept, from): (Handle, u64)| kept == handle && (from..=self.epoch.number).contains(&epoch);
        epoch == self.epoch.number || self.kept.is_some_and(is_kept)
    }

    /// As whoever reads it has it: of this epoch, so that it can be written again.
    pub(super) fn raised(&self, entry: &Entry) -> Entry {
        let mut raised = entry.clone();
        if raised.content.kind == Kind::SignedIn {
            raised.content.epoch = self.epoch.number;
        }
        raised
    }

    pub(super) fn next(&self, kept: Option<Handle>, now: UnixTime) -> Self {
        let number = self.epoch.number;
        // Kept again, it counts from where it did.
        let from = |handle| self.kept.filter(|(before, _)| *before == handle).map_or(number, |(_, from)| from);
        let kept = kept.map(|handle| (handle, from(handle)));
        Self { epoch: Epoch { number: number.saturating_add(1), at: self.epoch.at.max(Some(now)) }, kept }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut value = self.epoch.number.to_be_bytes().to_vec();
        value.extend_from_slice(&self.epoch.at.map_or(0, UnixTime::as_secs).to_be_bytes());
        if let Some((kept, from)) = &self.kept {
            value.extend_from_slice(&from.to_be_bytes());
            value.extend_from_slice(kept.as_bytes());
        }
        value
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (number, rest) = value.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let kept = match rest.split_first_chunk() {
            None => None,
            Some((from, kept)) => Some((Handle::from_bytes(kept.try_into().ok()?), u64::from_be_bytes(*from))),
        };
        let at = Some(UnixTime::from_secs(u64::from_be_bytes(*at)));
        Some(Self { epoch: Epoch { number: u64::from_be_bytes(*number), at }, kept })
    }
}

#[derive(Default)]
struct Known {
    /// In the order of handles, and so by user.
    sessions: BTreeMap<Handle, Held>,
    epochs: HashMap<UserTag, (u64, EpochRecord)>,
    /// What was deleted and when that was heard, oldest first.
    graves: VecDeque<(Instant, Handle)>,
    /// Heartbeats of this server that were acknowledged and not heard yet: when each was sent, and its revision.
    beats: VecDeque<(Instant, u64)>,
    /// When the last one was sent that was heard: everything acknowledged before that was heard, too.
    current_at: Option<Instant>,
}

impl Known {
    fn hear_beats(&mut self, heard: u64) {
        while self.beats.front().is_some_and(|(_, revision)| *revision <= heard) {
            self.current_at = self.beats.pop_front().map(|(at, _)| at);
        }
    }
}

pub(super) struct Replica {
    known: RwLock<Known>,
    staleness: Duration,
    /// The last revision that was heard of, once the whole bucket was.
    heard: watch::Sender<Option<u64>>,
    /// How many hundredths of the bucket's room are taken, as it was said last.
    fill: AtomicU64,
}

impl Replica {
    pub(super) fn new(staleness: Duration) -> Self {
        Self { known: RwLock::default(), staleness, heard: watch::Sender::new(None), fill: AtomicU64::new(0) }
    }

    // Every change is one step: what a panicking thread has left behind is whole.
    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if nothing is missing of what was acknowledged longer ago than the bound: a heartbeat that was sent since has come back. That other
    /// messages come says nothing, as they may be old ones.
    pub(super) fn is_fresh(&self) -> bool {
        let is_whole = self.heard.borrow().is_some();
        is_whole && self.read().current_at.is_some_and(|at| at.elapsed() < self.staleness)
    }

    pub(super) fn fill(&self) -> u64 {
        self.fill.load(Ordering::Relaxed)
    }

    /// True if no heartbeat has come back for twice the bound.
    fn has_been_away(&self, began: Instant) -> bool {
        let last = self.read().current_at.unwrap_or(began);
        last.elapsed() > self.staleness.saturating_mul(2)
    }

    /// A heartbeat was acknowledged.
    fn sent(&self, at: Instant, revision: u64) {
        let heard = self.heard.borrow().unwrap_or(0);
        let mut known = self.write();
        known.beats.push_back((at, revision));
        known.hear_beats(heard);
    }

    /// Forgets everything: the feed begins anew, and what ended meanwhile may have left no trace.
    fn forget(&self) {
        self.heard.send_replace(None);
        *self.write() = Known::default();
    }

    pub(super) async fn has_heard_all(&self) {
        let _ = self.heard.subscribe().wait_for(Option::is_some).await;
    }

    pub(super) async fn has_heard(&self, revision: u64) {
        let _ = self.heard.subscribe().wait_for(|heard| heard.is_some_and(|heard| heard >= revision)).await;
    }

    pub(super) fn session(&self, handle: Handle) -> Option<Held> {
        self.read().sessions.get(&handle).cloned()
    }

    pub(super) fn epoch(&self, tag: UserTag) -> EpochRecord {
        self.read().epochs.get(&tag).map_or_else(EpochRecord::default, |(_, record)| *record)
    }

    /// What was written or looked up here, or heard of; the newest counts, in whatever order it comes, and is the answer. What never was is not
    /// kept: whoever makes names up fills no memory.
    pub(super) fn learn_session(&self, handle: Handle, held: Held) -> Held {
        let mut known = self.write();
        match known.sessions.get(&handle) {
            Some(before) if before.revision >= held.revision => before.clone(),
            None if held.revision == 0 => held,
            _ => {
                if held.entry.is_none() {
                    known.graves.push_back((Instant::now(), handle));
                }
                known.sessions.insert(handle, held.clone());
                held
            }
        }
    }

    pub(super) fn learn_epoch(&self, tag: UserTag, revision: u64, record: EpochRecord) -> (u64, EpochRecord) {
        let mut known = self.write();
        match known.epochs.get(&tag) {
            Some(before) if before.0 >= revision => *before,
            None if revision == 0 => (revision, record),
            _ => {
                known.epochs.insert(tag, (revision, record));
                (revision, record)
            }
        }
    }

    pub(super) fn list(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Vec<(Handle, Entry)> {
        let epoch = self.epoch(tag);
        let known = self.read();
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        let of_user = known.sessions.range((from, Unbounded)).take_while(|(handle, _)| handle.tag() == tag);
        let live = of_user.filter_map(|(handle, held)| {
            let entry = held.entry.as_ref()?;
            (entry.is_live(now) && epoch.admits(*handle, entry.content.epoch)).then(|| (*handle, epoch.raised(entry)))
        });
        live.take(limit).collect()
    }

    /// All sessions of a user that are there, over or not, and their revisions.
    pub(super) fn of_user(&self, tag: UserTag) -> Vec<(Handle, u64)> {
        let known = self.read();
        let of_user = known.sessions.range(Handle::first_of(tag)..).take_while(|(handle, _)| handle.tag() == tag);
        of_user.filter(|(_, held)| held.entry.is_some()).map(|(handle, held)| (*handle, held.revision)).collect()
    }

    /// What is over and still there.
    pub(super) fn dead(&self, now: UnixTime, limit: usize) -> Vec<(Handle, u64)> {
        let known = self.read();
        let dead =
            known.sessions.iter().filter(|(_, held)| held.entry.as_ref().is_some_and(|entry| !entry.is_live(now)));
        dead.take(limit).map(|(handle, held)| (*handle, held.revision)).collect()
    }

    /// A marker that could not be removed, for the next time.
    pub(super) fn bury_again(&self, handle: Handle) {
        self.write().graves.push_front((Instant::now(), handle));
    }

    /// What was deleted long ago; it is forgotten here.
    pub(super) fn old_graves(&self, age: Duration, limit: usize) -> Vec<Handle> {
        let mut known = self.write();
        let mut handles = Vec::new();
        while handles.len() < limit && known.graves.front().is_some_and(|(at, _)| at.elapsed() >= age) {
            let Some((_, handle)) = known.graves.pop_front() else { break };
            if known.sessions.get(&handle).is_none_or(|held| held.entry.is_none()) {
                known.sessions.remove(&handle);
                handles.push(handle);
            }
        }
        handles
    }

    /// Takes a message of the feed; the bucket is known as a whole once the revision that was its last has come.
    fn hear(&self, message: &kv::Entry, last: u64) {
        let value = (message.operation == Operation::Put).then_some(&message.value);
        match parse(&message.key) {
            Some(Key::Session(handle)) => {
                let entry = value.and_then(|value| row::decode(value));
                self.learn_session(handle, Held { revision: message.revision, entry });
            }
            Some(Key::Epoch(tag)) => {
                let record = value.and_then(|value| EpochRecord::decode(value)).unwrap_or_default();
                self.learn_epoch(tag, message.revision, record);
            }
            None => {}
        }
        self.write().hear_beats(message.revision);
        // Not by how many messages are left, which servers of 2.9 count wrong when one is replaced meanwhile.
        if message.revision >= last {
            self.heard.send_replace(Some(message.revision));
        }
    }
}

/// Hears of everything, from the beginning; begins anew when the feed ends, or was behind: the client's own would go on where it was, and what
/// was ended meanwhile may have left no trace.
pub(super) async fn listen(bucket: Bucket, replica: Arc<Replica>) {
    loop {
        replica.forget();
        // In this order: what is written in between comes with the feed.
        if let Ok(mut feed) = bucket.store.watch_with_history(">").await
            && let Ok(info) = bucket.store.stream.get_info().await
        {
            let last = info.state.last_sequence;
            if last == 0 {
                replica.heard.send_replace(Some(0));
            }
            let began = Instant::now();
            loop {
                match timeout(PAUSE, feed.next()).await {
                    Ok(Some(Ok(message))) => replica.hear(&message, last),
                    Ok(_) => break,
                    Err(_) => {}
                }
                if replica.has_been_away(began) {
                    break;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes now and then: what comes back says how far the feed is. Asks less often how full the bucket is.
pub(super) async fn beat(bucket: Bucket, replica: Arc<Replica>) {
    let staleness = replica.staleness;
    let pace = staleness.checked_div(4).unwrap_or(staleness).max(Duration::from_millis(10));
    let mut beats = tokio::time::interval(pace);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for count in 0usize.. {
        beats.tick().await;
        if count.is_multiple_of(BEATS_PER_LOOK)
            && let Ok(Ok(fill)) = timeout(staleness, bucket.fill()).await
        {
            replica.fill.store(fill, Ordering::Relaxed);
        }
        let at = Instant::now();
        if let Ok(Ok(revision)) = timeout(staleness, bucket.beat()).await {
            replica.sent(at, revision);
        }
    }
}

enum Key {
    Session(Handle),
    Epoch(UserTag),
}

pub(super) fn session_key(handle: Handle) -> String {
    format!("s.{}.{}", names::of_tag(handle.tag()), names::of_selector(handle))
}

pub(super) fn epoch_key(tag: UserTag) -> String {
    format!("e.{}", names::of_tag(tag))
}

fn parse(key: &str) -> Option<Key> {
    let mut parts = key.split('.');
    match (parts.next()?, parts.next()?.as_bytes(), parts.next(), parts.next()) {
        ("s", tag, Some(selector), None) => names::handle(tag, selector.as_bytes()).map(Key::Session),
        ("e", tag, None, None) => names::tag(tag).map(Key::Epoch),
        _ => None,
    }
}
