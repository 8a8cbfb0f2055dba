//! The local copy of the bucket, as far as this server has received it.

use super::bucket::Heard;
use super::message::{Key, Place, Value};
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::{SessionKind, StoredSession};
use core::ops::Bound::{self, Excluded, Included, Unbounded};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;
use tokio::time::Instant;

/// Seconds that a key stays past its absolute deadline, as clocks differ.
pub(super) const MARGIN: u64 = 600;
/// Entries that a sweep looks at before it lets others have the copy.
const LOOKED_AT: usize = 1024;
/// How many sessions of one user may have ended a moment ago before its next sign-in waits, when room for that runs short.
const ENDED_OF_USER: usize = 64;

/// What a sweep has to do.
#[derive(Default)]
pub(super) struct Looked {
    /// What is over and still in the bucket.
    pub(super) dead: Vec<(Handle, Place)>,
    /// Epochs that are kept no longer, with their revisions.
    pub(super) past: Vec<(Key, u64)>,
    /// Where to go on, if there is more.
    pub(super) next: Option<Key>,
}

#[derive(Default)]
pub(super) struct Known {
    /// Sessions, pointers, and epochs, with the bytes that each takes in the bucket.
    places: BTreeMap<Key, (Place, u64)>,
    /// What has ended, with its revision, in the order in which that was heard.
    ended: VecDeque<(Instant, Key, u64)>,
    /// Bytes of sessions of who has not signed in.
    strangers: u64,
    /// Of sessions of users, of all pointers, and of epochs.
    users: u64,
    /// Of what says that something is over, and leaves by itself.
    markers: u64,
    /// The last revision that was heard of, and the last one that was written here.
    pub(super) heard: u64,
    pub(super) written: u64,
    /// How often it began anew.
    pub(super) generation: u64,
    /// True once all was heard that the bucket had when this began.
    pub(super) is_whole: bool,
    /// When the last heartbeat of this server was sent that was heard: everything acknowledged before that was heard, too.
    pub(super) current_at: Option<Instant>,
}

impl Known {
    pub(super) fn at(&self, key: Key) -> Option<&Place> {
        self.places.get(&key).map(|(place, _)| place)
    }

    /// Begins anew, with nothing.
    pub(super) fn forget(&mut self) {
        *self = Self { generation: self.generation.wrapping_add(1), ..Self::default() };
    }

    /// Takes what was heard, if it is later than what is known, and forgets what ended so long ago that it has left the bucket.
    pub(super) fn hear(&mut self, heard: Heard, life: Duration) {
        let Heard { revision, pending, said } = heard;
        while let Some((at, key, revision)) = self.ended.front().copied()
            && at.elapsed() >= life
        {
            self.ended.pop_front();
            self.drop_if(key, revision);
        }
        match said {
            // No call removes an epoch: where the tools of NATS have, whoever knows it keeps it.
            Some((Key::Epoch(_), Value::Over, _)) | None => {}
            Some((key, value, bytes)) => self.take(key, Place { revision, value }, bytes),
        }
        (self.heard, self.is_whole) = (revision, self.is_whole || pending == 0);
    }

    fn take(&mut self, key: Key, place: Place, bytes: u64) {
        if self.at(key).is_some_and(|known| known.revision >= place.revision) {
            return;
        }
        self.drop_key(key);
        let room = self.room_of(&place.value);
        *room = room.saturating_add(bytes);
        if matches!(place.value, Value::Over) {
            self.ended.push_back((Instant::now(), key, place.revision));
        }
        self.places.insert(key, (place, bytes));
    }

    /// Forgets what has this revision.
    pub(super) fn drop_if(&mut self, key: Key, revision: u64) {
        if self.at(key).is_some_and(|place| place.revision == revision) {
            self.drop_key(key);
        }
    }

    fn drop_key(&mut self, key: Key) {
        if let Some((place, bytes)) = self.places.remove(&key) {
            let room = self.room_of(&place.value);
            *room = room.saturating_sub(bytes);
        }
    }

    fn room_of(&mut self, value: &Value) -> &mut u64 {
        match value {
            Value::Over => &mut self.markers,
            Value::Session { entry, .. } if entry.content.kind == SessionKind::Anonymous => &mut self.strangers,
            _ => &mut self.users,
        }
    }

