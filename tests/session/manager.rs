//! Sessions as a request works with them: found, merged, signed in, renewed and ended.

use countersign::UnixTime;
use countersign::session::SignIn;
use countersign::session::credential::{Credential, UserHash};
use countersign::session::store::Budgets;
use countersign::session::store::{
    Capabilities, CreateOutcome, Deadlines, MemoryStore, RevocationEpoch, SessionContent, SessionKind, SessionStore,
    StoreError, StoredSession, SwapOutcome,
};
use countersign::session::{Handle, Lifetimes, MAX_RECORD_LEN, Pepper, Session, SessionError, SessionManager};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(1000),
    absolute: Duration::from_secs(10_000),
    renewal_grace: Duration::from_secs(10),
    max_token_age: Duration::ZERO,
};

fn after(seconds: u64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs() + seconds)
}

fn pepper() -> Pepper {
    Pepper::new(b"an obvious test key of 32 bytes!").unwrap()
}

fn sessions() -> SessionManager<MemoryStore> {
    SessionManager::new(MemoryStore::new(Budgets { anonymous: 16 << 20, signed_in: 16 << 20 }), pepper(), LIFETIMES)
}

async fn saved<S: SessionStore>(sessions: &SessionManager<S>) -> Session {
    let mut session = sessions.start(NOW).unwrap();
    sessions.save(&mut session, NOW).await.unwrap();
    session
}

async fn signed_in<S: SessionStore>(sessions: &SessionManager<S>, user: &str) -> Session {
    let mut session = saved(sessions).await;
    sign_in(sessions, &mut session, user, 1, NOW).await.unwrap();
    session
}

async fn sign_in<S: SessionStore>(
    sessions: &SessionManager<S>,
    session: &mut Session,
    user: &str,
    level: u8,
    now: UnixTime,
) -> Result<(), SessionError> {
    let attempt = sessions.begin_sign_in(user).await.unwrap();
    sessions.sign_in(session, &attempt, level, now).await
}

async fn find<S: SessionStore>(sessions: &SessionManager<S>, cookie: &str, now: UnixTime) -> Option<Session> {
    sessions.load([cookie.as_bytes()], now).await.unwrap()
}

// ---------------------------------------------------------------------------------------------- parallel requests

