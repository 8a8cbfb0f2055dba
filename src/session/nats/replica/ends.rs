//! What this server has heard to be over. Servers of NATS may lose an acknowledged write: restored from a copy, or led by one that was cut off and holds
//! something else in its place (measured on 2.9.10). Whoever has heard of a logout does not believe them then, and says it again.

use super::{EpochRecord, Place, Session};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Ends {
    /// The revision of the end, and when the session would be over in any case.
    pub(super) sessions: HashMap<Handle, (u64, UnixTime)>,
    pub(super) epochs: HashMap<UserTag, EpochRecord>,
}

impl Ends {
    pub(super) fn hear(&mut self, handle: Handle, place: &Place<Session>) {
        match place.value {
            Session::Ended(until) => {
                self.sessions.insert(handle, (place.revision, until));
            }
            Session::Is(_) if !self.was_ended(handle, place) => {
                self.sessions.remove(&handle);
            }
            Session::Is(_) => {}
        }
    }

    pub(super) fn hear_epoch(&mut self, tag: UserTag, record: EpochRecord) {
        let latest = self.latest(tag, record);
        self.epochs.insert(tag, latest);
    }

    /// True if its end is known, and it was not made anew after that.
    pub(super) fn was_ended(&self, handle: Handle, place: &Place<Session>) -> bool {
        self.sessions.get(&handle).is_some_and(|(revision, _)| !place.is_after(*revision))
    }

    pub(super) fn latest(&self, tag: UserTag, record: EpochRecord) -> EpochRecord {
        record.or_later(self.epochs.get(&tag).copied().unwrap_or_default())
    }
}
