//! The comparisons of secrets, by the crate `subtle`. What they return may be known; nothing else of a secret decides where the program goes.
//!
//! Never inlined: `cargo xtask constant-time` takes what they return for public, and so must find them in an optimised program.

use subtle::{Choice, ConstantTimeEq};

/// True if both are equal. How long it takes depends on the length alone, which is public.
#[inline(never)]
pub(crate) fn eq(left: &[u8], right: &[u8]) -> bool {
    // Why: a word of the machine at a time takes fewer instructions.
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks(), right.as_chunks());
    let is_equal = left.iter().zip(right).fold(Choice::from(1), |is_equal, (left, right)| {
        is_equal & usize::from_ne_bytes(*left).ct_eq(&usize::from_ne_bytes(*right))
    });
    (left.len().ct_eq(&right.len()) & is_equal & left_rest.ct_eq(right_rest)).into()
}

/// True if `part` stands somewhere in `text`. How long it takes depends on both lengths alone, which are public.
#[inline(never)]
pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    let (mut rest, mut found) = (text, Choice::from(0));
    while let Some(place) = rest.get(..part.len()) {
        let differs = place.iter().zip(part).fold(0, |differs, (left, right)| differs | (left ^ right));
        found |= differs.ct_eq(&0);
        let Some((_, after)) = rest.split_first() else { break };
        rest = after;
    }
    found.into()
}

/// True if all bytes are the same: a placeholder, and no secret. How alike the first bytes are is nobody's business.
pub(crate) fn is_one_byte_repeated(bytes: &[u8]) -> bool {
    let end = bytes.len().saturating_sub(1);
    eq(bytes.get(1..).unwrap_or_default(), bytes.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_every_byte_counts() {
        let secret = [0x5Au8; 32];
        assert!(eq(&secret, &secret));
        for place in 0..32 {
            for bit in 0..8 {
                let mut other = secret;
                other[place] ^= 1 << bit;
                assert!(!eq(&secret, &other));
            }
        }
        assert!(!eq(&secret, &secret[..31]) && !eq(&secret[..31], &secret));
    }

    #[test]
    fn a_part_is_found_wherever_it_stands() {
        for place in 0..=29 {
            let mut text = [b'-'; 32];
            text[place..place + 3].copy_from_slice(b"a-b");
            assert!(contains(&text, b"a-b") && contains(&text, b"") && contains(&text, &text));
            text[place + 2] ^= 1;
            assert!(!contains(&text, b"a-b"));
        }
        assert!(!contains(b"ab", b"abc") && !contains(b"", b"a") && contains(b"", b""));
    }
}
