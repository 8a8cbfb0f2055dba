//! Sessions in a file, which survive a restart and a crash.

mod tables;

use super::capabilities::{Budgets, Capabilities};
use super::error::{StoreError, StoreOpenError, StoreOpenErrorKind};
use super::revocation_epoch::RevocationEpoch;
use super::session_store::SessionStore;
use super::stored_session::{CreateOutcome, SessionContent, SessionKind, StoredSession, SwapOutcome};
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use core::fmt;
use futures_channel::oneshot;
use redb::backends::FileBackend;
use redb::{Database, Durability, ReadTransaction, ReadableDatabase};
use std::boxed::Box;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::string::ToString;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::vec::Vec;
use tables::{Outcome, Tables};

/// Calls that share one commit, at most: under load a commit costs each of them a fraction.
const MAX_GROUP: usize = 512;

/// Sessions that a revocation has ended and one commit looks at, at most: some milliseconds of work, that calls which come meanwhile wait for.
const MAX_BURIED: usize = 64;

/// Calls that wait for the disk, at most: more would not be answered in time.
const MAX_WAITING: usize = 4096;

/// The store in the messages of its errors.
const SESSION_FILE: &str = "the session file";

/// Bytes of the file that are kept in memory.
const CACHE: usize = 64 * 1024 * 1024;

/// A store in one file (redb), for one process, with a budget for each kind of session.
///
/// A write returns once it is on disk. Concurrent writes share one synced commit. A crash at any moment loses no write
/// that has returned. Commits have two phases, because an attacker may choose the data.
///
/// A new anonymous session evicts those anonymous ones that would expire first. A signed-in session is never dropped
/// before its deadlines: a new one first removes expired sessions, and fails with
/// [`Full`](crate::session::store::StoreErrorKind::Full) if the budget still lacks space. The file is about half as
/// large again as its sessions, and [`compact`](DiskStore::compact) shrinks it.
///
/// A revocation is one commit, however many sessions it ends. The next commits remove the ended sessions, a few at a
/// time. Pointers of rotated sessions and revocation epochs count in the signed-in budget; epochs are never refused for
/// lack of space.
///
/// Reads use the file on the calling thread, with a cache of 64 MiB in the process and that of the system.
///
/// After an I/O error, a full disk for example, every further write fails until the file is opened anew. The log has the cause.
///
/// ```
/// use countersign::session::store::{Budgets, DiskStore, SessionStore};
///
/// # let folder = std::env::temp_dir().join(format!("countersign-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let budgets = Budgets { anonymous: 64 << 20, signed_in: 1 << 30 };
/// let store = DiskStore::open(folder.join("sessions.redb"), budgets)?;
/// assert!(store.capabilities().survives_restart);
/// # drop(store);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DiskStore {
    database: Arc<Database>,
    jobs: Option<SyncSender<Job>>,
    writer: Option<thread::JoinHandle<()>>,
    last_error: Arc<Mutex<Option<StoreError>>>,
}

/// Makes its change, and says whom to tell about it once it is on disk; `None` if nobody waits for it any more.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Result<Option<Answer>, redb::Error> + Send>;
type Answer = Box<dyn FnOnce() + Send>;

impl DiskStore {
    /// Opens or creates a file that its owner alone can read and write, with budgets for its sessions.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Locked`](StoreOpenErrorKind::Locked) if another process has the file open, and
    /// of the kind [`Io`](StoreOpenErrorKind::Io) if the file cannot be read or created.
    pub fn open(path: impl AsRef<Path>, budgets: Budgets) -> Result<Self, StoreOpenError> {
        let file = private_file(path.as_ref()).map_err(|error| not_usable(path.as_ref(), &error))?;
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = FileBackend::new(file).and_then(|backend| builder.create_with_backend(backend));
        let database = database.map_err(|error| not_opened(path.as_ref(), error))?;
        // Made now, so that a reader finds them.
        let Group { has_dead, .. } =
            commit_group(&database, budgets, Vec::new()).map_err(|error| not_usable(path.as_ref(), &error))?;
        let (database, last_error) = (Arc::new(database), Arc::default());
        let (jobs, queue) = sync_channel(MAX_WAITING);
        let (of_writer, errors) = (Arc::clone(&database), Arc::clone(&last_error));
        let writer = thread::Builder::new().name("countersign sessions".into());
        let writer = writer.spawn(move || write_all(&of_writer, budgets, &queue, &errors, has_dead));
        let writer = writer.map_err(|error| not_usable(path.as_ref(), &error))?;
        Ok(Self { database, jobs: Some(jobs), writer: Some(writer), last_error })
    }

    /// The error of the writer.
    fn last_error(&self) -> StoreError {
        let last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.unwrap_or_else(StoreError::unavailable)
    }

    /// Returns the unused space of a file to the disk, and returns true if there was any. No process may have the file
    /// open. It takes seconds for a gigabyte.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Locked`](StoreOpenErrorKind::Locked) if a process has the file open, and of the
    /// kind [`Io`](StoreOpenErrorKind::Io) if the file cannot be read or written.
    pub fn compact(path: impl AsRef<Path>) -> Result<bool, StoreOpenError> {
        let mut database = Database::open(path.as_ref()).map_err(|error| not_opened(path.as_ref(), error))?;
        database.compact().map_err(|error| not_usable(path.as_ref(), &error))
    }

