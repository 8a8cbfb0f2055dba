//! A clock that is not set, or is set back, is noticed.

use crate::kit::{NOW, UID, WINDOW, at, draft, judge_by, key, mqtt, text_of};
use countersign::token::{Channel, TokenError, Verifier};
use countersign::{ClockError, MonotonicClock, UnixTime};

#[test]
fn a_clock_that_is_set_back_makes_nothing_valid_again() {
    let (verifier, token) = (Verifier::new(mqtt(), key(), WINDOW), text_of(&draft(UID), &mqtt()));
    let expired_at = NOW + 301;
    let read =
        |clock: &mut MonotonicClock, now| judge_by(&verifier, token.as_bytes(), Channel::NONE, clock.read(at(now)));
    for hold in [0, 1, 60, 3600, u64::MAX] {
        for back in [1, 60, 61, 301, 3600, 3601, 10 * 365 * 86400] {
            let mut clock = MonotonicClock::new(hold);
            assert_eq!(read(&mut clock, expired_at), Err(TokenError::Expired { by: 1 }));
            // The control: without the memory the token lives again, or seems to come from the future.
            let unheld = judge_by(&verifier, token.as_bytes(), Channel::NONE, at(expired_at - back));
            assert_ne!(unheld, Err(TokenError::Expired { by: 1 }));
            let expected =
                if back <= hold { TokenError::Expired { by: 1 } } else { TokenError::Clock(ClockError::SteppedBack) };
            assert_eq!(read(&mut clock, expired_at - back), Err(expected), "hold {hold} back {back}");
            // Not even over a restart, if the highest value was kept.
            let mut restarted = MonotonicClock::resume_from(hold, clock.high_water_mark().unwrap());
            assert_eq!(read(&mut restarted, expired_at - back), Err(expected), "hold {hold} back {back}");
        }
    }
}

#[test]
fn an_absurd_clock_value_is_refused_and_not_remembered() {
    let mut clock = MonotonicClock::new(60);
    assert_eq!(clock.read(at(NOW)).time(), Ok(at(NOW)));
    for absurd in [0, 1, 1_000_000_000, 10_000_000_000, 1 << 63, u64::MAX] {
        assert_eq!(clock.read(at(absurd)).time(), Err(ClockError::NotSet), "{absurd}");
        assert_eq!(clock.high_water_mark(), Some(at(NOW)));
        assert_eq!(MonotonicClock::resume_from(60, at(absurd)).high_water_mark(), None, "{absurd}");
    }
    assert_eq!(clock.read(at(NOW + 1)).time(), Ok(at(NOW + 1)));
}

#[test]
fn a_clock_that_was_far_ahead_is_put_right_by_a_reset() {
    let mut clock = MonotonicClock::new(60);
    assert!(clock.read(UnixTime::MAX).time().is_ok());
    assert!(clock.read(at(NOW)).time().is_err());
    clock.reset();
    assert_eq!(clock.read(at(NOW)).time(), Ok(at(NOW)));
}
