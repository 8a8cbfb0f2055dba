//! Sessions on real servers of Redis: one, with Sentinel, as a cluster; and what is left of them when servers and networks fail.
//! `COUNTERSIGN_SOAK=1` asks for the long form.

use crate::kit;
use crate::kit::link::{Link, Mode};
use crate::kit::process::Folder;
use crate::kit::redis::{Redis, RedisCluster, Reply};
use crate::kit::sentinel::{self as sentinels, PRIMARY_NAME, RedisWithSentinel};
use crate::kit::{fail, wait_for};
use crate::races::{Forgetful, KEPT, NOW, content, count, is_long, lineage, outlived, revivals, session};
use countersign::session::credential::Credential;
use countersign::session::laws::{self, Law};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::StoreErrorKind;
use countersign::session::store::{CreateOutcome, RevocationEpoch, SessionKind, SessionStore, StoreError, SwapOutcome};
use countersign::session::{Handle, Lifetimes, Pepper, SessionError, SessionManager};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a store says of its servers.
fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

/// Patient, as the machine that the tests run on may be busy.
fn patient() -> RedisOptions {
    let patience = Duration::from_secs(5);
    RedisOptions {
        connect_timeout: patience,
        response_timeout: patience,
        max_primary_age: Duration::from_secs(10),
        ..RedisOptions::default()
    }
}

/// Less so, as a replica that is missing is waited for so long.
fn awaiting(replicas: u32) -> RedisOptions {
    RedisOptions { min_replica_acks: replicas, response_timeout: Duration::from_secs(1), ..patient() }
}

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
    let stores = [single(&one.address(), patient()), sentinel(&watched, patient()), cluster(&many, patient())];
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
        assert_eq!(laws::check_deadline(store, patient().response_timeout).await, Ok(()));
        assert_eq!(store.check().await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_share_without_loss() {
    let redis = Redis::single().unwrap();
    let stores: Vec<_> = (0..3).map(|_| Arc::new(single(&redis.address(), patient()))).collect();
    let start = Instant::now();
    let (each, logouts) = if is_long() { (200, 10_000) } else { (25, 1000) };
    assert_eq!(count(&stores, SessionKind::SignedIn, each).await, 64 * each);
    println!("{} increments, through three servers: {:.1?}", 64 * each, start.elapsed());
    let start = Instant::now();
    assert_eq!(revivals(&stores, SessionKind::SignedIn, logouts).await, 0);
    println!(
        "{logouts} logouts, each against a write, a touch and a renewal of other servers: 0 revived, {:.1?}",
        start.elapsed()
    );
}

/// A logout by the cookie that a browser had before somebody signed in, on whichever server, ends what has come of that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rotation_escapes_a_logout() {
    const ROTATIONS: usize = 3000;
    let (one, many) = (Redis::single().unwrap(), RedisCluster::start().unwrap());
    let of_one: Vec<_> = (0..3).map(|_| Arc::new(single(&one.address(), patient()))).collect();
    let of_many: Vec<_> = (0..3).map(|_| Arc::new(cluster(&many, patient()))).collect();
    let (seen, in_cluster) = (lineage(&of_one, ROTATIONS).await, lineage(&of_many, ROTATIONS / 6).await);
    let forgetful: Vec<_> = (0..3).map(|_| Arc::new(Forgetful(single(&one.address(), patient())))).collect();
    let control = lineage(&forgetful, ROTATIONS / 6).await;
    println!("{ROTATIONS} rotations against logouts, through three servers: {seen:?}");
    println!("{} in a cluster: {in_cluster:?}; without pointers: {control:?}", ROTATIONS / 6);
    for seen in [seen, in_cluster] {
        assert_eq!((seen.survivors, seen.missed), (0, 0), "{seen:?}");
    }
    assert!(control.survivors + control.missed > 0, "control: {control:?}");
}

