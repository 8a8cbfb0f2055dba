//! Access to the bucket. Reads use the local copy while it is fresh, and the bucket otherwise. Writes always go to the
//! bucket.

use super::bucket::{Bucket, Said};
use super::known::{Known, MARGIN};
use super::message::{Change, Key, Place, Value};
use super::options::NatsOptions;
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::store_keys::new_version;
use crate::session::store::{MAX_LINE, RevocationEpoch, SessionContent, SessionKind, StoreError, StoredSession};
use core::future::Future;
use core::hash::BuildHasher;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

/// Writes that others were faster with, before a call gives up.
pub(super) const ATTEMPTS: usize = 1000;
/// Later than any revision, and than any epoch: what this server knows is not enough, and the bucket is asked.
pub(super) const ASKED: u64 = u64::MAX;
/// Before the same is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// Seconds that a value stays at most, a hundred years: a server counts the nanoseconds of a date in 63 bits, and drops at once what is beyond.
const LONGEST: u64 = 100 * 365 * 86_400;

pub(super) struct Access {
    pub(super) bucket: Bucket,
    /// The copy.
    pub(super) known: watch::Sender<Known>,
    pub(super) options: NatsOptions,
    /// One write of a key at a time; many keys share a turn. Why: of many that are sent at once over one revision the server refuses all but one, and
    /// 12 800 increments of one key by 64 tasks take 66 s in place of 18 s.
    turns: [Mutex<()>; 64],
    hasher: RandomState,
    /// When the bucket last proved that most of its servers stand behind it.
    proven_at: Mutex<Option<Instant>>,
}

/// What a call has come to with what it has found.
pub(super) enum Tried<T> {
    Done(T),
    /// There is nothing to be done, as far as this server knows.
    Nothing(T),
    /// Others were faster.
    Late,
}

impl<T> Tried<T> {
    /// Where no session lives: what has ended, and what was rotated, has so for good; any other may have been made or touched elsewhere.
    pub(super) fn without(place: Option<&Place>, answer: T) -> Self {
        match place {
            Some(Place { value: Value::Over | Value::Pointer { .. }, .. }) => Self::Done(answer),
            _ => Self::Nothing(answer),
        }
    }
}

impl Access {
    pub(super) fn new(bucket: Bucket, options: NatsOptions) -> Self {
        let (known, turns) = (watch::Sender::new(Known::default()), [(); 64].map(|()| Mutex::default()));
        Self { bucket, known, options, turns, hasher: RandomState::new(), proven_at: Mutex::default() }
    }

