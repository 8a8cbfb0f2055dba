//! Who decides what a bearer token is worth.

use crate::jwt::{KeyRing, Policy, VerifiedClaims};
use crate::key::KeySource;
use crate::token::{Carrier, MAX_FIELDS, NoRevocations, Revocations, VerifiedToken, Verifier};
use crate::{HeldClock, Refusal, UnixTime};
use std::sync::{Mutex, PoisonError};

/// Turns the text of a bearer token into an identity for the handler, from memory and without waiting.
///
/// Any `Fn(&[u8]) -> Result<Identity, Refusal>` is one; [`TokenAuthenticator`] is the ready-made one.
///
/// ```
/// use countersign::Refusal;
/// use countersign::web::Authenticate;
///
/// let by_hand = |bearer: &[u8]| if bearer == b"sesame" { Ok("Ali Baba") } else { Err(Refusal::Invalid) };
/// assert_eq!(by_hand.authenticate(b"sesame"), Ok("Ali Baba"));
/// ```
pub trait Authenticate {
    /// What the filter puts into the request's extensions.
    type Identity: Clone + Send + Sync + 'static;

    /// Judges the characters that followed `Bearer `.
    ///
    /// ```
    /// use countersign::Refusal;
    /// use countersign::web::Authenticate;
    ///
    /// /// Another name for whoever the inner authenticator admits.
    /// struct Upper<A>(A);
    ///
    /// impl<A: Authenticate<Identity = String>> Authenticate for Upper<A> {
    ///     type Identity = String;
    ///
    ///     fn authenticate(&self, bearer: &[u8]) -> Result<String, Refusal> {
    ///         self.0.authenticate(bearer).map(|name| name.to_uppercase())
    ///     }
    /// }
    /// let upper = Upper(|_: &[u8]| Ok(String::from("alice")));
    /// assert_eq!(upper.authenticate(b"anything"), Ok(String::from("ALICE")));
    /// ```
    ///
    /// # Errors
    /// The reason for the operator. The peer learns whether it [is expired](Refusal::is_expired), nothing else.
    fn authenticate(&self, bearer: &[u8]) -> Result<Self::Identity, Refusal>;
}

impl<F, I> Authenticate for F
where
    F: Fn(&[u8]) -> Result<I, Refusal>,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    fn authenticate(&self, bearer: &[u8]) -> Result<I, Refusal> {
        self(bearer)
    }
}

/// A [`Verifier`] with the system clock, held through small steps back.
///
/// ```
/// use countersign::key::MacKey;
/// use countersign::token::{Draft, Profile, Verifier};
/// use countersign::web::{Authenticate, TokenAuthenticator};
/// use countersign::{UnixTime, Window};
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// let profile = Profile::new("shop/api")?;
/// let text = Draft::time(b"alice", UnixTime::now()).mint_string::<64>(&profile, &key)?;
///
/// let verifier = Verifier::new(profile, key, Window { max_age: 300, skew_future: 60 });
/// let authenticator = TokenAuthenticator::new(verifier, 60);
/// assert_eq!(authenticator.authenticate(text.as_bytes()).unwrap().get().uid(), b"alice");
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Debug)]
pub struct TokenAuthenticator<'a, K, R = NoRevocations> {
    verifier: Verifier<'a, K, R>,
    clock: Mutex<HeldClock>,
}

impl<'a, K, R> TokenAuthenticator<'a, K, R> {
    /// Judges by `verifier`; steps of the system clock back by up to `hold` seconds are held.
    ///
    /// ```
    /// # use countersign::{Refusal, UnixTime, Window, key::MacKey, token::{Draft, Profile, Verifier}};
    /// # use countersign::web::{Authenticate, TokenAuthenticator};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("shop/api")?);
    /// let an_hour_ago = UnixTime::from_secs(UnixTime::now().as_secs() - 3600);
    /// let text = Draft::time(b"alice", an_hour_ago).mint_string::<64>(&profile, &key)?;
    /// let verifier = Verifier::new(profile, key, Window { max_age: 300, skew_future: 60 });
    /// let refusal = TokenAuthenticator::new(verifier, 60).authenticate(text.as_bytes()).unwrap_err();
    /// assert!(refusal.is_expired());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn new(verifier: Verifier<'a, K, R>, hold: u64) -> Self {
        Self { verifier, clock: Mutex::new(HeldClock::new(hold)) }
    }
}

impl<K, R> TokenAuthenticator<'_, K, R> {
    /// Forgets the highest clock value, as [`HeldClock::reset`]: after the system clock was far ahead and has been put right.
    pub fn reset_clock(&self) {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).reset();
    }
}

impl<K: KeySource, R: Revocations> Authenticate for TokenAuthenticator<'_, K, R> {
    type Identity = VerifiedToken;

    fn authenticate(&self, bearer: &[u8]) -> Result<VerifiedToken, Refusal> {
        // A clock that another thread left in the middle of a read is still a clock.
        let reading = self.clock.lock().unwrap_or_else(PoisonError::into_inner).read(UnixTime::now());
        let mut scratch = [0; MAX_FIELDS];
        self.verifier.verify_text(bearer, Carrier::NONE, reading, &mut scratch).map(VerifiedToken::from)
    }
}

/// A JWT [`KeyRing`] and a [`Policy`] with the system clock, held through small steps back.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::jwt::{Claims, Hs256Key, KeyRing, Policy, Validity};
/// use countersign::web::{Authenticate, JwtAuthenticator};
///
/// let mut ring = KeyRing::<1>::new();
/// ring.insert("2026-01", Hs256Key::new(b"an obvious test key of 32 bytes!")?, Validity::ALWAYS)?;
/// ring.sign_with_key("2026-01")?;
/// let in_an_hour = UnixTime::from_secs(UnixTime::now().as_secs() + 3600);
/// let mut out = [0; 192];
/// let token = ring.sign(&Claims::new().subject("alice").expires_at(in_an_hour), &mut out)?;
///
/// let authenticator = JwtAuthenticator::new(ring, Policy::new(30), 60);
/// assert_eq!(authenticator.authenticate(token.as_bytes()).unwrap().get().subject().unwrap(), "alice");
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Debug)]
pub struct JwtAuthenticator<'a, const N: usize> {
    ring: KeyRing<N>,
    policy: Policy<'a>,
    clock: Mutex<HeldClock>,
}

impl<'a, const N: usize> JwtAuthenticator<'a, N> {
    /// Judges by these keys and this policy; steps of the system clock back by up to `hold` seconds are held.
    #[must_use]
    pub const fn new(ring: KeyRing<N>, policy: Policy<'a>, hold: u64) -> Self {
        Self { ring, policy, clock: Mutex::new(HeldClock::new(hold)) }
    }

    /// The keys, to sign with.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing<N> {
        &self.ring
    }
}

impl<const N: usize> Authenticate for JwtAuthenticator<'_, N> {
    type Identity = VerifiedClaims;

    fn authenticate(&self, bearer: &[u8]) -> Result<VerifiedClaims, Refusal> {
        let now = self.clock.lock().unwrap_or_else(PoisonError::into_inner).read(UnixTime::now()).usable()?;
        let mut scratch = std::vec![0; bearer.len()];
        self.ring.verify(bearer, &self.policy, now, &mut scratch).map(VerifiedClaims::from)
    }
}
