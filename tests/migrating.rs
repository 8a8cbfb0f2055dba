//! The right-hand sides of `docs/MIGRATING.md`, compiled, compared with that file, and run.
//!
//! Behind each line `// theirs:` stands a function whose body is what the table has in that row.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use axum::body::Body;
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use base64ct::{Base64UrlUnpadded, Encoding};
use countersign::UnixTime;
use countersign::cookie::SameSite;
use countersign::jwt::claim::RegisteredClaim;
use countersign::jwt::keys::SigningKey;
#[cfg(feature = "eddsa")]
use countersign::jwt::keys::{EdDsaSigningKey, EdDsaVerifyingKey};
#[cfg(feature = "es256")]
use countersign::jwt::keys::{Es256SigningKey, Es256VerifyingKey};
use countersign::jwt::keys::{Hs256Key, Hs384Key};
use countersign::jwt::{FailedChecks, JwksError, JwtBuilder, JwtError, KeySet, OwnedJwt, Policy};
use countersign::jwt::{SignJwt, ValidityPeriod, VerifyJwt};
use countersign::session::store::Budgets;
use countersign::session::store::{CreateOutcome, SessionContent, SessionKind, StoredSession, SwapOutcome};
use countersign::session::store::{Deadlines, DynStore, MemoryStore, SessionStore, StoreError};
use countersign::session::{
    CookieLife, Handle, Lifetimes, Pepper, Session, SessionError, SessionManager, SignInAttempt,
};
use countersign::web::CsrfGuard;
use countersign::web::session::{CurrentSession, SessionCookie, SessionCookieError, SessionLayer, SignedInSession};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tower::ServiceExt;

const GUIDE: &str = include_str!("../docs/MIGRATING.md");
const HERE: &str = include_str!("migrating.rs");
const MARK: &str = "\n// theirs: ";

const PAGE: &str = "https://shop.example";
const POLICY: Policy<'_> = Policy::new(30);

// theirs: session: Session
fn extracted() -> MethodRouter {
    get(|session: CurrentSession| async move { session.handle().to_string() })
}

// theirs: Session::new
fn begun(sessions: &SessionManager<DynStore>) -> Result<Session, SessionError> {
    sessions.start(UnixTime::now())
}

// theirs: Session::insert
fn inserted(session: &mut CurrentSession) -> Result<(), SessionError> {
    session.insert("cart", &["apples"])
}

// theirs: Session::insert_value
fn value_inserted(session: &mut CurrentSession) -> Result<(), SessionError> {
    session.insert("cart", &json!(["apples"]))
}

// theirs: Session::get
fn got(session: &CurrentSession) -> Result<Option<Vec<String>>, SessionError> {
    session.get::<Vec<String>>("cart")
}

// theirs: Session::get_value
fn value_got(session: &CurrentSession) -> Result<Option<Value>, SessionError> {
    session.get::<Value>("cart")
}

// theirs: Session::remove
fn removed(session: &mut CurrentSession) -> Result<Option<Vec<String>>, SessionError> {
    session.remove::<Vec<String>>("cart")
}

// theirs: Session::remove_value
fn value_removed(session: &mut CurrentSession) -> Result<Option<Value>, SessionError> {
    session.remove::<Value>("cart")
}

// theirs: Session::clear
fn cleared(session: &mut CurrentSession) {
    session.update(BTreeMap::clear);
}

// theirs: Session::id
fn named(session: &CurrentSession) -> Handle {
    session.handle()
}

// theirs: Session::expiry_date
fn expiring_at(session: &CurrentSession) -> UnixTime {
    session.deadlines().idle
}

// theirs: Session::expiry_age
fn expiring_in(session: &CurrentSession) -> u64 {
    session.deadlines().idle.as_secs().saturating_sub(UnixTime::now().as_secs())
}

// theirs: Session::is_modified
fn modified(session: &CurrentSession) -> bool {
    session.is_modified()
}

// theirs: Session::save
async fn saved(sessions: &SessionManager<DynStore>, session: &mut Session) -> Result<(), SessionError> {
    sessions.save(session, UnixTime::now()).await
}

