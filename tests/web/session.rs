//! The session filter over HTTP: cookies, cross-site requests, a store that is away, what caches may keep.

use crate::kit::send;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Extension, Router};
use countersign::cookie::{SameSite, SetCookie};
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{JwtBuilder, KeySet, OwnedJwt, Policy, ValidityPeriod};
use countersign::key::MacKey;
use countersign::session::credential::{Credential, UserHash};
use countersign::session::store::Budgets;
use countersign::session::store::{
    Capabilities, CreateOutcome, DynStore, MemoryStore, RevocationEpoch, SessionContent, SessionStore, StoreError,
    StoredSession, SwapOutcome,
};
use countersign::session::{Handle, Lifetimes, Pepper, SessionError, SessionManager};
use countersign::token::{OwnedToken, Profile, TokenBuilder, TokenError, Verifier};
use countersign::web::session::SessionRejection;
use countersign::web::session::{
    CurrentSession, LazySession, LazySessionError, SessionCookie, SessionLayer, SignedInSession,
};
use countersign::web::{
    AuthError, BearerLayer, CsrfError, CsrfGuard, JwtAuthenticator, MissingLayer, RevocationUnknown, TokenAuthenticator,
};
use countersign::{MonotonicClock, TimeWindow, UnixTime};
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER, SET_COOKIE, VARY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tower::{Layer, ServiceExt};

const ORIGIN: &str = "https://shop.example";
const DEADLINE: Duration = Duration::from_millis(100);
const KEY: &[u8] = b"an obvious test key of 32 bytes!";
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(1800),
    absolute: Duration::from_secs(43_200),
    renewal_grace: Duration::from_secs(10),
    max_token_age: Duration::ZERO,
};

/// Counts what it is asked; when it is away it never answers.
#[derive(Clone, Default)]
struct Flaky(Arc<Inside>);

struct Inside {
    store: MemoryStore,
    calls: AtomicUsize,
    is_away: AtomicBool,
    /// Milliseconds that each call takes.
    pace: AtomicUsize,
    /// How far the store is, if it says so; 0 if not.
    position: AtomicUsize,
}

impl Default for Inside {
    fn default() -> Self {
        let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
        let (calls, pace, position) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Self { store, calls, is_away: AtomicBool::new(false), pace, position }
    }
}

impl Flaky {
    async fn store(&self) -> &MemoryStore {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        if self.0.is_away.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let pace = self.0.pace.load(Ordering::Relaxed);
        if pace > 0 {
            tokio::time::sleep(Duration::from_millis(pace as u64)).await;
        }
        &self.0.store
    }

    fn calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::Relaxed)
    }

    fn go_away(&self, is_away: bool) {
        self.0.is_away.store(is_away, Ordering::Relaxed);
    }
}

impl SessionStore for Flaky {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        self.store().await.create(handle, content, now).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        self.store().await.load(handle, now).await
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.store().await.compare_and_swap(handle, version, content, now).await
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        self.store().await.touch(handle, idle, now).await
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.store().await.delete(handle, now).await
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        self.store().await.rotate(old, version, new, content, now).await
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        self.store().await.rotated_to(handle, now).await
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        self.store().await.list_by_user(tag, after, limit, now).await
    }

    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        self.store().await.revoke_user(tag, except, keep_until, now).await
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        self.store().await.epoch(tag).await
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.store().await.delete_expired(now, limit).await
    }

    fn capabilities(&self) -> Capabilities {
        self.0.store.capabilities()
    }

    fn replication_position(&self) -> Option<u64> {
        Some(self.0.position.load(Ordering::Relaxed) as u64).filter(|position| *position > 0)
    }

    async fn wait_for_position(&self, position: u64) -> Result<bool, StoreError> {
        self.store().await;
        Ok(self.replication_position().is_some_and(|own| own >= position))
    }
}

async fn write(mut session: CurrentSession) -> String {
    session.update(|data| {
        let visits = data.get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
        data.insert("visits".to_owned(), visits.into());
    });
    session.get::<u64>("visits").unwrap().unwrap().to_string()
}

async fn read(session: CurrentSession) -> String {
    format!("{} {}", session.user().unwrap_or("nobody"), session.get::<u64>("visits").unwrap().unwrap_or(0))
}

async fn sign_in(mut session: CurrentSession) -> Result<&'static str, SessionError> {
    let attempt = session.begin_sign_in("alice").await?;
    session.sign_in(&attempt, 1).await.map(|()| "welcome")
}

/// Signs in, and then changes more than a session may hold.
async fn sign_in_with_luggage(mut session: CurrentSession) -> Result<&'static str, SessionError> {
    let attempt = session.begin_sign_in("alice").await?;
    session.sign_in(&attempt, 1).await?;
    session.insert("luggage", &"x".repeat(20_000))?;
    Ok("welcome")
}

/// A form with a hidden field, for browsers that do not say where a request comes from.
async fn form(slot: Extension<LazySession>, token: String) -> Result<String, StatusCode> {
    match slot.open_with_form_token(&token).await {
        Ok(mut session) => {
            session.insert("form", &true).unwrap();
            Ok("posted".to_owned())
        }
        Err(LazySessionError::FormTokenRequired) => Err(StatusCode::FORBIDDEN),
        Err(error) => panic!("{error}"),
    }
}

async fn form_token(session: CurrentSession) -> String {
    session.manager().form_token(&session)
}

/// Gives up waiting for its session, and tries again.
async fn impatient(store: Extension<Flaky>, slot: Extension<LazySession>) -> String {
    store.go_away(true);
    let gave_up = tokio::time::timeout(Duration::from_millis(1), slot.open()).await.is_err();
    store.go_away(false);
    format!("{gave_up} {}", slot.open().await.is_ok())
}

async fn list_sessions(session: CurrentSession) -> Result<String, SessionError> {
    session.list_sessions(None, 100).await.map(|devices| devices.len().to_string())
}

async fn sign_out(session: CurrentSession) -> Result<&'static str, SessionError> {
    session.sign_out().await.map(|()| "bye")
}

/// Writes, and is signed out by another request before it is done.
async fn late(mut session: CurrentSession) -> Result<&'static str, SessionError> {
    session.insert("late", &true)?;
    session.manager().end_session(session.handle(), UnixTime::now()).await?;
    Ok("done")
}

/// Renews while the store is away for a moment, and does not care.
async fn renew(store: Extension<Flaky>, mut session: CurrentSession) -> String {
    store.go_away(true);
    let outcome = session.renew().await;
    store.go_away(false);
    format!("{outcome:?}")
}

async fn cart(session: Option<CurrentSession>) -> &'static str {
    if session.is_some() { "a cart" } else { "no cart" }
}

/// Takes a refusal into its own hands.
async fn ask(signed_in: Result<SignedInSession, SessionRejection>) -> String {
    signed_in.map_or_else(|refusal| refusal.into_response().status().as_u16().to_string(), |_| "in".to_owned())
}

async fn greet(signed_in: Option<SignedInSession>) -> String {
    let user = signed_in.as_ref().and_then(|SignedInSession(session)| session.user());
    user.unwrap_or("stranger").to_owned()
}

/// What a handler prints that logs all it has.
async fn shown(slot: Extension<LazySession>, mut session: CurrentSession) -> String {
    session.insert("card", &"4242 4242").unwrap();
    format!("{slot:?} {slot:#?} {session:?} {session:#?} {:?} {:#?}", session.manager(), *session)
}

