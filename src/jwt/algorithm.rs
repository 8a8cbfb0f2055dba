//! What a signature algorithm offers: the same small traits for HMAC, ECDSA, EdDSA, and a key inside of a secure element.

use crate::Result;
use crate::encoding::{base64url_decode, base64url_len};

/// An algorithm of RFC 7518 or RFC 8037, as a property of a key's type.
pub trait Algorithm {
    /// The value of the header parameter `alg`.
    const ALG: &'static str;

    /// Bytes of a signature: always the same, and at most 64. A key with a longer one does not compile where it is used.
    const SIGNATURE_LEN: usize;

    /// `{"alg":"…","typ":"JWT"}` in base64url: a header equal to it need not be parsed. Empty when the type has none prepared.
    const HEADER: &'static str = "";
}

/// A key that verifies.
///
/// ```
/// use countersign::jwt::{Algorithm, Verify};
///
/// /// A verifier that only ever says no.
/// struct Never;
///
/// impl Algorithm for Never {
///     const ALG: &'static str = "HS256";
///     const SIGNATURE_LEN: usize = 32;
/// }
///
/// impl Verify for Never {
///     fn verify(&self, _message: &[u8], _signature: &[u8]) -> bool {
///         false
///     }
/// }
/// ```
pub trait Verify: Algorithm {
    /// True if `signature`, of [`SIGNATURE_LEN`](Algorithm::SIGNATURE_LEN) bytes, is good for `message`. Constant-time where a secret
    /// is compared.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;

    /// The same for a signature in base64url, as it stands in a token. Refuses every spelling but one.
    fn verify_encoded(&self, message: &[u8], text: &[u8]) -> bool {
        const { assert!(Self::SIGNATURE_LEN <= MAX_SIGNATURE, "signatures are at most 64 bytes") };
        let mut buf = [0; MAX_SIGNATURE];
        // The codec wants a place that fits. It is the constant-time one: a signature may be a secret until it has been compared.
        let Some(signature) = buf.get_mut(..Self::SIGNATURE_LEN) else { return false };
        text.len() == base64url_len(signature.len())
            && base64url_decode(text, signature)
            && self.verify(message, signature)
    }
}

/// Bytes of the longest signature of any algorithm here: that of HS512, ES256 and EdDSA.
pub(super) const MAX_SIGNATURE: usize = 64;

/// A key that signs, here or in a secure element.
pub trait Sign: Algorithm {
    /// Fills `signature`, of [`SIGNATURE_LEN`](Algorithm::SIGNATURE_LEN) bytes.
    ///
    /// # Errors
    /// [`Error::Signer`](crate::Error::Signer) if the device that holds the key has failed.
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<()>;
}

impl<K: Algorithm> Algorithm for &K {
    const ALG: &'static str = K::ALG;
    const SIGNATURE_LEN: usize = K::SIGNATURE_LEN;
    const HEADER: &'static str = K::HEADER;
}

impl<K: Verify> Verify for &K {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (**self).verify(message, signature)
    }

    fn verify_encoded(&self, message: &[u8], text: &[u8]) -> bool {
        (**self).verify_encoded(message, text)
    }
}

impl<K: Sign> Sign for &K {
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<()> {
        (**self).sign(message, signature)
    }
}