// theirs: Session::load
async fn loaded(sessions: &SessionManager<DynStore>, cookie: &str) -> Result<Option<Session>, SessionError> {
    sessions.load([cookie.as_bytes()], UnixTime::now()).await
}

// theirs: Session::delete
async fn deleted(sessions: &SessionManager<DynStore>, handle: Handle) -> Result<bool, SessionError> {
    sessions.end_session(handle, UnixTime::now()).await
}

// theirs: Session::flush
async fn flushed(session: CurrentSession) -> Result<(), SessionError> {
    session.sign_out().await
}

// theirs: Session::cycle_id
async fn cycled(session: &mut CurrentSession) -> Result<(), SessionError> {
    session.renew().await
}

// theirs: SessionManagerLayer::new
fn filter(sessions: SessionManager<DynStore>, guard: CsrfGuard) -> SessionLayer {
    SessionLayer::new(sessions, guard, Duration::from_millis(250))
}

// theirs: SessionManagerLayer::with_name
fn with_name(filter: SessionLayer) -> Result<SessionLayer, SessionCookieError> {
    filter.with_cookie(SessionCookie::new().with_name("shop"))
}

// theirs: SessionManagerLayer::with_same_site(SameSite::Strict)
fn with_same_site(filter: SessionLayer) -> Result<SessionLayer, SessionCookieError> {
    filter.with_cookie(SessionCookie::new().with_same_site(SameSite::Strict))
}

// theirs: SessionManagerLayer::with_expiry
fn with_expiry(store: DynStore, pepper: Pepper, lifetimes: Lifetimes) -> SessionManager<DynStore> {
    SessionManager::new(store, pepper, lifetimes)
}

// theirs: SessionManagerLayer::with_secure(false)
fn with_secure(filter: SessionLayer) -> Result<SessionLayer, SessionCookieError> {
    filter.with_cookie(SessionCookie::new().with_secure(false))
}

// theirs: SessionManagerLayer::with_path
fn with_path(filter: SessionLayer) -> Result<SessionLayer, SessionCookieError> {
    filter.with_cookie(SessionCookie::new().with_path("/app"))
}

// theirs: SessionManagerLayer::with_domain
fn with_domain(filter: SessionLayer) -> Result<SessionLayer, SessionCookieError> {
    filter.with_cookie(SessionCookie::new().with_domain("shop.example"))
}

// theirs: SessionManagerLayer::with_signed
fn with_signed() -> countersign::Result<Pepper> {
    Pepper::new(b"an obvious test key of 32 bytes!")
}

// theirs: Expiry::OnSessionEnd
fn on_session_end(filter: SessionLayer) -> Result<SessionLayer, SessionCookieError> {
    filter.with_cookie(SessionCookie::new().with_life(CookieLife::Browser))
}

// theirs: Expiry::OnInactivity
fn on_inactivity() -> Lifetimes {
    Lifetimes {
        idle: Duration::from_secs(1800),
        absolute: Duration::from_secs(43_200),
        renewal_grace: Duration::from_secs(10),
        max_token_age: Duration::ZERO,
    }
}

// theirs: MemoryStore::default
fn store() -> DynStore {
    DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 64 << 20 }))
}

// theirs: SessionStore::create
async fn store_create(
    store: &impl SessionStore,
    handle: Handle,
    content: SessionContent,
    now: UnixTime,
) -> Result<CreateOutcome, StoreError> {
    store.create(handle, content, now).await
}

// theirs: SessionStore::save
async fn store_save(
    store: &impl SessionStore,
    handle: Handle,
    version: u64,
    content: SessionContent,
    now: UnixTime,
) -> Result<SwapOutcome, StoreError> {
    store.compare_and_swap(handle, version, content, now).await
}

// theirs: SessionStore::load
async fn store_load(
    store: &impl SessionStore,
    handle: Handle,
    now: UnixTime,
) -> Result<Option<StoredSession>, StoreError> {
    store.load(handle, now).await
}

