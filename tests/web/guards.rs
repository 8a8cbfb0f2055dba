//! What stands in front of a handler: extractors that ask for more than a session, the way to the sign-in and back, preflights.

use crate::kit::send;
use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response as Answer};
use axum::routing::{any, get, post};
use countersign::UnixTime;
use countersign::session::store::Budgets;
use countersign::session::store::{DynStore, MemoryStore};
use countersign::session::{Lifetimes, Pepper, SessionError, SessionManager};
use countersign::web::session::{
    AtLevel, CurrentSession, LazySession, Recent, Required, SessionLayer, SignedInSession, StepUp, local_path,
};
use countersign::web::session::{SessionCookie, SessionRejection};
use countersign::web::{AuthError, BearerLayer, CsrfGuard, MissingLayer, Revocable};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tower_http::cors::CorsLayer;
use url::Url;

const ORIGIN: &str = "https://shop.example";
const KEY: &[u8] = b"an obvious test key of 32 bytes!";
const DEADLINE: Duration = Duration::from_millis(100);
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(1800),
    absolute: Duration::from_secs(43_200),
    renewal_grace: Duration::from_secs(10),
    max_token_age: Duration::ZERO,
};
const NOW: u64 = 1_767_225_600;

fn layer() -> SessionLayer {
    let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    let sessions = SessionManager::new(store, Pepper::new(KEY).unwrap(), LIFETIMES);
    SessionLayer::new(sessions, CsrfGuard::new([ORIGIN]).unwrap(), DEADLINE)
}