/// What has ended leaves nothing behind, whichever way it ends: neither in the index nor in the place of what was rotated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_ended_leaves_nothing() {
    let redis = Redis::single().unwrap();
    let store = single(&redis.address(), patient());
    let keys = || match redis.ask(&["DBSIZE"]).unwrap() {
        Reply::Number(keys) => keys,
        other => panic!("{other:?}"),
    };
    for round in 0..100 {
        let (mut handle, before) = (session(&store, SessionKind::Anonymous, b"stranger").await, keys());
        let first = handle;
        for _ in 0..3 {
            let entry = store.load(handle, NOW).await.unwrap().unwrap();
            let next = Credential::generate_anonymous().unwrap().handle();
            let rotated =
                store.rotate(handle, entry.version, next, content(SessionKind::SignedIn, b"known"), NOW).await;
            assert!(matches!(rotated, Ok(SwapOutcome::Done(_))), "{rotated:?}");
            handle = next;
        }
        assert!(keys() > before, "a pointer stands in the place of what was rotated");
        let epochs = match round % 3 {
            0 => {
                assert_eq!(store.delete(first, NOW).await, Ok(true));
                0
            }
            1 => {
                assert_eq!(store.delete(handle, NOW).await, Ok(true));
                0
            }
            _ => {
                store.revoke_user(handle.user_hash(), None, KEPT, NOW).await.unwrap();
                1
            }
        };
        let start = Instant::now();
        while keys() > before - 1 + epochs {
            assert!(start.elapsed() < Duration::from_secs(5), "round {round}: {} keys", keys());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

const LOGIN: &str = "sessions:obvious-test-password";

/// A server on the configuration of the examples, and the folder where that is.
fn as_in_the_example() -> (Redis, Folder) {
    let config = include_str!("../../examples/cluster/redis.conf").replace("PASSWORD", "obvious-test-password");
    Redis::start_as(&config).unwrap()
}

/// What was answered is there after `kill -9`, if Redis is told to keep it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_its_log_keeps_sessions() {
    let (mut redis, _folder) = as_in_the_example();
    let store = single(&format!("{LOGIN}@{}", redis.address()), patient());
    let (mut made, mut ended, mut lost, mut revived) = (Vec::new(), Vec::new(), 0, 0);
    for kill in 0..5 {
        for number in 0..100 {
            let handle = session(&store, SessionKind::SignedIn, b"data").await;
            match number % 4 {
                0 => assert_eq!(store.delete(handle, NOW).await, Ok(true)),
                1 => assert!(store.revoke_user(handle.user_hash(), None, KEPT, NOW).await.is_ok()),
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
    let store = single(&format!("{LOGIN}@{}", redis.address()), patient());
    for law in Law::ALL {
        assert_eq!(laws::check_one(&store, law).await, Ok(()), "{law}");
    }
    let careful = single(
        &format!("{LOGIN}@{}", redis.address()),
        RedisOptions { min_replica_acks: 1, response_timeout: Duration::from_millis(500), ..patient() },
    );
    let handle = session(&careful, SessionKind::SignedIn, b"data").await;
    assert_eq!(careful.delete(handle, NOW).await, Err(StoreError::not_replicated()), "it may wait");
    for forbidden in [["GET", "other"], ["GETDEL", "cs:x"], ["FLUSHALL", "SYNC"], ["ACL", "LIST"], ["KEYS", "*"]] {
        let mut connection = kit::redis::Connection::to(&redis.address()).unwrap();
        connection.ask(&["AUTH", "sessions", "obvious-test-password"]).unwrap();
        let refusal = connection.ask(&forbidden).unwrap_err().to_string();
        assert!(refusal.contains("NOPERM"), "{forbidden:?}: {refusal}");
    }
    let wrong = RedisStore::single(&format!("redis://sessions:wrong@{}", redis.address()), patient()).unwrap();
    assert_eq!(wrong.load(handle, NOW).await.map(drop), Err(StoreError::unavailable()));
    assert!(!format!("{wrong:?}").contains("wrong"));
    assert_eq!(store.check().await, Ok(()));
    let nobody = single(&redis.address(), patient());
    let away = single(&format!("{LOGIN}@127.0.0.1:1"), patient());
    for (store, why) in [(&wrong, "authentication"), (&nobody, "NOAUTH"), (&away, "connection refused")] {
        let said = store.check().await.map_err(|error| cause(&error)).unwrap_err();
        println!("{said}");
        assert!(said.contains(why) && !said.contains("wrong") && !said.contains("password@"), "{said}");
    }
    assert!(!format!("{:?}", RedisStore::single("redis://user:secret@:x", patient())).contains("secret"));
}

/// What the example says of a cluster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_of_the_example_is_enough_in_a_cluster() {
    let redis = RedisCluster::start().unwrap();
    let line = include_str!("../../examples/cluster/redis.conf").lines().find(|line| line.starts_with("user sessions"));
    let line = line.unwrap().replace("PASSWORD", "obvious-test-password") + " +cluster|slots";
    let words: Vec<_> = ["ACL", "SETUSER"].into_iter().chain(line.split(' ').skip(1)).collect();
    for node in &redis.nodes {
        node.ask(&words).unwrap();
    }
    let urls: Vec<_> = redis.addresses().iter().map(|address| url(&format!("{LOGIN}@{address}"))).collect();
    let store = RedisStore::cluster(urls.iter().map(String::as_str), patient()).unwrap();
    for law in Law::ALL {
        assert_eq!(laws::check_one(&store, law).await, Ok(()), "{law}");
    }
    let mut connection = kit::redis::Connection::to(&redis.addresses()[0]).unwrap();
    connection.ask(&["AUTH", "sessions", "obvious-test-password"]).unwrap();
    let refusal = connection.ask(&["CLUSTER", "RESET", "SOFT"]).unwrap_err().to_string();
    assert!(refusal.contains("NOPERM"), "{refusal}");
    // Those who sign in as nobody are the kit, not the store.
    let user = |client: &str| client.split(' ').any(|word| word == "user=sessions");
    let clients = redis.nodes[0].ask(&["CLIENT", "LIST"]).unwrap();
    assert!(clients.text().lines().filter(|client| user(client)).count() > 1, "{clients:?}");
}

/// The users of the examples are enough for a primary, its replicas and their sentinels, and for a failover and the way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_users_of_the_examples_are_enough_with_sentinels() {
    let folder = Folder::new("redis-example").unwrap();
    let config = [
        include_str!("../../examples/cluster/redis.conf"),
        include_str!("../../examples/cluster/redis-sentinel.conf"),
        // For the kit, which signs in nowhere.
        "user default on nopass allkeys allchannels allcommands\n",
    ];
    let config = config.concat().replace("user default off allkeys allchannels allcommands\n", "");
    let with_passwords = |config: &str| {
        let config = config.replace("REPLICA-PASSWORD", "of-replicas").replace("SENTINEL-PASSWORD", "of-sentinels");
        config.replace("PASSWORD", "obvious-test-password")
    };
    let file = folder.path().join("redis.conf");
    std::fs::write(&file, with_passwords(&config)).unwrap();
    let watch =
        include_str!("../../examples/cluster/sentinel.conf").replace(" sessions ", &format!(" {PRIMARY_NAME} "));
    let watch = with_passwords(&watch);
    let mut redis =
        RedisWithSentinel::start_as(&["--save", "1 1", "--include", &file.display().to_string()], &watch).unwrap();
    let snapshots = kit::redis::ask(&redis.primary_address().unwrap(), &["CONFIG", "GET", "save"]).unwrap();
    assert_eq!(snapshots.list()[1].text(), "", "a snapshot that fails would end all writes");

    let urls: Vec<_> = redis.sentinel_addresses().iter().map(|address| url(address)).collect();
    let with = |password| {
        let urls = urls.iter().map(String::as_str);
        RedisStore::sentinel(urls, PRIMARY_NAME, Some(("sessions", password)), awaiting(1)).unwrap()
    };
    let (store, wrong) = (with("obvious-test-password"), with("wrong"));
    for law in Law::ALL {
        assert_eq!(laws::check_one(&store, law).await, Ok(()), "{law}");
    }
    let [over, live] =
        [session(&store, SessionKind::SignedIn, b"data").await, session(&store, SessionKind::SignedIn, b"data").await];
    assert_eq!(store.delete(over, NOW).await, Ok(true));
    assert_eq!(wrong.load(live, NOW).await.map(drop), Err(StoreError::unavailable()));
    // The second time it is one that was a replica first.
    for round in 1..=2 {
        let primary = redis.primary_address().unwrap();
        let clients = kit::redis::ask(&primary, &["CLIENT", "LIST"]).unwrap();
        let users = |mark: &str| -> BTreeSet<String> {
            let of_those = clients.text().lines().filter(|line| line.contains(mark));
            of_those
                .filter_map(|line| line.split(' ').find_map(|word| word.strip_prefix("user=")))
                .map(String::from)
                .collect()
        };
        assert_eq!(users("name=sentinel-"), BTreeSet::from(["sentinel".to_owned()]));
        assert_eq!(users("flags=S"), BTreeSet::from(["replica".to_owned()]));
        let old = redis.kill_primary().unwrap();
        let killed = Instant::now();
        redis.wait_for_failover(&old, Duration::from_secs(20)).unwrap();
        while store.load(live, NOW).await.is_err() {
            assert!(killed.elapsed() < Duration::from_secs(20), "reads are not back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(store.load(live, NOW).await.unwrap().is_some() && store.load(over, NOW).await.unwrap().is_none());
        redis.heal().unwrap();
        let another = session(&store, SessionKind::SignedIn, b"data").await;
        assert_eq!(store.delete(another, NOW).await, Ok(true), "round {round}: replicas have it again");
    }
}

/// A flood of strangers is refused while there is room for those who sign in; and a server without any makes no session, and goes on ending them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_still_signs_people_out() {
    let redis = Redis::with(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]).unwrap();
    let store = single(&redis.address(), patient());
    let (first, second) =
        (session(&store, SessionKind::SignedIn, b"data").await, session(&store, SessionKind::SignedIn, b"data").await);
    let mut strangers = 0;
    let full = loop {
        let handle = Credential::generate_anonymous().unwrap().handle();
        match store.create(handle, content(SessionKind::Anonymous, &[b'x'; 4000]), NOW).await {
            Ok(_) => strangers += 1,
            Err(error) => break error,
        }
        assert!(strangers < 5000, "strangers are let in without end");
        // Its memory is looked at once in a second.
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(full, StoreError::full());
    let mut known = 0;
    loop {
        let handle = Credential::generate_anonymous().unwrap().handle();
        match store.create(handle, content(SessionKind::SignedIn, &[b'x'; 4000]), NOW).await {
            Ok(_) => known += 1,
            Err(error) => break assert_eq!(error, StoreError::full()),
        }
        assert!(known < 5000, "users are let in without end");
    }
    assert!(strangers > 100 && known > 50, "{strangers} strangers, {known} users");
    assert!(store.load(first, NOW).await.unwrap().is_some());
    assert_eq!(store.touch(first, countersign::UnixTime::from_secs(1_700_007_200), NOW).await, Ok(true));
    assert_eq!(store.delete(first, NOW).await, Ok(true));
    assert!(store.revoke_user(second.user_hash(), None, KEPT, NOW).await.is_ok());
    assert!(store.load(second, NOW).await.unwrap().is_none());
    println!("a full server: {strangers} strangers, then {known} users, then none; logouts go on");
}

/// An epoch is kept for as long as the longest of all that was asked for, and leaves by itself. Of a user who is revoked again and again, faster than
/// anybody tidies up, no more is left behind than of others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_leaves_by_itself() {
    let redis = Redis::single().unwrap();
    let store = single(&redis.address(), patient());
    let handle = session(&store, SessionKind::SignedIn, b"data").await;
    let tag = handle.user_hash();
    let after = |seconds: u64| countersign::UnixTime::from_secs(NOW.as_secs() + seconds);
    let keys = || redis.ask(&["KEYS", "*"]).unwrap().list().iter().map(|key| key.text().to_owned()).collect::<Vec<_>>();
    let mut epoch = RevocationEpoch::default();
    // The longest counts, that of the sessions that it ends among them; and what tidies up leaves the expiry as it is.
    for (keep_until, seconds) in [(after(100), 4200), (after(5000), 5600), (after(50), 5600)] {
        epoch = epoch.next(NOW);
        assert_eq!(store.revoke_user(tag, None, keep_until, NOW).await, Ok(epoch));
        wait_for("what was revoked is removed", Duration::from_secs(10), || match keys().as_slice() {
            [key] => Ok(key.clone()),
            keys => fail(format!("{keys:?}")),
        })
        .unwrap();
        let key = keys().remove(0);
        let left = redis.ask(&["PTTL", &key]).unwrap();
        // With the slack that clocks may differ by.
        let is_right = |left: i64| (seconds * 1000 - 10_000..=seconds * 1000 + 1000).contains(&left);
        assert!(matches!(left, Reply::Number(left) if is_right(left)), "{left:?} ms");
        let of_epoch = countersign::session::store::SessionContent {
            epoch: epoch.number,
            ..content(SessionKind::SignedIn, b"data")
        };
        let next = Credential::generate(tag).unwrap().handle();
        assert!(matches!(store.create(next, of_epoch, NOW).await, Ok(CreateOutcome::Done(_))));
    }
    for _ in 0..200 {
        epoch = epoch.next(NOW);
        assert_eq!(store.revoke_user(tag, None, after(100), NOW).await, Ok(epoch));
        let of_epoch = countersign::session::store::SessionContent {
            epoch: epoch.number,
            ..content(SessionKind::SignedIn, b"data")
        };
        let next = Credential::generate(tag).unwrap().handle();
        assert!(matches!(store.create(next, of_epoch, NOW).await, Ok(CreateOutcome::Done(_))));
    }
    assert_eq!(store.list_by_user(tag, None, 9, NOW).await.unwrap().len(), 1);
    wait_for("all but the last session is removed", Duration::from_secs(10), || match keys().len() {
        // RevocationEpoch, index, session.
        3 => Ok(()),
        _ => fail(format!("{:?}", keys())),
    })
    .unwrap();
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
            store.create(handle, content(SessionKind::SignedIn, b"data"), NOW).await,
            Ok(CreateOutcome::Done(_) | CreateOutcome::Exists)
        ) {
            assert!(start.elapsed() < Duration::from_secs(20), "it never connects");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("with a silent address in front: connected after {:.1?}", start.elapsed());
    }
}

/// A sentinel that has missed a failover, or that somebody has set up wrongly, names another primary: what most of them name counts, not who
/// answers first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sentinel_alone_is_not_believed() {
    let (watched, other) = (RedisWithSentinel::start().unwrap(), Redis::single().unwrap());
    let liar = sentinels::alone(&other.address()).unwrap();
    let urls: Vec<_> =
        [liar.address()].into_iter().chain(watched.sentinel_addresses()).map(|address| url(&address)).collect();
    for _ in 0..50 {
        let store =
            RedisStore::sentinel(urls.iter().map(String::as_str), PRIMARY_NAME, None, RedisOptions::default()).unwrap();
        let handle = Credential::generate_anonymous().unwrap().handle();
        let start = Instant::now();
        while store.create(handle, content(SessionKind::SignedIn, b"data"), NOW).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "it never connects");
        }
    }
    let made_there = other.ask(&["DBSIZE"]).unwrap();
    println!("50 stores, one of four sentinels names another primary: {made_there:?} keys there");
    assert_eq!(made_there, Reply::Number(0));
    // Two of four are not most of them.
    let urls = [&urls[0], &urls[0], &urls[1], &urls[2]].map(String::as_str);
    let store = RedisStore::sentinel(urls, PRIMARY_NAME, None, RedisOptions::default()).unwrap();
    let handle = Credential::generate_anonymous().unwrap().handle();
    assert_eq!(store.load(handle, NOW).await.map(drop), Err(StoreError::unavailable()));
}

