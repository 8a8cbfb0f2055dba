//! The bucket, as far as this server has heard of it.

use super::epoch::EpochRecord;
use super::message::{Place, Value};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::store::{Entry, Kind};
use core::ops::Bound::{Excluded, Included, Unbounded};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::vec::Vec;
use tokio::time::Instant;

/// Seconds that a key stays past its absolute deadline, as clocks differ.
pub(super) const MARGIN: u64 = 600;

/// Entries that a sweep looks at before it lets others have the copy.
const LOOKED_AT: usize = 1024;

/// Bytes in the bucket, by whose they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    /// Sessions of who has not signed in.
    pub(super) strangers: u64,
    /// Sessions of users, pointers to them, and epochs.
    pub(super) users: u64,
    /// What says that something is over, and leaves by itself.
    pub(super) markers: u64,
}

#[derive(Default)]
pub(super) struct Known {
    /// In the order of handles, and so by user.
    sessions: BTreeMap<Handle, Place>,
    epochs: HashMap<UserTag, (u64, EpochRecord)>,
    /// What has ended, with its revision, in the order in which that was heard.
    ended: VecDeque<(Instant, Handle, u64)>,
    pub(super) room: Room,
    /// How often it began anew.
    pub(super) generation: u64,
    /// True once all was heard that the bucket had when this began.
    pub(super) is_whole: bool,
    /// When the last heartbeat of this server was sent that was heard: everything acknowledged before that was heard, too.
    pub(super) current_at: Option<Instant>,
}

impl Known {
    pub(super) fn session(&self, handle: Handle) -> Option<&Place> {
        self.sessions.get(&handle)
    }

    /// The epoch of a user and its revision, 0 if there is none.
    pub(super) fn epoch(&self, tag: UserTag) -> (u64, EpochRecord) {
        self.epochs.get(&tag).copied().unwrap_or_default()
    }

    pub(super) fn forget(&mut self) {
        *self = Self { generation: self.generation.wrapping_add(1), ..Self::default() };
    }

    /// Takes what was heard of a session, if it is later than what is known.
    pub(super) fn take(&mut self, handle: Handle, place: Place) {
        if self.session(handle).is_some_and(|known| known.revision >= place.revision) {
            return;
        }
        self.drop_session(handle);
        let bytes = place.bytes;
        let room = self.room_of(&place.value);
        *room = room.saturating_add(bytes);
        if matches!(place.value, Value::Over) {
            self.ended.push_back((Instant::now(), handle, place.revision));
        }
        self.sessions.insert(handle, place);
    }

    /// Forgets what ended so long ago that it has left the bucket.
    pub(super) fn forget_ended(&mut self, life: Duration) {
        while let Some((at, handle, revision)) = self.ended.front().copied()
            && at.elapsed() >= life
        {
            self.ended.pop_front();
            if self.session(handle).is_some_and(|place| place.revision == revision) {
                self.drop_session(handle);
            }
        }
    }

    pub(super) fn take_epoch(&mut self, tag: UserTag, revision: u64, bytes: u64, record: EpochRecord) {
        let known = self.epochs.entry(tag).or_default();
        if known.0 == 0 {
            self.room.users = self.room.users.saturating_add(bytes);
        }
        if known.0 < revision {
            *known = (revision, record);
        }
    }

    fn drop_session(&mut self, handle: Handle) {
        if let Some(Place { bytes, value, .. }) = self.sessions.remove(&handle) {
            let room = self.room_of(&value);
            *room = room.saturating_sub(bytes);
        }
    }

    fn room_of(&mut self, value: &Value) -> &mut u64 {
        match value {
            Value::Over => &mut self.room.markers,
            Value::Session { entry, .. } if entry.content.kind == Kind::Anonymous => &mut self.room.strangers,
            Value::Pointer { kind: Kind::Anonymous, .. } => &mut self.room.strangers,
            _ => &mut self.room.users,
        }
    }

    fn of_user(&self, tag: UserTag, after: Option<Handle>) -> impl Iterator<Item = (&Handle, &Place)> {
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        self.sessions.range((from, Unbounded)).take_while(move |(handle, _)| handle.tag() == tag)
    }

    /// True if more than so many sessions of a user have ended a moment ago.
    pub(super) fn has_ended_more_than(&self, tag: UserTag, limit: usize) -> bool {
        let ended = self.of_user(tag, None).filter(|(_, place)| matches!(place.value, Value::Over));
        ended.take(limit.saturating_add(1)).count() > limit
    }

    /// True if the sessions of a user take more than so many bytes.
    pub(super) fn holds_more_than(&self, tag: UserTag, limit: u64) -> bool {
        let mut bytes = 0u64;
        self.of_user(tag, None).any(|(_, place)| {
            bytes = bytes.saturating_add(place.bytes);
            bytes > limit
        })
    }

    pub(super) fn list(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Vec<(Handle, Entry)> {
        let (_, record) = self.epoch(tag);
        let live = self.of_user(tag, after).filter_map(|(handle, place)| {
            let Value::Session { entry, .. } = &place.value else { return None };
            let is_live = entry.is_live(now) && record.admits(*handle, entry.content.epoch);
            is_live.then(|| (*handle, record.raised(entry)))
        });
        live.take(limit).collect()
    }

    fn is_live(&self, handle: Handle, now: UnixTime) -> bool {
        let Some(Value::Session { entry, .. }) = self.session(handle).map(|place| &place.value) else { return false };
        let is_revoked = entry.content.kind == Kind::SignedIn && {
            let (_, record) = self.epoch(handle.tag());
            entry.content.epoch < record.epoch.number && !record.admits(handle, entry.content.epoch)
        };
        entry.is_live(now) && !is_revoked
    }

    /// True for a pointer to what is over: then it leads nowhere.
    fn leads_nowhere(&self, to: Handle) -> bool {
        self.session(to).is_none_or(|place| matches!(place.value, Value::Over))
    }

    /// Looks at some of what is known behind a handle: what is over and still in the bucket, and where to go on, if there is more. What has left the
    /// bucket by itself is forgotten.
    pub(super) fn look(&mut self, after: Option<Handle>, now: UnixTime) -> (Vec<Dead>, Option<Handle>) {
        let (mut dead, mut past, mut last) = (Vec::new(), Vec::new(), None);
        let from = after.map_or(Unbounded, Excluded);
        for (number, (handle, place)) in self.sessions.range((from, Unbounded)).take(LOOKED_AT).enumerate() {
            last = (number.saturating_add(1) == LOOKED_AT).then_some(*handle);
            let (until, parent, is_session, is_over) = match &place.value {
                Value::Session { entry, parent } => {
                    (entry.content.deadlines.absolute, *parent, true, !self.is_live(*handle, now))
                }
                Value::Pointer { to, until, parent, .. } => (*until, *parent, false, self.leads_nowhere(*to)),
                _ => continue,
            };
            if until.as_secs().saturating_add(MARGIN) <= now.as_secs() {
                past.push(*handle);
            } else if is_over {
                dead.push(Dead { handle: *handle, revision: place.revision, parent, is_session });
            }
        }
        past.into_iter().for_each(|handle| self.drop_session(handle));
        (dead, last)
    }
}

/// A session that is over, by its deadlines or by the epoch of its user; or a pointer that leads nowhere.
pub(super) struct Dead {
    pub(super) handle: Handle,
    pub(super) revision: u64,
    pub(super) parent: Option<Handle>,
    pub(super) is_session: bool,
}
