//! The compact serialization: three parts and two dots (RFC 7515 section 7.1).

use super::algorithm::OwnHeader;
use super::algorithm::VerifyingKey;
use super::authentic::{AuthenticJws, AuthenticJwt};
use super::error::JwtError;
use super::header::Header;
use super::limits::MAX_JWT_LEN;
use crate::bytes::copy;
use crate::scan;
use core::fmt;

/// A text with the three parts of a JWT, none of which is decoded or verified.
///
/// ```
/// use countersign::jwt::UnverifiedJwt;
/// use countersign::jwt::keys::Hs256Key;
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let token = UnverifiedJwt::parse(b"eyJhbGciOiJub25lIn0.e30.")?;
/// assert!(token.authenticate(&key, &mut [0; 64]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "jws")]
#[doc(alias = "bearer")]
#[derive(Clone, Copy)]
pub struct UnverifiedJwt<'t> {
    text: &'t [u8],
    header_len: usize,
    payload_len: usize,
}

impl<'t> UnverifiedJwt<'t> {
    /// Splits a text at its first and its last dot. A payload with another dot is refused later, since a dot is no
    /// base64url.
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the text has fewer than two dots, an empty header, or more than [`MAX_JWT_LEN`]
    /// characters.
    #[doc(alias = "decode")]
    pub fn parse(text: &'t [u8]) -> Result<Self, JwtError> {
        Self::parse_with_max_len(text, MAX_JWT_LEN)
    }

    /// Splits a text of at most `max_len` characters, like [`parse`](UnverifiedJwt::parse).
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the text has fewer than two dots, an empty header, or more than `max_len` or
    /// [`MAX_JWT_LEN`] characters.
    pub fn parse_with_max_len(text: &'t [u8], max_len: usize) -> Result<Self, JwtError> {
        if text.len() > max_len.min(MAX_JWT_LEN) {
            return Err(JwtError::Invalid);
        }
        let first = scan::find(text, b'.').filter(|first| *first > 0).ok_or(JwtError::Invalid)?;
        let last = scan::find_last(text, b'.').filter(|last| *last > first).ok_or(JwtError::Invalid)?;
        Ok(Self { text, header_len: first, payload_len: last.saturating_sub(first).saturating_sub(1) })
    }

    /// Returns the scratch length in bytes that [`authenticate`](UnverifiedJwt::authenticate) needs: the number of
    /// characters of header and payload.
    #[must_use]
    pub const fn scratch_len(&self) -> usize {
        self.header_len.saturating_add(self.payload_len)
    }

