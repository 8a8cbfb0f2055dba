//! The calls of the store. All except local reads are writes that name the revision they replace, so that a concurrent
//! write can win.

use super::access::{ASKED, ATTEMPTS, Access, Tried};
use super::known::Looked;
use super::message::{Change, Key, Place, Value};
use super::store::NatsStore;
use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::store_keys::new_version;
use crate::session::store::{
    Capabilities, CreateOutcome, Durability, MAX_LINE, RevocationEpoch, SessionContent, SessionKind, SessionStore,
    StoreError, StoredSession, SwapOutcome,
};
use core::ops::ControlFlow;
use core::time::Duration;
use futures_util::{StreamExt, stream};
use std::vec::Vec;
use tokio::time::timeout;

/// How long a request waits for what its client has seen elsewhere.
const MOMENT: Duration = Duration::from_millis(200);

/// Sessions that a sweep removes at the same time.
const SWEPT_AT_ONCE: usize = 32;

impl SessionStore for NatsStore {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        let access = &*self.access;
        let making = async {
            if !access.is_of_epoch(handle, &content).await? {
                return Ok(CreateOutcome::Revoked);
            }
            access.has_room(content.kind, handle.user_hash())?;
            let entry = StoredSession { version: new_version()?, content };
            let value = Value::Session { entry: entry.clone(), parent: None };
            let Some(revision) = access.write(&[access.change(handle, 0, value, now)]).await? else {
                return Ok(CreateOutcome::Exists);
            };
            if access.is_admitted(handle, &entry, revision).await? {
                return Ok(CreateOutcome::Done(entry.version));
            }
            // The user was revoked before it was written: it has never counted.
            let _ = access.write(&[access.change(handle, revision, Value::Over, now)]).await;
            Ok(CreateOutcome::Revoked)
        };
        access.in_time(making).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        let access = &*self.access;
        let load = |place: Option<Place>, _| async move {
            Ok(match access.live(handle, place.as_ref(), now).await? {
                Some(entry) => Tried::Done(Some(entry.clone())),
                None => Tried::without(place.as_ref(), None),
            })
        };
        access.in_time(access.with(handle, load)).await
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.access.in_time(self.access.swap(handle, version, content, false, now)).await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let touch = |entry: &StoredSession| {
            let touched = entry.with_idle_deadline(idle);
            (Some(touched).filter(|touched| touched.content.deadlines != entry.content.deadlines), true)
        };
        self.access.in_time(self.access.change_live(handle, now, false, touch)).await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let (access, mut at) = (&*self.access, handle);
        let deleting = async {
            for _ in 0..=MAX_LINE {
                let delete = |place: Option<Place>, _| async move {
                    Ok(match place {
                        Some(place) if access.live(at, Some(&place), now).await?.is_some() => {
                            let is_ended = access.end(at, &place, now).await?;
                            if is_ended { Tried::Done(ControlFlow::Break(true)) } else { Tried::Late }
                        }
                        Some(Place { value: Value::Pointer { to, .. }, .. }) => Tried::Done(ControlFlow::Continue(to)),
                        place => Tried::without(place.as_ref(), ControlFlow::Break(false)),
                    })
                };
                match access.with(at, delete).await? {
                    ControlFlow::Break(is_ended) => return Ok(is_ended),
                    ControlFlow::Continue(to) => at = to,
                }
            }
            Err(StoreError::unavailable())
        };
        access.in_time(deleting).await
    }

    /// Writes the new session and the pointer to it in one batch, each with the revision that was read, and the epoch
    /// with them.
    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let access = &*self.access;
        if old == new {
            return access.in_time(access.swap(old, version, content, true, now)).await;
        }
        let entry = &StoredSession { version: new_version()?, content };
        let SessionContent { kind, deadlines, .. } = &entry.content;
        let rotate = |place: Option<Place>, is_asked| async move {
            let place = place.as_ref();
            let least = if is_asked { ASKED } else { 0 };
            let (of_new, new_epoch) = access.epoch(new.user_hash(), least).await?;
            let (of_old, old_epoch) = access.epoch(old.user_hash(), least).await?;
            let live = place.and_then(|place| place.session(now)).filter(|entry| entry.is_of(old_epoch));
            let (Some(before), Some(Place { revision, value })) = (live, place) else {
                return Ok(Tried::without(place, SwapOutcome::Gone));
            };
            if !entry.content.is_of(new_epoch) {
                return Ok(Tried::Nothing(SwapOutcome::Gone));
            }
            if before.version != version {
                return Ok(Tried::Nothing(SwapOutcome::Conflict));
            }
            access.has_room(*kind, new.user_hash())?;
            // And if the epochs are still those.
            let epochs = [(*kind, new.user_hash(), of_new), (before.content.kind, old.user_hash(), of_old)];
            let of_users = epochs.into_iter().filter(|(kind, ..)| *kind == SessionKind::SignedIn);
            let guards = of_users.map(|(_, tag, over)| Change::guard(tag, over));
            let (parent, before) = (value.parent(), before.content.deadlines.absolute);
            let session = Value::Session { entry: entry.clone(), parent: Some(old) };
            let pointer = Value::Pointer { to: new, until: deadlines.absolute.max(before), parent };
            // The session first: whoever has heard of one of them only finds where the pointer leads.
            let both = [access.change(new, 0, session, now), access.change(old, *revision, pointer, now)];
            let mut changes: Vec<_> = both.into_iter().chain(guards).collect();
            changes.dedup_by_key(|change| change.key);
            if access.write(&changes).await?.is_some() {
                if deadlines.absolute > before {
                    access.lead(parent, Some(deadlines.absolute), now).await;
                }
                return Ok(Tried::Done(SwapOutcome::Done(entry.version)));
            }
            let is_taken = access.find(Key::Session(new), ASKED).await?.0.is_some();
            Ok(if is_taken { Tried::Done(SwapOutcome::Gone) } else { Tried::Late })
        };
        access.in_time(access.with(old, rotate)).await
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        let look = |place: Option<Place>, _| async move {
            Ok(match place {
                Some(Place { value: Value::Pointer { to, until, .. }, .. }) => Tried::Done((now < until).then_some(to)),
                place => Tried::without(place.as_ref(), None),
            })
        };
        self.access.in_time(self.access.with(handle, look)).await
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        // A list is as good as this copy.
        let list = self.access.believed(|known| known.list(tag, after, limit, now));
        list.ok_or(StoreError::unavailable())
    }

    /// Writes the new epoch, which ends all other sessions of the user at once, in one batch with the excepted session.
    /// `delete_expired` removes the ended sessions later.
    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        let (access, except) = (&*self.access, except.filter(|except| except.user_hash() == tag));
        let revoking = async {
            for _ in 0..ATTEMPTS {
                let place = access.find(Key::Epoch(tag), ASKED).await?.0;
                let (over, before) = Place::epoch(place.as_ref());
                let (epoch, mut changes) = (before.next(now), Vec::new());
                // Why of the sessions as well: it is what tells that they have ended.
                let ended = access.known.borrow().longest_of(tag);
                let longest = place.and_then(|place| place.value.until()).max(ended).max(Some(keep_until));
                let keep_until = epoch.kept_until(longest.unwrap_or(keep_until));
                if let Some(handle) = except
                    && let (Some(Place { revision, value: Value::Session { mut entry, parent } }), _) =
                        access.find(Key::Session(handle), ASKED).await?
                    && entry.is_live_at(now)
                    && entry.is_of(before)
                {
                    entry.content.epoch = epoch.number;
                    changes.push(access.change(handle, revision, Value::Session { entry, parent }, now));
                }
                // The epoch after it: a copy that has heard of one of them only finds that it lives.
                changes.push(access.change_at(Key::Epoch(tag), over, Value::Epoch { epoch, keep_until }, now));
                if access.write(&changes).await?.is_some() {
                    return Ok(epoch);
                }
            }
            Err(StoreError::unavailable())
        };
        access.in_time(revoking).await
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        Ok(self.access.in_time(self.access.epoch(tag, 0)).await?.1)
    }

    /// Removes expired sessions from the bucket and from this server's copy.
    ///
    /// Every server of the application has to call it, to free its own memory. Without any call, a session leaves the
    /// bucket some minutes after its absolute deadline.
    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let (access, mut swept, mut after) = (&*self.access, 0usize, None);
        // Not more than leaves room for those who sign out meanwhile: the rest is over in any case.
        while swept < limit && access.is_fresh() && access.known.borrow().can_bury(access.bucket.room) {
            let mut looked = Looked::default();
            access.known.send_modify(|known| looked = known.look(after, now));
            let Looked { mut dead, past, next } = looked;
            // Why the bucket decides: this server's clock may be ahead, and without the epoch what has ended would count again.
            for (key, revision) in past {
                if access.in_time(access.bucket.read(key)).await?.is_none() {
                    // Another one may have been heard of since.
                    access.known.send_modify(|known| known.drop_if(key, revision));
                }
            }
            dead.truncate(limit.saturating_sub(swept));
            // True for a session that was not removed already, and does not live after all.
            let bury = |(handle, place): (Handle, Place)| async move {
                let is_session = matches!(place.value, Value::Session { .. });
                Ok(access.in_time(access.end(handle, &place, now)).await? && is_session)
            };
            let mut ends = stream::iter(dead).map(bury).buffer_unordered(SWEPT_AT_ONCE);
            while let Some(is_swept) = ends.next().await {
                swept = swept.saturating_add(usize::from(is_swept?));
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
        Ok(swept)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            is_shared: true,
            expires_by_itself: false,
            durability: Durability::Accepted,
        }
    }

    fn replication_position(&self) -> Option<u64> {
        let known = self.access.known.borrow();
        Some(known.written.max(known.heard)).filter(|position| *position > 0)
    }

    /// Waits up to 200 ms for the local copy to reach `position`, and then asks the bucket for up to 200 ms.
    ///
    /// Returns false if the bucket itself has not reached `position`, which is then one of another bucket. In all other
    /// cases calls read the local copy, which is no older than
    /// [`NatsOptions::max_staleness`](super::NatsOptions::max_staleness).
    // Why: a position of another bucket is never reached, and must not lock out a user.
    async fn wait_for_position(&self, position: u64) -> Result<bool, StoreError> {
        let Access { bucket, options, .. } = &*self.access;
        let moment = MOMENT.min(options.response_timeout);
        if timeout(moment, self.access.has_heard(position)).await.is_ok() {
            return Ok(true);
        }
        // Only the bucket knows whether this server is behind, or the position is of none that there is.
        Ok(!matches!(timeout(moment, bucket.last()).await, Ok(Ok(last)) if last < position))
    }
}

