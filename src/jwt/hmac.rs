//! HS256, HS384 and HS512 (RFC 7518 section 3.2), with keys prepared once and at least as long as the hash.

use super::algorithm::MAX_SIGNATURE;
use super::algorithm::{JwsAlgorithm, SigningKey, VerifyingKey};
use crate::bytes::copy;
use crate::encoding::{base64url_decode_in_place, base64url_len};
use crate::hmac::PreparedKey;
use crate::{Error, Result, constant_time};
use core::fmt;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// Text that was meant for another kind of key: as an HMAC key it would be public (RFC 8725 section 2.1).
fn looks_public(key: &[u8]) -> bool {
    const MARKS: [&str; 8] = [
        "-----BEGIN",
        "---- BEGIN",
        "ssh-ed25519 ",
        "ssh-rsa ",
        "ssh-dss ",
        "ecdsa-sha2-",
        "ssh-ed25519@openssh.com",
        // A JWK as text: its `k` is the key.
        "\"kty\"",
    ];
    MARKS.iter().any(|mark| constant_time::contains(key, mark.as_bytes()))
}

/// Refuses what is no secret of `least` bytes.
fn check(key: &[u8], least: usize) -> Result<()> {
    if looks_public(key) {
        Err(Error::KeyLooksPublic)
    } else if key.len() < least {
        Err(Error::KeyTooShort { got: key.len(), least })
    } else if constant_time::is_one_byte_repeated(key) {
        Err(Error::KeyRepeated)
    } else {
        Ok(())
    }
}

/// True if a signature, which arrived as text and so is public, is the expected one.
#[inline(never)]
fn is_text_of(text: &[u8], expected: &[u8]) -> bool {
    let mut buf = [0; base64url_len(MAX_SIGNATURE)];
    let Some(place) = buf.get_mut(..text.len()) else { return false };
    copy(text, place);
    base64url_decode_in_place(place).is_some_and(|signature| constant_time::eq(signature, expected))
}

macro_rules! hmac_key {
    ($name:ident, $digest:ty, $alg:literal, $len:literal) => {
        #[doc = concat!("An HMAC key of ", $alg, " with both pads absorbed. The key is wiped on drop.")]
        ///
        /// ```
        #[doc = concat!("use countersign::jwt::keys::", stringify!($name), ";")]
        ///
        #[doc = concat!("let key = ", stringify!($name), "::new(&*b\"an obvious test key\".repeat(4))?;")]
        #[doc = concat!("assert_eq!(format!(\"{key:?}\"), \"", stringify!($name), "\");")]
        #[doc = concat!("assert!(", stringify!($name), "::new(b\"too short\").is_err());")]
        /// # Ok::<(), countersign::Error>(())
        /// ```
        #[doc(alias = "hmac")]
        pub struct $name(PreparedKey<$digest>);

        impl $name {
            #[doc = concat!("Prepares a key of at least ", $len, " bytes, the length of the hash.")]
            ///
            /// # Errors
            /// [`Error::KeyTooShort`] if the key is shorter than the hash, [`Error::KeyRepeated`] if it is a
            /// placeholder, such as zeros, [`Error::KeyLooksPublic`] if it is PEM, SSH or JWK text, which belongs to
            /// another algorithm or has yet to be decoded.
            pub fn new(key: &[u8]) -> Result<Self> {
                check(key, $len)?;
                Self::for_test_vectors(key)
            }

            /// Prepares any key, even one that [`new`](Self::new) refuses. Such a key protects nothing.
            ///
            /// # Errors
            /// Never fails at present, since HMAC takes keys of any length.
            // Why: published test vectors have keys that are short or of one repeated byte.
            #[inline(never)]
            pub fn for_test_vectors(key: &[u8]) -> Result<Self> {
                PreparedKey::new(key).map(Self)
            }
        }

        impl JwsAlgorithm for $name {
            const ALG: &'static str = $alg;
            const SIGNATURE_LEN: usize = $len;
        }

        impl VerifyingKey for $name {
            fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
                let mut expected = Zeroizing::new([0; $len]);
                self.0.write_tag(message, (&mut *expected).into());
                constant_time::eq(&*expected, signature)
            }

            /// Decodes behind the MAC and not in front of it, so that the stack is not taken by both at once.
            #[inline(never)]
            fn verify_encoded(&self, message: &[u8], text: &[u8]) -> bool {
                let mut expected = Zeroizing::new([0; $len]);
                self.0.write_tag(message, (&mut *expected).into());
                is_text_of(text, &*expected)
            }
        }

        impl SigningKey for $name {
            fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<()> {
                let place: &mut [u8; $len] =
                    signature.try_into().map_err(|_| Error::BufferTooSmall { needed: $len })?;
                self.0.write_tag(message, place.into());
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

hmac_key!(Hs256Key, Sha256, "HS256", 32);
hmac_key!(Hs384Key, Sha384, "HS384", 48);
hmac_key!(Hs512Key, Sha512, "HS512", 64);
