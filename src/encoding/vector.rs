//! base64url for public text, with vector instructions where the processor has them.
//!
//! The payload of a JWT stands in the open, so how long it takes to decode tells nobody anything.

use super::len::base64url_len;
use crate::bytes::copy;
use base64_simd::{Out, URL_SAFE_NO_PAD};

/// Bytes that are encoded at a time: a multiple of three, since the rest of a text is at its end alone.
const BLOCK: usize = 768;

/// Encodes the first `len` bytes of `text` over itself, block by block from the end: a text begins behind where its bytes do.
pub(super) fn encode_in_place(text: &mut [u8], len: usize) -> bool {
    let mut block = [0; BLOCK];
    let mut end = len;
    while end > 0 {
        let last = end.saturating_sub(1);
        let start = last.saturating_sub(last % BLOCK);
        let Some(bytes) = text.get(start..end) else { return false };
        let Some(block) = block.get_mut(..bytes.len()) else { return false };
        copy(bytes, block);
        let place = base64url_len(start)..base64url_len(end);
        let Some(place) = text.get_mut(place) else { return false };
        let _ = URL_SAFE_NO_PAD.encode(block, Out::from_slice(place));
        end = start;
    }
    true
}

pub(super) fn decode_in_place(text: &mut [u8]) -> Option<&mut [u8]> {
    URL_SAFE_NO_PAD.decode_inplace(text).ok()
}
