//! A model of a browser over the real filter: one jar, several requests under way, and every order of what happens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod browser;
mod gate;
mod laws;
mod search;

use browser::{ALICE, OPS, Op, Patience, Plan, STARTS, Start};
use gate::Fault;
use laws::Law;
use search::{Numbers, Tally, exhaust, wander};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is run.
enum Job {
    /// Every order.
    All(Plan),
    /// So many orders, chosen by this number.
    Some(Plan, usize, u64),
}

/// True if the long forms of tests are asked for, as by `cargo xtask soak`.
fn is_long() -> bool {
    std::env::var_os("COUNTERSIGN_SOAK").is_some()
}

/// The filter sets a timer for each call of the store, in the time of a runtime that nobody moves on.
fn in_runtime<T>(run: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _entered = runtime.enter();
    run()
}

/// Runs all jobs, on two processors, and says what came of it; the orders that break a law in words, the shortest for each.
fn run(what: &str, jobs: &[Job]) -> Tally {
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let work = || {
        let mut own = Tally::default();
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            match job {
                Job::All(plan) => exhaust(plan, true, &mut own),
                Job::Some(plan, orders, seed) => wander(plan, *orders, &mut Numbers(*seed), &mut own),
            }
        }
        tally.lock().unwrap().merge(own);
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| in_runtime(work));
        }
    });
    let tally = tally.into_inner().unwrap();
    let (plans, faults) = (jobs.len(), tally.faults().count());
    let Tally { orders, cut, of_ops, found, .. } = &tally;
    let (choices, fewest, most) = (of_ops.len(), of_ops.values().min().unwrap(), of_ops.values().max().unwrap());
    println!(
        "{what}: {plans} plans of {choices} choices, {orders} orders ({fewest} to {most} of a choice), {cut} left early; \
         {} limits, {faults} faults",
        found.len() - faults
    );
    tally
}

/// The same, and no law may be broken.
fn hold(what: &str, jobs: &[Job]) {
    let mut tally = Tally::default();
    // What takes long says how far it is.
    for some in jobs.chunks(if is_long() { 55 } else { jobs.len() }) {
        let of_some = run(what, some);
        if is_long() {
            in_runtime(|| of_some.faults().for_each(|found| println!("{found}")));
        }
        tally.merge(of_some);
    }
    let mut faults: Vec<_> = tally.faults().collect();
    faults.sort_by_key(|found| found.cost());
    let shown: Vec<_> = in_runtime(|| faults.iter().take(20).map(ToString::to_string).collect());
    assert!(shown.is_empty(), "{what}:\n{}", shown.join("\n"));
}

/// All choices of so many operations, whatever their order.
fn choices(count: usize) -> Vec<Vec<Op>> {
    let mut choices = vec![Vec::new()];
    for _ in 0..count {
        let longer = choices.iter().flat_map(|chosen: &Vec<Op>| {
            let from = chosen.last().map_or(0, |last| OPS.iter().position(|op| op == last).unwrap());
            OPS[from..].iter().map(|op| [&chosen[..], &[*op]].concat())
        });
        choices = longer.collect();
    }
    choices
}

/// All starts with all choices of so many operations.
fn plans(count: usize) -> Vec<Plan> {
    choices(count).iter().flat_map(|ops| STARTS.map(|start| Plan::new(start, ops))).collect()
}

#[test]
fn two_requests_break_no_law_in_any_order() {
    for count in [1, 2] {
        let all: Vec<_> = plans(count).into_iter().map(Job::All).collect();
        hold(&format!("{count} at once"), &all);
    }
}

#[test]
fn two_requests_break_no_law_when_the_grace_passes_between_them() {
    let wait = |plan| Job::All(Plan { patience: Patience::BetweenRequests, ..plan });
    hold("2 with the grace between them", &plans(2).into_iter().map(wait).collect::<Vec<_>>());
}

#[test]
fn two_requests_break_no_law_when_one_is_given_up() {
    for count in [1, 2] {
        let lose = |plan| Job::All(Plan { may_give_up: 1, ..plan });
        hold(&format!("{count} of which one is given up"), &plans(count).into_iter().map(lose).collect::<Vec<_>>());
    }
}

/// Every order in the long form; else some of each plan, the same in every run.
#[test]
fn three_requests_break_no_law_in_any_order() {
    if !is_long() {
        let some = |(number, plan)| Job::Some(plan, 5, number);
        return hold("3 at random", &(0..).zip(plans(3)).map(some).collect::<Vec<_>>());
    }
    hold("3 at once", &plans(3).into_iter().map(Job::All).collect::<Vec<_>>());
    let wait = |plan| Job::All(Plan { patience: Patience::Anywhere, ..plan });
    hold("2 with the grace anywhere", &plans(2).into_iter().map(wait).collect::<Vec<_>>());
}