/// A script of the own page.
async fn own(app: &Router, method: Method, path: &str, cookie: &str) -> (Response<()>, String) {
    let headers = [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")];
    send(app, method, path, &headers).await
}

/// Somebody who looks at a page.
async fn look(app: &Router, method: Method, path: &str, cookie: &str) -> (Response<()>, String) {
    let headers = [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate")];
    send(app, method, path, &headers).await
}

fn cookie_of(response: &Response<()>) -> String {
    response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

async fn write(mut session: CurrentSession) -> Result<&'static str, SessionError> {
    session.insert("seen", &true)?;
    Ok("written")
}

/// Signs in to the level in the query, and leads back to where that was asked for.
async fn log_in(
    mut session: CurrentSession,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Answer, SessionError> {
    let attempt = session.begin_sign_in("alice").await?;
    let level = query.get("acr_values").map_or(1, |level| level.parse().unwrap());
    session.sign_in(&attempt, level).await?;
    Ok(Redirect::to(query.get("next").and_then(|next| local_path(next)).unwrap_or("/")).into_response())
}

// ---------------------------------------------------------------------------------------------- extractors

/// What a handler does with a refusal that it takes into its own hands.
async fn own_words<T>(outcome: Result<T, SessionRejection>) -> Result<&'static str, (StatusCode, String)> {
    outcome
        .map(|_| "in")
        .map_err(|refusal| (StatusCode::IM_A_TEAPOT, refusal.into_response().status().as_u16().to_string()))
}

#[tokio::test]
async fn a_handler_may_ask_for_less_than_it_needs() {
    let routes = || {
        Router::new()
            .route(
                "/user",
                get(async |signed_in: Result<SignedInSession, SessionRejection>| own_words(signed_in).await),
            )
            .route("/session", get(async |session: Result<CurrentSession, SessionRejection>| own_words(session).await))
            .route("/level", get(async |session: Result<AtLevel<2>, SessionRejection>| own_words(session).await))
            .route("/recent", get(async |session: Result<Recent<60>, SessionRejection>| own_words(session).await))
            .route("/any", get(async |session: Option<CurrentSession>| if session.is_some() { "one" } else { "none" }))
            // What was refused is given back: the session is there for the next that asks.
            .route(
                "/both",
                get(async |user: Result<SignedInSession, SessionRejection>, _: CurrentSession| {
                    user.is_ok().to_string()
                }),
            )
            .route("/write", post(write))
            .route("/login", post(log_in))
    };
    let app = routes().layer(layer());
    let anonymous = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    let alice = cookie_of(&own(&app, Method::POST, "/login", "").await.0);
    for (path, nobody, anonymous_sees, alice_sees) in [
        ("/user", "401", "401", "in"),
        ("/session", "in", "in", "in"),
        ("/level", "401", "401", "403"),
        ("/recent", "401", "401", "in"),
        ("/any", "none", "one", "one"),
    ] {
        for (cookie, expected) in [("", nobody), (&anonymous, anonymous_sees), (&alice, alice_sees)] {
            let (response, body) = own(&app, Method::GET, path, cookie).await;
            assert_eq!(body, expected, "{path} {cookie}");
            let is_refused = expected.parse::<u16>().is_ok();
            assert_eq!(response.status(), if is_refused { StatusCode::IM_A_TEAPOT } else { StatusCode::OK });
            assert!(response.headers().contains_key(VARY) && !response.headers().contains_key(SET_COOKIE), "{path}");
        }
    }
    assert_eq!(own(&app, Method::GET, "/both", &anonymous).await.1, "false");
    // One at a time: who has it keeps it.
    assert_eq!(own(&app, Method::GET, "/both", &alice).await.0.status(), StatusCode::INTERNAL_SERVER_ERROR);
    // Outside of the filter.
    for path in ["/user", "/session", "/level", "/recent"] {
        assert_eq!(own(&routes(), Method::GET, path, &alice).await.1, "500", "{path}");
    }
    let (response, _) = own(&routes(), Method::GET, "/any", &alice).await;
    assert_eq!(response.extensions().get(), Some(&MissingLayer::Session));
}

async fn pay(AtLevel(session): AtLevel<2>) -> String {
    session.user().unwrap().to_owned()
}

fn shop(clock: Arc<AtomicU64>) -> Router {
    let layer = layer().with_clock(move || UnixTime::from_secs(clock.load(Ordering::Relaxed)));
    Router::new()
        .route("/pay", get(pay).post(pay))
        .route("/password", get(async |Recent(session): Recent<600>| session.user().unwrap().to_owned()))
        .route(
            "/by-hand",
            get(async |session: CurrentSession| -> Result<&str, StepUp> {
                session.require_level(2)?;
                session.require_recent(Duration::from_millis(600_999))?;
                Ok("both")
            }),
        )
        .route("/write", post(write))
        .route("/login", post(log_in))
        .layer(layer.with_login_page(HeaderValue::from_static("/login")))
}

fn is_problem(response: &Response<()>, body: &str) -> serde_json::Value {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"], response.status().as_u16());
    problem
}

/// To a level: scripts are told which, people are shown where, and the way leads back.
#[tokio::test]
async fn a_level_is_reached_by_signing_in_to_it() {
    let app = shop(Arc::new(AtomicU64::new(NOW)));
    let anonymous = cookie_of(&own(&app, Method::POST, "/write", "").await.0);
    for stranger in ["", &anonymous] {
        let (response, body) = own(&app, Method::GET, "/pay", stranger).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(is_problem(&response, &body)["type"], "urn:countersign:problem:signed-out");
        assert_eq!(response.extensions().get(), Some(&SessionError::Ended));
        assert_eq!(response.extensions().get(), Some(&Required::Level(2)));
        let (response, _) = look(&app, Method::GET, "/pay", stranger).await;
        assert_eq!(
            (response.status(), &response.headers()[LOCATION]),
            (StatusCode::SEE_OTHER, &HeaderValue::from_static("/login?next=/pay"))
        );
    }
    let mut cookie = cookie_of(&own(&app, Method::POST, "/login", "").await.0);
    let (response, body) = own(&app, Method::POST, "/pay", &cookie).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let problem = is_problem(&response, &body);
    assert_eq!((&problem["type"], &problem["acr_values"]), (&"urn:countersign:problem:step-up".into(), &"2".into()));
    assert_eq!(problem.get("max_age"), None);
    assert_eq!(response.extensions().get(), Some(&Required::Level(2)));
    assert!(response.headers()[VARY].to_str().unwrap().contains("Cookie"));
    // A form that was posted is not posted again.
    let (response, _) = look(&app, Method::POST, "/pay?to=bob", &cookie).await;
    assert_eq!(
        (response.status(), &response.headers()[LOCATION]),
        (StatusCode::SEE_OTHER, &HeaderValue::from_static("/login?acr_values=2"))
    );
    let (response, _) = look(&app, Method::GET, "/pay?to=bob&sum=1", &cookie).await;
    let location = response.headers()[LOCATION].to_str().unwrap();
    assert_eq!(
        (response.status(), location),
        (StatusCode::SEE_OTHER, "/login?next=/pay%3Fto%3Dbob%26sum%3D1&acr_values=2")
    );
    // There and back again.
    let (response, _) = look(&app, Method::POST, location, &cookie).await;
    assert_eq!(response.headers()[LOCATION], "/pay?to=bob&sum=1");
    cookie = cookie_of(&response);
    assert_eq!(look(&app, Method::GET, "/pay?to=bob&sum=1", &cookie).await.1, "alice");
    let higher = cookie_of(&own(&app, Method::POST, "/login?acr_values=3", &cookie).await.0);
    assert_eq!(own(&app, Method::GET, "/pay", &higher).await.1, "alice");
    let lower = cookie_of(&own(&app, Method::POST, "/login?acr_values=1", &higher).await.0);
    assert_eq!(own(&app, Method::GET, "/pay", &lower).await.0.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_was_long_ago_is_asked_for_again() {
    let clock = Arc::new(AtomicU64::new(NOW));
    let app = shop(Arc::clone(&clock));
    let at = |seconds: i64| clock.store(NOW.saturating_add_signed(seconds), Ordering::Relaxed);
    let cookie = cookie_of(&own(&app, Method::POST, "/login?acr_values=2", "").await.0);
    // A clock that is a little behind is not long ago.
    for (seconds, is_recent) in [(0, true), (599, true), (600, true), (601, false), (-5, true)] {
        at(seconds);
        for path in ["/password", "/by-hand"] {
            let (response, body) = own(&app, Method::GET, path, &cookie).await;
            assert_eq!(response.status() == StatusCode::OK, is_recent, "{path} {seconds}: {body}");
        }
    }
    at(601);
    let (response, body) = own(&app, Method::GET, "/password", &cookie).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let problem = is_problem(&response, &body);
    assert_eq!((&problem["type"], &problem["max_age"]), (&"urn:countersign:problem:step-up".into(), &600.into()));
    assert_eq!(problem.get("acr_values"), None);
    assert_eq!(response.extensions().get(), Some(&Required::Recent(Duration::from_secs(600))));
    let (response, _) = look(&app, Method::GET, "/password", &cookie).await;
    assert_eq!(response.headers()[LOCATION], "/login?next=/password&max_age=600");
    // Being there is not signing in: only that counts.
    at(900);
    own(&app, Method::POST, "/write", &cookie).await;
    assert_eq!(own(&app, Method::GET, "/password", &cookie).await.0.status(), StatusCode::FORBIDDEN);
    let cookie = cookie_of(&own(&app, Method::POST, "/login", &cookie).await.0);
    assert_eq!(own(&app, Method::GET, "/password", &cookie).await.1, "alice");
    let (response, body) = own(&app, Method::GET, "/by-hand", &cookie).await;
    assert_eq!(is_problem(&response, &body)["acr_values"], "2");
}

#[tokio::test]
async fn a_refusal_tells_a_handler_without_axum_all_of_it() {
    let refused = Router::new().route(
        "/",
        get(async |session: CurrentSession| {
            let error = session.require_level(7).unwrap_err();
            let shown = format!("{error}; {:?} {}", error.required(), error.is_signed_in());
            let (parts, body) = error.response().into_parts();
            format!("{shown}; {} {}", parts.status, body.contains("signed-out"))
        }),
    );
    let (_, body) = own(&refused.layer(layer()), Method::GET, "/", "").await;
    assert_eq!(body, "a sign-in to level 7 is needed, and nobody is signed in; Level(7) false; 401 Unauthorized true");
    assert_eq!(Required::Recent(Duration::from_secs(5)).to_string(), "a sign-in at most 5 seconds ago is needed");
}

// ---------------------------------------------------------------------------------------------- the way back

#[test]
fn a_way_back_leads_nowhere_else() {
    for local in [
        "/",
        "/orders",
        "/orders/",
        "/orders?page=2&sort=%2Fx",
        "/a/b#part",
        "/?next=//evil.example",
        "/?x=%0A",
        "/a//b",
        "/@evil.example",
        "/a%20b",
        "/%C3%BC",
        "/a%2Fb",
        "/.well-known/x",
        "/a..b",
        "/...",
        "/;x",
        "/:8080",
        "/javascript:alert(1)",
        "/?\u{7e}",
        "/a?b?c",
        "/?%",
    ] {
        assert_eq!(local_path(local), Some(local));
    }
    for elsewhere in [
        "",
        " ",
        "evil.example",
        "orders",
        "?x",
        "#x",
        ".",
        "./x",
        "../x",
        "https://evil.example",
        "https:/evil.example",
        "https:evil.example",
        "HTTPS://evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "//",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/\u{0}/evil.example",
        "/\u{7f}",
        "/%2Fevil.example",
        "/%2fevil.example",
        "/%5Cevil.example",
        "/%5cevil.example",
        "%2F%2Fevil.example",
        "%2f/evil.example",
        "/%09/evil.example",
        "/%0A/evil.example",
        "/%0d%0aSet-Cookie:x",
        "/%00",
        "/%252Fevil.example",
        "/%25%32%46evil.example",
        "/a%5Cb",
        "/.",
        "/..",
        "/./x",
        "/../x",
        "/.//evil.example",
        "/..//evil.example",
        "/a/../b",
        "/%2e%2e/x",
        "/%2E/x",
        "/.%2e//evil.example",
        "/a/..",
        "/a%2F..%2Fb",
        "/%",
        "/%2",
        "/%zz",
        "/%+f",
        "/a b",
        "/\u{fc}",
        "/\u{2044}evil.example",
        "/?a b",
        "/?\\",
        "/?\n",
        "/#\r",
        "/\u{2028}",
        "/\u{ff0f}evil.example",
    ] {
        assert_eq!(local_path(elsewhere), None, "{elsewhere:?}");
    }
    assert!(local_path(&format!("/{}", "x".repeat(2047))).is_some());
    assert!(local_path(&format!("/{}", "x".repeat(2048))).is_none());
}

/// Once more percent-decoded, as a server on the way may do.
fn decoded(text: &str) -> String {
    let pairs = format!("x={}", text.replace('+', "%2B").replace('&', "%26").replace('#', "%23"));
    url::form_urlencoded::parse(pairs.as_bytes()).next().unwrap().1.into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// What is taken stays here for another reader, as it is and decoded up to twice, and goes into a header as it is.
    #[test]
    fn what_is_taken_stays_here(
        next in prop_oneof![
            "(/|\\\\|\\.|%2[fFeE]|%5[cC]|%0[9aAdD0]|%25|\t|\n| |@|:|evil\\.example|https:|\\?|#|[a-z]){0,8}",
            "/(/|\\\\|\\.|%2[fFeE]|%5[cC]|%0[9aAdD0]|%25|%2|\t|@|:|evil\\.example|\\?|#|[a-z]){0,6}",
            "\\PC{0,12}",
            "/[ -~]{0,12}",
        ],
    ) {
        if let Some(taken) = local_path(&next) {
            prop_assert_eq!(taken, &next);
            prop_assert!(HeaderValue::from_str(taken).is_ok_and(|value| value.as_bytes() == next.as_bytes()));
            let base = Url::parse("https://shop.example/login").unwrap();
            let [once, twice] = [decoded(taken), decoded(&decoded(taken))];
            for read in [taken, &once, &twice] {
                let there = base.join(read).unwrap();
                prop_assert_eq!(there.origin(), base.origin(), "{}", read);
                prop_assert!(!there.path().starts_with("//") && there.username().is_empty(), "{}", read);
            }
        }
    }

    /// Whatever page somebody wanted to look at, the way there and back leads to it, or to none.
    #[test]
    fn what_was_asked_for_comes_back(target in "/[a-z%0-9/.:@!$&'()*+,;=~-]{0,12}(\\?[a-z%0-9/?&=+;:@-]{0,12})?") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let routes = Router::new().fallback(async |SignedInSession(_): SignedInSession| "never");
        let app = routes.layer(layer().with_login_page(HeaderValue::from_static("/login?lang=en#form")));
        let Ok(uri) = target.parse::<http::Uri>() else { return Ok(()) };
        prop_assume!(uri.path_and_query().is_some_and(|asked| asked.as_str() == target) && uri.path() != "/login");
        let (response, _) = runtime.block_on(look(&app, Method::GET, &target, ""));
        let location = Url::parse(ORIGIN).unwrap().join(response.headers()[LOCATION].to_str().unwrap()).unwrap();
        prop_assert_eq!((location.path(), location.fragment(), location.origin().ascii_serialization()), ("/login", Some("form"), ORIGIN.to_owned()));
        let query: BTreeMap<_, _> = location.query_pairs().into_owned().collect();
        prop_assert_eq!(&query["lang"], "en");
        prop_assert_eq!(query.get("next").map(String::as_str), local_path(&target));
        prop_assert_eq!(query.len(), 1 + usize::from(local_path(&target).is_some()));
    }
}

#[tokio::test]
async fn only_what_can_be_asked_for_again_is_a_way_back() {
    let app = |page: &'static str| {
        let routes = Router::new().fallback(async |SignedInSession(_): SignedInSession| "never");
        routes.layer(layer().with_login_page(HeaderValue::from_static(page)))
    };
    let long = format!("/{}", "x".repeat(2048));
    for (page, method, asked, expected) in [
        ("/login", Method::GET, "/account", "/login?next=/account"),
        ("/login", Method::GET, "https://shop.example/account?a=b", "/login?next=/account%3Fa%3Db"),
        ("/login", Method::GET, "https://shop.example", "/login?next=/"),
        ("/login?lang=en", Method::GET, "/account", "/login?lang=en&next=/account"),
        ("/login#form", Method::GET, "/account", "/login?next=/account#form"),
        ("/login", Method::POST, "/account", "/login"),
        ("/login", Method::DELETE, "/account", "/login"),
        ("/login", Method::HEAD, "/account", "/login"),
        ("/login", Method::GET, "//evil.example", "/login"),
        ("/login", Method::POST, "/login", "/login"),
        ("/login", Method::GET, &long, "/login"),
    ] {
        let (response, _) = look(&app(page), method.clone(), asked, "").await;
        let location = response.headers()[LOCATION].to_str().unwrap();
        assert_eq!((response.status(), location), (StatusCode::SEE_OTHER, expected), "{method} {asked}");
    }
}

// ---------------------------------------------------------------------------------------------- preflights

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "https://app.example"),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization"),
];

