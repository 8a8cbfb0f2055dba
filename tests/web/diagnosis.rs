//! Diagnosis: what fails has a line in the log, with its cause and without a secret.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::{Budgets, DynStore, MemoryStore};
use countersign::session::{Lifetimes, Pepper, SessionError, SessionManager};
use countersign::token::OwnedToken;
use countersign::web::session::{CurrentSession, SessionLayer, SignedInSession};
use countersign::web::{AuthError, BearerLayer, CsrfGuard};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

/// The lines of a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Logs everything on this thread, until the guard is dropped.
    fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        tracing::subscriber::set_default(subscriber.with_writer(self.clone()).finish())
    }

    /// The lines since the last call.
    fn lines(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

fn layer(store: DynStore) -> SessionLayer {
    let lifetimes = Lifetimes {
        idle: Duration::from_secs(1800),
        absolute: Duration::from_secs(43_200),
        renewal_grace: Duration::ZERO,
        max_token_age: Duration::ZERO,
    };
    let pepper = Pepper::new(b"an obvious test key of 32 bytes!").unwrap();
    let guard = CsrfGuard::new(["https://shop.example"]).unwrap();
    SessionLayer::new(SessionManager::new(store, pepper, lifetimes), guard, Duration::from_secs(2))
}

async fn sign_in(mut session: CurrentSession) -> Result<(), SessionError> {
    let attempt = session.begin_sign_in("alice").await?;
    session.sign_in(&attempt, 1).await
}

async fn ask(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let cookie = response.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
    (response.status(), cookie.and_then(|cookie| Some(cookie.split(';').next()?.to_owned())).unwrap_or_default())
}

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

#[tokio::test]
async fn a_failing_store_has_a_line_with_its_cause() {
    let log = Log::default();
    let _guard = log.begin();
    // Nothing listens there.
    let store = RedisStore::single("redis://:an-obvious-test-password@127.0.0.1:9", RedisOptions::default()).unwrap();
    let app = Router::new().route("/in", post(sign_in)).layer(layer(DynStore::new(store)));
    assert_eq!(ask(&app, "POST", "/in", &[OWN]).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let lines = log.lines();
    let line = lines.lines().find(|line| line.contains("session failed")).unwrap_or_else(|| panic!("{lines}"));
    assert!(line.contains("ERROR") && line.contains("does not answer") && line.contains("sources=[Redis"), "{line}");
    let line = lines.lines().find(|line| line.contains("no connection to Redis")).unwrap_or_else(|| panic!("{lines}"));
    assert!(line.contains("WARN") && line.contains("connection refused"), "{line}");
    assert!(!lines.contains("an-obvious-test-password"), "{lines}");
}

#[tokio::test]
async fn a_mistake_in_the_routes_has_a_line() {
    let log = Log::default();
    let _guard = log.begin();
    let app = Router::new()
        .route("/session", get(async |_: CurrentSession| "in"))
        .route("/user", get(async |_: SignedInSession| "in"))
        .route("/token", get(async |_: OwnedToken| "in"));
    for (path, missing) in [("/session", "no SessionLayer"), ("/user", "no SessionLayer"), ("/token", "no BearerLayer")]
    {
        assert_eq!(ask(&app, "GET", path, &[]).await.0, StatusCode::INTERNAL_SERVER_ERROR);
        let lines = log.lines();
        assert!(lines.contains("ERROR") && lines.contains(missing), "{lines}");
    }
    let wrong = layer(DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })));
    let wrong = Router::new()
        .route("/", get(|| async { "in" }))
        .layer(wrong.revocation_layer::<OwnedToken>(Duration::from_secs(60)));
    assert_eq!(ask(&wrong, "GET", "/", &[]).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(log.lines().contains("the RevocationLayer finds no identity"));
}

#[tokio::test]
async fn refusals_and_thefts_have_lines_and_no_line_has_a_secret() {
    let log = Log::default();
    let _guard = log.begin();
    let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    let bearer = BearerLayer::new(|_: &[u8], _: &http::request::Parts| {
        Err::<OwnedToken, _>(AuthError::unavailable().with_source(std::io::Error::other("the directory is down")))
    });
    let app = Router::new()
        .route("/in", post(sign_in))
        .route("/renew", post(async |mut session: CurrentSession| session.renew().await))
        .route("/me", get(async |_: SignedInSession| "in"))
        .layer(layer(store))
        .merge(Router::new().route("/api", get(async |_: OwnedToken| "in")).route_layer(bearer));
    let mut all = String::new();

    let (status, first) = ask(&app, "POST", "/in", &[OWN]).await;
    assert_eq!(status, StatusCode::OK);
    let (_, second) = ask(&app, "POST", "/renew", &[OWN, ("cookie", &first)]).await;
    assert_eq!(ask(&app, "GET", "/me", &[OWN, ("cookie", &second)]).await.0, StatusCode::OK);
    all.push_str(&log.lines());
    // The grace is over at once: the cookie of before is a copy.
    assert_eq!(ask(&app, "GET", "/me", &[OWN, ("cookie", &first)]).await.0, StatusCode::UNAUTHORIZED);
    let lines = log.lines();
    let handle = lines.lines().find(|line| line.contains("WARN") && line.contains("a copy of an old cookie"));
    assert!(handle.is_some_and(|line| line.contains("handle=")), "{lines}");
    all.push_str(&lines);

    assert_eq!(ask(&app, "POST", "/in", &[("sec-fetch-site", "cross-site")]).await.0, StatusCode::FORBIDDEN);
    let lines = log.lines();
    assert!(lines.contains("request of another site refused"), "{lines}");
    all.push_str(&lines);

    let token = ("authorization", "Bearer an-obvious-test-token");
    assert_eq!(ask(&app, "GET", "/api", &[token]).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let lines = log.lines();
    assert!(lines.contains("ERROR") && lines.contains("the directory is down"), "{lines}");
    all.push_str(&lines);

    for secret in [first.as_str(), &second, "an-obvious-test-token", "an obvious test key"] {
        // A credential begins with its handle, which is public: the verifier behind it is the secret.
        let secret = secret.strip_prefix("__Host-id=").map_or(secret, |credential| &credential[27..]);
        assert!(!secret.is_empty() && !all.contains(secret), "{all}");
    }
}
