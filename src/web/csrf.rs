//! Cross-site request forgery: which requests that carry cookies are the page's own.

use super::bearer::{Bearer, bearer};
use super::origin::{OriginError, as_browsers_write};
use core::fmt;
use http::header::{ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderName, Method};
use std::string::String;
use std::vec::Vec;

pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(super) const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
pub(super) const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Why a request was taken for another site's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CrossSite {
    /// The browser says that another site makes the request (`Sec-Fetch-Site`).
    Site,
    /// It comes from a page of another origin (`Origin`).
    Origin,
    /// It says neither, as very old browsers do: a form token can vouch for it.
    Unknown,
}

impl fmt::Display for CrossSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Site => "another site makes the request",
            Self::Origin => "the request comes from a page of another origin",
            Self::Unknown => "the request does not say where it comes from",
        })
    }
}

impl core::error::Error for CrossSite {}

/// Tells the page's own requests from those of other sites, by what browsers say and scripts cannot: `Sec-Fetch-Site`, and `Origin` where that
/// is missing. An `Origin` of the application's own counts beside any `Sec-Fetch-Site`: a sub-domain, for example.
///
/// With CORS, put the CORS layer outside of the filter, so that refusals carry its header too, and name the other origin here as well. It is trusted with
/// everything then, the login included. A page of another *site* has the cookie only with `SameSite=None`.
///
/// Methods that change nothing pass (`GET`, `HEAD`, `OPTIONS`; not the handshake of a WebSocket), and so does what a person asked for by hand. A
/// request with a bearer token passes where it does not say where it comes from: a client without a browser. It vouches for nothing that says that it
/// comes from elsewhere, since any text passes for a token here.
///
/// ```
/// use countersign::web::{CrossSite, CsrfGuard};
/// use http::Request;
///
/// let guard = CsrfGuard::new(["https://shop.example"])?;
/// let post = |name: &str, value: &str| Request::post("/cart").header(name, value).body(()).unwrap().into_parts().0;
/// assert_eq!(guard.judge(&post("sec-fetch-site", "same-origin")), Ok(()));
/// assert_eq!(guard.judge(&post("sec-fetch-site", "cross-site")), Err(CrossSite::Site));
/// assert_eq!(guard.judge(&post("origin", "https://shop.example")), Ok(()));
/// assert_eq!(guard.judge(&post("origin", "https://shop.example.evil")), Err(CrossSite::Origin));
/// assert_eq!(guard.judge(&post("accept", "*/*")), Err(CrossSite::Unknown));
/// # Ok::<(), countersign::web::OriginError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsrfGuard {
    origins: Vec<String>,
    exempt: fn(&Parts) -> bool,
    logs_only: bool,
    forms_vouch: bool,
}

impl CsrfGuard {
    /// A guard for an application at these origins, each `https://host` or `https://host:port`, or the same with `http`. Capital letters, the scheme's own
    /// port and one slash at the end make no difference. `Origin: null` is never one of them. What stands behind `xn--` is taken as it is.
    ///
    /// ```
    /// use countersign::web::CsrfGuard;
    ///
    /// assert!(CsrfGuard::new(["https://Shop.example:443/", "http://localhost:8080", "https://[2001:db8::1]"]).is_ok());
    /// let error = CsrfGuard::new(["https://b\u{fc}cher.example"]).unwrap_err();
    /// assert!(error.to_string().ends_with("write the name in its punycode form, with xn--, as browsers send it"));
    /// ```
    ///
    /// # Errors
    /// [`OriginError`] for the first text that no browser sends: one without a scheme, with a blank, a path or a user, a list, `null`, another scheme, a
    /// name that is not ASCII.
    pub fn new<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, OriginError> {
        let origins = origins.into_iter().map(|origin| as_browsers_write(origin.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { origins, exempt: |_| false, logs_only: false, forms_vouch: false })
    }

    /// Lets requests pass that are meant for other sites: a payment provider's call, for example. Name the route, not the sender.
    #[must_use]
    pub fn exempting(mut self, exempt: fn(&Parts) -> bool) -> Self {
        self.exempt = exempt;
        self
    }

    /// Refuses nothing, whatever else the guard is told: the filter puts the reason into the response's extensions alone. To see what would be refused
    /// before it is. A token that a handler asks for by [`SessionSlot::open_vouched`](super::SessionSlot::open_vouched) has to be right as before.
    #[must_use]
    pub const fn logging_only(mut self) -> Self {
        self.logs_only = true;
        self
    }

    /// Lets requests that do not say where they come from ([`CrossSite::Unknown`]) reach the handler: it can open the session with the token of
    /// a form alone ([`SessionSlot::open_vouched`](super::SessionSlot::open_vouched)), and without one not at all.
    #[must_use]
    pub const fn letting_forms_vouch(mut self) -> Self {
        self.forms_vouch = true;
        self
    }

    /// True if a form has to vouch for what this refuses.
    pub(super) fn may_be_vouched_for(&self, reason: CrossSite) -> bool {
        self.forms_vouch && !self.logs_only && reason == CrossSite::Unknown
    }

    /// True if what [`judge`](CsrfGuard::judge) refuses is to be let through.
    #[must_use]
    pub const fn logs_only(&self) -> bool {
        self.logs_only
    }

    /// Judges a request by its method and headers.
    ///
    /// # Errors
    /// [`CrossSite`]
    pub fn judge(&self, request: &Parts) -> Result<(), CrossSite> {
        let is_safe = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) && !is_websocket(request);
        if is_safe || (self.exempt)(request) {
            return Ok(());
        }
        match self.site(request) {
            // Why: nobody has looked at the token, and what a browser says of the site counts for more than a header that a script has set.
            Err(CrossSite::Unknown) if matches!(bearer(&request.headers), Bearer::Token(_)) => Ok(()),
            verdict => verdict,
        }
    }

    /// Judges by what the request says of where it comes from.
    fn site(&self, request: &Parts) -> Result<(), CrossSite> {
        let only = |name: &HeaderName| {
            let mut values = request.headers.get_all(name).iter();
            let first = values.next().map(|value| value.as_bytes());
            // Of two, nobody knows which one a proxy has added.
            if values.next().is_some() { Some(&b"more than one"[..]) } else { first }
        };
        let is_own = |origin: &[u8]| self.origins.iter().any(|own| own.as_bytes() == origin);
        let origin = only(&ORIGIN);
        match only(&SEC_FETCH_SITE) {
            Some(b"same-origin" | b"none") => Ok(()),
            // An own origin beside this one: a sub-domain, for example.
            Some(_) if origin.is_some_and(is_own) => Ok(()),
            Some(_) => Err(CrossSite::Site),
            None => match origin {
                Some(origin) if is_own(origin) => Ok(()),
                Some(_) => Err(CrossSite::Origin),
                None => Err(CrossSite::Unknown),
            },
        }
    }
}

/// True for the handshake of a WebSocket (RFC 6455 section 4.1), which browsers make for other sites too, with cookies. Any other protocol that is
/// offered, HTTP/2 for example, is none of a browser's.
fn is_websocket(request: &Parts) -> bool {
    let offered =
        request.headers.get_all(UPGRADE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    // A protocol may have a version behind it (RFC 9110 section 7.8).
    let mut names =
        offered.map(|protocol| protocol.split(|byte| *byte == b'/').next().unwrap_or_default().trim_ascii());
    names.any(|name| name.eq_ignore_ascii_case(b"websocket"))
}
