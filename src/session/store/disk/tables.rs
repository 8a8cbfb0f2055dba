//! The tables of the file and their changes. Each change is part of a transaction and happens as a whole or not at all.

use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::entry_codec::{byte_of, decode, encode};
use crate::session::store::{
    Budgets, CreateOutcome, MAX_LINE, RevocationEpoch, SessionContent, SessionKind, StoreError, StoredSession,
    SwapOutcome,
};
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::vec::Vec;

const SESSIONS: TableDefinition<'_, [u8; 20], &[u8]> = TableDefinition::new("sessions");
/// The kind, the deadline that comes first, and the handle: what is over first comes first.
const BY_END: TableDefinition<'_, EndKey, ()> = TableDefinition::new("by_end");
/// Number and second of the last revocation, and until when it is kept.
const EPOCHS: TableDefinition<'_, [u8; 8], (u64, u64, u64)> = TableDefinition::new("epochs");
/// Those that are kept for the shortest time come first.
const EPOCHS_BY_END: TableDefinition<'_, (u64, [u8; 8]), ()> = TableDefinition::new("epochs_by_end");
/// By kind: the bytes of all sessions.
const BYTES: TableDefinition<'_, u8, u64> = TableDefinition::new("bytes");
/// The last version that was given out, under the only key.
const VERSIONS: TableDefinition<'_, (), u64> = TableDefinition::new("versions");

/// By the handle of a session that was rotated: the handle of its descendant, and until when that may live. In [`BY_END`] they are among users'
/// sessions.
const POINTERS: TableDefinition<'_, [u8; 20], ([u8; 20], u64)> = TableDefinition::new("pointers");
/// From a descendant to the pointer that leads to it.
const PARENTS: TableDefinition<'_, [u8; 20], [u8; 20]> = TableDefinition::new("parents");
/// Users who were revoked and have sessions of an earlier epoch, and from which handle on.
const REVOKED: TableDefinition<'_, [u8; 8], [u8; 20]> = TableDefinition::new("revoked");

type EndKey = (u8, u64, [u8; 20]);

/// What a change comes to. An error of the file undoes all changes of the transaction; a refusal has changed nothing.
pub(super) type Outcome<T> = Result<Result<T, StoreError>, redb::Error>;

/// What a session takes beside its record: its keys and its deadlines.
const OVERHEAD: u64 = 82;

/// What a pointer takes, in both directions.
const POINTER: u64 = 118;

/// What an epoch takes.
const EPOCH: u64 = 48;

