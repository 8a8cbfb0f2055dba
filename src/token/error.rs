//! Why a token was not admitted.

use crate::ClockError;
use crate::time::Outside;
use core::error::Error;
use core::fmt;

/// Why a presented token was not admitted: for the operator's log, never for the peer.
///
/// Everything that fails before the MAC is good is [`Invalid`](TokenError::Invalid) or [`TooLong`](TokenError::TooLong); the other reasons are
/// about a token that a holder of the key did sign ([FORMAT section 5](crate::docs::format#5-verifying)). To the peer say only what [`is_expired`](TokenError::is_expired) tells.
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
    /// Malformed, of a kind or length that is not allowed, for someone else, under a key that is unknown, retired or replaced, or forged
    /// (steps 1 to 5). Which of these it is nobody can say: up to the MAC all of it is a stranger's word.
    Invalid,
    /// Longer than the scratch buffer has room for: whoever sent it chose its length. Found before any key is used.
    TooLong {
        /// Bytes of scratch that this one would need.
        needed: usize,
    },
    /// Its key generation or its stamp is from before a revocation (steps 6 and 10).
    Revoked,
    /// The verifier's own clock cannot be used (step 7).
    Clock(ClockError),
    /// The holder says that its clock is not set (step 8, `ClockUnset`).
    HolderClockUnset,
    /// Older than `max_age` (step 9, `TooOld`).
    #[doc(alias = "TooOld")]
    Expired {
        /// Seconds beyond the limit.
        by: u64,
    },
    /// Further in the future than `max_future_skew` (step 9, `TooNew`).
    #[doc(alias = "TooNew")]
    FromFuture {
        /// Seconds beyond the limit.
        by: u64,
    },
}

impl TokenError {
    /// True if a newer token of the same holder would be admitted: the one detail that a peer may be told.
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

    /// True if the server is at fault, and not the token: its clock cannot be used. An HTTP server answers 503, not 401.
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
