//! The epoch of a user as it stands in the bucket.

use crate::UnixTime;
use crate::session::credential::Handle;
use crate::session::store::{Entry, Epoch, Kind};
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
        epoch >= self.epoch.number || self.kept.is_some_and(is_kept)
    }

    /// As whoever reads it has it: of this epoch, so that it can be written again.
    pub(super) fn raised(&self, entry: &Entry) -> Entry {
        let mut raised = entry.clone();
        if raised.content.kind == Kind::SignedIn {
            raised.content.epoch = self.epoch.number;
        }
        raised
    }

    pub(super) fn next(&self, kept: Option<Handle>, now: UnixTime) -> Self {
        let number = self.epoch.number;
        // Kept again, it counts from where it did.
        let from = |handle| self.kept.filter(|(before, _)| *before == handle).map_or(number, |(_, from)| from);
        let kept = kept.map(|handle| (handle, from(handle)));
        Self { epoch: self.epoch.next(now), kept }
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
    fn one_session_goes_on_and_only_while_it_is_kept() {
        let at = UnixTime::from_secs(7);
        let [kept, other] = [(); 2].map(|()| Credential::generate_anonymous().unwrap().handle());
        let first = EpochRecord::default().next(Some(kept), at);
        assert!(first.admits(kept, 0) && first.admits(other, 7) && !first.admits(other, 0));
        let again = first.next(Some(kept), UnixTime::from_secs(5));
        assert!(again.admits(kept, 0) && again.admits(kept, 7) && !again.admits(other, 7));
        assert_eq!(again.epoch.at, Some(at), "its time never goes back");
        let none = again.next(None, at);
        assert!(!none.admits(kept, 0) && !none.admits(kept, 8));
    }
}
