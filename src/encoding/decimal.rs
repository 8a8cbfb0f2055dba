//! Shortest decimal: no sign, no blank, no leading zero.

/// Digits of the largest u64.
const MAX_DIGITS: usize = 20;

/// Reads the shortest decimal form of a number up to `max`, which has 19 digits at most, or `None`.
pub(crate) fn parse(digits: &[u8], max: u64) -> Option<u64> {
    // With fewer digits than the largest u64 no sum overflows.
    if matches!(digits, [] | [b'0', _, ..]) || digits.len() >= MAX_DIGITS {
        return None;
    }
    let mut value = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit ^ b'0'));
    }
    (value <= max).then_some(value)
}

/// A number's shortest decimal form.
#[derive(Default)]
pub(crate) struct Decimal {
    digits: [u8; MAX_DIGITS],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(value: u64) -> Self {
        let (mut decimal, mut rest) = (Self { digits: [0; MAX_DIGITS], start: MAX_DIGITS }, value);
        for place in decimal.digits.iter_mut().rev() {
            let (quotient, digit) = divide_by_ten(rest);
            *place = b'0' | digit;
            decimal.start = decimal.start.wrapping_sub(1);
            rest = quotient;
            if rest == 0 {
                break;
            }
        }
        decimal
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

/// Long division in three steps of 32 bits: where words are no longer than that, one division of 64 bits takes more flash than a hash.
fn divide_by_ten(value: u64) -> (u64, u8) {
    if cfg!(target_pointer_width = "64") {
        return (value / 10, u8::try_from(value % 10).unwrap_or(0));
    }
    divide_by_ten_in_steps(value)
}

fn divide_by_ten_in_steps(value: u64) -> (u64, u8) {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    let high = u32::from_be_bytes([a, b, c, d]);
    // Each rest is below 10, so it fits above the next 16 bits.
    let middle = (high % 10) << 16 | u32::from(u16::from_be_bytes([e, f]));
    let low = (middle % 10) << 16 | u32::from(u16::from_be_bytes([g, h]));
    let quotient = u64::from(high / 10) << 32 | u64::from(middle / 10) << 16 | u64::from(low / 10);
    (quotient, u8::try_from(low % 10).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn round_trip() {
        for value in [0, 1, 9, 10, 99, 100, 65_535, 65_536, 655_360, 1_767_225_600, (1 << 40) - 1, u64::MAX] {
            assert_eq!(Decimal::new(value).as_bytes(), value.to_string().as_bytes());
            assert_eq!(divide_by_ten_in_steps(value), divide_by_ten(value));
        }
        for value in [0, 1, 9, 10, 99, 100, 1_767_225_600, (1 << 40) - 1, 9_999_999_999_999_999_999] {
            assert_eq!(parse(value.to_string().as_bytes(), u64::MAX), Some(value));
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
