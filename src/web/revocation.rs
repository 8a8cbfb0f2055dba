//! One truth for all three ways: who was signed out everywhere is out with tokens and JWTs as well.

use super::auth_error::AuthError;
use super::preflight::is_preflight;
use super::session_filter::{Filter, Spent};
use super::session_slot::SessionSlot;
use super::{FromText, MakeBody, problem};
use crate::UnixTime;
use crate::jwt::OwnedJwt;
use crate::session::EPOCH_CLAIM;
use crate::token::{OwnedToken, TokenError};
use core::fmt;
use core::marker::PhantomData;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use http::{Request, Response};
use std::boxed::Box;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;
use tower_layer::Layer;
use tower_service::Service;

/// What an identity says of itself that a revocation is about.
pub trait Issued {
    /// The user, as [`Sessions::sign_in`](crate::session::Sessions::sign_in) knows it. A credential that names none is refused.
    fn user(&self) -> Option<Vec<u8>>;

    /// When the credential was issued, a fraction of a second left out; one that does not say is refused, unless it names the epoch that the store has.
    fn issued_at(&self) -> Option<UnixTime>;

    /// The number of the user's epoch that it was issued in ([`Attempt::epoch`](crate::session::Attempt::epoch)), if it carries one.
    fn epoch(&self) -> Option<u64> {
        None
    }
}

impl Issued for OwnedToken {
    fn user(&self) -> Option<Vec<u8>> {
        Some(self.as_verified().uid().into())
    }

    fn issued_at(&self) -> Option<UnixTime> {
        self.as_verified().issued_at()
    }

    fn epoch(&self) -> Option<u64> {
        self.as_verified().epoch()
    }
}

impl Issued for OwnedJwt {
    fn user(&self) -> Option<Vec<u8>> {
        self.claims().subject().map(|subject| subject.to_string().into_bytes())
    }

    fn issued_at(&self) -> Option<UnixTime> {
        self.claims().issued_in()
    }

    fn epoch(&self) -> Option<u64> {
        self.claims().get_json(EPOCH_CLAIM)?.parse().ok()
    }
}

/// What a credential says of itself.
struct Holder {
    user: Option<Vec<u8>>,
    issued_at: Option<UnixTime>,
    epoch: Option<u64>,
}

/// No [`BearerLayer`](super::BearerLayer) has put an identity into the request: the layers are in the wrong order. In the extensions of a 500.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdentityMissing;

impl fmt::Display for IdentityMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the filter of revocations has to stand behind a BearerLayer of the same identity")
    }
}

impl core::error::Error for IdentityMissing {}

/// The credential does not say how old it is, or is older than the store keeps what it knows of revocations. The source of the [`AuthError`] in the extensions of a 401.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RevocationUnknown;

impl fmt::Display for RevocationUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the credential does not say how old it is, or is older than revocations are kept: Lifetimes::tokens has to be its longest life, leeway included",
        )
    }
}

impl core::error::Error for RevocationUnknown {}

/// Refuses a token or JWT that was issued before its user was signed out everywhere ([`Sessions::end_all`](crate::session::Sessions::end_all)).
///
/// One that carries the number of its user's epoch ([`TokenBuilder::epoch`](crate::token::TokenBuilder::epoch), [`EPOCH_CLAIM`]) is judged by that: the login that
/// follows at once issues one that counts. One without is judged by its time, to the safe side: it counts if it was issued after the second of the
/// revocation by more than the skew of the verifiers. One that names no user is refused, and so is one that is older than a store keeps what it knows of
/// revocations: [`Lifetimes::tokens`](crate::session::Lifetimes::tokens) is the longest life of any. One that does not say when it was issued
/// is refused, unless it carries the number of the epoch that the store has.
///
/// ```
/// # use countersign::jwt::{Hs256Key, KeySet, OwnedJwt, Policy, ValidityPeriod};
/// # use countersign::session::{DynStore, Lifetimes, MemoryStore, Pepper, Sessions};
/// # use countersign::web::{BearerLayer, CsrfGuard, JwtAuthenticator, SessionLayer};
/// # use countersign::MonotonicClock;
/// # let store = DynStore::new(MemoryStore::new(1 << 20, 1 << 20));
/// # let mut keys = KeySet::<1>::new();
/// # keys.insert("a", Hs256Key::new(b"an obvious test key of 32 bytes!")?, ValidityPeriod::ALWAYS)?;
/// # let jwts = JwtAuthenticator::new(keys, Policy::new(30), MonotonicClock::new(60));
/// // A JWT lives for an hour, and the policy has a leeway of 30 seconds.
/// let lifetimes = Lifetimes { idle: 1800, absolute: 43_200, grace: 10, tokens: 3600 + 30 };
/// let sessions = Sessions::new(store, Pepper::new(b"an obvious test key of 32 bytes!")?, lifetimes);
/// let guard = CsrfGuard::new(["https://shop.example"])?;
/// let filter: SessionLayer = SessionLayer::new(sessions, guard, std::time::Duration::from_millis(250));
///
/// // The layer that is added last runs first.
/// let api: axum::Router = axum::Router::new()
///     .route("/api/me", axum::routing::get(async |_: OwnedJwt| "in"))
///     .route_layer(filter.revoking::<OwnedJwt>(30))
///     .route_layer(BearerLayer::new(jwts));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Stands behind a [`BearerLayer`](super::BearerLayer), whose identity `I` it looks
/// at; made by [`SessionLayer::revoking`](super::SessionLayer::revoking). One call of the store for each request with an identity.
///
/// A store that does not answer is a 503: nobody then knows who was signed out. A request without an identity is a 500: the layers are in the
/// wrong order. A preflight alone has none, and passes as it does there.
pub struct RevocationLayer<I, B = FromText> {
    filter: Arc<Filter>,
    skew: u64,
    body: B,
    identity: PhantomData<fn(I)>,
}

