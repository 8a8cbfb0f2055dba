//! Keys by key id, each bound to one algorithm, for servers.

use super::algorithm::JwsAlgorithm;
use super::authentic::{AuthenticJws, AuthenticJwt, VerifiedJwt};
use super::claims::Claims;
#[cfg(feature = "eddsa")]
use super::eddsa::{EdDsaSigningKey, EdDsaVerifyingKey};
use super::error::JwtError;
#[cfg(feature = "es256")]
use super::es256::{Es256SigningKey, Es256VerifyingKey};
use super::header::Header;
use super::hmac::{Hs256Key, Hs384Key, Hs512Key};
use super::limits::MAX_HEADER;
use super::unverified::UnverifiedJwt;
use super::{JwtBuilder, Policy};
use crate::bytes::copy;
use crate::shown::Shown;
use crate::{ClockError, ClockReading, Error, Result, UnixTime};
use core::fmt;

/// Bytes of the longest key id.
pub(super) const MAX_KID: usize = 64;

/// A key together with its algorithm. Signing keys verify too.
///
/// ```
/// use countersign::jwt::JwtKey;
/// use countersign::jwt::keys::Hs384Key;
///
/// let key = JwtKey::from(Hs384Key::new(&[*b"a test key of 24 bytes!!", *b"another 24 bytes of it!!"].concat())?);
/// assert_eq!(key.alg(), "HS384");
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "jwk")]
#[derive(Debug)]
#[non_exhaustive]
pub enum JwtKey {
    /// A key of HS256, for signing and verifying.
    Hs256(Hs256Key),
    /// A key of HS384, for signing and verifying.
    Hs384(Hs384Key),
    /// A key of HS512, for signing and verifying.
    Hs512(Hs512Key),
    /// A public key of ES256, for verifying.
    #[cfg(feature = "es256")]
    Es256(Es256VerifyingKey),
    /// A private key of ES256, for signing and verifying.
    #[cfg(feature = "es256")]
    Es256Signing(Es256SigningKey),
    /// A public key of EdDSA, for verifying.
    #[cfg(feature = "eddsa")]
    EdDsa(EdDsaVerifyingKey),
    /// A private key of EdDSA, for signing and verifying.
    #[cfg(feature = "eddsa")]
    EdDsaSigning(EdDsaSigningKey),
}

/// Does the same with the key of every algorithm.
macro_rules! with_verifier {
    ($jwt_key:expr, $key:ident => $do:expr) => {
        match $jwt_key {
            JwtKey::Hs256($key) => $do,
            JwtKey::Hs384($key) => $do,
            JwtKey::Hs512($key) => $do,
            #[cfg(feature = "es256")]
            JwtKey::Es256($key) => $do,
            #[cfg(feature = "es256")]
            JwtKey::Es256Signing($key) => $do,
            #[cfg(feature = "eddsa")]
            JwtKey::EdDsa($key) => $do,
            #[cfg(feature = "eddsa")]
            JwtKey::EdDsaSigning($key) => $do,
        }
    };
}

/// Does the same with every key that can sign.
macro_rules! with_signer {
    ($jwt_key:expr, $key:ident => $do:expr) => {
        match $jwt_key {
            JwtKey::Hs256($key) => $do,
            JwtKey::Hs384($key) => $do,
            JwtKey::Hs512($key) => $do,
            #[cfg(feature = "es256")]
            JwtKey::Es256Signing($key) => $do,
            #[cfg(feature = "eddsa")]
            JwtKey::EdDsaSigning($key) => $do,
            #[cfg(any(feature = "es256", feature = "eddsa"))]
            _ => Err(Error::NoSigningKey),
        }
    };
}

fn alg_of<K: JwsAlgorithm>(_: &K) -> &'static str {
    K::ALG
}

impl JwtKey {
    /// Returns the algorithm of the key, as it stands in `alg`.
    #[must_use]
    pub fn alg(&self) -> &'static str {
        with_verifier!(self, key => alg_of(key))
    }

    /// [`Error::NoSigningKey`] for a key that only verifies.
    fn check_signs(&self) -> Result<()> {
        with_signer!(self, _key => Ok(()))
    }
}

