//! Where people sign in, and the way back to what they wanted to look at.

use crate::web::csrf::SEC_FETCH_MODE;
use http::header::ACCEPT;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};
use std::string::String;
use std::vec::Vec;

/// Bytes of the longest way back.
const MAX_NEXT: usize = 2048;

/// The page, for one request of somebody who looks at a page.
#[derive(Clone, Debug)]
pub(in crate::web) struct SignInPage {
    page: HeaderValue,
    /// What was asked for, where asking again changes nothing.
    target: Option<PathAndQuery>,
}

impl SignInPage {
    /// `None` for what a script fetches.
    pub(super) fn of(page: &HeaderValue, request: &Parts) -> Option<Self> {
        let target = request.uri.path_and_query().filter(|_| request.method == Method::GET).cloned();
        let own = page.to_str().unwrap_or_default().split(['?', '#']).next();
        // Why: the page sent to itself would be asked for again and again.
        let is_itself = matches!(request.method, Method::GET | Method::HEAD) && Some(request.uri.path()) == own;
        (is_navigation(&request.headers) && !is_itself).then(|| Self { page: page.clone(), target })
    }

    /// `/login?next=/what/was/asked/for`, and what else it is to know.
    pub(in crate::web) fn location(&self, more: Option<(&str, String)>) -> HeaderValue {
        let Ok(page) = self.page.to_str() else { return self.page.clone() };
        let (page, fragment) = page.split_at_checked(page.find('#').unwrap_or(page.len())).unwrap_or((page, ""));
        let next =
            self.target.as_ref().and_then(|target| local_path(target.as_str())).map(|next| ("next", next.into()));
        let mut location = String::from(page);
        for (name, value) in next.into_iter().chain(more) {
            location.push(if location.contains('?') { '&' } else { '?' });
            location.push_str(name);
            location.push('=');
            put_encoded(&mut location, &value);
        }
        location.push_str(fragment);
        HeaderValue::from_str(&location).unwrap_or_else(|_| self.page.clone())
    }
}

/// True for what somebody looks at in a browser, false for what a script fetches (Fetch standard, `Sec-Fetch-Mode`).
fn is_navigation(headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().windows(9).any(|part| part == b"text/html")),
    }
}

/// Percent-encodes all that has a meaning in a query, and leaves the slash, which has none there.
fn put_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(char::from_digit(half.into(), 16).unwrap_or_default().to_ascii_uppercase());
            }
        }
    }
}

/// Returns `next` if it leads to a page of this application: a path of at most 2048 bytes, perhaps with a query and a fragment.
///
/// The function returns `None` for everything that a browser, or a server that decodes once more, could read as another site's: a text that does not begin
/// with one slash, or that has a backslash, a control character, a percent sign or a dot segment, encoded or not, or a blank or a character beyond ASCII
/// that is not encoded.
///
/// Pass the value of `next` in the query of the page of [`SessionLayer::with_login_page`](super::SessionLayer::with_login_page). An attacker can choose it
/// by a link to that page: never redirect to it unchecked.
///
/// ```
/// use countersign::web::session::local_path;
///
/// assert_eq!(local_path("/orders?page=2"), Some("/orders?page=2"));
/// for elsewhere in ["https://evil.example", "//evil.example", r"/\evil.example", "/%2Fevil.example", "javascript:alert(1)", ""] {
///     assert_eq!(local_path(elsewhere), None);
/// }
/// let after_login = local_path("//evil.example").unwrap_or("/");
/// assert_eq!(after_login, "/");
/// ```
#[must_use]
pub fn local_path(next: &str) -> Option<&str> {
    let is_plain = next.len() <= MAX_NEXT && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !is_plain || !next.starts_with('/') {
        return None;
    }
    let path = decoded(next.split(['?', '#']).next()?.as_bytes())?;
    // Why: browsers skip some control characters, and read a backslash as a slash; what is still encoded may be decoded once more.
    let is_sound = path.iter().all(|byte| !byte.is_ascii_control() && !matches!(byte, b'\\' | b'%'));
    let has_dots = path.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b".."));
    (is_sound && !has_dots && !path.starts_with(b"//")).then_some(next)
}

/// Percent-decoded; `None` for a percent sign without two digits.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut out) = (text, Vec::with_capacity(text.len()));
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        // Why: the number's own reader takes a sign.
        let digits =
            core::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind;
    }
    Some(out)
}
