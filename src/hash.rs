//! SHA-2 (FIPS 180-4): padding and lengths, around the compression functions of the crate `sha2`.
//!
//! That crate's own hashers pass their state by value through several layers. On a Cortex-M3 this takes 1 KB of stack and 2 KB of flash,
//! more than a token takes for itself, and a prepared key is twice as large.

use crate::cursor::copy;
use sha2::block_api::{compress256, compress512};
use zeroize::Zeroize;

/// A hash function, by what is its own: words, block, initial value.
pub(crate) trait Hash {
    /// Chaining value.
    type State: Copy + Zeroize;
    /// Bytes that are compressed at a time.
    type Block: Copy + Zeroize + AsMut<[u8]>;
    /// The whole hash, or the left part of it that the function is defined as.
    type Output: Copy + Zeroize + AsRef<[u8]>;

    const INITIAL: Self::State;
    const EMPTY: Self::Block;
    /// Bytes of a block.
    const BLOCK: usize;
    /// Bytes of the hash.
    const OUTPUT: usize;
    /// Bytes of the length behind the padding.
    const LENGTH: usize;

    /// Compresses all whole blocks; returns the rest.
    fn compress<'m>(state: &mut Self::State, message: &'m [u8]) -> &'m [u8];
    /// Writes the hash, or as much of it as there is room for.
    fn write(state: &Self::State, place: &mut [u8]);
    fn output(state: &Self::State) -> Self::Output;
}

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident, $word:ty, $block:literal, $output:literal, $compress:ident, $initial:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Hash for $name {
            type State = [$word; 8];
            type Block = [u8; $block];
            type Output = [u8; $output];

            const INITIAL: Self::State = $initial;
            const EMPTY: Self::Block = [0; $block];
            const BLOCK: usize = $block;
            const OUTPUT: usize = $output;
            const LENGTH: usize = $block / 8;

            fn compress<'m>(state: &mut Self::State, message: &'m [u8]) -> &'m [u8] {
                let (blocks, rest) = message.as_chunks();
                $compress(state, blocks);
                rest
            }

            fn write(state: &Self::State, place: &mut [u8]) {
                for (word, place) in state.iter().zip(place.as_chunks_mut().0) {
                    *place = word.to_be_bytes();
                }
            }

            fn output(state: &Self::State) -> Self::Output {
                let mut output = [0; $output];
                Self::write(state, &mut output);
                output
            }
        }
    };
}

hash!(
    /// 256 bits, of words of 32.
    Sha256, u32, 64, 32, compress256,
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19]
);
hash!(
    /// The left 384 bits, from an initial value of its own.
    Sha384, u64, 128, 48, compress512,
    [
        0xCBBB_9D5D_C105_9ED8, 0x629A_292A_367C_D507, 0x9159_015A_3070_DD17, 0x152F_ECD8_F70E_5939,
        0x6733_2667_FFC0_0B31, 0x8EB4_4A87_6858_1511, 0xDB0C_2E0D_64F9_8FA7, 0x47B5_481D_BEFA_4FA4,
    ]
);
hash!(
    /// 512 bits, of words of 64.
    Sha512, u64, 128, 64, compress512,
    [
        0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B, 0xA54F_F53A_5F1D_36F1,
        0x510E_527F_ADE6_82D1, 0x9B05_688C_2B3E_6C1F, 0x1F83_D9AB_FB41_BD6B, 0x5BE0_CD19_137E_2179,
    ]
);

/// A hash that takes its message piece by piece. Wiped on drop: what HMAC hashes starts with a key.
pub(crate) struct Hasher<H: Hash> {
    state: H::State,
    block: H::Block,
    /// Bytes that wait in the block, always fewer than it holds.
    filled: usize,
    /// Bytes of the whole message.
    length: usize,
}

impl<H: Hash> Hasher<H> {
    pub(crate) const fn new() -> Self {
        Self { state: H::INITIAL, block: H::EMPTY, filled: 0, length: 0 }
    }

    /// Goes on from a state that has compressed one block.
    pub(crate) const fn after_one_block(state: &H::State) -> Self {
        Self { state: *state, block: H::EMPTY, filled: 0, length: H::BLOCK }
    }

    /// Ends the message. Its hash becomes the start of another one, behind a state that has compressed one block.
    pub(crate) fn restart(&mut self, state: &H::State) {
        self.end();
        H::write(&self.state, self.block.as_mut());
        self.state = *state;
        self.filled = H::OUTPUT;
        self.length = H::BLOCK.wrapping_add(H::OUTPUT);
    }

    /// Bytes of the message so far.
    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn update(&mut self, mut message: &[u8]) {
        self.length = self.length.wrapping_add(message.len());
        if self.filled > 0 {
            let room = self.block.as_mut().get_mut(self.filled..).unwrap_or_default();
            let taken = room.len().min(message.len());
            let is_full = taken == room.len();
            copy(message, room);
            message = message.get(taken..).unwrap_or_default();
            self.filled = self.filled.saturating_add(taken);
            if !is_full {
                return;
            }
            H::compress(&mut self.state, self.block.as_mut());
        }
        let rest = H::compress(&mut self.state, message);
        copy(rest, self.block.as_mut());
        self.filled = rest.len();
    }

    /// The hash of the message, which ends here.
    pub(crate) fn finish(&mut self) -> H::Output {
        self.end();
        H::output(&self.state)
    }

    /// Pads the message and compresses what is left of it.
    fn end(&mut self) {
        let bits = u64::try_from(self.length).unwrap_or(0).wrapping_mul(8);
        let block = self.block.as_mut();
        let room = block.get_mut(self.filled..).unwrap_or_default();
        room.fill(0);
        if let Some(first) = room.first_mut() {
            *first = 0x80;
        }
        if room.len() <= H::LENGTH {
            H::compress(&mut self.state, block);
            block.fill(0);
        }
        if let Some(end) = block.last_chunk_mut() {
            *end = bits.to_be_bytes();
        }
        H::compress(&mut self.state, block);
    }
}

impl<H: Hash> Drop for Hasher<H> {
    fn drop(&mut self) {
        self.state.zeroize();
        self.block.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest;
    use std::vec::Vec;

    /// The crate's own hasher is the judge, at every length around the ends of blocks and in pieces of every size.
    fn agrees<H: Hash, D: Digest>() {
        let message: Vec<u8> = (0..400u16).map(|i| i.to_be_bytes()[1] ^ 0x5A).collect();
        for len in 0..=message.len() {
            let (message, _) = message.split_at(len);
            for piece in [1, 7, 63, 64, 65, 128, 400] {
                let mut hasher = Hasher::<H>::new();
                message.chunks(piece).for_each(|piece| hasher.update(piece));
                assert_eq!(hasher.finish().as_ref(), D::digest(message).as_slice(), "{len} in {piece}");
            }
        }
    }

    #[test]
    fn agrees_with_the_hashers_of_sha2() {
        agrees::<Sha256, sha2::Sha256>();
        agrees::<Sha384, sha2::Sha384>();
        agrees::<Sha512, sha2::Sha512>();
    }
}
