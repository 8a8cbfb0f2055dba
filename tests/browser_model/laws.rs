//! What must hold in every order.

use super::browser::{ALICE, AT_START, Answer, BOB, End, Jar, Op, Seen, Sent, Start, World};
use super::gate::{Call, Outcome};
use http::StatusCode;
use std::collections::BTreeSet;
use std::fmt;

/// What must hold.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Law {
    /// An answer shows a user, a level and data only if somebody signed in as that user, and nothing came after that.
    NobodyElse,
    /// Who was signed in is so in the end, unless a logout was sent.
    StaysSignedIn,
    /// A step-up that was acknowledged is not undone.
    StaysRaised,
    /// The second of two sign-ins of a user is answered as the first one is, or told to ask again.
    SignsInTwice,
    /// An acknowledged logout ends all that has come of the session whose cookie it had.
    EndsAll,
    /// An acknowledged write is in the session that the browser is in.
    WriteStays,
    /// A browser alone raises no alarm.
    NoAlarm,
    /// With one session at most for each user, the one that was answered last is there, alone.
    LastStays,
    /// What was refused has changed nothing, unless it says so.
    RefusedDoesNothing,
}

/// What sets an order apart, for which a law may not hold.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Case {
    Any,
    /// The answer to a sign-in or a step-up was lost, and its cookie with it.
    SignInLost,
    /// Another answer was lost.
    AnswerLost,
    /// A request came without a cookie, as a logout had taken that away, and an answer from before arrived after all that.
    AfterLogout,
    /// Two requests came without a cookie.
    TwoStrangers,
    /// Two requests came without a session that opens to them, and each has made one, or one has and the other has signed in to that whose cookie was
    /// lost before.
    TwoMade,
    /// Something was under way for longer than the grace.
    Late,
    /// Beside a logout of all other devices.
    Elsewhere,
    /// Beside one of a session that the browser has left by a sign-in of another user, and a sign-in of the first one behind that.
    LeftMeanwhile,
    /// Nobody was wrong before the grace was over.
    AfterGrace,
}

/// Where a law does not hold, and why no server can do better.
pub(crate) const LIMITS: [(Law, Case); 11] = [
    // The new credential is in the answer alone; whoever had the old one is to know nothing of what is signed in.
    (Law::StaysSignedIn, Case::SignInLost),
    (Law::WriteStays, Case::SignInLost),
    // Nothing says that the two have to do with each other: each makes a session, and the browser keeps the last one.
    (Law::StaysSignedIn, Case::TwoStrangers),
    (Law::WriteStays, Case::TwoStrangers),
    (Law::StaysSignedIn, Case::TwoMade),
    (Law::WriteStays, Case::TwoMade),
    // An answer that has left the server cannot be called back, and the browser keeps the cookie that comes last.
    (Law::WriteStays, Case::AfterLogout),
    // The grace is how long an answer may be under way.
    (Law::StaysSignedIn, Case::Late),
    (Law::WriteStays, Case::Late),
    (Law::NoAlarm, Case::Late),
    // The session that says so is over, and of all others of its user nothing tells that the same browser has one of them.
    (Law::StaysSignedIn, Case::LeftMeanwhile),
];

/// A law that was broken, and how.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Broken {
    pub(crate) law: Law,
    pub(crate) case: Case,
    pub(crate) how: String,
}

impl Broken {
    pub(crate) fn is_limit(&self) -> bool {
        LIMITS.contains(&(self.law, self.case))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({:?}): {}", self.law, self.case, self.how)
    }
}

/// A trial that is over.
pub(crate) struct Trial<'w> {
    world: &'w World,
    end: End,
    broken: Vec<Broken>,
}

/// Judges what has happened.
pub(crate) fn judge(world: &World, end: End) -> Vec<Broken> {
    let mut trial = Trial { world, end, broken: Vec::new() };
    trial.nobody_is_somebody_else();
    trial.nobody_is_signed_out();
    trial.a_user_signs_in_twice();
    trial.an_end_ends_all();
    trial.a_write_stays();
    trial.a_browser_is_no_thief();
    trial.the_last_of_many_stays();
    trial.what_failed_did_nothing();
    trial.broken
}

