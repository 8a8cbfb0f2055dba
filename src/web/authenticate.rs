//! Who decides what a bearer token is worth.

use crate::key::KeySource;
use crate::token::{Carrier, MAX_FIELDS, NoRevocations, Revocations, VerifiedToken, Verifier};
use crate::{HeldClock, Refusal, UnixTime};
use std::sync::{Mutex, PoisonError};

/// Turns the text of a bearer token into an identity for the handler, from memory and without waiting.
///
/// Any `Fn(&[u8]) -> Result<Identity, Refusal>` is one; [`TokenAuthenticator`] is the ready-made one.
pub trait Authenticate {
    /// What the filter puts into the request's extensions.
    type Identity: Clone + Send + Sync + 'static;

    /// Judges the characters that followed `Bearer `.
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
    #[must_use]
    pub const fn new(verifier: Verifier<'a, K, R>, hold: u64) -> Self {
        Self { verifier, clock: Mutex::new(HeldClock::new(hold)) }
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
