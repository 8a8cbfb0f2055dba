//! The layer of bearer tokens.

use super::authenticate::Authenticate;
use super::bearer::{Bearer, bearer};
use super::body::{MakeBody, TextBody};
use super::preflight::is_preflight;
use super::problem;
use crate::token::TokenError;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use http::header::AUTHORIZATION;
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::sync::Arc;
use tower_layer::Layer;
use tower_service::Service;

/// A layer that admits requests whose bearer token the authenticator accepts, and responds to all others itself.
///
/// | request | response |
/// |---|---|
/// | token accepted | the handler's, with the identity in the request's extensions |
/// | no bearer token | 401, `WWW-Authenticate: Bearer realm="api"` |
/// | expired | 401, `error="invalid_token"`, problem `token-expired` |
/// | any other fault of the token | 401, `error="invalid_token"`, problem `token-not-valid` |
/// | the server's own clock is not usable | 503, `Retry-After` |
/// | a preflight without a token | the handler's, without an identity |
///
/// A preflight is an `OPTIONS` request with `Origin` and `Access-Control-Request-Method`. Anybody can send one, and so
/// reach the handlers of `OPTIONS`, but no others. Let them do nothing but respond. An extractor of the identity fails
/// there with `MissingLayer`.
///
/// The [`AuthError`](super::AuthError) of a token, with its source, is in the response's extensions, for a log outside
/// of this layer. The layer works with every tower service; one whose response body cannot be made from a
/// `&'static str` needs [`with_body`](BearerLayer::with_body).
///
/// ```
/// use countersign::web::{AuthError, BearerLayer};
/// use http::{Request, Response, StatusCode};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let open_sesame = |bearer: &[u8], _: &http::request::Parts| match bearer {
///     b"sesame" => Ok("Ali Baba"),
///     _ => Err(AuthError::invalid()),
/// };
/// let service = ServiceBuilder::new().layer(BearerLayer::new(open_sesame)).service(service_fn(
///     async |request: Request<()>| {
///         let name = request.extensions().get::<&str>().copied().unwrap_or_default();
///         Ok::<_, std::convert::Infallible>(Response::new(String::from(name)))
///     },
/// ));
///
/// let admitted = Request::get("/").header("authorization", "Bearer sesame").body(()).unwrap();
/// assert_eq!(service.clone().oneshot(admitted).await.unwrap().into_body(), "Ali Baba");
/// let refused = Request::get("/").body(()).unwrap();
/// assert_eq!(service.oneshot(refused).await.unwrap().status(), StatusCode::UNAUTHORIZED);
/// # });
/// ```
///
/// With a [`Verifier`](crate::token::Verifier) behind it:
///
/// ```
/// use countersign::key::MacKey;
/// use countersign::token::{OwnedToken, Profile, Verifier};
/// use countersign::web::{AuthError, AuthErrorKind, BearerLayer, TokenAuthenticator};
/// use countersign::{MonotonicClock, TimeWindow};
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// let verifier = Verifier::new(Profile::new("shop/api")?, key, TimeWindow { max_age: 300, max_future_skew: 60 });
/// let handler = service_fn(async |request: Request<()>| {
///     let known = request.extensions().get::<OwnedToken>().is_some();
///     Ok::<_, std::convert::Infallible>(Response::new(if known { "welcome" } else { "never sent" }))
/// });
/// let service = BearerLayer::new(TokenAuthenticator::new(verifier, MonotonicClock::new(60))).layer(handler);
///
/// let request = Request::get("/").header("authorization", "Bearer cs1_forged").body(()).unwrap();
/// # runtime.block_on(async {
/// let response = service.oneshot(request).await.unwrap();
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// let error = response.extensions().get::<AuthError>().unwrap(); // for the log, with its source; never sent
/// assert_eq!(error.kind(), AuthErrorKind::Invalid);
/// # });
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "bearer")]
#[derive(Debug)]
#[doc(alias = "filter")]
#[doc(alias = "middleware")]
pub struct BearerLayer<A, B = TextBody> {
    authenticator: Arc<A>,
    body: B,
}

