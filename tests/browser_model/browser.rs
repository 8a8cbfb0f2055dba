//! A browser with one jar, and its requests under way.

use super::gate::{Call, Entered, Fault, Gate};
use axum::body::Body;
use axum::response::IntoResponse;
use countersign::UnixTime;
use countersign::session::store::DynStore;
use countersign::session::{Lifetimes, Pepper, SessionError, SessionManager};
use countersign::web::CsrfGuard;
use countersign::web::session::{CurrentSession, LazySession, LazySessionError, SessionLayer};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response, StatusCode};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::{Layer, Service, service_fn};

pub(crate) const ALICE: &str = "alice";
pub(crate) const BOB: &str = "bob";
const GRACE: u64 = 10;
const NOW: u64 = 1_800_000_000;
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(1800),
    absolute: Duration::from_secs(43_200),
    renewal_grace: Duration::from_secs(GRACE),
    max_token_age: Duration::ZERO,
};
/// What the start has written; the requests write their own numbers.
pub(crate) const AT_START: usize = 99;

/// What a request is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Op {
    SignIn(&'static str),
    /// The user's own, to level 2.
    StepUp,
    Logout,
    Everywhere,
    Elsewhere,
    Renew,
    Read,
    Write,
}

pub(crate) const OPS: [Op; 9] = [
    Op::SignIn(ALICE),
    Op::SignIn(BOB),
    Op::StepUp,
    Op::Logout,
    Op::Everywhere,
    Op::Elsewhere,
    Op::Renew,
    Op::Read,
    Op::Write,
];

impl Op {
    /// True for what ends the session that it comes with.
    pub(crate) const fn ends(self) -> bool {
        matches!(self, Self::Logout | Self::Everywhere)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn(user) => write!(f, "sign-in as {user}"),
            Self::StepUp => f.write_str("step-up"),
            Self::Logout => f.write_str("logout"),
            Self::Everywhere => f.write_str("logout everywhere"),
            Self::Elsewhere => f.write_str("logout elsewhere"),
            Self::Renew => f.write_str("renewal"),
            Self::Read => f.write_str("read"),
            Self::Write => f.write_str("write"),
        }
    }
}

/// What was before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Start {
    /// No cookie.
    Nobody,
    /// A session without a user, with something written.
    Anonymous,
    /// The same after a sign-in.
    Alice,
    /// The same after a renewal, whose verifier was not used yet.
    Renewed,
    /// The same, but the answer with the new verifier was lost.
    RenewalLost,
    /// The same as alice, and the answer of a step-up was lost.
    StepUpLost,
    /// Of a session that has ended elsewhere.
    Ended,
}

pub(crate) const STARTS: [Start; 7] = [
    Start::Nobody,
    Start::Anonymous,
    Start::Alice,
    Start::Renewed,
    Start::RenewalLost,
    Start::StepUpLost,
    Start::Ended,
];

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "a browser without a cookie",
            Self::Anonymous => "a browser in a session without a user",
            Self::Alice => "a browser with alice signed in",
            Self::Renewed => "a browser with alice signed in, its renewed verifier not used yet",
            Self::RenewalLost => "a browser with alice signed in, and the answer of a renewal lost",
            Self::StepUpLost => "a browser with alice signed in, and the answer of a step-up lost",
            Self::Ended => "a browser whose session was ended elsewhere",
        })
    }
}

impl Start {
    /// True if the browser is in alice's session.
    pub(crate) const fn is_alice(self) -> bool {
        matches!(self, Self::Alice | Self::Renewed | Self::RenewalLost)
    }

    /// True if what the start has written is in the browser's session.
    pub(crate) const fn has_data(self) -> bool {
        matches!(self, Self::Anonymous) || self.is_alice()
    }
}

/// What a handler has found in the session.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Seen {
    pub(crate) user: Option<String>,
    pub(crate) level: u8,
    pub(crate) keys: BTreeSet<usize>,
    pub(crate) count: u64,
}

/// What an answer does to the jar.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Jar {
    Keep,
    Clear,
    Set(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) jar: Jar,
    pub(crate) seen: Option<Seen>,
}