// theirs: SessionStore::delete
async fn store_delete(store: &impl SessionStore, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
    store.delete(handle, now).await
}

// theirs: ExpiredDeletion::delete_expired
async fn delete_expired(store: &impl SessionStore) -> Result<usize, StoreError> {
    store.delete_expired(UnixTime::now(), 1000).await
}

// theirs: auth_session: AuthSession<Backend>
fn greeting() -> MethodRouter {
    get(|session: CurrentSession| async move { session.user().unwrap_or("stranger").to_owned() })
}

// theirs: AuthSession::user
fn user(session: &CurrentSession) -> Option<&str> {
    session.user()
}

// theirs: AuthSession::authenticate
async fn authenticate(session: &CurrentSession, name: &str) -> Result<SignInAttempt, SessionError> {
    session.begin_sign_in(name).await
}

// theirs: AuthSession::login
async fn login(session: &mut CurrentSession, attempt: SignInAttempt) -> Result<(), SessionError> {
    session.sign_in(&attempt, 1).await
}

// theirs: AuthSession::logout
async fn logout(session: CurrentSession) -> Result<(), SessionError> {
    session.sign_out().await
}

// theirs: AuthUser::id
async fn id(session: &CurrentSession, user: &User) -> Result<SignInAttempt, SessionError> {
    session.begin_sign_in(&user.id.to_string()).await
}

// theirs: AuthUser::session_auth_hash
async fn session_auth_hash(session: &CurrentSession) -> Result<(), SessionError> {
    session.sign_out_elsewhere().await
}

// theirs: login_required!(Backend)
fn login_required() -> MethodRouter {
    get(|session: SignedInSession| async move { session.user().to_owned() })
}

// theirs: login_required!(Backend, login_url = "/login")
fn login_url(filter: SessionLayer) -> SessionLayer {
    filter.with_login_page(HeaderValue::from_static("/login"))
}

// theirs: permission_required!(Backend, "write")
fn permission_required(session: &CurrentSession) -> bool {
    session.user().is_some_and(|user| may(user, "write"))
}

// theirs: AuthManagerLayerBuilder::new(…).build
fn built(app: Router, filter: SessionLayer) -> Router {
    app.layer(filter)
}

// theirs: encode(&Header::default(), &access, &encoding_key)
fn encoded(key: &Hs256Key, access: &Access) -> countersign::Result<String> {
    key.sign_claims(access)
}

// theirs: decode::<Access>(token, &decoding_key, &validation)
fn decoded(key: &Hs256Key, token: &str) -> Result<Access, JwtError> {
    key.verify_claims::<Access>(token, &POLICY, UnixTime::now())
}

// theirs: TokenData
fn token_data(key: &Hs256Key, token: &str) -> Result<OwnedJwt, JwtError> {
    key.verify_jwt(token, &POLICY, UnixTime::now())
}

// theirs: Header::new(Algorithm::HS384)
fn with_algorithm(secret: &[u8]) -> countersign::Result<Hs384Key> {
    Hs384Key::new(secret)
}

// theirs: Header::typ
fn with_typ(exp: UnixTime) -> JwtBuilder<'static> {
    JwtBuilder::new().typ("at+jwt").subject("alice").expires_at(exp)
}

// theirs: Header::kid
fn with_kid(keys: &KeySet<8>, access: &Access) -> countersign::Result<String> {
    keys.sign_claims(access)
}

