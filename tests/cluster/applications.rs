//! Several applications on the same servers, with the same pepper and users of the same names: none touches what is another's.

use crate::kit::nats::Nats;
use crate::kit::redis::{Redis, RedisCluster};
use crate::races::{KEPT, NOW, content};
use countersign::UnixTime;
use countersign::session::credential::{Credential, UserHash};
use countersign::session::laws::{self, Law};
use countersign::session::nats::{NatsOptions, NatsStore};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::{
    CreateOutcome, RevocationEpoch, SessionContent, SessionKind, SessionStore, StoreError, SwapOutcome,
};
use countersign::session::{Handle, Pepper};
use std::time::{Duration, Instant};

/// What a store says of its servers.
fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

/// The sessions that nobody has used since are over by then.
const LATER: UnixTime = UnixTime::from_secs(1_700_010_000);

fn redis_options(prefix: &str) -> RedisOptions {
    let patience = Duration::from_secs(5);
    RedisOptions {
        prefix: prefix.into(),
        connect_timeout: patience,
        response_timeout: patience,
        ..RedisOptions::default()
    }
}

fn nats_options(bucket: &str) -> NatsOptions {
    NatsOptions {
        bucket: bucket.into(),
        max_bytes: 4 << 20,
        response_timeout: Duration::from_secs(5),
        max_staleness: Duration::from_secs(4),
        ..NatsOptions::default()
    }
}

fn alice() -> UserHash {
    Pepper::new(b"an obvious test key of 32 bytes!").unwrap().user_hash(b"alice")
}

fn of_alice() -> Handle {
    Credential::generate(alice()).unwrap().handle()
}

async fn make<S: SessionStore>(store: &S, handle: Handle, kind: SessionKind, whose: &str) {
    let made = store.create(handle, content(kind, whose.as_bytes()), NOW).await;
    assert!(matches!(made, Ok(CreateOutcome::Done(_))), "{whose}: {made:?}");
}

async fn version<S: SessionStore>(store: &S, handle: Handle) -> u64 {
    store.load(handle, NOW).await.unwrap().unwrap().version
}

async fn listed<S: SessionStore>(store: &S) -> Vec<(Handle, Vec<u8>)> {
    let list = store.list_by_user(alice(), None, 100, NOW).await.unwrap();
    list.into_iter().map(|(handle, entry)| (handle, entry.content.bytes.to_vec())).collect()
}

/// The same user has sessions of the same names in both, which is more than two applications can have in common. What the shop does is done to the
/// sessions of the shop alone. Of these one is left, under this handle.
async fn are_apart<S: SessionStore>(shop: &S, forum: &S) -> Handle {
    let mut handles: Vec<_> = (0..6).map(|_| of_alice()).collect();
    handles.sort();
    for handle in &handles {
        make(shop, *handle, SessionKind::SignedIn, "shop").await;
        make(forum, *handle, SessionKind::SignedIn, "forum").await;
    }
    let stranger = Credential::generate_anonymous().unwrap().handle();
    make(shop, stranger, SessionKind::Anonymous, "shop").await;
    make(forum, stranger, SessionKind::Anonymous, "forum").await;
    let of = |whose: &str| handles.iter().map(|handle| (*handle, Vec::from(whose))).collect::<Vec<_>>();
    assert_eq!(listed(shop).await, of("shop"));
    assert_eq!(listed(forum).await, of("forum"));

    let foreign = version(forum, handles[0]).await;
    assert_eq!(
        shop.compare_and_swap(handles[0], foreign, content(SessionKind::SignedIn, b"x"), NOW).await,
        Ok(SwapOutcome::Conflict)
    );
    // Both go from a session of nobody to one of the user; what ends the new one in the shop leaves no trace in the forum.
    let signed_in = of_alice();
    for (store, whose) in [(shop, "shop"), (forum, "forum")] {
        let content = content(SessionKind::SignedIn, whose.as_bytes());
        let rotated = store.rotate(stranger, version(store, stranger).await, signed_in, content, NOW).await;
        assert!(matches!(rotated, Ok(SwapOutcome::Done(_))), "{rotated:?}");
    }
    assert_eq!(shop.delete(signed_in, NOW).await, Ok(true));
    assert_eq!(shop.delete(stranger, NOW).await, Ok(false), "the pointer has gone with it");
    assert!(forum.load(signed_in, NOW).await.unwrap().is_some());
    assert_eq!(forum.delete(stranger, NOW).await, Ok(true), "the pointer of the forum is there");
    assert_eq!(shop.delete(handles[1], NOW).await, Ok(true));
    assert_eq!(listed(forum).await, of("forum"));

    assert_eq!(shop.revoke_user(alice(), Some(handles[0]), KEPT, NOW).await, Ok(RevocationEpoch::default().next(NOW)));
    assert_eq!(listed(shop).await, of("shop")[..1]);
    assert_eq!(forum.epoch(alice()).await, Ok(RevocationEpoch { number: 0, at: None }));
    assert_eq!(listed(forum).await, of("forum"));
    let kept = forum.load(handles[0], NOW).await.unwrap().unwrap();
    assert_eq!(kept.content.epoch, 0, "the session that the shop keeps is the shop's");
    make(forum, of_alice(), SessionKind::SignedIn, "forum").await;
    handles[0]
}

