//! A million sessions, and ten thousand sign-ins a minute for as many minutes as are asked for, beside readers.

use crate::resident;
use countersign::UnixTime;
use countersign::session::store::Budgets;
use countersign::session::store::{DiskStore, DynStore, MemoryStore, SessionStore};
use countersign::session::{Lifetimes, Pepper, SessionManager};
use futures_util::future::join_all;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SESSIONS: usize = 1_000_000;
const SIGN_INS_A_MINUTE: u32 = 10_000;
const AT_ONCE: usize = 500;
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(1800),
    absolute: Duration::from_secs(43_200),
    renewal_grace: Duration::from_secs(10),
    max_token_age: Duration::ZERO,
};

pub async fn run(store: String, minutes: u32) {
    let folder = std::env::temp_dir().join(format!("countersign-scale-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sessions.redb");
    let before = resident();
    match store.as_str() {
        "memory" => {
            measure(
                DynStore::new(MemoryStore::new(Budgets { anonymous: 64 << 20, signed_in: 2 << 30 })),
                None,
                before,
                minutes,
            )
            .await
        }
        _ => {
            measure(
                DynStore::new(DiskStore::open(&file, Budgets { anonymous: 4 << 30, signed_in: 1 << 30 }).unwrap()),
                Some(&file),
                before,
                minutes,
            )
            .await
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

async fn measure(store: DynStore, file: Option<&Path>, before: f64, minutes: u32) {
    let pepper = Pepper::new(b"an obvious test key of 32 bytes!").unwrap();
    let sessions = Arc::new(SessionManager::new(store, pepper, LIFETIMES));
    let size = || file.map_or(0, |file| std::fs::metadata(file).unwrap().len() >> 20);
    let start = Instant::now();
    let mut cookies = Vec::new();
    for first in (0..SESSIONS).step_by(AT_ONCE) {
        let made = (first..first + AT_ONCE).map(|number| sign_in(&sessions, number));
        let made = join_all(made).await;
        // Every hundredth is read later.
        cookies.extend(made.into_iter().step_by(100));
    }
    println!(
        "scale: {SESSIONS} sessions signed in within {:.0?}, {:.0} MiB resident, {} MiB in the file",
        start.elapsed(),
        resident() - before,
        size()
    );
    let (cookies, is_over) = (Arc::new(cookies), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..2)
        .map(|reader| {
            let (sessions, cookies, is_over) = (Arc::clone(&sessions), Arc::clone(&cookies), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut times = Vec::new();
                for number in (reader..).step_by(7919) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let cookie = &cookies[number % cookies.len()];
                    let start = Instant::now();
                    assert!(sessions.load([cookie.as_bytes()], UnixTime::now()).await.unwrap().is_some());
                    times.push(start.elapsed());
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                times
            })
        })
        .collect();
    let mut ticks = tokio::time::interval(Duration::from_secs(60) / SIGN_INS_A_MINUTE);
    let (mut signing_in, start) = (Vec::new(), Instant::now());
    for number in 0..SIGN_INS_A_MINUTE * minutes {
        ticks.tick().await;
        let shared = Arc::clone(&sessions);
        signing_in.push(tokio::spawn(async move {
            let start = Instant::now();
            sign_in(&shared, SESSIONS + number as usize).await;
            start.elapsed()
        }));
        if number % SIGN_INS_A_MINUTE == 0 {
            sessions.store().delete_expired(UnixTime::now(), 10_000).await.unwrap();
        }
    }
    let mut sign_ins = Vec::new();
    for task in signing_in {
        sign_ins.push(task.await.unwrap());
    }
    let took = start.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let mut reads = Vec::new();
    for reader in readers {
        reads.extend(reader.await.unwrap());
    }
    println!(
        "scale: {} sign-ins within {took:.0?}: {}; reads beside them: {}; {:.0} MiB resident, {} MiB in the file",
        sign_ins.len(),
        quantiles(sign_ins),
        quantiles(reads),
        resident() - before,
        size()
    );
}

async fn sign_in(sessions: &SessionManager<DynStore>, number: usize) -> String {
    let (user, now) = (format!("user{number}"), UnixTime::now());
    let mut session = sessions.start(now).unwrap();
    session.insert("theme", "dark").unwrap();
    session.insert("visits", &7).unwrap();
    let attempt = sessions.begin_sign_in(&user).await.unwrap();
    sessions.sign_in(&mut session, &attempt, 1, now).await.unwrap();
    session.cookie_value().to_string()
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    format!("p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, at most {:.1?}", at(500), at(990), at(999), at(1000))
}
