//! The encoding `field(b)` of a byte string in the text form ([FORMAT section 3](crate::docs::format#3-text-form)).

use crate::bytes::copy;
use crate::cursor::{Cursor, Sink};
use crate::encoding::{base64url_decode_in_place, base64url_decoded_len, base64url_encode, base64url_len};
use crate::rules::MAX_UID_LEN;

/// Bytes of the longest field: a uid, and as many a param value.
const MAX_FIELD: usize = MAX_UID_LEN;

/// True if `bytes` stand for themselves: not empty, letters, digits, `_` and `-` only, no `-` in front.
fn is_literal(bytes: &[u8]) -> bool {
    !matches!(bytes, [] | [b'-', ..]) && is_in_alphabet(bytes)
}

fn is_in_alphabet(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

pub(super) fn write(bytes: &[u8], cursor: &mut Cursor<'_>) {
    if bytes.is_empty() || is_literal(bytes) {
        return cursor.put(bytes);
    }
    cursor.put(b"-");
    if let Some(place) = cursor.claim(base64url_len(bytes.len())) {
        base64url_encode(bytes, place);
    }
}

/// How many bytes a segment stands for, if it is well formed.
pub(super) fn decoded_len(segment: &[u8]) -> usize {
    match segment {
        [b'-', encoded @ ..] => base64url_decoded_len(encoded.len()),
        literal => literal.len(),
    }
}

/// Decodes a segment into a place of [`decoded_len`]; false unless it is the one spelling of its bytes.
pub(super) fn read(segment: &[u8], place: &mut [u8]) -> bool {
    match segment {
        [b'-', encoded @ ..] => {
            let mut buf = [0; base64url_len(MAX_FIELD)];
            let Some(text) = buf.get_mut(..encoded.len()) else { return false };
            copy(encoded, text);
            let Some(bytes) = base64url_decode_in_place(text) else { return false };
            copy(bytes, place);
            !bytes.is_empty() && !is_literal(bytes)
        }
        literal => {
            copy(literal, place);
            is_in_alphabet(literal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(bytes: &[u8]) -> std::vec::Vec<u8> {
        let mut out = [0; 90];
        let mut cursor = Cursor::new(&mut out);
        write(bytes, &mut cursor);
        cursor.finish().unwrap().to_vec()
    }

    fn decoded(segment: &[u8]) -> Option<std::vec::Vec<u8>> {
        let mut place = std::vec![0; decoded_len(segment)];
        read(segment, &mut place).then_some(place)
    }

    #[test]
    fn one_spelling() {
        for (bytes, text) in [(&b""[..], &b""[..]), (b"a-b_C9", b"a-b_C9"), (b"-x", b"-LXg"), (b"1.2.3", b"-MS4yLjM")] {
            assert_eq!(spelled(bytes), text);
            assert_eq!(decoded(text).as_deref(), Some(bytes));
        }
        for bad in [&b"-"[..], b"-YQ", b"-LXg=", b"-LXh", b"a b", b"a.b", b"a%41", b"-L", "é".as_bytes()] {
            assert_eq!(decoded(bad), None, "{bad:?}");
        }
    }
}
