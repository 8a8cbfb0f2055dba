//! Sessions on real servers of Redis: one, with Sentinel, as a cluster; and what is left of them when servers and networks fail.
#![cfg(feature = "redis")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

mod cluster_kit;
mod races;

use cluster_kit::link::{Link, Mode};
use cluster_kit::process::Folder;
use cluster_kit::redis::{Redis, RedisCluster};
use cluster_kit::sentinel::{PRIMARY_NAME, RedisWithSentinel};
use countersign::session::laws::{self, Law};
use countersign::session::{
    Created, Credential, Handle, Kind, Lifetimes, Pepper, RedisOptions, RedisStore, SessionError, SessionStore,
    Sessions, StoreError, Swapped,
};
use races::{NOW, content, count_together, outlived, revivals, session};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Patient, as the machine that the tests run on may be busy.
const PATIENT: RedisOptions = RedisOptions {
    connect: Duration::from_secs(2),
    answer: Duration::from_secs(2),
    in_flight: 1024,
    replicas: 0,
    staleness: Duration::from_secs(10),
};

fn url(address: &str) -> String {
    format!("redis://{address}")
}

fn single(address: &str, options: RedisOptions) -> RedisStore {
    RedisStore::single(&url(address), options).unwrap()
}

fn sentinel(redis: &RedisWithSentinel, options: RedisOptions) -> RedisStore {
    let urls: Vec<_> = redis.sentinel_addresses().iter().map(|address| url(address)).collect();
    RedisStore::sentinel(urls.iter().map(String::as_str), PRIMARY_NAME, None, options).unwrap()
}