macro_rules! from_key {
    ($($type:ty => $make:expr;)*) => {$(
        impl From<$type> for JwtKey {
            fn from(key: $type) -> Self {
                let make: fn($type) -> Self = $make;
                make(key)
            }
        }
    )*};
}

from_key! {
    Hs256Key => Self::Hs256;
    Hs384Key => Self::Hs384;
    Hs512Key => Self::Hs512;
}

#[cfg(feature = "es256")]
from_key! {
    Es256VerifyingKey => Self::Es256;
    Es256SigningKey => Self::Es256Signing;
}

#[cfg(feature = "eddsa")]
from_key! {
    EdDsaVerifyingKey => Self::EdDsa;
    EdDsaSigningKey => Self::EdDsaSigning;
}

/// The period in which a key verifies. It does not limit signing, which [`KeySet::set_signing_key`] controls.
///
/// ```
/// use countersign::jwt::{JwtBuilder, JwtError, KeySet, Policy, ValidityPeriod};
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::{ClockError, UnixTime};
///
/// let at = UnixTime::from_secs;
/// let january = ValidityPeriod { from: at(1_767_225_600), until: at(1_769_904_000) };
/// let mut keys = KeySet::<1>::new();
/// keys.insert("2026-01", Hs256Key::new(b"an obvious test key of 32 bytes!")?, january)?;
/// keys.set_signing_key("2026-01")?;
/// let mut out = [0; 192];
/// let token = keys.sign(&JwtBuilder::new().expires_at(UnixTime::from_secs(1_800_000_000)), &mut out)?;
/// let at = |now| keys.verify(token.as_bytes(), &Policy::new(0), UnixTime::from_secs(now), &mut [0; 192]).err();
/// assert_eq!(at(1_769_903_999), None);
/// assert_eq!(at(1_769_904_000), Some(JwtError::Invalid));
/// assert_eq!(at(0), Some(JwtError::Clock(ClockError::NotSet)));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ValidityPeriod {
    /// The first second of the period.
    pub from: UnixTime,
    /// The first second after the period.
    pub until: UnixTime,
}

impl ValidityPeriod {
    /// A period without limits.
    pub const ALWAYS: Self = Self { from: UnixTime::from_secs(0), until: UnixTime::from_secs(u64::MAX) };

    /// False if the time is outside; a clock that cannot be used does not tell.
    fn may_contain(self, now: ClockReading) -> bool {
        now.time().is_err() || (self.from <= now.raw() && now.raw() < self.until)
    }

    /// A clock is not asked for a key that never begins or ends.
    fn check_clock(self, now: ClockReading) -> Result<(), ClockError> {
        if self == Self::ALWAYS { Ok(()) } else { now.time().map(drop) }
    }
}

#[derive(Debug)]
struct Entry {
    kid: heapless::String<MAX_KID>,
    key: JwtKey,
    validity: ValidityPeriod,
}

/// Up to `N` keys by key id, each with its algorithm.
///
/// A token whose header names another algorithm than that of the key is refused. A token that names a key id is
/// verified with that key alone. A token without a key id is tried with every key of its algorithm.
///
/// [`key::KeyRing`](crate::key::KeyRing) is another type, which holds token keys by slot.
///
/// ```
/// use countersign::jwt::{JwtBuilder, KeySet, Policy, ValidityPeriod};
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::UnixTime;
///
/// let mut keys = KeySet::<2>::new();
/// keys.insert("2026-01", Hs256Key::new(b"an obvious test key of 32 bytes!")?, ValidityPeriod::ALWAYS)?;
/// keys.insert("2026-02", Hs256Key::new(b"another obvious test key, again!")?, ValidityPeriod::ALWAYS)?;
/// keys.set_signing_key("2026-02")?;
///
/// let now = UnixTime::from_secs(1_767_225_600);
/// let mut out = [0; 192];
/// let claims = JwtBuilder::new().subject("alice").expires_at(UnixTime::from_secs(1_767_229_200));
/// let token = keys.sign(&claims, &mut out)?;
/// let mut scratch = [0; 192];
/// let verified = keys.verify(token.as_bytes(), &Policy::new(30), now, &mut scratch).unwrap();
/// assert_eq!(verified.key_id().unwrap(), "2026-02");
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "jwk")]
#[doc(alias = "jwks")]
#[doc(alias = "keyring")]
#[doc(alias = "kid")]
#[derive(Debug, Default)]
pub struct KeySet<const N: usize> {
    entries: heapless::Vec<Entry, N>,
    signing: Option<usize>,
}

