//! The routes of tokens and JWTs: open ones to sign in and to refresh, and those behind the filter.

use crate::accounts::{Accounts, SignIn};
use crate::gate::{Caller, Gate, WINDOW};
use crate::hostile::{Journal, note_strangers, told};
use crate::session;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use countersign::session::SessionError;
use countersign::token::{TokenError, VerifiedToken};
use countersign::web::session::SessionLayer;
use countersign::web::{AuthError, AuthErrorKind, Bearer, BearerLayer, CsrfError, bearer};
use countersign::{Error, UnixTime};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The latest notes; older ones make room.
const MAX_NOTES: usize = 100;
const MAX_BODY: usize = 4096;

/// What all routes share.
pub(crate) struct App {
    accounts: Accounts,
    gate: Arc<Gate>,
    sessions: SessionLayer,
    notes: Mutex<VecDeque<Value>>,
}

/// The whole of the demo. The filters stand where they are added last: the session's is asked first, then who holds a token, then whether its
/// user was signed out since.
pub(crate) fn router(
    accounts: Accounts,
    gate: Gate,
    sessions: SessionLayer,
    journal: Journal,
    hostile: &str,
) -> Router {
    let gate = Arc::new(gate);
    let (bearer, revoking) = (
        BearerLayer::new(Arc::clone(&gate)),
        sessions.revocation_layer::<Caller>(Duration::from_secs(WINDOW.max_future_skew)),
    );
    let by_session = session::routes().route_layer(sessions.clone());
    let app = Arc::new(App { accounts, gate, sessions, notes: Mutex::default() });
    let by_bearer = Router::new().route("/api/me", get(me)).route("/api/note", post(note));
    let by_bearer = by_bearer.route("/api/device", post(device)).route_layer(revoking).route_layer(bearer);
    let index = include_str!("page/index.html").replace("{hostile}", hostile);
    Router::new()
        .route("/login", post(login))
        .route("/refresh", post(refresh))
        .route("/device/{uid}/time", post(device_time))
        .merge(by_bearer)
        .merge(by_session)
        .route("/", get(move || async { ([(CONTENT_TYPE, "text/html; charset=utf-8")], index) }))
        .route("/style.css", get(|| async { ([(CONTENT_TYPE, "text/css")], include_str!("page/style.css")) }))
        .route("/script.js", get(|| async { ([(CONTENT_TYPE, "text/javascript")], include_str!("page/script.js")) }))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(map_response(harden))
        .layer(from_fn_with_state(journal, note_strangers))
        .with_state(app)
}

/// What every answer says to a browser: take nothing from elsewhere, guess no types, keep nothing.
async fn harden(mut response: Response) -> Response {
    // For the operator alone: the peer was told less.
    let extensions = response.extensions();
    let reason = extensions.get().map(told);
    let reason = reason.or_else(|| extensions.get::<CsrfError>().map(ToString::to_string));
    if let Some(reason) = reason.or_else(|| extensions.get::<SessionError>().map(ToString::to_string)) {
        eprintln!("refused: {reason}");
    }
    const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-store")];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    password: String,
}

/// Checks a password; the user's name and role, or what to answer.
pub(crate) async fn check(
    app: &App,
    credentials: Result<Json<Credentials>, JsonRejection>,
) -> Result<(String, String), Response> {
    // What was wrong with the JSON is not repeated: it may be a password.
    let Ok(Json(Credentials { user, password })) = credentials else {
        return Err(problem(StatusCode::BAD_REQUEST, "json", "A JSON object with user and password is needed"));
    };
    match app.accounts.check(&user, password).await {
        SignIn::Role(role) => Ok((user, role.to_owned())),
        // Not 401: that would ask for a bearer token, which is what this route gives (RFC 9110 section 15.5.2).
        SignIn::Wrong => Err(problem(StatusCode::FORBIDDEN, "credentials", "User or password is wrong")),
        SignIn::Busy => {
            let busy = problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many sign in at once: try again");
            Err(([(RETRY_AFTER, "2")], busy).into_response())
        }
    }
}

/// A token and a JWT for somebody who has signed in just now.
pub(crate) fn tokens(app: &App, user: &str, role: &str, epoch: u64) -> Response {
    let (gate, now) = (&app.gate, UnixTime::now());
    let token = gate.token(user, role, epoch, now);
    match token.and_then(|token| Ok((token, gate.jwt(user, role, epoch, now, now)?))) {
        Ok((token, jwt)) => {
            Json(json!({"token": token, "jwt": jwt, "token_type": "Bearer", "expires_in": WINDOW.max_age}))
                .into_response()
        }
        Err(error) => internal(&error),
    }
}

