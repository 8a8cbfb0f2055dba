//! What all requests behind a session filter share: the sessions, the guard, the deadline and the shape of the cookie.

use super::affinity::{Affinity, Route};
use super::{CookieError, CsrfGuard, HostPrefix, MAX_COOKIES, NoPrefix, Prefix, SameSite, SetCookie, cookies};
use crate::session::{DynStore, Session, SessionError, SessionStore, Sessions, StoreError};
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

/// How cookies are called, without a prefix.
#[derive(Clone)]
pub(super) struct Names {
    credential: String,
    beside: String,
}

impl Default for Names {
    fn default() -> Self {
        Self { credential: "id".into(), beside: "at".into() }
    }
}

/// The last second that a date of a cookie can say: the year has four digits.
const LAST_DATE: u64 = 253_402_300_799;

/// A value without the quotes that some clients put around it (RFC 6265 section 4.1.1 allows them, RFC 2965 had them).
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    if let [b'"', inner @ .., b'"'] = value { inner } else { value }
}

#[derive(Clone)]
pub(super) struct Filter {
    pub(super) sessions: Arc<Sessions<DynStore>>,
    pub(super) guard: CsrfGuard,
    pub(super) deadline: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) has_tls: bool,
    pub(super) names: Names,
    /// `SameSite=Strict` instead of `Lax`.
    pub(super) is_strict: bool,
    pub(super) affinity: Option<Affinity>,
    /// Where people are shown to who would get a 401 or a 403.
    pub(super) page: Option<HeaderValue>,
}

impl Filter {
    /// The time, by the clock of the filter.
    pub(super) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Says how cookies are called, without the prefix that the name of one over TLS has.
    pub(super) fn name(&mut self, name: &str) -> Result<(), CookieError> {
        // Why: what every later answer would fail by is told at the start.
        SetCookie::new(name, "").write(&mut [0; 128])?;
        self.names = Names { credential: name.into(), beside: format!("{name}-at") };
        Ok(())
    }

    /// True for the name of the cookie of a credential.
    pub(super) fn is_credential(&self, name: &[u8]) -> bool {
        self.is_name(name, &self.names.credential)
    }

    fn is_name(&self, name: &[u8], own: &str) -> bool {
        let prefix = if self.has_tls { HostPrefix::PREFIX } else { NoPrefix::PREFIX };
        name.strip_prefix(prefix.as_bytes()) == Some(own.as_bytes())
    }

    /// True for a request of another site to which a browser does not add the cookie, though it may have one (RFC 6265bis section 5.2): with
    /// `SameSite=Lax` all but those that lead to the page itself by a safe method, with `SameSite=Strict` those too.
    pub(super) fn holds_back(&self, method: &Method, headers: &HeaderMap) -> bool {
        let says = |name: &str, expected: &str| headers.get(name).is_some_and(|value| value == expected);
        let leads_here = matches!(*method, Method::GET | Method::HEAD)
            && says("sec-fetch-mode", "navigate")
            && says("sec-fetch-dest", "document");
        says("sec-fetch-site", "cross-site") && (self.is_strict || !leads_here)
    }

    /// What the cookie beside the credential says: the first that can be read.
    pub(super) fn hint(&self, headers: &HeaderMap) -> Hint {
        if self.affinity.is_none() && self.sessions.store().position().is_none() {
            return Hint::NONE;
        }
        let fields = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let named = fields.flat_map(cookies).filter(|(name, _)| self.is_name(name, &self.names.beside));
        // A bound for what is read of others' making.
        let mut values = named.take(MAX_COOKIES).map(|(_, value)| value);
        values.find_map(|value| self.read_hint(unquoted(value))).unwrap_or(Hint::NONE)
    }

    /// `[node][~position]`
    fn read_hint(&self, value: &[u8]) -> Option<Hint> {
        let mut parts = value.splitn(2, |byte| *byte == b'~');
        let (node, position) = (parts.next().unwrap_or_default(), parts.next());
        let route = match &self.affinity {
            Some(affinity) => affinity.route(node)?,
            // Of a server that has one, while a change is rolled out.
            None => Route::Unknown,
        };
        let number = |digits: &[u8]| u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok();
        let position = position.filter(|digits| (1..=16).contains(&digits.len())).and_then(number);
        Some(Hint { route, position, is_of_no_use: false })
    }

    /// Waits until this server has heard of what the cookie's holder has seen elsewhere; false if nobody ever will.
    pub(super) async fn reach(&self, spent: &Spent, hint: Hint) -> Result<bool, SessionError> {
        let store = self.sessions.store();
        let (Some(position), Some(_)) = (hint.position, store.position()) else { return Ok(true) };
        self.in_time(spent, pin!(async { Ok(store.reach(position).await?) })).await
    }

