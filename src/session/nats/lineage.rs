//! Sessions that change: written again, rotated, ended, with all that they have become.

use super::access::{ATTEMPTS, Access, is_later};
use super::epoch::EpochRecord;
use super::known::Dead;
use super::message::{Change, Key, Place, Value};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::names::new_version;
use crate::session::store::{Content, Created, Entry, Kind, MAX_LINE, StoreError, Swapped};
use futures_util::{StreamExt, stream};
use std::vec::Vec;

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
        let _ = self.write(&[self.over(handle, revision)]).await;
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
                (_, Some(Place { value: Value::Over | Value::Pointer { .. }, .. })) => return Ok(None),
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
        let mut epochs = self.epochs([tag, old.tag()], is_looked_up).await?;
        for _ in 0..ATTEMPTS {
            let [(of_new, new_epoch), (of_old, old_epoch)] = epochs;
            let live = match &place {
                Some(Place { revision, value: Value::Session { entry: stored, parent }, .. }) => {
                    let live = self.live(old, place.as_ref(), now).await?;
                    let Content { kind, epoch, .. } = stored.content;
                    let live = live.filter(|_| kind == Kind::Anonymous || old_epoch.admits(old, epoch));
                    live.map(|live| (live, *revision, *parent))
                }
                _ => None,
            };
            let is_of_epoch = kind == Kind::Anonymous || new_epoch.epoch.number == entry.content.epoch;
            let answer = match live {
                Some(_) if !is_of_epoch => Swapped::Gone,
                Some((live, ..)) if live.version != version => Swapped::Conflict,
                Some((live, revision, parent)) => {
                    self.has_room(kind, tag)?;
                    let session = Value::Session { entry: entry.clone(), parent: Some(old) };
                    let until = until.max(live.content.deadlines.absolute);
                    let pointer = Value::Pointer { to: new, until, kind, parent };
                    let mut changes =
                        Vec::from([Self::change(new, 0, session, now), Self::change(old, revision, pointer, now)]);
                    // And if the epochs are still those.
                    if kind == Kind::SignedIn {
                        changes.push(Self::only_over(tag, of_new));
                    }
                    if live.content.kind == Kind::SignedIn && (kind == Kind::Anonymous || tag != old.tag()) {
                        changes.push(Self::only_over(old.tag(), of_old));
                    }
                    if self.write(&changes).await?.is_some() {
                        if is_later(&entry.content.deadlines, &live.content.deadlines) {
                            self.lengthen(parent, &entry, now).await;
                        }
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
            epochs = self.epochs([tag, old.tag()], true).await?;
        }
        Err(StoreError::Unavailable)
    }

    /// The epochs of these users, looked up or as this server knows them.
    async fn epochs(
        &self,
        [one, other]: [UserTag; 2],
        are_looked_up: bool,
    ) -> Result<[(u64, EpochRecord); 2], StoreError> {
        let epoch = async |tag| if are_looked_up { self.look_up_epoch(tag).await } else { self.epoch(tag).await };
        let first = epoch(one).await?;
        Ok([first, if one == other { first } else { epoch(other).await? }])
    }

    /// That the other changes of a batch are only made if the epoch of this user has this revision.
    fn only_over(tag: UserTag, over: u64) -> Change {
        Change { key: Key::Beat, of: Key::Epoch(tag), over, value: Value::Beat, leaves_after: None }
    }

    /// Ends a live session, or the one that it has become; false if that is over.
    pub(super) async fn end(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let (mut at, mut followed) = (handle, 0usize);
        let (mut place, mut is_looked_up) = self.session(at).await?;
        for _ in 0..ATTEMPTS {
            if self.live(at, place.as_ref(), now).await?.is_some()
                && let Some(Place { revision, value: Value::Session { parent, .. }, .. }) = place
            {
                if self.write(&[self.over(at, revision)]).await?.is_some() {
                    self.unlink(parent).await;
                    return Ok(true);
                }
            } else if let Some(Place { value: Value::Pointer { to, .. }, .. }) = place {
                followed = followed.saturating_add(1);
                if followed > MAX_LINE {
                    return Err(StoreError::Unavailable);
                }
                at = to;
                (place, is_looked_up) = self.session(at).await?;
                continue;
            } else if is_looked_up || matches!(&place, Some(Place { value: Value::Over, .. })) {
                return Ok(false);
            }
            (place, is_looked_up) = (self.look_up(at).await?, true);
        }
        Err(StoreError::Unavailable)
    }

    /// Where the pointer in the place of a session leads.
    pub(super) async fn pointer(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        let (mut place, is_looked_up) = self.session(handle).await?;
        if !is_looked_up && matches!(&place, Some(Place { value: Value::Session { .. }, .. })) {
            place = self.look_up(handle).await?;
        }
        Ok(match place {
            Some(Place { value: Value::Pointer { to, until, .. }, .. }) if now < until => Some(to),
            _ => None,
        })
    }

    /// Removes the pointers that lead to what has ended. One that stays leads nowhere, and goes with the next sweep.
    async fn unlink(&self, parent: Option<Handle>) {
        for (handle, Place { revision, .. }) in self.pointers(parent).await {
            let _ = self.write(&[self.over(handle, revision)]).await;
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
        while let Some(handle) = next.filter(|_| pointers.len() < MAX_LINE) {
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
        let (mut swept, mut after) = (0usize, None);
        // Not more than leaves room for those who sign out meanwhile: the rest is over in any case.
        while swept < limit
            && self.can_bury()
            && let Some((mut dead, next)) = self.replica.look(after, now)
        {
            dead.truncate(limit.saturating_sub(swept));
            let ends = dead.into_iter().map(|dead| self.in_time(self.bury(dead)));
            let mut ends = stream::iter(ends).buffer_unordered(SWEPT_AT_ONCE);
            while let Some(is_ended) = ends.next().await {
                swept = swept.saturating_add(usize::from(is_ended?));
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
        Ok(swept)
    }

    /// Removes what is over; true for a session that was not removed already, and does not live after all.
    async fn bury(&self, dead: Dead) -> Result<bool, StoreError> {
        let Dead { handle, revision, parent, is_session } = dead;
        let is_ended = self.write(&[self.over(handle, revision)]).await?.is_some();
        if is_ended && is_session {
            self.unlink(parent).await;
        }
        Ok(is_ended && is_session)
    }
}
