//! Responses to refused requests: a challenge (RFC 6750 section 3) and a problem document (RFC 9457).

use super::auth_error::{AuthError, AuthErrorKind};
use super::csrf::CsrfError;
use super::missing::MissingLayer;
use super::session::required::Required;
use super::session::sign_in_page::SignInPage;
use crate::session::SessionError;
use core::error::Error;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
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
    let cause: &(dyn Error + 'static) = &error;
    if error.kind() == AuthErrorKind::Unavailable {
        tracing::error!(error = cause, "no bearer token can be verified");
    } else {
        tracing::debug!(error = cause, "bearer token refused");
    }
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

/// The sign-in that a refusal asks for: in the extensions of the response, for the layer, which knows the page to sign in at.
#[derive(Clone, Copy)]
enum Asks {
    SignIn,
    StepUp(Required),
}

/// The response to a person who looks at a page: a redirect to the page to sign in at, if `response` asks for a sign-in, and its status is still the one
/// that does. All its headers but those of its body stay. What it asks for is taken out in any case: another layer outside has a page of its own.
pub(super) fn to_page<B>(
    mut response: Response<B>,
    page: Option<&SignInPage>,
    make_body: impl FnOnce(&'static str) -> B,
) -> Response<B> {
    let asks = response.extensions_mut().remove::<Asks>();
    let is_refusal = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let (Some(asks), Some(page), true) = (asks, page, is_refusal) else { return response };
    let location = page.location(match asks {
        Asks::SignIn => None,
        Asks::StepUp(Required::Level(level)) => Some(("acr_values", level.to_string())),
        Asks::StepUp(Required::Recent(age)) => Some(("max_age", age.as_secs().to_string())),
    });
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    for of_body in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, ETAG, LAST_MODIFIED] {
        headers.remove(of_body);
    }
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.map(|_| make_body(""))
}

/// A mistake of the application, which is in the response's extensions, and in a debug build in the body.
pub(super) fn missing_layer(missing: MissingLayer) -> Response<&'static str> {
    tracing::error!("{missing}");
    let vary = (VARY, HeaderValue::from_static("Cookie"));
    let body = if cfg!(debug_assertions) { missing.as_str() } else { MISTAKE };
    let mut response = Problem { status: StatusCode::INTERNAL_SERVER_ERROR, header: vary, body }.into_response();
    if cfg!(debug_assertions) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
    response.extensions_mut().insert(missing);
    response
}

/// A mistake of the application's own: a second `CurrentSession` of one request, or an input that is none.
#[cfg(feature = "axum")]
pub(super) fn mistake(error: &(dyn Error + 'static)) -> Response<&'static str> {
    tracing::error!(error, "a mistake of the application");
    let vary = (VARY, HeaderValue::from_static("Cookie"));
    Problem { status: StatusCode::INTERNAL_SERVER_ERROR, header: vary, body: MISTAKE }.into_response()
}

/// A request of another site.
pub(super) fn cross_site(reason: CsrfError) -> Response<&'static str> {
    tracing::info!(%reason, "request of another site refused");
    let header = (VARY, HeaderValue::from_static("Sec-Fetch-Site, Origin"));
    let body = if reason == CsrfError::UnknownOrigin { UNKNOWN_SITE } else { CROSS_SITE };
    let mut response = Problem { status: StatusCode::FORBIDDEN, header, body }.into_response();
    response.extensions_mut().insert(reason);
    response.extensions_mut().insert(Asks::SignIn);
    response
}

/// The error of a session. No challenge comes with a 401: there is no scheme for cookies.
pub(super) fn session(error: SessionError) -> Response<&'static str> {
    let cause: &(dyn Error + 'static) = &error;
    match error {
        SessionError::Ended | SessionError::Revoked => tracing::debug!(error = cause, "session refused"),
        SessionError::Withheld | SessionError::RenewalUnderWay => tracing::info!(error = cause, "session refused"),
        _ => tracing::error!(error = cause, "session failed"),
    }
    let vary = (VARY, HeaderValue::from_static("Cookie"));
    let problem = match &error {
        SessionError::Ended | SessionError::Revoked => {
            Problem { status: StatusCode::UNAUTHORIZED, header: vary, body: SIGNED_OUT }
        }
        SessionError::Store(_) => {
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
    let asks = matches!(error, SessionError::Ended | SessionError::Revoked);
    let mut response = problem.into_response();
    response.extensions_mut().insert(error);
    if asks {
        response.extensions_mut().insert(Asks::SignIn);
    }
    response
}

/// A sign-in that is not enough: the problem says what is needed by the names of RFC 9470.
pub(super) fn step_up(required: Required) -> Response<String> {
    tracing::debug!(%required, "step-up needed");
    let member = match required {
        Required::Level(level) => format!(r#""acr_values":"{level}""#),
        Required::Recent(age) => format!(r#""max_age":{}"#, age.as_secs()),
    };
    let vary = (VARY, HeaderValue::from_static("Cookie"));
    let problem = Problem { status: StatusCode::FORBIDDEN, header: vary, body: STEP_UP };
    let mut response = problem.into_response().map(|body| body.replace("{}", &member));
    response.extensions_mut().insert(Asks::StepUp(required));
    response
}

impl Problem {
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
