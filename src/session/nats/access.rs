//! How this server reads sessions and changes them: reads by its copy where that is believed, and else in the bucket; writes always there.

use super::NatsOptions;
use super::bucket::{Bucket, Said};
use super::epoch::EpochRecord;
use super::known::MARGIN;
use super::message::{Change, Key, Place, Value};
use super::replica::Replica;
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::names::new_version;
use crate::session::store::{Deadlines, Entry, Kind, StoreError};
use core::future::Future;
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

/// Writes that others were faster with, before a call gives up.
pub(super) const ATTEMPTS: usize = 1000;
/// Before the same is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// Seconds that a value stays at most, a hundred years: a server counts the nanoseconds of a date in 63 bits, and drops at once what is beyond.
const LONGEST: u64 = 100 * 365 * 86_400;
/// How many sessions of one user may have ended a moment ago before its next sign-in waits, when room for that runs short.
const ENDED_OF_USER: usize = 64;

pub(super) struct Access {
    pub(super) bucket: Bucket,
    pub(super) replica: Arc<Replica>,
    pub(super) options: NatsOptions,
    /// One write of a key at a time; many keys share a turn. Why: of many that are sent at once over one revision the server refuses all but one, and
    /// 12 800 increments of one key by 64 tasks take 66 s in place of 18 s.
    pub(super) turns: [Mutex<()>; 64],
    /// When the bucket last proved that most of its servers stand behind it.
    pub(super) proven_at: Mutex<Option<Instant>>,
}