fn add_one(session: &mut Session) {
    session.update(|data| {
        let count = data.get("count").and_then(|count| count.as_u64()).unwrap_or(0);
        data.insert("count".to_owned(), (count + 1).into());
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_requests_merge_what_they_change() {
    let sessions = Arc::new(sessions());
    let session = signed_in(&*sessions, "alice").await;
    let cookie = session.cookie_value();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let (sessions, cookie) = (Arc::clone(&sessions), cookie.to_string());
            tokio::spawn(async move {
                for _ in 0..200 {
                    let mut session = find(&*sessions, &cookie, NOW).await.unwrap();
                    add_one(&mut session);
                    session.insert(&format!("of {task}"), &true).unwrap();
                    sessions.save(&mut session, NOW).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let found = find(&*sessions, &cookie, NOW).await.unwrap();
    assert_eq!(found.get::<u64>("count").unwrap(), Some(12_800));
    assert!((0..64).all(|task| found.get::<bool>(&format!("of {task}")).unwrap() == Some(true)));
    assert!(sessions.counters().conflicts > 0, "there was no race");
}

// ---------------------------------------------------------------------------------------------- signing in and out

/// A planted cookie is worth nothing once its victim has signed in with it, whatever it signs in as and however often.
#[tokio::test]
async fn no_session_can_be_fixed() {
    let sessions = sessions();
    for attempt in 0..1000 {
        let mut session = saved(&sessions).await;
        let planted = session.cookie_value();
        let mut victim = find(&sessions, &planted, NOW).await.unwrap();
        sign_in(&sessions, &mut victim, "alice", 1, NOW).await.unwrap();
        assert!(find(&sessions, &planted, NOW).await.is_none(), "attempt {attempt}");
        let mut cookies = vec![planted];
        for (user, level) in [("alice", 2), ("bob", 1)] {
            cookies.push(victim.cookie_value());
            sign_in(&sessions, &mut victim, user, level, NOW).await.unwrap();
            assert_eq!(victim.user(), Some(user));
        }
        for cookie in &cookies {
            assert!(find(&sessions, cookie, NOW).await.is_none());
        }
        // What was planted cannot be written either.
        session.insert("admin", &true).unwrap();
        assert_eq!(sessions.save(&mut session, NOW).await, Err(SessionError::Ended));
        assert_eq!(sign_in(&sessions, &mut session, "mallory", 1, NOW).await, Err(SessionError::Ended));
        let found = find(&sessions, &victim.cookie_value(), NOW).await.unwrap();
        assert_eq!((found.user(), found.get::<bool>("admin").unwrap()), (Some("bob"), None));
    }
}

#[tokio::test]
async fn data_stays_when_somebody_signs_in() {
    let sessions = sessions();
    let mut session = sessions.start(NOW).unwrap();
    session.insert("cart", &["apples"]).unwrap();
    sessions.save(&mut session, NOW).await.unwrap();
    let mut other = find(&sessions, &session.cookie_value(), NOW).await.unwrap();
    other.insert("theme", "dark").unwrap();
    sessions.save(&mut other, NOW).await.unwrap();
    // Read before the other request wrote: its change is not lost.
    sign_in(&sessions, &mut session, "alice", 1, after(5)).await.unwrap();
    let found = find(&sessions, &session.cookie_value(), after(5)).await.unwrap();
    assert_eq!(found.get::<String>("theme").unwrap().as_deref(), Some("dark"));
    assert_eq!(found.get::<Vec<String>>("cart").unwrap().unwrap(), ["apples"]);
    assert_eq!(found.last_sign_in(), Some(SignIn { at: after(5), level: 1 }));
}

#[tokio::test]
async fn signed_out_everywhere_is_signed_out_everywhere() {
    let sessions = sessions();
    let mut phone = signed_in(&sessions, "alice").await;
    let (mut laptop, mut desk) = (signed_in(&sessions, "alice").await, signed_in(&sessions, "alice").await);
    let bob = signed_in(&sessions, "bob").await;
    laptop.set_label("laptop");
    sessions.save(&mut laptop, NOW).await.unwrap();
    let listed = sessions.list_for_user("alice", None, 100, NOW).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().any(|listed| listed.label == "laptop" && listed.handle == laptop.handle()));
    assert!(
        sessions.end_session(desk.handle(), NOW).await.unwrap()
            && !sessions.end_session(desk.handle(), NOW).await.unwrap()
    );
    desk.insert("late", &1).unwrap();
    assert_eq!(sessions.save(&mut desk, NOW).await, Err(SessionError::Ended));

    let epoch = sessions.end_all_for_user("alice", Some(laptop.handle()), after(1)).await.unwrap();
    assert_eq!((epoch.number, epoch.at), (after(1).as_secs(), Some(after(1))));
    phone.insert("late", &1).unwrap();
    assert_eq!(sessions.save(&mut phone, after(1)).await, Err(SessionError::Ended));
    assert!(find(&sessions, &phone.cookie_value(), after(1)).await.is_none());
    // The one that was excepted goes on, also with what was read before.
    laptop.insert("still", &"here").unwrap();
    sessions.save(&mut laptop, after(1)).await.unwrap();
    assert!(find(&sessions, &bob.cookie_value(), after(1)).await.is_some());
    assert_eq!(sessions.list_for_user("alice", None, 100, after(1)).await.unwrap().len(), 1);
    signed_in(&sessions, "alice").await;
}

/// A password is being checked while its user, who has just changed it, signs out everywhere: it opens nothing any more.
#[tokio::test]
async fn a_sign_in_under_way_does_not_outlive_being_signed_out_everywhere() {
    let sessions = sessions();
    for mut session in [saved(&sessions).await, sessions.start(NOW).unwrap()] {
        let attempt = sessions.begin_sign_in("alice").await.unwrap();
        sessions.end_all_for_user("alice", None, NOW).await.unwrap();
        let outcome = sessions.sign_in(&mut session, &attempt, 1, NOW).await;
        assert!(matches!(outcome, Err(SessionError::Ended | SessionError::Revoked)), "{outcome:?}");
        sign_in(&sessions, &mut session, "alice", 1, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_goes_from_user_to_user() {
    let sessions = sessions();
    let mut session = sessions.start(NOW).unwrap();
    session.insert("cart", &["apples"]).unwrap();
    sign_in(&sessions, &mut session, "alice", 1, NOW).await.unwrap();
    session.insert("secret", &"of alice").unwrap();
    session.set_label("her laptop");
    sessions.save(&mut session, NOW).await.unwrap();
    sign_in(&sessions, &mut session, "alice", 2, NOW).await.unwrap();
    assert_eq!(session.get::<String>("secret").unwrap().as_deref(), Some("of alice"), "stepping up");
    sign_in(&sessions, &mut session, "bob", 1, NOW).await.unwrap();
    let found = find(&sessions, &session.cookie_value(), NOW).await.unwrap();
    assert!(found.get::<String>("secret").unwrap().is_none() && found.get::<Vec<String>>("cart").unwrap().is_none());
    assert_eq!(sessions.list_for_user("bob", None, 100, NOW).await.unwrap()[0].label, "");
}

/// With room for two, a third one ends the one that was not seen for longest; nobody else's count.
#[tokio::test]
async fn a_user_has_so_many_sessions_and_no_more() {
    let sessions = sessions().with_max_per_user(2);
    let mut cookies = Vec::new();
    for minute in 0..3 {
        let mut session = sessions.start(after(minute * 60)).unwrap();
        sign_in(&sessions, &mut session, "alice", 1, after(minute * 60)).await.unwrap();
        cookies.push(session.cookie_value());
        signed_in(&sessions, &format!("user {minute}")).await;
        // The first one is in use, the second one is not.
        assert!(find(&sessions, &cookies[0], after(minute * 60 + 300)).await.is_some(), "{minute}");
    }
    assert!(find(&sessions, &cookies[1], after(400)).await.is_none());
    assert!(find(&sessions, &cookies[2], after(400)).await.is_some());
    assert_eq!(sessions.list_for_user("alice", None, 100, after(400)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_session_is_ended_by_its_own_user_alone() {
    let sessions = sessions();
    let alice = signed_in(&sessions, "alice").await;
    assert!(!sessions.end_for_user("bob", alice.handle(), NOW).await.unwrap());
    assert!(find(&sessions, &alice.cookie_value(), NOW).await.is_some());
    assert!(sessions.end_for_user("alice", alice.handle(), NOW).await.unwrap());
    assert!(find(&sessions, &alice.cookie_value(), NOW).await.is_none());
}

// ---------------------------------------------------------------------------------------------- renewal and theft

/// As the filter does it: found, and what has changed is written.
async fn seen<S: SessionStore>(sessions: &SessionManager<S>, cookie: &str, now: UnixTime) -> Option<Session> {
    let mut session = find(sessions, cookie, now).await?;
    sessions.save(&mut session, now).await.unwrap();
    Some(session)
}

#[tokio::test]
async fn an_old_verifier_counts_for_its_grace_and_is_an_alarm_after() {
    let sessions = sessions();
    let mut session = signed_in(&sessions, "alice").await;
    let old = session.cookie_value();
    sessions.renew(&mut session, NOW).await.unwrap();
    let new = session.cookie_value();
    assert_ne!(old, new);
    assert!(seen(&sessions, &new, NOW).await.is_some());
    // A request that was under way.
    assert!(seen(&sessions, &old, after(9)).await.is_some() && seen(&sessions, &new, after(9)).await.is_some());
    assert_eq!(sessions.counters().stolen_cookies, 0);
    // Then only a thief has the old one, or the thief has the new one: it ends for both.
    assert!(seen(&sessions, &old, after(10)).await.is_none());
    assert_eq!(sessions.counters().stolen_cookies, 1);
    assert!(seen(&sessions, &new, after(10)).await.is_none());
}

/// However many renewals ago: a thief's copy is known for what it is.
#[tokio::test]
async fn a_verifier_of_long_ago_is_an_alarm_too() {
    let sessions = sessions();
    let mut session = signed_in(&sessions, "alice").await;
    let copied = session.cookie_value();
    for round in 0..9 {
        let now = after(round * 100);
        sessions.renew(&mut session, now).await.unwrap();
        session = seen(&sessions, &session.cookie_value(), now).await.unwrap();
    }
    assert_eq!(sessions.counters().stolen_cookies, 0);
    assert!(seen(&sessions, &copied, after(900)).await.is_none());
    assert_eq!(sessions.counters().stolen_cookies, 1);
    assert!(seen(&sessions, &session.cookie_value(), after(900)).await.is_none());
}

/// Answers with a new cookie are lost on the way: the browser goes on with the one that it has, for as long as that takes.
#[tokio::test]
async fn an_answer_that_is_lost_locks_nobody_out() {
    let sessions = sessions();
    let kept = signed_in(&sessions, "alice").await.cookie_value();
    let renew = async |now| {
        let mut session = seen(&sessions, &kept, now).await.unwrap();
        sessions.renew(&mut session, now).await.unwrap();
        session.cookie_value()
    };
    for round in 0..3 {
        assert_ne!(renew(after(round * 100)).await, kept);
    }
    // At last one arrives, and the old one is over.
    let arrived = renew(after(300)).await;
    assert!(
        seen(&sessions, &arrived, after(301)).await.is_some() && seen(&sessions, &kept, after(310)).await.is_some()
    );
    assert_eq!(sessions.counters().stolen_cookies, 0);
    assert!(seen(&sessions, &kept, after(311)).await.is_none());
    assert_eq!(sessions.counters().stolen_cookies, 1);
}

/// A thief renews with a copied cookie, and throws away what comes of it: the holder's renewals go on, and the copy is known for one.
#[tokio::test]
async fn renewals_that_nobody_sees_do_not_stand_in_the_way() {
    let sessions = sessions();
    let cookie = signed_in(&sessions, "alice").await.cookie_value();
    let renew = async |now| {
        let mut session = seen(&sessions, &cookie, now).await.unwrap();
        sessions.renew(&mut session, now).await.unwrap();
        session.cookie_value()
    };
    for round in 0..20 {
        assert_ne!(renew(after(round * 100)).await, cookie);
    }
    let renewed = renew(after(2000)).await;
    assert!(seen(&sessions, &renewed, after(2001)).await.is_some());
    assert!(seen(&sessions, &cookie, after(2011)).await.is_none());
    assert_eq!(sessions.counters().stolen_cookies, 1);
}

/// Two tabs at once: neither is signed out.
#[tokio::test]
async fn renewals_at_the_same_time_leave_both_signed_in() {
    let sessions = sessions();
    let session = signed_in(&sessions, "alice").await;
    let mut tabs = [
        find(&sessions, &session.cookie_value(), NOW).await.unwrap(),
        find(&sessions, &session.cookie_value(), NOW).await.unwrap(),
    ];
    for tab in &mut tabs {
        sessions.renew(tab, NOW).await.unwrap();
    }
    for tab in &tabs {
        assert!(find(&sessions, &tab.cookie_value(), after(9)).await.is_some());
    }
    assert!(find(&sessions, &tabs[0].cookie_value(), after(500)).await.is_some(), "the first renewal counts");
    assert_eq!(sessions.counters().stolen_cookies, 0);
}

#[tokio::test]
async fn a_guessed_or_forged_cookie_is_no_session_and_no_alarm() {
    let sessions = sessions();
    let session = signed_in(&sessions, "alice").await;
    let cookie = session.cookie_value();
    for place in 0..cookie.len() {
        let mut forged = cookie.as_bytes().to_vec();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        assert!(sessions.load([forged.as_slice()], NOW).await.unwrap().is_none(), "{place}");
    }
    // The genuine one still counts.
    assert!(find(&sessions, &cookie, NOW).await.is_some());
    // The genuine one is found behind planted ones.
    let planted = saved(&sessions).await;
    let cookies =
        [b"junk".as_slice(), &cookie.as_bytes()[..60], b"", cookie.as_bytes(), planted.cookie_value().as_bytes()]
            .map(<[u8]>::to_vec);
    let found = sessions.load(cookies.iter().map(Vec::as_slice), NOW).await.unwrap().unwrap();
    assert_eq!((found.user(), sessions.counters().stolen_cookies), (Some("alice"), 0));
}

#[tokio::test]
async fn a_form_token_is_of_one_session_and_outlives_renewals() {
    let sessions = sessions();
    let mut session = signed_in(&sessions, "alice").await;
    let token = sessions.form_token(&session);
    sessions.renew(&mut session, NOW).await.unwrap();
    assert!(sessions.verify_form_token(&session, &token));
    let other = signed_in(&sessions, "alice").await;
    assert!(!sessions.verify_form_token(&other, &token) && !sessions.verify_form_token(&session, ""));
    sign_in(&sessions, &mut session, "alice", 2, NOW).await.unwrap();
    assert!(!sessions.verify_form_token(&session, &token));
}

#[tokio::test]
async fn deadlines_are_kept() {
    let sessions = sessions();
    let cookie = signed_in(&sessions, "alice").await.cookie_value();
    assert!(find(&sessions, &cookie, after(999)).await.is_some());
    assert!(find(&sessions, &cookie, after(1998)).await.is_some(), "use pushes the idle deadline on");
    assert!(find(&sessions, &cookie, after(2998)).await.is_none(), "the idle deadline");
    let cookie = signed_in(&sessions, "alice").await.cookie_value();
    for seconds in (0..10_000).step_by(900) {
        assert!(find(&sessions, &cookie, after(seconds)).await.is_some(), "{seconds}");
    }
    assert!(find(&sessions, &cookie, after(10_000)).await.is_none(), "the absolute deadline");
}

// ---------------------------------------------------------------------------------------------- records

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_signed_out_session() {
    let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
    let deadlines = Deadlines { idle: after(100), absolute: after(100) };
    let mut cookies = Vec::new();
    for bytes in [&b""[..], b"{}", b"\xFF\xFE", &[0; 200], &[b'['; 20_000]] {
        let session = sessions().start(NOW).unwrap();
        let content = SessionContent { kind: SessionKind::Anonymous, deadlines, epoch: 0, bytes: bytes.into() };
        store.create(session.handle(), content, NOW).await.unwrap();
        cookies.push(session.cookie_value());
    }
    let sessions = SessionManager::new(store, pepper(), LIFETIMES);
    for cookie in &cookies {
        assert!(find(&sessions, cookie, NOW).await.is_none());
    }
    assert_eq!(sessions.counters().unreadable, 5);
    let of_schema = saved(&sessions).await.cookie_value();
    let newer =
        SessionManager::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }), pepper(), LIFETIMES)
            .with_data_version(1);
    let session = saved(&newer).await;
    assert!(
        find(&newer, &session.cookie_value(), NOW).await.is_some() && find(&newer, &of_schema, NOW).await.is_none()
    );
}

#[tokio::test]
async fn a_record_that_is_too_large_says_by_how_much_and_changes_nothing() {
    let sessions = sessions();
    let mut session = saved(&sessions).await;
    session.insert("big", &"x".repeat(MAX_RECORD_LEN)).unwrap();
    let Err(SessionError::TooLarge { by, max: MAX_RECORD_LEN }) = sessions.save(&mut session, NOW).await else {
        panic!("it was saved")
    };
    session.insert("big", &"x".repeat(MAX_RECORD_LEN - by)).unwrap();
    sessions.save(&mut session, NOW).await.unwrap();
    assert!(session.get::<u64>("big").is_err() && session.get::<u64>("small").unwrap().is_none());
    assert!(session.remove::<String>("big").unwrap().is_some() && session.get::<String>("big").unwrap().is_none());
}

/// What an update leaves alone stays as it is, to the byte, and what it makes must be readable.
#[tokio::test]
async fn an_update_touches_what_it_touches() {
    let sessions = sessions();
    let mut session = saved(&sessions).await;
    session.insert("large", &u128::MAX).unwrap();
    session.insert("gone", &1).unwrap();
    session.update(|data| {
        data.remove("gone");
        data.insert("new".to_owned(), 1.into());
    });
    sessions.save(&mut session, NOW).await.unwrap();
    let mut found = find(&sessions, &session.cookie_value(), NOW).await.unwrap();
    assert_eq!(found.get::<u128>("large").unwrap(), Some(u128::MAX));
    assert_eq!((found.get::<u8>("gone").unwrap(), found.get::<u8>("new").unwrap()), (None, Some(1)));
    found.update(|data| {
        let deep = (0..200).fold(serde_json::Value::Null, |inner, _| vec![inner].into());
        data.insert("deep".to_owned(), deep);
    });
    assert_eq!(sessions.save(&mut found, NOW).await, Err(SessionError::Serialization));
    assert!(find(&sessions, &session.cookie_value(), NOW).await.unwrap().get::<u8>("new").unwrap().is_some());
}

// ---------------------------------------------------------------------------------------------- another pepper

/// A pepper rotates while people are signed in: servers that have the next one, and those that have not yet, work on the same sessions.
#[tokio::test]
async fn a_pepper_rotates_and_nobody_notices() {
    const NEXT_KEY: &[u8] = b"another obvious key for testing.";
    let store = Arc::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    let with = |pepper: Pepper| SessionManager::new(Arc::clone(&store), pepper, LIFETIMES);
    let next = || Pepper::new(NEXT_KEY).unwrap();
    let (before, prepared) = (with(pepper()), with(pepper().with_accepted(NEXT_KEY).unwrap()));
    let rotated = with(next().with_accepted(b"an obvious test key of 32 bytes!").unwrap());
    let done = with(next());

    let mut old = signed_in(&before, "alice").await;
    add_one(&mut old);
    before.save(&mut old, NOW).await.unwrap();
    let (anonymous, form) = (saved(&before).await, before.form_token(&old));
    for sessions in [&prepared, &rotated] {
        let found = find(sessions, &old.cookie_value(), NOW).await.unwrap();
        assert_eq!(found.user(), Some("alice"));
        assert!(sessions.verify_form_token(&found, &form) && !sessions.verify_form_token(&found, "another"));
    }
    assert!(
        find(&done, &old.cookie_value(), NOW).await.is_none()
            && find(&done, &anonymous.cookie_value(), NOW).await.is_none()
    );

    // What is made with the next one, servers know that accept it.
    let mut new = find(&rotated, &anonymous.cookie_value(), NOW).await.unwrap();
    sign_in(&rotated, &mut new, "alice", 1, NOW).await.unwrap();
    assert!(find(&before, &new.cookie_value(), NOW).await.is_none());
    for sessions in [&prepared, &rotated, &done] {
        assert_eq!(find(sessions, &new.cookie_value(), NOW).await.unwrap().user(), Some("alice"));
    }
    // One renewal, and the pepper before is not needed any more.
    let mut renewing = find(&rotated, &old.cookie_value(), NOW).await.unwrap();
    rotated.renew(&mut renewing, NOW).await.unwrap();
    assert!(
        find(&done, &renewing.cookie_value(), NOW).await.is_some()
            && find(&rotated, &old.cookie_value(), NOW).await.is_some()
    );
    let mut again = find(&rotated, &renewing.cookie_value(), NOW).await.unwrap();
    sign_in(&rotated, &mut again, "alice", 2, NOW).await.unwrap();
    assert_eq!(again.get::<u64>("count").unwrap(), Some(1));

    // A user's sessions are one list, page by page, and one end, on each server.
    let third = signed_in(&prepared, "alice").await;
    for sessions in [&prepared, &rotated] {
        let (mut pages, mut last) = (Vec::new(), None);
        loop {
            let page = sessions.list_for_user("alice", last, 1, NOW).await.unwrap();
            let Some(listed) = page.last() else { break };
            last = Some(listed.handle);
            pages.push(listed.handle);
        }
        let mut expected = [new.handle(), again.handle(), third.handle()];
        expected.sort();
        pages.sort();
        assert_eq!(pages, expected);
    }
    assert!(rotated.end_for_user("alice", third.handle(), NOW).await.unwrap());
    let third = signed_in(&prepared, "alice").await;
    let numbers =
        [before.begin_sign_in("alice").await.unwrap().epoch(), rotated.begin_sign_in("alice").await.unwrap().epoch()];
    let epoch = prepared.end_all_for_user("alice", None, after(1)).await.unwrap();
    assert_eq!(prepared.last_revocation(b"alice").await.unwrap(), epoch);
    assert!(numbers.iter().all(|number| epoch.has_revoked(Some(*number), Some(NOW), MINUTE, after(1))));
    let number = rotated.begin_sign_in("alice").await.unwrap().epoch();
    assert!(!epoch.has_revoked(Some(number), Some(after(1)), MINUTE, after(1)));
    for session in [&new, &again, &third] {
        assert!(find(&rotated, &session.cookie_value(), after(1)).await.is_none());
    }
    assert_eq!(rotated.counters().stolen_cookies + prepared.counters().stolen_cookies, 0);
}

#[tokio::test]
async fn a_pepper_that_is_named_twice_is_one() {
    const KEY: &[u8] = b"an obvious test key of 32 bytes!";
    let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
    let sessions = SessionManager::new(store, pepper().with_accepted(KEY).unwrap(), LIFETIMES).with_max_per_user(2);
    let session = signed_in(&sessions, "alice").await;
    assert_eq!(sessions.list_for_user("alice", None, 100, NOW).await.unwrap().len(), 1);
    assert_eq!(sessions.list_for_user("nobody", None, 100, NOW).await.unwrap().len(), 0);
    assert_eq!(sessions.end_all_for_user("alice", None, NOW).await.unwrap(), RevocationEpoch::default().next(NOW));
    assert!(find(&sessions, &session.cookie_value(), NOW).await.is_none());
}

/// A store that has forgotten gives out no number a second time.
#[tokio::test]
async fn no_number_comes_again() {
    let numbers = async |now| {
        let sessions = sessions();
        sessions.end_all_for_user("alice", None, now).await.unwrap();
        (sessions.begin_sign_in("alice").await.unwrap().epoch(), sessions.last_revocation(b"alice").await.unwrap())
    };
    let (before, _) = numbers(NOW).await;
    let (again, epoch) = numbers(after(1000)).await;
    assert!(before < again && epoch.has_revoked(Some(before), Some(after(1000)), MINUTE, after(1000)));
    // Also of a login on a server whose clock is behind the one that has signed out everywhere.
    assert!(!epoch.has_revoked(Some(again), Some(after(10)), MINUTE, after(1000)));
}

/// An epoch leaves once neither a session nor a credential can be older, by either lifetime.
#[tokio::test]
async fn an_epoch_leaves_when_nothing_can_be_older() {
    let absolute = LIFETIMES.absolute.as_secs();
    for (tokens, kept) in [(0, absolute), (absolute + 50, absolute + 50)] {
        let max_token_age = Duration::from_secs(tokens);
        let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
        let sessions = SessionManager::new(store, pepper(), Lifetimes { max_token_age, ..LIFETIMES });
        let begun = sessions.end_all_for_user("alice", None, NOW).await.unwrap();
        sessions.store().delete_expired(after(kept - 1), 100).await.unwrap();
        assert_eq!(sessions.last_revocation(b"alice").await.unwrap(), begun);
        assert_eq!(sessions.store().delete_expired(after(kept), 100).await, Ok(1));
        assert_eq!(sessions.last_revocation(b"alice").await.unwrap(), RevocationEpoch::default());
        assert_eq!(sessions.store().used_bytes(SessionKind::SignedIn), 0);
    }
}

/// Many renewals one after the other, each by the newest cookie: one of a slow request that is still within its grace is no theft.
#[tokio::test]
async fn many_renewals_do_not_shorten_the_grace() {
    let sessions = sessions();
    let mut session = signed_in(&sessions, "alice").await;
    let slow = session.cookie_value();
    for _ in 0..8 {
        sessions.renew(&mut session, NOW).await.unwrap();
        session = seen(&sessions, &session.cookie_value(), NOW).await.unwrap();
    }
    assert!(find(&sessions, &slow, after(9)).await.is_some());
    assert!(find(&sessions, &session.cookie_value(), after(9)).await.is_some());
    assert_eq!(sessions.counters().stolen_cookies, 0);
}

// ---------------------------------------------------------------------------------------------- two sign-ins at once

/// A form that is sent twice: both answers carry the same cookie, whichever request was first, and whatever the other one has read before.
#[tokio::test]
async fn a_form_that_is_sent_twice_signs_in_once() {
    for is_signed_in in [false, true] {
        let sessions = sessions();
        let session = if is_signed_in { signed_in(&sessions, "alice").await } else { saved(&sessions).await };
        let cookie = session.cookie_value();
        let mut requests = Vec::new();
        for _ in 0..3 {
            requests.push(find(&sessions, &cookie, NOW).await.unwrap());
        }
        for (level, request) in (1..).zip(&mut requests) {
            request.insert(&format!("of request {level}"), &true).unwrap();
            sign_in(&sessions, request, "alice", level, after(5)).await.unwrap();
        }
        assert!(requests.iter().all(
            |request| *request.cookie_value() == *requests[0].cookie_value() && *request.cookie_value() != *cookie
        ));
        let found = find(&sessions, &requests[0].cookie_value(), after(6)).await.unwrap();
        assert_eq!(found.last_sign_in(), Some(SignIn { at: after(5), level: 3 }), "as the last one says");
        for level in 1..=3 {
            assert_eq!(found.get::<bool>(&format!("of request {level}")).unwrap(), Some(true), "{is_signed_in}");
        }
        assert_eq!(sessions.list_for_user("alice", None, 100, after(6)).await.unwrap().len(), 1);
        assert!(find(&sessions, &cookie, after(6)).await.is_none());
        assert_eq!(sessions.counters().stolen_cookies, 0);
    }
}

/// Nobody takes part in what is not his: another user, one who was signed out meanwhile, one who has the new cookie alone.
#[tokio::test]
async fn nobody_takes_part_in_the_sign_in_of_others() {
    let sessions = sessions();
    let session = saved(&sessions).await;
    let cookie = session.cookie_value();
    let mut requests = Vec::new();
    for _ in 0..4 {
        requests.push(find(&sessions, &cookie, NOW).await.unwrap());
    }
    let late = sessions.begin_sign_in("alice").await.unwrap();
    sign_in(&sessions, &mut requests[0], "alice", 1, NOW).await.unwrap();
    assert_eq!(sign_in(&sessions, &mut requests[1], "bob", 1, NOW).await, Err(SessionError::Ended));
    // Its cookie is another one: it steps up, and the one that was under way with the first cookie is out.
    let mut new = find(&sessions, &requests[0].cookie_value(), NOW).await.unwrap();
    sign_in(&sessions, &mut new, "alice", 2, NOW).await.unwrap();
    assert_eq!(sign_in(&sessions, &mut requests[2], "alice", 1, NOW).await, Err(SessionError::Ended));
    // Signed out everywhere, and in again, since this one began.
    sessions.end_all_for_user("alice", None, NOW).await.unwrap();
    let mut again = saved(&sessions).await;
    let mut beside = find(&sessions, &again.cookie_value(), NOW).await.unwrap();
    sign_in(&sessions, &mut again, "alice", 1, NOW).await.unwrap();
    assert_eq!(sessions.sign_in(&mut beside, &late, 1, NOW).await, Err(SessionError::Revoked));
    assert!(sessions.end_session(again.handle(), NOW).await.unwrap());
    assert_eq!(
        sign_in(&sessions, &mut requests[3], "alice", 1, NOW).await,
        Err(SessionError::Ended),
        "an end is an end"
    );
}

/// What was seen is what counts then: a cookie that nobody has shown retires none, whatever was read before it was made.
#[tokio::test]
async fn a_cookie_that_nobody_has_shown_retires_none() {
    let sessions = sessions();
    let mut session = signed_in(&sessions, "alice").await;
    sessions.renew(&mut session, NOW).await.unwrap();
    let cookie = session.cookie_value();
    // Two requests that show it for the first time: one of them renews, and its answer is lost.
    let mut renewing = find(&sessions, &cookie, after(20)).await.unwrap();
    let mut reading = find(&sessions, &cookie, after(20)).await.unwrap();
    sessions.renew(&mut renewing, after(20)).await.unwrap();
    assert_ne!(*renewing.cookie_value(), *cookie);
    sessions.save(&mut reading, after(20)).await.unwrap();
    assert!(seen(&sessions, &cookie, after(500)).await.is_some());
    assert_eq!(sessions.counters().stolen_cookies, 0);
}

/// The answer to one renewal may come after that to the next: none is made while a new cookie is under way.
#[tokio::test]
async fn one_new_cookie_is_under_way_at_a_time() {
    let sessions = sessions();
    let cookie = signed_in(&sessions, "alice").await.cookie_value();
    let mut tabs = Vec::new();
    for _ in 0..3 {
        tabs.push(find(&sessions, &cookie, NOW).await.unwrap());
    }
    sessions.renew(&mut tabs[0], NOW).await.unwrap();
    let renewed = tabs[0].cookie_value();
    for tab in &mut tabs[1..] {
        sessions.renew(tab, NOW).await.unwrap();
    }
    let mut late = find(&sessions, &cookie, after(9)).await.unwrap();
    sessions.renew(&mut late, after(9)).await.unwrap();
    assert!(
        tabs[1..].iter().chain([&late]).all(|tab| *tab.cookie_value() == *cookie),
        "no other cookie is made beside it"
    );
    // A step up would need one: it is refused, and nothing has changed.
    assert_eq!(sign_in(&sessions, &mut late, "alice", 2, after(9)).await, Err(SessionError::RenewalUnderWay));
    assert_eq!(sign_in(&sessions, &mut late, "bob", 1, after(9)).await, Err(SessionError::RenewalUnderWay));
    // Whichever cookie the browser ends with, it is signed in, long after.
    assert!(
        seen(&sessions, &cookie, after(600)).await.is_some() && seen(&sessions, &renewed, after(600)).await.is_some()
    );
    let mut arrived = find(&sessions, &renewed, after(601)).await.unwrap();
    sign_in(&sessions, &mut arrived, "alice", 2, after(601)).await.unwrap();
    assert_eq!(sessions.counters().stolen_cookies, 0);
}

// ---------------------------------------------------------------------------------------------- at most so many at once

/// A sign-in that cannot end what is too many has not taken place, as far as anybody knows: no cookie comes of it, and the same request, asked again,
/// finds what it has made.
#[tokio::test]
async fn a_sign_in_that_cannot_end_the_others_says_so() {
    let sessions = SessionManager::new(Counting::new(), pepper(), LIFETIMES).with_max_per_user(1);
    let phone = signed_in(&sessions, "alice").await.cookie_value();
    let mut cart = sessions.start(after(20)).unwrap();
    cart.insert("cart", &["apples"]).unwrap();
    sessions.save(&mut cart, after(20)).await.unwrap();
    let cookie = cart.cookie_value();

    sessions.store().hides_lists.store(true, Ordering::Relaxed);
    let refused = sign_in(&sessions, &mut cart, "alice", 1, after(20)).await;
    assert_eq!(refused, Err(SessionError::Store(StoreError::unavailable())));
    assert_eq!((cart.user(), &*cart.cookie_value()), (None, &*cookie), "no cookie says that it was done");
    assert!(find(&sessions, &phone, after(20)).await.is_some());

    sessions.store().hides_lists.store(false, Ordering::Relaxed);
    let mut again = sessions.start(after(21)).unwrap();
    assert_eq!(sign_in(&sessions, &mut cart, "alice", 1, after(21)).await, Ok(()), "the same request, asked again");
    assert_eq!(cart.get::<Vec<String>>("cart").unwrap(), Some(vec!["apples".to_owned()]));
    assert!(
        find(&sessions, &cart.cookie_value(), after(22)).await.is_some()
            && find(&sessions, &phone, after(22)).await.is_none()
    );
    assert_eq!(sessions.list_for_user("alice", None, 9, after(22)).await.unwrap().len(), 1);
    // What a server has left half way is in nobody's way.
    sessions.store().hides_lists.store(true, Ordering::Relaxed);
    sign_in(&sessions, &mut again, "alice", 1, after(30)).await.unwrap_err();
    sessions.store().hides_lists.store(false, Ordering::Relaxed);
    let mut last = sessions.start(after(60)).unwrap();
    sign_in(&sessions, &mut last, "alice", 1, after(60)).await.unwrap();
    let listed = sessions.list_for_user("alice", None, 9, after(60)).await.unwrap();
    assert_eq!(listed.iter().map(|listed| listed.handle).collect::<Vec<_>>(), [last.handle()]);
}

/// Every order of the calls of two sign-ins under "at most one": one session is left, and it is that of somebody who was told so.
#[test]
fn of_two_sign_ins_at_once_one_stays() {
    let (mut order, mut orders, mut told) = (Vec::new(), 0, [0; 3]);
    loop {
        told[two_sign_ins(&mut order)] += 1;
        orders += 1;
        // The next order: the last choice that was the first one is made the other way.
        while order.pop_if(|choice| *choice == 1).is_some() {}
        match order.last_mut() {
            Some(choice) => *choice = 1,
            None => break,
        }
    }
    println!("{orders} orders: both told that they are in {} times, one {} times", told[2], told[1]);
    assert_eq!(told[0], 0, "somebody is in");
    assert!(told[1] > 0 && told[2] > 0, "{told:?}");
}

/// A request that is given up while the session of a thief ends has its alarm, and ends it; a hook that panics does not save it.
#[tokio::test]
async fn a_theft_is_an_alarm_whatever_becomes_of_its_request() {
    for has_bad_hook in [false, true] {
        let store = Arc::new(Counting { gives_way: true, ..Counting::new() });
        let sessions = SessionManager::new(Arc::clone(&store), pepper(), LIFETIMES);
        let sessions = if has_bad_hook { sessions.on_event(|_| panic!("an obvious mistake")) } else { sessions };
        let mut session = sessions.start(NOW).unwrap();
        let poll = |future: &mut std::pin::Pin<Box<dyn Future<Output = Option<Session>> + '_>>| {
            future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        finish(sign_in(&sessions, &mut session, "alice", 1, NOW)).unwrap();
        let old = session.cookie_value();
        finish(sessions.renew(&mut session, NOW)).unwrap();
        let new = session.cookie_value();
        assert!(finish(seen(&sessions, &new, NOW)).is_some());
        if has_bad_hook {
            let stolen = std::panic::AssertUnwindSafe(|| finish(find(&sessions, &old, after(10))).is_some());
            assert!(std::panic::catch_unwind(stolen).is_err());
            assert!(finish(find(&sessions, &new, after(10))).is_none(), "it has ended");
        } else {
            let mut request: std::pin::Pin<Box<dyn Future<Output = Option<Session>> + '_>> =
                Box::pin(find(&sessions, &old, after(10)));
            // The first waits before it reads, the second before it deletes.
            assert!(poll(&mut request).is_pending() && poll(&mut request).is_pending());
            assert_eq!(sessions.counters().stolen_cookies, 0);
            drop(request);
        }
        assert_eq!(sessions.counters().stolen_cookies, 1);
    }
}

/// Polls until it is done: the store gives way, and never waits.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// How many were told that they are in. Choices behind those that are given are made in favour of the first, and added.
fn two_sign_ins(order: &mut Vec<usize>) -> usize {
    let store = Arc::new(Counting { gives_way: true, ..Counting::new() });
    let sessions = SessionManager::new(Arc::clone(&store), pepper(), LIFETIMES).with_max_per_user(1);
    let mut both = [sessions.start(NOW).unwrap(), sessions.start(NOW).unwrap()];
    let mut answers = [None, None];
    {
        let [left, right] = &mut both;
        let mut calls = [left, right].map(|session| Box::pin(sign_in(&sessions, session, "alice", 1, NOW)));
        let mut context = Context::from_waker(Waker::noop());
        let mut choices = 0;
        while let Some(only) = answers.iter().position(Option::is_none) {
            let which = if answers[1 - only].is_none() {
                if choices == order.len() {
                    order.push(0);
                }
                choices += 1;
                order[choices - 1]
            } else {
                only
            };
            if let Poll::Ready(answer) = calls[which].as_mut().poll(&mut context) {
                answers[which] = Some(answer);
            }
        }
    }
    let listed =
        futures_executor::block_on(store.store.list_by_user(pepper().user_hash(b"alice"), None, 9, NOW)).unwrap();
    assert_eq!(listed.len(), 1, "order {order:?}: {answers:?}");
    let is_in = |(session, answer): (&Session, &Option<_>)| *answer == Some(Ok(())) && listed[0].0 == session.handle();
    assert!(both.iter().zip(&answers).any(is_in), "order {order:?}: {answers:?}");
    answers.iter().filter(|answer| **answer == Some(Ok(()))).count()
}

// ---------------------------------------------------------------------------------------------- calls of the store

/// Counts what it is asked, and passes it on.
struct Counting {
    store: MemoryStore,
    calls: AtomicUsize,
    /// Before each call: another task goes on first.
    gives_way: bool,
    /// Lists of sessions are not answered.
    hides_lists: AtomicBool,
    /// The new handles of rotations.
    made: Mutex<Vec<Handle>>,
}

impl Counting {
    fn new() -> Self {
        Self {
            store: MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }),
            calls: AtomicUsize::new(0),
            gives_way: false,
            hides_lists: AtomicBool::new(false),
            made: Mutex::default(),
        }
    }

    async fn counted(&self) -> &MemoryStore {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.gives_way {
            let mut has_given_way = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut has_given_way, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        &self.store
    }
}

impl SessionStore for Counting {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        self.counted().await.create(handle, content, now).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        self.counted().await.load(handle, now).await
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.counted().await.compare_and_swap(handle, version, content, now).await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        self.counted().await.touch(handle, idle, now).await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.counted().await.delete(handle, now).await
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.made.lock().unwrap().push(new);
        self.counted().await.rotate(old, version, new, content, now).await
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        self.counted().await.rotated_to(handle, now).await
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        if self.hides_lists.load(Ordering::Relaxed) {
            return Err(StoreError::unavailable());
        }
        self.counted().await.list_by_user(tag, after, limit, now).await
    }

    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        self.counted().await.revoke_user(tag, except, keep_until, now).await
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        self.counted().await.epoch(tag).await
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.counted().await.delete_expired(now, limit).await
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

#[tokio::test]
async fn the_store_is_asked_no_more_than_it_must() {
    let sessions = SessionManager::new(Counting::new(), pepper(), LIFETIMES);
    let calls = || sessions.store().calls.swap(0, Ordering::Relaxed);
    let mut session = sessions.start(NOW).unwrap();
    assert_eq!(calls(), 0, "a session that nobody has written");
    sessions.save(&mut session, NOW).await.unwrap();
    assert_eq!(calls(), 1, "a first write");
    assert!(sessions.load([], NOW).await.unwrap().is_none());
    for junk in ["", "x", &"A".repeat(69), &"A".repeat(71), &"!".repeat(70), "__Host-id"] {
        assert!(find(&sessions, junk, NOW).await.is_none());
    }
    assert_eq!(calls(), 0, "no cookie, or none that could be one");
    let cookie = session.cookie_value();
    let mut found = find(&sessions, &cookie, after(199)).await.unwrap();
    assert_eq!(calls(), 1, "a read");
    sessions.save(&mut found, after(199)).await.unwrap();
    assert_eq!(calls(), 0, "nothing was changed");
    found.insert("a", &1).unwrap();
    sessions.save(&mut found, after(199)).await.unwrap();
    assert_eq!(calls(), 1, "a write");
    find(&sessions, &cookie, after(200)).await.unwrap();
    assert_eq!(calls(), 2, "a read, and a touch after a fifth of the idle time");
    find(&sessions, &cookie, after(399)).await.unwrap();
    assert_eq!(calls(), 1, "a read");
}

/// A store may have ended the new session of a rotation that came to nothing, and an end is one for good.
#[tokio::test]
async fn signing_in_uses_no_handle_twice() {
    let sessions = SessionManager::new(Counting::new(), pepper(), LIFETIMES);
    let mut session = saved(&sessions).await;
    let mut meanwhile = find(&sessions, &session.cookie_value(), NOW).await.unwrap();
    add_one(&mut meanwhile);
    sessions.save(&mut meanwhile, NOW).await.unwrap();
    sign_in(&sessions, &mut session, "alice", 1, NOW).await.unwrap();
    let made = sessions.store().made.lock().unwrap().clone();
    assert!(matches!(made[..], [refused, taken] if refused != taken && taken == session.handle()), "{made:?}");
}

/// A step up keeps the handle, and nothing that came with what counted before it is in the session any more: neither what comes later nor what was under
/// way. That is no theft, and it is no reason to sign anybody out.
#[tokio::test]
async fn a_step_up_is_in_place_and_ends_what_came_before_it() {
    let sessions = sessions();
    let mut session = signed_in(&sessions, "alice").await;
    let (handle, before) = (session.handle(), session.cookie_value());
    sessions.renew(&mut session, NOW).await.unwrap();
    let cookies = [before, session.cookie_value()];
    let mut older = find(&sessions, &cookies[0], NOW).await.unwrap();
    let mut under_way = find(&sessions, &cookies[1], NOW).await.unwrap();
    sign_in(&sessions, &mut session, "alice", 2, after(500)).await.unwrap();
    assert_eq!((session.handle(), session.last_sign_in()), (handle, Some(SignIn { at: after(500), level: 2 })));
    assert_eq!(session.deadlines().absolute, after(10_500), "as if it had begun now");
    for cookie in &cookies {
        assert!(find(&sessions, cookie, after(500)).await.is_none());
    }
    add_one(&mut under_way);
    assert_eq!(sessions.save(&mut under_way, after(500)).await, Err(SessionError::Ended));
    assert_eq!(sessions.renew(&mut under_way, after(500)).await, Err(SessionError::Ended));
    assert_eq!(sign_in(&sessions, &mut older, "alice", 3, after(500)).await, Err(SessionError::Ended));
    let found = find(&sessions, &session.cookie_value(), after(500)).await.unwrap();
    assert_eq!(
        (found.last_sign_in(), found.get::<u64>("count").unwrap()),
        (Some(SignIn { at: after(500), level: 2 }), None)
    );
    assert_eq!(sessions.counters().stolen_cookies, 0);
    // What was renewed after it is a theft as ever.
    let copied = session.cookie_value();
    sessions.renew(&mut session, after(500)).await.unwrap();
    assert!(find(&sessions, &session.cookie_value(), after(500)).await.is_some());
    let mut again = find(&sessions, &session.cookie_value(), after(500)).await.unwrap();
    sessions.save(&mut again, after(500)).await.unwrap();
    assert!(find(&sessions, &copied, after(600)).await.is_none());
    assert_eq!(sessions.counters().stolen_cookies, 1);
}

/// Who signs out by what a session was before somebody signed in signs out.
#[tokio::test]
async fn an_end_follows_a_sign_in() {
    let sessions = sessions();
    for user in ["alice", "bob"] {
        let mut session = saved(&sessions).await;
        let stranger = session.handle();
        sign_in(&sessions, &mut session, "alice", 1, NOW).await.unwrap();
        let alice = session.handle();
        // The same user in place, or another one.
        sign_in(&sessions, &mut session, user, 1, NOW).await.unwrap();
        assert_eq!(session.handle() == alice, user == "alice");
        assert!(sessions.end_session(stranger, NOW).await.unwrap());
        assert!(find(&sessions, &session.cookie_value(), NOW).await.is_none());
        for handle in [stranger, alice, session.handle()] {
            assert!(!sessions.end_session(handle, NOW).await.unwrap());
        }
        assert_eq!(sessions.store().used_bytes(SessionKind::SignedIn), 0);
    }
    let mut session = signed_in(&sessions, "alice").await;
    let alice = session.handle();
    sign_in(&sessions, &mut session, "bob", 1, NOW).await.unwrap();
    assert!(!sessions.end_for_user("bob", alice, NOW).await.unwrap(), "it is not bob's");
    assert!(sessions.end_for_user("alice", alice, NOW).await.unwrap());
    assert!(find(&sessions, &session.cookie_value(), NOW).await.is_none());
}

// ---------------------------------------------------------------------------------------------- what is shown

#[tokio::test]
async fn no_secret_is_shown() {
    let sessions = sessions();
    let mut session = signed_in(&sessions, "alice").await;
    session.insert("card", &"4242 4242").unwrap();
    sessions.save(&mut session, NOW).await.unwrap();
    let cookie = session.cookie_value();
    let credential = Credential::parse(cookie.as_bytes()).unwrap();
    let entry = sessions.store().load(session.handle(), NOW).await.unwrap().unwrap();
    let (listed, attempt) = (
        sessions.list_for_user("alice", None, 100, NOW).await.unwrap(),
        sessions.begin_sign_in("alice").await.unwrap(),
    );
    let shown = format!(
        "{session:?} {credential:?} {:?} {:?} {entry:?} {sessions:?} {:?} {listed:?} {attempt:?} {:?} {}",
        pepper(),
        pepper().verifier_mac(&credential),
        sessions.store(),
        sessions.counters(),
        SessionError::TooLarge { by: 1, max: 2 },
    );
    let verifier = verifier_of(&cookie);
    let leaks = |shown: &str| {
        // As text, and as `Debug` prints bytes; six of either are no coincidence.
        let texts = cookie.as_bytes()[30..].windows(8).map(|part| String::from_utf8_lossy(part).into_owned());
        let arrays = verifier.windows(6).map(|part| format!("{part:?}").trim_matches(['[', ']']).to_owned());
        texts.chain(arrays).chain(["4242".into(), "obvious test key".into()]).any(|part| shown.contains(&part))
    };
    assert!(!leaks(&shown), "{shown}");
    assert!(shown.contains(&session.handle().to_string()), "what logs are for");
    assert!(leaks(&format!("{verifier:?}")) && leaks(&cookie) && leaks("4242"), "control");
}

/// The bytes that the cookie carries behind the handle.
fn verifier_of(cookie: &str) -> Vec<u8> {
    let bits: Vec<u8> = cookie
        .bytes()
        .flat_map(|byte| {
            let six = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'-' => 62,
                _ => 63,
            };
            (0..6).rev().map(move |bit| six >> bit & 1)
        })
        .collect();
    let bytes: Vec<u8> = bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
    bytes[20..].to_vec()
}

/// Whoever has the whole store, and no pepper, gets in with nothing of it.
#[tokio::test]
async fn a_stolen_store_signs_nobody_in() {
    let sessions = sessions();
    let session = signed_in(&sessions, "alice").await;
    let cookie = session.cookie_value();
    let entry = sessions.store().load(session.handle(), NOW).await.unwrap().unwrap();
    let record = &entry.content.bytes;
    let verifier = verifier_of(&cookie);
    for part in verifier.windows(8) {
        assert!(!record.windows(8).any(|stretch| stretch == part), "a part of the verifier is in the record");
    }
    // Every stretch of the record as if it were the verifier.
    let base64url = |bytes: &[u8]| {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let six = |bits: &[u8]| (0..6).fold(0, |six, bit| six << 1 | bits.get(bit).copied().unwrap_or(0));
        bits.chunks(6).map(|bits| char::from(ALPHABET[usize::from(six(bits))])).collect::<String>()
    };
    let genuine = [session.handle().as_bytes().as_slice(), &verifier].concat();
    assert_eq!(base64url(&genuine), *cookie, "control: what is built here is a cookie");
    for stretch in record.windows(32) {
        let built = base64url(&[session.handle().as_bytes().as_slice(), stretch].concat());
        assert!(find(&sessions, &built, NOW).await.is_none());
    }
    assert!(find(&sessions, &cookie, NOW).await.is_some());
}