fn app(guard: CsrfGuard) -> (Router, Flaky) {
    let store = Flaky::default();
    let sessions = SessionManager::new(DynStore::new(store.clone()), Pepper::new(KEY).unwrap(), LIFETIMES);
    let app = Router::new()
        .route("/", get(|| async { "open" }).post(|| async { "posted" }))
        .route("/read", get(read))
        .route("/write", post(write))
        .route("/in", post(sign_in))
        .route("/out", post(sign_out))
        .route("/late", post(late))
        .route("/shown", post(shown))
        .route("/renew", post(renew))
        .route("/luggage", post(sign_in_with_luggage))
        .route("/form", post(form))
        .route("/form-token", get(form_token))
        .route("/impatient", get(impatient))
        .route("/devices", get(list_sessions))
        .route("/greet", get(greet))
        .route("/cart", get(cart))
        .route("/ask", get(ask))
        .route("/visit", get(write))
        .route("/out-everywhere", post(async |session: CurrentSession| session.sign_out_everywhere().await))
        .route("/out-elsewhere", post(async |session: CurrentSession| session.sign_out_elsewhere().await))
        .route("/twice", get(async |_one: CurrentSession, _two: CurrentSession| "never"))
        .layer(Extension(store.clone()))
        .layer(SessionLayer::new(sessions, guard, DEADLINE));
    (app, store)
}

/// The page's own request.
async fn own(app: &Router, method: Method, path: &str, cookie: &str) -> (Response<()>, String) {
    send(app, method, path, &[("cookie", cookie), ("sec-fetch-site", "same-origin")]).await
}

/// The pair that a browser sends back.
fn cookie_of(response: &Response<()>) -> String {
    response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_visitor_gets_a_cookie_with_the_first_write_and_the_store_is_asked_no_more_than_it_must() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let (response, body) = own(&app, Method::GET, "/", "a=b").await;
    assert_eq!((body.as_str(), store.calls()), ("open", 0));
    assert!([SET_COOKIE, VARY, CACHE_CONTROL].iter().all(|name| !response.headers().contains_key(name)));
    let (response, body) = own(&app, Method::GET, "/read", "a=b").await;
    assert_eq!((body.as_str(), store.calls()), ("nobody 0", 0), "no cookie, no call");
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert_eq!(
        (&response.headers()[VARY], &response.headers()[CACHE_CONTROL]),
        (&"Cookie".parse().unwrap(), &"no-store".parse().unwrap())
    );

    let (response, body) = own(&app, Method::POST, "/write", "").await;
    assert_eq!((body.as_str(), store.calls()), ("1", 1));
    let whole = response.headers()[SET_COOKIE].to_str().unwrap();
    assert!(
        whole.starts_with("__Host-id=")
            && whole.contains("; Max-Age=43200; Expires=")
            && whole.ends_with(" GMT; Path=/; Secure; HttpOnly; SameSite=Lax"),
        "{whole}"
    );
    let cookie = cookie_of(&response);
    let (response, body) = own(&app, Method::GET, "/read", &cookie).await;
    assert_eq!((body.as_str(), store.calls()), ("nobody 1", 1), "a read");
    assert!(!response.headers().contains_key(SET_COOKIE));
    let (response, body) = own(&app, Method::POST, "/write", &cookie).await;
    assert_eq!((body.as_str(), store.calls()), ("2", 2), "a read and a write");
    assert!(!response.headers().contains_key(SET_COOKIE), "the cookie is the same");
    own(&app, Method::GET, "/", &cookie).await;
    assert_eq!(store.calls(), 0, "a handler that does not ask");
}

#[tokio::test]
async fn signing_in_changes_the_cookie_and_signing_out_takes_it_away() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let planted = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let (response, _) = own(&app, Method::POST, "/in", &planted).await;
    let cookie = cookie_of(&response);
    assert_ne!(cookie, planted);
    assert_eq!(own(&app, Method::GET, "/read", &cookie).await.1, "alice 1");
    assert_eq!(own(&app, Method::GET, "/read", &planted).await.1, "nobody 0");
    // A planted cookie in front of the genuine one.
    let other = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let both = format!("__Host-id=junk; {planted}; {cookie}; {other}");
    assert_eq!(own(&app, Method::GET, "/read", &both).await.1, "alice 1");

    let (response, body) = own(&app, Method::POST, "/out", &cookie).await;
    assert_eq!(body, "bye");
    assert!(
        response.headers()[SET_COOKIE].to_str().unwrap().starts_with("__Host-id=; Max-Age=0; Expires=Thu, 01 Jan 1970")
    );
    assert_eq!(own(&app, Method::GET, "/read", &cookie).await.1, "nobody 0");
}

/// A logout that a browser has sent before it has heard that it is signed in: by the cookie that it had then, which opens nothing any more. Whoever
/// makes a cookie up of what is public signs nobody out.
#[tokio::test]
async fn a_logout_by_the_cookie_of_before_ends_what_came_of_it() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    for steps_up in [false, true] {
        let before = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
        let mut cookies = vec![before.clone(), cookie_of(&own(&app, Method::POST, "/in", &before).await.0)];
        if steps_up {
            cookies.push(cookie_of(&own(&app, Method::POST, "/in", &cookies[1]).await.0));
        }
        let (live, old) = cookies.split_last().unwrap();
        assert_eq!(own(&app, Method::GET, "/read", live).await.1, "alice 1");
        // The name and the handle are the genuine ones.
        let made_up = format!("{}{}", &live[..live.len() - 40], "A".repeat(40));
        assert_eq!(own(&app, Method::POST, "/out", &made_up).await.0.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(own(&app, Method::GET, "/read", live).await.1, "alice 1", "nobody has signed out");
        for old in old {
            assert_eq!(own(&app, Method::GET, "/read", old).await.1, "nobody 0");
        }
        let by = old.last().unwrap();
        assert_eq!(own(&app, Method::POST, "/out", by).await.1, "bye");
        assert_eq!(own(&app, Method::GET, "/read", live).await.1, "nobody 0");
    }
}

#[tokio::test]
async fn another_site_cannot_act_for_the_person() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap().with_exemption(|request| request.uri.path() == "/"));
    let cookie = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    store.calls();
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(Headers, Option<CsrfError>); 11] = [
        (&[("sec-fetch-site", "same-origin")], None),
        (&[("sec-fetch-site", "none")], None),
        (&[("sec-fetch-site", "cross-site")], Some(CsrfError::CrossSite)),
        (&[("sec-fetch-site", "same-site")], Some(CsrfError::CrossSite)),
        (&[("sec-fetch-site", "same-site"), ("origin", ORIGIN)], None),
        (&[("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")], Some(CsrfError::CrossSite)),
        (&[("origin", ORIGIN)], None),
        (&[("origin", "https://shop.example:8443")], Some(CsrfError::CrossOrigin)),
        (&[("origin", "http://shop.example")], Some(CsrfError::CrossOrigin)),
        (&[("origin", "null")], Some(CsrfError::CrossOrigin)),
        (&[], Some(CsrfError::UnknownOrigin)),
    ];
    for (headers, expected) in cases {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", cookie.as_str())]).collect();
        let (response, body) = send(&app, Method::POST, "/write", &headers).await;
        assert_eq!(response.extensions().get::<CsrfError>().copied(), expected, "{headers:?}");
        assert_eq!(response.status() == StatusCode::FORBIDDEN, expected.is_some(), "{headers:?}");
        assert!(expected.is_none() || body.contains("problem:cross-site") && store.calls() == 0);
        store.calls();
    }
    // What changes nothing passes, and so does what was exempted by name.
    assert_eq!(send(&app, Method::GET, "/read", &[("sec-fetch-site", "cross-site")]).await.0.status(), StatusCode::OK);
    assert_eq!(send(&app, Method::POST, "/", &[("sec-fetch-site", "cross-site")]).await.1, "posted");
    // To see what would be refused.
    let (app, _) = self::app(CsrfGuard::new([ORIGIN]).unwrap().report_only());
    let cookie = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    for (headers, status) in [
        (&[("sec-fetch-site", "cross-site"), ("cookie", &cookie)][..], StatusCode::OK),
        (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
    ] {
        let (response, _) = send(&app, Method::POST, "/write", headers).await;
        assert_eq!((response.status(), response.extensions().get()), (status, Some(&CsrfError::CrossSite)));
    }
}

