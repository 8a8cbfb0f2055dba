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
    /// Absorbs a key of any length. Never inlined, like [`tag`](PreparedKey::tag): what it needs of the stack is given back before anything
    /// else is done.
    #[inline(never)]
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = H::EMPTY;
        if key.len() > block.as_mut().len() {
            let mut hasher = Hasher::<H>::new();
            hasher.update(key);
            let mut hash = hasher.finish();
            copy(hash.as_ref(), block.as_mut());
            hash.zeroize();
        } else {
            copy(key, block.as_mut());
        }
        let mut prepared = Self { inner: H::INITIAL, outer: H::INITIAL };
        for (state, pad) in [(&mut prepared.inner, 0x36), (&mut prepared.outer, 0x36 ^ 0x5C)] {
            // The second pad takes the first one off.
            block.as_mut().iter_mut().for_each(|byte| *byte ^= pad);
            H::compress(state, block.as_mut());
        }
        block.zeroize();
        prepared
    }

    /// Starts a MAC.
    pub(crate) fn start(&self) -> Running<'_, H> {
        Running { outer: &self.outer, hasher: Hasher::after_one_block(&self.inner) }
    }

    /// The MAC of one message.
    #[inline(never)]
    pub(crate) fn tag(&self, message: &[u8]) -> H::Output {
        let mut hasher = Hasher::<H>::after_one_block(&self.inner);
        hasher.update(message);
        hasher.restart(&self.outer);
        hasher.finish()
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
    /// Bytes that were put so far.
    pub(crate) fn len(&self) -> usize {
        self.hasher.length().saturating_sub(H::BLOCK)
    }

    /// The MAC of all that was put; by reference, since a move would leave a copy behind.
    pub(crate) fn finish(&mut self) -> H::Output {
        self.hasher.restart(self.outer);
        self.hasher.finish()
    }
}

impl<H: Hash> Sink for Running<'_, H> {
    fn put(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{Sha256, Sha384, Sha512};
    use ::hmac::{Hmac, KeyInit, Mac, digest::Output};
    use std::vec::Vec;

    /// The crate that everybody uses is the judge: keys around the length of a block, messages around its ends, in two pieces.
    fn agrees<H: Hash, M: Mac + KeyInit>() {
        let bytes: Vec<u8> = (0..300u16).map(|i| i.to_be_bytes()[1] ^ 0x5A).collect();
        for key in [0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 300].map(|len| bytes.split_at(len).0) {
            let prepared = PreparedKey::<H>::new(key);
            for len in 0..bytes.len() {
                let message = bytes.split_at(len).0;
                let mut judge = <M as KeyInit>::new_from_slice(key).unwrap();
                judge.update(message);
                let expected: Output<M> = judge.finalize().into_bytes();
                assert_eq!(prepared.tag(message).as_ref(), expected.as_slice(), "{} {len}", key.len());
                let (start, end) = message.split_at(len / 3);
                let mut running = prepared.start();
                running.put(start);
                running.put(end);
                assert_eq!(running.len(), len);
                assert_eq!(running.finish().as_ref(), expected.as_slice(), "{} {len} in pieces", key.len());
            }
        }
    }

    #[test]
    fn agrees_with_the_hmac_crate() {
        agrees::<Sha256, Hmac<sha2::Sha256>>();
        agrees::<Sha384, Hmac<sha2::Sha384>>();
        agrees::<Sha512, Hmac<sha2::Sha512>>();
    }
}
