//! Arguments of axum handlers: the session of the request.

use super::current::CurrentSession;
use super::lazy::{LazySession, LazySessionError};
use super::step_up::StepUp;
use crate::session::SessionError;
use crate::web::csrf::CsrfError;
use crate::web::missing::MissingLayer;
use crate::web::problem;
use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::time::Duration;
use http::request::Parts;

/// Rejection of an extractor of a session.
///
/// A handler that responds for itself takes `Result<SignedInSession, SessionRejection>`. The response has the reason in its extensions, and the
/// [`SessionLayer`](super::SessionLayer) redirects a person to its login page where a sign-in is needed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionRejection {
    /// No [`SessionLayer`](super::SessionLayer) covers the route.
    MissingLayer(MissingLayer),
    /// The session could not be opened.
    Open(LazySessionError),
    /// Nobody is signed in.
    NotSignedIn,
    /// The sign-in is not enough.
    StepUp(StepUp),
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingLayer(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::NotSignedIn => f.write_str("nobody is signed in"),
            Self::StepUp(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SessionRejection {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        if let Self::Open(error) = self { error.source() } else { None }
    }
}

impl From<MissingLayer> for SessionRejection {
    fn from(error: MissingLayer) -> Self {
        Self::MissingLayer(error)
    }
}

impl From<LazySessionError> for SessionRejection {
    fn from(error: LazySessionError) -> Self {
        Self::Open(error)
    }
}

impl From<StepUp> for SessionRejection {
    fn from(error: StepUp) -> Self {
        Self::StepUp(error)
    }
}

/// Responds as its reason does: 500 for a missing layer, 401 if nobody is signed in, 403 for a step-up, 503 if the store does not answer.
impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        match self {
            Self::MissingLayer(error) => error.into_response(),
            Self::Open(error) => error.into_response(),
            Self::NotSignedIn => SessionError::Ended.into_response(),
            Self::StepUp(error) => error.into_response(),
        }
    }
}

/// Responds with a 503 if the store does not answer, a 403 without a form token, and a 500 if the session is open already.
impl IntoResponse for LazySessionError {
    fn into_response(self) -> Response {
        let response = match &self {
            Self::Session(error) => problem::session(error.clone()),
            Self::FormTokenRequired => problem::cross_site(CsrfError::UnknownOrigin),
            Self::InUse => problem::mistake(&self),
        };
        let mut response = response.map(Body::from);
        response.extensions_mut().insert(self);
        response
    }
}

/// Opens the session of the request. The rejection is a 503 if the store does not answer, and a 500 if no layer covers the route.
///
/// ```
/// use axum::{Router, routing::post};
/// use countersign::web::session::CurrentSession;
///
/// async fn visit(mut session: CurrentSession) -> String {
///     session.update(|data| {
///         let visits = data.get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
///         data.insert("visits".to_owned(), visits.into());
///     });
///     format!("visit {}", session.get::<u64>("visits").ok().flatten().unwrap_or(0))
/// }
///
/// let app: Router = Router::new().route("/visit", post(visit));
/// ```
impl<S: Sync> FromRequestParts<S> for CurrentSession {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        let lazy: LazySession = parts.extensions.get().cloned().ok_or(MissingLayer::Session)?;
        Ok(lazy.open().await?)
    }
}

/// The session of a signed-in user, which it gives by `Deref`, and by `.0` to sign out. The rejection is a 401, or a redirect to the page of [`with_login_page`](super::SessionLayer::with_login_page).
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::web::session::SignedInSession;
///
/// async fn account(session: SignedInSession) -> String {
///     format!("hello {}", session.user())
/// }
///
/// let app: Router = Router::new().route("/account", get(account));
/// ```
#[doc(alias = "login_required")]
#[derive(Debug)]
pub struct SignedInSession(pub CurrentSession);

impl<S: Sync> FromRequestParts<S> for SignedInSession {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SessionRejection> {
        let session = <CurrentSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if session.user().is_some() { Ok(Self(session)) } else { Err(SessionRejection::NotSignedIn) }
    }
}

