//! The sign-ins that some handlers need.

use core::fmt;
use core::time::Duration;

/// The sign-in that a handler needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Required {
    /// A sign-in at this level or a higher one.
    Level(u8),
    /// A sign-in at most this long ago.
    Recent(Duration),
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(f, "a sign-in to level {level} is needed"),
            Self::Recent(age) => write!(f, "a sign-in at most {} seconds ago is needed", age.as_secs()),
        }
    }
}
