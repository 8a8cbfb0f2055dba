//! The limits and alphabets of [FORMAT section 1](crate::docs::format#1-logical-token), each in one place.

use crate::bytes::copy;
use crate::time::UnixTime;
use crate::{Error, Result};

/// Bytes of the longest uid.
///
/// ```
/// use countersign::{Error, key::MasterKey, token::limits::MAX_UID_LEN};
///
/// let master = MasterKey::new(b"an obvious test key of 32 bytes!")?;
/// assert!(master.derive_key("acme", &[b'u'; MAX_UID_LEN], 0).is_ok());
/// assert_eq!(master.derive_key("acme", &[b'u'; MAX_UID_LEN + 1], 0).unwrap_err(), Error::UidLength { got: 65 });
/// # Ok::<(), Error>(())
/// ```
pub const MAX_UID_LEN: usize = 64;
/// Bytes of the longest param value.
///
/// ```
/// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, TokenBuilder, limits::{MAX_PARAM_VALUE_LEN, MAX_TEXT_LEN}}};
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// let builder = TokenBuilder::time(b"dev-7", now);
/// let mint = |value: &[u8]| builder.params(&[("fw", value)]).mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key);
/// assert!(mint(&[b'v'; MAX_PARAM_VALUE_LEN]).is_ok());
/// assert_eq!(mint(&[b'v'; MAX_PARAM_VALUE_LEN + 1]), Err(Error::ParamValueLength { got: 65 }));
/// # Ok::<(), Error>(())
/// ```
pub const MAX_PARAM_VALUE_LEN: usize = 64;
/// Bytes of the longest param key.
///
/// ```
/// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, TokenBuilder, limits::{MAX_PARAM_KEY_LEN, MAX_TEXT_LEN}}};
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// let builder = TokenBuilder::time(b"dev-7", now);
/// let mint = |name: &str| builder.params(&[(name, b"x".as_slice())]).mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key);
/// assert_eq!("firmware".len(), MAX_PARAM_KEY_LEN);
/// assert!(mint("firmware").is_ok());
/// assert_eq!(mint("firmwares"), Err(Error::ParamKey));
/// # Ok::<(), Error>(())
/// ```
pub const MAX_PARAM_KEY_LEN: usize = 8;
/// Params that a token can carry, reserved ones included.
///
/// ```
/// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, TokenBuilder, limits::{MAX_PARAMS, MAX_TEXT_LEN}}};
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// let eight = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"].map(|name| (name, b"x".as_slice()));
/// assert_eq!(eight.len(), MAX_PARAMS);
/// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).params(&eight);
/// assert!(builder.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key).is_ok());
/// assert_eq!(builder.key_slot(1).mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key), Err(Error::ParamCount)); // `k` is the ninth
/// # Ok::<(), Error>(())
/// ```
pub const MAX_PARAMS: usize = 8;
/// Bytes of the longest purpose or realm.
///
/// ```
/// use countersign::{Error, token::{Profile, limits::MAX_NAME_LEN}};
///
/// assert!(Profile::new(&"p".repeat(MAX_NAME_LEN)).is_ok());
/// assert_eq!(Profile::new(&"p".repeat(MAX_NAME_LEN + 1)), Err(Error::InvalidName));
/// ```
pub const MAX_NAME_LEN: usize = 32;
/// Bytes of the longest binding.
///
/// ```
/// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, TokenBuilder, limits::MAX_BINDING_LEN}};
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
/// assert!(builder.binding(&[0; MAX_BINDING_LEN]).mint_text_heapless::<64>(&profile, &key).is_ok());
/// let too_long = builder.binding(&[0; MAX_BINDING_LEN + 1]).mint_text_heapless::<64>(&profile, &key);
/// assert_eq!(too_long, Err(Error::BindingLength { got: 65 }));
/// # Ok::<(), Error>(())
/// ```
pub const MAX_BINDING_LEN: usize = 64;
/// The largest counter of a Sequence token: 2^40 − 1.
///
/// ```
/// # use countersign::{Error, key::MacKey, token::{Profile, TokenBuilder, limits::MAX_COUNTER}};
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// assert!(TokenBuilder::sequence(b"dev-7", MAX_COUNTER).mint_text_heapless::<64>(&profile, &key).is_ok());
/// assert_eq!(TokenBuilder::sequence(b"dev-7", MAX_COUNTER + 1).mint_text_heapless::<64>(&profile, &key), Err(Error::CounterRange));
/// # Ok::<(), Error>(())
/// ```
pub const MAX_COUNTER: u64 = (1 << 40) - 1;

/// A purpose or realm: 1 to 32 bytes of `[a-z0-9._/-]`.
pub(crate) const fn check_name(name: &str) -> Result<()> {
    let mut rest = name.as_bytes();
    if rest.is_empty() || rest.len() > MAX_NAME_LEN {
        return Err(Error::InvalidName);
    }
    while let [byte, tail @ ..] = rest {
        if !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'/' | b'-') {
            return Err(Error::InvalidName);
        }
        rest = tail;
    }
    Ok(())
}

pub(crate) const fn check_uid(uid: &[u8]) -> Result<()> {
    match uid.len() {
        1..=MAX_UID_LEN => Ok(()),
        got => Err(Error::UidLength { got }),
    }
}

pub(crate) const fn check_binding(binding: &[u8]) -> Result<()> {
    match binding.len() {
        0..=MAX_BINDING_LEN => Ok(()),
        got => Err(Error::BindingLength { got }),
    }
}

pub(crate) const fn check_param_value(value: &[u8]) -> Result<()> {
    match value.len() {
        0..=MAX_PARAM_VALUE_LEN => Ok(()),
        got => Err(Error::ParamValueLength { got }),
    }
}

/// A param key, reserved or not: `[a-z][a-z0-9]{0,7}`.
pub(crate) fn is_param_key(key: &[u8]) -> bool {
    let tail_is_fine = |tail: &[u8]| tail.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    matches!(key, [b'a'..=b'z', tail @ ..] if key.len() <= MAX_PARAM_KEY_LEN && tail_is_fine(tail))
}

/// A param key as a number: the order of the numbers is the order of the keys.
pub(crate) fn param_rank(key: &[u8]) -> u64 {
    let mut padded = [0; MAX_PARAM_KEY_LEN];
    copy(key, &mut padded);
    u64::from_be_bytes(padded)
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