    pub(super) async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let answer = timeout(self.options.response_timeout, call).await;
        answer
            .unwrap_or_else(|_| Err(StoreError::because("NATS has not answered within NatsOptions::response_timeout")))
    }

    /// Makes sure that the bucket takes writes, unless that is known: a server that is cut off from the others answers reads for a while, and
    /// knows nothing of what they have ended. Those who ask together, and shortly after, ask once.
    async fn prove(&self) -> Result<(), StoreError> {
        if self.is_fresh() {
            return Ok(());
        }
        let mut proven_at = self.proven_at.lock().await;
        let half = self.options.max_staleness.checked_div(2).unwrap_or_default();
        if proven_at.is_none_or(|at| at.elapsed() > half) {
            let at = Instant::now();
            self.beat().await?;
            *proven_at = Some(at);
        }
        Ok(())
    }

    /// What stands under a key: as this server knows it, if that is later than this revision, and else as the bucket has it; true for that.
    pub(super) async fn find(&self, key: Key, over: u64) -> Result<(Option<Place>, bool), StoreError> {
        let known = self.believed(|known| known.at(key).filter(|place| place.revision > over).cloned());
        if let Some(place) = known.flatten() {
            return Ok((Some(place), false));
        }
        self.prove().await?;
        Ok((self.bucket.read(key).await?.map(|(_, place)| place), true))
    }

    /// The epoch of a user and its revision: as this server knows it, if that has come to this number, and else as the bucket has it.
    pub(super) async fn epoch(&self, tag: UserHash, least: u64) -> Result<(u64, RevocationEpoch), StoreError> {
        let known = self.believed(|known| Place::epoch(known.at(Key::Epoch(tag))));
        match known.filter(|(_, epoch)| epoch.number >= least) {
            Some(known) => Ok(known),
            None => Ok(Place::epoch(self.find(Key::Epoch(tag), ASKED).await?.0.as_ref())),
        }
    }

    /// Tries a call with what stands under a handle, and again while others are faster, or if there is nothing to be done with what this server knows:
    /// then with what the bucket has. True for that.
    pub(super) async fn with<T, F: Future<Output = Result<Tried<T>, StoreError>>>(
        &self,
        handle: Handle,
        call: impl Fn(Option<Place>, bool) -> F,
    ) -> Result<T, StoreError> {
        let mut over = 0;
        for _ in 0..ATTEMPTS {
            let (place, is_asked) = self.find(Key::Session(handle), over).await?;
            let revision = place.as_ref().map_or(0, |place| place.revision);
            over = match call(place, is_asked).await? {
                Tried::Done(answer) => return Ok(answer),
                Tried::Nothing(answer) if is_asked => return Ok(answer),
                Tried::Nothing(_) => ASKED,
                Tried::Late => revision,
            };
        }
        Err(StoreError::unavailable())
    }

    /// A live session of the present epoch.
    pub(super) async fn live<'p>(
        &self,
        handle: Handle,
        place: Option<&'p Place>,
        now: UnixTime,
    ) -> Result<Option<&'p StoredSession>, StoreError> {
        let Some(entry) = place.and_then(|place| place.session(now)) else { return Ok(None) };
        if entry.content.kind == SessionKind::Anonymous {
            return Ok(Some(entry));
        }
        // A copy that has heard of the session has heard of its epoch, if there still is one.
        let is_known = |known: &Known| {
            known.at(Key::Session(handle)).map(|place| place.revision) == place.map(|place| place.revision)
        };
        let least = if self.believed(is_known) == Some(true) { 0 } else { entry.content.epoch };
        let (_, epoch) = self.epoch(handle.user_hash(), least).await?;
        Ok(Some(entry).filter(|entry| entry.is_of(epoch)))
    }

    pub(super) async fn is_of_epoch(&self, handle: Handle, content: &SessionContent) -> Result<bool, StoreError> {
        Ok(content.kind == SessionKind::Anonymous
            || content.is_of(self.epoch(handle.user_hash(), content.epoch).await?.1))
    }

    /// True if the epoch of a user admits what was just written: the copy has heard of all that was written before, or the bucket is asked.
    pub(super) async fn is_admitted(
        &self,
        handle: Handle,
        entry: &StoredSession,
        revision: u64,
    ) -> Result<bool, StoreError> {
        if entry.content.kind == SessionKind::Anonymous {
            return Ok(true);
        }
        let least = if self.hears(revision).await { 0 } else { ASKED };
        let (_, epoch) = self.epoch(handle.user_hash(), least).await?;
        if entry.is_of(epoch) {
            return Ok(true);
        }
        // What a revocation lets go on stands there as of the new epoch, with what was written.
        let (place, _) = self.find(Key::Session(handle), revision).await?;
        Ok(matches!(place, Some(Place { value: Value::Session { entry, .. }, .. }) if entry.is_of(epoch)))
    }

    pub(super) fn has_room(&self, kind: SessionKind, tag: UserHash) -> Result<(), StoreError> {
        if self.known.borrow().has_room(self.bucket.room, kind, tag) { Ok(()) } else { Err(StoreError::full()) }
    }

    /// What is written under a handle over this revision.
    pub(super) fn change(&self, handle: Handle, over: u64, value: Value, now: UnixTime) -> Change {
        self.change_at(Key::Session(handle), over, value, now)
    }

    /// The same under any key. A session, a pointer or an epoch leaves the bucket some time after its end; what says that one is over does once all copies
    /// must have heard of it.
    pub(super) fn change_at(&self, key: Key, over: u64, value: Value, now: UnixTime) -> Change {
        let stays = |until: UnixTime| until.as_secs().saturating_sub(now.as_secs()).saturating_add(MARGIN).min(LONGEST);
        let leaves_after = value.until().map_or_else(|| self.options.life().as_secs(), stays);
        Change { key, over, value: Some(value), leaves_after: Some(leaves_after) }
    }

    /// Writes all of these or none; the revision of the last value, or of what is behind it, or nothing if another was faster. What a server does not answer
    /// is looked for by its write id, and tried again: over the same revision it counts once.
    pub(super) async fn write(&self, changes: &[Change]) -> Result<Option<u64>, StoreError> {
        let (id, mut is_unclear) = (new_version()?, false);
        let Some(Change { key, over, .. }) = changes.iter().rfind(|change| change.value.is_some()) else {
            return Ok(None);
        };
        let turn = usize::try_from(self.hasher.hash_one(key) & 63).ok().and_then(|turn| self.turns.get(turn));
        // For a moment only: whoever has the turn may have been stopped in the middle of it, and it is the server that decides.
        let _turn = match turn {
            Some(turn) => timeout(PAUSE, turn.lock()).await.ok(),
            None => None,
        };
        // What this server knows to be another revision by now is not even tried.
        if self.believed(|known| known.at(*key).is_some_and(|place| place.revision > *over)) == Some(true) {
            return Ok(None);
        }
        let revision = loop {
            match self.bucket.write(id, changes).await {
                Said::Done(revision) => break revision,
                Said::Late(revision) if !is_unclear => {
                    // So that it need not be asked for.
                    let _ = timeout(PAUSE, self.has_heard(revision)).await;
                    return Ok(None);
                }
                Said::Full if !is_unclear => return Err(StoreError::full()),
                Said::Busy => {}
                _ => is_unclear = true,
            }
            if is_unclear && let Ok(found) = self.bucket.read(*key).await {
                match found {
                    Some((found, place)) if found == id => break place.revision,
                    // Another one's stands there: over this one, or in its place.
                    found if found.as_ref().map_or(0, |(_, place)| place.revision) != *over => {
                        return Err(StoreError::unavailable());
                    }
                    _ => {}
                }
            }
            sleep(PAUSE).await;
        };
        self.known.send_if_modified(|known| {
            known.written = known.written.max(revision);
            false
        });
        // Until this server's copy has it, if that is believed: whoever reads here next finds it.
        self.hears(revision).await;
        Ok(Some(revision))
    }

    /// Changes a live session over the revision that was read. `change` says what to write, if anything, and the answer; where none lives, that is `gone`.
    pub(super) async fn change_live<T: Copy>(
        &self,
        handle: Handle,
        now: UnixTime,
        gone: T,
        change: impl Fn(&StoredSession) -> (Option<StoredSession>, T),
    ) -> Result<T, StoreError> {
        let change = &change;
        let call = |place: Option<Place>, _| async move {
            let place = place.as_ref();
            let (Some(entry), Some(Place { revision, value })) = (self.live(handle, place, now).await?, place) else {
                return Ok(Tried::without(place, gone));
            };
            let (next, answer) = change(entry);
            let Some(next) = next else { return Ok(Tried::Done(answer)) };
            if next.content.bytes.len() > entry.content.bytes.len() {
                self.has_room(entry.content.kind, handle.user_hash())?;
            }
            let parent = value.parent();
            let session = Value::Session { entry: next.clone(), parent };
            let written = self.write(&[self.change(handle, *revision, session, now)]).await?;
            let Some(revision) = written else { return Ok(Tried::Late) };
            if !self.is_admitted(handle, &next, revision).await? {
                return Ok(Tried::Done(gone));
            }
            let [before, after] = [entry, &next].map(|entry| entry.content.deadlines.absolute);
            if after > before {
                self.lead(parent, Some(after), now).await;
            }
            Ok(Tried::Done(answer))
        };
        self.with(handle, call).await
    }

    /// Ends what stands under a handle over this revision, and removes the pointers that lead to it; false if others were faster.
    pub(super) async fn end(&self, handle: Handle, place: &Place, now: UnixTime) -> Result<bool, StoreError> {
        let is_ended = self.write(&[self.change(handle, place.revision, Value::Over, now)]).await?.is_some();
        if is_ended {
            self.lead(place.value.parent(), None, now).await;
        }
        Ok(is_ended)
    }

    /// Lets the pointers that lead to a session, the last one first, live as long as it does; or removes them, as it has ended. One that stays leads
    /// nowhere, and goes with the next sweep.
    pub(super) async fn lead(&self, parent: Option<Handle>, until: Option<UnixTime>, now: UnixTime) {
        let mut next = parent;
        for _ in 0..MAX_LINE {
            let Some(handle) = next else { return };
            let Ok((Some(Place { revision, value }), _)) = self.find(Key::Session(handle), 0).await else { return };
            let Value::Pointer { to, parent, .. } = value else { return };
            let value = until.map_or(Value::Over, |until| Value::Pointer { to, until, parent });
            let _ = self.write(&[self.change(handle, revision, value, now)]).await;
            next = parent;
        }
    }
}
