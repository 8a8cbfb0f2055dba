//! Three degrees of trust in a token with a valid signature.

use super::claims::Claims;
use super::error::{JwtError, PolicyError};
use super::header::Header;
use super::json::JsonStr;
use super::policy::Policy;
use crate::ClockReading;
use crate::encoding::base64url_decode_in_place;
use core::fmt;

/// A token with a valid signature. Its claims are not checked yet: call [`check`](AuthenticJwt::check).
///
/// ```
/// use countersign::jwt::{JwtBuilder, JwtError, Policy, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::UnixTime;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 128], [0; 128]);
/// # let claims = JwtBuilder::new().subject("alice").expires_at(UnixTime::from_secs(1_767_229_200));
/// # let token = claims.sign(&key, &mut out)?;
/// let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let verified = authentic.check(&Policy::new(30), UnixTime::from_secs(1_767_225_600))?;
/// assert_eq!(verified.claims().subject().unwrap(), "alice");
///
/// // To a clock that is not set every token would still be young: the times of this one are not judged by it.
/// let error = authentic.check(&Policy::new(30), UnixTime::from_secs(0)).unwrap_err();
/// assert!(error.failed_checks().clock_unusable && JwtError::from(error).is_server_fault());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct AuthenticJwt<'b> {
    pub(super) header: Header<'b>,
    pub(super) claims: Claims<'b>,
}

impl<'b> AuthenticJwt<'b> {
    /// Decodes header and payload over their own text, once the signature is good. Never inlined: what it needs of the stack is given back.
    #[inline(never)]
    pub(super) fn decode(own: &[u8], alg: &str, header: &'b mut [u8], payload: &'b mut [u8]) -> Result<Self, JwtError> {
        let header = Header::of_key(own, alg, header).ok_or(JwtError::Invalid)?;
        Ok(Self { header, claims: Claims::decode(payload).ok_or(JwtError::Invalid)? })
    }

    /// Makes all checks of `policy` at the time `now`: a [`UnixTime`](crate::UnixTime), or a reading of a
    /// [`MonotonicClock`](crate::MonotonicClock).
    ///
    /// A clock that is not set or has stepped back fails the check, unless neither the token nor the policy depends on
    /// the time.
    ///
    /// # Errors
    /// [`PolicyError`] if a check fails, with all failed checks.
    #[doc(alias = "validate")]
    pub fn check(self, policy: &Policy<'_>, now: impl Into<ClockReading>) -> Result<VerifiedJwt<'b>, PolicyError> {
        let failed = policy.judge(&self.header, &self.claims, now.into());
        if !failed.is_empty() {
            return Err(PolicyError::new(failed));
        }
        #[cfg(feature = "std")]
        if let Some(name) = policy.missing_private(&self.claims) {
            return Err(PolicyError::missing_private(name));
        }
        Ok(VerifiedJwt(self))
    }

    /// Returns the token for a refresh, if age is its only fault and it expired at most `grace_secs` seconds ago.
    ///
    /// The period of grace begins when the leeway of the policy ends.
    ///
    /// Call it after [`check`](AuthenticJwt::check) has failed. It returns `None` for a token that has not expired.
    /// [`PolicyError`] has the example.
    ///
    /// A token that is exchanged again and again never gets old this way: limit the chain by a claim such as
    /// `auth_time`.
    #[doc(alias = "refresh")]
    pub fn check_expired(
        self,
        policy: &Policy<'_>,
        now: impl Into<ClockReading>,
        grace_secs: u64,
    ) -> Option<ExpiredJwt<'b>> {
        #[cfg(feature = "std")]
        if policy.missing_private(&self.claims).is_some() {
            return None;
        }
        let now = now.into();
        let is_only_expired = policy.judge(&self.header, &self.claims, now).is_only_expired();
        let is_in_grace = is_only_expired && policy.too_late_by(&self.claims, now)? <= grace_secs;
        is_in_grace.then_some(ExpiredJwt(self))
    }

    /// Returns the header.
    #[must_use]
    pub const fn header(&self) -> Header<'b> {
        self.header
    }

    /// Returns the claims without any check of expiry or audience.
    #[must_use]
    pub const fn unchecked_claims(&self) -> &Claims<'b> {
        &self.claims
    }
}

impl fmt::Debug for AuthenticJwt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticJwt").finish_non_exhaustive()
    }
}

/// A payload of arbitrary bytes with a valid signature (RFC 7515).
///
/// ```
/// use countersign::jwt::{JwtBuilder, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 128], [0; 128]);
/// # let text = JwtBuilder::new().content_type("example").sign(&key, &mut out)?;
/// let signed = UnverifiedJwt::parse(text.as_bytes())?.authenticate_jws(&key, &[], &mut scratch)?;
/// assert_eq!(signed.header().content_type().unwrap(), "example");
/// assert_eq!(signed.payload(), b"{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct AuthenticJws<'b> {
    header: Header<'b>,
    payload: &'b [u8],
}

impl<'b> AuthenticJws<'b> {
    /// Decodes the payload over its own text, if nothing critical in the header is beyond the caller.
    pub(super) fn decode(header: Header<'b>, payload: &'b mut [u8], with_known_crit: &[&str]) -> Option<Self> {
        header.crit_is_understood(with_known_crit).then_some(())?;
        Some(Self { header, payload: base64url_decode_in_place(payload)? })
    }

    /// Returns the header.
    #[must_use]
    pub const fn header(&self) -> Header<'b> {
        self.header
    }

    /// Returns the payload.
    #[must_use]
    pub const fn payload(&self) -> &'b [u8] {
        self.payload
    }
}

impl fmt::Debug for AuthenticJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticJws").finish_non_exhaustive()
    }
}

/// A token that satisfies a policy.
///
/// ```compile_fail
/// use countersign::jwt::UnverifiedJwt;
///
/// // What is not verified has no claims to read.
/// let _ = UnverifiedJwt::parse(b"e30.e30.AA").unwrap().claims();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct VerifiedJwt<'b>(AuthenticJwt<'b>);

impl<'b> VerifiedJwt<'b> {
    /// Returns the claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims<'b> {
        &self.0.claims
    }

    /// Returns the header.
    #[must_use]
    pub const fn header(&self) -> Header<'b> {
        self.0.header
    }

    /// Returns the header parameter `kid`, or `None` if it is absent or no string.
    #[doc(alias = "kid")]
    #[must_use]
    pub fn key_id(&self) -> Option<JsonStr<'b>> {
        self.0.header.key_id()
    }
}

/// An authentic token whose only fault is its age. It can start a refresh, and must not be admitted.
///
/// [`AuthenticJwt::check_expired`] makes one; [`PolicyError`] has the example.
#[derive(Clone, Copy, Debug)]
pub struct ExpiredJwt<'b>(AuthenticJwt<'b>);

impl<'b> ExpiredJwt<'b> {
    /// Returns the header.
    #[must_use]
    pub const fn header(&self) -> Header<'b> {
        self.0.header
    }

    /// Returns the claims, which were valid until the token expired.
    #[must_use]
    pub const fn claims(&self) -> &Claims<'b> {
        &self.0.claims
    }
}
