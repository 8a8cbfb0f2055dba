//! A verifier's own clock that cannot be used.

use core::error::Error;
use core::fmt;

/// Why a verifier's own clock cannot be judged by: an HTTP server answers 503, since no token is at fault.
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
    /// It is not set: its time is outside 1 000 000 001 to 9 999 999 999 ([FORMAT section 5](crate::docs::format#5-verifying) step 7, `NoClock`).
    #[doc(alias = "NoClock")]
    NotSet,
    /// It has stepped back by more than the [`MonotonicClock`](crate::MonotonicClock) tolerates (the same step, `ClockRollback`).
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
