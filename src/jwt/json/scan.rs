//! Finding bytes: eight at a time where code is cheap, one by one where it is not.

#[cfg(any(not(feature = "std"), test))]
mod bytes;
#[cfg(any(feature = "std", test))]
mod words;

#[cfg(not(feature = "std"))]
use bytes as finder;
#[cfg(feature = "std")]
use words as finder;

/// Where the first `byte` is.
pub(crate) fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    finder::find(bytes, byte)
}

/// Where the last `byte` is.
pub(crate) fn find_last(bytes: &[u8], byte: u8) -> Option<usize> {
    finder::find_last(bytes, byte)
}

/// Where the first byte is that does not stand for itself in a JSON string: a quote, a backslash or a control character.
pub(crate) fn find_special(bytes: &[u8]) -> Option<usize> {
    finder::find_special(bytes)
}

#[cfg(test)]
mod tests {
    use super::{bytes, words};

    fn agree(text: &[u8], byte: u8) {
        assert_eq!(words::find(text, byte), bytes::find(text, byte), "{byte} in {text:?}");
        assert_eq!(words::find_last(text, byte), bytes::find_last(text, byte), "{byte} in {text:?}");
        assert_eq!(words::find_special(text), bytes::find_special(text), "{text:?}");
    }

    #[test]
    fn both_ways_agree() {
        let mut text = [0u8; 40];
        for special in 0..=255u8 {
            for filler in [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0x80, 0xA0, 0xA2, 0xDC, 0xFF] {
                for place in 0..text.len() {
                    text.fill(filler);
                    text[place] = special;
                    agree(&text, special);
                }
            }
        }
    }

    #[test]
    fn at_any_length() {
        for len in 0..40 {
            let mut text = [b'!'; 40];
            agree(&text[..len], b'"');
            for place in (0..len).rev() {
                text[place] = b'"';
                agree(&text[..len], b'"');
                assert_eq!(bytes::find_special(&text[..len]), Some(place));
            }
        }
    }
}
