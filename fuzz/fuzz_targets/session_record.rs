//! Any bytes as the record of a session: a session or none, and never a panic; what is found can be changed, saved and found again.
#![no_main]

use countersign::UnixTime;
use countersign::session::credential::Credential;
use countersign::session::store::Budgets;
use countersign::session::store::blocking::{BlockingSessionStore, BlockingStore};
use countersign::session::store::{Deadlines, DynStore, MemoryStore, SessionContent, SessionKind};
use countersign::session::{Lifetimes, Pepper, Session, SessionManager};
use countersign_fuzz::record::{RECORDS, VERIFIERS, record};
use libfuzzer_sys::fuzz_target;
use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
static STORE: LazyLock<DynStore> =
    LazyLock::new(|| DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 16, signed_in: 1 << 16 })));
static SESSIONS: LazyLock<SessionManager<DynStore>> = LazyLock::new(|| {
    SessionManager::new(
        STORE.clone(),
        pepper(),
        Lifetimes {
            idle: Duration::from_secs(1000),
            absolute: Duration::from_secs(1000),
            renewal_grace: Duration::ZERO,
            max_token_age: Duration::ZERO,
        },
    )
});

fn pepper() -> Pepper {
    Pepper::new(b"an obvious test key of 32 bytes!").unwrap()
}

/// The store in memory never waits.
fn now_or_never<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory does not wait"),
    }
}

/// The session of a record that is stored under a credential of ours.
fn found(bytes: &[u8]) -> (String, Option<Session>) {
    let cookie = SESSIONS.start(NOW).unwrap().cookie_value().to_string();
    let credential = Credential::parse(cookie.as_bytes()).unwrap();
    // A record names its own sealed verifier: put the right one where the seeds have a place for it.
    let sealed = pepper().verifier_mac(&credential);
    let mut bytes = bytes.to_vec();
    for place in VERIFIERS {
        match bytes.get_mut(place) {
            Some(verifier) if verifier.iter().all(|byte| *byte == verifier[0]) => {
                verifier.copy_from_slice(sealed.as_bytes())
            }
            _ => {}
        }
    }
    let end = UnixTime::from_secs(1_700_001_000);
    let deadlines = Deadlines { idle: end, absolute: end };
    let content = SessionContent { kind: SessionKind::Anonymous, deadlines, epoch: 0, bytes: bytes.into() };
    BlockingStore(STORE.clone()).create(credential.handle(), content, NOW).unwrap();
    let session = now_or_never(SESSIONS.load([cookie.as_bytes()], NOW)).unwrap();
    (cookie, session)
}

/// What the crate writes is found: else the target would see nothing, and say nothing.
static CONTROL: LazyLock<()> = LazyLock::new(|| {
    for (name, user, label, data) in RECORDS {
        assert!(found(&record(user, label, data)).1.is_some(), "{name} is not read");
    }
});

fuzz_target!(|bytes: &[u8]| {
    LazyLock::force(&CONTROL);
    let (cookie, session) = found(bytes);
    let Some(mut session) = session else { return };
    session.insert("seen", &true).unwrap();
    if now_or_never(SESSIONS.save(&mut session, NOW)).is_ok() {
        let found = now_or_never(SESSIONS.load([cookie.as_bytes()], NOW)).unwrap().unwrap();
        assert_eq!(found.get::<bool>("seen"), Ok(Some(true)));
        assert_eq!(found.user(), session.user());
    }
});
