//! What an operator is told of sessions.

#[cfg(doc)]
use super::Sessions;
use super::credential::Handle;
use std::string::String;

/// What an operator is told at once: see [`Sessions::telling`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A copied cookie was used: this session was ended. Its user may want to know.
    Theft {
        /// The session.
        handle: Handle,
        /// Who had signed in.
        user: Option<String>,
    },
    /// A record that could not be read; its holder was signed out.
    Unreadable {
        /// The session.
        handle: Handle,
    },
}

/// What an operator counts: none of it is an error, all of it is worth a look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Events {
    /// A verifier was used after its grace, however many renewals ago: somebody has a copy of a cookie. The session was ended. A cookie of before the last
    /// sign-in opens nothing, and is no alarm.
    pub thefts: u64,
    /// A record that could not be read; its holder was signed out.
    pub unreadable: u64,
    /// Writes that were made again on what another request had written.
    pub conflicts: u64,
}