/// Neither the types of the filter nor its answer, printed whole, show what a browser or the store keeps.
#[tokio::test]
async fn no_cookie_is_shown() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let signed_in = own(&app, Method::POST, "/in", "").await.0;
    let cookie = cookie_of(&signed_in);
    let (_, value) = cookie.split_once('=').unwrap();
    let (written, said) = own(&app, Method::POST, "/shown", &cookie).await;
    assert_eq!(written.status(), StatusCode::OK);
    let sessions = SessionManager::new(DynStore::new(store), Pepper::new(KEY).unwrap(), LIFETIMES);
    let layer: SessionLayer = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE);
    let set_cookie = SetCookie::with_host_prefix("id", value).http_only();
    let shown = format!("{said} {signed_in:?} {written:?} {layer:?} {:?} {set_cookie:?}", layer.manager());
    let key = core::str::from_utf8(KEY).unwrap();
    let leaks = |shown: &str| {
        // A stretch of twelve is nine bytes of the verifier; the handle before it is what logs are for.
        let stretches = value.as_bytes()[30..].windows(12).map(|stretch| core::str::from_utf8(stretch).unwrap());
        stretches.chain([key, "4242"]).any(|secret| shown.contains(secret))
    };
    assert!(!leaks(&shown), "{shown}");
    assert!(leaks(&format!("{:?}", (1, value))) && leaks(key) && leaks("4242 4242"), "a leak would be found");
}

/// Within the deadline, with the cookie kept; and back as soon as the store is, without a restart.
#[tokio::test]
async fn a_store_that_is_away_is_a_503_in_time() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    store.go_away(true);
    // All at once, as they come when a store goes away.
    let requests = (0..1000).map(|number| {
        let (app, cookie) = (app.clone(), cookie.clone());
        tokio::spawn(async move {
            let path = ["/read", "/write", "/in", "/out", "/devices"][number % 5];
            let method = if matches!(path, "/read" | "/devices") { Method::GET } else { Method::POST };
            let start = Instant::now();
            let (response, body) = own(&app, method, path, &cookie).await;
            let took = start.elapsed();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(response.headers().contains_key(RETRY_AFTER) && body.contains("problem:unavailable"), "{path}");
            assert!(!response.headers().contains_key(SET_COOKIE), "the cookie is kept");
            took
        })
    });
    let mut times = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        times.push(request.await.unwrap());
    }
    times.sort();
    println!(
        "a store that is away, 1000 requests at once: answers in {:.1?}, p99 {:.1?}, at most {:.1?}; deadline {DEADLINE:?}",
        times[500], times[990], times[999]
    );
    store.calls();
    assert_eq!(own(&app, Method::GET, "/read", "a=b").await.1, "nobody 0");
    assert_eq!(store.calls(), 0, "who has no cookie notices nothing");
    store.go_away(false);
    let back = Instant::now();
    assert_eq!(own(&app, Method::GET, "/read", &cookie).await.1, "alice 0");
    println!("the first request after its return is answered, in {:.1?}", back.elapsed());
}

/// Each call is in time, all of them together are not: the deadline is the request's.
#[tokio::test(start_paused = true)]
async fn a_slow_store_does_not_add_up() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    for (pace, status) in [(40, StatusCode::OK), (60, StatusCode::SERVICE_UNAVAILABLE)] {
        store.0.pace.store(pace, Ordering::Relaxed);
        let start = tokio::time::Instant::now();
        assert_eq!(own(&app, Method::POST, "/write", &cookie).await.0.status(), status, "{pace} ms a call");
        assert!(start.elapsed() <= DEADLINE + Duration::from_millis(2), "{:?}", start.elapsed());
    }
}

/// People are shown where to sign in, scripts are told.
#[tokio::test]
async fn pages_are_redirected_and_scripts_are_told() {
    let sessions = SessionManager::new(
        DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })),
        Pepper::new(KEY).unwrap(),
        LIFETIMES,
    );
    let filter = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE);
    let filter = filter.with_login_page(HeaderValue::from_static("/sign-in"));
    let routes = Router::new().route(
        "/account",
        get(|SignedInSession(session): SignedInSession| async move { session.user().unwrap().to_owned() }),
    );
    let app = routes.route("/in", post(sign_in)).route("/late", post(late)).layer(filter);
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    assert_eq!(own(&app, Method::GET, "/account", &cookie).await.1, "alice");

    let navigation = ("sec-fetch-mode", "navigate");
    let old_browser = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for page in [navigation, old_browser] {
        let (response, _) = send(&app, Method::GET, "/account", &[page]).await;
        assert_eq!(
            (response.status(), &response.headers()[LOCATION]),
            (StatusCode::SEE_OTHER, &HeaderValue::from_static("/sign-in?next=/account"))
        );
        assert_eq!(
            (&response.headers()[CACHE_CONTROL], response.extensions().get()),
            (&HeaderValue::from_static("no-store"), Some(&SessionError::Ended))
        );
        let forged = [page, ("sec-fetch-site", "cross-site"), ("cookie", &cookie)];
        let (response, _) = send(&app, Method::POST, "/in", &forged).await;
        assert_eq!(
            (response.status(), &response.headers()[LOCATION]),
            (StatusCode::SEE_OTHER, &HeaderValue::from_static("/sign-in"))
        );
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    for script in [("accept", "application/json"), ("sec-fetch-mode", "cors")] {
        let (response, body) = send(&app, Method::GET, "/account", &[script]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(body.contains("problem:signed-out") && !response.headers().contains_key(LOCATION));
        let (response, body) = send(&app, Method::POST, "/in", &[script, ("sec-fetch-site", "cross-site")]).await;
        assert!(response.status() == StatusCode::FORBIDDEN && body.contains("problem:cross-site"));
    }
    // A form of the own page that comes too late.
    let form = [navigation, ("cookie", &cookie), ("sec-fetch-site", "same-origin")];
    let (response, _) = send(&app, Method::POST, "/late", &form).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
}

/// What was written stays written: who has signed in gets the cookie for it, also when the rest of the request fails.
#[tokio::test]
async fn a_failed_write_after_signing_in_keeps_the_cookie() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let before = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let (response, _) = own(&app, Method::POST, "/luggage", &before).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(matches!(response.extensions().get(), Some(SessionError::TooLarge { .. })));
    let after = cookie_of(&response);
    assert_eq!(own(&app, Method::GET, "/read", &after).await.1, "alice 1");
    assert_eq!(own(&app, Method::GET, "/read", &before).await.1, "nobody 0");
}

