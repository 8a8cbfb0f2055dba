//! base64url for keys and signatures: neither a branch nor an address depends on the data.

use super::groups::{self, BAD};

/// All ones if `low <= byte <= high`, else zero.
const fn is_within(byte: i16, low: i16, high: i16) -> i16 {
    // Both differences are negative outside of the range on one side, so the shifted sign bits tell.
    !(byte.wrapping_sub(low) | high.wrapping_sub(byte)) >> 15
}

/// The character of six bits.
fn character(six: u8) -> u8 {
    let six = i16::from(six);
    let upper = is_within(six, 0, 25) & six.wrapping_add(0x41);
    let lower = is_within(six, 26, 51) & six.wrapping_add(0x61 - 26);
    let digit = is_within(six, 52, 61) & six.wrapping_sub(52 - 0x30);
    let minus = is_within(six, 62, 62) & 0x2D;
    let underscore = is_within(six, 63, 63) & 0x5F;
    let [_, character] = (upper | lower | digit | minus | underscore).to_be_bytes();
    character
}

/// The six bits of a character.
fn six(character: u8) -> u8 {
    let byte = i16::from(character);
    let known = [
        (is_within(byte, 0x41, 0x5A), byte.wrapping_sub(0x41)),
        (is_within(byte, 0x61, 0x7A), byte.wrapping_sub(0x61 - 26)),
        (is_within(byte, 0x30, 0x39), byte.wrapping_add(52 - 0x30)),
        (is_within(byte, 0x2D, 0x2D), 62),
        (is_within(byte, 0x5F, 0x5F), 63),
    ];
    let (mask, value) = known.into_iter().fold((0, 0), |(all, value), (mask, six)| (all | mask, value | mask & six));
    let [_, value] = (value | !mask & i16::from(BAD)).to_be_bytes();
    value
}

/// Fills `dst`; false if its length is not that of the text.
pub(super) fn encode(src: &[u8], dst: &mut [u8]) -> bool {
    groups::encode(src, dst, character)
}

/// Fills `dst`; false for anything but the one canonical text.
pub(super) fn decode(src: &[u8], dst: &mut [u8]) -> bool {
    groups::decode(src, dst, six)
}
