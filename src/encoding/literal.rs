//! base64url of text that is known when this compiles.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A text of at most `N` characters.
pub(crate) struct Literal<const N: usize> {
    text: [u8; N],
    len: usize,
}

impl<const N: usize> Literal<N> {
    /// The text of all `parts`, one behind the other.
    #[allow(
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        reason = "runs when this compiles, or does not compile"
    )]
    pub(crate) const fn new(parts: &[&[u8]]) -> Self {
        let (mut text, mut len) = ([0; N], 0);
        // Bits that no character stands for yet.
        let (mut bits, mut count) = (0usize, 0);
        let mut part = 0;
        while part < parts.len() {
            let mut byte = 0;
            while byte < parts[part].len() {
                bits = bits << 8 | parts[part][byte] as usize;
                count += 8;
                while count >= 6 {
                    count -= 6;
                    text[len] = ALPHABET[bits >> count & 63];
                    len += 1;
                }
                bits &= 63;
                byte += 1;
            }
            part += 1;
        }
        if count > 0 {
            text[len] = ALPHABET[bits << (6 - count) & 63];
            len += 1;
        }
        Self { text, len }
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.text.split_at(self.len).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64UrlUnpadded, Encoding};

    #[test]
    fn the_same_as_at_run_time() {
        let text = b"\xff\xfe\xfd\x00 any bytes, of any length \x80";
        for len in 0..=text.len() {
            let (part, _) = text.split_at(len);
            let (start, end) = part.split_at(len / 2);
            let literal = Literal::<48>::new(&[start, end]);
            assert_eq!(literal.as_bytes(), Base64UrlUnpadded::encode_string(part).as_bytes());
        }
    }
}