/// For clients without a cookie.
async fn login(State(app): State<Arc<App>>, credentials: Result<Json<Credentials>, JsonRejection>) -> Response {
    // Before the password is checked: who is signed out everywhere meanwhile gets tokens that are refused.
    let named = credentials.as_ref().map_or("", |Json(credentials)| &credentials.user);
    let attempt = match app.sessions.manager().begin_sign_in(named).await {
        Ok(attempt) => attempt,
        Err(error) => return error.into_response(),
    };
    match check(&app, credentials).await {
        Ok((user, role)) => tokens(&app, &user, &role, attempt.epoch()),
        Err(answer) => answer,
    }
}

fn internal(error: &Error) -> Response {
    eprintln!("no token could be made: {error}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// A problem document (RFC 9457).
pub(crate) fn problem(status: StatusCode, kind: &str, title: &str) -> Response {
    let body = json!({"type": format!("urn:countersign:problem:{kind}"), "title": title, "status": status.as_u16()});
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// Takes an expired JWT, which the filter would not let through: so this route is outside of it, and judges for itself.
async fn refresh(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let outcome = match bearer(&headers) {
        Bearer::Token(jwt) => app.gate.refreshable(jwt),
        Bearer::Missing => return missing(),
        Bearer::Malformed => Err(AuthError::invalid()),
    };
    let (user, signed_in_at, epoch) = match outcome {
        Ok(found) => found,
        Err(error) => return refused(error),
    };
    // Who was signed out everywhere gets no new one for an old one.
    match app.sessions.manager().last_revocation(user.as_bytes()).await {
        Err(error) => return error.into_response(),
        Ok(last)
            if last.has_revoked(
                Some(epoch),
                Some(signed_in_at),
                Duration::from_secs(WINDOW.max_future_skew),
                UnixTime::now(),
            ) =>
        {
            return refused(TokenError::Revoked.into());
        }
        Ok(_) => {}
    }
    // The account is asked again: who has lost a role does not keep it in a token.
    let Some(role) = app.accounts.role(&user) else { return refused(TokenError::Revoked.into()) };
    match app.gate.jwt(&user, role, epoch, signed_in_at, UnixTime::now()) {
        Ok(jwt) => Json(json!({"jwt": jwt})).into_response(),
        Err(error) => internal(&error),
    }
}

/// As the filter answers, for the routes that judge for themselves.
fn refused(error: AuthError) -> Response {
    let mut response = if error.kind() == AuthErrorKind::Unavailable {
        let answer = problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Try again later");
        ([(RETRY_AFTER, "30")], answer).into_response()
    } else {
        let kind = if error.kind() == AuthErrorKind::Expired { "token-expired" } else { "token-not-valid" };
        let answer = problem(StatusCode::UNAUTHORIZED, kind, "Sign in again");
        ([(WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)], answer).into_response()
    };
    response.extensions_mut().insert(error);
    response
}

/// No credential at all: asked for, without an error code (RFC 6750 section 3.1).
fn missing() -> Response {
    let answer = problem(StatusCode::UNAUTHORIZED, "token-not-valid", "A bearer token is needed");
    ([(WWW_AUTHENTICATE, r#"Bearer realm="api""#)], answer).into_response()
}

/// The time, for a device whose clock is not set: outside of the filter, which would not let it through.
async fn device_time(State(app): State<Arc<App>>, Path(uid): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let outcome = match bearer(&parts.headers) {
        Bearer::Token(token) => app.gate.time_reply(&uid, token, &parts),
        Bearer::Missing => return missing(),
        Bearer::Malformed => Err(AuthError::invalid()),
    };
    match outcome {
        Ok(Some(reply)) => ([(CONTENT_TYPE, "text/plain")], reply).into_response(),
        // Its clock is good enough.
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refused(error),
    }
}

/// Takes a device's statement, a JWT, and answers with one: now each has proven itself to the other.
async fn device(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>, statement: Bytes) -> Response {
    let Caller::Device(token) = &caller else {
        return problem(StatusCode::FORBIDDEN, "not-a-device", "This route is for devices");
    };
    match app.gate.answer_device(token, &statement) {
        Ok((firmware, answer)) => {
            // Quoted: what a device calls itself starts no line of the log.
            println!("{:?} has signed in, with firmware {firmware:?}", caller.uid());
            ([(CONTENT_TYPE, "application/jwt")], answer).into_response()
        }
        Err(error) => refused(error),
    }
}

/// All of the answer comes out of the token: no look-up.
async fn me(Extension(caller): Extension<Caller>) -> Json<Value> {
    let uid = caller.uid();
    Json(match &caller {
        Caller::Person(token) => facts("person", &uid, &token.as_verified()),
        Caller::Device(token) => facts("device", &uid, &token.as_verified()),
        Caller::Claimed(claims) => {
            let claims: Option<Value> = serde_json::from_str(claims.claims().as_json()).ok();
            json!({"kind": "person", "uid": uid, "claims": claims})
        }
    })
}

fn facts(kind: &str, uid: &str, token: &VerifiedToken<'_>) -> Value {
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
