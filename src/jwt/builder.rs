//! The builder of JWTs.

use super::algorithm::SigningKey;
use super::algorithm::{MAX_SIGNATURE, OwnHeader};
#[cfg(feature = "serde")]
use super::claims::fault_of;
use super::claims::is_registered;
use super::header::is_standard_parameter;
use super::json::Json;
use super::limits::{MAX_HEADER, MAX_JWT_LEN};
use super::value::{ClaimValue, put_texts};
use crate::bytes::copy;
use crate::cursor::Cursor;
use crate::encoding::decimal::Decimal;
use crate::encoding::{base64url_encode, base64url_encode_in_place, base64url_len};
use crate::error::{ClaimError, ClaimFault};
use crate::{Error, Result, UnixTime};
#[cfg(feature = "serde")]
use serde::Serialize;

/// Private claims given without serde.
const MAX_PRIVATE: usize = 64;

/// Header parameters of the application's own.
const MAX_OWN_PARAMETERS: usize = 16;

/// A builder of a JWT: its claims and header parameters.
///
/// Registered claims need no serde. A setter replaces an earlier value. [`sign`](JwtBuilder::sign) writes the token.
///
/// ```
/// use countersign::jwt::JwtBuilder;
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::UnixTime;
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let mut out = [0; 128];
/// let claims = JwtBuilder::new().subject("alice").expires_at(UnixTime::from_secs(1_767_229_200));
/// let token = claims.sign(&key, &mut out)?;
/// assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTc2NzIyOTIwMH0."));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "encode")]
#[doc(alias = "jwt")]
#[doc(alias = "sign")]
#[doc(alias = "claims")]
#[derive(Clone, Copy, Debug, Default)]
pub struct JwtBuilder<'a> {
    issuer: Option<&'a str>,
    subject: Option<&'a str>,
    audience: &'a [&'a str],
    expires_at: Option<UnixTime>,
    not_before: Option<UnixTime>,
    issued_at: Option<UnixTime>,
    jwt_id: Option<&'a str>,
    private: &'a [(&'a str, ClaimValue<'a>)],
    typ: Option<&'a str>,
    kid: Option<&'a str>,
    cty: Option<&'a str>,
    parameters: &'a [(&'a str, &'a str)],
}

