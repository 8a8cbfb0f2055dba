//! Sessions on Redis or Valkey: shared by all servers of an application.
//!
//! All that belongs to one user has the same hash tag, and so one slot of a cluster and one script for each call:
//!
//! ```text
//! cs:{tag}selector   string       a session, or the pointer in the place of one that was rotated: see `record`
//! cs:{tag}x          sorted set   the index of the user's sessions: each selector twice, with the score 0, so in order, and behind a `d` with the
//!                                 deadline that comes first, so that what has run out leaves by a range
//! cs:{tag}e          string       the user's epoch: its number, when it began, and the first one whose sessions are not removed yet
//! cs:{tag}g7         sorted set   what was the index when the seventh epoch began, until the sessions in it are removed
//! ```
//!
//! The deadlines that count are in the value and are compared with the caller's time, and so is the epoch: the server's own expiry only cleans up,
//! later.

mod connection;
mod error;
mod options;
mod record;
mod scripts;
mod tidy;

use super::credential::{Handle, UserTag};
use super::names::new_version;
use super::store::{
    Capabilities, Content, Created, Durability, Entry, Epoch, Kind, MAX_LINE, SessionStore, StoreError, Swapped,
};
use crate::UnixTime;
use connection::{Answer, Call, Server, Servers};
use core::fmt;
use core::time::Duration;
pub use error::{RedisCheckError, RedisUrlError};
pub use options::RedisOptions;
use record::{
    bytes_of, digits, entry_of, epoch_begun, epoch_of, handle_in, handle_of, keys, list_of, number, pointer_of, prefix,
    said, selector, swapped, value, version,
};
use redis::Value;
use scripts::{CREATE, DELETE, LIST, POINT, RELATE, REPLACE, REVOKE, ROTATE, SWAP, Script, TOUCH};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;
use tidy::Tidier;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Sessions that are looked at with one question, at least and at most.
const PIECE: (usize, usize) = (16, 32);

