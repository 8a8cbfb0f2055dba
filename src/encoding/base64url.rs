//! base64url for public text: as fast as safe code goes, equally strict, not constant-time.
//!
//! The payload of a JWT stands in the open, so how long it takes to decode tells nobody anything. Signatures, keys and signs go through
//! the constant-time functions of the room above.

/// Fills `dst`, which is exactly [`super::base64url_len`] long.
pub(crate) fn encode(src: &[u8], dst: &mut [u8]) -> bool {
    imp::encode(src, dst)
}

/// Decodes over the text itself; `None` for anything but the one canonical text.
pub(crate) fn decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
    imp::decode_in_place(text)
}

/// Vector instructions where the processor has them.
#[cfg(feature = "std")]
mod imp {
    use base64_simd::{Out, URL_SAFE_NO_PAD};

    pub(super) fn encode(src: &[u8], dst: &mut [u8]) -> bool {
        if dst.len() != super::super::base64url_len(src.len()) {
            return false;
        }
        URL_SAFE_NO_PAD.encode(src, Out::from_slice(dst)).len() == super::super::base64url_len(src.len())
    }

    pub(super) fn decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
        URL_SAFE_NO_PAD.decode_inplace(text).ok()
    }
}

/// Tables, for small processors.
#[cfg(any(not(feature = "std"), test))]
#[cfg_attr(feature = "std", allow(dead_code, reason = "compared with the other in the tests"))]
pub(super) mod small;

#[cfg(not(feature = "std"))]
use small as imp;
