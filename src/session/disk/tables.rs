//! The tables of the file, and every change of them: each is made inside of a transaction, as a whole or not at all.

use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::row::{byte_of, decode, encode};
use crate::session::store::{Content, Created, Entry, Epoch, Kind, StoreError, Swapped};
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::vec::Vec;

const SESSIONS: TableDefinition<'_, [u8; 20], &[u8]> = TableDefinition::new("sessions");
/// The kind, the deadline that comes first, and the handle: what is over first comes first.
const BY_END: TableDefinition<'_, EndKey, ()> = TableDefinition::new("by_end");
/// Number and second of the last revocation.
const EPOCHS: TableDefinition<'_, [u8; 8], (u64, u64)> = TableDefinition::new("epochs");
/// By kind: the bytes of all sessions.
const BYTES: TableDefinition<'_, u8, u64> = TableDefinition::new("bytes");
/// The last version that was given out, under the only key.
const VERSIONS: TableDefinition<'_, (), u64> = TableDefinition::new("versions");

type EndKey = (u8, u64, [u8; 20]);

/// What a change comes to. An error of the file undoes all changes of the transaction; a refusal has changed nothing.
pub(super) type Outcome<T> = Result<Result<T, StoreError>, redb::Error>;

/// What a session takes beside its record: its keys and its deadlines.
const OVERHEAD: u64 = 82;

/// How many bytes each kind of session may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budgets {
    pub(super) anonymous: u64,
    pub(super) signed_in: u64,
}

impl Budgets {
    const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Anonymous => self.anonymous,
            Kind::SignedIn => self.signed_in,
        }
    }
}

