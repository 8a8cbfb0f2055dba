//! What goes wrong with a session.

use super::store::StoreError;
use core::fmt;

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionError {
    /// The session has ended meanwhile.
    Gone,
    /// The user was signed out everywhere while the request was under way.
    Revoked,
    /// The record is longer than [`MAX_RECORD`](super::MAX_RECORD).
    TooLarge {
        /// Bytes too many.
        by: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A value that cannot be JSON, or is not of the type asked for.
    Data,
    /// The browser may have a cookie that this request does not show, and no session is made in its place: it holds back what comes from another
    /// site, or sends more than is read.
    Withheld,
    /// A new cookie of this session is on its way to the browser, by the answer to another request: ask again once that has come.
    RenewalUnderWay,
    /// The system gives no random bytes.
    Random,
    /// The store's own.
    Store(StoreError),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the session has ended"),
            Self::Revoked => f.write_str("the user was signed out everywhere"),
            Self::TooLarge { by, max } => {
                write!(f, "the session's data is {by} bytes longer than the {max} allowed: keep less in it")
            }
            Self::Data => f.write_str("a value of the session cannot be JSON, or is of another type"),
            Self::Withheld => {
                f.write_str("the browser may have a cookie that the request does not show: no session is made")
            }
            Self::RenewalUnderWay => {
                f.write_str("a new cookie of the session is on its way to the browser: ask again in some seconds")
            }
            Self::Random => f.write_str("the system gives no random bytes"),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for SessionError {}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
