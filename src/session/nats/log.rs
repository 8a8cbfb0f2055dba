//! What is written into the log, and which of it counts.
//!
//! Every write says which revision it is over, and the server takes all of them: those who read decide, all in the same way. **A write counts if the
//! revision that it is over is later than the one that the present write was over.** Who has read all of it so far sees that this is true of nothing
//! but a write over the present revision itself; who begins later, when earlier messages have been removed, comes to the same, as long as the
//! present one is still there.
//!
//! ```text
//!   revision   41            42            43
//!   over        7            41            41
//!            present ─────► logout    a late write: 41 is not later than 41
//! ```
//!
//! Servers compare revisions, too, if one asks them. But where several of 2.9 keep a bucket, their leader does so before it sends the write to the
//! others, and takes two that come at once; and what servers refuse as they take it out of their log, as by its message id, they may take when they
//! read that log again after a crash (both measured on 2.9.10). A log in which nothing is refused is the same on every server and after every crash.

use super::epoch::EpochRecord;
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::store::Entry;
use crate::session::{names, row};
use std::format;
use std::string::String;
use std::vec::Vec;

/// Messages of one key that the bucket keeps, until they are tidied up. Writes that do not count stand behind the present one and must not push it
/// out: each server of the application has one of a key under way at most, and a few if it was cut off. And a message must not be pushed out before
/// its writer has heard what became of it, however many write.
pub(super) const HISTORY: i64 = 1024;

/// Messages of one key that are remembered to be removed.
const OTHERS: usize = 64;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    Session(Handle),
    Epoch(UserTag),
    Beat,
}

impl Key {
    pub(super) fn name(self) -> String {
        match self {
            Self::Session(handle) => format!("s.{}.{}", names::of_tag(handle.tag()), names::of_selector(handle)),
            Self::Epoch(tag) => format!("e.{}", names::of_tag(tag)),
            Self::Beat => "h".into(),
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('.');
        match (parts.next()?, parts.next().map(str::as_bytes), parts.next(), parts.next()) {
            ("s", Some(tag), Some(selector), None) => names::handle(tag, selector.as_bytes()).map(Self::Session),
            ("e", Some(tag), None, None) => names::tag(tag).map(Self::Epoch),
            ("h", None, None, None) => Some(Self::Beat),
            _ => None,
        }
    }
}

/// Who has written a message, and the how manieth it was: whoever waits for it knows it by that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Id {
    pub(super) writer: u64,
    pub(super) number: u64,
}

/// What a key is to hold.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Session(Entry),
    /// It was ended, and would be over at this time in any case: until then the message stays, so that no late write counts.
    Ended(UnixTime),
    Epoch(EpochRecord),
    Beat,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: Id,
    pub(super) over: u64,
    pub(super) body: Body,
}

impl Message {
    /// A heartbeat that nobody waits for.
    pub(super) const ANY_BEAT: Self = Self { id: Id { writer: 0, number: 0 }, over: 0, body: Body::Beat };

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [self.id.writer, self.id.number, self.over] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        match &self.body {
            Body::Session(entry) => {
                bytes.push(0);
                bytes.extend_from_slice(&row::encode(entry));
            }
            Body::Ended(until) => {
                bytes.push(1);
                bytes.extend_from_slice(&until.as_secs().to_be_bytes());
            }
            Body::Epoch(record) => {
                bytes.push(2);
                bytes.extend_from_slice(&record.encode());
            }
            Body::Beat => bytes.push(3),
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<24>()?;
        let (numbers, _) = head.as_chunks();
        let [writer, number, over] = *numbers else { return None };
        let [writer, number, over] = [writer, number, over].map(u64::from_be_bytes);
        let (kind, rest) = rest.split_first()?;
        let body = match kind {
            0 => Body::Session(row::decode(rest)?),
            1 => Body::Ended(UnixTime::from_secs(u64::from_be_bytes(rest.try_into().ok()?))),
            2 => Body::Epoch(EpochRecord::decode(rest)?),
            3 => Body::Beat,
            _ => return None,
        };
        Some(Self { id: Id { writer, number }, over, body })
    }
}

/// What a key holds at present.
#[derive(Clone, Debug)]
pub(super) struct Place<T> {
    pub(super) revision: u64,
    over: u64,
    /// Messages of this key before that, and those behind it that do not count, as far as they were not removed.
    pub(super) others: Vec<u64>,
    pub(super) value: T,
}

impl<T: Clone> Place<T> {
    /// Takes the next message of the log, if it counts; true if it does.
    pub(super) fn take(place: &mut Option<Self>, revision: u64, over: u64, value: T) -> bool {
        // It was written over something of another bucket, that was there before this one: nothing would ever be over it.
        if over >= revision {
            if let Some(present) = place {
                present.note(revision);
            }
            return false;
        }
        let Some(present) = place else {
            *place = Some(Self { revision, over, others: Vec::new(), value });
            return true;
        };
        if over <= present.over {
            // Heard again, it is what it was.
            if revision > present.revision {
                present.note(revision);
            }
            return false;
        }
        present.note(present.revision);
        (present.revision, present.over, present.value) = (revision, over, value);
        true
    }

