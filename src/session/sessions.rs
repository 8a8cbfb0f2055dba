//! Sessions of one application: made, found, changed, signed in and ended.

use super::credential::{Credential, Handle, Pepper};
use super::current::{Change, Making, Session};
use super::error::SessionError;
use super::event::{Event, Events};
use super::record::{Record, SignedInUser};
use super::store::{Created, Deadlines, Entry, SessionStore, Swapped};
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
/// let lifetimes = Lifetimes { idle: 1800, absolute: 12 * 3600, grace: 10 };
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
    store: S,
    pepper: Pepper,
    lifetimes: Lifetimes,
    schema: u32,
    most: usize,
    observer: fn(&Event),
    thefts: AtomicU64,
    unreadable: AtomicU64,
    conflicts: AtomicU64,
}

/// What a credential leads to.
#[allow(clippy::large_enum_variant, reason = "there is one of it in a request, and it is nearly always this one")]
enum Looked {
    Session(Session),
    /// It was right once, and is no longer: the session was ended.
    Stolen,
    /// The session lives, for who has signed in since then.
    Superseded,
    /// The session cannot be read.
    Unreadable,
    /// No session lives under this handle.
    Over,
}

/// Somebody is about to sign in: made by [`Sessions::attempt`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    user: String,
    epoch: u64,
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

    /// Lets a user have so many sessions at once: signing in ends those that were not seen for longest. One more call of the store for each.
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
        let credential = self.pepper.mark(Credential::generate_anonymous().map_err(|_| SessionError::Random)?, 0);
        Ok(self.beginning(credential, now))
    }

    /// A session under this credential, of nobody and in no store.
    fn beginning(&self, credential: Credential, now: UnixTime) -> Session {
        let mut record = Record::new(self.pepper.seal(&credential), self.schema, now);
        record.generation = credential.generation();
        Session::unsaved(credential, record, self.deadlines(now))
    }

    fn deadlines(&self, now: UnixTime) -> Deadlines {
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
        for credential in cookies.into_iter().filter_map(|cookie| self.issued(cookie)) {
            if let Looked::Session(session) = self.look(credential, now).await? {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    /// The credential in a cookie, if this pepper has made it, whether it still counts or not.
    pub(crate) fn issued(&self, cookie: &[u8]) -> Option<Credential> {
        Credential::parse(cookie).filter(|credential| self.pepper.has_issued(credential))
    }

    /// Finds the session of one of these credentials, or begins one. What this pepper has issued is not a stranger's: the new one takes the handle of
    /// the one before, so that it can only be made where nothing lives that has come of that.
    #[cfg(feature = "tower")]
    pub(crate) async fn find_or_begin(
        &self,
        issued: impl IntoIterator<Item = Credential>,
        now: UnixTime,
    ) -> Result<Session, SessionError> {
        let (mut superseded, mut over) = (None, None);
        for credential in issued {
            let next = credential.renewed().map(|next| self.pepper.mark(next, credential.generation().wrapping_add(1)));
            match self.look(credential, now).await? {
                Looked::Session(session) => return Ok(session),
                Looked::Superseded | Looked::Stolen => superseded = superseded.or(Some(next)),
                Looked::Over => over = over.or(Some(next)),
                // The handle stays taken by what cannot be read.
                Looked::Unreadable => {}
            }
        }
        match superseded.or(over) {
            None => self.begin(now),
            Some(credential) => Ok(self.beginning(credential.map_err(|_| SessionError::Random)?, now)),
        }
    }

    /// Looks for the session of a credential that this pepper has made.
    async fn look(&self, credential: Credential, now: UnixTime) -> Result<Looked, SessionError> {
        let handle = credential.handle();
        let Some(entry) = self.store.load(handle, now).await? else { return Ok(Looked::Over) };
        let looked = self.verified(credential, entry, now);
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
    fn verified(&self, credential: Credential, entry: Entry, now: UnixTime) -> Looked {
        let Some(record) = Record::decode(&entry.content.bytes).filter(|record| record.schema == self.schema) else {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            (self.observer)(&Event::Unreadable { handle: credential.handle() });
            return Looked::Unreadable;
        };
        let sealed = self.pepper.seal(&credential);
        let is_current = record.verifier == sealed;
        if !is_current {
            match record.previous.iter().find(|previous| previous.verifier == sealed) {
                Some(previous) if previous.until.is_none_or(|until| now < until) => {}
                None if credential.generation() != record.generation => return Looked::Superseded,
                // Whoever renewed it has another one: of the two, one is a thief.
                _ => {
                    self.thefts.fetch_add(1, Ordering::Relaxed);
                    let user = record.user.map(|user| user.name);
                    (self.observer)(&Event::Theft { handle: credential.handle(), user });
                    return Looked::Stolen;
                }
            }
        }
        let mut session = Session::of_entry(credential, record, entry);
        if is_current && session.record.previous.iter().any(|previous| previous.until.is_none()) {
            session.change(Change::Retirement(after(now, self.lifetimes.grace)));
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
    async fn read_again(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
        // A store that never waits gives way here, so that a deadline can be kept.
        let mut has_waited = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if core::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let entry = self.store.load(session.handle(), now).await?.ok_or(SessionError::Gone)?;
        let record = Record::decode(&entry.content.bytes).ok_or(SessionError::Gone)?;
        // Whoever came with what counted before somebody signed in under this handle is in the session no more.
        if record.generation != session.record.generation {
            return Err(SessionError::Gone);
        }
        session.rebase(record, entry);
        Ok(())
    }

    /// Begins to sign a user in: before the password is checked, or whatever else proves who it is. Being signed out everywhere between now and
    /// [`sign_in`](Sessions::sign_in) refuses that.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn attempt(&self, user: &str) -> Result<Attempt, SessionError> {
        Ok(Attempt { user: user.into(), epoch: self.epoch_of(user.as_bytes()).await?.number })
    }

    /// Signs a user in, or another one, or the same to a higher level: whoever knew the cookie before knows nothing. A new user gets a new handle,
    /// and the old one then leads to it only for who ends the session by it; the same user keeps the handle, and gets a new verifier, beside
    /// which no earlier one counts, not even for those requests that are under way. The data stays, unless it is another user's.
    ///
    /// # Errors
    /// [`SessionError`], among them [`SessionError::Gone`] and [`SessionError::Revoked`] if the user was signed out everywhere since the attempt
    /// began. After [`StoreError::Unavailable`](super::StoreError::Unavailable) nobody knows whether it was done; after any other the old session is what it was.
    pub async fn sign_in(
        &self,
        session: &mut Session,
        attempt: &Attempt,
        level: u8,
        now: UnixTime,
    ) -> Result<(), SessionError> {
        let Attempt { user, epoch } = attempt;
        if session.version.is_none() && session.making == Making::Refused {
            return Err(SessionError::Withheld);
        }
        let tag = self.pepper.user_tag(user.as_bytes());
        loop {
            let is_same = session.version.is_some() && session.user() == Some(user) && session.handle().tag() == tag;
            // Another one each time: the store may have ended that of a rotation that was a conflict.
            let credential = if is_same { session.credential.renewed() } else { Credential::generate(tag) };
            let generation = if is_same { session.record.generation.wrapping_add(1) } else { 0 };
            let credential = self.pepper.mark(credential.map_err(|_| SessionError::Random)?, generation);
            let sealed = self.pepper.seal(&credential);
            let user = SignedInUser { name: user.clone(), at: now, level };
            let mut next = session.for_user(user, &credential, sealed, generation, *epoch);
            next.deadlines = self.deadlines(now);
            let content = next.content()?;
            let outcome = match session.version {
                Some(version) => self.store.rotate(session.handle(), version, next.handle(), content, now).await?,
                None => match self.store.create(next.handle(), content, now).await? {
                    Created::Done(version) => Swapped::Done(version),
                    Created::Exists => Swapped::Gone,
                    Created::Revoked => return Err(SessionError::Revoked),
                },
            };
            match outcome {
                Swapped::Done(version) => {
                    next.saved(version);
                    *session = next;
                    return self.end_surplus(attempt, session.handle(), now).await;
                }
                Swapped::Gone => return Err(SessionError::Gone),
                Swapped::Conflict => self.read_again(session, now).await?,
            }
        }
    }

    /// Ends what is too many of a user's sessions, but for one.
    async fn end_surplus(&self, attempt: &Attempt, except: Handle, now: UnixTime) -> Result<(), SessionError> {
        if self.most == usize::MAX {
            return Ok(());
        }
        let mut listed = self.list(&attempt.user, now).await?;
        listed.retain(|listed| listed.handle != except);
        listed.sort_by_key(|listed| listed.last_seen);
        let surplus = listed.len().saturating_add(1).saturating_sub(self.most);
        for listed in listed.iter().take(surplus) {
            self.store.delete(listed.handle, now).await?;
        }
        Ok(())
    }

    /// Gives the session a new verifier: a cookie that was copied before is of no use once the new one was seen and the grace is over, and its
    /// use is then an alarm. A browser that the answer never reaches keeps the old one.
    ///
    /// # Errors
    /// [`SessionError`]; the next [`save`](Sessions::save) tries again.
    pub async fn renew(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        if session.renewal.is_none() {
            let credential = session.credential.renewed().map_err(|_| SessionError::Random)?;
            let credential = self.pepper.mark(credential, session.record.generation);
            let sealed = self.pepper.seal(&credential);
            let shown = self.pepper.seal(&session.credential);
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
        crate::constant_time::eq(&self.pepper.form_token(session.handle(), session.record.generation), token.as_bytes())
    }

    /// Ends a session of this user, and of nobody else: handles are no secret. If somebody else has signed in in its place, that session ends.
    /// False if nothing lives that has come of it.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn end_of(&self, user: &str, handle: Handle, now: UnixTime) -> Result<bool, SessionError> {
        Ok(handle.tag() == self.pepper.user_tag(user.as_bytes()) && self.end(handle, now).await?)
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
    /// False if nothing lived that has come of any.
    #[cfg(feature = "tower")]
    pub(crate) async fn end_by<'c>(
        &self,
        cookies: impl IntoIterator<Item = &'c [u8]>,
        now: UnixTime,
    ) -> Result<bool, SessionError> {
        let mut has_ended = false;
        for cookie in cookies {
            // Handles are no secret: nobody signs out others by what he has made up.
            if let Some(credential) = self.issued(cookie) {
                has_ended |= self.end(credential.handle(), now).await?;
            }
        }
        Ok(has_ended)
    }

    /// Ends all sessions of a user but this one, if one is given. From the returned epoch on, tokens and JWTs of that user issued at or before
    /// its second are refused too.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn end_all(
        &self,
        user: &str,
        except: Option<Handle>,
        now: UnixTime,
    ) -> Result<super::Epoch, SessionError> {
        Ok(self.store.revoke_user(self.pepper.user_tag(user.as_bytes()), except, now).await?)
    }

    /// When a user was last signed out everywhere: tokens and JWTs of that user issued at or before that second are refused.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn epoch_of(&self, user: &[u8]) -> Result<super::Epoch, SessionError> {
        Ok(self.store.epoch(self.pepper.user_tag(user)).await?)
    }

    /// The live sessions of a user.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn list(&self, user: &str, now: UnixTime) -> Result<Vec<Listed>, SessionError> {
        const PAGE: usize = 100;
        let (tag, mut listed, mut last) = (self.pepper.user_tag(user.as_bytes()), Vec::new(), None);
        loop {
            let page = self.store.list_by_user(tag, last, PAGE, now).await?;
            for (handle, entry) in &page {
                // Nobody's is no user's, though it may have taken the handle of one that is over.
                let record = Record::decode(&entry.content.bytes).filter(|record| record.user.is_some());
                let Some(record) = record else { continue };
                let last_seen = entry.content.deadlines.idle.as_secs().saturating_sub(self.lifetimes.idle);
                listed.push(Listed {
                    handle: *handle,
                    label: record.label,
                    created: record.created,
                    last_seen: UnixTime::from_secs(last_seen).max(record.created),
                });
            }
            match page.last() {
                Some((handle, _)) if page.len() == PAGE => last = Some(*handle),
                _ => return Ok(listed),
            }
        }
    }
}

fn after(time: UnixTime, seconds: u64) -> UnixTime {
    UnixTime::from_secs(time.as_secs().saturating_add(seconds))
}

impl<S> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("lifetimes", &self.lifetimes).finish_non_exhaustive()
    }
}
