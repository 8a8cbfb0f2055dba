//! Keys: prepared once, wiped on drop, never shown.
//!
//! | type | is | made by |
//! |---|---|---|
//! | [`MacKey`] | signs and verifies tokens | 32 bytes, a key text, or derivation |
//! | [`MasterKey`] | derives the [`MacKey`] of each device and nothing else | 32 bytes or a key text |
//! | [`KeyRing`] | keys by slot, a current and a previous one | inserting keys |
//! | [`DeviceKeys`] | a ring of masters and a realm: what a verifier of many devices keeps | both |
//! | [`KeyBytes`] | 32 raw bytes on their way into a key or a key text | the factory |

mod derive;
mod key_text;
mod ring;
mod source;

pub use derive::{DeviceKeys, MasterKey};
pub use key_text::{KeyRole, KeyText};
pub use ring::KeyRing;
pub use source::{KeyMatch, KeyProvider, KeyQuery};

use crate::cursor::copy;
use crate::hmac::{PreparedKey, Running};
use crate::{Error, Result, constant_time};
use core::fmt;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of every key in this crate's token format.
///
/// ```
/// use countersign::{Error, key::{KEY_LEN, KeyBytes}};
///
/// let bytes = b"an obvious test key of 32 bytes!";
/// assert_eq!(KeyBytes::new(bytes)?.expose_secret().len(), KEY_LEN);
/// assert!(KeyBytes::new(&bytes[1..]).is_err());
/// # Ok::<(), Error>(())
/// ```
pub const KEY_LEN: usize = 32;

/// 32 secret bytes, checked, wiped on drop.
///
/// Only [`expose_secret`](KeyBytes::expose_secret) shows them; there is no comparison, no copy and nothing in `Debug`.
///
/// ```
/// use countersign::key::KeyBytes;
///
/// let secret = KeyBytes::new(b"an obvious test key of 32 bytes!")?;
/// assert_eq!(format!("{secret:?}"), "KeyBytes");
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "secret")]
pub struct KeyBytes(Zeroizing<[u8; KEY_LEN]>);

impl KeyBytes {
    /// Checks and copies a key.
    ///
    /// ```
    /// use countersign::{Error, key::KeyBytes};
    ///
    /// assert!(KeyBytes::new(b"an obvious test key of 32 bytes!").is_ok());
    /// assert_eq!(KeyBytes::new(&[0; 32]).unwrap_err(), Error::KeyRepeated); // a placeholder
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyLength`] unless it is 32 bytes; [`Error::KeyRepeated`] if they are all the same (FORMAT section 1).
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let checked = check(bytes)?;
        let mut secret = Self(Zeroizing::new([0; KEY_LEN]));
        copy(checked, secret.0.as_mut_slice());
        Ok(secret)
    }

    /// The bytes themselves, for burning them into a device. Do not log them.
    ///
    /// ```
    /// use countersign::key::KeyBytes;
    ///
    /// let secret = KeyBytes::new(b"an obvious test key of 32 bytes!")?;
    /// assert_eq!(secret.expose_secret(), b"an obvious test key of 32 bytes!");
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

/// 32 bytes, not all the same.
fn check(bytes: &[u8]) -> Result<&[u8; KEY_LEN]> {
    let array: &[u8; KEY_LEN] = bytes.try_into().map_err(|_| Error::KeyLength { got: bytes.len() })?;
    if constant_time::is_one_byte_repeated(array) { Err(Error::KeyRepeated) } else { Ok(array) }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes")
    }
}

/// An HMAC-SHA-256 key with both pads absorbed, so that a token costs two compressions less.
///
/// Wiped on drop (the prepared state; what the hash leaves on the stack while it absorbs the key, and what a move leaves
/// where the key was, is beyond its reach).
///
/// ```
/// use countersign::key::MacKey;
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// assert_eq!(format!("{key:?}"), "MacKey");
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "hmac")]
#[doc(alias = "tag")]
pub struct MacKey(PreparedKey<Sha256>);

