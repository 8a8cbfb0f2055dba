//! The services and futures that the layers of [`web`](super) make. An application names them only in types of its own.

pub use super::bearer_layer::{BearerFuture, BearerService};
pub use super::revocation::RevocationService;
pub use super::session::layer::{SessionFuture, SessionService};
