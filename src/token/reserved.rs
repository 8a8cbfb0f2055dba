//! The reserved params and their forms ([FORMAT section 1](crate::docs::format#1-logical-token)).

use crate::encoding::decimal;
use crate::rules::MAX_COUNTER;
use crate::{Error, Result};

/// Bytes of a challenge's sign, and so of the param `c`.
pub(super) const PROOF_LEN: usize = 8;

/// The quality of the clock that a holder stamps with: the param `q`.
///
/// ```
/// # use countersign::{UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
/// use countersign::token::ClockQuality;
///
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).clock_quality(ClockQuality::Network);
/// assert!(builder.mint_text_heapless::<64>(&profile, &key)?.contains(".q_2."));
/// assert!(ClockQuality::Network > ClockQuality::Floor); // ascending: a policy can ask for at least one of them
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClockQuality {
    /// The clock is not set.
    Unset,
    /// The clock started from a lower bound: a build time or the last time kept.
    Floor,
    /// The clock was set from the network, without authentication.
    Network,
    /// The clock was repaired by the verifier.
    Repaired,
}

impl ClockQuality {
    pub(super) const fn value(self) -> &'static [u8] {
        match self {
            Self::Unset => b"0",
            Self::Floor => b"1",
            Self::Network => b"2",
            Self::Repaired => b"3",
        }
    }

    const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Unset),
            1 => Some(Self::Floor),
            2 => Some(Self::Network),
            3 => Some(Self::Repaired),
            _ => None,
        }
    }
}

/// The numbers among the reserved params of a parsed token. The bytes, `c` and `n`, stay among the params.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Reserved {
    /// `k`
    pub(super) slot: Option<u8>,
    /// `g`
    pub(super) generation: Option<u32>,
    /// `s`
    pub(super) sequence: Option<u64>,
    /// `q`
    pub(super) quality: Option<ClockQuality>,
}

impl Reserved {
    /// Keeps a reserved param, refuses one of another form, lets every other key pass.
    pub(super) fn read(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let max = match key {
            b"c" if value.len() != PROOF_LEN => return Err(Error::Malformed),
            b"g" => u32::MAX.into(),
            b"k" => u8::MAX.into(),
            b"q" => 3,
            b"s" => MAX_COUNTER,
            _ => return Ok(()),
        };
        let number = decimal::parse(value, max).ok_or(Error::Malformed)?;
        match key {
            b"g" => self.generation = u32::try_from(number).ok(),
            b"k" => self.slot = u8::try_from(number).ok(),
            b"q" => self.quality = ClockQuality::from_number(number),
            _ => self.sequence = Some(number),
        }
        Ok(())
    }
}
