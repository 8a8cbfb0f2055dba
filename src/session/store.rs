//! What a store of sessions does, and what it never does: [`SessionStore`].

use super::credential::{Handle, UserTag};
use crate::UnixTime;
use core::fmt;
use core::future::Future;
use std::sync::Arc;
use std::vec::Vec;

/// Whose session it is, as far as a store has to know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Of somebody who has not signed in. May be dropped when room is short.
    Anonymous,
    /// Of a user. Is never dropped before its time: a store without room refuses new ones instead.
    SignedIn,
}

/// Until when a session lives, whichever comes first. At that very second it is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deadlines {
    /// Pushed on by use.
    pub idle: UnixTime,
    /// Moves only when the session is rotated in place.
    pub absolute: UnixTime,
}

impl Deadlines {
    /// True before both.
    #[must_use]
    pub fn are_ahead(&self, now: UnixTime) -> bool {
        now < self.idle && now < self.absolute
    }
}

/// What is written of a session. The bytes are the caller's: a store does not look into them.
#[derive(Clone)]
pub struct Content {
    /// Anonymous or signed in; stays as it was created or rotated.
    pub kind: Kind,
    /// Both deadlines.
    pub deadlines: Deadlines,
    /// The epoch of the user when the request began that writes this: see [`SessionStore::revoke_user`].
    pub epoch: u64,
    /// The record.
    pub bytes: Arc<[u8]>,
}

impl Content {
    /// True unless a revocation has come since: of this epoch of its user or of a later one, or of nobody.
    pub(super) fn is_of(&self, epoch: Epoch) -> bool {
        self.kind == Kind::Anonymous || self.epoch >= epoch.number
    }
}

/// Shows everything but the record.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, deadlines, epoch, bytes } = self;
        let mut shown = f.debug_struct("Content");
        shown.field("kind", kind).field("deadlines", deadlines).field("epoch", epoch).field("len", &bytes.len());
        shown.finish_non_exhaustive()
    }
}

/// What is read of a session.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Another one after every write; a touch is none.
    pub version: u64,
    /// What was written, its idle deadline as the last touch has left it.
    pub content: Content,
}

impl Entry {
    /// True before both deadlines.
    #[must_use]
    pub fn is_live(&self, now: UnixTime) -> bool {
        self.content.deadlines.are_ahead(now)
    }

    /// As a touch leaves it: pushed on, but never back and never past the end.
    #[must_use]
    pub fn touched(&self, idle: UnixTime) -> Self {
        let mut entry = self.clone();
        let deadlines = &mut entry.content.deadlines;
        deadlines.idle = deadlines.idle.max(idle.min(deadlines.absolute));
        entry
    }

    /// What takes its place: the absolute deadline stays.
    #[must_use]
    pub fn successor(&self, version: u64, mut content: Content) -> Self {
        content.deadlines.absolute = self.content.deadlines.absolute;
        Self { version, content }
    }

    /// True unless a revocation has ended it.
    #[cfg(any(feature = "disk", feature = "nats"))]
    pub(super) fn is_of(&self, epoch: Epoch) -> bool {
        self.content.is_of(epoch)
    }
}

/// The outcome of [`SessionStore::create`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Created {
    /// It is there, in this version.
    Done(u64),
    /// A live session has this handle, or one had it that has ended; nothing was changed. A handle is for one session: not every store still
    /// knows of those that have ended.
    Exists,
    /// The user was revoked since the request began; nothing was written.
    Revoked,
}

/// The outcome of [`SessionStore::compare_and_swap`] and of [`SessionStore::rotate`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Swapped {
    /// Written, in this version.
    Done(u64),
    /// It has another version: read it again. Nothing was changed. The new handle of a rotation may be used up: take another one.
    Conflict,
    /// It is over: nothing was written, and nothing will bring it back.
    Gone,
}

/// Why a store could not do what it was asked. Unless the variant says more, whether it has been done is then not known; asking again is safe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room for another signed-in session, and none is dropped for it.
    Full,
    /// The store does not answer.
    Unavailable,
    /// It is done, but not on as many replicas as was asked for: a failover may still undo it.
    NotReplicated,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the session store is full: raise its budget or shorten the deadlines",
            Self::Unavailable => "the session store does not answer",
            Self::NotReplicated => "too few replicas of the session store have confirmed it in time: ask again",
        })
    }
}

impl core::error::Error for StoreError {}

/// How many pointers in a row are followed: each is a change of user within the life of a session.
pub(super) const MAX_LINE: usize = 8;

