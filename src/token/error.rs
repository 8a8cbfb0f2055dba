//! The error of presented tokens.

use crate::ClockError;
use crate::time::Outside;
use core::error::Error;
use core::fmt;

/// Error of a presented token, for the operator's log and never for the peer.
///
/// A failure before the sign is known to be valid is [`Invalid`](TokenError::Invalid) or
/// [`TooLong`](TokenError::TooLong). All other variants concern a token that a holder of the key did sign ([FORMAT
/// section 5](crate::docs::format#5-verifying)). Tell the peer only the result of [`is_expired`](TokenError::is_expired).
///
/// ```
/// use countersign::token::TokenError;
///
/// assert!(TokenError::Expired { by: 7 }.is_expired());
/// assert_eq!(TokenError::Expired { by: 7 }.to_string(), "the token is 7 s older than max_age allows");
/// assert!(!TokenError::Invalid.is_expired());
/// ```
#[doc(alias = "Rejection")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TokenError {
    /// The token is malformed, of a kind or length that is not allowed, for another uid, forged, or its key is unknown,
    /// retired or replaced (steps 1 to 5).
    ///
    /// The variant does not tell these causes apart, because nothing in the token is authentic before its sign is
    /// valid.
    Invalid,
    /// The fields of the token do not fit into the scratch buffer. The verifier finds this before it uses a key.
    TooLong {
        /// The length in bytes of a sufficient scratch buffer.
        needed: usize,
    },
    /// The key generation or the stamp of the token is older than a revocation (steps 6 and 10).
    #[doc(alias = "revoke")]
    Revoked,
    /// The verifier's own clock is unusable (step 7).
    Clock(ClockError),
    /// The holder states that its clock is not set (step 8, `ClockUnset`).
    HolderClockUnset,
    /// The token is older than `max_age` (step 9, `TooOld`).
    #[doc(alias = "TooOld")]
    Expired {
        /// The age beyond the limit, in seconds.
        by: u64,
    },
    /// The stamp is further in the future than `max_future_skew` (step 9, `TooNew`).
    #[doc(alias = "clock skew")]
    #[doc(alias = "TooNew")]
    FromFuture {
        /// The lead beyond the limit, in seconds.
        by: u64,
    },
}

impl TokenError {
    /// Returns true if the token has expired, so that a newer token of the same holder would be admitted.
    ///
    /// This is the only detail to tell the peer.
    ///
    /// ```
    /// use countersign::token::TokenError;
    ///
    /// assert!(TokenError::Expired { by: 1 }.is_expired());
    /// assert!(!TokenError::FromFuture { by: 1 }.is_expired());
    /// assert!(!TokenError::Revoked.is_expired());
    /// ```
    #[must_use]
    pub const fn is_expired(self) -> bool {
        matches!(self, Self::Expired { .. })
    }

    /// Returns true if the server is at fault and not the token: its clock is unusable. An HTTP server answers 503, not
    /// 401.
    ///
    /// ```
    /// use countersign::ClockError;
    /// use countersign::token::TokenError;
    ///
    /// assert!(TokenError::Clock(ClockError::NotSet).is_server_fault());
    /// assert!(!TokenError::Revoked.is_server_fault());
    /// ```
    #[must_use]
    pub const fn is_server_fault(self) -> bool {
        matches!(self, Self::Clock(_))
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => {
                f.write_str("the token is malformed, for somebody else, or not signed by a key of this verifier")
            }
            Self::TooLong { needed } => {
                write!(f, "the token is longer than the scratch buffer has room for: {needed} bytes are needed")
            }
            Self::Revoked => f.write_str("the token was issued before a revocation"),
            Self::Clock(_) => f.write_str("the token's age cannot be judged: the verifier's own clock is unusable"),
            Self::HolderClockUnset => f.write_str("the holder of the token says that its clock is not set"),
            Self::Expired { by } => write!(f, "the token is {by} s older than max_age allows"),
            Self::FromFuture { by } => {
                write!(f, "the token is {by} s further in the future than max_future_skew allows")
            }
        }
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Clock(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ClockError> for TokenError {
    fn from(error: ClockError) -> Self {
        Self::Clock(error)
    }
}

impl From<Outside> for TokenError {
    fn from(outside: Outside) -> Self {
        match outside {
            Outside::TooOld { by } => Self::Expired { by },
            Outside::TooNew { by } => Self::FromFuture { by },
        }
    }
}
