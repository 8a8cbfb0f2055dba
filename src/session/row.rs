//! A session as one value of a store that keeps bytes: what the store has to know of it, and the record.

use super::store::{Content, Deadlines, Entry, Kind};
use crate::UnixTime;
use std::vec::Vec;

/// Bytes in front of the record.
const HEAD: usize = 33;

pub(super) const fn byte_of(kind: Kind) -> u8 {
    match kind {
        Kind::Anonymous => 0,
        Kind::SignedIn => 1,
    }
}

pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    let Content { kind, deadlines, epoch, bytes } = &entry.content;
    let mut row = Vec::with_capacity(HEAD.saturating_add(bytes.len()));
    row.push(byte_of(*kind));
    for number in [entry.version, deadlines.idle.as_secs(), deadlines.absolute.as_secs(), *epoch] {
        row.extend_from_slice(&number.to_be_bytes());
    }
    row.extend_from_slice(bytes);
    row
}

pub(super) fn decode(row: &[u8]) -> Option<Entry> {
    let (head, bytes) = row.split_first_chunk::<HEAD>()?;
    let (kind, numbers) = head.split_first()?;
    let (numbers, _) = numbers.as_chunks();
    let [version, idle, absolute, epoch] = *numbers else { return None };
    let [version, idle, absolute, epoch] = [version, idle, absolute, epoch].map(u64::from_be_bytes);
    let deadlines = Deadlines { idle: UnixTime::from_secs(idle), absolute: UnixTime::from_secs(absolute) };
    let kind = if *kind == byte_of(Kind::SignedIn) { Kind::SignedIn } else { Kind::Anonymous };
    Some(Entry { version, content: Content { kind, deadlines, epoch, bytes: bytes.into() } })
}
