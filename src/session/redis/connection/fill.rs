//! How full the server is: looked up now and then, by one for all who need it.

use super::Server;
use super::servers::Connection;
use crate::session::store::StoreError;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{MutexGuard, PoisonError};
use tokio::time::Instant;

/// From one look at how full the server is to the next.
const LOOK: Duration = Duration::from_secs(1);

/// One in so many parts of the memory may be written before the next look.
const PART: u64 = 64;

/// What a session takes beside its record, about.
const BESIDE: u64 = 256;

/// How full the server was at this time.
pub(super) struct Fill {
    hundredths: u64,
    at: Instant,
    /// Bytes that may be written before the next look.
    leeway: AtomicU64,
}

impl Fill {
    /// False once so much has been written since then that it may be quite another one.
    fn takes(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        self.leeway.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Server {
    /// How many hundredths of the memory that it may use the server with this key uses, as it was a moment ago; 0 if that has no limit. While
    /// it does not say, nobody knows. A record of so many bytes is about to be written.
    pub(in crate::session::redis) async fn fill(
        &self,
        key: &[u8],
        bytes: usize,
        until: Instant,
    ) -> Result<u64, StoreError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(BESIDE);
        // While one looks again, the others go by what is known, if that is not from long ago.
        let is_fresh = |fill: &&Fill| match fill.at.elapsed() {
            age if age < LOOK && fill.takes(bytes) => true,
            age => age < LOOK.saturating_mul(2) && self.is_looking.swap(true, Ordering::AcqRel),
        };
        let known = self.known_fill().as_ref().filter(is_fresh).map(|fill| fill.hundredths);
        if let Some(hundredths) = known {
            return Ok(hundredths);
        }
        // One that is dropped on the way has stopped looking, too.
        let _looking = Looking(&self.is_looking);
        let looked = self.look(key, until).await;
        let at = Instant::now();
        *self.known_fill() = looked.as_ref().ok().map(|(hundredths, most)| {
            let leeway = if *most == 0 { u64::MAX } else { *most / PART };
            Fill { hundredths: *hundredths, at, leeway: AtomicU64::new(leeway) }
        });
        looked.map(|(hundredths, _)| hundredths)
    }

    /// How full it is, and of how much.
    async fn look(&self, key: &[u8], until: Instant) -> Result<(u64, u64), StoreError> {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let ask = async |mut connection: Connection| connection.query_at(key, &info).await;
        let (answer, _) = self.shared.within_limits(until, ask).await?;
        let answer = redis::from_redis_value::<redis::InfoDict>(answer).map_err(|_| StoreError::Unavailable)?;
        let used = answer.get::<u64>("used_memory").ok_or(StoreError::Unavailable)?;
        let most = answer.get::<u64>("maxmemory").unwrap_or(0);
        Ok((used.saturating_mul(100).checked_div(most).unwrap_or(0), most))
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