/// The bound that is stated: what the clocks of two servers differ by, here ten minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_outlives_its_end_by_more_than_clocks_differ() {
    let redis = Redis::single().unwrap();
    let stores: Vec<_> = (0..3).map(|_| Arc::new(single(&redis.address(), patient()))).collect();
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
        let lifetimes = Lifetimes {
            idle: Duration::from_secs(1000),
            absolute: Duration::from_secs(10_000),
            renewal_grace: Duration::from_secs(10),
            max_token_age: Duration::ZERO,
        };
        SessionManager::new(single(&redis.address(), patient()), pepper, lifetimes)
    });
    for round in 0..1000 {
        let of = |number: usize| &servers[(round + number) % 3];
        let mut planted = of(0).start(NOW).unwrap();
        of(0).save(&mut planted, NOW).await.unwrap();
        let cookie = planted.cookie_value();
        let mut victim = of(1).load([cookie.as_bytes()], NOW).await.unwrap().unwrap();
        let attempt = of(1).begin_sign_in("alice").await.unwrap();
        of(1).sign_in(&mut victim, &attempt, 1, NOW).await.unwrap();
        assert!(of(2).load([cookie.as_bytes()], NOW).await.unwrap().is_none(), "attempt {round}");
        planted.insert("admin", &true).unwrap();
        assert_eq!(of(2).save(&mut planted, NOW).await, Err(SessionError::Ended));
        let found = of(2).load([victim.cookie_value().as_bytes()], NOW).await.unwrap().unwrap();
        assert_eq!((found.user(), found.get::<bool>("admin").unwrap()), (Some("alice"), None));
    }
}

