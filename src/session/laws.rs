//! The laws of a store of sessions, as tests that any store can be put to.
//!
//! Give [`check`] a store of its own; it answers with a verdict for every law, [`check_one`] with that of one. Each law looks at calls one by
//! one and at some that overlap; races of many, as in `tests/session/races.rs` of this crate, are worth a test of their own. Two laws ask for more than a store: [`check_budget`] for a small one whose bytes can be told, [`check_deadline`] for one whose server
//! takes every call and never answers. A store with a cache in front of it is another store: put that to the laws as well.
//!
//! ```
//! use countersign::session::laws;
//! use countersign::session::store::{Budgets, MemoryStore};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! for (law, verdict) in laws::check(&MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })).await {
//!     assert_eq!(verdict, Ok(()), "{law}");
//! }
//! # });
//! ```

mod bench;
mod each;
mod lineage;

use super::credential::Credential;
use super::store::{CreateOutcome, SessionContent, SessionKind, SessionStore, StoreErrorKind, SwapOutcome};
pub use bench::Broken;
use bench::{Bench, DEADLINES, KEPT, NOW, Verdict, after, ensure};
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;
use std::vec::Vec;
use std::{format, thread, vec};

/// A law. Each is about every call of [`SessionStore`] that could break it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Law {
    /// L1: a create says that a live session is there, and changes nothing.
    CreateDoesNotOverwrite,
    /// L2: a swap with any version but the current one changes nothing.
    SwapComparesVersions,
    /// L3: what was deleted, rotated, revoked, or has run out comes back by no call; at most a create makes another one under its handle.
    OverIsOver,
    /// L4: a touch never shortens, never passes the absolute deadline, and changes neither data nor version.
    TouchOnlyPushesOn,
    /// L5: a load returns nothing at or past either deadline, swept or not.
    NothingIsReadPastItsDeadline,
    /// L6: a sweep removes what is over, no more than its limit, and nothing else.
    SweepRemovesTheDeadAlone,
    /// L7: the list of a user has all live sessions of that user and no other.
    ListIsComplete,
    /// L8: after a revocation all is over but what was excepted, also what a request writes that began before.
    RevocationIsFinal,
    /// L9: asking again is safe: the second answer changes nothing.
    RepeatsAreSafe,
    /// L10: no record appears in what the store shows of itself.
    NothingIsShown,
    /// L13: a call that is dropped half way leaves the store lawful.
    DroppedCallsDoNoHarm,
    /// L14: a call that began before the end of a session, and goes on after it, does not bring it back: neither what is written late nor what
    /// a cache is filled with.
    LateCallsBringNothingBack,
    /// A rotation happens as a whole or not at all.
    RotationIsOneStep,
    /// The end of a session ends what it has been rotated into; what is over leaves no pointer behind; and a rotation in place moves the absolute
    /// deadline.
    EndsFollowRotations,
    /// The epoch of a revocation is kept for as long as it is asked for, and leaves then; the next one has a higher number than each before.
    EpochsLeave,
}

impl Law {
    /// All of them, in order. L11 is [`check_budget`], L12 [`check_deadline`].
    pub const ALL: [Self; 15] = [
        Self::CreateDoesNotOverwrite,
        Self::SwapComparesVersions,
        Self::OverIsOver,
        Self::TouchOnlyPushesOn,
        Self::NothingIsReadPastItsDeadline,
        Self::SweepRemovesTheDeadAlone,
        Self::ListIsComplete,
        Self::RevocationIsFinal,
        Self::RepeatsAreSafe,
        Self::NothingIsShown,
        Self::DroppedCallsDoNoHarm,
        Self::LateCallsBringNothingBack,
        Self::RotationIsOneStep,
        Self::EndsFollowRotations,
        Self::EpochsLeave,
    ];
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateDoesNotOverwrite => "L1 create does not overwrite",
            Self::SwapComparesVersions => "L2 swap compares versions",
            Self::OverIsOver => "L3 over is over",
            Self::TouchOnlyPushesOn => "L4 touch only pushes on",
            Self::NothingIsReadPastItsDeadline => "L5 nothing is read past its deadline",
            Self::SweepRemovesTheDeadAlone => "L6 sweep removes the dead alone",
            Self::ListIsComplete => "L7 the list is complete",
            Self::RevocationIsFinal => "L8 revocation is final",
            Self::RepeatsAreSafe => "L9 repeats are safe",
            Self::NothingIsShown => "L10 nothing is shown",
            Self::DroppedCallsDoNoHarm => "L13 dropped calls do no harm",
            Self::LateCallsBringNothingBack => "L14 late calls bring nothing back",
            Self::RotationIsOneStep => "rotation is one step",
            Self::EndsFollowRotations => "ends follow rotations",
            Self::EpochsLeave => "epochs leave",
        })
    }
}