/// On Redis: what is removed after a revocation, too. `keys` counts those that begin so.
async fn are_apart_on_redis(shop: &RedisStore, forum: &RedisStore, keys: impl Fn(&str) -> usize) {
    let kept = are_apart(shop, forum).await;
    // A session, the index and the epoch.
    let start = Instant::now();
    while keys("shop:") != 3 {
        assert!(start.elapsed() < Duration::from_secs(30), "{} keys", keys("shop:"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Seven sessions and the index; nobody has revoked them.
    assert_eq!((keys("cs:"), keys("")), (8, 11));
    assert_eq!(listed(forum).await.len(), 7);
    // What has run out in the shop leaves its index, and that of the forum stays as it is.
    let later = SessionContent {
        epoch: RevocationEpoch::default().next(NOW).number,
        ..content(SessionKind::SignedIn, b"shop")
    };
    assert!(matches!(shop.create(of_alice(), later, NOW).await, Ok(CreateOutcome::Done(_))));
    assert!(shop.list_by_user(alice(), None, 9, LATER).await.unwrap().is_empty());
    let start = Instant::now();
    // With the last of them the index goes.
    while keys("shop:") != 3 {
        assert!(start.elapsed() < Duration::from_secs(30), "{} keys", keys("shop:"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(shop.load(kept, NOW).await.unwrap().is_some());
    assert_eq!((keys("cs:"), listed(forum).await.len()), (8, 7));
}

fn keys_of(servers: &[Redis], prefix: &str) -> usize {
    let pattern = format!("{prefix}*");
    servers.iter().map(|server| server.ask(&["KEYS", &pattern]).unwrap().list().len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_applications_on_one_redis_are_apart() {
    let redis = Redis::single().unwrap();
    let store = |prefix| RedisStore::single(&format!("redis://{}", redis.address()), redis_options(prefix)).unwrap();
    let (shop, forum) = (store("shop"), store(&RedisOptions::default().prefix));
    are_apart_on_redis(&shop, &forum, |prefix| keys_of(std::slice::from_ref(&redis), prefix)).await;
    for law in Law::ALL {
        assert_eq!(laws::check_one(&shop, law).await, Ok(()), "{law}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_applications_on_one_cluster_are_apart() {
    let redis = RedisCluster::start().unwrap();
    let urls: Vec<_> = redis.addresses().iter().map(|address| format!("redis://{address}")).collect();
    let store = |prefix| RedisStore::cluster(urls.iter().map(String::as_str), redis_options(prefix)).unwrap();
    are_apart_on_redis(&store("shop"), &store("cs"), |prefix| keys_of(&redis.nodes, prefix)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_redis_has_one_application() {
    let config = include_str!("../../examples/cluster/redis.conf").replace("PASSWORD", "obvious-test-password");
    let (redis, _folder) = Redis::start_as(&config.replace("~cs:*", "~shop:*")).unwrap();
    let url = format!("redis://sessions:obvious-test-password@{}", redis.address());
    let store = |prefix| RedisStore::single(&url, redis_options(prefix)).unwrap();
    let (shop, forum) = (store("shop"), store("cs"));
    assert_eq!(shop.check().await, Ok(()));
    for law in Law::ALL {
        assert_eq!(laws::check_one(&shop, law).await, Ok(()), "{law}");
    }
    for (store, name) in [(forum, "cs"), (store("shop2"), "shop2"), (store("sho"), "sho")] {
        let why = store.check().await.map_err(|error| cause(&error)).unwrap_err();
        assert!(why.contains("NOPERM"), "{name}: {why}");
        assert_eq!(store.load(of_alice(), NOW).await.map(drop), Err(StoreError::unavailable()), "{name}");
        assert_eq!(store.revoke_user(alice(), None, KEPT, NOW).await, Err(StoreError::unavailable()), "{name}");
    }
}

/// The memory is the server's: strangers of one application leave none to strangers of another, and its users what users have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_of_one_application_lock_out_no_user_of_another() {
    let redis = Redis::with(&["--maxmemory", "8mb", "--maxmemory-policy", "noeviction"]).unwrap();
    let store = |prefix| RedisStore::single(&format!("redis://{}", redis.address()), redis_options(prefix)).unwrap();
    let (shop, forum) = (store("shop"), store("forum"));
    make(&forum, of_alice(), SessionKind::SignedIn, "forum").await;
    let is_full = fill(&shop).await;
    assert!(is_full, "nothing was shown");
    make(&forum, of_alice(), SessionKind::SignedIn, "forum").await;
    assert_eq!(listed(&forum).await.len(), 2);
}

/// True once strangers are refused.
async fn fill<S: SessionStore>(store: &S) -> bool {
    for _ in 0..2000 {
        let handle = Credential::generate_anonymous().unwrap().handle();
        match store.create(handle, content(SessionKind::Anonymous, &[b'x'; 8192]), NOW).await {
            Ok(made) => assert!(matches!(made, CreateOutcome::Done(_)), "{made:?}"),
            Err(error) => {
                assert_eq!(error, StoreError::full());
                return true;
            }
        }
    }
    false
}

/// On NATS an application has a bucket of its own, with its own room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_applications_on_one_server_of_nats_are_apart() {
    let nats = Nats::single().unwrap();
    let url = nats.url();
    let store = async |bucket| NatsStore::connect([url.as_str()], nats_options(bucket)).await.unwrap();
    let (shop, forum) = (store("shop").await, store(&NatsOptions::default().bucket).await);
    let kept = are_apart(&shop, &forum).await;
    // What is over in the shop is swept there.
    assert!(shop.delete_expired(LATER, 100).await.unwrap() > 0);
    assert!(shop.load(kept, NOW).await.unwrap().is_none());
    assert_eq!(listed(&forum).await.len(), 7);
    // And its strangers take no room of the forum's.
    assert!(fill(&shop).await, "nothing was shown");
    make(&forum, Credential::generate_anonymous().unwrap().handle(), SessionKind::Anonymous, "forum").await;
    make(&forum, of_alice(), SessionKind::SignedIn, "forum").await;
    assert_eq!(listed(&forum).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_cannot_be_one_is_refused() {
    let long = "a".repeat(33);
    for name in ["", "a:b", "a{b", "a*", "a b", "a.b", "ä", long.as_str()] {
        let refusals = [
            RedisStore::single("redis://127.0.0.1:1", redis_options(name)).unwrap_err().to_string(),
            RedisStore::cluster(["redis://127.0.0.1:1"], redis_options(name)).unwrap_err().to_string(),
            RedisStore::sentinel(["redis://127.0.0.1:1"], "p", None, redis_options(name)).unwrap_err().to_string(),
            NatsStore::connect(["nats://127.0.0.1:1"], nats_options(name)).await.unwrap_err().to_string(),
        ];
        for refusal in refusals {
            assert!(
                refusal.contains("1 to 32 letters, digits, `-` and `_`") && refusal.contains("Options::"),
                "{refusal}"
            );
        }
    }
    for name in ["a", &long[1..], "Shop-1_eu"] {
        RedisStore::single("redis://127.0.0.1:1", redis_options(name)).unwrap();
    }
}
