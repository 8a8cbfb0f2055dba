//! Keys of the top object: which of them a JWT needs, and that each is there once.

use super::walk::TopKeys;

/// The members that a JWT's header (RFC 7515 section 4.1) or claims set (RFC 7519 section 4.1) may hold and that this crate reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Member {
    Alg,
    Aud,
    Crit,
    Cty,
    Exp,
    Iat,
    Iss,
    Jti,
    Kid,
    Nbf,
    Sub,
    Typ,
}

impl Member {
    /// The member of a key that is still in its quotes.
    pub(super) const fn of_key(quoted: &[u8]) -> Option<Self> {
        Some(match quoted {
            b"\"alg\"" => Self::Alg,
            b"\"aud\"" => Self::Aud,
            b"\"crit\"" => Self::Crit,
            b"\"cty\"" => Self::Cty,
            b"\"exp\"" => Self::Exp,
            b"\"iat\"" => Self::Iat,
            b"\"iss\"" => Self::Iss,
            b"\"jti\"" => Self::Jti,
            b"\"kid\"" => Self::Kid,
            b"\"nbf\"" => Self::Nbf,
            b"\"sub\"" => Self::Sub,
            b"\"typ\"" => Self::Typ,
            _ => return None,
        })
    }

    const fn index(self) -> usize {
        match self {
            Self::Alg => 0,
            Self::Aud => 1,
            Self::Crit => 2,
            Self::Cty => 3,
            Self::Exp => 4,
            Self::Iat => 5,
            Self::Iss => 6,
            Self::Jti => 7,
            Self::Kid => 8,
            Self::Nbf => 9,
            Self::Sub => 10,
            Self::Typ => 11,
        }
    }
}

/// Where each member's value lies in the normalised text; an empty span where it is absent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Members([(u16, u16); 12]);

impl Members {
    pub(super) fn set(&mut self, member: Member, start: usize, end: usize) {
        // A document is at most 65 535 bytes, so both fit.
        if let (Some(place), Ok(start), Ok(end)) =
            (self.0.get_mut(member.index()), u16::try_from(start), u16::try_from(end))
        {
            *place = (start, end);
        }
    }

    pub(super) fn span(&self, member: Member) -> Option<(usize, usize)> {
        let (start, end) = self.0.get(member.index())?;
        (end > start).then_some((usize::from(*start), usize::from(*end)))
    }
}

/// The keys seen so far, as a Bloom filter of 256 bits: a key with an unset bit is new, for any other the text itself is asked.
pub(super) struct KeySet {
    bits: [u64; 4],
    /// How many more there may be: asking the text takes time.
    room: u32,
}

impl KeySet {
    pub(super) const fn up_to(max_keys: u32) -> Self {
        Self { bits: [0; 4], room: max_keys }
    }

    /// Adds a key; `None` if it is one too many, or a key of the normalised object text `before`, which ends just in front of it.
    pub(super) fn add(&mut self, before: &[u8], quoted: &[u8]) -> Option<()> {
        self.room = self.room.checked_sub(1)?;
        let [a, b, ..] = hash(quoted).to_be_bytes();
        let (is_new_a, is_new_b) = (self.set(a), self.set(b));
        let is_new = is_new_a || is_new_b;
        (is_new || !TopKeys::of(before).any(|key| key == quoted)).then_some(())
    }

    /// Sets a bit; true if it was not set.
    fn set(&mut self, bit: u8) -> bool {
        // The highest two bits of eight name one of four words.
        let Some(word) = self.bits.get_mut(usize::from(bit >> 6)) else { return false };
        let mask = 1u64 << (bit & 63);
        let was_unset = *word & mask == 0;
        *word |= mask;
        was_unset
    }
}

/// Eight bytes at a time; good enough to tell names apart, and nobody's secret.
fn hash(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let word = |chunk: &[u8]| chunk.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    bytes.chunks(8).fold(0, |hash: u64, chunk| (hash.rotate_left(29) ^ word(chunk)).wrapping_mul(ODD))
}
