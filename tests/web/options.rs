//! What is said at the start: origins of the guard, options of the session's cookie. What cannot work is refused there.

use crate::kit::send;
use axum::Router;
use axum::routing::{get, post};
use countersign::UnixTime;
use countersign::cookie::SameSite;
use countersign::session::store::Budgets;
use countersign::session::store::{DynStore, MemoryStore};
use countersign::session::{CookieLife, Lifetimes, Pepper, SessionError, SessionManager};
use countersign::web::session::{Affinity, CurrentSession, SessionCookie, SessionCookieError, SessionLayer};
use countersign::web::{CsrfError, CsrfGuard};
use http::header::SET_COOKIE;
use http::{Method, Request, Response, StatusCode};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use url::Url;

const KEY: &[u8] = b"an obvious test key of 32 bytes!";
const DEADLINE: Duration = Duration::from_millis(100);
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(1800),
    absolute: Duration::from_secs(43_200),
    renewal_grace: Duration::from_secs(10),
    max_token_age: Duration::ZERO,
};

fn sessions() -> SessionManager<DynStore> {
    SessionManager::new(
        DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })),
        Pepper::new(KEY).unwrap(),
        LIFETIMES,
    )
}

async fn write(mut session: CurrentSession) -> String {
    session.update(|data| {
        let visits = data.get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
        data.insert("visits".to_owned(), visits.into());
    });
    session.get::<u64>("visits").unwrap().unwrap().to_string()
}

// ---------------------------------------------------------------------------------------------- origins

/// What the guard says of a request with this `Origin`, and nothing else to go by.
fn judged(guard: &CsrfGuard, origin: &[u8]) -> Result<(), CsrfError> {
    guard.check(&Request::post("/").header("origin", origin).body(()).unwrap().into_parts().0)
}

