//! Traits of a signature algorithm, the same for HMAC, ECDSA, EdDSA and a key inside a secure element.

use crate::Result;
use crate::bytes::copy;
use crate::encoding::{Literal, base64url_decode_in_place, base64url_len};
use core::marker::PhantomData;

/// An algorithm of RFC 7518 or RFC 8037, as a property of a key's type.
///
/// ```
/// use countersign::jwt::keys::{Hs256Key, JwsAlgorithm};
///
/// assert_eq!((Hs256Key::ALG, Hs256Key::SIGNATURE_LEN), ("HS256", 32));
/// ```
#[doc(alias = "alg")]
pub trait JwsAlgorithm {
    /// The value of the header parameter `alg`: 1 to 20 printable characters of ASCII.
    const ALG: &'static str;

    /// The length of every signature in bytes, at most 64. A key with a larger one does not compile where it is used.
    const SIGNATURE_LEN: usize;
}

/// `{"alg":"…","typ":"JWT"}` in base64url: the header that a key writes, and need not parse. From [`ALG`](JwsAlgorithm::ALG), so that no
/// type can say one thing and mean another.
pub(super) struct OwnHeader<K>(PhantomData<K>);

impl<K: JwsAlgorithm> OwnHeader<K> {
    const LITERAL: Literal<64> = {
        assert!(is_plain(K::ALG.as_bytes()), "ALG is 1 to 20 printable characters of ASCII");
        Literal::new(&[br#"{"alg":""#, K::ALG.as_bytes(), br#"","typ":"JWT"}"#])
    };

    pub(super) const TEXT: &'static [u8] = Self::LITERAL.as_bytes();
}

/// True for characters that need no escape in JSON.
const fn is_plain(mut text: &[u8]) -> bool {
    if text.is_empty() || text.len() > 20 {
        return false;
    }
    while let [byte, rest @ ..] = text {
        if !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\\') {
            return false;
        }
        text = rest;
    }
    true
}

/// A key that verifies signatures.
///
/// ```
/// use countersign::jwt::keys::{JwsAlgorithm, VerifyingKey};
///
/// /// A verifier that only ever says no.
/// struct Never;
///
/// impl JwsAlgorithm for Never {
///     const ALG: &'static str = "HS256";
///     const SIGNATURE_LEN: usize = 32;
/// }
///
/// impl VerifyingKey for Never {
///     fn verify(&self, _message: &[u8], _signature: &[u8]) -> bool {
///         false
///     }
/// }
/// ```
#[doc(alias = "jwk")]
#[doc(alias = "Verifier")]
pub trait VerifyingKey: JwsAlgorithm {
    /// Returns true if `signature`, of [`SIGNATURE_LEN`](JwsAlgorithm::SIGNATURE_LEN) bytes, is valid for `message`.
    ///
    /// The comparison takes constant time where a secret is compared.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;

    /// Returns true if `text`, a signature in base64url, is valid for `message`. Only one spelling of a signature is
    /// accepted.
    // Why: never inlined, so that its stack is free again before header and claims are decoded.
    #[inline(never)]
    fn verify_encoded(&self, message: &[u8], text: &[u8]) -> bool {
        const { assert!(Self::SIGNATURE_LEN <= MAX_SIGNATURE, "signatures are at most 64 bytes") };
        if text.len() != base64url_len(Self::SIGNATURE_LEN) {
            return false;
        }
        // Public: it arrived in the token.
        let mut buf = [0; base64url_len(MAX_SIGNATURE)];
        let Some(place) = buf.get_mut(..text.len()) else { return false };
        copy(text, place);
        base64url_decode_in_place(place).is_some_and(|signature| self.verify(message, signature))
    }
}

/// Bytes of the longest signature of any algorithm here: that of HS512, ES256 and EdDSA.
pub(super) const MAX_SIGNATURE: usize = 64;

/// A key that signs, in memory or in a secure element. `examples/secure_element.rs` shows the latter.
///
/// ```
/// use countersign::jwt::keys::{Hs256Key, SigningKey, VerifyingKey};
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let mut signature = [0; 32];
/// key.sign(b"a message", &mut signature)?;
/// assert!(key.verify(b"a message", &signature));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "Signer")]
pub trait SigningKey: JwsAlgorithm {
    /// Signs `message` and fills `signature`, of [`SIGNATURE_LEN`](JwsAlgorithm::SIGNATURE_LEN) bytes.
    ///
    /// # Errors
    /// [`Error::SigningFailed`](crate::Error::SigningFailed) if the device that holds the key has failed.
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<()>;
}

impl<K: JwsAlgorithm> JwsAlgorithm for &K {
    const ALG: &'static str = K::ALG;
    const SIGNATURE_LEN: usize = K::SIGNATURE_LEN;
}

impl<K: VerifyingKey> VerifyingKey for &K {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (**self).verify(message, signature)
    }

    fn verify_encoded(&self, message: &[u8], text: &[u8]) -> bool {
        (**self).verify_encoded(message, text)
    }
}

impl<K: SigningKey> SigningKey for &K {
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<()> {
        (**self).sign(message, signature)
    }
}