#[test]
fn four_requests_break_no_law_in_orders_at_random() {
    const EACH: usize = 10;
    let orders = if is_long() { 1_000_000 } else { 20_000 };
    let mut numbers = Numbers(4);
    let jobs: Vec<_> = (0..orders / EACH)
        .map(|number| {
            let ops: Vec<_> = (0..4).map(|_| OPS[numbers.below(OPS.len())]).collect();
            let start = STARTS[numbers.below(STARTS.len())];
            let patience = [Patience::AtTheEnd, Patience::BetweenRequests][number % 2];
            let plan = Plan { may_give_up: number / 2 % 2, patience, ..Plan::new(start, &ops) };
            Job::Some(plan, EACH, u64::try_from(number).unwrap())
        })
        .collect();
    hold("4 at random", &jobs);
}

/// At random too, as it is by their handles that one of two sign-ins goes, and those are random.
#[test]
fn of_two_sign_ins_under_a_limit_of_one_the_last_one_stays() {
    let each = if is_long() { 2000 } else { 10 };
    let jobs: Vec<_> = [2, 3]
        .into_iter()
        .flat_map(choices)
        .filter(|ops| ops.iter().filter(|op| matches!(op, Op::SignIn(_))).count() > 1 || ops.len() < 3)
        .filter(|ops| ops.iter().any(|op| matches!(op, Op::SignIn(_))))
        .flat_map(|ops| STARTS.map(|start| Job::Some(Plan { most: 1, ..Plan::new(start, &ops) }, each, 1)))
        .collect();
    hold("with one session at most", &jobs);
}

/// The control: what is wrong on purpose is found, by the law that it breaks.
#[test]
fn a_store_that_is_wrong_breaks_a_law() {
    for (fault, start, ops, law) in [
        (Fault::EndsNothing, Start::Alice, &[Op::Logout, Op::Read][..], Law::EndsAll),
        (Fault::RotatesByHalves, Start::Anonymous, &[Op::SignIn(ALICE), Op::Logout], Law::EndsAll),
        (Fault::WritesOver, Start::Alice, &[Op::Write, Op::Write], Law::WriteStays),
        (Fault::WritesNothing, Start::Alice, &[Op::Renew], Law::NoAlarm),
        (Fault::EndsNothing, Start::Alice, &[Op::Logout, Op::Renew], Law::NobodyElse),
        (Fault::WritesNothing, Start::Alice, &[Op::Renew], Law::StaysSignedIn),
        (Fault::RefusesWhatItDid, Start::Alice, &[Op::StepUp], Law::RefusedDoesNothing),
        (Fault::RefusesWhatItDid, Start::Anonymous, &[Op::SignIn(ALICE)], Law::SignsInTwice),
    ] {
        let tally = run(&format!("{fault:?}"), &[Job::All(Plan { fault, ..Plan::new(start, ops) })]);
        assert!(tally.has_broken(law), "{fault:?} does not break {law:?}, but {:?}", tally.found.keys());
        let sound = run("sound", &[Job::All(Plan::new(start, ops))]);
        assert!(!sound.has_broken(law), "without {fault:?}, too");
    }
    let plan = Plan {
        most: 1,
        fault: Fault::EndsNothing,
        ..Plan::new(Start::Nobody, &[Op::SignIn(ALICE), Op::SignIn(ALICE)])
    };
    assert!(run("no end", &[Job::Some(plan, 100, 1)]).has_broken(Law::LastStays));
}

/// The control of the reduction: what it leaves out has no outcome of its own.
#[test]
fn orders_that_are_left_out_have_no_outcome_of_their_own() {
    in_runtime(|| {
        let mut numbers = Numbers(5);
        for _ in 0..if is_long() { 100 } else { 6 } {
            let all = plans(2);
            let plan = Plan { may_give_up: numbers.below(2), ..all[numbers.below(all.len())].clone() };
            let outcomes = |is_reduced| {
                let mut tally = Tally { outcomes: Some(BTreeSet::new()), ..Tally::default() };
                exhaust(&plan, is_reduced, &mut tally);
                (tally.orders, tally.outcomes.unwrap())
            };
            let ((few, some), (many, all)) = (outcomes(true), outcomes(false));
            println!("{few} orders for {many}, {} outcomes of {:?} from {:?}", all.len(), plan.ops, plan.start);
            assert!(few < many, "{plan:?}");
            assert_eq!(some, all, "{plan:?}");
        }
    });
}
