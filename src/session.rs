//! Sessions: the server keeps the data, and the browser holds an opaque cookie.
//!
//! ```text
//! browser                     server                                   store
//! __Host-id=<credential> ───► handle ──────────────────────────────►  record, version
//!                             verifier ─ HMAC under the pepper ─ = ?  MAC of the verifier
//! ```
//!
//! [`SessionManager`] starts, loads, signs in and ends sessions, and [`Session`] is one of them. The sessions are in a [`store`], in a file, in
//! memory, on Redis or on NATS. Under tower and axum, `web::session::SessionLayer` calls the manager for each request.
//!
//! | module | has |
//! |---|---|
//! | [`store`] | the contract of a store, and the stores in memory and in a file |
//! | `redis`, `nats` | the stores for several servers, by feature |
//! | [`credential`] | the value of the cookie, for stores and tools of your own |
//! | [`laws`] | tests of the contract, for a store of your own |

mod active;
mod cookie_life;
pub mod credential;
mod data;
mod error;
mod event;
mod handle;
#[doc(alias = "conformance")]
pub mod laws;
mod lifetimes;
mod manager;
#[cfg(feature = "nats")]
pub mod nats;
mod pepper;
mod record;
#[cfg(feature = "redis")]
pub mod redis;
mod sign_in;
pub mod store;
mod user_sessions;

#[cfg(feature = "tower")]
pub(crate) use active::Making;
pub use active::{Session, SignIn};
pub use cookie_life::CookieLife;
pub use error::SessionError;
pub use event::{Event, EventCounters};
pub use handle::{Handle, InvalidHandle};
pub use lifetimes::Lifetimes;
#[cfg(feature = "tower")]
pub(crate) use manager::MAX_TRIED;
pub use manager::SessionManager;
pub use pepper::Pepper;
pub use record::MAX_RECORD_LEN;
pub use sign_in::{EPOCH_CLAIM, SignInAttempt};
pub use user_sessions::SessionInfo;
