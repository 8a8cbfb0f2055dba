//! Sessions in the memory of one process.

use super::credential::{Handle, UserTag};
use super::store::{
    Capabilities, Content, Created, Durability, Entry, Epoch, Kind, MAX_LINE, SessionStore, StoreError, Swapped,
};
use crate::UnixTime;
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
/// Anonymous sessions push out the one of them that was used least recently; they never push out a signed-in one. A signed-in session is
/// never dropped before its time: what is over makes room, and without room a new one is refused with [`StoreError::Full`]. Nothing survives
/// the process, the epochs of revocations neither: tokens that outlive it count again. What stands in the place of a session that was rotated is in the
/// budget of those who sign in, and so are epochs, which are never refused for want of room.
///
/// ```
/// use countersign::session::{MemoryStore, SessionStore};
///
/// let store = MemoryStore::new(64 << 20, 64 << 20);
/// assert!(!store.capabilities().survives_restart);
/// ```
pub struct MemoryStore {
    signed_in: RwLock<SignedIn>,
    anonymous: Cache<Handle, Arc<Place>>,
    budget: usize,
    versions: AtomicU64,
}

/// An anonymous session for as long as it lives, so that a write need not go through the cache; `None` once it is over.
type Place = Mutex<Option<Entry>>;

/// Sessions of users, in the order of their handles and so by user.
#[derive(Default)]
struct SignedIn {
    sessions: BTreeMap<Handle, Entry>,
    /// What is over first comes first.
    by_end: BTreeSet<(UnixTime, Handle)>,
    /// Each with the time until which it is kept.
    epochs: HashMap<UserTag, (Epoch, UnixTime)>,
    epochs_by_end: BTreeSet<(UnixTime, UserTag)>,
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
    fn epoch(&self, tag: UserTag) -> Epoch {
        self.epochs.get(&tag).map_or_else(Epoch::default, |(epoch, _)| *epoch)
    }

    /// Begins a new epoch.
    fn begin_epoch(&mut self, tag: UserTag, keep_until: UnixTime, now: UnixTime) -> Epoch {
        let before = self.epochs.remove(&tag);
        if let Some((_, until)) = before {
            self.epochs_by_end.remove(&(until, tag));
        } else {
            self.bytes = self.bytes.saturating_add(EPOCH);
        }
        let (epoch, until) = before.unwrap_or((Epoch::default(), keep_until));
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

    fn live(&self, handle: Handle, now: UnixTime) -> Option<&Entry> {
        self.sessions.get(&handle).filter(|entry| entry.is_live(now))
    }

    /// In order, those behind `after`.
    fn of_user(&self, tag: UserTag, after: Option<Handle>) -> impl Iterator<Item = (&Handle, &Entry)> {
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        self.sessions.range((from, Unbounded)).take_while(move |(handle, _)| handle.tag() == tag)
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
            let Some(dead) = self.first_dead(now).filter(|dead| *dead != except) else { return Err(StoreError::Full) };
            self.remove(dead);
        }
        Ok(())
    }

    /// Writes an entry, in place of another one under this handle. What is over makes room.
    fn insert(&mut self, handle: Handle, entry: Entry, budget: usize, now: UnixTime) -> Result<(), StoreError> {
        let freed = self.sessions.get(&handle).map_or(0, weight);
        self.make_room(weight(&entry).saturating_sub(freed), handle, budget, now)?;
        self.put(handle, entry);
        Ok(())
    }

    /// Writes an entry for which there is room. What leads to it goes on doing so, for as long as it may live.
    fn put(&mut self, handle: Handle, entry: Entry) {
        self.take(handle);
        self.bytes = self.bytes.saturating_add(weight(&entry));
        self.by_end.insert((end_of(&entry), handle));
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
            self.by_end.remove(&(end_of(&taken), handle));
            self.bytes = self.bytes.saturating_sub(weight(&taken));
        }
    }
}

/// The deadline that comes first.
fn end_of(entry: &Entry) -> UnixTime {
    entry.content.deadlines.idle.min(entry.content.deadlines.absolute)
}

fn weight(entry: &Entry) -> usize {
    entry.content.bytes.len().saturating_add(OVERHEAD)
}

/// In steps, so that a small change of a record is none of its weight.
fn anonymous_weight(place: &Place) -> u32 {
    let len = lock(place).as_ref().map_or(0, |entry| entry.content.bytes.len());
    u32::try_from(len.next_multiple_of(64).saturating_add(ANONYMOUS_OVERHEAD)).unwrap_or(u32::MAX)
}

