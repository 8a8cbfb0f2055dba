//! Writing the `Set-Cookie` header (RFC 6265 section 4.1, and the prefixes of its successor).

use super::prefix::{AllowsScope, Host, Plain, Prefix, Secure};
use crate::UnixTime;
use crate::cursor::{Cursor, Sink};
use crate::encoding::decimal::Decimal;
use core::fmt;
use core::marker::PhantomData;

/// Longest value of a `Set-Cookie` header, in bytes. Browsers drop a longer one silently.
pub const MAX_SET_COOKIE_LEN: usize = 4096;

/// Error of writing a cookie: a part of it is not allowed, or has no room.
///
/// ```
/// use countersign::cookie::{CookieError, SetCookie};
///
/// let long = "x".repeat(5000);
/// let error = SetCookie::with_host_prefix("id", &long).write(&mut [0; 8192]).unwrap_err();
/// assert_eq!(error.to_string(), "the cookie is 930 bytes longer than the 4096 that browsers keep");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CookieError {
    /// A name is one or more token characters (RFC 9110 section 5.6.2), and a prefix only what its constructor gives.
    Name,
    /// A value is of the characters of `cookie-octet` (RFC 6265 section 4.1.1), perhaps in quotes: encode others yourself.
    Value,
    /// A domain is labels of letters, digits and inner hyphens.
    Domain,
    /// A path has no control character and no semicolon.
    Path,
    /// `SameSite=None` and `Partitioned` are ignored without `Secure`.
    NotSecure,
    /// A date beyond the year 9999.
    Expires,
    /// Longer than [`MAX_SET_COOKIE_LEN`].
    TooLong {
        /// Bytes too many.
        by: usize,
    },
    /// The buffer is too small.
    BufferTooSmall {
        /// Bytes needed.
        needed: usize,
    },
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("a cookie's name is one or more token characters, without a prefix of its own"),
            Self::Value => {
                f.write_str("a cookie's value has no blank, comma, semicolon, backslash or control character")
            }
            Self::Domain => f.write_str("a domain is labels of letters, digits and inner hyphens"),
            Self::Path => f.write_str("a path has no control character and no semicolon"),
            Self::NotSecure => f.write_str("SameSite=None and Partitioned need Secure"),
            Self::Expires => f.write_str("Expires has a year of four digits"),
            Self::TooLong { by } => {
                write!(f, "the cookie is {by} bytes longer than the {MAX_SET_COOKIE_LEN} that browsers keep")
            }
            Self::BufferTooSmall { needed } => write!(f, "the buffer is too small: {needed} bytes are needed"),
        }
    }
}

impl core::error::Error for CookieError {}

/// The value of `SameSite`: the requests of other sites to which a browser adds the cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SameSite {
    /// No request.
    Strict,
    /// Requests that navigate to the page itself by a safe method: links, and no forms.
    Lax,
    /// All requests.
    None,
}

/// Builds the value of a `Set-Cookie` header.
///
/// The attributes that a prefix needs are set with it and cannot be removed: a `__Host-` cookie has no setter for a domain or a path.
///
/// ```
/// use countersign::cookie::{SameSite, SetCookie};
///
/// let cookie = SetCookie::with_host_prefix("id", "abc").http_only().same_site(SameSite::Lax).max_age(3600);
/// let mut out = [0; 128];
/// assert_eq!(cookie.write(&mut out)?, "__Host-id=abc; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax");
/// # Ok::<(), countersign::cookie::CookieError>(())
/// ```
///
/// ```compile_fail,E0599
/// # use countersign::cookie::SetCookie;
/// let _ = SetCookie::with_host_prefix("id", "abc").domain("example.com"); // a cookie of the host alone
/// ```
#[derive(Clone, Copy)]
pub struct SetCookie<'a, P = Plain> {
    name: &'a str,
    value: &'a str,
    max_age: Option<u64>,
    expires: Option<UnixTime>,
    domain: Option<&'a str>,
    path: Option<&'a str>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
    partitioned: bool,
    prefix: PhantomData<P>,
}

