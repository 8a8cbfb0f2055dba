//! The bucket, as far as it was heard.

use super::awaited::Outcome;
use super::ends::Ends;
use super::{Held, Session, session_of};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::nats::epoch::EpochRecord;
use crate::session::nats::log::{Body, Key, Message, Place};
use crate::session::store::{Entry, Kind};
use core::ops::Bound::{Excluded, Included, Unbounded};
use std::collections::{BTreeMap, HashMap};
use std::string::String;
use std::vec::Vec;
use tokio::time::Instant;

/// Seconds that a marker stays after what it marks would be over: clocks differ.
const MARGIN: u64 = 600;

/// Sessions and epochs, each with the revision that the servers have.
pub(super) type Lost = (Vec<(Handle, u64, Entry)>, Vec<(UserTag, u64, EpochRecord)>);

#[derive(Default)]
pub(super) struct Known {
    /// In the order of handles, and so by user.
    sessions: BTreeMap<Handle, Held>,
    epochs: HashMap<UserTag, Option<Place<EpochRecord>>>,
    /// What was heard to be over, and is not forgotten with the rest: so it stays, whatever the servers say later.
    pub(super) ends: Ends,
    /// How often it began anew.
    pub(super) generation: u64,
    /// The server that the feed comes from; nothing if there is one only.
    pub(super) server: Option<String>,
    /// When the last heartbeat of this server was sent that was heard: everything acknowledged before that was heard, too.
    pub(super) current_at: Option<Instant>,
}

impl Known {
    pub(super) fn session(&self, handle: Handle) -> Option<&Place<Session>> {
        self.sessions.get(&handle)?.as_ref()
    }

    pub(super) fn epoch(&self, tag: UserTag) -> Option<&Place<EpochRecord>> {
        self.epochs.get(&tag)?.as_ref()
    }

    /// True if this session is known to be over, though the servers have it, or had when it was heard of.
    pub(super) fn was_ended(&self, handle: Handle) -> bool {
        self.session(handle).is_some_and(|here| here.value.entry().is_none()) || self.ends.was_ended(handle)
    }

    /// The later one of the epoch that was read of a user, and of those that are known.
    pub(super) fn latest(&self, tag: UserTag, record: EpochRecord) -> EpochRecord {
        let here = self.epoch(tag).map(|place| place.value).unwrap_or_default();
        self.ends.latest(tag, record.or_later(here))
    }

    pub(super) fn forget(&mut self) {
        let mut ends = core::mem::take(&mut self.ends);
        for (handle, place) in self.sessions.iter().filter_map(|(handle, held)| Some((handle, held.as_ref()?))) {
            ends.hear(*handle, &place.value);
        }
        for (tag, place) in self.epochs.iter().filter_map(|(tag, held)| Some((tag, held.as_ref()?))) {
            ends.hear_epoch(*tag, place.value);
        }
        *self = Self { ends, generation: self.generation.wrapping_add(1), ..Self::default() };
    }

    /// Takes a message that was heard; what became of it, if it is one of that key.
    pub(super) fn take(&mut self, key: Key, revision: u64, message: Message) -> Option<Outcome> {
        let Message { over, body, .. } = message;
        Some(match (key, body) {
            (Key::Session(handle), body) => {
                let session = session_of(body)?;
                outcome_of(self.sessions.entry(handle).or_default(), revision, over, session)
            }
            (Key::Epoch(tag), Body::Epoch(record)) => {
                outcome_of(self.epochs.entry(tag).or_default(), revision, over, record)
            }
            _ => Outcome { counts: true, others: 0 },
        })
    }

    /// The messages of a key that are of no use any more: whoever asks is to remove them.
    pub(super) fn useless(&mut self, key: Key) -> Vec<u64> {
        let others = match key {
            Key::Session(handle) => {
                self.sessions.get_mut(&handle).and_then(Option::as_mut).map(|place| &mut place.others)
            }
            Key::Epoch(tag) => self.epochs.get_mut(&tag).and_then(Option::as_mut).map(|place| &mut place.others),
            Key::Beat => None,
        };
        others.map(core::mem::take).unwrap_or_default()
    }