impl<A: Authenticate> BearerLayer<A> {
    /// Creates a layer with this authenticator.
    #[must_use]
    pub fn new(authenticator: A) -> Self {
        Self { authenticator: Arc::new(authenticator), body: TextBody }
    }

    /// Makes the bodies of the layer's own responses with `body`, for a service whose response body is of another type.
    ///
    /// ```
    /// use countersign::web::AuthError;
    /// use countersign::web::BearerLayer;
    /// use http_body_util::combinators::BoxBody;
    /// use http_body_util::{BodyExt, Full};
    ///
    /// type Body = BoxBody<axum::body::Bytes, std::convert::Infallible>;
    ///
    /// let refuse_all = |_: &[u8], _: &http::request::Parts| Err::<(), _>(AuthError::invalid());
    /// let layer = BearerLayer::new(refuse_all).with_body(|text| -> Body { Full::from(text).boxed() });
    /// ```
    #[must_use]
    pub fn with_body<B, Body>(self, body: B) -> BearerLayer<A, B>
    where
        B: Fn(&'static str) -> Body,
    {
        BearerLayer { authenticator: self.authenticator, body }
    }
}

impl<A, B: Clone> Clone for BearerLayer<A, B> {
    fn clone(&self) -> Self {
        Self { authenticator: Arc::clone(&self.authenticator), body: self.body.clone() }
    }
}

impl<A, B: Clone, S> Layer<S> for BearerLayer<A, B> {
    type Service = BearerService<A, S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerService { authenticator: Arc::clone(&self.authenticator), inner, body: self.body.clone() }
    }
}

/// The service of a [`BearerLayer`].
#[derive(Debug)]
pub struct BearerService<A, S, B = TextBody> {
    authenticator: Arc<A>,
    inner: S,
    body: B,
}

impl<A, S: Clone, B: Clone> Clone for BearerService<A, S, B> {
    fn clone(&self) -> Self {
        Self { authenticator: Arc::clone(&self.authenticator), inner: self.inner.clone(), body: self.body.clone() }
    }
}

impl<A, S, B, RequestBody, ResponseBody> Service<Request<RequestBody>> for BearerService<A, S, B>
where
    A: Authenticate,
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    B: MakeBody<ResponseBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BearerFuture<S::Future, ResponseBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let outcome = match bearer(&parts.headers) {
            Bearer::Missing if is_preflight(&parts.method, &parts.headers) => {
                return BearerFuture::admitted(self.inner.call(Request::from_parts(parts, body)));
            }
            Bearer::Missing => return BearerFuture::refused(problem::missing(), &self.body),
            Bearer::Malformed => Err(TokenError::Invalid.into()),
            Bearer::Token(token) => self.authenticator.authenticate(token, &parts),
        };
        match outcome {
            Err(error) => BearerFuture::refused(problem::refused(error), &self.body),
            Ok(identity) => {
                if let Some(value) = parts.headers.get_mut(AUTHORIZATION) {
                    // So that a handler that logs its headers does not log the token.
                    value.set_sensitive(true);
                }
                parts.extensions.insert(identity);
                BearerFuture::admitted(self.inner.call(Request::from_parts(parts, body)))
            }
        }
    }
}

pin_project! {
    /// The future of a [`BearerService`]. It resolves to the handler's response or to the layer's own.
    #[derive(Debug)]
    pub struct BearerFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State<F, B> {
        Admitted { #[pin] future: F },
        Refused { response: Option<Response<B>> },
    }
}

impl<F, B> BearerFuture<F, B> {
    const fn admitted(future: F) -> Self {
        Self { state: State::Admitted { future } }
    }

    fn refused(response: Response<&'static str>, body: &impl MakeBody<B>) -> Self {
        Self { state: State::Refused { response: Some(response.map(|text| body.make_body(text))) } }
    }
}

impl<F, B, E> Future for BearerFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            StateProjection::Admitted { future } => Poll::Ready(ready!(future.poll(context))),
            // Polled again after it was ready: nothing is left to say.
            StateProjection::Refused { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
        }
    }
}