impl<'a> SetCookie<'a, Plain> {
    /// Starts a cookie without a prefix.
    #[must_use]
    pub const fn new(name: &'a str, value: &'a str) -> Self {
        Self::with(name, value, None, false)
    }

    /// Adds `Secure`: browsers send the cookie over TLS alone.
    #[must_use]
    pub const fn secure(mut self) -> Self {
        self.secure = true;
        self
    }
}

impl<'a> SetCookie<'a, Secure> {
    /// Starts a cookie with the name `__Secure-name`.
    #[must_use]
    pub const fn with_secure_prefix(name: &'a str, value: &'a str) -> Self {
        Self::with(name, value, None, true)
    }
}

impl<'a> SetCookie<'a, Host> {
    /// Starts a cookie with the name `__Host-name`, which no other host can set.
    #[must_use]
    pub const fn with_host_prefix(name: &'a str, value: &'a str) -> Self {
        Self::with(name, value, Some("/"), true)
    }
}

impl<'a, P: AllowsScope> SetCookie<'a, P> {
    /// Adds `Domain`: browsers send the cookie to this host and those below it.
    #[must_use]
    pub const fn domain(mut self, domain: &'a str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Adds `Path`: browsers send the cookie for this path and those below it.
    #[must_use]
    pub const fn path(mut self, path: &'a str) -> Self {
        self.path = Some(path);
        self
    }
}

impl<'a, P: Prefix> SetCookie<'a, P> {
    const fn with(name: &'a str, value: &'a str, path: Option<&'a str>, secure: bool) -> Self {
        Self {
            name,
            value,
            max_age: None,
            expires: None,
            domain: None,
            path,
            secure,
            http_only: false,
            same_site: None,
            partitioned: false,
            prefix: PhantomData,
        }
    }

    /// Adds `Max-Age`: browsers keep the cookie for this many seconds, and 0 removes it.
    #[must_use]
    pub const fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// Adds `Expires`: browsers keep the cookie until then by their own clock. `Max-Age` takes precedence.
    #[must_use]
    pub const fn expires(mut self, time: UnixTime) -> Self {
        self.expires = Some(time);
        self
    }

    /// Adds `HttpOnly`: scripts do not see the cookie.
    #[must_use]
    pub const fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// Adds `SameSite`. Add it always: browsers differ in the default.
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// Adds `Partitioned`: browsers keep another cookie for each site that embeds this one.
    #[must_use]
    pub const fn partitioned(mut self) -> Self {
        self.partitioned = true;
        self
    }

