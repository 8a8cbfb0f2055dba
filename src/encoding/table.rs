//! base64url for public text on small processors: a table of 256 bytes and one of 64.

use super::groups::{self, BAD, join};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The six bits of each character.
static SIX: [u8; 256] = table();

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "runs when this compiles, or does not compile"
)]
const fn table() -> [u8; 256] {
    let mut table = [BAD; 256];
    let mut six = 0;
    while six < 64 {
        table[ALPHABET[six] as usize] = six as u8;
        six += 1;
    }
    table
}

fn six(character: u8) -> u8 {
    SIX.get(usize::from(character)).copied().unwrap_or(BAD)
}

fn character(six: u8) -> u8 {
    // The mask keeps the index inside of the table.
    ALPHABET.get(usize::from(six & 63)).copied().unwrap_or(b'A')
}

pub(super) fn encode(src: &[u8], dst: &mut [u8]) -> bool {
    groups::encode(src, dst, character)
}

/// Decodes over the text itself; `None` for anything but the one canonical text.
pub(super) fn decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
    let (mut read, mut write, mut bad) = (0usize, 0usize, 0u8);
    while let Some(&[a, b, c, d]) = text.get(read..).and_then(<[u8]>::first_chunk) {
        let group = [six(a), six(b), six(c), six(d)];
        bad |= group.iter().fold(0, |bad, six| bad | six);
        *text.get_mut(write..)?.first_chunk_mut()? = join(group);
        read = read.saturating_add(4);
        write = write.saturating_add(3);
    }
    // Two or three characters are left, whose lowest bits stand for nothing and must be zero; one alone is none.
    let spare = match *text.get(read..)? {
        [] => 0,
        [a, b] => {
            let [a, b] = [six(a), six(b)];
            bad |= a | b;
            *text.get_mut(write)? = a << 2 | b >> 4;
            write = write.saturating_add(1);
            b & 0xF
        }
        [a, b, c] => {
            let [a, b, c] = [six(a), six(b), six(c)];
            bad |= a | b | c;
            *text.get_mut(write..)?.first_chunk_mut()? = [a << 2 | b >> 4, b << 4 | c >> 2];
            write = write.saturating_add(2);
            c & 3
        }
        _ => return None,
    };
    if bad & BAD != 0 || spare != 0 {
        return None;
    }
    text.get_mut(..write)
}