#[test]
fn an_origin_matches_as_browsers_write_it() {
    for (written, sent) in [
        ("https://a:443", "https://a"),
        ("http://a:80", "http://a"),
        ("http://a:443", "http://a:443"),
        ("https://a:80", "https://a:80"),
        ("https://a:0443", "https://a"),
        ("HTTPS://Shop.Example/", "https://shop.example"),
        ("https://shop.example:8443/", "https://shop.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:DB8:0:0:0:0:0:1]", "https://[2001:db8::1]"),
        ("https://[::ffff:192.0.2.1]:443", "https://[::ffff:c000:201]"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://my_shop.example", "https://my_shop.example"),
    ] {
        let guard = CsrfGuard::new([written]).unwrap();
        assert_eq!(judged(&guard, sent.as_bytes()), Ok(()), "{written}");
        assert_eq!(Url::parse(written).unwrap().origin().ascii_serialization(), sent, "{written}");
        let twice = format!("{sent}.evil");
        for other in ["null", "", "https://", &twice] {
            assert_eq!(judged(&guard, other.as_bytes()), Err(CsrfError::CrossOrigin), "{written} {other}");
        }
    }
}

#[test]
fn what_no_browser_sends_is_refused_at_the_start_with_what_to_write() {
    for (written, advice) in [
        ("null", "cannot be trusted"),
        ("NULL", "https:// or http://"),
        ("", "https:// or http://"),
        ("shop.example", "https:// or http://"),
        ("//shop.example", "https:// or http://"),
        ("shop.example:443", "https:// or http://"),
        ("ftp://shop.example", "https:// or http://"),
        ("file://", "https:// or http://"),
        ("https:/shop.example", "https:// or http://"),
        (" https://shop.example", "blanks"),
        ("https://shop.example ", "blanks"),
        ("https://shop .example", "blanks"),
        ("https://shop.example\n", "blanks"),
        ("https://shop.example\u{a0}", "blanks"),
        ("https://a,https://b", "not a list"),
        ("https://a,b", "not a list"),
        ("https://a https://b", "blanks"),
        ("https://shop.example/cart", "behind the host"),
        ("https://shop.example//", "behind the host"),
        ("https://shop.example?x", "behind the host"),
        ("https://shop.example#x", "behind the host"),
        ("https://shop.example\\", "behind the host"),
        ("https:///shop.example", "behind the host"),
        ("https://alice@shop.example", "user"),
        ("https://b\u{fc}cher.example", "punycode"),
        ("https://shop\u{3002}example", "punycode"),
        ("https://", "the host is a name"),
        ("https://:443", "the host is a name"),
        ("https://shop..example", "the host is a name"),
        ("https://shop.example.", "the host is a name"),
        ("https://*.example", "the host is a name"),
        ("https://b%C3%BCcher.example", "the host is a name"),
        ("https://[::1", "the host is a name"),
        ("https://::1", "the host is a name"),
        ("https://[::1]443", "the host is a name"),
        ("https://[fe80::1%eth0]", "no IPv6 address"),
        ("https://shop.example:", "the port"),
        ("https://shop.example:65536", "the port"),
        ("https://shop.example:+443", "the port"),
        ("https://shop.example:https", "the port"),
        ("http://127.1", "four decimal numbers"),
        ("http://0x7f.0.0.1", "four decimal numbers"),
        ("http://0x7f000001", "four decimal numbers"),
        ("http://127.0.0.01", "four decimal numbers"),
        ("http://192.0.2.256", "four decimal numbers"),
    ] {
        let error = CsrfGuard::new(["https://good.example", written]).expect_err(written);
        assert_eq!(error.origin(), written);
        assert!(error.to_string().contains(advice), "{written:?}: {error}");
    }
    let error = CsrfGuard::new(["https://a\u{202e}\u{1b}[31m\r\n"]).unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains(r#""https://a\u{202e}\u{1b}[31m\r\n""#), "{shown}");
    assert!(std::error::Error::source(&error).is_none());
}

/// Something like an origin, mostly.
fn origin() -> impl Strategy<Value = String> {
    let scheme = "(https|http|HTTP|ftp|https:|)";
    let host =
        "([a-zA-Z0-9_.-]{1,12}|[0-9.]{1,9}|0x[0-9a-f.]{0,5}|\\[[0-9a-fA-F:.]{0,12}\\]|\\PC{1,3}|xn--[a-z0-9-]{0,5})";
    let ipv6 = prop::array::uniform8(prop_oneof![Just(0u16), Just(0xffff), any::<u16>()])
        .prop_map(|segments| format!("[{}]", std::net::Ipv6Addr::from(segments)));
    let host = prop_oneof![4 => host, 1 => ipv6];
    (scheme, "(://|:/|/)", host, "(:[0-9]{0,6}|:443|:80|)", "(/|/x|\\?|//| |)")
        .prop_map(|(scheme, slashes, host, port, rest)| format!("{scheme}{slashes}{host}{port}{rest}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// What is taken matches what a browser makes of the same text, and nothing else is taken.
    #[test]
    fn what_is_taken_is_what_a_browser_makes_of_it(written in prop_oneof![origin(), "\\PC{0,20}", "https?://[ -~]{0,20}"]) {
        let parsed = Url::parse(&written);
        if let Ok(guard) = CsrfGuard::new([&written]) {
            match parsed {
                Ok(url) => prop_assert_eq!(judged(&guard, url.origin().ascii_serialization().as_bytes()), Ok(())),
                // The one thing that is not looked into.
                Err(_) => prop_assert!(written.to_ascii_lowercase().contains("xn--"), "{}", written),
            }
            prop_assert_eq!(judged(&guard, b"null"), Err(CsrfError::CrossOrigin));
        }
    }

    /// What a browser sends is taken, and matches: all names of letters, digits and hyphens, all addresses, all ports.
    #[test]
    fn what_a_browser_sends_is_taken(
        host in prop_oneof![
            "[a-z]([a-z0-9-]{0,6}[a-z0-9])?(\\.[a-z]{2,5}){0,2}".prop_filter("as a reader knows it", |host| !host.contains("--")),
            any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
            any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
        ],
        port: Option<u16>,
        is_tls: bool,
    ) {
        let scheme = if is_tls { "https" } else { "http" };
        let written = format!("{scheme}://{host}{}", port.map(|port| format!(":{port}")).unwrap_or_default());
        let sent = Url::parse(&written).unwrap().origin().ascii_serialization();
        let guard = CsrfGuard::new([&sent]).unwrap();
        prop_assert_eq!(judged(&guard, sent.as_bytes()), Ok(()));
        prop_assert_eq!(judged(&CsrfGuard::new([&written]).unwrap(), sent.as_bytes()), Ok(()));
    }
}

/// To see what would be refused, nothing is: also where a form could have vouched for it.
#[tokio::test]
async fn a_guard_that_logs_only_refuses_nothing() {
    let logging = || CsrfGuard::new(["https://shop.example"]).unwrap().report_only();
    for guard in [logging(), logging().with_form_tokens(), logging().with_form_tokens().report_only()] {
        let layer = SessionLayer::new(sessions(), guard, DEADLINE);
        let app: Router = Router::new().route("/write", post(write)).layer(layer);
        let (response, body) = send(&app, Method::POST, "/write", &[]).await;
        assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "1"));
        assert_eq!(response.extensions().get(), Some(&CsrfError::UnknownOrigin), "it is told");
        let (response, body) = send(&app, Method::POST, "/write", &[("origin", "https://evil.example")]).await;
        assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "1"));
        assert_eq!(response.extensions().get(), Some(&CsrfError::CrossOrigin));
    }
    let guard = CsrfGuard::new(["https://shop.example"]).unwrap().with_form_tokens();
    let app: Router = Router::new().route("/write", post(write)).layer(SessionLayer::new(sessions(), guard, DEADLINE));
    assert_eq!(send(&app, Method::POST, "/write", &[]).await.0.status(), StatusCode::FORBIDDEN, "without it");
}

