//! The stores of a cluster over TLS, on real servers with a certificate that only the tests trust. The roots that a process trusts come from its
//! environment, so each test runs itself once more in a process of its own that has these, and in one that has not.

use crate::kit::nats::Nats;
use crate::kit::redis::{Certificate, Redis};
use crate::kit::sentinel::{self, PRIMARY_NAME};
use crate::races::{NOW, session};
use countersign::session::nats::{NatsOptions, NatsStore};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::{SessionKind, SessionStore, StoreError};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Where a process that a test has started for itself finds the server.
const SERVER: &str = "COUNTERSIGN_TEST_SERVER";
const ROOT: &str = "ca.pem";

fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name).display().to_string()
}

fn certificate() -> Certificate {
    Certificate { certificate: file("server.pem"), key: file("server.key"), root: file(ROOT) }
}

fn patient() -> RedisOptions {
    let patience = Duration::from_secs(2);
    RedisOptions { connect_timeout: patience, response_timeout: patience, ..RedisOptions::default() }
}

/// What this test says in a process that trusts this root.
fn trusting(root: &str, test: &str, server: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(SERVER, server);
    command.env("SSL_CERT_FILE", file(root)).env_remove("SSL_CERT_DIR").env("RUST_BACKTRACE", "0");
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// It is used by who trusts its root, and not by who trusts another one.
fn is_trusted_for_its_root(test: &str, server: &str) {
    let (is_used, said) = trusting(ROOT, test, server);
    assert!(is_used && said.contains("written and read over TLS"), "{said}");
    let (is_used, said) = trusting("other.pem", test, server);
    assert!(!is_used && said.contains("not trusted"), "{said}");
}

async fn is_used(store: &impl SessionStore) {
    let handle = session(store, SessionKind::SignedIn, b"data").await;
    assert!(store.load(handle, NOW).await.unwrap().is_some());
    println!("written and read over TLS");
}

/// Nothing is said to a server that is not trusted: it cannot be told from one that does not answer.
async fn redis_is_used(store: RedisStore) {
    let anybody = countersign::session::credential::Credential::generate_anonymous().unwrap().handle();
    assert_ne!(store.load(anybody, NOW).await.map(drop), Err(StoreError::unavailable()), "not trusted");
    is_used(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_over_tls() {
    if let Ok(server) = std::env::var(SERVER) {
        return redis_is_used(RedisStore::single(&format!("rediss://{server}"), patient()).unwrap()).await;
    }
    let (_redis, address) = Redis::over_tls(&certificate()).unwrap();
    is_trusted_for_its_root("tls::redis_over_tls", &address);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_over_tls() {
    if let Ok(server) = std::env::var(SERVER) {
        let url = format!("rediss://{server}");
        return redis_is_used(RedisStore::sentinel([url.as_str()], PRIMARY_NAME, None, patient()).unwrap()).await;
    }
    let (_redis, primary) = Redis::over_tls(&certificate()).unwrap();
    let (_sentinel, address) = sentinel::over_tls(&primary, &certificate()).unwrap();
    is_trusted_for_its_root("tls::sentinel_over_tls", &address);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_over_tls() {
    if let Ok(server) = std::env::var(SERVER) {
        let store = NatsStore::connect([format!("tls://{server}").as_str()], NatsOptions::default()).await;
        return is_used(&store.unwrap_or_else(|error| panic!("not trusted: {error}"))).await;
    }
    let nats = Nats::over_tls(&certificate()).unwrap();
    is_trusted_for_its_root("tls::nats_over_tls", &nats.address());
}
