//! The server-side filter: as a tower service, behind axum, and over a real socket.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::{get, post};
use axum::{Extension, Router};
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{JwtBuilder, Policy, SignJwt, UnverifiedJwt};
use countersign::key::MacKey;
use countersign::token::{
    Channel, MinIssuedAt, OwnedToken, Profile, Revocations, TokenBuilder, TokenError, UnverifiedToken, Verifier,
    limits::{MAX_SCRATCH_LEN, MAX_TEXT_LEN},
};
use countersign::web::{AuthError, AuthErrorKind, Authenticate, BearerLayer, TokenAuthenticator};
use countersign::{ClockError, ClockReading, MonotonicClock, TimeWindow, UnixTime};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

const NOW: u64 = 1_767_225_600;
const WINDOW: TimeWindow = TimeWindow { max_age: 300, max_future_skew: 60 };
const CHALLENGE: &str = "Bearer realm=\"api\"";
const NOT_VALID: &str = r#"Bearer error="invalid_token", error_description="The token is not valid""#;
const EXPIRED: &str = r#"Bearer error="invalid_token", error_description="The token has expired""#;

fn key() -> MacKey {
    MacKey::new(b"an obvious test key of 32 bytes!").unwrap()
}

fn mint(uid: &[u8], stamp: u64, purpose: &str) -> String {
    let draft = TokenBuilder::time(uid, UnixTime::from_secs(stamp));
    draft.mint_text_heapless::<MAX_TEXT_LEN>(&Profile::new(purpose).unwrap(), &key()).unwrap().as_str().to_owned()
}

/// Everything of `mallory` is revoked.
struct NoMallory;

impl Revocations for NoMallory {
    fn min_issued_at(&self, uid: &[u8]) -> MinIssuedAt {
        MinIssuedAt { uid: if uid == b"mallory" { u64::MAX } else { 0 }, ..MinIssuedAt::default() }
    }
}

/// Judges as if it were always `now`.
fn judge_at(now: u64) -> impl Authenticate<Identity = OwnedToken> + Send + Sync + 'static {
    let verifier = Verifier::new(Profile::new("shop/api").unwrap(), key(), WINDOW).with_revocations(NoMallory);
    move |bearer: &[u8], _: &Parts| {
        let now = UnixTime::from_secs(now);
        verifier
            .verify_text(bearer, Channel::NONE, now, &mut [0; MAX_SCRATCH_LEN])
            .map(OwnedToken::from)
            .map_err(AuthError::from)
    }
}

/// Handlers that tell what reached them, and how many did run.
fn app(authenticator: impl Authenticate + Send + Sync + 'static) -> (Router, Arc<AtomicU32>) {
    let ran = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&ran);
    let count = move |request: Request<Body>| {
        counter.fetch_add(1, Ordering::Relaxed);
        core::future::ready(request)
    };
    let router = Router::new()
        .route("/me", get(async |token: OwnedToken| token.as_verified().uid().to_vec()))
        .route("/extension", get(async |Extension(token): Extension<OwnedToken>| token.as_verified().uid().to_vec()))
        .route("/sensitive", get(async |headers: HeaderMap| headers["authorization"].is_sensitive().to_string()))
        .route("/echo", post(async |body: String| body))
        .layer(axum::middleware::map_request(count))
        .layer(BearerLayer::new(authenticator));
    (router, ran)
}

// ---------------------------------------------------------------------------------------------- two ways to ask

#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    /// In the order in which they came, without those that only a connection has.
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    fn problem_type(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        assert!(!problem["title"].as_str().unwrap().is_empty());
        problem["type"].as_str().unwrap().to_owned()
    }
}

fn is_of_connection(name: &str) -> bool {
    matches!(name, "date" | "content-length" | "connection")
}

/// What the filter says to the operator.
fn cause(error: &AuthError) -> Option<TokenError> {
    error.source()?.downcast_ref().copied()
}

async fn ask_in_process(app: &Router, target: &str, headers: &[(&str, &str)]) -> (Answer, Option<TokenError>) {
    let mut request = Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let headers = headers.filter(|(name, _)| !is_of_connection(name)).collect();
    (Answer { status: parts.status.as_u16(), headers, body }, parts.extensions.get().and_then(cause))
}

