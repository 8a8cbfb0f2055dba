//! A session as one value of a store that keeps bytes: what the store has to know of it, and the record.

use super::stored_session::{Deadlines, SessionContent, SessionKind, StoredSession};
use crate::UnixTime;
use std::vec::Vec;

/// Bytes in front of the record.
const HEAD: usize = 33;

pub(in crate::session) const fn byte_of(kind: SessionKind) -> u8 {
    match kind {
        SessionKind::Anonymous => 0,
        SessionKind::SignedIn => 1,
    }
}

pub(in crate::session) fn encode(entry: &StoredSession) -> Vec<u8> {
    let SessionContent { kind, deadlines, epoch, bytes } = &entry.content;
    let mut row = Vec::with_capacity(HEAD.saturating_add(bytes.len()));
    row.push(byte_of(*kind));
    for number in [entry.version, deadlines.idle.as_secs(), deadlines.absolute.as_secs(), *epoch] {
        row.extend_from_slice(&number.to_be_bytes());
    }
    row.extend_from_slice(bytes);
    row
}

pub(in crate::session) fn decode(row: &[u8]) -> Option<StoredSession> {
    let (head, bytes) = row.split_first_chunk::<HEAD>()?;
    let (kind, numbers) = head.split_first()?;
    let (numbers, _) = numbers.as_chunks();
    let [version, idle, absolute, epoch] = *numbers else { return None };
    let [version, idle, absolute, epoch] = [version, idle, absolute, epoch].map(u64::from_be_bytes);
    let deadlines = Deadlines { idle: UnixTime::from_secs(idle), absolute: UnixTime::from_secs(absolute) };
    let kind = if *kind == byte_of(SessionKind::SignedIn) { SessionKind::SignedIn } else { SessionKind::Anonymous };
    Some(StoredSession { version, content: SessionContent { kind, deadlines, epoch, bytes: bytes.into() } })
}
