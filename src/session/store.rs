//! Stores of sessions: the contract that each store obeys, and those that keep sessions in one process.
//!
//! [`SessionStore`] is the contract, and [`laws`](super::laws) tests it. [`MemoryStore`] and [`DiskStore`] serve one process; for several servers there
//! are [`RedisStore`](super::redis::RedisStore) and [`NatsStore`](super::nats::NatsStore). [`DynStore`] holds any of them.

mod adapters;
pub mod blocking;
mod capabilities;
#[cfg(feature = "disk")]
mod disk;
#[cfg(any(feature = "disk", feature = "nats"))]
pub(super) mod entry_codec;
mod error;
mod memory;
mod revocation_epoch;
mod session_store;
#[cfg(any(feature = "nats", feature = "redis"))]
pub(super) mod store_keys;
mod stored_session;

pub use adapters::DynStore;
pub use capabilities::{Budgets, Capabilities, Durability};
#[cfg(feature = "disk")]
pub use disk::DiskStore;
pub use error::{StoreError, StoreErrorKind};
#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
pub use error::{StoreOpenError, StoreOpenErrorKind};
pub use memory::MemoryStore;
pub use revocation_epoch::RevocationEpoch;
pub(super) use session_store::MAX_LINE;
pub use session_store::SessionStore;
pub use stored_session::{CreateOutcome, Deadlines, SessionContent, SessionKind, StoredSession, SwapOutcome};