/// Browsers add some credentials by themselves, and open sockets (`Upgrade`) for other sites with cookies.
#[tokio::test]
async fn what_a_browser_adds_by_itself_vouches_for_nothing() {
    let (app, store) = app(CsrfGuard::new(["HTTPS://Shop.example/"]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    store.calls();
    let foreign =
        [("cookie", cookie.as_str()), ("sec-fetch-site", "same-site"), ("origin", "https://evil.shop.example")];
    for more in
        [("authorization", "Basic YWxpY2U6cGFzcw=="), ("authorization", "Negotiate abc"), ("upgrade", "websocket")]
    {
        let method = if more.0 == "upgrade" { Method::GET } else { Method::POST };
        let path = if more.0 == "upgrade" { "/read" } else { "/write" };
        let headers: Vec<_> = foreign.into_iter().chain([more]).collect();
        assert_eq!(send(&app, method, path, &headers).await.0.status(), StatusCode::FORBIDDEN, "{more:?}");
    }
    assert_eq!(store.calls(), 0);
    let own_socket = [("cookie", cookie.as_str()), ("origin", ORIGIN), ("upgrade", "websocket")];
    assert_eq!(send(&app, Method::GET, "/read", &own_socket).await.1, "alice 0");
}

/// Another site's request that is let through, a payment provider's for example, comes without the cookie, and must not replace it: what it writes is
/// refused, and not forgotten in silence.
#[tokio::test]
async fn an_exempt_request_of_another_site_overwrites_no_cookie() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap().with_exemption(|request| request.uri.path() != "/read"));
    let (response, _) = send(&app, Method::POST, "/write", &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!((response.status(), store.calls()), (StatusCode::FORBIDDEN, 0));
    assert_eq!(response.extensions().get(), Some(&SessionError::Withheld));
    assert!(!response.headers().contains_key(SET_COOKIE));
    // The answer of another site that has checked who it is.
    let (response, _) = send(&app, Method::POST, "/in", &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(own(&app, Method::GET, "/read", &cookie_of(&response)).await.1, "alice 0");
}

/// A form of an old browser, which says nothing: its token opens the session, and without it there is none.
#[tokio::test]
async fn a_form_vouches_for_a_browser_that_says_nothing() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap().with_form_tokens());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let token = own(&app, Method::GET, "/form-token", &cookie).await.1;
    let post = async |path: &str, body: &str, headers: &[(&str, &str)]| {
        let mut request = Request::post(path).header("cookie", &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap().status()
    };
    assert_eq!(post("/form", &token, &[]).await, StatusCode::OK);
    for wrong in ["", "x", &token[1..], &token.replace(&token[..1], if token.starts_with('A') { "B" } else { "A" })] {
        assert_eq!(post("/form", wrong, &[]).await, StatusCode::FORBIDDEN);
    }
    assert_eq!(post("/write", "", &[]).await, StatusCode::FORBIDDEN, "a handler that does not look at a token");
    assert_eq!(
        post("/form", &token, &[("sec-fetch-site", "cross-site")]).await,
        StatusCode::FORBIDDEN,
        "it says where it is from"
    );
    assert_eq!(post("/form", &token, &[("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_call_that_is_given_up_gives_the_session_back() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    assert_eq!(own(&app, Method::GET, "/impatient", &cookie).await.1, "true true");
}

/// Mistakes of the application are 500s that say in the extensions what they are.
#[tokio::test]
async fn mistakes_are_told_to_the_log() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let (response, _) = own(&app, Method::GET, "/twice", &cookie).await;
    assert_eq!(
        (response.status(), response.extensions().get()),
        (StatusCode::INTERNAL_SERVER_ERROR, Some(&LazySessionError::InUse))
    );
    let unfiltered = Router::new().route("/read", get(read));
    let (response, _) = own(&unfiltered, Method::GET, "/read", &cookie).await;
    assert_eq!(
        (response.status(), response.extensions().get()),
        (StatusCode::INTERNAL_SERVER_ERROR, Some(&MissingLayer::Session))
    );
    let sessions = SessionManager::new(DynStore::new(store.clone()), Pepper::new(KEY).unwrap(), LIFETIMES);
    let layer: SessionLayer = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE);
    let unnamed = Router::new()
        .route("/", get(|| async { "in" }))
        .layer(layer.revocation_layer::<OwnedToken>(Duration::from_secs(60)));
    let (response, _) = own(&unnamed, Method::GET, "/", "").await;
    assert_eq!(
        (response.status(), response.extensions().get()),
        (StatusCode::INTERNAL_SERVER_ERROR, Some(&MissingLayer::BearerOfRevocation))
    );
}

/// A renewal whose answer is late: what the store keeps in the end is what the browser gets.
#[tokio::test]
async fn a_renewal_that_was_given_up_does_not_lock_anybody_out() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let before = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let (response, body) = own(&app, Method::POST, "/renew", &before).await;
    assert_eq!(
        (response.status(), body.as_str()),
        (StatusCode::OK, "Err(Store(StoreError { kind: Unavailable, source: None }))")
    );
    let after = cookie_of(&response);
    assert_ne!(before, after);
    assert_eq!(own(&app, Method::GET, "/read", &after).await.1, "alice 0");
}

/// A logout beside a request that writes: the write comes too late, and says so.
#[tokio::test]
async fn a_write_after_a_logout_is_refused_and_told() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let (response, body) = own(&app, Method::POST, "/late", &cookie).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(body.contains("problem:signed-out") && !response.headers().contains_key(SET_COOKIE));
    assert_eq!(response.extensions().get(), Some(&SessionError::Ended));
    assert_eq!(own(&app, Method::GET, "/read", &cookie).await.1, "nobody 0");
}

/// Signed out everywhere: the session, the token and the JWT, at the same moment, and nobody else's. The login that follows in the same second
/// counts by the number that its credentials carry; without one all is refused that may have been issued before.
#[tokio::test]
async fn one_call_ends_sessions_tokens_and_jwts() {
    const SKEW: u64 = 60;
    let store = Flaky::default();
    let sessions = SessionManager::new(DynStore::new(store.clone()), Pepper::new(KEY).unwrap(), LIFETIMES);
    let clock = Arc::new(AtomicU64::new(1_800_000_000));
    let told = Arc::clone(&clock);
    let by_clock = move || UnixTime::from_secs(told.load(Ordering::Relaxed));
    let filter = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE).with_clock(by_clock.clone());

    let (key, profile) = (MacKey::new(KEY).unwrap(), Profile::new("shop/api").unwrap());
    let token = |user: &str, stamp, epoch: Option<u64>| {
        let draft = TokenBuilder::time(user.as_bytes(), stamp);
        let draft = epoch.map_or(draft, |epoch| draft.epoch(epoch));
        draft.mint_text_heapless::<128>(&profile, &key).unwrap().to_string()
    };
    let jwt_key = Hs256Key::new(KEY).unwrap();
    let jwt = |json: String| jwt_of(&json, &jwt_key);
    let now = UnixTime::from_secs(1_800_000_000);
    let later = |seconds: u64| UnixTime::from_secs(1_800_000_000 + seconds);
    let claims = |user: &str, more: &str| format!(r#"{{"sub":"{user}","exp":1800000600{more}}}"#);

    let verifier_key = MacKey::new(KEY).unwrap();
    let verifier = Verifier::new(profile, verifier_key, TimeWindow { max_age: 300, max_future_skew: SKEW });
    let tokens = TokenAuthenticator::new(verifier, MonotonicClock::new(60)).with_clock(by_clock.clone());
    let mut ring = KeySet::<1>::new();
    ring.insert("a", Hs256Key::new(KEY).unwrap(), ValidityPeriod::ALWAYS).unwrap();
    let jwts = JwtAuthenticator::new(ring, Policy::new(30), MonotonicClock::new(60)).with_clock(by_clock);
    // The layer that is added last runs first.
    let by_token = Router::new().route("/token", get(|| async { "in" }));
    let by_token = by_token
        .route_layer(filter.revocation_layer::<OwnedToken>(Duration::from_secs(SKEW)))
        .route_layer(BearerLayer::new(tokens));
    let by_jwt = Router::new().route("/jwt", get(|| async { "in" }));
    let by_jwt = by_jwt
        .route_layer(filter.revocation_layer::<OwnedJwt>(Duration::from_secs(SKEW)))
        .route_layer(BearerLayer::new(jwts));
    let app = by_token.merge(by_jwt).route("/read", get(read)).route("/in", post(sign_in)).layer(filter.clone());
    let by_bearer = async |bearer: &str| {
        let path = if bearer.starts_with("cs1") { "/token" } else { "/jwt" };
        let (response, _) = send(&app, Method::GET, path, &[("authorization", &format!("Bearer {bearer}"))]).await;
        (
            response.status(),
            response.extensions().get().and_then(|error: &AuthError| error.source()?.downcast_ref().copied()),
        )
    };
    let is_in = async |bearer: &str| match by_bearer(bearer).await {
        (StatusCode::OK, None) => true,
        (StatusCode::UNAUTHORIZED, Some(TokenError::Revoked)) => false,
        other => panic!("{bearer}: {other:?}"),
    };
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let early = [
        token("alice", now, None),
        token("alice", now, Some(0)),
        // Of a holder whose clock is ahead.
        token("alice", later(SKEW), None),
        jwt(claims("alice", r#","iat":1800000000"#)),
        jwt(claims("alice", r#","iat":1800000000.5"#)),
        jwt(claims("alice", r#","iat":1800000029.5,"cs_epoch":0"#)),
    ];
    let of_others = [token("bob", now, None), jwt(claims("bob", r#","iat":1800000000"#))];
    for bearer in early.iter().chain(&of_others) {
        assert!(is_in(bearer).await, "{bearer}");
    }
    // Of a JWT that does not say when it was issued nobody knows how long it has been.
    for undated in [claims("alice", ""), claims("bob", r#","cs_epoch":0"#)] {
        assert_eq!(by_bearer(&jwt(undated)).await, (StatusCode::UNAUTHORIZED, None));
    }
    // A JWT that names nobody is nobody's who could be signed out.
    let nameless = jwt(r#"{"exp":1800000600}"#.to_owned());
    assert_eq!(by_bearer(&nameless).await, (StatusCode::UNAUTHORIZED, Some(TokenError::Invalid)));

    let attempt_before = filter.manager().begin_sign_in("alice").await.unwrap();
    filter.manager().end_all_for_user("alice", None, now).await.unwrap();
    assert_eq!(own(&app, Method::GET, "/read", &cookie).await.1, "nobody 0");
    for bearer in &early {
        assert!(!is_in(bearer).await, "{bearer}");
    }
    for bearer in &of_others {
        assert!(is_in(bearer).await, "{bearer}");
    }
    // The login that comes at once, and one that has begun before.
    let attempt = filter.manager().begin_sign_in("alice").await.unwrap();
    let epoch = attempt.epoch();
    assert!(is_in(&token("alice", now, Some(epoch))).await);
    assert!(is_in(&jwt(claims("alice", &format!(r#","cs_epoch":{epoch}"#)))).await);
    assert!(!is_in(&token("alice", now, Some(attempt_before.epoch()))).await);
    assert!(
        !is_in(&jwt(claims("alice", &format!(r#","iat":1800000000,"cs_epoch":{}"#, attempt_before.epoch())))).await
    );
    // A number of an epoch that has not begun, or that is no number, is none.
    assert!(!is_in(&token("alice", now, Some(epoch + 1))).await);
    for number in [r#""1""#, "1.0", "-1", "1e0", "[1]"] {
        assert!(!is_in(&jwt(claims("alice", &format!(r#","iat":1800000000,"cs_epoch":{number}"#)))).await, "{number}");
    }
    // Without a number, the time decides: once it is beyond doubt, and not ahead of the clock by more than the skew.
    clock.store(1_800_000_000 + SKEW + 1, Ordering::Relaxed);
    assert!(!is_in(&token("alice", later(SKEW), None)).await && is_in(&token("alice", later(SKEW + 1), None)).await);
    assert!(!is_in(&jwt(claims("alice", r#","iat":1800000060.9"#))).await);
    assert!(is_in(&jwt(claims("alice", r#","iat":1800000061"#))).await);
    store.go_away(true);
    assert_eq!(by_bearer(&of_others[0]).await.0, StatusCode::SERVICE_UNAVAILABLE, "nobody knows who was signed out");
    store.go_away(false);
    // Older than what the store knows of revocations, whoever it is of.
    let long = jwt(r#"{"sub":"bob","iat":1800000000,"exp":1900000000}"#.to_owned());
    for (passed, expected) in
        [(LIFETIMES.absolute.as_secs() - SKEW - 1, true), (LIFETIMES.absolute.as_secs() - SKEW, false)]
    {
        clock.store(1_800_000_000 + passed, Ordering::Relaxed);
        let (response, body) = send(&app, Method::GET, "/jwt", &[("authorization", &format!("Bearer {long}"))]).await;
        assert_eq!(
            (response.status() == StatusCode::OK, body.contains("token-expired")),
            (expected, !expected),
            "{passed}"
        );
        let reason = response.extensions().get().and_then(|error: &AuthError| error.source()?.downcast_ref());
        assert_eq!(reason, (!expected).then_some(&RevocationUnknown));
    }
}

/// A clock that was once far ahead does not lock its user's new logins out.
#[tokio::test]
async fn a_clock_that_was_ahead_does_not_lock_a_user_out() {
    let sessions = SessionManager::new(
        MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }),
        Pepper::new(KEY).unwrap(),
        LIFETIMES,
    );
    const MINUTE: Duration = Duration::from_secs(60);
    let now = UnixTime::from_secs(1_800_000_000);
    sessions.end_all_for_user("alice", None, UnixTime::from_secs(1_900_000_000)).await.unwrap();
    let epoch = sessions.last_revocation(b"alice").await.unwrap();
    let number = sessions.begin_sign_in("alice").await.unwrap().epoch();
    assert!(
        !epoch.has_revoked(Some(number), Some(now), MINUTE, now) && epoch.has_revoked(None, Some(now), MINUTE, now)
    );
}

/// A JWT of this payload, as another library may write it.
fn jwt_of(json: &str, key: &Hs256Key) -> String {
    let payload: serde_json::Value = serde_json::from_str(json).unwrap();
    JwtBuilder::new().sign_with_claims(&payload, key, &mut [0; 512]).unwrap().to_owned()
}

#[test]
fn reasons_are_words() {
    assert_eq!(SessionError::Ended.to_string(), "the session has ended");
    assert_eq!(
        CsrfError::UnknownOrigin.to_string(),
        "the request does not say where it comes from: it has neither Origin nor Sec-Fetch-Site"
    );
}

/// A page of another site can be made to send a header of its own where a server in between lets it, and what it says of itself counts for more than
/// any token beside the cookie.
#[tokio::test]
async fn a_bearer_token_lifts_what_is_unknown_and_nothing_else() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    store.calls();
    let with_token = [("cookie", cookie.as_str()), ("authorization", "Bearer x")];
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let headers: Vec<_> = with_token.into_iter().chain([foreign]).collect();
        assert_eq!(send(&app, Method::POST, "/write", &headers).await.0.status(), StatusCode::FORBIDDEN, "{foreign:?}");
    }
    assert_eq!(store.calls(), 0);
    assert_eq!(send(&app, Method::POST, "/write", &with_token).await.1, "1", "a client that says nothing");
    let trusted: Vec<_> = with_token.into_iter().chain([("sec-fetch-site", "same-site"), ("origin", ORIGIN)]).collect();
    assert_eq!(send(&app, Method::POST, "/write", &trusted).await.1, "2");
}

/// Clients that offer HTTP/2 in the clear, `curl --http2` and that of the JDK, ask for an upgrade with every request.
#[tokio::test]
async fn only_the_handshake_of_a_websocket_is_guarded_as_one() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let get = async |upgrades: &[&'static str]| {
        let headers = upgrades.iter().map(|upgrade| ("upgrade", *upgrade));
        let headers = headers.chain([("cookie", cookie.as_str()), ("connection", "Upgrade, HTTP2-Settings")]);
        send(&app, Method::GET, "/read", &headers.collect::<Vec<_>>()).await.0.status()
    };
    for upgrades in [&["h2c"][..], &["TLS/1.0"], &["h2c", "TLS/1.0, IRC/6.9"]] {
        assert_eq!(get(upgrades).await, StatusCode::OK, "{upgrades:?}");
    }
    for upgrades in [&["WebSocket"][..], &["h2c, websocket"], &["h2c", "websocket"], &["websocket/13"]] {
        assert_eq!(get(upgrades).await, StatusCode::FORBIDDEN, "{upgrades:?}");
    }
}

/// Cookies that another pepper has made, or nobody.
fn forged_cookies(count: usize) -> String {
    let pepper = Pepper::new(b"the obvious key of someone else!").unwrap();
    let forged = |_| {
        SessionManager::new(
            MemoryStore::new(Budgets { anonymous: 1, signed_in: 1 }),
            Pepper::new(KEY).unwrap(),
            LIFETIMES,
        )
        .start(UnixTime::now())
    };
    let handle = |number| forged(number).unwrap().handle();
    let made_up = |number| Credential::generate(handle(number).user_hash()).unwrap().to_cookie_value().to_string();
    let others = |_| Credential::generate(pepper.user_hash(b"alice")).unwrap().to_cookie_value().to_string();
    let value = |number| if number % 2 == 0 { made_up(number) } else { others(number) };
    (0..count).map(|number| format!("__Host-id={}; ", value(number))).collect()
}

/// What no pepper of ours has marked is not looked for, and nobody waits for a position beside it.
#[tokio::test]
async fn a_forged_cookie_costs_no_call_of_the_store() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let forged = forged_cookies(9);
    store.calls();
    assert_eq!((own(&app, Method::GET, "/read", &forged).await.1.as_str(), store.calls()), ("nobody 0", 0));
    store.0.position.store(1, Ordering::Relaxed);
    let (response, body) = own(&app, Method::GET, "/read", &format!("{forged}__Host-at=~ffffffff")).await;
    assert_eq!((body.as_str(), store.calls()), ("nobody 0", 0));
    assert!(!response.headers().contains_key(SET_COOKIE));
    let (_, body) = own(&app, Method::GET, "/read", &format!("{cookie}; __Host-at=~ffffffff")).await;
    assert_eq!((body.as_str(), store.calls()), ("alice 0", 2), "who has a session waits for what it has seen");
}

/// Opening twice at once: the one that is refused changes nothing, so what the other one writes is written.
#[test]
fn a_slot_that_is_opened_twice_at_once_loses_no_write() {
    let sessions = SessionManager::new(
        DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 24, signed_in: 1 << 20 })),
        Pepper::new(KEY).unwrap(),
        LIFETIMES,
    );
    let filter: SessionLayer = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE);
    let service = filter.layer(tower::service_fn(async |request: Request<()>| {
        let slot = request.extensions().get::<LazySession>().cloned().unwrap();
        let mut session = slot.open().await.unwrap();
        session.insert("cart", &1).unwrap();
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                for _ in 0..20 {
                    drop(futures_executor::block_on(slot.open()));
                }
            });
            start.wait();
            drop(session);
        });
        Ok::<_, std::convert::Infallible>(Response::new(""))
    }));
    for round in 0..3000 {
        let request = Request::post("/").header("sec-fetch-site", "same-origin").body(()).unwrap();
        let response = futures_executor::block_on(service.clone().oneshot(request)).unwrap();
        assert!(response.headers().contains_key(SET_COOKIE), "round {round}: the write was lost");
    }
}

/// Whoever can plant cookies can fill the header in front of ours, and names ours.
#[tokio::test]
async fn a_cookie_is_found_wherever_it_stands() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    store.calls();
    let in_front = [
        ("many small ones", "a=b; ".repeat(1000)),
        ("pieces that are no cookies", ";".repeat(10_000)),
        ("20 KB", format!("a={}; ", "x".repeat(20_000))),
        ("400 KB", format!("a={}; ", "x".repeat(400_000))),
        ("of our name", forged_cookies(200)),
        ("of our name, and not of its shape", "__Host-id=junk; ".repeat(600)),
    ];
    for (planted, in_front) in &in_front {
        let (response, body) = own(&app, Method::GET, "/read", &format!("{in_front}{cookie}")).await;
        assert_eq!((body.as_str(), store.calls()), ("alice 0", 1), "{planted}");
        assert!(!response.headers().contains_key(SET_COOKIE));
        let several = [("cookie", in_front.as_str()), ("cookie", &cookie), ("sec-fetch-site", "same-origin")];
        assert_eq!(send(&app, Method::GET, "/read", &several).await.1, "alice 0", "{planted}, in a field of its own");
        store.calls();
    }
}

/// Behind the bounds there may be a cookie that nobody has looked at: it is not replaced, and what is written is refused aloud.
#[tokio::test]
async fn what_was_not_read_to_its_end_is_not_overwritten() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let mut ended = String::new();
    for _ in 0..9 {
        let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
        own(&app, Method::POST, "/out", &cookie).await;
        ended.push_str(&format!("{cookie}; "));
    }
    for in_front in [format!("a={}; ", "x".repeat(600_000)), forged_cookies(600), ended] {
        let header = format!("{in_front}{cookie}");
        for path in ["/write", "/in"] {
            let (response, _) = own(&app, Method::POST, path, &header).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
            assert_eq!(response.extensions().get(), Some(&SessionError::Withheld));
            assert!(!response.headers().contains_key(SET_COOKIE));
        }
        let (response, body) = own(&app, Method::GET, "/read", &header).await;
        assert_eq!(body, "nobody 0");
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    assert_eq!(own(&app, Method::GET, "/read", &cookie).await.1, "alice 0");
}

/// A browser sends what it had when the request began: the answer to another one may have changed the cookie meanwhile.
#[tokio::test]
async fn a_late_request_makes_no_session_over_another() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let anonymous = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let first = cookie_of(&own(&app, Method::POST, "/in", &anonymous).await.0);
    let second = cookie_of(&own(&app, Method::POST, "/in", &first).await.0);
    for late in [&anonymous, &first] {
        let (response, body) = own(&app, Method::POST, "/write", late).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(body.contains("problem:signed-out") && !response.headers().contains_key(SET_COOKIE));
        assert_eq!(response.extensions().get(), Some(&SessionError::Ended));
        let (response, body) = own(&app, Method::GET, "/read", late).await;
        assert_eq!(body, "nobody 0");
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    assert_eq!(own(&app, Method::GET, "/read", &second).await.1, "alice 1");
}

/// Of a session that is over nothing lives: its holder begins another one, once.
#[tokio::test]
async fn a_cookie_of_a_session_that_is_over_is_replaced_once() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    for path in ["/write", "/in"] {
        let over = cookie_of(&own(&app, Method::POST, path, "").await.0);
        let handle = Credential::parse(over.split_once('=').unwrap().1.as_bytes()).unwrap().handle();
        assert!(store.delete(handle, UnixTime::now()).await.unwrap());
        let (response, body) = own(&app, Method::POST, "/write", &over).await;
        assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "1"));
        let next = cookie_of(&response);
        assert_eq!(own(&app, Method::POST, "/write", &next).await.1, "2");
        // Another request that was under way beside it.
        let (response, _) = own(&app, Method::POST, "/write", &over).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key(SET_COOKIE));
        assert_eq!(own(&app, Method::GET, "/read", &next).await.1, "nobody 2", "no alarm");
        let signed_in = cookie_of(&own(&app, Method::POST, "/in", &over).await.0);
        assert_eq!(own(&app, Method::GET, "/devices", &signed_in).await.1, "1", "what is nobody's is no device");
        own(&app, Method::POST, "/out", &signed_in).await;
    }
}

/// Links lead from elsewhere to the first page, without a cookie if it is the first visit. What else comes from elsewhere without one may come from a
/// browser that holds it back.
#[tokio::test]
async fn a_link_from_elsewhere_begins_a_session_and_nothing_else_does() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap().with_exemption(|request| request.uri.path() == "/write"));
    let get = async |path: &str, method: Method, mode: &str, dest: &str| {
        let headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
        send(&app, method, path, &headers).await
    };
    let (response, body) = get("/visit", Method::GET, "navigate", "document").await;
    assert_eq!(body, "1");
    assert_eq!(own(&app, Method::GET, "/visit", &cookie_of(&response)).await.1, "2");
    for (method, path, mode, dest) in [
        (Method::GET, "/visit", "no-cors", "image"),
        (Method::GET, "/visit", "navigate", "iframe"),
        (Method::GET, "/visit", "cors", "empty"),
        (Method::POST, "/write", "navigate", "document"),
    ] {
        let (response, body) = get(path, method, mode, dest).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{mode} {dest}");
        assert_eq!(response.extensions().get(), Some(&SessionError::Withheld));
        assert!(body.contains("problem:session-withheld") && !response.headers().contains_key(SET_COOKIE));
    }
    let (response, body) = get("/read", Method::GET, "no-cors", "image").await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "nobody 0"), "what only reads is answered");
}

#[tokio::test]
async fn with_a_strict_cookie_a_link_from_elsewhere_writes_nothing() {
    let sessions = SessionManager::new(
        DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })),
        Pepper::new(KEY).unwrap(),
        LIFETIMES,
    );
    let filter = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE);
    let filter = filter.with_cookie(SessionCookie::new().with_same_site(SameSite::Strict)).unwrap();
    let app = Router::new().route("/visit", get(write)).route("/read", get(read)).layer(filter);
    let (response, _) = own(&app, Method::GET, "/visit", "").await;
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().ends_with("; SameSite=Strict"));
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let (response, _) = send(&app, Method::GET, "/visit", &link).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.extensions().get(), Some(&SessionError::Withheld));
    assert_eq!(send(&app, Method::GET, "/read", &link).await.1, "nobody 0");
}

/// The client of the JDK puts what it got with `Max-Age` alone into quotes, beside attributes of RFC 2965.
#[tokio::test]
async fn a_client_that_quotes_is_known() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    store.0.position.store(1, Ordering::Relaxed);
    let response = own(&app, Method::POST, "/in", "").await.0;
    let cookie = cookie_of(&response);
    let quoted = format!(r#"$Version="1"; {}";$Path="/"; __Host-at="~1";$Path="/""#, cookie.replacen('=', "=\"", 1));
    store.calls();
    assert_eq!(own(&app, Method::GET, "/read", &quoted).await.1, "alice 0");
    assert_eq!(store.calls(), 2, "what stands beside it is read too");
    for half in [format!("{cookie}\""), cookie.replacen('=', "=\"", 1)] {
        assert_eq!(own(&app, Method::GET, "/read", &half).await.1, "nobody 0");
    }
    // One that knows no Max-Age, or keeps to the older way where there is Expires.
    let whole = response.headers()[SET_COOKIE].to_str().unwrap();
    let date = whole.split("; ").find_map(|part| part.strip_prefix("Expires=")).unwrap();
    let left = httpdate::parse_http_date(date).unwrap().duration_since(std::time::SystemTime::now()).unwrap();
    assert!((43_190..=43_200).contains(&left.as_secs()), "{whole}");
    let gone = own(&app, Method::POST, "/out", &cookie).await.0;
    let whole = gone.headers()[SET_COOKIE].to_str().unwrap();
    assert!(whole.starts_with("__Host-id=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/;"), "{whole}");
}

/// A form for somebody who has no session yet: its token is of one that is made for it.
#[tokio::test]
async fn a_form_for_nobody_gets_a_session() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap().with_form_tokens());
    let (response, token) = send(&app, Method::GET, "/form-token", &[]).await;
    assert_eq!(store.calls(), 1);
    let cookie = cookie_of(&response);
    let (response, again) = send(&app, Method::GET, "/form-token", &[("cookie", &cookie)]).await;
    assert_eq!((again.as_str(), response.headers().contains_key(SET_COOKIE)), (token.as_str(), false));
    let post = Request::post("/form").header("cookie", &cookie).body(Body::from(token)).unwrap();
    assert_eq!(app.oneshot(post).await.unwrap().status(), StatusCode::OK);
}

/// Whoever signs out is told so only if a session has ended.
#[tokio::test]
async fn an_end_that_ended_nothing_is_not_acknowledged() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    for path in ["/out", "/out-everywhere", "/out-elsewhere"] {
        for stranger in ["", "a=b", &forged_cookies(3), "__Host-id=junk"] {
            let (response, body) = own(&app, Method::POST, path, stranger).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {stranger}");
            assert!(body.contains("problem:signed-out") && !response.headers().contains_key(SET_COOKIE));
        }
    }
    assert_eq!(own(&app, Method::GET, "/read", &cookie).await.1, "alice 0");
    assert_eq!(own(&app, Method::POST, "/out", &cookie).await.1, "bye");
    assert_eq!(own(&app, Method::POST, "/out", &cookie).await.0.status(), StatusCode::UNAUTHORIZED, "once more");
}

/// A page that greets whoever is signed in, and everybody else too; but nobody while it is not known who it is.
#[tokio::test]
async fn an_optional_user_is_none_only_where_nobody_is_signed_in() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let anonymous = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    for (cookie, greeted) in [("", "stranger"), (&anonymous, "stranger"), (&cookie, "alice")] {
        let (response, body) = own(&app, Method::GET, "/greet", cookie).await;
        assert_eq!(body, greeted);
        assert!(!response.headers().contains_key(SET_COOKIE) && response.headers().contains_key(VARY));
    }
    store.go_away(true);
    assert_eq!(own(&app, Method::GET, "/greet", &cookie).await.0.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(own(&app, Method::GET, "/cart", &cookie).await.0.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(own(&app, Method::GET, "/ask", &cookie).await.1, "503");
    let unfiltered = Router::new().route("/greet", get(greet));
    let (response, _) = own(&unfiltered, Method::GET, "/greet", &cookie).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// On one host all ports share cookies: each application has a name of its own for its.
/// A form that is sent twice, with the cookie of somebody who has not signed in, with that of somebody who has, and with one that the first of the two
/// has replaced: both are answered with one and the same new cookie.
#[tokio::test]
async fn a_sign_in_that_is_sent_twice_signs_in_both_times() {
    let (app, _) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let anonymous = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let signed_in = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    for cookie in [anonymous, signed_in] {
        let (first, second) =
            tokio::join!(own(&app, Method::POST, "/in", &cookie), own(&app, Method::POST, "/in", &cookie));
        let third = own(&app, Method::POST, "/in", &cookie).await;
        let new = [first, second, third].map(|(response, _)| {
            assert_eq!(response.status(), StatusCode::OK);
            cookie_of(&response)
        });
        assert!(new[0] == new[1] && new[1] == new[2] && new[0] != cookie, "{new:?}");
        assert!(own(&app, Method::GET, "/read", &new[0]).await.1.starts_with("alice"));
    }
}

/// A browser that has never got the answer to a sign-in: for as long as that may be under way its old cookie makes nothing new, and then it is as good as none,
/// for another user, and for the page to sign in at, which may write.
#[tokio::test]
async fn an_answer_that_was_lost_shuts_nobody_out() {
    let clock = Arc::new(AtomicU64::new(1_800_000_000));
    let told = Arc::clone(&clock);
    let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
    let sessions = SessionManager::new(DynStore::new(store), Pepper::new(KEY).unwrap(), LIFETIMES);
    let filter = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE)
        .with_clock(move || UnixTime::from_secs(told.load(Ordering::Relaxed)));
    let as_bob = async |mut session: CurrentSession| -> Result<(), SessionError> {
        let attempt = session.begin_sign_in("bob").await?;
        session.sign_in(&attempt, 1).await
    };
    let app = Router::new().route("/read", get(read)).route("/write", post(write)).route("/in", post(sign_in));
    let app = app.route("/bob", post(as_bob)).layer(filter);
    let anonymous = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let signed_in = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    for cookie in [anonymous, signed_in] {
        let alice = cookie_of(&own(&app, Method::POST, "/in", &cookie).await.0);
        let (response, _) = own(&app, Method::POST, "/bob", &cookie).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.extensions().get(), Some(&SessionError::RenewalUnderWay));
        assert!(response.headers().contains_key(RETRY_AFTER) && !response.headers().contains_key(SET_COOKIE));
        assert!(own(&app, Method::GET, "/read", &alice).await.1.starts_with("alice"));
        clock.fetch_add(LIFETIMES.renewal_grace.as_secs(), Ordering::Relaxed);
        let bob = cookie_of(&own(&app, Method::POST, "/bob", &cookie).await.0);
        assert!(own(&app, Method::GET, "/read", &bob).await.1.starts_with("bob"));
        assert!(own(&app, Method::GET, "/read", &alice).await.1.starts_with("alice"), "a session of its own");
        // A page that writes: it begins a session, and signing in goes on from that.
        let (response, _) = own(&app, Method::POST, "/write", &cookie).await;
        assert_eq!(response.status(), StatusCode::OK);
        let written = cookie_of(&response);
        let again = cookie_of(&own(&app, Method::POST, "/bob", &written).await.0);
        assert_eq!(own(&app, Method::GET, "/read", &again).await.1, "bob 1");
    }
}

/// However often a request shows a cookie: what it signs out by that costs a bounded number of calls.
#[tokio::test]
async fn a_logout_with_many_cookies_costs_few_calls() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let mut over = Vec::new();
    for _ in 0..20 {
        let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
        assert_eq!(own(&app, Method::POST, "/out", &cookie).await.0.status(), StatusCode::OK);
        over.push(cookie);
    }
    store.calls();
    for cookies in [vec![over[0].clone(); 400], over.clone()] {
        let (response, _) = own(&app, Method::POST, "/out", &cookies.join("; ")).await;
        let is_cut = cookies.len() == 20;
        let expected = if is_cut { SessionError::Withheld } else { SessionError::Ended };
        assert_eq!(response.extensions().get(), Some(&expected), "of more than are tried, one may live");
        let calls = store.calls();
        assert!(calls <= 8 * 3 + 8, "{calls}");
    }
}

/// The page to sign in at is never sent to itself.
#[tokio::test]
async fn the_page_to_sign_in_at_is_not_sent_to_itself() {
    let sessions = SessionManager::new(
        DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })),
        Pepper::new(KEY).unwrap(),
        LIFETIMES,
    );
    let filter = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE)
        .with_login_page(HeaderValue::from_static("/login?from=here"));
    let page = async |SignedInSession(_): SignedInSession| "never";
    let app = Router::new().route("/login", get(page)).route("/account", get(page)).layer(filter);
    for (path, status) in [("/login", 401), ("/login?next=/x", 401), ("/account", 303)] {
        let (response, _) = send(&app, Method::GET, path, &[("sec-fetch-mode", "navigate")]).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

/// A read is right, whatever has become of the session since, and whoever was seen by it.
#[tokio::test]
async fn an_answer_that_has_only_read_is_not_refused() {
    let (app, store) = app(CsrfGuard::new([ORIGIN]).unwrap());
    let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
    let renewed = cookie_of(&own(&app, Method::POST, "/renew", &cookie).await.0);
    // The first request with the new cookie notes that it was seen; the session ends in between.
    let ended = store.clone();
    let read_and_end = async move |session: CurrentSession| -> String {
        let user = session.user().unwrap_or("nobody").to_owned();
        let now = UnixTime::now();
        assert!(ended.0.store.delete(session.handle(), now).await.unwrap());
        user
    };
    let sessions = SessionManager::new(DynStore::new(store.clone()), Pepper::new(KEY).unwrap(), LIFETIMES);
    let filter = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE);
    let app = Router::new().route("/", get(read_and_end)).layer(filter);
    let (response, body) = own(&app, Method::GET, "/", &renewed).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "alice"));
    assert!(!response.headers().contains_key(SET_COOKIE));
}