    /// Writes the value of the `Set-Cookie` header into `out`, and returns the part of `out` that it takes.
    ///
    /// # Errors
    /// [`CookieError`] if a part has a character that is not allowed there, or `out` is too small. Nothing of it reaches the header.
    pub fn write<'b>(&self, out: &'b mut [u8]) -> Result<&'b str, CookieError> {
        self.check()?;
        let mut cursor = Cursor::new(out);
        for part in [P::PREFIX, self.name, "=", self.value] {
            cursor.put(part.as_bytes());
        }
        if let Some(seconds) = self.max_age {
            cursor.put(b"; Max-Age=");
            cursor.put(Decimal::new(seconds).as_bytes());
        }
        if let Some(time) = self.expires {
            cursor.put(b"; Expires=");
            put_date(&mut cursor, time)?;
        }
        let texts = [("; Domain=", self.domain), ("; Path=", self.path)];
        for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
            cursor.put(name.as_bytes());
            cursor.put(text.as_bytes());
        }
        let same_site = match self.same_site {
            None => "",
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::Lax) => "; SameSite=Lax",
            Some(SameSite::None) => "; SameSite=None",
        };
        let flags = [(self.secure, "; Secure"), (self.http_only, "; HttpOnly"), (true, same_site)];
        for (_, flag) in flags.into_iter().chain([(self.partitioned, "; Partitioned")]).filter(|(is_set, _)| *is_set) {
            cursor.put(flag.as_bytes());
        }
        if let Some(by) = cursor.len().checked_sub(MAX_SET_COOKIE_LEN).filter(|by| *by > 0) {
            return Err(CookieError::TooLong { by });
        }
        let needed = cursor.len();
        let written = cursor.finish().map_err(|_| CookieError::BufferTooSmall { needed })?;
        core::str::from_utf8(written).map_err(|_| CookieError::Value)
    }

    fn check(&self) -> Result<(), CookieError> {
        let has_prefix = |prefix: &str| {
            let start = self.name.as_bytes().get(..prefix.len());
            // Browsers compare them without regard to case.
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        if self.name.is_empty() || !self.name.bytes().all(is_token) || has_prefix("__Host-") || has_prefix("__Secure-")
        {
            return Err(CookieError::Name);
        }
        let inner = self.value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(self.value);
        if !inner.bytes().all(is_cookie_octet) {
            return Err(CookieError::Value);
        }
        if !self.domain.is_none_or(is_domain) {
            return Err(CookieError::Domain);
        }
        if !self.path.is_none_or(|path| path.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';')) {
            return Err(CookieError::Path);
        }
        let needs_secure = self.same_site == Some(SameSite::None) || self.partitioned;
        if needs_secure && !self.secure { Err(CookieError::NotSecure) } else { Ok(()) }
    }
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// RFC 6265 section 4.1.1: printable, and neither blank, quote, comma, semicolon nor backslash.
const fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// RFC 1034 section 3.5, a dot in front allowed.
pub(crate) fn is_domain(domain: &str) -> bool {
    let labels = domain.strip_prefix('.').unwrap_or(domain);
    labels.split('.').all(|label| {
        let has_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let ends = has_end(label.bytes().next()) && has_end(label.bytes().last());
        ends && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
fn put_date(cursor: &mut Cursor<'_>, time: UnixTime) -> Result<(), CookieError> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    let (year, month, day) = civil(days).filter(|(year, ..)| *year <= 9999).ok_or(CookieError::Expires)?;
    let name = |names: &[&'static str], place: u64| {
        usize::try_from(place).ok().and_then(|place| names.get(place).copied()).ok_or(CookieError::Expires)
    };
    cursor.put(name(&DAYS, days % 7)?.as_bytes());
    cursor.put(b", ");
    put_two(cursor, day);
    cursor.put(b" ");
    cursor.put(name(&MONTHS, month)?.as_bytes());
    cursor.put(b" ");
    put_two(cursor, year / 100);
    put_two(cursor, year % 100);
    for (separator, number) in [(b" ", second / 3600), (b":", second / 60 % 60), (b":", second % 60)] {
        cursor.put(separator);
        put_two(cursor, number);
    }
    cursor.put(b" GMT");
    Ok(())
}

fn put_two(cursor: &mut Cursor<'_>, number: u64) {
    if number < 10 {
        cursor.put(b"0");
    }
    cursor.put(Decimal::new(number).as_bytes());
}

/// Year, month from 0 on, and day of a number of days since 1970, in the Gregorian calendar.
fn civil(days: u64) -> Option<(u64, u64, u64)> {
    // Counted from 1 March of the year 0, so that a leap day is the last of its year.
    let days = days.checked_add(719_468)?;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = (day_of_era / 1460).checked_add(day_of_era / 146_096)?.checked_sub(day_of_era / 36_524)?;
    let year_of_era = day_of_era.checked_sub(leap_days)? / 365;
    let before = year_of_era.checked_mul(365)?.checked_add(year_of_era / 4)?.checked_sub(year_of_era / 100)?;
    let day_of_year = day_of_era.checked_sub(before)?;
    let month = day_of_year.checked_mul(5)?.checked_add(2)? / 153;
    let day = day_of_year.checked_sub(month.checked_mul(153)?.checked_add(2)? / 5)?.checked_add(1)?;
    let year = era.checked_mul(400)?.checked_add(year_of_era)?;
    // March is month 0.
    if month < 10 {
        Some((year, month.checked_add(2)?, day))
    } else {
        Some((year.checked_add(1)?, month.checked_sub(10)?, day))
    }
}

/// Shows the name; the value may be a credential.
impl<P: Prefix> fmt::Debug for SetCookie<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie").field("prefix", &P::PREFIX).field("name", &self.name).finish_non_exhaustive()
    }
}
