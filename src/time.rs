//! Points in time ([`UnixTime`]), and the accepted age of tokens ([`TimeWindow`]).

mod clock;
mod error;
#[cfg(feature = "std")]
mod system;

pub use clock::{ClockReading, MonotonicClock};
pub use error::ClockError;
#[cfg(feature = "std")]
pub use system::{Clock, SteadyClock, SystemClock};

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time in whole seconds since 1970-01-01T00:00:00Z, without leap seconds (POSIX).
///
/// Without the feature `std` this crate reads no clock: every function that needs the time takes it as an argument.
///
/// ```
/// use countersign::UnixTime;
///
/// let new_year = UnixTime::from_secs(1_767_225_600);
/// assert_eq!(new_year.as_secs(), 1_767_225_600);
/// ```
#[doc(alias = "timestamp")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UnixTime(u64);

impl UnixTime {
    /// The stamp of a holder whose clock is not set: 1 000 000 000 ([FORMAT section 1](crate::docs::format#1-logical-token)).
    ///
    /// ```
    /// use countersign::{ClockError, ClockReading, UnixTime};
    ///
    /// // A holder may stamp with it; a verifier cannot judge by it.
    /// assert_eq!(UnixTime::UNSET.as_secs(), 1_000_000_000);
    /// assert_eq!(ClockReading::from(UnixTime::UNSET).time(), Err(ClockError::NotSet));
    /// ```
    pub const UNSET: Self = Self(1_000_000_000);

    /// The last second that a stamp can name: 9 999 999 999, in the year 2286.
    ///
    /// ```
    /// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let beyond = UnixTime::from_secs(UnixTime::MAX.as_secs() + 1);
    /// assert!(TokenBuilder::time(b"dev-7", UnixTime::MAX).mint_text_heapless::<64>(&profile, &key).is_ok());
    /// let minted = TokenBuilder::time(b"dev-7", beyond).mint_text_heapless::<64>(&profile, &key);
    /// assert_eq!(minted, Err(Error::StampRange));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub const MAX: Self = Self(9_999_999_999);

    /// Creates a time from whole seconds since the epoch.
    ///
    /// ```
    /// use countersign::{ClockReading, UnixTime};
    ///
    /// // Nothing is refused here: whether the time can be stamped with or judged by is asked where it is used.
    /// let five_past_epoch = UnixTime::from_secs(5);
    /// assert!(ClockReading::from(five_past_epoch).time().is_err());
    /// ```
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Returns the whole seconds since the epoch.
    ///
    /// ```
    /// use countersign::UnixTime;
    ///
    /// let (made, now) = (UnixTime::from_secs(1_767_225_600), UnixTime::from_secs(1_767_225_900));
    /// assert_eq!(now.as_secs().saturating_sub(made.as_secs()), 300);
    /// ```
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Returns the duration since `earlier` in whole seconds, or zero if `earlier` is the later one.
    ///
    /// ```
    /// use core::time::Duration;
    /// use countersign::UnixTime;
    ///
    /// let made = UnixTime::from_secs(1_767_225_600);
    /// let now = made + Duration::from_secs(300);
    /// assert_eq!(now.duration_since(made), Duration::from_secs(300));
    /// assert_eq!(made.duration_since(now), Duration::ZERO);
    /// ```
    #[must_use]
    pub const fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// Reads the system clock. A clock before 1970 reads 0, which every verifier treats as not set.
    ///
    /// ```
    /// use countersign::UnixTime;
    ///
    /// assert!(UnixTime::now() > UnixTime::from_secs(1_767_225_600));
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub fn now() -> Self {
        std::time::SystemTime::now().into()
    }

    /// True for a time that a stamp can name and that is not the mark of an unset clock.
    pub(crate) fn is_set(self) -> bool {
        self > Self::UNSET && self <= Self::MAX
    }
}

/// Adds whole seconds and drops the fraction. Saturates at the largest time.
impl Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

/// Subtracts whole seconds and drops the fraction. Saturates at 0.
impl Sub<Duration> for UnixTime {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_secs()))
    }
}

