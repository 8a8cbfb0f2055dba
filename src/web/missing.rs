//! A mistake in the routes: a layer is not there.

use core::fmt;

/// A request has not passed the layer that a handler or another layer needs: a mistake in the routes.
///
/// A layer covers the routes that were added before it, and the layer that was added last runs first. The response is a 500 with this error in its
/// extensions; a debug build also says it in the body.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::response::IntoResponse;
/// use countersign::web::MissingLayer;
///
/// assert_eq!(MissingLayer::Session.into_response().status(), http::StatusCode::INTERNAL_SERVER_ERROR);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MissingLayer {
    /// A handler takes an identity, and no [`BearerLayer`](super::BearerLayer) with such an identity covers its route.
    Bearer,
    /// A handler takes a session, and no [`SessionLayer`](super::session::SessionLayer) covers its route.
    Session,
    /// A [`RevocationLayer`](super::RevocationLayer) finds no identity of its type: the [`BearerLayer`](super::BearerLayer) has to be added after it.
    BearerOfRevocation,
}

impl MissingLayer {
    /// Says it in one sentence, which has no quotation marks.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => BEARER,
            Self::Session => SESSION,
            Self::BearerOfRevocation => REVOCATION,
        }
    }
}

const BEARER: &str = "no BearerLayer with this identity covers the route: add it with route_layer, after the route";
const SESSION: &str = "no SessionLayer covers the route: add it with layer, after the route";
const REVOCATION: &str =
    "the RevocationLayer finds no identity of its type: add the BearerLayer after it, so that it runs first";

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for MissingLayer {}
