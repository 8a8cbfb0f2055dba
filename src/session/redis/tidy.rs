//! The removal of revoked sessions and of expired members of an index, in the background and a few at a time.

use super::connection::{Call, Server};
use super::record::{bytes_of, digits, handle_in, handle_of, list_of, number};
use super::relate::relate;
use super::scripts::TIDY;
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::store::StoreError;
use core::time::Duration;
use redis::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;
use tokio::time::{Instant, sleep};

/// Entries of an index that one script deals with: it holds up everybody for so long.
const PIECE: u64 = 8;

/// Scripts between two pauses. Why: a pause is a millisecond at least, and 100 000 sessions are 12 500 scripts.
const SCRIPTS: usize = 4;

/// Users who are tidied up after at once; of more, those are who are asked for later.
const MOST: usize = 4;

pub(super) struct Tidier {
    server: Arc<Server>,
    answer: Duration,
    busy: Arc<Mutex<Vec<UserHash>>>,
}

/// Somebody is tidied up after.
struct Place {
    busy: Arc<Mutex<Vec<UserHash>>>,
    tag: UserHash,
}

impl Place {
    /// `None` if somebody is at it, or enough are at others.
    fn take(busy: &Arc<Mutex<Vec<UserHash>>>, tag: UserHash) -> Option<Self> {
        let mut tags = lock(busy);
        if tags.len() >= MOST || tags.contains(&tag) {
            return None;
        }
        tags.push(tag);
        Some(Self { busy: Arc::clone(busy), tag })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.busy).retain(|tag| *tag != self.tag);
    }
}

// Every change is one step: what a panicking thread has left behind is whole.
fn lock(busy: &Mutex<Vec<UserHash>>) -> MutexGuard<'_, Vec<UserHash>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tidier {
    pub(super) fn new(server: &Arc<Server>, answer: Duration) -> Self {
        Self { server: Arc::clone(server), answer, busy: Arc::default() }
    }

    /// Begins to tidy up after a user, and returns. What is left of it when the process ends, or when a server does not answer, the next one does
    /// who comes across it, or the server's own expiry.
    pub(super) fn tidy(&self, tag: UserHash, now: UnixTime) {
        let Some(place) = Place::take(&self.busy, tag) else { return };
        let (server, answer) = (Arc::clone(&self.server), self.answer);
        tokio::spawn(async move {
            let _place = place;
            loop {
                let start = Instant::now();
                let Some(until) = start.checked_add(answer) else { return };
                for _ in 0..SCRIPTS {
                    if tidy_some(&server, tag, now, until).await != Ok(true) {
                        return;
                    }
                }
                // As long again it is left to others.
                sleep(start.elapsed()).await;
            }
        });
    }
}

/// True if there is more to do.
async fn tidy_some(server: &Server, tag: UserHash, now: UnixTime, until: Instant) -> Result<bool, StoreError> {
    let keys = [server.keys.index(tag), server.keys.epoch(tag)];
    let args = [number(now), server.keys.of_user(tag), digits(PIECE)];
    let answer = server.run(Call { script: &TIDY, keys: &keys, args: &args }, until).await?.value;
    let [is_more, orphans] = list_of(&answer) else { return Err(StoreError::unavailable()) };
    // What led to the sessions that were removed.
    let (orphans, _) = list_of(orphans).as_chunks();
    for [selector, parent] in orphans {
        let child = bytes_of(selector).and_then(|selector| handle_in(tag, selector));
        if let Some(child) = child {
            relate(server, child, bytes_of(parent).and_then(handle_of), None, now, until).await?;
        }
    }
    Ok(*is_more == Value::Int(1))
}
