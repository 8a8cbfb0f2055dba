//! A parsed token whose sign is not checked yet.

use super::authentic::AuthenticToken;
use super::error::TokenError;
use super::fields::Fields;
use super::{Channel, Profile, TokenKind, binary, text};
use crate::key::MacKey;
use crate::{ClockError, Error, Result, UnixTime};
use core::fmt;

/// A well-formed token whose sign is not checked. It shows its kind alone until
/// [`authenticate`](UnverifiedToken::authenticate) succeeds.
///
/// Most servers use a [`Verifier`](super::Verifier), which also checks the age. This type is for the kinds that a
/// verifier never admits (TimeReply, Challenge) and for callers with checks of their own.
///
/// ```
/// use countersign::key::MacKey;
/// use countersign::token::{Channel, Profile, UnverifiedToken};
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// let mut scratch = [0; 64];
/// let forged = b"cs1_dev-7.1767225600.00000000000000000000000000000000";
/// let token = UnverifiedToken::parse_text(forged, &mut scratch)?;
/// assert!(token.authenticate(&Profile::new("mqtt")?, &key, Channel::NONE).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct UnverifiedToken<'a>(Fields<'a>);

impl<'a> UnverifiedToken<'a> {
    /// Parses the text form strictly, and decodes its fields into `scratch`.
    ///
    /// A scratch buffer of [`MAX_SCRATCH_LEN`](super::limits::MAX_SCRATCH_LEN) bytes fits every token. A shorter one
    /// fits every text that is no longer than the buffer.
    ///
    /// ```
    /// use countersign::token::{TokenError, UnverifiedToken};
    ///
    /// let mut scratch = [0; 64];
    /// let text = b"cs1_dev-7.1767225600.00000000000000000000000000000000";
    /// assert!(UnverifiedToken::parse_text(text, &mut scratch).is_ok());
    /// let other_spelling = b"cs1_-ZGV2LTc.1767225600.00000000000000000000000000000000"; // base64url of dev-7
    /// assert_eq!(UnverifiedToken::parse_text(other_spelling, &mut scratch), Err(TokenError::Invalid));
    /// ```
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if the text is no token, [`TokenError::TooLong`] if its fields do not fit into
    /// `scratch`.
    #[doc(alias = "decode")]
    pub fn parse_text(text: &[u8], scratch: &'a mut [u8]) -> Result<Self, TokenError> {
        text::parse(text, scratch).map(Self).map_err(refused)
    }

    /// Parses the binary form strictly, and expands a short stamp by `now`.
    ///
    /// ```
    /// use countersign::{ClockError, UnixTime, token::{TokenError, UnverifiedToken}};
    ///
    /// let short_stamp = [0xa3, 0xb9, 0x00, 0x65, 0x7d, 0xed, 0xb1, 0x31, 0x70, 0x9d, 0xf8];
    /// assert_eq!(UnverifiedToken::parse_binary(&short_stamp, None), Err(TokenError::Clock(ClockError::NotSet)));
    /// assert!(UnverifiedToken::parse_binary(&short_stamp, Some(UnixTime::from_secs(1_767_225_777))).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if the bytes are no token, [`TokenError::Clock`] if they have a short stamp and `now` is
    /// `None`.
    #[doc(alias = "decode")]
    pub fn parse_binary(bytes: &'a [u8], now: Option<UnixTime>) -> Result<Self, TokenError> {
        binary::parse(bytes, now).map(Self).map_err(refused)
    }

    /// Returns the kind that the token claims.
    ///
    /// ```
    /// use countersign::token::{TokenKind, UnverifiedToken};
    ///
    /// let mut scratch = [0; 64];
    /// let reply = b"cs1r_.1767225655.4264af53d483a008ea833ae539244e24";
    /// assert_eq!(UnverifiedToken::parse_text(reply, &mut scratch)?.kind(), TokenKind::TimeReply);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.0.kind
    }

    /// Checks the sign with one key ([FORMAT section 5](crate::docs::format#5-verifying) steps 4 and 5, without the proof of a challenge).
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, UnverifiedToken};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// // A device reads a server's time, bound to the sign that the server has refused.
    /// let refused_sign = b"16 bytes of sign";
    /// let reply = TokenBuilder::time_reply(b"dev-7", UnixTime::from_secs(1_767_225_655)).binding(refused_sign);
    /// let reply = reply.mint_binary_heapless::<22>(&profile, &key)?;
    /// let parsed = UnverifiedToken::parse_binary(&reply, None)?;
    /// let channel = Channel { uid: Some(b"dev-7"), binding: refused_sign };
    /// let token = parsed.authenticate(&profile, &key, channel)?;
    /// assert_eq!(token.issued_at(), Some(UnixTime::from_secs(1_767_225_655)));
    /// let for_another = Channel { binding: b"another sign....", ..channel };
    /// assert_eq!(parsed.authenticate(&profile, &key, for_another), Err(TokenError::Invalid));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if the sign is not valid under `key`, or if token and channel do not name one uid.
    pub fn authenticate(
        self,
        profile: &Profile<'_>,
        key: &MacKey,
        channel: Channel<'a>,
    ) -> Result<AuthenticToken<'a>, TokenError> {
        let uid = self.0.uid(&channel).ok_or(TokenError::Invalid)?;
        if self.0.fits(profile, key, uid, channel.binding) {
            Ok(AuthenticToken { fields: self.0, uid })
        } else {
            Err(TokenError::Invalid)
        }
    }

    /// Writes M, the bytes under the sign ([FORMAT section 2](crate::docs::format#2-mac-input)), for a secure element that holds the key.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, UnverifiedToken, limits::MAX_MAC_INPUT_LEN};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
    /// let binary = builder.mint_binary_heapless::<64>(&profile, &key)?;
    /// let (mut sent, mut received) = ([0; MAX_MAC_INPUT_LEN], [0; MAX_MAC_INPUT_LEN]);
    /// let received = UnverifiedToken::parse_binary(&binary, None)?.mac_input(&profile, Channel::NONE, &mut received)?;
    /// assert_eq!(received, builder.mac_input(&profile, &mut sent)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Malformed`] if channel and token do not name one uid, [`Error::BufferTooSmall`] if `out` is too small,
    /// [`Error::MacInputTooLong`] if M is longer than the profile allows.
    pub fn mac_input<'b>(&self, profile: &Profile<'_>, channel: Channel<'_>, out: &'b mut [u8]) -> Result<&'b [u8]> {
        let uid = self.0.uid(&channel).ok_or(Error::Malformed)?;
        self.0.mac_input_of(uid, channel.binding).write(profile, out)
    }
}

/// What a parser says, of a token that somebody else has sent.
pub(super) const fn refused(error: Error) -> TokenError {
    match error {
        Error::BufferTooSmall { needed } => TokenError::TooLong { needed },
        Error::MissingClock => TokenError::Clock(ClockError::NotSet),
        _ => TokenError::Invalid,
    }
}

/// Shows the kind alone, since nothing else is authentic.
impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").field("kind", &self.0.kind).finish_non_exhaustive()
    }
}
