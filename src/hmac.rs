//! HMAC (RFC 2104) by the crate `hmac`, under a key whose pads have been absorbed.
//!
//! The block-level type is used, since it takes a message by reference and is finished by reference: its convenient twin is moved to be
//! finished, which takes 1 KB of stack on a Cortex-M3.

use crate::cursor::Sink;
use crate::{Error, Result};
use hmac::block_api::HmacCore;
use hmac::digest::Output;
use hmac::digest::block_api::{Buffer, FixedOutputCore, UpdateCore};
use hmac::{EagerHash, KeyInit};

/// The MAC of a message.
pub(crate) type Tag<D> = Output<HmacCore<D>>;

/// A key: the state of the hash behind each of the two pads. Wiped on drop, by the crate `sha2`.
pub(crate) struct PreparedKey<D: EagerHash>(HmacCore<D>);

impl<D: EagerHash> PreparedKey<D> {
    /// Absorbs a key of any length. What calls it is never inlined, so that the stack that it takes is given back; this itself is, since out of
    /// line the compiler keeps a panic path of `hmac` at opt-level z.
    ///
    /// # Errors
    /// None in practice: HMAC takes keys of any length.
    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        HmacCore::new_from_slice(key).map(Self).map_err(|_| Error::KeyLength { got: key.len() })
    }

    /// Writes the MAC of what `put` puts.
    pub(crate) fn write_tag_of(&self, put: impl FnOnce(&mut Running<'_, D>), tag: &mut Tag<D>) {
        let mut core = self.0.clone();
        // By reference, since a move would leave a copy on the stack.
        let mut running = Running { core: &mut core, buffer: Buffer::<HmacCore<D>>::default() };
        put(&mut running);
        running.core.finalize_fixed_core(&mut running.buffer, tag);
    }

    /// Writes the MAC of one message. Never inlined, so that the stack that it takes is given back.
    #[inline(never)]
    pub(crate) fn write_tag(&self, message: &[u8], tag: &mut Tag<D>) {
        self.write_tag_of(|mac| mac.put(message), tag);
    }
}

/// A MAC that takes its message piece by piece.
pub(crate) struct Running<'c, D: EagerHash> {
    core: &'c mut HmacCore<D>,
    buffer: Buffer<HmacCore<D>>,
}

impl<D: EagerHash> Sink for Running<'_, D> {
    fn put(&mut self, bytes: &[u8]) {
        let Self { core, buffer } = self;
        buffer.digest_blocks(bytes, |blocks| core.update_blocks(blocks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::hmac::{Hmac, Mac};
    use std::vec::Vec;

    /// In pieces or as a whole, the same as by the convenient type: keys around the length of a block, messages around its ends.
    fn agrees<D: EagerHash, M: Mac + KeyInit>() {
        let bytes: Vec<u8> = (0..300u16).map(|i| i.to_be_bytes()[1] ^ 0x5A).collect();
        for key in [0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 300].map(|len| bytes.split_at(len).0) {
            let prepared = PreparedKey::<D>::new(key).unwrap();
            for len in 0..bytes.len() {
                let message = bytes.split_at(len).0;
                let mut judge = <M as KeyInit>::new_from_slice(key).unwrap();
                judge.update(message);
                let expected = judge.finalize().into_bytes();
                let mut tag = Tag::<D>::default();
                prepared.write_tag(message, &mut tag);
                assert_eq!(tag.as_slice(), expected.as_slice(), "{} {len}", key.len());
                let (start, end) = message.split_at(len / 3);
                let in_pieces = |mac: &mut Running<'_, D>| {
                    mac.put(start);
                    mac.put(end);
                };
                prepared.write_tag_of(in_pieces, &mut tag);
                assert_eq!(tag.as_slice(), expected.as_slice(), "{} {len} in pieces", key.len());
            }
        }
    }

    #[test]
    fn pieces_make_the_same_mac_as_the_whole() {
        agrees::<sha2::Sha256, Hmac<sha2::Sha256>>();
        agrees::<sha2::Sha384, Hmac<sha2::Sha384>>();
        agrees::<sha2::Sha512, Hmac<sha2::Sha512>>();
    }
}
