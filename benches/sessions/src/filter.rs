//! Requests through the filter, beside tower-sessions with its store in memory.

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use countersign::session::{DynStore, Lifetimes, MemoryStore, Pepper, Sessions};
use countersign::web::{CsrfGuard, OpenSession, SessionLayer};
use http::{Method, Request};
use std::time::{Duration, Instant};
use tower::ServiceExt;
use tower_sessions::{MemoryStore as TheirStore, Session, SessionManagerLayer};

const REQUESTS: u32 = 20_000;
const ROUNDS: usize = 11;

pub fn ours() -> Router {
    async fn read(session: OpenSession) -> String {
        session.get::<u64>("count").unwrap().unwrap_or(0).to_string()
    }
    async fn write(mut session: OpenSession) -> String {
        let count = session.get::<u64>("count").unwrap().unwrap_or(0) + 1;
        session.insert("count", &count).unwrap();
        count.to_string()
    }
    let store = DynStore::new(MemoryStore::new(64 << 20, 64 << 20));
    let pepper = Pepper::new(b"an obvious test key of 32 bytes!").unwrap();
    let sessions = Sessions::new(store, pepper, Lifetimes { idle: 1800, absolute: 43_200, grace: 10, credentials: 0 });
    let guard = CsrfGuard::new(["https://shop.example"]).unwrap();
    let filter = SessionLayer::new(sessions, guard, Duration::from_millis(250));
    Router::new().route("/read", get(read)).route("/write", post(write)).layer(filter)
}

pub fn theirs() -> Router {
    async fn read(session: Session) -> String {
        session.get::<u64>("count").await.unwrap().unwrap_or(0).to_string()
    }
    async fn write(session: Session) -> String {
        let count = session.get::<u64>("count").await.unwrap().unwrap_or(0) + 1;
        session.insert("count", count).await.unwrap();
        count.to_string()
    }
    let filter = SessionManagerLayer::new(TheirStore::default());
    Router::new().route("/read", get(read)).route("/write", post(write)).layer(filter)
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
    let (ours, theirs) = (ours(), theirs());
    let (our_cookie, their_cookie) = (cookie(&ours).await, cookie(&theirs).await);
    for (what, method, path) in [("read", Method::GET, "/read"), ("write", Method::POST, "/write")] {
        let mut ratios = Vec::new();
        let mut best = [f64::MAX; 2];
        // In turns, so that a busy moment meets both.
        for _ in 0..ROUNDS {
            let a = time(&ours, method.clone(), path, &our_cookie).await;
            let b = time(&theirs, method.clone(), path, &their_cookie).await;
            ratios.push(b / a);
            best = [best[0].min(a), best[1].min(b)];
        }
        ratios.sort_by(f64::total_cmp);
        let [ours, theirs] = best.map(|seconds| f64::from(REQUESTS) / seconds);
        println!(
            "filter, {what}: {ours:.0} requests a second, tower-sessions {theirs:.0}; {:.2} times as many, median of {ROUNDS} rounds",
            ratios[ROUNDS / 2]
        );
    }
}
