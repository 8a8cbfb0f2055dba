//! Sessions on Redis or Valkey: shared by all servers of an application.
//!
//! All that belongs to one user has the same hash tag, and so one slot of a cluster and one script for each call:
//!
//! ```text
//! cs:{tag}:s:selector   hash     v version, i idle, a absolute, e epoch, k kind, d record
//! cs:{tag}:x            set      the selectors of the user's sessions, in order
//! cs:{tag}:e            hash     n, at: the user's epoch
//! ```
//!
//! The deadlines that count are in the record and are compared with the caller's time; the server's own expiry only cleans up, later.

mod connection;
mod error;
mod options;
mod record;
mod scripts;

use super::credential::{Handle, UserTag};
use super::names::{self, new_version};
use super::store::{Capabilities, Content, Created, Durability, Entry, Epoch, Kind, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use connection::{Answer, Call, Server, Servers};
use core::fmt;
use core::time::Duration;
pub use error::{RedisCheckError, RedisUrlError};
pub use options::RedisOptions;
use record::{args_of, bytes_of, digits, entry_of, epoch_of, keys, number, prefix, said, selector, swapped};
use redis::Value;
use scripts::{CREATE, DELETE, LIST, REVOKE, ROTATE, SWAP, Script, TOUCH};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use tokio::time::Instant;

/// Hundredths of the server's memory that sessions of nobody may fill: the rest is for those who sign in.
const FOR_ANONYMOUS: u64 = 75;

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
/// Rotating a session of nobody into one of a user touches two slots: the new one is made first, then the old one ended. A crash in between
/// leaves the old one, and a new one whose cookie nobody has.
///
/// ```no_run
/// use countersign::session::{RedisOptions, RedisStore};
///
/// let options = RedisOptions { replicas: 1, ..RedisOptions::default() };
/// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379", "redis://10.0.0.3:26379"];
/// let store = RedisStore::sentinel(sentinels, "sessions", Some(("sessions", "a password")), options)?;
/// # Ok::<(), countersign::session::RedisUrlError>(())
/// ```
pub struct RedisStore {
    server: Server,
    replicas: u32,
    answer: Duration,
}

impl RedisStore {
    /// On one server. No connection is made before the first call. `rediss://` asks for TLS, by the roots that the system trusts, with feature
    /// `redis-tls`.
    ///
    /// # Errors
    /// [`RedisUrlError`]
    pub fn single(url: &str, options: RedisOptions) -> Result<Self, RedisUrlError> {
        Ok(Self::on(RedisUrlError::of([url], Servers::single(url))?, options))
    }

    /// On the primary that most of these sentinels name. They are asked all at once, now and then and whenever it does not answer or is none any
    /// more: name all, as of two both would have to agree. `login` is user and password at the primary; those of a sentinel are in its address. Where
    /// sentinels are spoken to over TLS, so is the primary.
    ///
    /// # Errors
    /// [`RedisUrlError`]
    pub fn sentinel<'u>(
        urls: impl IntoIterator<Item = &'u str>,
        primary: &str,
        login: Option<(&str, &str)>,
        options: RedisOptions,
    ) -> Result<Self, RedisUrlError> {
        let urls: Vec<_> = urls.into_iter().map(String::from).collect();
        let servers = Servers::sentinel(&urls, primary, login, options);
        Ok(Self::on(RedisUrlError::of(urls.iter().map(String::as_str), servers)?, options))
    }

    /// On a cluster that these nodes belong to.
    ///
    /// # Errors
    /// [`RedisUrlError`]
    pub fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>, options: RedisOptions) -> Result<Self, RedisUrlError> {
        let urls: Vec<_> = urls.into_iter().map(String::from).collect();
        let servers = Servers::cluster(urls.clone(), &options);
        Ok(Self::on(RedisUrlError::of(urls.iter().map(String::as_str), servers)?, options))
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
            .check(redis::cmd("HMGET").arg("cs:{check}:e").arg("n"))
            .await
            .map_err(|error| RedisCheckError::of(&error))
    }

    fn on(servers: Servers, options: RedisOptions) -> Self {
        Self { server: Server::new(servers, options), replicas: options.replicas, answer: options.answer }
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
        keys: &[String],
        args: &[Vec<u8>],
        until: Instant,
    ) -> Result<Answer, StoreError> {
        self.server.run(Call { script, keys, args }, until).await
    }

    /// The same once more for what must not be undone by a failover: what it answers, once the replicas have it.
    async fn run_replicated(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        until: Instant,
    ) -> Option<Value> {
        self.server.run_replicated(Call { script, keys, args }, self.replicas, until).await
    }

    async fn read(&self, handle: Handle, now: UnixTime, until: Instant) -> Result<Option<Entry>, StoreError> {
        let [session, _, _] = keys(handle);
        let command = [&session, "v", "i", "a", "e", "k", "d"];
        let answer = self.server.read(redis::cmd("HMGET").arg(&command), until).await?;
        let Value::Array(fields) = answer else { return Err(StoreError::Unavailable) };
        Ok(entry_of(&fields).filter(|entry| entry.is_live(now)))
    }

    /// Whether what is written of this session may take room: strangers must leave some for those who sign in.
    async fn make_room(&self, handle: Handle, content: &Content, until: Instant) -> Result<(), StoreError> {
        if content.kind == Kind::SignedIn {
            return Ok(());
        }
        let [session, _, _] = keys(handle);
        match self.server.fill(&session, until).await? {
            FOR_ANONYMOUS.. => Err(StoreError::Full),
            _ => Ok(()),
        }
    }

    /// Ends a session, if it has this version or if none is named.
    async fn end(
        &self,
        handle: Handle,
        version: Option<u64>,
        now: UnixTime,
        until: Instant,
    ) -> Result<End, StoreError> {
        let args = [number(now), selector(handle), version.map(digits).unwrap_or_default(), Vec::new()];
        let Answer { value, is_second } = self.run(&DELETE, &keys(handle), &args, until).await?;
        match said(&value) {
            Some("done") => Ok(End::Done),
            Some("gone") => Ok(End::Gone { is_second }),
            Some("conflict") => Ok(End::Conflict),
            _ => Err(StoreError::Unavailable),
        }
    }

    /// True once a session that has been ended is so on the replicas. Whatever version another primary may have of it, it is over.
    async fn has_ended(&self, handle: Handle, now: UnixTime, until: Instant) -> bool {
        if self.replicas == 0 {
            return true;
        }
        let args = [number(now), selector(handle), Vec::new(), IS_AWAITED.to_vec()];
        let answer = self.run_replicated(&DELETE, &keys(handle), &args, until).await;
        matches!(answer.as_ref().and_then(said), Some("done" | "gone"))
    }

    /// Makes a session if its epoch is the user's.
    async fn put(
        &self,
        handle: Handle,
        content: &Content,
        now: UnixTime,
        until: Instant,
    ) -> Result<Created, StoreError> {
        let version = new_version()?;
        let args = [number(now), selector(handle), digits(version)].into_iter().chain(args_of(content));
        match said(&self.run(&CREATE, &keys(handle), &args.collect::<Vec<_>>(), until).await?.value) {
            Some("done") => Ok(Created::Done(version)),
            Some("exists") => Ok(Created::Exists),
            Some("revoked") => Ok(Created::Revoked),
            _ => Err(StoreError::Unavailable),
        }
    }

    /// A rotation whose two sessions are in the same slot.
    async fn rotate_within(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: &Content,
        now: UnixTime,
        until: Instant,
    ) -> Result<Swapped, StoreError> {
        let (next, [new_key, index, epoch]) = (new_version()?, keys(new));
        let [old_key, _, _] = keys(old);
        let keys = [old_key, new_key, index, epoch];
        let args = [number(now), selector(old), selector(new), digits(version), digits(next)];
        let mut args: Vec<_> = args.into_iter().chain(args_of(content)).collect();
        let outcome = swapped(&self.run(&ROTATE, &keys, &args, until).await?.value, next)?;
        if self.replicas > 0 && matches!(outcome, Swapped::Done(_)) {
            args.push(IS_AWAITED.to_vec());
            // Whether replicas have it or not: who has signed in must get the new cookie, as the old one is of no use.
            let _ = self.run_replicated(&ROTATE, &keys, &args, until).await;
        }
        Ok(outcome)
    }

    /// A rotation whose two sessions are in different slots.
    async fn rotate_across(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: &Content,
        now: UnixTime,
        until: Instant,
    ) -> Result<Swapped, StoreError> {
        // What is refused anyway makes nothing.
        match self.read(old, now, until).await? {
            None => return Ok(Swapped::Gone),
            Some(entry) if entry.version != version => return Ok(Swapped::Conflict),
            Some(_) => {}
        }
        let Created::Done(made) = self.put(new, content, now, until).await? else { return Ok(Swapped::Gone) };
        // Nobody has the cookie of the new one: if the end of the old one fails, nothing is lost.
        let refused = match self.end(old, Some(version), now, until).await? {
            End::Done => {
                let _ = self.has_ended(old, now, until).await;
                return Ok(Swapped::Done(made));
            }
            // Also when asked a second time: it may have been somebody else who has ended it in between, and what others end is not renewed.
            End::Gone { .. } => Swapped::Gone,
            End::Conflict => Swapped::Conflict,
        };
        self.end(new, None, now, until).await?;
        Ok(refused)
    }
}

