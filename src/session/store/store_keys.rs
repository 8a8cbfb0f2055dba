//! How stores on other machines name sessions, and tell one writing of them from another.

use super::error::StoreError;
#[cfg(feature = "nats")]
use crate::encoding::{hex_decode, hex_encode};
#[cfg(feature = "nats")]
use std::string::String;

/// In hex, which sorts as the bytes do.
#[cfg(feature = "nats")]
pub(in crate::session) fn hex(bytes: &[u8]) -> String {
    let mut text = std::vec![0; bytes.len().saturating_mul(2)];
    hex_encode(bytes, &mut text);
    text.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes of that.
#[cfg(feature = "nats")]
pub(in crate::session) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex_decode(text.as_bytes(), &mut bytes).then_some(bytes)
}

/// What [`is_name`] takes, in words.
pub(in crate::session) const NAME: &str = "1 to 32 letters, digits, `-` and `_`";

/// Whether an application may call its part of a store so.
pub(in crate::session) fn is_name(name: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=32).contains(&name.len()) && name.bytes().all(is_of_name)
}

/// A number that counts would be the same again after a failover that has lost a write.
pub(in crate::session) fn new_version() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::unavailable().with_source(error))?;
    Ok(u64::from_be_bytes(bytes))
}