// ---------------------------------------------------------------------------------------------- the cookie

const NOW: u64 = 1_767_225_600;

/// A clock that a test sets.
#[derive(Clone)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW)))
    }

    /// Seconds since the test began.
    fn at(&self, seconds: u64) {
        self.0.store(NOW + seconds, Ordering::Relaxed);
    }
}

fn guard() -> CsrfGuard {
    CsrfGuard::new(["https://shop.example"]).unwrap()
}

async fn sign_in(mut session: CurrentSession) -> Result<&'static str, SessionError> {
    let attempt = session.begin_sign_in("alice").await?;
    session.sign_in(&attempt, 1).await.map(|()| "welcome")
}

/// Signs in as who is asked for, and has the cookie kept as it is asked for.
async fn sign_in_for(mut session: CurrentSession, uri: http::Uri) -> Result<&'static str, SessionError> {
    let (user, life) = uri.query().unwrap().split_once('&').unwrap();
    let attempt = session.begin_sign_in(user).await?;
    session.sign_in(&attempt, 1).await?;
    set_life(&mut session, life);
    Ok("welcome")
}

fn set_life(session: &mut CurrentSession, life: &str) {
    match life {
        "browser" => session.set_cookie_life(CookieLife::Browser),
        "idle" => session.set_cookie_life(CookieLife::Idle),
        "absolute" => session.set_cookie_life(CookieLife::Absolute),
        _ => {}
    }
}

fn app(cookie: SessionCookie, hands: &Hands) -> Router {
    let clock = hands.clone();
    let layer =
        SessionLayer::new(sessions(), guard().with_exemption(|request| request.uri.path() == "/exempt"), DEADLINE);
    let layer = layer.with_clock(move || UnixTime::from_secs(clock.0.load(Ordering::Relaxed)));
    Router::new()
        .route("/read", get(async |session: CurrentSession| session.user().unwrap_or("nobody").to_owned()))
        .route("/write", get(write).post(write))
        .route("/exempt", get(write).post(write))
        .route("/in", post(sign_in))
        .route("/in-for", post(sign_in_for))
        .route("/up", post(sign_in))
        .route(
            "/life",
            post(async |mut session: CurrentSession, uri: http::Uri| set_life(&mut session, uri.query().unwrap())),
        )
        .route("/renew", post(async |mut session: CurrentSession| session.renew().await))
        .route("/out", post(async |session: CurrentSession| session.sign_out().await))
        .layer(layer.with_cookie(cookie).unwrap())
}

