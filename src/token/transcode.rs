//! Conversion between text and binary form without a key. The sign stays, so the token stays valid ([FORMAT section 4](crate::docs::format#4-binary-form)).
//!
//! ```
//! use countersign::token::transcode;
//!
//! let text = b"cs1_dev-0123456789ab.1767225600.4f8b89966f4281ad07fdeb1ad59c07c0";
//! let (mut binary, mut back) = ([0; 39], [0; 64]);
//! let binary = transcode::text_to_binary(text, &mut binary)?;
//! assert_eq!(transcode::binary_to_text(binary, None, &mut back)?.as_bytes(), text);
//! # Ok::<(), countersign::Error>(())
//! ```

use super::params::WireParams;
use super::{
    TokenKind, binary,
    limits::{MAX_BINARY_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    text,
};
use crate::cursor::Cursor;
use crate::{Error, Result, UnixTime};

/// Converts a token text to the binary form, with a full stamp. Verifies nothing.
///
/// ```
/// use countersign::{Error, token::transcode};
///
/// let forged = b"cs1_dev-7.1767225600.00000000000000000000000000000000";
/// assert_eq!(transcode::text_to_binary(forged, &mut [0; 64])?.len(), 28); // a gateway judges nothing
/// let question = b"cs1q_.1767225600.b74aaa7f3622d9cf";
/// assert_eq!(transcode::text_to_binary(question, &mut [0; 64]), Err(Error::NoBinaryForm));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] if `text` is no token, [`Error::NoBinaryForm`] if it is a Challenge, [`Error::BufferTooSmall`]
/// if `out` is too small; [`MAX_BINARY_LEN`] bytes always suffice.
pub fn text_to_binary<'b>(text: &[u8], out: &'b mut [u8]) -> Result<&'b [u8]> {
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let token = text::parse(text, &mut scratch)?;
    if token.kind == TokenKind::Challenge {
        return Err(Error::NoBinaryForm);
    }
    let mut cursor = Cursor::new(out);
    binary::write(
        token.kind,
        token.sent_uid,
        token.stamp,
        false,
        WireParams::Parsed(token.params),
        token.sign,
        &mut cursor,
    );
    cursor.finish().map(|written| &*written)
}

/// Converts a binary token to the text form, and expands a short stamp by `now`. Verifies nothing.
///
/// ```
/// use countersign::{Error, UnixTime, token::{limits::MAX_TEXT_LEN, transcode}};
///
/// // Detached, N = 8, and only the low two bytes of the stamp.
/// let radio = [0xa3, 0xb9, 0x00, 0x65, 0x7d, 0xed, 0xb1, 0x31, 0x70, 0x9d, 0xf8];
/// let (now, mut out) = (UnixTime::from_secs(1_767_225_777), [0; MAX_TEXT_LEN]);
/// assert_eq!(transcode::binary_to_text(&radio, Some(now), &mut out)?, "cs1_.1767225600.657dedb131709df8");
/// assert_eq!(transcode::binary_to_text(&radio, None, &mut out), Err(Error::MissingClock));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] if `bytes` is no token, [`Error::MissingClock`] if it has a short stamp and `now` is `None`,
/// [`Error::BufferTooSmall`] if `out` is too small; [`MAX_TEXT_LEN`] bytes always suffice.
pub fn binary_to_text<'b>(bytes: &[u8], now: Option<UnixTime>, out: &'b mut [u8]) -> Result<&'b str> {
    let token = binary::parse(bytes, now)?;
    let mut cursor = Cursor::new(out);
    text::write(token.kind, token.sent_uid, token.stamp, token.params.iter(), token.sign, &mut cursor);
    let written = cursor.finish()?;
    core::str::from_utf8(written).map_err(|_| Error::Malformed)
}

/// Converts a token text to the binary form in a vector of `heapless`, like [`text_to_binary`].
///
/// ```
/// use countersign::{Error, token::transcode};
///
/// let text = b"cs1_.1767225600.657dedb131709df8";
/// assert_eq!(transcode::text_to_binary_heapless::<14>(text)?.len(), 14);
/// assert_eq!(transcode::text_to_binary_heapless::<13>(text), Err(Error::BufferTooSmall { needed: 14 }));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] if `text` is no token, [`Error::NoBinaryForm`] if it is a Challenge, [`Error::BufferTooSmall`]
/// if `N` is too small; [`MAX_BINARY_LEN`] always suffices.
pub fn text_to_binary_heapless<const N: usize>(text: &[u8]) -> Result<heapless::Vec<u8, N>> {
    let mut out = [0; MAX_BINARY_LEN];
    let binary = text_to_binary(text, &mut out)?;
    heapless::Vec::from_slice(binary).map_err(|_| Error::BufferTooSmall { needed: binary.len() })
}

/// Converts a binary token to the text form in a string of `heapless`, like [`binary_to_text`].
///
/// ```
/// use countersign::token::transcode;
///
/// let text = b"cs1_.1767225600.657dedb131709df8";
/// let binary = transcode::text_to_binary_heapless::<14>(text)?;
/// assert_eq!(transcode::binary_to_text_heapless::<32>(&binary, None)?.as_bytes(), text);
/// # Ok::<(), countersign::Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] if `bytes` is no token, [`Error::MissingClock`] if it has a short stamp and `now` is `None`,
/// [`Error::BufferTooSmall`] if `N` is too small; [`MAX_TEXT_LEN`] always suffices.
pub fn binary_to_text_heapless<const N: usize>(bytes: &[u8], now: Option<UnixTime>) -> Result<heapless::String<N>> {
    let mut out = [0; MAX_TEXT_LEN];
    let text = binary_to_text(bytes, now, &mut out)?;
    text.try_into().map_err(|_| Error::BufferTooSmall { needed: text.len() })
}