/// Converts a system time. A time before 1970 becomes 0, which every verifier treats as not set.
#[cfg(feature = "std")]
impl From<std::time::SystemTime> for UnixTime {
    fn from(time: std::time::SystemTime) -> Self {
        Self(time.duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()))
    }
}

/// The accepted age of a token and the accepted lead of its holder's clock, in seconds.
///
/// Neither has a default. Both limits are inclusive: an age of exactly `max_age` passes. A token is accepted for at
/// most `max_age + max_future_skew` seconds.
///
/// ```
/// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, TokenError, Verifier}};
/// use countersign::TimeWindow;
///
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
/// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
/// let token = builder.mint_binary_heapless::<64>(&profile, &key)?;
/// let at = |now| verifier.verify_binary(&token, Channel::NONE, UnixTime::from_secs(now)).err();
/// assert_eq!(at(1_767_225_900), None); // 300 seconds old
/// assert_eq!(at(1_767_225_901), Some(TokenError::Expired { by: 1 }));
/// assert_eq!(at(1_767_225_539), Some(TokenError::FromFuture { by: 1 }));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "clock skew")]
#[doc(alias = "leeway")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TimeWindow {
    /// The largest accepted age of a token, in seconds.
    pub max_age: u64,
    /// The largest lead of a stamp over the verifier's clock, in seconds (`skew_future` in [FORMAT section 5](crate::docs::format#5-verifying)).
    #[doc(alias = "clock skew")]
    #[doc(alias = "skew_future")]
    #[doc(alias = "leeway")]
    pub max_future_skew: u64,
}

/// On which side of a window a stamp lies, and by how many seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outside {
    TooOld { by: u64 },
    TooNew { by: u64 },
}

impl TimeWindow {
    /// Judges a stamp at the time `now`. Saturates; no value of any argument can overflow.
    pub(crate) fn judge(self, stamp: UnixTime, now: UnixTime) -> Result<(), Outside> {
        let age = now.0.saturating_sub(stamp.0);
        let lead = stamp.0.saturating_sub(now.0);
        if age > self.max_age {
            Err(Outside::TooOld { by: age.saturating_sub(self.max_age) })
        } else if lead > self.max_future_skew {
            Err(Outside::TooNew { by: lead.saturating_sub(self.max_future_skew) })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_and_drops_fractions() {
        let (second, forever) = (Duration::from_millis(1999), Duration::MAX);
        assert_eq!(UnixTime(10) + second, UnixTime(11));
        assert_eq!(UnixTime(10) - second, UnixTime(9));
        assert_eq!(UnixTime(u64::MAX) + second, UnixTime(u64::MAX));
        assert_eq!(UnixTime(0) - second, UnixTime(0));
        assert_eq!((UnixTime(1) + forever, UnixTime(1) - forever), (UnixTime(u64::MAX), UnixTime(0)));
        #[cfg(feature = "std")]
        {
            let at = |secs| std::time::UNIX_EPOCH + Duration::from_secs(secs);
            assert_eq!(UnixTime::from(at(1_767_225_600)), UnixTime(1_767_225_600));
            assert_eq!(UnixTime::from(std::time::UNIX_EPOCH - Duration::from_secs(1)), UnixTime(0));
        }
    }

    #[test]
    fn limits_are_inside() {
        let window = TimeWindow { max_age: 300, max_future_skew: 60 };
        let at = |stamp| window.judge(UnixTime(stamp), UnixTime(10_000));
        assert_eq!(at(9_700), Ok(()));
        assert_eq!(at(9_699), Err(Outside::TooOld { by: 1 }));
        assert_eq!(at(10_060), Ok(()));
        assert_eq!(at(10_061), Err(Outside::TooNew { by: 1 }));
    }

    #[test]
    fn extremes_do_not_overflow() {
        for max_age in [0, 1, u64::MAX] {
            for max_future_skew in [0, 1, u64::MAX] {
                for stamp in [0, 1, u64::MAX] {
                    for now in [0, 1, u64::MAX] {
                        let _ = TimeWindow { max_age, max_future_skew }.judge(UnixTime(stamp), UnixTime(now));
                    }
                }
            }
        }
    }
}
