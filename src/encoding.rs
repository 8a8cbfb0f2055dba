//! The three strict encodings of the crate: unpadded base64url, lower-case hex and shortest decimal.
//!
//! Each has one spelling for a value and refuses every other. Secrets (keys, credentials) pass through the crate `base64ct`, which is constant-time.
//! Public text (the parts of a JWT, the fields of a token) passes through the fastest codec there is: `vector` with `std`, `word` on a device.

pub(crate) mod decimal;
mod len;
mod literal;
#[cfg(feature = "std")]
mod vector;
#[cfg(any(not(feature = "std"), test))]
mod word;

#[cfg(feature = "std")]
use vector as public;
#[cfg(not(feature = "std"))]
use word as public;

use crate::bytes::copy;
use base64ct::{Base64UrlUnpadded, Encoding};
pub(crate) use len::{base64url_decoded_len, base64url_len};
pub(crate) use literal::Literal;

/// Writes a secret; false unless `dst` is exactly `base64url_len(src.len())` long.
pub(crate) fn base64url_encode_secret(src: &[u8], dst: &mut [u8]) -> bool {
    dst.len() == base64url_len(src.len()) && Base64UrlUnpadded::encode(src, dst).is_ok()
}

/// Reads a secret; false for anything but the one canonical text of as many bytes as `dst` has.
#[inline]
pub(crate) fn base64url_decode_secret(src: &[u8], dst: &mut [u8]) -> bool {
    dst.len() == base64url_decoded_len(src.len()) && Base64UrlUnpadded::decode(src, dst).is_ok()
}

/// Writes public text over the bytes that it is of, the first `len` of `text`; false unless that is exactly `base64url_len(len)` long.
pub(crate) fn base64url_encode_in_place(text: &mut [u8], len: usize) -> bool {
    text.len() == base64url_len(len) && public::encode_in_place(text, len)
}

/// Writes public text; false unless `dst` is exactly `base64url_len(src.len())` long.
pub(crate) fn base64url_encode(src: &[u8], dst: &mut [u8]) -> bool {
    copy(src, dst);
    base64url_encode_in_place(dst, src.len())
}

/// Reads public text over itself; `None` for anything but the one canonical text.
pub(crate) fn base64url_decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
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
    const ENCODERS: [Encoder; 2] = [base64url_encode_in_place, word::encode_in_place];
    const DECODERS: [Decoder; 2] = [base64url_decode_in_place, word::decode_in_place];

    /// A codec that many people rely on, as the judge of those for public text: on what is right and on what is wrong.
    #[test]
    fn the_codecs_agree_with_base64ct() {
        for n in 0..130usize {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 151 + n * 7) as u8).collect();
            let text = Base64UrlUnpadded::encode_string(&bytes).into_bytes();
            assert_eq!((text.len(), base64url_decoded_len(text.len())), (base64url_len(n), n));
            for encode in [base64url_encode, base64url_encode_secret] {
                let mut ours = std::vec![0; text.len()];
                assert!(encode(&bytes, &mut ours));
                assert_eq!(ours, text);
                assert!(!encode(&bytes, &mut std::vec![0; text.len() + 1]));
            }
            for encode in ENCODERS {
                let mut ours = bytes.clone();
                ours.resize(text.len(), 0xFF);
                assert!(encode(&mut ours, n));
                assert_eq!(ours, text);
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
                    let secret = base64url_decode_secret(&changed, &mut secret).then_some(secret);
                    assert_eq!(secret, expected, "{n} {place} {byte}");
                }
            }
        }
        assert!(!base64url_encode_in_place(&mut [0; 5], 3) && !base64url_encode_in_place(&mut [0; 3], 3));
        for decode in DECODERS {
            assert!(decode(&mut [b'A']).is_none() && decode(&mut [b'A'; 5]).is_none());
        }
        assert!(
            !base64url_decode_secret(b"A", &mut [])
                && !base64url_decode_secret(b"AAAAA", &mut [0; 3])
                && !base64url_decode_secret(b"AA", &mut [0; 2])
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