    /// What the servers have lost of what was over: sessions that they have still, and users whose epoch is an earlier one there.
    pub(super) fn lost(&self) -> Lost {
        let sessions = self.ends.sessions.keys().filter_map(|handle| {
            let place = self.session(*handle)?;
            let entry = place.value.entry()?;
            Some((*handle, place.revision, entry.clone()))
        });
        let epochs = self.ends.epochs.keys().filter_map(|tag| {
            let (there, revision) =
                self.epoch(*tag).map_or_else(Default::default, |place| (place.value, place.revision));
            self.latest(*tag, there).beyond(there).map(|record| (*tag, revision, record))
        });
        (sessions.collect(), epochs.collect())
    }

    pub(super) fn list(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Vec<(Handle, Entry)> {
        let epoch = self.latest(tag, EpochRecord::default());
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        let of_user = self.sessions.range((from, Unbounded)).take_while(|(handle, _)| handle.tag() == tag);
        let live = of_user.filter_map(|(handle, held)| {
            let place = held.as_ref()?;
            let entry = place.value.entry()?;
            let is_over = self.was_ended(*handle);
            let is_live = !is_over && entry.is_live(now) && epoch.admits(*handle, entry.content.epoch);
            is_live.then(|| (*handle, epoch.raised(entry)))
        });
        live.take(limit).collect()
    }

    /// What is over and still there: by its deadlines, or of an epoch that is.
    pub(super) fn dead(&self, now: UnixTime, limit: usize) -> Vec<(Handle, Place<Session>)> {
        self.some(limit, |handle, place| {
            let Some(entry) = place.value.entry() else { return false };
            let is_revoked = self.epoch(handle.tag()).is_some_and(|Place { value: record, .. }| {
                let epoch = entry.content.epoch;
                entry.content.kind == Kind::SignedIn && epoch < record.epoch.number && !record.admits(handle, epoch)
            });
            is_revoked || !entry.is_live(now)
        })
    }

    /// What was ended and would be over by now in any case.
    pub(super) fn markers(&self, now: UnixTime, limit: usize) -> Vec<(Handle, Place<Session>)> {
        self.some(limit, |_, place| match place.value {
            Session::Ended(until) => is_past(until, now),
            Session::Is(_) => false,
        })
    }

    fn some(&self, limit: usize, is_wanted: impl Fn(Handle, &Place<Session>) -> bool) -> Vec<(Handle, Place<Session>)> {
        let there = self.sessions.iter().filter_map(|(handle, held)| Some((*handle, held.as_ref()?)));
        let wanted = there.filter(|(handle, place)| is_wanted(*handle, place));
        wanted.take(limit).map(|(handle, place)| (handle, place.clone())).collect()
    }

    /// A marker has left the bucket.
    pub(super) fn drop_marker(&mut self, handle: Handle, revision: u64) {
        if self.sessions.get(&handle).is_some_and(|held| held.as_ref().is_none_or(|place| place.revision == revision)) {
            self.sessions.remove(&handle);
        }
    }

    /// Forgets of what was over what would be by now in any case.
    pub(super) fn sweep_ends(&mut self, now: UnixTime) {
        self.ends.sessions.retain(|_, until| !is_past(*until, now));
    }
}

/// True if it was over long enough ago.
fn is_past(until: UnixTime, now: UnixTime) -> bool {
    until.as_secs().saturating_add(MARGIN) <= now.as_secs()
}

fn outcome_of<T: Clone>(place: &mut Option<Place<T>>, revision: u64, over: u64, value: T) -> Outcome {
    let counts = Place::take(place, revision, over, value);
    Outcome { counts, others: place.as_ref().map_or(0, |place| place.others.len()) }
}
