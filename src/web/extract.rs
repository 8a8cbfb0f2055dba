//! The verified token, or the claims of a JWT, as an argument of an axum handler.

use crate::jwt::OwnedJwt;
use crate::token::OwnedToken;
use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use core::time::Duration;
use http::StatusCode;
use http::request::Parts;

/// The handler is not behind a [`BearerLayer`](super::BearerLayer) whose identity is what it asks for, or not behind a `SessionLayer`: a mistake
/// in the routes. A layer covers the routes that were added before it.
///
/// The peer gets a 500 and no word more; this is in the response's extensions.
///
/// ```
/// use axum::response::IntoResponse;
/// use countersign::web::FilterMissing;
///
/// assert_eq!(FilterMissing.into_response().status(), http::StatusCode::INTERNAL_SERVER_ERROR);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FilterMissing;

impl core::fmt::Display for FilterMissing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("this route is not behind the filter that it asks for: a BearerLayer for tokens, a SessionLayer for sessions")
    }
}

impl core::error::Error for FilterMissing {}

impl IntoResponse for FilterMissing {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Takes what the filter has verified. Fails closed where there is no filter.
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::token::OwnedToken;
/// use countersign::web::{AuthError, BearerLayer};
///
/// async fn me(token: OwnedToken) -> String {
///     String::from_utf8_lossy(token.as_verified().uid()).into_owned()
/// }
///
/// # let authenticator = |_: &[u8], _: &http::request::Parts| Err::<OwnedToken, _>(AuthError::invalid());
/// let app: Router = Router::new().route("/api/me", get(me)).route_layer(BearerLayer::new(authenticator));
/// ```
impl<S: Sync> FromRequestParts<S> for OwnedToken {
    type Rejection = FilterMissing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, FilterMissing> {
        parts.extensions.get::<Self>().cloned().ok_or(FilterMissing)
    }
}

/// The same for the claims of a JWT.
impl<S: Sync> FromRequestParts<S> for OwnedJwt {
    type Rejection = FilterMissing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, FilterMissing> {
        parts.extensions.get::<Self>().cloned().ok_or(FilterMissing)
    }
}

/// The session of the request, opened. A store that does not answer is a 503, a handler outside of the filter a 500.
///
/// ```
/// use axum::{Router, routing::post};
/// use countersign::web::OpenSession;
///
/// async fn visit(mut session: OpenSession) -> String {
///     session.update(|data| {
///         let visits = data.get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
///         data.insert("visits".to_owned(), visits.into());
///     });
///     format!("visit {}", session.get::<u64>("visits").ok().flatten().unwrap_or(0))
/// }
///
/// let app: Router = Router::new().route("/visit", post(visit));
/// ```
impl<S: Sync> FromRequestParts<S> for super::OpenSession {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let slot = slot_of(parts).ok_or_else(|| FilterMissing.into_response())?;
        slot.open().await.map_err(|error| slot.refusal_of_slot(error).map(Body::from))
    }
}

fn slot_of(parts: &Parts) -> Option<super::SessionSlot> {
    parts.extensions.get().cloned()
}

/// The session of somebody who has signed in: everybody else gets a 401, or sees the page of
/// [`signing_in_at`](super::SessionLayer::signing_in_at). A handler that answers for itself takes `Result<SignedIn, Response>`, with axum's `Response`.
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::web::SignedIn;
///
/// async fn account(SignedIn(session): SignedIn) -> String {
///     format!("hello {}", session.user().unwrap_or_default())
/// }
///
/// let app: Router = Router::new().route("/account", get(account));
/// ```
#[derive(Debug)]
pub struct SignedIn(pub super::OpenSession);

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let session = <super::OpenSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if session.user().is_some() {
            return Ok(Self(session));
        }
        let refusal = slot_of(parts).map(|slot| slot.refusal(crate::session::SessionError::Gone).map(Body::from));
        Err(refusal.unwrap_or_else(|| FilterMissing.into_response()))
    }
}