    /// Verifies the signature with a key, then decodes header and claims into `scratch`.
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the token is malformed or its signature is not valid, [`JwtError::TooLong`] if
    /// `scratch` is shorter than [`scratch_len`](UnverifiedJwt::scratch_len).
    #[doc(alias = "verify")]
    pub fn authenticate<'b, K: VerifyingKey>(
        &self,
        key: &K,
        scratch: &'b mut [u8],
    ) -> Result<AuthenticJwt<'b>, JwtError> {
        let (header, payload) = self.verified_parts(key, scratch)?;
        AuthenticJwt::decode(OwnHeader::<K>::TEXT, K::ALG, header, payload)
    }

    /// Verifies the signature of a payload of arbitrary bytes (RFC 7515), and decodes header and payload into
    /// `scratch`.
    ///
    /// `with_known_crit` names the critical header parameters that the caller acts upon.
    ///
    /// # Errors
    /// [`JwtError::Invalid`] if the JWS is malformed or its signature is not valid, [`JwtError::TooLong`] if `scratch`
    /// is shorter than [`scratch_len`](UnverifiedJwt::scratch_len).
    pub fn authenticate_jws<'b, K: VerifyingKey>(
        &self,
        key: &K,
        with_known_crit: &[&str],
        scratch: &'b mut [u8],
    ) -> Result<AuthenticJws<'b>, JwtError> {
        let (header, payload) = self.verified_parts(key, scratch)?;
        let header = Header::of_key(OwnHeader::<K>::TEXT, K::ALG, header).ok_or(JwtError::Invalid)?;
        AuthenticJws::decode(header, payload, with_known_crit).ok_or(JwtError::Invalid)
    }

    /// Header and payload in `scratch`, still as text, after the signature was found good.
    fn verified_parts<'b, K: VerifyingKey>(&self, key: &K, scratch: &'b mut [u8]) -> Result<Parts<'b>, JwtError> {
        let (header, payload) = self.split_scratch(scratch)?;
        if !self.is_signed_by(key) {
            return Err(JwtError::Invalid);
        }
        copy(self.header(), header);
        copy(self.payload(), payload);
        Ok((header, payload))
    }

    pub(super) fn split_scratch<'b>(&self, scratch: &'b mut [u8]) -> Result<Parts<'b>, JwtError> {
        let needed = self.scratch_len();
        let parts = scratch.get_mut(..needed).and_then(|all| all.split_at_mut_checked(self.header_len));
        parts.ok_or(JwtError::TooLong { needed })
    }

    pub(super) fn header(&self) -> &'t [u8] {
        self.text.get(..self.header_len).unwrap_or_default()
    }

    pub(super) fn payload(&self) -> &'t [u8] {
        let start = self.header_len.saturating_add(1);
        self.text.get(start..).and_then(|rest| rest.get(..self.payload_len)).unwrap_or_default()
    }

    /// Header, dot and payload: what the signature is over.
    fn signing_input_len(&self) -> usize {
        self.header_len.saturating_add(1).saturating_add(self.payload_len)
    }

    pub(super) fn is_signed_by<K: VerifyingKey>(&self, key: &K) -> bool {
        let Some((message, rest)) = self.text.split_at_checked(self.signing_input_len()) else { return false };
        rest.split_first().is_some_and(|(_, signature)| key.verify_encoded(message, signature))
    }
}

/// Header and payload.
type Parts<'b> = (&'b mut [u8], &'b mut [u8]);

/// Verifies a token in its own buffer, which becomes the decoded header and claims. This is for the smallest devices.
///
/// ```
/// use countersign::jwt::{JwtBuilder, Policy, authenticate_in_place};
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::UnixTime;
///
/// const POLICY: Policy<'_> = Policy::new(0);
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let now = UnixTime::from_secs(1_767_225_600);
/// let mut buffer = [0; 128];
/// let len = JwtBuilder::new().expires_at(UnixTime::from_secs(1_767_229_200)).sign(&key, &mut buffer)?.len();
///
/// let verified = authenticate_in_place(&key, &mut buffer[..len])?.check(&POLICY, now)?;
/// assert_eq!(verified.claims().as_json(), r#"{"exp":1767229200}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`JwtError::Invalid`] if the token is malformed or its signature is not valid. The buffer is unchanged unless the
/// signature was valid.
#[doc(alias = "verify")]
#[doc(alias = "decode")]
pub fn authenticate_in_place<'b, K: VerifyingKey>(key: &K, buf: &'b mut [u8]) -> Result<AuthenticJwt<'b>, JwtError> {
    let token = UnverifiedJwt::parse(buf)?;
    if !token.is_signed_by(key) {
        return Err(JwtError::Invalid);
    }
    let UnverifiedJwt { header_len, payload_len, .. } = token;
    let (header, rest) = buf.split_at_mut_checked(header_len).ok_or(JwtError::Invalid)?;
    let payload = rest.get_mut(1..).and_then(|rest| rest.get_mut(..payload_len)).ok_or(JwtError::Invalid)?;
    AuthenticJwt::decode(OwnHeader::<K>::TEXT, K::ALG, header, payload)
}

impl fmt::Debug for UnverifiedJwt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJwt").finish_non_exhaustive()
    }
}
