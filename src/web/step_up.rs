//! Pages for which it is not enough to be signed in: to a level, or a short while ago.

use super::required::Required;
use super::sign_in_page::SignInPage;
use super::{OpenSession, problem};
use crate::session::SessionError;
use core::fmt;
use core::time::Duration;
use http::Response;
use std::string::String;

/// Nobody is signed in as it takes: made by [`OpenSession::require_level`] and [`OpenSession::require_recent`].
///
/// As an answer it is 403 with the problem `urn:countersign:problem:step-up`, which says in `acr_values` which level, or in `max_age` how many seconds, by
/// the names of RFC 9470; 401 where nobody is signed in at all. People who look at a page are shown
/// [`signing_in_at`](super::SessionLayer::signing_in_at), with the same in its query. [`Required`] is in the answer's extensions, for the log.
#[derive(Clone, Debug)]
pub struct StepUp {
    required: Required,
    is_signed_in: bool,
    page: Option<SignInPage>,
}

impl StepUp {
    /// What the sign-in is to be.
    #[must_use]
    pub const fn required(&self) -> Required {
        self.required
    }

    /// False if nobody is signed in at all.
    #[must_use]
    pub const fn is_signed_in(&self) -> bool {
        self.is_signed_in
    }

    /// The answer, for a handler without axum.
    #[must_use]
    pub fn response(&self) -> Response<String> {
        let Self { required, is_signed_in, page } = self;
        let mut response = match (is_signed_in, page) {
            (true, page) => problem::step_up(*required, page.as_ref()),
            (false, page) => problem::session(SessionError::Gone, page.as_ref()).map(String::from),
        };
        response.extensions_mut().insert(*required);
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

impl OpenSession {
    /// Goes on only if the user has signed in to this level, or a higher one. A level is what the application has said to
    /// [`sign_in`](OpenSession::sign_in).
    ///
    /// ```
    /// use countersign::web::{OpenSession, StepUp};
    ///
    /// async fn pay(session: OpenSession) -> Result<&'static str, StepUp> {
    ///     session.require_level(2)?;
    ///     Ok("paid")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StepUp`] if the level is a lower one, or nobody is signed in.
    pub fn require_level(&self, level: u8) -> Result<(), StepUp> {
        self.require(Required::Level(level), self.authenticated().is_some_and(|(_, reached)| reached >= level))
    }

    /// Goes on only if the user has signed in, or stepped up, at most so long ago. Parts of a second do not count.
    ///
    /// ```
    /// use countersign::web::{OpenSession, StepUp};
    /// use std::time::Duration;
    ///
    /// async fn change_password(session: OpenSession) -> Result<&'static str, StepUp> {
    ///     session.require_recent(Duration::from_secs(600))?;
    ///     Ok("changed")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StepUp`] if it is longer ago, or nobody is signed in.
    pub fn require_recent(&self, age: Duration) -> Result<(), StepUp> {
        let now = self.filter().now().as_secs();
        let is_recent = self.authenticated().is_some_and(|(at, _)| now.saturating_sub(at.as_secs()) <= age.as_secs());
        self.require(Required::Recent(age), is_recent)
    }

    fn require(&self, required: Required, is_met: bool) -> Result<(), StepUp> {
        if is_met {
            return Ok(());
        }
        Err(StepUp { required, is_signed_in: self.user().is_some(), page: self.page().cloned() })
    }
}
