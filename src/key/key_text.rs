//! The text form of a key: one line with a checksum against typing errors ([FORMAT section 6](crate::docs::format#6-device-keys)).
//!
//! ```text
//! csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82
//! └─┬─┘ │ └──────────────── key, base64url ───────────────┘└check
//!  role slot
//! ```

use super::key_bytes::{KEY_LEN, KeyBytes};
use crate::cursor::{Cursor, Sink};
use crate::encoding::decimal::{self, Decimal};
use crate::encoding::{base64url_decode_secret, base64url_encode_secret, base64url_len, hex_encode};
use crate::{Error, Result, constant_time};
use core::fmt;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const PREFIX_LEN: usize = 6;
const KEY_CHARS: usize = base64url_len(KEY_LEN);
const CHECK_CHARS: usize = 6;

/// The role of the key of a [`KeyText`].
///
/// ```
/// use countersign::{Error, key::{KeyRole, KeyText}};
///
/// let device_line = b"csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82";
/// assert!(KeyText::parse(KeyRole::Device, device_line).is_ok());
/// assert_eq!(KeyText::parse(KeyRole::Master, device_line).unwrap_err(), Error::KeyTextRole);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyRole {
    /// A master key (`csk1m_`). It derives device keys and stays in the factory and on the server.
    Master,
    /// The key of one device (`csk1d_`).
    Device,
}

impl KeyRole {
    const fn prefix(self) -> &'static [u8; PREFIX_LEN] {
        match self {
            Self::Master => b"csk1m_",
            Self::Device => b"csk1d_",
        }
    }
}

/// A key with its role and slot, written as one line of text by the factory and read by a device or a server.
///
/// The key is wiped on drop, and `Debug` does not show it.
///
/// ```
/// use countersign::key::{KeyRole, KeyText, MasterKey};
///
/// let key = MasterKey::new(b"an obvious test key of 32 bytes!")?.derive_key_bytes("acme", b"dev-7", 0)?;
/// let line = KeyText { role: KeyRole::Device, slot: 0, key }.encode_heapless::<{ KeyText::MAX_LEN }>()?;
/// assert!(line.starts_with("csk1d_0_"));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "csk1d")]
#[doc(alias = "csk1m")]
pub struct KeyText {
    /// The role of the key.
    pub role: KeyRole,
    /// The slot of the key in a [`KeyRing`](super::KeyRing).
    pub slot: u8,
    /// The bytes of the key.
    pub key: KeyBytes,
}

impl KeyText {
    /// The length in characters of the longest key text, one whose slot has three digits.
    ///
    /// ```
    /// use countersign::{Error, key::{KeyBytes, KeyRole, KeyText}};
    ///
    /// let key = KeyBytes::new(b"an obvious test key of 32 bytes!")?;
    /// let longest = KeyText { role: KeyRole::Device, slot: 255, key }.encode_heapless::<{ KeyText::MAX_LEN }>()?;
    /// assert_eq!(longest.len(), KeyText::MAX_LEN);
    /// # Ok::<(), Error>(())
    /// ```
    pub const MAX_LEN: usize = PREFIX_LEN + 3 + 1 + KEY_CHARS + CHECK_CHARS;

