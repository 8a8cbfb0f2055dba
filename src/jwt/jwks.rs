//! JWK sets, read into a key set (RFC 7517; RFC 7518 section 6; RFC 8037 section 2).

#[cfg(feature = "eddsa")]
use super::eddsa::EdDsaVerifyingKey;
#[cfg(feature = "es256")]
use super::es256::Es256VerifyingKey;
use super::header::HEADER;
use super::hmac::{Hs256Key, Hs384Key, Hs512Key};
use super::json::{self, JsonStr};
use super::{JwtKey, KeySet, ValidityPeriod};
use crate::Error;
use crate::encoding::{base64url_decode_secret, base64url_decoded_len};
use core::fmt;
use std::string::String;
use std::vec::Vec;
use zeroize::Zeroizing;

/// Error of a JWK set. A refused JWK set yields no key at all.
#[doc(alias = "jwks")]
#[doc(alias = "jwk")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JwksError {
    /// The text is no JSON object with an array `keys` of objects, or an object repeats a member.
    Malformed,
    /// The key at this index, counted from 0, is malformed, weak or without a `kid`.
    Key(usize),
    /// The set mixes shared secrets and public keys. Split it in two, so that none is taken for the other.
    Mixed,
    /// The key set is full, or the id of a key is taken or too long.
    KeySet(Error),
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a JWK set: a JSON object with an array `keys` of objects is expected"),
            Self::Key(index) => {
                write!(f, "key {index} of the JWK set, counted from 0, is malformed, weak or without a kid")
            }
            Self::Mixed => f.write_str("the JWK set has shared secrets and public keys: split it in two"),
            Self::KeySet(_) => f.write_str("a key of the JWK set was not taken by the key set"),
        }
    }
}

impl core::error::Error for JwksError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::KeySet(error) => Some(error),
            Self::Malformed | Self::Key(_) | Self::Mixed => None,
        }
    }
}

impl<const N: usize> KeySet<N> {
    /// Reads all keys of a JWK set into a new key set.
    ///
    /// Every key is bound to its `alg`, or to the one that its curve implies; an `oct` key must name one. A key of
    /// another kind, curve or algorithm, or for another use (`use`, `key_ops`), is skipped (RFC 7517 section 5). A key
    /// of a known kind that is malformed, weak or without a `kid` makes the call fail.
    ///
    /// If no key is left, the key set is empty and refuses every token: check [`KeySet::is_empty`]. RSA is not among
    /// the algorithms. Without the feature `es256` or `eddsa`, EC and Ed25519 keys are skipped.
    ///
    /// ```
    /// use countersign::jwt::KeySet;
    ///
    /// let set = r#"{"keys":[{"kty":"oct","kid":"a","alg":"HS256","use":"sig",
    ///     "k":"YW4gb2J2aW91cyB0ZXN0IGtleSBvZiAzMiBieXRlcyE"}]}"#;
    /// let keys: KeySet<4> = KeySet::from_jwks(set)?;
    /// assert_eq!(keys.len(), 1);
    /// # Ok::<(), countersign::jwt::JwksError>(())
    /// ```
    ///
    /// # Errors
    /// [`JwksError::Malformed`] if the text is no JWK set, [`JwksError::Key`] if a key is unusable,
    /// [`JwksError::Mixed`] if the set mixes shared secrets and public keys, [`JwksError::KeySet`] if it has more than
    /// `N` keys, or a key id that is taken or too long.
    #[doc(alias = "jwk")]
    #[doc(alias = "jwks")]
    pub fn from_jwks(text: &str) -> Result<Self, JwksError> {
        let mut buf = Zeroizing::new(Vec::from(text));
        let object = json::normalise(&mut buf, &HEADER).ok_or(JwksError::Malformed)?;
        let keys = json::member(object.text, "keys").and_then(json::list).ok_or(JwksError::Malformed)?;
        let (mut set, mut symmetric) = (Self::new(), None);
        for (index, text) in keys.enumerate() {
            let mut copy = Zeroizing::new(Vec::from(text));
            // The set as a whole was checked for repeated members at its top; this is the top of a key.
            let object = json::normalise(&mut copy, &HEADER).ok_or(JwksError::Malformed)?;
            let jwk = Jwk { text: object.text };
            // Of every key, understood or not: what a set is must not depend on what this crate was built with.
            let Some(kty) = jwk.string("kty") else { continue };
            let is_symmetric = kty == "oct";
            if *symmetric.get_or_insert(is_symmetric) != is_symmetric {
                return Err(JwksError::Mixed);
            }
            if !jwk.is_understood() {
                continue;
            }
            let key = jwk.key().ok_or(JwksError::Key(index))?;
            let kid = jwk.string("kid").ok_or(JwksError::Key(index))?;
            set.insert(&kid, key, ValidityPeriod::ALWAYS).map_err(JwksError::KeySet)?;
        }
        Ok(set)
    }
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

    fn key(&self) -> Option<JwtKey> {
        let alg = if self.has("alg") { Some(self.string("alg")?) } else { None };
        let (kty, crv) = (self.string("kty")?, self.string("crv"));
        match (kty.as_str(), crv.as_deref(), alg.as_deref()) {
            ("oct", _, Some("HS256")) => Hs256Key::new(&self.bytes("k")?).ok().map(JwtKey::from),
            ("oct", _, Some("HS384")) => Hs384Key::new(&self.bytes("k")?).ok().map(JwtKey::from),
            ("oct", _, Some("HS512")) => Hs512Key::new(&self.bytes("k")?).ok().map(JwtKey::from),
            #[cfg(feature = "es256")]
            ("EC", Some("P-256"), None | Some("ES256")) => {
                let (x, y) = (self.bytes("x")?, self.bytes("y")?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                (x.len() == 32 && y.len() == 32).then(|| Es256VerifyingKey::from_sec1(&point).ok().map(JwtKey::from))?
            }
            #[cfg(feature = "eddsa")]
            ("OKP", Some("Ed25519"), None | Some("EdDSA")) => {
                EdDsaVerifyingKey::new(&self.bytes("x")?).ok().map(JwtKey::from)
            }
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
        JsonStr::of_value(self.value(name)?).map(|text| text.chars().collect())
    }

    fn bytes(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let text = JsonStr::of_value(self.value(name)?)?.to_str()?;
        let mut bytes = Zeroizing::new(std::vec![0; base64url_decoded_len(text.len())]);
        base64url_decode_secret(text.as_bytes(), &mut bytes).then_some(bytes)
    }
}

/// True for an array of strings that has `verify` among them.
fn is_list_with_verify(value: &str) -> bool {
    json::list(value).is_some_and(|mut list| {
        list.clone().all(|one| JsonStr::of_value(one).is_some())
            && list.any(|one| JsonStr::of_value(one).is_some_and(|one| one == "verify"))
    })
}