impl Trial<'_> {
    fn sent(&self) -> &[Sent] {
        &self.world.sent
    }

    fn broke(&mut self, law: Law, case: Case, how: String) {
        self.broken.push(Broken { law, case, how });
    }

    fn ends(&self) -> impl Iterator<Item = &Sent> {
        self.sent().iter().filter(|sent| sent.op.ends())
    }

    /// What sets this order apart.
    fn case(&self) -> Case {
        let some = |is: &dyn Fn(&Sent) -> bool| self.sent().iter().any(is);
        let two = |is: &dyn Fn(&Sent) -> bool| self.sent().iter().filter(|sent| is(sent)).count() > 1;
        let is_elsewhere = some(&|sent| sent.op == Op::Elsewhere);
        let desk = self.world.gate.desk();
        let is_create = |call| matches!(call, Call::Create(_));
        let asked = desk.passed.iter().filter(|passed| passed.who.is_some());
        let made = asked.filter(|passed| is_create(passed.call) && passed.outcome == Outcome::Done).count();
        drop(desk);
        if self.world.has_waited_for_some {
            Case::Late
        } else if some(&|sent| sent.is_given_up() && matches!(sent.op, Op::SignIn(_) | Op::StepUp)) {
            Case::SignInLost
        } else if self.is_overtaken_by_a_logout() {
            Case::AfterLogout
        } else if two(&|sent| sent.cookie.is_none()) {
            Case::TwoStrangers
        } else if made > 1 || made == 1 && self.world.plan.start == Start::StepUpLost {
            Case::TwoMade
        } else if is_elsewhere && [ALICE, BOB].iter().all(|user| some(&|sent| sent.op == Op::SignIn(user))) {
            Case::LeftMeanwhile
        } else if some(&Sent::is_given_up) {
            Case::AnswerLost
        } else if is_elsewhere {
            Case::Elsewhere
        } else {
            Case::Any
        }
    }

    /// True if an answer with a cookie arrived after a request that a logout had left without one.
    fn is_overtaken_by_a_logout(&self) -> bool {
        self.sent().iter().filter(|sent| sent.cookie.is_none()).any(|stranger| {
            let is_behind = |end: &Sent| end.is_acknowledged() && end.is_before(stranger);
            let is_late =
                |late: &Sent| !late.is_before(stranger) && late.sent < stranger.sent && late.arrived > stranger.arrived;
            self.ends().any(is_behind) && self.sent().iter().any(is_late)
        })
    }

    fn nobody_is_somebody_else(&mut self) {
        let mut seen: Vec<(Option<usize>, Seen)> = Vec::new();
        for (who, sent) in self.sent().iter().enumerate() {
            if let Some(Answer { seen: Some(found), .. }) = &sent.answer {
                seen.push((Some(who), found.clone()));
            }
        }
        seen.push((None, self.end.seen.clone()));
        for (who, seen) in seen {
            let reader = who.map_or("the read at the end".to_owned(), |who| format!("#{who}"));
            if let Some(user) = &seen.user
                && !self.is_explained(user, who)
            {
                self.broke(Law::NobodyElse, Case::Any, format!("{reader} finds {user}"));
            }
            let raised = self.sent().iter().any(|sent| sent.op == Op::StepUp && sent.sent.is_some());
            let was_raised = raised || self.world.plan.start == Start::StepUpLost;
            if seen.level > 1 && !was_raised {
                self.broke(Law::NobodyElse, Case::Any, format!("{reader} finds level {}", seen.level));
            }
            let desk = self.world.gate.desk();
            let of_another = seen.keys.iter().find(|key| {
                let owner = if **key == AT_START {
                    self.world.plan.start.is_alice().then_some(ALICE)
                } else {
                    desk.written.get(key).and_then(|life| desk.lives[*life].user)
                };
                owner.is_some() && owner != seen.user.as_deref()
            });
            let of_another = of_another.copied();
            drop(desk);
            if let Some(key) = of_another {
                self.broke(Law::NobodyElse, Case::Any, format!("{reader} finds w{key} as {:?}", seen.user));
            }
        }
    }

    /// True if a sign-in as this user is followed by nothing, before the reader, that takes it back.
    fn is_explained(&self, user: &str, reader: Option<usize>) -> bool {
        let is_before_reader = |sent: &Sent| match reader {
            Some(reader) => sent.is_before(&self.sent()[reader]),
            None => sent.arrived.is_some(),
        };
        // `None` is the one before the model begins.
        let is_before = |one: Option<&Sent>, two: &Sent| one.is_none_or(|one| one.is_before(two));
        let is_taken_back = |source: Option<&Sent>| {
            self.sent().iter().any(|sent| {
                let takes = sent.op.ends() || matches!(sent.op, Op::SignIn(other) if other != user);
                takes && sent.is_acknowledged() && is_before(source, sent) && is_before_reader(sent)
            })
        };
        let at_start = (self.world.plan.start.is_alice() && user == ALICE).then_some(None);
        let sources = self
            .sent()
            .iter()
            .filter(|sent| sent.op == Op::SignIn(ALICE) && user == ALICE || sent.op == Op::SignIn(BOB) && user == BOB);
        at_start.into_iter().chain(sources.map(Some)).any(|source| !is_taken_back(source))
    }

    fn nobody_is_signed_out(&mut self) {
        if self.ends().next().is_some() {
            return;
        }
        let is_sign_in = |sent: &Sent| matches!(sent.op, Op::SignIn(_));
        let has_signed_in = self.sent().iter().any(|sent| is_sign_in(sent) && sent.is_acknowledged());
        let case = self.case();
        if !self.world.plan.start.is_alice() && !has_signed_in {
            return;
        }
        let law = Law::StaysSignedIn;
        match self.end.seen.user.clone() {
            None => self.broke(law, case, "nobody is signed in at the end".to_owned()),
            Some(user) if self.end.later_user.as_deref() != Some(&user) => {
                self.broke(
                    law,
                    self.late_case(),
                    format!("{user} is signed in, and when the grace is over {:?}", self.end.later_user),
                );
            }
            Some(_) => {}
        }
        let lost = self.sent().iter().find(|raise| {
            raise.op == Op::StepUp
                && raise.is_acknowledged()
                && !self.sent().iter().any(|sent| is_sign_in(sent) && !sent.is_before(raise))
        });
        if lost.is_some() && self.end.seen.user.is_some() && self.end.seen.level < 2 {
            self.broke(Law::StaysRaised, case, format!("level {} at the end", self.end.seen.level));
        }
    }

    fn a_user_signs_in_twice(&mut self) {
        let is_sign_in = |sent: &&Sent| matches!(sent.op, Op::SignIn(_));
        let is_rotation = |sent: &&Sent| is_sign_in(sent) || sent.op == Op::StepUp;
        let signing_in: Vec<_> = self.sent().iter().filter(is_sign_in).collect();
        let users: BTreeSet<_> = signing_in.iter().map(|sent| sent.op).collect();
        let cookies: BTreeSet<_> = self.sent().iter().filter(is_rotation).map(|sent| &sent.cookie).collect();
        // Of two users one may be refused, and who is signed out meanwhile, or comes with a cookie older than the one before.
        let is_alone = users.len() == 1 && cookies.len() == 1;
        let is_same = !self.world.plan.start.is_alice() || users.contains(&Op::SignIn(ALICE));
        let is_signed_out = self.sent().iter().any(|sent| sent.op.ends() || sent.op == Op::Elsewhere);
        // Under a limit one of two sessions goes, and whose it is hears of it.
        let is_signed_out = is_signed_out || self.world.plan.most == 1;
        let is_refused = |answer: &Answer| answer.status == StatusCode::UNAUTHORIZED;
        let refused = signing_in.iter().any(|sent| sent.answer.as_ref().is_some_and(is_refused));
        if refused && is_alone && is_same && !is_signed_out {
            self.broke(Law::SignsInTwice, self.case(), "a right sign-in is refused".to_owned());
        }
    }

    fn late_case(&self) -> Case {
        if self.world.has_waited_for_some { Case::Late } else { Case::AfterGrace }
    }

    fn an_end_ends_all(&mut self) {
        let law = Law::EndsAll;
        let mut broken = Vec::new();
        for (who, sent) in self.sent().iter().enumerate().filter(|(_, sent)| sent.op.ends() && sent.is_acknowledged()) {
            let desk = self.world.gate.desk();
            let Some(named) = sent.life else { continue };
            for live in self.end.live.iter().copied().filter(|live| desk.descends(*live, named)) {
                // Another user's is not of the user who was signed out everywhere, nor is what has come of that: whoever has signed in behind it did so
                // afterwards, or has read the epoch before (below).
                if sent.op == Op::Everywhere && desk.has_changed_hands(live, named) {
                    continue;
                }
                broken.push((Case::Any, format!("s{live} lives, of s{named} that #{who} has ended")));
            }
            let of_who = |call: fn(Call) -> bool| {
                desk.passed.iter().position(move |passed| passed.who == Some(who) && call(passed.call))
            };
            if sent.op == Op::Everywhere
                && let Some(revoked) = of_who(|call| call == Call::Revoke)
            {
                for live in self.end.live.iter().copied() {
                    let life = &desk.lives[live];
                    let began =
                        desk.passed.iter().position(|passed| passed.who == life.by && passed.call == Call::Epoch);
                    let is_older = life.made < revoked || began.is_some_and(|began| began < revoked);
                    if life.user == desk.lives[named].user && is_older {
                        broken.push((Case::Any, format!("s{live} lives, of the user whom #{who} has signed out")));
                    }
                }
            }
            let has_ended = desk.passed.iter().any(|passed| {
                passed.who == Some(who)
                    && matches!((passed.call, passed.outcome), (Call::Delete(_), Outcome::Yes) | (Call::Revoke, _))
            });
            if !has_ended {
                broken.push((Case::Any, format!("#{who} is acknowledged, and has ended nothing")));
            }
        }
        for (case, how) in broken {
            self.broke(law, case, how);
        }
    }

    fn a_write_stays(&mut self) {
        let law = Law::WriteStays;
        let case = self.case();
        let at_start = self.world.plan.start.has_data().then_some((AT_START, None));
        let written = self.sent().iter().enumerate().filter(|(_, sent)| sent.op == Op::Write && sent.is_acknowledged());
        let written: Vec<_> = at_start.into_iter().chain(written.map(|(who, sent)| (who, Some(sent)))).collect();
        let mut missing = Vec::new();
        for (key, write) in written {
            // What came before it can have taken nothing away.
            let is_behind = |sent: &&Sent| write.is_none_or(|write| !sent.is_before(write)) && sent.may_be_done();
            if self.ends().any(|sent| is_behind(&sent)) {
                continue;
            }
            let desk = self.world.gate.desk();
            let owner = match write {
                None => self.world.plan.start.is_alice().then_some(ALICE),
                Some(_) => desk.written.get(&key).and_then(|life| desk.lives[*life].user),
            };
            let mut users: BTreeSet<_> = owner.into_iter().collect();
            users.extend(self.sent().iter().filter(is_behind).filter_map(|sent| match sent.op {
                Op::SignIn(user) => Some(user),
                _ => None,
            }));
            // What is another user's is dropped.
            if users.len() < 2 && !self.end.seen.keys.contains(&key) {
                missing.push(key);
            }
        }
        for key in missing {
            self.broke(law, case, format!("w{key} is not there at the end"));
        }
        let (count, keys) = (self.end.seen.count, self.end.seen.keys.len());
        if count != u64::try_from(keys).unwrap() {
            self.broke(law, Case::Any, format!("{keys} keys, and a count of {count}"));
        }
    }

    fn a_browser_is_no_thief(&mut self) {
        let case = if self.world.has_waited_for_some { Case::Late } else { Case::Any };
        if self.end.thefts > 0 {
            self.broke(Law::NoAlarm, case, "a theft is told".to_owned());
        }
        if self.end.late_thefts > 0 {
            self.broke(Law::NoAlarm, self.late_case(), "a theft is told".to_owned());
        }
    }

    fn the_last_of_many_stays(&mut self) {
        if self.world.plan.most != 1 {
            return;
        }
        let law = Law::LastStays;
        let case = self.case();
        let desk = self.world.gate.desk();
        let mut broken = Vec::new();
        for user in [ALICE, BOB] {
            let live = self.end.live.iter().filter(|live| desk.lives[**live].user == Some(user)).count();
            let done = self
                .sent()
                .iter()
                .enumerate()
                .filter(|(_, sent)| sent.op == Op::SignIn(user) && sent.is_acknowledged());
            let Some((last, _)) = done.max_by_key(|(_, sent)| sent.answered) else { continue };
            if live > 1 {
                broken.push(format!("{user} has {live} sessions"));
            }
            let is_there = desk
                .written
                .get(&last)
                .is_some_and(|made| self.end.live.iter().any(|live| desk.descends(*live, *made)));
            let may_have_gone = self.sent().iter().any(|sent| {
                let takes = sent.op.ends() || matches!(sent.op, Op::SignIn(other) if other != user);
                takes && sent.may_be_done()
            });
            if !is_there && !may_have_gone {
                broken.push(format!("#{last} was answered last, and its session has ended"));
            }
        }
        drop(desk);
        for how in broken {
            self.broke(law, case, how);
        }
    }

    fn what_failed_did_nothing(&mut self) {
        let law = Law::RefusedDoesNothing;
        let mut broken = Vec::new();
        for (who, sent) in self.sent().iter().enumerate() {
            let Some(answer) = sent.answer.as_ref().filter(|answer| answer.status != StatusCode::OK) else { continue };
            // A new cookie is on its way: the browser is to ask again.
            let may_be_unready = matches!(sent.op, Op::SignIn(_) | Op::StepUp | Op::Renew);
            let is_unready = may_be_unready && answer.status == StatusCode::SERVICE_UNAVAILABLE;
            if answer.status != StatusCode::UNAUTHORIZED && !is_unready {
                broken.push((Case::Any, format!("#{who} is answered {}", answer.status)));
            }
            let desk = self.world.gate.desk();
            let changed =
                desk.passed.iter().filter(|passed| passed.who == Some(who)).find(|passed| match passed.call {
                    // That the newest verifier was seen is no secret.
                    Call::Swap(_) => passed.outcome == Outcome::Done && matches!(sent.op, Op::Write | Op::Renew),
                    Call::Create(_) | Call::Rotate(..) | Call::Revoke => passed.outcome == Outcome::Done,
                    Call::Delete(_) => passed.outcome == Outcome::Yes,
                    Call::Load(_) | Call::RotatedTo(_) | Call::Touch(_) | Call::List | Call::Epoch => false,
                });
            // Under a limit what it has made is too many, and has ended again.
            let lives = |made: &usize| self.end.live.iter().any(|live| desk.descends(*live, *made));
            let is_surplus = self.world.plan.most == 1 && !desk.written.get(&who).is_some_and(lives);
            let is_silent = !matches!(answer.jar, Jar::Set(_)) && !is_surplus;
            if let Some(passed) = changed.filter(|_| is_silent) {
                broken.push((Case::Any, format!("#{who} is refused, and has done {:?}", passed.call)));
            }
            if sent.op == Op::Write && self.end.seen.keys.contains(&who) {
                broken.push((Case::Any, format!("#{who} is refused, and w{who} is there")));
            }
        }
        for (case, how) in broken {
            self.broke(law, case, how);
        }
    }
}
