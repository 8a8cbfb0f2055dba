//! The errors of presented JWTs.

use super::failed::FailedChecks;
use crate::ClockError;
use crate::error::ClaimError;
#[cfg(feature = "std")]
use crate::error::ClaimFault;
use core::error::Error;
use core::fmt;

/// Error of a presented JWT, for the operator's log and never for the peer.
///
/// A failure before the signature is known to be valid is [`Invalid`](JwtError::Invalid) or
/// [`TooLong`](JwtError::TooLong). Tell the peer only the result of [`is_expired`](JwtError::is_expired).
///
/// All steps from text to claims combine by `?` in a function that returns this error:
///
/// ```
/// use countersign::UnixTime;
/// use countersign::jwt::{JwtError, Policy, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
///
/// fn subject(text: &str, key: &Hs256Key, now: UnixTime) -> Result<String, JwtError> {
///     let mut scratch = [0; 512];
///     let authentic = UnverifiedJwt::parse(text.as_bytes())?.authenticate(key, &mut scratch)?;
///     let verified = authentic.check(&Policy::new(30), now)?;
///     Ok(verified.claims().subject().map(|subject| subject.to_string()).unwrap_or_default())
/// }
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// assert_eq!(subject("e30.e30.AA", &key, UnixTime::from_secs(1_767_225_600)), Err(JwtError::Invalid));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "Rejection")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JwtError {
    /// The token is malformed, for another algorithm, under an unknown key, or forged.
    ///
    /// The variant does not tell these causes apart, because nothing in the token is authentic before its signature is
    /// valid.
    Invalid,
    /// The token does not fit into the scratch buffer. The verifier finds this before it uses a key.
    TooLong {
        /// The length in bytes of a sufficient scratch buffer.
        needed: usize,
    },
    /// The token is authentic and fails the policy, with all failed checks.
    Policy(FailedChecks),
    /// The token is authentic, but a private claim is missing, or a claim does not fit the type that it is read into.
    Claims(ClaimError),
    /// The verifier's own clock is unusable, and the key of the token has a [`ValidityPeriod`](super::ValidityPeriod).
    Clock(ClockError),
}

impl JwtError {
    /// Returns true if age is the only fault, so that a newer token of the same holder would be admitted.
    ///
    /// This is the only detail to tell the peer.
    ///
    /// ```
    /// use countersign::jwt::JwtError;
    ///
    /// assert!(!JwtError::Invalid.is_expired());
    /// ```
    #[must_use]
    pub const fn is_expired(self) -> bool {
        matches!(self, Self::Policy(failed) if failed.is_only_expired())
    }

    /// Returns true if the server is at fault and not the token: its clock is unusable. An HTTP server answers 503, not
    /// 401.
    ///
    /// ```
    /// use countersign::{ClockError, jwt::JwtError};
    ///
    /// assert!(JwtError::Clock(ClockError::SteppedBack).is_server_fault());
    /// assert!(!JwtError::Invalid.is_server_fault());
    /// ```
    #[must_use]
    pub const fn is_server_fault(self) -> bool {
        match self {
            Self::Clock(_) => true,
            Self::Policy(failed) => failed.clock_unusable,
            Self::Invalid | Self::TooLong { .. } | Self::Claims(_) => false,
        }
    }
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("the JWT is malformed, or not signed by a key of this verifier"),
            Self::TooLong { needed } => {
                write!(f, "the JWT is longer than the scratch buffer has room for: {needed} bytes are needed")
            }
            Self::Policy(failed) => write!(f, "the JWT is authentic but fails its policy: {failed}"),
            Self::Claims(error) => write!(f, "the JWT is authentic but a claim of it does not fit: {error}"),
            Self::Clock(_) => {
                f.write_str("the key of the JWT has a validity period, and the verifier's own clock is unusable")
            }
        }
    }
}

impl Error for JwtError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Clock(error) => Some(error),
            // What these are about is in the message itself.
            Self::Invalid | Self::TooLong { .. } | Self::Policy(_) | Self::Claims(_) => None,
        }
    }
}

impl From<ClockError> for JwtError {
    fn from(error: ClockError) -> Self {
        Self::Clock(error)
    }
}

impl From<ClaimError> for JwtError {
    fn from(error: ClaimError) -> Self {
        Self::Claims(error)
    }
}

/// Error of an authentic JWT that fails a policy. It borrows nothing and becomes a [`JwtError`] by `?`.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::jwt::{JwtBuilder, Policy, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 128], [0; 128]);
/// # let claims = JwtBuilder::new().subject("alice").expires_at(UnixTime::from_secs(1_767_229_200));
/// # let token = claims.sign(&key, &mut out)?;
/// let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let (policy, now) = (Policy::new(30), UnixTime::from_secs(1_767_229_300));
/// let error = authentic.check(&policy, now).unwrap_err();
/// assert_eq!(error.to_string(), "the JWT is authentic but fails its policy: expired (exp)");
///
/// // Enough for a refresh, if it is not too late: it was last accepted 71 seconds ago.
/// assert!(authentic.check_expired(&policy, now, 60).is_none());
/// assert_eq!(authentic.check_expired(&policy, now, 600).unwrap().claims().subject().unwrap(), "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ValidationError")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PolicyError(Cause);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Cause {
    Checks(FailedChecks),
    #[cfg(feature = "std")]
    Private(ClaimError),
}

impl PolicyError {
    pub(super) const fn new(failed: FailedChecks) -> Self {
        Self(Cause::Checks(failed))
    }

    /// About a claim of the application's own that is not there.
    #[cfg(feature = "std")]
    pub(super) fn missing_private(name: &str) -> Self {
        Self(Cause::Private(ClaimError::new(name, ClaimFault::Missing)))
    }

    /// Returns all failed checks. The result is empty if a missing private claim is the only fault.
    #[must_use]
    pub fn failed_checks(self) -> FailedChecks {
        match self.0 {
            Cause::Checks(failed) => failed,
            #[cfg(feature = "std")]
            Cause::Private(_) => FailedChecks::default(),
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        JwtError::from(*self).fmt(f)
    }
}

impl Error for PolicyError {}

impl From<PolicyError> for JwtError {
    fn from(error: PolicyError) -> Self {
        match error.0 {
            Cause::Checks(failed) => Self::Policy(failed),
            #[cfg(feature = "std")]
            Cause::Private(error) => Self::Claims(error),
        }
    }
}
