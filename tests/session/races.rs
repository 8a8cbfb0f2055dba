//! Races between requests, on any store, from any number of servers that share it.

#![allow(dead_code, reason = "no test program needs all of it")]

use countersign::UnixTime;
use countersign::session::Handle;
use countersign::session::credential::{Credential, UserHash};
use countersign::session::store::{Capabilities, Deadlines, SessionStore, StoreError};
use countersign::session::store::{
    CreateOutcome, RevocationEpoch, SessionContent, SessionKind, StoredSession, SwapOutcome,
};
use std::sync::Arc;
use tokio::sync::Barrier;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// Until when epochs are kept.
pub(crate) const KEPT: UnixTime = UnixTime::from_secs(1_700_100_000);
pub(crate) const DEADLINES: Deadlines =
    Deadlines { idle: UnixTime::from_secs(1_700_003_600), absolute: UnixTime::from_secs(1_700_086_400) };

/// True if the long forms of tests are asked for, as by `cargo xtask soak`.
pub(crate) fn is_long() -> bool {
    std::env::var_os("COUNTERSIGN_SOAK").is_some()
}

pub(crate) fn content(kind: SessionKind, bytes: &[u8]) -> SessionContent {
    SessionContent { kind, deadlines: DEADLINES, epoch: 0, bytes: bytes.into() }
}

pub(crate) async fn session<S: SessionStore>(store: &S, kind: SessionKind, bytes: &[u8]) -> Handle {
    let handle = Credential::generate_anonymous().unwrap().handle();
    let made = store.create(handle, content(kind, bytes), NOW).await;
    assert!(matches!(made, Ok(CreateOutcome::Done(_))), "{made:?}");
    handle
}

/// Adds one, as often as it takes.
async fn increment<S: SessionStore>(store: &S, handle: Handle) {
    loop {
        let entry = store.load(handle, NOW).await.unwrap().unwrap();
        let count = u64::from_be_bytes((*entry.content.bytes).try_into().unwrap()) + 1;
        let next = SessionContent { bytes: count.to_be_bytes().as_slice().into(), ..entry.content };
        match store.compare_and_swap(handle, entry.version, next, NOW).await.unwrap() {
            SwapOutcome::Done(_) => return,
            SwapOutcome::Conflict => tokio::task::yield_now().await,
            SwapOutcome::Gone => panic!("nobody has ended it"),
        }
    }
}

/// 64 tasks add 200 each, spread over the servers.
pub(crate) async fn count_together<S: SessionStore + 'static>(stores: &[Arc<S>], kind: SessionKind) -> u64 {
    count(stores, kind, 200).await
}

