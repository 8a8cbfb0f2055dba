//! Says again what was over, where the servers have lost it.

use super::access::Log;
use super::log::{Body, Key};
use crate::session::store::StoreError;
use core::time::Duration;
use std::sync::Arc;
use tokio::time::{Instant, sleep};

/// How often it looks whether the copy began anew, and how long it waits after a failure.
const PAUSE: Duration = Duration::from_millis(200);
const LONG_PAUSE: Duration = Duration::from_secs(2);
/// How often it compares where nothing began anew.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// Compares what this server has heard to be over with what the servers have, whenever its copy began anew, and now and then, as one that knows
/// less may have written since. Several may say the same: one of it counts.
pub(super) async fn say_again(log: Arc<Log>) {
    let (mut compared, mut at) = (None, Instant::now());
    loop {
        let generation = log.replica.generation();
        if compared != Some(generation) || at.elapsed() > NOW_AND_THEN {
            match say_lost(&log, generation).await {
                Ok(true) => (compared, at) = (Some(generation), Instant::now()),
                Ok(false) => {}
                // It is still lost then.
                Err(_) => sleep(LONG_PAUSE).await,
            }
        }
        sleep(PAUSE).await;
    }
}

/// True if nothing is lost.
async fn say_lost(log: &Arc<Log>, generation: u64) -> Result<bool, StoreError> {
    let Some((sessions, epochs)) = log.replica.lost() else { return Ok(false) };
    let is_none = sessions.is_empty() && epochs.is_empty();
    // A revision stands for what it did as long as the copy has not begun anew.
    for (handle, revision, entry) in sessions {
        if log.replica.is_still(generation) {
            log.end(handle, &entry, revision).await?;
        }
    }
    for (tag, revision, record) in epochs {
        if log.replica.is_still(generation) {
            log.write(Key::Epoch(tag), Body::Epoch(record), revision).await?;
        }
    }
    Ok(is_none)
}
