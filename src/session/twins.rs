//! The same store as a trait object, and as calls that block.

use super::credential::{Handle, UserTag};
use super::store::{Capabilities, Content, Created, Entry, Epoch, SessionStore, StoreError, Swapped};
use crate::UnixTime;
use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::vec::Vec;

type Answer<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

/// Declares both twins and what makes one out of the other: every call of [`SessionStore`], once.
macro_rules! twins {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// [`SessionStore`] with boxed futures.
        trait Boxed: Send + Sync {
            $(fn $name(&self, $($argument: $type),*) -> Answer<'_, $answer>;)*
            fn capabilities(&self) -> Capabilities;
            fn position(&self) -> Option<u64>;
            fn reach(&self, position: u64) -> Answer<'_, bool>;
        }

        impl<S: SessionStore> Boxed for S {
            $(fn $name(&self, $($argument: $type),*) -> Answer<'_, $answer> {
                Box::pin(SessionStore::$name(self, $($argument),*))
            })*

            fn capabilities(&self) -> Capabilities {
                SessionStore::capabilities(self)
            }

            fn position(&self) -> Option<u64> {
                SessionStore::position(self)
            }

            fn reach(&self, position: u64) -> Answer<'_, bool> {
                Box::pin(SessionStore::reach(self, position))
            }
        }

        impl SessionStore for DynStore {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.0.$name($($argument),*).await
            })*

            fn capabilities(&self) -> Capabilities {
                self.0.capabilities()
            }

            fn position(&self) -> Option<u64> {
                self.0.position()
            }

            async fn reach(&self, position: u64) -> Result<bool, StoreError> {
                self.0.reach(position).await
            }
        }

        /// A store that others have a share in.
        impl<S: SessionStore> SessionStore for Arc<S> {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                S::$name(self, $($argument),*).await
            })*

            fn capabilities(&self) -> Capabilities {
                S::capabilities(self)
            }

            fn position(&self) -> Option<u64> {
                S::position(self)
            }

            async fn reach(&self, position: u64) -> Result<bool, StoreError> {
                S::reach(self, position).await
            }
        }

        /// [`SessionStore`] for servers without async: every call returns when it is done.
        ///
        /// [`FromBlocking`] makes a [`SessionStore`] of one, and [`Blocking`] one of a [`SessionStore`].
        #[allow(missing_docs, reason = "each call is that of the same name there")]
        #[allow(clippy::missing_errors_doc, reason = "as there")]
        pub trait BlockingSessionStore: Send + Sync {
            $(fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError>;)*
            fn capabilities(&self) -> Capabilities;
        }

        impl<S: SessionStore> BlockingSessionStore for Blocking<S> {
            $(fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                block_on(SessionStore::$name(&self.0, $($argument),*))
            })*

            fn capabilities(&self) -> Capabilities {
                SessionStore::capabilities(&self.0)
            }
        }

        impl<B: BlockingSessionStore> SessionStore for FromBlocking<B> {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                BlockingSessionStore::$name(&self.0, $($argument),*)
            })*

            fn capabilities(&self) -> Capabilities {
                BlockingSessionStore::capabilities(&self.0)
            }
        }
    };
}

twins! {
    create(handle: Handle, content: Content, now: UnixTime) -> Created;
    load(handle: Handle, now: UnixTime) -> Option<Entry>;
    compare_and_swap(handle: Handle, version: u64, content: Content, now: UnixTime) -> Swapped;
    touch(handle: Handle, idle: UnixTime, now: UnixTime) -> bool;
    delete(handle: Handle, now: UnixTime) -> bool;
    rotate(old: Handle, version: u64, new: Handle, content: Content, now: UnixTime) -> Swapped;
    rotated_to(handle: Handle, now: UnixTime) -> Option<Handle>;
    list_by_user(tag: UserTag, after: Option<Handle>, limit: usize, now: UnixTime) -> Vec<(Handle, Entry)>;
    revoke_user(tag: UserTag, except: Option<Handle>, keep_until: UnixTime, now: UnixTime) -> Epoch;
    epoch(tag: UserTag) -> Epoch;
    sweep(now: UnixTime, limit: usize) -> usize;
}

/// Any store, behind one type: for what must not be generic over it.
///
/// ```
/// use countersign::session::{DynStore, MemoryStore, SessionStore};
///
/// let store = DynStore::new(MemoryStore::new(1 << 20, 1 << 20));
/// assert!(!store.capabilities().is_shared);
/// ```
#[derive(Clone)]
pub struct DynStore(Arc<dyn Boxed>);

impl DynStore {
    /// Puts a store behind it.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for DynStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynStore").finish_non_exhaustive()
    }
}

/// A store whose calls block the thread until they are done: to call it directly. For [`Sessions`](super::Sessions) in a program without async
/// see [`block_on`].
///
/// ```
/// use countersign::UnixTime;
/// use countersign::session::{Blocking, BlockingSessionStore, Credential, MemoryStore};
///
/// let store = Blocking(MemoryStore::new(1 << 20, 1 << 20));
/// let handle = Credential::generate_anonymous()?.handle();
/// assert!(store.load(handle, UnixTime::now())?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Blocking<S>(pub S);

/// A [`SessionStore`] of a store whose calls block. They do: for one that is slow, use a thread pool of your runtime.
#[derive(Clone, Debug)]
pub struct FromBlocking<B>(pub B);

/// Wakes a thread that waits for its future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread: for [`Sessions`](super::Sessions) in a program without async, over a store that needs no runtime.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::session::{Lifetimes, MemoryStore, Pepper, Sessions, block_on};
///
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let lifetimes = Lifetimes { idle: 1800, absolute: 43_200, grace: 10, tokens: 0 };
/// let sessions = Sessions::new(MemoryStore::new(1 << 20, 1 << 20), pepper, lifetimes);
/// let mut session = sessions.begin(UnixTime::now())?;
/// block_on(sessions.save(&mut session, UnixTime::now()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
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
