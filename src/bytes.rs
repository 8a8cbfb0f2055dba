//! Bytes from one place to another.

/// Copies as much as fits. Unlike `copy_from_slice` it has no panic path for lengths that differ.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}
