//! The three strict encodings of the crate: unpadded base64url, lower-case hex and shortest decimal.
//!
//! Each has one spelling for a value and refuses every other. base64ct and base16ct do the work without branches on the data, so keys
//! and signs may pass through here.

pub(crate) mod base64url;
pub(crate) mod decimal;

use base64ct::{Base64UrlUnpadded, Encoding};

/// Length of the base64url text of `n` bytes, unpadded.
pub(crate) const fn base64url_len(n: usize) -> usize {
    // 4 characters for 3 bytes; a rest of 1 or 2 bytes takes 2 or 3 characters.
    n.saturating_mul(4).div_ceil(3)
}

/// Length of what `n` characters of unpadded base64url stand for.
pub(crate) const fn base64url_decoded_len(n: usize) -> usize {
    n.saturating_mul(3) / 4
}

/// Fills `dst`, which is exactly `base64url_len(src.len())` long.
pub(crate) fn base64url_encode(src: &[u8], dst: &mut [u8]) -> bool {
    Base64UrlUnpadded::encode(src, dst).is_ok()
}

/// Fills `dst`, which is exactly `base64url_decoded_len(src.len())` long; false for anything but the one canonical text.
///
/// `decode` and not `decode_in_place`: only the former refuses non-zero trailing bits.
pub(crate) fn base64url_decode(src: &[u8], dst: &mut [u8]) -> bool {
    Base64UrlUnpadded::decode(src, dst).is_ok()
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

    #[test]
    fn lengths_agree_with_the_codec() {
        let (bytes, mut text, mut back) = ([0xA5; 70], [0; 94], [0; 70]);
        for n in 0..=bytes.len() {
            let text = &mut text[..base64url_len(n)];
            assert!(base64url_encode(&bytes[..n], text));
            assert_eq!(base64url_decoded_len(text.len()), n);
            assert!(base64url_decode(text, &mut back[..n]));
            assert_eq!(back[..n], bytes[..n]);
        }
    }

    #[test]
    fn base64url_has_one_spelling() {
        let mut dst = [0; 3];
        assert!(base64url_decode(b"YQ", &mut dst[..1]));
        for bad in ["YR", "Y", "YQ=", "YQ==", "Y+", "Y/", " Q", "Y\n", "é"] {
            let n = base64url_decoded_len(bad.len());
            assert!(!base64url_decode(bad.as_bytes(), &mut dst[..n]), "{bad}");
        }
    }

    /// The codecs for public text agree with the constant-time one, on what is right and on what is wrong.
    #[test]
    fn the_fast_codecs_agree_with_the_constant_time_one() {
        type Decoder = fn(&mut [u8]) -> Option<&mut [u8]>;
        let decoders: [Decoder; 2] = [base64url::decode_in_place, base64url::small::decode_in_place];
        let mut text = std::vec::Vec::new();
        for n in 0..130usize {
            let bytes: std::vec::Vec<u8> = (0..n).map(|i| (i * 151 + n * 7) as u8).collect();
            text.resize(base64url_len(n), 0);
            assert!(base64url_encode(&bytes, &mut text));
            for encode in [base64url::encode, base64url::small::encode] {
                let mut fast = std::vec![0; text.len()];
                assert!(encode(&bytes, &mut fast));
                assert_eq!(fast, text);
            }
            // Each character in turn becomes each other byte.
            for place in 0..text.len() {
                for byte in if n < 20 || place + 4 > text.len() { 0..=255u8 } else { b'+'..=b'/' } {
                    let mut changed = text.clone();
                    changed[place] = byte;
                    let mut expected = std::vec![0; n];
                    let expected = base64url_decode(&changed, &mut expected).then_some(expected.as_slice());
                    for decode in decoders {
                        assert_eq!(decode(&mut changed.clone()).as_deref(), expected, "{n} {place} {byte}");
                    }
                }
            }
        }
        for decode in decoders {
            assert!(decode(&mut [b'A']).is_none() && decode(&mut [b'A'; 5]).is_none());
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
