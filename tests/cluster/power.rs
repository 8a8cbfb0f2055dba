//! The power goes at a server of Redis or of NATS: its disk has what it was told to sync, and of the rest nothing, or anything.

use crate::kit::nats::{Nats, NatsCluster};
use crate::kit::power::{Micros, Recording, Unsynced, micros};
use crate::kit::process::Folder;
use crate::kit::redis::Redis;
use crate::races::{NOW, content};
use countersign::session::Handle;
use countersign::session::credential::Credential;
use countersign::session::nats::{NatsOptions, NatsStore};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::{CreateOutcome, SessionKind, SessionStore};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Patient, as the machine that the tests run on may be busy.
const ANSWER: Duration = Duration::from_secs(5);

const STREAM: &str = "KV_countersign";

/// A session, and what was asked for and answered when.
struct Told {
    handle: Handle,
    made: Micros,
    /// When its end was asked for, and when that was answered.
    ended: Option<(Micros, Micros)>,
}

/// Four writers, each so many sessions, of which every second one is ended again.
async fn written_to<S: SessionStore + Send + Sync + 'static>(stores: &[Arc<S>], each: usize) -> Vec<Told> {
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = Arc::clone(&stores[writer % stores.len()]);
            tokio::spawn(async move {
                let mut told = Vec::new();
                for number in 0..each {
                    let handle = Credential::generate_anonymous().unwrap().handle();
                    let made = store.create(handle, content(SessionKind::SignedIn, b"data"), NOW).await;
                    assert!(matches!(made, Ok(CreateOutcome::Done(_))), "{made:?}");
                    let made = micros();
                    let mut ended = None;
                    if number % 2 == 0 {
                        let asked = micros();
                        assert_eq!(store.delete(handle, NOW).await, Ok(true));
                        ended = Some((asked, micros()));
                    }
                    told.push(Told { handle, made, ended });
                }
                told
            })
        })
        .collect();
    let mut all = Vec::new();
    for writer in writers {
        all.extend(writer.await.unwrap());
    }
    all.sort_by_key(|told| told.made);
    all
}

/// Ends every second one of those.
async fn end_half<S: SessionStore>(store: &S, told: &mut [Told]) {
    for Told { handle, ended, .. } in told.iter_mut().filter(|told| told.ended.is_none()).step_by(2) {
        let asked = micros();
        assert_eq!(store.delete(*handle, NOW).await, Ok(true));
        *ended = Some((asked, micros()));
    }
}

/// How many sessions were known at that moment, how many of them are lost, and how many are back that were over.
async fn found_in<S: SessionStore>(store: &S, told: &[Told], at: Micros) -> [usize; 3] {
    let start = Instant::now();
    while store.load(told[0].handle, NOW).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "the server does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let [mut known, mut lost, mut revived] = [0; 3];
    for Told { handle, made, ended } in told {
        let is_there = store.load(*handle, NOW).await.unwrap().is_some();
        match ended {
            Some((_, answered)) if *answered <= at => revived += usize::from(is_there),
            Some((asked, _)) if *asked <= at => continue,
            _ if *made <= at => lost += usize::from(!is_there),
            _ => continue,
        }
        known += 1;
    }
    [known, lost, revived]
}

