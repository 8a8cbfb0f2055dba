//! The layer of sessions.

use super::affinity::Affinity;
use super::cookie::{SessionCookie, SessionCookieError};
use super::layer_state::LayerState;
use super::lazy::{Closing, LazySession, Write, set_private_headers};
use super::sign_in_page::SignInPage;
use crate::session::SessionManager;
use crate::session::store::DynStore;
use crate::web::body::{MakeBody, TextBody};
use crate::web::csrf::{CsrfError, CsrfGuard};
use crate::web::problem;
use crate::web::revocation::RevocationLayer;
use crate::{Clock, SteadyClock};
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use std::sync::Arc;
use tower_layer::Layer;
use tower_service::Service;

/// Gives handlers their session, and browsers their cookie.
///
/// The layer loads the session when a handler asks for it, and writes it before the headers of the response leave.
///
/// | request | calls of the store | answer |
/// |---|---|---|
/// | without a cookie | 0 | the handler's |
/// | whose handler does not ask | 0 | the handler's |
/// | read | 1, and a touch once in a fifth of the idle time | the handler's, `Vary: Cookie`, `Cache-Control: no-store` |
/// | written | 1 more, before the headers leave | the same, and a cookie where it is a new one, or is to be kept for another time |
/// | touched, with a cookie that is kept until the idle deadline | | the cookie again |
/// | of another site, with a method that changes something | 0 | 403, problem `cross-site`; the handler never runs |
/// | from another site, without a cookie, no followed link, and written | 0 | 403, problem `session-withheld`: the browser may hold its cookie back |
/// | the store does not answer in time | | 503, `Retry-After`; the cookie is kept |
/// | written, with a cookie that was replaced less than the grace ago | 1 more | 401, problem `signed-out`; nothing was written, the cookie is kept |
/// | written, but signed out meanwhile | | 401, problem `signed-out`; nothing was written |
/// | a 401, or a 403 `cross-site`, for somebody who looks at another page than that to sign in at | | with [`with_login_page`](SessionLayer::with_login_page): 303 to that page |
/// | a preflight (CORS), as every `OPTIONS` | 0 | the handler's |
///
/// The reason of a refusal is in the response's extensions, for the log.
///
/// ```
/// use countersign::session::store::{Budgets, DynStore, MemoryStore};
/// use countersign::session::{Lifetimes, Pepper, SessionManager};
/// use countersign::web::CsrfGuard;
/// use countersign::web::session::{LazySession, SessionLayer};
/// use http::{Request, Response};
/// use std::time::Duration;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
/// let sessions = SessionManager::new(store, pepper, Lifetimes { idle: Duration::from_secs(1800), absolute: Duration::from_secs(43_200), renewal_grace: Duration::from_secs(10), max_token_age: Duration::ZERO });
/// let layer = SessionLayer::new(sessions, CsrfGuard::new(["https://shop.example"])?, Duration::from_millis(250));
///
/// let service = layer.layer(service_fn(async |request: Request<()>| {
///     let lazy = request.extensions().get::<LazySession>().cloned().unwrap();
///     let mut session = lazy.open().await.unwrap();
///     session.insert("visits", &1).unwrap();
///     Ok::<_, std::convert::Infallible>(Response::new(""))
/// }));
/// let response = service.oneshot(Request::get("/").body(()).unwrap()).await.unwrap();
/// let cookie = response.headers()["set-cookie"].to_str().unwrap();
/// assert!(cookie.starts_with("__Host-id=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[doc(alias = "filter")]
#[doc(alias = "middleware")]
pub struct SessionLayer<B = TextBody> {
    layer: Arc<LayerState>,
    body: B,
}

impl SessionLayer {
    /// Makes a layer over these sessions. `deadline` limits the time that one request waits for the store, in all its calls together.
    #[must_use]
    pub fn new(manager: SessionManager<DynStore>, guard: CsrfGuard, deadline: Duration) -> Self {
        let sessions = Arc::new(manager);
        let layer = LayerState {
            sessions,
            guard,
            deadline,
            clock: Arc::new(SteadyClock::new()),
            cookie: SessionCookie::new(),
            affinity: None,
            page: None,
        };
        Self { layer: Arc::new(layer), body: TextBody }
    }