type Handled = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>>>>;

/// How far a request is.
enum Stage {
    Unsent,
    Running(Handled),
    /// The answer is under way.
    Answered,
    Arrived,
    GivenUp,
}

pub(crate) struct Sent {
    pub(crate) op: Op,
    stage: Stage,
    /// The cookie that it was sent with, and the life that is of.
    pub(crate) cookie: Option<String>,
    pub(crate) life: Option<usize>,
    pub(crate) sent: Option<usize>,
    pub(crate) answered: Option<usize>,
    pub(crate) arrived: Option<usize>,
    pub(crate) answer: Option<Answer>,
}

impl Sent {
    const fn new(op: Op) -> Self {
        Self {
            op,
            stage: Stage::Unsent,
            cookie: None,
            life: None,
            sent: None,
            answered: None,
            arrived: None,
            answer: None,
        }
    }

    pub(crate) fn is_given_up(&self) -> bool {
        matches!(self.stage, Stage::GivenUp)
    }

    /// True if it was acknowledged and the browser knows.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.arrived.is_some() && self.answer.as_ref().is_some_and(|answer| answer.status == StatusCode::OK)
    }

    /// True if nobody knows, at the browser, whether it was done.
    pub(crate) fn may_be_done(&self) -> bool {
        self.is_acknowledged() || self.is_given_up()
    }

    /// True if the browser had this one's answer before it sent the other one.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        matches!((self.arrived, other.sent), (Some(arrived), Some(sent)) if arrived < sent)
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    Send(usize),
    /// The store answers the call that the request waits with.
    Step(usize),
    Arrive(usize),
    GiveUp(usize),
    /// More time passes than the grace.
    Wait,
}

impl Event {
    /// The request; the time has a number of its own.
    pub(crate) const fn who(self) -> usize {
        match self {
            Self::Send(who) | Self::Step(who) | Self::Arrive(who) | Self::GiveUp(who) => who,
            Self::Wait => AT_START,
        }
    }
}

/// When the grace may pass.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Patience {
    /// Only when all is over.
    #[default]
    AtTheEnd,
    /// Once, while nothing is under way.
    BetweenRequests,
    /// Once, whatever is under way.
    Anywhere,
}

/// What an event has to do with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Touches {
    Sending(Op),
    Arrival { sets: bool },
    Store(Call),
    GivingUp,
    Time,
}

/// An event that can happen now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enabled {
    pub(crate) event: Event,
    touches: Touches,
}

impl Enabled {
    /// True if the order of the two makes no difference.
    pub(crate) fn commutes(self, other: Self) -> bool {
        use Touches::{Arrival, GivingUp, Sending, Store, Time};
        if self.event.who() == other.event.who() {
            return false;
        }
        match (self.touches, other.touches) {
            (Time, _) | (_, Time) => false,
            (Sending(one), Sending(two)) => one != two,
            (Sending(_), Arrival { .. }) | (Arrival { .. }, Sending(_)) | (GivingUp, GivingUp) => false,
            (Arrival { sets: one }, Arrival { sets: two }) => !(one && two),
            (Store(one), Store(two)) => one.commutes(two),
            _ => true,
        }
    }
}

/// What is tried.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) start: Start,
    pub(crate) ops: Vec<Op>,
    pub(crate) most: usize,
    pub(crate) may_give_up: usize,
    pub(crate) patience: Patience,
    pub(crate) fault: Fault,
}

impl Plan {
    pub(crate) fn new(start: Start, ops: &[Op]) -> Self {
        Self {
            start,
            ops: ops.to_vec(),
            most: usize::MAX,
            may_give_up: 0,
            patience: Patience::AtTheEnd,
            fault: Fault::None,
        }
    }
}

/// The start, recorded once and entered for each order.
pub(crate) struct Recorded {
    pub(crate) plan: Plan,
    entered: Vec<Entered>,
    jar: Option<String>,
}

fn pepper() -> Pepper {
    Pepper::new(b"an obvious test key of 32 bytes!").unwrap()
}

