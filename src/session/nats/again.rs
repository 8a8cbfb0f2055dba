//! Says again what was over, where the servers have lost it.

use super::access::Log;
use super::log::{Body, Key};
use core::time::Duration;
use std::sync::Arc;
use tokio::time::sleep;

/// How often it looks whether the copy began anew.
const PAUSE: Duration = Duration::from_millis(200);

/// Compares what this server has heard to be over with what the servers have, whenever its copy began anew. Several may say the same: one of it counts.
pub(super) async fn say_again(log: Arc<Log>) {
    let mut compared = None;
    loop {
        sleep(PAUSE).await;
        let generation = log.replica.generation();
        if compared == Some(generation) {
            continue;
        }
        let Some((sessions, epochs)) = log.replica.lost() else { continue };
        if sessions.is_empty() && epochs.is_empty() {
            compared = Some(generation);
        }
        // What fails is tried again, as it is still lost then.
        for (handle, revision, entry) in sessions {
            let _ = log.end(handle, &entry, revision).await;
        }
        for (tag, revision, record) in epochs {
            let _ = log.write(Key::Epoch(tag), Body::Epoch(record), revision).await;
        }
    }
}
