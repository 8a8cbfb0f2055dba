//! The server-side filter: admits a request by its bearer token, or answers for the handler.
//!
//! ```text
//!            Authorization: Bearer cs1_…              extensions
//! client ───────────────► BearerLayer ─── verified token ───► handler
//!        ◄── 401, WWW-Authenticate ──┘ (refused: the handler never runs)
//! ```
//!
//! Only the `Authorization` header is read: never a query string, never a cookie. A header that a client sets by hand is what makes this
//! way safe from cross-site request forgery.

mod authenticate;
mod bearer;
#[cfg(feature = "axum")]
mod extract;
mod layer;
mod problem;

pub use authenticate::{Authenticate, TokenAuthenticator};
pub use bearer::{Bearer, bearer};
#[cfg(feature = "axum")]
pub use extract::FilterMissing;
pub use layer::{BearerLayer, BearerService, ResponseFuture};
