//! Another site, on another port, that tries to act in the name of who has signed in to the demo; and the journal of what came of it.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use countersign::web::{AuthError, CsrfError};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

const MAX_ENTRIES: usize = 20;

/// What other sites have sent to the demo, and what they were answered: they cannot read it themselves.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<VecDeque<Value>>>);

impl Journal {
    fn write(&self, entry: Value) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    fn read(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Notes requests of other sites; stands in front of all routes of the demo.
pub(crate) async fn note_strangers(State(journal): State<Journal>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok()).unwrap_or("unknown").to_owned();
    if !headers.contains_key(ORIGIN) || matches!(site.as_str(), "same-origin" | "none" | "unknown") {
        return next.run(request).await;
    }
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let (cookie, bearer) = (headers.contains_key(COOKIE), headers.contains_key(AUTHORIZATION));
    let response = next.run(request).await;
    let extensions = response.extensions();
    let reason = extensions.get::<CsrfError>().map(ToString::to_string);
    let reason = reason.or_else(|| extensions.get().map(told));
    journal.write(json!({
        "method": method, "path": path, "site": site, "cookie": cookie, "bearer": bearer,
        "status": response.status().as_u16(), "reason": reason,
    }));
    response
}

/// The other site. It shares nothing with the demo but the journal, which it only shows.
pub(crate) fn router(journal: Journal, target: &str) -> Router {
    let page = include_str!("page/hostile.html").replace("{target}", target);
    Router::new()
        .route("/", get(move || async move { ([(CONTENT_TYPE, "text/html; charset=utf-8")], page) }))
        .route("/style.css", get(|| async { ([(CONTENT_TYPE, "text/css")], include_str!("page/style.css")) }))
        .route("/hostile.js", get(|| async { ([(CONTENT_TYPE, "text/javascript")], include_str!("page/hostile.js")) }))
        .route("/journal", get(show).with_state(journal))
}

async fn show(State(journal): State<Journal>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(journal.read())).into_response()
}

/// What was wrong with a credential, down to its cause.
pub(crate) fn told(error: &AuthError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
