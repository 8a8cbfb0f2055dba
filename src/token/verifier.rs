//! The verifier: the eleven steps of [FORMAT section 5](crate::docs::format#5-verifying), in order.

use super::authentic::{AuthenticToken, VerifiedToken};
use super::error::TokenError;
use super::fields::Fields;
use super::unverified::refused;
use super::{
    Channel, NoRevocations, Profile, Revocations, TokenKind, binary, challenge,
    limits::{MAX_BINARY_LEN, MAX_TEXT_LEN},
    text,
};
use crate::key::{KeyProvider, KeyQuery, MacKey};
use crate::time::TimeWindow;
use crate::{ClockReading, UnixTime};

/// The window of an Answer, whatever the settings.
const ANSWER_WINDOW: TimeWindow = TimeWindow { max_age: 60, max_future_skew: 0 };

/// A verifier of tokens, configured once with the keys, the time window and the accepted kinds of one service.
///
/// ```
/// use countersign::key::{DeviceKeys, KeyRing, MasterKey};
/// use countersign::token::{Channel, Profile, TokenError, Verifier, limits::MAX_SCRATCH_LEN};
/// use countersign::{TimeWindow, UnixTime};
///
/// let master = MasterKey::new(b"an obvious test key of 32 bytes!")?;
/// let keys = DeviceKeys::new(KeyRing::<_, 1>::new(0, master), "acme")?;
/// let verifier = Verifier::new(Profile::new("mqtt")?, keys, TimeWindow { max_age: 300, max_future_skew: 60 });
///
/// let (now, mut scratch) = (UnixTime::from_secs(1_767_225_600), [0; MAX_SCRATCH_LEN]);
/// let forged = b"cs1_dev-7.1767225600.00000000000000000000000000000000";
/// assert_eq!(verifier.verify_text(forged, Channel::NONE, now, &mut scratch), Err(TokenError::Invalid));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "login")]
#[doc(alias = "authenticate")]
#[derive(Debug)]
pub struct Verifier<'a, K, R = NoRevocations> {
    profile: Profile<'a>,
    keys: K,
    window: TimeWindow,
    revocations: R,
    accepts_time: bool,
    accepts_sequence: bool,
    challenge_key: Option<&'a MacKey>,
    max_text: usize,
    max_binary: usize,
}

impl<'a, K: KeyProvider> Verifier<'a, K> {
    /// Creates a verifier of Time tokens with these keys and this time window.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let time = TokenBuilder::time(b"dev-7", now).mint_binary_heapless::<64>(&profile, &key)?;
    /// let sequence = TokenBuilder::sequence(b"dev-7", 42).mint_binary_heapless::<64>(&profile, &key)?;
    /// let verifier = Verifier::new(profile, &key, window);
    /// assert!(verifier.verify_binary(&time, Channel::NONE, now).is_ok());
    /// assert_eq!(verifier.verify_binary(&sequence, Channel::NONE, now), Err(TokenError::Invalid));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn new(profile: Profile<'a>, keys: K, window: TimeWindow) -> Self {
        Self {
            profile,
            keys,
            window,
            revocations: NoRevocations,
            accepts_time: true,
            accepts_sequence: false,
            challenge_key: None,
            max_text: MAX_TEXT_LEN,
            max_binary: MAX_BINARY_LEN,
        }
    }

    /// Sets the source of revocations.
    ///
    /// The verifier asks for the [`MinIssuedAt`](super::MinIssuedAt) of a uid after the sign is known to be valid. With
    /// per-device keys it asks for the generation before that, so `revocations` is called with uids that an attacker
    /// chose.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier};
    /// use countersign::token::{MinIssuedAt, Revocations};
    ///
    /// /// Everybody has to sign in again.
    /// struct AllBefore(u64);
    ///
    /// impl Revocations for AllBefore {
    ///     fn min_issued_at(&self, _uid: &[u8]) -> MinIssuedAt {
    ///         MinIssuedAt { global: self.0, ..MinIssuedAt::default() }
    ///     }
    /// }
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// # let binary = TokenBuilder::time(b"dev-7", now).mint_binary_heapless::<64>(&profile, &key)?;
    /// let verifier = Verifier::new(profile, &key, window).with_revocations(AllBefore(now.as_secs() + 60 + 1));
    /// assert_eq!(verifier.verify_binary(&binary, Channel::NONE, now), Err(TokenError::Revoked));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[doc(alias = "revoke")]
    #[must_use]
    pub fn with_revocations<R: Revocations>(self, revocations: R) -> Verifier<'a, K, R> {
        let Self { profile, keys, window, accepts_time, accepts_sequence, challenge_key, max_text, max_binary, .. } =
            self;
        Verifier {
            profile,
            keys,
            window,
            revocations,
            accepts_time,
            accepts_sequence,
            challenge_key,
            max_text,
            max_binary,
        }
    }
}

