//! The error of a verifier's own clock.

use core::error::Error;
use core::fmt;

/// Error of a verifier's own clock. An HTTP server answers 503 to it, since no token is at fault.
///
/// ```
/// use countersign::{ClockError, ClockReading, UnixTime};
///
/// assert_eq!(ClockReading::from(UnixTime::from_secs(5)).time(), Err(ClockError::NotSet));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClockError {
    /// The clock is not set: its time is outside 1 000 000 001 to 9 999 999 999 ([FORMAT section 5](crate::docs::format#5-verifying) step 7, `NoClock`).
    #[doc(alias = "NoClock")]
    NotSet,
    /// The clock has stepped back further than the [`MonotonicClock`](crate::MonotonicClock) tolerates ([FORMAT section
    /// 5](crate::docs::format#5-verifying) step 7, `ClockRollback`).
    #[doc(alias = "ClockRollback")]
    SteppedBack,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSet => "the clock is not set: its time is outside 1000000001 to 9999999999 Unix seconds",
            Self::SteppedBack => {
                "the clock has stepped back by more than is tolerated: put it right, or reset the monotonic clock"
            }
        })
    }
}

impl Error for ClockError {}
