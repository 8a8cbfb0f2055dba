//! How stores on other machines name sessions, and tell one writing of them from another.

#[cfg(feature = "nats")]
use super::credential::{Handle, UserTag};
use super::store::StoreError;
#[cfg(feature = "nats")]
use crate::encoding::{hex_decode, hex_encode};
#[cfg(feature = "nats")]
use std::string::String;
#[cfg(feature = "nats")]
use std::vec;

/// Bytes of a tag; the rest of a handle is the selector.
#[cfg(feature = "nats")]
const TAG: usize = 8;

#[cfg(feature = "nats")]
fn hex(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len().saturating_mul(2)];
    hex_encode(bytes, &mut text);
    text.iter().map(|byte| char::from(*byte)).collect()
}

/// In hex, which sorts as the bytes do.
#[cfg(feature = "nats")]
pub(super) fn of_tag(tag: UserTag) -> String {
    hex(tag.as_bytes())
}

/// What names a session among those of its user.
#[cfg(feature = "nats")]
pub(super) fn of_selector(handle: Handle) -> String {
    hex(handle.as_bytes().get(TAG..).unwrap_or_default())
}

/// The handle of a tag and a selector.
#[cfg(feature = "nats")]
pub(super) fn handle(tag: &[u8], selector: &[u8]) -> Option<Handle> {
    let mut handle = [0; 20];
    let (tag_place, selector_place) = handle.split_at_mut(TAG);
    (hex_decode(tag, tag_place) && hex_decode(selector, selector_place)).then_some(Handle::from_bytes(handle))
}

/// The tag of this name.
#[cfg(feature = "nats")]
pub(super) fn tag(tag: &[u8]) -> Option<UserTag> {
    let mut handle = [0; 20];
    let (place, _) = handle.split_at_mut(TAG);
    hex_decode(tag, place).then(|| Handle::from_bytes(handle).tag())
}

/// What [`is_name`] takes, in words.
pub(super) const NAME: &str = "1 to 32 letters, digits, `-` and `_`";

/// Whether an application may call its part of a store so.
pub(super) fn is_name(name: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=32).contains(&name.len()) && name.bytes().all(is_of_name)
}

/// A number that counts would be the same again after a failover that has lost a write.
pub(super) fn new_version() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Unavailable)?;
    Ok(u64::from_be_bytes(bytes))
}
