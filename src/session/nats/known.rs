//! The bucket, as far as this server has heard of it.

use super::epoch::EpochRecord;
use super::message::{Place, Value};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::store::{Entry, Kind};
use core::ops::Bound::{Excluded, Included, Unbounded};
use std::collections::{BTreeMap, HashMap};
use std::vec::Vec;
use tokio::time::Instant;

/// Seconds that a key stays past its absolute deadline, as clocks differ.
pub(super) const MARGIN: u64 = 600;

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
        self.sessions.insert(handle, place);
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

    pub(super) fn drop_session(&mut self, handle: Handle) {
        if let Some(Place { bytes, value, .. }) = self.sessions.remove(&handle) {
            let room = self.room_of(&value);
            *room = room.saturating_sub(bytes);
        }
    }

    fn room_of(&mut self, value: &Value) -> &mut u64 {
        match value {
            Value::Over(_) => &mut self.room.markers,
            Value::Session { entry, .. } if entry.content.kind == Kind::Anonymous => &mut self.room.strangers,
            Value::Pointer { kind: Kind::Anonymous, .. } => &mut self.room.strangers,
            _ => &mut self.room.users,
        }
    }

    /// Forgets what would be over by now in any case, and has left the bucket.
    pub(super) fn prune(&mut self, now: UnixTime) {
        let is_past = |place: &Place| match place.value {
            Value::Over(until) | Value::Pointer { until, .. } => {
                until.as_secs().saturating_add(MARGIN) <= now.as_secs()
            }
            _ => false,
        };
        let past: Vec<_> =
            self.sessions.iter().filter(|(_, place)| is_past(place)).map(|(handle, _)| *handle).collect();
        past.into_iter().for_each(|handle| self.drop_session(handle));
    }

    fn of_user(&self, tag: UserTag, after: Option<Handle>) -> impl Iterator<Item = (&Handle, &Place)> {
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        self.sessions.range((from, Unbounded)).take_while(move |(handle, _)| handle.tag() == tag)
    }

    /// True if more than so many sessions of a user have ended a moment ago.
    pub(super) fn has_ended_more_than(&self, tag: UserTag, limit: usize) -> bool {
        let ended = self.of_user(tag, None).filter(|(_, place)| matches!(place.value, Value::Over(_)));
        ended.take(limit.saturating_add(1)).count() > limit
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

    /// Sessions that are over and still there, those of users first.
    pub(super) fn dead(&self, now: UnixTime, limit: usize) -> Vec<Dead> {
        let of = |wanted: Kind| {
            self.sessions.iter().filter_map(move |(handle, place)| {
                let Value::Session { entry, .. } = &place.value else { return None };
                let is_dead = entry.content.kind == wanted && !self.is_live(*handle, now);
                let (until, is_revoked) = (entry.content.deadlines.absolute, entry.is_live(now));
                is_dead.then_some(Dead { handle: *handle, revision: place.revision, until, is_revoked })
            })
        };
        of(Kind::SignedIn).chain(of(Kind::Anonymous)).take(limit).collect()
    }
}

/// A session that is over: by its deadlines, or by the epoch of its user.
pub(super) struct Dead {
    pub(super) handle: Handle,
    pub(super) revision: u64,
    pub(super) until: UnixTime,
    pub(super) is_revoked: bool,
}
