//! The store on Redis and its calls.

use super::connection::{Answer, Call, Server, Topology};
use super::error;
use super::keys::Keys;
use super::options::RedisOptions;
use super::record::{
    bytes_of, digits, epoch_begun, last_revocation, number, pointer_of, said, selector, swapped, value, version,
};
use super::scripts::{CREATE, REVOKE, SWAP, Script, TOUCH};
use super::tidy::Tidier;
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::store_keys::new_version;
use crate::session::store::{
    Capabilities, CreateOutcome, Durability, RevocationEpoch, SessionContent, SessionKind, SessionStore, StoreError,
    StoreOpenError, StoredSession, SwapOutcome,
};
use core::fmt;
use core::time::Duration;
use redis::Value;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Questions for lists that are under way at once: a call of anybody else waits behind so many, and not behind as many as there are lists.
const QUESTIONS: usize = 1;

/// Nobody waits longer, whatever is asked for: the sum is a time.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// A store on Redis for any number of servers. It is written for Redis 6.2 and newer and for Valkey, and tested on
/// Redis 7.0.
///
/// Each call is one script, which happens as a whole. A call without a response in time is
/// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable), and calls fail at once while a server is known
/// to be away.
///
/// A signed-in session is never dropped before its deadlines if the server's `maxmemory-policy` is `noeviction`. A full
/// server then returns [`Full`](crate::session::store::StoreErrorKind::Full). Anonymous sessions, new ones and writes
/// into old ones, get it from three quarters of `maxmemory` on.
///
/// A call that waits for replicas runs its script twice: at once, and again on a connection of its own together with
/// the waiting. The first run ends the session, and the second tells whether a failover may undo that.
///
/// The rotation of an anonymous session into a signed-in one touches two slots of a cluster. The new session is written
/// first. A pointer then replaces the old session, and stays until the new one ends or its absolute deadline passes. A
/// crash in between leaves the old session, and a new one whose cookie was never sent.
///
/// The cost of a call does not grow with the number of a user's sessions: a revocation is one write, and a page of a
/// list reads as many sessions as it shows. Ended sessions are removed later, a few at a time, by any server that finds
/// them and by the expiry of Redis.
///
/// ```no_run
/// use countersign::session::redis::{RedisOptions, RedisStore};
///
/// let options = RedisOptions { min_replica_acks: 1, ..RedisOptions::default() };
/// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379", "redis://10.0.0.3:26379"];
/// let store = RedisStore::sentinel(sentinels, "sessions", Some(("sessions", "a password")), options)?;
/// # Ok::<(), countersign::session::store::StoreOpenError>(())
/// ```
pub struct RedisStore {
    pub(super) server: Arc<Server>,
    pub(super) tidier: Tidier,
    pub(super) listing: Semaphore,
    pub(super) replicas: u32,
    answer: Duration,
}

impl RedisStore {
    /// Creates a store on one server. It connects with the first call.
    ///
    /// `rediss://` requires TLS, with the root certificates of the system, and the feature `redis-tls`.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address or an
    /// option is wrong.
    pub fn single(url: &str, options: RedisOptions) -> Result<Self, StoreOpenError> {
        Self::on(error::of_urls([url], Topology::single(url))?, options)
    }

