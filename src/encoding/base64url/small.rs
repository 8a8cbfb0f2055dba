//! Four characters at a time through a table of 256 bytes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Marks a character outside of the alphabet: no sextet has this bit.
const BAD: u8 = 0x80;

/// The sextet of each character.
static SEXTETS: [u8; 256] = sextets();

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "runs when this compiles, or does not compile"
)]
const fn sextets() -> [u8; 256] {
    let mut table = [BAD; 256];
    let mut sextet = 0;
    while sextet < 64 {
        table[ALPHABET[sextet] as usize] = sextet as u8;
        sextet += 1;
    }
    table
}

fn sextet(character: u8) -> u8 {
    SEXTETS.get(usize::from(character)).copied().unwrap_or(BAD)
}

fn character(sextet: u32) -> u8 {
    // The mask keeps the index inside of the table.
    usize::try_from(sextet & 63).ok().and_then(|index| ALPHABET.get(index)).copied().unwrap_or(b'A')
}

pub(in crate::encoding) fn encode(src: &[u8], dst: &mut [u8]) -> bool {
    if dst.len() != super::super::base64url_len(src.len()) {
        return false;
    }
    for (bytes, text) in src.chunks(3).zip(dst.chunks_mut(4)) {
        let byte = |i: usize| u32::from(bytes.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (place, shift) in text.iter_mut().zip([18u32, 12, 6, 0]) {
            *place = character(group >> shift);
        }
    }
    true
}

pub(in crate::encoding) fn decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
    let (mut read, mut write, mut bad) = (0usize, 0usize, 0u8);
    while let Some(&[a, b, c, d]) = text.get(read..).and_then(<[u8]>::first_chunk) {
        let [a, b, c, d] = [sextet(a), sextet(b), sextet(c), sextet(d)];
        bad |= a | b | c | d;
        let bytes = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        *text.get_mut(write..)?.first_chunk_mut()? = bytes;
        read = read.saturating_add(4);
        write = write.saturating_add(3);
    }
    // Two or three characters are left, whose lowest bits stand for nothing and must be zero; one alone is none.
    let spare = match *text.get(read..)? {
        [] => 0,
        [a, b] => {
            let [a, b] = [sextet(a), sextet(b)];
            bad |= a | b;
            *text.get_mut(write)? = a << 2 | b >> 4;
            write = write.saturating_add(1);
            b & 0xF
        }
        [a, b, c] => {
            let [a, b, c] = [sextet(a), sextet(b), sextet(c)];
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
