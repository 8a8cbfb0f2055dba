//! Sessions of one application: made, found, changed, signed in and ended.

use super::credential::{Credential, Handle, SealedVerifier};
use super::current::{Change, Making, Session};
use super::error::SessionError;
use super::event::{Event, Events};
use super::pepper::Pepper;
use super::record::{Previous, Record, Standing};
use super::store::{Created, Deadlines, Entry, Epoch, MAX_LINE, SessionStore, Swapped};
use crate::UnixTime;
use core::fmt;
use core::future::poll_fn;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Poll;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

/// How long sessions live. Nothing of it has a default.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Seconds without use.
    pub idle: u64,
    /// Seconds in all, used or not.
    pub absolute: u64,
    /// For how many seconds after the new verifier of a renewal was first seen the one before it still counts: for requests that were under way.
    pub grace: u64,
    /// Seconds that a token or JWT lives, at most and with the leeway of its verifier, that a sign-out everywhere is to end as well; 0 if there is none. The
    /// store knows of a sign-out everywhere for so long, or for the absolute lifetime, if that is longer, and a `RevocationLayer` refuses what is older. All
    /// servers of a store have the same lifetimes.
    pub tokens: u64,
}

/// Sessions in a store, under a pepper.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::session::{Lifetimes, MemoryStore, Pepper, Sessions};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let lifetimes = Lifetimes { idle: 1800, absolute: 12 * 3600, grace: 10, tokens: 0 };
/// let sessions = Sessions::new(MemoryStore::new(1 << 20, 1 << 20), pepper, lifetimes);
/// let now = UnixTime::now();
///
/// let mut session = sessions.begin(now)?;
/// session.insert("cart", &["apples"])?;
/// sessions.save(&mut session, now).await?;
/// let attempt = sessions.attempt("alice").await?;
/// // The password is checked here.
/// sessions.sign_in(&mut session, &attempt, 1, now).await?;
///
/// let cookie = session.cookie();
/// let found = sessions.find([cookie.as_bytes()], now).await?.unwrap();
/// assert_eq!((found.user(), found.get::<Vec<String>>("cart")?.unwrap()), (Some("alice"), vec!["apples".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Sessions<S> {
    pub(super) store: S,
    pub(super) pepper: Pepper,
    pub(super) lifetimes: Lifetimes,
    schema: u32,
    pub(super) most: usize,
    observer: fn(&Event),
    thefts: AtomicU64,
    unreadable: AtomicU64,
    conflicts: AtomicU64,
}

/// Credentials of ours that are tried for one request, to find its session or to end it: more than one is there where a sibling host or an old path has
/// set one.
#[cfg(feature = "tower")]
pub(crate) const MAX_TRIED: usize = 8;

/// A credential that a pepper of ours has issued, and what a record would keep of it.
pub(crate) struct Issued {
    credential: Credential,
    sealed: SealedVerifier,
}

/// What a credential leads to.
#[allow(clippy::large_enum_variant, reason = "there is one of it in a request, and it is nearly always this one")]
enum Looked {
    Session(Session),
    /// It was right once, and is no longer: the session was ended.
    Stolen,
    /// The session lives, for who has signed in since then.
    Superseded {
        #[cfg_attr(not(feature = "tower"), allow(dead_code, reason = "for the filter, which begins another one"))]
        since: UnixTime,
    },
    /// The session cannot be read.
    Unreadable,
    /// No session lives under this handle.
    Over,
}

/// A session in a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// By which it is ended: see [`Sessions::end`].
    pub handle: Handle,
    /// What it was labelled.
    pub label: String,
    /// When it began.
    pub created: UnixTime,
    /// When it was last used, to within the fifth of the idle time that a touch is spared for.
    pub last_seen: UnixTime,
}

impl<S: SessionStore> Sessions<S> {
    /// Sessions that are asked for at once where all of a user's are looked at.
    pub(super) const PAGE: usize = 100;

    /// Sessions in this store.
    pub const fn new(store: S, pepper: Pepper, lifetimes: Lifetimes) -> Self {
        Self {
            store,
            pepper,
            lifetimes,
            schema: 0,
            most: usize::MAX,
            observer: |_| {},
            thefts: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
        }
    }

    /// Numbers the layout of the application's data: a session of another number is not found, and its holder signs in again.
    #[must_use]
    pub fn with_schema(mut self, schema: u32) -> Self {
        self.schema = schema;
        self
    }