impl Access {
    pub(super) async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.options.answer, call).await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// Makes sure that the bucket takes writes, unless that is known: a server that is cut off from the others answers reads for a while, and
    /// knows nothing of what they have ended. Those who ask together, and shortly after, ask once.
    async fn prove(&self) -> Result<(), StoreError> {
        if self.replica.is_fresh() {
            return Ok(());
        }
        let mut proven_at = self.proven_at.lock().await;
        let half = self.options.staleness.checked_div(2).unwrap_or_default();
        if proven_at.is_none_or(|at| at.elapsed() > half) {
            let at = Instant::now();
            self.replica.beat(&self.bucket).await?;
            *proven_at = Some(at);
        }
        Ok(())
    }

    async fn read(&self, key: Key) -> Result<Option<Place>, StoreError> {
        self.prove().await?;
        Ok(self.bucket.read(key).await?.map(|(_, place)| place))
    }

    /// The session as the bucket has it.
    pub(super) async fn look_up(&self, handle: Handle) -> Result<Option<Place>, StoreError> {
        self.read(Key::Session(handle)).await
    }

    /// The session as this server knows it, or as the bucket has it where that is not enough; true if it is from the bucket.
    pub(super) async fn session(&self, handle: Handle) -> Result<(Option<Place>, bool), StoreError> {
        match self.replica.session(handle).flatten() {
            Some(place) => Ok((Some(place), false)),
            None => Ok((self.look_up(handle).await?, true)),
        }
    }

    /// The session as it is after a write over this revision was refused.
    pub(super) async fn later(&self, handle: Handle, over: u64) -> Result<Option<Place>, StoreError> {
        match self.replica.session(handle).flatten() {
            Some(place) if place.revision > over => Ok(Some(place)),
            _ => self.look_up(handle).await,
        }
    }

    pub(super) async fn look_up_epoch(&self, tag: UserTag) -> Result<(u64, EpochRecord), StoreError> {
        Ok(match self.read(Key::Epoch(tag)).await? {
            Some(Place { revision, value: Value::Epoch(record), .. }) => (revision, record),
            Some(Place { revision, .. }) => (revision, EpochRecord::default()),
            None => Default::default(),
        })
    }

    /// The epoch of a user, and its revision.
    pub(super) async fn epoch(&self, tag: UserTag) -> Result<(u64, EpochRecord), StoreError> {
        match self.replica.epoch(tag) {
            Some(found) => Ok(found),
            None => self.look_up_epoch(tag).await,
        }
    }

    /// A live session of the present epoch, as whoever reads it has it.
    pub(super) async fn live(
        &self,
        handle: Handle,
        place: Option<&Place>,
        now: UnixTime,
    ) -> Result<Option<Entry>, StoreError> {
        let Some(Value::Session { entry, .. }) = place.map(|place| &place.value) else { return Ok(None) };
        if !entry.is_live(now) {
            return Ok(None);
        }
        if entry.content.kind == Kind::Anonymous {
            return Ok(Some(entry.clone()));
        }
        let (_, mut record) = self.epoch(handle.tag()).await?;
        if record.epoch.number < entry.content.epoch {
            // It is of an epoch that this server has not heard of.
            (_, record) = self.look_up_epoch(handle.tag()).await?;
        }
        Ok(record.admits(handle, entry.content.epoch).then(|| record.raised(entry)))
    }

    /// A session that is read: where this server does not know it, or knows that it has run out, it may have been made or touched elsewhere.
    pub(super) async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        let (place, is_looked_up) = self.session(handle).await?;
        let found = self.live(handle, place.as_ref(), now).await?;
        let is_over = |place: Place| !matches!(place.value, Value::Session { .. });
        if found.is_some() || is_looked_up || place.is_some_and(is_over) {
            return Ok(found);
        }
        let place = self.look_up(handle).await?;
        self.live(handle, place.as_ref(), now).await
    }

    /// Writes all of these or none, the first of which decides; its revision, or nothing if another was faster. What a server does not answer is
    /// looked for by its write id, and tried again: over the same revision it counts once.
    pub(super) async fn write(&self, changes: &[Change]) -> Result<Option<u64>, StoreError> {
        let (id, mut is_unclear) = (new_version()?, false);
        let Some(first) = changes.first() else { return Ok(None) };
        let behind = u64::try_from(changes.len()).unwrap_or(1).saturating_sub(1);
        let (tag, last) = match first.key {
            Key::Session(handle) => (handle.tag(), handle.as_bytes().last().copied().unwrap_or(0)),
            Key::Epoch(tag) => (tag, 0),
            Key::Beat => return Ok(None),
        };
        let turn = usize::from(tag.as_bytes().last().copied().unwrap_or(0) ^ last);
        // For a moment only: whoever has the turn may have been stopped in the middle of it, and it is the server that decides.
        let _turn = match self.turns.get(turn & 63) {
            Some(turn) => timeout(PAUSE, turn.lock()).await.ok(),
            None => None,
        };
        // What this server knows to be another revision by now is not even tried.
        if let Key::Session(handle) = first.key
            && self.replica.session(handle).flatten().is_some_and(|place| place.revision > first.over)
        {
            return Ok(None);
        }
        loop {
            match self.bucket.write(id, changes).await {
                Said::Done(last) => return Ok(Some(self.heard(last).await.saturating_sub(behind))),
                Said::Late(revision) if !is_unclear => {
                    // So that it need not be asked for.
                    let _ = timeout(PAUSE, self.replica.has_heard(revision)).await;
                    return Ok(None);
                }
                Said::Full if !is_unclear => return Err(StoreError::Full),
                Said::Busy => {}
                _ => is_unclear = true,
            }
            if is_unclear && let Ok(found) = self.bucket.read(first.key).await {
                match found {
                    Some((found, place)) if found == id => {
                        let last = place.revision.saturating_add(behind);
                        return Ok(Some(self.heard(last).await.saturating_sub(behind)));
                    }
                    // Another one's stands there: over this one, or in its place.
                    found if found.as_ref().map_or(0, |(_, place)| place.revision) != first.over => {
                        return Err(StoreError::Unavailable);
                    }
                    _ => {}
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until this server's copy has what was written, if that is believed: whoever reads here next finds it.
    async fn heard(&self, revision: u64) -> u64 {
        self.replica.has_written(revision);
        self.replica.hears(revision).await;
        revision
    }

    /// What is written under a handle over this revision; it leaves the bucket some time after its absolute deadline.
    pub(super) fn change(handle: Handle, over: u64, value: Value, now: UnixTime) -> Change {
        let until = match &value {
            Value::Session { entry, .. } => entry.content.deadlines.absolute,
            Value::Pointer { until, .. } => *until,
            _ => now,
        };
        let seconds = until.as_secs().saturating_sub(now.as_secs()).saturating_add(MARGIN).min(LONGEST);
        let key = Key::Session(handle);
        Change { key, of: key, over, value, leaves_after: Some(seconds) }
    }

    /// That a session is over, or a pointer to one: for as long as a copy may take to hear of it.
    pub(super) fn over(&self, handle: Handle, over: u64) -> Change {
        let key = Key::Session(handle);
        Change { key, of: key, over, value: Value::Over, leaves_after: Some(life_of(&self.options).as_secs()) }
    }

    /// True if the epoch of a user admits what was just written: the copy has heard of all that was written before, or the bucket is asked.
    pub(super) async fn is_admitted(&self, handle: Handle, entry: &Entry, revision: u64) -> Result<bool, StoreError> {
        if entry.content.kind == Kind::Anonymous {
            return Ok(true);
        }
        let tag = handle.tag();
        let known = if self.replica.hears(revision).await { self.replica.epoch(tag) } else { None };
        let (_, record) = match known {
            Some(known) => known,
            None => self.look_up_epoch(tag).await?,
        };
        Ok(record.admits(handle, entry.content.epoch))
    }

    /// Whether another session, or a larger one, fits. Strangers may take half of the room, and users what strangers have not; what has ended counts
    /// apart. As either part runs short, those who take most of it wait first. A part of the bucket stays free for ends, epochs and heartbeats: what ends
    /// is larger than what says so.
    pub(super) fn has_room(&self, kind: Kind, tag: UserTag) -> Result<(), StoreError> {
        let (Some(bound), room) = (self.bucket.room, self.replica.room()) else { return Ok(()) };
        let sixteenths = |count: u64| sixteenths(bound, count);
        let sessions = room.strangers.saturating_add(room.users);
        let is_full = match kind {
            Kind::Anonymous => room.strangers >= sixteenths(8) || room.markers >= sixteenths(4),
            Kind::SignedIn => {
                room.markers >= sixteenths(4) && self.replica.has_ended_more_than(tag, ENDED_OF_USER)
                    || sessions >= sixteenths(12) && self.replica.holds_more_than(tag, sixteenths(1) / 4)
            }
        };
        let is_brim = sessions >= bound || room.markers >= sixteenths(7);
        if is_full || is_brim { Err(StoreError::Full) } else { Ok(()) }
    }

    /// Whether a sweep may say of more sessions that they are over.
    pub(super) fn can_bury(&self) -> bool {
        self.bucket.room.is_none_or(|bound| self.replica.room().markers < sixteenths(bound, 6))
    }
}

fn sixteenths(bound: u64, count: u64) -> u64 {
    bound.checked_div(16).unwrap_or(0).saturating_mul(count)
}

/// How long what has ended stays in the bucket: copies that have not heard of it by then begin anew.
pub(super) fn life_of(options: &NatsOptions) -> Duration {
    options.staleness.saturating_mul(10).max(Duration::from_secs(5)).min(Duration::from_secs(3600))
}

/// What lives longer than before takes its pointers with it.
pub(super) fn is_later(next: &Deadlines, before: &Deadlines) -> bool {
    next.absolute > before.absolute
}
