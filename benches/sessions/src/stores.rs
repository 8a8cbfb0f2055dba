//! Every store in one run: calls a second, one after the other, and how long they take; on Redis beside tower-sessions.

use crate::cluster_tests::kit::nats::{Nats, NatsCluster};
use crate::cluster_tests::kit::redis::Redis;
use countersign::UnixTime;
use countersign::session::Handle;
use countersign::session::credential::Credential;
use countersign::session::nats::{NatsOptions, NatsStore};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::Budgets;
use countersign::session::store::{
    CreateOutcome, Deadlines, DiskStore, MemoryStore, SessionContent, SessionKind, SessionStore, SwapOutcome,
};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tower_sessions_core::SessionStore as TheirStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_redis_store::RedisStore as TheirRedis;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

const CALLS: usize = 4000;
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
/// Of the application's data, as JSON; theirs carries the same.
const DATA: usize = 200;

pub async fn run() {
    let (redis, nats) = (Redis::single().unwrap(), Nats::single().unwrap());
    let folder = std::env::temp_dir().join(format!("countersign-stores-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let options = RedisOptions { response_timeout: Duration::from_secs(5), ..RedisOptions::default() };
    let shared = RedisStore::single(&format!("redis://{}", redis.address()), options).unwrap();
    let url = nats.url();
    let replicated = NatsStore::connect([url.as_str()], NatsOptions::default()).await.unwrap();
    println!("{:<24} {:>9} {:>10} {:>10} {:>12} {:>10} {:>10}", "", "load/s", "p50", "p99", "swap/s", "p50", "p99");
    measure("memory", &MemoryStore::new(Budgets { anonymous: 64 << 20, signed_in: 64 << 20 })).await;
    measure(
        "disk",
        &DiskStore::open(folder.join("s.redb"), Budgets { anonymous: 1 << 30, signed_in: 1 << 30 }).unwrap(),
    )
    .await;
    let ours = measure("redis", &shared).await;
    measure("nats", &replicated).await;
    let by_three = NatsCluster::start().unwrap();
    let (urls, options) = (by_three.urls(), NatsOptions { stream_replicas: 3, ..NatsOptions::default() });
    measure("nats, three servers", &NatsStore::connect(urls.iter().map(String::as_str), options).await.unwrap()).await;
    drop(by_three);
    let theirs = measure_theirs(&redis.address()).await;
    println!(
        "redis, beside tower-sessions-redis-store: load {:.2}, swap (there: save) {:.2} times as fast, by p50",
        theirs[0] / ours[0],
        theirs[1] / ours[1]
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// Seconds that half of the loads and half of the swaps took at most: on a machine that does other work beside it, sums say less.
async fn measure(name: &str, store: &impl SessionStore) -> [f64; 2] {
    let content = SessionContent {
        kind: SessionKind::SignedIn,
        deadlines: Deadlines { idle: UnixTime::from_secs(1_700_001_800), absolute: UnixTime::from_secs(1_700_043_200) },
        epoch: 0,
        bytes: [b'x'; DATA + 100].as_slice().into(),
    };
    let mut sessions: Vec<(Handle, u64)> = Vec::new();
    for _ in 0..100 {
        let handle = Credential::generate_anonymous().unwrap().handle();
        let Ok(CreateOutcome::Done(version)) = store.create(handle, content.clone(), NOW).await else {
            panic!("not made")
        };
        sessions.push((handle, version));
    }
    let (mut loads, mut swaps) = (Vec::new(), Vec::new());
    for number in 0..CALLS {
        let start = Instant::now();
        assert!(store.load(sessions[number % 100].0, NOW).await.unwrap().is_some());
        loads.push(start.elapsed());
    }
    for number in 0..CALLS {
        let (handle, version) = sessions[number % 100];
        let start = Instant::now();
        let Ok(SwapOutcome::Done(next)) = store.compare_and_swap(handle, version, content.clone(), NOW).await else {
            panic!("not swapped")
        };
        swaps.push(start.elapsed());
        sessions[number % 100].1 = next;
    }
    report(name, loads, swaps)
}

async fn measure_theirs(address: &str) -> [f64; 2] {
    let pool = Pool::new(Config::from_url(&format!("redis://{address}")).unwrap(), None, None, None, 1).unwrap();
    pool.connect();
    pool.wait_for_connect().await.unwrap();
    let store = TheirRedis::new(pool);
    let mut records = Vec::new();
    for number in 0..100 {
        let data = [("data".to_owned(), "x".repeat(DATA).into())].into_iter().collect();
        let mut record =
            Record { id: Id(number), data, expiry_date: OffsetDateTime::now_utc() + Duration::from_secs(1800) };
        store.create(&mut record).await.unwrap();
        records.push(record);
    }
    let (mut loads, mut saves) = (Vec::new(), Vec::new());
    for number in 0..CALLS {
        let start = Instant::now();
        assert!(store.load(&records[number % 100].id).await.unwrap().is_some());
        loads.push(start.elapsed());
    }
    for number in 0..CALLS {
        let start = Instant::now();
        store.save(&records[number % 100]).await.unwrap();
        saves.push(start.elapsed());
    }
    report("tower-sessions on redis", loads, saves)
}

fn report(name: &str, mut loads: Vec<Duration>, mut swaps: Vec<Duration>) -> [f64; 2] {
    let mut cells = Vec::new();
    let mut medians = [0.0; 2];
    for (median, times) in medians.iter_mut().zip([&mut loads, &mut swaps]) {
        let sum = times.iter().sum::<Duration>().as_secs_f64();
        times.sort();
        *median = times[CALLS / 2].as_secs_f64();
        cells.push(format!("{:.0}", CALLS as f64 / sum));
        cells.push(format!("{:.1?}", times[CALLS / 2]));
        cells.push(format!("{:.1?}", times[CALLS * 99 / 100]));
    }
    println!(
        "{name:<24} {:>9} {:>10} {:>10} {:>12} {:>10} {:>10}",
        cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]
    );
    medians
}
