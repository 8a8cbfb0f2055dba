//! How this server reads the log and writes into it: by its copy where that is believed, and else in the bucket.

use super::NatsOptions;
use super::bucket::Bucket;
use super::epoch::EpochRecord;
use super::log::{Body, Key, Message, Place};
use super::replica::{self, Held, Outcome, Replica};
use super::turns::Turns;
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::names::new_version;
use crate::session::store::{Content, Created, Entry, Kind, StoreError, Swapped};
use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::{Instant, sleep, timeout};

/// Writes that others were faster with, before a call gives up.
const ATTEMPTS: usize = 100;
/// How often whoever waits for the feed looks whether it is still believed.
const FEED: Duration = Duration::from_millis(100);
/// Messages of a key that are of no use, before they are removed.
const UNTIDY: usize = 8;
/// Hundredths of the bucket that writes of sessions of nobody may fill, those of all sessions, and those that only push a deadline on. What is left
/// is for epochs and for the ends of sessions, so that who cannot sign in can still be signed out.
const FOR_ANONYMOUS: u64 = 75;
const FOR_SESSIONS: u64 = 95;
pub(super) const FOR_TOUCHES: u64 = 100;

/// The log, and what is known of it here.
pub(super) struct Log {
    pub(super) bucket: Bucket,
    pub(super) replica: Arc<Replica>,
    pub(super) options: NatsOptions,
    pub(super) turns: Turns,
    /// When the bucket was last asked whether it takes writes, and did.
    pub(super) proven_at: Mutex<Option<Instant>>,
}

impl Log {
    pub(super) async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
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
        self.replica.append(&self.bucket, Key::Beat, &Message::ANY_BEAT).await?;
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

