//! Errors of sessions.

use super::store::StoreError;
use core::fmt;

/// Error of an operation on a session.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionError {
    /// The session has ended.
    Ended,
    /// The user was signed out everywhere since the sign-in began.
    Revoked,
    /// The record is longer than [`MAX_RECORD_LEN`](super::MAX_RECORD_LEN).
    TooLarge {
        /// Bytes too many.
        by: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A value cannot be JSON, or has another type than the caller asked for.
    Serialization,
    /// The browser may have a cookie that this request does not show, and no session is made in its place: the request comes from another site, or has
    /// more cookies than are read.
    Withheld,
    /// A new cookie of the session is on its way to the browser, by the response to another request. Try again in some seconds.
    RenewalUnderWay,
    /// The system gives no random bytes.
    Random,
    /// The store is full or does not answer.
    Store(StoreError),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the session has ended"),
            Self::Revoked => f.write_str("the user was signed out everywhere"),
            Self::TooLarge { by, max } => {
                write!(f, "the session's data is {by} bytes longer than the {max} allowed: keep less in it")
            }
            Self::Serialization => {
                f.write_str("a value of the session cannot be JSON, or has another type than the one asked for")
            }
            Self::Withheld => {
                f.write_str("the browser may have a cookie that the request does not show: no session is made")
            }
            Self::RenewalUnderWay => {
                f.write_str("a new cookie of the session is on its way to the browser: try again in some seconds")
            }
            Self::Random => f.write_str("the system gives no random bytes"),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        if let Self::Store(error) = self { error.source() } else { None }
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