fn gate(plan: &Plan, clock: &Arc<AtomicU64>) -> (Arc<Gate>, SessionLayer) {
    let pepper = pepper();
    let users = [ALICE, BOB].map(|user| (pepper.user_hash(user.as_bytes()), user));
    let gate = Gate::new(plan.ops.len(), plan.fault, users.to_vec());
    let mut sessions = SessionManager::new(DynStore::new(Arc::clone(&gate)), pepper, LIFETIMES);
    if plan.most < usize::MAX {
        sessions = sessions.with_max_per_user(plan.most);
    }
    let guard = CsrfGuard::new(["https://shop.example"]);
    let clock = Arc::clone(clock);
    let layer = SessionLayer::new(sessions, guard.unwrap(), Duration::from_secs(5));
    (gate, layer.with_clock(move || UnixTime::from_secs(clock.load(Ordering::Relaxed))))
}

impl Recorded {
    pub(crate) fn new(plan: Plan) -> Self {
        let world = World::bare(plan.clone());
        let mut jar = None;
        let mut ask = |op, is_lost: bool| {
            let answer = world.ask(op, AT_START, jar.as_deref());
            assert_eq!(answer.status, StatusCode::OK, "{op}");
            if !is_lost {
                put(&mut jar, answer.jar);
            }
        };
        let steps: &[(Op, bool)] = match plan.start {
            Start::Nobody => &[],
            Start::Anonymous => &[(Op::Write, false)],
            Start::Alice => &[(Op::Write, false), (Op::SignIn(ALICE), false)],
            Start::Renewed => &[(Op::Write, false), (Op::SignIn(ALICE), false), (Op::Renew, false)],
            Start::RenewalLost => &[(Op::Write, false), (Op::SignIn(ALICE), false), (Op::Renew, true)],
            Start::StepUpLost => &[(Op::Write, false), (Op::SignIn(ALICE), false), (Op::StepUp, true)],
            Start::Ended => &[(Op::Write, false), (Op::SignIn(ALICE), false), (Op::Logout, true)],
        };
        for (op, is_lost) in steps {
            ask(*op, *is_lost);
        }
        let entered = core::mem::take(&mut world.gate.desk().entered);
        Self { plan, entered, jar }
    }
}

fn put(place: &mut Option<String>, jar: Jar) {
    match jar {
        Jar::Keep => {}
        Jar::Clear => *place = None,
        Jar::Set(value) => *place = Some(value),
    }
}

/// A browser, what it has sent, and the server.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) gate: Arc<Gate>,
    layer: SessionLayer,
    jar: Option<String>,
    pub(crate) sent: Vec<Sent>,
    /// How many events there were.
    time: usize,
    given_up: usize,
    clock: Arc<AtomicU64>,
    has_waited: bool,
    /// While something was under way.
    pub(crate) has_waited_for_some: bool,
    pub(crate) words: Option<Vec<String>>,
}

impl World {
    fn bare(plan: Plan) -> Self {
        let clock = Arc::new(AtomicU64::new(NOW));
        let (gate, layer) = gate(&plan, &clock);
        let sent = plan.ops.iter().copied().map(Sent::new).collect();
        Self {
            plan,
            gate,
            layer,
            jar: None,
            sent,
            time: 0,
            given_up: 0,
            clock,
            has_waited: false,
            has_waited_for_some: false,
            words: None,
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.clock.load(Ordering::Relaxed))
    }

    pub(crate) fn new(recorded: &Recorded) -> Self {
        let mut world = Self::bare(recorded.plan.clone());
        ready(Box::pin(world.gate.enter(&recorded.entered, world.now())));
        world.gate.desk().entered.clear();
        world.jar.clone_from(&recorded.jar);
        world
    }

