//! The session of one request: found when it is asked for, written when the answer is made.

use super::layer_state::{Cookies, LayerState, RoutingCookie, StoreTime, unquoted};
use super::sign_in_page::SignInPage;
use crate::cookie::{MAX_COOKIE_HEADER_LEN, MAX_COOKIES, cookies};
use crate::session::credential::CREDENTIAL_LEN;
use crate::session::{MAX_TRIED, Making, Session, SessionError};
use crate::web::problem;
use core::error::Error;
use core::fmt;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use http::header::{CACHE_CONTROL, COOKIE, Entry, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, Method, Response};
use std::boxed::Box;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// The session of a request before a handler has opened it, in the request's extensions.
///
/// A clone is cheap, and nothing is read from the store before [`open`](LazySession::open).
#[derive(Clone)]
pub struct LazySession(pub(super) Arc<SlotInner>);

pub(super) struct SlotInner {
    pub(super) layer: Arc<LayerState>,
    /// Those that could be a credential.
    pub(super) cookies: Vec<[u8; CREDENTIAL_LEN]>,
    /// There were more, or longer header fields, than are looked at.
    is_cut: bool,
    /// What is said beside them.
    hint: RoutingCookie,
    /// The position that is said there is of no use.
    is_stale: AtomicBool,
    /// Something was written for this request.
    pub(super) has_written: AtomicBool,
    state: Mutex<State>,
    pub(super) spent: StoreTime,
    /// Another site makes the request, so that the browser may hold a cookie back.
    is_held_back: bool,
    /// Nobody knows where the request comes from: only the token of a form opens the session.
    pub(super) needs_token: bool,
    /// Where somebody signs in who looks at a page; `None` for other requests.
    page: Option<SignInPage>,
}

#[allow(clippy::large_enum_variant, reason = "there is one of it in a request, and it is nearly always this one")]
pub(super) enum State {
    Unread,
    InUse,
    Open(Session),
    Ended,
}

impl State {
    /// What there is to work with, which is then in use; where there is nothing, all stays as it is.
    fn taken(&mut self) -> Option<Self> {
        // Why: under the lock that it was read under. Put back under another one, it would replace what was given back between the two.
        matches!(self, Self::Unread | Self::Open(_)).then(|| core::mem::replace(self, Self::InUse))
    }
}

/// Error of opening the session of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LazySessionError {
    /// The request has its session open already, or has ended it.
    InUse,
    /// The request does not say where it comes from, and has no form token of the session.
    FormTokenRequired,
    /// The session could not be loaded.
    Session(SessionError),
}

impl fmt::Display for LazySessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => {
                f.write_str("the request has its session open already, or has ended it: one CurrentSession at a time")
            }
            Self::FormTokenRequired => {
                f.write_str("the request does not say where it comes from, and has no form token of the session")
            }
            Self::Session(error) => write!(f, "{error}"),
        }
    }
}

impl Error for LazySessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::Session(error) = self { error.source() } else { None }
    }
}

