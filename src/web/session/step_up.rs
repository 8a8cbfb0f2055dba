//! Step-ups: handlers that need a sign-in at a level, or a recent one.

use super::current::CurrentSession;
use super::required::Required;
use crate::session::SessionError;
use crate::web::problem;
use core::fmt;
use core::time::Duration;
use http::Response;
use std::string::String;

/// Refusal of a request whose session needs another sign-in: see [`CurrentSession::require_level`] and [`CurrentSession::require_recent`].
///
/// The response is a 403 with the problem `urn:countersign:problem:step-up`, which names the level in `acr_values` or the seconds in `max_age` (RFC 9470),
/// and a 401 if nobody is signed in. Behind [`with_login_page`](super::SessionLayer::with_login_page) a person is redirected to that page, with the same
/// in its query. The response has [`Required`] in its extensions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StepUp {
    required: Required,
    is_signed_in: bool,
}

impl StepUp {
    /// Returns the sign-in that is needed.
    #[must_use]
    pub const fn required(&self) -> Required {
        self.required
    }

    /// Returns false if nobody is signed in.
    #[must_use]
    pub const fn is_signed_in(&self) -> bool {
        self.is_signed_in
    }

    /// Makes the response, for a handler without axum.
    #[must_use]
    pub fn response(&self) -> Response<String> {
        let mut response = if self.is_signed_in {
            problem::step_up(self.required)
        } else {
            problem::session(SessionError::Ended).map(String::from)
        };
        response.extensions_mut().insert(self.required);
        response
    }
}

impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.is_signed_in { "" } else { ", and nobody is signed in" };
        write!(f, "{}{who}", self.required)
    }
}

impl core::error::Error for StepUp {}

impl CurrentSession {
    /// Requires a sign-in at this level or a higher one: see [`sign_in`](CurrentSession::sign_in).
    ///
    /// ```
    /// use countersign::web::session::{CurrentSession, StepUp};
    ///
    /// async fn pay(session: CurrentSession) -> Result<&'static str, StepUp> {
    ///     session.require_level(2)?;
    ///     Ok("paid")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StepUp`] if the level is lower, or nobody is signed in.
    pub fn require_level(&self, level: u8) -> Result<(), StepUp> {
        self.require(Required::Level(level), self.last_sign_in().is_some_and(|last| last.level >= level))
    }

    /// Requires a sign-in or step-up at most `age` ago. Fractions of a second are dropped.
    ///
    /// ```
    /// use countersign::web::session::{CurrentSession, StepUp};
    /// use std::time::Duration;
    ///
    /// async fn change_password(session: CurrentSession) -> Result<&'static str, StepUp> {
    ///     session.require_recent(Duration::from_secs(600))?;
    ///     Ok("changed")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StepUp`] if it is longer ago, or nobody is signed in.
    pub fn require_recent(&self, age: Duration) -> Result<(), StepUp> {
        let now = self.layer().now().as_secs();
        let is_recent = self.last_sign_in().is_some_and(|last| now.saturating_sub(last.at.as_secs()) <= age.as_secs());
        self.require(Required::Recent(age), is_recent)
    }

    fn require(&self, required: Required, is_met: bool) -> Result<(), StepUp> {
        if is_met {
            return Ok(());
        }
        Err(StepUp { required, is_signed_in: self.user().is_some() })
    }
}