/// What the extractors of a signed-in user's session have in common.
macro_rules! of_a_user {
    ($([$($generics:tt)*] $name:ty),*) => {$(
        impl<$($generics)*> $name {
            /// Returns the signed-in user.
            #[must_use]
            pub fn user(&self) -> &str {
                self.0.user().unwrap_or_default()
            }
        }

        impl<$($generics)*> Deref for $name {
            type Target = CurrentSession;

            fn deref(&self) -> &CurrentSession {
                &self.0
            }
        }

        impl<$($generics)*> DerefMut for $name {
            fn deref_mut(&mut self) -> &mut CurrentSession {
                &mut self.0
            }
        }
    )*};
}

of_a_user!([] SignedInSession, [const LEVEL: u8] AtLevel<LEVEL>, [const SECONDS: u64] Recent<SECONDS>);

/// Is `None` if nobody is signed in. The rejection is a 503 if the store does not answer.
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::web::session::SignedInSession;
///
/// async fn home(signed_in: Option<SignedInSession>) -> String {
///     let user = signed_in.as_ref().and_then(|SignedInSession(session)| session.user());
///     format!("hello {}", user.unwrap_or("stranger"))
/// }
///
/// let app: Router = Router::new().route("/", get(home));
/// ```
impl<S: Sync> OptionalFromRequestParts<S> for SignedInSession {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, SessionRejection> {
        let session = <CurrentSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(session.user().is_some().then_some(Self(session)))
    }
}

/// Is `None` if the browser has no session. The rejection is a 503 if the store does not answer.
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::web::session::CurrentSession;
///
/// async fn cart(session: Option<CurrentSession>) -> String {
///     let apples = session.and_then(|session| session.get::<u64>("apples").ok().flatten());
///     format!("{} apples", apples.unwrap_or(0))
/// }
///
/// let app: Router = Router::new().route("/cart", get(cart));
/// ```
impl<S: Sync> OptionalFromRequestParts<S> for CurrentSession {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, SessionRejection> {
        let session = <Self as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok((!session.is_unsaved()).then_some(session))
    }
}

/// The session of a user who has signed in at this level or a higher one: see [`require_level`](CurrentSession::require_level).
///
/// A handler takes one of these extractors, since a request has one session. For a recent sign-in at a level, call `session.require_recent(…)?` in it.
///
/// ```
/// use axum::{Router, routing::post};
/// use countersign::web::session::AtLevel;
///
/// async fn pay(session: AtLevel<2>) -> String {
///     format!("paid by {}", session.user())
/// }
///
/// let app: Router = Router::new().route("/pay", post(pay));
/// ```
#[derive(Debug)]
pub struct AtLevel<const LEVEL: u8>(pub CurrentSession);

impl<S: Sync, const LEVEL: u8> FromRequestParts<S> for AtLevel<LEVEL> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SessionRejection> {
        let session = <CurrentSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        session.require_level(LEVEL)?;
        Ok(Self(session))
    }
}

/// The session of a user who has signed in at most `SECONDS` ago: see [`require_recent`](CurrentSession::require_recent).
///
/// ```
/// use axum::{Router, routing::post};
/// use countersign::web::session::Recent;
///
/// async fn change_password(session: Recent<600>) -> String {
///     format!("changed by {}", session.user())
/// }
///
/// let app: Router = Router::new().route("/password", post(change_password));
/// ```
#[derive(Debug)]
pub struct Recent<const SECONDS: u64>(pub CurrentSession);

impl<S: Sync, const SECONDS: u64> FromRequestParts<S> for Recent<SECONDS> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, SessionRejection> {
        let session = <CurrentSession as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        session.require_recent(Duration::from_secs(SECONDS))?;
        Ok(Self(session))
    }
}

/// Responds with a 403, or a 401 if nobody is signed in, or a redirect to the page of [`with_login_page`](super::SessionLayer::with_login_page).
impl IntoResponse for StepUp {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

/// Responds with a 401 if the session has ended, a 503 if the store does not answer or a renewal is under way, a 403 if the cookie may be withheld, else a
/// 500. Behind [`with_login_page`](super::SessionLayer::with_login_page) a person is redirected instead of a 401.
///
/// ```
/// use axum::response::IntoResponse;
/// use countersign::session::SessionError;
/// use countersign::session::store::StoreError;
///
/// assert_eq!(SessionError::Ended.into_response().status(), 401);
/// assert_eq!(SessionError::Store(StoreError::unavailable()).into_response().status(), 503);
/// ```
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        problem::session(self).map(Body::from)
    }
}
