//! The keys of the bucket and their values.
//!
//! ```text
//! write id  what it is  parent or zeros   the rest
//! 8         1           20                as that kind has it
//! ```

use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::entry_codec;
use crate::session::store::store_keys::{hex, unhex};
use crate::session::store::{RevocationEpoch, StoredSession};
use std::format;
use std::string::String;
use std::vec::Vec;

/// Bytes of a handle, and of the parent, which is zeros where there is none.
const HANDLE: usize = 20;
/// Bytes of a tag, with which a handle begins; the rest is the selector.
const TAG: usize = 8;

/// In this order sessions come first, those of a user side by side.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    Session(Handle),
    Epoch(UserHash),
}

impl Key {
    pub(super) fn name(self) -> String {
        match self {
            Self::Session(handle) => {
                let (tag, selector) = handle.as_bytes().split_at(TAG);
                format!("s.{}.{}", hex(tag), hex(selector))
            }
            Self::Epoch(tag) => format!("e.{}", hex(tag.as_bytes())),
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('.');
        match (parts.next()?, parts.next()?, parts.next(), parts.next()) {
            ("s", tag, Some(selector), None) if tag.len() == 2 * TAG => {
                unhex(&[tag, selector].concat()).map(Handle::from_bytes).map(Self::Session)
            }
            ("e", tag, None, None) => unhex(tag).map(UserHash).map(Self::Epoch),
            _ => None,
        }
    }
}

/// What a key holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Session {
        entry: StoredSession,
        /// The handle whose pointer leads here.
        parent: Option<Handle>,
    },
    /// It was rotated: the session goes on under another handle, until then at most.
    Pointer {
        to: Handle,
        until: UnixTime,
        parent: Option<Handle>,
    },
    Epoch {
        epoch: RevocationEpoch,
        keep_until: UnixTime,
    },
    /// It has ended; this leaves by itself soon.
    Over,
}

impl Value {
    pub(super) fn encode(&self, id: u64) -> Vec<u8> {
        let number = |time: UnixTime| time.as_secs().to_be_bytes();
        let (what, rest) = match self {
            Self::Session { entry, .. } => (0, entry_codec::encode(entry)),
            Self::Pointer { to, until, .. } => (1, [&number(*until)[..], to.as_bytes()].concat()),
            Self::Epoch { epoch, keep_until } => {
                (2, [epoch.number.to_be_bytes(), epoch.at.map_or([0; 8], number), number(*keep_until)].concat())
            }
            Self::Over => (3, Vec::new()),
        };
        let parent = self.parent().map_or([0; HANDLE], |parent| *parent.as_bytes());
        [&id.to_be_bytes()[..], &[what], &parent, &rest].concat()
    }

    /// The write id and the value; nothing for what nobody here has written.
    pub(super) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (what, rest) = rest.split_first()?;
        let (parent, rest) = rest.split_first_chunk::<HANDLE>()?;
        let parent = (*parent != [0; HANDLE]).then(|| Handle::from_bytes(*parent));
        let time = |bytes| UnixTime::from_secs(u64::from_be_bytes(bytes));
        let value = match what {
            0 => Self::Session { entry: entry_codec::decode(rest)?, parent },
            1 => {
                let (until, to) = rest.split_first_chunk()?;
                Self::Pointer { to: Handle::from_bytes(to.try_into().ok()?), until: time(*until), parent }
            }
            2 => {
                let ([number, at, keep_until], []) = rest.as_chunks() else { return None };
                let epoch = RevocationEpoch { number: u64::from_be_bytes(*number), at: Some(time(*at)) };
                Self::Epoch { epoch, keep_until: time(*keep_until) }
            }
            3 => Self::Over,
            _ => return None,
        };
        Some((u64::from_be_bytes(*id), value))
    }

    /// The handle whose pointer leads here.
    pub(super) fn parent(&self) -> Option<Handle> {
        match self {
            Self::Session { parent, .. } | Self::Pointer { parent, .. } => *parent,
            _ => None,
        }
    }

    /// When a session or a pointer is over in any case, or an epoch is kept no longer.
    pub(super) fn until(&self) -> Option<UnixTime> {
        match self {
            Self::Session { entry, .. } => Some(entry.content.deadlines.absolute),
            Self::Pointer { until, .. } => Some(*until),
            Self::Epoch { keep_until, .. } => Some(*keep_until),
            Self::Over => None,
        }
    }
}

/// A value, and the revision that it has in the bucket.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) revision: u64,
    pub(super) value: Value,
}

impl Place {
    /// The session there, if its deadlines are ahead.
    pub(super) fn session(&self, now: UnixTime) -> Option<&StoredSession> {
        match &self.value {
            Value::Session { entry, .. } => Some(entry).filter(|entry| entry.is_live_at(now)),
            _ => None,
        }
    }

    /// The epoch there, and its revision; that of a user who was never revoked where there is none.
    pub(super) fn epoch(place: Option<&Self>) -> (u64, RevocationEpoch) {
        match place {
            Some(Self { revision, value: Value::Epoch { epoch, .. } }) => (*revision, *epoch),
            place => (place.map_or(0, |place| place.revision), RevocationEpoch::default()),
        }
    }
}

/// One write, if this key has this revision; 0 for none.
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) over: u64,
    /// Nothing if all that it says is that the other changes of its batch are only made if the key has that revision.
    pub(super) value: Option<Value>,
    /// Seconds after which it leaves the bucket by itself.
    pub(super) leaves_after: Option<u64>,
}

impl Change {
    /// That the other changes of a batch are only made if the epoch of this user has this revision.
    pub(super) fn guard(tag: UserHash, over: u64) -> Self {
        Self { key: Key::Epoch(tag), over, value: None, leaves_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Value};
    use crate::UnixTime;
    use crate::session::credential::Credential;
    use crate::session::store::{Deadlines, RevocationEpoch, SessionContent, SessionKind, StoredSession};
    use std::format;

    #[test]
    fn keys_and_values_are_read_as_they_were_written() {
        let handle = Credential::generate_anonymous().unwrap().handle();
        for key in [Key::Session(handle), Key::Epoch(handle.user_hash())] {
            assert_eq!(Key::parse(&key.name()), Some(key));
        }
        for junk in ["", "h", "s", "s.0", "e", "e.x", "s.00.11.22", "x.00"] {
            assert_eq!(Key::parse(junk), None, "{junk}");
        }
        let [idle, absolute] = [1, 2].map(UnixTime::from_secs);
        let deadlines = Deadlines { idle, absolute };
        let content =
            SessionContent { kind: SessionKind::SignedIn, deadlines, epoch: 3, bytes: b"data".as_slice().into() };
        let entry = StoredSession { version: 7, content };
        let pointer = Value::Pointer { to: handle, until: absolute, parent: Some(handle) };
        let epoch = Value::Epoch { epoch: RevocationEpoch::default().next(absolute), keep_until: absolute };
        let session = |parent| Value::Session { entry: entry.clone(), parent };
        for value in [session(None), session(Some(handle)), pointer, epoch, Value::Over] {
            let bytes = value.encode(42);
            let (id, read) = Value::decode(&bytes).unwrap();
            assert_eq!((id, format!("{read:?}")), (42, format!("{value:?}")));
            assert!(Value::decode(bytes.get(..20).unwrap()).is_none());
        }
    }
}