/// A connection that outlives the request hears of the end of its session, whichever it is, and of nothing else.
#[tokio::test]
async fn a_connection_hears_that_its_session_has_ended() {
    const INTERVAL: Duration = Duration::from_millis(10);
    type Waiting = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    let store = Flaky::default();
    let clock = Arc::new(AtomicU64::new(1_800_000_000));
    let told = Arc::clone(&clock);
    let sessions = SessionManager::new(DynStore::new(store.clone()), Pepper::new(KEY).unwrap(), LIFETIMES);
    let filter = SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE)
        .with_clock(move || UnixTime::from_secs(told.load(Ordering::Relaxed)));
    let waiting: Arc<std::sync::Mutex<Option<Waiting>>> = Arc::default();
    let place = Arc::clone(&waiting);
    let stream = async move |session: CurrentSession| {
        *place.lock().unwrap() = Some(Box::pin(session.ended(INTERVAL)));
    };
    let app = Router::new()
        .route("/stream", get(stream))
        .route("/in", post(sign_in))
        .route("/out", post(sign_out))
        .route("/renew", post(renew))
        .route("/read", get(read))
        .route("/out-everywhere", post(async |session: CurrentSession| session.sign_out_everywhere().await))
        .layer(Extension(store.clone()))
        .layer(filter);
    for how in ["/out", "/out-everywhere", "deadline"] {
        let cookie = cookie_of(&own(&app, Method::POST, "/in", "").await.0);
        own(&app, Method::GET, "/stream", &cookie).await;
        let mut ended = waiting.lock().unwrap().take().unwrap();
        // A step up, a renewal, a store that is away for a while: it lives.
        let stepped_up = cookie_of(&own(&app, Method::POST, "/in", &cookie).await.0);
        let renewed = cookie_of(&own(&app, Method::POST, "/renew", &stepped_up).await.0);
        store.go_away(true);
        let is_early = tokio::time::timeout(INTERVAL * 30, &mut ended).await.is_ok();
        store.go_away(false);
        let is_early = is_early || tokio::time::timeout(INTERVAL * 10, &mut ended).await.is_ok();
        assert!(!is_early, "{how}: the session lives");
        match how {
            "deadline" => drop(clock.fetch_add(LIFETIMES.idle.as_secs(), Ordering::Relaxed)),
            path => assert_eq!(own(&app, Method::POST, path, &renewed).await.0.status(), StatusCode::OK, "{path}"),
        }
        let has_ended = tokio::time::timeout(Duration::from_secs(10), ended).await.is_ok();
        assert!(has_ended, "{how}");
    }
}

