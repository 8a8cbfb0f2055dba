//! What a sign-in has to be for some pages.

use core::fmt;
use core::time::Duration;

/// What a sign-in is to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Required {
    /// To this level, or a higher one.
    Level(u8),
    /// So long ago, or less.
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