    fn request(op: Op, number: usize, cookie: Option<&str>) -> Request<Body> {
        let method = if op == Op::Read { "GET" } else { "POST" };
        let mut request = Request::builder().method(method).uri("/").header("sec-fetch-site", "same-origin");
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, format!("__Host-id={cookie}"));
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert((op, number));
        request
    }

    fn handled(&self, request: Request<Body>) -> Handled {
        let mut service = self.layer.layer(service_fn(handle));
        Box::pin(service.call(request))
    }

    /// Asks with nobody else about.
    fn ask(&self, op: Op, number: usize, cookie: Option<&str>) -> Answer {
        self.gate.desk().running = None;
        answer(ready(self.handled(Self::request(op, number, cookie))).unwrap())
    }

    /// What can happen next.
    pub(crate) fn enabled(&self) -> Vec<Enabled> {
        let mut enabled = Vec::new();
        for (who, sent) in self.sent.iter().enumerate() {
            let mut can = |event, touches| enabled.push(Enabled { event, touches });
            let is_running = match &sent.stage {
                Stage::Unsent => {
                    // Of two that are for the same, the first is sent first: else all orders come twice.
                    let twin = self.sent[..who].iter().any(|other| other.op == sent.op && other.sent.is_none());
                    if !twin {
                        can(Event::Send(who), Touches::Sending(sent.op));
                    }
                    false
                }
                Stage::Running(_) => {
                    let call = self.gate.desk().waits_with(who).unwrap();
                    can(Event::Step(who), Touches::Store(call));
                    true
                }
                Stage::Answered => {
                    let sets = sent.answer.as_ref().is_some_and(|answer| answer.jar != Jar::Keep);
                    can(Event::Arrive(who), Touches::Arrival { sets });
                    true
                }
                Stage::Arrived | Stage::GivenUp => false,
            };
            if is_running && self.given_up < self.plan.may_give_up {
                can(Event::GiveUp(who), Touches::GivingUp);
            }
        }
        let is_quiet = self.is_quiet();
        let is_before_some = self.sent.iter().any(|sent| !matches!(sent.stage, Stage::Arrived | Stage::GivenUp));
        let may_wait = match self.plan.patience {
            Patience::AtTheEnd => false,
            Patience::BetweenRequests => is_quiet,
            Patience::Anywhere => true,
        };
        if may_wait && is_before_some && !self.has_waited {
            enabled.push(Enabled { event: Event::Wait, touches: Touches::Time });
        }
        enabled
    }

    /// True while nothing is under way.
    fn is_quiet(&self) -> bool {
        self.sent.iter().all(|sent| !matches!(sent.stage, Stage::Running(_) | Stage::Answered))
    }

    /// Lets an event happen.
    pub(crate) fn happen(&mut self, event: Event) {
        self.time += 1;
        let who = event.who();
        match event {
            Event::Wait => {
                self.has_waited = true;
                self.has_waited_for_some = !self.is_quiet();
                self.clock.fetch_add(GRACE + 2, Ordering::Relaxed);
                self.say(|_| "the grace passes".to_owned());
            }
            Event::Send(_) => {
                let (op, cookie) = (self.sent[who].op, self.jar.clone());
                let handled = self.handled(Self::request(op, who, cookie.as_deref()));
                self.say(|world| format!("#{who} {op} is sent {}", world.name_of_cookie(cookie.as_deref())));
                let sent = &mut self.sent[who];
                sent.stage = Stage::Running(handled);
                sent.sent = Some(self.time);
                sent.life = cookie.as_deref().and_then(|cookie| life_of(&self.gate, cookie));
                sent.cookie = cookie;
                self.go_on(who);
            }
            Event::Step(_) => {
                self.gate.desk().grant(who);
                self.go_on(who);
            }
            Event::Arrive(_) => {
                let sent = &mut self.sent[who];
                sent.stage = Stage::Arrived;
                sent.arrived = Some(self.time);
                let jar = sent.answer.as_ref().unwrap().jar.clone();
                put(&mut self.jar, jar);
                self.say(|world| {
                    format!(
                        "#{who}'s answer arrives: the jar is {}",
                        world.name_of_cookie(world.jar.as_deref()).trim_start_matches("with ")
                    )
                });
            }
            Event::GiveUp(_) => {
                let was_answered = matches!(self.sent[who].stage, Stage::Answered);
                self.sent[who].stage = Stage::GivenUp;
                self.gate.desk().forget(who);
                self.given_up += 1;
                self.say(|_| {
                    if was_answered {
                        format!("#{who}'s answer is lost")
                    } else {
                        format!("#{who} is dropped before its call")
                    }
                });
            }
        }
    }

    /// Polls a request until it waits or is done.
    fn go_on(&mut self, who: usize) {
        let before = {
            let mut desk = self.gate.desk();
            desk.running = Some(who);
            desk.passed.len()
        };
        let mut context = Context::from_waker(Waker::noop());
        let Stage::Running(handled) = &mut self.sent[who].stage else { panic!("it does not run") };
        let mut done = None;
        // What gives way without a call touches nothing that others see.
        for _ in 0..8 {
            match handled.as_mut().poll(&mut context) {
                Poll::Ready(response) => done = Some(response.unwrap()),
                Poll::Pending if self.gate.desk().waits_with(who).is_none() => continue,
                Poll::Pending => {}
            }
            break;
        }
        self.gate.desk().running = None;
        self.say_calls(before);
        if let Some(response) = done {
            let answer = answer(response);
            self.say(|world| {
                let cookie = match &answer.jar {
                    Jar::Keep => "no cookie".to_owned(),
                    Jar::Clear => "the cookie taken away".to_owned(),
                    Jar::Set(cookie) => world.name_of_cookie(Some(cookie)),
                };
                let seen = answer.seen.as_ref().map(|seen| format!(", {seen:?}")).unwrap_or_default();
                format!("#{who} is answered {}, {cookie}{seen}", answer.status.as_u16())
            });
            let sent = &mut self.sent[who];
            sent.stage = Stage::Answered;
            sent.answered = Some(self.time);
            sent.answer = Some(answer);
        }
    }

    fn say_calls(&mut self, from: usize) {
        if self.words.is_none() {
            return;
        }
        let passed = self.gate.desk().passed[from..].to_vec();
        for call in passed {
            self.say(|world| {
                let name = |handle| {
                    world.gate.desk().at.get(&handle).map_or("a new one".to_owned(), |life| format!("s{life}"))
                };
                let asked = match call.call {
                    Call::Create(handle) => format!("create {}", name(handle)),
                    Call::Load(handle) => format!("load {}", name(handle)),
                    Call::Swap(handle) => format!("swap {}", name(handle)),
                    Call::Touch(handle) => format!("touch {}", name(handle)),
                    Call::Delete(handle) => format!("delete {}", name(handle)),
                    Call::Rotate(old, new) if old == new => format!("rotate in place to {}", name(new)),
                    Call::Rotate(old, new) => format!("rotate {} to {}", name(old), name(new)),
                    Call::RotatedTo(handle) => format!("where to from {}", name(handle)),
                    Call::List => "list".to_owned(),
                    Call::Revoke => "revoke user".to_owned(),
                    Call::Epoch => "epoch".to_owned(),
                };
                format!("  #{} {asked}: {:?}", call.who.unwrap_or(AT_START), call.outcome)
            });
        }
    }

    fn say(&mut self, words: impl FnOnce(&Self) -> String) {
        if let Some(mut said) = self.words.take() {
            said.push(words(self));
            self.words = Some(said);
        }
    }

    /// Cookies have numbers in the order in which they are named.
    fn name_of_cookie(&self, cookie: Option<&str>) -> String {
        let Some(cookie) = cookie else { return "without a cookie".to_owned() };
        let life = life_of(&self.gate, cookie);
        let digest = cookie.bytes().rev().take(4).map(char::from).collect::<String>();
        format!("with cookie {digest} of s{}", life.map_or("?".to_owned(), |life| life.to_string()))
    }

    /// What the browser finds once all answers have arrived: at once, and when the grace is over.
    pub(crate) fn end(&mut self) -> End {
        let answer = self.ask(Op::Read, AT_START, self.jar.as_deref());
        let mut jar = self.jar.clone();
        put(&mut jar, answer.jar.clone());
        let now = self.now();
        let mut live = Vec::new();
        let lives = self.gate.desk().lives.len();
        for life in 0..lives {
            if ready(Box::pin(self.gate.lives(life, now))) {
                live.push(life);
            }
        }
        let thefts = self.layer.manager().counters().stolen_cookies;
        let later = UnixTime::from_secs(now.as_secs() + GRACE + 2);
        let found = ready(Box::pin(self.layer.manager().load(jar.as_deref().map(str::as_bytes), later))).unwrap();
        let later_user = found.and_then(|session| session.user().map(str::to_owned));
        let late_thefts = self.layer.manager().counters().stolen_cookies - thefts;
        End { seen: answer.seen.unwrap_or_default(), live, thefts, later_user, late_thefts }
    }
}

