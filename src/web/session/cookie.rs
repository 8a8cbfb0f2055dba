//! The shape of a session's cookie: its name, where it is sent, and for how long it is kept.

use crate::UnixTime;
use crate::cookie::prefix::{AllowsScope, Host, Plain, Prefix, Secure};
use crate::cookie::{CookieError, SameSite, SetCookie, is_domain as is_domain_name};
use crate::session::CookieLife;
use crate::session::credential::CREDENTIAL_LEN;
use crate::web::origin::is_number;
use core::fmt;
use http::HeaderValue;
use std::format;
use std::string::String;

/// Bytes of the longest `Set-Cookie` value of a session.
const MAX_LEN: usize = 1024;

/// Bytes of the longest domain name (RFC 1035 section 2.3.4), without the dot at its end.
const MAX_DOMAIN: usize = 253;

/// Bytes of the longest label of one.
const MAX_LABEL: usize = 63;

/// The last second that a date of a cookie can say: the year has four digits.
const LAST_DATE: u64 = 253_402_300_799;

/// Error of the shape of a session's cookie: browsers would not take it, or would never send it back.
///
/// ```
/// use countersign::cookie::SameSite;
/// use countersign::web::session::SessionCookie;
///
/// let error = SessionCookie::new().with_secure(false).with_same_site(SameSite::None).check().unwrap_err();
/// assert_eq!(error.to_string(), "SameSite=None needs TLS: browsers drop the cookie without Secure");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionCookieError {
    /// A name is one or more token characters (RFC 9110 section 5.6.2), without a prefix: that is put in front of it.
    Name,
    /// A domain is a name of two labels or more, of letters, digits and inner hyphens, without a dot in front; no address.
    Domain,
    /// A path begins with `/` and has neither a blank nor a control character, `;`, `?`, `#`, nor what is not ASCII.
    Path,
    /// A domain without TLS.
    DomainWithoutTls,
    /// `SameSite=None` without TLS.
    SameSiteNoneWithoutTls,
    /// `Partitioned` without TLS.
    PartitionedWithoutTls,
    /// Name, domain and path are too long together.
    TooLong {
        /// Bytes too many.
        by: usize,
    },
}

impl fmt::Display for SessionCookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("the cookie's name is one or more token characters: leave out the prefix, it is put in front by itself"),
            Self::Domain => f.write_str("the cookie's domain is a name as in shop.example: no dot in front, no address, no port, and what is not ASCII in its punycode form"),
            Self::Path => f.write_str("the cookie's path begins with a slash: no blank, semicolon, query or fragment, and what is not ASCII percent-encoded"),
            Self::DomainWithoutTls => f.write_str("a cookie for a whole domain needs TLS: leave out the domain"),
            Self::SameSiteNoneWithoutTls => f.write_str("SameSite=None needs TLS: browsers drop the cookie without Secure"),
            Self::PartitionedWithoutTls => f.write_str("Partitioned needs TLS: browsers drop the cookie without Secure"),
            Self::TooLong { by } => write!(f, "name, domain and path of the cookie are {by} bytes too long"),
        }
    }
}

impl core::error::Error for SessionCookieError {}

/// The shape of a session's cookie, for [`SessionLayer::with_cookie`](super::SessionLayer::with_cookie).
///
/// The default is `__Host-id; Path=/; Secure; HttpOnly; SameSite=Lax`, kept until the session's absolute deadline. The cookie is always `HttpOnly`, and
/// its name has the strictest prefix that fits:
///
/// | TLS | domain | path | name |
/// |---|---|---|---|
/// | yes | none | `/` | `__Host-id` |
/// | yes | any | any other | `__Secure-id` |
/// | no | none | any | `id` |
///
/// ```
/// use countersign::session::CookieLife;
/// use countersign::cookie::SameSite;
/// use countersign::web::session::SessionCookie;
///
/// let at_home = SessionCookie::new().with_secure(false).with_name("shop");
/// let at_the_bank = SessionCookie::new().with_same_site(SameSite::Strict).with_life(CookieLife::Browser);
/// let for_all_hosts = SessionCookie::new().with_domain("shop.example").with_path("/app");
/// let in_frames = SessionCookie::new().with_same_site(SameSite::None).with_partitioned(true);
/// for cookie in [at_home, at_the_bank, for_all_hosts, in_frames] {
///     assert_eq!(cookie.check(), Ok(()));
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionCookie {
    name: String,
    /// Name of the routing cookie.
    routing_name: String,
    domain: Option<String>,
    path: String,
    same_site: SameSite,
    is_secure: bool,
    is_partitioned: bool,
    life: CookieLife,
}

