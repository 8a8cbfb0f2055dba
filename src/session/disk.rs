//! Sessions in a file: they survive a restart, and a crash.

use super::credential::{Handle, UserTag};
use super::store::{Capabilities, Content, Created, Deadlines, Entry, Epoch, Kind, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use core::fmt;
use futures_channel::oneshot;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::boxed::Box;
use std::path::Path;
use std::string::{String, ToString};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::vec::Vec;

const SESSIONS: TableDefinition<'_, [u8; 20], &[u8]> = TableDefinition::new("sessions");
/// The deadline that comes first, and the handle: what is over first comes first.
const BY_END: TableDefinition<'_, (u64, [u8; 20]), ()> = TableDefinition::new("by_end");
/// Number and second of the last revocation.
const EPOCHS: TableDefinition<'_, [u8; 8], (u64, u64)> = TableDefinition::new("epochs");
/// The last version that was given out, under the only key.
const VERSIONS: TableDefinition<'_, (), u64> = TableDefinition::new("versions");

/// Calls that share one commit, at most: under load a commit costs each of them a fraction.
const MAX_GROUP: usize = 512;

/// Why a file could not be opened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open, or this one a second time.
    Locked,
    /// It cannot be read or made; what the system or redb says about it.
    Unusable(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str(
                "the session file is in use by another process: one process can use it; several servers need a shared store",
            ),
            Self::Unusable(reason) => write!(f, "the session file cannot be used: {reason}"),
        }
    }
}

impl core::error::Error for OpenError {}

/// A store in one file (redb), for one process.
///
/// What a call has answered is on disk: calls that arrive together share one synced commit. Commits have two phases, as the data may be
/// chosen by an attacker. A crash at any moment loses nothing that was answered.
///
/// ```
/// use countersign::session::{DiskStore, SessionStore};
///
/// # let folder = std::env::temp_dir().join(format!("countersign-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let store = DiskStore::open(&folder.join("sessions.redb"))?;
/// assert!(store.capabilities().survives_restart);
/// # drop(store);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DiskStore {
    database: Arc<Database>,
    jobs: Option<Sender<Job>>,
    writer: Option<thread::JoinHandle<()>>,
}

/// Makes its change, and says whom to tell about it once it is on disk.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Result<Answer, redb::Error> + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl DiskStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let database = Database::create(path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => OpenError::Locked,
            other => OpenError::Unusable(other.to_string()),
        })?;
        let unusable = |error: redb::Error| OpenError::Unusable(error.to_string());
        // Made now, so that a reader finds them.
        commit_group(&database, Vec::new()).map_err(unusable)?;
        let (database, (jobs, queue)) = (Arc::new(database), channel());
        let of_writer = Arc::clone(&database);
        let writer = thread::Builder::new().name("countersign sessions".into());
        let writer = writer.spawn(move || write_all(&of_writer, &queue));
        let writer = writer.map_err(|error| OpenError::Unusable(error.to_string()))?;
        Ok(Self { database, jobs: Some(jobs), writer: Some(writer) })
    }

    /// Sends a change to the writer and waits until it is on disk.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let value = change(tables)?;
            // Nobody listens any more if the call was dropped: the change is made all the same.
            Ok(Box::new(move |committed| drop(answer.send(committed.map(|()| value)))))
        });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Unavailable)?;
        jobs.send(job).map_err(|_| StoreError::Unavailable)?;
        outcome.await.unwrap_or(Err(StoreError::Unavailable))
    }

    fn read(&self, handle: Handle) -> Result<Option<Entry>, redb::Error> {
        let table = self.database.begin_read()?.open_table(SESSIONS)?;
        let found = table.get(handle.as_bytes())?;
        Ok(found.and_then(|bytes| decode(bytes.value())))
    }

    fn list(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, redb::Error> {
        let table = self.database.begin_read()?.open_table(SESSIONS)?;
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
}

/// Takes jobs until the store is dropped: as many as there are, up to the limit, for one commit.
fn write_all(database: &Database, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let rest = queue.try_iter().take(MAX_GROUP.saturating_sub(1));
        let jobs: Vec<_> = core::iter::once(first).chain(rest).collect();
        // A group that failed is dropped with its answers, and whoever waits for one hears that the store is not available.
        if let Ok(answers) = commit_group(database, jobs) {
            answers.into_iter().for_each(|answer| answer(Ok(())));
        }
    }
}

/// All of them or none.
fn commit_group(database: &Database, jobs: Vec<Job>) -> Result<Vec<Answer>, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    let answers = {
        let mut tables = Tables::open(&transaction)?;
        jobs.into_iter().map(|job| job(&mut tables)).collect::<Result<Vec<_>, _>>()?
    };
    transaction.commit()?;
    Ok(answers)
}