/// Pieces of lists that are asked for at once: a call of anybody else waits behind so many, and not behind as many as there are lists.
const LISTS: usize = 2;

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
/// # Ok::<(), countersign::session::RedisUrlError>(())
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
        self.server.check(redis::cmd("GET").arg("cs:{check}e")).await.map_err(|error| RedisCheckError::of(&error))
    }

    fn on(servers: Servers, options: RedisOptions) -> Self {
        let server = Arc::new(Server::new(servers, options));
        Self {
            tidier: Tidier::new(&server, options.answer),
            server,
            listing: Semaphore::new(LISTS),
            replicas: options.replicas,
            answer: options.answer,
        }
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

    /// A live session, and what leads to it.
    async fn read(
        &self,
        handle: Handle,
        now: UnixTime,
        until: Instant,
    ) -> Result<Option<(Entry, Option<Handle>)>, StoreError> {
        let found = self.read_all(handle.tag(), &[handle], now, until).await?;
        Ok(found.into_iter().next().map(|(_, entry, parent)| (entry, parent)))
    }

    /// Those of them that live, as they are at one moment.
    async fn read_all(
        &self,
        tag: UserTag,
        handles: &[Handle],
        now: UnixTime,
        until: Instant,
    ) -> Result<Vec<(Handle, Entry, Option<Handle>)>, StoreError> {
        let key = record::epoch(tag);
        let mut command = redis::cmd("MGET");
        command.arg(&key).arg(handles.iter().copied().map(record::session).collect::<Vec<_>>());
        let answer = self.server.read(&key, &command, until).await?;
        let (epoch, values) = list_of(&answer).split_first().ok_or(StoreError::Unavailable)?;
        let epoch = epoch_of(epoch).number;
        let is_live = |entry: &Entry| {
            entry.is_live(now) && (entry.content.kind == Kind::Anonymous || entry.content.epoch >= epoch)
        };
        let found = handles.iter().zip(values).filter_map(|(handle, value)| {
            let (entry, parent) = entry_of(bytes_of(value)?)?;
            is_live(&entry).then_some((*handle, entry, parent))
        });
        Ok(found.collect())
    }

    /// Whether what is written of this session may take room: strangers must leave some for those who sign in.
    async fn make_room(&self, handle: Handle, content: &Content, until: Instant) -> Result<(), StoreError> {
        if content.kind == Kind::SignedIn {
            return Ok(());
        }
        match self.server.fill(&record::session(handle), content.bytes.len(), until).await? {
            FOR_ANONYMOUS.. => Err(StoreError::Full),
            _ => Ok(()),
        }
    }

    /// Ends a session, if it has this version or if none is named.
    async fn end(
        &self,
        handle: Handle,
        of_version: Option<u64>,
        now: UnixTime,
        until: Instant,
    ) -> Result<End, StoreError> {
        let args = [number(now), selector(handle), of_version.map(version).unwrap_or_default(), Vec::new()];
        let Answer { value, is_second } = self.run(&DELETE, &keys(handle), &args, until).await?;
        let [word, other] = list_of(&value) else { return Err(StoreError::Unavailable) };
        let other = bytes_of(other).and_then(handle_of);
        match (said(word), other) {
            (Some("done"), parent) => Ok(End::Done { parent }),
            (Some("moved"), Some(to)) => Ok(End::Moved { to }),
            (Some("gone"), _) => Ok(End::Gone { is_second }),
            (Some("conflict"), _) => Ok(End::Conflict),
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
        matches!(answer.as_ref().and_then(|answer| said(list_of(answer).first()?)), Some("done" | "gone"))
    }

    /// Lets what leads to a session last until then, or ends it with the session.
    async fn relate(
        &self,
        child: Handle,
        parent: Option<Handle>,
        lasts: Option<UnixTime>,
        now: UnixTime,
        until: Instant,
    ) -> Result<(), StoreError> {
        relate(&self.server, child, parent, lasts, now, until).await
    }

    /// Makes a session if its epoch is the user's.
    async fn put(
        &self,
        handle: Handle,
        content: &Content,
        parent: Option<Handle>,
        now: UnixTime,
        until: Instant,
    ) -> Result<Created, StoreError> {
        let version = new_version()?;
        let args = [number(now), selector(handle), digits(content.epoch), value(version, content, parent)];
        let answer = self.run(&CREATE, &keys(handle), &args, until).await?.value;
        match said(&answer) {
            Some("done") => Ok(Created::Done(version)),
            Some("more") => {
                self.tidier.tidy(handle.tag(), now);
                Ok(Created::Done(version))
            }
            Some("exists") => Ok(Created::Exists),
            Some("revoked") => Ok(Created::Revoked),
            _ => Err(StoreError::Unavailable),
        }
    }

    /// Whether a session could be rotated, and what leads to it.
    async fn may_rotate(
        &self,
        old: Handle,
        version: u64,
        now: UnixTime,
        until: Instant,
    ) -> Result<Result<Option<Handle>, Swapped>, StoreError> {
        Ok(match self.read(old, now, until).await? {
            None => Err(Swapped::Gone),
            Some((entry, _)) if entry.version != version => Err(Swapped::Conflict),
            Some((_, parent)) => Ok(parent),
        })
    }

    /// A rotation in place.
    async fn replace(
        &self,
        handle: Handle,
        of_version: u64,
        content: &Content,
        now: UnixTime,
        until: Instant,
    ) -> Result<Swapped, StoreError> {
        // What leads to it must not end before it does, and so is to last longer first.
        match self.may_rotate(handle, of_version, now, until).await? {
            Err(refused) => return Ok(refused),
            Ok(parent) => self.relate(handle, parent, Some(content.deadlines.absolute), now, until).await?,
        }
        let next = new_version()?;
        let args = [number(now), selector(handle), version(of_version), digits(content.epoch)];
        let mut args: Vec<_> = args.into_iter().chain([value(next, content, None)]).collect();
        let outcome = swapped(&self.run(&REPLACE, &keys(handle), &args, until).await?.value, next)?;
        self.wait_for_cookie(&REPLACE, &keys(handle), &mut args, outcome, until).await;
        Ok(outcome)
    }

    /// Waits for replicas after a rotation that was done. Whether they have it or not: who has signed in must get the new cookie, as the old one is
    /// of no use.
    async fn wait_for_cookie(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &mut Vec<Vec<u8>>,
        outcome: Swapped,
        until: Instant,
    ) {
        if self.replicas > 0 && matches!(outcome, Swapped::Done(_)) {
            args.push(IS_AWAITED.to_vec());
            let _ = self.run_replicated(script, keys, args, until).await;
        }
    }

    /// A rotation whose two sessions are in the same slot.
    async fn rotate_within(
        &self,
        old: Handle,
        of_version: u64,
        new: Handle,
        content: &Content,
        now: UnixTime,
        until: Instant,
    ) -> Result<Swapped, StoreError> {
        let (next, [new_key, index, epoch]) = (new_version()?, keys(new));
        let keys = [record::session(old), new_key, index, epoch];
        let args = [number(now), selector(old), selector(new), version(of_version), digits(content.epoch)];
        let more = [value(next, content, Some(old)), new.as_bytes().to_vec()];
        let mut args: Vec<_> = args.into_iter().chain(more).collect();
        let outcome = swapped(&self.run(&ROTATE, &keys, &args, until).await?.value, next)?;
        self.wait_for_cookie(&ROTATE, &keys, &mut args, outcome, until).await;
        Ok(outcome)
    }

    /// A rotation whose two sessions are in different slots.
    async fn rotate_across(
        &self,
        old: Handle,
        of_version: u64,
        new: Handle,
        content: &Content,
        now: UnixTime,
        until: Instant,
    ) -> Result<Swapped, StoreError> {
        // What is refused anyway makes nothing.
        let parent = match self.may_rotate(old, of_version, now, until).await? {
            Err(refused) => return Ok(refused),
            Ok(parent) => parent,
        };
        let lasts = content.deadlines.absolute;
        self.relate(old, parent, Some(lasts), now, until).await?;
        let Created::Done(made) = self.put(new, content, Some(old), now, until).await? else {
            return Ok(Swapped::Gone);
        };
        // Nobody has the cookie of the new one: if the pointer to it is not set, nothing is lost.
        let args = [number(now), selector(old), version(of_version), new.as_bytes().to_vec(), number(lasts)];
        let mut args = Vec::from(args);
        let outcome = swapped(&self.run(&POINT, &keys(old), &args, until).await?.value, made)?;
        if !matches!(outcome, Swapped::Done(_)) {
            // Also when asked a second time: it may have been somebody else who has ended it in between, and what others end is not renewed.
            self.end(new, None, now, until).await?;
        }
        self.wait_for_cookie(&POINT, &keys(old), &mut args, outcome, until).await;
        Ok(outcome)
    }
}

/// Goes from a session to all that leads to it, and lets that last until then, or ends it with the session.
async fn relate(
    server: &Server,
    child: Handle,
    parent: Option<Handle>,
    lasts: Option<UnixTime>,
    now: UnixTime,
    until: Instant,
) -> Result<(), StoreError> {
    let (mut child, mut parent) = (child, parent);
    for _ in 0..MAX_LINE {
        let Some(pointer) = parent else { break };
        let args = [number(now), child.as_bytes().to_vec(), lasts.map(number).unwrap_or_default()];
        let call = Call { script: &RELATE, keys: &[record::session(pointer)], args: &args };
        parent = bytes_of(&server.run(call, until).await?.value).and_then(handle_of);
        child = pointer;
    }
    Ok(())
}

/// What came of ending a session.
enum End {
    Done {
        /// What has led to it.
        parent: Option<Handle>,
    },
    /// It was rotated.
    Moved {
        to: Handle,
    },
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
        self.put(handle, &content, None, now, until).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        Ok(self.read(handle, now, self.deadline()).await?.map(|(entry, _)| entry))
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        of_version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let (next, until) = (new_version()?, self.deadline());
        self.make_room(handle, &content, until).await?;
        let args = [number(now), selector(handle), version(of_version), version(next)];
        let more = [number(content.deadlines.idle), digits(content.epoch), content.bytes.to_vec()];
        let args: Vec<_> = args.into_iter().chain(more).collect();
        swapped(&self.run(&SWAP, &keys(handle), &args, until).await?.value, next)
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let args = [number(now), selector(handle), number(idle)];
        let Answer { value, .. } = self.run(&TOUCH, &keys(handle), &args, self.deadline()).await?;
        Ok(said(&value) == Some("done"))
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let (until, mut handle) = (self.deadline(), handle);
        for _ in 0..=MAX_LINE {
            let was_live = match self.end(handle, None, now, until).await? {
                End::Moved { to } => {
                    handle = to;
                    continue;
                }
                End::Done { parent } => {
                    // It has ended in any case: what led to it would lead nowhere until it runs out.
                    let _ = self.relate(handle, parent, None, now, until).await;
                    true
                }
                // Who asks a second time and finds it gone has most likely ended it the first time.
                End::Gone { is_second } => is_second,
                End::Conflict => return Ok(false),
            };
            // Also if it was gone: who has ended it may not have waited until the replicas had it.
            let has_ended = self.has_ended(handle, now, until).await;
            return if has_ended { Ok(was_live) } else { Err(StoreError::NotReplicated) };
        }
        Err(StoreError::Unavailable)
    }

    async fn rotate(
        &self,
        old: Handle,
        of_version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let until = self.deadline();
        self.make_room(new, &content, until).await?;
        if old == new {
            self.replace(old, of_version, &content, now, until).await
        } else if old.tag() == new.tag() {
            self.rotate_within(old, of_version, new, &content, now, until).await
        } else {
            self.rotate_across(old, of_version, new, &content, now, until).await
        }
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        let key = record::session(handle);
        let answer = self.server.read(&key, redis::cmd("GET").arg(&key), self.deadline()).await?;
        Ok(bytes_of(&answer).and_then(pointer_of).filter(|(_, until)| now < *until).map(|(to, _)| to))
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        let (until, (least, most)) = (self.deadline(), PIECE);
        let (mut listed, mut after) = (Vec::new(), after.map(selector).unwrap_or_default());
        while listed.len() < limit {
            let turn = timeout_at(until, self.listing.acquire()).await;
            let Ok(Ok(_turn)) = turn else { return Err(StoreError::Unavailable) };
            let piece = limit.saturating_sub(listed.len()).clamp(least, most);
            let args = [number(now), after.clone(), digits(u64::try_from(piece).unwrap_or(u64::MAX))];
            let answer = self.run(&LIST, &[record::index(tag)], &args, until).await?.value;
            let [is_more, is_last, page] = list_of(&answer) else { return Err(StoreError::Unavailable) };
            if *is_more == Value::Int(1) {
                self.tidier.tidy(tag, now);
            }
            let selectors = list_of(page).iter().filter_map(bytes_of);
            let handles: Vec<_> = selectors.filter_map(|selector| handle_in(tag, selector)).collect();
            let Some(last) = handles.last() else { break };
            after = selector(*last);
            let found = self.read_all(tag, &handles, now, until).await?;
            listed.extend(found.into_iter().map(|(handle, entry, _)| (handle, entry)));
            if *is_last == Value::Int(1) {
                break;
            }
        }
        listed.truncate(limit);
        Ok(listed)
    }

    async fn revoke_user(&self, tag: UserTag, except: Option<Handle>, now: UnixTime) -> Result<Epoch, StoreError> {
        let except = except.filter(|except| except.tag() == tag).map(selector).unwrap_or_default();
        let keys = [record::index(tag), record::epoch(tag)];
        let until = self.deadline();
        let mut args = [number(now), prefix(tag), except, Vec::new()];
        let epoch = epoch_begun(&self.run(&REVOKE, &keys, &args, until).await?.value);
        if epoch.number == 0 {
            return Err(StoreError::Unavailable);
        }
        self.tidier.tidy(tag, now);
        if self.replicas == 0 {
            return Ok(epoch);
        }
        let [.., begun] = &mut args;
        *begun = digits(epoch.number);
        match self.run_replicated(&REVOKE, &keys, &args, until).await.as_ref().map(epoch_begun) {
            Some(replicated) if replicated.number >= epoch.number => Ok(epoch),
            _ => Err(StoreError::NotReplicated),
        }
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        let key = record::epoch(tag);
        Ok(epoch_of(&self.server.read(&key, redis::cmd("GET").arg(&key), self.deadline()).await?))
    }

    /// Nothing is left to do: what has run out the server removes by itself, within ten minutes, and what a revocation has ended is removed at once.
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
