//! A session as Redis has it: the names of its keys, the arguments of scripts, and what they answer.

use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::names;
use crate::session::store::{Content, Deadlines, Entry, Epoch, Kind, StoreError, Swapped};
use redis::Value;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

pub(super) fn prefix(tag: UserTag) -> String {
    format!("cs:{{{}}}:", names::of_tag(tag))
}

/// Session, index and epoch.
pub(super) fn keys(handle: Handle) -> [String; 3] {
    let prefix = prefix(handle.tag());
    [format!("{prefix}s:{}", names::of_selector(handle)), format!("{prefix}x"), format!("{prefix}e")]
}

pub(super) fn selector(handle: Handle) -> Vec<u8> {
    names::of_selector(handle).into_bytes()
}

pub(super) fn digits(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

pub(super) fn number(time: UnixTime) -> Vec<u8> {
    digits(time.as_secs())
}

/// Idle, absolute, epoch, kind, record.
pub(super) fn args_of(content: &Content) -> [Vec<u8>; 5] {
    let Content { kind, deadlines, epoch, bytes } = content;
    let kind = if *kind == Kind::SignedIn { b"1" } else { b"0" };
    [number(deadlines.idle), number(deadlines.absolute), digits(*epoch), kind.to_vec(), bytes.to_vec()]
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

pub(super) fn number_of(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        other => said(other)?.parse().ok(),
    }
}

/// Version, idle, absolute, epoch, kind, record.
pub(super) fn entry_of(fields: &[Value]) -> Option<Entry> {
    let [version, idle, absolute, epoch, kind, bytes] = fields else { return None };
    let time = |value| number_of(value).map(UnixTime::from_secs);
    let deadlines = Deadlines { idle: time(idle)?, absolute: time(absolute)? };
    let kind = if bytes_of(kind)? == b"1" { Kind::SignedIn } else { Kind::Anonymous };
    let content = Content { kind, deadlines, epoch: number_of(epoch)?, bytes: bytes_of(bytes)?.into() };
    Some(Entry { version: number_of(version)?, content })
}

pub(super) fn swapped(answer: &Value, version: u64) -> Result<Swapped, StoreError> {
    match said(answer) {
        Some("done") => Ok(Swapped::Done(version)),
        Some("conflict") => Ok(Swapped::Conflict),
        Some("gone") => Ok(Swapped::Gone),
        _ => Err(StoreError::Unavailable),
    }
}

pub(super) fn epoch_of(answer: &Value) -> Epoch {
    let Value::Array(fields) = answer else { return Epoch::default() };
    let mut fields = fields.iter().map(number_of);
    let (number, at) = (fields.next().flatten(), fields.next().flatten());
    Epoch { number: number.unwrap_or(0), at: at.map(UnixTime::from_secs) }
}
