//! The laws of a store of sessions: every store here obeys all of them, and a store without any law breaks each.

use crate::races::{
    Forgetful, KEPT, Lineage, NOW, content, count, count_together, is_long, lineage, revivals, session,
};
use countersign::UnixTime;
use countersign::session::Handle;
use countersign::session::credential::{Credential, UserHash};
use countersign::session::laws::{self, Law};
use countersign::session::store::Budgets;
use countersign::session::store::StoreOpenErrorKind;
use countersign::session::store::blocking::{AsyncStore, BlockingStore};
use countersign::session::store::{
    Capabilities, CreateOutcome, Deadlines, DiskStore, Durability, DynStore, MemoryStore, RevocationEpoch,
    SessionContent, SessionKind, SessionStore, StoreError, StoredSession, SwapOutcome,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What many have written: it saves what it is given, and trusts whoever calls.
#[derive(Debug, Default)]
struct Lawless {
    sessions: Mutex<BTreeMap<Handle, StoredSession>>,
    shown: Mutex<Vec<String>>,
    /// Takes calls and never answers.
    is_deaf: bool,
}

impl Lawless {
    fn save(&self, handle: Handle, content: SessionContent) -> u64 {
        self.shown.lock().unwrap().push(String::from_utf8_lossy(&content.bytes).into_owned());
        let mut sessions = self.sessions.lock().unwrap();
        let version = sessions.get(&handle).map_or(1, |entry| entry.version + 1);
        sessions.insert(handle, StoredSession { version, content });
        version
    }
}

impl SessionStore for Lawless {
    async fn create(&self, handle: Handle, content: SessionContent, _: UnixTime) -> Result<CreateOutcome, StoreError> {
        if self.is_deaf {
            std::future::pending::<()>().await;
        }
        Ok(CreateOutcome::Done(self.save(handle, content)))
    }

    /// Refills what it takes for its cache.
    async fn load(&self, handle: Handle, _: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        let found = self.sessions.lock().unwrap().get(&handle).cloned();
        if let Some(entry) = &found {
            tokio::task::yield_now().await;
            self.sessions.lock().unwrap().insert(handle, entry.clone());
        }
        Ok(found)
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        _: u64,
        content: SessionContent,
        _: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.sessions.lock().unwrap().remove(&handle);
        tokio::task::yield_now().await;
        Ok(SwapOutcome::Done(self.save(handle, content)))
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, _: UnixTime) -> Result<bool, StoreError> {
        let mut sessions = self.sessions.lock().unwrap();
        let Some(entry) = sessions.get_mut(&handle) else { return Ok(false) };
        entry.version += 1;
        entry.content.deadlines.idle = idle;
        Ok(true)
    }

    async fn delete(&self, handle: Handle, _: UnixTime) -> Result<bool, StoreError> {
        self.sessions.lock().unwrap().remove(&handle);
        Ok(true)
    }

    async fn rotate(
        &self,
        old: Handle,
        _: u64,
        new: Handle,
        content: SessionContent,
        _: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let version = self.save(new, content);
        self.sessions.lock().unwrap().remove(&old);
        Ok(SwapOutcome::Done(version))
    }

    async fn rotated_to(&self, _: Handle, _: UnixTime) -> Result<Option<Handle>, StoreError> {
        Ok(None)
    }

    async fn list_by_user(
        &self,
        _: UserHash,
        after: Option<Handle>,
        limit: usize,
        _: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        let sessions = self.sessions.lock().unwrap();
        let behind = sessions.iter().filter(|(handle, _)| after.is_none_or(|after| **handle > after));
        Ok(behind.take(limit).map(|(handle, entry)| (*handle, entry.clone())).collect())
    }

    async fn revoke_user(
        &self,
        _: UserHash,
        _: Option<Handle>,
        _: UnixTime,
        _: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        Ok(RevocationEpoch::default())
    }

    async fn epoch(&self, _: UserHash) -> Result<RevocationEpoch, StoreError> {
        Ok(RevocationEpoch::default())
    }

    async fn delete_expired(&self, _: UnixTime, _: usize) -> Result<usize, StoreError> {
        Ok(std::mem::take(&mut *self.sessions.lock().unwrap()).len())
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

fn memory() -> MemoryStore {
    MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })
}

/// A file of its own, gone with the test.
struct OnDisk {
    store: Option<Arc<DiskStore>>,
    folder: PathBuf,
}

impl OnDisk {
    fn new(name: &str) -> Self {
        Self::with_budget(name, 1 << 30)
    }

    fn with_budget(name: &str, budget: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("countersign-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            store: Some(Arc::new(
                DiskStore::open(folder.join("sessions.redb"), Budgets { anonymous: budget, signed_in: budget })
                    .unwrap(),
            )),
            folder,
        }
    }

    fn store(&self) -> Arc<DiskStore> {
        Arc::clone(self.store.as_ref().unwrap())
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        self.store = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

type Verdict = Result<(), laws::Broken>;

/// Prints a line of the table law × store; the last one is the lawless store, which has to fail.
fn line(law: &str, lawful: [Verdict; 3], lawless: Verdict) {
    let words = lawful.iter().chain([&lawless]).map(|verdict| if verdict.is_ok() { "obeys" } else { "breaks" });
    let words: Vec<_> = words.map(|word| format!("{word:<8}")).collect();
    println!("{law:<40} {}", words.join(" ").trim_end());
    assert_eq!(lawful, [Ok(()), Ok(()), Ok(())], "{law}");
    assert!(lawless.is_err(), "{law}: the lawless store passes, so the law tells nothing");
}

#[tokio::test]
async fn every_store_obeys_and_the_lawless_one_breaks_each() {
    let disk = OnDisk::new("laws");
    let blocking = AsyncStore(BlockingStore(DynStore::new(memory())));
    println!("{:<40} memory   disk     blocking lawless", "law");
    for law in Law::ALL {
        let (memory, blocking) = (laws::check_one(&memory(), law).await, laws::check_one(&blocking, law).await);
        let disk = laws::check_one(&*disk.store(), law).await;
        line(&law.to_string(), [memory, disk, blocking], laws::check_one(&Lawless::default(), law).await);
    }
    const BUDGET: u64 = 256 * 1024;
    for kind in [SessionKind::SignedIn, SessionKind::Anonymous] {
        let disk = OnDisk::with_budget("budget", BUDGET);
        let (store, memory, lawless) =
            (disk.store(), MemoryStore::new(Budgets { anonymous: BUDGET, signed_in: 256 * 1024 }), Lawless::default());
        let blocking = AsyncStore(BlockingStore(Arc::clone(&store)));
        let on_disk = || store.used_bytes(kind).unwrap();
        let verdicts = [
            laws::check_budget(&memory, kind, BUDGET, || memory.used_bytes(kind)).await,
            laws::check_budget(&*store, kind, BUDGET, on_disk).await,
            laws::check_budget(&blocking, kind, BUDGET, on_disk).await,
        ];
        let used = || lawless.sessions.lock().unwrap().values().map(|entry| entry.content.bytes.len() as u64).sum();
        let lawless = laws::check_budget(&lawless, kind, BUDGET, used).await;
        line(&format!("L11 the budget is kept, {kind:?}"), verdicts, lawless);
    }
    let deadline = Duration::from_secs(2);
    let in_time = [
        laws::check_deadline(&memory(), deadline).await,
        laws::check_deadline(&*disk.store(), deadline).await,
        laws::check_deadline(&blocking, deadline).await,
    ];
    let deaf = Lawless { is_deaf: true, ..Lawless::default() };
    line("L12 every call ends in time", in_time, laws::check_deadline(&deaf, Duration::from_millis(50)).await);
}

// ---------------------------------------------------------------------------------------------- races

/// How many races are run at once in a file, which then share its commits.
const ABREAST: usize = 8;

/// Runs the same that many times at once, on one file.
async fn abreast<F>(disk: &OnDisk, race: impl Fn(Arc<DiskStore>) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let races: Vec<_> = (0..ABREAST).map(|_| tokio::spawn(race(disk.store()))).collect();
    let mut outcomes = Vec::new();
    for race in races {
        outcomes.push(race.await.unwrap());
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_increment_is_lost() {
    let disk = OnDisk::new("increments");
    for kind in [SessionKind::SignedIn, SessionKind::Anonymous] {
        assert_eq!(count_together(&[Arc::new(memory())], kind).await, 12_800, "memory, {kind:?}");
    }
    // Only one of those who add at once does, and so each increment is a commit.
    let each = if is_long() { 200 } else { 50 };
    assert_eq!(count(&[disk.store()], SessionKind::SignedIn, each).await, 64 * each, "disk");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_logout_is_undone() {
    for kind in [SessionKind::SignedIn, SessionKind::Anonymous] {
        assert_eq!(revivals(&[Arc::new(memory())], kind, 10_000).await, 0, "memory, {kind:?}");
    }
    let disk = OnDisk::new("revivals");
    let race = |disk| async move { revivals(&[disk], SessionKind::SignedIn, 10_000 / ABREAST).await };
    assert_eq!(abreast(&disk, race).await.iter().sum::<usize>(), 0, "disk");
    // The race can be lost: a store that saves what it is given loses it.
    let lost = revivals(&[Arc::new(Lawless::default())], SessionKind::SignedIn, 1000).await;
    assert!(lost > 0, "control: {lost} of 1000");
    println!("10 000 rounds each, memory and disk: 0 revived; a store without laws: {lost} of 1000");
}

/// A logout by the cookie that a browser had before somebody signed in ends what has come of that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_rotation_escapes_a_logout() {
    const ROTATIONS: usize = 3000;
    let disk = OnDisk::new("lineage");
    let memory = lineage(&[Arc::new(memory())], ROTATIONS).await;
    let parts = abreast(&disk, |disk| async move { lineage(&[disk], ROTATIONS / ABREAST).await }).await;
    let on_disk = parts.iter().fold(Lineage::default(), |sum, part| sum.with(part));
    let control = lineage(
        &[Arc::new(Forgetful(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })))],
        ROTATIONS,
    )
    .await;
    println!(
        "{ROTATIONS} rotations against logouts, memory: {memory:?}\ndisk: {on_disk:?}\nwithout pointers: {control:?}"
    );
    for seen in [&memory, &on_disk] {
        assert_eq!((seen.survivors, seen.missed), (0, 0), "{seen:?}");
    }
    assert!(control.survivors + control.missed > 0, "control: {control:?}");
}

/// A pointer is weighed, and leaves with what it leads to, whichever way that ends: none is left to fill what others need.
#[tokio::test]
async fn pointers_leave_with_their_descendants() {
    async fn signs_in_and_out<S: SessionStore>(store: &S, bytes: impl Fn() -> u64) {
        for round in 0..300 {
            let mut handle = session(store, SessionKind::Anonymous, b"stranger").await;
            let first = handle;
            // One user after the other.
            for _ in 0..3 {
                let version = store.load(handle, NOW).await.unwrap().unwrap().version;
                let next = Credential::generate_anonymous().unwrap().handle();
                let before = bytes();
                let rotated = store.rotate(handle, version, next, content(SessionKind::SignedIn, b"known"), NOW).await;
                assert!(matches!(rotated, Ok(SwapOutcome::Done(_))), "{rotated:?}");
                assert!(bytes() > before, "a pointer weighs nothing");
                handle = next;
            }
            match round % 4 {
                0 => assert_eq!(store.delete(first, NOW).await, Ok(true)),
                1 => assert_eq!(store.delete(handle, NOW).await, Ok(true)),
                // The epoch is kept no longer than that.
                2 => drop(store.revoke_user(handle.user_hash(), None, NOW, NOW).await.unwrap()),
                _ => assert!(store.delete_expired(UnixTime::from_secs(1_800_000_000), 100).await.unwrap() > 0),
            }
            let start = std::time::Instant::now();
            while bytes() > 0 {
                assert!(start.elapsed() < Duration::from_secs(5), "round {round}: {} bytes are left", bytes());
                store.delete_expired(UnixTime::from_secs(NOW.as_secs() + 1), 1).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    let (disk, memory) =
        (OnDisk::new("pointers"), MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    signs_in_and_out(&memory, || memory.used_bytes(SessionKind::SignedIn)).await;
    signs_in_and_out(&*disk.store(), || disk.store().used_bytes(SessionKind::SignedIn).unwrap()).await;
}

// ---------------------------------------------------------------------------------------------- budgets

/// However many strangers come, nobody who has signed in is pushed out; and what is over stands in nobody's way.
async fn fill<S: SessionStore>(store: &S) {
    let sign_in = async |now| {
        let handle = Credential::generate_anonymous().unwrap().handle();
        let content = SessionContent {
            deadlines: Deadlines { idle: end(now), absolute: end(now) },
            ..content(SessionKind::SignedIn, b"known")
        };
        store.create(handle, content, now).await.map(|_| handle)
    };
    let mut known = Vec::new();
    loop {
        match sign_in(NOW).await {
            Ok(handle) => known.push(handle),
            Err(error) => {
                assert_eq!(error, StoreError::full());
                break;
            }
        }
    }
    assert!(known.len() > 100, "{}", known.len());
    for _ in 0..2000 {
        session(store, SessionKind::Anonymous, b"stranger").await;
    }
    for handle in &known {
        assert!(store.load(*handle, NOW).await.unwrap().is_some());
    }
    // With room made, another one fits, and no more.
    assert!(store.delete(known[0], NOW).await.unwrap());
    assert!(sign_in(NOW).await.is_ok());
    assert_eq!(sign_in(NOW).await, Err(StoreError::full()));
    // Nobody has swept.
    for _ in 0..known.len() {
        assert!(sign_in(end(NOW)).await.is_ok(), "the dead stand in the way of the living");
    }
}

fn end(now: UnixTime) -> UnixTime {
    UnixTime::from_secs(now.as_secs() + 1000)
}

#[tokio::test]
async fn strangers_push_out_strangers_alone_and_the_dead_nobody() {
    fill(&MemoryStore::new(Budgets { anonymous: 64 * 1024, signed_in: 32 * 1024 })).await;
    let folder = OnDisk::new("strangers").folder.clone();
    std::fs::create_dir_all(&folder).unwrap();
    fill(&DiskStore::open(folder.join("small.redb"), Budgets { anonymous: 64 * 1024, signed_in: 32 * 1024 }).unwrap())
        .await;
    std::fs::remove_dir_all(folder).unwrap();
}

/// Strangers do not keep a sweep from what is over of users.
#[tokio::test]
async fn a_sweep_takes_users_first() {
    let (disk, memory) = (OnDisk::new("sweep"), memory());
    async fn first_swept<S: SessionStore>(store: &S) -> usize {
        for kind in [SessionKind::Anonymous, SessionKind::SignedIn] {
            for _ in 0..5 {
                session(store, kind, b"over").await;
            }
        }
        let later = UnixTime::from_secs(1_800_000_000);
        assert_eq!(store.delete_expired(later, 5).await.unwrap(), 5);
        store.delete_expired(later, 100).await.unwrap()
    }
    assert_eq!(first_swept(&memory).await, 5);
    assert_eq!(first_swept(&*disk.store()).await, 5);
    assert_eq!(
        (memory.used_bytes(SessionKind::SignedIn), disk.store().used_bytes(SessionKind::SignedIn).unwrap()),
        (0, 0)
    );
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let disk = OnDisk::new("mode");
    let mode = std::fs::metadata(disk.folder.join("sessions.redb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

// ---------------------------------------------------------------------------------------------- the file

#[tokio::test]
async fn sessions_and_epochs_survive_a_restart() {
    let mut disk = OnDisk::new("restart");
    let store = disk.store();
    let (kept, ended) = (
        session(&*store, SessionKind::SignedIn, b"kept").await,
        session(&*store, SessionKind::SignedIn, b"ended").await,
    );
    let epoch = store.revoke_user(ended.user_hash(), None, KEPT, NOW).await.unwrap();
    drop(store);
    let file = disk.folder.join("sessions.redb");
    disk.store = None;
    disk.store = Some(Arc::new(DiskStore::open(&file, Budgets { anonymous: 1 << 30, signed_in: 1 << 30 }).unwrap()));
    let store = disk.store();
    let entry = store.load(kept, NOW).await.unwrap().unwrap();
    assert_eq!(*entry.content.bytes, *b"kept");
    assert!(store.load(ended, NOW).await.unwrap().is_none());
    assert_eq!(store.epoch(ended.user_hash()).await.unwrap(), epoch);
    // Versions go on: one of before the restart fits nothing that was written after it.
    let SwapOutcome::Done(next) = store.compare_and_swap(kept, entry.version, entry.content, NOW).await.unwrap() else {
        panic!("the version is the same")
    };
    assert!(next > entry.version);
}

/// What has ended gives its room back to the disk, and what is live stays.
#[tokio::test]
async fn a_file_shrinks_when_it_is_compacted() {
    let mut disk = OnDisk::new("compact");
    let (store, file) = (disk.store(), disk.folder.join("sessions.redb"));
    let kept = session(&*store, SessionKind::SignedIn, b"kept").await;
    for _ in 0..200 {
        let large = session(&*store, SessionKind::Anonymous, &[b'x'; 16_000]).await;
        assert!(store.delete(large, NOW).await.unwrap());
    }
    drop(store);
    assert_eq!(DiskStore::compact(&file).map_err(|error| error.kind()), Err(StoreOpenErrorKind::Locked));
    disk.store = None;
    let before = std::fs::metadata(&file).unwrap().len();
    assert_eq!(DiskStore::compact(&file), Ok(true));
    let after = std::fs::metadata(&file).unwrap().len();
    assert!(after < before, "{after} of {before} bytes");
    disk.store = Some(Arc::new(DiskStore::open(&file, Budgets { anonymous: 1 << 30, signed_in: 1 << 30 }).unwrap()));
    assert!(disk.store().load(kept, NOW).await.unwrap().is_some());
    assert!(
        DiskStore::compact(disk.folder.join("none.redb")).is_err_and(|error| error.kind() == StoreOpenErrorKind::Io)
    );
}

#[test]
fn a_file_in_use_is_told_apart_from_a_broken_one() {
    let disk = OnDisk::new("locked");
    assert_eq!(
        DiskStore::open(disk.folder.join("sessions.redb"), Budgets { anonymous: 1 << 30, signed_in: 1 << 30 })
            .unwrap_err()
            .kind(),
        StoreOpenErrorKind::Locked
    );
    let broken = disk.folder.join("broken.redb");
    std::fs::write(&broken, b"not a database".repeat(1000)).unwrap();
    assert_eq!(
        DiskStore::open(&broken, Budgets { anonymous: 1 << 30, signed_in: 1 << 30 }).unwrap_err().kind(),
        StoreOpenErrorKind::Io
    );
}
