//! Who decides what a bearer token is worth.

use crate::jwt::{KeyRing, Policy, Unverified, VerifiedClaims};
use crate::key::KeySource;
use crate::token::{Carrier, Kind, MAX_FIELDS, NoRevocations, Revocations, VerifiedToken, Verifier};
use crate::{Clock, ClockReading, HeldClock, Refusal, UnixTime};
use core::fmt;
use core::ops::{Deref, DerefMut};
use http::request::Parts;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Turns the text of a bearer token into an identity for the handler, from memory and without waiting.
///
/// Any `Fn(&[u8], &Parts) -> Result<Identity, Refusal>` is one; [`TokenAuthenticator`] and [`JwtAuthenticator`] are ready-made.
///
/// ```
/// use countersign::Refusal;
/// use countersign::web::Authenticate;
/// use http::{Request, request::Parts};
///
/// let door = |bearer: &[u8], request: &Parts| match (bearer, request.uri.path()) {
///     (b"sesame", "/cave") => Ok("Ali Baba"),
///     _ => Err(Refusal::Invalid),
/// };
/// let (request, _) = Request::get("/cave").body(()).unwrap().into_parts();
/// assert_eq!(door.authenticate(b"sesame", &request), Ok("Ali Baba"));
/// ```
pub trait Authenticate {
    /// What the filter puts into the request's extensions.
    type Identity: Clone + Send + Sync + 'static;

    /// Judges the characters that followed `Bearer ` in a request.
    ///
    /// # Errors
    /// The reason for the operator. The peer learns whether it [is expired](Refusal::is_expired), nothing else.
    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<Self::Identity, Refusal>;
}

impl<F, I> Authenticate for F
where
    F: Fn(&[u8], &Parts) -> Result<I, Refusal>,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<I, Refusal> {
        self(bearer, request)
    }
}

/// An authenticator that the server keeps a hand on: to reset its clock, to sign with its keys.
impl<A: Authenticate + ?Sized> Authenticate for Arc<A> {
    type Identity = A::Identity;

    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<A::Identity, Refusal> {
        (**self).authenticate(bearer, request)
    }
}

/// A clock behind a [`HeldClock`], shared by all requests.
struct SharedClock {
    /// The system's, if it is `None`.
    source: Option<Arc<dyn Clock>>,
    held: Mutex<HeldClock>,
}

impl SharedClock {
    const fn new(clock: HeldClock) -> Self {
        Self { source: None, held: Mutex::new(clock) }
    }

    /// A clock that another thread left in the middle of a read is still a clock.
    fn with<T>(&self, use_it: impl FnOnce(&mut HeldClock) -> T) -> T {
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
        /// Reads this clock instead of the system's: for tests and simulations.
        #[must_use]
        pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
            self.clock.source = Some(Arc::new(clock));
            self
        }

        /// The highest clock value so far: keep it, and give it to [`HeldClock::with_highest`] after a restart.
        #[must_use]
        pub fn highest_clock(&self) -> Option<UnixTime> {
            self.clock.with(|clock| clock.highest())
        }

        /// Forgets the highest clock value, as [`HeldClock::reset`]: after the system clock was far ahead and has been put right.
        pub fn reset_clock(&self) {
            self.clock.with(HeldClock::reset);
        }
    };
}

/// A [`Verifier`] with the system clock. Admits Time tokens alone: an Answer or a Sequence token needs a window against replays.
///
/// ```
/// use countersign::key::MacKey;
/// use countersign::token::{Draft, Profile, Verifier};
/// use countersign::web::{Authenticate, TokenAuthenticator};
/// use countersign::{HeldClock, UnixTime, Window};
/// use http::Request;
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// let profile = Profile::new("shop/api")?;
/// let text = Draft::time(b"alice", UnixTime::now()).mint_text_heapless::<64>(&profile, &key)?;
///
/// let verifier = Verifier::new(profile, key, Window { max_age: 300, skew_future: 60 });
/// let authenticator = TokenAuthenticator::new(verifier, HeldClock::new(60));
/// let (request, _) = Request::get("/").body(()).unwrap().into_parts();
/// assert_eq!(authenticator.authenticate(text.as_bytes(), &request).unwrap().get().uid(), b"alice");
/// # Ok::<(), countersign::Error>(())
/// ```
pub struct TokenAuthenticator<'a, K, R = NoRevocations> {
    verifier: Verifier<'a, K, R>,
    clock: SharedClock,
    carrier: fn(&Parts) -> Carrier<'_>,
}

impl<'a, K, R> TokenAuthenticator<'a, K, R> {
    /// Judges by `verifier`, at the time of the system clock as `clock` holds it.
    #[must_use]
    pub const fn new(verifier: Verifier<'a, K, R>, clock: HeldClock) -> Self {
        Self { verifier, clock: SharedClock::new(clock), carrier: |_| Carrier::NONE }
    }

