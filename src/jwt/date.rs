//! NumericDate: seconds since the epoch, a fraction allowed (RFC 7519 section 2).

use crate::UnixTime;

/// To which side a fraction of a second goes: always so that the token lives shorter, never longer.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Round {
    Down,
    Up,
}

/// Reads a normalised JSON value. A string, a negative number, an exponent, and more seconds than 64 bits hold are no date.
pub(super) fn parse(value: &str, round: Round) -> Option<UnixTime> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds =
        whole.bytes().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit ^ b'0')))?;
    let has_fraction = fraction.bytes().any(|digit| digit != b'0');
    let seconds = if round == Round::Up && has_fraction { seconds.checked_add(1)? } else { seconds };
    Some(UnixTime::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_lives_longer() {
        let at = |text, round| parse(text, round).map(UnixTime::as_secs);
        assert_eq!((at("17.25", Round::Down), at("17.25", Round::Up)), (Some(17), Some(18)));
        assert_eq!((at("17.000", Round::Down), at("17.0", Round::Up)), (Some(17), Some(17)));
        assert_eq!(at("18446744073709551615", Round::Up), Some(u64::MAX));
        assert_eq!(at("18446744073709551615.5", Round::Up), None);
    }

    #[test]
    fn what_is_no_date() {
        for text in ["\"17\"", "true", "null", "-1", "-0", "1e9", "1E400", "18446744073709551616", "[17]", "{}", ""] {
            assert_eq!(parse(text, Round::Down), None, "{text}");
        }
    }
}