/// A server that takes everything and says nothing: every call ends in time, and the next one after its return is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_is_unavailable_in_time() {
    let redis = Redis::single().unwrap();
    let link = Link::to(&redis.address()).unwrap();
    let answer = Duration::from_millis(250);
    let store = Arc::new(single(&link.address(), RedisOptions { response_timeout: answer, ..RedisOptions::default() }));
    let handle = session(&*store, SessionKind::SignedIn, b"data").await;
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
            assert_eq!(outcome, Err(StoreError::unavailable()));
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

/// A connection that is closed costs nobody an answer: all who were on it go over to another one, and none of them takes that away from the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_connection_costs_no_answer() {
    let redis = Redis::single().unwrap();
    let store = Arc::new(single(&redis.address(), patient()));
    let handle = session(&*store, SessionKind::SignedIn, b"data").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..256)
        .map(|_| {
            let (store, is_over) = (Arc::clone(&store), Arc::clone(&is_over));
            tokio::spawn(async move {
                let (mut answered, mut refused) = (0, 0);
                while !is_over.load(Ordering::SeqCst) {
                    match store.load(handle, NOW).await {
                        Ok(found) => answered += usize::from(found.is_some()),
                        Err(_) => refused += 1,
                    }
                }
                (answered, refused)
            })
        })
        .collect();
    // A call asks twice: rarely enough for none to be in the way of two.
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    let (mut answered, mut refused) = (0, 0);
    for reader in readers {
        let seen = reader.await.unwrap();
        answered += seen.0;
        refused += seen.1;
    }
    println!("256 readers on a connection that is closed 10 times: {answered} reads, {refused} refused");
    assert_eq!(refused, 0);
    assert!(answered > 1000, "{answered}");
}

