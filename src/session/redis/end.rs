//! The end of a session, together with the sessions that it was rotated into and the pointers to it.

use super::connection::Answer;
use super::record::{bytes_of, handle_of, list_of, number, said, selector, version};
use super::relate::relate;
use super::scripts::DELETE;
use super::store::RedisStore;
use crate::UnixTime;
use crate::session::handle::Handle;
use crate::session::store::{MAX_LINE, StoreError};
use std::vec::Vec;
use tokio::time::Instant;

/// What a script is told that replicas are waited for with.
pub(super) const IS_AWAITED: &[u8] = b"1";

/// What came of ending a session.
pub(super) enum End {
    Done {
        /// What has led to it.
        parent: Option<Handle>,
    },
    /// It was rotated.
    Moved {
        to: Handle,
    },
    /// It was gone already, maybe since a call whose answer was not waited for.
    Gone {
        is_second: bool,
    },
    Conflict,
}

impl RedisStore {
    /// Ends a session, or what it was rotated into, and what leads to it; true if it was live.
    pub(super) async fn end_all_of(&self, handle: Handle, now: UnixTime, until: Instant) -> Result<bool, StoreError> {
        let mut handle = handle;
        for _ in 0..=MAX_LINE {
            let was_live = match self.end(handle, None, now, until).await? {
                End::Moved { to } => {
                    handle = to;
                    continue;
                }
                End::Done { parent } => {
                    // It has ended in any case: what led to it would lead nowhere until it runs out.
                    let _ = self.relate(handle, parent, None, now, until).await;
                    true
                }
                // Who asks a second time and finds it gone has most likely ended it the first time.
                End::Gone { is_second } => is_second,
                End::Conflict => return Ok(false),
            };
            // Also if it was gone: who has ended it may not have waited until the replicas had it.
            let has_ended = self.has_ended(handle, now, until).await;
            return if has_ended { Ok(was_live) } else { Err(StoreError::not_replicated()) };
        }
        Err(StoreError::unavailable())
    }

    /// Ends a session, if it has this version or if none is named.
    pub(super) async fn end(
        &self,
        handle: Handle,
        of_version: Option<u64>,
        now: UnixTime,
        until: Instant,
    ) -> Result<End, StoreError> {
        let args = [number(now), selector(handle), of_version.map(version).unwrap_or_default(), Vec::new()];
        let Answer { value, is_second } = self.run(&DELETE, &self.keys().of_session(handle), &args, until).await?;
        let [word, other] = list_of(&value) else { return Err(StoreError::unavailable()) };
        let other = bytes_of(other).and_then(handle_of);
        match (said(word), other) {
            (Some("done"), parent) => Ok(End::Done { parent }),
            (Some("moved"), Some(to)) => Ok(End::Moved { to }),
            (Some("gone"), _) => Ok(End::Gone { is_second }),
            (Some("conflict"), _) => Ok(End::Conflict),
            _ => Err(StoreError::unavailable()),
        }
    }

    /// True once a session that has been ended is so on the replicas. Whatever version another primary may have of it, it is over.
    async fn has_ended(&self, handle: Handle, now: UnixTime, until: Instant) -> bool {
        if self.replicas == 0 {
            return true;
        }
        let args = [number(now), selector(handle), Vec::new(), IS_AWAITED.to_vec()];
        let answer = self.run_replicated(&DELETE, &self.keys().of_session(handle), &args, until).await;
        matches!(answer.as_ref().and_then(|answer| said(list_of(answer).first()?)), Some("done" | "gone"))
    }

    /// Lets what leads to a session last until then, or ends it with the session.
    pub(super) async fn relate(
        &self,
        child: Handle,
        parent: Option<Handle>,
        lasts: Option<UnixTime>,
        now: UnixTime,
        until: Instant,
    ) -> Result<(), StoreError> {
        relate(&self.server, child, parent, lasts, now, until).await
    }
}
