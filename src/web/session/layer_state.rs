//! What all requests behind a session layer share: the sessions, the guard, the deadline and the shape of the cookie.

use super::affinity::{Affinity, Route};
use super::cookie::SessionCookie;
use crate::cookie::{MAX_COOKIES, SameSite, cookies};
use crate::session::store::{DynStore, SessionStore, StoreError};
use crate::session::{CookieLife, Session, SessionError, SessionManager};
use crate::web::csrf::{CsrfGuard, SEC_FETCH_DEST, SEC_FETCH_MODE, SEC_FETCH_SITE};
use crate::{Clock, UnixTime};
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Poll;
use core::time::Duration;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Method};
use std::format;
use std::string::String;
use std::sync::Arc;
use tokio::time::Instant;

/// A value without the quotes that some clients put around it (RFC 6265 section 4.1.1 allows them, RFC 2965 had them).
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    if let [b'"', inner @ .., b'"'] = value { inner } else { value }
}

#[derive(Clone)]
pub(in crate::web) struct LayerState {
    pub(in crate::web) sessions: Arc<SessionManager<DynStore>>,
    pub(super) guard: CsrfGuard,
    pub(super) deadline: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cookie: SessionCookie,
    pub(super) affinity: Option<Affinity>,
    /// Where people are shown to who would get a 401 or a 403.
    pub(super) page: Option<HeaderValue>,
}

impl LayerState {
    /// The time, by the clock of the layer.
    pub(in crate::web) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// True for the name of the cookie of a credential.
    pub(super) fn is_credential(&self, name: &[u8]) -> bool {
        self.is_name(name, self.cookie.name())
    }

    fn is_name(&self, name: &[u8], own: &str) -> bool {
        name.strip_prefix(self.cookie.prefix().as_bytes()) == Some(own.as_bytes())
    }

    /// True for a request of another site to which a browser does not add the cookie, though it may have one (RFC 6265bis section 5.2): with
    /// `SameSite=Lax` all but those that lead to the page itself by a safe method, with `SameSite=Strict` those too. With `SameSite=None` it adds it, but
    /// may have rules of its own for what a page of another site consists of; a frame has a jar for itself if the cookie is partitioned.
    pub(super) fn holds_back(&self, method: &Method, headers: &HeaderMap) -> bool {
        let says = |name, expected: &str| headers.get(name).is_some_and(|value| value == expected);
        let leads_to = |place| says(SEC_FETCH_MODE, "navigate") && says(SEC_FETCH_DEST, place);
        let is_added = || match self.cookie.same_site() {
            SameSite::Strict => false,
            SameSite::Lax => matches!(*method, Method::GET | Method::HEAD) && leads_to("document"),
            SameSite::None => leads_to("document") || self.cookie.is_for_frames() && leads_to("iframe"),
        };
        says(SEC_FETCH_SITE, "cross-site") && !is_added()
    }

    /// What the cookie beside the credential says: the first that can be read.
    pub(super) fn hint(&self, headers: &HeaderMap) -> RoutingCookie {
        if self.affinity.is_none() && self.sessions.store().replication_position().is_none() {
            return RoutingCookie::NONE;
        }
        let fields = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let named = fields.flat_map(cookies).filter(|(name, _)| self.is_name(name, self.cookie.routing_name()));
        // A bound for what is read of others' making.
        let mut values = named.take(MAX_COOKIES).map(|(_, value)| value);
        values.find_map(|value| self.read_hint(unquoted(value))).unwrap_or(RoutingCookie::NONE)
    }

    /// `[node][~position]`
    fn read_hint(&self, value: &[u8]) -> Option<RoutingCookie> {
        let mut parts = value.splitn(2, |byte| *byte == b'~');
        let (node, position) = (parts.next().unwrap_or_default(), parts.next());
        let route = match &self.affinity {
            Some(affinity) => affinity.route(node)?,
            // Of a server that has one, while a change is rolled out.
            None => Route::Unknown,
        };
        let number = |digits: &[u8]| u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok();
        let position = position.filter(|digits| (1..=16).contains(&digits.len())).and_then(number);
        Some(RoutingCookie { route, position, is_stale: false })
    }

    /// Waits until this server has heard of what the cookie's holder has seen elsewhere; false if nobody ever will.
    pub(super) async fn wait_for_position(&self, spent: &StoreTime, hint: RoutingCookie) -> Result<bool, SessionError> {
        let store = self.sessions.store();
        let (Some(position), Some(_)) = (hint.position, store.replication_position()) else { return Ok(true) };
        self.in_time(spent, pin!(async { Ok(store.wait_for_position(position).await?) })).await
    }

