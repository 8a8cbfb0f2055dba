//! Arguments of axum handlers: the verified token or JWT of the request.

use super::missing::MissingLayer;
use super::problem;
use crate::Error;
use crate::jwt::OwnedJwt;
use crate::token::OwnedToken;
use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

/// Responds with a 500. The error is in the response's extensions, and in a debug build in the body.
impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        problem::missing_layer(self).map(Body::from)
    }
}

/// Responds with a 500, without the reason: that is in the response's extensions. A handler that signs a token or a JWT returns
/// [`countersign::Result`](crate::Result).
///
/// ```
/// use axum::response::IntoResponse;
///
/// let response = countersign::Error::UnknownKeyId.into_response();
/// assert_eq!(response.status(), 500);
/// assert_eq!(response.extensions().get(), Some(&countersign::Error::UnknownKeyId));
/// ```
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = problem::mistake(&self).map(Body::from);
        response.extensions_mut().insert(self);
        response
    }
}

/// Takes the token that a [`BearerLayer`](super::BearerLayer) has verified. Rejects the request if no layer has.
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
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        parts.extensions.get::<Self>().cloned().ok_or(MissingLayer::Bearer)
    }
}

/// Takes the JWT that a [`BearerLayer`](super::BearerLayer) has verified. Rejects the request if no layer has.
impl<S: Sync> FromRequestParts<S> for OwnedJwt {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        parts.extensions.get::<Self>().cloned().ok_or(MissingLayer::Bearer)
    }
}
