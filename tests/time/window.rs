//! The window of a verifier ends where it says, at every clock and with every setting.

use crate::kit::{NOW, UID, at, binary_of, draft, judge, judge_by, key, mqtt, text_of};
use countersign::token::{Channel, TokenBuilder, TokenError, Verifier};
use countersign::{ClockError, Error, TimeWindow};

#[test]
fn the_window_ends_where_it_says() {
    for (stamp, expected) in [
        (NOW, Ok(())),
        (NOW - 299, Ok(())),
        (NOW - 300, Ok(())),
        (NOW - 301, Err(TokenError::Expired { by: 1 })),
        (NOW + 59, Ok(())),
        (NOW + 60, Ok(())),
        (NOW + 61, Err(TokenError::FromFuture { by: 1 })),
        (1_000_000_001, Err(TokenError::Expired { by: NOW - 1_000_000_001 - 300 })),
        (9_999_999_999, Err(TokenError::FromFuture { by: 9_999_999_999 - NOW - 60 })),
        (1_000_000_000, Err(TokenError::HolderClockUnset)),
    ] {
        let draft = TokenBuilder::time(UID, at(stamp));
        assert_eq!(judge(text_of(&draft, &mqtt()).as_bytes(), Channel::NONE), expected, "{stamp}");
        assert_eq!(judge(&binary_of(&draft, &mqtt()), Channel::NONE), expected, "{stamp}");
    }
}

#[test]
fn no_time_and_no_setting_overflows() {
    let edges =
        [0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, NOW, 9_999_999_999, 10_000_000_000, 1 << 63, u64::MAX];
    let mut verdicts = [0; 2];
    for stamp in [1_000_000_000, 1_000_000_001, NOW, 9_999_999_999] {
        let token = text_of(&TokenBuilder::time(UID, at(stamp)), &mqtt());
        for max_age in edges {
            for max_future_skew in edges {
                let verifier = Verifier::new(mqtt(), key(), TimeWindow { max_age, max_future_skew });
                for now in edges {
                    let outcome = judge_by(&verifier, token.as_bytes(), Channel::NONE, at(now));
                    let usable = (1_000_000_001..=9_999_999_999).contains(&now);
                    let (age, lead) = (now.saturating_sub(stamp), stamp.saturating_sub(now));
                    let expected = match () {
                        () if !usable => Err(TokenError::Clock(ClockError::NotSet)),
                        () if stamp == 1_000_000_000 => Err(TokenError::HolderClockUnset),
                        () if age > max_age => Err(TokenError::Expired { by: age - max_age }),
                        () if lead > max_future_skew => Err(TokenError::FromFuture { by: lead - max_future_skew }),
                        () => Ok(()),
                    };
                    assert_eq!(outcome, expected, "stamp {stamp} now {now} max_age {max_age} skew {max_future_skew}");
                    verdicts[usize::from(outcome.is_ok())] += 1;
                }
            }
        }
    }
    assert!(verdicts[0] > 1000 && verdicts[1] > 500, "{verdicts:?}");
    for stamp in edges.into_iter().filter(|stamp| !(1_000_000_000..=9_999_999_999).contains(stamp)) {
        let minted = TokenBuilder::time(UID, at(stamp)).mint_text_heapless::<64>(&mqtt(), &key());
        assert_eq!(minted, Err(Error::StampRange), "{stamp}");
    }
}

#[test]
fn no_token_lives_longer_than_both_settings_together() {
    let token = text_of(&draft(UID), &mqtt());
    for (max_age, max_future_skew) in [(0, 0), (0, 60), (1, 0), (300, 0), (300, 60), (60, 300), (900, 900)] {
        let verifier = Verifier::new(mqtt(), key(), TimeWindow { max_age, max_future_skew });
        let accepts = |now: &u64| judge_by(&verifier, token.as_bytes(), Channel::NONE, at(*now)).is_ok();
        let accepted: Vec<u64> = (NOW - 2000..=NOW + 2000).filter(accepts).collect();
        let (first, last) = (accepted[0], accepted[accepted.len() - 1]);
        assert_eq!((first, last), (NOW - max_future_skew, NOW + max_age));
        assert_eq!(accepted.len() as u64, max_age + max_future_skew + 1, "there is a hole");
    }
}