impl Access {
    /// Another session content in the place of this version; `is_rotation` if kind, epoch and both deadlines come with it.
    async fn swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        is_rotation: bool,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let (is_of_epoch, next) = (self.is_of_epoch(handle, &content).await?, new_version()?);
        let own = self.find(Key::Session(handle), 0).await?.0.and_then(|place| Some(place.session(now)?.content.epoch));
        // Of an epoch that has left the bucket nothing is to be heard.
        let latest = match own.filter(|own| *own > content.epoch) {
            Some(own) if self.epoch(handle.user_hash(), ASKED).await?.1.number <= content.epoch => own,
            _ => content.epoch,
        };
        let swap = |entry: &StoredSession| {
            // Why the session's own, too: one that goes on through a revocation has been written by that in the meantime.
            let is_of_another = entry.content.kind == SessionKind::SignedIn && entry.content.epoch > latest;
            let refused = if is_rotation { SwapOutcome::Gone } else { SwapOutcome::Conflict };
            match entry.version == version {
                false => (None, SwapOutcome::Conflict),
                true if !is_of_epoch || is_of_another => (None, refused),
                true if is_rotation => {
                    (Some(StoredSession { version: next, content: content.clone() }), SwapOutcome::Done(next))
                }
                true => (Some(entry.replaced_by(next, content.clone())), SwapOutcome::Done(next)),
            }
        };
        self.change_live(handle, now, SwapOutcome::Gone, swap).await
    }
}