/// What a store can promise, for whoever chooses one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capabilities {
    /// Sessions outlive the process.
    pub survives_restart: bool,
    /// Several servers may use it at once.
    pub is_shared: bool,
    /// What is over goes by itself; a sweep has nothing to do.
    pub expires_by_itself: bool,
    /// What an answer says of a revocation, a deletion or a rotation.
    pub durability: Durability,
}

/// Where a write is when it is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Durability {
    /// In the memory of a server, and on its way elsewhere: a crash or a failover may undo it.
    Accepted,
    /// On so many replicas too: a failover to one of them does not undo it.
    Replicated(u32),
    /// On disk.
    Synced,
}

/// A place for sessions in which nothing that is over can come back.
///
/// | call | when the session is over |
/// |---|---|
/// | [`create`](SessionStore::create) | makes another one, the only call that does; or says that the handle was used, if the store still knows |
/// | [`load`](SessionStore::load) | nothing |
/// | [`compare_and_swap`](SessionStore::compare_and_swap), [`rotate`](SessionStore::rotate) | [`Swapped::Gone`], nothing written |
/// | [`touch`](SessionStore::touch) | `false` |
/// | [`delete`](SessionStore::delete) | `false`, unless it was rotated into one that lives: that one is ended |
///
/// No call writes over what it has not read: there is no *save*. None but create and rotate makes a session, and rotate only in the place of one. Over is a session that was deleted, rotated, revoked, or whose deadlines
/// have passed, whether or not it was swept. Time is an argument. What every store has to obey is in [`laws`](super::laws), which tests it.
///
/// Futures are `Send` and need no runtime of a certain kind; dropping one at any point leaves the store lawful.
pub trait SessionStore: Send + Sync {
    /// Makes a session.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn create(
        &self,
        handle: Handle,
        content: Content,
        now: UnixTime,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Reads a live session.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn load(&self, handle: Handle, now: UnixTime) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send;

    /// Writes a session that is still in the version that was read. Its kind and its absolute deadline stay as they were created.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> impl Future<Output = Result<Swapped, StoreError>> + Send;

    /// Pushes the idle deadline on: never back, never past the absolute one. Changes neither data nor version. False if it is over.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn touch(
        &self,
        handle: Handle,
        idle: UnixTime,
        now: UnixTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a session, or what it has been rotated into: true if a live one has ended. The pointers that lead to it leave with it. Beside a
    /// rotation it ends what comes of that, too: false says that nothing lives that has come of this session.
    ///
    /// # Errors
    /// [`StoreError`], as every call; [`StoreError::Unavailable`] too if it was rotated more often than a store follows, eight times.
    fn delete(&self, handle: Handle, now: UnixTime) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a session and makes another one in its place, as one step: after signing in or a change of user. Either both happen or neither. In
    /// the place of the old one a pointer to the new one is left until the absolute deadline of that one, for [`delete`](SessionStore::delete)
    /// to follow; to all other calls the old one is over, and its handle is taken. Pointers count among what is signed in.
    ///
    /// With `new` the same as `old` it swaps what stands there: for a step up, or when the same user signs in again. Unlike in
    /// [`compare_and_swap`](SessionStore::compare_and_swap), kind, epoch and both deadlines come from `content`.
    ///
    /// With `new` another handle that is taken, or with an epoch that is not the user's, the answer is [`Swapped::Gone`] and nothing has changed.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> impl Future<Output = Result<Swapped, StoreError>> + Send;

    /// The handle that a session was rotated to, for as long as the pointer in its place lasts. `None` for a session that lives, and for one that
    /// was rotated in place or never.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn rotated_to(
        &self,
        handle: Handle,
        now: UnixTime,
    ) -> impl Future<Output = Result<Option<Handle>, StoreError>> + Send;

    /// Live sessions of a user behind `after`, in the order of handles, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> impl Future<Output = Result<Vec<(Handle, Entry)>, StoreError>> + Send;

    /// Ends all sessions of a user but one, if one of this user is named, and begins a new epoch: what a request writes that began before is
    /// refused. The one that is kept gets the new epoch, so that it can be written by who reads it again; a swap with another epoch than the
    /// user's is a [`Swapped::Conflict`]. Returns the epoch, whose time never goes back.
    ///
    /// The store keeps the epoch until `keep_until`, the longest of all that it was given, and then lets go of it: the caller names a time at which nothing
    /// lives any more that is older. A store that is shared does so by the clock of its server. Its number is higher than that of each
    /// epoch of the user before, those that have left among them: see [`Epoch::next`].
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn revoke_user(
        &self,
        tag: UserTag,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> impl Future<Output = Result<Epoch, StoreError>> + Send;

    /// The user's epoch: 0 and no time before the first revocation, and once the last one has left.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn epoch(&self, tag: UserTag) -> impl Future<Output = Result<Epoch, StoreError>> + Send;

    /// Removes up to `limit` sessions and epochs that are over; how many it was. May run beside everything else. Users' sessions first. What is removed by a
    /// clock that is ahead is gone: give it the clock that sessions go by.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn sweep(&self, now: UnixTime, limit: usize) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// What it promises.
    fn capabilities(&self) -> Capabilities;

    /// How far this server is with what it has written and heard of, for a store of which every server has a copy: the filter puts it into the
    /// cookie when a request has written or has come from another server, so that the next one finds as much, on whatever server. `None` for all
    /// other stores, and while nothing is known of that.
    fn position(&self) -> Option<u64> {
        None
    }

    /// Waits, for a moment, until this server's copy has come so far; false if the store itself has not, and the position is of no use.
    ///
    /// # Errors
    /// [`StoreError`], as every call.
    fn reach(&self, position: u64) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let _ = position;
        core::future::ready(Ok(true))
    }
}