    /// Reads the log of a key up to this revision of it. While others write there is always more.
    async fn read_all<T: Clone>(
        &self,
        key: Key,
        last: u64,
        value_of: impl Fn(Body) -> Option<T>,
    ) -> Result<Option<Place<T>>, StoreError> {
        let (mut place, mut from) = (None, 0);
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
    pub(super) async fn look_up_session(&self, handle: Handle) -> Result<Held, StoreError> {
        if self.has_all_of(Key::Session(handle)).await?
            && let Some(held) = self.replica.session(handle)
        {
            return Ok(held);
        }
        self.ask_all().await?;
        let last = self.bucket.last_of(Key::Session(handle)).await?;
        self.read_session(handle, last).await
    }

    async fn read_session(&self, handle: Handle, last: u64) -> Result<Held, StoreError> {
        let held = self.read_all(Key::Session(handle), last, replica::session_of).await?;
        if let Some(place) = &held {
            self.replica.has_read(handle, &place.value);
        }
        Ok(held)
    }

    async fn look_up_epoch(&self, tag: UserTag) -> Result<Option<Place<EpochRecord>>, StoreError> {
        if self.has_all_of(Key::Epoch(tag)).await?
            && let Some(place) = self.replica.epoch(tag)
        {
            return Ok(place);
        }
        self.ask_all().await?;
        let last = self.bucket.last_of(Key::Epoch(tag)).await?;
        self.read_epoch(tag, last).await
    }

    async fn read_epoch(&self, tag: UserTag, last: u64) -> Result<Option<Place<EpochRecord>>, StoreError> {
        let place = self.read_all(Key::Epoch(tag), last, replica::epoch_of).await?;
        if let Some(place) = &place {
            self.replica.has_read_epoch(tag, place.value);
        }
        Ok(place)
    }

    /// The session as this server knows it, or as the bucket has it where that is not enough.
    pub(super) async fn session(&self, handle: Handle) -> Result<Held, StoreError> {
        match self.replica.session(handle).flatten() {
            Some(place) if place.value.entry().is_some() => Ok(Some(place)),
            _ => self.look_up_session(handle).await,
        }
    }

    pub(super) async fn epoch_record(&self, tag: UserTag) -> Result<EpochRecord, StoreError> {
        let place = match self.replica.epoch(tag) {
            Some(place) => place,
            None => self.look_up_epoch(tag).await?,
        };
        Ok(self.latest(tag, place.as_ref()))
    }

    fn latest(&self, tag: UserTag, place: Option<&Place<EpochRecord>>) -> EpochRecord {
        self.replica.latest(tag, place.map(|place| place.value).unwrap_or_default())
    }

    /// A live session of the present epoch, as whoever reads it has it, and its revision.
    pub(super) async fn live(
        &self,
        handle: Handle,
        held: &Held,
        now: UnixTime,
    ) -> Result<Option<(u64, Entry)>, StoreError> {
        let Some(place) = held else { return Ok(None) };
        let Some(entry) = place.value.entry().filter(|entry| entry.is_live(now)) else { return Ok(None) };
        if self.replica.was_ended(handle) {
            return Ok(None);
        }
        if entry.content.kind == Kind::Anonymous {
            return Ok(Some((place.revision, entry.clone())));
        }
        let mut record = self.epoch_record(handle.tag()).await?;
        if record.epoch.number < entry.content.epoch {
            // It is of an epoch that this server has not heard of.
            record = self.latest(handle.tag(), self.look_up_epoch(handle.tag()).await?.as_ref());
        }
        Ok(record.admits(handle, entry.content.epoch).then(|| (place.revision, record.raised(entry))))
    }

    pub(super) async fn is_of_epoch(&self, handle: Handle, content: &Content) -> Result<bool, StoreError> {
        Ok(content.kind == Kind::Anonymous || self.epoch_record(handle.tag()).await?.epoch.number == content.epoch)
    }

    /// Writes over a revision, 0 for none; true if it counts. It goes on when nobody waits for it any more: whoever stops in the middle of a turn
    /// would hold up all others.
    pub(super) async fn write(self: &Arc<Self>, key: Key, body: Body, over: u64) -> Result<bool, StoreError> {
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
        let appended = self.replica.append(&self.bucket, key, &Message { id: expected.id, over, body }).await?;
        let outcome = match self.while_fresh(expected.outcome()).await {
            Some(outcome) => outcome?,
            // The feed is behind: the bucket says what became of it.
            None => {
                match key {
                    Key::Session(handle) => self.read_session(handle, appended).await.map(drop)?,
                    Key::Epoch(tag) => self.read_epoch(tag, appended).await.map(drop)?,
                    Key::Beat => {}
                }
                // If it has left the log before it was read, nobody knows.
                timeout(FEED, expected.outcome()).await.unwrap_or(Err(StoreError::Unavailable))?
            }
        };
        if !outcome.counts {
            return Ok(false);
        }
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
    pub(super) async fn end(
        self: &Arc<Self>,
        handle: Handle,
        entry: &Entry,
        revision: u64,
    ) -> Result<bool, StoreError> {
        self.write(Key::Session(handle), Body::Ended(entry.content.deadlines.absolute), revision).await
    }

    /// Changes a live session under the revision that was read, again and again while others are faster. `change` says what to write, or what to
    /// answer instead.
    pub(super) async fn change<T>(
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

    pub(super) async fn begin_epoch(
        self: &Arc<Self>,
        tag: UserTag,
        except: Option<Handle>,
        now: UnixTime,
    ) -> Result<EpochRecord, StoreError> {
        for _ in 0..ATTEMPTS {
            let place = self.look_up_epoch(tag).await?;
            let revision = place.as_ref().map_or(0, |place| place.revision);
            let record = self.latest(tag, place.as_ref()).next(except, now);
            if self.write(Key::Epoch(tag), Body::Epoch(record), revision).await? {
                return Ok(record);
            }
        }
        Err(StoreError::Unavailable)
    }

    /// Makes a session in a place that nobody lives in, or has been signed out of: an end is one for good.
    pub(super) async fn make(
        self: &Arc<Self>,
        handle: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Created, StoreError> {
        if !self.is_of_epoch(handle, &content).await? {
            return Ok(Created::Revoked);
        }
        let may_fill = room_for(content.kind);
        let entry = Entry { version: new_version()?, content };
        let mut held = self.replica.session(handle).flatten();
        for _ in 0..ATTEMPTS {
            if self.live(handle, &held, now).await?.is_some() || self.replica.was_ended(handle) {
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
    pub(super) async fn end_live(self: &Arc<Self>, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
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

    pub(super) async fn change_handle(
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
pub(super) const fn room_for(kind: Kind) -> u64 {
    match kind {
        Kind::Anonymous => FOR_ANONYMOUS,
        Kind::SignedIn => FOR_SESSIONS,
    }
}
