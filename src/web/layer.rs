//! The filter as a tower layer.

use super::{Authenticate, Bearer, bearer, problem};
use crate::Refusal;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use http::header::AUTHORIZATION;
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::sync::Arc;
use tower_layer::Layer;
use tower_service::Service;

/// Admits requests whose bearer token the authenticator accepts, and answers all others itself.
///
/// | request | answer |
/// |---|---|
/// | token accepted | the handler's, with the identity in the request's extensions |
/// | no bearer token | 401, `WWW-Authenticate: Bearer realm="api"` |
/// | expired | 401, `error="invalid_token"`, problem `token-expired` |
/// | anything else about the token | 401, `error="invalid_token"`, problem `token-not-valid` |
/// | the server's own clock is not usable | 503, `Retry-After` |
///
/// The [`Refusal`] of a token is in the response's extensions, for a log outside of this layer. Works with every tower
/// service whose response body is made from a `&'static str`.
///
/// ```
/// use countersign::Refusal;
/// use countersign::web::BearerLayer;
/// use http::{Request, Response, StatusCode};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let open_sesame = |bearer: &[u8]| if bearer == b"sesame" { Ok("Ali Baba") } else { Err(Refusal::Invalid) };
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
#[derive(Debug)]
pub struct BearerLayer<A> {
    authenticator: Arc<A>,
}

impl<A: Authenticate> BearerLayer<A> {
    /// A filter that asks this authenticator.
    ///
    /// ```
    /// use countersign::{Refusal, web::BearerLayer};
    /// use std::sync::Arc;
    ///
    /// let secret = Arc::new(String::from("sesame"));
    /// let kept = Arc::clone(&secret);
    /// let layer = BearerLayer::new(move |b: &[u8]| if b == kept.as_bytes() { Ok(()) } else { Err(Refusal::Invalid) });
    /// let for_other_routes = layer.clone();
    /// assert_eq!(Arc::strong_count(&secret), 2); // a clone of the layer shares the authenticator
    /// ```
    #[must_use]
    pub fn new(authenticator: A) -> Self {
        Self { authenticator: Arc::new(authenticator) }
    }
}

impl<A> Clone for BearerLayer<A> {
    fn clone(&self) -> Self {
        Self { authenticator: Arc::clone(&self.authenticator) }
    }
}

impl<A, S> Layer<S> for BearerLayer<A> {
    type Service = BearerService<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerService { authenticator: Arc::clone(&self.authenticator), inner }
    }
}

/// A service behind the filter; made by [`BearerLayer`].
///
/// ```
/// use countersign::Refusal;
/// use countersign::web::{BearerLayer, BearerService};
/// use http::{Request, Response, StatusCode};
/// use tower::{Layer, Service, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let unset_clock = |_: &[u8]| Err::<(), _>(Refusal::NoClock);
/// let handler = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new("secret")));
/// let mut service: BearerService<_, _> = BearerLayer::new(unset_clock).layer(handler);
/// let request = Request::get("/").header("authorization", "Bearer cs1_x").body(()).unwrap();
/// let response = service.call(request).await.unwrap();
/// assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE); // and the handler was not asked
/// assert_eq!(response.extensions().get(), Some(&Refusal::NoClock)); // for the log
/// # });
/// ```
#[derive(Debug)]
pub struct BearerService<A, S> {
    authenticator: Arc<A>,
    inner: S,
}

impl<A, S: Clone> Clone for BearerService<A, S> {
    fn clone(&self) -> Self {
        Self { authenticator: Arc::clone(&self.authenticator), inner: self.inner.clone() }
    }
}

impl<A, S, RequestBody, ResponseBody> Service<Request<RequestBody>> for BearerService<A, S>
where
    A: Authenticate,
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    ResponseBody: From<&'static str>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResponseBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let outcome = match bearer(request.headers()) {
            Bearer::Missing => return ResponseFuture::refused(problem::missing()),
            Bearer::Malformed => Err(Refusal::Invalid),
            Bearer::Token(token) => self.authenticator.authenticate(token),
        };
        match outcome {
            Err(refusal) => ResponseFuture::refused(problem::refused(refusal)),
            Ok(identity) => {
                if let Some(value) = request.headers_mut().get_mut(AUTHORIZATION) {
                    // So that a handler that logs its headers does not log the token.
                    value.set_sensitive(true);
                }
                request.extensions_mut().insert(identity);
                ResponseFuture { state: State::Admitted { future: self.inner.call(request) } }
            }
        }
    }
}

pin_project! {
    /// The handler's answer, or the filter's own. See the call in [`BearerService`].
    #[derive(Debug)]
    pub struct ResponseFuture<F, B> {
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

impl<F, B> ResponseFuture<F, B> {
    const fn refused(response: Response<B>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
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
