//! NumericDate: seconds since the epoch, a fraction allowed (RFC 7519 section 2).

use crate::UnixTime;

/// To which side a fraction of a second goes: always so that the token lives shorter, never longer.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Round {
    Down,
    Up,
}

/// Reads a normalised JSON value. A string, a negative number, and more seconds than 64 bits hold are no date.
pub(super) fn parse(value: &str, round: Round) -> Option<UnixTime> {
    let (seconds, has_fraction) = plain(value).or_else(|| scientific(value))?;
    let seconds = if round == Round::Up && has_fraction { seconds.checked_add(1)? } else { seconds };
    Some(UnixTime::from_secs(seconds))
}

/// A number without an exponent, as whole seconds and whether there is more.
fn plain(value: &str) -> Option<(u64, bool)> {
    match whole_seconds(value.as_bytes())? {
        (seconds, []) => Some((seconds, false)),
        (seconds, [b'.', digits @ ..]) if digits.iter().all(u8::is_ascii_digit) => Some((seconds, !is_zero(digits))),
        _ => None,
    }
}

/// The digits in front, of which there is at least one, and what follows them.
fn whole_seconds(mut text: &[u8]) -> Option<(u64, &[u8])> {
    let mut seconds = None;
    while let [digit @ b'0'..=b'9', rest @ ..] = text {
        seconds = Some(push(seconds.unwrap_or(0), *digit)?);
        text = rest;
    }
    Some((seconds?, text))
}

fn push(number: u64, digit: u8) -> Option<u64> {
    number.checked_mul(10)?.checked_add(u64::from(digit ^ b'0'))
}

fn is_zero(digits: &[u8]) -> bool {
    digits.iter().all(|digit| *digit == b'0')
}

/// A number with an exponent, as whole seconds and whether there is more: the decimal point is moved over its digits.
fn scientific(value: &str) -> Option<(u64, bool)> {
    let (mantissa, exponent) = value.split_once(['e', 'E'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // An exponent beyond the longest document moves the point past all digits, however large it is.
    let beyond = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    let exponent = exponent.parse().unwrap_or(beyond).clamp(-100_000, 100_000);
    let exponent = i32::try_from(exponent).ok()?;
    let point = exponent.saturating_add(i32::try_from(whole.len()).ok()?);
    let point = usize::try_from(point.max(0)).ok()?;
    let seconds = digits().take(point).try_fold(0, push)?;
    let zeros = point.saturating_sub(digits().count());
    // Twenty zeros behind anything but zero are more than 64 bits hold.
    let seconds = (0..zeros.min(20)).try_fold(seconds, |seconds, _| push(seconds, b'0'))?;
    Some((seconds, digits().skip(point).any(|digit| digit != b'0')))
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
    fn exponents() {
        let at = |text, round| parse(text, round).map(UnixTime::as_secs);
        for (text, down, up) in [
            ("1.30081938e+09", 1_300_819_380, 1_300_819_380),
            ("17E8", 1_700_000_000, 1_700_000_000),
            ("170000000025e-2", 1_700_000_000, 1_700_000_001),
            ("1.5e0", 1, 2),
            ("5e-1", 0, 1),
            ("1e-400", 0, 1),
            ("0e400", 0, 0),
            ("0e99999999999999999999", 0, 0),
            ("100000000000000000000e-11", 1_000_000_000, 1_000_000_000),
            ("0.0e-9", 0, 0),
            ("1.8446744073709551615e19", u64::MAX, u64::MAX),
        ] {
            assert_eq!((at(text, Round::Down), at(text, Round::Up)), (Some(down), Some(up)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date() {
        for text in
            ["\"17\"", "true", "null", "-1", "-0", "-1e3", "1E400", "1e20", "18446744073709551616", "[17]", "{}", ""]
        {
            assert_eq!(parse(text, Round::Down), None, "{text}");
        }
    }
}
