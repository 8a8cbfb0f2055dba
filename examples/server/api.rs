//! The routes: an open one to sign in, and those behind the filter.

use crate::accounts::Accounts;
use crate::gate::{Caller, Gate, WINDOW};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use countersign::Refusal;
use countersign::UnixTime;
use countersign::token::Verified;
use countersign::web::{Authenticate, Bearer, BearerLayer, bearer};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// The latest notes; older ones make room.
const MAX_NOTES: usize = 100;
const MAX_BODY: usize = 4096;

struct App {
    accounts: Arc<Accounts>,
    gate: Arc<Gate>,
    notes: Mutex<VecDeque<Value>>,
}

pub(crate) fn router(accounts: Arc<Accounts>, gate: Gate) -> Router {
    let gate = Arc::new(gate);
    let filter = BearerLayer::new({
        let gate = Arc::clone(&gate);
        move |bearer: &[u8]| -> Result<Caller, Refusal> { gate.authenticate(bearer) }
    });
    let app = Arc::new(App { accounts, gate, notes: Mutex::default() });
    let admitted = Router::new().route("/api/me", get(me)).route("/api/note", post(note)).layer(filter);
    Router::new()
        .route("/login", post(login))
        .route("/refresh", post(refresh))
        .merge(admitted)
        .route("/", get(|| page("text/html; charset=utf-8", include_str!("page.html"))))
        .route("/page.css", get(|| page("text/css", include_str!("page.css"))))
        .route("/page.js", get(|| page("text/javascript", include_str!("page.js"))))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(app)
}

async fn page(content_type: &'static str, text: &'static str) -> Response {
    let headers =
        [(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, "default-src 'self'; frame-ancestors 'none'")];
    (headers, text).into_response()
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

async fn login(State(app): State<Arc<App>>, Json(credentials): Json<Credentials>) -> Response {
    let Some(role) = app.accounts.check(&credentials.user, credentials.password).await else {
        let body =
            json!({"type": "urn:countersign:problem:credentials", "title": "User or password is wrong", "status": 401});
        return (StatusCode::UNAUTHORIZED, [(CONTENT_TYPE, "application/problem+json")], body.to_string())
            .into_response();
    };
    let now = UnixTime::now();
    let tokens = app
        .gate
        .token(&credentials.user, role, now)
        .and_then(|token| Ok((token, app.gate.jwt(&credentials.user, role, now)?)));
    match tokens {
        Ok((token, jwt)) => {
            let body = json!({"token": token, "jwt": jwt, "token_type": "Bearer", "expires_in": WINDOW.max_age});
            ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        Err(error) => {
            eprintln!("no token could be made: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Takes an expired JWT, which the filter would not let through: so this route is outside of it, and judges for itself.
async fn refresh(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Bearer::Token(jwt) = bearer(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    match app.gate.refreshed(jwt) {
        Ok(jwt) => ([(CACHE_CONTROL, "no-store")], Json(json!({"jwt": jwt}))).into_response(),
        Err(refusal) => {
            let kind = if refusal.is_expired() { "token-expired" } else { "token-not-valid" };
            let body =
                json!({"type": format!("urn:countersign:problem:{kind}"), "title": "Sign in again", "status": 401});
            (StatusCode::UNAUTHORIZED, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
        }
    }
}

impl Caller {
    fn uid(&self) -> String {
        match self {
            Self::Person(token) | Self::Device(token) => String::from_utf8_lossy(token.get().uid()).into_owned(),
            Self::Claimed(claims) => claims.get().subject().map(|subject| subject.to_string()).unwrap_or_default(),
        }
    }
}

/// All of the answer comes out of the token: no look-up.
async fn me(Extension(caller): Extension<Caller>) -> Json<Value> {
    let uid = caller.uid();
    Json(match &caller {
        Caller::Person(token) => facts("person", &uid, &token.get()),
        Caller::Device(token) => facts("device", &uid, &token.get()),
        Caller::Claimed(claims) => {
            let claims: Option<Value> = serde_json::from_str(claims.get().as_json()).ok();
            json!({"kind": "person", "uid": uid, "claims": claims})
        }
    })
}

fn facts(kind: &str, uid: &str, token: &Verified<'_>) -> Value {
    let params = token.params().iter().map(|(key, value)| (key.to_owned(), String::from_utf8_lossy(value).into()));
    let params: serde_json::Map<_, _> = params.collect();
    json!({"kind": kind, "uid": uid, "issued_at": token.issued_at().map(UnixTime::as_secs), "params": params})
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

async fn note(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Json(note): Json<Note>,
) -> Json<Value> {
    let by = caller.uid();
    let mut notes = app.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if notes.len() >= MAX_NOTES {
        notes.pop_front();
    }
    notes.push_back(json!({"by": by, "text": note.text}));
    Json(json!({"kept": notes.len(), "latest": notes.back()}))
}
