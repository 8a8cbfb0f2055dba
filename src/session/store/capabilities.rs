//! What a store promises, and how many bytes it may keep.

/// The promises of a store, for an application that chooses one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capabilities {
    /// Sessions outlive the process.
    pub survives_restart: bool,
    /// Several servers may use the store at once.
    pub is_shared: bool,
    /// Expired sessions leave by themselves: [`delete_expired`](super::SessionStore::delete_expired) has nothing to do.
    pub expires_by_itself: bool,
    /// Where an acknowledged write is.
    pub durability: Durability,
}

/// The place of a write at the moment when the store acknowledges it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Durability {
    /// The write is in the memory of one server. A crash or a failover may undo it.
    Accepted,
    /// The write is on this many replicas too. A failover to one of them does not undo it.
    Replicated(u32),
    /// The write is on disk.
    Synced,
}

/// The bytes that a [`MemoryStore`](super::MemoryStore) or a `DiskStore` keeps of each kind of session.
///
/// A flood of anonymous sessions cannot push out signed-in ones: each kind has a budget of its own.
///
/// ```
/// use countersign::session::store::{Budgets, MemoryStore};
///
/// let store = MemoryStore::new(Budgets { anonymous: 64 << 20, signed_in: 1 << 30 });
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budgets {
    /// Bytes of anonymous sessions. Beyond it the store drops those that were not used for longest.
    pub anonymous: u64,
    /// Bytes of signed-in sessions, with the pointers that sign-ins leave. Beyond it the store refuses new ones.
    pub signed_in: u64,
}
