//! Revocation: a sign-out everywhere ends the tokens and JWTs of the user as well.

use super::auth_error::AuthError;
use super::body::{MakeBody, TextBody};
use super::missing::MissingLayer;
use super::preflight::is_preflight;
use super::problem;
use super::session::layer_state::{LayerState, StoreTime};
use super::session::lazy::LazySession;
use crate::UnixTime;
use crate::jwt::OwnedJwt;
use crate::session::EPOCH_CLAIM;
use crate::token::{OwnedToken, TokenError};
use core::fmt;
use core::marker::PhantomData;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use http::{Request, Response};
use std::boxed::Box;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;
use tower_layer::Layer;
use tower_service::Service;

/// An identity that a sign-out everywhere can revoke.
pub trait Revocable {
    /// Returns the user, by the name of [`begin_sign_in`](crate::session::SessionManager::begin_sign_in). The layer refuses an identity without one.
    fn user_id(&self) -> Option<Vec<u8>>;

    /// Returns the second of issue. The layer refuses an identity without one, unless it carries the number of the present epoch.
    fn issued_at(&self) -> Option<UnixTime>;

    /// Returns the number of the user's revocation epoch at the time of issue ([`SignInAttempt::epoch`](crate::session::SignInAttempt::epoch)), if the
    /// identity carries one.
    fn epoch(&self) -> Option<u64> {
        None
    }
}

impl Revocable for OwnedToken {
    fn user_id(&self) -> Option<Vec<u8>> {
        Some(self.as_verified().uid().into())
    }

    fn issued_at(&self) -> Option<UnixTime> {
        self.as_verified().issued_at()
    }

    fn epoch(&self) -> Option<u64> {
        self.as_verified().epoch()
    }
}

impl Revocable for OwnedJwt {
    fn user_id(&self) -> Option<Vec<u8>> {
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

/// Source of the [`AuthError`] of a token that does not say how old it is, or is older than the store remembers revocations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RevocationUnknown;

impl fmt::Display for RevocationUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the token does not say how old it is, or is older than the store remembers revocations: Lifetimes::max_token_age has to be its longest lifetime, leeway included",
        )
    }
}

impl core::error::Error for RevocationUnknown {}

/// Refuses the tokens and JWTs that were issued before their user was signed out everywhere
/// ([`SessionManager::end_all_for_user`](crate::session::SessionManager::end_all_for_user)).
///
/// A token that carries the number of its user's revocation epoch ([`TokenBuilder::epoch`](crate::token::TokenBuilder::epoch), [`EPOCH_CLAIM`]) is admitted
/// if that is the present one: a sign-in at once after the revocation issues such tokens. A token without the number is admitted if it was issued more
/// than the skew of the verifiers after the second of the revocation.
///
/// The layer refuses a token without a user, one without a time of issue (unless it carries the present epoch), and one that is older than the store
/// remembers revocations: [`Lifetimes::max_token_age`](crate::session::Lifetimes::max_token_age).
///
/// ```
/// # use countersign::jwt::{KeySet, OwnedJwt, Policy, ValidityPeriod};
/// # use countersign::jwt::keys::Hs256Key;
/// # use countersign::session::store::{Budgets, DynStore, MemoryStore};
/// # use countersign::session::{Lifetimes, Pepper, SessionManager};
/// # use countersign::web::session::SessionLayer;
/// # use countersign::web::{BearerLayer, CsrfGuard, JwtAuthenticator};
/// # use countersign::MonotonicClock;
/// # use std::time::Duration;
/// # let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
/// # let mut keys = KeySet::<1>::new();
/// # keys.insert("a", Hs256Key::new(b"an obvious test key of 32 bytes!")?, ValidityPeriod::ALWAYS)?;
/// # let jwts = JwtAuthenticator::new(keys, Policy::new(30), MonotonicClock::new(60));
/// // A JWT lives for an hour, and the policy has a leeway of 30 seconds.
/// let lifetimes = Lifetimes {
///     idle: Duration::from_secs(1800),
///     absolute: Duration::from_secs(43_200),
///     renewal_grace: Duration::from_secs(10),
///     max_token_age: Duration::from_secs(3600 + 30),
/// };
/// let sessions = SessionManager::new(store, Pepper::new(b"an obvious test key of 32 bytes!")?, lifetimes);
/// let guard = CsrfGuard::new(["https://shop.example"])?;
/// let layer: SessionLayer = SessionLayer::new(sessions, guard, Duration::from_millis(250));
///
/// // The layer that is added last runs first.
/// let api: axum::Router = axum::Router::new()
///     .route("/api/me", axum::routing::get(async |_: OwnedJwt| "in"))
///     .route_layer(layer.revocation_layer::<OwnedJwt>(Duration::from_secs(30)))
///     .route_layer(BearerLayer::new(jwts));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The layer runs after a [`BearerLayer`](super::BearerLayer) with the identity `I`, and costs one call of the store for each request. Make it by [`SessionLayer::revocation_layer`](super::session::SessionLayer::revocation_layer).
///
/// The response is a 503 if the store does not answer, and a 500 if the request has no identity: the layers are in the wrong order. A preflight has
/// none and passes.
#[doc(alias = "filter")]
#[doc(alias = "middleware")]
pub struct RevocationLayer<I, B = TextBody> {
    state: Arc<LayerState>,
    skew: Duration,
    body: B,
    identity: PhantomData<fn(I)>,
}

impl<I, B> RevocationLayer<I, B> {
    pub(super) const fn new(state: Arc<LayerState>, skew: Duration, body: B) -> Self {
        Self { state, skew, body, identity: PhantomData }
    }
}

impl<I, B: Clone> Clone for RevocationLayer<I, B> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.state), self.skew, self.body.clone())
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

/// The service that [`RevocationLayer`] makes.
pub struct RevocationService<I, S, B = TextBody> {
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
    I: Revocable + Send + Sync + 'static,
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
        let (state, body) = (Arc::clone(&self.layer.state), self.layer.body.clone());
        let skew = self.layer.skew;
        let holder = request.extensions().get::<I>().map(|identity| Holder {
            user: identity.user_id(),
            issued_at: identity.issued_at(),
            epoch: identity.epoch(),
        });
        let is_preflight = is_preflight(request.method(), request.headers());
        let slot = request.extensions().get::<LazySession>().cloned();
        Box::pin(async move {
            let Some(holder) = holder else {
                if is_preflight {
                    return inner.call(request).await;
                }
                return Ok(problem::missing_layer(MissingLayer::BearerOfRevocation).map(|text| body.make_body(text)));
            };
            let Some(user) = &holder.user else {
                return Ok(problem::refused(TokenError::Invalid.into()).map(|text| body.make_body(text)));
            };
            let own = StoreTime::default();
            let spent = slot.as_ref().map_or(&own, LazySession::spent);
            let answer = match state.in_time(spent, pin!(state.sessions.last_revocation(user))).await {
                Err(error) => Some(problem::session(error)),
                Ok(epoch) => {
                    let now = state.now();
                    // Why: of what is older nobody knows whether it was revoked, nor of what does not say how old it is; unless it is of the epoch that the
                    // store has.
                    let is_late = |issued_at: UnixTime| {
                        state.sessions.epoch_until(issued_at).as_secs() <= now.as_secs().saturating_add(skew.as_secs())
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