    /// Reads a key text of the role `role`.
    ///
    /// ```
    /// use countersign::{Error, key::{KeyRole, KeyText}};
    ///
    /// let parse = |line: &str| KeyText::parse(KeyRole::Device, line.as_bytes()).map(|text| text.slot);
    /// let line = "csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82";
    /// assert_eq!(parse(line), Ok(0));
    /// assert_eq!(parse(&line.replace("ECAw", "ECAv")), Err(Error::KeyTextChecksum));
    /// assert_eq!(parse(&line.replace("csk1d_0_", "csk1d_00_")), Err(Error::KeyTextSyntax));
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyTextSyntax`] if `text` is no key text, [`Error::KeyTextRole`] if it has the other role,
    /// [`Error::KeyTextChecksum`] if it was mistyped, [`Error::KeyRepeated`] if the key is a placeholder.
    #[doc(alias = "decode")]
    pub fn parse(role: KeyRole, text: &[u8]) -> Result<Self> {
        let (prefix, rest) = text.split_first_chunk::<PREFIX_LEN>().ok_or(Error::KeyTextSyntax)?;
        let found = match prefix {
            b"csk1m_" => KeyRole::Master,
            b"csk1d_" => KeyRole::Device,
            _ => return Err(Error::KeyTextSyntax),
        };
        let (head, tail) = rest.split_last_chunk::<{ KEY_CHARS + CHECK_CHARS }>().ok_or(Error::KeyTextSyntax)?;
        let slot = head.strip_suffix(b"_").and_then(|digits| decimal::parse(digits, u8::MAX.into()));
        let slot = slot.and_then(|slot| u8::try_from(slot).ok()).ok_or(Error::KeyTextSyntax)?;
        let (key, check) = tail.split_last_chunk::<CHECK_CHARS>().ok_or(Error::KeyTextSyntax)?;
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        if !base64url_decode_secret(key, bytes.as_mut_slice()) {
            return Err(Error::KeyTextSyntax);
        }
        let checked = text.get(..text.len().saturating_sub(CHECK_CHARS)).unwrap_or_default();
        if !constant_time::eq(&check_of(checked), check) {
            return Err(Error::KeyTextChecksum);
        }
        if found != role {
            return Err(Error::KeyTextRole);
        }
        Ok(Self { role, slot, key: KeyBytes::new(bytes.as_slice())? })
    }

    /// Writes the key text into `out` and returns the used part.
    ///
    /// ```
    /// use countersign::key::{KeyBytes, KeyRole, KeyText};
    ///
    /// let text = KeyText { role: KeyRole::Device, slot: 7, key: KeyBytes::new(b"an obvious test key of 32 bytes!")? };
    /// let mut out = [0; KeyText::MAX_LEN];
    /// let line = text.encode(&mut out)?;
    /// let read = KeyText::parse(KeyRole::Device, line.as_bytes())?;
    /// assert_eq!((read.slot, read.key.expose_secret()), (7, text.key.expose_secret()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is too small, with the number of bytes needed. [`KeyText::MAX_LEN`] bytes
    /// always suffice.
    pub fn encode<'b>(&self, out: &'b mut [u8]) -> Result<&'b str> {
        let slot = Decimal::new(self.slot.into());
        let needed = Self::MAX_LEN.saturating_sub(3).saturating_add(slot.as_bytes().len());
        if out.len() < needed {
            // Found first: half a key in a buffer that was refused would still be half a key.
            return Err(Error::BufferTooSmall { needed });
        }
        let mut cursor = Cursor::new(out);
        cursor.put(self.role.prefix());
        cursor.put(slot.as_bytes());
        cursor.put(b"_");
        let mut key = Zeroizing::new([0; KEY_CHARS]);
        base64url_encode_secret(self.key.expose_secret(), key.as_mut_slice());
        cursor.put(key.as_slice());
        let checked_len = cursor.len();
        cursor.put(&[0; CHECK_CHARS]);
        let text = cursor.finish()?;
        let (checked, check) = text.split_at_mut_checked(checked_len).ok_or(Error::KeyTextSyntax)?;
        check.copy_from_slice(&check_of(checked));
        core::str::from_utf8(text).map_err(|_| Error::KeyTextSyntax)
    }

    /// Returns the key text as a string of `heapless`. Wipe the string after use: `heapless` does not.
    ///
    /// ```
    /// use countersign::key::{KeyBytes, KeyRole, KeyText};
    /// use zeroize::Zeroize;
    ///
    /// let text = KeyText { role: KeyRole::Device, slot: 0, key: KeyBytes::new(b"an obvious test key of 32 bytes!")? };
    /// let mut line = text.encode_heapless::<{ KeyText::MAX_LEN }>()?;
    /// assert!(line.starts_with("csk1d_0_"));
    /// line.as_mut_str().zeroize();
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `N` is too small. [`KeyText::MAX_LEN`] always suffices.
    pub fn encode_heapless<const N: usize>(&self) -> Result<heapless::String<N>> {
        let mut buf = Zeroizing::new([0; Self::MAX_LEN]);
        let text = self.encode(buf.as_mut_slice())?;
        text.try_into().map_err(|_| Error::BufferTooSmall { needed: text.len() })
    }
}

/// Shows the role and the slot, and nothing of the key.
impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyText").field("role", &self.role).field("slot", &self.slot).finish_non_exhaustive()
    }
}

/// The first six characters of the lower-case hex of SHA-256.
fn check_of(checked: &[u8]) -> [u8; CHECK_CHARS] {
    let hash = Sha256::digest(checked);
    let mut check = [0; CHECK_CHARS];
    hex_encode(hash.get(..CHECK_CHARS / 2).unwrap_or_default(), &mut check);
    check
}
