//! The contract of a store: [`SessionStore`].

use super::capabilities::Capabilities;
use super::error::StoreError;
use super::revocation_epoch::RevocationEpoch;
use super::stored_session::{CreateOutcome, SessionContent, StoredSession, SwapOutcome};
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use core::future::Future;
use std::vec::Vec;

/// Pointers in a row that a store follows: each is a change of user within the life of a session.
pub(in crate::session) const MAX_LINE: usize = 8;

/// Keeps sessions, and never brings one back that has ended.
///
/// A session has ended when it was deleted, rotated or revoked, or when one of its deadlines has passed, whether or not its bytes were removed.
///
/// | call | if the session has ended |
/// |---|---|
/// | [`create`](SessionStore::create) | makes another one, the only call that does, or answers [`CreateOutcome::Exists`] if the store still knows the handle |
/// | [`load`](SessionStore::load) | `None` |
/// | [`compare_and_swap`](SessionStore::compare_and_swap), [`rotate`](SessionStore::rotate) | [`SwapOutcome::Gone`], and writes nothing |
/// | [`touch`](SessionStore::touch) | `false` |
/// | [`delete`](SessionStore::delete) | `false`, unless it was rotated into a live one: then that one ends |
///
/// There is no *save*: each write names the version that it has read. Time is an argument. [`laws`](crate::session::laws) tests a store of your own.
///
/// Each call fails with a [`StoreError`] if the store is full or does not answer. The futures are `Send` and need no particular runtime. A future may be
/// dropped at any point: the store stays lawful.
pub trait SessionStore: Send + Sync {
    /// Makes a session, unless its handle is taken.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> impl Future<Output = Result<CreateOutcome, StoreError>> + Send;

    /// Returns a live session.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn load(
        &self,
        handle: Handle,
        now: UnixTime,
    ) -> impl Future<Output = Result<Option<StoredSession>, StoreError>> + Send;

    /// Writes a session that still has the version that was read. Its kind and its absolute deadline stay.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> impl Future<Output = Result<SwapOutcome, StoreError>> + Send;

    /// Moves the idle deadline on: never to an earlier second, and never beyond the absolute deadline. Data and version stay. Returns false if the session
    /// has ended.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn touch(
        &self,
        handle: Handle,
        idle: UnixTime,
        now: UnixTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a session, or the one that it was rotated into. Returns true if a live session has ended. The pointers to it leave with it.
    ///
    /// The call also ends the result of a rotation at the same moment: false says that nothing lives that this session was rotated into.
    ///
    /// # Errors
    /// If the store does not answer in time, or the session was rotated more than eight times in a row: then it may or may not have ended.
    fn delete(&self, handle: Handle, now: UnixTime) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a session and makes another one in its place, as one step: after a sign-in or a change of user.
    ///
    /// A pointer to the new session stays in the place of the old one until the new one's absolute deadline, for [`delete`](SessionStore::delete)
    /// to follow. To all other calls the old session has ended, and its handle is taken. Pointers are in the budget of signed-in sessions.
    ///
    /// If `new` equals `old`, the call swaps the content in place: for a step-up, or when the same user signs in again. Unlike in
    /// [`compare_and_swap`](SessionStore::compare_and_swap), kind, epoch and both deadlines come from `content`.
    ///
    /// If `new` is another handle that is taken, or the epoch is lower than the user's, the outcome is [`SwapOutcome::Gone`] and nothing has changed.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> impl Future<Output = Result<SwapOutcome, StoreError>> + Send;

    /// Returns the handle that a session was rotated to, as long as the pointer in its place lasts. Returns `None` for a live session, and for one that was
    /// rotated in place or never.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn rotated_to(
        &self,
        handle: Handle,
        now: UnixTime,
    ) -> impl Future<Output = Result<Option<Handle>, StoreError>> + Send;

    /// Lists live sessions of a user, at most `limit` behind `after`, in the order of handles.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn list_by_user(
        &self,
        user: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> impl Future<Output = Result<Vec<(Handle, StoredSession)>, StoreError>> + Send;

    /// Ends all sessions of a user, except `except` if that is one of them, and begins a new epoch, which it returns.
    ///
    /// The store refuses the writes of requests that began before. The kept session gets the new epoch: a swap of an earlier one is a
    /// [`SwapOutcome::Conflict`], and succeeds after another read. The time of an epoch never moves to an earlier second, and its number is higher than each
    /// one of the user before, see [`RevocationEpoch::next`].
    ///
    /// The store keeps the epoch until the latest `keep_until` of all calls, and then forgets it: name a second at which nothing older lives any more. A
    /// shared store counts by the clock of its server.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn revoke_user(
        &self,
        user: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> impl Future<Output = Result<RevocationEpoch, StoreError>> + Send;

    /// Returns the user's epoch: number 0 and no time before the first revocation, and after the last one was forgotten.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn epoch(&self, user: UserHash) -> impl Future<Output = Result<RevocationEpoch, StoreError>> + Send;

    /// Removes up to `limit` expired sessions and epochs, users' sessions first, and returns their number. The call may run beside all others.
    ///
    /// Use the clock that sessions go by: a clock that is ahead removes live sessions.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn delete_expired(&self, now: UnixTime, limit: usize) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Returns the promises of the store.
    fn capabilities(&self) -> Capabilities;

    /// Returns the replication position of this server's copy, for read-your-writes. The session layer keeps it in the routing cookie after a write; the
    /// next server waits for it before it reads. `None` for stores without a local copy, and while the position is not known.
    fn replication_position(&self) -> Option<u64> {
        None
    }

    /// Waits until this server's copy has reached a replication position. Returns false if the store itself has not: the position is then stale.
    ///
    /// # Errors
    /// If the store is full or does not answer in time.
    fn wait_for_position(&self, position: u64) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let _ = position;
        core::future::ready(Ok(true))
    }
}
