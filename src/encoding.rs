//! The three strict encodings of the crate: unpadded base64url, lower-case hex and shortest decimal.
//!
//! Each has one spelling for a value and refuses every other. With `std`, base64url comes twice: for keys and signatures, without a branch
//! or an address that depends on the data, and for public text, as fast as it goes. This room decides which.

pub(crate) mod decimal;
mod literal;
#[cfg(feature = "std")]
mod public;
mod secret;

pub(crate) use literal::Literal;
#[cfg(not(feature = "std"))]
use secret as public;

/// Length of the base64url text of `n` bytes, unpadded.
pub(crate) const fn base64url_len(n: usize) -> usize {
    // One character more for every three bytes, and for a rest of one or two.
    n.saturating_add(n.div_ceil(3))
}

/// Length of what `n` characters of unpadded base64url stand for.
pub(crate) const fn base64url_decoded_len(n: usize) -> usize {
    n.saturating_sub(n.div_ceil(4))
}

/// Writes a secret; `dst` is exactly `base64url_len(src.len())` long.
pub(crate) fn base64url_encode(src: &[u8], dst: &mut [u8]) -> bool {
    secret::encode(src, dst)
}

/// Reads a secret; `dst` is exactly `base64url_decoded_len(src.len())` long. False for anything but the one canonical text.
pub(crate) fn base64url_decode(src: &[u8], dst: &mut [u8]) -> bool {
    secret::decode(src, dst)
}

/// Writes public text over the bytes that it is of, the first `len` of `text`, which is exactly `base64url_len(len)` long.
pub(crate) fn base64url_encode_public(text: &mut [u8], len: usize) -> bool {
    public::encode_in_place(text, len)
}

/// Reads public text over itself; `None` for anything but the one canonical text.
pub(crate) fn base64url_decode_public(text: &mut [u8]) -> Option<&mut [u8]> {
    public::decode_in_place(text)
}

/// Fills `dst`, which is twice as long as `src`.
pub(crate) fn hex_encode(src: &[u8], dst: &mut [u8]) -> bool {
    base16ct::lower::encode(src, dst).is_ok()
}

/// Fills `dst`, which is half as long as `src`; false for upper case and anything else.
pub(crate) fn hex_decode(src: &[u8], dst: &mut [u8]) -> bool {
    base16ct::lower::decode(src, dst).is_ok()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a test may panic")]
mod tests {
    use super::*;

    use base64ct::{Base64UrlUnpadded, Encoding};
    use std::vec::Vec;

    type Encoder = fn(&mut [u8], usize) -> bool;
    type Decoder = fn(&mut [u8]) -> Option<&mut [u8]>;
    const ENCODERS: [Encoder; 2] = [base64url_encode_public, secret::encode_in_place];
    const DECODERS: [Decoder; 2] = [base64url_decode_public, secret::decode_in_place];

    /// A codec that many people rely on, as the judge of all of ours: on what is right and on what is wrong.
    #[test]
    fn the_codecs_agree_with_base64ct() {
        for n in 0..130usize {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 151 + n * 7) as u8).collect();
            let text = Base64UrlUnpadded::encode_string(&bytes).into_bytes();
            assert_eq!((text.len(), base64url_decoded_len(text.len())), (base64url_len(n), n));
            let mut ours = std::vec![0; text.len()];
            assert!(base64url_encode(&bytes, &mut ours));
            assert_eq!(ours, text);
            assert!(!base64url_encode(&bytes, &mut std::vec![0; text.len() + 1]));
            for encode in ENCODERS {
                let mut ours = bytes.clone();
                ours.resize(text.len(), 0xFF);
                assert!(encode(&mut ours, n));
                assert_eq!(ours, text);
                assert!(!encode(&mut std::vec![0; text.len() + 1], n));
            }
            // Each character in turn becomes each other byte.
            for place in 0..text.len() {
                for byte in if n < 20 || place + 4 > text.len() { 0..=255u8 } else { b'+'..=b'/' } {
                    let mut changed = text.clone();
                    changed[place] = byte;
                    let expected =
                        core::str::from_utf8(&changed).ok().and_then(|text| Base64UrlUnpadded::decode_vec(text).ok());
                    for decode in DECODERS {
                        assert_eq!(decode(&mut changed.clone()).as_deref(), expected.as_deref(), "{n} {place} {byte}");
                    }
                    let mut secret = std::vec![0; n];
                    let secret = base64url_decode(&changed, &mut secret).then_some(secret);
                    assert_eq!(secret, expected, "{n} {place} {byte}");
                }
            }
        }
        for decode in DECODERS {
            assert!(decode(&mut [b'A']).is_none() && decode(&mut [b'A'; 5]).is_none());
        }
        assert!(
            !base64url_decode(b"A", &mut [])
                && !base64url_decode(b"AAAAA", &mut [0; 3])
                && !base64url_decode(b"AA", &mut [0; 2])
        );
    }

    #[test]
    fn long_text_is_encoded_in_blocks() {
        for n in [766, 767, 768, 769, 770, 1536, 1537, 3000] {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 151 + n * 7) as u8).collect();
            for encode in ENCODERS {
                let mut ours = bytes.clone();
                ours.resize(base64url_len(n), 0);
                assert!(encode(&mut ours, n));
                assert_eq!(ours, Base64UrlUnpadded::encode_string(&bytes).into_bytes());
            }
        }
    }

    #[test]
    fn hex_has_one_spelling() {
        let mut dst = [0; 1];
        assert!(hex_decode(b"af", &mut dst));
        for bad in [b"AF", b"+f", b" f", b"0x", b"g0", b"a\0"] {
            assert!(!hex_decode(bad, &mut dst), "{bad:?}");
        }
        assert!(!hex_decode(b"a", &mut dst));
    }
}