    /// Lets a user have so many sessions at once: signing in ends those that were not seen for longest. That is a list of the
    /// user's sessions, a write, and a call for each that ends. At least 1: with 0 nobody comes in.
    #[must_use]
    pub fn with_most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Calls this at every event: to log it, to warn a user. It must not block.
    #[must_use]
    pub fn telling(mut self, observer: fn(&Event)) -> Self {
        self.observer = observer;
        self
    }

    /// The store itself.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// What has happened so far.
    pub fn events(&self) -> Events {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Events { thefts: count(&self.thefts), unreadable: count(&self.unreadable), conflicts: count(&self.conflicts) }
    }

    /// A session of nobody, that is in no store before it is saved.
    ///
    /// # Errors
    /// [`SessionError::Random`]
    pub fn begin(&self, now: UnixTime) -> Result<Session, SessionError> {
        Ok(self.beginning(Credential::generate_anonymous().map_err(|_| SessionError::Random)?, 0, now))
    }

    /// A session under this credential, of nobody and in no store.
    fn beginning(&self, credential: Credential, generation: u16, now: UnixTime) -> Session {
        let (credential, sealed) = self.pepper.issue(credential, generation);
        let mut record = Record::new(sealed, self.schema, now);
        record.generation = generation;
        Session::unsaved(credential, record, self.deadlines(now))
    }

    /// Until when a sign-out everywhere is known that happens now, at least.
    pub(crate) fn epoch_until(&self, now: UnixTime) -> UnixTime {
        after(now, self.lifetimes.absolute.max(self.lifetimes.tokens))
    }

    pub(super) fn deadlines(&self, now: UnixTime) -> Deadlines {
        let Lifetimes { idle, absolute, .. } = self.lifetimes;
        Deadlines { idle: after(now, idle.min(absolute)), absolute: after(now, absolute) }
    }