async fn own(app: &Router, method: Method, path: &str, cookie: &str) -> Response<()> {
    send(app, method, path, &[("cookie", cookie), ("sec-fetch-site", "same-origin")]).await.0
}

fn set_cookies(response: &Response<()>) -> Vec<String> {
    response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// The one cookie that is set: what a browser sends back, and the attributes.
fn set_cookie(response: &Response<()>) -> (String, String) {
    let all = set_cookies(response);
    assert_eq!((all.len(), response.status()), (1, StatusCode::OK), "{all:?}");
    let (pair, attributes) = all[0].split_once("; ").unwrap();
    (pair.to_owned(), attributes.to_owned())
}

fn max_age(response: &Response<()>) -> Option<u64> {
    let (_, attributes) = set_cookie(response);
    let seconds = attributes.split("; ").find_map(|part| part.strip_prefix("Max-Age="));
    let date = attributes.split("; ").find_map(|part| part.strip_prefix("Expires="));
    assert_eq!(seconds.is_some(), date.is_some(), "{attributes}");
    seconds.map(|seconds| seconds.parse().unwrap())
}

/// Every combination: either it is refused at the start, or the answer sets it, and takes it away, as a browser takes it.
#[tokio::test]
async fn every_shape_of_the_cookie_is_refused_or_taken() {
    let names = ["id", "shop", "", "a b", "a=b", "a;b", "__Host-id", "__secure-id", "\u{fc}"];
    let domains = [
        None,
        Some("shop.example"),
        Some("Shop.Example"),
        Some("xn--bcher-kva.example"),
        Some(""),
        Some(".shop.example"),
        Some("shop.example."),
        Some("shop..example"),
        Some("localhost"),
        Some("192.0.2.1"),
        Some("10.1"),
        Some("[::1]"),
        Some("shop.example:443"),
        Some("-a.example"),
        Some("a b.example"),
        Some("a.example; Secure"),
        Some("b\u{fc}cher.example"),
    ];
    let paths = ["/", "/app", "/app/", "", "app", "/a;b", "/a b", "/a?b", "/a#b", "/a\u{fc}", "/a\r\n"];
    let layer: SessionLayer = SessionLayer::new(sessions(), guard(), DEADLINE);
    let (mut taken, mut refused) = (0, 0);
    for (name, domain, path) in shapes(&names, &domains, &paths) {
        for (same_site, is_tls, is_partitioned) in flags() {
            let mut cookie = SessionCookie::new().with_name(name).with_path(path).with_same_site(same_site);
            if let Some(domain) = domain {
                cookie = cookie.with_domain(domain);
            }
            cookie = if is_partitioned { cookie.with_partitioned(true) } else { cookie };
            cookie = if is_tls { cookie } else { cookie.with_secure(false) };
            let expected = if !["id", "shop"].contains(&name) {
                Err(SessionCookieError::Name)
            } else if domain
                .is_some_and(|domain| !["shop.example", "Shop.Example", "xn--bcher-kva.example"].contains(&domain))
            {
                Err(SessionCookieError::Domain)
            } else if !["/", "/app", "/app/"].contains(&path) {
                Err(SessionCookieError::Path)
            } else if !is_tls && domain.is_some() {
                Err(SessionCookieError::DomainWithoutTls)
            } else if !is_tls && same_site == SameSite::None {
                Err(SessionCookieError::SameSiteNoneWithoutTls)
            } else if !is_tls && is_partitioned {
                Err(SessionCookieError::PartitionedWithoutTls)
            } else {
                Ok(())
            };
            let what = format!("{cookie:?}");
            assert_eq!(cookie.check(), expected, "{what}");
            assert_eq!(layer.clone().with_cookie(cookie.clone()).map(|_| ()), expected, "{what}");
            if let Err(error) = expected {
                assert!(!error.to_string().is_empty());
                refused += 1;
                continue;
            }
            taken += 1;
            let prefix = match (is_tls, domain, path) {
                (false, ..) => "",
                (true, None, "/") => "__Host-",
                (true, ..) => "__Secure-",
            };
            let mut attributes = domain.map(|domain| format!("Domain={domain}; ")).unwrap_or_default();
            attributes +=
                &format!("Path={path}; {}HttpOnly; SameSite={same_site:?}", if is_tls { "Secure; " } else { "" });
            attributes += if is_partitioned { "; Partitioned" } else { "" };

            let app = app(cookie, &Hands::new());
            let (pair, set) = set_cookie(&own(&app, Method::POST, "/in", "").await);
            assert!(pair.starts_with(&format!("{prefix}{name}=")), "{pair} {what}");
            assert_eq!(set, format!("Max-Age=43200; Expires=Thu, 01 Jan 2026 12:00:00 GMT; {attributes}"), "{what}");
            assert_eq!(send(&app, Method::GET, "/read", &[("cookie", &pair)]).await.1, "alice", "{what}");
            // What takes it away says where it was, or a browser keeps it.
            let (gone, unset) = set_cookie(&own(&app, Method::POST, "/out", &pair).await);
            assert_eq!(gone, format!("{prefix}{name}="), "{what}");
            assert_eq!(unset, format!("Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; {attributes}"), "{what}");
        }
    }
    // Of 2 names, 3 paths: without a domain 6 of 12 over TLS and 2 of 6 without, and 6 for each of 3 domains.
    assert_eq!((taken, refused), (2 * 3 * (6 + 2 + 3 * 6), 9 * 17 * 11 * 12 - 2 * 3 * (6 + 2 + 3 * 6)));
}

fn shapes<'t>(
    names: &'t [&'t str],
    domains: &'t [Option<&'t str>],
    paths: &'t [&'t str],
) -> impl Iterator<Item = (&'t str, Option<&'t str>, &'t str)> {
    let with_domains = move |name: &'t str| domains.iter().map(move |domain| (name, *domain));
    let with_paths = move |(name, domain)| paths.iter().map(move |path| (name, domain, *path));
    names.iter().copied().flat_map(with_domains).flat_map(with_paths)
}

