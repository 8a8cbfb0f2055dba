//! Tokens whose sign is good: [`Authentic`] before the policy, [`Verified`] after it.

use super::reserved::ClockQuality;
use super::unverified::Unverified;
use super::{Kind, Params};
use crate::UnixTime;
use core::fmt;
use core::ops::Deref;

/// A token that a key holder did sign. Whether it is fresh, current and allowed has not been asked.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Authentic<'a> {
    pub(super) token: Unverified<'a>,
    pub(super) uid: &'a [u8],
}

impl<'a> Authentic<'a> {
    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.token.kind
    }

    /// Who it is for, 1 to 64 bytes.
    #[must_use]
    pub const fn uid(&self) -> &'a [u8] {
        self.uid
    }

    /// When it was made; `None` for a Sequence token.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.token.kind.has_time().then_some(UnixTime::from_secs(self.token.stamp))
    }

    /// The counter of a Sequence token.
    #[must_use]
    pub fn counter(&self) -> Option<u64> {
        (!self.token.kind.has_time()).then_some(self.token.stamp)
    }

    /// All params, reserved ones included.
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.token.params
    }

    /// The nonce (`n`), if it carries one.
    #[must_use]
    pub fn nonce(&self) -> Option<&'a [u8]> {
        self.token.params.get("n")
    }

    /// The sequence number inside a Time or Answer token (`s`), if it carries one.
    #[must_use]
    pub const fn sequence_number(&self) -> Option<u64> {
        self.token.reserved.sequence
    }

    /// What the holder says of its clock (`q`), if it says anything.
    #[must_use]
    pub const fn clock_quality(&self) -> Option<ClockQuality> {
        self.token.reserved.quality
    }

    /// The sign, a token's identity: what replay tables, deny lists and caches key on (FORMAT section 4). Do not log it.
    #[must_use]
    pub const fn sign(&self) -> &'a [u8] {
        self.token.sign
    }
}

/// Shows everything but the sign and the nonce-like rest of the params.
impl fmt::Debug for Authentic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentic")
            .field("kind", &self.token.kind)
            .field("uid", &format_args!("{}", self.uid.escape_ascii()))
            .field("stamp", &self.token.stamp)
            .field("params", &self.token.params.len())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Authentic<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (kind, stamp, params) = (self.token.kind, self.token.stamp, self.token.params.len());
        defmt::write!(f, "{} uid={=[u8]:a} stamp={=u64} params={=usize}", kind, self.uid, stamp, params);
    }
}

/// A token that passed every step of FORMAT section 5: authentic, current, allowed. Only a [`Verifier`](super::Verifier) makes one.
///
/// A Time token stays a bearer token while it is fresh: whoever copies it can use it too. A Sequence token has no age at all, and is
/// safe only where the server refuses counters that it has seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verified<'a> {
    pub(super) token: Authentic<'a>,
    pub(super) slot: u8,
    pub(super) generation: u32,
}

impl Verified<'_> {
    /// The slot of the key that fitted.
    #[must_use]
    pub const fn slot(&self) -> u8 {
        self.slot
    }

    /// The generation of the key that fitted; 0 where keys have none.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }
}

impl<'a> Deref for Verified<'a> {
    type Target = Authentic<'a>;

    fn deref(&self) -> &Authentic<'a> {
        &self.token
    }
}
