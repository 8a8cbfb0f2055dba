//! The prepared key of tokens.

use super::key_bytes::{KEY_LEN, KeyBytes, check};
use super::key_text::{KeyRole, KeyText};
use crate::hmac::{PreparedKey, Running};
use crate::{Result, constant_time};
use core::fmt;
use sha2::Sha256;
use zeroize::Zeroizing;

/// An HMAC-SHA-256 key with both pads absorbed, which saves two compressions per token.
///
/// The prepared state is wiped on drop. Two copies are not: what the hash leaves on the stack while it absorbs the key,
/// and what a move leaves behind.
///
/// ```
/// use countersign::key::MacKey;
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// assert_eq!(format!("{key:?}"), "MacKey");
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "mac")]
#[doc(alias = "hmac")]
#[doc(alias = "tag")]
pub struct MacKey(PreparedKey<Sha256>);

impl MacKey {
    /// Prepares a key from exactly 32 bytes.
    ///
    /// ```
    /// use countersign::{Error, key::MacKey};
    ///
    /// assert!(MacKey::new(b"an obvious test key of 32 bytes!").is_ok());
    /// assert_eq!(MacKey::new(b"a password").unwrap_err(), Error::KeyLength { got: 10 });
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyLength`](crate::Error::KeyLength) if `bytes` is not 32 bytes long,
    /// [`Error::KeyRepeated`](crate::Error::KeyRepeated) if all of them are the same.
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
    /// Never fails at present, since HMAC takes keys of any length.
    pub fn from_key_bytes(bytes: &KeyBytes) -> Result<Self> {
        Self::prepare(bytes.expose_secret())
    }

    #[inline(never)]
    fn prepare(bytes: &[u8; KEY_LEN]) -> Result<Self> {
        PreparedKey::new(bytes).map(Self)
    }

    /// Reads the key text of a device, and returns its slot and the prepared key.
    ///
    /// A lone key verifies tokens of slot 0. For another slot, put the key into a [`KeyRing`](super::KeyRing).
    ///
    /// ```
    /// use countersign::{Error, key::MacKey};
    ///
    /// let (slot, _key) = MacKey::from_key_text(b"csk1d_3_1KVUugQDDEaFDX6yaJCq4R-jkCDkyZppCQ5vspkfsho6e2aba")?;
    /// assert_eq!(slot, 3);
    /// let master = b"csk1m_0_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEc0a24a";
    /// assert!(MacKey::from_key_text(master).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyTextSyntax`](crate::Error::KeyTextSyntax) if `text` is no key text,
    /// [`Error::KeyTextRole`](crate::Error::KeyTextRole) if it is the key text of a master key,
    /// [`Error::KeyTextChecksum`](crate::Error::KeyTextChecksum) if it was mistyped,
    /// [`Error::KeyRepeated`](crate::Error::KeyRepeated) if the key is a placeholder.
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