/// The number of a user's last revocation, and when that was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Epoch {
    /// Grows with each revocation: sessions written under an earlier one are refused. 0 before the first.
    pub number: u64,
    /// Tokens and JWTs issued at or before this second are refused. `None` before the first revocation.
    pub at: Option<UnixTime>,
}

impl Epoch {
    /// The one that a revocation begins: of a higher number, and of no earlier time.
    ///
    /// The number is that of the second, so that it is higher than those of epochs that have left the store, too; of a second revocation in one second,
    /// or by a clock that is behind, it is one more than the one before.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::session::Epoch;
    ///
    /// let noon = UnixTime::from_secs(1_767_268_800);
    /// let first = Epoch::default().next(noon);
    /// assert_eq!((first.number, first.at), (1_767_268_800, Some(noon)));
    /// assert_eq!(first.next(noon), Epoch { number: 1_767_268_801, at: Some(noon) });
    /// ```
    #[must_use]
    pub fn next(self, now: UnixTime) -> Self {
        Self { number: self.number.saturating_add(1).max(now.as_secs()), at: self.at.max(Some(now)) }
    }

    /// Until when it is kept, where this is asked for: longer, if its number has run ahead of the clock, so that the one that comes when it has left is
    /// higher.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::session::Epoch;
    ///
    /// let (noon, one) = (UnixTime::from_secs(1_767_268_800), UnixTime::from_secs(1_767_272_400));
    /// assert_eq!(Epoch::default().next(noon).kept_until(one), one);
    /// assert_eq!(Epoch::default().next(one).kept_until(noon).as_secs(), one.as_secs() + 1);
    /// ```
    #[must_use]
    pub fn kept_until(self, keep_until: UnixTime) -> UnixTime {
        keep_until.max(UnixTime::from_secs(self.number.saturating_add(1)))
    }

    /// The epoch of a user whose sessions are under two peppers: the later one.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self { number: self.number.max(other.number), at: self.at.max(other.at) }
    }

    /// True for a token or JWT that was issued before this epoch began, or may have been. `epoch` is the number that it carries
    /// ([`Attempt::epoch`](super::Attempt::epoch)). Without one, or with one of which the store knows nothing any more, the second in which it was issued
    /// decides, to the safe side. `skew` is how many seconds ahead of the clock verifiers let a credential be.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::session::Epoch;
    ///
    /// let at = |second: u64| UnixTime::from_secs(1_767_225_600 + second);
    /// let epoch = Epoch { number: 2, at: Some(at(0)) };
    /// // Of the login that came at once, and of the one before.
    /// assert!(!epoch.has_revoked(Some(2), Some(at(0)), 60, at(0)) && epoch.has_revoked(Some(1), Some(at(0)), 60, at(0)));
    /// // Without a number: a minute of doubt.
    /// assert!(epoch.has_revoked(None, Some(at(60)), 60, at(61)) && !epoch.has_revoked(None, Some(at(61)), 60, at(61)));
    /// ```
    #[must_use]
    pub fn has_revoked(&self, epoch: Option<u64>, issued_at: Option<UnixTime>, skew: u64, now: UnixTime) -> bool {
        let Some(at) = self.at else { return false };
        let ahead = |time: UnixTime| time.as_secs().saturating_add(skew);
        match epoch {
            Some(number) if number < self.number => true,
            Some(number) if number == self.number => false,
            // Why `skew`: what was issued before may have a stamp that is ahead by so much, and what is ahead of the clock by more was not issued
            // since.
            _ => issued_at.is_none_or(|issued_at| issued_at.as_secs() <= ahead(at) || issued_at.as_secs() > ahead(now)),
        }
    }
}