/// For a page that greets whoever is signed in: `None` where nobody is, and only there. A store that does not answer is a 503 here too.
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::web::SignedIn;
///
/// async fn home(signed_in: Option<SignedIn>) -> String {
///     let user = signed_in.as_ref().and_then(|SignedIn(session)| session.user());
///     format!("hello {}", user.unwrap_or("stranger"))
/// }
///
/// let app: Router = Router::new().route("/", get(home));
/// ```
impl<S: Sync> OptionalFromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Response> {
        let session = <super::OpenSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(session.user().is_some().then_some(Self(session)))
    }
}

/// For a handler that does something for whoever has a session, and nothing for everybody else: `None` where the browser has none, and only there. A store
/// that does not answer is a 503 here too.
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::web::OpenSession;
///
/// async fn cart(session: Option<OpenSession>) -> String {
///     let apples = session.and_then(|session| session.get::<u64>("apples").ok().flatten());
///     format!("{} apples", apples.unwrap_or(0))
/// }
///
/// let app: Router = Router::new().route("/cart", get(cart));
/// ```
impl<S: Sync> OptionalFromRequestParts<S> for super::OpenSession {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Response> {
        let session = <Self as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok((!session.is_unsaved()).then_some(session))
    }
}

/// The session of somebody who has signed in to this level, or a higher one: everybody else gets what
/// [`require_level`](super::OpenSession::require_level) answers.
///
/// A request has one session, and so a handler one of these extractors. For a level that is not old either, ask for the other thing in it:
/// `session.require_recent(…)?`.
///
/// ```
/// use axum::{Router, routing::post};
/// use countersign::web::AtLevel;
///
/// async fn pay(AtLevel(session): AtLevel<2>) -> String {
///     format!("paid by {}", session.user().unwrap_or_default())
/// }
///
/// let app: Router = Router::new().route("/pay", post(pay));
/// ```
#[derive(Debug)]
pub struct AtLevel<const LEVEL: u8>(pub super::OpenSession);

impl<S: Sync, const LEVEL: u8> FromRequestParts<S> for AtLevel<LEVEL> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let session = <super::OpenSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        session.require_level(LEVEL).map_err(IntoResponse::into_response)?;
        Ok(Self(session))
    }
}

/// The session of somebody who has signed in at most so many seconds ago: everybody else gets what
/// [`require_recent`](super::OpenSession::require_recent) answers.
///
/// ```
/// use axum::{Router, routing::post};
/// use countersign::web::Recent;
///
/// async fn change_password(Recent(session): Recent<600>) -> String {
///     format!("changed by {}", session.user().unwrap_or_default())
/// }
///
/// let app: Router = Router::new().route("/password", post(change_password));
/// ```
#[derive(Debug)]
pub struct Recent<const SECONDS: u64>(pub super::OpenSession);

impl<S: Sync, const SECONDS: u64> FromRequestParts<S> for Recent<SECONDS> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let session = <super::OpenSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        session.require_recent(Duration::from_secs(SECONDS)).map_err(IntoResponse::into_response)?;
        Ok(Self(session))
    }
}

/// 403, or 401 where nobody is signed in, or the page of [`signing_in_at`](super::SessionLayer::signing_in_at).
impl IntoResponse for super::StepUp {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

/// As the filter answers a script: 401 where the session has ended, 503 where the store does not answer, else 500.
///
/// ```
/// use axum::response::IntoResponse;
/// use countersign::session::{SessionError, StoreError};
///
/// assert_eq!(SessionError::Gone.into_response().status(), 401);
/// assert_eq!(SessionError::Store(StoreError::Unavailable).into_response().status(), 503);
/// ```
impl IntoResponse for crate::session::SessionError {
    fn into_response(self) -> Response {
        super::problem::session(self, None).map(Body::from)
    }
}
