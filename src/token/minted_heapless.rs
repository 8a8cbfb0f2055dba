//! Minting into buffers of their own.

use super::builder::TokenBuilder;
use super::limits::{MAX_BINARY_LEN, MAX_TEXT_LEN};
use super::profile::Profile;
use crate::key::MacKey;
use crate::{Error, Result};

impl TokenBuilder<'_> {
    /// [`mint_text`](TokenBuilder::mint_text) into a string of its own.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let text = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).mint_text_heapless::<64>(&profile, &key)?;
    /// assert_eq!(text.len(), 53);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mint_text`](TokenBuilder::mint_text); a string of [`MAX_TEXT_LEN`] always suffices.
    pub fn mint_text_heapless<const N: usize>(
        &self,
        profile: &Profile<'_>,
        key: &MacKey,
    ) -> Result<heapless::String<N>> {
        let mut bytes = heapless::Vec::<u8, N>::new();
        bytes.resize_default(N.min(MAX_TEXT_LEN)).map_err(|_| Error::BufferTooSmall { needed: MAX_TEXT_LEN })?;
        let len = self.mint_text(profile, key, &mut bytes)?.len();
        bytes.truncate(len);
        heapless::String::from_utf8(bytes).map_err(|_| Error::Malformed)
    }

    /// [`mint_binary`](TokenBuilder::mint_binary) into a vector of its own. See [`short_stamp`](TokenBuilder::short_stamp).
    ///
    /// # Errors
    /// As [`mint_binary`](TokenBuilder::mint_binary); a vector of [`MAX_BINARY_LEN`] always suffices.
    pub fn mint_binary_heapless<const N: usize>(
        &self,
        profile: &Profile<'_>,
        key: &MacKey,
    ) -> Result<heapless::Vec<u8, N>> {
        let mut bytes = heapless::Vec::<u8, N>::new();
        bytes.resize_default(N.min(MAX_BINARY_LEN)).map_err(|_| Error::BufferTooSmall { needed: MAX_BINARY_LEN })?;
        let len = self.mint_binary(profile, key, &mut bytes)?.len();
        bytes.truncate(len);
        Ok(bytes)
    }
}
