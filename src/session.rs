//! Sessions: the server keeps the data, the browser an opaque cookie.
//!
//! ```text
//! browser                     server                                   store
//! __Host-id=<credential> ───► handle ──────────────────────────────►  record, version
//!                             verifier ─ HMAC under the pepper ─ = ?  sealed verifier
//! ```
//!
//! The rooms: [`Sessions`], which makes, finds, signs in and ends them, and [`Session`], what a request works with; [`Credential`], what the
//! cookie carries and what of it is kept; [`SessionStore`], what a store does and never does, with [`MemoryStore`] and, by feature, one in a file
//! and one on Redis; [`DynStore`], [`Blocking`] and [`block_on`] for other ways to call them; [`laws`], which tests any store.

mod credential;
mod current;
mod data;
#[cfg(feature = "disk")]
mod disk;
mod error;
mod event;
pub mod laws;
mod life;
mod memory;
#[cfg(any(feature = "nats", feature = "redis"))]
mod names;
#[cfg(feature = "nats")]
mod nats;
mod pepper;
mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "disk", feature = "nats"))]
mod row;
mod sessions;
mod sign_in;
mod store;
mod twins;

pub use credential::{CREDENTIAL_LEN, Credential, Handle, InvalidHandle, SealedVerifier, UserTag};
#[cfg(feature = "tower")]
pub(crate) use current::Making;
pub use current::Session;
#[cfg(feature = "disk")]
pub use disk::{DiskStore, OpenError};
pub use error::SessionError;
pub use event::{Event, Events};
pub use life::CookieLife;
pub use memory::MemoryStore;
#[cfg(feature = "nats")]
pub use nats::{NatsError, NatsOptions, NatsStore};
pub use pepper::Pepper;
pub use record::MAX_RECORD;
#[cfg(feature = "redis")]
pub use redis::{RedisCheckError, RedisError, RedisOptions, RedisStore};
#[cfg(feature = "tower")]
pub(crate) use sessions::MAX_TRIED;
pub use sessions::{Lifetimes, Listed, Sessions};
pub use sign_in::{Attempt, EPOCH_CLAIM};
pub use store::{
    Capabilities, Content, Created, Deadlines, Durability, Entry, Epoch, Kind, SessionStore, StoreError, Swapped,
};
pub use twins::{Blocking, BlockingSessionStore, DynStore, FromBlocking, block_on};