// theirs: Header::crit
fn with_crit(policy: Policy<'_>) -> Policy<'_> {
    policy.with_known_crit(&["exp-ms"])
}

// theirs: EncodingKey::from_secret
fn secret_key(secret: &[u8]) -> countersign::Result<Hs256Key> {
    Hs256Key::new(secret)
}

// theirs: EncodingKey::from_ec_der
#[cfg(feature = "es256")]
fn ec_key(scalar: &[u8]) -> countersign::Result<Es256SigningKey> {
    Es256SigningKey::new(scalar)
}

// theirs: EncodingKey::from_ed_der
#[cfg(feature = "eddsa")]
fn ed_key(seed: &[u8]) -> countersign::Result<EdDsaSigningKey> {
    EdDsaSigningKey::new(seed)
}

// theirs: DecodingKey::from_ec_components
#[cfg(feature = "es256")]
fn public_ec_key(point: &[u8]) -> countersign::Result<Es256VerifyingKey> {
    Es256VerifyingKey::from_sec1(point)
}

// theirs: DecodingKey::from_ed_components
#[cfg(feature = "eddsa")]
fn public_ed_key(point: &[u8]) -> countersign::Result<EdDsaVerifyingKey> {
    EdDsaVerifyingKey::new(point)
}

// theirs: DecodingKey::from_jwk
fn key_set(text: &str) -> Result<KeySet<8>, JwksError> {
    KeySet::<8>::from_jwks(text)
}

// theirs: JwkSet::find
fn decoded_by_set(keys: &KeySet<8>, token: &str) -> Result<Access, JwtError> {
    keys.verify_claims::<Access>(token, &POLICY, UnixTime::now())
}

// theirs: Validation::new(Algorithm::HS256)
fn validation() -> Policy<'static> {
    Policy::new(60)
}

// theirs: Validation::leeway
fn leeway() -> Policy<'static> {
    Policy::new(30)
}

