//! What tests of the web ask an application, without a socket.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response};
use tower::ServiceExt;

/// The answer to a request without a body, and the text of that.
pub(crate) async fn send(app: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> (Response<()>, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
}
