//! The session of a request: the layer, the extractors, and the cookie.
//!
//! [`SessionLayer`] finds the session when a handler asks for it, and writes it before the headers of the response leave. A handler takes a
//! [`CurrentSession`] (with axum as an argument), or opens the [`LazySession`] in the request's extensions.

mod affinity;
mod cookie;
mod current;
mod ended;
#[cfg(feature = "axum")]
mod extract;
pub(super) mod layer;
pub(super) mod layer_state;
pub(super) mod lazy;
pub(super) mod required;
pub(super) mod sign_in_page;
mod step_up;

pub use affinity::{Affinity, InvalidNodeName, MAX_NODE_NAME_LEN};
pub use cookie::{SessionCookie, SessionCookieError};
pub use current::CurrentSession;
#[cfg(feature = "axum")]
pub use extract::{AtLevel, Recent, SessionRejection, SignedInSession};
pub use layer::SessionLayer;
pub use lazy::{LazySession, LazySessionError};
pub use required::Required;
pub use sign_in_page::local_path;
pub use step_up::StepUp;
