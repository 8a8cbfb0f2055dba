//! The limits and alphabets of FORMAT section 1, each in one place.

use crate::time::UnixTime;
use crate::{Error, Result};

/// Bytes of the longest uid.
pub const MAX_UID: usize = 64;
/// Bytes of the longest param value.
pub const MAX_PARAM_VALUE: usize = 64;
/// Bytes of the longest param key.
pub const MAX_PARAM_KEY: usize = 8;
/// Params that a token can carry, reserved ones included.
pub const MAX_PARAMS: usize = 8;
/// Bytes of the longest purpose or realm.
pub const MAX_NAME: usize = 32;
/// Bytes of the longest bind.
pub const MAX_BIND: usize = 64;
/// The largest counter of a Sequence token: 2^40 − 1.
pub const MAX_COUNTER: u64 = (1 << 40) - 1;

/// A purpose or realm: 1 to 32 bytes of `[a-z0-9._/-]`.
pub(crate) const fn check_name(name: &str) -> Result<()> {
    let mut rest = name.as_bytes();
    if rest.is_empty() || rest.len() > MAX_NAME {
        return Err(Error::Name);
    }
    while let [byte, tail @ ..] = rest {
        if !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'/' | b'-') {
            return Err(Error::Name);
        }
        rest = tail;
    }
    Ok(())
}

pub(crate) const fn check_uid(uid: &[u8]) -> Result<()> {
    match uid.len() {
        1..=MAX_UID => Ok(()),
        got => Err(Error::UidLength { got }),
    }
}

pub(crate) const fn check_bind(bind: &[u8]) -> Result<()> {
    match bind.len() {
        0..=MAX_BIND => Ok(()),
        got => Err(Error::BindLength { got }),
    }
}

pub(crate) const fn check_param_value(value: &[u8]) -> Result<()> {
    match value.len() {
        0..=MAX_PARAM_VALUE => Ok(()),
        got => Err(Error::ParamValueLength { got }),
    }
}

/// A param key, reserved or not: `[a-z][a-z0-9]{0,7}`.
pub(crate) fn is_param_key(key: &[u8]) -> bool {
    let tail_is_fine = |tail: &[u8]| tail.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    matches!(key, [b'a'..=b'z', tail @ ..] if key.len() <= MAX_PARAM_KEY && tail_is_fine(tail))
}

/// A stamp in Unix seconds: always ten digits.
pub(crate) const fn check_unix_stamp(stamp: u64) -> Result<()> {
    if stamp < UnixTime::UNSET.as_secs() || stamp > UnixTime::MAX.as_secs() {
        return Err(Error::StampRange);
    }
    Ok(())
}

pub(crate) const fn check_counter(counter: u64) -> Result<()> {
    if counter > MAX_COUNTER { Err(Error::CounterRange) } else { Ok(()) }
}
