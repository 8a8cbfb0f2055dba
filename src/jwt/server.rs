//! Signing and verifying of strings in one call, for servers.

use super::algorithm::{SigningKey, VerifyingKey};
use super::builder::JwtBuilder;
use super::error::JwtError;
use super::key_set::KeySet;
use super::owned::OwnedJwt;
use super::policy::Policy;
use super::unverified::UnverifiedJwt;
use crate::{ClockReading, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::string::String;
use std::vec::Vec;

/// A key or key set that signs JWTs into strings: any [`SigningKey`](super::keys::SigningKey), or a [`KeySet`] with its
/// chosen key.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::jwt::{Policy, SignJwt, VerifyJwt};
/// use countersign::jwt::keys::Hs256Key;
/// use std::time::Duration;
///
/// #[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
/// struct Access {
///     sub: String,
///     exp: u64,
///     roles: Vec<String>,
/// }
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let now = UnixTime::now();
/// let exp = (now + Duration::from_secs(3600)).as_secs();
/// let access = Access { sub: "alice".into(), exp, roles: vec!["admin".into()] };
/// let token = key.sign_claims(&access)?;
/// let read: Access = key.verify_claims(&token, &Policy::new(30), now)?; // a leeway of 30 seconds
/// assert_eq!(read, access);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SignJwt {
    /// Signs the registered claims, private claims and header parameters of a builder.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`](crate::Error::BufferTooSmall) never occurs. All other errors occur when
    /// [`JwtBuilder::sign`] returns them.
    #[doc(alias = "encode")]
    #[doc(alias = "sign_to_string")]
    fn sign_jwt(&self, builder: &JwtBuilder<'_>) -> Result<String>;

    /// Signs the claims of a struct or map, with a plain header.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`](crate::Error::BufferTooSmall) never occurs. All other errors occur when
    /// [`JwtBuilder::sign_with_claims`] returns them.
    #[doc(alias = "encode")]
    #[doc(alias = "sign_to_string")]
    fn sign_claims(&self, claims: &impl Serialize) -> Result<String>;
}

/// A key or key set that verifies the signature and the policy of a string in one call.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::jwt::{JwtBuilder, KeySet, Policy, SignJwt, ValidityPeriod, VerifyJwt};
/// use countersign::jwt::keys::Hs256Key;
///
/// const POLICY: Policy<'_> = Policy::new(30).issuer("https://issuer.example");
///
/// let mut keys = KeySet::<4>::new();
/// keys.insert("2026-01", Hs256Key::new(b"an obvious test key of 32 bytes!")?, ValidityPeriod::ALWAYS)?;
/// keys.set_signing_key("2026-01")?;
/// let expires_at = UnixTime::from_secs(1_767_229_200);
/// let token = keys.sign_jwt(&JwtBuilder::new().issuer("https://issuer.example").expires_at(expires_at))?;
/// let jwt = keys.verify_jwt(&token, &POLICY, UnixTime::from_secs(1_767_225_600))?;
/// assert_eq!(jwt.header().key_id().unwrap(), "2026-01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait VerifyJwt {
    /// Verifies signature and policy, and returns a JWT that owns its header and claims.
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the token is malformed or its signature is not valid, [`JwtError::Policy`] if a check
    /// fails, [`JwtError::Claims`] if a claim of [`Policy::require_private`] is missing. With a [`KeySet`],
    /// [`JwtError::Clock`] if the key has a validity period and `now` is unusable.
    #[doc(alias = "decode")]
    fn verify_jwt(&self, token: &str, policy: &Policy<'_>, now: impl Into<ClockReading>) -> Result<OwnedJwt, JwtError>;

    /// Verifies signature and policy, and reads the claims into a type.
    ///
    /// # Errors
    /// [`JwtError::Claims`] if a claim does not fit its field, with the claim's name. All other errors occur when
    /// [`verify_jwt`](VerifyJwt::verify_jwt) returns them.
    #[doc(alias = "decode")]
    fn verify_claims<T: DeserializeOwned>(
        &self,
        token: &str,
        policy: &Policy<'_>,
        now: impl Into<ClockReading>,
    ) -> Result<T, JwtError> {
        Ok(self.verify_jwt(token, policy, now)?.claims().deserialize()?)
    }
}

impl<K: SigningKey> SignJwt for K {
    fn sign_jwt(&self, builder: &JwtBuilder<'_>) -> Result<String> {
        into_string(|out| builder.sign(self, out).map(str::len))
    }

    fn sign_claims(&self, claims: &impl Serialize) -> Result<String> {
        into_string(|out| JwtBuilder::new().sign_with_claims(claims, self, out).map(str::len))
    }
}

impl<const N: usize> SignJwt for KeySet<N> {
    fn sign_jwt(&self, builder: &JwtBuilder<'_>) -> Result<String> {
        into_string(|out| self.sign(builder, out).map(str::len))
    }

    fn sign_claims(&self, claims: &impl Serialize) -> Result<String> {
        into_string(|out| self.sign_with_claims(&JwtBuilder::new(), claims, out).map(str::len))
    }
}

impl<K: VerifyingKey> VerifyJwt for K {
    fn verify_jwt(&self, token: &str, policy: &Policy<'_>, now: impl Into<ClockReading>) -> Result<OwnedJwt, JwtError> {
        let token = UnverifiedJwt::parse(token.as_bytes())?;
        let mut scratch = std::vec![0; token.scratch_len()];
        Ok(token.authenticate(self, &mut scratch)?.check(policy, now)?.into())
    }
}

impl<const N: usize> VerifyJwt for KeySet<N> {
    fn verify_jwt(&self, token: &str, policy: &Policy<'_>, now: impl Into<ClockReading>) -> Result<OwnedJwt, JwtError> {
        let token = UnverifiedJwt::parse(token.as_bytes())?;
        let mut scratch = std::vec![0; token.scratch_len()];
        let now = now.into();
        Ok(self.authenticate(&token, now, &mut scratch)?.check(policy, now)?.into())
    }
}

/// Room for nearly every token at once.
const FIRST: usize = 1024;

/// What `sign` writes, of which it returns the length. It is asked again with the room that it needs, which it tells before it signs.
fn into_string(sign: impl Fn(&mut [u8]) -> Result<usize>) -> Result<String> {
    let mut out: Vec<u8> = std::vec![0; FIRST];
    let len = match sign(&mut out) {
        Err(Error::BufferTooSmall { needed }) => {
            out.resize(needed, 0);
            sign(&mut out)?
        }
        outcome => outcome?,
    };
    out.truncate(len);
    String::from_utf8(out).map_err(|_| Error::Malformed)
}