/// What there is when all is over.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) seen: Seen,
    /// Lives that go on.
    pub(crate) live: Vec<usize>,
    pub(crate) thefts: u64,
    pub(crate) later_user: Option<String>,
    pub(crate) late_thefts: u64,
}

/// Which life a cookie is of, by its handle.
fn life_of(gate: &Gate, cookie: &str) -> Option<usize> {
    let handle = countersign::session::credential::Credential::parse(cookie.as_bytes())?.handle();
    gate.desk().at.get(&handle).copied()
}

/// Polls what has nobody to wait for.
fn ready<F: Future + Unpin>(mut future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..8 {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(&mut context) {
            return output;
        }
    }
    panic!("it waits for somebody");
}

fn answer(mut response: Response<Body>) -> Answer {
    let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    let jar = match &cookies[..] {
        [] => Jar::Keep,
        [one] => {
            let value = one.strip_prefix("__Host-id=").unwrap().split(';').next().unwrap();
            if value.is_empty() { Jar::Clear } else { Jar::Set(value.to_owned()) }
        }
        more => panic!("{more:?}"),
    };
    Answer { status: response.status(), jar, seen: response.extensions_mut().remove() }
}

/// The application.
async fn handle(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (op, number) = *request.extensions().get::<(Op, usize)>().unwrap();
    let slot = request.extensions().get::<LazySession>().unwrap().clone();
    drop(request);
    let session = match slot.open().await {
        Ok(session) => session,
        Err(LazySessionError::Session(error)) => return Ok(error.into_response()),
        Err(error) => panic!("{error}"),
    };
    Ok(act(session, op, number).await.unwrap_or_else(IntoResponse::into_response))
}