pub(super) struct Tables<'t> {
    sessions: Table<'t, [u8; 20], &'static [u8]>,
    by_end: Table<'t, EndKey, ()>,
    epochs: Table<'t, [u8; 8], (u64, u64)>,
    bytes: Table<'t, u8, u64>,
    versions: Table<'t, (), u64>,
    budgets: Budgets,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, budgets: Budgets) -> Result<Self, redb::Error> {
        Ok(Self {
            sessions: transaction.open_table(SESSIONS)?,
            by_end: transaction.open_table(BY_END)?,
            epochs: transaction.open_table(EPOCHS)?,
            bytes: transaction.open_table(BYTES)?,
            versions: transaction.open_table(VERSIONS)?,
            budgets,
        })
    }

    fn any(&self, handle: Handle) -> Result<Option<Entry>, redb::Error> {
        Ok(self.sessions.get(handle.as_bytes())?.and_then(|row| decode(row.value())))
    }

    fn live(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, redb::Error> {
        Ok(self.any(handle)?.filter(|entry| entry.is_live(now)))
    }

    fn epoch(&self, tag: UserTag) -> Result<Epoch, redb::Error> {
        Ok(self.epochs.get(tag.as_bytes())?.map_or_else(Epoch::default, |found| epoch_of(found.value())))
    }

    /// False for what a request writes that began before its user was revoked.
    fn is_of_epoch(&self, handle: Handle, content: &Content) -> Result<bool, redb::Error> {
        Ok(content.kind == Kind::Anonymous || self.epoch(handle.tag())?.number == content.epoch)
    }

    fn next_version(&mut self) -> Result<u64, redb::Error> {
        let last = self.versions.get(())?.map_or(0, |last| last.value());
        let next = last.saturating_add(1);
        self.versions.insert((), next)?;
        Ok(next)
    }

    fn bytes_of(&self, kind: Kind) -> Result<u64, redb::Error> {
        Ok(self.bytes.get(byte_of(kind))?.map_or(0, |bytes| bytes.value()))
    }

    /// True if there is room for a session in the place of another one, once what is over has made way. Anonymous ones make room for each
    /// other.
    fn has_room(&mut self, entry: &Entry, before: Option<&Entry>, now: UnixTime) -> Result<bool, redb::Error> {
        let kind = entry.content.kind;
        let budget = self.budgets.of(kind);
        let needed = weight(entry);
        if kind == Kind::Anonymous {
            return Ok(needed <= budget);
        }
        let freed = before.filter(|before| before.content.kind == kind).map_or(0, weight);
        let over = |bytes: u64| bytes.saturating_sub(freed).saturating_add(needed) > budget;
        while over(self.bytes_of(kind)?) {
            // A few at a time: a full store of the dead is rare, and nobody should wait for all of it.
            if self.sweep_kind(kind, now, 64)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn put(&mut self, handle: Handle, entry: &Entry) -> Result<(), redb::Error> {
        self.remove(handle)?;
        let kind = entry.content.kind;
        let bytes = self.bytes_of(kind)?.saturating_add(weight(entry));
        self.bytes.insert(byte_of(kind), bytes)?;
        self.by_end.insert(end_key(handle, entry), ())?;
        self.sessions.insert(handle.as_bytes(), encode(entry).as_slice())?;
        if kind == Kind::Anonymous { self.make_room(handle) } else { Ok(()) }
    }

    fn remove(&mut self, handle: Handle) -> Result<bool, redb::Error> {
        let Some(before) = self.any(handle)? else { return Ok(false) };
        let kind = before.content.kind;
        let bytes = self.bytes_of(kind)?.saturating_sub(weight(&before));
        self.bytes.insert(byte_of(kind), bytes)?;
        self.by_end.remove(end_key(handle, &before))?;
        self.sessions.remove(handle.as_bytes())?;
        Ok(true)
    }

    /// Drops the anonymous ones that would be over first, but for one.
    fn make_room(&mut self, except: Handle) -> Result<(), redb::Error> {
        const KIND: u8 = byte_of(Kind::Anonymous);
        while self.bytes_of(Kind::Anonymous)? > self.budgets.anonymous {
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
    fn sweep_kind(&mut self, kind: Kind, now: UnixTime, limit: usize) -> Result<usize, redb::Error> {
        // At its deadline it is over.
        let (kind, end) = (byte_of(kind), now.as_secs().saturating_add(1));
        let rows = self.by_end.range((kind, 0, [0; 20])..(kind, end, [0; 20]))?;
        let dead: Vec<EndKey> = rows.take(limit).map(|row| Ok(row?.0.value())).collect::<Result<_, redb::Error>>()?;
        for key in &dead {
            self.remove_at(*key)?;
        }
        Ok(dead.len())
    }

    pub(super) fn create(&mut self, handle: Handle, content: Content, now: UnixTime) -> Outcome<Created> {
        if !self.is_of_epoch(handle, &content)? {
            return Ok(Ok(Created::Revoked));
        }
        if self.live(handle, now)?.is_some() {
            return Ok(Ok(Created::Exists));
        }
        let entry = Entry { version: self.next_version()?, content };
        if !self.has_room(&entry, None, now)? {
            return Ok(Err(StoreError::Full));
        }
        self.put(handle, &entry)?;
        Ok(Ok(Created::Done(entry.version)))
    }

    pub(super) fn compare_and_swap(
        &mut self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> Outcome<Swapped> {
        let Some(before) = self.live(handle, now)? else { return Ok(Ok(Swapped::Gone)) };
        if before.version != version || !self.is_of_epoch(handle, &content)? {
            return Ok(Ok(Swapped::Conflict));
        }
        let entry = before.successor(self.next_version()?, content);
        if !self.has_room(&entry, Some(&before), now)? {
            return Ok(Err(StoreError::Full));
        }
        self.put(handle, &entry)?;
        Ok(Ok(Swapped::Done(entry.version)))
    }

    pub(super) fn touch(&mut self, handle: Handle, idle: UnixTime, now: UnixTime) -> Outcome<bool> {
        let Some(entry) = self.live(handle, now)? else { return Ok(Ok(false)) };
        self.put(handle, &entry.touched(idle))?;
        Ok(Ok(true))
    }

    pub(super) fn delete(&mut self, handle: Handle, now: UnixTime) -> Outcome<bool> {
        Ok(Ok(self.live(handle, now)?.is_some() && self.remove(handle)?))
    }

    pub(super) fn rotate(
        &mut self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Outcome<Swapped> {
        let Some(before) = self.live(old, now)? else { return Ok(Ok(Swapped::Gone)) };
        if old == new || self.live(new, now)?.is_some() || !self.is_of_epoch(new, &content)? {
            return Ok(Ok(Swapped::Gone));
        }
        if before.version != version {
            return Ok(Ok(Swapped::Conflict));
        }
        let entry = Entry { version: self.next_version()?, content };
        if !self.has_room(&entry, Some(&before), now)? {
            return Ok(Err(StoreError::Full));
        }
        self.remove(old)?;
        self.put(new, &entry)?;
        Ok(Ok(Swapped::Done(entry.version)))
    }

    pub(super) fn revoke_user(&mut self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Outcome<Epoch> {
        let before = self.epoch(tag)?;
        let epoch = Epoch { number: before.number.saturating_add(1), at: before.at.max(Some(now)) };
        self.epochs.insert(tag.as_bytes(), (epoch.number, epoch.at.map_or(0, UnixTime::as_secs)))?;
        let mut handles = Vec::new();
        for row in self.sessions.range(*Handle::first_of(tag).as_bytes()..)? {
            let handle = Handle::from_bytes(row?.0.value());
            if handle.tag() != tag {
                break;
            }
            handles.push(handle);
        }
        for handle in handles {
            match self.any(handle)? {
                Some(mut kept) if Some(handle) == except => {
                    kept.content.epoch = epoch.number;
                    self.put(handle, &kept)?;
                }
                _ => drop(self.remove(handle)?),
            }
        }
        Ok(Ok(epoch))
    }

    /// Those of users first: a flood of strangers must not keep them from it.
    pub(super) fn sweep(&mut self, now: UnixTime, limit: usize) -> Outcome<usize> {
        let swept = self.sweep_kind(Kind::SignedIn, now, limit)?;
        let rest = self.sweep_kind(Kind::Anonymous, now, limit.saturating_sub(swept))?;
        Ok(Ok(swept.saturating_add(rest)))
    }
}

pub(super) fn read(transaction: &ReadTransaction, handle: Handle) -> Result<Option<Entry>, redb::Error> {
    let table = transaction.open_table(SESSIONS)?;
    let found = table.get(handle.as_bytes())?;
    Ok(found.and_then(|row| decode(row.value())))
}

pub(super) fn read_epoch(transaction: &ReadTransaction, tag: UserTag) -> Result<Epoch, redb::Error> {
    let table = transaction.open_table(EPOCHS)?;
    Ok(table.get(tag.as_bytes())?.map_or_else(Epoch::default, |found| epoch_of(found.value())))
}

pub(super) fn read_bytes(transaction: &ReadTransaction, kind: Kind) -> Result<u64, redb::Error> {
    let table = transaction.open_table(BYTES)?;
    Ok(table.get(byte_of(kind))?.map_or(0, |bytes| bytes.value()))
}

pub(super) fn list(
    transaction: &ReadTransaction,
    tag: UserTag,
    after: Option<Handle>,
    limit: usize,
    now: UnixTime,
) -> Result<Vec<(Handle, Entry)>, redb::Error> {
    let table = transaction.open_table(SESSIONS)?;
    let mut listed = Vec::new();
    for row in table.range(*after.unwrap_or_else(|| Handle::first_of(tag)).as_bytes()..)? {
        let (key, value) = row?;
        let handle = Handle::from_bytes(key.value());
        if handle.tag() != tag || listed.len() >= limit {
            break;
        }
        match decode(value.value()) {
            Some(entry) if entry.is_live(now) && Some(handle) != after => listed.push((handle, entry)),
            _ => {}
        }
    }
    Ok(listed)
}

fn epoch_of((number, at): (u64, u64)) -> Epoch {
    Epoch { number, at: Some(UnixTime::from_secs(at)) }
}

fn weight(entry: &Entry) -> u64 {
    u64::try_from(entry.content.bytes.len()).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
}

fn end_key(handle: Handle, entry: &Entry) -> EndKey {
    let Content { kind, deadlines, .. } = &entry.content;
    (byte_of(*kind), deadlines.idle.min(deadlines.absolute).as_secs(), *handle.as_bytes())
}