fn cluster(redis: &RedisCluster, options: RedisOptions) -> RedisStore {
    let urls: Vec<_> = redis.addresses().iter().map(|address| url(address)).collect();
    RedisStore::cluster(urls.iter().map(String::as_str), options).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_redis_obeys() {
    let (one, watched, many) =
        (Redis::single().unwrap(), RedisWithSentinel::start().unwrap(), RedisCluster::start().unwrap());
    let stores = [single(&one.address(), PATIENT), sentinel(&watched, PATIENT), cluster(&many, PATIENT)];
    println!("{:<40} redis    sentinel cluster", "law");
    for law in Law::ALL {
        let mut words = Vec::new();
        for store in &stores {
            let verdict = laws::check_one(store, law).await;
            assert_eq!(verdict, Ok(()), "{law}");
            words.push("obeys   ");
        }
        println!("{:<40} {}", law.to_string(), words.join(" ").trim_end());
    }
    for store in &stores {
        assert_eq!(laws::check_deadline(store, PATIENT.answer).await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_share_without_loss() {
    let redis = Redis::single().unwrap();
    let stores: Vec<_> = (0..3).map(|_| Arc::new(single(&redis.address(), PATIENT))).collect();
    let start = Instant::now();
    assert_eq!(count_together(&stores, Kind::SignedIn).await, 12_800);
    println!("12 800 increments, through three servers: {:.1?}", start.elapsed());
    let start = Instant::now();
    assert_eq!(revivals(&stores, Kind::SignedIn, 10_000).await, 0);
    println!(
        "10 000 logouts, each against a write, a touch and a renewal of other servers: 0 revived, {:.1?}",
        start.elapsed()
    );
}

const LOGIN: &str = "sessions:obvious-test-password";

/// A server on the configuration of the examples, and the folder where that is.
fn as_in_the_example() -> (Redis, Folder) {
    let config = include_str!("../examples/cluster/redis.conf").replace("PASSWORD", "obvious-test-password");
    let folder = Folder::new("redis-example").unwrap();
    let file = folder.path().join("redis.conf");
    std::fs::write(&file, config).unwrap();
    (Redis::with(&["--include", &file.display().to_string()]).unwrap(), folder)
}

/// What was answered is there after `kill -9`, if Redis is told to keep it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_its_log_keeps_sessions() {
    let (mut redis, _folder) = as_in_the_example();
    let store = single(&format!("{LOGIN}@{}", redis.address()), PATIENT);
    let (mut made, mut ended, mut lost, mut revived) = (Vec::new(), Vec::new(), 0, 0);
    for kill in 0..5 {
        for number in 0..100 {
            let handle = session(&store, Kind::SignedIn, b"data").await;
            match number % 4 {
                0 => assert_eq!(store.delete(handle, NOW).await, Ok(true)),
                1 => assert!(store.revoke_user(handle.tag(), None, NOW).await.is_ok()),
                _ => {}
            }
            if number % 4 < 2 { ended.push(handle) } else { made.push(handle) }
        }
        redis.kill();
        redis.restart().unwrap();
        let restarted = Instant::now();
        while store.load(made[0], NOW).await.is_err() {
            assert!(restarted.elapsed() < Duration::from_secs(10), "kill {kill}: it does not come back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for handle in &made {
            lost += usize::from(store.load(*handle, NOW).await.unwrap().is_none());
        }
        for handle in &ended {
            revived += usize::from(store.load(*handle, NOW).await.unwrap().is_some());
        }
    }
    println!(
        "killed 5 times, with its log on disk: of {} sessions {lost} lost, of {} ended ones {revived} revived",
        made.len(),
        ended.len()
    );
    assert_eq!((lost, revived), (0, 0));
}

/// The user of the example has what the store needs, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_of_the_example_is_enough() {
    let (redis, _folder) = as_in_the_example();
    let store = single(&format!("{LOGIN}@{}", redis.address()), PATIENT);
    for law in Law::ALL {
        assert_eq!(laws::check_one(&store, law).await, Ok(()), "{law}");
    }
    let careful = single(
        &format!("{LOGIN}@{}", redis.address()),
        RedisOptions { replicas: 1, answer: Duration::from_millis(500), ..PATIENT },
    );
    let handle = session(&careful, Kind::SignedIn, b"data").await;
    assert_eq!(careful.delete(handle, NOW).await, Err(StoreError::NotReplicated), "it may wait");
    for forbidden in [["GET", "other"], ["GET", "cs:x"], ["FLUSHALL", "SYNC"], ["ACL", "LIST"], ["KEYS", "*"]] {
        let mut connection = cluster_kit::redis::Connection::to(&redis.address()).unwrap();
        connection.ask(&["AUTH", "sessions", "obvious-test-password"]).unwrap();
        let refusal = connection.ask(&forbidden).unwrap_err().to_string();
        assert!(refusal.contains("NOPERM"), "{forbidden:?}: {refusal}");
    }
    let wrong = RedisStore::single(&format!("redis://sessions:wrong@{}", redis.address()), PATIENT).unwrap();
    assert_eq!(wrong.load(handle, NOW).await.map(drop), Err(StoreError::Unavailable));
    assert!(!format!("{wrong:?}").contains("wrong"));
    assert!(!format!("{:?}", RedisStore::single("redis://user:secret@:x", PATIENT)).contains("secret"));
}

/// A flood of strangers is refused while there is room for those who sign in; and a server without any makes no session, and goes on ending them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_still_signs_people_out() {
    let redis = Redis::with(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]).unwrap();
    let store = single(&redis.address(), PATIENT);
    let (first, second) =
        (session(&store, Kind::SignedIn, b"data").await, session(&store, Kind::SignedIn, b"data").await);
    let mut strangers = 0;
    let full = loop {
        let handle = Credential::generate_anonymous().unwrap().handle();
        match store.create(handle, content(Kind::Anonymous, &[b'x'; 4000]), NOW).await {
            Ok(_) => strangers += 1,
            Err(error) => break error,
        }
        assert!(strangers < 5000, "strangers are let in without end");
        // Its memory is looked at once in a second.
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(full, StoreError::Full);
    let mut known = 0;
    loop {
        let handle = Credential::generate_anonymous().unwrap().handle();
        match store.create(handle, content(Kind::SignedIn, &[b'x'; 4000]), NOW).await {
            Ok(_) => known += 1,
            Err(error) => break assert_eq!(error, StoreError::Full),
        }
        assert!(known < 5000, "users are let in without end");
    }
    assert!(strangers > 100 && known > 50, "{strangers} strangers, {known} users");
    assert!(store.load(first, NOW).await.unwrap().is_some());
    assert_eq!(store.touch(first, countersign::UnixTime::from_secs(1_700_007_200), NOW).await, Ok(true));
    assert_eq!(store.delete(first, NOW).await, Ok(true));
    assert!(store.revoke_user(second.tag(), None, NOW).await.is_ok());
    assert!(store.load(second, NOW).await.unwrap().is_none());
    println!("a full server: {strangers} strangers, then {known} users, then none; logouts go on");
}

/// A sentinel that takes everything and says nothing holds up nobody, wherever it stands in the list; nor does such a node of a cluster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_address_holds_up_nobody() {
    let (watched, many) = (RedisWithSentinel::start().unwrap(), RedisCluster::start().unwrap());
    let silent = Link::to(&watched.sentinel_addresses()[0]).unwrap();
    silent.set(Mode::Frozen).unwrap();
    let addresses =
        |real: Vec<String>| [silent.address()].into_iter().chain(real).map(|address| url(&address)).collect::<Vec<_>>();
    let of_sentinel = addresses(watched.sentinel_addresses());
    let of_cluster = addresses(many.addresses());
    let stores = [
        RedisStore::sentinel(of_sentinel.iter().map(String::as_str), PRIMARY_NAME, None, RedisOptions::default())
            .unwrap(),
        RedisStore::cluster(of_cluster.iter().map(String::as_str), RedisOptions::default()).unwrap(),
    ];
    for store in stores {
        let handle = Credential::generate_anonymous().unwrap().handle();
        let start = Instant::now();
        while !matches!(
            store.create(handle, content(Kind::SignedIn, b"data"), NOW).await,
            Ok(Created::Done(_) | Created::Exists)
        ) {
            assert!(start.elapsed() < Duration::from_secs(20), "it never connects");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("with a silent address in front: connected after {:.1?}", start.elapsed());
    }
}

/// The bound that is stated: what the clocks of two servers differ by, here ten minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_outlives_its_end_by_more_than_clocks_differ() {
    let redis = Redis::single().unwrap();
    let stores: Vec<_> = (0..3).map(|_| Arc::new(single(&redis.address(), PATIENT))).collect();
    let latest = outlived(&stores).await;
    println!("clocks five minutes off in either direction: the last read {latest} s after the end, bound 600 s");
    assert!((300..600).contains(&latest), "{latest}");
}

/// A planted cookie is worth nothing once its victim has signed in with it, on whichever server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_can_be_fixed() {
    let redis = Redis::single().unwrap();
    let servers = [0; 3].map(|_| {
        let pepper = Pepper::new(b"an obvious test key of 32 bytes!").unwrap();
        let lifetimes = Lifetimes { idle: 1000, absolute: 10_000, grace: 10 };
        Sessions::new(single(&redis.address(), PATIENT), pepper, lifetimes)
    });
    for round in 0..1000 {
        let of = |number: usize| &servers[(round + number) % 3];
        let mut planted = of(0).begin(NOW).unwrap();
        of(0).save(&mut planted, NOW).await.unwrap();
        let cookie = planted.cookie();
        let mut victim = of(1).find([cookie.as_bytes()], NOW).await.unwrap().unwrap();
        let attempt = of(1).attempt("alice").await.unwrap();
        of(1).sign_in(&mut victim, &attempt, 1, NOW).await.unwrap();
        assert!(of(2).find([cookie.as_bytes()], NOW).await.unwrap().is_none(), "attempt {round}");
        planted.insert("admin", &true).unwrap();
        assert_eq!(of(2).save(&mut planted, NOW).await, Err(SessionError::Gone));
        let found = of(2).find([victim.cookie().as_bytes()], NOW).await.unwrap().unwrap();
        assert_eq!((found.user(), found.get::<bool>("admin").unwrap()), (Some("alice"), None));
    }
}

