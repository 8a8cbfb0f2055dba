//! Key text: a key for a file or a provisioning line, with a check against typing errors (FORMAT section 6).
//!
//! ```text
//! csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82
//! └─┬─┘ │ └──────────────── key, base64url ───────────────┘└check
//!  type slot
//! ```

use super::{KEY_LEN, SecretBytes};
use crate::cursor::{Cursor, Sink};
use crate::encoding::decimal::{self, Decimal};
use crate::encoding::{base64url_decode_secret, base64url_encode_secret, base64url_len, hex_encode};
use crate::{Error, Result, constant_time};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Characters of the longest key text: a slot of three digits.
///
/// ```
/// use countersign::{Error, key::{SecretBytes, text}};
///
/// let secret = SecretBytes::new(b"an obvious test key of 32 bytes!")?;
/// let longest = text::write_heapless::<{ text::MAX_KEY_TEXT }>(text::KeyType::Device, 255, &secret)?;
/// assert_eq!(longest.len(), text::MAX_KEY_TEXT);
/// # Ok::<(), Error>(())
/// ```
pub const MAX_KEY_TEXT: usize = PREFIX_LEN + 3 + 1 + KEY_CHARS + CHECK_CHARS;

const PREFIX_LEN: usize = 6;
const KEY_CHARS: usize = base64url_len(KEY_LEN);
const CHECK_CHARS: usize = 6;

/// What a key text may be used for.
///
/// ```
/// use countersign::{Error, key::text::{self, KeyType}};
///
/// let device_line = b"csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82";
/// assert!(text::parse(KeyType::Device, device_line).is_ok());
/// assert_eq!(text::parse(KeyType::Master, device_line).unwrap_err(), Error::KeyTextType);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyType {
    /// `csk1m_`: derives device keys, stays in the factory and on the server.
    Master,
    /// `csk1d_`: one device's key.
    Device,
}

impl KeyType {
    const fn prefix(self) -> &'static [u8; PREFIX_LEN] {
        match self {
            Self::Master => b"csk1m_",
            Self::Device => b"csk1d_",
        }
    }
}

/// Writes a key text into `out` and returns it.
///
/// ```
/// use countersign::key::{SecretBytes, text};
///
/// let secret = SecretBytes::new(b"an obvious test key of 32 bytes!")?;
/// let mut out = [0; text::MAX_KEY_TEXT];
/// let line = text::write(text::KeyType::Device, 7, &secret, &mut out)?;
/// let (slot, read) = text::parse(text::KeyType::Device, line.as_bytes())?;
/// assert_eq!((slot, read.expose()), (7, secret.expose()));
/// # Ok::<(), countersign::Error>(())
/// ```
///
/// # Errors
/// [`Error::BufferTooSmall`] with the number of bytes needed; [`MAX_KEY_TEXT`] always suffices.
pub fn write<'b>(key_type: KeyType, slot: u8, secret: &SecretBytes, out: &'b mut [u8]) -> Result<&'b str> {
    let slot = Decimal::new(slot.into());
    let needed = MAX_KEY_TEXT.saturating_sub(3).saturating_add(slot.as_bytes().len());
    if out.len() < needed {
        // Found first: half a key in a buffer that was refused would still be half a key.
        return Err(Error::BufferTooSmall { needed });
    }
    let mut cursor = Cursor::new(out);
    cursor.put(key_type.prefix());
    cursor.put(slot.as_bytes());
    cursor.put(b"_");
    let mut key = Zeroizing::new([0; KEY_CHARS]);
    base64url_encode_secret(secret.expose(), key.as_mut_slice());
    cursor.put(key.as_slice());
    let checked_len = cursor.len();
    cursor.put(&[0; CHECK_CHARS]);
    let text = cursor.finish()?;
    let (checked, check) = text.split_at_mut_checked(checked_len).ok_or(Error::KeyTextForm)?;
    check.copy_from_slice(&check_of(checked));
    core::str::from_utf8(text).map_err(|_| Error::KeyTextForm)
}

