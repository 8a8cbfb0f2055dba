//! What one user, or a flood of strangers, costs everybody else, on Redis and in a file. `COUNTERSIGN_SOAK=1` asks for the long form.

use crate::kit;
use crate::kit::redis::{Redis, Reply};
use crate::races::{KEPT, NOW, content, is_long, session};
use countersign::UnixTime;
use countersign::session::credential::{Credential, UserHash};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::Budgets;
use countersign::session::store::{
    CreateOutcome, Deadlines, DiskStore, MemoryStore, SessionContent, SessionKind, SessionStore, StoreError,
};
use countersign::session::{Handle, Lifetimes, Pepper, SessionManager};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn patient() -> RedisOptions {
    let patience = Duration::from_secs(2);
    RedisOptions {
        connect_timeout: patience,
        response_timeout: patience,
        max_primary_age: Duration::from_secs(10),
        ..RedisOptions::default()
    }
}

/// When those sessions are over that are used no more.
const LATER: UnixTime = UnixTime::from_secs(1_700_002_000);

fn single(redis: &Redis, options: RedisOptions) -> Arc<RedisStore> {
    Arc::new(RedisStore::single(&format!("redis://{}", redis.server.address()), options).unwrap())
}

/// Sessions of one user, of which every tenth is live later.
async fn of_one_user<S: SessionStore + 'static>(store: &Arc<S>, count: usize) -> Vec<Handle> {
    let tag = Credential::generate_anonymous().unwrap().handle().user_hash();
    let handles: Vec<_> = (0..count).map(|_| Credential::generate(tag).unwrap().handle()).collect();
    let parts = handles.chunks(count.div_ceil(256).next_multiple_of(10)).map(|part| {
        let (store, part) = (Arc::clone(store), part.to_vec());
        tokio::spawn(async move {
            for (number, handle) in part.into_iter().enumerate() {
                let idle = if number % 10 == 0 { 1_700_050_000 } else { 1_700_000_010 };
                let deadlines =
                    Deadlines { idle: UnixTime::from_secs(idle), absolute: UnixTime::from_secs(1_700_086_400) };
                let content = SessionContent { deadlines, ..content(SessionKind::SignedIn, b"data") };
                let made = store.create(handle, content, NOW).await;
                assert!(matches!(made, Ok(CreateOutcome::Done(_))), "{made:?}");
            }
        })
    });
    for part in parts.collect::<Vec<_>>() {
        part.await.unwrap();
    }
    handles
}

/// Somebody else, who reads a session again and again, on a thread of his own.
struct Other {
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(Vec<Duration>, usize)>,
}

impl Other {
    fn of<S: SessionStore + 'static>(store: Arc<S>, handles: Vec<Handle>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (mut times, mut refused) = (Vec::new(), 0);
                for handle in handles.iter().cycle() {
                    if until.load(Ordering::Relaxed) {
                        break;
                    }
                    let start = Instant::now();
                    match store.load(*handle, NOW).await {
                        Ok(found) => assert!(found.is_some()),
                        Err(_) => refused += 1,
                    }
                    times.push(start.elapsed());
                    tokio::task::yield_now().await;
                }
                (times, refused)
            })
        });
        Self { is_over, thread }
    }

    /// How long 99 of 100 reads have taken at most, of how many, and how many were refused.
    fn end(self) -> (Duration, usize, usize) {
        self.is_over.store(true, Ordering::Relaxed);
        let (mut times, refused) = self.thread.join().unwrap();
        times.sort();
        (times[times.len() * 99 / 100], times.len(), refused)
    }
}

async fn others<S: SessionStore>(store: &S) -> Vec<Handle> {
    let mut handles = Vec::new();
    for _ in 0..100 {
        handles.push(session(store, SessionKind::SignedIn, b"data").await);
    }
    handles
}

