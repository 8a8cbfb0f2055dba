//! HMAC (RFC 2104) under a key whose pads have been absorbed.

use crate::cursor::{Sink, copy};
use crate::hash::{Hash, Hasher};
use zeroize::Zeroize;

/// A key: the hash's state behind the inner pad, and behind the outer. Wiped on drop.
pub(crate) struct PreparedKey<H: Hash> {
    inner: H::State,
    outer: H::State,
}

impl<H: Hash> PreparedKey<H> {
    /// Absorbs a key of any length.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = H::EMPTY;
        if key.len() > block.as_mut().len() {
            let mut hasher = Hasher::<H>::new();
            hasher.update(key);
            copy(H::output(&hasher.finish()).as_ref(), block.as_mut());
        } else {
            copy(key, block.as_mut());
        }
        let mut behind_pad = |pad: u8| {
            let mut state = H::INITIAL;
            block.as_mut().iter_mut().for_each(|byte| *byte ^= pad);
            H::compress(&mut state, block.as_mut());
            block.as_mut().iter_mut().for_each(|byte| *byte ^= pad);
            state
        };
        let prepared = Self { inner: behind_pad(0x36), outer: behind_pad(0x5C) };
        block.zeroize();
        prepared
    }

    /// Starts a MAC.
    pub(crate) fn start(&self) -> Running<'_, H> {
        Running { outer: &self.outer, hasher: Hasher::after_one_block(self.inner) }
    }

    /// The MAC of one message.
    pub(crate) fn tag(&self, message: &[u8]) -> H::Output {
        let mut running = self.start();
        running.put(message);
        running.finish()
    }
}

impl<H: Hash> Drop for PreparedKey<H> {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// A MAC that takes its input piece by piece.
pub(crate) struct Running<'k, H: Hash> {
    outer: &'k H::State,
    hasher: Hasher<H>,
}

impl<H: Hash> Running<'_, H> {
    pub(crate) fn finish(mut self) -> H::Output {
        let mut hash = H::output(&self.hasher.finish());
        // In the same place: a second hasher would be as much stack again.
        self.hasher = Hasher::after_one_block(*self.outer);
        self.hasher.update(hash.as_ref());
        hash.zeroize();
        H::output(&self.hasher.finish())
    }
}

impl<H: Hash> Sink for Running<'_, H> {
    fn put(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }
}