fn flags() -> impl Iterator<Item = (SameSite, bool, bool)> {
    let same_sites = [SameSite::Strict, SameSite::Lax, SameSite::None];
    same_sites.into_iter().flat_map(|same_site| {
        [(true, true), (true, false), (false, true), (false, false)]
            .map(|(is_tls, is_partitioned)| (same_site, is_tls, is_partitioned))
    })
}

/// What is too long for the answers is told at the start, and what is just not too long works.
#[tokio::test]
async fn a_cookie_that_is_too_long_is_refused_at_the_start() {
    let domain = format!("{}shop.example", "a.".repeat(120));
    let long = |len: usize| SessionCookie::new().with_domain(&domain).with_path(&format!("/{}", "x".repeat(len)));
    let most = (0..1024).take_while(|len| long(*len).check().is_ok()).last().unwrap();
    assert!(most > 400, "{most}");
    assert_eq!(long(most + 1).check(), Err(SessionCookieError::TooLong { by: 1 }));
    assert_eq!(long(most + 100).check(), Err(SessionCookieError::TooLong { by: 100 }));
    let (pair, _) = set_cookie(&own(&app(long(most), &Hands::new()), Method::POST, "/in", "").await);
    assert!(pair.len() > 70);
    let named = |len: usize| SessionCookie::new().with_name(&"x".repeat(len)).check();
    assert_eq!(named(700), Ok(()));
    for len in [1000, 1020, 1024, 5000] {
        assert!(matches!(named(len), Err(SessionCookieError::TooLong { .. })), "{len}");
    }
    let of_labels =
        |label: usize, rest: &str| SessionCookie::new().with_domain(&format!("{}{rest}", "a".repeat(label))).check();
    assert_eq!(of_labels(63, ".example"), Ok(()));
    assert_eq!(of_labels(64, ".example"), Err(SessionCookieError::Domain));
    assert_eq!(of_labels(1, &".a".repeat(126)), Ok(()), "253 characters");
    assert_eq!(of_labels(2, &".a".repeat(126)), Err(SessionCookieError::Domain), "254");
}