/// A server that takes everything and says nothing: every call ends in time, and the next one after its return is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_is_unavailable_in_time() {
    let redis = Redis::single().unwrap();
    let link = Link::to(&redis.address()).unwrap();
    let answer = Duration::from_millis(250);
    let store = Arc::new(single(&link.address(), RedisOptions { answer, ..RedisOptions::default() }));
    let handle = session(&*store, Kind::SignedIn, b"data").await;
    for mode in [Mode::Frozen, Mode::OneWay, Mode::Cut] {
        link.set(mode).unwrap();
        assert_eq!(laws::check_deadline(&*store, answer + Duration::from_millis(100)).await, Ok(()), "{mode:?}");
        let calls = (0..200).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let start = Instant::now();
                (store.load(handle, NOW).await.map(drop), start.elapsed())
            })
        });
        let mut times = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            let (outcome, took) = call.await.unwrap();
            assert_eq!(outcome, Err(StoreError::Unavailable));
            times.push(took);
        }
        times.sort();
        link.set(Mode::Open).unwrap();
        let back = Instant::now();
        while store.load(handle, NOW).await.is_err() {
            assert!(back.elapsed() < Duration::from_secs(10), "{mode:?}: it does not come back");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("{mode:?}: p99 {:.1?} of {answer:?}; back {:.1?} after its return", times[197], back.elapsed());
    }
}

