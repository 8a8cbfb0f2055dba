//! base64url for public text, with vector instructions where the processor has them.
//!
//! The payload of a JWT stands in the open, so how long it takes to decode tells nobody anything.

use base64_simd::{Out, URL_SAFE_NO_PAD};

pub(super) fn encode(src: &[u8], dst: &mut [u8]) -> bool {
    let fits = dst.len() == super::base64url_len(src.len());
    fits && URL_SAFE_NO_PAD.encode(src, Out::from_slice(dst)).len() == super::base64url_len(src.len())
}

pub(super) fn decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
    URL_SAFE_NO_PAD.decode_inplace(text).ok()
}
