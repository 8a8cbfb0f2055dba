//! What the tests of JWTs share: keys, and tokens that are signed by hand.

use base64ct::{Base64UrlUnpadded, Encoding};
use countersign::UnixTime;
use countersign::jwt::keys::{Hs256Key, SigningKey};
use countersign::jwt::{JwtKey, KeySet, ValidityPeriod};

pub(crate) const SECRET: &[u8; 32] = b"an obvious test key of 32 bytes!";

pub(crate) const LONG_SECRET: &[u8; 64] = b"an obvious test key of 64 bytes, the same for all of the hashes!";

pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) fn key() -> Hs256Key {
    Hs256Key::new(SECRET).unwrap()
}

pub(crate) fn ring_of(key: impl Into<JwtKey>) -> KeySet<1> {
    let mut ring = KeySet::new();
    ring.insert("k", key, ValidityPeriod::ALWAYS).unwrap();
    ring
}

pub(crate) fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// A token of any two parts, under a good signature.
pub(crate) fn signed_parts(key: &impl SigningKey, header: &str, payload: &str) -> Vec<u8> {
    fn signature<K: SigningKey>(key: &K, message: &str) -> String {
        let mut signature = vec![0; K::SIGNATURE_LEN];
        key.sign(message.as_bytes(), &mut signature).unwrap();
        base64url(signature)
    }
    let message = format!("{header}.{payload}");
    format!("{message}.{}", signature(key, &message)).into_bytes()
}

pub(crate) fn signed(key: &impl SigningKey, header: &str, payload: impl AsRef<[u8]>) -> Vec<u8> {
    signed_parts(key, &base64url(header), &base64url(payload))
}

/// A token of any bytes, signed by hand.
pub(crate) fn token(payload: impl AsRef<[u8]>) -> Vec<u8> {
    signed(&key(), r#"{"alg":"HS256"}"#, payload)
}