async fn page<S: SessionStore>(store: &S, tag: UserHash, after: Option<Handle>) -> (Vec<Handle>, Duration) {
    let start = Instant::now();
    let page = store.list_by_user(tag, after, 100, LATER).await.unwrap();
    (page.into_iter().map(|(handle, _)| handle).collect(), start.elapsed())
}

/// What was seen of a user with many sessions.
#[derive(Debug)]
struct Seen {
    sessions: usize,
    quiet: Duration,
    beside: Duration,
    reads: usize,
    refused: usize,
    slowest_page: Duration,
    middle_page: Duration,
    /// With all in the index that is over.
    first_page: Duration,
    page_alone: Duration,
    revocation: Duration,
    beside_revocation: Duration,
    slowest_write: Duration,
}

/// A user with many sessions looks at the list of them on eight devices, and signs out everywhere; `near` and `far` are two servers of the
/// application, `load` a third one.
async fn many_of_one_user<S: SessionStore + 'static>(near: Arc<S>, far: Arc<S>, load: impl Fn() -> Arc<S>) -> Seen {
    let handles = of_one_user(&near, if is_long() { 100_000 } else { 20_000 }).await;
    let (tag, live) = (handles[0].user_hash(), handles.len() / 10);
    let reads = others(&*near).await;
    let quiet = Other::of(load(), reads.clone());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (quiet, ..) = quiet.end();

    // With its connection made.
    assert!(far.load(reads[0], NOW).await.unwrap().is_some());
    let (_, first_page) = page(&*far, tag, None).await;
    // Eight pages at once, and again, for as long.
    let other = Other::of(load(), reads.clone());
    let (start, mut pages) = (Instant::now(), Vec::new());
    while start.elapsed() < Duration::from_secs(2) {
        let eight: Vec<_> = (0..8)
            .map(|number| {
                let (near, after) = (Arc::clone(&near), handles[pages.len() + number]);
                tokio::spawn(async move { page(&*near, tag, Some(after)).await.1 })
            })
            .collect();
        for page in eight {
            pages.push(page.await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (beside, reads_beside, refused) = other.end();
    pages.sort();
    // All of them, in order.
    let (mut listed, mut last, mut alone) = (Vec::new(), None, Vec::new());
    loop {
        let (page, took) = page(&*near, tag, last).await;
        let Some(end) = page.last() else { break };
        last = Some(*end);
        alone.push(took);
        listed.extend(page);
    }
    alone.sort();
    assert_eq!(listed.len(), live);
    assert!(listed.is_sorted());

    let other = Other::of(load(), reads);
    let start = Instant::now();
    let epoch = near.revoke_user(tag, Some(listed[0]), KEPT, LATER).await.unwrap();
    let revocation = start.elapsed();
    for handle in listed.iter().skip(1).step_by(97) {
        assert!(far.load(*handle, LATER).await.unwrap().is_none(), "it is over at once, on every server");
        assert_eq!(far.touch(*handle, UnixTime::from_secs(1_700_060_000), LATER).await, Ok(false));
    }
    assert_eq!(far.load(listed[0], LATER).await.unwrap().map(|entry| entry.content.epoch), Some(epoch.number));
    assert_eq!(page(&*far, tag, None).await.0, listed[..1]);
    // Writes go on while what was revoked is removed.
    let (start, mut slowest_write) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < Duration::from_secs(1) {
        let write = Instant::now();
        session(&*near, SessionKind::Anonymous, b"data").await;
        slowest_write = slowest_write.max(write.elapsed());
    }
    let (beside_revocation, ..) = other.end();
    let (slowest_page, middle_page) = (pages[pages.len() - 1], pages[pages.len() / 2]);
    let page_alone = alone[alone.len() / 2];
    Seen {
        sessions: handles.len(),
        quiet,
        beside,
        reads: reads_beside,
        refused,
        slowest_page,
        middle_page,
        first_page,
        page_alone,
        revocation,
        beside_revocation,
        slowest_write,
    }
}

fn judge(name: &str, seen: &Seen) {
    println!(
        "{name}, a user with {} sessions, every tenth live: the first page in {:.1?}, then {:.1?}, eight at once {:.1?} and at most {:.1?}; signed out \
         everywhere in {:.1?}, the slowest write of others behind it {:.1?}",
        seen.sessions,
        seen.first_page,
        seen.page_alone,
        seen.middle_page,
        seen.slowest_page,
        seen.revocation,
        seen.slowest_write
    );
    println!(
        "{name}, reads of others: p99 {:.1?} in quiet, {:.1?} beside eight pages at once ({} reads, {} refused), {:.1?} beside the revocation",
        seen.quiet, seen.beside, seen.reads, seen.refused, seen.beside_revocation
    );
    assert_eq!(seen.refused, 0);
    // In a build for tests, on a machine that does other things: the bounds that are stated are those of the long form.
    let slack = if is_long() { 1 } else { 50 };
    assert!(seen.page_alone < Duration::from_millis(5) * slack, "{seen:?}");
    assert!(seen.revocation < Duration::from_millis(10) * slack, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_many_sessions_costs_others_nothing_on_redis() {
    let redis = Redis::single().unwrap();
    let (near, far) = (single(&redis, patient()), single(&redis, patient()));
    let seen = many_of_one_user(Arc::clone(&near), far, || single(&redis, patient())).await;
    judge("Redis", &seen);
    // What was revoked is removed: of sorted sets an index is left for each of a hundred others, and one for this user.
    let sets = "local count = 0 for _, key in ipairs(redis.call('KEYS', '*')) do \
        if redis.call('TYPE', key).ok == 'zset' then count = count + 1 end end return count";
    let mut connection = kit::redis::Connection::to(&redis.server.address()).unwrap();
    let mut sets = || connection.ask(&["EVAL", sets, "0"]).unwrap();
    let start = Instant::now();
    while sets() != Reply::Number(101) {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?} sorted sets", sets());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The index leaves nothing of what has run out: after a page of it, what is live is all there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_has_what_is_live() {
    let redis = Redis::single().unwrap();
    let store = single(&redis, patient());
    let handles = of_one_user(&store, 10_000).await;
    let index = |connection: &mut kit::redis::Connection| {
        let script = "local most = 0 for _, key in ipairs(redis.call('KEYS', '*x')) do \
            if redis.call('TYPE', key).ok == 'zset' then most = math.max(most, redis.call('ZCARD', key)) end end return most";
        connection.ask(&["EVAL", script, "0"]).unwrap()
    };
    let mut connection = kit::redis::Connection::to(&redis.server.address()).unwrap();
    assert_eq!(index(&mut connection), Reply::Number(20_000), "each one twice");
    let (first, _) = page(&*store, handles[0].user_hash(), None).await;
    assert_eq!(first.len(), 100);
    let start = Instant::now();
    while index(&mut connection) != Reply::Number(2000) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?} entries", index(&mut connection));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("10 000 sessions, of which 1000 live: the index has these {:.1?} after a page of it", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_many_sessions_costs_others_nothing_in_a_file() {
    let folder = std::env::temp_dir().join(format!("countersign-load-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = Arc::new(
        DiskStore::open(folder.join("sessions.redb"), Budgets { anonymous: 1 << 30, signed_in: 1 << 30 }).unwrap(),
    );
    let seen = many_of_one_user(Arc::clone(&store), Arc::clone(&store), || Arc::clone(&store)).await;
    judge("file", &seen);
    // Removed all at once, a hundred thousand sessions held up writes for 600 ms.
    assert!(!is_long() || seen.slowest_write < Duration::from_millis(300), "{seen:?}");
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}

/// A call of one user that takes too long is that user's: nobody else is refused for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_calls_of_one_user_are_no_outage() {
    let redis = Redis::single().unwrap();
    let many = of_one_user(&single(&redis, patient()), 20_000).await;
    let hasty = single(&redis, RedisOptions { response_timeout: Duration::from_millis(30), ..patient() });
    let other = others(&*hasty).await;
    let (mut slow, mut refused, mut answered) = (0, 0, 0);
    for _ in 0..30 {
        let listing = {
            let (hasty, tag) = (Arc::clone(&hasty), many[0].user_hash());
            tokio::spawn(async move { hasty.list_by_user(tag, None, usize::MAX, NOW).await.map(drop) })
        };
        while !listing.is_finished() {
            match hasty.load(other[answered % 100], NOW).await {
                Ok(_) => answered += 1,
                Err(_) => refused += 1,
            }
        }
        slow += usize::from(listing.await.unwrap() == Err(StoreError::unavailable()));
    }
    println!(
        "{slow} of 30 calls of one user are not answered in time; of others {answered} answered, {refused} refused"
    );
    assert!(slow > 20, "hardly any was too slow, so nothing was shown");
    // One that is late itself, as the machine is busy, is no refusal of all that follow.
    assert!(refused * 100 < answered, "{refused} refused, {answered} answered");
}

// ---------------------------------------------------------------------------------------------- room

/// Calls this so many times, sixteen at once, and says now and then how far it is.
async fn often<F: Future<Output = ()> + Send + 'static>(what: &str, times: usize, act: impl Fn(usize) -> F) {
    let (mut running, act, start) = (tokio::task::JoinSet::new(), &act, Instant::now());
    for number in 0..times {
        if is_long() && number % 50_000 == 0 {
            println!("{what}: {number} of {times} after {:.0?}", start.elapsed());
        }
        if running.len() >= 16 {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(act(number));
    }
    running.join_all().await;
}

/// Somebody else signs in, in the middle of it.
async fn signs_in(store: &RedisStore) {
    let handle = session(store, SessionKind::SignedIn, &[b'x'; 200]).await;
    assert_eq!(store.delete(handle, NOW).await, Ok(true));
}

/// One account signs in and out, and strangers come without end: somebody else can always sign in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_locks_others_out() {
    let redis = Redis::with(&["--maxmemory", "32mb", "--maxmemory-policy", "noeviction"]).unwrap();
    let store = single(&redis, patient());
    let (rounds, strangers) = if is_long() { (200_000, 1_000_000) } else { (20_000, 100_000) };
    let pepper = Pepper::new(b"an obvious test key of 32 bytes!").unwrap();
    let sessions = Arc::new(SessionManager::new(
        Arc::clone(&store),
        pepper,
        Lifetimes {
            idle: Duration::from_secs(3600),
            absolute: Duration::from_secs(86_400),
            renewal_grace: Duration::from_secs(10),
            max_token_age: Duration::ZERO,
        },
    ));
    let start = Instant::now();
    often("in and out", rounds, |number| {
        let (store, sessions) = (Arc::clone(&store), Arc::clone(&sessions));
        async move {
            // From a session of nobody, so that there is something that leads to it.
            let mut session = sessions.start(NOW).unwrap();
            sessions.save(&mut session, NOW).await.unwrap();
            let before = session.handle();
            let attempt = sessions.begin_sign_in("mallory").await.unwrap();
            // Signed out everywhere meanwhile, by himself.
            if sessions.sign_in(&mut session, &attempt, 1, NOW).await.is_ok() {
                match number % 100 {
                    0 => drop(sessions.end_all_for_user("mallory", None, NOW).await.unwrap()),
                    odd if odd % 2 == 1 => drop(sessions.end_session(before, NOW).await.unwrap()),
                    _ => drop(sessions.end_session(session.handle(), NOW).await.unwrap()),
                }
            }
            if number % 50 == 0 {
                signs_in(&store).await;
            }
        }
    })
    .await;
    let in_and_out = start.elapsed();
    let (start, refused) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    often("strangers", strangers, |number| {
        let (store, refused) = (Arc::clone(&store), Arc::clone(&refused));
        async move {
            let handle = Credential::generate_anonymous().unwrap().handle();
            match store.create(handle, content(SessionKind::Anonymous, &[b'x'; 200]), NOW).await {
                Ok(made) => assert!(matches!(made, CreateOutcome::Done(_)), "{made:?}"),
                Err(error) => {
                    assert_eq!(error, StoreError::full());
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            if number % 50 == 0 {
                signs_in(&store).await;
            }
        }
    })
    .await;
    let refused = refused.load(Ordering::Relaxed);
    println!(
        "32 MB: one account in and out {rounds} times ({in_and_out:.1?}), {strangers} strangers of whom {refused} were refused ({:.1?}): somebody else could sign in each of {} times",
        start.elapsed(),
        (rounds + strangers) / 50
    );
    assert!(refused > 0, "the strangers have not filled it, so nothing was shown");
}

/// Bytes of a signed-in session with two small values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_takes_little() {
    let (redis, pepper) = (Redis::single().unwrap(), || Pepper::new(b"an obvious test key of 32 bytes!").unwrap());
    let lifetimes = Lifetimes {
        idle: Duration::from_secs(3600),
        absolute: Duration::from_secs(86_400),
        renewal_grace: Duration::from_secs(10),
        max_token_age: Duration::ZERO,
    };
    let mut connection = kit::redis::Connection::to(&redis.server.address()).unwrap();
    let mut bytes = |script: &str| match connection.ask(&["EVAL", script, "0"]).unwrap() {
        Reply::Number(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    const ALL: &str = "local sum = 0 for _, key in ipairs(redis.call('KEYS', '*')) do \
        sum = sum + redis.call('MEMORY', 'USAGE', key) end return sum";
    async fn sign_in<S: SessionStore>(sessions: &SessionManager<S>, user: &str, is_from_stranger: bool) {
        let mut session = sessions.start(NOW).unwrap();
        if is_from_stranger {
            sessions.save(&mut session, NOW).await.unwrap();
        }
        session.insert("theme", "dark").unwrap();
        session.insert("visits", &7).unwrap();
        let attempt = sessions.begin_sign_in(user).await.unwrap();
        sessions.sign_in(&mut session, &attempt, 1, NOW).await.unwrap();
    }
    let sessions = SessionManager::new(single(&redis, patient()), pepper(), lifetimes);
    sign_in(&sessions, "alice", false).await;
    let on_redis = bytes(ALL);
    redis.ask(&["FLUSHALL", "SYNC"]).unwrap();
    sign_in(&sessions, "alice", true).await;
    let with_pointer = bytes(ALL);
    redis.ask(&["FLUSHALL", "SYNC"]).unwrap();
    // What the server takes in all, for many of them.
    let used = || {
        let info = redis.ask(&["INFO", "memory"]).unwrap();
        let line = info.text().lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|bytes| bytes.trim().parse::<i64>().ok()).unwrap()
    };
    let before = used();
    for user in 0..10_000 {
        sign_in(&sessions, &format!("user{user:05}"), false).await;
    }
    let with_everything = (used() - before) / 10_000;
    let memory =
        SessionManager::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }), pepper(), lifetimes);
    sign_in(&memory, "alice", false).await;
    let folder = std::env::temp_dir().join(format!("countersign-bytes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let disk = SessionManager::new(
        DiskStore::open(folder.join("s.redb"), Budgets { anonymous: 1 << 30, signed_in: 1 << 30 }).unwrap(),
        pepper(),
        lifetimes,
    );
    sign_in(&disk, "alice", false).await;
    println!(
        "bytes of a signed-in session with two small values: Redis {on_redis} by MEMORY USAGE ({with_pointer} with the pointer in the place of the stranger's), {with_everything} with everything; memory {}, file {}",
        memory.store().used_bytes(SessionKind::SignedIn),
        disk.store().used_bytes(SessionKind::SignedIn).unwrap()
    );
    // Twice what tower-sessions-redis-store takes, which has no index.
    assert!(on_redis <= 2 * 232, "{on_redis}");
    drop(disk);
    std::fs::remove_dir_all(folder).unwrap();
}
