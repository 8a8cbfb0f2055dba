//! Sessions in the memory of one process.

use super::capabilities::{Budgets, Capabilities, Durability};
use super::error::StoreError;
use super::revocation_epoch::RevocationEpoch;
use super::session_store::{MAX_LINE, SessionStore};
use super::stored_session::{CreateOutcome, SessionContent, SessionKind, StoredSession, SwapOutcome};
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use core::fmt;
use core::ops::Bound::{Excluded, Included, Unbounded};
use core::sync::atomic::{AtomicU64, Ordering};
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::vec::Vec;

/// What a session takes beside its record: its keys and deadlines, and what the maps need themselves (measured: `benches/sessions`).
const OVERHEAD: usize = 256;
const ANONYMOUS_OVERHEAD: usize = 448;
/// What a pointer takes, in both directions.
const POINTER: usize = 224;
/// What an epoch takes.
const EPOCH: usize = 96;

/// A store in memory, bounded in bytes, with a budget for each kind of session.
///
/// A new anonymous session evicts the least recently used anonymous ones, and never a signed-in one. A signed-in
/// session is never dropped before its deadlines: a new one first removes expired sessions, and fails with
/// [`Full`](crate::session::store::StoreErrorKind::Full) if the budget still lacks space. Pointers of rotated sessions
/// and revocation epochs count in the signed-in budget; epochs are never refused for lack of space.
///
/// The end of the process loses all sessions and all revocation epochs, so that revoked tokens with a longer life are
/// accepted again.
///
/// ```
/// use countersign::session::store::{Budgets, MemoryStore, SessionStore};
///
/// let store = MemoryStore::new(Budgets { anonymous: 64 << 20, signed_in: 64 << 20 });
/// assert!(!store.capabilities().survives_restart);
/// ```
pub struct MemoryStore {
    signed_in: RwLock<SignedIn>,
    anonymous: Cache<Handle, Arc<Place>>,
    budget: usize,
    versions: AtomicU64,
}

/// An anonymous session for as long as it lives, so that a write need not go through the cache; `None` once it is over.
type Place = Mutex<Option<StoredSession>>;

/// Sessions of users, in the order of their handles and so by user.
#[derive(Default)]
struct SignedIn {
    sessions: BTreeMap<Handle, StoredSession>,
    /// What is over first comes first.
    by_end: BTreeSet<(UnixTime, Handle)>,
    /// Each with the time until which it is kept.
    epochs: HashMap<UserHash, (RevocationEpoch, UnixTime)>,
    epochs_by_end: BTreeSet<(UnixTime, UserHash)>,
    /// What stands in the place of a session that was rotated, of whatever kind, for as long as its descendant may live: they are in the budget of
    /// those who sign in, and in `by_end`.
    pointers: HashMap<Handle, Pointer>,
    /// From a descendant to the pointer that leads to it.
    parents: HashMap<Handle, Handle>,
    bytes: usize,
}

/// Where a session has gone, and until when that one may live.
#[derive(Clone, Copy)]
struct Pointer {
    to: Handle,
    until: UnixTime,
}

impl SignedIn {
    fn epoch(&self, tag: UserHash) -> RevocationEpoch {
        self.epochs.get(&tag).map_or_else(RevocationEpoch::default, |(epoch, _)| *epoch)
    }

    /// Begins a new epoch.
    fn begin_epoch(&mut self, tag: UserHash, keep_until: UnixTime, now: UnixTime) -> RevocationEpoch {
        let before = self.epochs.remove(&tag);
        if let Some((_, until)) = before {
            self.epochs_by_end.remove(&(until, tag));
        } else {
            self.bytes = self.bytes.saturating_add(EPOCH);
        }
        let (epoch, until) = before.unwrap_or((RevocationEpoch::default(), keep_until));
        let epoch = epoch.next(now);
        let until = epoch.kept_until(until.max(keep_until));
        self.epochs.insert(tag, (epoch, until));
        self.epochs_by_end.insert((until, tag));
        epoch
    }

