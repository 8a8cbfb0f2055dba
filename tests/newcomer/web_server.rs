//! A web shop: people sign in and have a session, kept in a file; their scripts come with a JWT, which they get once they have signed in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{KeySet, OwnedJwt, Policy, SignJwt, ValidityPeriod};
use countersign::session::store::{Budgets, DiskStore, DynStore};
use countersign::session::{Lifetimes, Pepper, SessionError, SessionManager};
use countersign::web::session::{CurrentSession, SessionLayer, SignedInSession};
use countersign::web::{BearerLayer, CsrfGuard, JwtAuthenticator};
use countersign::{MonotonicClock, UnixTime};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SHOP: &str = "https://shop.example";
const POLICY: Policy<'_> = Policy::new(30).issuer(SHOP).audience("orders");

type Keys = Arc<JwtAuthenticator<'static, 2>>;

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

#[derive(Serialize)]
struct Account {
    user: Option<String>,
    theme: Option<String>,
}

#[derive(Serialize)]
struct Access<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Option<&'a str>,
    exp: u64,
}

async fn log_in(mut session: CurrentSession, Json(login): Json<Login>) -> Result<StatusCode, SessionError> {
    let attempt = session.begin_sign_in(&login.user).await?;
    if login.password != "an obvious password" {
        return Ok(StatusCode::UNAUTHORIZED);
    }
    session.sign_in(&attempt, 1).await?;
    session.insert("theme", "dark")?;
    Ok(StatusCode::NO_CONTENT)
}

async fn account(SignedInSession(session): SignedInSession) -> Result<Json<Account>, SessionError> {
    Ok(Json(Account { user: session.user().map(str::to_owned), theme: session.get("theme")? }))
}

async fn token(State(keys): State<Keys>, SignedInSession(session): SignedInSession) -> countersign::Result<String> {
    let exp = (UnixTime::now() + Duration::from_secs(3600)).as_secs();
    keys.keys().sign_claims(&Access { iss: SHOP, aud: "orders", sub: session.user(), exp })
}

async fn log_out(session: CurrentSession) -> Result<StatusCode, SessionError> {
    session.sign_out().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn orders(jwt: OwnedJwt) -> Json<Option<String>> {
    Json(jwt.claims().subject().map(|user| user.to_string()))
}

pub(crate) fn app(file: &Path) -> Result<Router, Box<dyn std::error::Error>> {
    let store = DiskStore::open(file, Budgets { anonymous: 16 << 20, signed_in: 64 << 20 })?;
    let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
    let lifetimes = Lifetimes {
        idle: Duration::from_secs(30 * 60),
        absolute: Duration::from_secs(12 * 3600),
        renewal_grace: Duration::from_secs(10),
        max_token_age: Duration::ZERO,
    };
    let sessions = SessionManager::new(DynStore::new(store), pepper, lifetimes);
    let sessions = SessionLayer::new(sessions, CsrfGuard::new([SHOP])?, Duration::from_secs(10));

    let mut keys = KeySet::new();
    keys.insert("2026-01", Hs256Key::new(b"another obvious test key, again!")?, ValidityPeriod::ALWAYS)?;
    keys.set_signing_key("2026-01")?;
    let keys = Arc::new(JwtAuthenticator::new(keys, POLICY, MonotonicClock::new(60)));

    let pages = Router::new()
        .route("/login", post(log_in))
        .route("/account", get(account))
        .route("/token", post(token))
        .route("/logout", post(log_out))
        .layer(sessions);
    let api = Router::new().route("/orders", get(orders)).layer(BearerLayer::new(Arc::clone(&keys)));
    Ok(pages.merge(api).with_state(keys))
}
