//! The error of a request whose credential was not admitted.

use crate::ClockError;
use crate::jwt::claim::ClaimError;
use crate::jwt::{JwtError, PolicyError};
use crate::token::TokenError;
use core::error::Error;
use core::fmt;
use std::sync::Arc;

/// Error of an [`Authenticate`](super::Authenticate), also of one that queries a directory or reads another kind of
/// token.
///
/// Its [`kind`](AuthError::kind) decides the response. Its `source()` is for the operator's log and never sent. A
/// [`TokenError`], [`JwtError`] or [`ClockError`] becomes an `AuthError` by `?`, without an allocation.
/// [`with_source`](AuthError::with_source) sets any other source.
///
/// ```
/// use countersign::web::{AuthError, AuthErrorKind};
/// use std::error::Error;
/// use std::io::{self, ErrorKind};
///
/// /// Queries a directory that does not respond.
/// fn look_up(_name: &str) -> Result<u32, AuthError> {
///     Err(AuthError::unavailable().with_source(io::Error::from(ErrorKind::TimedOut)))
/// }
/// let error = look_up("alice").unwrap_err();
/// assert_eq!(error.kind(), AuthErrorKind::Unavailable); // a 503
/// assert_eq!(error.to_string(), "credentials cannot be judged just now");
/// assert_eq!(error.source().unwrap().to_string(), "timed out");
/// ```
#[derive(Clone, Debug)]
pub struct AuthError {
    kind: AuthErrorKind,
    cause: Cause,
}

/// The kind of an [`AuthError`], which decides the response.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// The credential was valid and has expired, so that a newer one of the same holder would be admitted. The response
    /// is 401 and tells this to the peer.
    Expired,
    /// The credential has another fault. The response is 401 and gives no reason.
    Invalid,
    /// The credential cannot be checked at present: the server's own clock is unusable, or a directory or store does
    /// not answer. The response is 503.
    Unavailable,
}

/// This crate's own errors lie here without a heap: forged tokens come in floods.
#[derive(Clone, Debug)]
enum Cause {
    Unknown,
    Token(TokenError),
    Jwt(JwtError),
    Clock(ClockError),
    Other(Arc<dyn Error + Send + Sync>),
}

impl AuthError {
    /// Creates an error of the kind [`Expired`](AuthErrorKind::Expired).
    #[must_use]
    pub const fn expired() -> Self {
        Self { kind: AuthErrorKind::Expired, cause: Cause::Unknown }
    }

    /// Creates an error of the kind [`Invalid`](AuthErrorKind::Invalid).
    #[must_use]
    pub const fn invalid() -> Self {
        Self { kind: AuthErrorKind::Invalid, cause: Cause::Unknown }
    }

    /// Creates an error of the kind [`Unavailable`](AuthErrorKind::Unavailable).
    #[must_use]
    pub const fn unavailable() -> Self {
        Self { kind: AuthErrorKind::Unavailable, cause: Cause::Unknown }
    }

    /// Sets the source of the error and replaces an earlier one. It costs one allocation.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { cause: Cause::Other(Arc::new(source)), ..self }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// What a credential of this crate was refused for.
    const fn of(is_expired: bool, is_server_fault: bool, cause: Cause) -> Self {
        let kind = match (is_expired, is_server_fault) {
            (true, _) => AuthErrorKind::Expired,
            (false, true) => AuthErrorKind::Unavailable,
            (false, false) => AuthErrorKind::Invalid,
        };
        Self { kind, cause }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            AuthErrorKind::Expired => "the credential has expired",
            AuthErrorKind::Invalid => "the credential is not valid",
            AuthErrorKind::Unavailable => "credentials cannot be judged just now",
        })
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Unknown => None,
            Cause::Token(error) => Some(error),
            Cause::Jwt(error) => Some(error),
            Cause::Clock(error) => Some(error),
            Cause::Other(error) => Some(&**error),
        }
    }
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        Self::of(error.is_expired(), error.is_server_fault(), Cause::Token(error))
    }
}

impl From<JwtError> for AuthError {
    fn from(error: JwtError) -> Self {
        Self::of(error.is_expired(), error.is_server_fault(), Cause::Jwt(error))
    }
}

impl From<PolicyError> for AuthError {
    fn from(error: PolicyError) -> Self {
        JwtError::from(error).into()
    }
}

impl From<ClaimError> for AuthError {
    fn from(error: ClaimError) -> Self {
        JwtError::from(error).into()
    }
}

impl From<ClockError> for AuthError {
    fn from(error: ClockError) -> Self {
        Self { kind: AuthErrorKind::Unavailable, cause: Cause::Clock(error) }
    }
}