/// Asks until it is answered: a server that has just been chosen, or a machine that is busy, may take its time.
async fn is_live_at(store: &RedisStore, handle: Handle) -> bool {
    let start = Instant::now();
    loop {
        match store.load(handle, NOW).await {
            Ok(found) => return found.is_some(),
            Err(error) => assert!(start.elapsed() < Duration::from_secs(20), "no answer within 20 s: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Passes on questions and answers, slowly if need be, until the script comes that it is to lose.
#[derive(Default)]
struct Lossy {
    /// Milliseconds in front of every answer.
    delay: AtomicU64,
    /// How many scripts it is until the one that is lost; 0 for none.
    loses: AtomicUsize,
    /// It is done, and its answer is lost; else it is never done.
    is_done: AtomicBool,
    has_lost: Notify,
    may_close: Notify,
}

impl Lossy {
    /// Returns the address where it listens.
    async fn start(self: &Arc<Self>, target: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (lossy, address) = (Arc::clone(self), listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (lossy, target) = (Arc::clone(&lossy), target.clone());
                tokio::spawn(async move { lossy.pass_on(client, &target).await });
            }
        });
        address
    }

    async fn pass_on(&self, mut client: TcpStream, target: &str) -> std::io::Result<()> {
        let mut server = TcpStream::connect(target).await?;
        let (mut question, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                count = client.read(&mut question) => match count? {
                    0 => return Ok(()),
                    count if self.is_lost(&question[..count]) => {
                        if self.is_done.load(Ordering::SeqCst) {
                            server.write_all(&question[..count]).await?;
                            let _ = server.read(&mut answer).await?;
                        }
                        self.has_lost.notify_one();
                        self.may_close.notified().await;
                        return Ok(());
                    }
                    count => server.write_all(&question[..count]).await?,
                },
                count = server.read(&mut answer) => match count? {
                    0 => return Ok(()),
                    count => {
                        tokio::time::sleep(Duration::from_millis(self.delay.load(Ordering::SeqCst))).await;
                        client.write_all(&answer[..count]).await?;
                    }
                },
            }
        }
    }

    fn is_lost(&self, question: &[u8]) -> bool {
        let is_script = question.windows(7).any(|word| word == b"EVALSHA");
        let less = |left: usize| left.checked_sub(1);
        is_script && self.loses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) == Ok(1)
    }
}

/// A connection that drops in the middle: a script is run again. What it finds gone then, a logout takes for its own work; a rotation does not, as
/// somebody else may have logged out in between, and a live session in the place of that one would undo it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_brings_back_nothing_that_others_have_ended() {
    let redis = Redis::single().unwrap();
    let lossy = Arc::new(Lossy::default());
    let store = Arc::new(single(&lossy.start(redis.address()).await, patient()));
    let direct = single(&redis.address(), patient());
    // All scripts are known afterwards.
    let first = session(&*store, SessionKind::SignedIn, b"data").await;
    assert_eq!(direct.delete(first, NOW).await, Ok(true));

    let old = session(&direct, SessionKind::SignedIn, b"data").await;
    let entry = store.load(old, NOW).await.unwrap().unwrap();
    let new = Credential::generate_anonymous().unwrap().handle();
    // It makes the new one, and then ends the old one.
    lossy.loses.store(2, Ordering::SeqCst);
    let rotating = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.rotate(old, entry.version, new, entry.content, NOW).await }
    });
    lossy.has_lost.notified().await;
    assert_eq!(direct.delete(old, NOW).await, Ok(true), "somebody else logs out");
    lossy.may_close.notify_one();
    let rotated = rotating.await.unwrap();
    let is_back = is_live_at(&direct, new).await;
    println!("logged out in the middle of a rotation: {rotated:?}, the new session is live: {is_back}");
    assert_eq!((rotated, is_back), (Ok(SwapOutcome::Gone), false));

    // Control: a logout whose answer was lost is one.
    let other = session(&direct, SessionKind::SignedIn, b"data").await;
    lossy.is_done.store(true, Ordering::SeqCst);
    lossy.loses.store(1, Ordering::SeqCst);
    lossy.may_close.notify_one();
    assert_eq!(store.delete(other, NOW).await, Ok(true));
}

/// The time of an answer is that of a whole call, however many questions it consists of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_several_questions_ends_in_time() {
    let redis = Redis::single().unwrap();
    let lossy = Arc::new(Lossy::default());
    let answer = Duration::from_millis(500);
    let store = single(&lossy.start(redis.address()).await, RedisOptions { response_timeout: answer, ..patient() });
    let (old, stranger) =
        (session(&store, SessionKind::SignedIn, b"data").await, session(&store, SessionKind::Anonymous, b"data").await);
    let (entry, strange) =
        (store.load(old, NOW).await.unwrap().unwrap(), store.load(stranger, NOW).await.unwrap().unwrap());
    lossy.delay.store(300, Ordering::SeqCst);
    let new = Credential::generate_anonymous().unwrap().handle();
    let start = Instant::now();
    let rotated = store.rotate(old, entry.version, new, entry.content, NOW).await;
    let rotation = start.elapsed();
    // Its memory is looked at again.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let start = Instant::now();
    let swapped = store.compare_and_swap(stranger, strange.version, strange.content, NOW).await;
    let swap = start.elapsed();
    println!(
        "300 ms for a question, {answer:?} for a call: a rotation takes {rotation:.1?}, a stranger's swap {swap:.1?}"
    );
    assert_eq!((rotated, swapped), (Err(StoreError::unavailable()), Err(StoreError::unavailable())));
    assert!(rotation.max(swap) < answer + Duration::from_millis(300));
}

