//! Short stamps: the low two bytes of a stamp, expanded by the verifier's clock ([FORMAT section 4](crate::docs::format#4-binary-form)).

use crate::UnixTime;

/// Returns the one time from `now` − 32 768 s to `now` + 32 767 s whose low 16 bits are `low`, or `None` if that is
/// outside the range of stamps.
///
/// ```
/// use countersign::{UnixTime, token::expand_short_stamp};
///
/// let at = UnixTime::from_secs;
/// assert_eq!(expand_short_stamp(at(1_767_225_600), 46_360), Some(at(1_767_224_600)));
/// ```
#[must_use]
pub fn expand(now: UnixTime, low: u16) -> Option<UnixTime> {
    let [.., high, last] = now.as_secs().to_be_bytes();
    // Two's complement of the 16-bit difference is just the nearest distance, a tie in the past.
    let distance = low.wrapping_sub(u16::from_be_bytes([high, last])).cast_signed();
    let stamp = now.as_secs().checked_add_signed(distance.into()).map(UnixTime::from_secs)?;
    (UnixTime::UNSET..=UnixTime::MAX).contains(&stamp).then_some(stamp)
}
