//! What stands in the bucket: keys, and the values under them.
//!
//! ```text
//! s.tag.selector    a session, a pointer to what it became, or that it is over
//! e.tag             the epoch of a user
//! h                 heartbeats
//!
//! write id  what it is  parent or zeros   the rest
//! 8         1           20                as that kind has it
//! ```

use super::epoch::EpochRecord;
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::store::{Entry, Kind};
use crate::session::{names, row};
use std::format;
use std::string::String;
use std::vec::Vec;

/// Bytes of a handle, and of the parent, which is zeros where there is none.
const HANDLE: usize = 20;

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

/// What a key holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Session {
        entry: Entry,
        /// The handle whose pointer leads here.
        parent: Option<Handle>,
    },
    /// It was rotated: the session goes on under another handle, until then at most.
    Pointer {
        to: Handle,
        until: UnixTime,
        kind: Kind,
        parent: Option<Handle>,
    },
    Epoch(EpochRecord),
    Beat,
    /// It has ended; this leaves by itself soon.
    Over,
}

impl Value {
    pub(super) fn encode(&self, id: u64) -> Vec<u8> {
        let (what, parent, rest) = match self {
            Self::Session { entry, parent } => (0, *parent, row::encode(entry)),
            Self::Pointer { to, until, kind, parent } => {
                let rest = [&[row::byte_of(*kind)][..], &until.as_secs().to_be_bytes(), to.as_bytes()].concat();
                (1, *parent, rest)
            }
            Self::Epoch(record) => (2, None, record.encode()),
            Self::Beat => (3, None, Vec::new()),
            Self::Over => (4, None, Vec::new()),
        };
        let parent = parent.map_or([0; HANDLE], |parent| *parent.as_bytes());
        [&id.to_be_bytes()[..], &[what], &parent, &rest].concat()
    }

    /// The write id and the value; nothing for what nobody here has written.
    pub(super) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (what, rest) = rest.split_first()?;
        let (parent, rest) = rest.split_first_chunk::<HANDLE>()?;
        let parent = (*parent != [0; HANDLE]).then(|| Handle::from_bytes(*parent));
        let value = match what {
            0 => Self::Session { entry: row::decode(rest)?, parent },
            1 => {
                let (kind, rest) = rest.split_first()?;
                let (until, to) = rest.split_first_chunk()?;
                let kind = if *kind == row::byte_of(Kind::SignedIn) { Kind::SignedIn } else { Kind::Anonymous };
                let until = UnixTime::from_secs(u64::from_be_bytes(*until));
                Self::Pointer { to: Handle::from_bytes(to.try_into().ok()?), until, kind, parent }
            }
            2 => Self::Epoch(EpochRecord::decode(rest)?),
            3 => Self::Beat,
            4 => Self::Over,
            _ => return None,
        };
        Some((u64::from_be_bytes(*id), value))
    }
}

/// A value, and the revision that it has in the bucket.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) revision: u64,
    /// Bytes that it takes there.
    pub(super) bytes: u64,
    pub(super) value: Value,
}

/// One write: this value under this key, if a key, as a rule the same, has this revision; 0 for none.
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) of: Key,
    pub(super) over: u64,
    pub(super) value: Value,
    /// Seconds after which it leaves the bucket by itself.
    pub(super) leaves_after: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::{EpochRecord, Key, Value};
    use crate::UnixTime;
    use crate::session::credential::Credential;
    use crate::session::store::{Content, Deadlines, Entry, Kind};
    use std::format;

    #[test]
    fn keys_and_values_are_read_as_they_were_written() {
        let handle = Credential::generate_anonymous().unwrap().handle();
        for key in [Key::Session(handle), Key::Epoch(handle.tag()), Key::Beat] {
            assert_eq!(Key::parse(&key.name()), Some(key));
        }
        for junk in ["", "s", "s.0", "e", "e.x", "h.1", "s.00.11.22", "x.00"] {
            assert_eq!(Key::parse(junk), None, "{junk}");
        }
        let deadlines = Deadlines { idle: UnixTime::from_secs(1), absolute: UnixTime::from_secs(2) };
        let content = Content { kind: Kind::SignedIn, deadlines, epoch: 3, bytes: b"data".as_slice().into() };
        let entry = Entry { version: 7, content };
        let pointer =
            Value::Pointer { to: handle, until: UnixTime::from_secs(9), kind: Kind::SignedIn, parent: Some(handle) };
        let epoch = EpochRecord::default().next(Some(handle), UnixTime::from_secs(5));
        let session = |parent| Value::Session { entry: entry.clone(), parent };
        for value in [session(None), session(Some(handle)), pointer, Value::Epoch(epoch), Value::Beat, Value::Over] {
            let bytes = value.encode(42);
            let (id, read) = Value::decode(&bytes).unwrap();
            assert_eq!((id, format!("{read:?}")), (42, format!("{value:?}")));
            assert!(Value::decode(bytes.get(..20).unwrap()).is_none());
        }
    }
}
