//! The epoch of a user as it stands in the log.

use crate::UnixTime;
use crate::session::credential::Handle;
use crate::session::store::{Entry, Epoch, Kind};
use core::cmp::Ordering;
use std::vec::Vec;

/// The epoch of a user, and the session that goes on from the ones before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EpochRecord {
    pub(super) epoch: Epoch,
    /// Which one, and from which epoch on it counts.
    kept: Option<(Handle, u64)>,
}

impl EpochRecord {
    /// True for a session of this epoch, and for the one that was kept.
    pub(super) fn admits(&self, handle: Handle, epoch: u64) -> bool {
        let is_kept = |(kept, from): (Handle, u64)| kept == handle && (from..=self.epoch.number).contains(&epoch);
        epoch == self.epoch.number || self.kept.is_some_and(is_kept)
    }

    /// As whoever reads it has it: of this epoch, so that it can be written again.
    pub(super) fn raised(&self, entry: &Entry) -> Entry {
        let mut raised = entry.clone();
        if raised.content.kind == Kind::SignedIn {
            raised.content.epoch = self.epoch.number;
        }
        raised
    }

    /// The later one of both. Of two with one number, which servers that differ may have taken, whoever was ended by either is over.
    pub(super) fn or_later(self, other: Self) -> Self {
        match self.epoch.number.cmp(&other.epoch.number) {
            Ordering::Less => other,
            Ordering::Greater => self,
            Ordering::Equal => Self { kept: self.kept.filter(|_| self.kept == other.kept), ..self },
        }
    }

    /// What is to be written over another one, so that all is over that is so by this one; nothing if the other does it already.
    pub(super) fn beyond(self, other: Self) -> Option<Self> {
        let latest = other.or_later(self);
        if latest.epoch.number > other.epoch.number {
            return Some(latest);
        }
        let next = || latest.next(None, latest.epoch.at.unwrap_or(UnixTime::from_secs(0)));
        (latest.kept != other.kept).then(next)
    }

    pub(super) fn next(&self, kept: Option<Handle>, now: UnixTime) -> Self {
        let number = self.epoch.number;
        // Kept again, it counts from where it did.
        let from = |handle| self.kept.filter(|(before, _)| *before == handle).map_or(number, |(_, from)| from);
        let kept = kept.map(|handle| (handle, from(handle)));
        Self { epoch: Epoch { number: number.saturating_add(1), at: self.epoch.at.max(Some(now)) }, kept }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut value = self.epoch.number.to_be_bytes().to_vec();
        value.extend_from_slice(&self.epoch.at.map_or(0, UnixTime::as_secs).to_be_bytes());
        if let Some((kept, from)) = &self.kept {
            value.extend_from_slice(&from.to_be_bytes());
            value.extend_from_slice(kept.as_bytes());
        }
        value
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (number, rest) = value.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let kept = match rest.split_first_chunk() {
            None => None,
            Some((from, kept)) => Some((Handle::from_bytes(kept.try_into().ok()?), u64::from_be_bytes(*from))),
        };
        let at = Some(UnixTime::from_secs(u64::from_be_bytes(*at)));
        Some(Self { epoch: Epoch { number: u64::from_be_bytes(*number), at }, kept })
    }
}

#[cfg(test)]
mod tests {
    use super::EpochRecord;
    use crate::UnixTime;
    use crate::session::credential::Credential;

    #[test]
    fn of_two_epochs_nothing_goes_on_that_either_has_ended() {
        let at = UnixTime::from_secs(7);
        let kept = Credential::generate_anonymous().unwrap().handle();
        let none = EpochRecord::default();
        let (ended, keeps) = (none.next(None, at), none.next(Some(kept), at));
        assert!(keeps.admits(kept, 0));
        for both in [ended.or_later(keeps), keeps.or_later(ended)] {
            assert_eq!(both.epoch.number, 1);
            assert!(!both.admits(kept, 0));
        }
        assert!(keeps.or_later(keeps).admits(kept, 0));
        let later = keeps.next(None, at);
        assert_eq!(later.or_later(keeps).epoch.number, 2);
        assert_eq!(keeps.or_later(later).epoch.number, 2);

        assert!(ended.beyond(ended).is_none());
        assert!(keeps.beyond(later).is_none());
        assert_eq!(later.beyond(keeps).map(|record| record.epoch.number), Some(2));
        // One number and another exception: only another epoch ends what both have ended.
        let beyond = ended.beyond(keeps).unwrap();
        assert_eq!(beyond.epoch.number, 2);
        assert!(!beyond.admits(kept, 0) && !beyond.admits(kept, 1));
        assert!(ended.beyond(ended.or_later(keeps)).is_none());
    }
}