/// Puts a store to every law.
pub async fn check<S: SessionStore + fmt::Debug>(store: &S) -> Vec<(Law, Verdict)> {
    let mut verdicts = Vec::new();
    for law in Law::ALL {
        verdicts.push((law, check_one(store, law).await));
    }
    verdicts
}

/// Puts a store to one law.
///
/// # Errors
/// [`Broken`], with what it did.
pub async fn check_one<S: SessionStore + fmt::Debug>(store: &S, law: Law) -> Verdict {
    for kind in [SessionKind::SignedIn, SessionKind::Anonymous] {
        let bench = Bench { store, kind };
        match law {
            Law::CreateDoesNotOverwrite => bench.create_does_not_overwrite().await?,
            Law::SwapComparesVersions => bench.swap_compares_versions().await?,
            Law::OverIsOver => bench.over_is_over().await?,
            Law::TouchOnlyPushesOn => bench.touch_only_pushes_on().await?,
            Law::NothingIsReadPastItsDeadline => bench.nothing_is_read_past_its_deadline().await?,
            Law::SweepRemovesTheDeadAlone => bench.sweep_removes_the_dead_alone().await?,
            Law::RepeatsAreSafe => bench.repeats_are_safe().await?,
            Law::NothingIsShown => bench.nothing_is_shown().await?,
            Law::DroppedCallsDoNoHarm => bench.dropped_calls_do_no_harm().await?,
            Law::LateCallsBringNothingBack => bench.late_calls_bring_nothing_back().await?,
            Law::RotationIsOneStep => bench.rotation_is_one_step().await?,
            Law::EndsFollowRotations => {
                bench.ends_follow_rotations().await?;
                bench.pointers_are_over().await?;
                bench.rotations_in_place_swap().await?;
            }
            // Of users alone.
            Law::ListIsComplete if kind == SessionKind::SignedIn => bench.list_is_complete().await?,
            Law::RevocationIsFinal if kind == SessionKind::SignedIn => bench.revocation_is_final().await?,
            Law::EpochsLeave if kind == SessionKind::SignedIn => bench.epochs_leave().await?,
            Law::ListIsComplete | Law::RevocationIsFinal | Law::EpochsLeave => {}
        }
    }
    Ok(())
}

