//! A model of a browser over the real filter: one jar, several requests under way, and every order of what happens.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

#[path = "browser_model/browser.rs"]
mod browser;
#[path = "browser_model/gate.rs"]
mod gate;
#[path = "browser_model/laws.rs"]
mod laws;
#[path = "browser_model/search.rs"]
mod search;

use browser::{OPS, Op, Patience, Plan, STARTS};
use search::{Tally, exhaust};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Runs all plans on both processors.
fn run(plans: &[Plan], reduced: bool) -> Tally {
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
                let _entered = runtime.enter();
                let mut own = Tally::default();
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    exhaust(plan, reduced, &mut own);
                }
                tally.lock().unwrap().merge(own);
            });
        }
    });
    tally.into_inner().unwrap()
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

fn plans(count: usize, may_give_up: usize, most: usize, patience: Patience) -> Vec<Plan> {
    let plan = |ops: &Vec<Op>, start| Plan { may_give_up, most, patience, ..Plan::new(start, ops) };
    choices(count).iter().flat_map(|ops| STARTS.map(|start| plan(ops, start))).collect()
}

/// The shortest order for each law and case.
fn show(tally: &Tally) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _entered = runtime.enter();
    for found in tally.found.values() {
        println!("{found}");
    }
}

#[test]
fn explore() {
    use Patience::*;
    let what = std::env::var("WHAT").unwrap_or("2".to_owned());
    let rounds: &[_] = match &*what {
        "2" => &[(1, 0, usize::MAX, AtTheEnd), (1, 1, usize::MAX, AtTheEnd), (2, 0, usize::MAX, AtTheEnd), (2, 0, usize::MAX, BetweenRequests), (2, 1, usize::MAX, AtTheEnd)],
        "m" => &[(2, 0, 1, AtTheEnd)],
        "w" => &[(2, 0, usize::MAX, Anywhere)],
        _ => &[(3, 0, usize::MAX, AtTheEnd)],
    };
    for (count, lost, most, patience) in rounds.iter().copied() {
        let start = Instant::now();
        let tally = run(&plans(count, lost, most, patience), true);
        println!("=== k={count} lost={lost} most={most} {patience:?} orders {} cut {} in {:?}", tally.orders, tally.cut, start.elapsed());
        show(&tally);
    }
}
