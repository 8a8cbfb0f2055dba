//! Clocks of a server: the system's, the system's without its steps back, and those of the application.

use super::UnixTime;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::{Instant, SystemTime};

/// A clock that layers and authenticators read. It is the system's by default; tests and simulations pass their own.
///
/// Every `Fn() -> UnixTime` that is `Send` and `Sync` is a clock.
///
/// ```
/// use countersign::{Clock, SystemClock, UnixTime};
///
/// let noon = || UnixTime::from_secs(1_767_268_800);
/// assert_eq!(noon.now().as_secs(), 1_767_268_800);
/// assert!(SystemClock.now() > noon.now());
/// ```
pub trait Clock: Send + Sync {
    /// Returns the present time.
    fn now(&self) -> UnixTime;
}

impl<F: Fn() -> UnixTime + Send + Sync> Clock for F {
    fn now(&self) -> UnixTime {
        self()
    }
}

/// The system clock as it is, its steps back included. It calls [`UnixTime::now`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::now()
    }
}

/// The system clock without its steps back.
///
/// After a step back, the time continues from its highest value at the rate of the monotonic clock, until the process
/// ends or the system clock has caught up. Steps forward are followed. A value before 1970 counts as 1970.
///
/// An instant that has passed by this clock does not come back, and the clock never stands still.
///
/// ```
/// use countersign::{Clock, SteadyClock, UnixTime};
///
/// let clock = SteadyClock::new();
/// let before = clock.now();
/// assert!(before >= UnixTime::from_secs(1_767_225_600) && clock.now() >= before);
/// ```
#[derive(Debug)]
pub struct SteadyClock {
    start: Instant,
    /// The latest second that was told.
    latest: AtomicU64,
    /// The largest difference seen between the system's clock and the time since the start, in microseconds.
    ahead: AtomicU64,
}

impl SteadyClock {
    /// Creates a clock that starts from the system clock.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), latest: AtomicU64::new(0), ahead: AtomicU64::new(0) }
    }

    /// The time, when the system's clock says `system` since 1970 and so much has passed since the start.
    fn at(&self, system: Duration, passed: impl FnOnce() -> Duration) -> UnixTime {
        // Why: most calls come in a second that was told before, and need no look at a second clock.
        if system.as_secs() == self.latest.load(Ordering::Relaxed) {
            return UnixTime::from_secs(system.as_secs());
        }
        let passed = passed();
        let ahead = micros(system.saturating_sub(passed));
        // Why: a read costs no other processor its cache line, as long as the clocks agree.
        let highest = self.ahead.load(Ordering::Relaxed);
        let highest = if ahead > highest { self.ahead.fetch_max(ahead, Ordering::Relaxed).max(ahead) } else { highest };
        let seconds = passed.saturating_add(Duration::from_micros(highest)).as_secs();
        self.latest.fetch_max(seconds, Ordering::Relaxed);
        UnixTime::from_secs(seconds)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> UnixTime {
        let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.at(system, || self.start.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_clock_goes_on_through_steps_back() {
        let clock = SteadyClock::new();
        let read =
            |system: u64, passed: u64| clock.at(Duration::from_secs(system), || Duration::from_secs(passed)).as_secs();
        assert_eq!(read(1_767_225_600, 0), 1_767_225_600);
        assert_eq!(read(1_767_225_610, 10), 1_767_225_610);
        // In a second that was told, the other clock is not looked at.
        assert_eq!(
            clock.at(Duration::from_secs(1_767_225_610), || panic!("a second clock is read")).as_secs(),
            1_767_225_610
        );
        // An hour back: time goes on from where it was.
        assert_eq!(read(1_767_222_020, 20), 1_767_225_620);
        assert_eq!(read(1_767_222_030, 30), 1_767_225_630);
        // It has caught up, and is ahead: that is taken.
        assert_eq!(read(1_767_229_240, 40), 1_767_229_240);
        assert_eq!(read(1_767_229_250, 50), 1_767_229_250);
        // Before 1970, as a machine without a battery says.
        assert_eq!(read(0, 60), 1_767_229_260);
    }
}
