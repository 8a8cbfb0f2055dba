//! Errors of stores.

use core::error::Error;
use core::fmt;
use std::sync::Arc;
#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
use {
    crate::shown::Shown,
    std::borrow::Cow,
    std::string::{String, ToString},
};

/// Error of a call of a [`SessionStore`](super::SessionStore).
///
/// [`kind`](StoreError::kind) decides how to go on; `source` has the cause, for the log. Two errors are equal if their kinds are.
///
/// ```
/// use core::error::Error;
/// use countersign::session::store::{StoreError, StoreErrorKind};
///
/// // In a store of your own:
/// let cause = std::io::Error::other("connection refused");
/// let error = StoreError::unavailable().with_source(cause);
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// assert_eq!(error.source().unwrap().to_string(), "connection refused");
/// ```
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kinds of a [`StoreError`].
///
/// Unless the kind says more, the call may or may not have been carried out. A second call is safe.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store has no room for another signed-in session, and drops none for it. Nothing was written.
    Full,
    /// The store does not answer.
    Unavailable,
    /// The call was carried out, but fewer replicas have confirmed it than were asked for: a failover may undo it.
    NotReplicated,
}

impl StoreError {
    /// An error of the kind [`Full`](StoreErrorKind::Full).
    #[must_use]
    pub const fn full() -> Self {
        Self { kind: StoreErrorKind::Full, source: None }
    }

    /// An error of the kind [`Unavailable`](StoreErrorKind::Unavailable).
    #[must_use]
    pub const fn unavailable() -> Self {
        Self { kind: StoreErrorKind::Unavailable, source: None }
    }

    /// An error of the kind [`NotReplicated`](StoreErrorKind::NotReplicated).
    #[must_use]
    pub const fn not_replicated() -> Self {
        Self { kind: StoreErrorKind::NotReplicated, source: None }
    }

    /// Adds the cause, which must not show secrets: it ends up in logs.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// An error of the kind [`Unavailable`](StoreErrorKind::Unavailable), with its cause in words.
    #[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
    pub(in crate::session) fn because(why: impl Into<Cow<'static, str>>) -> Self {
        Self::unavailable().with_source(Cause(why.into()))
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl PartialEq for StoreError {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Full => "the session store is full: raise its budget or shorten the deadlines",
            StoreErrorKind::Unavailable => "the session store does not answer",
            StoreErrorKind::NotReplicated => {
                "too few replicas of the session store have confirmed the call in time: ask again"
            }
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| -> &(dyn Error + 'static) { source.as_ref() })
    }
}

/// A cause in words, of which none is secret.
#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
#[derive(Debug)]
struct Cause(Cow<'static, str>);

#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.0).fmt(f)
    }
}

#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
impl Error for Cause {}

/// Error of opening a store: its configuration, its file or its servers.
///
/// The message says what was wrong and what to do. It never shows a password of an address.
///
/// ```
/// # #[cfg(feature = "redis")] {
/// use countersign::session::redis::{RedisOptions, RedisStore};
/// use countersign::session::store::StoreOpenErrorKind;
///
/// let error = RedisStore::single("http://10.0.0.1", RedisOptions::default()).unwrap_err();
/// assert_eq!(error.kind(), StoreOpenErrorKind::Config);
/// # }
/// ```
#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreOpenError {
    kind: StoreOpenErrorKind,
    /// What cannot be used, as the subject of the sentence.
    store: &'static str,
    why: String,
}

/// The kinds of a [`StoreOpenError`].
#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum StoreOpenErrorKind {
    /// An address or an option is wrong. Another attempt fails as well.
    Config,
    /// No server answers as it should. Another attempt may succeed.
    Connect,
    /// Another process has the file open, or this one a second time.
    Locked,
    /// The file cannot be read or made.
    Io,
}

#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
impl StoreOpenError {
    pub(in crate::session) fn new(kind: StoreOpenErrorKind, store: &'static str, why: impl fmt::Display) -> Self {
        Self { kind, store, why: why.to_string() }
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> StoreOpenErrorKind {
        self.kind
    }
}

#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
impl fmt::Display for StoreOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used: {}", self.store, Shown(&self.why))
    }
}

#[cfg(any(feature = "disk", feature = "nats", feature = "redis"))]
impl Error for StoreOpenError {}
