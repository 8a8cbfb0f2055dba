//! The routes of the session: the server keeps the data, the browser a cookie that it sends by itself.

use crate::api::{App, Credentials, check, problem, tokens};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::UnixTime;
use countersign::session::{Handle, Session, SessionError};
use countersign::web::session::{CurrentSession, SignedInSession};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The latest notes of a session; older ones make room.
const MAX_NOTES: usize = 20;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/session", get(show))
        .route("/session/login", post(login))
        .route("/session/note", post(note))
        .route("/session/renew", post(renew))
        .route("/session/end", post(end))
        .route("/session/logout", post(logout))
        .route("/session/logout-everywhere", post(logout_everywhere))
}

/// Signs the browser in, and gives the page a token and a JWT as well, to compare.
async fn login(
    State(app): State<Arc<App>>,
    mut session: CurrentSession,
    headers: HeaderMap,
    credentials: Result<Json<Credentials>, JsonRejection>,
) -> Response {
    // Before the password is checked: who is signed out everywhere meanwhile does not come in.
    let attempt = match &credentials {
        Ok(Json(credentials)) => session.begin_sign_in(&credentials.user).await,
        Err(_) => session.begin_sign_in("").await,
    };
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(error) => return error.into_response(),
    };
    let (user, role) = match check(&app, credentials).await {
        Ok(known) => known,
        Err(answer) => return answer,
    };
    if let Err(error) = session.sign_in(&attempt, 1).await {
        return error.into_response();
    }
    session.set_label(&device_of(&headers));
    // Quoted: no user's name starts a line of the log.
    println!("{user:?} has signed in, session {}", session.handle());
    tokens(&app, &user, &role, attempt.epoch())
}

/// What the server keeps, for whoever it belongs to.
async fn show(SignedInSession(session): SignedInSession) -> Result<Json<Value>, SessionError> {
    let listed = session.list_sessions(None, 100).await?;
    let devices: Vec<_> = listed
        .iter()
        .map(|device| {
            json!({
                "handle": device.handle.to_string(),
                "label": device.label,
                "created": device.created.as_secs(),
                "last_seen": device.last_seen.as_secs(),
                "this": device.handle == session.handle(),
            })
        })
        .collect();
    let deadlines = session.deadlines();
    Ok(Json(json!({
        "user": session.user(),
        "handle": session.handle().to_string(),
        "signed_in_at": session.last_sign_in().map(|last| last.at.as_secs()),
        "idle": deadlines.idle.as_secs(),
        "absolute": deadlines.absolute.as_secs(),
        "now": UnixTime::now().as_secs(),
        "notes": session.get::<Value>("notes")?.unwrap_or_else(|| json!([])),
        "devices": devices,
    })))
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

/// Two notes of two tabs at once are both kept: the change is made again on what the other one has written.
async fn note(SignedInSession(mut session): SignedInSession, Json(note): Json<Note>) -> Json<Value> {
    session.update(move |data| {
        let notes = data.entry("notes".to_owned()).or_insert_with(|| json!([]));
        if let Some(notes) = notes.as_array_mut() {
            notes.push(note.text.clone().into());
            let surplus = notes.len().saturating_sub(MAX_NOTES);
            notes.drain(..surplus);
        }
    });
    Json(json!({"kept": count(&session)}))
}

fn count(session: &Session) -> usize {
    session.get::<Vec<Value>>("notes").ok().flatten().map_or(0, |notes| notes.len())
}

/// A new cookie for the same session; the old one counts for the requests that are under way.
async fn renew(SignedInSession(mut session): SignedInSession) -> Result<Json<Value>, SessionError> {
    session.renew().await?;
    Ok(Json(json!({"renewed": session.handle().to_string()})))
}

#[derive(Deserialize)]
struct Device {
    handle: String,
}

/// Ends one of the user's own sessions.
async fn end(SignedInSession(session): SignedInSession, Json(device): Json<Device>) -> Response {
    let Ok(handle) = device.handle.parse::<Handle>() else {
        return problem(StatusCode::BAD_REQUEST, "json", "A session's name is 27 characters of base64url");
    };
    match session.end_session(handle).await {
        Ok(true) => Json(json!({"ended": device.handle})).into_response(),
        Ok(false) => problem(StatusCode::NOT_FOUND, "no-such-session", "You have no session of this name"),
        Err(error) => error.into_response(),
    }
}

async fn logout(SignedInSession(session): SignedInSession) -> Result<Json<Value>, SessionError> {
    session.sign_out().await?;
    Ok(Json(json!({"signed_out": "here"})))
}

/// Ends every session of the user, and every token and JWT that was issued until now.
async fn logout_everywhere(session: SignedInSession) -> Result<Json<Value>, SessionError> {
    let user = session.user().to_owned();
    session.0.sign_out_everywhere().await?;
    println!("{user:?} has signed out everywhere");
    Ok(Json(json!({"signed_out": "everywhere"})))
}

/// What the list of devices calls a browser. What it says of itself is only shown.
fn device_of(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let first = |names: &[&str], otherwise: &str| {
        let found = names.iter().find(|name| agent.contains(*name));
        found.map_or(otherwise, |name| name).to_owned()
    };
    // The order matters: each of them also names those behind it.
    let browser = first(&["Firefox", "Edg", "Chrome", "Safari", "curl"], "a browser");
    let system = first(&["Android", "iPhone", "Windows", "Mac OS", "Linux"], "a computer");
    format!("{browser} on {system}")
}