impl MacKey {
    /// Prepares a key of exactly 32 bytes.
    ///
    /// ```
    /// use countersign::{Error, key::MacKey};
    ///
    /// assert!(MacKey::new(b"an obvious test key of 32 bytes!").is_ok());
    /// assert_eq!(MacKey::new(b"a password").unwrap_err(), Error::KeyLength { got: 10 });
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyLength`] or [`Error::KeyRepeated`], as [`KeyBytes::new`].
    pub fn new(bytes: &[u8]) -> Result<Self> {
        // Without a copy of the bytes.
        Self::prepare(check(bytes)?)
    }

    /// Prepares a key from checked bytes.
    ///
    /// ```
    /// use countersign::key::{KeyRole, KeyText, MacKey};
    ///
    /// // A device reads the line that its factory wrote.
    /// let line = b"csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82";
    /// let text = KeyText::parse(KeyRole::Device, line)?;
    /// assert!(MacKey::from_key_bytes(&text.key).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// None in practice: HMAC takes keys of any length.
    pub fn from_key_bytes(bytes: &KeyBytes) -> Result<Self> {
        Self::prepare(bytes.expose_secret())
    }

    #[inline(never)]
    fn prepare(bytes: &[u8; KEY_LEN]) -> Result<Self> {
        PreparedKey::new(bytes).map(Self)
    }

    /// Reads a device's key text and prepares its key; returns the slot too.
    ///
    /// A lone key verifies as slot 0; for another slot put it into a [`KeyRing`].
    ///
    /// ```
    /// use countersign::{Error, key::MacKey};
    ///
    /// let (slot, _key) = MacKey::from_key_text(b"csk1d_3_1KVUugQDDEaFDX6yaJCq4R-jkCDkyZppCQ5vspkfsho6e2aba")?;
    /// assert_eq!(slot, 3);
    /// assert!(MacKey::from_key_text(b"csk1m_0_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEc0a24a").is_err()); // a master
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`KeyText::parse`].
    pub fn from_key_text(text: &[u8]) -> Result<(u8, Self)> {
        let KeyText { slot, key, .. } = KeyText::parse(KeyRole::Device, text)?;
        Ok((slot, Self::from_key_bytes(&key)?))
    }

    /// Writes the MAC of what `put` puts; by reference, since a move would leave a copy on the stack.
    #[inline]
    pub(crate) fn write_tag_of(&self, put: impl FnOnce(&mut RunningMac<'_>), tag: &mut Tag) {
        self.0.write_tag_of(put, (&mut *tag.0).into());
    }

    /// The MAC of what `put` puts.
    pub(crate) fn tag_of(&self, put: impl FnOnce(&mut RunningMac<'_>)) -> Tag {
        let mut tag = Tag::default();
        self.write_tag_of(put, &mut tag);
        tag
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

/// A MAC that takes its input piece by piece.
pub(crate) type RunningMac<'c> = Running<'c, Sha256>;

/// The full HMAC-SHA-256 value. The expected sign of a forged token is a secret: wiped on drop where it lies, though not on the stack of the
/// crate that has made it.
#[derive(Default)]
pub(crate) struct Tag(Zeroizing<[u8; 32]>);

impl Tag {
    /// The first `n` bytes.
    pub(crate) fn truncated(&self, n: usize) -> &[u8] {
        self.0.get(..n).unwrap_or_default()
    }

    /// Compares all of `sign`, whose length the caller has fixed, in constant time.
    pub(crate) fn starts_with(&self, sign: &[u8]) -> bool {
        constant_time::eq(self.truncated(sign.len()), sign) && !sign.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_no_match_for_an_empty_or_overlong_sign() {
        let key = MacKey::new(b"an obvious test key of 32 bytes!").unwrap();
        let tag = key.tag_of(|_| ());
        assert!(tag.starts_with(tag.truncated(8)));
        assert!(!tag.starts_with(&[]));
        assert!(!tag.starts_with(&[0; 33]));
    }
}
