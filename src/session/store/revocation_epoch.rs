//! Revocations of all that a user holds, by number and time.

use crate::UnixTime;
use core::time::Duration;

/// A user's last revocation: its number and its time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RevocationEpoch {
    /// Number, which grows with each revocation; 0 before the first. The store refuses sessions of an earlier number.
    pub number: u64,
    /// Second of the revocation; `None` before the first. Tokens and JWTs issued at or before it are refused.
    pub at: Option<UnixTime>,
}

impl RevocationEpoch {
    /// Returns the epoch that a revocation begins: its number is higher, and its time is not earlier.
    ///
    /// The number is that of the second, so that it is also higher than the numbers of epochs that have left the store. A second revocation in one second,
    /// or one by a clock that is behind, adds 1 to the number before.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::session::store::RevocationEpoch;
    ///
    /// let noon = UnixTime::from_secs(1_767_268_800);
    /// let first = RevocationEpoch::default().next(noon);
    /// assert_eq!((first.number, first.at), (1_767_268_800, Some(noon)));
    /// assert_eq!(first.next(noon), RevocationEpoch { number: 1_767_268_801, at: Some(noon) });
    /// ```
    #[must_use]
    pub fn next(self, now: UnixTime) -> Self {
        Self { number: self.number.saturating_add(1).max(now.as_secs()), at: self.at.max(Some(now)) }
    }

    /// Returns the second until which a store keeps the epoch, where the caller asks for `keep_until`.
    ///
    /// The result is later than `keep_until` if the number is ahead of the clock, so that the number of the next epoch is higher.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::session::store::RevocationEpoch;
    ///
    /// let (noon, one) = (UnixTime::from_secs(1_767_268_800), UnixTime::from_secs(1_767_272_400));
    /// assert_eq!(RevocationEpoch::default().next(noon).kept_until(one), one);
    /// assert_eq!(RevocationEpoch::default().next(one).kept_until(noon).as_secs(), one.as_secs() + 1);
    /// ```
    #[must_use]
    pub fn kept_until(self, keep_until: UnixTime) -> UnixTime {
        keep_until.max(UnixTime::from_secs(self.number.saturating_add(1)))
    }

    /// Returns the later of two epochs of a user whose sessions are under two peppers.
    #[must_use]
    pub(in crate::session) fn and(self, other: Self) -> Self {
        Self { number: self.number.max(other.number), at: self.at.max(other.at) }
    }

    /// Returns true for a token or JWT that was issued before this epoch began, or may have been.
    ///
    /// `epoch` is the number that the token carries ([`SignInAttempt::epoch`](crate::session::SignInAttempt::epoch)). Without a number, or with one that the
    /// store does not know any more, `issued_at` decides, to the safe side. `skew` is the time by which verifiers let a token be ahead of
    /// the clock.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::session::store::RevocationEpoch;
    ///
    /// let at = |second: u64| UnixTime::from_secs(1_767_225_600 + second);
    /// let skew = core::time::Duration::from_secs(60);
    /// let epoch = RevocationEpoch { number: 2, at: Some(at(0)) };
    /// // Of the login that came at once, and of the one before.
    /// assert!(!epoch.has_revoked(Some(2), Some(at(0)), skew, at(0)) && epoch.has_revoked(Some(1), Some(at(0)), skew, at(0)));
    /// // Without a number: a minute of doubt.
    /// assert!(epoch.has_revoked(None, Some(at(60)), skew, at(61)) && !epoch.has_revoked(None, Some(at(61)), skew, at(61)));
    /// ```
    #[must_use]
    pub fn has_revoked(&self, epoch: Option<u64>, issued_at: Option<UnixTime>, skew: Duration, now: UnixTime) -> bool {
        let Some(at) = self.at else { return false };
        let ahead = |time: UnixTime| time.as_secs().saturating_add(skew.as_secs());
        match epoch {
            Some(number) if number < self.number => true,
            Some(number) if number == self.number => false,
            // Why `skew`: what was issued before may have a stamp that is ahead by so much, and what is ahead of the clock by more was not issued
            // since.
            _ => issued_at.is_none_or(|issued_at| issued_at.as_secs() <= ahead(at) || issued_at.as_secs() > ahead(now)),
        }
    }
}
