//! base64url in groups of three bytes and four characters, for whatever turns six bits into a character and back.
//!
//! Both directions work in two passes, one that moves bits and one that turns all characters alike: compilers make vector instructions
//! of the latter.

use crate::cursor::copy;

/// Characters that are turned at once: a multiple of four.
const BLOCK: usize = 64;

/// Marks a character outside of the alphabet: no six bits have this one.
pub(super) const BAD: u8 = 0x80;

const fn split([a, b, c]: [u8; 3]) -> [u8; 4] {
    [a >> 2, (a << 4 | b >> 4) & 63, (b << 2 | c >> 6) & 63, c & 63]
}

pub(super) const fn join([a, b, c, d]: [u8; 4]) -> [u8; 3] {
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
}

/// Fills `dst`; false if its length is not that of the text.
pub(super) fn encode(src: &[u8], dst: &mut [u8], character: impl Fn(u8) -> u8) -> bool {
    if dst.len() != super::base64url_len(src.len()) {
        return false;
    }
    let (groups, rest) = src.as_chunks();
    let (texts, text_of_rest) = dst.as_chunks_mut();
    for (bytes, text) in groups.iter().zip(texts) {
        *text = split(*bytes);
    }
    let mut last = [0; 3];
    copy(rest, &mut last);
    copy(&split(last), text_of_rest);
    for place in dst {
        *place = character(*place);
    }
    true
}

/// Fills `dst`, which is as long as what the text stands for; false for anything but the one canonical text. Branches on lengths alone
/// until all is decoded.
pub(super) fn decode(src: &[u8], dst: &mut [u8], six: impl Fn(u8) -> u8) -> bool {
    if src.len() % 4 == 1 || dst.len() != super::base64url_decoded_len(src.len()) {
        return false;
    }
    let (mut bad, mut spare, mut rest) = (0, 0, dst);
    for block in src.chunks(BLOCK) {
        let mut sixes = [0; BLOCK];
        copy(block, &mut sixes);
        for place in &mut sixes {
            *place = six(*place);
        }
        let (whole, tail) = sixes.get(..block.len()).unwrap_or_default().as_chunks();
        bad |= sixes.iter().take(block.len()).fold(0, |bad, six| bad | six);
        let Some((bytes, after)) = rest.split_at_mut_checked(super::base64url_decoded_len(block.len())) else {
            return false;
        };
        rest = after;
        let (places, place_of_tail) = bytes.as_chunks_mut();
        for (group, place) in whole.iter().zip(places) {
            *place = join(*group);
        }
        let mut last = [0; 4];
        copy(tail, &mut last);
        let last = join(last);
        copy(&last, place_of_tail);
        // Bits that stand for nothing must be zero.
        spare |= last.iter().skip(place_of_tail.len()).fold(0, |spare, byte| spare | byte);
    }
    bad & BAD == 0 && spare == 0
}