/// Strangers' sessions do not grow past the limit either that new ones are refused from; and while nobody knows how full it is, none is let in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_do_not_grow_past_their_limit() {
    let redis = Redis::with(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]).unwrap();
    let store = single(&redis.address(), patient());
    let mut strangers = Vec::new();
    for _ in 0..600 {
        strangers.push(session(&store, SessionKind::Anonymous, b"small").await);
    }
    let mut grown = 0;
    let full = loop {
        let handle = strangers[grown];
        let entry = store.load(handle, NOW).await.unwrap().unwrap();
        match store.compare_and_swap(handle, entry.version, content(SessionKind::Anonymous, &[b'x'; 6000]), NOW).await {
            Ok(outcome) => assert!(matches!(outcome, SwapOutcome::Done(_)), "{outcome:?}"),
            Err(error) => break error,
        }
        grown += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(full, StoreError::full());
    let mut known = 0;
    while known < 20 {
        let handle = Credential::generate_anonymous().unwrap().handle();
        let made = store.create(handle, content(SessionKind::SignedIn, &[b'x'; 4000]), NOW).await;
        assert!(matches!(made, Ok(CreateOutcome::Done(_))), "after {known} users: {made:?}");
        known += 1;
    }
    println!("600 small strangers, of whom {grown} grow until they are refused; {known} users sign in after that");

    // As that of the example, but it may not ask for the memory.
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    let rights = ["ACL", "SETUSER", "blind", "on", ">secret", "~*", "+@all", "-info"];
    redis.ask(&rights).unwrap();
    let blind = single(&format!("blind:secret@{}", redis.address()), patient());
    for _ in 0..3 {
        let handle = Credential::generate_anonymous().unwrap().handle();
        let outcome = blind.create(handle, content(SessionKind::Anonymous, b"data"), NOW).await;
        assert_eq!(outcome, Err(StoreError::unavailable()));
    }
    session(&blind, SessionKind::SignedIn, b"data").await;
}

// ---------------------------------------------------------------------------------------------- replicas

/// A replica that is missing costs the promise that it confirms, and nothing else: every logout is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_replica_turns_no_logout_off() {
    let redis = Redis::single().unwrap();
    let store = Arc::new(single(&redis.address(), awaiting(1)));
    let mut handles = Vec::new();
    for _ in 0..300 {
        handles.push(session(&*store, SessionKind::SignedIn, b"data").await);
    }
    let mut logouts = Vec::new();
    for (number, handle) in handles.iter().copied().enumerate() {
        let store = Arc::clone(&store);
        logouts.push(tokio::spawn(async move {
            match number % 3 {
                0 => store.revoke_user(handle.user_hash(), None, KEPT, NOW).await.map(drop),
                _ => store.delete(handle, NOW).await.map(drop),
            }
        }));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (mut not_replicated, mut others) = (0, Vec::new());
    for logout in logouts {
        match logout.await.unwrap() {
            Err(error) if error.kind() == StoreErrorKind::NotReplicated => not_replicated += 1,
            other => others.push(other),
        }
    }
    let mut live = 0;
    for handle in &handles {
        live += usize::from(is_live_at(&store, *handle).await);
    }
    println!(
        "300 logouts at 100/s without the replica that is waited for: {not_replicated} NotReplicated, {live} still live"
    );
    assert_eq!((not_replicated, live), (300, 0), "{others:?}");
    let last = session(&*store, SessionKind::SignedIn, b"data").await;
    let _replica = Redis::replica_of(&redis.address()).unwrap();
    let start = Instant::now();
    deleted(&store, last).await;
    println!("with a replica the next one is confirmed, after {:.1?}", start.elapsed());
}

/// A revocation runs twice where replicas are waited for: it is one epoch, and who signs in between the two stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_is_waited_for_is_one() {
    let primary = Redis::single().unwrap();
    let _replica = Redis::replica_of(&primary.address()).unwrap();
    let store = Arc::new(single(&primary.address(), awaiting(1)));
    let other = single(&primary.address(), patient());
    let handle = session(&*store, SessionKind::SignedIn, b"data").await;
    deleted(&store, handle).await;
    let (tag, mut lost, mut between, mut before) = (handle.user_hash(), 0, 0, RevocationEpoch::default());
    for round in 1..=500 {
        let stale = Credential::generate(tag).unwrap().handle();
        let old = countersign::session::store::SessionContent {
            epoch: before.number,
            ..content(SessionKind::SignedIn, b"data")
        };
        let epoch = before.next(NOW);
        assert!(matches!(other.create(stale, old, NOW).await, Ok(CreateOutcome::Done(_))));
        let revoking = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.revoke_user(tag, None, KEPT, NOW).await }
        });
        while other.epoch(tag).await.unwrap().number < epoch.number {}
        let new = Credential::generate(tag).unwrap().handle();
        let fresh = countersign::session::store::SessionContent {
            epoch: epoch.number,
            ..content(SessionKind::SignedIn, b"data")
        };
        assert!(matches!(other.create(new, fresh, NOW).await, Ok(CreateOutcome::Done(_))), "round {round}");
        between += usize::from(!revoking.is_finished());
        assert_eq!(revoking.await.unwrap(), Ok(epoch));
        before = epoch;
        assert!(!is_live_at(&other, stale).await);
        lost += usize::from(!is_live_at(&other, new).await);
    }
    println!(
        "500 revocations, each one epoch; of those who signed in at once, {between} before it was confirmed, {lost} are out"
    );
    assert!(lost == 0 && between > 0, "{lost} lost, {between} in between");
}

/// In a cluster, too: it is waited for on the node that has it, by the connection that has written it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_confirms_what_its_replicas_have() {
    let mut redis = RedisCluster::start().unwrap();
    redis.add_replicas().unwrap();
    let store = Arc::new(cluster(&redis, awaiting(1)));
    let mut handles = Vec::new();
    for _ in 0..90 {
        handles.push(session(&*store, SessionKind::SignedIn, b"data").await);
    }
    for handle in handles.drain(..30) {
        deleted(&store, handle).await;
    }
    println!("30 logouts on three nodes that have their replicas: all confirmed");
    // Asleep, they are no less connected, and a connection that has written nothing would be told that they have it all.
    let asleep: Vec<_> = redis.replicas.iter().map(|replica| replica.server.address()).collect();
    for address in asleep {
        std::thread::spawn(move || drop(kit::redis::ask(&address, &["DEBUG", "SLEEP", "60"])));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let cutters: Vec<_> = redis.nodes.iter().map(|node| cut_off_who_waits(node, &is_over)).collect();
    let (mut confirmed, mut not_replicated) = (0, 0);
    for handles in handles.chunks(3) {
        let logouts = handles.iter().copied().map(|handle| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.delete(handle, NOW).await })
        });
        for logout in logouts.collect::<Vec<_>>() {
            let outcome = logout.await.unwrap();
            confirmed += usize::from(outcome.is_ok());
            not_replicated += usize::from(outcome == Err(StoreError::not_replicated()));
        }
    }
    is_over.store(true, Ordering::SeqCst);
    let cuts: usize = cutters.into_iter().map(|cutter| cutter.join().unwrap()).sum();
    println!(
        "60 logouts, replicas asleep, waiting connections cut {cuts} times: {confirmed} confirmed, {not_replicated} NotReplicated"
    );
    assert_eq!((confirmed, not_replicated), (0, 60));
    assert!(cuts > 10);
}