async fn act(mut session: CurrentSession, op: Op, number: usize) -> Result<Response<Body>, SessionError> {
    let mut response = Response::new(Body::empty());
    match op {
        Op::SignIn(user) => {
            let attempt = session.begin_sign_in(user).await?;
            session.sign_in(&attempt, 1).await?;
        }
        Op::StepUp => {
            let user = session.user().ok_or(SessionError::Ended)?.to_owned();
            let attempt = session.begin_sign_in(&user).await?;
            session.sign_in(&attempt, 2).await?;
        }
        Op::Logout => session.sign_out().await?,
        Op::Everywhere => session.sign_out_everywhere().await?,
        Op::Elsewhere => session.sign_out_elsewhere().await?,
        Op::Renew => session.renew().await?,
        Op::Read => drop(response.extensions_mut().insert(seen(&session))),
        Op::Write => {
            session.insert(&format!("w{number}"), &1)?;
            session.update(|data| {
                let count = data.get("count").and_then(serde_json::Value::as_u64).unwrap_or(0);
                data.insert("count".to_owned(), (count + 1).into());
            });
            response.extensions_mut().insert(seen(&session));
        }
    }
    Ok(response)
}

fn seen(session: &CurrentSession) -> Seen {
    let keys = (0..8).chain([AT_START]).filter(|number| session.get::<u64>(&format!("w{number}")).unwrap().is_some());
    Seen {
        user: session.user().map(str::to_owned),
        level: session.last_sign_in().map_or(0, |last| last.level),
        keys: keys.collect(),
        count: session.get("count").unwrap().unwrap_or(0),
    }
}
