//! The bytes of a key on their way.

use crate::bytes::copy;
use crate::{Error, Result, constant_time};
use core::fmt;
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
    /// [`Error::KeyLength`] unless it is 32 bytes; [`Error::KeyRepeated`] if they are all the same ([FORMAT section 1](crate::docs::format#1-logical-token)).
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
pub(super) fn check(bytes: &[u8]) -> Result<&[u8; KEY_LEN]> {
    let array: &[u8; KEY_LEN] = bytes.try_into().map_err(|_| Error::KeyLength { got: bytes.len() })?;
    if constant_time::is_one_byte_repeated(array) { Err(Error::KeyRepeated) } else { Ok(array) }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes")
    }
}
