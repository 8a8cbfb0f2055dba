//! Requests through the filter, beside tower-sessions with its store in memory.

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use countersign::session::store::Budgets;
use countersign::session::store::{DynStore, MemoryStore};
use countersign::session::{Lifetimes, Pepper, SessionManager};
use countersign::web::CsrfGuard;
use countersign::web::session::{CurrentSession, SessionLayer};
use http::{Method, Request};
use std::time::{Duration, Instant};
use tower::ServiceExt;
use tower_sessions::cookie::Key;
use tower_sessions::{MemoryStore as TheirStore, Session, SessionManagerLayer};

const REQUESTS: u32 = 20_000;
const ROUNDS: usize = 11;

pub fn ours() -> Router {
    async fn read(session: CurrentSession) -> String {
        session.get::<u64>("count").unwrap().unwrap_or(0).to_string()
    }
    async fn write(mut session: CurrentSession) -> String {
        let count = session.get::<u64>("count").unwrap().unwrap_or(0) + 1;
        session.insert("count", &count).unwrap();
        count.to_string()
    }
    let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 64 << 20, signed_in: 64 << 20 }));
    let pepper = Pepper::new(b"an obvious test key of 32 bytes!").unwrap();
    let sessions = SessionManager::new(
        store,
        pepper,
        Lifetimes {
            idle: Duration::from_secs(1800),
            absolute: Duration::from_secs(43_200),
            renewal_grace: Duration::from_secs(10),
            max_token_age: Duration::ZERO,
        },
    );
    let guard = CsrfGuard::new(["https://shop.example"]).unwrap();
    let filter = SessionLayer::new(sessions, guard, Duration::from_millis(250));
    Router::new().route("/read", get(read)).route("/write", post(write)).layer(filter)
}

/// With `signed`, its cookies have a MAC, as ours have: without, anybody's text costs a call of the store.
pub fn theirs(signed: bool) -> Router {
    async fn read(session: Session) -> String {
        session.get::<u64>("count").await.unwrap().unwrap_or(0).to_string()
    }
    async fn write(session: Session) -> String {
        let count = session.get::<u64>("count").await.unwrap().unwrap_or(0) + 1;
        session.insert("count", count).await.unwrap();
        count.to_string()
    }
    let filter = SessionManagerLayer::new(TheirStore::default());
    let app = Router::new().route("/read", get(read)).route("/write", post(write));
    if signed { app.layer(filter.with_signed(Key::from(&[7; 64]))) } else { app.layer(filter) }
}

async fn send(app: &Router, method: Method, path: &str, cookie: &str) -> http::Response<Body> {
    let request = Request::builder().method(method).uri(path).header("cookie", cookie);
    let request = request.header("sec-fetch-site", "same-origin").body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

/// Seconds for a number of requests.
async fn time(app: &Router, method: Method, path: &str, cookie: &str) -> f64 {
    let start = Instant::now();
    for _ in 0..REQUESTS {
        assert!(send(app, method.clone(), path, cookie).await.status().is_success());
    }
    start.elapsed().as_secs_f64()
}

/// A signed-out session with a count in it.
pub async fn cookie(app: &Router) -> String {
    let response = send(app, Method::POST, "/write", "").await;
    response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

pub async fn run() {
    let apps = [ours(), theirs(false), theirs(true)];
    let mut cookies = Vec::new();
    for app in &apps {
        cookies.push(cookie(app).await);
    }
    for (what, method, path) in [("read", Method::GET, "/read"), ("write", Method::POST, "/write")] {
        let (mut ratios, mut best) = ([Vec::new(), Vec::new()], [f64::MAX; 3]);
        // In turns, so that a busy moment meets all.
        for _ in 0..ROUNDS {
            let mut seconds = [0.0; 3];
            for ((app, cookie), seconds) in apps.iter().zip(&cookies).zip(&mut seconds) {
                *seconds = time(app, method.clone(), path, cookie).await;
            }
            ratios[0].push(seconds[1] / seconds[0]);
            ratios[1].push(seconds[2] / seconds[0]);
            best = [0, 1, 2].map(|app| best[app].min(seconds[app]));
        }
        let [ours, plain, signed] = best.map(|seconds| f64::from(REQUESTS) / seconds);
        let [of_plain, of_signed] = ratios.map(|mut ratios| {
            ratios.sort_by(f64::total_cmp);
            ratios[ROUNDS / 2]
        });
        println!(
            "filter, {what}: {ours:.0} requests a second; tower-sessions {plain:.0}, with signed cookies {signed:.0}; {of_plain:.2} and {of_signed:.2} times as \
             many, median of {ROUNDS} rounds"
        );
    }
}
