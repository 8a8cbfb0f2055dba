//! The raw bytes of a key.

use crate::bytes::copy;
use crate::{Error, Result, constant_time};
use core::fmt;
use zeroize::Zeroizing;

/// The length in bytes of every key of the token format.
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

/// The 32 secret bytes of a key, checked on creation and wiped on drop.
///
/// Only [`expose_secret`](KeyBytes::expose_secret) shows the bytes. The type has no comparison and no `Clone`, and
/// `Debug` prints its name alone.
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
    /// Checks and copies the bytes of a key.
    ///
    /// ```
    /// use countersign::{Error, key::KeyBytes};
    ///
    /// assert!(KeyBytes::new(b"an obvious test key of 32 bytes!").is_ok());
    /// assert_eq!(KeyBytes::new(&[0; 32]).unwrap_err(), Error::KeyRepeated); // a placeholder
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyLength`] if `bytes` is not 32 bytes long, [`Error::KeyRepeated`] if all of them are the same ([FORMAT
    /// section 1](crate::docs::format#1-logical-token)).
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let checked = check(bytes)?;
        let mut secret = Self(Zeroizing::new([0; KEY_LEN]));
        copy(checked, secret.0.as_mut_slice());
        Ok(secret)
    }

    /// Returns the secret bytes, to write them into a device. Do not log them.
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
pub(super) fn check(bytes: &[u8]) -> Result<&[u8; KEY_LEN]> {
    let array: &[u8; KEY_LEN] = bytes.try_into().map_err(|_| Error::KeyLength { got: bytes.len() })?;
    if constant_time::is_one_byte_repeated(array) { Err(Error::KeyRepeated) } else { Ok(array) }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes")
    }
}
