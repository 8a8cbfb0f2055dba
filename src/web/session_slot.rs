//! The session of one request: found when it is asked for, written when the answer is made.

use super::{CsrfGuard, SameSite, SetCookie, cookies_named};
use crate::UnixTime;
use crate::session::{CREDENTIAL_LEN, DynStore, Session, SessionError, Sessions, StoreError};
use core::fmt;
use core::future::poll_fn;
use core::ops::{Deref, DerefMut};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// Cookies of the session's name that are tried: more than one is there where a sibling host or an old path has set one.
const MAX_TRIED: usize = 8;

/// What all requests share.
pub(super) struct Filter {
    pub(super) sessions: Sessions<DynStore>,
    pub(super) guard: CsrfGuard,
    pub(super) deadline: Duration,
    pub(super) has_tls: bool,
}

impl Filter {
    const fn cookie_name(&self) -> &'static str {
        if self.has_tls { "__Host-id" } else { "id" }
    }

    /// The answer of the store, or that there was none in time.
    pub(super) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, SessionError>>,
    ) -> Result<T, SessionError> {
        let mut call = pin!(call);
        // A store that answers at once, as one in memory does, needs no timer.
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            return answer;
        }
        let unavailable = SessionError::Store(StoreError::Unavailable);
        tokio::time::timeout(self.deadline, call).await.unwrap_or(Err(unavailable))
    }

    /// A `Set-Cookie` value that a browser keeps for so many seconds.
    fn set_cookie(&self, value: &str, max_age: u64) -> Option<HeaderValue> {
        let mut out = [0; 256];
        let written = if self.has_tls {
            SetCookie::host("id", value).http_only().same_site(SameSite::Lax).max_age(max_age).write(&mut out)
        } else {
            SetCookie::new("id", value).path("/").http_only().same_site(SameSite::Lax).max_age(max_age).write(&mut out)
        };
        let mut value = HeaderValue::from_str(written.ok()?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The place of a request's session, in the request's extensions. Cheap to clone; nothing is read before [`open`](SessionSlot::open).
#[derive(Clone)]
pub struct SessionSlot {
    filter: Arc<Filter>,
    cookies: Arc<[Vec<u8>]>,
    state: Arc<Mutex<State>>,
}

#[allow(clippy::large_enum_variant, reason = "there is one of it in a request, and it is nearly always this one")]
enum State {
    Unread,
    InUse,
    Open(Session),
    Ended,
}

/// Why there is no session to work with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SlotError {
    /// The request has it open already, or has ended it.
    InUse,
    /// The session's own reason.
    Session(SessionError),
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("the request has its session open already, or has ended it"),
            Self::Session(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for SlotError {}

impl From<SessionError> for SlotError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl SessionSlot {
    pub(super) fn new(filter: &Arc<Filter>, headers: &HeaderMap) -> Self {
        let fields = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let values = cookies_named(fields, filter.cookie_name().as_bytes());
        let plausible = values.filter(|value| value.len() == CREDENTIAL_LEN).take(MAX_TRIED);
        let cookies = plausible.map(<[u8]>::to_vec).collect();
        Self { filter: Arc::clone(filter), cookies, state: Arc::new(Mutex::new(State::Unread)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is replaced as a whole: what a panicking thread has left is one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the session: that of the cookie, or a new one that is in no store before something is written into it.
    ///
    /// # Errors
    /// [`SlotError`]; a store that does not answer is no session, and none is made in its place.
    pub async fn open(&self) -> Result<OpenSession, SlotError> {
        let before = core::mem::replace(&mut *self.state(), State::InUse);
        let session = match before {
            State::Open(session) => session,
            State::Unread => match self.find().await {
                Ok(session) => session,
                Err(error) => {
                    *self.state() = State::Unread;
                    return Err(error.into());
                }
            },
            other @ (State::InUse | State::Ended) => {
                *self.state() = other;
                return Err(SlotError::InUse);
            }
        };
        Ok(OpenSession { session, is_over: false, slot: self.clone() })
    }

    async fn find(&self) -> Result<Session, SessionError> {
        let now = UnixTime::now();
        let sessions = &self.filter.sessions;
        let found = self.filter.in_time(sessions.find(self.cookies.iter().map(Vec::as_slice), now)).await?;
        found.map_or_else(|| sessions.begin(now), Ok)
    }

    /// Writes what has changed, and tells the browser.
    pub(super) async fn close(&self, headers: &mut HeaderMap) -> Result<(), SessionError> {
        let state = core::mem::replace(&mut *self.state(), State::InUse);
        let cookie = match state {
            State::Unread => return Ok(()),
            // Kept somewhere beyond the handler: what it changes is lost, and nothing of it is half written.
            State::InUse => None,
            State::Ended => self.filter.set_cookie("", 0),
            State::Open(mut session) => {
                let now = UnixTime::now();
                if session.has_changed() {
                    self.filter.in_time(self.filter.sessions.save(&mut session, now)).await?;
                }
                let seconds = session.deadlines().absolute.as_secs().saturating_sub(now.as_secs());
                session.has_new_cookie().then(|| self.filter.set_cookie(&session.cookie(), seconds)).flatten()
            }
        };
        // The answer is this person's: no cache keeps it, or mixes it up.
        headers.append(VARY, HeaderValue::from_static("Cookie"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(cookie) = cookie {
            headers.append(SET_COOKIE, cookie);
        }
        Ok(())
    }
}

impl fmt::Debug for SessionSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSlot").finish_non_exhaustive()
    }
}

/// A session in the hands of a handler. What is changed is written when the answer is made; dropping it gives it back.
pub struct OpenSession {
    session: Session,
    is_over: bool,
    slot: SessionSlot,
}

impl OpenSession {
    /// Signs a user in, or another one, or the same to a higher level; see [`Sessions::sign_in`].
    ///
    /// # Errors
    /// As there.
    pub async fn sign_in(&mut self, user: &str, level: u8) -> Result<(), SessionError> {
        let filter = &self.slot.filter;
        filter.in_time(filter.sessions.sign_in(&mut self.session, user, level, UnixTime::now())).await
    }

    /// Gives the session a new verifier; see [`Sessions::renew`].
    ///
    /// # Errors
    /// As there: it is tried once more when the answer is made.
    pub async fn renew(&mut self) -> Result<(), SessionError> {
        let filter = &self.slot.filter;
        filter.in_time(filter.sessions.renew(&mut self.session, UnixTime::now())).await
    }

    /// Signs out: ends the session and takes the cookie away.
    ///
    /// # Errors
    /// [`SessionError::Store`]: then the session goes on.
    pub async fn sign_out(mut self) -> Result<(), SessionError> {
        let filter = &self.slot.filter;
        filter.in_time(filter.sessions.end(self.session.handle(), UnixTime::now())).await?;
        self.is_over = true;
        Ok(())
    }

    /// The sessions of the application: to list and end them by, and for form tokens.
    #[must_use]
    pub fn sessions(&self) -> &Sessions<DynStore> {
        &self.slot.filter.sessions
    }
}

impl Deref for OpenSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for OpenSession {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        let session = core::mem::replace(&mut self.session, Session::blank());
        *self.slot.state() = if self.is_over { State::Ended } else { State::Open(session) };
    }
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}