/// By default a cookie is kept until the session is over, and set once.
#[tokio::test]
async fn a_cookie_lives_as_the_layer_says() {
    for (life, first) in
        [(CookieLife::Browser, None), (CookieLife::Idle, Some(1800)), (CookieLife::Absolute, Some(43_200))]
    {
        let hands = Hands::new();
        let app = app(SessionCookie::new().with_life(life), &hands);
        let response = own(&app, Method::POST, "/in", "").await;
        assert_eq!(max_age(&response), first, "{life:?}");
        let (cookie, _) = set_cookie(&response);
        // Within the fifth of the idle time that a touch is spared for.
        hands.at(359);
        assert!(set_cookies(&own(&app, Method::GET, "/read", &cookie).await).is_empty());
        hands.at(360);
        let response = own(&app, Method::GET, "/read", &cookie).await;
        if life == CookieLife::Idle {
            assert_eq!(
                (max_age(&response), set_cookie(&response).0),
                (Some(1800), cookie.clone()),
                "the same, for longer"
            );
        } else {
            assert!(set_cookies(&response).is_empty(), "{life:?}");
        }
        // What was just sent is not sent again, also where it is written.
        assert!(set_cookies(&own(&app, Method::POST, "/write", &cookie).await).is_empty());
        // Near its end the idle time is shorter.
        for seconds in (720..43_200).step_by(1200) {
            hands.at(seconds);
            let response = own(&app, Method::GET, "/read", &cookie).await;
            let left = (43_200 - seconds).min(1800);
            let sent = set_cookies(&response).first().map(|_| max_age(&response).unwrap());
            let is_pushed_on = life == CookieLife::Idle && seconds < 42_000;
            assert_eq!(sent, is_pushed_on.then_some(left), "{life:?} {seconds}");
        }
    }
}

/// "Remember me": a session says for itself, and keeps to it.
#[tokio::test]
async fn a_session_says_how_long_its_cookie_is_kept() {
    let hands = Hands::new();
    let app = app(SessionCookie::new().with_life(CookieLife::Browser), &hands);
    for (query, expected) in [("absolute", Some(43_200)), ("idle", Some(1800)), ("browser", None), ("", None)] {
        let response = own(&app, Method::POST, &format!("/in-for?alice&{query}"), "").await;
        assert_eq!(max_age(&response), expected, "{query}");
        let mut cookie = set_cookie(&response).0;
        // A new verifier and a step up keep to it.
        for path in ["/renew", "/up", "/renew"] {
            let response = own(&app, Method::POST, path, &cookie).await;
            assert_eq!(max_age(&response), expected, "{query} {path}");
            assert_ne!(set_cookie(&response).0, cookie);
            cookie = set_cookie(&response).0;
            own(&app, Method::GET, "/read", &cookie).await;
        }
        // Another user in the same browser has said nothing yet.
        let response = own(&app, Method::POST, "/in-for?bob&", &cookie).await;
        assert_eq!(max_age(&response), None, "{query}");
    }
}

/// Said later, it is sent at once, with the credential that the browser has.
#[tokio::test]
async fn a_changed_mind_is_sent_at_once_and_no_old_credential_with_it() {
    let hands = Hands::new();
    let app = app(SessionCookie::new(), &hands);
    let cookie = set_cookie(&own(&app, Method::POST, "/in", "").await).0;
    for (life, expected) in [("browser", None), ("idle", Some(1800)), ("absolute", Some(43_200))] {
        let response = own(&app, Method::POST, &format!("/life?{life}"), &cookie).await;
        assert_eq!((max_age(&response), set_cookie(&response).0), (expected, cookie.clone()), "{life}");
        let response = own(&app, Method::POST, &format!("/life?{life}"), &cookie).await;
        assert!(set_cookies(&response).is_empty(), "said twice");
    }
    // Within the grace, a request with the credential from before the renewal neither brings it back nor keeps it for longer.
    own(&app, Method::POST, "/life?idle", &cookie).await;
    let renewed = set_cookie(&own(&app, Method::POST, "/renew", &cookie).await).0;
    hands.at(400);
    let response = own(&app, Method::GET, "/read", &cookie).await;
    assert_eq!((response.status(), set_cookies(&response).len()), (StatusCode::OK, 0), "touched, and older");
    let response = own(&app, Method::POST, "/life?browser", &cookie).await;
    assert_eq!((response.status(), set_cookies(&response).len()), (StatusCode::OK, 0), "changed, and older");
    hands.at(800);
    own(&app, Method::POST, "/life?idle", &renewed).await;
    assert_eq!(send(&app, Method::GET, "/read", &[("cookie", &renewed)]).await.1, "alice");
}

