//! The layout of a session in Redis: its value, its members of the index, the arguments of scripts and their results.
//!
//! ```text
//! a session: kind 0 anonymous, 1 signed in; 2 and 3 the same with a parent
//!     kind  version  idle  absolute  epoch  parent   record
//!     1     8        5     5         6      20 or 0
//!
//! the pointer of a rotated session: kind 4, or 6 with a parent
//!     kind  until  to  parent
//!     1     5      20  20 or 0
//!
//! a member of a user's index, in the order of handles, with the earlier of both deadlines
//!     s  selector  deadline
//!     1  12        5
//!
//! the same in the order of deadlines, so that expired members are one range
//!     d  deadline  selector
//!     1  5         12
//! ```
//!
//! Numbers are big-endian, times reach up to the year 36 000. A parent is the handle of the pointer to this session.
//! Members of an index all have the score 0. Scripts read and write this layout too.

use crate::UnixTime;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::{
    Deadlines, RevocationEpoch, SessionContent, SessionKind, StoreError, StoredSession, SwapOutcome,
};
use redis::Value;
use std::string::ToString;
use std::vec::Vec;

/// Bytes of a tag; the rest of a handle is the selector.
const TAG: usize = 8;

/// What is added to the kind of what has a parent, and of what is a pointer.
const WITH_PARENT: u8 = 2;
const POINTER: u8 = 4;

/// Seconds that what has run out stays, so that clocks may differ.
pub(super) const SLACK: u64 = 600;

/// What names a session among those of its user; sorts as handles do.
pub(super) fn selector(handle: Handle) -> Vec<u8> {
    handle.as_bytes().get(TAG..).unwrap_or_default().into()
}

pub(super) fn handle_of(bytes: &[u8]) -> Option<Handle> {
    bytes.try_into().ok().map(Handle::from_bytes)
}

/// The handle of a user's session with this selector.
pub(super) fn handle_in(tag: UserHash, selector: &[u8]) -> Option<Handle> {
    handle_of(&[tag.as_bytes(), selector].concat())
}

/// Which members of an index are of sessions behind this one.
pub(super) fn behind(after: Option<Handle>) -> [Vec<u8>; 2] {
    let first = match after {
        Some(after) => [b"(s".as_slice(), &selector(after), &[0xff; 5]].concat(),
        None => b"[s".into(),
    };
    [first, b"(t".into()]
}

/// The session of a member of the index, and its deadline.
pub(super) fn member(tag: UserHash, member: &[u8]) -> Option<(Handle, UnixTime)> {
    let (selector, deadline) = member.strip_prefix(b"s")?.split_last_chunk::<5>()?;
    Some((handle_in(tag, selector)?, UnixTime::from_secs(unsigned(deadline))))
}

pub(super) fn digits(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

pub(super) fn number(time: UnixTime) -> Vec<u8> {
    digits(seconds(time))
}

/// Times that fit into five bytes; later than that is never.
fn seconds(time: UnixTime) -> u64 {
    const LAST: u64 = (1 << 40) - 1;
    time.as_secs().min(LAST)
}

pub(super) fn version(number: u64) -> Vec<u8> {
    number.to_be_bytes().into()
}

/// The value of a session, to which this pointer leads.
pub(super) fn value(version: u64, content: &SessionContent, parent: Option<Handle>) -> Vec<u8> {
    let SessionContent { kind, deadlines, epoch, bytes } = content;
    let kind = u8::from(*kind == SessionKind::SignedIn) | if parent.is_some() { WITH_PARENT } else { 0 };
    let [idle, absolute] = [deadlines.idle, deadlines.absolute].map(|time| seconds(time).to_be_bytes());
    let epoch = epoch.to_be_bytes();
    let tail = |bytes: &[u8; 8], from: usize| Vec::from(bytes.get(from..).unwrap_or_default());
    let mut value = Vec::from([kind]);
    value.extend_from_slice(&version.to_be_bytes());
    value.extend([tail(&idle, 3), tail(&absolute, 3), tail(&epoch, 2)].into_iter().flatten());
    value.extend_from_slice(parent.as_ref().map_or(&[], |parent| parent.as_bytes().as_slice()));
    value.extend_from_slice(bytes);
    value
}

/// The session of a value, and its parent; `None` for a pointer.
pub(super) fn entry_of(value: &[u8]) -> Option<(StoredSession, Option<Handle>)> {
    let (kind, rest) = value.split_first().filter(|(kind, _)| **kind < POINTER)?;
    let (version, rest) = rest.split_first_chunk()?;
    let (idle, rest) = rest.split_first_chunk::<5>()?;
    let (absolute, rest) = rest.split_first_chunk::<5>()?;
    let (epoch, rest) = rest.split_first_chunk::<6>()?;
    let (parent, record) = if kind & WITH_PARENT == 0 {
        (None, rest)
    } else {
        let (parent, record) = rest.split_first_chunk()?;
        (Some(Handle::from_bytes(*parent)), record)
    };
    let time = |bytes| UnixTime::from_secs(unsigned(bytes));
    let deadlines = Deadlines { idle: time(idle), absolute: time(absolute) };
    let kind = if kind & 1 == 1 { SessionKind::SignedIn } else { SessionKind::Anonymous };
    let content = SessionContent { kind, deadlines, epoch: unsigned(epoch), bytes: record.into() };
    Some((StoredSession { version: u64::from_be_bytes(*version), content }, parent))
}

/// Where a pointer leads, and until when; `None` for a session.
pub(super) fn pointer_of(value: &[u8]) -> Option<(Handle, UnixTime)> {
    let (_, rest) = value.split_first().filter(|(kind, _)| **kind & POINTER != 0)?;
    let (until, rest) = rest.split_first_chunk::<5>()?;
    Some((Handle::from_bytes(*rest.first_chunk()?), UnixTime::from_secs(unsigned(until))))
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
}

/// The word that a script answers with.
pub(super) fn said(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => core::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

pub(super) fn bytes_of(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

pub(super) fn list_of(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

pub(super) fn swapped(answer: &Value, version: u64) -> Result<SwapOutcome, StoreError> {
    match said(answer) {
        Some("done") => Ok(SwapOutcome::Done(version)),
        Some("conflict") => Ok(SwapOutcome::Conflict),
        Some("gone") => Ok(SwapOutcome::Gone),
        _ => Err(StoreError::unavailable()),
    }
}

/// From the value of its key, of which only the first two numbers count here; none before the first revocation, and once it is kept no longer.
pub(super) fn last_revocation(value: &Value) -> RevocationEpoch {
    let mut numbers = said(value).into_iter().flat_map(|text| text.split(' ')).map(|number| number.parse().ok());
    let (number, at) = (numbers.next().flatten(), numbers.next().flatten());
    RevocationEpoch { number: number.unwrap_or(0), at: at.map(UnixTime::from_secs) }
}

/// The same, from the answer to a revocation.
pub(super) fn epoch_begun(answer: &Value) -> RevocationEpoch {
    let mut numbers = list_of(answer).iter().map(|number| said(number)?.parse().ok());
    let (number, at) = (numbers.next().flatten(), numbers.next().flatten());
    RevocationEpoch { number: number.unwrap_or(0), at: at.map(UnixTime::from_secs) }
}