fn sum(a: [usize; 3], b: [usize; 3]) -> [usize; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// A server as in the examples, but for how often it syncs; with sessions of which some were there before it was recorded.
struct RecordedRedis {
    redis: Redis,
    store: Arc<RedisStore>,
    told: Vec<Told>,
    recording: Recording,
    _folder: Folder,
}

impl RecordedRedis {
    async fn that_syncs(often: &str) -> Self {
        let config = include_str!("../../examples/cluster/redis.conf").replace("PASSWORD", "obvious-test-password");
        let config = config.replace("appendfsync always", &format!("appendfsync {often}"));
        let (mut redis, folder) = Redis::start_as(&config).unwrap();
        let options = RedisOptions { connect_timeout: ANSWER, response_timeout: ANSWER, ..RedisOptions::default() };
        let url = format!("redis://sessions:obvious-test-password@{}", redis.address());
        let store = Arc::new(RedisStore::single(&url, options).unwrap());
        let mut told = written_to(&[Arc::clone(&store)], 25).await;
        redis.server.restart_recorded().unwrap();
        assert_eq!(found_in(&*store, &told, Micros::MAX).await, [100, 0, 0]);
        end_half(&*store, &mut told).await;
        told.extend(written_to(&[Arc::clone(&store)], 100).await);
        let recording = redis.server.end_recorded().unwrap();
        Self { redis, store, told, recording, _folder: folder }
    }

    /// What is there if the power goes at that moment.
    async fn without_power(&mut self, at: Micros, unsynced: Unsynced) -> [usize; 3] {
        self.redis.server.restart_without_power(&self.recording, at, unsynced).unwrap();
        found_in(&*self.store, &self.told, at).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_has_on_disk_what_it_answers() {
    const CUTS: usize = 20;
    // Closer together than syncs are, as once a second there is one, and what was ended before it is on the disk.
    const CONTROLS: usize = 40;
    let mut redis = RecordedRedis::that_syncs("always").await;
    let (mut found, mut unsynced_writes) = ([0; 3], 0);
    let moments = redis.recording.moments(CUTS);
    for (number, at) in moments.iter().enumerate() {
        unsynced_writes += redis.recording.unsynced_at(*at);
        for unsynced in [Unsynced::Lost, Unsynced::Torn(number as u64)] {
            let judged = redis.without_power(*at, unsynced).await;
            assert_eq!(judged[1..], [0, 0], "cut {number}, {unsynced:?}");
            found = sum(found, judged);
        }
    }
    let ([known, lost, revived], cuts) = (found, moments.len());
    println!(
        "Redis, always: the power gone at {cuts} moments, {unsynced_writes} writes not synced, and nothing of them on the disk, or a part: of {known} reads {lost} lost, {revived} revived"
    );
    assert!(cuts == CUTS && known > 100 * CUTS, "hardly anything was shown");

    // What this can find: the same with everysec, which answers before it syncs.
    let mut redis = RecordedRedis::that_syncs("everysec").await;
    let mut found = [0; 3];
    for at in redis.recording.moments(CONTROLS) {
        found = sum(found, redis.without_power(at, Unsynced::Lost).await);
    }
    let [known, lost, revived] = found;
    println!("Redis, everysec: the power gone at {CONTROLS} moments: of {known} reads {lost} lost, {revived} revived");
    assert!(lost > 0 && revived > 0, "what is not synced must be missed");
}

async fn nats_store(url: &str, replicas: usize) -> Arc<NatsStore> {
    let options = NatsOptions {
        response_timeout: ANSWER,
        max_staleness: Duration::from_secs(4),
        stream_replicas: replicas,
        ..NatsOptions::default()
    };
    Arc::new(NatsStore::connect([url], options).await.unwrap())
}

/// A server as in the examples, which syncs before it answers, and one that does so every two minutes: the control.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_of_nats_has_on_disk_what_it_answers() {
    for syncs in [true, false] {
        let mut nats = if syncs { Nats::that_syncs() } else { Nats::single() }.unwrap();
        let url = nats.url();
        let store = nats_store(&url, 1).await;
        let mut told = written_to(&[Arc::clone(&store)], 25).await;
        nats.server.restart_recorded().unwrap();
        assert_eq!(found_in(&*store, &told, Micros::MAX).await, [100, 0, 0]);
        end_half(&*store, &mut told).await;
        told.extend(written_to(&[store], 25).await);
        let recording = nats.server.end_recorded().unwrap();
        let at = told[told.len() - 1].made;
        nats.server.restart_without_power(&recording, at, Unsynced::Lost).unwrap();
        // A server of yours that is started then has what is left, and goes on.
        let store = nats_store(&url, 1).await;
        let [known, lost, revived] = found_in(&*store, &told, at).await;
        println!(
            "NATS, one server, syncs {}: the power gone: of {known} sessions {lost} lost, {revived} revived",
            if syncs { "always" } else { "every two minutes" }
        );
        assert_eq!((lost, revived) == (0, 0), syncs, "it keeps more, or less, than the guide says");
        assert_eq!(written_to(&[store], 1).await.len(), 4);
    }
}

/// Three servers that keep the bucket together, a server of the application at each, and sessions.
async fn three_servers(nats: NatsCluster) -> (NatsCluster, Vec<Arc<NatsStore>>, Vec<Told>) {
    let mut stores = Vec::new();
    for url in nats.urls() {
        stores.push(nats_store(&url, 3).await);
    }
    let told = written_to(&stores, 25).await;
    (nats, stores, told)
}

/// One of three comes back with what its disk had, leads, and feeds the copies: what the two others have is not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_of_nats_lose_nothing_with_the_disk_of_one() {
    let (mut nats, stores, mut told) = three_servers(NatsCluster::start().unwrap()).await;
    for role in ["leads", "follows"] {
        let node = nats.leader_of(STREAM).unwrap();
        nats.nodes[node].server.restart_recorded().unwrap();
        nats.wait_until_whole().unwrap();
        nats.make_leader(STREAM, if role == "leads" { node } else { (node + 1) % 3 }).unwrap();
        nats.wait_until_whole().unwrap();
        for store in &stores {
            assert_eq!(found_in(&**store, &told, Micros::MAX).await[1..], [0, 0]);
        }
        end_half(&*stores[(node + 1) % 3], &mut told).await;
        told.extend(written_to(&stores, 25).await);
        let recording = nats.nodes[node].server.end_recorded().unwrap();
        nats.leader_of(STREAM).unwrap();
        nats.nodes[node].server.restart_without_power(&recording, Micros::MAX, Unsynced::Lost).unwrap();
        nats.wait_until_whole().unwrap();
        nats.make_leader(STREAM, node).unwrap();
        nats.wait_until_whole().unwrap();
        let mut found = [0; 3];
        for store in [&stores[..], &[nats_store(&nats.urls()[node], 3).await]].concat() {
            found = sum(found, found_in(&*store, &told, Micros::MAX).await);
        }
        let [read, lost, revived] = found;
        println!(
            "NATS, three servers: the power gone at one that {role}: of {read} reads {lost} lost, {revived} revived"
        );
        assert_eq!((lost, revived), (0, 0));
    }
}

/// It goes everywhere at once, at servers that sync before they answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_of_nats_have_on_disk_what_they_answer() {
    let (mut nats, stores, mut told) = three_servers(NatsCluster::that_syncs().unwrap()).await;
    for node in &mut nats.nodes {
        node.server.kill();
    }
    for node in &mut nats.nodes {
        node.server.restart_recorded().unwrap();
    }
    nats.wait_until_whole().unwrap();
    for store in &stores {
        assert_eq!(found_in(&**store, &told, Micros::MAX).await, [100, 0, 0]);
    }
    end_half(&*stores[0], &mut told).await;
    told.extend(written_to(&stores, 25).await);
    let recordings: Vec<_> = nats.nodes.iter_mut().map(|node| node.server.end_recorded().unwrap()).collect();
    for (node, recording) in nats.nodes.iter_mut().zip(&recordings) {
        node.server.restart_without_power(recording, Micros::MAX, Unsynced::Lost).unwrap();
    }
    nats.wait_until_whole().unwrap();
    let store = nats_store(&nats.urls()[0], 3).await;
    let [known, lost, revived] = found_in(&*store, &told, Micros::MAX).await;
    println!(
        "NATS, three servers that sync: the power gone at all: of {known} sessions {lost} lost, {revived} revived"
    );
    assert_eq!((lost, revived), (0, 0));
    assert_eq!(written_to(&[store], 1).await.len(), 4);
}
