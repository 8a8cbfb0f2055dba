//! The session of one request: found when it is asked for, written when the answer is made.

use super::session_filter::{Cookies, Filter, Hint, Spent, unquoted};
use super::sign_in_page::SignInPage;
use super::{MAX_COOKIE_HEADER, MAX_COOKIES, cookies, problem};
use crate::session::{
    Attempt, CREDENTIAL_LEN, DynStore, Handle, Listed, MAX_TRIED, Making, Session, SessionError, Sessions,
};
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use http::header::{CACHE_CONTROL, COOKIE, Entry, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, Method, Response};
use std::boxed::Box;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// The place of a request's session, in the request's extensions. Cheap to clone; nothing is read before [`open`](SessionSlot::open).
#[derive(Clone)]
pub struct SessionSlot(Arc<Inside>);

struct Inside {
    filter: Arc<Filter>,
    /// Those that could be a credential.
    cookies: Vec<[u8; CREDENTIAL_LEN]>,
    /// There were more, or longer header fields, than are looked at.
    is_cut: bool,
    /// What is said beside them.
    hint: Hint,
    /// The position that is said there is of no use.
    is_of_no_use: AtomicBool,
    /// Something was written for this request.
    has_written: AtomicBool,
    state: Mutex<State>,
    spent: Spent,
    /// Another site makes the request, so that the browser may hold a cookie back.
    is_held_back: bool,
    /// Nobody knows where the request comes from: only the token of a form opens the session.
    needs_token: bool,
    /// Where somebody signs in who looks at a page; `None` for other requests.
    page: Option<SignInPage>,
}

#[allow(clippy::large_enum_variant, reason = "there is one of it in a request, and it is nearly always this one")]
enum State {
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

/// Why there is no session to work with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SlotError {
    /// The request has it open already, or has ended it.
    InUse,
    /// The request does not say where it comes from, and no form vouches for it.
    Unvouched,
    /// The session's own reason.
    Session(SessionError),
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => {
                f.write_str("the request has its session open already, or has ended it: one OpenSession at a time")
            }
            Self::Unvouched => {
                f.write_str("the request does not say where it comes from, and no form's token vouches for it")
            }
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
    pub(super) fn new(
        filter: &Arc<Filter>,
        method: &Method,
        headers: &HeaderMap,
        page: Option<SignInPage>,
        needs_token: bool,
    ) -> Self {
        let (mut found, mut is_cut) = (Vec::new(), false);
        for field in headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes) {
            is_cut |= field.len() > MAX_COOKIE_HEADER;
            for (_, value) in cookies(field).filter(|(name, _)| filter.is_credential(name)) {
                match unquoted(value).try_into() {
                    Ok(_) if found.len() == MAX_COOKIES => is_cut = true,
                    Ok(value) => found.push(value),
                    Err(_) => {}
                }
            }
        }
        let cookies = found;
        let hint = if cookies.is_empty() { Hint::NONE } else { filter.hint(headers) };
        let is_held_back = filter.holds_back(method, headers);
        Self(Arc::new(Inside {
            filter: Arc::clone(filter),
            cookies,
            is_cut,
            hint,
            is_of_no_use: AtomicBool::new(false),
            has_written: AtomicBool::new(false),
            state: Mutex::new(State::Unread),
            spent: Spent::default(),
            is_held_back,
            needs_token,
            page,
        }))
    }

    /// What this request is told instead of the handler's answer.
    pub(super) fn refusal(&self, error: SessionError) -> Response<&'static str> {
        problem::session(error, self.0.page.as_ref())
    }

    /// The same for a slot that could not be opened.
    #[cfg(feature = "axum")]
    pub(super) fn refusal_of_slot(&self, error: SlotError) -> Response<&'static str> {
        match error {
            SlotError::Session(error) => self.refusal(error),
            SlotError::Unvouched => problem::cross_site(super::CrossSite::Unknown, self.0.page.as_ref()),
            SlotError::InUse => problem::internal(error),
        }
    }

    /// How long the request has waited for the store.
    pub(super) fn spent(&self) -> &Spent {
        &self.0.spent
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is replaced as a whole: what a panicking thread has left is one.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the session: that of the cookie, or a new one that is in no store before something is written into it.
    ///
    /// # Errors
    /// [`SlotError`]; a store that does not answer is no session, and none is made in its place.
    pub fn open(&self) -> impl Future<Output = Result<OpenSession, SlotError>> + Send {
        self.take(!self.0.needs_token)
    }

    /// The same for a form, whose hidden field has this token ([`Sessions::form_token`]): for browsers that do not say where a request comes
    /// from, with [`CsrfGuard::letting_forms_vouch`](super::CsrfGuard::letting_forms_vouch).
    ///
    /// # Errors
    /// As [`open`](SessionSlot::open), and [`SlotError::Unvouched`] for the token of another session.
    pub async fn open_vouched(&self, token: &str) -> Result<OpenSession, SlotError> {
        let session = self.take(true).await?;
        if session.sessions().is_form_token(&session, token) { Ok(session) } else { Err(SlotError::Unvouched) }
    }

    async fn take(&self, may_open: bool) -> Result<OpenSession, SlotError> {
        if !may_open {
            return Err(SlotError::Unvouched);
        }
        let before = self.state().taken().ok_or(SlotError::InUse)?;
        let session = match before {
            State::Open(session) => session,
            State::Unread => {
                // Also when this future is dropped half way.
                let mut back = PutBack(Some(self));
                let Inside { filter, cookies, hint, is_of_no_use, spent, .. } = &*self.0;
                let (sessions, now) = (&filter.sessions, filter.now());
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
                if !issued.is_empty() && !filter.reach(spent, *hint).await? {
                    is_of_no_use.store(true, Ordering::Relaxed);
                }
                let session = filter.in_time(spent, pin!(sessions.find_or_begin(issued, now))).await?.made(making);
                back.0 = None;
                session
            }
            State::InUse | State::Ended => return Err(SlotError::InUse),
        };
        Ok(OpenSession { session: Some(session), slot: self.clone() })
    }

    /// Takes the session back from the handler: what is then left to do.
    pub(super) fn close(&self) -> Closing {
        let filter = &self.0.filter;
        match core::mem::replace(&mut *self.state(), State::InUse) {
            State::Unread => Closing::Untouched,
            // Kept somewhere beyond the handler: what it changes is lost, and nothing of it is half written.
            State::InUse => Closing::Answer(Cookies::default()),
            State::Ended => Closing::Answer(filter.no_cookie()),
            State::Open(session) if session.has_changed() => Closing::Write(Box::pin(self.clone().write(session))),
            State::Open(session) => Closing::Answer(self.new_cookies(&session)),
        }
    }

    fn new_cookies(&self, session: &Session) -> Cookies {
        let Inside { filter, hint, is_of_no_use, has_written, .. } = &*self.0;
        let hint = if is_of_no_use.load(Ordering::Relaxed) { hint.of_no_use() } else { *hint };
        filter.new_cookies(session, hint, has_written.load(Ordering::Relaxed))
    }

    /// Writes what has changed. The cookie that the browser has not yet goes with every answer but that the session has ended: signing in may
    /// have been written, and what came after it not.
    async fn write(self, mut session: Session) -> (Result<(), SessionError>, Cookies) {
        let Inside { filter, spent, .. } = &*self.0;
        // Why: an answer that is right is not refused for what the next request writes as well.
        let is_only_seen = session.is_only_seen();
        let outcome = filter.in_time(spent, pin!(filter.sessions.save(&mut session, filter.now()))).await;
        let is_over = matches!(outcome, Err(SessionError::Gone | SessionError::Revoked));
        self.0.has_written.store(true, Ordering::Relaxed);
        let cookies = if is_over { Cookies::default() } else { self.new_cookies(&session) };
        (if is_only_seen { Ok(()) } else { outcome }, cookies)
    }
}

