//! How full the server is: looked up now and then, by one for all who need it.

use super::Server;
use crate::session::store::StoreError;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{MutexGuard, PoisonError};
use tokio::time::Instant;

/// From one look at how full the server is to the next.
const LOOK: Duration = Duration::from_secs(1);

/// How full the server was at this time.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    hundredths: u64,
    at: Instant,
}

impl Server {
    /// How many hundredths of the memory that it may use the server with this key uses, as it was a moment ago; 0 if that has no limit. While
    /// it does not say, nobody knows.
    pub(in crate::session::redis) async fn fill(&self, key: &str, until: Instant) -> Result<u64, StoreError> {
        // While one looks again, the others go by what is known, if that is not from long ago.
        let is_fresh = |fill: &Fill| match fill.at.elapsed() {
            age if age < LOOK => true,
            age => age < LOOK.saturating_mul(2) && self.is_looking.swap(true, Ordering::AcqRel),
        };
        let known = *self.known_fill();
        if let Some(fill) = known.filter(is_fresh) {
            return Ok(fill.hundredths);
        }
        // One that is dropped on the way has stopped looking, too.
        let _looking = Looking(&self.is_looking);
        let looked = self.look(key, until).await;
        let at = Instant::now();
        *self.known_fill() = looked.as_ref().ok().map(|hundredths| Fill { hundredths: *hundredths, at });
        looked
    }

    async fn look(&self, key: &str, until: Instant) -> Result<u64, StoreError> {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let ask = async || self.shared.connection().await?.query_at(key, &info).await;
        let (answer, _) = self.shared.within_limits(until, ask).await?;
        let answer = redis::from_redis_value::<redis::InfoDict>(answer).map_err(|_| StoreError::Unavailable)?;
        let used = answer.get::<u64>("used_memory").ok_or(StoreError::Unavailable)?;
        let most = answer.get::<u64>("maxmemory").unwrap_or(0);
        Ok(used.saturating_mul(100).checked_div(most).unwrap_or(0))
    }

    fn known_fill(&self) -> MutexGuard<'_, Option<Fill>> {
        self.fill.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Looking<'s>(&'s AtomicBool);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