    /// Lets go of the epoch that is kept for the shortest time, if that is over.
    fn drop_epoch(&mut self, now: UnixTime) -> bool {
        let Some((until, tag)) = self.epochs_by_end.first().copied().filter(|(until, _)| *until <= now) else {
            return false;
        };
        self.epochs_by_end.remove(&(until, tag));
        self.epochs.remove(&tag);
        self.bytes = self.bytes.saturating_sub(EPOCH);
        true
    }

    fn live(&self, handle: Handle, now: UnixTime) -> Option<&StoredSession> {
        self.sessions.get(&handle).filter(|entry| entry.is_live_at(now))
    }

    /// In order, those behind `after`.
    fn of_user(&self, tag: UserHash, after: Option<Handle>) -> impl Iterator<Item = (&Handle, &StoredSession)> {
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        self.sessions.range((from, Unbounded)).take_while(move |(handle, _)| handle.user_hash() == tag)
    }

    /// The pointer in the place of this session, if its descendant may still live.
    fn pointer(&self, handle: Handle, now: UnixTime) -> Option<Handle> {
        self.pointers.get(&handle).filter(|pointer| now < pointer.until).map(|pointer| pointer.to)
    }

    /// Makes room for so many bytes, from what is over, but for one that is about to be replaced.
    fn make_room(&mut self, needed: usize, except: Handle, budget: usize, now: UnixTime) -> Result<(), StoreError> {
        while self.bytes.saturating_add(needed) > budget {
            if self.drop_epoch(now) {
                continue;
            }
            let Some(dead) = self.first_dead(now).filter(|dead| *dead != except) else {
                return Err(StoreError::full());
            };
            self.remove(dead);
        }
        Ok(())
    }

    /// Writes an entry, in place of another one under this handle. What is over makes room.
    fn insert(&mut self, handle: Handle, entry: StoredSession, budget: usize, now: UnixTime) -> Result<(), StoreError> {
        let freed = self.sessions.get(&handle).map_or(0, weight);
        self.make_room(weight(&entry).saturating_sub(freed), handle, budget, now)?;
        self.put(handle, entry);
        Ok(())
    }

    /// Writes an entry for which there is room. What leads to it goes on doing so, for as long as it may live.
    fn put(&mut self, handle: Handle, entry: StoredSession) {
        self.take(handle);
        self.bytes = self.bytes.saturating_add(weight(&entry));
        self.by_end.insert((end_for_user(&entry), handle));
        self.sessions.insert(handle, entry);
    }

    /// Puts a pointer to its descendant in the place of a session.
    fn point(&mut self, from: Handle, pointer: Pointer) {
        self.take(from);
        self.bytes = self.bytes.saturating_add(POINTER);
        self.by_end.insert((pointer.until, from));
        self.pointers.insert(from, pointer);
        self.parents.insert(pointer.to, from);
        self.prolong(from, pointer.until);
    }

    /// Lets all pointers that lead to this session last for as long as it may live.
    fn prolong(&mut self, handle: Handle, until: UnixTime) {
        let mut child = handle;
        while let Some(parent) = self.parents.get(&child).copied() {
            if let Some(pointer) = self.pointers.get_mut(&parent) {
                self.by_end.remove(&(pointer.until, parent));
                pointer.until = pointer.until.max(until);
                self.by_end.insert((pointer.until, parent));
            }
            child = parent;
        }
    }

    fn first_dead(&self, now: UnixTime) -> Option<Handle> {
        self.by_end.first().filter(|(end, _)| *end <= now).map(|(_, handle)| *handle)
    }

    /// Removes a session or a pointer, with all pointers that lead to it: without it they lead nowhere.
    fn remove(&mut self, handle: Handle) {
        let mut next = Some(handle);
        while let Some(handle) = next {
            self.take(handle);
            if let Some(pointer) = self.pointers.remove(&handle) {
                self.by_end.remove(&(pointer.until, handle));
                self.bytes = self.bytes.saturating_sub(POINTER);
                self.parents.remove(&pointer.to);
            }
            next = self.parents.get(&handle).copied();
        }
    }