    /// What it holds, without the others.
    pub(super) fn present(&self) -> Self {
        let Self { revision, over, .. } = *self;
        Self { revision, over, others: Vec::new(), value: self.value.clone() }
    }

    fn note(&mut self, other: u64) {
        if self.others.len() >= OTHERS {
            // The one that writes has removed it, or the bucket does.
            self.others.remove(0);
        }
        self.others.push(other);
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a test may panic")]
mod tests {
    use super::{Body, EpochRecord, Id, Key, Message, Place};
    use crate::UnixTime;
    use crate::session::credential::Credential;
    use crate::session::store::{Content, Deadlines, Entry, Kind};
    use std::vec::Vec;

    #[test]
    fn messages_and_keys_are_read_as_they_were_written() {
        let handle = Credential::generate_anonymous().unwrap().handle();
        for key in [Key::Session(handle), Key::Epoch(handle.tag()), Key::Beat] {
            assert_eq!(Key::parse(&key.name()), Some(key));
        }
        for junk in ["", "s", "s.0", "e", "e.x", "h.1", "s.00.11.22", "x.00"] {
            assert_eq!(Key::parse(junk), None, "{junk}");
        }
        let deadlines = Deadlines { idle: UnixTime::from_secs(1), absolute: UnixTime::from_secs(2) };
        let content = Content { kind: Kind::SignedIn, deadlines, epoch: 3, bytes: b"record".as_slice().into() };
        let epoch = EpochRecord::default().next(Some(handle), UnixTime::from_secs(4));
        let bodies = [
            Body::Session(Entry { version: 5, content }),
            Body::Ended(UnixTime::from_secs(6)),
            Body::Epoch(epoch),
            Body::Beat,
        ];
        for body in bodies {
            let bytes = Message { id: Id { writer: 7, number: 8 }, over: 9, body }.encode();
            let read = Message::decode(&bytes).unwrap();
            assert_eq!((read.id, read.over), (Id { writer: 7, number: 8 }, 9));
            assert_eq!(read.encode(), bytes);
            assert!(Message::decode(&bytes[..24]).is_none());
        }
    }

    /// Messages in order, each a revision and what it is over; the revision that is present in the end.
    fn present(messages: &[(u64, u64)]) -> Option<u64> {
        let mut place = None;
        for (revision, over) in messages {
            Place::take(&mut place, *revision, *over, ());
        }
        place.map(|place| place.revision)
    }

    #[test]
    fn a_write_over_an_earlier_revision_does_not_count() {
        assert_eq!(present(&[]), None);
        assert_eq!(present(&[(3, 0)]), Some(3));
        assert_eq!(present(&[(3, 0), (4, 0)]), Some(3));
        assert_eq!(present(&[(3, 0), (4, 3), (5, 3), (6, 0)]), Some(4));
        assert_eq!(present(&[(3, 0), (4, 3), (5, 3), (6, 4)]), Some(6));
        // From a bucket that was there before this one: it would be in the way of all that follow.
        assert_eq!(present(&[(3, 300)]), None);
        assert_eq!(present(&[(3, 3)]), None);
        assert_eq!(present(&[(3, 0), (4, 300), (5, 3)]), Some(5));
    }

    proptest::proptest! {
        /// Whatever is in the bucket: what is read of it can be written, and is read the same again.
        #[test]
        fn any_bytes_are_read_in_one_way_or_not_at_all(bytes in proptest::collection::vec(0u8..4, 0..120)) {
            if let Some(message) = Message::decode(&bytes) {
                let written = message.encode();
                proptest::prop_assert_eq!(Message::decode(&written).map(|again| again.encode()), Some(written));
            }
        }

        /// Whoever begins at any message that is not behind the present one comes to the same, as does who hears some of it again.
        #[test]
        fn wherever_one_begins_it_is_the_same(choices in proptest::collection::vec(0usize..4, 1..40)) {
            let (mut log, mut taken): (Vec<(u64, u64)>, Vec<u64>) = (Vec::new(), Vec::from([0]));
            for (number, choice) in choices.iter().enumerate() {
                let revision = (number as u64 + 1) * 2;
                // Over the present one, or one of those before it.
                let over = taken[taken.len().saturating_sub(1 + choice)];
                if over == *taken.last().unwrap_or(&0) {
                    taken.push(revision);
                }
                log.push((revision, over));
            }
            let last = taken.last().copied();
            proptest::prop_assert_eq!(present(&log), last);
            for begin in 0..log.len() {
                if Some(log[begin].0) <= last {
                    proptest::prop_assert_eq!(present(&log[begin..]), last);
                }
                let again = [&log[..], &log[begin..]].concat();
                proptest::prop_assert_eq!(present(&again), last);
            }
        }
    }
}