// Every change is one step: what a panicking thread has left behind is whole.
fn lock(place: &Place) -> MutexGuard<'_, Option<Entry>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_live(place: &Place, now: UnixTime) -> bool {
    lock(place).as_ref().is_some_and(|entry| entry.is_live(now))
}

impl MemoryStore {
    /// A store that keeps up to so many bytes of anonymous sessions and so many of signed-in ones.
    #[must_use]
    pub fn new(anonymous_bytes: u64, signed_in_bytes: usize) -> Self {
        let anonymous = Cache::builder()
            .max_capacity(anonymous_bytes)
            // The default policy may refuse a new entry in favour of an old one.
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, place: &Arc<Place>| anonymous_weight(place))
            .build();
        Self { signed_in: RwLock::default(), anonymous, budget: signed_in_bytes, versions: AtomicU64::new(1) }
    }

    /// What the sessions of a kind take, in bytes, those that are over and not swept among them. Anonymous ones may take more for a moment:
    /// the cache makes room within a few hundred writes.
    pub fn bytes(&self, kind: Kind) -> u64 {
        match kind {
            Kind::SignedIn => u64::try_from(self.read().bytes).unwrap_or(u64::MAX),
            Kind::Anonymous => {
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
    fn insert_anonymous(&self, handle: Handle, entry: Entry, now: UnixTime) -> bool {
        let place = Arc::new(Mutex::new(Some(entry)));
        let result = self.anonymous.entry(handle).and_compute_with(|found| match found {
            Some(found) if is_live(found.value(), now) => Op::Nop,
            _ => Op::Put(place),
        });
        matches!(result, CompResult::Inserted(_) | CompResult::ReplacedWith(_))
    }

    fn is_anonymous(&self, handle: Handle, now: UnixTime) -> bool {
        self.anonymous.get(&handle).is_some_and(|place| is_live(&place, now))
    }

    /// Changes an anonymous session that is live, as one step; `None` if there is none. One that is not there afterwards is over.
    fn change<T>(&self, handle: Handle, now: UnixTime, change: impl FnOnce(&mut Option<Entry>) -> T) -> Option<T> {
        let place = self.anonymous.get(&handle)?;
        let before = anonymous_weight(&place);
        let mut entry = lock(&place);
        entry.as_ref().filter(|entry| entry.is_live(now))?;
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
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        let version = self.next_version();
        let entry = Entry { version, content };
        if entry.content.kind == Kind::Anonymous {
            // Held while it is made, so that no pointer comes to stand there.
            let signed_in = self.read();
            let is_free = signed_in.live(handle, now).is_none() && signed_in.pointer(handle, now).is_none();
            let is_new = is_free && self.insert_anonymous(handle, entry, now);
            return Ok(if is_new { Created::Done(version) } else { Created::Exists });
        }
        let mut signed_in = self.write();
        if !entry.content.is_of(signed_in.epoch(handle.tag())) {
            return Ok(Created::Revoked);
        }
        let is_taken = signed_in.live(handle, now).is_some() || signed_in.pointer(handle, now).is_some();
        if is_taken || self.is_anonymous(handle, now) {
            return Ok(Created::Exists);
        }
        // What has been there is over, and so is what has led to it.
        signed_in.remove(handle);
        signed_in.insert(handle, entry, self.budget, now)?;
        Ok(Created::Done(version))
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        if let Some(entry) = self.read().live(handle, now) {
            return Ok(Some(entry.clone()));
        }
        let place = self.anonymous.get(&handle);
        Ok(place.and_then(|place| lock(&place).clone()).filter(|entry| entry.is_live(now)))
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let next = self.next_version();
        if content.kind == Kind::Anonymous {
            let swapped = self.change(handle, now, |place| match place {
                Some(entry) if entry.version == version => {
                    *entry = entry.successor(next, content);
                    Swapped::Done(next)
                }
                _ => Swapped::Conflict,
            });
            return Ok(swapped.unwrap_or(Swapped::Gone));
        }
        let mut signed_in = self.write();
        let is_of_epoch = content.is_of(signed_in.epoch(handle.tag()));
        match signed_in.live(handle, now) {
            None => Ok(Swapped::Gone),
            Some(entry) if entry.version != version || !is_of_epoch => Ok(Swapped::Conflict),
            Some(entry) => {
                let entry = entry.successor(next, content);
                signed_in.insert(handle, entry, self.budget, now)?;
                Ok(Swapped::Done(next))
            }
        }
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let mut signed_in = self.write();
        if let Some(entry) = signed_in.live(handle, now) {
            let (before, entry) = (end_of(entry), entry.touched(idle));
            signed_in.by_end.remove(&(before, handle));
            signed_in.by_end.insert((end_of(&entry), handle));
            signed_in.sessions.insert(handle, entry);
            return Ok(true);
        }
        drop(signed_in);
        let touch = |place: &mut Option<Entry>| *place = place.as_ref().map(|entry| entry.touched(idle));
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
        Err(StoreError::Unavailable)
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let entry = Entry { version: self.next_version(), content };
        let (next, Content { kind, deadlines, .. }) = (entry.version, entry.content.clone());
        // Held to the end, so that nobody sees one half.
        let mut signed_in = self.write();
        let is_taken = |signed_in: &SignedIn| {
            signed_in.live(new, now).is_some() || signed_in.pointer(new, now).is_some() || self.is_anonymous(new, now)
        };
        let is_revoked = !entry.content.is_of(signed_in.epoch(new.tag()));
        if old != new && is_taken(&signed_in) || is_revoked {
            return Ok(Swapped::Gone);
        }
        let budget = self.budget;
        let replace = |signed_in: &mut SignedIn| {
            let freed = signed_in.sessions.get(&old).map_or(0, weight);
            let made = if kind == Kind::SignedIn { weight(&entry) } else { 0 };
            let pointer = if old == new { 0 } else { POINTER };
            signed_in.make_room(made.saturating_add(pointer).saturating_sub(freed), old, budget, now)?;
            signed_in.take(old);
            match kind {
                Kind::SignedIn => signed_in.put(new, entry.clone()),
                Kind::Anonymous => drop(self.insert_anonymous(new, entry.clone(), now)),
            }
            if old != new {
                signed_in.point(old, Pointer { to: new, until: deadlines.absolute });
            }
            signed_in.prolong(new, deadlines.absolute);
            Ok(Swapped::Done(next))
        };
        if let Some(found) = signed_in.live(old, now) {
            return if found.version == version { replace(&mut signed_in) } else { Ok(Swapped::Conflict) };
        }
        if old == new && kind == Kind::Anonymous {
            let in_place = self.change(old, now, |place| match place {
                Some(found) if found.version == version => {
                    found.clone_from(&entry);
                    Swapped::Done(next)
                }
                _ => Swapped::Conflict,
            });
            if matches!(in_place, Some(Swapped::Done(_))) {
                signed_in.prolong(new, deadlines.absolute);
            }
            return Ok(in_place.unwrap_or(Swapped::Gone));
        }
        let rotated = self.change(old, now, |place| {
            if place.as_ref().is_none_or(|found| found.version != version) {
                return Ok(Swapped::Conflict);
            }
            let outcome = replace(&mut signed_in)?;
            *place = None;
            Ok(outcome)
        });
        rotated.unwrap_or(Ok(Swapped::Gone))
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        Ok(self.read().pointer(handle, now))
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        let signed_in = self.read();
        let live = signed_in.of_user(tag, after).filter(|(_, entry)| entry.is_live(now));
        Ok(live.take(limit).map(|(handle, entry)| (*handle, entry.clone())).collect())
    }

    async fn revoke_user(
        &self,
        tag: UserTag,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<Epoch, StoreError> {
        let mut signed_in = self.write();
        let epoch = signed_in.begin_epoch(tag, keep_until, now);
        let handles: Vec<_> = signed_in.of_user(tag, None).map(|(handle, _)| *handle).collect();
        for handle in handles.into_iter().filter(|handle| Some(*handle) != except) {
            signed_in.remove(handle);
        }
        let kept = except.filter(|handle| handle.tag() == tag);
        if let Some(kept) = kept.and_then(|handle| signed_in.sessions.get_mut(&handle)) {
            kept.content.epoch = epoch.number;
        }
        Ok(epoch)
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        Ok(self.read().epoch(tag))
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
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
        let dead = self.anonymous.iter().filter(|(_, place)| !is_live(place, now)).map(|(handle, _)| *handle);
        let dead: Vec<_> = dead.take(limit.saturating_sub(swept)).collect();
        let removed = dead.into_iter().filter(|handle| {
            // Made anew meanwhile, it stays.
            let result = self.anonymous.entry(*handle).and_compute_with(|found| match found {
                Some(found) if !is_live(found.value(), now) => Op::Remove,
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
