//! What is said at the start: origins of the guard, options of the session's cookie. What cannot work is refused there.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use countersign::session::{DynStore, Lifetimes, MemoryStore, Pepper, Sessions};
use countersign::web::{CrossSite, CsrfGuard, OpenSession, SessionLayer};
use http::{Method, Request, Response, StatusCode};
use proptest::prelude::*;
use std::time::Duration;
use tower::ServiceExt;
use url::Url;

const KEY: &[u8] = b"an obvious test key of 32 bytes!";
const DEADLINE: Duration = Duration::from_millis(100);
const LIFETIMES: Lifetimes = Lifetimes { idle: 1800, absolute: 43_200, grace: 10 };

fn sessions() -> Sessions<DynStore> {
    Sessions::new(DynStore::new(MemoryStore::new(1 << 20, 1 << 20)), Pepper::new(KEY).unwrap(), LIFETIMES)
}

async fn send(app: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> (Response<()>, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
}

async fn write(mut session: OpenSession) -> String {
    session.update(|data| {
        let visits = data.get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
        data.insert("visits".to_owned(), visits.into());
    });
    session.get::<u64>("visits").unwrap().unwrap().to_string()
}

// ---------------------------------------------------------------------------------------------- origins

/// What the guard says of a request with this `Origin`, and nothing else to go by.
fn judged(guard: &CsrfGuard, origin: &[u8]) -> Result<(), CrossSite> {
    guard.judge(&Request::post("/").header("origin", origin).body(()).unwrap().into_parts().0)
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
            assert_eq!(judged(&guard, other.as_bytes()), Err(CrossSite::Origin), "{written} {other}");
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
            prop_assert_eq!(judged(&guard, b"null"), Err(CrossSite::Origin));
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
    let logging = || CsrfGuard::new(["https://shop.example"]).unwrap().logging_only();
    for guard in [logging(), logging().letting_forms_vouch(), logging().letting_forms_vouch().logging_only()] {
        let layer = SessionLayer::new(sessions(), guard, DEADLINE);
        let app: Router = Router::new().route("/write", post(write)).layer(layer);
        let (response, body) = send(&app, Method::POST, "/write", &[]).await;
        assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "1"));
        assert_eq!(response.extensions().get(), Some(&CrossSite::Unknown), "it is told");
        let (response, body) = send(&app, Method::POST, "/write", &[("origin", "https://evil.example")]).await;
        assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "1"));
        assert_eq!(response.extensions().get(), Some(&CrossSite::Origin));
    }
    let guard = CsrfGuard::new(["https://shop.example"]).unwrap().letting_forms_vouch();
    let app: Router = Router::new().route("/write", post(write)).layer(SessionLayer::new(sessions(), guard, DEADLINE));
    assert_eq!(send(&app, Method::POST, "/write", &[]).await.0.status(), StatusCode::FORBIDDEN, "without it");
}