/// Serves on a port of its own and speaks HTTP/1.1 by hand.
async fn ask_over_tcp(app: &Router, target: &str, headers: &[(&str, &str)]) -> Answer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, app.clone()).into_future());
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n");
    let client = tokio::task::spawn_blocking(move || {
        let (mut stream, mut response) = (TcpStream::connect(address)?, String::new());
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut response).map(|_| response)
    });
    let response = client.await.unwrap().unwrap();
    server.abort();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.filter(|(name, _)| !is_of_connection(name)).map(|(name, value)| (name.into(), value.into()));
    Answer { status, headers: headers.collect(), body: body.to_owned() }
}

/// Asks both ways and insists on the same answer.
async fn ask(app: &Router, target: &str, headers: &[(&str, &str)]) -> (Answer, Option<TokenError>) {
    let (answer, refusal) = ask_in_process(app, target, headers).await;
    assert_eq!(ask_over_tcp(app, target, headers).await, answer);
    (answer, refusal)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

// ---------------------------------------------------------------------------------------------- admitted

#[tokio::test]
async fn an_accepted_token_reaches_the_handler_as_an_identity() {
    let (app, ran) = app(judge_at(NOW));
    let token = mint(b"alice", NOW, "shop/api");
    for (target, body) in [("/me", "alice"), ("/extension", "alice"), ("/sensitive", "true")] {
        for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
            let (answer, refusal) = ask(&app, target, &[("Authorization", &format!("{scheme} {token}"))]).await;
            assert_eq!((answer.status, answer.body.as_str(), refusal), (200, body, None), "{target} {scheme}");
            assert_eq!(answer.header("www-authenticate"), None);
        }
    }
    assert_eq!(ran.load(Ordering::Relaxed), 3 * 4 * 2);
}

#[tokio::test]
async fn the_body_of_an_admitted_request_is_left_alone() {
    let (app, _) = app(judge_at(NOW));
    let request = Request::post("/echo").header("authorization", bearer(&mint(b"alice", NOW, "shop/api")));
    let response = app.oneshot(request.body(Body::from("what was sent")).unwrap()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "what was sent");
}

#[tokio::test]
async fn the_ready_made_authenticator_judges_by_the_system_clock() {
    let verifier = Verifier::new(Profile::new("shop/api").unwrap(), key(), WINDOW);
    let (app, _) = app(TokenAuthenticator::new(verifier, MonotonicClock::new(60)));
    let now = UnixTime::now().as_secs();
    for (stamp, status) in [(now, 200), (now - 10_000, 401), (now + 10_000, 401)] {
        let token = bearer(&mint(b"alice", stamp, "shop/api"));
        assert_eq!(ask(&app, "/me", &[("Authorization", &token)]).await.0.status, status);
    }
}

// ---------------------------------------------------------------------------------------------- refused

#[tokio::test]
async fn without_a_bearer_token_there_is_a_challenge_without_an_error() {
    let (app, ran) = app(judge_at(NOW));
    let token = mint(b"alice", NOW, "shop/api");
    let cookie = format!("token={token}; access_token={token}");
    let in_query = format!("/me?access_token={token}&token={token}");
    for (target, headers) in [
        ("/me", vec![]),
        (&in_query, vec![]),
        ("/me", vec![("Cookie", cookie.as_str())]),
        ("/me", vec![("X-Authorization", &token), ("Proxy-Authorization", &token), ("Token", &token)]),
        ("/me", vec![("Authorization", "Basic YWxpY2U6c2VjcmV0")]),
        ("/me", vec![("Authorization", &token)]),
        ("/no-such-route", vec![]),
    ] {
        let (answer, refusal) = ask(&app, target, &headers).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(CHALLENGE)), "{target} {headers:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.problem_type(), "urn:countersign:problem:token-not-valid");
        assert_eq!(refusal, None);
    }
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

