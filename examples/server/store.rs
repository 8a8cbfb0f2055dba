//! Where the sessions are: in a file, unless somebody says otherwise.

use countersign::UnixTime;
use countersign::session::store::{Budgets, DiskStore, DynStore, MemoryStore, SessionStore};
use std::path::Path;
use std::time::Duration;

const BUDGETS: Budgets = Budgets { anonymous: 1 << 20, signed_in: 64 << 20 };
/// How many sessions that are over are removed in one commit.
const SWEEP: usize = 1000;

/// Opens the store of this name: `disk`, `memory`, or the address of a Redis or NATS.
pub(crate) async fn open(name: &str, data: &Path) -> Result<DynStore, Box<dyn std::error::Error>> {
    match name {
        "disk" => Ok(DynStore::new(DiskStore::open(data.join("sessions.redb"), BUDGETS)?)),
        "memory" => Ok(DynStore::new(MemoryStore::new(BUDGETS))),
        #[cfg(feature = "redis")]
        url if url.starts_with("redis://") || url.starts_with("rediss://") => {
            use countersign::session::redis::{RedisOptions, RedisStore};
            Ok(DynStore::new(RedisStore::single(url, RedisOptions::default())?))
        }
        #[cfg(feature = "redis")]
        url if url.starts_with("sentinels") => {
            use countersign::session::redis::{RedisOptions, RedisStore};
            let (scheme, sentinels) = match url.split_once("://") {
                Some(("sentinels", sentinels)) => ("redis", sentinels),
                Some(("sentinelss", sentinels)) => ("rediss", sentinels),
                _ => return Err("sentinels:// or, with TLS, sentinelss://".into()),
            };
            let (sentinels, primary) = sentinels.rsplit_once('/').ok_or("sentinels end with /NAME of the primary")?;
            // The login is for the servers; whom sentinels let in is a question of the network here.
            let (login, sentinels) = sentinels.rsplit_once('@').unwrap_or(("", sentinels));
            let urls: Vec<_> = sentinels.split(',').map(|sentinel| format!("{scheme}://{sentinel}")).collect();
            let options = RedisOptions { min_replica_acks: 1, ..RedisOptions::default() };
            let urls = urls.iter().map(String::as_str);
            Ok(DynStore::new(RedisStore::sentinel(urls, primary, login.split_once(':'), options)?))
        }
        #[cfg(feature = "nats")]
        urls if urls.starts_with("nats://") || urls.starts_with("tls://") => {
            use countersign::session::nats::{NatsOptions, NatsStore};
            let urls: Vec<_> = urls.split(',').collect();
            // As many as are named keep the bucket, if there are three or five.
            let stream_replicas = if matches!(urls.len(), 3 | 5) { urls.len() } else { 1 };
            let options = NatsOptions { stream_replicas, ..NatsOptions::default() };
            Ok(DynStore::new(NatsStore::connect(urls, options).await?))
        }
        other => Err(format!(
            "no store is called {other}: disk, memory, and with the features of that name redis://host:port, sentinels://user:password@host:port,…/NAME and nats://host:port,… or tls://host:port,…"
        )
        .into()),
    }
}

/// Removes what is over, a little at a time.
pub(crate) async fn delete_expired(store: DynStore) {
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    loop {
        minutes.tick().await;
        loop {
            match store.delete_expired(UnixTime::now(), SWEEP).await {
                Ok(SWEEP) => {}
                Ok(_) => break,
                Err(error) => {
                    eprintln!("sweeping sessions: {error}");
                    break;
                }
            }
        }
    }
}
