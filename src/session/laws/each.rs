//! The tests of the single laws.

use super::bench::{Bench, Broken, DEADLINES, KEPT, NOW, Verdict, after, ensure};
use crate::UnixTime;
use crate::session::credential::{Credential, UserHash};
use crate::session::store::{
    CreateOutcome, Deadlines, RevocationEpoch, SessionContent, SessionKind, SessionStore, SwapOutcome,
};
use core::fmt;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::format;
use std::vec::Vec;

impl<S: SessionStore + fmt::Debug> Bench<'_, S> {
    pub(super) async fn create_does_not_overwrite(&self) -> Verdict {
        let (handle, version) = self.session("first").await?;
        for kind in [SessionKind::Anonymous, SessionKind::SignedIn] {
            let second = SessionContent { kind, ..self.content("second") };
            let again = self.store.create(handle, second, NOW).await?;
            ensure(again == CreateOutcome::Exists, "a second create did not say that the session exists")?;
        }
        let entry = self.store.load(handle, NOW).await?;
        let is_first = entry.is_some_and(|entry| entry.version == version && *entry.content.bytes == *b"first");
        ensure(is_first, "a second create changed the session")
    }

    pub(super) async fn swap_compares_versions(&self) -> Verdict {
        let (handle, first) = self.session("first").await?;
        let SwapOutcome::Done(second) = self.store.compare_and_swap(handle, first, self.content("second"), NOW).await?
        else {
            return Err(Broken("a swap with the current version was refused".into()));
        };
        ensure(second != first, "a swap left the version as it was")?;
        for version in [first, 0, u64::MAX, second.wrapping_add(1)] {
            let late = self.store.compare_and_swap(handle, version, self.content("late"), NOW).await?;
            ensure(late == SwapOutcome::Conflict, "a swap with another version was not a conflict")?;
        }
        ensure(self.text(handle, NOW).await?.as_deref() == Some(b"second"), "a swap with another version wrote")?;
        let mut longer = self.content("longer");
        longer.deadlines.absolute = after(9999);
        self.store.compare_and_swap(handle, second, longer, NOW).await?;
        let entry = self.store.load(handle, NOW).await?;
        let stays = entry.is_some_and(|entry| entry.content.deadlines.absolute == DEADLINES.absolute);
        ensure(stays, "a swap moved the absolute deadline")
    }

    /// Ends a session in every way, and then tries every call that could bring it back.
    pub(super) async fn over_is_over(&self) -> Verdict {
        for (how, now) in
            [("deleted", NOW), ("rotated", NOW), ("idle for too long", after(100)), ("at its end", after(1000))]
        {
            let (handle, version) = self.session("data").await?;
            match how {
                "deleted" => ensure(self.store.delete(handle, NOW).await?, "a delete found nothing")?,
                "rotated" => {
                    let done = self.store.rotate(handle, version, Self::handle()?, self.content("new"), NOW).await?;
                    ensure(matches!(done, SwapOutcome::Done(_)), "a rotation was refused")?;
                }
                _ => {}
            }
            for version in [version, version.wrapping_add(1), 0] {
                let swapped = self.store.compare_and_swap(handle, version, self.content("back"), now).await?;
                ensure(swapped == SwapOutcome::Gone, &format!("{how}: a swap answered {swapped:?}"))?;
                let rotated = self.store.rotate(handle, version, Self::handle()?, self.content("back"), now).await?;
                ensure(rotated == SwapOutcome::Gone, &format!("{how}: a rotation answered {rotated:?}"))?;
            }
            ensure(!self.store.touch(handle, after(500), now).await?, &format!("{how}: it could be touched"))?;
            // What was rotated ends its descendant: see `ends_follow_rotations`.
            let could_end = self.store.delete(handle, now).await?;
            ensure(could_end == (how == "rotated"), &format!("{how}: a delete answered {could_end}"))?;
            ensure(self.text(handle, now).await?.is_none(), &format!("{how}: it can be read"))?;
        }
        Ok(())
    }

    pub(super) async fn touch_only_pushes_on(&self) -> Verdict {
        let (handle, version) = self.session("data").await?;
        for (idle, expected) in [(after(300), after(300)), (after(200), after(300)), (after(5000), after(1000))] {
            ensure(self.store.touch(handle, idle, NOW).await?, "a touch found nothing")?;
            let entry =
                self.store.load(handle, NOW).await?.ok_or_else(|| Broken("a touch ended the session".into()))?;
            let Deadlines { idle: found, absolute } = entry.content.deadlines;
            ensure(found == expected, "a touch moved the idle deadline back or past the absolute one")?;
            ensure(absolute == DEADLINES.absolute, "a touch moved the absolute deadline")?;
            let is_same = entry.version == version && *entry.content.bytes == *b"data";
            ensure(is_same, "a touch changed version or data")?;
        }
        Ok(())
    }

    pub(super) async fn nothing_is_read_past_its_deadline(&self) -> Verdict {
        let (handle, _) = self.session("data").await?;
        ensure(self.text(handle, after(99)).await?.is_some(), "it cannot be read in its last second")?;
        ensure(self.text(handle, after(100)).await?.is_none(), "it can be read at its idle deadline")?;
        self.store.touch(handle, after(5000), NOW).await?;
        ensure(self.text(handle, after(999)).await?.is_some(), "once touched it cannot be read in its last second")?;
        ensure(self.text(handle, after(1000)).await?.is_none(), "it can be read at its absolute deadline")?;
        let listed = self.store.list_by_user(handle.user_hash(), None, 9, after(1000)).await?;
        ensure(listed.is_empty(), "it is listed at its absolute deadline")
    }

    pub(super) async fn sweep_removes_the_dead_alone(&self) -> Verdict {
        if self.store.capabilities().expires_by_itself {
            let (live, _) = self.session("live").await?;
            let swept = self.store.delete_expired(after(200), 3).await?;
            ensure(swept == 0, "a sweep removed what goes by itself")?;
            return ensure(self.text(live, NOW).await?.is_some(), "a sweep removed what is live");
        }
        // What other laws have left behind.
        for _ in 0..100 {
            self.store.delete_expired(after(10_000), 1000).await?;
        }
        ensure(self.store.delete_expired(after(10_000), 1000).await? == 0, "a sweep counts what it does not remove")?;
        let mut dead = Vec::new();
        for _ in 0..5 {
            dead.push(self.session("dead").await?.0);
        }
        let (live, _) = self.session("live").await?;
        self.store.touch(live, after(500), NOW).await?;
        ensure(self.store.delete_expired(NOW, 100).await? == 0, "a sweep removed what is live")?;
        let first = self.store.delete_expired(after(200), 3).await?;
        ensure(first <= 3, "a sweep removed more than its limit")?;
        let mut swept = first;
        for _ in 0..9 {
            swept = swept.saturating_add(self.store.delete_expired(after(200), 3).await?);
        }
        ensure(swept == dead.len(), "sweeps did not remove what is over")?;
        ensure(self.text(live, after(200)).await?.is_some(), "a sweep removed what is live")
    }

    pub(super) async fn list_is_complete(&self) -> Verdict {
        let (first, _) = self.session("first").await?;
        let (other, _) = self.session("of another").await?;
        let mut of_user = Vec::from([first]);
        for _ in 0..4 {
            let handle = Credential::generate(first.user_hash())?.handle();
            self.store.create(handle, self.content("more"), NOW).await?;
            of_user.push(handle);
        }
        self.store.delete(first, NOW).await?;
        of_user.retain(|handle| *handle != first);
        of_user.sort();
        let (mut listed, mut last) = (Vec::new(), None);
        loop {
            let page = self.store.list_by_user(first.user_hash(), last, 3, NOW).await?;
            ensure(page.len() <= 3, "a page is longer than its limit")?;
            let Some((handle, _)) = page.last() else { break };
            let is_behind = last.is_none_or(|last| page.iter().all(|(handle, _)| *handle > last));
            ensure(is_behind, "a page has what is not behind the handle that was asked for")?;
            last = Some(*handle);
            listed.extend(page.iter().map(|(handle, _)| *handle));
        }
        ensure(listed == of_user, "the pages together are not the live sessions of the user")?;
        ensure(!listed.contains(&other), "another user's session is listed")
    }

    pub(super) async fn revocation_is_final(&self) -> Verdict {
        let (first, version) = self.session("first").await?;
        let tag: UserHash = first.user_hash();
        let kept = Credential::generate(tag)?.handle();
        self.store.create(kept, self.content("kept"), NOW).await?;
        let before = self.store.epoch(tag).await?;
        let epoch = self.store.revoke_user(tag, Some(kept), KEPT, NOW).await?;
        ensure(before == RevocationEpoch::default(), "a user who was never revoked has an epoch")?;
        ensure(epoch == before.next(NOW), "a revocation did not begin the next epoch")?;
        ensure(self.store.epoch(tag).await? == epoch, "the epoch is another one when asked")?;
        self.is_over(first, "revoked").await?;
        let late = self.store.compare_and_swap(first, version, self.content("back"), NOW).await?;
        ensure(late == SwapOutcome::Gone, "a revoked session could be written")?;
        let Some(entry) = self.store.load(kept, NOW).await? else {
            return Err(Broken("what was excepted is over".into()));
        };
        let stale = self.store.compare_and_swap(kept, entry.version, self.content("stale"), NOW).await?;
        ensure(stale == SwapOutcome::Conflict, "what was excepted could be written under the old epoch")?;
        let stale = self.store.rotate(kept, entry.version, kept, self.content("stale"), NOW).await?;
        ensure(stale == SwapOutcome::Gone, "what was excepted could be rotated in place into the old epoch")?;
        let read_again = SessionContent { epoch: entry.content.epoch, ..self.content("kept") };
        let written = self.store.compare_and_swap(kept, entry.version, read_again, NOW).await?;
        ensure(
            matches!(written, SwapOutcome::Done(_)),
            "what was excepted cannot be written with the epoch that it has",
        )?;
        // A request that began before the revocation, and signs in, or writes what it had read.
        let late = Credential::generate(tag)?.handle();
        let made = self.store.create(late, self.content("late"), NOW).await?;
        ensure(made == CreateOutcome::Revoked, "a session of the old epoch could be made")?;
        self.is_over(late, "of the old epoch").await?;
        let (anonymous, version) = self.session("before").await?;
        let rotated = self.store.rotate(anonymous, version, late, self.content("late"), NOW).await?;
        ensure(rotated == SwapOutcome::Gone, "a session could be rotated into the old epoch")?;
        let of_epoch = SessionContent { epoch: epoch.number, ..self.content("new") };
        let made = self.store.create(late, of_epoch, NOW).await?;
        ensure(matches!(made, CreateOutcome::Done(_)), "a session of the new epoch could not be made")?;
        // A server whose clock is behind, and an exception that is somebody else's.
        let (other, version) = self.session("of another").await?;
        let behind = UnixTime::from_secs(NOW.as_secs().saturating_sub(50));
        let again = self.store.revoke_user(tag, Some(other), KEPT, behind).await?;
        ensure(again.number > epoch.number && again.at == Some(NOW), "the time of an epoch went back")?;
        ensure(self.text(kept, NOW).await?.is_none(), "revoked again: it can be read")?;
        let untouched = self.store.compare_and_swap(other, version, self.content("of another"), NOW).await?;
        ensure(matches!(untouched, SwapOutcome::Done(_)), "a revocation touched another user's session")
    }

    pub(super) async fn epochs_leave(&self) -> Verdict {
        let (old, _) = self.session("old").await?;
        let first = self.store.revoke_user(old.user_hash(), None, KEPT, NOW).await?;
        let sooner = self.store.revoke_user(old.user_hash(), None, after(500), after(1)).await?;
        ensure(sooner == first.next(after(1)), "a second revocation did not begin the next epoch")?;
        self.store.delete_expired(after(1999), usize::MAX).await?;
        ensure(self.store.epoch(old.user_hash()).await? == sooner, "an epoch left before its time")?;
        // A server lets go of it when it is time by its own clock, and not when it is told the time.
        if self.store.capabilities().is_shared {
            return Ok(());
        }
        let of_epoch = Deadlines { idle: after(9000), absolute: after(9000) };
        let of_epoch = SessionContent { epoch: sooner.number, deadlines: of_epoch, ..self.content("later") };
        let handle = Credential::generate(old.user_hash())?.handle();
        let made = self.store.create(handle, of_epoch.clone(), after(1500)).await?;
        let CreateOutcome::Done(version) = made else {
            return Err(Broken("a session of the epoch could not be made".into()));
        };
        self.store.delete_expired(KEPT, usize::MAX).await?;
        ensure(self.store.epoch(old.user_hash()).await? == RevocationEpoch::default(), "an epoch did not leave")?;
        let written = self.store.compare_and_swap(handle, version, of_epoch.clone(), KEPT).await?;
        let SwapOutcome::Done(version) = written else {
            return Err(Broken("a session could not be written, whose epoch has left".into()));
        };
        let of_none = SessionContent { epoch: 0, ..of_epoch };
        let rotated = self.store.rotate(handle, version, handle, of_none, KEPT).await?;
        ensure(
            matches!(rotated, SwapOutcome::Done(_)),
            "a session could not be rotated in place, whose epoch has left",
        )?;
        let again = self.store.revoke_user(old.user_hash(), None, after(9000), KEPT).await?;
        ensure(again.number > sooner.number, "an epoch has a number that was given out before")?;
        ensure(self.text(handle, KEPT).await?.is_none(), "a session outlived a revocation, whose epoch had left")?;
        // More often than there are seconds: the number runs ahead of the clock, and stays until that has come so far.
        let (hasty, _) = self.session("hasty").await?;
        for _ in 0..10 {
            self.store.revoke_user(hasty.user_hash(), None, NOW, NOW).await?;
        }
        let last = self.store.epoch(hasty.user_hash()).await?;
        self.store.delete_expired(UnixTime::from_secs(last.number), usize::MAX).await?;
        ensure(
            self.store.epoch(hasty.user_hash()).await? == last,
            "an epoch left whose number the clock had not come to",
        )
    }

    pub(super) async fn repeats_are_safe(&self) -> Verdict {
        let (handle, version) = self.session("first").await?;
        let SwapOutcome::Done(next) = self.store.compare_and_swap(handle, version, self.content("second"), NOW).await?
        else {
            return Err(Broken("a swap with the current version was refused".into()));
        };
        let again = self.store.compare_and_swap(handle, version, self.content("second"), NOW).await?;
        ensure(again == SwapOutcome::Conflict, "a repeated swap was not a conflict")?;
        let entry = self.store.load(handle, NOW).await?;
        ensure(entry.is_some_and(|entry| entry.version == next), "a repeated swap changed the session")?;
        ensure(self.store.delete(handle, NOW).await?, "a delete found nothing")?;
        ensure(!self.store.delete(handle, NOW).await?, "a repeated delete found something")
    }

    pub(super) async fn nothing_is_shown(&self) -> Verdict {
        let secret = "a secret of the record";
        let (handle, _) = self.session(secret).await?;
        let entry = self.store.load(handle, NOW).await?;
        let shown = format!("{:?} {entry:?} {:?}", self.store, self.content(secret));
        let bytes = format!("{:?}", secret.as_bytes());
        ensure(!shown.contains(secret) && !shown.contains(&bytes), "a record can be read in what the store shows")
    }

    pub(super) async fn dropped_calls_do_no_harm(&self) -> Verdict {
        let (handle, version) = self.session("first").await?;
        let mut context = Context::from_waker(Waker::noop());
        let swapped = {
            let mut call = pin!(self.store.compare_and_swap(handle, version, self.content("second"), NOW));
            // Once begun; then it is dropped, whether it has come to its end or not.
            matches!(call.as_mut().poll(&mut context), Poll::Ready(Ok(SwapOutcome::Done(_))))
        };
        let found = self.text(handle, NOW).await?;
        let is_whole = matches!(found.as_deref(), Some(b"first" | b"second"));
        ensure(is_whole, "a dropped swap left neither the old nor the new")?;
        ensure(!swapped || found.as_deref() == Some(b"second"), "a swap that was done is not there")?;
        ensure(self.store.delete(handle, NOW).await?, "after a dropped swap it cannot be deleted")?;
        self.is_over(handle, "deleted after a dropped swap").await
    }

    /// Each call is begun, then the session is ended, then the call goes on to its end.
    pub(super) async fn late_calls_bring_nothing_back(&self) -> Verdict {
        let deadlines = Deadlines { idle: after(500), ..DEADLINES };
        for what in ["load", "compare_and_swap", "touch", "rotate"] {
            let (handle, version) = self.session("first").await?;
            let (new, content) = (Self::handle()?, SessionContent { deadlines, ..self.content("late") });
            let call = async {
                match what {
                    "load" => self.store.load(handle, NOW).await.map(drop),
                    "compare_and_swap" => self.store.compare_and_swap(handle, version, content, NOW).await.map(drop),
                    "touch" => self.store.touch(handle, after(500), NOW).await.map(drop),
                    _ => self.store.rotate(handle, version, new, content, NOW).await.map(drop),
                }
            };
            {
                let mut context = Context::from_waker(Waker::noop());
                let mut call = pin!(call);
                let is_early = call.as_mut().poll(&mut context).is_ready();
                // It may have been done before; then a rotation has put another one in its place.
                self.store.delete(handle, NOW).await?;
                if !is_early {
                    call.await?;
                }
            }
            self.is_over(handle, &format!("deleted beside a {what}")).await?;
        }
        Ok(())
    }

    pub(super) async fn rotation_is_one_step(&self) -> Verdict {
        let (old, version) = self.session("old").await?;
        let (new, another) = (Self::handle()?, Self::handle()?);
        let late = self.store.rotate(old, version.wrapping_add(1), new, self.content("new"), NOW).await?;
        ensure(late == SwapOutcome::Conflict, "a rotation with another version was not a conflict")?;
        self.is_over(new, "never made").await?;
        ensure(self.text(old, NOW).await?.is_some(), "a rotation that was refused ended the old session")?;
        let done = self.store.rotate(old, version, new, self.content("new"), NOW).await?;
        ensure(matches!(done, SwapOutcome::Done(_)), "a rotation was refused")?;
        self.is_over(old, "rotated").await?;
        ensure(self.text(new, NOW).await?.as_deref() == Some(b"new"), "a rotation did not make the new session")?;
        let twice = self.store.rotate(old, version, another, self.content("twice"), NOW).await?;
        ensure(twice == SwapOutcome::Gone, "a session could be rotated twice")?;
        self.is_over(another, "never made").await?;
        // Signing in: whatever it was before, it is a user's now.
        let (before, version) = self.session("before").await?;
        let signed_in = SessionContent { kind: SessionKind::SignedIn, ..self.content("signed in") };
        let taken = self.store.rotate(before, version, new, signed_in.clone(), NOW).await?;
        ensure(taken == SwapOutcome::Gone, "a rotation took the place of another session")?;
        ensure(self.text(new, NOW).await?.as_deref() == Some(b"new"), "a rotation overwrote another session")?;
        let done = self.store.rotate(before, version, another, signed_in, NOW).await?;
        ensure(matches!(done, SwapOutcome::Done(_)), "signing in was refused")?;
        self.is_over(before, "signed in from").await?;
        ensure(self.text(another, NOW).await?.as_deref() == Some(b"signed in"), "signing in made no session")?;
        let listed = self.store.list_by_user(another.user_hash(), None, 9, NOW).await?;
        ensure(listed.iter().any(|(handle, _)| *handle == another), "who has signed in is not listed")
    }
}