impl From<SessionError> for LazySessionError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl LazySession {
    pub(super) fn new(
        layer: &Arc<LayerState>,
        method: &Method,
        headers: &HeaderMap,
        page: Option<SignInPage>,
        needs_token: bool,
    ) -> Self {
        let (mut found, mut is_cut) = (Vec::new(), false);
        for field in headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes) {
            is_cut |= field.len() > MAX_COOKIE_HEADER_LEN;
            for (_, value) in cookies(field).filter(|(name, _)| layer.is_credential(name)) {
                match unquoted(value).try_into() {
                    Ok(_) if found.len() == MAX_COOKIES => is_cut = true,
                    Ok(value) => found.push(value),
                    Err(_) => {}
                }
            }
        }
        let cookies = found;
        let hint = if cookies.is_empty() { RoutingCookie::NONE } else { layer.hint(headers) };
        let is_held_back = layer.holds_back(method, headers);
        Self(Arc::new(SlotInner {
            layer: Arc::clone(layer),
            cookies,
            is_cut,
            hint,
            is_stale: AtomicBool::new(false),
            has_written: AtomicBool::new(false),
            state: Mutex::new(State::Unread),
            spent: StoreTime::default(),
            is_held_back,
            needs_token,
            page,
        }))
    }

    /// The response to this request with an error instead of the handler's.
    pub(super) fn refusal(&self, error: SessionError) -> Response<&'static str> {
        problem::to_page(problem::session(error), self.page(), |text| text)
    }

    /// The page to sign in at, if a person looks at a page.
    pub(super) fn page(&self) -> Option<&SignInPage> {
        self.0.page.as_ref()
    }

    /// How long the request has waited for the store.
    pub(in crate::web) fn spent(&self) -> &StoreTime {
        &self.0.spent
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // The state is replaced as a whole: what a panicking thread has left is one.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the session, for one `CurrentSession`, which gives it back.
    pub(super) async fn take(&self, may_open: bool) -> Result<Session, LazySessionError> {
        if !may_open {
            return Err(LazySessionError::FormTokenRequired);
        }
        let before = self.state().taken().ok_or(LazySessionError::InUse)?;
        Ok(match before {
            State::Open(session) => session,
            State::Unread => {
                // Also when this future is dropped half way.
                let mut back = RestoreOnDrop(Some(self));
                let SlotInner { layer, cookies, hint, is_stale, spent, .. } = &*self.0;
                let (sessions, now) = (&layer.sessions, layer.now());
                let issued = cookies.iter().filter_map(|cookie| sessions.issued(cookie));
                let mut issued: Vec<_> = issued.take(MAX_TRIED.saturating_add(1)).collect();
                // Why: one that was not looked at may be the browser's own, and what replaces it would sign somebody out.
                let is_cut = self.0.is_cut || issued.len() > MAX_TRIED;
                issued.truncate(MAX_TRIED);
                let making = match (is_cut, issued.is_empty() && self.0.is_held_back) {
                    (true, _) => Making::Refused,
                    (false, true) => Making::SignIn,
                    (false, false) => Making::Free,
                };
                // Why: whoever has no credential of ours has seen nothing elsewhere, whatever else he sends.
                if !issued.is_empty() && !layer.wait_for_position(spent, *hint).await? {
                    is_stale.store(true, Ordering::Relaxed);
                }
                let session = layer.in_time(spent, pin!(sessions.load_or_start(issued, now))).await?.made(making);
                back.0 = None;
                session
            }
            State::InUse | State::Ended => return Err(LazySessionError::InUse),
        })
    }

    /// Takes the session back from the handler: what is then left to do.
    pub(super) fn close(&self) -> Closing {
        let layer = &self.0.layer;
        match core::mem::replace(&mut *self.state(), State::InUse) {
            State::Unread => Closing::Untouched,
            // Kept somewhere beyond the handler: what it changes is lost, and nothing of it is half written.
            State::InUse => Closing::Answer(Cookies::default()),
            State::Ended => Closing::Answer(layer.no_cookie()),
            State::Open(session) if session.is_modified() => Closing::Write(Box::pin(self.clone().write(session))),
            State::Open(session) => Closing::Answer(self.new_cookies(&session)),
        }
    }

    fn new_cookies(&self, session: &Session) -> Cookies {
        let SlotInner { layer, hint, is_stale, has_written, .. } = &*self.0;
        let hint = if is_stale.load(Ordering::Relaxed) { hint.stale() } else { *hint };
        layer.new_cookies(session, hint, has_written.load(Ordering::Relaxed))
    }

    /// Writes what has changed. The cookie that the browser has not yet goes with every answer but that the session has ended: signing in may
    /// have been written, and what came after it not.
    async fn write(self, mut session: Session) -> (Result<(), SessionError>, Cookies) {
        let SlotInner { layer, spent, .. } = &*self.0;
        // Why: an answer that is right is not refused for what the next request writes as well.
        let is_only_seen = session.is_only_seen();
        let outcome = layer.in_time(spent, pin!(layer.sessions.save(&mut session, layer.now()))).await;
        if let Err(error) = &outcome {
            let error: &(dyn Error + 'static) = error;
            tracing::warn!(handle = %session.handle(), error, "session not written");
        }
        let is_over = matches!(outcome, Err(SessionError::Ended | SessionError::Revoked));
        self.0.has_written.store(true, Ordering::Relaxed);
        let cookies = if is_over { Cookies::default() } else { self.new_cookies(&session) };
        (if is_only_seen { Ok(()) } else { outcome }, cookies)
    }
}

impl fmt::Debug for LazySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazySession").finish_non_exhaustive()
    }
}

/// Gives a slot back unread, unless it is told otherwise.
struct RestoreOnDrop<'s>(Option<&'s LazySession>);

impl Drop for RestoreOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            *slot.state() = State::Unread;
        }
    }
}

/// What is left to do once the handler has answered.
pub(super) enum Closing {
    /// Nobody has asked for the session: the answer is as it is.
    Untouched,
    /// The answer gets these cookies.
    Answer(Cookies),
    /// This is written first.
    Write(Write),
}

/// A write under way; what comes of it, and the cookies that the browser has not yet.
pub(super) type Write = Pin<Box<dyn Future<Output = (Result<(), SessionError>, Cookies)> + Send>>;

/// The answer is this person's: no cache keeps it, or mixes it up.
pub(super) fn set_private_headers(headers: &mut HeaderMap, cookies: Cookies) {
    const COOKIE_VARIES: HeaderValue = HeaderValue::from_static("Cookie");
    match headers.entry(VARY) {
        Entry::Vacant(place) => drop(place.insert(COOKIE_VARIES)),
        Entry::Occupied(place) if place.iter().any(|value| value == "Cookie") => {}
        Entry::Occupied(mut place) => place.append(COOKIE_VARIES),
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in [cookies.credential, cookies.routing].into_iter().flatten() {
        headers.append(SET_COOKIE, cookie);
    }
}