    /// Makes the bodies of the layer's own responses with `body`: see [`BearerLayer::with_body`](crate::web::BearerLayer::with_body).
    #[must_use]
    pub fn with_body<B, Body>(self, body: B) -> SessionLayer<B>
    where
        B: Fn(&'static str) -> Body,
    {
        SessionLayer { layer: self.layer, body }
    }
}

impl<B> SessionLayer<B> {
    /// Redirects browsers to this page, a path, with `303 See Other`, where a person would get a 401, or the 403 of a step-up or a request of another site.
    ///
    /// All other requests get the problem document. A person's request has `Sec-Fetch-Mode: navigate`, or `Accept: text/html` where that header is missing.
    /// The page itself is not redirected. Errors of handlers ([`SessionError`](crate::session::SessionError), [`StepUp`](super::StepUp) and the rejections of
    /// the extractors) redirect as well.
    ///
    /// After a `GET` the page gets the path and query of the request, percent-encoded in `next`: redirect there by [`local_path`](super::local_path) after
    /// the sign-in. Add the layer to the outermost router: a nested one sees a part of the path. A `next` of more than 2048 bytes, or one that `local_path`
    /// would refuse, is left out.
    ///
    /// ```
    /// use axum::extract::Query;
    /// use axum::response::Redirect;
    /// use countersign::session::SessionError;
    /// use countersign::web::session::{CurrentSession, local_path};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Way {
    ///     next: Option<String>,
    /// }
    ///
    /// /// For `POST /login?next=…`: the form is posted to the address that its page was shown at.
    /// async fn log_in(mut session: CurrentSession, Query(way): Query<Way>) -> Result<Redirect, SessionError> {
    ///     let attempt = session.begin_sign_in("alice").await?;
    ///     // The password is checked here.
    ///     session.sign_in(&attempt, 1).await?;
    ///     Ok(Redirect::to(way.next.as_deref().and_then(local_path).unwrap_or("/")))
    /// }
    /// ```
    #[must_use]
    pub fn with_login_page(self, page: HeaderValue) -> Self {
        self.with(|layer| layer.page = Some(page))
    }

    /// Sets a second cookie with the name of this node, for a balancer that keeps clients on their node.
    #[must_use]
    pub fn with_affinity(self, affinity: Affinity) -> Self {
        self.with(|layer| layer.affinity = Some(affinity))
    }

    /// Sets the shape of the cookie, instead of `__Host-id` with `SameSite=Lax` that browsers keep until the absolute deadline.
    ///
    /// ```
    /// # use countersign::session::{Lifetimes, Pepper, SessionManager};
    /// # use countersign::session::store::{Budgets, DynStore, MemoryStore};
    /// # use countersign::web::CsrfGuard;
    /// # use countersign::web::session::SessionLayer;
    /// # use std::time::Duration;
    /// # let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    /// # let lifetimes = Lifetimes {
    /// #     idle: Duration::from_secs(1800),
    /// #     absolute: Duration::from_secs(43_200),
    /// #     renewal_grace: Duration::from_secs(10),
    /// #     max_token_age: Duration::ZERO,
    /// # };
    /// # let sessions = SessionManager::new(store, Pepper::new(b"an obvious test key of 32 bytes!")?, lifetimes);
    /// # let deadline = Duration::from_millis(250);
    /// use countersign::web::session::SessionCookie;
    ///
    /// let guard = CsrfGuard::new(["http://localhost:8080"])?;
    /// let layer: SessionLayer = SessionLayer::new(sessions, guard, deadline).with_cookie(SessionCookie::new().with_secure(false))?;
    /// assert!(layer.clone().with_cookie(SessionCookie::new().with_name("a shop")).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SessionCookieError`] if browsers would not take such a cookie.
    pub fn with_cookie(self, cookie: SessionCookie) -> Result<Self, SessionCookieError> {
        cookie.check()?;
        Ok(self.with(|layer| layer.cookie = cookie))
    }

    /// Reads this clock instead of a [`SteadyClock`]: for tests and simulations.
    ///
    /// ```
    /// # use countersign::session::{Lifetimes, Pepper, SessionManager};
    /// # use countersign::session::store::{Budgets, DynStore, MemoryStore};
    /// # use countersign::web::CsrfGuard;
    /// # use countersign::web::session::SessionLayer;
    /// # use countersign::UnixTime;
    /// # use std::time::Duration;
    /// # let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    /// # let lifetimes = Lifetimes {
    /// #     idle: Duration::from_secs(1800),
    /// #     absolute: Duration::from_secs(43_200),
    /// #     renewal_grace: Duration::from_secs(10),
    /// #     max_token_age: Duration::ZERO,
    /// # };
    /// # let sessions = SessionManager::new(store, Pepper::new(b"an obvious test key of 32 bytes!")?, lifetimes);
    /// # let deadline = Duration::from_millis(250);
    /// let guard = CsrfGuard::new(["https://shop.example"])?;
    /// let at_noon = || UnixTime::from_secs(1_767_268_800);
    /// let layer: SessionLayer = SessionLayer::new(sessions, guard, deadline).with_clock(at_noon);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        self.with(|layer| layer.clock = Arc::new(clock))
    }

    fn with(self, change: impl FnOnce(&mut LayerState)) -> Self {
        let mut layer = LayerState::clone(&self.layer);
        change(&mut layer);
        Self { layer: Arc::new(layer), body: self.body }
    }

    /// Makes a layer that refuses tokens and JWTs of users who were signed out everywhere. With `Router::route_layer`, add it before the [`BearerLayer`](crate::web::BearerLayer) whose
    /// identity is `I`, so that it runs after that.
    ///
    /// `skew` is the time by which the authenticator lets a token be ahead of the clock: the `max_future_skew` of a [`TimeWindow`](crate::TimeWindow), or
    /// the leeway of a [`Policy`](crate::jwt::Policy).
    #[must_use]
    pub fn revocation_layer<I>(&self, skew: Duration) -> RevocationLayer<I, B>
    where
        B: Clone,
    {
        RevocationLayer::new(Arc::clone(&self.layer), skew, self.body.clone())
    }

