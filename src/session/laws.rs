//! The laws of a session store, as tests for any [`SessionStore`].
//!
//! [`check`] tests a store by all laws and returns a verdict for each; [`check_one`] tests one law. The laws test
//! single calls and some overlapping ones. Races of many calls, as in `tests/session/races.rs` of this crate, need tests of their
//! own.
//!
//! Two laws need more than a store: [`check_budget`] a small store whose used bytes can be read, and [`check_deadline`]
//! a store whose server accepts every call and never answers. A store with a cache in front of it is another store,
//! which needs its own test.
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

/// A law of a session store. It covers every call of [`SessionStore`] that could break it.
#[doc(alias = "conformance")]
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Law {
    /// L1: `create` reports an existing live session and changes nothing.
    CreateDoesNotOverwrite,
    /// L2: `compare_and_swap` with any version but the current one changes nothing.
    SwapComparesVersions,
    /// L3: no call brings back a session that was deleted, rotated or revoked, or has expired. Only `create` can make
    /// another session under its handle.
    OverIsOver,
    /// L4: `touch` never shortens a deadline, never passes the absolute deadline, and changes neither data nor version.
    TouchOnlyPushesOn,
    /// L5: `load` returns no session at or past a deadline, whether `delete_expired` has run or not.
    NothingIsReadPastItsDeadline,
    /// L6: `delete_expired` removes expired sessions, at most as many as its limit, and nothing else.
    SweepRemovesTheDeadAlone,
    /// L7: `list_by_user` returns all live sessions of the user and no others.
    ListIsComplete,
    /// L8: a revocation ends all sessions of the user but the excepted one, and a request that began before it cannot
    /// write a session either.
    RevocationIsFinal,
    /// L9: a repeated call is safe, and changes nothing more.
    RepeatsAreSafe,
    /// L10: the `Debug` output of the store and its types shows no record.
    NothingIsShown,
    /// L13: a call whose future is dropped halfway leaves the store lawful.
    DroppedCallsDoNoHarm,
    /// L14: a call that began before the end of a session and continues after it does not bring the session back,
    /// neither by a late write nor by filling a cache.
    LateCallsBringNothingBack,
    /// `rotate` happens as a whole or not at all.
    RotationIsOneStep,
    /// The end of a session ends the session that it was rotated into. An ended session leaves no pointer behind. A
    /// rotation in place moves the absolute deadline.
    EndsFollowRotations,
    /// A revocation epoch is kept as long as the caller asks and is then removed. The next epoch of the user has a
    /// higher number than all before.
    EpochsLeave,
}

impl Law {
    /// All laws, in order. L11 is [`check_budget`], L12 is [`check_deadline`].
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

/// Tests a store by every law.
#[doc(alias = "conformance")]
pub async fn check<S: SessionStore + fmt::Debug>(store: &S) -> Vec<(Law, Verdict)> {
    let mut verdicts = Vec::new();
    for law in Law::ALL {
        verdicts.push((law, check_one(store, law).await));
    }
    verdicts
}

/// Tests a store by one law.
///
/// # Errors
/// [`Broken`] if the store breaks the law, with what it did.
#[doc(alias = "conformance")]
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

/// Tests by L11 that an empty store never exceeds its budget for a kind of session, and never drops a live signed-in
/// session.
///
/// `bytes` returns the bytes that the sessions of this kind take. Pass a store with a budget of at most a few
/// mebibytes: the test writes four times as much.
///
/// # Errors
/// [`Broken`] if the store exceeds its budget or drops a signed-in session.
#[doc(alias = "conformance")]
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

/// Tests by L12 that every call ends within `deadline`, for a store whose server accepts every call and never answers.
///
/// A store with a server that answers has to pass as well. A thread measures the time. The test cannot catch a call
/// that blocks its own thread.
///
/// # Errors
/// [`Broken`] if a call does not end in time, with its name.
#[doc(alias = "conformance")]
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
