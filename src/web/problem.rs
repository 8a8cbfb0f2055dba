//! What a refused peer is told: a challenge (RFC 6750 section 3) and a problem document (RFC 9457).

use super::auth_error::{AuthError, AuthErrorKind};
use super::required::Required;
use super::sign_in_page::SignInPage;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use std::format;
use std::string::{String, ToString};

/// An answer in place of the handler's. All there is to say is constant.
struct Problem {
    status: StatusCode,
    header: (HeaderName, HeaderValue),
    body: &'static str,
}

const NOT_VALID: &str = r#"{"type":"urn:countersign:problem:token-not-valid","title":"A valid bearer token is needed: sign in again","status":401}"#;
const EXPIRED: &str = r#"{"type":"urn:countersign:problem:token-expired","title":"The bearer token has expired: ask for a new one","status":401}"#;
const UNAVAILABLE: &str = r#"{"type":"urn:countersign:problem:unavailable","title":"Tokens cannot be judged just now: try again","status":503}"#;

fn challenge(value: &'static str) -> (HeaderName, HeaderValue) {
    (WWW_AUTHENTICATE, HeaderValue::from_static(value))
}

/// No credential at all: a challenge without an error code (RFC 6750 section 3.1), and the realm since one parameter there must be.
pub(super) fn missing() -> Response<&'static str> {
    let problem =
        Problem { status: StatusCode::UNAUTHORIZED, header: challenge(r#"Bearer realm="api""#), body: NOT_VALID };
    problem.into_response()
}

/// A credential that was refused. The error itself goes into the response's extensions, for the operator's log, and
/// not on the wire.
pub(super) fn refused(error: AuthError) -> Response<&'static str> {
    let problem = match error.kind() {
        AuthErrorKind::Expired => {
            let header = challenge(r#"Bearer error="invalid_token", error_description="The token has expired""#);
            Problem { status: StatusCode::UNAUTHORIZED, header, body: EXPIRED }
        }
        AuthErrorKind::Unavailable => {
            let header = (RETRY_AFTER, HeaderValue::from_static("30"));
            Problem { status: StatusCode::SERVICE_UNAVAILABLE, header, body: UNAVAILABLE }
        }
        AuthErrorKind::Invalid => {
            let header = challenge(r#"Bearer error="invalid_token", error_description="The token is not valid""#);
            Problem { status: StatusCode::UNAUTHORIZED, header, body: NOT_VALID }
        }
    };
    let mut response = problem.into_response();
    response.extensions_mut().insert(error);
    response
}

const CROSS_SITE: &str =
    r#"{"type":"urn:countersign:problem:cross-site","title":"The request comes from another site","status":403}"#;
const UNKNOWN_SITE: &str = r#"{"type":"urn:countersign:problem:cross-site","title":"The request does not say which site it comes from: Origin or Sec-Fetch-Site is needed","status":403}"#;
const SIGNED_OUT: &str = r#"{"type":"urn:countersign:problem:signed-out","title":"Nobody is signed in, or no longer: sign in","status":401}"#;
const STEP_UP: &str = r#"{"type":"urn:countersign:problem:step-up","title":"Signing in again, or to a higher level, is needed","status":403,{}}"#;
const WITHHELD: &str = r#"{"type":"urn:countersign:problem:session-withheld","title":"The browser may have a session that the request does not show: none is made in its place","status":403}"#;
const NOT_WRITTEN: &str =
    r#"{"type":"urn:countersign:problem:session","title":"The session could not be read or written","status":500}"#;
const STORE_AWAY: &str = r#"{"type":"urn:countersign:problem:unavailable","title":"Sessions are not available just now: try again","status":503}"#;

const UNDER_WAY: &str = r#"{"type":"urn:countersign:problem:renewal-under-way","title":"A new cookie of the session is on its way to the browser, by the answer to another request: try again","status":503}"#;
const MISTAKE: &str = r#"{"type":"urn:countersign:problem:internal","title":"The application is put together wrongly: its log says how","status":500}"#;

/// A mistake of the application; what it is stands in the response's extensions.
pub(super) fn internal(mistake: impl Clone + Send + Sync + 'static) -> Response<&'static str> {
    let vary = (http::header::VARY, HeaderValue::from_static("Cookie"));
    let problem = Problem { status: StatusCode::INTERNAL_SERVER_ERROR, header: vary, body: MISTAKE };
    let mut response = problem.into_response();
    response.extensions_mut().insert(mistake);
    response
}

/// Of another site.
pub(super) fn cross_site(reason: super::CrossSite, page: Option<&SignInPage>) -> Response<&'static str> {
    let header = (http::header::VARY, HeaderValue::from_static("Sec-Fetch-Site, Origin"));
    let body = if reason == super::CrossSite::Unknown { UNKNOWN_SITE } else { CROSS_SITE };
    let problem = Problem { status: StatusCode::FORBIDDEN, header, body };
    let mut response = page.map_or(problem, Problem::see_other).into_response();
    response.extensions_mut().insert(reason);
    response
}

/// Why there is no session, or why it was not written. No challenge comes with a 401: there is no scheme for cookies.
pub(super) fn session(error: crate::session::SessionError, page: Option<&SignInPage>) -> Response<&'static str> {
    use crate::session::{SessionError, StoreError};
    let vary = (http::header::VARY, HeaderValue::from_static("Cookie"));
    let problem = match error {
        SessionError::Gone | SessionError::Revoked => {
            let problem = Problem { status: StatusCode::UNAUTHORIZED, header: vary, body: SIGNED_OUT };
            page.map_or(problem, Problem::see_other)
        }
        SessionError::Store(StoreError::Unavailable | StoreError::Full | StoreError::NotReplicated) => {
            let header = (RETRY_AFTER, HeaderValue::from_static("2"));
            Problem { status: StatusCode::SERVICE_UNAVAILABLE, header, body: STORE_AWAY }
        }
        SessionError::RenewalUnderWay => {
            let header = (RETRY_AFTER, HeaderValue::from_static("5"));
            Problem { status: StatusCode::SERVICE_UNAVAILABLE, header, body: UNDER_WAY }
        }
        SessionError::Withheld => Problem { status: StatusCode::FORBIDDEN, header: vary, body: WITHHELD },
        _ => Problem { status: StatusCode::INTERNAL_SERVER_ERROR, header: vary, body: NOT_WRITTEN },
    };
    let mut response = problem.into_response();
    response.extensions_mut().insert(error);
    response
}

/// Somebody is signed in, but not as it takes: what it takes is told by the names of RFC 9470.
pub(super) fn step_up(required: Required, page: Option<&SignInPage>) -> Response<String> {
    let (name, value, member) = match required {
        Required::Level(level) => ("acr_values", level.to_string(), format!(r#""acr_values":"{level}""#)),
        Required::Recent(age) => ("max_age", age.as_secs().to_string(), format!(r#""max_age":{}"#, age.as_secs())),
    };
    let vary = (http::header::VARY, HeaderValue::from_static("Cookie"));
    let problem = match page {
        None => Problem { status: StatusCode::FORBIDDEN, header: vary, body: STEP_UP },
        Some(page) => {
            let location = (http::header::LOCATION, page.location(Some((name, value))));
            Problem { status: StatusCode::SEE_OTHER, header: location, body: "" }
        }
    };
    problem.into_response().map(|body| body.replace("{}", &member))
}

impl Problem {
    /// For somebody who looks at a page: where to sign in.
    fn see_other(page: &SignInPage) -> Self {
        Self { status: StatusCode::SEE_OTHER, header: (http::header::LOCATION, page.location(None)), body: "" }
    }

    fn into_response(self) -> Response<&'static str> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let (name, value) = self.header;
        let headers = response.headers_mut();
        headers.insert(name, value);
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
