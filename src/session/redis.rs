//! Sessions on Redis or Valkey: shared by all servers of an application.
//!
//! All keys begin with the prefix of the application, [`RedisOptions::prefix`]. All that belongs to one user has the same hash tag, and so one slot of a cluster and one script for each call:
//!
//! ```text
//! prefix:{tag}selector   string       a session, or the pointer in the place of one that was rotated: see `record`
//! prefix:{tag}x          sorted set   the index of the user's sessions: each twice, by its selector and by its deadline
//! prefix:{tag}e          string       the user's epoch: its number, when it began, until when it is kept, and the names of what follows
//! prefix:{tag}g<number>  sorted set   what was the index when that epoch began, until the sessions in it are removed
//! ```
//!
//! The deadlines that count are in the value and are compared with the caller's time, and so is the epoch: the server's own expiry only cleans up,
//! later.

mod connection;
mod end;
mod error;
mod keys;
mod options;
mod read;
mod record;
mod rotate;
mod scripts;
mod store;
mod tidy;

use super::store::StoreError;
use connection::{Answer, Call, Server, Servers};
use core::fmt;
use core::time::Duration;
pub use error::{RedisCheckError, RedisError};
use keys::Keys;
pub use options::RedisOptions;
use redis::Value;
use scripts::Script;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;
use tidy::Tidier;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Nobody waits longer, whatever is asked for: the sum is a time.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// A store on Redis, for any number of servers: written for 6.2 and newer and for Valkey, tested on 7.0.
///
/// One script for each call, so that it happens as a whole; a call that gets no answer in time is [`StoreError::Unavailable`], and calls fail
/// at once while a server is known to be away. A signed-in session is never dropped before its time if the server's `maxmemory-policy` is
/// `noeviction`: then a full one answers [`StoreError::Full`], to sessions of nobody when three quarters of its `maxmemory` are used, new
/// ones and what is written into old ones.
///
/// What replicas are waited for with runs twice: at once, and again on a connection of its own, together with the waiting. The first time ends the
/// session, the second time tells whether a failover may undo that.
///
/// Rotating a session of nobody into one of a user touches two slots: the new one is made first, then a pointer takes the place of the old one, and
/// stays until the absolute deadline of the new one, or until that is ended. A crash in between leaves the old one, and a new one whose cookie nobody
/// has.
///
/// No call does more for having many sessions of a user to do with: a revocation is one write, and a page of a list reads as many as it shows. What
/// has ended is removed afterwards, a few at a time, by whichever server has come across it, and by the server's own expiry.
///
/// ```no_run
/// use countersign::session::{RedisOptions, RedisStore};
///
/// let options = RedisOptions { replicas: 1, ..RedisOptions::default() };
/// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379", "redis://10.0.0.3:26379"];
/// let store = RedisStore::sentinel(sentinels, "sessions", Some(("sessions", "a password")), options)?;
/// # Ok::<(), countersign::session::RedisError>(())
/// ```
pub struct RedisStore {
    server: Arc<Server>,
    tidier: Tidier,
    listing: Semaphore,
    replicas: u32,
    answer: Duration,
}

impl RedisStore {
    /// On one server. No connection is made before the first call. `rediss://` asks for TLS, by the roots that the system trusts, with feature
    /// `redis-tls`.
    ///
    /// # Errors
    /// [`RedisError`]
    pub fn single(url: &str, options: RedisOptions) -> Result<Self, RedisError> {
        Self::on(RedisError::of_urls([url], Servers::single(url))?, options)
    }

    /// On the primary that most of these sentinels name. They are asked all at once, now and then and whenever it does not answer or is none any
    /// more: name all, as of two both would have to agree. `login` is user and password at the primary; those of a sentinel are in its address. Where
    /// sentinels are spoken to over TLS, so is the primary.
    ///
    /// # Errors
    /// [`RedisError`]
    pub fn sentinel<'u>(
        urls: impl IntoIterator<Item = &'u str>,
        primary: &str,
        login: Option<(&str, &str)>,
        options: RedisOptions,
    ) -> Result<Self, RedisError> {
        let urls: Vec<_> = urls.into_iter().map(String::from).collect();
        let servers = Servers::sentinel(&urls, primary, login, options.clone());
        Self::on(RedisError::of_urls(urls.iter().map(String::as_str), servers)?, options)
    }

    /// On a cluster that these nodes belong to.
    ///
    /// # Errors
    /// [`RedisError`]
    pub fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>, options: RedisOptions) -> Result<Self, RedisError> {
        let urls: Vec<_> = urls.into_iter().map(String::from).collect();
        let servers = Servers::cluster(urls.clone(), &options);
        Self::on(RedisError::of_urls(urls.iter().map(String::as_str), servers)?, options)
    }

    /// Asks a server something, on a connection of its own: for the start of yours, as a wrong address or password is seen only at the first call
    /// otherwise, and then is a mere [`StoreError::Unavailable`]. That it fails says nothing of later: the store makes its connections by itself.
    /// What is wrong with a cluster, or with sentinels, it says in less detail.
    ///
    /// ```no_run
    /// use countersign::session::{RedisOptions, RedisStore};
    ///
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = RedisStore::single("redis://sessions:a%20password@10.0.0.1:6379", RedisOptions::default())?;
    /// if let Err(error) = store.check().await {
    ///     eprintln!("{error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RedisCheckError`]
    pub async fn check(&self) -> Result<(), RedisCheckError> {
        // What it asks for is nobody's, and allowed to whom the store's keys are.
        self.server
            .check(redis::cmd("GET").arg(self.keys().of_nobody()))
            .await
            .map_err(|error| RedisCheckError::of(&error))
    }

    fn on(servers: Servers, options: RedisOptions) -> Result<Self, RedisError> {
        let RedisOptions { replicas, answer, .. } = options;
        let keys = Keys::of(&options.prefix)?;
        let server = Arc::new(Server::new(servers, keys, options));
        let (tidier, listing) = (Tidier::new(&server, answer), Semaphore::new(read::QUESTIONS));
        Ok(Self { server, tidier, listing, replicas, answer })
    }

    fn keys(&self) -> &Keys {
        &self.server.keys
    }

    /// When a call that begins now must have been answered.
    fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.answer.min(PATIENCE)).unwrap_or(now)
    }

    /// Runs a script; `args` follow on the keys.
    async fn run(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
        until: Instant,
    ) -> Result<Answer, StoreError> {
        self.server.run(Call { script, keys, args }, until).await
    }

    /// The same once more for what must not be undone by a failover: what it answers, once the replicas have it.
    async fn run_replicated(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
        until: Instant,
    ) -> Option<Value> {
        self.server.run_replicated(Call { script, keys, args }, self.replicas, until).await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("replicas", &self.replicas).finish_non_exhaustive()
    }
}