    /// Finds the session of one of the cookies that a request came with: the first whose verifier is right. Nothing that this pepper has not made
    /// costs a call of the store.
    ///
    /// # Errors
    /// [`SessionError::Store`]: then nobody knows whether there is one. Keep the cookie and answer 503.
    pub async fn find<'c>(
        &self,
        cookies: impl IntoIterator<Item = &'c [u8]>,
        now: UnixTime,
    ) -> Result<Option<Session>, SessionError> {
        for issued in cookies.into_iter().filter_map(|cookie| self.issued(cookie)) {
            if let Looked::Session(session) = self.look(issued, now).await? {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    /// The credential in a cookie, if this pepper has made it, whether it still counts or not.
    pub(crate) fn issued(&self, cookie: &[u8]) -> Option<Issued> {
        let credential = Credential::parse(cookie)?;
        let sealed = self.pepper.recognise(&credential)?;
        Some(Issued { credential, sealed })
    }

    /// Finds the session of one of these credentials, or begins one. What this pepper has issued is not a stranger's: the new one takes the handle of
    /// the one before, so that it can only be made where nothing lives that has come of that. Once the cookie that has replaced it cannot be under way
    /// any more, the new one gets a handle of its own.
    #[cfg(feature = "tower")]
    pub(crate) async fn find_or_begin(
        &self,
        issued: impl IntoIterator<Item = Issued>,
        now: UnixTime,
    ) -> Result<Session, SessionError> {
        let (mut superseded, mut over) = (None, None);
        for issued in issued {
            let origin = issued.credential.copied();
            match self.look(issued, now).await? {
                Looked::Session(session) => return Ok(session),
                Looked::Superseded { since } => superseded = superseded.or(Some((origin, since))),
                Looked::Stolen | Looked::Over => over = over.or(Some(origin)),
                // The handle stays taken by what cannot be read.
                Looked::Unreadable => {}
            }
        }
        let (origin, since) = match (superseded, over) {
            (Some((origin, since)), _) => (origin, Some(since)),
            (None, Some(origin)) => {
                let since = self.replaced_since(origin.handle(), now).await?;
                (origin, since)
            }
            (None, None) => return self.begin(now),
        };
        // Why: the answer with the cookie that has replaced this one was lost, so that nothing but a session of its own is left to the browser.
        let is_long_ago = since.is_some_and(|since| now >= after(since, self.lifetimes.grace));
        let mut session = if is_long_ago {
            self.begin(now)?
        } else {
            let credential = origin.renewed().map_err(|_| SessionError::Random)?;
            self.beginning(credential, origin.generation().wrapping_add(1), now)
        };
        session.origin = Some(Box::new(origin));
        Ok(session)
    }

    /// Since when a session lives elsewhere that this one was rotated to; the first second of all if that is over, too.
    #[cfg(feature = "tower")]
    async fn replaced_since(&self, handle: Handle, now: UnixTime) -> Result<Option<UnixTime>, SessionError> {
        let Some(to) = self.store.rotated_to(handle, now).await? else { return Ok(None) };
        let user = self.descendant(to, now).await?.and_then(|(_, entry)| self.record_of(&entry)?.user);
        Ok(Some(user.map_or(UnixTime::from_secs(0), |user| user.at)))
    }

    /// The session that lives under this handle, or has come of the one that did, by sign-ins of one user after another.
    pub(super) async fn descendant(
        &self,
        handle: Handle,
        now: UnixTime,
    ) -> Result<Option<(Handle, Entry)>, SessionError> {
        let mut handle = handle;
        for _ in 0..=MAX_LINE {
            if let Some(entry) = self.store.load(handle, now).await? {
                return Ok(Some((handle, entry)));
            }
            let Some(next) = self.store.rotated_to(handle, now).await? else { break };
            handle = next;
        }
        Ok(None)
    }

    /// Looks for the session of a credential that this pepper has made.
    async fn look(&self, issued: Issued, now: UnixTime) -> Result<Looked, SessionError> {
        let handle = issued.credential.handle();
        let Some(entry) = self.store.load(handle, now).await? else { return Ok(Looked::Over) };
        let looked = self.verified(issued, entry, now);
        if matches!(looked, Looked::Stolen) {
            self.store.delete(handle, now).await?;
        }
        let Looked::Session(mut session) = looked else { return Ok(looked) };
        let Some(idle) = self.next_idle(&session, now) else { return Ok(Looked::Session(session)) };
        match self.store.touch(handle, idle, now).await {
            Ok(true) => session.touched(idle),
            // It has ended since it was read.
            Ok(false) => return Ok(Looked::Over),
            // What was read is good; the next request tries again.
            Err(_) => {}
        }
        Ok(Looked::Session(session))
    }

    /// The session of a credential, if its verifier is right.
    fn verified(&self, issued: Issued, entry: Entry, now: UnixTime) -> Looked {
        let Issued { credential, sealed } = issued;
        let Some(record) = self.record_of(&entry) else {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            (self.observer)(&Event::Unreadable { handle: credential.handle() });
            return Looked::Unreadable;
        };
        let standing = record.standing(sealed, now);
        match standing {
            Standing::Current | Standing::Replaced(_) => {}
            // Also of another one of nobody, that was begun in the same place and has ended: there is no user whom a copy would tell anything.
            _ if record.user.is_none() => return Looked::Superseded { since: record.created },
            Standing::Unknown if credential.generation() != record.generation => {
                return Looked::Superseded { since: record.user.map_or(now, |user| user.at) };
            }
            // Whoever renewed it has another one: of the two, one is a thief.
            Standing::Over | Standing::Unknown => {
                self.thefts.fetch_add(1, Ordering::Relaxed);
                let user = record.user.map(|user| user.name);
                (self.observer)(&Event::Theft { handle: credential.handle(), user });
                return Looked::Stolen;
            }
        }
        let mut session = Session::of_entry(credential, record, entry);
        if matches!(standing, Standing::Current) && session.record.previous.iter().any(Previous::is_unreplaced) {
            let until = after(now, self.lifetimes.grace);
            session.change(Change::Retirement { seen: sealed, until });
        }
        Looked::Session(session)
    }

    /// Where the idle deadline is to be pushed on to: at most once in a fifth of the idle time.
    fn next_idle(&self, session: &Session, now: UnixTime) -> Option<UnixTime> {
        let idle = self.deadlines(now).idle.min(session.deadlines.absolute);
        let gained = idle.as_secs().saturating_sub(session.deadlines.idle.as_secs());
        (gained > 0 && gained.saturating_mul(5) >= self.lifetimes.idle).then_some(idle)
    }

    /// True if the credential that a request came with is the one that counts now, as far as the request has heard.
    #[cfg(feature = "tower")]
    pub(crate) fn counts(&self, session: &Session) -> bool {
        session.record.verifier == self.pepper.seal(&session.credential)
    }

    /// Writes what has changed. What another request has written meanwhile stays: the changes are made again on top of it.
    ///
    /// # Errors
    /// [`SessionError`]; after [`SessionError::Gone`] the session is over, whatever was changed.
    pub async fn save(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        if session.changes.is_empty() && session.version.is_some() {
            return Ok(());
        }
        loop {
            let Some(version) = session.version else { return self.create(session, now).await };
            let content = session.content()?;
            match self.store.compare_and_swap(session.handle(), version, content, now).await? {
                Swapped::Done(next) => {
                    session.saved(next);
                    return Ok(());
                }
                Swapped::Gone => return Err(SessionError::Gone),
                Swapped::Conflict => self.read_again(session, now).await?,
            }
        }
    }

    async fn create(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        if session.making != Making::Free {
            return Err(SessionError::Withheld);
        }
        match self.store.create(session.handle(), session.content()?, now).await? {
            Created::Done(version) => {
                session.saved(version);
                Ok(())
            }
            // What has become of the session whose cookie the request came with lives on elsewhere. Or the same call, asked again after an answer was
            // lost; or 96 random bits that somebody has already.
            Created::Exists => Err(SessionError::Gone),
            Created::Revoked => Err(SessionError::Revoked),
        }
    }

    /// Takes what another request has written, and makes the changes of this one again.
    pub(super) async fn read_again(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
        give_way().await;
        let entry = self.store.load(session.handle(), now).await?.ok_or(SessionError::Gone)?;
        let record = Record::decode(&entry.content.bytes).ok_or(SessionError::Gone)?;
        // Whoever came with what counted before somebody signed in under this handle is in the session no more.
        if record.generation != session.record.generation {
            return Err(SessionError::Gone);
        }
        session.rebase(record, entry);
        Ok(())
    }

    /// Gives the session a new verifier: a cookie that was copied before is of no use once the new one was seen and the grace is over, and its
    /// use is then an alarm. A browser that the answer never reaches keeps the old one. While another new one is under way, for as long as the grace,
    /// none is made: the browser would keep the one that comes last, and that may be the older one.
    ///
    /// # Errors
    /// [`SessionError`]; the next [`save`](Sessions::save) tries again.
    pub async fn renew(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        let shown = self.pepper.seal(&session.credential);
        if session.renewal.is_none() && !session.record.has_cookie_under_way(shown, now, self.lifetimes.grace) {
            let credential = session.credential.renewed().map_err(|_| SessionError::Random)?;
            let (credential, sealed) = self.pepper.issue(credential, session.record.generation);
            session.change(Change::Renewal { from: session.record.verifier, to: sealed, shown, now });
            session.renewal = Some(Box::new((credential, sealed)));
        }
        self.save(session, now).await
    }

    /// A token for a hidden field of a form, for browsers that do not say where a request comes from. A session that is in no store yet is made for it
    /// when it is saved, as [`Session::has_changed`] then tells.
    pub fn form_token(&self, session: &Session) -> String {
        session.want();
        self.pepper
            .form_token(session.handle(), session.record.generation)
            .iter()
            .map(|byte| char::from(*byte))
            .collect()
    }

    /// True if a form's token is that of the session. In constant time.
    pub fn is_form_token(&self, session: &Session, token: &str) -> bool {
        self.pepper.is_form_token(session.handle(), session.record.generation, token.as_bytes())
    }

    /// Ends a session of this user, and of nobody else: handles are no secret. If somebody else has signed in in its place, that session ends.
    /// False if nothing lives that has come of it.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn end_of(&self, user: &str, handle: Handle, now: UnixTime) -> Result<bool, SessionError> {
        Ok(self.pepper.user_tags(user.as_bytes()).contains(&handle.tag()) && self.end(handle, now).await?)
    }

    /// Ends whichever session this is, or what has become of it by a sign-in: for operators; what users ask for goes by
    /// [`end_of`](Sessions::end_of). False if nothing lives that has come of it.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn end(&self, handle: Handle, now: UnixTime) -> Result<bool, SessionError> {
        Ok(self.store.delete(handle, now).await?)
    }

    /// Ends what has become, by signing in, of the sessions that these cookies were of: they open none any more, but whoever has one was in it.
    /// False if nothing lived that has come of any. [`SessionError::Withheld`] once [`MAX_TRIED`] have ended and there are more: one of those may live.
    #[cfg(feature = "tower")]
    pub(crate) async fn end_by<'c>(
        &self,
        cookies: impl IntoIterator<Item = &'c [u8]>,
        now: UnixTime,
    ) -> Result<bool, SessionError> {
        // Handles are no secret: nobody signs out others by what he has made up.
        let mut handles: Vec<_> =
            cookies.into_iter().filter_map(|cookie| Some(self.issued(cookie)?.credential.handle())).collect();
        handles.sort_unstable();
        handles.dedup();
        let mut has_ended = false;
        for handle in handles.iter().take(MAX_TRIED) {
            has_ended |= self.end(*handle, now).await?;
        }
        if handles.len() > MAX_TRIED { Err(SessionError::Withheld) } else { Ok(has_ended) }
    }

    /// Ends all sessions of a user but this one, if one is given. From the returned epoch on, tokens and JWTs of that user issued at or before
    /// its second are refused too.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn end_all(&self, user: &str, except: Option<Handle>, now: UnixTime) -> Result<Epoch, SessionError> {
        let mut all = Epoch::default();
        for tag in self.pepper.user_tags(user.as_bytes()) {
            all = all.and(self.store.revoke_user(tag, except, self.epoch_until(now), now).await?);
        }
        Ok(all)
    }

    /// When a user was last signed out everywhere: tokens and JWTs of that user issued at or before that second are refused.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn epoch_of(&self, user: &[u8]) -> Result<Epoch, SessionError> {
        let mut all = Epoch::default();
        for tag in self.pepper.user_tags(user) {
            all = all.and(self.store.epoch(tag).await?);
        }
        Ok(all)
    }

    /// The live sessions of a user behind `after`, at most `limit`: a page of the list, in the order of handles, those of one pepper after those of the
    /// other. One call of the store for each pepper.
    ///
    /// ```
    /// # use countersign::UnixTime;
    /// # use countersign::session::{Lifetimes, MemoryStore, Pepper, Sessions, block_on};
    /// # let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
    /// # let lifetimes = Lifetimes { idle: 1800, absolute: 43_200, grace: 10, tokens: 0 };
    /// # let sessions = Sessions::new(MemoryStore::new(1 << 20, 1 << 20), pepper, lifetimes);
    /// # let now = UnixTime::now();
    /// for device in ["a phone", "a laptop", "a watch"] {
    ///     let mut session = sessions.begin(now)?;
    ///     session.set_label(device);
    ///     let attempt = block_on(sessions.attempt("alice"))?;
    ///     block_on(sessions.sign_in(&mut session, &attempt, 1, now))?;
    /// }
    /// let first = block_on(sessions.list("alice", None, 2, now))?;
    /// let rest = block_on(sessions.list("alice", first.last().map(|listed| listed.handle), 2, now))?;
    /// assert_eq!((first.len(), rest.len()), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn list(
        &self,
        user: &str,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<Listed>, SessionError> {
        let (mut listed, mut last) = (Vec::new(), after);
        while listed.len() < limit {
            let (page, next) = self.page_of(user, last, limit.saturating_sub(listed.len()), now).await?;
            listed.extend(page.into_iter().map(|(handle, record, entry)| self.listed(handle, *record, &entry)));
            // What cannot be read is passed over.
            let Some(next) = next else { break };
            last = Some(next);
        }
        Ok(listed)
    }

    fn listed(&self, handle: Handle, record: Record, entry: &Entry) -> Listed {
        let last_seen = entry.content.deadlines.idle.as_secs().saturating_sub(self.lifetimes.idle);
        let (label, created) = (record.label, record.created);
        Listed { handle, label, created, last_seen: UnixTime::from_secs(last_seen).max(created) }
    }

    /// A page of the sessions of a user that can be read, and behind which handle the next one begins.
    pub(super) async fn page_of(
        &self,
        user: &str,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<(Vec<(Handle, Box<Record>, Entry)>, Option<Handle>), SessionError> {
        // A page is of one pepper's sessions: those of the next one begin with their first handle.
        let tags = self.pepper.user_tags(user.as_bytes());
        let after = after.filter(|after| tags.contains(&after.tag()));
        let at = after.and_then(|after| tags.iter().position(|tag| *tag == after.tag())).unwrap_or(0);
        let Some(tag) = tags.get(at) else { return Ok((Vec::new(), None)) };
        let page = self.store.list_by_user(*tag, after, limit, now).await?;
        let last = page.last().map(|(handle, _)| *handle).filter(|_| page.len() == limit);
        let next = last.or_else(|| tags.get(at.saturating_add(1)).map(|tag| Handle::first_of(*tag)));
        // Nobody's is no user's, though it may have taken the handle of one that is over.
        let read = |(handle, entry): (Handle, Entry)| {
            let record = Record::decode(&entry.content.bytes).filter(|record| record.user.is_some())?;
            Some((handle, record, entry))
        };
        Ok((page.into_iter().filter_map(read).collect(), next))
    }

    /// What a record holds, if it is one of this application's layout.
    pub(super) fn record_of(&self, entry: &Entry) -> Option<Box<Record>> {
        Record::decode(&entry.content.bytes).filter(|record| record.schema == self.schema)
    }
}

/// Lets others go on once: with a store that never waits, too, a deadline can then be kept.
pub(super) async fn give_way() {
    let mut has_waited = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if core::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

pub(super) fn after(time: UnixTime, seconds: u64) -> UnixTime {
    UnixTime::from_secs(time.as_secs().saturating_add(seconds))
}

impl<S> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("lifetimes", &self.lifetimes).finish_non_exhaustive()
    }
}
