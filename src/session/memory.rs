//! Sessions in the memory of one process.

use super::credential::{Handle, UserTag};
use super::store::{Capabilities, Content, Created, Entry, Epoch, Kind, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use core::fmt;
use core::ops::Bound::{Excluded, Included, Unbounded};
use core::sync::atomic::{AtomicU64, Ordering};
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::vec::Vec;

/// What a session takes beside its record: its keys and deadlines, and what the maps need themselves (measured: `benches/sessions`).
const OVERHEAD: usize = 256;
const ANONYMOUS_OVERHEAD: usize = 448;

/// A store in memory, bounded in bytes, with a budget for each kind of session.
///
/// Anonymous sessions push out the one of them that was used least recently; they never push out a signed-in one. A signed-in session is
/// never dropped before its time: without room a new one is refused with [`StoreError::Full`]. Nothing survives the process.
///
/// ```
/// use countersign::session::{MemoryStore, SessionStore};
///
/// let store = MemoryStore::new(64 << 20, 64 << 20);
/// assert!(!store.capabilities().survives_restart);
/// ```
pub struct MemoryStore {
    signed_in: RwLock<SignedIn>,
    anonymous: Cache<Handle, Entry>,
    budget: usize,
    versions: AtomicU64,
}

/// Sessions of users, in the order of their handles and so by user.
#[derive(Default)]
struct SignedIn {
    sessions: BTreeMap<Handle, Entry>,
    epochs: HashMap<UserTag, Epoch>,
    bytes: usize,
}

impl SignedIn {
    fn epoch(&self, tag: UserTag) -> Epoch {
        self.epochs.get(&tag).copied().unwrap_or_default()
    }

    fn live(&self, handle: Handle, now: UnixTime) -> Option<&Entry> {
        self.sessions.get(&handle).filter(|entry| entry.is_live(now))
    }

    /// In order, those behind `after`.
    fn of_user(&self, tag: UserTag, after: Option<Handle>) -> impl Iterator<Item = (&Handle, &Entry)> {
        let from = after.map_or(Included(Handle::first_of(tag)), Excluded);
        self.sessions.range((from, Unbounded)).take_while(move |(handle, _)| handle.tag() == tag)
    }

    /// Writes an entry, in place of another one under this handle.
    fn insert(&mut self, handle: Handle, entry: Entry, budget: usize) -> Result<(), StoreError> {
        let freed = self.sessions.get(&handle).map_or(0, weight);
        let bytes = self.bytes.saturating_sub(freed).saturating_add(weight(&entry));
        if bytes > budget {
            return Err(StoreError::Full);
        }
        self.bytes = bytes;
        self.sessions.insert(handle, entry);
        Ok(())
    }

    fn remove(&mut self, handle: Handle) -> bool {
        let removed = self.sessions.remove(&handle);
        self.bytes = self.bytes.saturating_sub(removed.as_ref().map_or(0, weight));
        removed.is_some()
    }
}

fn weight(entry: &Entry) -> usize {
    let overhead = if entry.content.kind == Kind::Anonymous { ANONYMOUS_OVERHEAD } else { OVERHEAD };
    entry.content.bytes.len().saturating_add(overhead)
}

impl MemoryStore {
    /// A store that keeps up to so many bytes of anonymous sessions and so many of signed-in ones.
    #[must_use]
    pub fn new(anonymous_bytes: u64, signed_in_bytes: usize) -> Self {
        let anonymous = Cache::builder()
            .max_capacity(anonymous_bytes)
            // The default policy may refuse a new entry in favour of an old one.
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, entry: &Entry| u32::try_from(weight(entry)).unwrap_or(u32::MAX))
            .build();
        Self { signed_in: RwLock::default(), anonymous, budget: signed_in_bytes, versions: AtomicU64::new(1) }
    }

    // Every change of the maps is one step: what a panicking thread has left behind is whole.
    fn read(&self) -> RwLockReadGuard<'_, SignedIn> {
        self.signed_in.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, SignedIn> {
        self.signed_in.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed)
    }

    /// Changes an anonymous session that is live, as one step. `None` if there is none.
    fn change(
        &self,
        handle: Handle,
        now: UnixTime,
        change: impl FnOnce(&Entry) -> Op<Entry>,
    ) -> Option<CompResult<Handle, Entry>> {
        let mut was_live = false;
        let result = self.anonymous.entry(handle).and_compute_with(|found| match found {
            Some(found) if found.value().is_live(now) => {
                was_live = true;
                change(found.value())
            }
            _ => Op::Nop,
        });
        was_live.then_some(result)
    }

    /// Removes an anonymous session in this version.
    fn take(&self, handle: Handle, version: u64, now: UnixTime) -> Swapped {
        let changed = self.change(handle, now, |entry| if entry.version == version { Op::Remove } else { Op::Nop });
        match changed {
            None => Swapped::Gone,
            Some(CompResult::Removed(_)) => Swapped::Done(version),
            Some(_) => Swapped::Conflict,
        }
    }
}

