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

/// The keys seen so far, as 64 bits: a key whose bit is not set is new, for any other the text itself is asked.
#[derive(Default)]
pub(super) struct KeySet {
    bits: u64,
}

impl KeySet {
    /// True if `quoted` is a key of the normalised object text `before`, which ends just in front of it.
    pub(super) fn has_seen(&mut self, before: &[u8], quoted: &[u8]) -> bool {
        let hash = quoted.iter().fold(0u32, |hash, byte| hash.wrapping_mul(0x9E37_79B1).wrapping_add(u32::from(*byte)));
        let bit = 1u64 << (hash.wrapping_mul(0x9E37_79B1) >> 26);
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        !is_new && TopKeys::of(before).any(|key| key == quoted)
    }
}