/// What came of ending a session.
enum End {
    Done,
    /// It was gone already, maybe since a call whose answer was not waited for.
    Gone {
        is_second: bool,
    },
    Conflict,
}

/// What a script is told that replicas are waited for with.
const IS_AWAITED: &[u8] = b"1";

impl SessionStore for RedisStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        let until = self.deadline();
        self.make_room(handle, &content, until).await?;
        self.put(handle, &content, now, until).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        self.read(handle, now, self.deadline()).await
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let (next, until) = (new_version()?, self.deadline());
        self.make_room(handle, &content, until).await?;
        let args = [number(now), selector(handle), digits(version), digits(next)].into_iter().chain(args_of(&content));
        swapped(&self.run(&SWAP, &keys(handle), &args.collect::<Vec<_>>(), until).await?.value, next)
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let args = [number(now), selector(handle), number(idle)];
        let Answer { value, .. } = self.run(&TOUCH, &keys(handle), &args, self.deadline()).await?;
        Ok(said(&value) == Some("done"))
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let until = self.deadline();
        let was_live = match self.end(handle, None, now, until).await? {
            End::Done => true,
            // Who asks a second time and finds it gone has most likely ended it the first time.
            End::Gone { is_second } => is_second,
            End::Conflict => return Ok(false),
        };
        // Also if it was gone: who has ended it may not have waited until the replicas had it.
        if self.has_ended(handle, now, until).await { Ok(was_live) } else { Err(StoreError::NotReplicated) }
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let until = self.deadline();
        if old == new {
            return Ok(Swapped::Gone);
        }
        self.make_room(new, &content, until).await?;
        if old.tag() == new.tag() {
            self.rotate_within(old, version, new, &content, now, until).await
        } else {
            self.rotate_across(old, version, new, &content, now, until).await
        }
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        let prefix = prefix(tag);
        let after = after.map_or_else(|| b"-".to_vec(), |after| format!("({}", names::of_selector(after)).into_bytes());
        let limit = limit.to_string().into_bytes();
        let args = [number(now), format!("{prefix}s:").into_bytes(), after, limit];
        let answer = self.run(&LIST, &[format!("{prefix}x")], &args, self.deadline()).await?;
        let Value::Array(rows) = answer.value else { return Err(StoreError::Unavailable) };
        let listed = rows.iter().filter_map(|row| {
            let Value::Array(fields) = row else { return None };
            let (selector, fields) = fields.split_first()?;
            let handle = names::handle(names::of_tag(tag).as_bytes(), bytes_of(selector)?)?;
            Some((handle, entry_of(fields)?))
        });
        Ok(listed.collect())
    }

    async fn revoke_user(&self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Result<Epoch, StoreError> {
        let prefix = prefix(tag);
        let except = except.filter(|except| except.tag() == tag).map(selector).unwrap_or_default();
        let keys = [format!("{prefix}x"), format!("{prefix}e")];
        let until = self.deadline();
        let mut args = [number(now), format!("{prefix}s:").into_bytes(), except, Vec::new()];
        let epoch = epoch_of(&self.run(&REVOKE, &keys, &args, until).await?.value);
        if epoch.number == 0 {
            return Err(StoreError::Unavailable);
        }
        if self.replicas == 0 {
            return Ok(epoch);
        }
        let [.., begun] = &mut args;
        *begun = digits(epoch.number);
        match self.run_replicated(&REVOKE, &keys, &args, until).await.as_ref().map(epoch_of) {
            Some(replicated) if replicated.number >= epoch.number => Ok(epoch),
            _ => Err(StoreError::NotReplicated),
        }
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        let key = format!("{}e", prefix(tag));
        Ok(epoch_of(&self.server.read(redis::cmd("HMGET").arg(key).arg(&["n", "at"]), self.deadline()).await?))
    }

    /// Nothing is left to do: the server removes what is over by itself, within ten minutes.
    async fn sweep(&self, _: UnixTime, _: usize) -> Result<usize, StoreError> {
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

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("replicas", &self.replicas).finish_non_exhaustive()
    }
}
