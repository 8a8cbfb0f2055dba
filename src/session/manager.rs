//! The sessions of one application: started, loaded, saved and renewed.

use super::active::{Change, Making, Session};
use super::credential::{Credential, VerifierMac};
use super::error::SessionError;
use super::event::{Event, EventCounters};
use super::handle::Handle;
use super::lifetimes::Lifetimes;
use super::pepper::Pepper;
use super::record::{Previous, Record, Standing};
use super::store::{CreateOutcome, Deadlines, MAX_LINE, SessionStore, StoredSession, SwapOutcome};
use crate::UnixTime;
use core::fmt;
use core::future::poll_fn;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Poll;
use std::boxed::Box;
use std::string::String;

/// Starts, loads, saves, signs in and ends the sessions of an application.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::session::store::{Budgets, MemoryStore};
/// use countersign::session::{Lifetimes, Pepper, SessionManager};
/// use std::time::Duration;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let lifetimes = Lifetimes {
///     idle: Duration::from_secs(30 * 60),
///     absolute: Duration::from_secs(12 * 3600),
///     renewal_grace: Duration::from_secs(10),
///     max_token_age: Duration::ZERO,
/// };
/// let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
/// let sessions = SessionManager::new(store, pepper, lifetimes);
/// let now = UnixTime::now();
///
/// let mut session = sessions.start(now)?;
/// session.insert("cart", &["apples"])?;
/// sessions.save(&mut session, now).await?;
/// let attempt = sessions.begin_sign_in("alice").await?;
/// // The password is checked here.
/// sessions.sign_in(&mut session, &attempt, 1, now).await?;
///
/// let cookie = session.cookie_value();
/// let found = sessions.load([cookie.as_bytes()], now).await?.unwrap();
/// assert_eq!((found.user(), found.get::<Vec<String>>("cart")?.unwrap()), (Some("alice"), vec!["apples".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct SessionManager<S> {
    pub(super) store: S,
    pub(super) pepper: Pepper,
    pub(super) lifetimes: Lifetimes,
    data_version: u32,
    pub(super) max_per_user: usize,
    on_event: Option<Hook>,
    stolen_cookies: AtomicU64,
    unreadable: AtomicU64,
    conflicts: AtomicU64,
}

type Hook = Box<dyn Fn(&Event) + Send + Sync>;

/// Credentials of ours that are tried for one request, to find its session or to end it: more than one is there where a sibling host or an old path has
/// set one.
#[cfg(feature = "tower")]
pub(crate) const MAX_TRIED: usize = 8;

/// A credential that a pepper of ours has issued, and what a record would keep of it.
pub(crate) struct IssuedCredential {
    pub(super) credential: Credential,
    sealed: VerifierMac,
}

/// What a credential leads to.
#[allow(clippy::large_enum_variant, reason = "there is one of it in a request, and it is nearly always this one")]
enum Looked {
    Session(Session),
    /// It was right once, and is no longer: the session was ended.
    Stolen {
        user: Option<String>,
    },
    /// The session lives, for who has signed in since then.
    Superseded {
        #[cfg_attr(not(feature = "tower"), allow(dead_code, reason = "for the layer, which begins another one"))]
        since: UnixTime,
    },
    /// The session cannot be read.
    Unreadable,
    /// No session lives under this handle.
    Over,
}

impl<S: SessionStore> SessionManager<S> {
    /// Makes a manager of the sessions in a store, whose cookies are under this pepper.
    pub const fn new(store: S, pepper: Pepper, lifetimes: Lifetimes) -> Self {
        Self {
            store,
            pepper,
            lifetimes,
            data_version: 0,
            max_per_user: usize::MAX,
            on_event: None,
            stolen_cookies: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
        }
    }

    /// Sets the version of the application's data, 0 if it is not set. A session of another version is not loaded, and its holder signs in again.
    #[must_use]
    pub fn with_data_version(mut self, data_version: u32) -> Self {
        self.data_version = data_version;
        self
    }

    /// Limits the sessions of one user. A sign-in beyond the limit ends those that were not used for longest.
    ///
    /// Each sign-in then costs a list of the user's sessions, a write, and a call for each session that it ends. The limit is at least 1: 0 refuses every
    /// sign-in.
    #[must_use]
    pub fn with_max_per_user(mut self, max: usize) -> Self {
        self.max_per_user = max;
        self
    }

