//! NumericDate: seconds since the epoch, with an optional fraction (RFC 7519 section 2).

use super::registered::RegisteredClaim;
use crate::UnixTime;
use crate::encoding::decimal;
use crate::scan;

/// To which side a fraction of a second goes: always so that the token lives shorter, never longer.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Round {
    Down,
    Up,
}

/// A token ends at the second that its `exp` falls into, and begins when that of its `nbf` or `iat` is over.
pub(super) const fn rounding(claim: RegisteredClaim) -> Round {
    if matches!(claim, RegisteredClaim::ExpirationTime) { Round::Down } else { Round::Up }
}

/// Reads a normalised JSON value. A string, a negative number, and more seconds than 64 bits hold are no date.
pub(super) fn parse(value: &str, round: Round) -> Option<UnixTime> {
    let value = value.as_bytes();
    if cfg!(feature = "std")
        && let Some(seconds) = decimal::parse(value, u64::MAX)
    {
        // Nearly all dates are plain; where flash is dear they go the way of all others.
        return Some(UnixTime::from_secs(seconds));
    }
    let end = value.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(value.len());
    let (mantissa, exponent) = value.split_at_checked(end)?;
    let whole = scan::find(mantissa, b'.').unwrap_or(end);
    // How many digits are left in front of the point, which the exponent moves over the digits, and over zeros behind them.
    let mut left = i32::try_from(whole).ok()?.saturating_add(power(exponent));
    let (mut seconds, mut has_fraction, mut rest) = (0u64, false, mantissa.iter());
    loop {
        let digit = match rest.next() {
            Some(b'.') => continue,
            Some(digit) if digit.is_ascii_digit() => digit & 0xF,
            Some(_) => return None,
            // Twenty zeros behind anything but zero are more than 64 bits hold.
            None if left > 0 && seconds > 0 => 0,
            None => break,
        };
        if left > 0 {
            seconds = push(seconds, digit)?;
        } else {
            has_fraction |= digit != 0;
        }
        left = left.saturating_sub(1);
    }
    let rounds_up = round == Round::Up && has_fraction;
    (whole > 0).then_some(UnixTime::from_secs(seconds.checked_add(rounds_up.into())?))
}

/// What an exponent says, from its letter on. One beyond the longest document moves the point past all digits, however large it is.
fn power(exponent: &[u8]) -> i32 {
    let mut power = 0i32;
    for byte in exponent.iter().filter(|byte| byte.is_ascii_digit()) {
        power = power.wrapping_mul(10).wrapping_add(i32::from(byte & 0xF)).min(100_000);
    }
    if exponent.get(1) == Some(&b'-') { power.wrapping_neg() } else { power }
}

fn push(number: u64, digit: u8) -> Option<u64> {
    // Cheaper on small processors than a product that is checked.
    if number > u64::MAX / 10 { None } else { number.wrapping_mul(10).checked_add(digit.into()) }
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
