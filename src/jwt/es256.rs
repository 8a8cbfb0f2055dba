//! ES256: ECDSA with P-256 and SHA-256, a signature of two numbers side by side (RFC 7518 section 3.4).
//!
//! Anybody can turn an ECDSA signature (r, s) into the equally valid (r, −s), so that a token has two texts. Use `jti`
//! as the key of replay tables and caches.

use super::algorithm::{JwsAlgorithm, SigningKey, VerifyingKey};
use crate::{Error, Result};
use core::fmt;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{self, Signature};

/// A public key that verifies ES256 signatures.
///
/// ```
/// use countersign::jwt::{JwtBuilder, UnverifiedJwt};
/// use countersign::jwt::keys::Es256SigningKey;
///
/// let signer = Es256SigningKey::new(b"an obvious test key of 32 bytes!")?;
/// let mut out = [0; 192];
/// let token = JwtBuilder::new().subject("alice").sign(&signer, &mut out)?;
/// let token = UnverifiedJwt::parse(token.as_bytes())?;
/// assert!(token.authenticate(&signer.verifying_key(), &mut [0; 192]).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Es256VerifyingKey(ecdsa::VerifyingKey);

impl Es256VerifyingKey {
    /// Reads a public key in SEC1 form: `04 x y` (65 bytes), or compressed (33 bytes).
    ///
    /// # Errors
    /// [`Error::PublicKey`] if the key is no point of the curve.
    pub fn from_sec1(point: &[u8]) -> Result<Self> {
        ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self).map_err(|_| Error::PublicKey)
    }

    /// Returns the public key in SEC1 form, not compressed: `04 x y`.
    ///
    /// ```
    /// use countersign::jwt::keys::{Es256SigningKey, Es256VerifyingKey};
    ///
    /// let point = Es256SigningKey::new(b"an obvious test key of 32 bytes!")?.verifying_key().to_sec1();
    /// assert_eq!(Es256VerifyingKey::from_sec1(&point)?.to_sec1(), point);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn to_sec1(&self) -> [u8; 65] {
        let point = self.0.to_sec1_point(false);
        // Not compressed, a point is always 65 bytes.
        point.as_bytes().try_into().unwrap_or([0; 65])
    }
}

/// A private key that makes ES256 signatures, deterministically (RFC 6979), and verifies them. The key is wiped on
/// drop.
///
/// ```
/// use countersign::jwt::keys::{Es256SigningKey, SigningKey, VerifyingKey};
///
/// let key = Es256SigningKey::new(b"an obvious test key of 32 bytes!")?;
/// let mut signature = [0; 64];
/// key.sign(b"a message", &mut signature)?;
/// assert!(key.verify(b"a message", &signature) && key.verifying_key().verify(b"a message", &signature));
/// # Ok::<(), countersign::Error>(())
/// ```
pub struct Es256SigningKey(ecdsa::SigningKey);

impl Es256SigningKey {
    /// Reads a private key of 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`Error::PrivateKey`] if the number is zero or too large, or the key is not 32 bytes long.
    pub fn new(scalar: &[u8]) -> Result<Self> {
        // Shorter ones would be filled up with zeros.
        let scalar: &[u8; 32] = scalar.try_into().map_err(|_| Error::PrivateKey)?;
        ecdsa::SigningKey::from_slice(scalar).map(Self).map_err(|_| Error::PrivateKey)
    }

    /// Returns the public key.
    #[must_use]
    pub fn verifying_key(&self) -> Es256VerifyingKey {
        Es256VerifyingKey(*self.0.verifying_key())
    }
}

impl JwsAlgorithm for Es256VerifyingKey {
    const ALG: &'static str = "ES256";
    const SIGNATURE_LEN: usize = 64;
}

impl VerifyingKey for Es256VerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        is_signed(&self.0, message, signature)
    }
}

fn is_signed(key: &ecdsa::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

impl JwsAlgorithm for Es256SigningKey {
    const ALG: &'static str = "ES256";
    const SIGNATURE_LEN: usize = 64;
}

impl VerifyingKey for Es256SigningKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        is_signed(self.0.verifying_key(), message, signature)
    }
}

impl SigningKey for Es256SigningKey {
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<()> {
        let made: Signature = self.0.try_sign(message).map_err(|_| Error::SigningFailed)?;
        let place: &mut [u8; 64] = signature.try_into().map_err(|_| Error::BufferTooSmall { needed: 64 })?;
        *place = made.to_bytes().into();
        Ok(())
    }
}

impl fmt::Debug for Es256VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Es256VerifyingKey")
    }
}

impl fmt::Debug for Es256SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Es256SigningKey")
    }
}