impl fmt::Debug for SessionSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSlot").finish_non_exhaustive()
    }
}

/// Gives a slot back unread, unless it is told otherwise.
struct PutBack<'s>(Option<&'s SessionSlot>);

impl Drop for PutBack<'_> {
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
pub(super) fn make_personal(headers: &mut HeaderMap, cookies: Cookies) {
    const COOKIE_VARIES: HeaderValue = HeaderValue::from_static("Cookie");
    match headers.entry(VARY) {
        Entry::Vacant(place) => drop(place.insert(COOKIE_VARIES)),
        Entry::Occupied(place) if place.iter().any(|value| value == "Cookie") => {}
        Entry::Occupied(mut place) => place.append(COOKIE_VARIES),
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in [cookies.credential, cookies.beside].into_iter().flatten() {
        headers.append(SET_COOKIE, cookie);
    }
}

/// A session in the hands of a handler. What is changed is written when the answer is made, whatever its status; dropping it gives it back, and
/// a request has one at a time. What is still held once the handler has answered, in a spawned task or a streaming body, is not written.
///
/// All calls keep the deadline of the [`SessionLayer`](super::SessionLayer).
pub struct OpenSession {
    /// `None` only once it has ended.
    session: Option<Session>,
    slot: SessionSlot,
}

impl OpenSession {
    pub(super) fn filter(&self) -> Arc<Filter> {
        Arc::clone(&self.slot.0.filter)
    }

    /// Where somebody signs in who looks at a page.
    pub(super) fn page(&self) -> Option<&SignInPage> {
        self.slot.0.page.as_ref()
    }

    /// The store has come further by this request.
    fn note_write(&self) {
        self.slot.0.has_written.store(true, Ordering::Relaxed);
    }

    /// Begins to sign a user in, before the password is checked; see [`Sessions::attempt`].
    ///
    /// # Errors
    /// As there.
    pub async fn attempt(&self, user: &str) -> Result<Attempt, SessionError> {
        let Inside { filter, spent, .. } = &*self.slot.0;
        filter.in_time(spent, pin!(filter.sessions.attempt(user))).await
    }

    /// Signs a user in, or another one, or the same to a higher level; see [`Sessions::sign_in`]. What a level means is the application's: 1 for
    /// a password, 2 for a second factor, for example; [`Session::authenticated`] tells it. The last sign-in decides: one with the password alone lowers it.
    ///
    /// Behind a form that was sent twice, with one cookie, a further sign-in within the grace is [`SessionError::RenewalUnderWay`], a second factor too:
    /// the answer to the second request may still be under way, and would put the cookie of before it back.
    ///
    /// # Errors
    /// As there.
    pub async fn sign_in(&mut self, attempt: &Attempt, level: u8) -> Result<(), SessionError> {
        let slot = Arc::clone(&self.slot.0);
        let Inside { filter, spent, .. } = &*slot;
        self.note_write();
        filter.in_time(spent, pin!(filter.sessions.sign_in(self, attempt, level, filter.now()))).await
    }

    /// Gives the session a new verifier; see [`Sessions::renew`].
    ///
    /// # Errors
    /// As there: it is tried once more when the answer is made.
    pub async fn renew(&mut self) -> Result<(), SessionError> {
        let slot = Arc::clone(&self.slot.0);
        let Inside { filter, spent, .. } = &*slot;
        self.note_write();
        filter.in_time(spent, pin!(filter.sessions.renew(self, filter.now()))).await
    }

    /// Signs out here: ends the session and takes the cookie away. If somebody has signed in meanwhile, by another request of the same browser, what
    /// came of that ends too.
    ///
    /// # Errors
    /// [`SessionError::Gone`] if nothing has ended: nobody has signed in, or has signed out already. The cookie is then as it was.
    /// [`SessionError::Store`]: then nobody knows whether it has ended. With [`StoreError::NotReplicated`](crate::session::StoreError::NotReplicated) it
    /// has, unless the server of the store is lost before its replicas know: keep the handle, and call [`Sessions::end`](crate::session::Sessions::end)
    /// until that confirms it.
    pub async fn sign_out(mut self) -> Result<(), SessionError> {
        let Inside { filter, spent, cookies, .. } = &*self.slot.0;
        let now = filter.now();
        let mut has_ended =
            !self.is_unsaved() && filter.in_time(spent, pin!(filter.sessions.end(self.handle(), now))).await?;
        if !has_ended {
            let cookies = cookies.iter().map(<[u8; _]>::as_slice);
            has_ended = filter.in_time(spent, pin!(filter.sessions.end_by(cookies, now))).await?;
        }
        if !has_ended {
            return Err(SessionError::Gone);
        }
        self.session = None;
        Ok(())
    }

    /// Signs out everywhere: ends all sessions of the user, this one too, and with [`SessionLayer::revoking`](super::SessionLayer::revoking) the
    /// tokens and JWTs that were issued until this second.
    ///
    /// # Errors
    /// As [`sign_out`](OpenSession::sign_out).
    pub async fn sign_out_everywhere(mut self) -> Result<(), SessionError> {
        self.end_all(None).await?;
        self.session = None;
        Ok(())
    }

    /// The same for all sessions but this one.
    ///
    /// # Errors
    /// As [`sign_out`](OpenSession::sign_out).
    pub async fn sign_out_elsewhere(&self) -> Result<(), SessionError> {
        self.end_all(Some(self.handle())).await
    }

    async fn end_all(&self, except: Option<Handle>) -> Result<(), SessionError> {
        let Inside { filter, spent, .. } = &*self.slot.0;
        let user = self.user().ok_or(SessionError::Gone)?;
        self.note_write();
        filter.in_time(spent, pin!(filter.sessions.end_all(user, except, filter.now()))).await.map(|_| ())
    }

    /// A page of the user's sessions, at most `limit` behind `after`; see [`Sessions::list`]. Nobody's before somebody has signed in.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn devices(&self, after: Option<Handle>, limit: usize) -> Result<Vec<Listed>, SessionError> {
        let Inside { filter, spent, .. } = &*self.slot.0;
        let Some(user) = self.user() else { return Ok(Vec::new()) };
        filter.in_time(spent, pin!(filter.sessions.list(user, after, limit, filter.now()))).await
    }

    /// Ends one of the user's sessions, and nobody else's. False if there is none of this name.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn end_device(&self, handle: Handle) -> Result<bool, SessionError> {
        let Inside { filter, spent, .. } = &*self.slot.0;
        let Some(user) = self.user() else { return Ok(false) };
        self.note_write();
        filter.in_time(spent, pin!(filter.sessions.end_of(user, handle, filter.now()))).await
    }

    /// The sessions of the application: for operators, and for form tokens. Its calls have no deadline.
    #[must_use]
    pub fn sessions(&self) -> &Sessions<DynStore> {
        &self.slot.0.filter.sessions
    }
}

/// Stands in for the session that has ended: [`OpenSession::sign_out`] leaves nobody who could look.
static BLANK: LazyLock<Session> = LazyLock::new(Session::blank);

impl Deref for OpenSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().unwrap_or(&BLANK)
    }
}

impl DerefMut for OpenSession {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.get_or_insert_with(Session::blank)
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        *self.slot.state() = self.session.take().map_or(State::Ended, State::Open);
    }
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
