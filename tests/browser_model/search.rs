//! Orders of events: all of them, or some at random.

use super::browser::{Enabled, Event, Op, Plan, Recorded, Start, World};
use super::laws::{Broken, Case, Law, judge};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// By what an order is known that breaks a law.
pub(crate) type Key = (Law, Case, Vec<Op>, Start);

/// One order in which a law is broken.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) orders: usize,
    pub(crate) broken: Broken,
    plan: Plan,
    events: Vec<Event>,
    /// What happened, where it does not happen again.
    words: Option<Vec<String>>,
}

impl Found {
    /// Fewer requests, fewer events, fewer changes from one request to another.
    pub(crate) fn cost(&self) -> (usize, usize, usize) {
        let turns = self.events.windows(2).filter(|pair| pair[0].who() != pair[1].who()).count();
        (self.plan.ops.len(), self.events.len(), turns)
    }
}

/// Shows what happened, in order.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "law {}; in {} orders of {:?}", self.broken, self.orders, self.plan.ops)?;
        writeln!(f, "  {}", self.plan.start)?;
        if let Some(words) = &self.words {
            return writeln!(f, "  {}", words.join("\n  "));
        }
        let mut world = World::new(&Recorded::new(self.plan.clone()));
        world.words = Some(Vec::new());
        for event in &self.events {
            world.happen(*event);
        }
        for words in world.words.take().unwrap_or_default() {
            writeln!(f, "  {words}")?;
        }
        writeln!(f, "  {:?}", world.end())
    }
}

/// What came of many orders.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) orders: usize,
    /// Runs that were broken off, as all orders behind them were run already.
    pub(crate) cut: usize,
    /// How many orders there were of each choice of operations.
    pub(crate) of_ops: BTreeMap<Vec<Op>, usize>,
    pub(crate) found: BTreeMap<Key, Found>,
    /// What can be told of an order when it is over, if it is asked for.
    pub(crate) outcomes: Option<BTreeSet<String>>,
}

impl Tally {
    /// What no limit explains.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &Found> {
        self.found.values().filter(|found| !found.broken.is_limit())
    }

    pub(crate) fn has_broken(&self, law: Law) -> bool {
        self.faults().any(|found| found.broken.law == law)
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.orders += other.orders;
        self.cut += other.cut;
        for (ops, orders) in other.of_ops {
            *self.of_ops.entry(ops).or_default() += orders;
        }
        for (key, found) in other.found {
            self.note(key, found);
        }
    }

    fn note(&mut self, key: Key, found: Found) {
        let orders = self.found.get(&key).map_or(0, |known| known.orders) + found.orders;
        let is_better = self.found.get(&key).is_none_or(|known| found.cost() < known.cost());
        if is_better {
            self.found.insert(key.clone(), found);
        }
        if let Some(known) = self.found.get_mut(&key) {
            known.orders = orders;
        }
    }

    fn judge(&mut self, world: &mut World, events: Vec<Event>) {
        self.orders += 1;
        *self.of_ops.entry(world.plan.ops.clone()).or_default() += 1;
        let end = world.end();
        if let Some(outcomes) = &mut self.outcomes {
            let statuses: Vec<_> = world
                .sent
                .iter()
                .map(|sent| sent.answer.as_ref().map(|answer| (answer.status.as_u16(), answer.seen.clone())))
                .collect();
            outcomes
                .insert(format!("{statuses:?} {:?} {} {} {:?}", end.seen, end.thefts, end.late_thefts, end.later_user));
        }
        for broken in judge(world, end) {
            let (plan, words) = (world.plan.clone(), world.words.clone());
            let key = (broken.law, broken.case, plan.ops.clone(), plan.start);
            self.note(key, Found { orders: 1, broken, plan, events: events.clone(), words });
        }
    }
}

/// A point in a run, where one of several events is chosen.
struct Node {
    options: Vec<Enabled>,
    /// What was tried before on another way here, and would lead nowhere new.
    asleep: Vec<Enabled>,
    next: usize,
}

impl Node {
    fn chosen(&self) -> Enabled {
        self.options[self.next]
    }

    /// What sleeps behind the chosen event: all that was tried instead of it, and could as well happen after it.
    fn asleep_behind(&self) -> Vec<Enabled> {
        let tried = self.asleep.iter().chain(&self.options[..self.next]);
        tried.copied().filter(|other| other.commutes(self.chosen())).collect()
    }
}

/// Runs every order, or with `reduced` one of all those that differ in the order of events alone that have nothing to do with each other (sleep sets).
pub(crate) fn exhaust(plan: &Plan, reduced: bool, tally: &mut Tally) {
    let recorded = Recorded::new(plan.clone());
    let mut path: Vec<Node> = Vec::new();
    loop {
        let mut world = World::new(&recorded);
        for node in &path {
            world.happen(node.chosen().event);
        }
        let is_whole = loop {
            let mut options = world.enabled();
            if options.is_empty() {
                break true;
            }
            let asleep = if reduced { path.last().map(Node::asleep_behind).unwrap_or_default() } else { Vec::new() };
            options.retain(|option| !asleep.iter().any(|other| other.event == option.event));
            let Some(first) = options.first() else { break false };
            world.happen(first.event);
            path.push(Node { options, asleep, next: 0 });
        };
        if is_whole {
            tally.judge(&mut world, path.iter().map(|node| node.chosen().event).collect());
        } else {
            tally.cut += 1;
        }
        while let Some(node) = path.last_mut() {
            node.next += 1;
            if node.next < node.options.len() {
                break;
            }
            path.pop();
        }
        if path.is_empty() {
            return;
        }
    }
}

/// Numbers that are the same in every run (`SplitMix64`).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// Runs some orders, each event chosen among all that can happen.
pub(crate) fn wander(plan: &Plan, orders: usize, numbers: &mut Numbers, tally: &mut Tally) {
    let recorded = Recorded::new(plan.clone());
    for _ in 0..orders {
        let (mut world, mut events) = (World::new(&recorded), Vec::new());
        // Under a limit, random handles decide which of two goes: it cannot be told later.
        world.words = (plan.most == 1).then(Vec::new);
        loop {
            let options = world.enabled();
            if options.is_empty() {
                break;
            }
            let event = options[numbers.below(options.len())].event;
            world.happen(event);
            events.push(event);
        }
        tally.judge(&mut world, events);
    }
}
