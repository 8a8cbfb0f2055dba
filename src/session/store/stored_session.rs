//! A session as a store keeps it.

#[cfg(doc)]
use super::SessionStore;
use super::revocation_epoch::RevocationEpoch;
use crate::UnixTime;
use core::fmt;
use std::sync::Arc;

/// The holder of a session, as far as a store has to know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionKind {
    /// Nobody has signed in. The store may drop the session when room is short.
    Anonymous,
    /// A user has signed in. The store never drops the session before its deadlines: without room it refuses new ones instead.
    SignedIn,
}

/// The two deadlines of a session. The session ends at the second of the earlier one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deadlines {
    /// Idle deadline. [`touch`](SessionStore::touch) moves it on, never beyond `absolute`.
    pub idle: UnixTime,
    /// Absolute deadline. It moves only when the session is rotated in place.
    pub absolute: UnixTime,
}

impl Deadlines {
    /// Returns true before both deadlines.
    #[must_use]
    pub fn is_live_at(&self, now: UnixTime) -> bool {
        now < self.idle && now < self.absolute
    }
}

/// The part of a session that a caller writes. A store does not look into the bytes.
#[derive(Clone)]
pub struct SessionContent {
    /// Kind. [`compare_and_swap`](SessionStore::compare_and_swap) does not change it.
    pub kind: SessionKind,
    /// Deadlines.
    pub deadlines: Deadlines,
    /// Number of the user's epoch at the start of the request that writes this: see [`SessionStore::revoke_user`].
    pub epoch: u64,
    /// Record of the session.
    pub bytes: Arc<[u8]>,
}

impl SessionContent {
    /// Returns true unless a revocation of its user has come since.
    pub(in crate::session) fn is_of(&self, epoch: RevocationEpoch) -> bool {
        self.kind == SessionKind::Anonymous || self.epoch >= epoch.number
    }
}

/// Shows everything but the record.
impl fmt::Debug for SessionContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, deadlines, epoch, bytes } = self;
        let mut shown = f.debug_struct("SessionContent");
        shown.field("kind", kind).field("deadlines", deadlines).field("epoch", epoch).field("len", &bytes.len());
        shown.finish_non_exhaustive()
    }
}

/// A session as it is read.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// Version. Every write changes it; a touch does not.
    pub version: u64,
    /// Content as it was written, with the idle deadline of the last touch.
    pub content: SessionContent,
}

impl StoredSession {
    /// Returns true before both deadlines.
    #[must_use]
    pub fn is_live_at(&self, now: UnixTime) -> bool {
        self.content.deadlines.is_live_at(now)
    }

    /// Returns the session with a later idle deadline: never an earlier one, and never beyond the absolute one.
    #[must_use]
    pub fn with_idle_deadline(&self, idle: UnixTime) -> Self {
        let mut entry = self.clone();
        let deadlines = &mut entry.content.deadlines;
        deadlines.idle = deadlines.idle.max(idle.min(deadlines.absolute));
        entry
    }

    /// Returns the session that a swap puts in its place: the absolute deadline stays.
    #[must_use]
    pub fn replaced_by(&self, version: u64, mut content: SessionContent) -> Self {
        content.deadlines.absolute = self.content.deadlines.absolute;
        Self { version, content }
    }

    /// Returns true unless a revocation has ended it.
    #[cfg(any(feature = "disk", feature = "nats"))]
    pub(in crate::session) fn is_of(&self, epoch: RevocationEpoch) -> bool {
        self.content.is_of(epoch)
    }
}

/// The outcome of [`SessionStore::create`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CreateOutcome {
    /// The session was made, in this version.
    Done(u64),
    /// The handle is taken by a live session, or by one that has ended. Nothing was changed. Not every store still knows the handles of sessions that
    /// have ended.
    Exists,
    /// The user was revoked since the request began. Nothing was written.
    Revoked,
}

/// The outcome of [`SessionStore::compare_and_swap`] and of [`SessionStore::rotate`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SwapOutcome {
    /// The content was written, in this version.
    Done(u64),
    /// The session has another version: read it again. Nothing was changed. The new handle of a rotation may be used up: take another one.
    Conflict,
    /// The session has ended. Nothing was written, and nothing brings it back.
    Gone,
}