impl<'a> JwtBuilder<'a> {
    /// Creates a builder without claims.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            issuer: None,
            subject: None,
            audience: &[],
            expires_at: None,
            not_before: None,
            issued_at: None,
            jwt_id: None,
            private: &[],
            typ: None,
            kid: None,
            cty: None,
            parameters: &[],
        }
    }

    /// Sets `iss`, the issuer of the token.
    #[doc(alias = "iss")]
    #[must_use]
    pub const fn issuer(mut self, issuer: &'a str) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Sets `sub`, the subject of the token.
    #[doc(alias = "sub")]
    #[must_use]
    pub const fn subject(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Sets `aud`, the audience of the token. One name is written as a string, several as an array, none as no claim.
    #[doc(alias = "aud")]
    #[must_use]
    pub const fn audience(mut self, audience: &'a [&'a str]) -> Self {
        self.audience = audience;
        self
    }

    /// Sets `exp`, the time from which on the token is not accepted.
    #[doc(alias = "exp")]
    #[must_use]
    pub const fn expires_at(mut self, time: UnixTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Sets `nbf`, the time before which the token is not accepted.
    #[doc(alias = "nbf")]
    #[must_use]
    pub const fn not_before(mut self, time: UnixTime) -> Self {
        self.not_before = Some(time);
        self
    }

    /// Sets `iat`, the time at which the token is issued.
    #[doc(alias = "iat")]
    #[must_use]
    pub const fn issued_at(mut self, time: UnixTime) -> Self {
        self.issued_at = Some(time);
        self
    }

    /// Sets `jti`, an id that no other token has.
    #[doc(alias = "jti")]
    #[must_use]
    pub const fn jwt_id(mut self, id: &'a str) -> Self {
        self.jwt_id = Some(id);
        self
    }

    /// Sets up to 64 private claims, without serde. Claims with a setter are not among them.
    #[must_use]
    pub const fn private_claims(mut self, claims: &'a [(&'a str, ClaimValue<'a>)]) -> Self {
        self.private = claims;
        self
    }

    /// Sets the header parameter `typ`, which is `JWT` by default: `at+jwt`, for example (RFC 8725 section 3.11).
    #[must_use]
    pub const fn typ(mut self, typ: &'a str) -> Self {
        self.typ = Some(typ);
        self
    }

    /// Sets the header parameter `kid`, the id of the signing key.
    #[doc(alias = "kid")]
    #[must_use]
    pub const fn key_id(mut self, kid: &'a str) -> Self {
        self.kid = Some(kid);
        self
    }

    /// Sets the header parameter `cty`, the media type of the payload.
    #[doc(alias = "cty")]
    #[must_use]
    pub const fn content_type(mut self, cty: &'a str) -> Self {
        self.cty = Some(cty);
        self
    }

    /// Sets up to 16 other header parameters, as `(name, string)`. Parameters with a setter or a meaning in RFC 7515
    /// are not among them.
    #[must_use]
    pub const fn header_parameters(mut self, parameters: &'a [(&'a str, &'a str)]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Signs the registered and private claims and writes the token into `out`, and returns the used part.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is too small, with the number of bytes needed. [`Error::HeaderParameter`] or
    /// [`Error::InvalidClaims`] if a name appears twice or has a setter. [`Error::TokenTooLong`] if verifiers would not
    /// read the token. [`Error::SigningFailed`] if the device that holds the key has failed.
    #[doc(alias = "encode")]
    pub fn sign<'b, K: SigningKey>(&self, key: &K, out: &'b mut [u8]) -> Result<&'b str> {
        self.sign_payload(key, out, |json| self.put_claims(json))
    }

    /// Signs the registered claims together with those of a struct or map, which are written behind them.
    ///
    /// A registered claim of the struct is refused if every verifier would refuse it: `nbf: null`, a date as a string,
    /// a negative date. A repeated claim, a number that is not finite, and more than 128 claims, registered ones
    /// included, are refused as well.
    ///
    /// Numbers with a fraction cost a microcontroller a lot of time and flash.
    ///
    /// # Errors
    /// [`Error::InvalidClaims`] if `private` is no struct or map, repeats a claim, or holds a value that JSON lacks,
    /// with the claim's name and its fault. [`Error::BufferTooSmall`], [`Error::HeaderParameter`],
    /// [`Error::TokenTooLong`] and [`Error::SigningFailed`] when [`sign`](JwtBuilder::sign) returns them.
    #[doc(alias = "serialize")]
    #[cfg(feature = "serde")]
    pub fn sign_with_claims<'b, K: SigningKey>(
        &self,
        private: &impl Serialize,
        key: &K,
        out: &'b mut [u8],
    ) -> Result<&'b str> {
        self.sign_payload(key, out, |json| {
            self.put_claims(json)?;
            Ok(json.claims(private, fault_of)?)
        })
    }

    /// Signs the claims and returns the token as a string of `heapless`, like [`sign`](JwtBuilder::sign).
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `N` is too small. All other errors occur when [`sign`](JwtBuilder::sign) returns
    /// them.
    pub fn sign_heapless<const N: usize, K: SigningKey>(&self, key: &K) -> Result<heapless::String<N>> {
        let mut bytes = heapless::Vec::<u8, N>::new();
        bytes.resize_default(N).map_err(|_| Error::BufferTooSmall { needed: N })?;
        let len = self.sign(key, &mut bytes)?.len();
        bytes.truncate(len);
        heapless::String::from_utf8(bytes).map_err(|_| Error::Malformed)
    }

    fn sign_payload<'b, K: SigningKey>(
        &self,
        key: &K,
        out: &'b mut [u8],
        payload: impl FnOnce(&mut Json<'_>) -> Result<()>,
    ) -> Result<&'b str> {
        const { assert!(K::SIGNATURE_LEN <= MAX_SIGNATURE, "signatures are at most 64 bytes") };
        let signed_len = self.put_signed_part(OwnHeader::<K>::TEXT, K::ALG, out, payload)?;
        let needed = signed_len.saturating_add(1).saturating_add(base64url_len(K::SIGNATURE_LEN));
        check_len(needed, MAX_JWT_LEN)?;
        let token = out.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })?;

        let (message, rest) = token.split_at_mut_checked(signed_len).ok_or(Error::Malformed)?;
        let (dot, place) = rest.split_first_mut().ok_or(Error::Malformed)?;
        *dot = b'.';
        let mut signature = [0; MAX_SIGNATURE];
        let signature = signature.get_mut(..K::SIGNATURE_LEN).ok_or(Error::Malformed)?;
        key.sign(message, signature)?;
        base64url_encode(signature, place);
        core::str::from_utf8(token).map_err(|_| Error::Malformed)
    }

    /// Writes header, dot and payload, as far as they fit; returns how long they are. Never inlined: what it needs of the stack is given back
    /// before the key signs.
    #[inline(never)]
    fn put_signed_part(
        &self,
        own_header: &[u8],
        alg: &str,
        out: &mut [u8],
        payload: impl FnOnce(&mut Json<'_>) -> Result<()>,
    ) -> Result<usize> {
        let is_plain = self.typ.is_none() && self.kid.is_none() && self.cty.is_none() && self.parameters.is_empty();
        let header_len = if is_plain {
            copy(own_header, out);
            own_header.len()
        } else {
            put_object(out, |json| self.put_header(json, alg))?
        };
        check_len(header_len, MAX_HEADER)?;
        let rest = out.get_mut(header_len..).unwrap_or_default();
        copy(b".", rest);
        let payload_len = put_object(rest.get_mut(1..).unwrap_or_default(), payload)?;
        Ok(header_len.saturating_add(1).saturating_add(payload_len))
    }

    fn put_header(&self, json: &mut Json<'_>, alg: &str) -> Result<()> {
        json.string_member("alg", alg);
        json.string_member("typ", self.typ.unwrap_or("JWT"));
        for (name, value) in [("kid", self.kid), ("cty", self.cty)] {
            if let Some(value) = value {
                json.string_member(name, value);
            }
        }
        if self.parameters.len() > MAX_OWN_PARAMETERS {
            return Err(Error::HeaderParameter);
        }
        for (i, (name, value)) in self.parameters.iter().enumerate() {
            if is_earlier(self.parameters, i, name) || is_standard_parameter(name) {
                return Err(Error::HeaderParameter);
            }
            json.string_member(name, value);
        }
        Ok(())
    }

    fn put_claims(&self, json: &mut Json<'_>) -> Result<()> {
        self.put_registered(json);
        for (i, (name, value)) in self.private.iter().enumerate() {
            if let Some(fault) = self.fault_of(i, name) {
                return Err(ClaimError::new(name, fault).into());
            }
            json.key(name);
            value.put(json);
        }
        Ok(())
    }

    /// What is wrong with the name of the `i`th private claim.
    fn fault_of(&self, i: usize, name: &str) -> Option<ClaimFault> {
        if is_registered(name) {
            Some(ClaimFault::HasSetter)
        } else if is_earlier(self.private, i, name) {
            Some(ClaimFault::Duplicate)
        } else {
            // With the registered ones still fewer than a verifier reads.
            (i >= MAX_PRIVATE).then_some(ClaimFault::TooMany)
        }
    }

    fn put_registered(&self, json: &mut Json<'_>) {
        put_text(json, b",\"iss\":", self.issuer);
        put_text(json, b",\"sub\":", self.subject);
        put_text(json, b",\"jti\":", self.jwt_id);
        match self.audience {
            [] => {}
            [one] => put_text(json, b",\"aud\":", Some(one)),
            several => {
                json.known_key(b",\"aud\":");
                put_texts(json, several);
            }
        }
        put_date(json, b",\"exp\":", self.expires_at);
        put_date(json, b",\"nbf\":", self.not_before);
        put_date(json, b",\"iat\":", self.issued_at);
    }
}

