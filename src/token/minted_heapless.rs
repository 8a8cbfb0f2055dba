//! Minting into strings and vectors of `heapless`.

use super::builder::TokenBuilder;
use super::limits::{MAX_BINARY_LEN, MAX_TEXT_LEN};
use super::profile::Profile;
use crate::key::MacKey;
use crate::{Error, Result};

impl TokenBuilder<'_> {
    /// Signs the token and returns it as text in a string of `heapless`, like [`mint_text`](TokenBuilder::mint_text).
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
    /// let text = builder.mint_text_heapless::<64>(&profile, &key)?;
    /// assert_eq!(text.len(), 53);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`](crate::Error::BufferTooSmall) if `N` is too small; [`MAX_TEXT_LEN`] always suffices.
    /// The error of a limit of [FORMAT section 1](crate::docs::format#1-logical-token) if the token breaks it.
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

    /// Signs the token and returns it in binary form in a vector of `heapless`, like
    /// [`mint_binary`](TokenBuilder::mint_binary). [`short_stamp`](TokenBuilder::short_stamp) has an example.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`](crate::Error::BufferTooSmall) if `N` is too small; [`MAX_BINARY_LEN`] always suffices.
    /// [`Error::ShortStamp`](crate::Error::ShortStamp) if a short stamp is set where none is allowed. The error of a
    /// limit of [FORMAT section 1](crate::docs::format#1-logical-token) if the token breaks it.
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
