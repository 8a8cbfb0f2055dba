//! The tests of the laws on rotated sessions.

use super::bench::{Bench, Broken, DEADLINES, NOW, Verdict, after, ensure};
use crate::session::handle::Handle;
use crate::session::store::{CreateOutcome, Deadlines, SessionContent, SessionStore, SwapOutcome};
use core::fmt;
use core::pin::pin;
use core::task::{Context, Waker};

impl<S: SessionStore + fmt::Debug> Bench<'_, S> {
    /// Rotates a session into a new one; the handle and version of that.
    async fn rotated(&self, old: Handle, version: u64) -> Result<(Handle, u64), Broken> {
        let new = Self::handle()?;
        match self.store.rotate(old, version, new, self.content("new"), NOW).await? {
            SwapOutcome::Done(version) => Ok((new, version)),
            other => Err(Broken(std::format!("a rotation was refused: {other:?}"))),
        }
    }

    pub(super) async fn ends_follow_rotations(&self) -> Verdict {
        for by in 0..3 {
            let (first, version) = self.session("first").await?;
            let (second, version) = self.rotated(first, version).await?;
            let (third, _) = self.rotated(second, version).await?;
            let handles = [first, second, third];
            let by = handles.get(by).copied().unwrap_or(first);
            ensure(self.store.delete(by, NOW).await?, "a delete has not ended what the session was rotated into")?;
            self.is_over(third, "ended by what it was rotated from").await?;
            for handle in handles {
                ensure(!self.store.delete(handle, NOW).await?, "a delete has ended something twice")?;
            }
        }
        // A logout beside a rotation, as far as a single thread can have it so.
        let (old, version) = self.session("old").await?;
        let new = Self::handle()?;
        let has_ended = {
            let mut rotating = pin!(self.store.rotate(old, version, new, self.content("new"), NOW));
            let mut context = Context::from_waker(Waker::noop());
            let is_early = rotating.as_mut().poll(&mut context).is_ready();
            let has_ended = self.store.delete(old, NOW).await?;
            if !is_early {
                rotating.await?;
            }
            has_ended
        };
        ensure(has_ended, "a delete beside a rotation has ended nothing")?;
        self.is_over(old, "deleted beside a rotation").await?;
        self.is_over(new, "deleted beside the rotation that made it").await
    }

    pub(super) async fn pointers_are_over(&self) -> Verdict {
        let (old, version) = self.session("old").await?;
        let (new, _) = self.rotated(old, version).await?;
        self.is_over(old, "rotated").await?;
        ensure(self.store.rotated_to(old, NOW).await? == Some(new), "what was rotated does not say where it has gone")?;
        ensure(
            self.store.rotated_to(new, NOW).await?.is_none(),
            "a session that lives says that it has gone elsewhere",
        )?;
        let has_gone = self.store.rotated_to(old, DEADLINES.absolute).await?.is_some();
        ensure(!has_gone, "a pointer leads on to what is over")?;
        ensure(!self.store.touch(old, after(500), NOW).await?, "what was rotated could be touched")?;
        let swapped = self.store.compare_and_swap(old, version, self.content("late"), NOW).await?;
        ensure(swapped == SwapOutcome::Gone, "what was rotated could be written")?;
        let made = self.store.create(old, self.content("again"), NOW).await?;
        ensure(made == CreateOutcome::Exists, "a session was made in the place of one that lives on elsewhere")?;
        let (other, version) = self.session("other").await?;
        let taken = self.store.rotate(other, version, old, self.content("again"), NOW).await?;
        ensure(taken == SwapOutcome::Gone, "a session was rotated into the place of one that lives on elsewhere")?;
        let listed = self.store.list_by_user(old.user_hash(), None, 9, NOW).await?;
        ensure(listed.is_empty(), "what was rotated is listed")?;
        ensure(self.text(new, NOW).await?.as_deref() == Some(b"new"), "what it was rotated into is not what it was")
    }

    pub(super) async fn rotations_in_place_swap(&self) -> Verdict {
        let (old, version) = self.session("old").await?;
        let (handle, first) = self.rotated(old, version).await?;
        let longer = Deadlines { idle: after(4000), absolute: after(5000) };
        let longer = SessionContent { deadlines: longer, ..self.content("longer") };
        let late = self.store.rotate(handle, first.wrapping_add(1), handle, longer.clone(), NOW).await?;
        ensure(late == SwapOutcome::Conflict, "a rotation in place with another version was not a conflict")?;
        let entry = self.store.load(handle, NOW).await?;
        let is_same = |entry: &SessionContent| *entry.bytes == *b"new" && entry.deadlines == DEADLINES;
        ensure(entry.is_some_and(|entry| is_same(&entry.content)), "a rotation that was refused has changed it")?;
        let SwapOutcome::Done(second) = self.store.rotate(handle, first, handle, longer.clone(), NOW).await? else {
            return Err(Broken("a rotation in place was refused".into()));
        };
        ensure(second != first, "a rotation in place left the version as it was")?;
        let Some(entry) = self.store.load(handle, after(3999)).await? else {
            return Err(Broken("a rotation in place did not move both deadlines".into()));
        };
        let is_swapped = entry.version == second && *entry.content.bytes == *b"longer";
        ensure(is_swapped && entry.content.deadlines == longer.deadlines, "a rotation in place wrote something else")?;
        let late = self.store.compare_and_swap(handle, first, self.content("late"), NOW).await?;
        ensure(late == SwapOutcome::Conflict, "the version before a rotation in place still counts")?;
        // Past the absolute deadline that its descendant had when it was rotated.
        let has_ended = self.store.delete(old, after(2000)).await?;
        ensure(has_ended, "what leads to a session ends before it does")?;
        self.is_over(handle, "ended by what it was rotated from").await
    }
}