pub(super) struct Tables<'t> {
    sessions: Table<'t, [u8; 20], &'static [u8]>,
    by_end: Table<'t, EndKey, ()>,
    epochs: Table<'t, [u8; 8], (u64, u64, u64)>,
    epochs_by_end: Table<'t, (u64, [u8; 8]), ()>,
    bytes: Table<'t, u8, u64>,
    versions: Table<'t, (), u64>,
    pointers: Table<'t, [u8; 20], ([u8; 20], u64)>,
    parents: Table<'t, [u8; 20], [u8; 20]>,
    revoked: Table<'t, [u8; 8], [u8; 20]>,
    budgets: Budgets,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, budgets: Budgets) -> Result<Self, redb::Error> {
        Ok(Self {
            sessions: transaction.open_table(SESSIONS)?,
            by_end: transaction.open_table(BY_END)?,
            epochs: transaction.open_table(EPOCHS)?,
            epochs_by_end: transaction.open_table(EPOCHS_BY_END)?,
            bytes: transaction.open_table(BYTES)?,
            versions: transaction.open_table(VERSIONS)?,
            pointers: transaction.open_table(POINTERS)?,
            parents: transaction.open_table(PARENTS)?,
            revoked: transaction.open_table(REVOKED)?,
            budgets,
        })
    }

    fn any(&self, handle: Handle) -> Result<Option<StoredSession>, redb::Error> {
        Ok(self.sessions.get(handle.as_bytes())?.and_then(|row| decode(row.value())))
    }

    fn live(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, redb::Error> {
        let Some(entry) = self.any(handle)?.filter(|entry| entry.is_live_at(now)) else { return Ok(None) };
        let epoch = self.epoch(handle.user_hash())?;
        Ok(Some(entry).filter(|entry| entry.is_of(epoch)))
    }

    /// The pointer in the place of this session, if its descendant may still live.
    fn pointer(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, redb::Error> {
        pointer_in(&self.pointers, handle, now)
    }

    fn parent(&self, handle: Handle) -> Result<Option<Handle>, redb::Error> {
        Ok(self.parents.get(handle.as_bytes())?.map(|found| Handle::from_bytes(found.value())))
    }

    fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, redb::Error> {
        Ok(self
            .epochs
            .get(tag.as_bytes())?
            .map_or_else(RevocationEpoch::default, |found| last_revocation(found.value())))
    }

    /// False for what a request writes that began before its user was revoked.
    fn is_of_epoch(&self, handle: Handle, content: &SessionContent) -> Result<bool, redb::Error> {
        Ok(content.is_of(self.epoch(handle.user_hash())?))
    }

    fn next_version(&mut self) -> Result<u64, redb::Error> {
        let last = self.versions.get(())?.map_or(0, |last| last.value());
        let next = last.saturating_add(1);
        self.versions.insert((), next)?;
        Ok(next)
    }

    fn bytes_of(&self, kind: SessionKind) -> Result<u64, redb::Error> {
        Ok(self.bytes.get(byte_of(kind))?.map_or(0, |bytes| bytes.value()))
    }

    /// True if there is room for a session in the place of another one, and for a pointer if one is left, once what is over has made way.
    /// Anonymous ones make room for each other.
    fn has_room(
        &mut self,
        entry: &StoredSession,
        before: Option<&StoredSession>,
        pointer: u64,
        now: UnixTime,
    ) -> Result<bool, redb::Error> {
        const KIND: SessionKind = SessionKind::SignedIn;
        let is_signed_in = |entry: &&StoredSession| entry.content.kind == KIND;
        if !is_signed_in(&entry) && weight(entry) > self.budgets.anonymous {
            return Ok(false);
        }
        let needed = Some(entry).filter(is_signed_in).map_or(0, weight).saturating_add(pointer);
        let freed = before.filter(is_signed_in).map_or(0, weight);
        let budget = self.budgets.signed_in;
        let over = |bytes: u64| bytes.saturating_sub(freed).saturating_add(needed) > budget;
        while needed > freed && over(self.bytes_of(KIND)?) {
            // A few at a time: a full store of the dead is rare, and nobody should wait for all of it.
            if self.bury(64)? == 0 && self.sweep_kind(KIND, now, 64)? == 0 && self.drop_epochs(now, 64)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes an entry in the place of another one. What leads to it goes on doing so.
    fn put(&mut self, handle: Handle, entry: &StoredSession) -> Result<(), redb::Error> {
        self.take(handle)?;
        let kind = entry.content.kind;
        let bytes = self.bytes_of(kind)?.saturating_add(weight(entry));
        self.bytes.insert(byte_of(kind), bytes)?;
        self.by_end.insert(end_key(handle, entry), ())?;
        self.sessions.insert(handle.as_bytes(), encode(entry).as_slice())?;
        if kind == SessionKind::Anonymous { self.make_room(handle) } else { Ok(()) }
    }

    /// Takes a session out, and leaves what leads to it; true if there was one.
    fn take(&mut self, handle: Handle) -> Result<bool, redb::Error> {
        let Some(before) = self.any(handle)? else { return Ok(false) };
        let kind = before.content.kind;
        self.weigh(kind, weight(&before), 0)?;
        self.by_end.remove(end_key(handle, &before))?;
        self.sessions.remove(handle.as_bytes())?;
        Ok(true)
    }

    fn weigh(&mut self, kind: SessionKind, less: u64, more: u64) -> Result<(), redb::Error> {
        let bytes = self.bytes_of(kind)?.saturating_sub(less).saturating_add(more);
        self.bytes.insert(byte_of(kind), bytes)?;
        Ok(())
    }

    /// Removes a session or a pointer, with all pointers that lead to it: without it they lead nowhere.
    fn remove(&mut self, handle: Handle) -> Result<(), redb::Error> {
        let mut next = Some(handle);
        while let Some(handle) = next {
            self.take(handle)?;
            let pointer = self.pointers.remove(handle.as_bytes())?.map(|found| found.value());
            if let Some((to, until)) = pointer {
                self.by_end.remove(pointer_key(handle, until))?;
                self.parents.remove(&to)?;
                self.weigh(SessionKind::SignedIn, POINTER, 0)?;
            }
            next = self.parent(handle)?;
        }
        Ok(())
    }

    /// Puts a pointer to its descendant in the place of a session that was taken out.
    fn point(&mut self, from: Handle, to: Handle, until: UnixTime) -> Result<(), redb::Error> {
        self.pointers.insert(from.as_bytes(), (*to.as_bytes(), until.as_secs()))?;
        self.parents.insert(to.as_bytes(), from.as_bytes())?;
        self.by_end.insert(pointer_key(from, until.as_secs()), ())?;
        self.weigh(SessionKind::SignedIn, 0, POINTER)
    }

    /// Lets all pointers that lead to this session last for as long as it may live.
    fn prolong(&mut self, handle: Handle, until: UnixTime) -> Result<(), redb::Error> {
        let mut child = handle;
        while let Some(parent) = self.parent(child)? {
            let found = self.pointers.get(parent.as_bytes())?.map(|found| found.value());
            if let Some((to, before)) = found {
                let until = before.max(until.as_secs());
                self.by_end.remove(pointer_key(parent, before))?;
                self.by_end.insert(pointer_key(parent, until), ())?;
                self.pointers.insert(parent.as_bytes(), (to, until))?;
            }
            child = parent;
        }
        Ok(())
    }

    /// Drops the anonymous ones that would be over first, but for one.
    fn make_room(&mut self, except: Handle) -> Result<(), redb::Error> {
        const KIND: u8 = byte_of(SessionKind::Anonymous);
        while self.bytes_of(SessionKind::Anonymous)? > self.budgets.anonymous {
            let rows = self.by_end.range((KIND, 0, [0; 20])..=(KIND, u64::MAX, [u8::MAX; 20]))?;
            let mut keys = rows.map(|row| Ok(row?.0.value()));
            let first =
                keys.find(|key: &Result<EndKey, redb::Error>| !matches!(key, Ok(key) if key.2 == *except.as_bytes()));
            let Some(first) = first.transpose()? else { break };
            drop(keys);
            self.remove_at(first)?;
        }
        Ok(())
    }

    /// Removes a session by when it ends; the key goes also if nothing is behind it.
    fn remove_at(&mut self, key: EndKey) -> Result<(), redb::Error> {
        self.by_end.remove(key)?;
        self.remove(Handle::from_bytes(key.2)).map(|_| ())
    }

    /// Removes up to `limit` sessions of a kind that are over; how many it was.
    fn sweep_kind(&mut self, kind: SessionKind, now: UnixTime, limit: usize) -> Result<usize, redb::Error> {
        // At its deadline it is over.
        let (kind, end) = (byte_of(kind), now.as_secs().saturating_add(1));
        let rows = self.by_end.range((kind, 0, [0; 20])..(kind, end, [0; 20]))?;
        let dead: Vec<EndKey> = rows.take(limit).map(|row| Ok(row?.0.value())).collect::<Result<_, redb::Error>>()?;
        for key in &dead {
            self.remove_at(*key)?;
        }
        Ok(dead.len())
    }

    pub(super) fn create(&mut self, handle: Handle, content: SessionContent, now: UnixTime) -> Outcome<CreateOutcome> {
        if !self.is_of_epoch(handle, &content)? {
            return Ok(Ok(CreateOutcome::Revoked));
        }
        if self.live(handle, now)?.is_some() || self.pointer(handle, now)?.is_some() {
            return Ok(Ok(CreateOutcome::Exists));
        }
        // What has been there is over, and so is what has led to it.
        self.remove(handle)?;
        let entry = StoredSession { version: self.next_version()?, content };
        if !self.has_room(&entry, None, 0, now)? {
            return Ok(Err(StoreError::full()));
        }
        self.put(handle, &entry)?;
        Ok(Ok(CreateOutcome::Done(entry.version)))
    }

    pub(super) fn compare_and_swap(
        &mut self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Outcome<SwapOutcome> {
        let Some(before) = self.live(handle, now)? else { return Ok(Ok(SwapOutcome::Gone)) };
        if before.version != version || !self.is_of_epoch(handle, &content)? {
            return Ok(Ok(SwapOutcome::Conflict));
        }
        let entry = before.replaced_by(self.next_version()?, content);
        if !self.has_room(&entry, Some(&before), 0, now)? {
            return Ok(Err(StoreError::full()));
        }
        self.put(handle, &entry)?;
        Ok(Ok(SwapOutcome::Done(entry.version)))
    }

    pub(super) fn touch(&mut self, handle: Handle, idle: UnixTime, now: UnixTime) -> Outcome<bool> {
        let Some(entry) = self.live(handle, now)? else { return Ok(Ok(false)) };
        self.put(handle, &entry.with_idle_deadline(idle))?;
        Ok(Ok(true))
    }

    pub(super) fn delete(&mut self, handle: Handle, now: UnixTime) -> Outcome<bool> {
        let mut handle = handle;
        for _ in 0..=MAX_LINE {
            let Some(next) = self.pointer(handle, now)? else {
                let was_live = self.live(handle, now)?.is_some();
                self.remove(handle)?;
                return Ok(Ok(was_live));
            };
            handle = next;
        }
        Ok(Err(StoreError::unavailable()))
    }

    pub(super) fn rotate(
        &mut self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Outcome<SwapOutcome> {
        let Some(before) = self.live(old, now)? else { return Ok(Ok(SwapOutcome::Gone)) };
        let is_taken = old != new && (self.live(new, now)?.is_some() || self.pointer(new, now)?.is_some());
        if is_taken || !self.is_of_epoch(new, &content)? {
            return Ok(Ok(SwapOutcome::Gone));
        }
        if before.version != version {
            return Ok(Ok(SwapOutcome::Conflict));
        }
        let entry = StoredSession { version: self.next_version()?, content };
        let pointer = if old == new { 0 } else { POINTER };
        if !self.has_room(&entry, Some(&before), pointer, now)? {
            return Ok(Err(StoreError::full()));
        }
        let until = entry.content.deadlines.absolute;
        if old != new {
            self.remove(new)?;
            self.take(old)?;
            self.point(old, new, until)?;
        }
        self.prolong(new, until)?;
        self.put(new, &entry)?;
        Ok(Ok(SwapOutcome::Done(entry.version)))
    }

    /// The epoch counts at once, for every call: what is of an earlier one is over, and is removed afterwards, by [`bury`](Self::bury).
    pub(super) fn revoke_user(
        &mut self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Outcome<RevocationEpoch> {
        let kept = match except.filter(|except| except.user_hash() == tag) {
            Some(handle) => self.live(handle, now)?.map(|entry| (handle, entry)),
            None => None,
        };
        let epoch = self.begin_epoch(tag, keep_until, now)?;
        if let Some((handle, mut entry)) = kept {
            entry.content.epoch = epoch.number;
            self.put(handle, &entry)?;
        }
        self.revoked.insert(tag.as_bytes(), Handle::first_of(tag).as_bytes())?;
        Ok(Ok(epoch))
    }

    fn begin_epoch(
        &mut self,
        tag: UserHash,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, redb::Error> {
        let before = self.epochs.remove(tag.as_bytes())?.map(|found| found.value());
        match before {
            Some((_, _, until)) => drop(self.epochs_by_end.remove((until, *tag.as_bytes()))?),
            None => self.weigh(SessionKind::SignedIn, 0, EPOCH)?,
        }
        let epoch = before.map_or_else(RevocationEpoch::default, last_revocation).next(now);
        let until = before.map_or(0, |(_, _, until)| until).max(epoch.kept_until(keep_until).as_secs());
        self.epochs.insert(tag.as_bytes(), (epoch.number, epoch.at.map_or(0, UnixTime::as_secs), until))?;
        self.epochs_by_end.insert((until, *tag.as_bytes()), ())?;
        Ok(epoch)
    }

    /// Lets go of up to `limit` epochs that are kept no longer; how many it was.
    fn drop_epochs(&mut self, now: UnixTime, limit: usize) -> Result<usize, redb::Error> {
        let rows = self.epochs_by_end.range(..(now.as_secs().saturating_add(1), [0; 8]))?;
        let over: Vec<_> = rows.take(limit).map(|row| Ok(row?.0.value())).collect::<Result<_, redb::Error>>()?;
        let mut dropped = 0usize;
        for (until, tag) in over {
            // Why: without it nothing tells what the revocation has ended.
            if self.revoked.get(&tag)?.is_some() {
                continue;
            }
            self.epochs_by_end.remove((until, tag))?;
            self.epochs.remove(&tag)?;
            self.weigh(SessionKind::SignedIn, EPOCH, 0)?;
            dropped = dropped.saturating_add(1);
        }
        Ok(dropped)
    }

    /// True while there are sessions of revoked users to be removed.
    pub(super) fn has_dead(&self) -> Result<bool, redb::Error> {
        Ok(self.revoked.first()?.is_some())
    }

    /// Looks at up to `limit` sessions of users who were revoked, and removes those of an earlier epoch; at how many it has looked, with one more
    /// for a user who is done with.
    pub(super) fn bury(&mut self, limit: usize) -> Result<usize, redb::Error> {
        let Some((tag, from)) = self.revoked.first()?.map(|(tag, from)| (tag.value(), from.value())) else {
            return Ok(0);
        };
        let epoch = self.epoch(Handle::from_bytes(from).user_hash())?;
        let (mut dead, mut looked, mut next) = (Vec::new(), 0usize, None);
        for row in self.sessions.range(from..)? {
            let (key, row) = row?;
            let handle = Handle::from_bytes(key.value());
            if handle.user_hash().as_bytes() != &tag {
                break;
            }
            if looked >= limit {
                next = Some(handle);
                break;
            }
            looked = looked.saturating_add(1);
            if decode(row.value()).is_none_or(|entry| !entry.is_of(epoch)) {
                dead.push(handle);
            }
        }
        for handle in dead {
            self.remove(handle)?;
        }
        match next {
            Some(next) => drop(self.revoked.insert(&tag, next.as_bytes())?),
            None => drop(self.revoked.remove(&tag)?),
        }
        Ok(looked.saturating_add(1))
    }

    /// Those of users first: a flood of strangers must not keep them from it.
    pub(super) fn delete_expired(&mut self, now: UnixTime, limit: usize) -> Outcome<usize> {
        let swept = self.sweep_kind(SessionKind::SignedIn, now, limit)?;
        let swept = swept.saturating_add(self.drop_epochs(now, limit.saturating_sub(swept))?);
        let rest = self.sweep_kind(SessionKind::Anonymous, now, limit.saturating_sub(swept))?;
        Ok(Ok(swept.saturating_add(rest)))
    }
}

pub(super) fn read(transaction: &ReadTransaction, handle: Handle) -> Result<Option<StoredSession>, redb::Error> {
    let table = transaction.open_table(SESSIONS)?;
    let Some(entry) = table.get(handle.as_bytes())?.and_then(|row| decode(row.value())) else { return Ok(None) };
    let epoch = read_epoch(transaction, handle.user_hash())?;
    Ok(Some(entry).filter(|entry| entry.is_of(epoch)))
}

pub(super) fn read_pointer(
    transaction: &ReadTransaction,
    handle: Handle,
    now: UnixTime,
) -> Result<Option<Handle>, redb::Error> {
    pointer_in(&transaction.open_table(POINTERS)?, handle, now)
}

fn pointer_in(
    table: &impl ReadableTable<[u8; 20], ([u8; 20], u64)>,
    handle: Handle,
    now: UnixTime,
) -> Result<Option<Handle>, redb::Error> {
    let found = table.get(handle.as_bytes())?.map(|found| found.value());
    Ok(found.filter(|(_, until)| now.as_secs() < *until).map(|(to, _)| Handle::from_bytes(to)))
}

pub(super) fn read_epoch(transaction: &ReadTransaction, tag: UserHash) -> Result<RevocationEpoch, redb::Error> {
    let table = transaction.open_table(EPOCHS)?;
    Ok(table.get(tag.as_bytes())?.map_or_else(RevocationEpoch::default, |found| last_revocation(found.value())))
}

pub(super) fn read_bytes(transaction: &ReadTransaction, kind: SessionKind) -> Result<u64, redb::Error> {
    let table = transaction.open_table(BYTES)?;
    Ok(table.get(byte_of(kind))?.map_or(0, |bytes| bytes.value()))
}

pub(super) fn list(
    transaction: &ReadTransaction,
    tag: UserHash,
    after: Option<Handle>,
    limit: usize,
    now: UnixTime,
) -> Result<Vec<(Handle, StoredSession)>, redb::Error> {
    let (table, epoch) = (transaction.open_table(SESSIONS)?, read_epoch(transaction, tag)?);
    let mut listed = Vec::new();
    for row in table.range(*after.unwrap_or_else(|| Handle::first_of(tag)).as_bytes()..)? {
        let (key, value) = row?;
        let handle = Handle::from_bytes(key.value());
        if handle.user_hash() != tag || listed.len() >= limit {
            break;
        }
        match decode(value.value()) {
            Some(entry) if entry.is_live_at(now) && entry.is_of(epoch) && Some(handle) != after => {
                listed.push((handle, entry));
            }
            _ => {}
        }
    }
    Ok(listed)
}

fn last_revocation((number, at, _): (u64, u64, u64)) -> RevocationEpoch {
    RevocationEpoch { number, at: Some(UnixTime::from_secs(at)) }
}

fn weight(entry: &StoredSession) -> u64 {
    u64::try_from(entry.content.bytes.len()).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
}

fn end_key(handle: Handle, entry: &StoredSession) -> EndKey {
    let SessionContent { kind, deadlines, .. } = &entry.content;
    (byte_of(*kind), deadlines.idle.min(deadlines.absolute).as_secs(), *handle.as_bytes())
}

fn pointer_key(handle: Handle, until: u64) -> EndKey {
    (byte_of(SessionKind::SignedIn), until, *handle.as_bytes())
}
