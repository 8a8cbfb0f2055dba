//! A well-formed token that nobody has vouched for yet.

use super::authentic::AuthenticToken;
use super::error::TokenError;
use super::mac_input::MacInput;
use super::params::WireParams;
use super::reserved::Reserved;
use super::{Channel, Params, Profile, SignLen, TokenKind, binary, text};
use crate::key::MacKey;
use crate::{ClockError, Error, Result, UnixTime, constant_time, rules};
use core::fmt;

/// A token that parses. Nothing it says is true yet, so it shows little: [`authenticate`](UnverifiedToken::authenticate) it.
///
/// Most servers use a [`Verifier`](super::Verifier), which does this and judges the age as well. This type is for the
/// kinds that a verifier never admits (TimeReply, Challenge) and for callers with a policy of their own.
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
pub struct UnverifiedToken<'a> {
    pub(super) kind: TokenKind,
    /// Empty when detached.
    pub(super) sent_uid: &'a [u8],
    pub(super) stamp: u64,
    pub(super) params: Params<'a>,
    pub(super) sign: &'a [u8],
    pub(super) reserved: Reserved,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads the text form strictly. The decoded fields go into `scratch`, which must be as long as the text or
    /// [`MAX_SCRATCH_LEN`](super::limits::MAX_SCRATCH_LEN), whichever is less.
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
    /// [`TokenError::Invalid`]; [`TokenError::TooLong`] if `scratch` has no room for its fields.
    #[doc(alias = "decode")]
    pub fn parse_text(text: &[u8], scratch: &'a mut [u8]) -> Result<Self, TokenError> {
        text::parse(text, scratch).map_err(refused)
    }

    /// Reads the binary form strictly. `now` expands a short stamp.
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
    /// [`TokenError::Invalid`]; [`TokenError::Clock`] for a short stamp without `now`.
    #[doc(alias = "decode")]
    pub fn parse_binary(bytes: &'a [u8], now: Option<UnixTime>) -> Result<Self, TokenError> {
        binary::parse(bytes, now).map_err(refused)
    }

    /// Puts parsed parts together and checks the rules that span them.
    pub(super) fn new(
        kind: TokenKind,
        sent_uid: &'a [u8],
        stamp: u64,
        params: Params<'a>,
        sign: &'a [u8],
        reserved: Reserved,
    ) -> Result<Self> {
        let sign_len = SignLen::from_bytes(sign.len()).ok_or(Error::Malformed)?;
        let is_bare = sent_uid.is_empty() && params.is_empty();
        if (kind.is_verifiers() && !is_bare) || (kind == TokenKind::Challenge && sign_len != SignLen::N8) {
            return Err(Error::Malformed);
        }
        Ok(Self { kind, sent_uid, stamp, params, sign, reserved })
    }

    /// The kind that it claims to be.
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
        self.kind
    }

    /// Checks the sign under one key (FORMAT section 5 steps 4 and 5, without a challenge's proof).
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{TokenError, Channel, TokenBuilder, Profile, UnverifiedToken}};
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
    /// [`TokenError::Invalid`], whatever is wrong.
    pub fn authenticate(
        self,
        profile: &Profile<'_>,
        key: &MacKey,
        channel: Channel<'a>,
    ) -> Result<AuthenticToken<'a>, TokenError> {
        let uid = self.uid(&channel).ok_or(TokenError::Invalid)?;
        if self.fits(profile, key, uid, channel.binding) {
            Ok(AuthenticToken { token: self, uid })
        } else {
            Err(TokenError::Invalid)
        }
    }

    /// Writes M, the bytes that the sign must be the HMAC of (FORMAT section 2), for a secure element that holds the
    /// key itself.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, TokenBuilder, limits::MAX_MAC_INPUT_LEN, Profile, UnverifiedToken}};
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
    /// [`Error::Malformed`] if channel and token do not go together, [`Error::BufferTooSmall`],
    /// [`Error::MacInputTooLong`].
    pub fn mac_input<'b>(&self, profile: &Profile<'_>, channel: Channel<'_>, out: &'b mut [u8]) -> Result<&'b [u8]> {
        let uid = self.uid(&channel).ok_or(Error::Malformed)?;
        self.mac_input_of(uid, channel.binding).write(profile, out)
    }

    /// Who the token is for: the channel's uid, the sent one, or both if they are equal (FORMAT section 3, detached).
    pub(super) fn uid<'u>(&self, channel: &Channel<'u>) -> Option<&'u [u8]>
    where
        'a: 'u,
    {
        rules::check_binding(channel.binding).ok()?;
        match (channel.uid, self.sent_uid) {
            (None, []) => None,
            (None, sent) => Some(sent),
            (Some(named), _) if rules::check_uid(named).is_err() => None,
            (Some(named), []) => Some(named),
            (Some(named), sent) => constant_time::eq(named, sent).then_some(sent),
        }
    }

    /// True if the sign has the profile's length and is the one that `key` makes. Compares every byte in constant time.
    pub(super) fn fits(&self, profile: &Profile<'_>, key: &MacKey, uid: &[u8], binding: &[u8]) -> bool {
        self.sign.len() == profile.sign_len().bytes()
            && self.mac_input_of(uid, binding).has_sign(profile, key, self.sign)
    }

    const fn mac_input_of<'p>(&'p self, uid: &'p [u8], binding: &'p [u8]) -> MacInput<'p> {
        MacInput { kind: self.kind, uid, stamp: self.stamp, params: WireParams::Parsed(self.params), binding }
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

/// Shows the kind alone: the rest is an unverified stranger's word.
impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").field("kind", &self.kind).finish_non_exhaustive()
    }
}
