//! The setup that every law needs: a store under test, fixed times, and helper functions.

use crate::UnixTime;
use crate::session::credential::Credential;
use crate::session::handle::Handle;
use crate::session::store::{CreateOutcome, Deadlines, SessionContent, SessionKind, SessionStore, StoreError};
use core::fmt;
use std::format;
use std::string::String;
use std::vec::Vec;

/// Error of a store that breaks a law, with what it did.
#[doc(alias = "conformance")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Broken(pub(super) String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Broken {}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self(format!("{error}"))
    }
}

impl From<crate::Error> for Broken {
    fn from(error: crate::Error) -> Self {
        Self(format!("{error}"))
    }
}

pub(super) type Verdict = Result<(), Broken>;

pub(super) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

pub(super) fn after(seconds: u64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs().saturating_add(seconds))
}

/// Idle after 100 seconds, over after 1000.
pub(super) const DEADLINES: Deadlines =
    Deadlines { idle: UnixTime::from_secs(1_700_000_100), absolute: UnixTime::from_secs(1_700_001_000) };

/// Until when epochs are kept.
pub(super) const KEPT: UnixTime = UnixTime::from_secs(1_700_002_000);

pub(super) fn ensure(holds: bool, otherwise: &str) -> Verdict {
    if holds { Ok(()) } else { Err(Broken(otherwise.into())) }
}

/// A store under test, with one kind of sessions.
pub(super) struct Bench<'s, S> {
    pub(super) store: &'s S,
    pub(super) kind: SessionKind,
}

impl<S: SessionStore + fmt::Debug> Bench<'_, S> {
    pub(super) fn content(&self, text: &str) -> SessionContent {
        SessionContent { kind: self.kind, deadlines: DEADLINES, epoch: 0, bytes: text.as_bytes().into() }
    }

    pub(super) fn handle() -> Result<Handle, Broken> {
        Ok(Credential::generate_anonymous()?.handle())
    }

    /// A new session, and its version.
    pub(super) async fn session(&self, text: &str) -> Result<(Handle, u64), Broken> {
        let handle = Self::handle()?;
        match self.store.create(handle, self.content(text), NOW).await? {
            CreateOutcome::Done(version) => Ok((handle, version)),
            other => Err(Broken(format!("a new session was not made: {other:?}"))),
        }
    }

    pub(super) async fn text(&self, handle: Handle, now: UnixTime) -> Result<Option<Vec<u8>>, Broken> {
        Ok(self.store.load(handle, now).await?.map(|entry| entry.content.bytes.to_vec()))
    }

    pub(super) async fn is_over(&self, handle: Handle, how: &str) -> Verdict {
        ensure(self.text(handle, NOW).await?.is_none(), &format!("{how}: it can be read"))
    }
}
