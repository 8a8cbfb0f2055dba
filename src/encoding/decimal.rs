//! Shortest decimal: no sign, no blank, no leading zero.

/// Digits of the largest u64.
const MAX_DIGITS: usize = 20;

/// Reads the shortest decimal form of a number up to `max`, or `None`.
pub(crate) fn parse(digits: &[u8], max: u64) -> Option<u64> {
    match digits {
        [] | [b'0', _, ..] => return None,
        _ => {}
    }
    digits
        .iter()
        .try_fold(0u64, |value, digit| match digit {
            b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit ^ b'0')),
            _ => None,
        })
        .filter(|value| *value <= max)
}

/// A number's shortest decimal form.
pub(crate) struct Decimal {
    digits: [u8; MAX_DIGITS],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(value: u64) -> Self {
        let (mut digits, mut start, mut rest) = ([b'0'; MAX_DIGITS], MAX_DIGITS, value);
        for place in digits.iter_mut().rev() {
            // A digit is below 10, so the conversion cannot fail.
            *place = b'0' | u8::try_from(rest % 10).unwrap_or(0);
            start = start.saturating_sub(1);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn round_trip() {
        for value in [0, 1, 9, 10, 99, 100, 1_767_225_600, (1 << 40) - 1, u64::MAX] {
            assert_eq!(Decimal::new(value).as_bytes(), value.to_string().as_bytes());
            assert_eq!(parse(Decimal::new(value).as_bytes(), u64::MAX), Some(value));
        }
    }

    #[test]
    fn one_spelling() {
        for bad in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "1.0", "1e9", "0x1", "１", "18446744073709551616"] {
            assert_eq!(parse(bad.as_bytes(), u64::MAX), None, "{bad}");
        }
        assert_eq!(parse(b"255", 255), Some(255));
        assert_eq!(parse(b"256", 255), None);
    }
}