impl<I, B> RevocationLayer<I, B> {
    pub(super) const fn new(filter: Arc<Filter>, skew: u64, body: B) -> Self {
        Self { filter, skew, body, identity: PhantomData }
    }
}

impl<I, B: Clone> Clone for RevocationLayer<I, B> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.filter), self.skew, self.body.clone())
    }
}

impl<I, B> fmt::Debug for RevocationLayer<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationLayer").finish_non_exhaustive()
    }
}

impl<I, B: Clone, S> Layer<S> for RevocationLayer<I, B> {
    type Service = RevocationService<I, S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        RevocationService { layer: self.clone(), inner }
    }
}

/// A service behind the filter; made by [`RevocationLayer`].
pub struct RevocationService<I, S, B = FromText> {
    layer: RevocationLayer<I, B>,
    inner: S,
}

impl<I, S: Clone, B: Clone> Clone for RevocationService<I, S, B> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), inner: self.inner.clone() }
    }
}

impl<I, S, B> fmt::Debug for RevocationService<I, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationService").finish_non_exhaustive()
    }
}

impl<I, S, B, RequestBody, ResponseBody> Service<Request<RequestBody>> for RevocationService<I, S, B>
where
    I: Issued + Send + Sync + 'static,
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    B: MakeBody<ResponseBody> + Clone + Send + 'static,
    RequestBody: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        // The one that was found ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = core::mem::replace(&mut self.inner, clone);
        let (filter, body) = (Arc::clone(&self.layer.filter), self.layer.body.clone());
        let skew = self.layer.skew;
        let holder = request.extensions().get::<I>().map(|identity| Holder {
            user: identity.user(),
            issued_at: identity.issued_at(),
            epoch: identity.epoch(),
        });
        let is_preflight = is_preflight(request.method(), request.headers());
        let slot = request.extensions().get::<SessionSlot>().cloned();
        Box::pin(async move {
            let Some(holder) = holder else {
                if is_preflight {
                    return inner.call(request).await;
                }
                return Ok(problem::internal(IdentityMissing).map(|text| body.make_body(text)));
            };
            let Some(user) = &holder.user else {
                return Ok(problem::refused(TokenError::Invalid.into()).map(|text| body.make_body(text)));
            };
            let own = Spent::default();
            let spent = slot.as_ref().map_or(&own, SessionSlot::spent);
            let answer = match filter.in_time(spent, pin!(filter.sessions.epoch_of(user))).await {
                Err(error) => Some(problem::session(error, None)),
                Ok(epoch) => {
                    let now = filter.now();
                    // Why: of what is older nobody knows whether it was revoked, nor of what does not say how old it is; unless it is of the epoch that the
                    // store has.
                    let is_late = |issued_at: UnixTime| {
                        filter.sessions.epoch_until(issued_at).as_secs() <= now.as_secs().saturating_add(skew)
                    };
                    let is_of_epoch = epoch.at.is_some() && holder.epoch == Some(epoch.number);
                    if holder.issued_at.map_or(!is_of_epoch, is_late) {
                        Some(problem::refused(AuthError::expired().with_source(RevocationUnknown)))
                    } else {
                        let is_revoked = epoch.has_revoked(holder.epoch, holder.issued_at, skew, now);
                        is_revoked.then(|| problem::refused(TokenError::Revoked.into()))
                    }
                }
            };
            if let Some(answer) = answer {
                return Ok(answer.map(|text| body.make_body(text)));
            }
            inner.call(request).await
        })
    }
}
