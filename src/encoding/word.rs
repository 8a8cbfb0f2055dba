//! base64url for public text four characters at a time, in one word: short, and fast on small processors.

use super::len::base64url_decoded_len;
use crate::bytes::copy;

const ONES: u32 = 0x0101_0101;

/// In each byte of a word: `step` if it is at least `from`, else zero. A step below zero is one modulo 2^32: as long as the sum of all steps
/// is a byte for each of them, the sum of the words is in order.
#[inline(always)]
const fn from(bytes: u32, from: u32, step: i32) -> u32 {
    // The highest bit of a byte below 0x80 tells, once the distance is added.
    let is_there = bytes.wrapping_add(0x80_u32.wrapping_sub(from).wrapping_mul(ONES)) >> 7 & ONES;
    is_there.wrapping_mul(step.cast_unsigned())
}

/// The characters of four times six bits: A to Z, a to z, 0 to 9, -, _.
const fn characters(sixes: u32) -> u32 {
    let upper = sixes.wrapping_add(65 * ONES);
    let steps = from(sixes, 26, 6).wrapping_add(from(sixes, 52, -75));
    upper.wrapping_add(steps).wrapping_add(from(sixes, 62, -13)).wrapping_add(from(sixes, 63, 49))
}

/// The six bits of each of four characters. What it makes of others is not what they are the characters of.
const fn sixes(text: u32) -> u32 {
    let dash = text.wrapping_add(17 * ONES);
    let steps = from(text, 48, -13).wrapping_add(from(text, 65, -69));
    dash.wrapping_add(steps).wrapping_add(from(text, 95, 33)).wrapping_add(from(text, 97, -39)) & 0x3F3F_3F3F
}

const fn split(bits: u32) -> u32 {
    bits << 6 & 0x3F00_0000 | bits << 4 & 0x3F_0000 | bits << 2 & 0x3F00 | bits & 0x3F
}

const fn join(sixes: u32) -> u32 {
    sixes >> 6 & 0xFC_0000 | sixes >> 4 & 0x3_F000 | sixes >> 2 & 0xFC0 | sixes & 0x3F
}

/// The text of three bytes.
fn encode_group([a, b, c]: [u8; 3]) -> [u8; 4] {
    characters(split(u32::from_be_bytes([0, a, b, c]))).to_be_bytes()
}

/// The 24 bits that four characters stand for, and zero; or anything and not zero, if they are not the text of it.
const fn decode_group(text: [u8; 4]) -> (u32, u32) {
    let text = u32::from_be_bytes(text);
    let sixes = sixes(text);
    (join(sixes), characters(sixes) ^ text)
}

/// The same of two or three characters, whose spare bits must be zero; nothing stands for nothing.
fn decode_rest(text: &[u8]) -> (u32, u32) {
    let mut group = [b'A'; 4];
    copy(text, &mut group);
    let (bits, wrong) = decode_group(group);
    let spare = if text.len() == 2 { bits & 0xFFFF } else { bits & 0xFF };
    (bits, wrong | spare)
}

/// Encodes the first `len` bytes of `text` over itself, from the end: a group's text begins behind where its bytes do.
pub(super) fn encode_in_place(text: &mut [u8], len: usize) -> bool {
    for group in (0..len.div_ceil(3)).rev() {
        let bytes = text.get(group.saturating_mul(3)..len).unwrap_or_default();
        let bytes = bytes.first_chunk().copied().unwrap_or_else(|| {
            let mut padded = [0; 3];
            copy(bytes, &mut padded);
            padded
        });
        let place = text.get_mut(group.saturating_mul(4)..).unwrap_or_default();
        let characters = encode_group(bytes);
        match place.first_chunk_mut() {
            Some(place) => *place = characters,
            None => copy(&characters, place),
        }
    }
    true
}

/// Decodes over the text itself; `None` for anything but the one canonical text.
pub(super) fn decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
    let (mut read, mut write, mut bad) = (0usize, 0usize, 0);
    while let Some(group) = text.get(read..)?.first_chunk() {
        let (bits, wrong) = decode_group(*group);
        let [_, bytes @ ..] = bits.to_be_bytes();
        // What is overwritten behind them has been read.
        *text.get_mut(write..)?.first_chunk_mut()? = bytes;
        bad |= wrong;
        read = read.wrapping_add(4);
        write = write.wrapping_add(3);
    }
    let (bits, wrong) = decode_rest(text.get(read..)?);
    let [_, bytes @ ..] = bits.to_be_bytes();
    if text.len() % 4 == 1 || bad | wrong != 0 {
        return None;
    }
    let text = text.get_mut(..base64url_decoded_len(text.len()))?;
    copy(&bytes, text.get_mut(write..)?);
    Some(text)
}
