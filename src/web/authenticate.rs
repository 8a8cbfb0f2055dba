//! Authenticators, which turn a bearer token into an identity.

use super::auth_error::AuthError;
use crate::jwt::{KeySet, OwnedJwt, Policy, UnverifiedJwt};
use crate::key::KeyProvider;
use crate::token::{
    Channel, NoRevocations, OwnedToken, Revocations, TokenError, TokenKind, Verifier, limits::MAX_SCRATCH_LEN,
};
use crate::{Clock, ClockError, ClockReading, MonotonicClock, UnixTime};
use core::fmt;
use core::ops::{Deref, DerefMut};
use http::request::Parts;
use std::boxed::Box;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// An authenticator, which turns the text of a bearer token into an identity for the handler. It decides from memory
/// and does not wait.
///
/// Every `Fn(&[u8], &Parts) -> Result<Identity, AuthError>` is an authenticator. [`TokenAuthenticator`] and
/// [`JwtAuthenticator`] are ready-made ones.
///
/// ```
/// use countersign::web::{AuthError, Authenticate};
/// use http::{Request, request::Parts};
///
/// let door = |bearer: &[u8], request: &Parts| match (bearer, request.uri.path()) {
///     (b"sesame", "/cave") => Ok("Ali Baba"),
///     _ => Err(AuthError::invalid()),
/// };
/// let (request, _) = Request::get("/cave").body(()).unwrap().into_parts();
/// assert_eq!(door.authenticate(b"sesame", &request).unwrap(), "Ali Baba");
/// ```
#[doc(alias = "bearer")]
pub trait Authenticate {
    /// The identity that the layer puts into the extensions of the request.
    type Identity: Clone + Send + Sync + 'static;

    /// Checks the bearer token of a request, the characters that followed `Bearer `.
    ///
    /// # Errors
    /// [`AuthError`] if the credential is not admitted. Its [`kind`](AuthError::kind) decides the response. Its source
    /// is for the operator: the peer learns only whether the credential has expired.
    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<Self::Identity, AuthError>;
}

impl<F, I> Authenticate for F
where
    F: Fn(&[u8], &Parts) -> Result<I, AuthError>,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<I, AuthError> {
        self(bearer, request)
    }
}

/// An authenticator that the application shares with the layer, to reset its clock or to sign with its keys.
impl<A: Authenticate + ?Sized> Authenticate for Arc<A> {
    type Identity = A::Identity;

    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<A::Identity, AuthError> {
        (**self).authenticate(bearer, request)
    }
}

type ChannelOf = Box<dyn for<'r> Fn(&'r Parts) -> Channel<'r> + Send + Sync>;

/// A clock behind a [`MonotonicClock`], shared by all requests.
struct SharedClock {
    /// The system's, if it is `None`.
    source: Option<Arc<dyn Clock>>,
    held: Mutex<MonotonicClock>,
}

impl SharedClock {
    const fn new(clock: MonotonicClock) -> Self {
        Self { source: None, held: Mutex::new(clock) }
    }

    /// A clock that another thread left in the middle of a read is still a clock.
    fn with<T>(&self, use_it: impl FnOnce(&mut MonotonicClock) -> T) -> T {
        use_it(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self) -> ClockReading {
        let now = self.source.as_ref().map_or_else(UnixTime::now, |source| source.now());
        self.with(|clock| clock.read(now))
    }
}

/// The clock of an authenticator, for its operator.
macro_rules! clock_of_the_operator {
    () => {
        /// Reads `clock` in place of the system clock, for tests and simulations.
        #[must_use]
        pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
            self.clock.source = Some(Arc::new(clock));
            self
        }

        /// Returns the highest clock value so far. Store it, and pass it to [`MonotonicClock::resume_from`] after a
        /// restart.
        #[must_use]
        pub fn clock_high_water_mark(&self) -> Option<UnixTime> {
            self.clock.with(|clock| clock.high_water_mark())
        }

        /// Forgets the highest clock value, like [`MonotonicClock::reset`]. Call it after the system clock was far
        /// ahead and has been corrected.
        pub fn reset_clock(&self) {
            self.clock.with(MonotonicClock::reset);
        }
    };
}

/// An authenticator of Time tokens: a [`Verifier`] with the system clock. It refuses Answer and Sequence tokens, which
/// need protection against replays.
///
/// ```
/// use countersign::key::MacKey;
/// use countersign::token::{Profile, TokenBuilder, Verifier};
/// use countersign::web::{Authenticate, TokenAuthenticator};
/// use countersign::{MonotonicClock, TimeWindow, UnixTime};
/// use http::Request;
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// let profile = Profile::new("shop/api")?;
/// let text = TokenBuilder::time(b"alice", UnixTime::now()).mint_text_heapless::<64>(&profile, &key)?;
///
/// let verifier = Verifier::new(profile, key, TimeWindow { max_age: 300, max_future_skew: 60 });
/// let authenticator = TokenAuthenticator::new(verifier, MonotonicClock::new(60));
/// let (request, _) = Request::get("/").body(()).unwrap().into_parts();
/// assert_eq!(authenticator.authenticate(text.as_bytes(), &request)?.as_verified().uid(), b"alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "bearer")]
pub struct TokenAuthenticator<'a, K, R = NoRevocations> {
    verifier: Verifier<'a, K, R>,
    clock: SharedClock,
    channel: Option<ChannelOf>,
}

impl<'a, K, R> TokenAuthenticator<'a, K, R> {
    /// Creates an authenticator from a verifier and the monotonic clock that corrects the system clock.
    #[must_use]
    pub const fn new(verifier: Verifier<'a, K, R>, clock: MonotonicClock) -> Self {
        Self { verifier, clock: SharedClock::new(clock), channel: None }
    }

