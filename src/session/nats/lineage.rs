//! Sessions that change: written again, rotated, ended, with all that they have become.

use super::access::{ATTEMPTS, Access, is_later};
use super::epoch::EpochRecord;
use super::known::Dead;
use super::message::{Change, Key, Place, Value};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::names::new_version;
use crate::session::store::{Content, Created, Entry, Kind, StoreError, Swapped};
use futures_util::{StreamExt, stream};
use std::vec::Vec;

/// Pointers that are followed from one handle.
const CHAIN: usize = 8;
/// Sessions that a sweep removes at the same time.
const SWEPT_AT_ONCE: usize = 32;

impl Access {
    /// Makes a session where none has been.
    pub(super) async fn make(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        if !self.is_of_epoch(handle, &content).await? {
            return Ok(Created::Revoked);
        }
        self.has_room(content.kind, handle.tag())?;
        let entry = Entry { version: new_version()?, content };
        let value = Value::Session { entry: entry.clone(), parent: None };
        let Some(revision) = self.write(&[Self::change(handle, 0, value, now)]).await? else {
            return Ok(Created::Exists);
        };
        if self.is_admitted(handle, &entry, revision).await? {
            return Ok(Created::Done(entry.version));
        }
        // The user was revoked before it was written: it has never counted.
        let _ = self.write(&[Self::over(handle, revision, entry.content.deadlines.absolute, now)]).await;
        Ok(Created::Revoked)
    }

    async fn is_of_epoch(&self, handle: Handle, content: &Content) -> Result<bool, StoreError> {
        let is_of = |(_, record): (u64, EpochRecord)| record.epoch.number == content.epoch;
        let tag = handle.tag();
        Ok(content.kind == Kind::Anonymous || is_of(self.epoch(tag).await?) || is_of(self.look_up_epoch(tag).await?))
    }

    /// Changes a live session over the revision that was read, again while others are faster. `change` says what to write, or what to answer
    /// instead. Nothing if it is over.
    pub(super) async fn change_live<T>(
        &self,
        handle: Handle,
        now: UnixTime,
        change: impl Fn(&Entry) -> Result<Option<Entry>, T>,
    ) -> Result<Option<Result<Option<Entry>, T>>, StoreError> {
        let (mut place, mut is_looked_up) = self.session(handle).await?;
        for _ in 0..ATTEMPTS {
            let over = place.as_ref().map_or(0, |place| place.revision);
            match (self.live(handle, place.as_ref(), now).await?, place) {
                (Some(entry), Some(Place { revision, value: Value::Session { parent, .. }, .. })) => {
                    match change(&entry) {
                        Err(answer) => return Ok(Some(Err(answer))),
                        Ok(None) => return Ok(Some(Ok(None))),
                        Ok(Some(next)) => {
                            if next.content.bytes.len() > entry.content.bytes.len() {
                                self.has_room(entry.content.kind, handle.tag())?;
                            }
                            let value = Value::Session { entry: next.clone(), parent };
                            if let Some(revision) = self.write(&[Self::change(handle, revision, value, now)]).await? {
                                if !self.is_admitted(handle, &next, revision).await? {
                                    return Ok(None);
                                }
                                if is_later(&next.content.deadlines, &entry.content.deadlines) {
                                    self.lengthen(parent, &next, now).await;
                                }
                                return Ok(Some(Ok(Some(next))));
                            }
                        }
                    }
                }
                (_, Some(Place { value: Value::Over(_) | Value::Pointer { .. }, .. })) => return Ok(None),
                _ if is_looked_up => return Ok(None),
                _ => {}
            }
            (place, is_looked_up) = (self.later(handle, over).await?, true);
        }
        Err(StoreError::Unavailable)
    }

    pub(super) async fn swap(
        &self,
        handle: Handle,
        version: u64,
        content: Content,
        is_rotation: bool,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let (is_of_epoch, next) = (self.is_of_epoch(handle, &content).await?, new_version()?);
        let swap = |entry: &Entry| match (entry.version == version, is_of_epoch, is_rotation) {
            (false, ..) => Err(Swapped::Conflict),
            (true, false, true) => Err(Swapped::Gone),
            (true, false, false) => Err(Swapped::Conflict),
            (true, true, true) => Ok(Some(Entry { version: next, content: content.clone() })),
            (true, true, false) => Ok(Some(entry.successor(next, content.clone()))),
        };
        Ok(match self.change_live(handle, now, swap).await? {
            Some(Ok(_)) => Swapped::Done(next),
            Some(Err(answer)) => answer,
            None => Swapped::Gone,
        })
    }