/// [`write()`] into a string of its own. Wipe it after use: `heapless` does not.
///
/// ```
/// use countersign::key::{MasterKey, text};
/// use zeroize::Zeroize;
///
/// let secret = MasterKey::new(b"an obvious test key of 32 bytes!")?.derive_bytes("acme", b"dev-7", 0)?;
/// let mut line = text::write_heapless::<{ text::MAX_KEY_TEXT }>(text::KeyType::Device, 0, &secret)?;
/// assert!(line.starts_with("csk1d_0_"));
/// line.as_mut_str().zeroize();
/// # Ok::<(), countersign::Error>(())
/// ```
///
/// # Errors
/// [`Error::BufferTooSmall`] if `N` is too small; [`MAX_KEY_TEXT`] always suffices.
pub fn write_heapless<const N: usize>(
    key_type: KeyType,
    slot: u8,
    secret: &SecretBytes,
) -> Result<heapless::String<N>> {
    let mut buf = Zeroizing::new([0; MAX_KEY_TEXT]);
    let text = write(key_type, slot, secret, buf.as_mut_slice())?;
    text.try_into().map_err(|_| Error::BufferTooSmall { needed: text.len() })
}

/// Reads a key text of the type that is asked for: its slot and its bytes.
///
/// ```
/// use countersign::{Error, key::text};
///
/// let parse = |line: &str| text::parse(text::KeyType::Device, line.as_bytes()).map(|(slot, _)| slot);
/// let line = "csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82";
/// assert_eq!(parse(line), Ok(0));
/// assert_eq!(parse(&line.replace("ECAw", "ECAv")), Err(Error::KeyTextCheck));
/// assert_eq!(parse(&line.replace("csk1d_0_", "csk1d_00_")), Err(Error::KeyTextForm));
/// ```
///
/// # Errors
/// [`Error::KeyTextForm`] if it is no key text, [`Error::KeyTextType`] if it is one of the other type,
/// [`Error::KeyTextCheck`] if it was mistyped, [`Error::KeyRepeated`] if the key is a placeholder.
pub fn parse(key_type: KeyType, text: &[u8]) -> Result<(u8, SecretBytes)> {
    let (prefix, rest) = text.split_first_chunk::<PREFIX_LEN>().ok_or(Error::KeyTextForm)?;
    let found = match prefix {
        b"csk1m_" => KeyType::Master,
        b"csk1d_" => KeyType::Device,
        _ => return Err(Error::KeyTextForm),
    };
    let (head, tail) = rest.split_last_chunk::<{ KEY_CHARS + CHECK_CHARS }>().ok_or(Error::KeyTextForm)?;
    let slot = head.strip_suffix(b"_").and_then(|digits| decimal::parse(digits, u8::MAX.into()));
    let slot = slot.and_then(|slot| u8::try_from(slot).ok()).ok_or(Error::KeyTextForm)?;
    let (key, check) = tail.split_last_chunk::<CHECK_CHARS>().ok_or(Error::KeyTextForm)?;
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    if !base64url_decode_secret(key, bytes.as_mut_slice()) {
        return Err(Error::KeyTextForm);
    }
    let checked = text.get(..text.len().saturating_sub(CHECK_CHARS)).unwrap_or_default();
    if !constant_time::eq(&check_of(checked), check) {
        return Err(Error::KeyTextCheck);
    }
    if found != key_type {
        return Err(Error::KeyTextType);
    }
    Ok((slot, SecretBytes::new(bytes.as_slice())?))
}

/// The first six characters of the lower-case hex of SHA-256.
fn check_of(checked: &[u8]) -> [u8; CHECK_CHARS] {
    let hash = Sha256::digest(checked);
    let mut check = [0; CHECK_CHARS];
    hex_encode(hash.get(..CHECK_CHARS / 2).unwrap_or_default(), &mut check);
    check
}