/// What the writer changes.
struct Tables<'t> {
    sessions: Table<'t, [u8; 20], &'static [u8]>,
    by_end: Table<'t, (u64, [u8; 20]), ()>,
    epochs: Table<'t, [u8; 8], (u64, u64)>,
    versions: Table<'t, (), u64>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            sessions: transaction.open_table(SESSIONS)?,
            by_end: transaction.open_table(BY_END)?,
            epochs: transaction.open_table(EPOCHS)?,
            versions: transaction.open_table(VERSIONS)?,
        })
    }

    fn any(&self, handle: Handle) -> Result<Option<Entry>, redb::Error> {
        Ok(self.sessions.get(handle.as_bytes())?.and_then(|bytes| decode(bytes.value())))
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

    fn put(&mut self, handle: Handle, entry: &Entry) -> Result<(), redb::Error> {
        if let Some(before) = self.any(handle)? {
            self.by_end.remove((end_of(&before), *handle.as_bytes()))?;
        }
        self.by_end.insert((end_of(entry), *handle.as_bytes()), ())?;
        self.sessions.insert(handle.as_bytes(), encode(entry).as_slice())?;
        Ok(())
    }

    fn remove(&mut self, handle: Handle) -> Result<bool, redb::Error> {
        let Some(before) = self.any(handle)? else { return Ok(false) };
        self.by_end.remove((end_of(&before), *handle.as_bytes()))?;
        self.sessions.remove(handle.as_bytes())?;
        Ok(true)
    }

    fn create(&mut self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, redb::Error> {
        if !self.is_of_epoch(handle, &content)? {
            return Ok(Created::Revoked);
        }
        if self.live(handle, now)?.is_some() {
            return Ok(Created::Exists);
        }
        let version = self.next_version()?;
        self.put(handle, &Entry { version, content })?;
        Ok(Created::Done(version))
    }

    fn compare_and_swap(
        &mut self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, redb::Error> {
        let Some(entry) = self.live(handle, now)? else { return Ok(Swapped::Gone) };
        if entry.version != version || !self.is_of_epoch(handle, &content)? {
            return Ok(Swapped::Conflict);
        }
        let next = self.next_version()?;
        self.put(handle, &entry.successor(next, content))?;
        Ok(Swapped::Done(next))
    }

    fn rotate(
        &mut self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, redb::Error> {
        let Some(entry) = self.live(old, now)? else { return Ok(Swapped::Gone) };
        if old == new || !self.is_of_epoch(new, &content)? {
            return Ok(Swapped::Gone);
        }
        if entry.version != version {
            return Ok(Swapped::Conflict);
        }
        let next = self.next_version()?;
        self.remove(old)?;
        self.put(new, &Entry { version: next, content })?;
        Ok(Swapped::Done(next))
    }

    fn revoke_user(&mut self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Result<Epoch, redb::Error> {
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
        Ok(epoch)
    }

    fn sweep(&mut self, now: UnixTime, limit: usize) -> Result<usize, redb::Error> {
        let mut dead = Vec::new();
        // At its deadline it is over.
        for row in self.by_end.range(..(now.as_secs().saturating_add(1), [0; 20]))?.take(limit) {
            dead.push(Handle::from_bytes(row?.0.value().1));
        }
        let mut swept = 0usize;
        for handle in dead {
            swept = swept.saturating_add(self.remove(handle)?.into());
        }
        Ok(swept)
    }
}

fn epoch_of((number, at): (u64, u64)) -> Epoch {
    Epoch { number, at: Some(UnixTime::from_secs(at)) }
}

/// The deadline that comes first.
fn end_of(entry: &Entry) -> u64 {
    entry.content.deadlines.idle.min(entry.content.deadlines.absolute).as_secs()
}

/// Bytes in front of the record.
const HEAD: usize = 33;

fn encode(entry: &Entry) -> Vec<u8> {
    let Content { kind, deadlines, epoch, bytes } = &entry.content;
    let mut row = Vec::with_capacity(HEAD.saturating_add(bytes.len()));
    row.push(u8::from(*kind == Kind::SignedIn));
    for number in [entry.version, deadlines.idle.as_secs(), deadlines.absolute.as_secs(), *epoch] {
        row.extend_from_slice(&number.to_be_bytes());
    }
    row.extend_from_slice(bytes);
    row
}

fn decode(row: &[u8]) -> Option<Entry> {
    let (head, bytes) = row.split_first_chunk::<HEAD>()?;
    let (kind, numbers) = head.split_first()?;
    let (numbers, _) = numbers.as_chunks();
    let [version, idle, absolute, epoch] = *numbers else { return None };
    let [version, idle, absolute, epoch] = [version, idle, absolute, epoch].map(u64::from_be_bytes);
    let deadlines = Deadlines { idle: UnixTime::from_secs(idle), absolute: UnixTime::from_secs(absolute) };
    let kind = if *kind == 1 { Kind::SignedIn } else { Kind::Anonymous };
    Some(Entry { version, content: Content { kind, deadlines, epoch, bytes: bytes.into() } })
}

fn unavailable(_: redb::Error) -> StoreError {
    StoreError::Unavailable
}

impl SessionStore for DiskStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        self.write(move |tables| tables.create(handle, content, now)).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        Ok(self.read(handle).map_err(unavailable)?.filter(|entry| entry.is_live(now)))
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        self.write(move |tables| tables.compare_and_swap(handle, version, content, now)).await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        self.write(move |tables| {
            let Some(entry) = tables.live(handle, now)? else { return Ok(false) };
            tables.put(handle, &entry.touched(idle))?;
            Ok(true)
        })
        .await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.write(move |tables| if tables.live(handle, now)?.is_some() { tables.remove(handle) } else { Ok(false) })
            .await
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        self.write(move |tables| tables.rotate(old, version, new, content, now)).await
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        self.list(tag, after, limit, now).map_err(unavailable)
    }

    async fn revoke_user(&self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Result<Epoch, StoreError> {
        self.write(move |tables| tables.revoke_user(tag, except, now)).await
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        let read = || {
            let table = self.database.begin_read()?.open_table(EPOCHS)?;
            Ok(table.get(tag.as_bytes())?.map_or_else(Epoch::default, |found| epoch_of(found.value())))
        };
        read().map_err(unavailable)
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.write(move |tables| tables.sweep(now, limit)).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { survives_restart: true, is_shared: false }
    }
}

/// Ends the writer, which finishes what it was sent.
impl Drop for DiskStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore").finish_non_exhaustive()
    }
}