    /// Takes a session out, and leaves what leads to it.
    fn take(&mut self, handle: Handle) {
        if let Some(taken) = self.sessions.remove(&handle) {
            self.by_end.remove(&(end_for_user(&taken), handle));
            self.bytes = self.bytes.saturating_sub(weight(&taken));
        }
    }
}

/// The deadline that comes first.
fn end_for_user(entry: &StoredSession) -> UnixTime {
    entry.content.deadlines.idle.min(entry.content.deadlines.absolute)
}

fn weight(entry: &StoredSession) -> usize {
    entry.content.bytes.len().saturating_add(OVERHEAD)
}

/// In steps, so that a small change of a record is none of its weight.
fn anonymous_weight(place: &Place) -> u32 {
    let len = lock(place).as_ref().map_or(0, |entry| entry.content.bytes.len());
    u32::try_from(len.next_multiple_of(64).saturating_add(ANONYMOUS_OVERHEAD)).unwrap_or(u32::MAX)
}

// Every change is one step: what a panicking thread has left behind is whole.
fn lock(place: &Place) -> MutexGuard<'_, Option<StoredSession>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_live_at(place: &Place, now: UnixTime) -> bool {
    lock(place).as_ref().is_some_and(|entry| entry.is_live_at(now))
}

impl MemoryStore {
    /// Creates an empty store with these budgets.
    #[must_use]
    pub fn new(budgets: Budgets) -> Self {
        let anonymous = Cache::builder()
            .max_capacity(budgets.anonymous)
            // Why: the default policy may refuse a new entry in favour of an old one.
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, place: &Arc<Place>| anonymous_weight(place))
            .build();
        let budget = usize::try_from(budgets.signed_in).unwrap_or(usize::MAX);
        Self { signed_in: RwLock::default(), anonymous, budget, versions: AtomicU64::new(1) }
    }

    /// Returns the bytes that the sessions of a kind take, including expired ones that are not removed yet. Anonymous
    /// sessions may exceed their budget for a few hundred writes, until the cache evicts.
    pub fn used_bytes(&self, kind: SessionKind) -> u64 {
        match kind {
            SessionKind::SignedIn => u64::try_from(self.read().bytes).unwrap_or(u64::MAX),
            SessionKind::Anonymous => {
                self.anonymous.run_pending_tasks();
                self.anonymous.weighted_size()
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, SignedIn> {
        self.signed_in.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, SignedIn> {
        self.signed_in.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts an anonymous session into the cache, unless a live one is there. False if so.
    fn insert_anonymous(&self, handle: Handle, entry: StoredSession, now: UnixTime) -> bool {
        let place = Arc::new(Mutex::new(Some(entry)));
        let result = self.anonymous.entry(handle).and_compute_with(|found| match found {
            Some(found) if is_live_at(found.value(), now) => Op::Nop,
            _ => Op::Put(place),
        });
        matches!(result, CompResult::Inserted(_) | CompResult::ReplacedWith(_))
    }

    fn is_anonymous(&self, handle: Handle, now: UnixTime) -> bool {
        self.anonymous.get(&handle).is_some_and(|place| is_live_at(&place, now))
    }

    /// Changes an anonymous session that is live, as one step; `None` if there is none. One that is not there afterwards is over.
    fn change<T>(
        &self,
        handle: Handle,
        now: UnixTime,
        change: impl FnOnce(&mut Option<StoredSession>) -> T,
    ) -> Option<T> {
        let place = self.anonymous.get(&handle)?;
        let before = anonymous_weight(&place);
        let mut entry = lock(&place);
        entry.as_ref().filter(|entry| entry.is_live_at(now))?;
        let outcome = change(&mut entry);
        let is_over = entry.is_none();
        drop(entry);
        if is_over || anonymous_weight(&place) != before {
            // The cache learns of it, unless it has dropped the session meanwhile.
            self.anonymous.entry(handle).and_compute_with(|found| match found {
                Some(found) if !Arc::ptr_eq(found.value(), &place) => Op::Nop,
                Some(_) if is_over => Op::Remove,
                Some(_) => Op::Put(place),
                None => Op::Nop,
            });
        }
        Some(outcome)
    }
}

impl SessionStore for MemoryStore {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        let version = self.next_version();
        let entry = StoredSession { version, content };
        if entry.content.kind == SessionKind::Anonymous {
            // Held while it is made, so that no pointer comes to stand there.
            let signed_in = self.read();
            let is_free = signed_in.live(handle, now).is_none() && signed_in.pointer(handle, now).is_none();
            let is_new = is_free && self.insert_anonymous(handle, entry, now);
            return Ok(if is_new { CreateOutcome::Done(version) } else { CreateOutcome::Exists });
        }
        let mut signed_in = self.write();
        if !entry.content.is_of(signed_in.epoch(handle.user_hash())) {
            return Ok(CreateOutcome::Revoked);
        }
        let is_taken = signed_in.live(handle, now).is_some() || signed_in.pointer(handle, now).is_some();
        if is_taken || self.is_anonymous(handle, now) {
            return Ok(CreateOutcome::Exists);
        }
        // What has been there is over, and so is what has led to it.
        signed_in.remove(handle);
        signed_in.insert(handle, entry, self.budget, now)?;
        Ok(CreateOutcome::Done(version))
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        if let Some(entry) = self.read().live(handle, now) {
            return Ok(Some(entry.clone()));
        }
        let place = self.anonymous.get(&handle);
        Ok(place.and_then(|place| lock(&place).clone()).filter(|entry| entry.is_live_at(now)))
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let next = self.next_version();
        if content.kind == SessionKind::Anonymous {
            let swapped = self.change(handle, now, |place| match place {
                Some(entry) if entry.version == version => {
                    *entry = entry.replaced_by(next, content);
                    SwapOutcome::Done(next)
                }
                _ => SwapOutcome::Conflict,
            });
            return Ok(swapped.unwrap_or(SwapOutcome::Gone));
        }
        let mut signed_in = self.write();
        let is_of_epoch = content.is_of(signed_in.epoch(handle.user_hash()));
        match signed_in.live(handle, now) {
            None => Ok(SwapOutcome::Gone),
            Some(entry) if entry.version != version || !is_of_epoch => Ok(SwapOutcome::Conflict),
            Some(entry) => {
                let entry = entry.replaced_by(next, content);
                signed_in.insert(handle, entry, self.budget, now)?;
                Ok(SwapOutcome::Done(next))
            }
        }
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let mut signed_in = self.write();
        if let Some(entry) = signed_in.live(handle, now) {
            let (before, entry) = (end_for_user(entry), entry.with_idle_deadline(idle));
            signed_in.by_end.remove(&(before, handle));
            signed_in.by_end.insert((end_for_user(&entry), handle));
            signed_in.sessions.insert(handle, entry);
            return Ok(true);
        }
        drop(signed_in);
        let touch =
            |place: &mut Option<StoredSession>| *place = place.as_ref().map(|entry| entry.with_idle_deadline(idle));
        Ok(self.change(handle, now, touch).is_some())
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        // Held to the end, so that nothing is rotated on the way.
        let mut signed_in = self.write();
        let mut handle = handle;
        for _ in 0..=MAX_LINE {
            if signed_in.live(handle, now).is_some() {
                signed_in.remove(handle);
                return Ok(true);
            }
            let Some(next) = signed_in.pointer(handle, now) else {
                let was_live = self.change(handle, now, |place| *place = None).is_some();
                signed_in.remove(handle);
                return Ok(was_live);
            };
            handle = next;
        }
        Err(StoreError::unavailable())
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let entry = StoredSession { version: self.next_version(), content };
        let (next, SessionContent { kind, deadlines, .. }) = (entry.version, entry.content.clone());
        // Held to the end, so that nobody sees one half.
        let mut signed_in = self.write();
        let is_taken = |signed_in: &SignedIn| {
            signed_in.live(new, now).is_some() || signed_in.pointer(new, now).is_some() || self.is_anonymous(new, now)
        };
        let is_revoked = !entry.content.is_of(signed_in.epoch(new.user_hash()));
        if old != new && is_taken(&signed_in) || is_revoked {
            return Ok(SwapOutcome::Gone);
        }
        let budget = self.budget;
        let replace = |signed_in: &mut SignedIn| {
            let freed = signed_in.sessions.get(&old).map_or(0, weight);
            let made = if kind == SessionKind::SignedIn { weight(&entry) } else { 0 };
            let pointer = if old == new { 0 } else { POINTER };
            signed_in.make_room(made.saturating_add(pointer).saturating_sub(freed), old, budget, now)?;
            signed_in.take(old);
            match kind {
                SessionKind::SignedIn => signed_in.put(new, entry.clone()),
                SessionKind::Anonymous => drop(self.insert_anonymous(new, entry.clone(), now)),
            }
            if old != new {
                signed_in.point(old, Pointer { to: new, until: deadlines.absolute });
            }
            signed_in.prolong(new, deadlines.absolute);
            Ok(SwapOutcome::Done(next))
        };
        if let Some(found) = signed_in.live(old, now) {
            return if found.version == version { replace(&mut signed_in) } else { Ok(SwapOutcome::Conflict) };
        }
        if old == new && kind == SessionKind::Anonymous {
            let in_place = self.change(old, now, |place| match place {
                Some(found) if found.version == version => {
                    found.clone_from(&entry);
                    SwapOutcome::Done(next)
                }
                _ => SwapOutcome::Conflict,
            });
            if matches!(in_place, Some(SwapOutcome::Done(_))) {
                signed_in.prolong(new, deadlines.absolute);
            }
            return Ok(in_place.unwrap_or(SwapOutcome::Gone));
        }
        let rotated = self.change(old, now, |place| {
            if place.as_ref().is_none_or(|found| found.version != version) {
                return Ok(SwapOutcome::Conflict);
            }
            let outcome = replace(&mut signed_in)?;
            *place = None;
            Ok(outcome)
        });
        rotated.unwrap_or(Ok(SwapOutcome::Gone))
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        Ok(self.read().pointer(handle, now))
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        let signed_in = self.read();
        let live = signed_in.of_user(tag, after).filter(|(_, entry)| entry.is_live_at(now));
        Ok(live.take(limit).map(|(handle, entry)| (*handle, entry.clone())).collect())
    }

    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        let mut signed_in = self.write();
        let epoch = signed_in.begin_epoch(tag, keep_until, now);
        let handles: Vec<_> = signed_in.of_user(tag, None).map(|(handle, _)| *handle).collect();
        for handle in handles.into_iter().filter(|handle| Some(*handle) != except) {
            signed_in.remove(handle);
        }
        let kept = except.filter(|handle| handle.user_hash() == tag);
        if let Some(kept) = kept.and_then(|handle| signed_in.sessions.get_mut(&handle)) {
            kept.content.epoch = epoch.number;
        }
        Ok(epoch)
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        Ok(self.read().epoch(tag))
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let mut signed_in = self.write();
        let mut swept = 0usize;
        while swept < limit {
            match signed_in.first_dead(now) {
                Some(dead) => signed_in.remove(dead),
                None if signed_in.drop_epoch(now) => {}
                None => break,
            }
            swept = swept.saturating_add(1);
        }
        drop(signed_in);
        let dead = self.anonymous.iter().filter(|(_, place)| !is_live_at(place, now)).map(|(handle, _)| *handle);
        let dead: Vec<_> = dead.take(limit.saturating_sub(swept)).collect();
        let removed = dead.into_iter().filter(|handle| {
            // Made anew meanwhile, it stays.
            let result = self.anonymous.entry(*handle).and_compute_with(|found| match found {
                Some(found) if !is_live_at(found.value(), now) => Op::Remove,
                _ => Op::Nop,
            });
            matches!(result, CompResult::Removed(_))
        });
        Ok(swept.saturating_add(removed.count()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: false,
            is_shared: false,
            expires_by_itself: false,
            durability: Durability::Accepted,
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("signed_in_bytes", &self.read().bytes).finish_non_exhaustive()
    }
}