impl Default for SessionCookie {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionCookie {
    /// Makes the default: `__Host-id; Path=/; Secure; HttpOnly; SameSite=Lax`, kept until the session's absolute deadline.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: "id".into(),
            routing_name: "at".into(),
            domain: None,
            path: "/".into(),
            same_site: SameSite::Lax,
            is_secure: true,
            is_partitioned: false,
            life: CookieLife::Absolute,
        }
    }

    /// Sets the name behind the prefix, instead of `id`, and that of the routing cookie, the same with `-at`: for several applications on one host, whose
    /// ports share cookies.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        (self.name, self.routing_name) = (name.into(), format!("{name}-at"));
        self
    }

    /// Sets the domain: browsers send the cookie to all of its hosts, each of which can then read the credential and set one. Do without it if another
    /// party runs one of them.
    #[must_use]
    pub fn with_domain(mut self, domain: &str) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the path: browsers send the cookie for it and the paths below it. A path does not separate applications: each can act on the pages of the other.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the requests of other sites to which browsers add the cookie.
    ///
    /// | | sent from elsewhere with | what makes a session from elsewhere, beside a sign-in |
    /// |---|---|---|
    /// | `Strict` | nothing, not even a link that is followed | nothing |
    /// | `Lax` | links that are followed | links that are followed |
    /// | `None` | all, where the browser has no rule of its own | what leads to a page of its own, and with [`with_partitioned`](SessionCookie::with_partitioned) a frame |
    ///
    /// What else is written from elsewhere without a cookie is refused ([`SessionError::Withheld`](crate::session::SessionError::Withheld)), since nobody
    /// knows whether the browser has a session. With `None` the [`CsrfGuard`](crate::web::CsrfGuard) alone keeps other sites from acting for the person.
    #[must_use]
    pub fn with_same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Sets or leaves out `Partitioned`: browsers then keep another cookie for each site that embeds this one. Use it with `SameSite=None` for an application
    /// in frames of other sites. Each of them has a session of its own: a logout in one leaves the others.
    #[must_use]
    pub fn with_partitioned(mut self, is_partitioned: bool) -> Self {
        self.is_partitioned = is_partitioned;
        self
    }

    /// Sets how long browsers keep the cookie of sessions without a setting of their own
    /// ([`set_cookie_life`](crate::session::Session::set_cookie_life)).
    #[must_use]
    pub fn with_life(mut self, life: CookieLife) -> Self {
        self.life = life;
        self
    }

    /// Sets or leaves out `Secure` and the prefix. Leave them out for a server on plain `http://` on this machine alone.
    #[must_use]
    pub fn with_secure(mut self, is_secure: bool) -> Self {
        self.is_secure = is_secure;
        self
    }

    /// Checks that browsers would take the cookie.
    ///
    /// # Errors
    /// [`SessionCookieError`] for the first fault: name, domain and path each by itself, then what needs TLS, then what is too long.
    pub fn check(&self) -> Result<(), SessionCookieError> {
        let Self { name, domain, path, .. } = self;
        SetCookie::new(name, "").write(&mut [0; MAX_LEN]).map_err(|error| match error {
            CookieError::BufferTooSmall { needed } => {
                SessionCookieError::TooLong { by: needed.saturating_sub(MAX_LEN) }
            }
            CookieError::TooLong { by } => SessionCookieError::TooLong { by },
            _ => SessionCookieError::Name,
        })?;
        if !domain.as_deref().is_none_or(is_domain) {
            return Err(SessionCookieError::Domain);
        }
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b'?' | b'#');
        if !path.starts_with('/') || !path.bytes().all(is_allowed) {
            return Err(SessionCookieError::Path);
        }
        if !self.is_secure && domain.is_some() {
            return Err(SessionCookieError::DomainWithoutTls);
        }
        if !self.is_secure && self.same_site == SameSite::None {
            return Err(SessionCookieError::SameSiteNoneWithoutTls);
        }
        if !self.is_secure && self.is_partitioned {
            return Err(SessionCookieError::PartitionedWithoutTls);
        }
        // Why: what every later answer would fail by is told at the start.
        let longest = "x".repeat(CREDENTIAL_LEN);
        match self.text(
            &self.routing_name,
            &longest,
            Some((u64::MAX, UnixTime::from_secs(LAST_DATE))),
            &mut [0; MAX_LEN],
        ) {
            Err(CookieError::BufferTooSmall { needed }) => {
                Err(SessionCookieError::TooLong { by: needed.saturating_sub(MAX_LEN) })
            }
            Err(_) => Err(SessionCookieError::Name),
            Ok(_) => Ok(()),
        }
    }

    /// What it is called, without its prefix.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the one beside it is called, without its prefix.
    pub(super) fn routing_name(&self) -> &str {
        &self.routing_name
    }

    pub(super) const fn same_site(&self) -> SameSite {
        self.same_site
    }

    pub(super) const fn life(&self) -> CookieLife {
        self.life
    }

    /// True if browsers add it to what frames of other sites ask for.
    pub(super) fn is_for_frames(&self) -> bool {
        self.same_site == SameSite::None && self.is_partitioned
    }

    /// What its name begins with.
    pub(super) fn prefix(&self) -> &'static str {
        match (self.is_secure, self.domain.is_none() && self.path == "/") {
            (true, true) => Host::PREFIX,
            (true, false) => Secure::PREFIX,
            (false, _) => Plain::PREFIX,
        }
    }

    /// A `Set-Cookie` value: kept for so many seconds from now on, or until the browser is closed. 0 takes the cookie away.
    pub(super) fn header(&self, name: &str, value: &str, seconds: Option<u64>, now: UnixTime) -> Option<HeaderValue> {
        // Why: what knows no Max-Age keeps to Expires, and the client of the JDK then sends the value without quotes. One that is to go went long
        // ago, whatever the clock of the browser says.
        let life = seconds.map(|seconds| {
            let end = if seconds == 0 { 0 } else { now.as_secs().saturating_add(seconds).min(LAST_DATE) };
            (seconds, UnixTime::from_secs(end))
        });
        let mut out = [0; MAX_LEN];
        let mut value = HeaderValue::from_str(self.text(name, value, life, &mut out).ok()?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn text<'o>(
        &self,
        name: &str,
        value: &str,
        life: Option<(u64, UnixTime)>,
        out: &'o mut [u8],
    ) -> Result<&'o str, CookieError> {
        match self.prefix() {
            Host::PREFIX => self.finished(SetCookie::with_host_prefix(name, value), life, out),
            Secure::PREFIX => self.finished(self.scoped(SetCookie::with_secure_prefix(name, value)), life, out),
            _ => self.finished(self.scoped(SetCookie::new(name, value)), life, out),
        }
    }

    fn scoped<'a, P: AllowsScope>(&'a self, cookie: SetCookie<'a, P>) -> SetCookie<'a, P> {
        let cookie = cookie.path(&self.path);
        if let Some(domain) = &self.domain { cookie.domain(domain) } else { cookie }
    }

    fn finished<'o, P: Prefix>(
        &self,
        cookie: SetCookie<'_, P>,
        life: Option<(u64, UnixTime)>,
        out: &'o mut [u8],
    ) -> Result<&'o str, CookieError> {
        let cookie = cookie.http_only().same_site(self.same_site);
        let cookie = if let Some((seconds, end)) = life { cookie.max_age(seconds).expires(end) } else { cookie };
        if self.is_partitioned { cookie.partitioned().write(out) } else { cookie.write(out) }
    }
}

/// A name of which browsers take a cookie for all hosts: of one label, or an address, they take none.
fn is_domain(domain: &str) -> bool {
    let is_short = domain.len() <= MAX_DOMAIN && domain.split('.').all(|label| label.len() <= MAX_LABEL);
    // What ends in a number is an address, in one of many spellings.
    let is_address = domain.rsplit('.').next().is_some_and(is_number);
    is_short && domain.contains('.') && !domain.starts_with('.') && !is_address && is_domain_name(domain)
}