    /// The answer of the store, or that there was none in the time that the request has left. Takes the call where it lies: an async function
    /// keeps what it is given twice.
    pub(in crate::web) async fn in_time<T>(
        &self,
        spent: &StoreTime,
        mut call: Pin<&mut impl Future<Output = Result<T, SessionError>>>,
    ) -> Result<T, SessionError> {
        // A store that answers at once, as one in memory does, needs no timer.
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            return answer;
        }
        let (start, left) = (Instant::now(), self.deadline.saturating_sub(spent.so_far()));
        let answer = tokio::time::timeout(left, call).await;
        spent.add(start.elapsed());
        answer.unwrap_or_else(|_| {
            tracing::warn!(deadline = ?self.deadline, waited = ?spent.so_far(), "the session store has not answered in time");
            Err(SessionError::Store(StoreError::unavailable()))
        })
    }

    /// The cookies that the browser has not: that of a new credential, or of one that it is to keep for longer or shorter than before; and the one
    /// beside it if the client has moved, this request has written, or what the browser has is of no use. They are two, so that an answer that is late
    /// puts an old credential back as rarely as can be.
    pub(super) fn new_cookies(&self, session: &Session, hint: RoutingCookie, has_written: bool) -> Cookies {
        // Else each request would wait again, strangers' too.
        if session.is_unsaved() && !hint.is_stale {
            return Cookies::default();
        }
        let life = session.cookie_life().unwrap_or(self.cookie.life());
        let is_due = session.has_new_cookie_life() || session.is_touched() && life == CookieLife::Idle;
        let has_credential = !session.is_unsaved()
            && (session.has_new_cookie()
                // Why: of a request with a credential from before a renewal the browser has a newer one.
                || is_due && self.sessions.counts(session));
        // One that ends with the idle time ends with the credential, and not before.
        let goes_along = has_credential && (is_due || life == CookieLife::Idle);
        let routing = self.routing_cookie(hint, has_written, goes_along);
        if !has_credential && routing.is_none() {
            return Cookies::default();
        }
        let now = self.now();
        let until = match life {
            CookieLife::Browser => None,
            CookieLife::Idle => Some(session.deadlines().idle),
            CookieLife::Absolute => Some(session.deadlines().absolute),
        };
        let seconds = until.map(|until| until.as_secs().saturating_sub(now.as_secs()));
        let header = |name: &str, value: &str| self.cookie.header(name, value, seconds, now);
        let credential = has_credential.then(|| session.cookie_value());
        Cookies {
            credential: credential.and_then(|value| header(self.cookie.name(), &value)),
            routing: routing.and_then(|value| header(self.cookie.routing_name(), &value)),
        }
    }

    /// What the cookie beside the credential has to say from now on, if it has to be said.
    fn routing_cookie(&self, hint: RoutingCookie, has_written: bool, goes_along: bool) -> Option<String> {
        let has_moved = self.affinity.as_ref().is_some_and(|affinity| affinity.has_moved(hint.route));
        let own = self.sessions.store().replication_position();
        let has_news = has_moved
            || hint.is_stale
            || has_written && own.is_some()
            || goes_along && (own.is_some() || self.affinity.is_some());
        if !has_news {
            return None;
        }
        let mut value = self.affinity.as_ref().map(Affinity::name).unwrap_or_default();
        // One that is behind does not take from the client what it has seen elsewhere.
        if let Some(position) = own.max(hint.position.filter(|_| !hint.is_stale)) {
            value.push_str(&format!("~{position:x}"));
        }
        Some(value)
    }

    /// What takes the cookie away.
    pub(super) fn no_cookie(&self) -> Cookies {
        Cookies { credential: self.cookie.header(self.cookie.name(), "", Some(0), self.now()), routing: None }
    }
}

/// Cookies that an answer sets.
#[derive(Default)]
pub(super) struct Cookies {
    pub(super) credential: Option<HeaderValue>,
    pub(super) routing: Option<HeaderValue>,
}

/// What the cookie beside the credential says: neither is a secret, and neither opens anything.
#[derive(Clone, Copy)]
pub(super) struct RoutingCookie {
    pub(super) route: Route,
    /// How far the server was that gave the cookie: see [`SessionStore::replication_position`].
    position: Option<u64>,
    /// The store itself is not as far, so that it is of another one.
    is_stale: bool,
}

impl RoutingCookie {
    pub(super) const NONE: Self = Self { route: Route::Unknown, position: None, is_stale: false };

    /// The same, once the store has said that it is not as far.
    pub(super) const fn stale(self) -> Self {
        Self { is_stale: true, ..self }
    }
}

/// The time that a request has waited for the store, in microseconds.
#[derive(Default)]
pub(in crate::web) struct StoreTime(AtomicU64);

impl StoreTime {
    fn so_far(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