    /// Calls `hook` at every event, on the task of the request: to warn a user, for example. The hook must not block.
    #[must_use]
    pub fn on_event(mut self, hook: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Box::new(hook));
        self
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::StolenCookie { handle, .. } => {
                tracing::warn!(%handle, "a copy of an old cookie was used: its session ends");
            }
            Event::Unreadable { handle } => tracing::warn!(%handle, "a session cannot be read"),
        }
        if let Some(hook) = &self.on_event {
            hook(event);
        }
    }

    /// Returns the store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Returns the counts of events since this manager was made.
    pub fn counters(&self) -> EventCounters {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EventCounters {
            stolen_cookies: count(&self.stolen_cookies),
            unreadable: count(&self.unreadable),
            conflicts: count(&self.conflicts),
        }
    }

    /// Starts an anonymous session. The store does not have it before [`save`](SessionManager::save).
    ///
    /// # Errors
    /// [`SessionError::Random`] if the system gives no random bytes.
    pub fn start(&self, now: UnixTime) -> Result<Session, SessionError> {
        Ok(self.beginning(Credential::generate_anonymous().map_err(|_| SessionError::Random)?, 0, now))
    }

    /// A session under this credential, of nobody and in no store.
    fn beginning(&self, credential: Credential, generation: u16, now: UnixTime) -> Session {
        let (credential, sealed) = self.pepper.issue(credential, generation);
        let mut record = Record::new(sealed, self.data_version, now);
        record.generation = generation;
        Session::unsaved(credential, record, self.deadlines(now))
    }

    /// Until when a sign-out everywhere is known that happens now, at least.
    pub(crate) fn epoch_until(&self, now: UnixTime) -> UnixTime {
        now + self.lifetimes.absolute.max(self.lifetimes.max_token_age)
    }

    pub(super) fn deadlines(&self, now: UnixTime) -> Deadlines {
        let Lifetimes { idle, absolute, .. } = self.lifetimes;
        Deadlines { idle: now + idle.min(absolute), absolute: now + absolute }
    }

    /// Loads the session of the cookies that a request came with: of the first whose verifier is right.
    ///
    /// A cookie that this pepper has not made costs no call of the store. The others cost a `load`, and one in a fifth of the idle timeout a `touch`.
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer: then the session may live. Keep the cookie and answer 503.
    pub async fn load<'c>(
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
    pub(crate) fn issued(&self, cookie: &[u8]) -> Option<IssuedCredential> {
        let credential = Credential::parse(cookie)?;
        let sealed = self.pepper.recognise(&credential)?;
        Some(IssuedCredential { credential, sealed })
    }

    /// Finds the session of one of these credentials, or begins one. What this pepper has issued is not a stranger's: the new one takes the handle of
    /// the one before, so that it can only be made where nothing lives that has come of that. Once the cookie that has replaced it cannot be under way
    /// any more, the new one gets a handle of its own.
    #[cfg(feature = "tower")]
    pub(crate) async fn load_or_start(
        &self,
        issued: impl IntoIterator<Item = IssuedCredential>,
        now: UnixTime,
    ) -> Result<Session, SessionError> {
        let (mut superseded, mut over) = (None, None);
        for issued in issued {
            let origin = issued.credential.duplicate();
            match self.look(issued, now).await? {
                Looked::Session(session) => return Ok(session),
                Looked::Superseded { since } => superseded = superseded.or(Some((origin, since))),
                Looked::Stolen { .. } | Looked::Over => over = over.or(Some(origin)),
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
            (None, None) => return self.start(now),
        };
        // Why: the answer with the cookie that has replaced this one was lost, so that nothing but a session of its own is left to the browser.
        let is_long_ago = since.is_some_and(|since| now >= since + self.lifetimes.renewal_grace);
        let mut session = if is_long_ago {
            self.start(now)?
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
    ) -> Result<Option<(Handle, StoredSession)>, SessionError> {
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
    async fn look(&self, issued: IssuedCredential, now: UnixTime) -> Result<Looked, SessionError> {
        let handle = issued.credential.handle();
        let Some(entry) = self.store.load(handle, now).await? else { return Ok(Looked::Over) };
        let looked = self.verified(issued, entry, now);
        if let Looked::Stolen { user } = &looked {
            // Why behind the end, and on drop: a hook that panics must not save the thief's session, and a request that is given up has its alarm.
            let _alarm = OnDrop(|| {
                self.stolen_cookies.fetch_add(1, Ordering::Relaxed);
                self.tell(&Event::StolenCookie { handle, user: user.clone() });
            });
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
    fn verified(&self, issued: IssuedCredential, entry: StoredSession, now: UnixTime) -> Looked {
        let IssuedCredential { credential, sealed } = issued;
        let Some(record) = self.record_of(&entry) else {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
            self.tell(&Event::Unreadable { handle: credential.handle() });
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
                return Looked::Stolen { user: record.user.map(|user| user.name) };
            }
        }
        let mut session = Session::of_entry(credential, record, entry);
        if matches!(standing, Standing::Current) && session.record.previous.iter().any(Previous::is_unreplaced) {
            let until = now + self.lifetimes.renewal_grace;
            session.change(Change::Retirement { seen: sealed, until });
        }
        Looked::Session(session)
    }

    /// Where the idle deadline is to be pushed on to: at most once in a fifth of the idle time.
    fn next_idle(&self, session: &Session, now: UnixTime) -> Option<UnixTime> {
        let idle = self.deadlines(now).idle.min(session.deadlines.absolute);
        let gained = idle.as_secs().saturating_sub(session.deadlines.idle.as_secs());
        (gained > 0 && gained.saturating_mul(5) >= self.lifetimes.idle.as_secs()).then_some(idle)
    }

    /// True if the credential that a request came with is the one that counts now, as far as the request has heard.
    #[cfg(feature = "tower")]
    pub(crate) fn counts(&self, session: &Session) -> bool {
        session.record.verifier == self.pepper.verifier_mac(&session.credential)
    }

    /// Writes the changes of this request. The writes of other requests stay: the changes are made again on top of them.
    ///
    /// # Errors
    /// [`SessionError::Ended`] if the session has ended: nothing was written. [`SessionError::TooLarge`] if the record is too long.
    /// [`SessionError::Serialization`] if an update has made a value that cannot be read again. [`SessionError::Withheld`] if the session may not be
    /// made. [`SessionError::Store`] if the store is full or does not answer.
    pub async fn save(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        if session.changes.is_empty() && session.version.is_some() {
            return Ok(());
        }
        loop {
            let Some(version) = session.version else { return self.create(session, now).await };
            let content = session.content()?;
            match self.store.compare_and_swap(session.handle(), version, content, now).await? {
                SwapOutcome::Done(next) => {
                    session.saved(next);
                    return Ok(());
                }
                SwapOutcome::Gone => return Err(SessionError::Ended),
                SwapOutcome::Conflict => self.read_again(session, now).await?,
            }
        }
    }

    async fn create(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        if session.making != Making::Free {
            return Err(SessionError::Withheld);
        }
        match self.store.create(session.handle(), session.content()?, now).await? {
            CreateOutcome::Done(version) => {
                session.saved(version);
                Ok(())
            }
            // What has become of the session whose cookie the request came with lives on elsewhere. Or the same call, asked again after an answer was
            // lost; or 96 random bits that somebody has already.
            CreateOutcome::Exists => Err(SessionError::Ended),
            CreateOutcome::Revoked => Err(SessionError::Revoked),
        }
    }

    /// Takes what another request has written, and makes the changes of this one again.
    pub(super) async fn read_again(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(handle = %session.handle(), "another request has written the session: the changes are made again");
        give_way().await;
        let entry = self.store.load(session.handle(), now).await?.ok_or(SessionError::Ended)?;
        let record = Record::decode(&entry.content.bytes).ok_or(SessionError::Ended)?;
        // Whoever came with what counted before somebody signed in under this handle is in the session no more.
        if record.generation != session.record.generation {
            return Err(SessionError::Ended);
        }
        session.rebase(record, entry);
        Ok(())
    }

    /// Gives the session a new cookie.
    ///
    /// The old cookie counts until a request has shown the new one and [`Lifetimes::renewal_grace`] is over. After that a request with the old one ends
    /// the session, and is an [`Event::StolenCookie`]. While another new cookie is under way to the browser, the call makes none.
    ///
    /// # Errors
    /// As [`save`](SessionManager::save), and [`SessionError::Random`]. The next [`save`](SessionManager::save) tries again.
    pub async fn renew(&self, session: &mut Session, now: UnixTime) -> Result<(), SessionError> {
        let shown = self.pepper.verifier_mac(&session.credential);
        if session.renewal.is_none() && !session.record.has_cookie_under_way(shown, now, self.lifetimes.renewal_grace) {
            let credential = session.credential.renewed().map_err(|_| SessionError::Random)?;
            let (credential, sealed) = self.pepper.issue(credential, session.record.generation);
            session.change(Change::Renewal { from: session.record.verifier, to: sealed, shown, now });
            session.renewal = Some(Box::new((credential, sealed)));
        }
        self.save(session, now).await
    }

    /// Returns the token of the session for a hidden field of a form, 43 characters, for browsers that do not say where a request comes from.
    ///
    /// The token is the same through all renewals, and another one after a sign-in. A session that is in no store yet counts as modified from then on.
    #[doc(alias = "csrf_token")]
    pub fn form_token(&self, session: &Session) -> String {
        session.want();
        self.pepper
            .form_token(session.handle(), session.record.generation)
            .iter()
            .map(|byte| char::from(*byte))
            .collect()
    }

    /// Returns true if `token` is the form token of the session. The comparison takes constant time.
    pub fn verify_form_token(&self, session: &Session, token: &str) -> bool {
        self.pepper.verify_form_token(session.handle(), session.record.generation, token.as_bytes())
    }

    /// What a record holds, if it is one of this application's layout.
    pub(super) fn record_of(&self, entry: &StoredSession) -> Option<Box<Record>> {
        Record::decode(&entry.content.bytes).filter(|record| record.data_version == self.data_version)
    }
}

/// Calls this when it is dropped.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0();
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

impl<S> fmt::Debug for SessionManager<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManager").field("lifetimes", &self.lifetimes).finish_non_exhaustive()
    }
}