impl SessionStore for MemoryStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        let (version, epoch) = (self.next_version(), content.epoch);
        let entry = Entry { version, content };
        if entry.content.kind == Kind::Anonymous {
            let result = self.anonymous.entry(handle).and_compute_with(|found| match found {
                Some(found) if found.value().is_live(now) => Op::Nop,
                _ => Op::Put(entry),
            });
            let is_new = matches!(result, CompResult::Inserted(_) | CompResult::ReplacedWith(_));
            return Ok(if is_new { Created::Done(version) } else { Created::Exists });
        }
        let mut signed_in = self.write();
        if signed_in.epoch(handle.tag()).number != epoch {
            return Ok(Created::Revoked);
        }
        if signed_in.live(handle, now).is_some() {
            return Ok(Created::Exists);
        }
        signed_in.insert(handle, entry, self.budget)?;
        Ok(Created::Done(version))
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        if let Some(entry) = self.read().live(handle, now) {
            return Ok(Some(entry.clone()));
        }
        Ok(self.anonymous.get(&handle).filter(|entry| entry.is_live(now)))
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
            let changed = self.change(handle, now, |entry| {
                if entry.version == version { Op::Put(entry.successor(next, content)) } else { Op::Nop }
            });
            return Ok(match changed {
                None => Swapped::Gone,
                Some(CompResult::ReplacedWith(_)) => Swapped::Done(next),
                Some(_) => Swapped::Conflict,
            });
        }
        let mut signed_in = self.write();
        let epoch = signed_in.epoch(handle.tag()).number;
        match signed_in.live(handle, now) {
            None => Ok(Swapped::Gone),
            Some(entry) if entry.version != version || content.epoch != epoch => Ok(Swapped::Conflict),
            Some(entry) => {
                let entry = entry.successor(next, content);
                signed_in.insert(handle, entry, self.budget)?;
                Ok(Swapped::Done(next))
            }
        }
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let mut signed_in = self.write();
        if let Some(entry) = signed_in.live(handle, now) {
            let entry = entry.touched(idle);
            signed_in.sessions.insert(handle, entry);
            return Ok(true);
        }
        drop(signed_in);
        Ok(self.change(handle, now, |entry| Op::Put(entry.touched(idle))).is_some())
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let mut signed_in = self.write();
        if signed_in.live(handle, now).is_some() {
            return Ok(signed_in.remove(handle));
        }
        drop(signed_in);
        Ok(self.change(handle, now, |_| Op::Remove).is_some())
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
        let (next, kind) = (entry.version, entry.content.kind);
        // Held to the end, so that nobody sees one half.
        let mut signed_in = self.write();
        let is_revoked = kind == Kind::SignedIn && signed_in.epoch(new.tag()).number != entry.content.epoch;
        let outcome = match signed_in.live(old, now) {
            _ if is_revoked => Swapped::Gone,
            Some(found) if found.version != version => Swapped::Conflict,
            Some(_) => Swapped::Done(version),
            None => match self.anonymous.get(&old).filter(|found| found.is_live(now)) {
                None => Swapped::Gone,
                Some(found) if found.version != version => Swapped::Conflict,
                Some(_) => Swapped::Done(version),
            },
        };
        if !matches!(outcome, Swapped::Done(_)) {
            return Ok(outcome);
        }
        if kind == Kind::SignedIn {
            // First what may fail for want of room.
            signed_in.insert(new, entry, self.budget)?;
        } else {
            self.anonymous.insert(new, entry);
        }
        if !signed_in.remove(old) {
            let taken = self.take(old, version, now);
            if !matches!(taken, Swapped::Done(_)) {
                // It was changed or ended in between: back to where we were.
                signed_in.remove(new);
                self.anonymous.invalidate(&new);
                return Ok(taken);
            }
        }
        Ok(Swapped::Done(next))
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

    async fn revoke_user(&self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Result<Epoch, StoreError> {
        let mut signed_in = self.write();
        let before = signed_in.epoch(tag);
        let epoch = Epoch { number: before.number.saturating_add(1), at: before.at.max(Some(now)) };
        signed_in.epochs.insert(tag, epoch);
        let handles: Vec<_> = signed_in.of_user(tag, None).map(|(handle, _)| *handle).collect();
        for handle in handles.into_iter().filter(|handle| Some(*handle) != except) {
            signed_in.remove(handle);
        }
        if let Some(kept) = except.and_then(|handle| signed_in.sessions.get_mut(&handle)) {
            kept.content.epoch = epoch.number;
        }
        Ok(epoch)
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        Ok(self.read().epoch(tag))
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let mut signed_in = self.write();
        let dead = signed_in.sessions.iter().filter(|(_, entry)| !entry.is_live(now)).map(|(handle, _)| *handle);
        let dead: Vec<_> = dead.take(limit).collect();
        let swept = dead.into_iter().filter(|handle| signed_in.remove(*handle)).count();
        drop(signed_in);
        let dead = self.anonymous.iter().filter(|(_, entry)| !entry.is_live(now)).map(|(handle, _)| *handle);
        let dead: Vec<_> = dead.take(limit.saturating_sub(swept)).collect();
        let removed = dead.into_iter().filter(|handle| {
            // Made anew meanwhile, it stays.
            let result = self.anonymous.entry(*handle).and_compute_with(|found| match found {
                Some(found) if !found.value().is_live(now) => Op::Remove,
                _ => Op::Nop,
            });
            matches!(result, CompResult::Removed(_))
        });
        Ok(swept.saturating_add(removed.count()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { survives_restart: false, is_shared: false }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("signed_in_bytes", &self.read().bytes).finish_non_exhaustive()
    }
}
