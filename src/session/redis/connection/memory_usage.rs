//! The memory usage of the server, queried about once a second by one call for all others.

use crate::session::store::StoreError;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// From one look at how full the server is to the next.
const LOOK: Duration = Duration::from_secs(1);

/// One in so many parts of the memory may be written before the next look.
const PART: u64 = 64;

/// What a session takes beside its record, about.
const BESIDE: u64 = 256;

/// How full the server is, as far as anybody has looked.
#[derive(Default)]
pub(super) struct MemoryUsage {
    known: Mutex<Option<Known>>,
    is_looking: AtomicBool,
}

/// How full the server was at this time.
struct Known {
    hundredths: u64,
    at: Instant,
    /// Bytes that may be written before the next look.
    leeway: AtomicU64,
}

impl Known {
    /// False once so much has been written since then that it may be quite another one.
    fn takes(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        self.leeway.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl MemoryUsage {
    /// In hundredths of what it may use, as `look` says, with that; or as it was a moment ago. A record of so many bytes is about to be written.
    pub(super) async fn hundredths(
        &self,
        bytes: usize,
        look: impl AsyncFnOnce() -> Result<(u64, u64), StoreError>,
    ) -> Result<u64, StoreError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(BESIDE);
        // While one looks again, the others go by what is known, if that is not from long ago.
        let is_fresh = |known: &&Known| match known.at.elapsed() {
            age if age < LOOK && known.takes(bytes) => true,
            age => age < LOOK.saturating_mul(2) && self.is_looking.swap(true, Ordering::AcqRel),
        };
        let known = self.known().as_ref().filter(is_fresh).map(|known| known.hundredths);
        if let Some(hundredths) = known {
            return Ok(hundredths);
        }
        // One that is dropped on the way has stopped looking, too.
        let _looking = Looking(&self.is_looking);
        let looked = look().await;
        let at = Instant::now();
        *self.known() = looked.as_ref().ok().map(|(hundredths, most)| {
            let leeway = if *most == 0 { u64::MAX } else { *most / PART };
            Known { hundredths: *hundredths, at, leeway: AtomicU64::new(leeway) }
        });
        looked.map(|(hundredths, _)| hundredths)
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Looking<'s>(&'s AtomicBool);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