#[derive(Clone)]
struct Alice;

impl Revocable for Alice {
    fn user_id(&self) -> Option<Vec<u8>> {
        Some(b"alice".to_vec())
    }

    fn issued_at(&self) -> Option<UnixTime> {
        Some(UnixTime::now())
    }
}

fn bearer() -> BearerLayer<impl Fn(&[u8], &http::request::Parts) -> Result<Alice, AuthError> + Send + Sync + 'static> {
    BearerLayer::new(
        |token: &[u8], _: &http::request::Parts| if token == b"alice" { Ok(Alice) } else { Err(AuthError::invalid()) },
    )
}

/// A handler for all methods, that tells who is there, and counts.
fn handler(ran: &Arc<AtomicUsize>) -> Router {
    let ran = Arc::clone(ran);
    Router::new().route(
        "/api",
        any(async move |request: Request<Body>| {
            ran.fetch_add(1, Ordering::Relaxed);
            format!("{} {}", request.method(), request.extensions().get::<Alice>().is_some())
        }),
    )
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://app.example"))
        .allow_methods([Method::POST])
        .allow_headers([http::header::AUTHORIZATION])
        .allow_credentials(true)
}

/// Without a layer of their own they reach the handler, without an identity; and nothing else does.
#[tokio::test]
async fn a_preflight_passes_the_filters_and_nothing_that_looks_like_one() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = || ran.swap(0, Ordering::Relaxed);
    let filter = layer();
    let stacks = [
        handler(&ran).layer(bearer()),
        handler(&ran).layer(filter.revocation_layer::<Alice>(Duration::from_secs(60))).layer(bearer()),
        handler(&ran)
            .layer(filter.revocation_layer::<Alice>(Duration::from_secs(60)))
            .layer(bearer())
            .layer(filter.clone()),
    ];
    for app in &stacks {
        let (response, body) = send(app, Method::OPTIONS, "/api", &PREFLIGHT).await;
        assert_eq!((response.status(), body.as_str(), count()), (StatusCode::OK, "OPTIONS false", 1));
        for name in [WWW_AUTHENTICATE, SET_COOKIE, VARY, CACHE_CONTROL] {
            assert!(!response.headers().contains_key(&name), "{name}");
        }
        // Another method with the same headers, in any spelling, and a method that a server further in may look for.
        let overridden =
            [PREFLIGHT[0], PREFLIGHT[1], ("x-http-method-override", "OPTIONS"), ("sec-fetch-site", "same-origin")];
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "options", "OPTIONS2"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            for headers in [&PREFLIGHT[..], &overridden] {
                let headers: Vec<_> = headers.iter().copied().chain([("sec-fetch-site", "none")]).take(4).collect();
                let (response, _) = send(app, method.clone(), "/api", &headers).await;
                assert!([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&response.status()), "{method}");
                assert_eq!(count(), 0, "{method}");
            }
        }
        // Half a preflight, and one with a credential, are judged as all others.
        for headers in [&PREFLIGHT[..1], &PREFLIGHT[1..], &[]] {
            let (response, _) = send(app, Method::OPTIONS, "/api", headers).await;
            assert_eq!((response.status(), count()), (StatusCode::UNAUTHORIZED, 0), "{headers:?}");
        }
        for (token, status, ran) in [("Bearer alice", StatusCode::OK, 1), ("Bearer eve", StatusCode::UNAUTHORIZED, 0)] {
            let headers = [PREFLIGHT[0], PREFLIGHT[1], ("authorization", token)];
            let (response, body) = send(app, Method::OPTIONS, "/api", &headers).await;
            assert_eq!((response.status(), count()), (status, ran), "{token}");
            assert_eq!(body == "OPTIONS true", ran == 1);
        }
    }
    // Where the layers are in the wrong order, a preflight hides it and a request does not.
    let app = handler(&ran).layer(filter.revocation_layer::<Alice>(Duration::from_secs(60)));
    assert_eq!(send(&app, Method::OPTIONS, "/api", &PREFLIGHT).await.0.status(), StatusCode::OK);
    let (response, _) = send(&app, Method::GET, "/api", &PREFLIGHT).await;
    assert_eq!(
        (response.status(), response.extensions().get()),
        (StatusCode::INTERNAL_SERVER_ERROR, Some(&MissingLayer::BearerOfRevocation))
    );
}