fn check_len(length: usize, cap: usize) -> Result<()> {
    if length > cap { Err(Error::TokenTooLong { length, cap }) } else { Ok(()) }
}

/// Writes an object and encodes it where it stands, if it fits; returns the length of its text in any case.
fn put_object(place: &mut [u8], members: impl FnOnce(&mut Json<'_>) -> Result<()>) -> Result<usize> {
    let mut json = Json::new(Cursor::new(place));
    json.open(b"{");
    members(&mut json)?;
    json.close(b"}");
    let len = json.len();
    let text_len = base64url_len(len);
    if let Some(place) = place.get_mut(..text_len) {
        base64url_encode_in_place(place, len);
    }
    Ok(text_len)
}

fn put_text(json: &mut Json<'_>, comma_key: &'static [u8], value: Option<&str>) {
    if let Some(value) = value {
        json.known_key(comma_key);
        json.string(value);
    }
}

fn put_date(json: &mut Json<'_>, comma_key: &'static [u8], value: Option<UnixTime>) {
    if let Some(value) = value {
        json.known_key(comma_key);
        json.put(Decimal::new(value.as_secs()).as_bytes());
    }
}

/// True if a name is there in front of the `i`th.
fn is_earlier<T>(named: &[(&str, T)], i: usize, name: &str) -> bool {
    named.iter().take(i).any(|(earlier, _)| *earlier == name)
}
