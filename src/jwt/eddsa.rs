//! EdDSA with Ed25519 (RFC 8037 section 3.1), strict: no keys of small order, and no signature with two spellings.

use super::algorithm::{JwsAlgorithm, SigningKey, VerifyingKey};
use crate::{Error, Result};
use core::fmt;
use ed25519_dalek::{Signature, Signer};

/// A public key that verifies Ed25519 signatures.
///
/// ```
/// use countersign::jwt::{JwtBuilder, UnverifiedJwt};
/// use countersign::jwt::keys::EdDsaSigningKey;
///
/// let signer = EdDsaSigningKey::new(b"an obvious test key of 32 bytes!")?;
/// let mut out = [0; 192];
/// let token = JwtBuilder::new().subject("alice").sign(&signer, &mut out)?;
/// let token = UnverifiedJwt::parse(token.as_bytes())?;
/// assert!(token.authenticate(&signer.verifying_key(), &mut [0; 192]).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct EdDsaVerifyingKey(ed25519_dalek::VerifyingKey);

impl EdDsaVerifyingKey {
    /// Reads a public key of 32 bytes.
    ///
    /// # Errors
    /// [`Error::PublicKey`] if the key is no point of the curve, is one of small order, or is not 32 bytes long.
    pub fn new(point: &[u8]) -> Result<Self> {
        let point: &[u8; 32] = point.try_into().map_err(|_| Error::PublicKey)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(point).map_err(|_| Error::PublicKey)?;
        if key.is_weak() { Err(Error::PublicKey) } else { Ok(Self(key)) }
    }

    /// Returns the 32 bytes of the public key.
    ///
    /// ```
    /// use countersign::jwt::keys::{EdDsaSigningKey, EdDsaVerifyingKey};
    ///
    /// let point = EdDsaSigningKey::new(b"an obvious test key of 32 bytes!")?.verifying_key().to_bytes();
    /// assert_eq!(EdDsaVerifyingKey::new(&point)?.to_bytes(), point);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

/// A private key that makes and verifies Ed25519 signatures. The key is wiped on drop.
///
/// ```
/// use countersign::jwt::keys::{EdDsaSigningKey, SigningKey, VerifyingKey};
///
/// let key = EdDsaSigningKey::new(b"an obvious test key of 32 bytes!")?;
/// let mut signature = [0; 64];
/// key.sign(b"a message", &mut signature)?;
/// assert!(key.verify(b"a message", &signature) && key.verifying_key().verify(b"a message", &signature));
/// # Ok::<(), countersign::Error>(())
/// ```
pub struct EdDsaSigningKey(ed25519_dalek::SigningKey);

impl EdDsaSigningKey {
    /// Reads a private key, the seed of 32 bytes.
    ///
    /// # Errors
    /// [`Error::PrivateKey`] if the seed is not 32 bytes long.
    pub fn new(seed: &[u8]) -> Result<Self> {
        let seed: &[u8; 32] = seed.try_into().map_err(|_| Error::PrivateKey)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// Returns the public key.
    #[must_use]
    pub fn verifying_key(&self) -> EdDsaVerifyingKey {
        EdDsaVerifyingKey(self.0.verifying_key())
    }
}

impl JwsAlgorithm for EdDsaVerifyingKey {
    const ALG: &'static str = "EdDSA";
    const SIGNATURE_LEN: usize = 64;
}

impl VerifyingKey for EdDsaVerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        is_signed(&self.0, message, signature)
    }
}

fn is_signed(key: &ed25519_dalek::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

impl JwsAlgorithm for EdDsaSigningKey {
    const ALG: &'static str = "EdDSA";
    const SIGNATURE_LEN: usize = 64;
}

impl VerifyingKey for EdDsaSigningKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        is_signed(self.0.as_ref(), message, signature)
    }
}

impl SigningKey for EdDsaSigningKey {
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<()> {
        let place: &mut [u8; 64] = signature.try_into().map_err(|_| Error::BufferTooSmall { needed: 64 })?;
        *place = self.0.try_sign(message).map_err(|_| Error::SigningFailed)?.to_bytes();
        Ok(())
    }
}

impl fmt::Debug for EdDsaVerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EdDsaVerifyingKey")
    }
}

impl fmt::Debug for EdDsaSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EdDsaSigningKey")
    }
}
