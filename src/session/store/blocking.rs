//! Stores whose calls block, for programs without async.

pub use super::adapters::{AsyncStore, BlockingSessionStore, BlockingStore};