/// L11: puts another one, empty, to its budget for a kind of sessions, which `bytes` tells it takes of it: whatever is written, it takes no more,
/// and a signed-in session that was made is there until it ends. Give it a budget of at most a few mebibytes.
///
/// # Errors
/// [`Broken`], with what it did.
pub async fn check_budget<S: SessionStore + fmt::Debug>(
    store: &S,
    kind: SessionKind,
    budget: u64,
    bytes: impl Fn() -> u64,
) -> Verdict {
    let bench = Bench { store, kind };
    let is_within = || ensure(bytes() <= budget, &format!("{} bytes are taken of {budget}", bytes()));
    let (mut written, mut made, mut refusals) = (0u64, Vec::new(), 0u32);
    for round in 0u64.. {
        // Lengths from nothing to the longest record, in no order.
        let len = round.wrapping_mul(7919).checked_rem(16 * 1024).unwrap_or(0);
        written = written.saturating_add(len);
        let content =
            SessionContent { bytes: Arc::from(vec![b'x'; usize::try_from(len).unwrap_or(0)]), ..bench.content("") };
        let handle = Bench::<S>::handle()?;
        match store.create(handle, bench.content("short"), NOW).await {
            Ok(CreateOutcome::Done(version)) => match store.compare_and_swap(handle, version, content, NOW).await {
                Ok(SwapOutcome::Done(_)) => made.push(handle),
                Err(error) if error.kind() == StoreErrorKind::Full => {
                    refusals = refusals.saturating_add(1);
                    made.push(handle);
                }
                Ok(SwapOutcome::Gone) if kind == SessionKind::Anonymous => {}
                other => return Err(Broken(format!("a new session could not be written: {other:?}"))),
            },
            Err(error) if error.kind() == StoreErrorKind::Full => refusals = refusals.saturating_add(1),
            other => return Err(Broken(format!("a new session was not made: {other:?}"))),
        }
        is_within()?;
        if written > budget.saturating_mul(4) {
            break;
        }
    }
    if kind == SessionKind::Anonymous {
        return Ok(());
    }
    ensure(refusals > 0, "four times the budget was written, and nothing refused")?;
    for handle in &made {
        ensure(bench.text(*handle, NOW).await?.is_some(), "a signed-in session was dropped")?;
    }
    for handle in &made {
        ensure(store.delete(*handle, NOW).await?, "a signed-in session was dropped")?;
    }
    bench.session("again").await.map(drop)
}

/// L12: puts a store to its deadline, whose server takes every call and never answers: every call ends in time. For the store of a server
/// that answers, it is the law as well. The clock is that of a thread; a call that blocks this one cannot be caught.
///
/// # Errors
/// [`Broken`], with the call that did not end.
pub async fn check_deadline<S: SessionStore>(store: &S, deadline: Duration) -> Verdict {
    let (handle, tag) =
        (Credential::generate_anonymous()?.handle(), Credential::generate_anonymous()?.handle().user_hash());
    let new = Credential::generate_anonymous()?.handle();
    let content = || SessionContent {
        kind: SessionKind::SignedIn,
        deadlines: DEADLINES,
        epoch: 0,
        bytes: Arc::from(&b"data"[..]),
    };
    within(deadline, "create", store.create(handle, content(), NOW)).await?;
    within(deadline, "load", store.load(handle, NOW)).await?;
    within(deadline, "compare_and_swap", store.compare_and_swap(handle, 1, content(), NOW)).await?;
    within(deadline, "touch", store.touch(handle, after(200), NOW)).await?;
    within(deadline, "rotate", store.rotate(handle, 1, new, content(), NOW)).await?;
    within(deadline, "list_by_user", store.list_by_user(tag, None, 9, NOW)).await?;
    within(deadline, "revoke_user", store.revoke_user(tag, None, KEPT, NOW)).await?;
    within(deadline, "epoch", store.epoch(tag)).await?;
    within(deadline, "sweep", store.delete_expired(NOW, 9)).await?;
    within(deadline, "delete", store.delete(handle, NOW)).await
}

/// Whatever is answered, it is in time.
async fn within<T>(deadline: Duration, name: &str, call: impl Future<Output = T>) -> Verdict {
    let (mut call, start, mut has_alarm) = (pin!(call), Instant::now(), false);
    let is_answered = poll_fn(|context| {
        if call.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        let left = deadline.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Poll::Ready(false);
        }
        if !has_alarm {
            has_alarm = true;
            let waker = context.waker().clone();
            thread::spawn(move || {
                thread::sleep(left);
                waker.wake();
            });
        }
        Poll::Pending
    });
    ensure(is_answered.await, &format!("{name} did not end within {deadline:?}"))
}