/// With the layer of tower-http, outside of the filters and inside.
#[tokio::test]
async fn preflights_are_answered_by_the_layer_for_them() {
    let ran = Arc::new(AtomicUsize::new(0));
    let filter = layer();
    let outside = handler(&ran)
        .layer(filter.revocation_layer::<Alice>(Duration::from_secs(60)))
        .layer(bearer())
        .layer(filter.clone())
        .layer(cors());
    let inside = handler(&ran)
        .layer(cors())
        .layer(filter.revocation_layer::<Alice>(Duration::from_secs(60)))
        .layer(bearer())
        .layer(filter);
    for (name, app, is_outside) in [("outside", outside, true), ("inside", inside, false)] {
        let (response, _) = send(&app, Method::OPTIONS, "/api", &PREFLIGHT).await;
        assert_eq!((response.status(), ran.load(Ordering::Relaxed)), (StatusCode::OK, 0), "{name}");
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example", "{name}");
        assert_eq!(response.headers()["access-control-allow-headers"], "authorization", "{name}");
        assert_eq!(response.headers()["access-control-allow-methods"], "POST", "{name}");
        // The request itself, which the browser then sends.
        let from_there = [("origin", "https://app.example"), ("authorization", "Bearer alice")];
        let (response, body) = send(&app, Method::GET, "/api", &from_there).await;
        assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "GET true"), "{name}");
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example", "{name}");
        let (response, _) = send(&app, Method::GET, "/api", &from_there[..1]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
        // A page there can read why, if that layer is outside.
        assert_eq!(response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), is_outside, "{name}");
        ran.store(0, Ordering::Relaxed);
    }
}