// ---------------------------------------------------------------------------------------------- failover

/// How often the primary is killed.
const KILLS: usize = 20;

/// Logouts that were answered as replicated, with the primary killed among them: none is undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_logout_is_undone_by_a_failover() {
    let mut redis = RedisWithSentinel::start().unwrap();
    let options = RedisOptions { answer: Duration::from_millis(500), replicas: 1, ..RedisOptions::default() };
    let store = Arc::new(sentinel(&redis, options));
    let (mut confirmed, mut undone, mut slowest) = (0, 0, Duration::ZERO);
    for kill in 0..KILLS {
        let mut handles = Vec::new();
        for _ in 0..40 {
            handles.push(session(&*store, Kind::SignedIn, b"data").await);
        }
        let logouts = handles.iter().enumerate().map(|(number, handle)| {
            let (store, handle) = (Arc::clone(&store), *handle);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(number as u64)).await;
                // Both ways out.
                let is_out = if number % 2 == 0 {
                    store.delete(handle, NOW).await == Ok(true)
                } else {
                    store.revoke_user(handle.tag(), None, NOW).await.is_ok()
                };
                is_out.then_some(handle)
            })
        });
        let logouts: Vec<_> = logouts.collect();
        tokio::time::sleep(Duration::from_millis(kill as u64 % 20 * 2)).await;
        let old = redis.kill_primary().unwrap();
        let killed = Instant::now();
        let mut out = Vec::new();
        for logout in logouts {
            out.extend(logout.await.unwrap());
        }
        // A write that is answered: the application is back.
        let handle = Credential::generate_anonymous().unwrap().handle();
        while !matches!(
            store.create(handle, content(Kind::SignedIn, b"back"), NOW).await,
            Ok(Created::Done(_) | Created::Exists)
        ) {
            assert!(killed.elapsed() < Duration::from_secs(30), "writes do not come back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slowest = slowest.max(killed.elapsed());
        confirmed += out.len();
        for handle in out {
            undone += usize::from(store.load(handle, NOW).await.unwrap().is_some());
        }
        redis.wait_for_failover(&old, Duration::from_secs(30)).unwrap();
        redis.heal().unwrap();
    }
    println!(
        "{KILLS} primaries killed: {confirmed} logouts confirmed, {undone} undone; writes back within {slowest:.1?}"
    );
    assert_eq!(undone, 0);
    assert!(confirmed > KILLS, "hardly any logout was confirmed, so nothing was shown");
}

