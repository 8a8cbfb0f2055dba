//! What goes over HTTP: cookies, read and written without a heap; and the server-side filters: with the feature `tower` one that admits a
//! request by its bearer token or answers for the handler, and one that gives handlers their session.
//!
//! ```text
//!            Authorization: Bearer cs1_…              extensions
//! client ───────────────► BearerLayer ─── verified token ───► handler
//!        ◄── 401, WWW-Authenticate ──┘ (refused: the handler never runs)
//! ```
//!
//! The first reads the `Authorization` header alone: never a query string, never a cookie. A header that a client sets by hand is what makes
//! this way safe from cross-site request forgery. The other (`SessionLayer`) reads a cookie, and so has a guard against it (`CsrfGuard`).

#[cfg(feature = "tower")]
mod affinity;
#[cfg(feature = "tower")]
mod auth_error;
#[cfg(feature = "tower")]
mod authenticate;
#[cfg(feature = "tower")]
mod bearer;
mod cookie;
#[cfg(feature = "tower")]
mod csrf;
#[cfg(feature = "tower")]
mod ended;
#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "tower")]
mod layer;
#[cfg(feature = "tower")]
mod origin;
#[cfg(feature = "tower")]
mod preflight;
#[cfg(feature = "tower")]
mod problem;
#[cfg(feature = "tower")]
mod required;
#[cfg(feature = "tower")]
mod revocation;
#[cfg(feature = "tower")]
mod session_cookie;
#[cfg(feature = "tower")]
mod session_filter;
#[cfg(feature = "tower")]
mod session_layer;
#[cfg(feature = "tower")]
mod session_slot;
mod set_cookie;
#[cfg(feature = "tower")]
mod sign_in_page;
#[cfg(feature = "tower")]
mod step_up;

#[cfg(feature = "tower")]
pub use affinity::{Affinity, MAX_NODE_NAME, node_for};
#[cfg(feature = "tower")]
pub use auth_error::{AuthError, AuthErrorKind};
#[cfg(feature = "tower")]
pub use authenticate::{Authenticate, JwtAuthenticator, TokenAuthenticator};
#[cfg(feature = "tower")]
pub use bearer::{Bearer, bearer};
pub use cookie::{MAX_COOKIE_HEADER, MAX_COOKIES, cookies, cookies_named};
#[cfg(feature = "tower")]
pub use csrf::{CrossSite, CsrfGuard};
#[cfg(feature = "axum")]
pub use extract::{AtLevel, FilterMissing, Recent, SignedIn};
#[cfg(feature = "tower")]
pub use layer::{BearerLayer, BearerService, FromText, MakeBody, ResponseFuture};
#[cfg(feature = "tower")]
pub use origin::OriginError;
#[cfg(feature = "tower")]
pub use required::Required;
#[cfg(feature = "tower")]
pub use revocation::{IdentityMissing, Issued, RevocationLayer, RevocationService, RevocationUnknown};
#[cfg(feature = "tower")]
pub use session_cookie::{SessionCookie, SessionCookieError};
#[cfg(feature = "tower")]
pub use session_layer::{SessionFuture, SessionLayer, SessionService};
#[cfg(feature = "tower")]
pub use session_slot::{OpenSession, SessionSlot, SlotError};
pub use set_cookie::{
    CookieError, HostPrefix, MAX_SET_COOKIE, NoPrefix, Prefix, SameSite, Scoped, SecurePrefix, SetCookie,
};
#[cfg(feature = "tower")]
pub use sign_in_page::local_path;
#[cfg(feature = "tower")]
pub use step_up::StepUp;