/// Closes every connection to this node that is waiting for replicas, until it is over; how many it was.
fn cut_off_who_waits(node: &Redis, is_over: &Arc<AtomicBool>) -> std::thread::JoinHandle<usize> {
    let (address, is_over) = (node.server.address(), Arc::clone(is_over));
    std::thread::spawn(move || {
        let mut connection = kit::redis::Connection::to(&address).unwrap();
        let mut cuts = 0;
        while !is_over.load(Ordering::SeqCst) {
            let clients = connection.ask(&["CLIENT", "LIST"]).unwrap();
            for line in clients.text().lines().filter(|line| line.contains("flags=b")) {
                let id = line.split(' ').find_map(|word| word.strip_prefix("id=")).unwrap();
                // It may have gone by itself.
                cuts += usize::from(connection.ask(&["CLIENT", "KILL", "ID", id]).is_ok());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        cuts
    })
}

// ---------------------------------------------------------------------------------------------- failover

/// Logouts that were answered as replicated, with the primary killed among them: none is undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_logout_is_undone_by_a_failover() {
    let kills = if is_long() { 20 } else { 4 };
    let mut redis = RedisWithSentinel::start().unwrap();
    let store = Arc::new(sentinel(&redis, awaiting(1)));
    let (mut confirmed, mut undone, mut slowest) = (0, 0, Duration::ZERO);
    for kill in 0..kills {
        let mut handles = Vec::new();
        for _ in 0..40 {
            handles.push(session(&*store, SessionKind::SignedIn, b"data").await);
        }
        let logouts = handles.iter().enumerate().map(|(number, handle)| {
            let (store, handle) = (Arc::clone(&store), *handle);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(number as u64)).await;
                // Both ways out.
                let is_out = if number % 2 == 0 {
                    store.delete(handle, NOW).await == Ok(true)
                } else {
                    store.revoke_user(handle.user_hash(), None, KEPT, NOW).await.is_ok()
                };
                is_out.then_some(handle)
            })
        });
        let logouts: Vec<_> = logouts.collect();
        tokio::time::sleep(Duration::from_millis((kill + 1) as u64 * 40 / kills as u64)).await;
        let old = redis.kill_primary().unwrap();
        let killed = Instant::now();
        let mut out = Vec::new();
        for logout in logouts {
            out.extend(logout.await.unwrap());
        }
        // A write that is answered: the application is back.
        let handle = Credential::generate_anonymous().unwrap().handle();
        while !matches!(
            store.create(handle, content(SessionKind::SignedIn, b"back"), NOW).await,
            Ok(CreateOutcome::Done(_) | CreateOutcome::Exists)
        ) {
            assert!(killed.elapsed() < Duration::from_secs(30), "writes do not come back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        slowest = slowest.max(killed.elapsed());
        confirmed += out.len();
        for handle in out {
            undone += usize::from(is_live_at(&store, handle).await);
        }
        redis.wait_for_failover(&old, Duration::from_secs(30)).unwrap();
        redis.heal().unwrap();
    }
    println!(
        "{kills} primaries killed: {confirmed} logouts confirmed, {undone} undone; writes back within {slowest:.1?}"
    );
    assert_eq!(undone, 0);
    assert!(confirmed > kills, "hardly any logout was confirmed, so nothing was shown");
}

