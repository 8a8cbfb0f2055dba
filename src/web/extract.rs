//! The verified token, or the claims of a JWT, as an argument of an axum handler.

use crate::jwt::VerifiedClaims;
use crate::token::VerifiedToken;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

/// The handler is not behind a [`BearerLayer`](super::BearerLayer) whose identity is what it asks for: a mistake in
/// the routes.
///
/// The peer gets a 500 and no word more.
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
        f.write_str("this route asks for a verified token but is not behind a BearerLayer")
    }
}

impl core::error::Error for FilterMissing {}

impl IntoResponse for FilterMissing {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// Takes what the filter has verified. Fails closed where there is no filter.
///
/// ```
/// use axum::{Router, routing::get};
/// use countersign::Refusal;
/// use countersign::token::VerifiedToken;
/// use countersign::web::BearerLayer;
///
/// async fn me(token: VerifiedToken) -> String {
///     String::from_utf8_lossy(token.get().uid()).into_owned()
/// }
///
/// # let authenticator = |_: &[u8], _: &http::request::Parts| Err::<VerifiedToken, _>(Refusal::Invalid);
/// let app: Router = Router::new().route("/api/me", get(me)).route_layer(BearerLayer::new(authenticator));
/// ```
impl<S: Sync> FromRequestParts<S> for VerifiedToken {
    type Rejection = FilterMissing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, FilterMissing> {
        parts.extensions.get::<Self>().cloned().ok_or(FilterMissing)
    }
}

/// The same for the claims of a JWT.
impl<S: Sync> FromRequestParts<S> for VerifiedClaims {
    type Rejection = FilterMissing;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, FilterMissing> {
        parts.extensions.get::<Self>().cloned().ok_or(FilterMissing)
    }
}