/// Control: without a replica that is waited for, and with the link to it cut, logouts that were answered come undone; with one, they are
/// not answered as done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unconfirmed_logout_is_undone_by_a_failover() {
    let primary = Redis::single().unwrap();
    let link = Link::to(&primary.address()).unwrap();
    let replica = Redis::replica_of(&link.address()).unwrap();
    let careless = single(&primary.address(), PATIENT);
    let careful = single(&primary.address(), RedisOptions { replicas: 1, ..PATIENT });
    let mut handles = Vec::new();
    for _ in 0..20 {
        handles.push(session(&careful, Kind::SignedIn, b"data").await);
    }
    // Through the link, and so behind all of them.
    assert_eq!(careful.delete(handles[19], NOW).await, Ok(true));
    link.set(Mode::Cut).unwrap();
    for handle in &handles[..10] {
        assert_eq!(careless.delete(*handle, NOW).await, Ok(true));
    }
    assert_eq!(careful.delete(handles[10], NOW).await, Err(StoreError::NotReplicated));
    // Asked again, it is gone from the primary, and still on the replica: on a new connection, which has not written it, as well.
    assert_eq!(careful.delete(handles[10], NOW).await, Err(StoreError::NotReplicated));
    let again = single(&primary.address(), RedisOptions { replicas: 1, ..PATIENT });
    assert_eq!(again.delete(handles[10], NOW).await, Err(StoreError::NotReplicated));
    assert_eq!(again.revoke_user(handles[11].tag(), None, NOW).await, Err(StoreError::NotReplicated));
    // Who signs in gets his cookie in any case: the old one is of no use any more.
    let entry = careful.load(handles[12], NOW).await.unwrap().unwrap();
    let renewed = Credential::generate(handles[12].tag()).unwrap().handle();
    let rotated = careful.rotate(handles[12], entry.version, renewed, entry.content, NOW).await;
    assert!(matches!(rotated, Ok(Swapped::Done(_))), "{rotated:?}");
    drop(primary);
    replica.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();
    let promoted = single(&replica.address(), PATIENT);
    let mut undone = 0;
    for handle in &handles[..10] {
        undone += usize::from(promoted.load(*handle, NOW).await.unwrap().is_some());
    }
    println!("control, 10 logouts answered by a primary alone, which is then lost: {undone} undone");
    assert_eq!(undone, 10);
    assert!(promoted.load(handles[19], NOW).await.unwrap().is_none(), "the one that was replicated");
}

/// Asks until it is confirmed: replicas that have just come say nothing for a moment.
async fn deleted(store: &RedisStore, handle: Handle) {
    let start = Instant::now();
    while store.delete(handle, NOW).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is never confirmed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A primary that is cut off from its replicas and from the sentinels, and goes on answering those who still reach it: it confirms no logout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_cut_off_confirms_nothing() {
    let mut redis = RedisWithSentinel::start_behind_links().unwrap();
    let careful = RedisOptions { answer: Duration::from_millis(500), replicas: 1, ..RedisOptions::default() };
    let ahead = sentinel(&redis, RedisOptions { replicas: 2, ..careful });
    let mut handles = Vec::new();
    for _ in 0..3 {
        handles.push(session(&ahead, Kind::SignedIn, b"data").await);
    }
    // Behind all of them, and on both replicas.
    deleted(&ahead, handles[2]).await;
    let (old, its_own) = redis.isolate_primary().unwrap();
    let (left, careless) = (single(&its_own, careful), single(&its_own, RedisOptions { replicas: 0, ..careful }));
    let mut refused = 0;
    for _ in 0..4 {
        let (deleted, revoked) =
            (left.delete(handles[0], NOW).await, left.revoke_user(handles[0].tag(), None, NOW).await);
        assert!(deleted.is_err() && revoked.is_err(), "{deleted:?}, {revoked:?}");
        refused += 2;
    }
    // Control: who waits for nobody is told that it is done.
    assert_eq!(careless.delete(handles[1], NOW).await, Ok(true));
    let new = redis.wait_for_failover(&old, Duration::from_secs(15)).unwrap();
    let promoted = single(&new, careful);
    for handle in &handles[..2] {
        assert!(promoted.load(*handle, NOW).await.unwrap().is_some(), "the others know nothing of it");
    }
    assert_eq!(left.delete(handles[0], NOW).await, Err(StoreError::NotReplicated));
    println!(
        "a primary that is cut off: {refused} logouts, none confirmed; one that nobody was waited for with, undone"
    );
    redis.heal().unwrap();
    deleted(&ahead, handles[0]).await;
    assert!(ahead.load(handles[0], NOW).await.unwrap().is_none());
    assert!(ahead.load(handles[1], NOW).await.unwrap().is_some(), "what the careless one has ended");
}