    /// Takes uid and binding from the request: from a path, a header, or a digest that another layer has put into the
    /// extensions.
    ///
    /// ```
    /// # use countersign::{MonotonicClock, TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Profile, TokenBuilder, Verifier};
    /// # use countersign::web::{Authenticate, TokenAuthenticator};
    /// # use http::Request;
    /// use countersign::token::Channel;
    ///
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("shop/api")?);
    /// let builder = TokenBuilder::time(b"alice", UnixTime::now()).binding(b"/orders");
    /// let text = builder.mint_text_heapless::<64>(&profile, &key)?;
    /// # let verifier = Verifier::new(profile, key, TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let authenticator = TokenAuthenticator::new(verifier, MonotonicClock::new(60))
    ///     .with_channel(|request| Channel { uid: None, binding: request.uri.path().as_bytes() });
    /// let at = |path: &str| Request::get(path).body(()).unwrap().into_parts().0;
    /// assert!(authenticator.authenticate(text.as_bytes(), &at("/orders")).is_ok());
    /// assert!(authenticator.authenticate(text.as_bytes(), &at("/admin")).is_err());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn with_channel(mut self, channel: impl for<'r> Fn(&'r Parts) -> Channel<'r> + Send + Sync + 'static) -> Self {
        self.channel = Some(Box::new(channel));
        self
    }

    clock_of_the_operator!();
}

impl<K: KeyProvider, R: Revocations> Authenticate for TokenAuthenticator<'_, K, R> {
    type Identity = OwnedToken;

    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<OwnedToken, AuthError> {
        let mut scratch = [0; MAX_SCRATCH_LEN];
        let channel = self.channel.as_ref().map_or(Channel::NONE, |channel| channel(request));
        let verified = self.verifier.verify_text(bearer, channel, self.clock.read(), &mut scratch)?;
        if verified.kind() == TokenKind::Time { Ok(verified.into()) } else { Err(TokenError::Invalid.into()) }
    }
}

impl<K, R> fmt::Debug for TokenAuthenticator<'_, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAuthenticator").finish_non_exhaustive()
    }
}

/// An authenticator of JWTs: a [`KeySet`] and a [`Policy`] with the system clock.
///
/// The policy lives as long as the program. Leak strings that are read at the start once (`String::leak`), or keep them
/// in a `LazyLock`.
///
/// ```
/// use countersign::jwt::{JwtBuilder, KeySet, Policy, SignJwt, ValidityPeriod};
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::web::{Authenticate, BearerLayer, JwtAuthenticator};
/// use countersign::{MonotonicClock, UnixTime};
/// use http::Request;
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let mut keys = KeySet::<1>::new();
/// keys.insert("2026-01", Hs256Key::new(b"an obvious test key of 32 bytes!")?, ValidityPeriod::ALWAYS)?;
/// keys.set_signing_key("2026-01")?;
/// // A leeway of 30 seconds, and a clock that may step back by 60. Shared: one for the layer, one to sign with.
/// let authenticator = Arc::new(JwtAuthenticator::new(keys, Policy::new(30), MonotonicClock::new(60)));
/// let layer = BearerLayer::new(Arc::clone(&authenticator));
///
/// let claims = JwtBuilder::new().subject("alice").expires_at(UnixTime::now() + Duration::from_secs(3600));
/// let token = authenticator.keys().sign_jwt(&claims)?;
/// let (request, _) = Request::get("/").body(()).unwrap().into_parts();
/// let jwt = authenticator.authenticate(token.as_bytes(), &request)?;
/// assert_eq!(jwt.claims().subject().unwrap(), "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "bearer")]
pub struct JwtAuthenticator<'a, const N: usize> {
    keys: RwLock<KeySet<N>>,
    policy: Policy<'a>,
    clock: SharedClock,
}

impl<'a, const N: usize> JwtAuthenticator<'a, N> {
    /// Creates an authenticator from keys, a policy and the monotonic clock that corrects the system clock.
    #[must_use]
    pub const fn new(keys: KeySet<N>, policy: Policy<'a>, clock: MonotonicClock) -> Self {
        Self { keys: RwLock::new(keys), policy, clock: SharedClock::new(clock) }
    }

    /// Returns the keys for reading, to sign with them.
    pub fn keys(&self) -> impl Deref<Target = KeySet<N>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the keys for writing, to rotate them. The next request sees the change. Requests wait as long as the
    /// returned guard is held.
    pub fn keys_mut(&self) -> impl DerefMut<Target = KeySet<N>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the present time by the monotonic clock.
    ///
    /// # Errors
    /// [`ClockError::NotSet`] if the time is outside 1 000 000 001 to 9 999 999 999, [`ClockError::SteppedBack`] if the
    /// clock has stepped back further than the monotonic clock tolerates.
    pub fn now(&self) -> Result<UnixTime, ClockError> {
        self.clock.read().time()
    }

    clock_of_the_operator!();
}

impl<const N: usize> Authenticate for JwtAuthenticator<'_, N> {
    type Identity = OwnedJwt;

    fn authenticate(&self, bearer: &[u8], _: &Parts) -> Result<OwnedJwt, AuthError> {
        let token = UnverifiedJwt::parse(bearer)?;
        let mut scratch = std::vec![0; token.scratch_len()];
        let reading = self.clock.read();
        let authentic = self.keys().authenticate(&token, reading, &mut scratch)?;
        Ok(authentic.check(&self.policy, reading)?.into())
    }
}

impl<const N: usize> fmt::Debug for JwtAuthenticator<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthenticator").finish_non_exhaustive()
    }
}