// theirs: Validation::set_issuer
fn set_issuer(policy: Policy<'_>) -> Policy<'_> {
    policy.issuer("https://issuer.example")
}

// theirs: Validation::set_audience
fn set_audience(policy: Policy<'_>) -> Policy<'_> {
    policy.audiences(&["api", "api.example"])
}

// theirs: Validation::sub
fn set_subject(policy: Policy<'_>) -> Policy<'_> {
    policy.subject("alice")
}

// theirs: Validation::set_required_spec_claims
fn set_required(policy: Policy<'_>) -> Policy<'_> {
    policy.require(RegisteredClaim::JwtId)
}

// theirs: Validation::validate_exp
fn without_exp(policy: Policy<'_>) -> Policy<'_> {
    policy.allow_missing_exp()
}

// theirs: Validation::validate_aud
fn without_aud(policy: Policy<'_>) -> Policy<'_> {
    policy.allow_any_audience()
}

// theirs: ErrorKind::ExpiredSignature
fn has_expired(error: JwtError) -> bool {
    error.is_expired()
}

// theirs: ErrorKind::InvalidSignature
fn is_invalid(error: JwtError) -> bool {
    error == JwtError::Invalid
}

// theirs: ErrorKind::InvalidIssuer
fn has_another_issuer(failed: FailedChecks) -> bool {
    failed.mismatched.contains(RegisteredClaim::Issuer)
}

// theirs: ErrorKind::MissingRequiredClaim
fn has_no_issuer(failed: FailedChecks) -> bool {
    failed.missing.contains(RegisteredClaim::Issuer)
}

// theirs: get_current_timestamp
fn seconds() -> u64 {
    UnixTime::now().as_secs()
}

/// What a server of the application reads of a JWT.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Access {
    sub: String,
    exp: u64,
}

/// A user of the application, and who may do what there.
struct User {
    id: u64,
}

fn may(user: &str, what: &str) -> bool {
    (user, what) == ("7", "write")
}

/// As one line: what the formatter adds where it breaks a line is left out.
fn without_space(text: &str) -> String {
    text.split_whitespace().collect::<String>().replace(",}", "}").replace(",)", ")")
}

/// What the functions of this file have: theirs, and the body.
fn functions() -> Vec<(String, String)> {
    let marked = HERE.split(MARK).skip(1).map(|marked| {
        let (theirs, function) = marked.split_once('\n').unwrap();
        let (body, _) = function.split_once(" {\n").unwrap().1.split_once("\n}\n").unwrap();
        (theirs.to_owned(), without_space(body.trim_end_matches(';')))
    });
    marked.collect()
}

/// What the tables have: theirs, ours if there is any, and the remark.
fn rows() -> Vec<(String, Option<String>, String)> {
    let lines = GUIDE.lines().filter(|line| line.starts_with("| `"));
    let rows = lines.map(|line| {
        let line = line.replace("\\|", "\0");
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().replace('\0', "|")).collect();
        let [_, theirs, ours, remark, _] = cells.as_slice() else { panic!("{line}") };
        let code = |cell: &str| cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
        let theirs = code(theirs).unwrap();
        assert!(ours.is_empty() || code(ours).is_some(), "{theirs} has {ours}");
        (theirs, code(ours), remark.clone())
    });
    rows.collect()
}

#[test]
fn the_tables_have_what_is_compiled() {
    let ours = rows().into_iter().filter_map(|(theirs, ours, _)| Some((theirs, without_space(&ours?))));
    let (ours, compiled): (Vec<_>, _) = (ours.collect(), functions());
    for (row, function) in ours.iter().zip(&compiled) {
        assert_eq!(row, function);
    }
    assert_eq!((ours.len(), compiled.len()), (72, 72));
}

/// Where there is nothing, there is a reason.
#[test]
fn what_has_no_counterpart_has_a_reason() {
    let without: Vec<_> = rows().into_iter().filter(|(_, ours, _)| ours.is_none()).collect();
    assert!(!without.is_empty());
    for (theirs, _, remark) in without {
        assert!(remark.ends_with('.') && remark.split(' ').count() > 3, "{theirs}: {remark}");
    }
}

fn sessions() -> SessionManager<DynStore> {
    with_expiry(store(), with_signed().unwrap(), on_inactivity())
}

fn guard() -> CsrfGuard {
    CsrfGuard::new([PAGE]).unwrap()
}

/// What a handler says.
fn said(what: impl Serialize) -> Json<Value> {
    Json(json!(what))
}

fn app(filter: SessionLayer) -> Router {
    let app =
        Router::new().route("/name", extracted()).route("/greeting", greeting()).route("/account", login_required());
    let app = app
        .route(
            "/insert",
            post(async |mut session: CurrentSession| {
                inserted(&mut session).unwrap();
                let first = got(&session).unwrap();
                value_inserted(&mut session).unwrap();
                said((first, value_got(&session).unwrap(), modified(&session)))
            }),
        )
        .route(
            "/take",
            post(async |mut session: CurrentSession| {
                let taken = (removed(&mut session).unwrap(), value_removed(&mut session).unwrap());
                inserted(&mut session).unwrap();
                cleared(&mut session);
                said((taken, got(&session).unwrap()))
            }),
        )
        .route(
            "/times",
            post(async |mut session: CurrentSession| {
                inserted(&mut session).unwrap();
                let (at, within) = (expiring_at(&session), expiring_in(&session));
                said((at > UnixTime::now(), (1700..=1800).contains(&within), named(&session).to_string()))
            }),
        )
        .route(
            "/login",
            post(async |mut session: CurrentSession| {
                let attempt = authenticate(&session, "7").await.unwrap();
                assert_eq!(attempt, id(&session, &User { id: 7 }).await.unwrap());
                login(&mut session, attempt).await.unwrap();
                said((user(&session), permission_required(&session)))
            }),
        )
        .route("/elsewhere", post(async |session: CurrentSession| session_auth_hash(&session).await))
        .route("/cycle", post(async |mut session: CurrentSession| cycled(&mut session).await))
        .route("/logout", post(async |session: CurrentSession| logout(session).await))
        .route("/flush", post(async |session: CurrentSession| flushed(session).await));
    built(app, filter)
}

/// A browser with one cookie.
struct Browser {
    app: Router,
    cookie: Option<String>,
}

impl Browser {
    fn on(filter: SessionLayer) -> Self {
        Self { app: app(filter), cookie: None }
    }

    async fn asks(&mut self, method: &str, path: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path).header("origin", PAGE);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        if let Some(cookie) = response.headers().get(SET_COOKIE) {
            self.cookie = cookie.to_str().unwrap().split(';').next().map(str::to_owned);
        }
        let status = response.status();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn posts(&mut self, path: &str) -> String {
        let (status, body) = self.asks("POST", path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

#[tokio::test]
async fn what_is_compiled_does_what_the_table_says() {
    let mut browser = Browser::on(filter(sessions(), guard()));
    assert_eq!(browser.posts("/insert").await, r#"[["apples"],["apples"],true]"#);
    assert_eq!(browser.posts("/take").await, r#"[[["apples"],null],null]"#);
    let times: Value = serde_json::from_str(&browser.posts("/times").await).unwrap();
    let (_, name) = browser.asks("GET", "/name").await;
    assert_eq!(times, json!([true, true, name]));

    assert_eq!(browser.asks("GET", "/account").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.asks("GET", "/greeting").await.1, "stranger");
    let before = browser.cookie.clone();
    assert_eq!(browser.posts("/login").await, r#"["7",true]"#);
    assert_ne!(before, browser.cookie, "it rotates");
    assert_eq!(browser.asks("GET", "/account").await, (StatusCode::OK, "7".to_owned()));

    let mut elsewhere = Browser { app: browser.app.clone(), cookie: None };
    elsewhere.posts("/login").await;
    browser.posts("/elsewhere").await;
    assert_eq!(elsewhere.asks("GET", "/account").await.0, StatusCode::UNAUTHORIZED);
    let before = browser.cookie.clone();
    browser.posts("/cycle").await;
    assert_ne!(before, browser.cookie);
    assert_eq!(browser.asks("GET", "/account").await.1, "7");
    browser.posts("/logout").await;
    assert_eq!(browser.asks("GET", "/account").await.0, StatusCode::UNAUTHORIZED);
    browser.posts("/login").await;
    browser.posts("/flush").await;
    assert_eq!(browser.asks("GET", "/account").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_is_as_it_was_asked_for() {
    let set_by = async |filter: SessionLayer| {
        let request = Request::post("/insert").header("origin", PAGE).body(Body::empty()).unwrap();
        let response = app(filter).oneshot(request).await.unwrap();
        response.headers()[SET_COOKIE].to_str().unwrap().to_owned()
    };
    assert!(set_by(with_name(filter(sessions(), guard())).unwrap()).await.starts_with("__Host-shop="));
    assert!(set_by(with_same_site(filter(sessions(), guard())).unwrap()).await.ends_with("; SameSite=Strict"));
    let in_app = set_by(with_path(filter(sessions(), guard())).unwrap()).await;
    assert!(in_app.starts_with("__Secure-id=") && in_app.contains("; Path=/app;"), "{in_app}");
    let for_all = set_by(with_domain(filter(sessions(), guard())).unwrap()).await;
    assert!(for_all.starts_with("__Secure-id=") && for_all.contains("; Domain=shop.example;"), "{for_all}");
    let until_closed = set_by(on_session_end(filter(sessions(), guard())).unwrap()).await;
    assert!(!until_closed.contains("Max-Age") && !until_closed.contains("Expires"), "{until_closed}");
    let lax = set_by(with_secure(filter(sessions(), guard())).unwrap()).await;
    assert!(lax.starts_with("id=") && lax.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{lax}");

    let request = Request::get("/account").header("accept", "text/html").body(Body::empty()).unwrap();
    let response = app(login_url(filter(sessions(), guard()))).oneshot(request).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()[LOCATION]),
        (StatusCode::SEE_OTHER, &"/login?next=/account".parse().unwrap())
    );
}

#[tokio::test]
async fn outside_of_a_request() {
    let sessions = sessions();
    let mut session = begun(&sessions).unwrap();
    session.insert("cart", &["apples"]).unwrap();
    saved(&sessions, &mut session).await.unwrap();
    let found = loaded(&sessions, &session.cookie_value()).await.unwrap().unwrap();
    assert_eq!(found.get::<Vec<String>>("cart").unwrap().unwrap(), ["apples"]);
    assert!(deleted(&sessions, found.handle()).await.unwrap());
    assert!(loaded(&sessions, &session.cookie_value()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store() {
    let (store, now) = (store(), UnixTime::from_secs(1_000_000));
    let deadlines = Deadlines { idle: UnixTime::from_secs(1_001_800), absolute: UnixTime::from_secs(1_043_200) };
    let content =
        SessionContent { kind: SessionKind::Anonymous, deadlines, epoch: 0, bytes: b"data".as_slice().into() };
    let handle = countersign::session::credential::Credential::generate_anonymous().unwrap().handle();
    let CreateOutcome::Done(version) = store_create(&store, handle, content.clone(), now).await.unwrap() else {
        panic!("it is new")
    };
    let swapped = store_save(&store, handle, version, content.clone(), now).await.unwrap();
    assert!(matches!(swapped, SwapOutcome::Done(_)), "{swapped:?}");
    let again = store_save(&store, handle, version, content.clone(), now).await.unwrap();
    assert!(!matches!(again, SwapOutcome::Done(_)), "{again:?}");
    assert_eq!(store_load(&store, handle, now).await.unwrap().unwrap().content.bytes, content.bytes);
    assert!(store_delete(&store, handle, now).await.unwrap());
    assert!(store_load(&store, handle, now).await.unwrap().is_none());

    let handle = countersign::session::credential::Credential::generate_anonymous().unwrap().handle();
    store_create(&store, handle, content, now).await.unwrap();
    // By the clock of the system it ended long ago.
    assert_eq!(delete_expired(&store).await.unwrap(), 1);
}

const SECRET: &[u8] = b"an obvious test key of 32 bytes!";

fn access() -> Access {
    Access { sub: "alice".into(), exp: (UnixTime::now() + Duration::from_secs(3600)).as_secs() }
}

#[test]
fn a_jwt_there_and_back() {
    let (key, access) = (secret_key(SECRET).unwrap(), access());
    let token = encoded(&key, &access).unwrap();
    assert_eq!(decoded(&key, &token).unwrap(), access);
    let owned = token_data(&key, &token).unwrap();
    assert!(owned.claims().subject().unwrap() == "alice" && owned.header().key_id().is_none());
    let other = secret_key(b"another obvious test key, again!").unwrap();
    assert!(is_invalid(decoded(&other, &token).unwrap_err()) && !has_expired(decoded(&other, &token).unwrap_err()));
    let old = encoded(&key, &Access { exp: seconds().saturating_sub(3600), ..access.clone() }).unwrap();
    assert!(has_expired(decoded(&key, &old).unwrap_err()) && !is_invalid(decoded(&key, &old).unwrap_err()));

    // The key has the algorithm, and how long it has to be.
    assert!(with_algorithm(SECRET).is_err() && secret_key(&SECRET[1..]).is_err());
    let strong = with_algorithm(&SECRET.repeat(2)).unwrap();
    assert!(is_invalid(strong.verify_claims::<Access>(&token, &POLICY, UnixTime::now()).unwrap_err()));

    let typed = key.sign_jwt(&with_typ(UnixTime::from_secs(access.exp))).unwrap();
    assert!(key.verify_jwt(&typed, &POLICY.typ("at+jwt"), UnixTime::now()).is_ok());
    assert!(key.verify_jwt(&token, &POLICY.typ("at+jwt"), UnixTime::now()).is_err());
}

#[test]
fn keys_by_their_ids() {
    let set = r#"{"keys":[{"kty":"oct","kid":"a","alg":"HS256","k":"YW4gb2J2aW91cyB0ZXN0IGtleSBvZiAzMiBieXRlcyE"}]}"#;
    let (mut keys, access) = (key_set(set).unwrap(), access());
    let token = encoded(&secret_key(SECRET).unwrap(), &access).unwrap();
    assert_eq!(decoded_by_set(&keys, &token).unwrap(), access);
    keys.insert("b", secret_key(b"another obvious test key, again!").unwrap(), ValidityPeriod::ALWAYS).unwrap();
    keys.set_signing_key("b").unwrap();
    let token = with_kid(&keys, &access).unwrap();
    let owned = keys.verify_jwt(&token, &POLICY, UnixTime::now()).unwrap();
    assert_eq!(owned.header().key_id().unwrap(), "b");
    assert_eq!(decoded_by_set(&keys, &token).unwrap(), access);
}

#[cfg(all(feature = "es256", feature = "eddsa"))]
#[test]
fn keys_of_two_halves() {
    let (ec, ed) = (ec_key(SECRET).unwrap(), ed_key(SECRET).unwrap());
    let (public_ec, public_ed) = (ec.verifying_key().to_sec1(), ed.verifying_key().to_bytes());
    let (ec_token, ed_token) = (ec.sign_claims(&access()).unwrap(), ed.sign_claims(&access()).unwrap());
    let (ec, ed) = (public_ec_key(&public_ec).unwrap(), public_ed_key(&public_ed).unwrap());
    assert!(ec.verify_claims::<Access>(&ec_token, &POLICY, UnixTime::now()).is_ok());
    assert!(ed.verify_claims::<Access>(&ed_token, &POLICY, UnixTime::now()).is_ok());
    assert!(public_ed_key(&[0; 32]).is_err());
}

/// What a policy lets pass, and what it refuses.
#[test]
fn what_is_expected_is_required() {
    let (key, now) = (secret_key(SECRET).unwrap(), UnixTime::now());
    let exp = now + Duration::from_secs(3600);
    let judged = |builder: JwtBuilder<'_>, policy: Policy<'_>| {
        let token = key.sign_jwt(&builder).unwrap();
        match key.verify_jwt(&token, &policy, now) {
            Ok(_) => None,
            Err(JwtError::Policy(failed)) => Some(failed),
            Err(error) => panic!("{error}"),
        }
    };
    let builder = || JwtBuilder::new().expires_at(exp);
    assert!(judged(builder().issuer("https://issuer.example"), set_issuer(validation())).is_none());
    assert!(has_no_issuer(judged(builder(), set_issuer(validation())).unwrap()));
    let elsewhere = judged(builder().issuer("https://elsewhere.example"), set_issuer(validation())).unwrap();
    assert!(has_another_issuer(elsewhere) && !has_no_issuer(elsewhere));
    let (api, admin): ([&str; 1], [&str; 1]) = (["api.example"], ["admin"]);
    assert!(judged(builder().audience(&api), set_audience(validation())).is_none());
    assert!(judged(builder().audience(&admin), set_audience(validation())).is_some());
    assert!(judged(builder(), set_audience(validation())).is_some());
    assert!(judged(builder().audience(&admin), validation()).is_some());
    assert!(judged(builder().audience(&admin), without_aud(validation())).is_none());
    assert!(judged(builder().subject("alice"), set_subject(validation())).is_none());
    assert!(judged(builder().subject("bob"), set_subject(validation())).is_some());
    assert!(judged(builder().jwt_id("7"), set_required(validation())).is_none());
    assert!(judged(builder(), set_required(validation())).is_some());
    assert!(judged(JwtBuilder::new(), validation()).is_some());
    assert!(judged(JwtBuilder::new(), without_exp(validation())).is_none());
    let a_while_ago = || JwtBuilder::new().expires_at(now - Duration::from_secs(45));
    assert!(judged(a_while_ago(), without_exp(validation())).is_none());
    assert!(judged(a_while_ago(), without_exp(leeway())).is_some());
}

#[test]
fn what_is_critical_is_known() {
    let key = secret_key(SECRET).unwrap();
    let header = Base64UrlUnpadded::encode_string(br#"{"alg":"HS256","crit":["exp-ms"],"exp-ms":1}"#);
    let (message, mut signature) = (format!("{header}.e30"), [0; 32]);
    SigningKey::sign(&key, message.as_bytes(), &mut signature).unwrap();
    let token = format!("{message}.{}", Base64UrlUnpadded::encode_string(&signature));
    let policy = without_exp(validation());
    assert!(key.verify_jwt(&token, &policy, UnixTime::now()).is_err());
    assert!(key.verify_jwt(&token, &with_crit(policy), UnixTime::now()).is_ok());
}