/// All but the age is the operator's business.
#[tokio::test]
async fn whatever_else_is_wrong_the_peer_sees_a_forged_token() {
    let (app, ran) = app(judge_at(NOW));
    let good = mint(b"alice", NOW, "shop/api");
    let (said, sign) = good.rsplit_once('.').unwrap();
    let forged = bearer(&format!("{said}.{}", "0".repeat(32)));
    let (expected, _) = ask(&app, "/me", &[("Authorization", &forged)]).await;
    assert_eq!((expected.status, expected.header("www-authenticate")), (401, Some(NOT_VALID)));
    assert_eq!(expected.header("content-type"), Some("application/problem+json"));
    assert_eq!(expected.header("cache-control"), Some("no-store"));
    assert_eq!(expected.problem_type(), "urn:countersign:problem:token-not-valid");

    for (what, value, reason) in [
        ("someone else's name", good.replace("alice", "bob"), TokenError::Invalid),
        ("upper case", format!("{said}.{}", sign.to_uppercase()), TokenError::Invalid),
        ("another purpose", mint(b"alice", NOW, "shop/admin"), TokenError::Invalid),
        ("from the future", mint(b"alice", NOW + 61, "shop/api"), TokenError::FromFuture { by: 1 }),
        ("revoked", mint(b"mallory", NOW, "shop/api"), TokenError::Revoked),
        ("clock not set", mint(b"alice", 1_000_000_000, "shop/api"), TokenError::HolderClockUnset),
        ("empty", String::new(), TokenError::Invalid),
        ("two tokens", format!("{good} {good}"), TokenError::Invalid),
        ("a list", format!("{good},{good}"), TokenError::Invalid),
        ("quoted", format!("\"{good}\""), TokenError::Invalid),
        ("very long", "a".repeat(4000), TokenError::Invalid),
    ] {
        let (answer, refusal) = ask(&app, "/me", &[("Authorization", &bearer(&value))]).await;
        assert_eq!(answer, expected, "{what}");
        assert_eq!(refusal, Some(reason), "{what}");
    }
    let good = bearer(&good);
    let twice = [("Authorization", good.as_str()), ("Authorization", &good)];
    assert_eq!(ask(&app, "/me", &twice).await, (expected, Some(TokenError::Invalid)));
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

/// RFC 6750 says which characters a token has. An authenticator that takes everything never sees any other.
#[tokio::test]
async fn what_is_not_spelled_like_a_token_never_reaches_the_authenticator() {
    let (app, ran) = app(|_: &[u8], _: &Parts| Ok::<_, AuthError>("anyone"));
    let status = async |value: &[u8]| {
        let request = Request::get("/echo").header("authorization", value).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    };
    // The control: it does take everything, and the route takes no GET.
    assert_eq!(status(b"Bearer aZ09-._~+/==").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(ran.swap(0, Ordering::Relaxed), 1);
    for value in [
        b"Bearer".as_slice(),
        b"Bearer ",
        b"Bearer ==",
        b"Bearer a=b",
        b"Bearer a b",
        b"Bearer a,b",
        b"Bearer a\tb",
        b"Bearer \"a\"",
        b"Bearer a, Basic b",
        b"Bearer caf\xC3\xA9",
        b"Bearer \xFF\xFE",
        b"\xFF",
        b"Bearera",
        b"Bearer\ta",
        b"a",
        b"",
    ] {
        assert_eq!(status(value).await, StatusCode::UNAUTHORIZED, "{}", value.escape_ascii());
    }
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_expired_token_has_a_problem_type_of_its_own() {
    let (app, ran) = app(judge_at(NOW));
    let ask = async |stamp| ask(&app, "/me", &[("Authorization", &bearer(&mint(b"alice", stamp, "shop/api")))]).await;
    let (just, refusal) = ask(NOW - 301).await;
    assert_eq!((just.status, just.header("www-authenticate")), (401, Some(EXPIRED)));
    assert_eq!(just.header("content-type"), Some("application/problem+json"));
    assert_eq!(just.problem_type(), "urn:countersign:problem:token-expired");
    assert_eq!(refusal, Some(TokenError::Expired { by: 1 }));
    // By how much is not said.
    assert_eq!(ask(NOW - 100_000).await, (just, Some(TokenError::Expired { by: 99_700 })));
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_verifier_that_cannot_judge_says_so_and_not_that_the_token_is_bad() {
    let mut answers = Vec::new();
    for fault in [ClockError::NotSet, ClockError::SteppedBack].map(TokenError::Clock) {
        let (app, ran) = app(move |_: &[u8], _: &Parts| Err::<OwnedToken, AuthError>(fault.into()));
        let (answer, refusal) = ask(&app, "/me", &[("Authorization", "Bearer any")]).await;
        assert_eq!((answer.status, refusal), (503, Some(fault)));
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.problem_type(), "urn:countersign:problem:unavailable");
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        answers.push(answer);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));

    // A real verifier whose clock is not set: of a forged token it still says that it is forged.
    let (app, _) = app(judge_at(0));
    let good = bearer(&mint(b"alice", NOW, "shop/api"));
    assert_eq!(ask(&app, "/me", &[("Authorization", &good)]).await.0, answers[0]);
    let forged = good.replace("alice", "bob");
    assert_eq!(ask(&app, "/me", &[("Authorization", &forged)]).await.0.status, 401);
}

// ---------------------------------------------------------------------------------------------- put together wrongly

#[tokio::test]
async fn a_handler_that_is_not_behind_the_filter_fails_closed() {
    let me = || Router::new().route("/me", get(async |token: OwnedToken| token.as_verified().uid().to_vec()));
    let token = bearer(&mint(b"alice", NOW, "shop/api"));
    let other_identity = me().layer(BearerLayer::new(|_: &[u8], _: &Parts| Ok::<_, AuthError>("not a verified token")));
    for app in [me(), other_identity] {
        let (answer, refusal) = ask(&app, "/me", &[("Authorization", &token)]).await;
        // In a debug build the body says which layer is missing.
        assert!(answer.body.starts_with("no BearerLayer with this identity covers the route"), "{}", answer.body);
        assert_eq!((answer.status, refusal), (500, None));
        assert!(answer.headers.iter().all(|(name, _)| name != "www-authenticate"), "{:?}", answer.headers);
    }
}

// ---------------------------------------------------------------------------------------------- without axum

#[tokio::test]
async fn any_tower_service_can_stand_behind_the_filter() {
    let open_sesame = |bearer: &[u8], _: &Parts| {
        if bearer == b"sesame" { Ok("Ali Baba") } else { Err(AuthError::from(TokenError::Revoked)) }
    };
    let service = BearerLayer::new(open_sesame).layer(service_fn(async |request: Request<()>| {
        let name = request.extensions().get::<&str>().unwrap().to_string();
        Ok::<_, Infallible>(Response::new(name))
    }));
    let ask = async |value: &str| {
        let request = Request::get("/").header("authorization", value).body(()).unwrap();
        service.clone().oneshot(request).await.unwrap()
    };
    let admitted = ask("Bearer sesame").await;
    assert_eq!((admitted.status(), admitted.body().as_str()), (StatusCode::OK, "Ali Baba"));
    let refused = ask("Bearer please").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.extensions().get().and_then(cause), Some(TokenError::Revoked));
    assert!(refused.body().contains("token-not-valid"));
}

/// An identity that somebody put there before the filter is not the filter's.
#[tokio::test]
async fn a_planted_identity_does_not_survive_the_filter() {
    let service = BearerLayer::new(|_: &[u8], _: &Parts| Ok::<_, AuthError>("genuine")).layer(service_fn(
        async |request: Request<()>| {
            Ok::<_, Infallible>(Response::new(request.extensions().get::<&str>().unwrap().to_string()))
        },
    ));
    let planted = Request::get("/").extension("planted").header("authorization", "Bearer any").body(()).unwrap();
    assert_eq!(service.clone().oneshot(planted).await.unwrap().body(), "genuine");
    let planted = Request::get("/").extension("planted").body(()).unwrap();
    assert_eq!(service.oneshot(planted).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn a_sequence_token_is_not_admitted_without_a_window() {
    let key = MacKey::new(b"an obvious test key of 32 bytes!").unwrap();
    let profile = Profile::new("shop/api").unwrap();
    let text = TokenBuilder::sequence(b"dev-7", 1).mint_text_heapless::<64>(&profile, &key).unwrap();
    let verifier = Verifier::new(profile, key, TimeWindow { max_age: 300, max_future_skew: 60 }).with_sequence_tokens();
    let authenticator = TokenAuthenticator::new(verifier, MonotonicClock::new(60));
    let (request, ()) = Request::get("/").body(()).unwrap().into_parts();
    let error = authenticator.authenticate(text.as_bytes(), &request).unwrap_err();
    assert_eq!((error.kind(), cause(&error)), (AuthErrorKind::Invalid, Some(TokenError::Invalid)));
}

#[test]
fn the_operator_keeps_a_hand_on_the_clock() {
    let verifier = Verifier::new(
        Profile::new("shop/api").unwrap(),
        MacKey::new(b"an obvious test key of 32 bytes!").unwrap(),
        WINDOW,
    );
    let ahead = MonotonicClock::resume_from(60, UnixTime::MAX);
    let authenticator = Arc::new(TokenAuthenticator::new(verifier, ahead));
    let _filter = BearerLayer::new(Arc::clone(&authenticator));
    assert_eq!(authenticator.clock_high_water_mark(), Some(UnixTime::MAX));
    authenticator.reset_clock();
    assert_eq!(authenticator.clock_high_water_mark(), None);
}

/// All rooms of the core in one function, by `?` alone: whoever writes an authenticator need not know which of them has refused.
#[test]
fn an_error_of_any_room_becomes_one_of_the_web_and_keeps_its_cause() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (now, late) = (UnixTime::from_secs(NOW), UnixTime::from_secs(NOW) + HOUR + HOUR);
    let key = || MacKey::new(b"an obvious test key of 32 bytes!").unwrap();
    let jwt_key = Hs256Key::new(b"another obvious test key, again!").unwrap();
    let judge = |bearer: &str, reading: ClockReading| -> Result<String, AuthError> {
        let now = reading.time()?;
        if bearer.starts_with("cs1") {
            let mut scratch = [0; MAX_SCRATCH_LEN];
            let token = UnverifiedToken::parse_text(bearer.as_bytes(), &mut scratch)?;
            token.authenticate(&Profile::new("shop/api").unwrap(), &key(), Channel::NONE)?;
            let verifier = Verifier::new(Profile::new("shop/api").unwrap(), key(), WINDOW);
            let mut scratch = [0; MAX_SCRATCH_LEN];
            let token = verifier.verify_text(bearer.as_bytes(), Channel::NONE, now, &mut scratch)?;
            return Ok(token.uid().escape_ascii().to_string());
        }
        let mut scratch = [0; 512];
        let authentic = UnverifiedJwt::parse(bearer.as_bytes())?.authenticate(&jwt_key, &mut scratch)?;
        let claims: BTreeMap<String, u64> = authentic.check(&Policy::new(0), now)?.claims().deserialize()?;
        Ok(format!("{claims:?}"))
    };
    let jwt = jwt_key.sign_jwt(&JwtBuilder::new().expires_at(now + HOUR)).unwrap();
    let with_subject = jwt_key.sign_jwt(&JwtBuilder::new().subject("a").expires_at(now + HOUR)).unwrap();
    let token = mint(b"alice", NOW, "shop/api");
    assert_eq!(judge(&token, now.into()).unwrap(), "alice");
    assert!(judge(&jwt, now.into()).is_ok());
    for (bearer, reading, kind, cause) in [
        (token.as_str(), late, AuthErrorKind::Expired, "the token is 6900 s older than max_age allows"),
        ("cs1_", now, AuthErrorKind::Invalid, "the token is malformed"),
        (jwt.as_str(), late, AuthErrorKind::Expired, "fails its policy: expired (exp)"),
        ("e30.e30.AA", now, AuthErrorKind::Invalid, "the JWT is malformed"),
        (&with_subject, now, AuthErrorKind::Invalid, "`sub`: expected a whole number"),
        (&jwt, UnixTime::UNSET, AuthErrorKind::Unavailable, "the clock is not set"),
    ] {
        let error = judge(bearer, reading.into()).unwrap_err();
        assert_eq!(error.kind(), kind, "{cause}");
        // Nothing of it is in what might reach the peer.
        assert!(error.source().unwrap().to_string().contains(cause) && !error.to_string().contains(cause), "{error:?}");
    }
    let of_a_directory = AuthError::unavailable().with_source(std::io::Error::other("no answer"));
    assert_eq!(of_a_directory.source().unwrap().to_string(), "no answer");
    // As anybody's error who boxes them.
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(judge(&jwt, late.into()).unwrap_err());
    assert!(boxed.downcast_ref::<AuthError>().is_some());
}
