//! Events of sessions, and their counts.

#[cfg(doc)]
use super::SessionManager;
use super::handle::Handle;
use std::string::String;

/// An event for the hook of [`SessionManager::on_event`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A request came with a copy of an old cookie, and the session was ended. Warn its user.
    StolenCookie {
        /// Session.
        handle: Handle,
        /// Signed-in user.
        user: Option<String>,
    },
    /// A record could not be read, and its holder was signed out.
    Unreadable {
        /// Session.
        handle: Handle,
    },
}

/// Counts of events since the manager was made: see [`SessionManager::counters`]. None is an error, and each is worth a look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EventCounters {
    /// Requests with a copy of an old cookie, after the grace of a renewal. Their sessions were ended. A cookie of before the last sign-in opens nothing, and
    /// does not count.
    pub stolen_cookies: u64,
    /// Records that could not be read. Their holders were signed out.
    pub unreadable: u64,
    /// Writes that were made again on top of another request's.
    pub conflicts: u64,
}
