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

/// Their names, in the order of [`Member`].
const NAMES: [&[u8]; 12] =
    [b"alg", b"aud", b"crit", b"cty", b"exp", b"iat", b"iss", b"jti", b"kid", b"nbf", b"sub", b"typ"];

impl Member {
    const ALL: [Self; 12] = [
        Self::Alg,
        Self::Aud,
        Self::Crit,
        Self::Cty,
        Self::Exp,
        Self::Iat,
        Self::Iss,
        Self::Jti,
        Self::Kid,
        Self::Nbf,
        Self::Sub,
        Self::Typ,
    ];

    /// The member of a key that is still in its quotes.
    pub(super) fn of_key(quoted: &[u8]) -> Option<Self> {
        let name = quoted.get(1..quoted.len().saturating_sub(1))?;
        if name.len() > 4 {
            return None;
        }
        let index = NAMES.iter().position(|member| *member == name)?;
        Self::ALL.get(index).copied()
    }

    #[allow(clippy::as_conversions, reason = "the place in the enumeration")]
    const fn index(self) -> usize {
        self as usize
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
    words: [u64; 4],
    /// How many more there may be: asking the text takes time.
    room: u32,
}

impl KeySet {
    pub(super) const fn up_to(max_keys: u32) -> Self {
        Self { words: [0; 4], room: max_keys }
    }

    /// Adds a key; `None` if it is one too many, or a key of the normalised object text `before`, which ends just in front of it.
    pub(super) fn add(&mut self, before: &[u8], quoted: &[u8]) -> Option<()> {
        self.room = self.room.checked_sub(1)?;
        let [word, a, b, ..] = hash(quoted).to_be_bytes();
        // Two bits of one word: both are asked for and set at once.
        let word = self.words.get_mut(usize::from(word & 3))?;
        let bits = 1u64 << (a & 63) | 1u64 << (b & 63);
        let is_new = *word & bits != bits;
        *word |= bits;
        (is_new || !TopKeys::of(before).any(|key| key == quoted)).then_some(())
    }
}

/// Of eight bytes at either end: enough to tell most names apart, and nobody's secret.
fn hash(quoted: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let (head, tail) = match (quoted.first_chunk(), quoted.last_chunk(), quoted.first_chunk(), quoted.last_chunk()) {
        (Some(head), Some(tail), ..) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        (_, _, Some(head), Some(tail)) => (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into()),
        // The one character between the quotes.
        _ => (quoted.get(1).copied().unwrap_or_default().into(), 0),
    };
    head.wrapping_mul(ODD).rotate_left(32).wrapping_add(tail).wrapping_mul(ODD)
}
