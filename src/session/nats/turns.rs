//! One write of a key at a time: others of this server would not count, and stand in the log behind the one that does.

use std::collections::HashMap;
use std::string::String;
use std::sync::{Arc, PoisonError, Weak};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Keys that are remembered before those that nobody writes any more are forgotten.
const KEYS: usize = 1024;

#[derive(Default)]
pub(super) struct Turns(std::sync::Mutex<HashMap<String, Weak<Mutex<()>>>>);

impl Turns {
    /// Waits until nobody else here writes this key.
    pub(super) async fn take(&self, key: &str) -> OwnedMutexGuard<()> {
        self.of(key).lock_owned().await
    }

    fn of(&self, key: &str) -> Arc<Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= KEYS {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Mutex::default());
        turns.insert(key.into(), Arc::downgrade(&turn));
        turn
    }
}
