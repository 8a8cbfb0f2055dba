//! The clock of a verifier: not set, set, or stepped back ([FORMAT section 5](crate::docs::format#5-verifying) step 7, section 8).

use super::{ClockError, UnixTime};

/// A reading of a verifier's clock, usable or not.
///
/// A [`UnixTime`] converts into a reading, and a [`MonotonicClock`] returns one.
///
/// ```
/// use countersign::{ClockReading, UnixTime};
///
/// let reading = ClockReading::from(UnixTime::from_secs(1_767_225_600));
/// assert_eq!(reading.time().unwrap().as_secs(), 1_767_225_600);
/// assert!(ClockReading::from(UnixTime::from_secs(5)).time().is_err());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockReading {
    raw: UnixTime,
    fault: Option<ClockError>,
}

impl ClockReading {
    /// Returns the time if the clock is usable.
    ///
    /// ```
    /// use countersign::{ClockError, MonotonicClock, UnixTime};
    ///
    /// let mut clock = MonotonicClock::new(60);
    /// assert_eq!(clock.read(UnixTime::UNSET).time(), Err(ClockError::NotSet));
    /// assert!(clock.read(UnixTime::from_secs(1_767_225_600)).time().is_ok());
    /// assert_eq!(clock.read(UnixTime::from_secs(1_767_222_000)).time(), Err(ClockError::SteppedBack));
    /// ```
    ///
    /// # Errors
    /// [`ClockError::NotSet`] if the time is outside 1 000 000 001 to 9 999 999 999. [`ClockError::SteppedBack`] if a
    /// [`MonotonicClock`] has stepped back further than it tolerates.
    pub fn time(self) -> Result<UnixTime, ClockError> {
        match self.fault {
            None => Ok(self.raw),
            Some(fault) => Err(fault),
        }
    }

    /// Creates a reading that is usable whatever its time, for tests and simulations, which may count from zero.
    ///
    /// ```
    /// use countersign::{ClockReading, UnixTime};
    ///
    /// let zero = UnixTime::from_secs(0);
    /// assert!(ClockReading::from(zero).time().is_err());
    /// assert_eq!(ClockReading::assume_set(zero).time(), Ok(zero));
    /// ```
    #[must_use]
    pub const fn assume_set(time: UnixTime) -> Self {
        Self { raw: time, fault: None }
    }

    /// The time, usable or not: only for expanding a short stamp, which the MAC then confirms or refutes.
    pub(crate) const fn raw(self) -> UnixTime {
        self.raw
    }
}

impl From<UnixTime> for ClockReading {
    fn from(time: UnixTime) -> Self {
        Self { raw: time, fault: (!time.is_set()).then_some(ClockError::NotSet) }
    }
}

/// A clock that does not run backwards: it holds its highest value through small steps back and reports larger ones.
///
/// To detect a clock that was set back during a restart, store [`high_water_mark`](MonotonicClock::high_water_mark) and
/// pass it to [`resume_from`](MonotonicClock::resume_from).
///
/// ```
/// use countersign::{ClockError, MonotonicClock, UnixTime};
///
/// let mut clock = MonotonicClock::new(60);
/// let at = UnixTime::from_secs;
/// assert_eq!(clock.read(at(1_767_225_600)).time(), Ok(at(1_767_225_600)));
/// assert_eq!(clock.read(at(1_767_225_541)).time(), Ok(at(1_767_225_600))); // held
/// assert_eq!(clock.read(at(1_767_225_539)).time(), Err(ClockError::SteppedBack));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MonotonicClock {
    hold: u64,
    highest: Option<UnixTime>,
}

impl MonotonicClock {
    /// Creates a clock that tolerates steps back of up to `hold_secs` seconds.
    ///
    /// ```
    /// use countersign::{ClockError, MonotonicClock, UnixTime};
    ///
    /// let mut strict = MonotonicClock::new(0);
    /// strict.read(UnixTime::from_secs(1_767_225_600));
    /// assert_eq!(strict.read(UnixTime::from_secs(1_767_225_599)).time(), Err(ClockError::SteppedBack));
    /// ```
    #[must_use]
    pub const fn new(hold_secs: u64) -> Self {
        Self { hold: hold_secs, highest: None }
    }

    /// Creates a clock that continues from the highest value before a restart. A `highest` that is no set time is
    /// ignored.
    ///
    /// ```
    /// use countersign::{ClockError, MonotonicClock, UnixTime};
    ///
    /// let kept = UnixTime::from_secs(1_767_225_600);
    /// let mut clock = MonotonicClock::resume_from(60, kept);
    /// let a_day_before = UnixTime::from_secs(1_767_139_200);
    /// assert_eq!(clock.read(a_day_before).time(), Err(ClockError::SteppedBack));
    /// assert_eq!(MonotonicClock::resume_from(60, UnixTime::UNSET).high_water_mark(), None);
    /// ```
    #[must_use]
    pub fn resume_from(hold_secs: u64, highest: UnixTime) -> Self {
        Self { hold: hold_secs, highest: highest.is_set().then_some(highest) }
    }

    /// Returns the highest usable value read so far.
    ///
    /// ```
    /// use countersign::{MonotonicClock, UnixTime};
    ///
    /// let mut clock = MonotonicClock::new(60);
    /// assert_eq!(clock.high_water_mark(), None);
    /// clock.read(UnixTime::from_secs(1_767_225_600));
    /// clock.read(UnixTime::from_secs(1_767_225_590));
    /// assert_eq!(clock.high_water_mark(), Some(UnixTime::from_secs(1_767_225_600)));
    /// ```
    #[must_use]
    pub const fn high_water_mark(&self) -> Option<UnixTime> {
        self.highest
    }

    /// Forgets the highest value, as a restart would. For an operator whose clock was far ahead and has been corrected.
    pub const fn reset(&mut self) {
        self.highest = None;
    }

    /// Takes a value of the raw clock and returns a reading of this clock.
    ///
    /// ```
    /// use countersign::{MonotonicClock, UnixTime};
    ///
    /// let mut clock = MonotonicClock::new(60);
    /// let before = clock.read(UnixTime::from_secs(1_767_225_600));
    /// // Ten seconds back is within the hold: time stands still instead.
    /// assert_eq!(clock.read(UnixTime::from_secs(1_767_225_590)), before);
    /// ```
    pub fn read(&mut self, raw: UnixTime) -> ClockReading {
        if !raw.is_set() {
            return ClockReading::from(raw);
        }
        let highest = self.highest.map_or(raw, |highest| highest.max(raw));
        self.highest = Some(highest);
        let back = highest.as_secs().saturating_sub(raw.as_secs());
        ClockReading { raw: highest, fault: (back > self.hold).then_some(ClockError::SteppedBack) }
    }
}
