//! The reserved params and their forms (FORMAT section 1).

use crate::encoding::decimal;
use crate::rules::MAX_COUNTER;
use crate::{Error, Result};

/// Bytes of a challenge's sign, and so of the param `c`.
pub(super) const PROOF_LEN: usize = 8;

/// How much a holder trusts the clock that it stamps with: the param `q`.
///
/// ```
/// # use countersign::{UnixTime, key::MacKey, token::{Draft, Profile}};
/// use countersign::token::ClockQuality;
///
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// let draft = Draft::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).clock_quality(ClockQuality::Network);
/// assert!(draft.mint_string::<64>(&profile, &key)?.contains(".q_2."));
/// assert!(ClockQuality::Network > ClockQuality::Floor); // ascending: a policy can ask for at least one of them
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClockQuality {
    /// Not set at all.
    Unset,
    /// No earlier than this: a build time or the last time kept.
    Floor,
    /// From the network, not authenticated.
    Network,
    /// Repaired by the verifier.
    Repaired,
}

impl ClockQuality {
    pub(super) const fn digit(self) -> u8 {
        match self {
            Self::Unset => b'0',
            Self::Floor => b'1',
            Self::Network => b'2',
            Self::Repaired => b'3',
        }
    }

    const fn from_value(value: &[u8]) -> Option<Self> {
        match value {
            b"0" => Some(Self::Unset),
            b"1" => Some(Self::Floor),
            b"2" => Some(Self::Network),
            b"3" => Some(Self::Repaired),
            _ => None,
        }
    }
}

/// What the reserved params of a parsed token say. `n` has no form of its own and stays among the params.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Reserved {
    /// `k`
    pub(super) slot: Option<u8>,
    /// `g`
    pub(super) generation: Option<u32>,
    /// `s`
    pub(super) sequence: Option<u64>,
    /// `c`
    pub(super) proof: Option<[u8; PROOF_LEN]>,
    /// `q`
    pub(super) quality: Option<ClockQuality>,
}

impl Reserved {
    /// Keeps a reserved param, refuses one of another form, lets every other key pass.
    pub(super) fn read(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let number = |max| decimal::parse(value, max);
        let fine = match key {
            b"c" => keep(&mut self.proof, value.try_into().ok()),
            b"g" => keep(&mut self.generation, number(u32::MAX.into()).and_then(|n| n.try_into().ok())),
            b"k" => keep(&mut self.slot, number(u8::MAX.into()).and_then(|n| n.try_into().ok())),
            b"q" => keep(&mut self.quality, ClockQuality::from_value(value)),
            b"s" => keep(&mut self.sequence, number(MAX_COUNTER)),
            _ => true,
        };
        if fine { Ok(()) } else { Err(Error::Malformed) }
    }
}

fn keep<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}