#[tokio::test]
async fn two_applications_on_one_host_leave_each_other_alone() {
    let layer = |key: &[u8]| {
        let sessions = SessionManager::new(
            DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })),
            Pepper::new(key).unwrap(),
            LIFETIMES,
        );
        SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE)
    };
    let app = |name: &str, key: &[u8]| {
        let routes = Router::new().route("/read", get(read)).route("/in", post(sign_in)).route("/out", post(sign_out));
        routes.layer(layer(key).with_cookie(SessionCookie::new().with_secure(false).with_name(name)).unwrap())
    };
    let (shop, desk) = (app("shop", KEY), app("desk", b"the obvious key of someone else!"));
    let in_shop = cookie_of(&own(&shop, Method::POST, "/in", "").await.0);
    let at_desk = cookie_of(&own(&desk, Method::POST, "/in", &in_shop).await.0);
    assert!(in_shop.starts_with("shop=") && at_desk.starts_with("desk="));
    let jar = format!("{in_shop}; {at_desk}");
    let gone = own(&desk, Method::POST, "/out", &jar).await.0;
    assert_eq!(cookie_of(&gone), "desk=");
    assert_eq!(own(&shop, Method::GET, "/read", &jar).await.1, "alice 0");
    assert_eq!(own(&desk, Method::GET, "/read", &jar).await.1, "nobody 0");
}