    /// Creates a store on the primary that a majority of the listed sentinels names.
    ///
    /// The store queries all sentinels in parallel: every quarter of [`RedisOptions::max_primary_age`], and before each
    /// new connection. List every sentinel; of two, both must agree.
    ///
    /// `login` is user and password at the primary, while the login of a sentinel is in its address. If an address of a
    /// sentinel requires TLS, the primary is reached over TLS as well.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address or an
    /// option is wrong.
    pub fn sentinel<'u>(
        urls: impl IntoIterator<Item = &'u str>,
        primary: &str,
        login: Option<(&str, &str)>,
        options: RedisOptions,
    ) -> Result<Self, StoreOpenError> {
        let urls: Vec<_> = urls.into_iter().map(String::from).collect();
        let servers = Topology::sentinel(&urls, primary, login, options.clone());
        Self::on(error::of_urls(urls.iter().map(String::as_str), servers)?, options)
    }

    /// Creates a store on the cluster of these nodes. It connects with the first call.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address or an
    /// option is wrong.
    pub fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>, options: RedisOptions) -> Result<Self, StoreOpenError> {
        let urls: Vec<_> = urls.into_iter().map(String::from).collect();
        let servers = Topology::cluster(urls.clone(), &options);
        Self::on(error::of_urls(urls.iter().map(String::as_str), servers)?, options)
    }

    /// Checks the address and the login with one query on a new connection.
    ///
    /// Call it at the start of the application: without it, a wrong address or password shows only as
    /// [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable) of the first call. A failure has no later
    /// effect, since the store makes its own connections. The reason is less detailed for a cluster and for sentinels.
    ///
    /// ```no_run
    /// use countersign::session::redis::{RedisOptions, RedisStore};
    ///
    /// # use std::error::Error;
    /// # async fn start() -> Result<(), Box<dyn Error>> {
    /// let store = RedisStore::single("redis://sessions:a%20password@10.0.0.1:6379", RedisOptions::default())?;
    /// if let Err(error) = store.check().await {
    ///     eprintln!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] if the query fails, with the reply of Redis as its source.
    pub async fn check(&self) -> Result<(), StoreError> {
        // What it asks for is nobody's, and allowed to whom the store's keys are.
        self.server
            .check(redis::cmd("GET").arg(self.keys().of_nobody()))
            .await
            .map_err(|error| error::unavailable(&error))
    }

    fn on(servers: Topology, options: RedisOptions) -> Result<Self, StoreOpenError> {
        let RedisOptions { min_replica_acks: replicas, response_timeout: answer, .. } = options;
        let keys = Keys::of(&options.prefix)?;
        let server = Arc::new(Server::new(servers, keys, options));
        let (tidier, listing) = (Tidier::new(&server, answer), Semaphore::new(QUESTIONS));
        Ok(Self { server, tidier, listing, replicas, answer })
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.server.keys
    }

    /// When a call that begins now must have been answered.
    pub(super) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.answer.min(PATIENCE)).unwrap_or(now)
    }

    /// Runs a script; `args` follow on the keys.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
        until: Instant,
    ) -> Result<Answer, StoreError> {
        self.server.run(Call { script, keys, args }, until).await
    }

    /// The same once more for what must not be undone by a failover: what it answers, once the replicas have it.
    pub(super) async fn run_replicated(
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

/// Hundredths of the server's memory that sessions of nobody may fill: the rest is for those who sign in.
const FOR_ANONYMOUS: u64 = 75;

impl SessionStore for RedisStore {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        let until = self.deadline();
        self.make_room(handle, &content, until).await?;
        self.put(handle, &content, None, now, until).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        Ok(self.read(handle, now, self.deadline()).await?.map(|(entry, _)| entry))
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        of_version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let (next, until) = (new_version()?, self.deadline());
        self.make_room(handle, &content, until).await?;
        let args = [number(now), selector(handle), version(of_version), version(next)];
        let more = [number(content.deadlines.idle), digits(content.epoch), content.bytes.to_vec()];
        let args: Vec<_> = args.into_iter().chain(more).collect();
        swapped(&self.run(&SWAP, &self.keys().of_session(handle), &args, until).await?.value, next)
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let args = [number(now), selector(handle), number(idle)];
        let Answer { value, .. } = self.run(&TOUCH, &self.keys().of_session(handle), &args, self.deadline()).await?;
        Ok(said(&value) == Some("done"))
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.end_all_of(handle, now, self.deadline()).await
    }

    async fn rotate(
        &self,
        old: Handle,
        of_version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let until = self.deadline();
        self.make_room(new, &content, until).await?;
        if old == new {
            self.replace(old, of_version, &content, now, until).await
        } else if old.user_hash() == new.user_hash() {
            self.rotate_within(old, of_version, new, &content, now, until).await
        } else {
            self.rotate_across(old, of_version, new, &content, now, until).await
        }
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        let key = self.keys().session(handle);
        let answer = self.server.read(&key, redis::cmd("GET").arg(&key), self.deadline()).await?;
        Ok(bytes_of(&answer).and_then(pointer_of).filter(|(_, until)| now < *until).map(|(to, _)| to))
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        self.list(tag, after, limit, now, self.deadline()).await
    }

    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        let except = except.filter(|except| except.user_hash() == tag).map(selector).unwrap_or_default();
        let keys = [self.keys().index(tag), self.keys().epoch(tag)];
        let until = self.deadline();
        let mut args = [number(now), self.keys().of_user(tag), except, Vec::new(), number(keep_until)];
        let epoch = epoch_begun(&self.run(&REVOKE, &keys, &args, until).await?.value);
        if epoch.number == 0 {
            return Err(StoreError::unavailable());
        }
        self.tidier.tidy(tag, now);
        if self.replicas == 0 {
            return Ok(epoch);
        }
        let [.., begun, _] = &mut args;
        *begun = digits(epoch.number);
        match self.run_replicated(&REVOKE, &keys, &args, until).await.as_ref().map(epoch_begun) {
            Some(replicated) if replicated.number >= epoch.number => Ok(epoch),
            _ => Err(StoreError::not_replicated()),
        }
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        let key = self.keys().epoch(tag);
        Ok(last_revocation(&self.server.read(&key, redis::cmd("GET").arg(&key), self.deadline()).await?))
    }

    /// Returns 0. Redis removes expired sessions by itself, within ten minutes, and the store removes revoked sessions
    /// after each revocation. With more than four revoked users at once, some of their sessions stay until they expire.
    async fn delete_expired(&self, _: UnixTime, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn capabilities(&self) -> Capabilities {
        let durability = match self.replicas {
            0 => Durability::Accepted,
            replicas => Durability::Replicated(replicas),
        };
        Capabilities { survives_restart: true, is_shared: true, expires_by_itself: true, durability }
    }
}

impl RedisStore {
    /// Makes a session if its epoch is the user's.
    pub(super) async fn put(
        &self,
        handle: Handle,
        content: &SessionContent,
        parent: Option<Handle>,
        now: UnixTime,
        until: Instant,
    ) -> Result<CreateOutcome, StoreError> {
        let version = new_version()?;
        let args = [number(now), selector(handle), digits(content.epoch), value(version, content, parent)];
        let answer = self.run(&CREATE, &self.keys().of_session(handle), &args, until).await?.value;
        match said(&answer) {
            Some("done") => Ok(CreateOutcome::Done(version)),
            Some("more") => {
                self.tidier.tidy(handle.user_hash(), now);
                Ok(CreateOutcome::Done(version))
            }
            Some("exists") => Ok(CreateOutcome::Exists),
            Some("revoked") => Ok(CreateOutcome::Revoked),
            _ => Err(StoreError::unavailable()),
        }
    }

    /// Whether what is written of this session may take room: strangers must leave some for those who sign in.
    async fn make_room(&self, handle: Handle, content: &SessionContent, until: Instant) -> Result<(), StoreError> {
        if content.kind == SessionKind::SignedIn {
            return Ok(());
        }
        match self.server.fill(&self.keys().session(handle), content.bytes.len(), until).await? {
            FOR_ANONYMOUS.. => Err(StoreError::full()),
            _ => Ok(()),
        }
    }
}