/// Control: without a replica that is waited for, and with the link to it cut, logouts that were answered come undone; with one, they are
/// not answered as done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unconfirmed_logout_is_undone_by_a_failover() {
    let primary = Redis::single().unwrap();
    let link = Link::to(&primary.address()).unwrap();
    let replica = Redis::replica_of(&link.address()).unwrap();
    let careless = single(&primary.address(), patient());
    let careful = single(&primary.address(), awaiting(1));
    let mut handles = Vec::new();
    for _ in 0..20 {
        handles.push(session(&careful, SessionKind::SignedIn, b"data").await);
    }
    // Through the link, and so behind all of them.
    let behind_all = single(&primary.address(), RedisOptions { min_replica_acks: 1, ..patient() });
    assert_eq!(behind_all.delete(handles[19], NOW).await, Ok(true));
    link.set(Mode::Cut).unwrap();
    for handle in &handles[..10] {
        assert_eq!(careless.delete(*handle, NOW).await, Ok(true));
    }
    assert_eq!(careful.delete(handles[10], NOW).await, Err(StoreError::not_replicated()));
    // Asked again, it is gone from the primary, and still on the replica: on a new connection, which has not written it, as well.
    assert_eq!(careful.delete(handles[10], NOW).await, Err(StoreError::not_replicated()));
    let again = single(&primary.address(), awaiting(1));
    assert_eq!(again.delete(handles[10], NOW).await, Err(StoreError::not_replicated()));
    assert_eq!(again.revoke_user(handles[11].user_hash(), None, KEPT, NOW).await, Err(StoreError::not_replicated()));
    // Who signs in gets his cookie in any case: the old one is of no use any more.
    let entry = careful.load(handles[12], NOW).await.unwrap().unwrap();
    let renewed = Credential::generate(handles[12].user_hash()).unwrap().handle();
    let rotated = careful.rotate(handles[12], entry.version, renewed, entry.content, NOW).await;
    assert!(matches!(rotated, Ok(SwapOutcome::Done(_))), "{rotated:?}");
    drop(primary);
    replica.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();
    let promoted = single(&replica.address(), patient());
    let mut undone = 0;
    for handle in &handles[..10] {
        undone += usize::from(is_live_at(&promoted, *handle).await);
    }
    println!("control, 10 logouts answered by a primary alone, which is then lost: {undone} undone");
    assert_eq!(undone, 10);
    assert!(!is_live_at(&promoted, handles[19]).await, "the one that was replicated");
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
    let careful = awaiting(1);
    let ahead = sentinel(&redis, RedisOptions { min_replica_acks: 2, ..careful.clone() });
    let mut handles = Vec::new();
    for _ in 0..3 {
        handles.push(session(&ahead, SessionKind::SignedIn, b"data").await);
    }
    // Behind all of them, and on both replicas.
    deleted(&ahead, handles[2]).await;
    let (old, its_own) = redis.isolate_primary().unwrap();
    let (left, careless) =
        (single(&its_own, careful.clone()), single(&its_own, RedisOptions { min_replica_acks: 0, ..careful.clone() }));
    let mut refused = 0;
    for _ in 0..2 {
        let (deleted, revoked) =
            (left.delete(handles[0], NOW).await, left.revoke_user(handles[0].user_hash(), None, KEPT, NOW).await);
        assert!(deleted.is_err() && revoked.is_err(), "{deleted:?}, {revoked:?}");
        refused += 2;
    }
    // Control: who waits for nobody is told that it is done.
    assert_eq!(careless.delete(handles[1], NOW).await, Ok(true));
    let new = redis.wait_for_failover(&old, Duration::from_secs(15)).unwrap();
    let promoted = single(&new, careful);
    for handle in &handles[..2] {
        assert!(is_live_at(&promoted, *handle).await, "the others know nothing of it");
    }
    assert_eq!(left.delete(handles[0], NOW).await, Err(StoreError::not_replicated()));
    println!(
        "a primary that is cut off: {refused} logouts, none confirmed; one that nobody was waited for with, undone"
    );
    redis.heal().unwrap();
    deleted(&ahead, handles[0]).await;
    assert!(!is_live_at(&ahead, handles[0]).await);
    assert!(is_live_at(&ahead, handles[1]).await, "what the careless one has ended");
}

/// Reads a session again and again; when it was read last, and what was said at last.
struct Reader {
    is_over: Arc<AtomicBool>,
    reading: tokio::task::JoinHandle<(Instant, Result<bool, StoreError>)>,
}

impl Reader {
    fn of(store: RedisStore, handle: Handle) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let reading = tokio::spawn(async move {
            let (mut last_read, mut last) = (Instant::now(), Ok(true));
            while !until.load(Ordering::SeqCst) {
                last = store.load(handle, NOW).await.map(|found| found.is_some());
                if last == Ok(true) {
                    last_read = Instant::now();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (last_read, last)
        });
        Self { is_over, reading }
    }

    async fn end(self) -> (Instant, Result<bool, StoreError>) {
        self.is_over.store(true, Ordering::SeqCst);
        self.reading.await.unwrap()
    }
}

/// A primary that is none any more for all but those who are connected to it: they go by what most sentinels say, and if they cannot hear that,
/// they stop reading in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_none_any_more_is_not_believed_for_long() {
    let mut redis = RedisWithSentinel::start().unwrap();
    let links: Vec<_> = redis.sentinel_addresses().iter().map(|address| Link::to(address).unwrap()).collect();
    let (answer, staleness) = (Duration::from_millis(500), Duration::from_secs(4));
    let options = RedisOptions { response_timeout: answer, max_primary_age: staleness, ..RedisOptions::default() };
    let behind_links = || {
        let urls: Vec<_> = links.iter().map(|link| url(&link.address())).collect();
        RedisStore::sentinel(urls.iter().map(String::as_str), PRIMARY_NAME, None, options.clone()).unwrap()
    };
    let ahead = sentinel(&redis, awaiting(2));
    let (handle, last) =
        (session(&ahead, SessionKind::SignedIn, b"data").await, session(&ahead, SessionKind::SignedIn, b"data").await);
    // Behind it, and on both replicas.
    deleted(&ahead, last).await;
    let (far, near, returning) = (behind_links(), sentinel(&redis, options.clone()), behind_links());
    for store in [&far, &near, &returning] {
        assert!(is_live_at(store, handle).await);
    }
    let (far, near) = (Reader::of(far, handle), Reader::of(near, handle));
    // One is left, which is not most of them, whatever it says.
    for link in &links[1..] {
        link.set(Mode::Cut).unwrap();
    }
    let cut = Instant::now();
    let old = redis.seclude_primary().unwrap();
    let new = redis.wait_for_failover(&old, Duration::from_secs(20)).unwrap();
    assert_eq!(single(&new, patient()).delete(handle, NOW).await, Ok(true));
    let logged_out = Instant::now();
    // Longer than the bound after both.
    tokio::time::sleep(staleness + answer + Duration::from_secs(1)).await;
    let ((far_read, far_said), (near_read, near_said)) = (far.end().await, near.end().await);
    let (far_read, near_read) =
        (far_read.saturating_duration_since(cut), near_read.saturating_duration_since(logged_out));
    println!(
        "a new primary, a logout there {:.1?} after the cut: who hears one of three sentinels reads for {far_read:.1?} after the cut, bound {:.1?}, \
         and then {far_said:?}; who hears all, for {near_read:.1?} after the logout, and then {near_said:?}",
        logged_out - cut,
        staleness + answer
    );
    // The task that reads may have to wait for a processor.
    assert!(!far_read.is_zero() && far_read < staleness + answer + Duration::from_millis(300), "{far_read:?}");
    assert_eq!(far_said, Err(StoreError::unavailable()));
    assert!(near_read < staleness + answer, "{near_read:?}");
    assert_eq!(near_said, Ok(false));
    for link in &links {
        link.set(Mode::Open).unwrap();
    }
    assert!(!is_live_at(&returning, handle).await, "once it hears them again");
}
