//! A browser and a script that visit the web shop.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::web_server;
use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use axum::http::{HeaderName, Request, StatusCode};
use http_body_util::BodyExt;
use std::path::PathBuf;
use tower::ServiceExt;

/// A file of sessions that is removed at the end.
struct SessionFile(PathBuf);

impl Drop for SessionFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Status, the new cookie if there is one, and the body.
async fn ask(
    app: &Router,
    (method, path): (&str, &str),
    header: Option<(HeaderName, &str)>,
    body: &'static str,
) -> (StatusCode, Option<String>, String) {
    let mut request = Request::builder().method(method).uri(path).header(ORIGIN, "https://shop.example");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (status, cookie) = (response.status(), response.headers().get(SET_COOKIE));
    let cookie = cookie.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, cookie, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_web_server_has_sessions_on_disk_and_a_route_for_jwts() {
    let file = SessionFile(std::env::temp_dir().join(format!("countersign-newcomer-{}", std::process::id())));
    let app = web_server::app(&file.0).unwrap();

    let (status, cookie, _) = ask(&app, ("GET", "/account"), None, "").await;
    assert_eq!((status, cookie), (StatusCode::UNAUTHORIZED, None));
    let wrong = r#"{"user":"alice","password":"a guess"}"#;
    let (status, cookie, _) = ask(&app, ("POST", "/login"), None, wrong).await;
    assert_eq!((status, cookie), (StatusCode::UNAUTHORIZED, None));
    let right = r#"{"user":"alice","password":"an obvious password"}"#;
    let (status, cookie, _) = ask(&app, ("POST", "/login"), None, right).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let cookie = cookie.unwrap();
    assert!(cookie.starts_with("__Host-id="), "{cookie}");

    // The process ends, and another one opens the file.
    drop(app);
    let app = web_server::app(&file.0).unwrap();
    let session = || Some((COOKIE, cookie.as_str()));
    let (status, _, body) = ask(&app, ("GET", "/account"), session(), "").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"user":"alice","theme":"dark"}"#));

    let (status, _, jwt) = ask(&app, ("POST", "/token"), session(), "").await;
    assert_eq!(status, StatusCode::OK);
    let bearer = format!("Bearer {jwt}");
    let (status, _, body) = ask(&app, ("GET", "/orders"), Some((AUTHORIZATION, &bearer)), "").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#""alice""#));
    // Nobody's, the browser's, and one that somebody has changed.
    let forged = bearer.replace('.', "._");
    for header in [None, session(), Some((AUTHORIZATION, forged.as_str()))] {
        assert_eq!(ask(&app, ("GET", "/orders"), header, "").await.0, StatusCode::UNAUTHORIZED);
    }

    let (status, ..) = ask(&app, ("POST", "/logout"), session(), "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&app, ("GET", "/account"), session(), "").await.0, StatusCode::UNAUTHORIZED);
}