    /// Takes uid and bind from the request: a path, a header, a digest that another layer has put into its extensions.
    ///
    /// ```
    /// # use countersign::{HeldClock, Refusal, UnixTime, Window, key::MacKey, token::{Draft, Profile, Verifier}};
    /// # use countersign::web::{Authenticate, TokenAuthenticator};
    /// # use http::Request;
    /// use countersign::token::Carrier;
    ///
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("shop/api")?);
    /// let text = Draft::time(b"alice", UnixTime::now()).bind(b"/orders").mint_text_heapless::<64>(&profile, &key)?;
    /// # let verifier = Verifier::new(profile, key, Window { max_age: 300, skew_future: 60 });
    /// let authenticator = TokenAuthenticator::new(verifier, HeldClock::new(60))
    ///     .with_carrier(|request| Carrier { uid: None, bind: request.uri.path().as_bytes() });
    /// let at = |path: &str| Request::get(path).body(()).unwrap().into_parts().0;
    /// assert!(authenticator.authenticate(text.as_bytes(), &at("/orders")).is_ok());
    /// assert!(authenticator.authenticate(text.as_bytes(), &at("/admin")).is_err());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn with_carrier(mut self, carrier: fn(&Parts) -> Carrier<'_>) -> Self {
        self.carrier = carrier;
        self
    }

    clock_of_the_operator!();
}

impl<K: KeySource, R: Revocations> Authenticate for TokenAuthenticator<'_, K, R> {
    type Identity = VerifiedToken;

    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<VerifiedToken, Refusal> {
        let mut scratch = [0; MAX_FIELDS];
        let verified = self.verifier.verify_text(bearer, (self.carrier)(request), self.clock.read(), &mut scratch)?;
        if verified.kind() == Kind::Time { Ok(verified.into()) } else { Err(Refusal::Invalid) }
    }
}

impl<K, R> fmt::Debug for TokenAuthenticator<'_, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAuthenticator").finish_non_exhaustive()
    }
}

/// A JWT [`KeyRing`] and a [`Policy`] with the system clock.
///
/// ```
/// use countersign::jwt::{Claims, Hs256Key, KeyRing, Policy, Validity};
/// use countersign::web::{Authenticate, JwtAuthenticator};
/// use countersign::{HeldClock, UnixTime};
/// use http::Request;
///
/// let mut ring = KeyRing::<1>::new();
/// ring.insert("2026-01", Hs256Key::new(b"an obvious test key of 32 bytes!")?, Validity::ALWAYS)?;
/// ring.sign_with_key("2026-01")?;
/// let in_an_hour = UnixTime::from_secs(UnixTime::now().as_secs() + 3600);
/// let mut out = [0; 192];
/// let token = ring.sign(&Claims::new().subject("alice").expires_at(in_an_hour), &mut out)?;
///
/// let authenticator = JwtAuthenticator::new(ring, Policy::new(30), HeldClock::new(60));
/// let (request, _) = Request::get("/").body(()).unwrap().into_parts();
/// let claims = authenticator.authenticate(token.as_bytes(), &request).unwrap();
/// assert_eq!(claims.get().subject().unwrap(), "alice");
/// # Ok::<(), countersign::Error>(())
/// ```
pub struct JwtAuthenticator<'a, const N: usize> {
    ring: RwLock<KeyRing<N>>,
    policy: Policy<'a>,
    clock: SharedClock,
}

impl<'a, const N: usize> JwtAuthenticator<'a, N> {
    /// Judges by these keys and this policy, at the time of the system clock as `clock` holds it.
    #[must_use]
    pub const fn new(ring: KeyRing<N>, policy: Policy<'a>, clock: HeldClock) -> Self {
        Self { ring: RwLock::new(ring), policy, clock: SharedClock::new(clock) }
    }

    /// The keys, to sign with.
    pub fn ring(&self) -> impl Deref<Target = KeyRing<N>> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, to rotate them: the next request sees what has changed. Requests wait for as long as this is held.
    pub fn ring_mut(&self) -> impl DerefMut<Target = KeyRing<N>> {
        self.ring.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, as the held clock tells it.
    ///
    /// # Errors
    /// As [`ClockReading::usable`].
    pub fn now(&self) -> Result<UnixTime, Refusal> {
        self.clock.read().usable()
    }

    clock_of_the_operator!();
}

impl<const N: usize> Authenticate for JwtAuthenticator<'_, N> {
    type Identity = VerifiedClaims;

    fn authenticate(&self, bearer: &[u8], _: &Parts) -> Result<VerifiedClaims, Refusal> {
        let token = Unverified::parse(bearer).map_err(|_| Refusal::Invalid)?;
        let mut scratch = std::vec![0; token.scratch_len()];
        let reading = self.clock.read();
        let authentic = self.ring().authenticate(&token, reading, &mut scratch)?;
        Ok(authentic.check(&self.policy, reading)?.into())
    }
}

impl<const N: usize> fmt::Debug for JwtAuthenticator<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthenticator").finish_non_exhaustive()
    }
}
