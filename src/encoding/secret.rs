//! base64url for keys and signatures: neither a branch nor an address depends on the data.

use super::groups::{self, BAD};

/// All ones if `byte >= low`, else zero, for two values below 128: the sign of their difference, spread.
const fn at_least(byte: u8, low: u8) -> u8 {
    !(byte.wrapping_sub(low) >> 7).wrapping_neg()
}

/// The character of six bits.
fn character(six: u8) -> u8 {
    // Each step of the alphabet adds the distance to the next run: A to Z, a to z, 0 to 9, -, _.
    six.wrapping_add(b'A')
        .wrapping_add(at_least(six, 26) & 6)
        .wrapping_sub(at_least(six, 52) & 75)
        .wrapping_sub(at_least(six, 62) & 13)
        .wrapping_add(at_least(six, 63) & 49)
}

/// The six bits of a character, or [`BAD`].
fn six(character: u8) -> u8 {
    let low7 = character & 0x7F;
    let within = |low: u8, high: u8| at_least(low7, low) & at_least(high, low7);
    let known = [
        (within(b'A', b'Z'), low7.wrapping_sub(b'A')),
        (within(b'a', b'z'), low7.wrapping_sub(b'a' - 26)),
        (within(b'0', b'9'), low7.wrapping_add(52 - b'0')),
        (within(b'-', b'-'), 62),
        (within(b'_', b'_'), 63),
    ];
    let (mask, value) = known.into_iter().fold((0, 0), |(all, value), (mask, six)| (all | mask, value | mask & six));
    value | !mask & BAD | character & BAD
}

/// Fills `dst`; false if its length is not that of the text.
pub(super) fn encode(src: &[u8], dst: &mut [u8]) -> bool {
    groups::encode(src, dst, character)
}

/// Fills `dst`; false for anything but the one canonical text.
pub(super) fn decode(src: &[u8], dst: &mut [u8]) -> bool {
    groups::decode(src, dst, six)
}