    /// The answer of the store, or that there was none in the time that the request has left. Takes the call where it lies: an async function
    /// keeps what it is given twice.
    pub(super) async fn in_time<T>(
        &self,
        spent: &Spent,
        mut call: Pin<&mut impl Future<Output = Result<T, SessionError>>>,
    ) -> Result<T, SessionError> {
        // A store that answers at once, as one in memory does, needs no timer.
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            return answer;
        }
        let (start, left) = (Instant::now(), self.deadline.saturating_sub(spent.so_far()));
        let answer = tokio::time::timeout(left, call).await;
        spent.add(start.elapsed());
        answer.unwrap_or(Err(SessionError::Store(StoreError::Unavailable)))
    }

    /// The cookies that the browser has not: that of a new credential, and the one beside it if the client has moved, this request has written, or
    /// what the browser has is of no use. They are two, so that an answer that is late never puts an old credential back.
    pub(super) fn new_cookies(&self, session: &Session, hint: Hint, has_written: bool) -> Cookies {
        // Else each request would wait again, strangers' too.
        if session.is_unsaved() && !hint.is_of_no_use {
            return Cookies::default();
        }
        let credential = (!session.is_unsaved() && session.has_new_cookie()).then(|| session.cookie());
        let beside = self.beside(hint, has_written);
        if credential.is_none() && beside.is_none() {
            return Cookies::default();
        }
        let seconds = session.deadlines().absolute.as_secs().saturating_sub(self.now().as_secs());
        Cookies {
            credential: credential.and_then(|value| self.set_cookie(&self.names.credential, &value, seconds)),
            beside: beside.and_then(|value| self.set_cookie(&self.names.beside, &value, seconds)),
        }
    }

    /// What the cookie beside the credential has to say from now on, if it has to be said.
    fn beside(&self, hint: Hint, has_written: bool) -> Option<String> {
        let has_moved = self.affinity.as_ref().is_some_and(|affinity| affinity.has_moved(hint.route));
        let own = self.sessions.store().position();
        let has_news = has_moved || hint.is_of_no_use || has_written && own.is_some();
        if !has_news {
            return None;
        }
        let mut value = self.affinity.as_ref().map(Affinity::name).unwrap_or_default();
        // One that is behind does not take from the client what it has seen elsewhere.
        if let Some(position) = own.max(hint.position.filter(|_| !hint.is_of_no_use)) {
            value.push_str(&format!("~{position:x}"));
        }
        Some(value)
    }

    /// What takes the cookie away.
    pub(super) fn no_cookie(&self) -> Cookies {
        Cookies { credential: self.set_cookie(&self.names.credential, "", 0), beside: None }
    }

    /// A `Set-Cookie` value that a browser keeps for so many seconds.
    fn set_cookie(&self, name: &str, value: &str, max_age: u64) -> Option<HeaderValue> {
        // Why: what knows no Max-Age keeps to this, and the client of the JDK then sends the value without quotes. One that is to go went long ago,
        // whatever the clock of the browser says.
        let now = self.now().as_secs();
        let expires = UnixTime::from_secs(if max_age == 0 { 0 } else { now.saturating_add(max_age).min(LAST_DATE) });
        let mut out = [0; 512];
        let same_site = if self.is_strict { SameSite::Strict } else { SameSite::Lax };
        let written = if self.has_tls {
            SetCookie::host(name, value)
                .http_only()
                .same_site(same_site)
                .max_age(max_age)
                .expires(expires)
                .write(&mut out)
        } else {
            SetCookie::new(name, value)
                .path("/")
                .http_only()
                .same_site(same_site)
                .max_age(max_age)
                .expires(expires)
                .write(&mut out)
        };
        let mut value = HeaderValue::from_str(written.ok()?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Cookies that an answer sets.
#[derive(Default)]
pub(super) struct Cookies {
    pub(super) credential: Option<HeaderValue>,
    pub(super) beside: Option<HeaderValue>,
}

/// What the cookie beside the credential says: neither is a secret, and neither opens anything.
#[derive(Clone, Copy)]
pub(super) struct Hint {
    pub(super) route: Route,
    /// How far the server was that gave the cookie: see [`SessionStore::position`].
    position: Option<u64>,
    /// The store itself is not as far, so that it is of another one.
    is_of_no_use: bool,
}

impl Hint {
    pub(super) const NONE: Self = Self { route: Route::Unknown, position: None, is_of_no_use: false };

    /// The same, once the store has said that it is not as far.
    pub(super) const fn of_no_use(self) -> Self {
        Self { is_of_no_use: true, ..self }
    }
}

/// The time that a request has waited for the store, in microseconds.
#[derive(Default)]
pub(super) struct Spent(AtomicU64);

impl Spent {
    fn so_far(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