impl<'a, K: KeyProvider, R: Revocations> Verifier<'a, K, R> {
    /// Refuses Time tokens, for a service of devices without clocks.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let time = TokenBuilder::time(b"dev-7", now).mint_binary_heapless::<64>(&profile, &key)?;
    /// let verifier = Verifier::new(profile, &key, window).without_time_tokens().with_sequence_tokens();
    /// assert_eq!(verifier.verify_binary(&time, Channel::NONE, now), Err(TokenError::Invalid));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn without_time_tokens(mut self) -> Self {
        self.accepts_time = false;
        self
    }

    /// Accepts Answers to challenges issued with this key, up to 60 seconds old.
    ///
    /// The verifier does not remember Answers: the caller must refuse one that it has seen.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenError, Verifier, challenge};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let challenge_key = MacKey::new(b"the server's own obvious testkey")?;
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let question = challenge::issue_heapless(&profile, &challenge_key, b"dev-7", now)?;
    /// let answer = challenge::respond(question.as_bytes(), b"dev-7")?.mint_binary_heapless::<64>(&profile, &key)?;
    /// let verifier = Verifier::new(profile, &key, window).with_challenge_key(&challenge_key);
    /// let after = |secs| UnixTime::from_secs(now.as_secs() + secs);
    /// assert!(verifier.verify_binary(&answer, Channel::NONE, after(60)).is_ok());
    /// assert_eq!(verifier.verify_binary(&answer, Channel::NONE, after(61)), Err(TokenError::Expired { by: 1 }));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn with_challenge_key(mut self, challenge_key: &'a MacKey) -> Self {
        self.challenge_key = Some(challenge_key);
        self
    }

    /// Accepts Sequence tokens, which have no age. The caller must refuse counters that it has seen.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let (no_clock, window) = (UnixTime::UNSET, TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let binary = TokenBuilder::sequence(b"dev-7", 42).mint_binary_heapless::<64>(&profile, &key)?;
    /// let verifier = Verifier::new(profile, &key, window);
    /// assert_eq!(verifier.verify_binary(&binary, Channel::NONE, no_clock), Err(TokenError::Invalid));
    /// let verifier = verifier.with_sequence_tokens();
    /// let token = verifier.verify_binary(&binary, Channel::NONE, no_clock).unwrap();
    /// assert_eq!(token.counter(), Some(42)); // and 42 again the next time: this one is yours to remember
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn with_sequence_tokens(mut self) -> Self {
        self.accepts_sequence = true;
        self
    }

    /// Refuses texts of more than `characters` characters, so that a scratch buffer of `characters` bytes suffices.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, Verifier}};
    /// use countersign::token::{SignLen, limits::max_text_len};
    ///
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// const CAP: usize = max_text_len(16, &[], SignLen::N16);
    /// let verifier = Verifier::new(profile, &key, window).with_max_text_len(CAP);
    /// let text = TokenBuilder::time(b"dev-0123456789ab", now).mint_text_heapless::<CAP>(&profile, &key)?;
    /// assert!(verifier.verify_text(text.as_bytes(), Channel::NONE, now, &mut [0; CAP]).is_ok());
    /// let longer = TokenBuilder::time(&[b'u'; 64], now).mint_text_heapless::<128>(&profile, &key)?;
    /// assert!(verifier.verify_text(longer.as_bytes(), Channel::NONE, now, &mut [0; CAP]).is_err());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn with_max_text_len(mut self, characters: usize) -> Self {
        self.max_text = characters;
        self
    }

    /// Refuses binary tokens of more than `bytes` bytes.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let verifier = Verifier::new(profile, &key, window).with_max_binary_len(39);
    /// let binary = TokenBuilder::time(b"seventeen bytes!!", now).mint_binary_heapless::<64>(&profile, &key)?;
    /// assert_eq!(binary.len(), 40);
    /// assert_eq!(verifier.verify_binary(&binary, Channel::NONE, now), Err(TokenError::Invalid));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn with_max_binary_len(mut self, bytes: usize) -> Self {
        self.max_binary = bytes;
        self
    }

    /// Verifies a token in text form, and decodes its fields into `scratch`, from which the result borrows.
    ///
    /// A scratch buffer of [`MAX_SCRATCH_LEN`](super::limits::MAX_SCRATCH_LEN) bytes fits every token. A shorter one
    /// fits every text that is no longer than the buffer.
    ///
    /// ```
    /// # use countersign::{ClockError, TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenError, Verifier, limits::MAX_SCRATCH_LEN};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("fleet/login")?);
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// # let verifier = Verifier::new(profile, &key, window);
    /// let text = "cs1_dev-0123456789ab.1767225600.fw_-MS4yLjM.334d630337a0f5b72cd0988bb70b8db4";
    /// let verify = |text: &str, now: UnixTime| {
    ///     let mut scratch = [0; MAX_SCRATCH_LEN];
    ///     let verdict = verifier.verify_text(text.as_bytes(), Channel::NONE, now, &mut scratch);
    ///     verdict.map(|token| token.issued_at())
    /// };
    /// assert_eq!(verify(text, now), Ok(Some(now)));
    /// assert_eq!(verify(&text.replace("6789ab", "6789ac"), now), Err(TokenError::Invalid));
    /// assert_eq!(verify(text, UnixTime::UNSET), Err(TokenError::Clock(ClockError::NotSet)));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if the token is malformed or its sign is not valid, [`TokenError::TooLong`] if its
    /// fields do not fit into `scratch`. With a valid sign, the error of the first step that fails:
    /// [`TokenError::Revoked`], [`TokenError::Clock`], [`TokenError::HolderClockUnset`], [`TokenError::Expired`] or
    /// [`TokenError::FromFuture`].
    #[doc(alias = "decode")]
    pub fn verify_text<'b>(
        &self,
        text: &[u8],
        channel: Channel<'b>,
        now: impl Into<ClockReading>,
        scratch: &'b mut [u8],
    ) -> Result<VerifiedToken<'b>, TokenError> {
        if text.len() > self.max_text {
            return Err(TokenError::Invalid);
        }
        let token = text::parse(text, scratch).map_err(refused)?;
        self.verify(&token, channel, now.into())
    }

    /// Verifies a token in binary form, from which the result borrows.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let (now, window) = (UnixTime::from_secs(1_767_225_600), TimeWindow { max_age: 300, max_future_skew: 60 });
    /// # let verifier = Verifier::new(profile, &key, window);
    /// let request = b"sha-256 of the request";
    /// let binary = TokenBuilder::time(b"dev-7", now).binding(request).mint_binary_heapless::<64>(&profile, &key)?;
    /// let channel = Channel { uid: Some(b"dev-7"), binding: request };
    /// assert!(verifier.verify_binary(&binary, channel, now).is_ok());
    /// let for_another = Channel { binding: b"another request", ..channel };
    /// assert_eq!(verifier.verify_binary(&binary, for_another, now), Err(TokenError::Invalid));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if the token is malformed or its sign is not valid. With a valid sign, the error of the
    /// first step that fails: [`TokenError::Revoked`], [`TokenError::Clock`], [`TokenError::HolderClockUnset`],
    /// [`TokenError::Expired`] or [`TokenError::FromFuture`].
    #[doc(alias = "decode")]
    pub fn verify_binary<'b>(
        &self,
        bytes: &'b [u8],
        channel: Channel<'b>,
        now: impl Into<ClockReading>,
    ) -> Result<VerifiedToken<'b>, TokenError> {
        if bytes.len() > self.max_binary {
            return Err(TokenError::Invalid);
        }
        let now = now.into();
        let token = binary::parse(bytes, Some(now.raw())).map_err(refused)?;
        self.verify(&token, channel, now)
    }

    fn verify<'b>(
        &self,
        token: &Fields<'b>,
        channel: Channel<'b>,
        now: ClockReading,
    ) -> Result<VerifiedToken<'b>, TokenError> {
        let uid = token.uid(&channel).ok_or(TokenError::Invalid)?;
        let (slot, generation) = self.authenticate(token, uid, channel.binding).ok_or(TokenError::Invalid)?;
        if generation < self.lowest_generation(uid) {
            return Err(TokenError::Revoked);
        }
        if token.kind.has_time() {
            let now = now.time()?;
            self.check_age(token.kind, UnixTime::from_secs(token.stamp), now)?;
            if token.stamp < self.revocations.min_issued_at(uid).latest() {
                return Err(TokenError::Revoked);
            }
        }
        Ok(VerifiedToken { token: AuthenticToken { fields: *token, uid }, slot, generation })
    }

    /// Steps 2 to 5: the kind, the key, the sign, and for an Answer its challenge. Returns the slot and the generation.
    fn authenticate(&self, token: &Fields<'_>, uid: &[u8], binding: &[u8]) -> Option<(u8, u32)> {
        let accepted = match token.kind {
            TokenKind::Time => self.accepts_time,
            TokenKind::Answer => self.challenge_key.is_some(),
            TokenKind::Sequence => self.accepts_sequence,
            TokenKind::TimeReply | TokenKind::Challenge => false,
        };
        if !accepted {
            return None;
        }
        // Without per-device keys `g` is a part of M and nothing more.
        let named = token.reserved.generation.filter(|_| self.keys.is_per_device());
        let generation = named.unwrap_or_else(|| self.lowest_generation(uid));
        let query = KeyQuery { slot: token.reserved.slot, generation, uid };
        // What a key provider says it found counts only if a key did fit.
        let mut has_fitted = false;
        let found = self.keys.find_key(&query, &mut |key| {
            has_fitted = token.fits(&self.profile, key, uid, binding);
            has_fitted
        });
        let found = found.filter(|_| has_fitted)?;
        if token.kind == TokenKind::Answer && !challenge::is_answered_by(token, uid, &self.profile, self.challenge_key?)
        {
            return None;
        }
        Some((found.slot, generation))
    }

    /// The revocation map counts where each uid has a key of its own.
    fn lowest_generation(&self, uid: &[u8]) -> u32 {
        if self.keys.is_per_device() { self.revocations.min_generation(uid) } else { 0 }
    }

    /// Steps 8 and 9.
    fn check_age(&self, kind: TokenKind, stamp: UnixTime, now: UnixTime) -> Result<(), TokenError> {
        if stamp == UnixTime::UNSET {
            return Err(TokenError::HolderClockUnset);
        }
        let window = if kind == TokenKind::Answer { ANSWER_WINDOW } else { self.window };
        Ok(window.judge(stamp, now)?)
    }
}