/// 64 tasks add so many each.
pub(crate) async fn count<S: SessionStore + 'static>(stores: &[Arc<S>], kind: SessionKind, each: u64) -> u64 {
    let handle = session(&*stores[0], kind, &0u64.to_be_bytes()).await;
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = Arc::clone(&stores[task % stores.len()]);
            tokio::spawn(async move {
                for _ in 0..each {
                    increment(&*store, handle).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // The last one may have been written by another server: read as the client of that one does.
    for position in stores.iter().filter_map(|store| store.replication_position()) {
        assert_eq!(stores[0].wait_for_position(position).await, Ok(true));
    }
    let entry = stores[0].load(handle, NOW).await.unwrap().unwrap();
    u64::from_be_bytes((*entry.content.bytes).try_into().unwrap())
}

/// A logout, against a write, a touch and a renewal that began before it; how many sessions were there afterwards.
pub(crate) async fn revivals<S: SessionStore + 'static>(stores: &[Arc<S>], kind: SessionKind, rounds: usize) -> usize {
    revivals_after(stores, kind, rounds, async |_| {}).await
}

/// The same, where a server needs something before it can be asked.
pub(crate) async fn revivals_after<S: SessionStore + 'static>(
    stores: &[Arc<S>],
    kind: SessionKind,
    rounds: usize,
    prepare: impl AsyncFn(Arc<S>),
) -> usize {
    let (mut revived, mut late_ones) = (0, 0);
    for round in 0..rounds {
        let of = |number: usize| Arc::clone(&stores[(round + number) % stores.len()]);
        let handle = session(&*of(0), kind, b"data").await;
        let entry = of(0).load(handle, NOW).await.unwrap().unwrap();
        // In every other round all begin together: else those that have to be woken first come late on a machine that is quick.
        let start = (round % 2 == 1).then(|| Arc::new(Barrier::new(4)));
        let late = |what: usize| {
            let (store, entry, start) = (of(what), entry.clone(), start.clone());
            tokio::spawn(async move {
                if let Some(start) = start {
                    start.wait().await;
                }
                // Whether it came too late; one that fails shows nothing.
                match what {
                    0 => {
                        store.compare_and_swap(handle, entry.version, entry.content, NOW).await.unwrap()
                            == SwapOutcome::Gone
                    }
                    1 => !store.touch(handle, UnixTime::from_secs(1_700_007_200), NOW).await.unwrap(),
                    _ => renew(&*store, handle).await,
                }
            })
        };
        let racing = [late(0), late(1), late(2)];
        if let Some(start) = start {
            start.wait().await;
        }
        assert!(of(1).delete(handle, NOW).await.unwrap());
        for task in racing {
            late_ones += usize::from(task.await.unwrap());
        }
        prepare(of(2)).await;
        revived += usize::from(of(2).load(handle, NOW).await.unwrap().is_some());
    }
    // Some before it and some after it: else nothing was raced.
    assert!(
        late_ones > rounds / 100 && late_ones < rounds * 3 - rounds / 100,
        "{late_ones} of {} were late",
        rounds * 3
    );
    revived
}

/// What came of logouts that raced rotations.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Lineage {
    /// It was answered that a session has ended, and what it was rotated into lives.
    pub(crate) survivors: usize,
    /// It was answered that nothing was there to end, and what it was rotated into lives.
    pub(crate) missed: usize,
    /// Rotations that were done before the logout, and those that came too late.
    pub(crate) rotated: usize,
    pub(crate) refused: usize,
}

impl Lineage {
    /// Both together.
    pub(crate) fn with(&self, other: &Self) -> Self {
        Self {
            survivors: self.survivors + other.survivors,
            missed: self.missed + other.missed,
            rotated: self.rotated + other.rotated,
            refused: self.refused + other.refused,
        }
    }
}

/// Rotations, every other one in place, against logouts by the handle that a browser still has: begun before the rotation, behind it, and at once.
pub(crate) async fn lineage<S: SessionStore + 'static>(stores: &[Arc<S>], rounds: usize) -> Lineage {
    let mut seen = Lineage::default();
    for round in 0..rounds {
        let of = |number: usize| Arc::clone(&stores[(round + number) % stores.len()]);
        let is_in_place = round % 2 == 0;
        let kind = if is_in_place { SessionKind::SignedIn } else { SessionKind::Anonymous };
        let old = session(&*of(0), kind, b"data").await;
        let new = if is_in_place { old } else { Credential::generate_anonymous().unwrap().handle() };
        let version = of(0).load(old, NOW).await.unwrap().unwrap().version;
        let (rotating, ending) = (of(1), of(2));
        let rotate =
            async move { rotating.rotate(old, version, new, content(SessionKind::SignedIn, b"new"), NOW).await };
        let end = async move { ending.delete(old, NOW).await };
        let (rotated, ended) = match round / 2 % 4 {
            // The one, then the other, as far as the runtime has it so.
            0 => {
                let (first, second) = (tokio::spawn(rotate), tokio::spawn(end));
                (first.await.unwrap(), second.await.unwrap())
            }
            1 => {
                let (first, second) = (tokio::spawn(end), tokio::spawn(rotate));
                (second.await.unwrap(), first.await.unwrap())
            }
            2 => tokio::join!(rotate, end),
            _ => {
                let rotated = rotate.await;
                (rotated, end.await)
            }
        };
        match rotated.unwrap() {
            SwapOutcome::Done(_) => seen.rotated += 1,
            SwapOutcome::Gone => seen.refused += 1,
            SwapOutcome::Conflict => panic!("nobody writes"),
        }
        let mut lives = false;
        for handle in [old, new] {
            lives |= of(0).load(handle, NOW).await.unwrap().is_some();
        }
        match ended.unwrap() {
            true => seen.survivors += usize::from(lives),
            false => seen.missed += usize::from(lives),
        }
    }
    // Some of each: else nothing was raced.
    assert!(seen.rotated > rounds / 100 && seen.refused > rounds / 100, "{seen:?}");
    seen
}

