//! Finding bytes, eight at a time, in safe code.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks, by its highest bit, the lowest byte that is zero. Bytes above it may be marked wrongly.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

const fn equal_to(word: u64, byte: u8) -> u64 {
    zeros(word ^ u64::from_le_bytes([byte; 8]))
}

/// Marks the lowest byte below 0x20.
const fn controls(word: u64) -> u64 {
    word.wrapping_sub(u64::from_le_bytes([0x20; 8])) & !word & HIGHS
}

/// Where the first byte is that `in_word` marks and `is` confirms.
#[inline(always)]
fn position(bytes: &[u8], in_word: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let mut start = 0usize;
    while let Some(word) = bytes.get(start..).and_then(<[u8]>::first_chunk::<8>) {
        let marks = in_word(u64::from_le_bytes(*word));
        if marks != 0 {
            let byte = usize::try_from(marks.trailing_zeros() / 8).ok()?;
            return Some(start.saturating_add(byte));
        }
        start = start.saturating_add(8);
    }
    let rest = bytes.get(start..).unwrap_or_default();
    rest.iter().position(|byte| is(*byte)).map(|place| start.saturating_add(place))
}

/// Where the first `byte` is.
pub(crate) fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    position(bytes, |word| equal_to(word, byte), |found| found == byte)
}

/// Where the first byte is that does not stand for itself in a JSON string: a quote, a backslash or a control character.
pub(crate) fn find_special(bytes: &[u8]) -> Option<usize> {
    position(
        bytes,
        |word| equal_to(word, b'"') | equal_to(word, b'\\') | controls(word),
        |byte| matches!(byte, b'"' | b'\\' | 0..=0x1F),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_plain_way() {
        let mut bytes = [0u8; 40];
        for special in 0..=255u8 {
            for filler in [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0x80, 0xA0, 0xA2, 0xDC, 0xFF] {
                for place in 0..bytes.len() {
                    bytes.fill(filler);
                    bytes[place] = special;
                    let plain = |is: &dyn Fn(u8) -> bool| bytes.iter().position(|byte| is(*byte));
                    assert_eq!(find(&bytes, special), plain(&|byte| byte == special));
                    let is_special = |byte| byte == b'"' || byte == b'\\' || byte < 0x20;
                    assert_eq!(find_special(&bytes), plain(&is_special), "{special} {filler} {place}");
                }
            }
        }
    }
}
