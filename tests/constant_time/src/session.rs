//! Credentials and form tokens are verified: the pepper is secret and so is the verifier in a cookie, but for the number of sign-ins at its end.

use crate::keys::KEY;
use crate::memcheck::{hide, secret};
use crate::{Operation, verdicts};
use countersign::UnixTime;
use countersign::session::store::Budgets;
use countersign::session::store::MemoryStore;
use countersign::session::{Lifetimes, Pepper, Session, SessionManager};
use futures_executor::block_on;
use std::sync::Arc;
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
/// Characters of a cookie that stand for secret bytes alone: in front of them there is the handle, behind them the number.
const SECRET: std::ops::Range<usize> = 27..66;

pub const OPERATIONS: &[Operation] = &[
    ("the session of a cookie is found", verdicts(3).and_reports(1), || {
        let (store, session) = saved();
        assert!(found(&store, &session.cookie_value(), NOW));
    }),
    ("the session of a cookie from before a renewal is found", verdicts(4).and_reports(1), || {
        let (store, mut session) = saved();
        let before = session.cookie_value();
        renew(&store, &mut session);
        assert!(found(&store, &before, NOW));
    }),
    ("a cookie that counted once is taken for stolen", verdicts(4).and_reports(1), || {
        let (store, mut session) = saved();
        let before = session.cookie_value();
        renew(&store, &mut session);
        // The new one is seen, which begins the grace of the one before.
        let sessions = sessions(&store, KEY);
        let mut seen = block_on(sessions.load([session.cookie_value().as_bytes()], NOW)).unwrap().unwrap();
        block_on(sessions.save(&mut seen, NOW)).unwrap();
        assert!(!found(&store, &before, UnixTime::from_secs(NOW.as_secs() + 60)));
    }),
    ("a guessed cookie is refused, wrong at the beginning of its verifier", verdicts(2).and_reports(1), || {
        guess(SECRET.start)
    }),
    ("a guessed cookie is refused, wrong at the end of its verifier", verdicts(2).and_reports(1), || {
        guess(SECRET.end - 1)
    }),
    ("the token of a form is accepted", verdicts(2), || {
        let (store, session) = saved();
        let token = sessions(&store, KEY).form_token(&session);
        assert!(sessions(&store, &secret(KEY)).verify_form_token(&session, &token));
    }),
    ("the token of a form is refused, wrong in its first character", verdicts(2), || refuse_form(0)),
    ("the token of a form is refused, wrong in its last character", verdicts(2), || refuse_form(42)),
];

fn sessions(store: &Arc<MemoryStore>, pepper: &[u8]) -> SessionManager<Arc<MemoryStore>> {
    let lifetimes = Lifetimes {
        idle: Duration::from_secs(1800),
        absolute: Duration::from_secs(43_200),
        renewal_grace: Duration::from_secs(10),
        max_token_age: Duration::ZERO,
    };
    SessionManager::new(store.clone(), Pepper::new(pepper).unwrap(), lifetimes)
}

/// A store and the one session in it, made where memcheck does not watch.
fn saved() -> (Arc<MemoryStore>, Session) {
    let store = Arc::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    let sessions = sessions(&store, KEY);
    let mut session = sessions.start(NOW).unwrap();
    block_on(sessions.save(&mut session, NOW)).unwrap();
    (store, session)
}

fn renew(store: &Arc<MemoryStore>, session: &mut Session) {
    block_on(sessions(store, KEY).renew(session, NOW)).unwrap();
}

/// True if there is a session for a cookie whose verifier is secret, under a secret pepper.
fn found(store: &Arc<MemoryStore>, cookie: &str, now: UnixTime) -> bool {
    let mut cookie = cookie.as_bytes().to_vec();
    hide(&mut cookie[SECRET]);
    let sessions = sessions(store, &secret(KEY));
    block_on(sessions.load([cookie.as_slice()], now)).unwrap().is_some()
}

/// With one character of the cookie another one.
fn guess(place: usize) {
    let (store, session) = saved();
    let mut cookie = session.cookie_value().as_bytes().to_vec();
    cookie[place] = if cookie[place] == b'A' { b'B' } else { b'A' };
    assert!(!found(&store, std::str::from_utf8(&cookie).unwrap(), NOW));
}

/// With one character of the token another one.
fn refuse_form(place: usize) {
    let (store, session) = saved();
    let mut token = sessions(&store, KEY).form_token(&session).into_bytes();
    token[place] = if token[place] == b'A' { b'E' } else { b'A' };
    let token = String::from_utf8(token).unwrap();
    assert!(!sessions(&store, &secret(KEY)).verify_form_token(&session, &token));
}