/// A preflight to a handler with a session makes none and reads none: a browser sends no cookie with it, and what a forged one writes is refused.
#[tokio::test]
async fn a_preflight_makes_no_session() {
    let asked = any(async |slot: Option<axum::Extension<LazySession>>, request: Request<Body>| {
        format!("{} {}", request.method(), slot.is_some())
    });
    let app = Router::new().route("/api", asked).route("/write", any(write)).layer(layer());
    let (response, body) = send(&app, Method::OPTIONS, "/api", &PREFLIGHT).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "OPTIONS true"));
    assert!([SET_COOKIE, VARY, CACHE_CONTROL].iter().all(|name| !response.headers().contains_key(name)));
    let of_a_browser: Vec<_> =
        PREFLIGHT.into_iter().chain([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")]).collect();
    let (response, _) = send(&app, Method::OPTIONS, "/write", &of_a_browser).await;
    assert_eq!(
        (response.status(), response.extensions().get()),
        (StatusCode::FORBIDDEN, Some(&SessionError::Withheld))
    );
    assert!(!response.headers().contains_key(SET_COOKIE));
}

/// A redirect to the page keeps what the handler has set; a status that the handler has chosen stays; a layer outside has no say.
#[tokio::test]
async fn a_redirect_keeps_the_headers_and_is_of_its_own_layer() {
    let page = |layer: SessionLayer, page: &'static str| layer.with_login_page(HeaderValue::from_static(page));
    let named = |name: &str| layer().with_cookie(SessionCookie::new().with_name(name)).unwrap();
    let set = || [("set-cookie", "flash=1; Path=/"), ("x-request-id", "7")];
    let routes = || {
        Router::new()
            .route("/ended", get(move || async move { (set(), SessionError::Ended) }))
            .route("/chosen", get(|| async { (StatusCode::NOT_FOUND, SessionError::Ended) }))
            .route(
                "/in",
                post(async |mut session: CurrentSession| -> Result<&'static str, Answer> {
                    let attempt = session.begin_sign_in("alice").await.map_err(IntoResponse::into_response)?;
                    session.sign_in(&attempt, 1).await.map_err(IntoResponse::into_response)?;
                    session.require_level(2).map_err(IntoResponse::into_response)?;
                    Ok("in")
                }),
            )
    };
    let one = routes().layer(page(layer(), "/login"));
    let (response, body) = look(&one, Method::GET, "/ended", "").await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::SEE_OTHER, ""));
    assert_eq!(response.headers()["location"], "/login?next=/ended");
    assert_eq!(
        (&response.headers()[SET_COOKIE], &response.headers()["x-request-id"]),
        (&"flash=1; Path=/".parse().unwrap(), &"7".parse().unwrap())
    );
    assert!(!response.headers().contains_key("content-type"));
    assert_eq!(look(&one, Method::GET, "/chosen", "").await.0.status(), StatusCode::NOT_FOUND);
    assert_eq!(look(&one, Method::HEAD, "/login", "").await.0.status(), StatusCode::NOT_FOUND);
    for (inner, outer, status, location) in [
        (Some("/admin"), None, StatusCode::SEE_OTHER, Some("/admin?acr_values=2")),
        (Some("/admin"), Some("/login"), StatusCode::SEE_OTHER, Some("/admin?acr_values=2")),
        (None, Some("/login"), StatusCode::FORBIDDEN, None),
        (None, None, StatusCode::FORBIDDEN, None),
    ] {
        let with = |layer, path: Option<&'static str>| match path {
            Some(path) => page(layer, path),
            None => layer,
        };
        let app = routes().layer(with(named("admin"), inner)).layer(with(layer(), outer));
        let (response, _) = look(&app, Method::POST, "/in", "").await;
        let found = response.headers().get("location").map(|location| location.to_str().unwrap());
        assert_eq!((response.status(), found), (status, location), "{inner:?} {outer:?}");
        assert!(response.headers().contains_key(SET_COOKIE), "{inner:?} {outer:?}");
    }
}