    /// Returns the bytes that the sessions of a kind take, including expired ones that are not removed yet.
    ///
    /// # Errors
    /// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable) if the file cannot be read.
    pub fn used_bytes(&self, kind: SessionKind) -> Result<u64, StoreError> {
        self.read(|transaction| tables::read_bytes(transaction, kind))
    }

    /// Sends a change to the writer and waits until it is on disk.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            if answer.is_canceled() {
                return Ok(None);
            }
            let value = change(tables)?;
            Ok(Some(Box::new(move || drop(answer.send(value)))))
        });
        let jobs = self.jobs.as_ref().ok_or_else(StoreError::unavailable)?;
        // Why: so many wait already that this one would not be in time.
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::because("too many calls wait for the disk"),
            TrySendError::Disconnected(_) => self.last_error(),
        })?;
        outcome.await.unwrap_or_else(|_| Err(self.last_error()))
    }

    fn read<T>(&self, look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let found = self.database.begin_read().map_err(redb::Error::from).and_then(|transaction| look(&transaction));
        found.map_err(|error| note(&self.last_error, &error))
    }
}

fn note(last_error: &Mutex<Option<StoreError>>, error: &redb::Error) -> StoreError {
    tracing::error!(%error, "the session file fails");
    let error = StoreError::because(error.to_string());
    *last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    error
}

/// The records in it are plain: nobody else on the machine reads them.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let is_new = !path.exists();
    let file = options.open(path)?;
    if is_new {
        sync_name(path)?;
    }
    Ok(file)
}

/// A file may be synced and its name not, and then a loss of power leaves neither (fsync(2)).
#[cfg(unix)]
fn sync_name(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Elsewhere no folder can be synced.
#[cfg(not(unix))]
fn sync_name(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn not_opened(path: &Path, error: redb::DatabaseError) -> StoreOpenError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreOpenError::new(
            StoreOpenErrorKind::Locked,
            SESSION_FILE,
            "another process has it open: one process can use it, and several servers need a shared store",
        ),
        other => not_usable(path, &other),
    }
}

fn not_usable(path: &Path, reason: &dyn fmt::Display) -> StoreOpenError {
    StoreOpenError::new(StoreOpenErrorKind::Io, SESSION_FILE, format_args!("{}: {reason}", path.display()))
}

/// Takes jobs until the store is dropped: as many as there are, up to the limit, for one commit. While nobody waits it removes what revocations
/// have ended.
fn write_all(
    database: &Database,
    budgets: Budgets,
    queue: &Receiver<Job>,
    last_error: &Mutex<Option<StoreError>>,
    mut has_dead: bool,
) {
    loop {
        let first = if has_dead { queue.try_recv() } else { queue.recv().map_err(|_| TryRecvError::Disconnected) };
        if matches!(first, Err(TryRecvError::Disconnected)) {
            return;
        }
        let rest = queue.try_iter().take(MAX_GROUP.saturating_sub(1));
        let jobs: Vec<_> = first.into_iter().chain(rest).collect();
        // A group that failed is dropped with its answers, and whoever waits for one hears that the store is not available.
        match commit_group(database, budgets, jobs) {
            Ok(done) => {
                done.answers.into_iter().for_each(|answer| answer());
                has_dead = done.has_dead;
            }
            Err(error) => {
                note(last_error, &error);
                has_dead = false;
            }
        }
    }
}

/// What a commit has come to.
struct Group {
    answers: Vec<Answer>,
    /// There is something to be removed.
    has_dead: bool,
}

/// All of them or none; without any, it removes some of what revocations have ended.
fn commit_group(database: &Database, budgets: Budgets, jobs: Vec<Job>) -> Result<Group, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    let group = {
        let mut tables = Tables::open(&transaction, budgets)?;
        // Also beside calls: where these never end, what has ended would stay for good.
        tables.bury(if jobs.is_empty() { MAX_BURIED } else { MAX_BURIED / 8 })?;
        let answers = jobs.into_iter().filter_map(|job| job(&mut tables).transpose()).collect::<Result<Vec<_>, _>>()?;
        Group { answers, has_dead: tables.has_dead()? }
    };
    transaction.commit()?;
    Ok(group)
}

impl SessionStore for DiskStore {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        self.write(move |tables| tables.create(handle, content, now)).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        Ok(self.read(|transaction| tables::read(transaction, handle))?.filter(|entry| entry.is_live_at(now)))
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.write(move |tables| tables.compare_and_swap(handle, version, content, now)).await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        self.write(move |tables| tables.touch(handle, idle, now)).await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.write(move |tables| tables.delete(handle, now)).await
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.write(move |tables| tables.rotate(old, version, new, content, now)).await
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        self.read(|transaction| tables::read_pointer(transaction, handle, now))
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        self.read(|transaction| tables::list(transaction, tag, after, limit, now))
    }

    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        self.write(move |tables| tables.revoke_user(tag, except, keep_until, now)).await
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        self.read(|transaction| tables::read_epoch(transaction, tag))
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.write(move |tables| tables.delete_expired(now, limit)).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            is_shared: false,
            expires_by_itself: false,
            durability: super::capabilities::Durability::Synced,
        }
    }
}

/// Stops the writer after the writes that it has received.
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
