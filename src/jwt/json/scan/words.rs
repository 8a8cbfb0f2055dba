//! Finding bytes, eight at a time, in safe code.

const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks, by its highest bit, the lowest byte that is below `limit`. Bytes from 0x80 on may be marked too, see [`ascii`], and so may any above the
/// lowest.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(all(limit))
}

/// Keeps the marks of bytes below 0x80.
const fn ascii(marks: u64, word: u64) -> u64 {
    marks & !word & all(0x80)
}

/// Marks the lowest byte that is this one.
const fn equal_to(word: u64, byte: u8) -> u64 {
    let differences = word ^ all(byte);
    ascii(below(differences, 1), differences)
}

/// Marks the lowest quote, backslash or control character.
const fn specials(word: u64) -> u64 {
    // Once bit 1 is flipped, the quote comes right behind the control characters, which change places among themselves.
    ascii(below(word ^ all(2), 0x21) | below(word ^ all(b'\\'), 1), word)
}

/// Bytes below the lowest mark.
fn unmarked(marks: u64) -> usize {
    usize::try_from(marks.trailing_zeros() / 8).unwrap_or(8)
}

/// Where the first byte is that `in_word` marks and `is` confirms.
#[inline(always)]
fn position(bytes: &[u8], in_word: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let mut rest = bytes;
    // All of `rest` are bytes of `bytes`, so nothing wraps.
    let place = |rest: &[u8], offset: usize| bytes.len().wrapping_sub(rest.len()).wrapping_add(offset);
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let marks = in_word(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return Some(place(rest, unmarked(marks)));
        }
        rest = after;
    }
    if let Some(chunk) = bytes.last_chunk::<8>() {
        // Once more over bytes that are not it, rather than one by one over those that are left.
        let marks = in_word(u64::from_le_bytes(*chunk));
        return (marks != 0).then(|| place(chunk, unmarked(marks)));
    }
    rest.iter().position(|byte| is(*byte))
}

/// Where the first `byte` is.
pub(super) fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    position(bytes, |word| equal_to(word, byte), |found| found == byte)
}

/// Where the last `byte` is.
pub(super) fn find_last(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut rest = bytes;
    while let Some((before, chunk)) = rest.split_last_chunk::<8>() {
        // The last byte becomes the lowest.
        let marks = equal_to(u64::from_be_bytes(*chunk), byte);
        if marks != 0 {
            return rest.len().checked_sub(unmarked(marks).saturating_add(1));
        }
        rest = before;
    }
    rest.iter().rposition(|found| *found == byte)
}

/// Where the first byte is that does not stand for itself in a JSON string: a quote, a backslash or a control character.
pub(super) fn find_special(bytes: &[u8]) -> Option<usize> {
    position(bytes, specials, |byte| matches!(byte, b'"' | b'\\' | 0..=0x1F))
}
