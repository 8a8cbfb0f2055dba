//! The store on Redis, and its calls.

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

/// A store on Redis, for any number of servers: written for 6.2 and newer and for Valkey, tested on 7.0.
///
/// One script for each call, so that it happens as a whole; a call that gets no answer in time is [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable), and calls fail
/// at once while a server is known to be away. A signed-in session is never dropped before its time if the server's `maxmemory-policy` is
/// `noeviction`: then a full one answers [`Full`](crate::session::store::StoreErrorKind::Full), to sessions of nobody when three quarters of its `maxmemory` are used, new
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
    /// On one server. No connection is made before the first call. `rediss://` asks for TLS, by the roots that the system trusts, with feature
    /// `redis-tls`.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address or an option is wrong.
    pub fn single(url: &str, options: RedisOptions) -> Result<Self, StoreOpenError> {
        Self::on(error::of_urls([url], Topology::single(url))?, options)
    }

    /// On the primary that most of these sentinels name. They are asked all at once, now and then and whenever it does not answer or is none any
    /// more: name all, as of two both would have to agree. `login` is user and password at the primary; those of a sentinel are in its address. Where
    /// sentinels are spoken to over TLS, so is the primary.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address or an option is wrong.
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

    /// On a cluster that these nodes belong to.
    ///
    /// # Errors
    /// [`StoreOpenError`] of the kind [`Config`](crate::session::store::StoreOpenErrorKind::Config) if an address or an option is wrong.
    pub fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>, options: RedisOptions) -> Result<Self, StoreOpenError> {
        let urls: Vec<_> = urls.into_iter().map(String::from).collect();
        let servers = Topology::cluster(urls.clone(), &options);
        Self::on(error::of_urls(urls.iter().map(String::as_str), servers)?, options)
    }

    /// Asks a server something, on a connection of its own: for the start of yours, as a wrong address or password is seen only at the first call
    /// otherwise, and then is a mere [`Unavailable`](crate::session::store::StoreErrorKind::Unavailable). That it fails says nothing of later: the store makes its connections by itself.
    /// What is wrong with a cluster, or with sentinels, it says in less detail.
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
    /// [`StoreError`] with what Redis says as its source.
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

    /// Nothing is left to do: what has run out the server removes by itself, within ten minutes, and what a revocation has ended is removed behind it; of
    /// more than four users at once, some of it only when it has run out.
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
