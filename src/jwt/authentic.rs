//! Three degrees of trust in a token whose signature is good.

use super::Algorithm;
use super::claims::ClaimsSet;
use super::failed::FailedChecks;
use super::header::Header;
use super::policy::Policy;
use crate::json::Text;
use crate::{Refusal, UnixTime};
use core::fmt;

/// A token that a key holder did sign. Its claims have not been judged: [`check`](Authentic::check) them.
#[derive(Clone, Copy)]
pub struct Authentic<'b> {
    pub(super) header: Header<'b>,
    pub(super) claims: ClaimsSet<'b>,
}

impl<'b> Authentic<'b> {
    /// Decodes header and payload over their own text, once the signature is good.
    pub(super) fn decode<K: Algorithm>(header: &'b mut [u8], payload: &'b mut [u8]) -> Option<Self> {
        Some(Self { header: Header::of_key::<K>(header)?, claims: ClaimsSet::decode(payload)? })
    }

    /// Makes every check of a policy at the time `now`.
    ///
    /// Whether `now` can be trusted is the caller's to judge: to a clock that is not set every token is still young. Ask a
    /// [`ClockReading`](crate::ClockReading) first, as the filter does.
    ///
    /// # Errors
    /// [`Unfit`], with all checks that failed.
    #[allow(clippy::result_large_err, reason = "nothing is boxed where there is no heap")]
    pub fn check(self, policy: &Policy<'_>, now: UnixTime) -> Result<Verified<'b>, Unfit<'b>> {
        let failed = policy.judge(&self, now);
        if failed.is_empty() { Ok(Verified(self)) } else { Err(Unfit { token: self, failed }) }
    }

    /// The claims, though nobody has asked whether the token is expired or meant for somebody else.
    #[must_use]
    pub const fn unchecked_claims(&self) -> &ClaimsSet<'b> {
        &self.claims
    }
}

impl fmt::Debug for Authentic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentic").finish_non_exhaustive()
    }
}

/// A token that satisfies a policy.
///
/// ```compile_fail
/// use countersign::jwt::Unverified;
///
/// // What is not verified has no claims to read.
/// let _ = Unverified::parse(b"e30.e30.AA").unwrap().claims();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Verified<'b>(Authentic<'b>);

impl<'b> Verified<'b> {
    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &ClaimsSet<'b> {
        &self.0.claims
    }

    /// The header parameter `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<Text<'b>> {
        self.0.header.key_id()
    }

    /// The header parameter `cty`, if it is a string.
    #[must_use]
    pub fn content_type(&self) -> Option<Text<'b>> {
        self.0.header.content_type()
    }
}

/// A token that is authentic and fails a policy.
#[derive(Clone, Copy)]
pub struct Unfit<'b> {
    token: Authentic<'b>,
    failed: FailedChecks,
}

impl<'b> Unfit<'b> {
    /// All checks that failed.
    #[must_use]
    pub const fn failed(&self) -> FailedChecks {
        self.failed
    }

    /// The token, if its age is all that is wrong with it, however old it is: limit yourself how late a refresh may come, by a claim such as
    /// `auth_time`.
    ///
    /// # Errors
    /// Itself, if anything else failed.
    #[allow(clippy::result_large_err, reason = "nothing is boxed where there is no heap")]
    pub fn into_expired(self) -> Result<Expired<'b>, Self> {
        if self.failed.is_only_expired() { Ok(Expired(self.token)) } else { Err(self) }
    }
}

impl fmt::Debug for Unfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfit").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl fmt::Display for Unfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token is authentic but not fit: {}", self.failed)
    }
}

impl core::error::Error for Unfit<'_> {}

impl From<Unfit<'_>> for Refusal {
    fn from(unfit: Unfit<'_>) -> Self {
        Self::Claims(unfit.failed)
    }
}

/// An authentic token that has expired and is otherwise in order: enough to start a refresh, not to be admitted.
#[derive(Clone, Copy, Debug)]
pub struct Expired<'b>(Authentic<'b>);

impl<'b> Expired<'b> {
    /// The claims that held until the token expired.
    #[must_use]
    pub const fn claims(&self) -> &ClaimsSet<'b> {
        &self.0.claims
    }
}