/// The name of the node lives as long as the credential that it stands beside.
#[tokio::test]
async fn what_stands_beside_the_cookie_has_its_shape_and_its_life() {
    let hands = Hands::new();
    let clock = hands.clone();
    let layer = SessionLayer::new(sessions(), guard(), DEADLINE)
        .with_clock(move || UnixTime::from_secs(clock.0.load(Ordering::Relaxed)))
        .with_affinity(Affinity::new("a").unwrap());
    let cookie = SessionCookie::new().with_name("shop").with_domain("shop.example").with_life(CookieLife::Idle);
    let routes = Router::new().route("/read", get(async |_: CurrentSession| "read")).route("/in", post(sign_in));
    let app = routes.layer(layer.with_cookie(cookie).unwrap());
    let both = set_cookies(&own(&app, Method::POST, "/in", "").await);
    let shape = "; Max-Age=1800; Expires=Thu, 01 Jan 2026 00:30:00 GMT; Domain=shop.example; Path=/; Secure; HttpOnly; SameSite=Lax";
    assert!(both[0].starts_with("__Secure-shop=") && both[0].ends_with(shape), "{both:?}");
    assert_eq!(both[1..], [format!("__Secure-shop-at=a{shape}")]);
    let jar: Vec<_> = both.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    let jar = jar.join("; ");
    assert!(set_cookies(&own(&app, Method::GET, "/read", &jar).await).is_empty());
    hands.at(900);
    let again = set_cookies(&own(&app, Method::GET, "/read", &jar).await);
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(again.iter().all(|cookie| cookie.contains("; Max-Age=1800;")), "{again:?}");
}

/// Which requests from elsewhere, without a cookie, make a session by writing: those to which a browser would have added one.
#[tokio::test]
async fn from_elsewhere_a_session_is_made_where_a_browser_would_have_shown_one() {
    let none = || SessionCookie::new().with_same_site(SameSite::None);
    let strict = SessionCookie::new().with_same_site(SameSite::Strict);
    //                  GET document, POST document, GET iframe, POST iframe, image, fetch
    let cases = [
        (strict.clone(), [false, false, false, false, false, false]),
        (strict.with_partitioned(true), [false, false, false, false, false, false]),
        (SessionCookie::new(), [true, false, false, false, false, false]),
        (SessionCookie::new().with_partitioned(true), [true, false, false, false, false, false]),
        (none(), [true, true, false, false, false, false]),
        (none().with_partitioned(true), [true, true, true, true, false, false]),
    ];
    let requests = [
        (Method::GET, "navigate", "document"),
        (Method::POST, "navigate", "document"),
        (Method::GET, "navigate", "iframe"),
        (Method::POST, "navigate", "iframe"),
        (Method::GET, "no-cors", "image"),
        (Method::GET, "cors", "empty"),
    ];
    for (cookie, expected) in cases {
        let what = format!("{cookie:?}");
        let app = app(cookie, &Hands::new());
        for ((method, mode, dest), is_made) in requests.iter().zip(expected) {
            let elsewhere = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            let (response, _) = send(&app, method.clone(), "/exempt", &elsewhere).await;
            assert_eq!(response.status() == StatusCode::OK, is_made, "{method} {mode} {dest} {what}");
            assert_eq!(response.headers().contains_key(SET_COOKIE), is_made);
            let withheld = response.extensions().get() == Some(&SessionError::Withheld);
            assert_eq!(withheld, !is_made, "{method} {mode} {dest} {what}");
            // The guard is as it was: no method that changes something, not even into a frame.
            let (response, _) = send(&app, method.clone(), "/write", &elsewhere).await;
            assert_eq!(response.extensions().get::<CsrfError>().is_some(), *method == Method::POST);
        }
        // Within a frame, the page is its own.
        assert_eq!(own(&app, Method::POST, "/write", "").await.status(), StatusCode::OK);
    }
}