    /// One session in the place of another one: one batch of the new one and of the pointer to it, over what was read of both and of the epoch.
    pub(super) async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let (entry, tag) = (Entry { version: new_version()?, content }, new.tag());
        let (kind, until) = (entry.content.kind, entry.content.deadlines.absolute);
        let (mut place, mut is_looked_up) = self.session(old).await?;
        let mut epoch = self.epoch(tag).await?;
        for _ in 0..ATTEMPTS {
            let live = self.live(old, place.as_ref(), now).await?;
            let is_of_epoch = kind == Kind::Anonymous || epoch.1.epoch.number == entry.content.epoch;
            let answer = match live {
                Some(_) if !is_of_epoch => Swapped::Gone,
                Some(live) if live.version != version => Swapped::Conflict,
                Some(live) => {
                    let Some(Place { revision, value: Value::Session { parent, .. }, .. }) = place else {
                        return Err(StoreError::Unavailable);
                    };
                    self.has_room(kind, tag)?;
                    let session = Value::Session { entry: entry.clone(), parent: Some(old) };
                    let until = until.max(live.content.deadlines.absolute);
                    let pointer = Value::Pointer { to: new, until, kind, parent };
                    let mut changes =
                        Vec::from([Self::change(new, 0, session, now), Self::change(old, revision, pointer, now)]);
                    if kind == Kind::SignedIn {
                        // And if the epoch is still that one.
                        let (of, over) = (Key::Epoch(tag), epoch.0);
                        changes.push(Change { key: Key::Beat, of, over, value: Value::Beat, leaves_after: None });
                    }
                    if self.write(&changes).await?.is_some() {
                        return Ok(Swapped::Done(entry.version));
                    }
                    if self.look_up(new).await?.is_some() {
                        return Ok(Swapped::Gone);
                    }
                    is_looked_up = false;
                    Swapped::Conflict
                }
                None => Swapped::Gone,
            };
            if is_looked_up {
                return Ok(answer);
            }
            (place, is_looked_up) = (self.look_up(old).await?, true);
            epoch = self.look_up_epoch(tag).await?;
        }
        Err(StoreError::Unavailable)
    }

    /// Ends a live session, or the one that it has become; false if that is over.
    pub(super) async fn end(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let (mut at, mut followed) = (handle, 0usize);
        let (mut place, mut is_looked_up) = self.session(at).await?;
        for _ in 0..ATTEMPTS {
            if let Some(entry) = self.live(at, place.as_ref(), now).await?
                && let Some(Place { revision, value: Value::Session { parent, .. }, .. }) = place
            {
                if self.write(&[Self::over(at, revision, entry.content.deadlines.absolute, now)]).await?.is_some() {
                    self.unlink(parent, now).await;
                    return Ok(true);
                }
            } else if let Some(Place { value: Value::Pointer { to, .. }, .. }) = place {
                followed = followed.saturating_add(1);
                if followed > CHAIN {
                    return Err(StoreError::Unavailable);
                }
                at = to;
                (place, is_looked_up) = self.session(at).await?;
                continue;
            } else if is_looked_up || matches!(&place, Some(Place { value: Value::Over(_), .. })) {
                return Ok(false);
            }
            (place, is_looked_up) = (self.look_up(at).await?, true);
        }
        Err(StoreError::Unavailable)
    }

    /// Removes the pointers that lead to what has ended. One that stays leads nowhere, and goes with the next sweep.
    async fn unlink(&self, parent: Option<Handle>, now: UnixTime) {
        for (handle, Place { revision, value, .. }) in self.pointers(parent).await {
            let Value::Pointer { until, .. } = value else { continue };
            let _ = self.write(&[Self::over(handle, revision, until, now)]).await;
        }
    }

    /// Pointers live as long as what they lead to.
    async fn lengthen(&self, parent: Option<Handle>, entry: &Entry, now: UnixTime) {
        for (handle, Place { revision, value, .. }) in self.pointers(parent).await {
            let Value::Pointer { to, kind, parent, .. } = value else { continue };
            let value = Value::Pointer { to, until: entry.content.deadlines.absolute, kind, parent };
            let _ = self.write(&[Self::change(handle, revision, value, now)]).await;
        }
    }

    /// The pointers that lead to a session, the last one first.
    async fn pointers(&self, parent: Option<Handle>) -> Vec<(Handle, Place)> {
        let (mut pointers, mut next) = (Vec::new(), parent);
        while let Some(handle) = next.filter(|_| pointers.len() < CHAIN) {
            let Ok((Some(place), _)) = self.session(handle).await else { break };
            let Value::Pointer { parent, .. } = place.value else { break };
            next = parent;
            pointers.push((handle, place));
        }
        pointers
    }

    /// Begins a new epoch of a user: from here on all sessions of others are over.
    pub(super) async fn begin_epoch(
        &self,
        tag: UserTag,
        except: Option<Handle>,
        now: UnixTime,
    ) -> Result<EpochRecord, StoreError> {
        let mut epoch = self.epoch(tag).await?;
        for _ in 0..ATTEMPTS {
            let (key, record) = (Key::Epoch(tag), epoch.1.next(except, now));
            let change = Change { key, of: key, over: epoch.0, value: Value::Epoch(record), leaves_after: None };
            if self.write(&[change]).await?.is_some() {
                return Ok(record);
            }
            epoch = self.look_up_epoch(tag).await?;
        }
        Err(StoreError::Unavailable)
    }

    /// Removes what is over and still there; how many sessions that was.
    pub(super) async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.replica.prune(now);
        let dead = self.replica.believed(|known| known.dead(now, limit)).unwrap_or_default();
        let ends = dead.into_iter().map(|dead| self.in_time(self.bury(dead, now)));
        let mut ends = stream::iter(ends).buffer_unordered(SWEPT_AT_ONCE);
        let mut swept = 0usize;
        while let Some(is_ended) = ends.next().await {
            swept = swept.saturating_add(usize::from(is_ended?));
        }
        Ok(swept)
    }

    /// Removes one session that is over; false if that was done already, or it lives after all.
    async fn bury(&self, dead: Dead, now: UnixTime) -> Result<bool, StoreError> {
        let Dead { handle, revision, until, is_revoked } = dead;
        if is_revoked {
            // What was revoked could be brought back by a server that reads its disk again; what has run out could not.
            return Ok(self.write(&[Self::over(handle, revision, until, now)]).await?.is_some());
        }
        let is_removed = self.bucket.remove(revision).await;
        if is_removed || self.look_up(handle).await?.is_none() {
            self.replica.drop_session(handle, revision);
        }
        Ok(is_removed)
    }
}
