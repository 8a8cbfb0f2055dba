//! Messages of this server's own that it waits for: what becomes of one is decided where it stands in the log, and known when it is heard.

use crate::session::names::new_version;
use crate::session::nats::log::Id;
use crate::session::store::StoreError;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What became of a message: whether it counts, and how many others of its key there are.
#[derive(Clone, Copy, Debug)]
pub(in crate::session::nats) struct Outcome {
    pub(in crate::session::nats) counts: bool,
    pub(in crate::session::nats) others: usize,
}

pub(super) struct Awaited {
    writer: u64,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Outcome>>>,
}

impl Awaited {
    pub(super) fn new() -> Result<Self, StoreError> {
        Ok(Self { writer: new_version()?, next: AtomicU64::new(0), waiting: Mutex::default() })
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Outcome>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name for a message that is to be written, and what tells once it was heard.
    pub(super) fn expect(self: &Arc<Self>) -> Expected {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, outcome) = oneshot::channel();
        self.waiting().insert(number, tell);
        Expected { awaited: Arc::clone(self), id: Id { writer: self.writer, number }, outcome }
    }

    /// Tells who waits for this message what became of it.
    pub(super) fn tell(&self, id: Id, outcome: Outcome) {
        if id.writer == self.writer
            && let Some(tell) = self.waiting().remove(&id.number)
        {
            // It may have stopped waiting.
            let _ = tell.send(outcome);
        }
    }
}

/// Waits for a message of this server's own; forgets that when it is dropped.
pub(in crate::session::nats) struct Expected {
    awaited: Arc<Awaited>,
    pub(in crate::session::nats) id: Id,
    outcome: oneshot::Receiver<Outcome>,
}

impl Expected {
    pub(in crate::session::nats) async fn outcome(&mut self) -> Result<Outcome, StoreError> {
        (&mut self.outcome).await.map_err(|_| StoreError::Unavailable)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.awaited.waiting().remove(&self.id.number);
    }
}
