//! A store as a trait object, and with calls that block.

use super::capabilities::Capabilities;
use super::error::StoreError;
use super::revocation_epoch::RevocationEpoch;
use super::session_store::SessionStore;
use super::stored_session::{CreateOutcome, SessionContent, StoredSession, SwapOutcome};
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::vec::Vec;

type BoxFuture<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

/// Declares both twins and what makes one out of the other: every call of [`SessionStore`], once.
macro_rules! adapters {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// [`SessionStore`] with boxed futures.
        trait ErasedStore: Send + Sync {
            $(fn $name(&self, $($argument: $type),*) -> BoxFuture<'_, $answer>;)*
            fn capabilities(&self) -> Capabilities;
            fn replication_position(&self) -> Option<u64>;
            fn wait_for_position(&self, position: u64) -> BoxFuture<'_, bool>;
        }

        impl<S: SessionStore> ErasedStore for S {
            $(fn $name(&self, $($argument: $type),*) -> BoxFuture<'_, $answer> {
                Box::pin(SessionStore::$name(self, $($argument),*))
            })*

            fn capabilities(&self) -> Capabilities {
                SessionStore::capabilities(self)
            }

            fn replication_position(&self) -> Option<u64> {
                SessionStore::replication_position(self)
            }

            fn wait_for_position(&self, position: u64) -> BoxFuture<'_, bool> {
                Box::pin(SessionStore::wait_for_position(self, position))
            }
        }

        impl SessionStore for DynStore {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.0.$name($($argument),*).await
            })*

            fn capabilities(&self) -> Capabilities {
                self.0.capabilities()
            }

            fn replication_position(&self) -> Option<u64> {
                self.0.replication_position()
            }

            async fn wait_for_position(&self, position: u64) -> Result<bool, StoreError> {
                self.0.wait_for_position(position).await
            }
        }

        /// Shares one store among several owners.
        impl<S: SessionStore> SessionStore for Arc<S> {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                S::$name(self, $($argument),*).await
            })*

            fn capabilities(&self) -> Capabilities {
                S::capabilities(self)
            }

            fn replication_position(&self) -> Option<u64> {
                S::replication_position(self)
            }

            async fn wait_for_position(&self, position: u64) -> Result<bool, StoreError> {
                S::wait_for_position(self, position).await
            }
        }

        /// A [`SessionStore`] whose calls block: for programs without async. [`AsyncStore`] and [`BlockingStore`] adapt one to the other.
        pub trait BlockingSessionStore: Send + Sync {
            $(
                #[doc = concat!("Does as [`SessionStore::", stringify!($name), "`], and returns when that is done.")]
                ///
                /// # Errors
                #[doc = concat!("As [`SessionStore::", stringify!($name), "`].")]
                fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError>;
            )*

            /// Returns the promises of the store.
            fn capabilities(&self) -> Capabilities;
        }

        impl<S: SessionStore> BlockingSessionStore for BlockingStore<S> {
            $(fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                block_on(SessionStore::$name(&self.0, $($argument),*))
            })*

            fn capabilities(&self) -> Capabilities {
                SessionStore::capabilities(&self.0)
            }
        }

        impl<B: BlockingSessionStore> SessionStore for AsyncStore<B> {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                BlockingSessionStore::$name(&self.0, $($argument),*)
            })*

            fn capabilities(&self) -> Capabilities {
                BlockingSessionStore::capabilities(&self.0)
            }
        }
    };
}

adapters! {
    create(handle: Handle, content: SessionContent, now: UnixTime) -> CreateOutcome;
    load(handle: Handle, now: UnixTime) -> Option<StoredSession>;
    compare_and_swap(handle: Handle, version: u64, content: SessionContent, now: UnixTime) -> SwapOutcome;
    touch(handle: Handle, idle: UnixTime, now: UnixTime) -> bool;
    delete(handle: Handle, now: UnixTime) -> bool;
    rotate(old: Handle, version: u64, new: Handle, content: SessionContent, now: UnixTime) -> SwapOutcome;
    rotated_to(handle: Handle, now: UnixTime) -> Option<Handle>;
    list_by_user(user: UserHash, after: Option<Handle>, limit: usize, now: UnixTime) -> Vec<(Handle, StoredSession)>;
    revoke_user(user: UserHash, except: Option<Handle>, keep_until: UnixTime, now: UnixTime) -> RevocationEpoch;
    epoch(user: UserHash) -> RevocationEpoch;
    delete_expired(now: UnixTime, limit: usize) -> usize;
}

/// Any store behind one type: for types that must not be generic over their store. A clone shares the store.
///
/// ```
/// use countersign::session::store::{Budgets, DynStore, MemoryStore, SessionStore};
///
/// let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
/// assert!(!store.capabilities().is_shared);
/// ```
#[derive(Clone)]
pub struct DynStore(Arc<dyn ErasedStore>);

impl DynStore {
    /// Erases the type of a store.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for DynStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynStore").finish_non_exhaustive()
    }
}

/// Adapts a [`SessionStore`] to [`BlockingSessionStore`]: each call blocks its thread until it is done. The store must not need a runtime.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::session::credential::Credential;
/// use countersign::session::store::{Budgets, MemoryStore};
/// use countersign::session::store::blocking::{BlockingSessionStore, BlockingStore};
///
/// let store = BlockingStore(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
/// let handle = Credential::generate_anonymous()?.handle();
/// assert!(store.load(handle, UnixTime::now())?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BlockingStore<S>(pub S);

/// Adapts a [`BlockingSessionStore`] to [`SessionStore`]: each call blocks the thread of its task. Wrap a slow store in `spawn_blocking` of your runtime.
#[derive(Clone, Debug)]
pub struct AsyncStore<B>(pub B);

/// Wakes a thread that waits for its future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake-up that came before this one is kept, so none is missed.
            Poll::Pending => thread::park(),
        }
    }
}
