//! Reads of a session and of a user's list. The index names the live sessions of the user, which are read a few at a
//! time.

use super::record::{SLACK, behind, bytes_of, entry_of, last_revocation, list_of, member};
use super::store::RedisStore;
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::{SessionKind, StoreError, StoredSession};
use std::vec::Vec;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// Members of an index, and sessions, that one question is about: it holds up everybody for so long.
const MEMBERS: usize = 64;
const SESSIONS: usize = 32;

/// How far a list has come.
struct Place {
    after: Option<Handle>,
    is_at_the_end: bool,
    /// Something that it has passed may leave the index.
    has_over: bool,
}

impl RedisStore {
    /// A live session, and what leads to it.
    pub(super) async fn read(
        &self,
        handle: Handle,
        now: UnixTime,
        until: Instant,
    ) -> Result<Option<(StoredSession, Option<Handle>)>, StoreError> {
        let found = self.read_all(handle.user_hash(), &[handle], now, until).await?;
        Ok(found.into_iter().next().map(|(_, entry, parent)| (entry, parent)))
    }

    /// Those of them that live, as they are at one moment.
    async fn read_all(
        &self,
        tag: UserHash,
        handles: &[Handle],
        now: UnixTime,
        until: Instant,
    ) -> Result<Vec<(Handle, StoredSession, Option<Handle>)>, StoreError> {
        let key = self.keys().epoch(tag);
        let mut command = redis::cmd("MGET");
        command.arg(&key).arg(handles.iter().map(|handle| self.keys().session(*handle)).collect::<Vec<_>>());
        let answer = self.server.read(&key, &command, until).await?;
        let (epoch, values) = list_of(&answer).split_first().ok_or(StoreError::unavailable())?;
        let epoch = last_revocation(epoch).number;
        let is_live = |entry: &StoredSession| {
            entry.is_live_at(now) && (entry.content.kind == SessionKind::Anonymous || entry.content.epoch >= epoch)
        };
        let found = handles.iter().zip(values).filter_map(|(handle, value)| {
            let (entry, parent) = entry_of(bytes_of(value)?)?;
            is_live(&entry).then_some((*handle, entry, parent))
        });
        Ok(found.collect())
    }

    pub(super) async fn list(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
        until: Instant,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        let (mut listed, mut place) = (Vec::new(), Place { after, is_at_the_end: false, has_over: false });
        // Again only if some of them have ended in between.
        while listed.len() < limit && !place.is_at_the_end {
            let live = self.live_in_index(tag, &mut place, limit.saturating_sub(listed.len()), now, until).await?;
            for piece in live.chunks(SESSIONS) {
                let _turn = self.turn(until).await?;
                let found = self.read_all(tag, piece, now, until).await?;
                listed.extend(found.into_iter().map(|(handle, entry, _)| (handle, entry)));
            }
        }
        if place.has_over {
            self.tidier.tidy(tag, now);
        }
        Ok(listed)
    }

    /// So many of the sessions that live by their deadlines, or all.
    async fn live_in_index(
        &self,
        tag: UserHash,
        place: &mut Place,
        limit: usize,
        now: UnixTime,
        until: Instant,
    ) -> Result<Vec<Handle>, StoreError> {
        let (key, mut live) = (self.keys().index(tag), Vec::new());
        while !place.is_at_the_end {
            let [first, last] = behind(place.after);
            let mut range = redis::cmd("ZRANGE");
            range.arg(&key).arg(first).arg(last).arg("BYLEX").arg("LIMIT").arg(0).arg(MEMBERS);
            let turn = self.turn(until).await?;
            let answer = self.server.read(&key, &range, until).await?;
            drop(turn);
            let members = list_of(&answer);
            place.is_at_the_end = members.len() < MEMBERS;
            for (handle, deadline) in members.iter().filter_map(|found| member(tag, bytes_of(found)?)) {
                if live.len() >= limit {
                    place.is_at_the_end = false;
                    return Ok(live);
                }
                // Why: one that was made anew after it had run out may be there twice, if clocks differ.
                if deadline > now && live.last() != Some(&handle) {
                    live.push(handle);
                }
                place.has_over |= deadline.as_secs().saturating_add(SLACK) <= now.as_secs();
                place.after = Some(handle);
            }
        }
        Ok(live)
    }

    async fn turn(&self, until: Instant) -> Result<SemaphorePermit<'_>, StoreError> {
        match timeout_at(until, self.listing.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(StoreError::unavailable()),
        }
    }
}
