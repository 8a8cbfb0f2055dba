//! The server's side of HTTP, as tower layers: bearer tokens, sessions, revocation and the guard against cross-site request forgery.
//!
//! ```text
//!            Authorization: Bearer cs1_…              extensions
//! client ───────────────► BearerLayer ─── verified token ───► handler
//!        ◄── 401, WWW-Authenticate ──┘ (refused: the handler never runs)
//!
//!            Cookie: __Host-id=…                      LazySession
//! browser ──────────────► SessionLayer ── CurrentSession ───► handler
//!        ◄──── Set-Cookie ───────────┘ (written before the headers leave)
//! ```
//!
//! [`BearerLayer`] reads the `Authorization` header alone: never a query string, never a cookie. A client sets that header by hand, which makes
//! this way safe from cross-site request forgery. [`SessionLayer`](session::SessionLayer) reads a cookie, and so has a [`CsrfGuard`].

mod auth_error;
mod authenticate;
mod bearer;
mod bearer_layer;
mod body;
mod csrf;
#[cfg(feature = "axum")]
mod extract;
mod missing;
mod origin;
mod preflight;
mod problem;
mod revocation;
pub mod service;
pub mod session;

pub use auth_error::{AuthError, AuthErrorKind};
pub use authenticate::{Authenticate, JwtAuthenticator, TokenAuthenticator};
pub use bearer::{Bearer, bearer};
pub use bearer_layer::BearerLayer;
pub use body::{MakeBody, TextBody};
pub use csrf::{CsrfError, CsrfGuard};
pub use missing::MissingLayer;
pub use origin::OriginError;
pub use revocation::{Revocable, RevocationLayer, RevocationUnknown};