/// A store whose ends follow no rotation: the control of [`lineage`].
#[derive(Debug)]
pub(crate) struct Forgetful<S>(pub(crate) S);

impl<S: SessionStore> SessionStore for Forgetful<S> {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        self.0.create(handle, content, now).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        self.0.load(handle, now).await
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.0.compare_and_swap(handle, version, content, now).await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        self.0.touch(handle, idle, now).await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        if self.0.load(handle, now).await?.is_none() {
            return Ok(false);
        }
        self.0.delete(handle, now).await
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.0.rotate(old, version, new, content, now).await
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        self.0.rotated_to(handle, now).await
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        self.0.list_by_user(tag, after, limit, now).await
    }

    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        self.0.revoke_user(tag, except, keep_until, now).await
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        self.0.epoch(tag).await
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.0.delete_expired(now, limit).await
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

/// A renewal: reads, and writes under the version that it has read. True if it came too late.
async fn renew<S: SessionStore>(store: &S, handle: Handle) -> bool {
    let Some(entry) = store.load(handle, NOW).await.unwrap() else { return true };
    tokio::task::yield_now().await;
    store.compare_and_swap(handle, entry.version, entry.content, NOW).await.unwrap() == SwapOutcome::Gone
}

/// Servers whose clocks are up to five minutes off, each of which makes sessions, touches them and reads them: for how many seconds of true time
/// after its end one could still be read, at most.
pub(crate) async fn outlived<S: SessionStore>(stores: &[Arc<S>]) -> u64 {
    const SKEWS: [i64; 3] = [-300, 0, 300];
    const ABSOLUTE: u64 = 1000;
    let clock = |true_time: u64, skew: i64| {
        UnixTime::from_secs(NOW.as_secs().saturating_add(true_time).saturating_add_signed(skew))
    };
    let after = |time: UnixTime, seconds: u64| UnixTime::from_secs(time.as_secs() + seconds);
    let mut latest = 0;
    for (maker, skew) in SKEWS.iter().enumerate() {
        let handle = Credential::generate_anonymous().unwrap().handle();
        let made = clock(0, *skew);
        let deadlines = Deadlines { idle: after(made, 300), absolute: after(made, ABSOLUTE) };
        let content = SessionContent { deadlines, ..content(SessionKind::SignedIn, b"data") };
        let outcome = stores[maker % stores.len()].create(handle, content, made).await;
        assert!(matches!(outcome, Ok(CreateOutcome::Done(_))));
        for true_time in (0..ABSOLUTE + 1000).step_by(50) {
            for (reader, skew) in SKEWS.iter().enumerate() {
                let (store, now) = (&stores[reader % stores.len()], clock(true_time, *skew));
                // Whoever has it in hand does all it can to keep it.
                let _ = store.touch(handle, after(now, 3000), now).await.unwrap();
                if let Some(entry) = store.load(handle, now).await.unwrap() {
                    let content = SessionContent {
                        deadlines: Deadlines { idle: after(now, 3000), absolute: after(now, 3000) },
                        ..entry.content
                    };
                    let _ = store.compare_and_swap(handle, entry.version, content, now).await.unwrap();
                    latest = latest.max(true_time.saturating_sub(ABSOLUTE));
                }
            }
        }
    }
    latest
}
