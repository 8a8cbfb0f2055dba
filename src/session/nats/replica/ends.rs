//! What this server has heard to be over. Servers of NATS may lose an acknowledged write: restored from a copy, or led by one that was cut off and holds
//! something else in its place (measured on 2.9.10). Whoever has heard of a logout does not believe them then, and says it again.

use super::{EpochRecord, Session};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Ends {
    /// And when they would be over in any case.
    pub(super) sessions: HashMap<Handle, UnixTime>,
    pub(super) epochs: HashMap<UserTag, EpochRecord>,
}

impl Ends {
    /// An end is one for good: no other session is ever made under its handle.
    pub(super) fn hear(&mut self, handle: Handle, session: &Session) {
        if let Session::Ended(until) = session {
            self.sessions.insert(handle, *until);
        }
    }

    pub(super) fn hear_epoch(&mut self, tag: UserTag, record: EpochRecord) {
        let latest = self.latest(tag, record);
        self.epochs.insert(tag, latest);
    }

    pub(super) fn was_ended(&self, handle: Handle) -> bool {
        self.sessions.contains_key(&handle)
    }

    pub(super) fn latest(&self, tag: UserTag, record: EpochRecord) -> EpochRecord {
        record.or_later(self.epochs.get(&tag).copied().unwrap_or_default())
    }
}