    /// Whether another session, or a larger one, fits. Strangers may take half of the room, and users what strangers have not; what has ended counts
    /// apart. As either part runs short, those who take most of it wait first. A part of the bucket stays free for ends, epochs and heartbeats: what ends
    /// is larger than what says so.
    pub(super) fn has_room(&self, bound: u64, kind: SessionKind, tag: UserHash) -> bool {
        let sixteenths = |count: u64| (bound / 16).saturating_mul(count);
        let sessions = self.strangers.saturating_add(self.users);
        let is_full = match kind {
            SessionKind::Anonymous => self.strangers >= sixteenths(8) || self.markers >= sixteenths(4),
            SessionKind::SignedIn => {
                let mut ended = self.of_user(tag, None).filter(|(_, place, _)| matches!(place.value, Value::Over));
                let bytes = || self.of_user(tag, None).fold(0u64, |sum, (.., bytes)| sum.saturating_add(bytes));
                self.markers >= sixteenths(4) && ended.nth(ENDED_OF_USER).is_some()
                    || sessions >= sixteenths(12) && bytes() > sixteenths(1) / 4
            }
        };
        !is_full && sessions < bound && self.markers < sixteenths(7)
    }

    /// Whether a sweep may say of more sessions that they are over.
    pub(super) fn can_bury(&self, bound: u64) -> bool {
        self.markers < (bound / 16).saturating_mul(6)
    }

    /// In the order of handles, and so by user.
    fn sessions(&self, from: Bound<Handle>) -> impl Iterator<Item = (Handle, &Place, u64)> {
        self.places.range((from.map(Key::Session), Unbounded)).map_while(|(key, (place, bytes))| match key {
            Key::Session(handle) => Some((*handle, place, *bytes)),
            _ => None,
        })
    }

    fn of_user(&self, tag: UserHash, after: Option<Handle>) -> impl Iterator<Item = (Handle, &Place, u64)> {
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        self.sessions(from).take_while(move |(handle, ..)| handle.user_hash() == tag)
    }

    fn live<'p>(&self, handle: Handle, place: &'p Place, now: UnixTime) -> Option<&'p StoredSession> {
        let (_, epoch) = Place::epoch(self.at(Key::Epoch(handle.user_hash())));
        place.session(now).filter(|entry| entry.is_of(epoch))
    }

    pub(super) fn list(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Vec<(Handle, StoredSession)> {
        let of_user = self.of_user(tag, after);
        let live = of_user.filter_map(|(handle, place, _)| Some((handle, self.live(handle, place, now)?.clone())));
        live.take(limit).collect()
    }

    /// Looks at some of what is known behind a key: what is over by its deadlines or by the epoch of its user, or leads nowhere, and is still in the
    /// bucket; epochs that are kept no longer; and where to go on, if there is more. Sessions that have left the bucket by themselves are forgotten.
    pub(super) fn look(&mut self, after: Option<Key>, now: UnixTime) -> Looked {
        let (mut dead, mut past, mut epochs, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
        let from = after.map_or(Unbounded, Excluded);
        for (number, (key, (place, _))) in self.places.range((from, Unbounded)).take(LOOKED_AT).enumerate() {
            last = (number.saturating_add(1) == LOOKED_AT).then_some(*key);
            let Some(until) = place.value.until() else { continue };
            if until.as_secs().saturating_add(MARGIN) <= now.as_secs() {
                let is_epoch = matches!(key, Key::Epoch(_));
                let gone = if is_epoch { &mut epochs } else { &mut past };
                gone.push((*key, place.revision));
                continue;
            }
            let Key::Session(handle) = *key else { continue };
            let is_over = match &place.value {
                Value::Pointer { to, .. } => {
                    self.at(Key::Session(*to)).is_none_or(|place| matches!(place.value, Value::Over))
                }
                _ => self.live(handle, place, now).is_none(),
            };
            if is_over {
                dead.push((handle, place.clone()));
            }
        }
        past.into_iter().for_each(|(key, _)| self.drop_key(key));
        Looked { dead, past: epochs, next: last }
    }

    /// Until when a session of this user may live.
    pub(super) fn longest_of(&self, tag: UserHash) -> Option<UnixTime> {
        self.of_user(tag, None).filter_map(|(_, place, _)| place.value.until()).max()
    }
}
