//! The pointers to a session, which last as long as the session does.

use super::connection::{Call, Server};
use super::record::{bytes_of, handle_of, number};
use super::scripts::RELATE;
use crate::UnixTime;
use crate::session::handle::Handle;
use crate::session::store::{MAX_LINE, StoreError};
use tokio::time::Instant;

/// Goes from a session to all that leads to it, and lets that last until then, or ends it with the session.
pub(super) async fn relate(
    server: &Server,
    child: Handle,
    parent: Option<Handle>,
    lasts: Option<UnixTime>,
    now: UnixTime,
    until: Instant,
) -> Result<(), StoreError> {
    let (mut child, mut parent) = (child, parent);
    for _ in 0..MAX_LINE {
        let Some(pointer) = parent else { break };
        let args = [number(now), child.as_bytes().to_vec(), lasts.map(number).unwrap_or_default()];
        let call = Call { script: &RELATE, keys: &[server.keys.session(pointer)], args: &args };
        parent = bytes_of(&server.run(call, until).await?.value).and_then(handle_of);
        child = pointer;
    }
    Ok(())
}