    /// Returns the manager of the sessions: to list and end them, for example.
    #[must_use]
    pub fn manager(&self) -> &SessionManager<DynStore> {
        &self.layer.sessions
    }
}

impl<B: Clone> Clone for SessionLayer<B> {
    fn clone(&self) -> Self {
        Self { layer: Arc::clone(&self.layer), body: self.body.clone() }
    }
}

impl<B> fmt::Debug for SessionLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").finish_non_exhaustive()
    }
}

impl<B: Clone, S> Layer<S> for SessionLayer<B> {
    type Service = SessionService<S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { layer: Arc::clone(&self.layer), inner, body: self.body.clone() }
    }
}

/// The service that [`SessionLayer`] makes.
pub struct SessionService<S, B = TextBody> {
    layer: Arc<LayerState>,
    inner: S,
    body: B,
}

impl<S: Clone, B: Clone> Clone for SessionService<S, B> {
    fn clone(&self) -> Self {
        Self { layer: Arc::clone(&self.layer), inner: self.inner.clone(), body: self.body.clone() }
    }
}

impl<S, B> fmt::Debug for SessionService<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").finish_non_exhaustive()
    }
}

impl<S, B, RequestBody, ResponseBody> Service<Request<RequestBody>> for SessionService<S, B>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    B: MakeBody<ResponseBody> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SessionFuture<S::Future, ResponseBody, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let page = self.layer.page.as_ref().and_then(|page| SignInPage::of(page, &parts));
        let suspicion = self.layer.guard.check(&parts).err();
        let needs_token = suspicion.is_some_and(|reason| self.layer.guard.may_be_vouched_for(reason));
        if let Some(reason) = suspicion.filter(|_| !needs_token && !self.layer.guard.is_report_only()) {
            let response = problem::cross_site(reason);
            let response = problem::to_page(response, page.as_ref(), |text| text);
            let response = response.map(|text| self.body.make_body(text));
            return SessionFuture { state: State::Answered { response: Some(response) } };
        }
        if let Some(reason) = suspicion.filter(|_| self.layer.guard.is_report_only()) {
            tracing::warn!(%reason, "request of another site admitted: the guard reports only");
        }
        let slot = LazySession::new(&self.layer, &parts.method, &parts.headers, page, needs_token);
        parts.extensions.insert(slot.clone());
        let future = self.inner.call(Request::from_parts(parts, body));
        SessionFuture { state: State::Handled { future, slot, suspicion, body: self.body.clone() } }
    }
}

pin_project! {
    /// The future of a [`SessionService`]: the handler's response once its session is written, or the layer's own.
    pub struct SessionFuture<F, ResponseBody, B> {
        #[pin]
        state: State<F, ResponseBody, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, ResponseBody, B> {
        Handled { #[pin] future: F, slot: LazySession, suspicion: Option<CsrfError>, body: B },
        Written { write: Write, slot: LazySession, response: Option<Response<ResponseBody>>, body: B },
        Answered { response: Option<Response<ResponseBody>> },
    }
}

impl<F, ResponseBody, B, E> Future for SessionFuture<F, ResponseBody, B>
where
    F: Future<Output = Result<Response<ResponseBody>, E>>,
    B: MakeBody<ResponseBody> + Clone,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProjection::Handled { future, slot, suspicion, body } => {
                    let mut response = ready!(future.poll(context))?;
                    if let Some(reason) = suspicion.take() {
                        response.extensions_mut().insert(reason);
                    }
                    response = problem::to_page(response, slot.page(), |text| body.make_body(text));
                    match slot.close() {
                        Closing::Untouched => return Poll::Ready(Ok(response)),
                        Closing::Answer(cookies) => {
                            set_private_headers(response.headers_mut(), cookies);
                            return Poll::Ready(Ok(response));
                        }
                        Closing::Write(write) => {
                            State::Written { write, slot: slot.clone(), response: Some(response), body: body.clone() }
                        }
                    }
                }
                StateProjection::Written { write, slot, response, body } => {
                    let (outcome, cookie) = ready!(write.as_mut().poll(context));
                    let mut response = response.take();
                    if let Err(error) = outcome {
                        let reason = response.and_then(|response| response.extensions().get::<CsrfError>().copied());
                        let mut refusal = slot.refusal(error).map(|text| body.make_body(text));
                        if let Some(reason) = reason {
                            refusal.extensions_mut().insert(reason);
                        }
                        response = Some(refusal);
                    }
                    if let Some(response) = &mut response {
                        set_private_headers(response.headers_mut(), cookie);
                    }
                    State::Answered { response }
                }
                StateProjection::Answered { response } => {
                    // Polled again after it was ready: nothing is left to say.
                    return response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
            };
            self.set(Self { state: next });
        }
    }
}

impl<F, ResponseBody, B> fmt::Debug for SessionFuture<F, ResponseBody, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
