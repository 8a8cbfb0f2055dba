//! A guard against cross-site request forgery, for requests that carry cookies.

use super::bearer::{Bearer, bearer};
use super::origin::{OriginError, as_browsers_write};
use core::fmt;
use http::header::{ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderName, Method};
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(super) const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
pub(super) const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Error of a request that a [`CsrfGuard`] refuses.
#[doc(alias = "csrf")]
#[doc(alias = "xsrf")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CsrfError {
    /// The browser states that another site makes the request (`Sec-Fetch-Site`).
    CrossSite,
    /// The request comes from a page of another origin (`Origin`).
    CrossOrigin,
    /// The request has neither header, as with very old browsers. A form token can admit it.
    UnknownOrigin,
}

impl fmt::Display for CsrfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CrossSite => "another site makes the request (Sec-Fetch-Site)",
            Self::CrossOrigin => "the request comes from a page of another origin: name it in CsrfGuard::new if it is the application's own",
            Self::UnknownOrigin => "the request does not say where it comes from: it has neither Origin nor Sec-Fetch-Site",
        })
    }
}

impl core::error::Error for CsrfError {}

/// A guard that refuses requests that other sites make with the browser's cookies (cross-site request forgery).
///
/// The guard reads two headers that scripts cannot set: `Sec-Fetch-Site`, and `Origin` where that is missing. An
/// `Origin` of the application is admitted with any `Sec-Fetch-Site`: a sub-domain, for example.
///
/// Safe methods pass (`GET`, `HEAD`, `OPTIONS`; not the handshake of a WebSocket), and so do requests that a user
/// starts by hand, such as a typed address. A request with a bearer token and neither header passes, since it comes
/// from a client without a browser. A token admits no request that names another site, since the guard does not verify
/// tokens.
///
/// With CORS, add the CORS layer outside of the session layer, so that refusals carry its header too, and name the
/// other origin here as well. That origin can then do everything, a login included. A page of another *site* has the
/// cookie only with `SameSite=None`.
///
/// ```
/// use countersign::web::{CsrfError, CsrfGuard};
/// use http::Request;
///
/// let guard = CsrfGuard::new(["https://shop.example"])?;
/// let post = |name: &str, value: &str| Request::post("/cart").header(name, value).body(()).unwrap().into_parts().0;
/// assert_eq!(guard.check(&post("sec-fetch-site", "same-origin")), Ok(()));
/// assert_eq!(guard.check(&post("sec-fetch-site", "cross-site")), Err(CsrfError::CrossSite));
/// assert_eq!(guard.check(&post("origin", "https://shop.example")), Ok(()));
/// assert_eq!(guard.check(&post("origin", "https://shop.example.evil")), Err(CsrfError::CrossOrigin));
/// assert_eq!(guard.check(&post("accept", "*/*")), Err(CsrfError::UnknownOrigin));
/// # Ok::<(), countersign::web::OriginError>(())
/// ```
#[derive(Clone)]
pub struct CsrfGuard {
    origins: Vec<String>,
    exempt: Option<Exemption>,
    is_report_only: bool,
    forms_vouch: bool,
}

type Exemption = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

impl fmt::Debug for CsrfGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfGuard").field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl CsrfGuard {
    /// Creates a guard of an application at these origins, each `https://host` or `https://host:port`, or the same with
    /// `http`.
    ///
    /// Capital letters, the default port of the scheme and one slash at the end make no difference. `Origin: null` is
    /// never one of the origins. Characters behind `xn--` are taken as they are.
    ///
    /// ```
    /// use countersign::web::CsrfGuard;
    ///
    /// let origins = ["https://Shop.example:443/", "http://localhost:8080", "https://[2001:db8::1]"];
    /// assert!(CsrfGuard::new(origins).is_ok());
    /// let error = CsrfGuard::new(["https://b\u{fc}cher.example"]).unwrap_err();
    /// assert!(error.to_string().ends_with("write the name in its punycode form, with xn--, as browsers send it"));
    /// ```
    ///
    /// # Errors
    /// [`OriginError`] for the first text that no browser sends as an origin: one without a scheme, with a blank, a
    /// path or a user, a list, `null`, another scheme, or a name that is not ASCII.
    pub fn new<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, OriginError> {
        let origins = origins.into_iter().map(|origin| as_browsers_write(origin.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { origins, exempt: None, is_report_only: false, forms_vouch: false })
    }

    /// Admits the requests for which `exempt` returns true: the calls of a payment provider, for example. Decide by the
    /// path, not by the sender.
    #[must_use]
    pub fn with_exemption(mut self, exempt: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.exempt = Some(Arc::new(exempt));
        self
    }

    /// Admits refused requests and reports the refusals in the response's extensions, to see them before they are
    /// enforced.
    ///
    /// A form token that a handler requires by
    /// [`LazySession::open_with_form_token`](super::session::LazySession::open_with_form_token) must be valid all the
    /// same.
    #[must_use]
    pub const fn report_only(mut self) -> Self {
        self.is_report_only = true;
        self
    }

    /// Admits requests with neither header ([`CsrfError::UnknownOrigin`]) to the handler, which can open the session
    /// with a form token alone
    /// ([`LazySession::open_with_form_token`](super::session::LazySession::open_with_form_token)).
    #[must_use]
    pub const fn with_form_tokens(mut self) -> Self {
        self.forms_vouch = true;
        self
    }

    /// Returns true if a form token can admit a request that was refused for this reason.
    pub(super) fn may_be_vouched_for(&self, reason: CsrfError) -> bool {
        self.forms_vouch && !self.is_report_only && reason == CsrfError::UnknownOrigin
    }

    /// Returns true if the guard admits the requests that [`check`](CsrfGuard::check) refuses.
    #[must_use]
    pub const fn is_report_only(&self) -> bool {
        self.is_report_only
    }

    /// Checks a request by its method and headers.
    ///
    /// # Errors
    /// [`CsrfError`] if the headers name another site or origin, or name none.
    pub fn check(&self, request: &Parts) -> Result<(), CsrfError> {
        let is_safe = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) && !is_websocket(request);
        if is_safe || self.exempt.as_ref().is_some_and(|exempt| exempt(request)) {
            return Ok(());
        }
        match self.site(request) {
            // Why: nobody has looked at the token, and what a browser says of the site counts for more than a header that a script has set.
            Err(CsrfError::UnknownOrigin) if matches!(bearer(&request.headers), Bearer::Token(_)) => Ok(()),
            verdict => verdict,
        }
    }

    /// Judges by what the request says of where it comes from.
    fn site(&self, request: &Parts) -> Result<(), CsrfError> {
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
            Some(_) => Err(CsrfError::CrossSite),
            None => match origin {
                Some(origin) if is_own(origin) => Ok(()),
                Some(_) => Err(CsrfError::CrossOrigin),
                None => Err(CsrfError::UnknownOrigin),
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
