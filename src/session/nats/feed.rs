//! The feed, by which the local copy follows the bucket, and its freshness.

use super::access::Access;
use super::known::Known;
use crate::session::store::StoreError;
use core::error::Error;
use core::time::Duration;
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::time::{Instant, sleep, timeout};

/// How long a feed may say nothing while it brings what is there already.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a feed may take to begin.
const BEGINNING: Duration = Duration::from_secs(3);
/// How often whoever listens looks whether it has to begin anew.
const PULSE: Duration = Duration::from_millis(50);

impl Access {
    /// Reads what is known, if it is believed: nothing is missing of what was acknowledged longer ago than the bound.
    pub(super) fn believed<T>(&self, read: impl FnOnce(&Known) -> T) -> Option<T> {
        let known = self.known.borrow();
        let is_current = known.current_at.is_some_and(|at| at.elapsed() < self.options.max_staleness);
        is_current.then(|| read(&known))
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.believed(|_| ()).is_some()
    }

    pub(super) async fn has_heard(&self, revision: u64) {
        let _ = self.known.subscribe().wait_for(|known| known.heard >= revision).await;
    }

    /// Waits until this revision was heard, for as long as this copy is believed; true if it was.
    pub(super) async fn hears(&self, revision: u64) -> bool {
        while self.is_fresh() {
            if timeout(PULSE, self.has_heard(revision)).await.is_ok() {
                return true;
            }
        }
        false
    }

    /// Waits until all of the bucket was heard, and a heartbeat behind it; false if nothing comes any more.
    pub(super) async fn has_heard_all(&self) -> bool {
        let (mut before, mut since, mut was_whole) = (0, Instant::now(), false);
        while !self.is_fresh() {
            let Known { heard, is_whole, .. } = *self.known.borrow();
            was_whole |= is_whole;
            // Once all was heard, a heartbeat has so long to come back, however often the feed has to begin anew.
            if !was_whole && heard > before {
                (before, since) = (heard, Instant::now());
            }
            if since.elapsed() > SILENCE {
                return false;
            }
            if is_whole {
                self.send_beat().await;
            }
            if !self.is_fresh() {
                sleep(PULSE).await;
            }
        }
        true
    }

    /// Writes a heartbeat, behind everything else; its revision. If that was heard of already, the bucket is another one by now.
    pub(super) async fn beat(&self) -> Result<u64, StoreError> {
        let Known { heard, generation, .. } = *self.known.borrow();
        let revision = self.bucket.beat().await?;
        let is_another = |known: &mut Known| {
            let is_another = revision <= heard && known.generation == generation;
            if is_another {
                known.forget();
            }
            is_another
        };
        if self.known.send_if_modified(is_another) { Err(StoreError::unavailable()) } else { Ok(revision) }
    }

    /// Sends a heartbeat and waits until it is heard: then everything that was acknowledged before was heard, too.
    pub(super) async fn hear_beat(&self) -> Result<(), StoreError> {
        self.has_heard(self.beat().await?).await;
        Ok(())
    }

    async fn send_beat(&self) {
        let (at, generation) = (Instant::now(), self.known.borrow().generation);
        if !matches!(timeout(self.options.max_staleness, self.hear_beat()).await, Ok(Ok(()))) {
            return;
        }
        self.known.send_if_modified(|known| {
            if known.is_whole && known.generation == generation {
                known.current_at = known.current_at.max(Some(at));
            }
            false
        });
    }

    /// Hears what comes, until that is of no use any more.
    async fn follow(&self, generation: u64) -> Result<(), StoreError> {
        let connects = self.bucket.connects();
        // Why one feed for what is there and what follows: of two, each may be on another server of the cluster, and one of those be behind.
        // What was asked of a server that is gone is never answered.
        let mut feed = timeout(BEGINNING, self.bucket.feed())
            .await
            .map_err(|_| StoreError::because("the feed of NATS does not begin"))??;
        let (life, mut since) = (self.options.life(), Instant::now());
        // On another connection, or of another bucket, something may have been missed.
        while self.bucket.connects() == connects && self.known.borrow().generation == generation {
            if let Ok(message) = timeout(PULSE, feed.next()).await {
                let message = message.and_then(Result::ok).ok_or(StoreError::unavailable())?;
                let heard = self.bucket.heard(&message)?;
                // Under one lock, so that who has seen the revision finds what it brought.
                self.known.send_if_modified(|known| {
                    let is_of_this = known.generation == generation;
                    if is_of_this {
                        known.hear(heard, life);
                    }
                    is_of_this
                });
                since = Instant::now();
            } else {
                // Where not even heartbeats come, the consumer may be gone with the server that it was on, and an end since may leave no trace.
                let is_whole = self.known.borrow().is_whole;
                let limit = if is_whole { self.options.max_staleness.saturating_mul(2) } else { SILENCE };
                if since.elapsed() >= limit {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Listens to the bucket, and begins anew with a whole one whenever something may have been missed.
    pub(super) async fn listen(self: Arc<Self>) {
        loop {
            self.known.send_modify(Known::forget);
            let generation = self.known.borrow().generation;
            if let Err(error) = self.follow(generation).await {
                let error: &(dyn Error + 'static) = &error;
                tracing::warn!(error, "the feed of NATS has ended: this copy of the sessions begins anew");
            }
            sleep(PULSE).await;
        }
    }

    /// Sends heartbeats: what comes back says how far the feed is.
    pub(super) async fn send_beats(self: Arc<Self>) {
        let pace = self.options.max_staleness.checked_div(4).unwrap_or_default();
        loop {
            let access = Arc::clone(&self);
            // It may be heard long after the next one was sent.
            tokio::spawn(async move { access.send_beat().await });
            sleep(pace).await;
        }
    }
}
