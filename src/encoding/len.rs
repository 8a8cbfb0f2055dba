//! How long a text of base64url is, and what it stands for.

/// Length of the base64url text of `n` bytes, unpadded.
pub(crate) const fn base64url_len(n: usize) -> usize {
    // One character more for every three bytes, and for a rest of one or two.
    n.saturating_add(n.div_ceil(3))
}

/// Length of what `n` characters of unpadded base64url stand for.
pub(crate) const fn base64url_decoded_len(n: usize) -> usize {
    n.saturating_sub(n.div_ceil(4))
}
