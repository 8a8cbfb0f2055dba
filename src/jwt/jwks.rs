//! JWK sets into a key ring (RFC 7517; RFC 7518 section 6; RFC 8037 section 2).

#[cfg(feature = "eddsa")]
use super::EdDsaKey;
#[cfg(feature = "es256")]
use super::Es256Key;
use super::header::HEADER;
use super::{Hs256Key, Hs384Key, Hs512Key, KeyRing, RingKey, Validity};
use crate::Error;
use crate::encoding::{base64url_decode_secret, base64url_decoded_len};
use crate::json::{self, Text};
use core::fmt;
use std::string::String;
use std::vec::Vec;
use zeroize::Zeroizing;

/// Why a JWK set was not taken. Nothing of it is in the ring then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JwkSetError {
    /// Not a JSON object with an array `keys` of objects, each without a member twice.
    Malformed,
    /// The key at this place, counted from 0, is malformed, weak or without a `kid`.
    Key(usize),
    /// Shared secrets and public keys in one set, which invites taking one for the other.
    Mixed,
    /// The ring refused a key: its id is taken or no id, or the ring is full.
    Ring(Error),
}

impl fmt::Display for JwkSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a JWK set"),
            Self::Key(place) => {
                write!(f, "key {place} of the set is malformed, weak or without a kid")
            }
            Self::Mixed => f.write_str("shared secrets and public keys in one set"),
            Self::Ring(error) => write!(f, "the ring took no key: {error}"),
        }
    }
}

impl core::error::Error for JwkSetError {}

/// Reads all keys of a JWK set into an empty ring.
///
/// Every key is pinned to its `alg`, or to the one that its curve implies; an `oct` key must name one. A key of another kind, curve or
/// algorithm, or for another use (`use`, `key_ops`), is passed over (RFC 7517 section 5). A key that is of a known kind and malformed, weak
/// or without a `kid` makes the whole set refused: half a set is a surprise later.
///
/// If no key is left, the ring is empty and refuses every token: ask [`KeyRing::is_empty`]. RSA is not among the algorithms; EC and Ed25519
/// keys are passed over without the feature `es256` or `eddsa`.
///
/// ```
/// use countersign::jwt::{KeyRing, read_jwk_set};
///
/// let set = r#"{"keys":[{"kty":"oct","kid":"a","alg":"HS256","use":"sig","k":"YW4gb2J2aW91cyB0ZXN0IGtleSBvZiAzMiBieXRlcyE"}]}"#;
/// let ring: KeyRing<4> = read_jwk_set(set)?;
/// assert_eq!(ring.len(), 1);
/// # Ok::<(), countersign::jwt::JwkSetError>(())
/// ```
///
/// # Errors
/// [`JwkSetError`]
pub fn read_jwk_set<const N: usize>(set: &str) -> Result<KeyRing<N>, JwkSetError> {
    let mut buf = Zeroizing::new(Vec::from(set));
    let object = json::normalise(&mut buf, &HEADER).ok_or(JwkSetError::Malformed)?;
    let keys = json::member(object.text, "keys").and_then(json::list).ok_or(JwkSetError::Malformed)?;
    let (mut ring, mut symmetric) = (KeyRing::new(), None);
    for (place, text) in keys.enumerate() {
        let mut copy = Zeroizing::new(Vec::from(text));
        // The set as a whole was checked for repeated members at its top; this is the top of a key.
        let object = json::normalise(&mut copy, &HEADER).ok_or(JwkSetError::Malformed)?;
        let jwk = Jwk { text: object.text };
        // Of every key, understood or not: what a set is must not depend on what this crate was built with.
        let Some(kty) = jwk.string("kty") else { continue };
        let is_symmetric = kty == "oct";
        if *symmetric.get_or_insert(is_symmetric) != is_symmetric {
            return Err(JwkSetError::Mixed);
        }
        if !jwk.is_understood() {
            continue;
        }
        let key = jwk.key().ok_or(JwkSetError::Key(place))?;
        let kid = jwk.string("kid").ok_or(JwkSetError::Key(place))?;
        ring.insert(&kid, key, Validity::ALWAYS).map_err(JwkSetError::Ring)?;
    }
    Ok(ring)
}

struct Jwk<'j> {
    text: &'j str,
}

impl Jwk<'_> {
    /// True for a key that is for verifying, of a kind, curve and algorithm that this crate has.
    fn is_understood(&self) -> bool {
        let text = |name| self.string(name);
        let (kty, crv, alg) = (text("kty"), text("crv"), text("alg"));
        let is_known = match (kty.as_deref(), crv.as_deref(), alg.as_deref()) {
            (Some("oct"), _, alg) => matches!(alg, Some("HS256" | "HS384" | "HS512")),
            (Some("EC"), Some("P-256"), alg) => cfg!(feature = "es256") && matches!(alg, None | Some("ES256")),
            (Some("OKP"), Some("Ed25519"), alg) => cfg!(feature = "eddsa") && matches!(alg, None | Some("EdDSA")),
            _ => false,
        };
        is_known && self.is_for_verifying()
    }

    fn key(&self) -> Option<RingKey> {
        let alg = if self.has("alg") { Some(self.string("alg")?) } else { None };
        let (kty, crv) = (self.string("kty")?, self.string("crv"));
        match (kty.as_str(), crv.as_deref(), alg.as_deref()) {
            ("oct", _, Some("HS256")) => Hs256Key::new(&self.bytes("k")?).ok().map(RingKey::from),
            ("oct", _, Some("HS384")) => Hs384Key::new(&self.bytes("k")?).ok().map(RingKey::from),
            ("oct", _, Some("HS512")) => Hs512Key::new(&self.bytes("k")?).ok().map(RingKey::from),
            #[cfg(feature = "es256")]
            ("EC", Some("P-256"), None | Some("ES256")) => {
                let (x, y) = (self.bytes("x")?, self.bytes("y")?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                (x.len() == 32 && y.len() == 32).then(|| Es256Key::from_sec1(&point).ok().map(RingKey::from))?
            }
            #[cfg(feature = "eddsa")]
            ("OKP", Some("Ed25519"), None | Some("EdDSA")) => EdDsaKey::new(&self.bytes("x")?).ok().map(RingKey::from),
            _ => None,
        }
    }

    /// `use` and `key_ops`, where they are there, must allow verifying (RFC 7517 sections 4.2 and 4.3).
    fn is_for_verifying(&self) -> bool {
        let use_fits = !self.has("use") || self.string("use").is_some_and(|purpose| purpose == "sig");
        use_fits && self.value("key_ops").is_none_or(is_list_with_verify)
    }

    fn value(&self, name: &str) -> Option<&str> {
        json::member(self.text, name)
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn string(&self, name: &str) -> Option<String> {
        Text::of_value(self.value(name)?).map(|text| text.chars().collect())
    }

    fn bytes(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let text = Text::of_value(self.value(name)?)?.as_str()?;
        let mut bytes = Zeroizing::new(std::vec![0; base64url_decoded_len(text.len())]);
        base64url_decode_secret(text.as_bytes(), &mut bytes).then_some(bytes)
    }
}

/// True for an array of strings that has `verify` among them.
fn is_list_with_verify(value: &str) -> bool {
    json::list(value).is_some_and(|mut list| {
        list.clone().all(|one| Text::of_value(one).is_some())
            && list.any(|one| Text::of_value(one).is_some_and(|one| one == "verify"))
    })
}