impl<const N: usize> KeySet<N> {
    /// Creates an empty key set, which verifies nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: heapless::Vec::new(), signing: None }
    }

    /// Adds a key under a key id.
    ///
    /// # Errors
    /// [`Error::InvalidKeyId`] if the id is not 1 to 64 bytes, [`Error::KeyIdTaken`] if another key has it,
    /// [`Error::KeyRingFull`] if the set has `N` keys.
    #[doc(alias = "kid")]
    pub fn insert(&mut self, kid: &str, key: impl Into<JwtKey>, validity: ValidityPeriod) -> Result<()> {
        let name = heapless::String::try_from(kid).map_err(|_| Error::InvalidKeyId)?;
        if kid.is_empty() {
            return Err(Error::InvalidKeyId);
        }
        if self.entries.iter().any(|entry| entry.kid == kid) {
            return Err(Error::KeyIdTaken);
        }
        self.entries.push(Entry { kid: name, key: key.into(), validity }).map_err(|_| Error::KeyRingFull)
    }

    /// Chooses the key that signs from now on, with its key id in the header.
    ///
    /// # Errors
    /// [`Error::UnknownKeyId`] if no key has this id, [`Error::NoSigningKey`] if the key can only verify.
    pub fn set_signing_key(&mut self, kid: &str) -> Result<()> {
        let index = self.entries.iter().position(|entry| entry.kid == kid).ok_or(Error::UnknownKeyId)?;
        self.entries.get(index).ok_or(Error::UnknownKeyId)?.key.check_signs()?;
        self.signing = Some(index);
        Ok(())
    }

    /// Drops a key. If it was the signing key, the set has none afterwards.
    ///
    /// # Errors
    /// [`Error::UnknownKeyId`] if no key has this id.
    pub fn remove(&mut self, kid: &str) -> Result<()> {
        let index = self.entries.iter().position(|entry| entry.kid == kid).ok_or(Error::UnknownKeyId)?;
        // Dropped where it lies: moved out, it would leave its bytes behind.
        let last = self.entries.len().saturating_sub(1);
        self.entries.swap(index, last);
        self.entries.truncate(last);
        self.signing = match self.signing {
            Some(signing) if signing == index => None,
            Some(signing) if signing == last => Some(index),
            other => other,
        };
        Ok(())
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if the set has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Signs a JWT with the chosen key and names its key id in the header.
    ///
    /// # Errors
    /// [`Error::NoSigningKey`] if no signing key was chosen. All other errors occur when [`JwtBuilder::sign`] returns
    /// them.
    #[doc(alias = "encode")]
    pub fn sign<'b>(&self, claims: &JwtBuilder<'_>, out: &'b mut [u8]) -> Result<&'b str> {
        let (kid, key) = self.signing_key()?;
        let claims = claims.key_id(kid);
        with_signer!(key, key => claims.sign(key, out))
    }

    /// Signs a JWT together with the claims of a struct or map, like [`JwtBuilder::sign_with_claims`].
    ///
    /// # Errors
    /// [`Error::NoSigningKey`] if no signing key was chosen. All other errors occur when
    /// [`JwtBuilder::sign_with_claims`] returns them.
    #[cfg(feature = "serde")]
    pub fn sign_with_claims<'b>(
        &self,
        claims: &JwtBuilder<'_>,
        private: &impl serde::Serialize,
        out: &'b mut [u8],
    ) -> Result<&'b str> {
        let (kid, key) = self.signing_key()?;
        let claims = claims.key_id(kid);
        with_signer!(key, key => claims.sign_with_claims(private, key, out))
    }

    /// The key that signs and its id, chosen together.
    fn signing_key(&self) -> Result<(&str, &JwtKey)> {
        let entry = self.signing.and_then(|index| self.entries.get(index)).ok_or(Error::NoSigningKey)?;
        Ok((&entry.kid, &entry.key))
    }

    /// Verifies a token and makes all checks of a policy.
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the token is malformed or its signature is not valid, [`JwtError::Policy`] if a check
    /// fails, [`JwtError::TooLong`] if `scratch` is too short, [`JwtError::Clock`] if the key has a [`ValidityPeriod`]
    /// and `now` is unusable. For an expired token, call [`authenticate`](KeySet::authenticate) and
    /// [`AuthenticJwt::check_expired`].
    #[doc(alias = "decode")]
    pub fn verify<'b>(
        &self,
        token: &[u8],
        policy: &Policy<'_>,
        now: impl Into<ClockReading>,
        scratch: &'b mut [u8],
    ) -> Result<VerifiedJwt<'b>, JwtError> {
        let token = UnverifiedJwt::parse(token)?;
        let now = now.into();
        Ok(self.authenticate(&token, now, scratch)?.check(policy, now)?)
    }

    /// Finds the key, verifies the signature, and decodes header and claims into `scratch`.
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the token is malformed or its signature is not valid, [`JwtError::TooLong`] if
    /// `scratch` is shorter than [`scratch_len`](UnverifiedJwt::scratch_len), [`JwtError::Clock`] if the key has a
    /// [`ValidityPeriod`] and `now` is unusable.
    pub fn authenticate<'b>(
        &self,
        token: &UnverifiedJwt<'_>,
        now: impl Into<ClockReading>,
        scratch: &'b mut [u8],
    ) -> Result<AuthenticJwt<'b>, JwtError> {
        let (header, payload) = self.authentic_parts(token, now.into(), scratch)?;
        let claims = Claims::decode(payload).ok_or(JwtError::Invalid)?;
        Ok(AuthenticJwt { header, claims })
    }

    /// Verifies the signature of a payload of arbitrary bytes, like [`UnverifiedJwt::authenticate_jws`].
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the JWS is malformed or its signature is not valid, [`JwtError::TooLong`] if `scratch`
    /// is shorter than [`scratch_len`](UnverifiedJwt::scratch_len), [`JwtError::Clock`] if the key has a
    /// [`ValidityPeriod`] and `now` is unusable.
    pub fn authenticate_jws<'b>(
        &self,
        token: &UnverifiedJwt<'_>,
        with_known_crit: &[&str],
        now: impl Into<ClockReading>,
        scratch: &'b mut [u8],
    ) -> Result<AuthenticJws<'b>, JwtError> {
        let (header, payload) = self.authentic_parts(token, now.into(), scratch)?;
        AuthenticJws::decode(header, payload, with_known_crit).ok_or(JwtError::Invalid)
    }

    /// The header, read, and the payload, still as text, of a token that a key of the set has signed.
    fn authentic_parts<'b>(
        &self,
        token: &UnverifiedJwt<'_>,
        now: ClockReading,
        scratch: &'b mut [u8],
    ) -> Result<(Header<'b>, &'b mut [u8]), JwtError> {
        if token.header().len() > MAX_HEADER {
            return Err(JwtError::Invalid);
        }
        let (header, payload) = token.split_scratch(scratch)?;
        copy(token.header(), header);
        copy(token.payload(), payload);
        let header = Header::read(header).ok_or(JwtError::Invalid)?;
        let signer = self.entries.iter().find(|entry| entry.has_signed(token, &header, now));
        // The signature first: who forges learns nothing about this clock.
        signer.ok_or(JwtError::Invalid)?.validity.check_clock(now)?;
        Ok((header, payload))
    }
}

impl Entry {
    fn has_signed(&self, token: &UnverifiedJwt<'_>, header: &Header<'_>, now: ClockReading) -> bool {
        let is_named = header.key_id().is_none_or(|kid| kid == self.kid.as_str());
        let fits = is_named && header.alg_is(self.key.alg()) && self.validity.may_contain(now);
        fits && with_verifier!(&self.key, key => token.is_signed_by(key))
    }
}

impl<const N: usize> fmt::Display for KeySet<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| writeln!(f, "{} {}", Shown(&entry.kid), entry.key.alg()))
    }
}
