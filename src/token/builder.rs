//! The builder of tokens.

use super::mac_input::MacInput;
use super::param_list::{Numbers, ParamList};
use super::reserved::{ClockQuality, PROOF_LEN};
use super::{Profile, TokenKind, binary, text};
use crate::cursor::Cursor;
use crate::encoding::decimal::Decimal;
use crate::key::{MacKey, Tag};
use crate::{Error, Result, UnixTime, rules};
use core::fmt;

/// A builder of a token, minted as text or as binary.
///
/// Minting checks every limit and cuts nothing. The error names the first limit that is broken.
///
/// ```
/// use countersign::UnixTime;
/// use countersign::key::MacKey;
/// use countersign::token::{Profile, TokenBuilder};
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// let mut out = [0; 64];
/// let text = TokenBuilder::time(b"dev-0123456789ab", UnixTime::from_secs(1_767_225_600))
///     .mint_text(&Profile::new("mqtt")?, &key, &mut out)?;
/// assert!(text.starts_with("cs1_dev-0123456789ab.1767225600."));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "mint")]
#[doc(alias = "sign")]
#[doc(alias = "encode")]
#[derive(Clone, Copy)]
pub struct TokenBuilder<'a> {
    kind: TokenKind,
    uid: &'a [u8],
    stamp: u64,
    params: &'a [(&'a str, &'a [u8])],
    binding: &'a [u8],
    detached: bool,
    short: bool,
    slot: Option<u8>,
    generation: Option<u32>,
    nonce: Option<&'a [u8]>,
    sequence: Option<u64>,
    quality: Option<ClockQuality>,
    epoch: Option<u64>,
    proof: Option<[u8; PROOF_LEN]>,
}

impl<'a> TokenBuilder<'a> {
    const fn new(kind: TokenKind, uid: &'a [u8], stamp: u64) -> Self {
        Self {
            kind,
            uid,
            stamp,
            params: &[],
            binding: &[],
            detached: false,
            short: false,
            slot: None,
            generation: None,
            nonce: None,
            sequence: None,
            quality: None,
            epoch: None,
            proof: None,
        }
    }

    /// Starts a Time token for `uid` (1 to 64 bytes) made at `stamp`. Pass [`UnixTime::UNSET`] if the clock is not set.
    /// [`TokenBuilder`] has an example.
    #[must_use]
    pub const fn time(uid: &'a [u8], stamp: UnixTime) -> Self {
        Self::new(TokenKind::Time, uid, stamp.as_secs())
    }

    /// Starts a Sequence token for `uid` (1 to 64 bytes) with a counter of 0 to 2^40 − 1 in place of the time.
    /// [`Verifier::with_sequence_tokens`](super::Verifier::with_sequence_tokens) has an example.
    #[must_use]
    pub const fn sequence(uid: &'a [u8], counter: u64) -> Self {
        Self::new(TokenKind::Sequence, uid, counter)
    }

    /// Starts a TimeReply, a verifier's time for `uid`, which is always detached.
    ///
    /// Bind the reply to the sign of the refused token ([FORMAT section 7](crate::docs::format#7-devices-without-a-clock)).
    /// [`UnverifiedToken::authenticate`](super::UnverifiedToken::authenticate) has an example.
    #[must_use]
    pub const fn time_reply(uid: &'a [u8], stamp: UnixTime) -> Self {
        Self::new(TokenKind::TimeReply, uid, stamp.as_secs()).detached()
    }

    pub(super) const fn answer(uid: &'a [u8], stamp: u64, proof: [u8; PROOF_LEN]) -> Self {
        let mut builder = Self::new(TokenKind::Answer, uid, stamp);
        builder.proof = Some(proof);
        builder
    }

    pub(super) const fn challenge(uid: &'a [u8], stamp: UnixTime) -> Self {
        Self::new(TokenKind::Challenge, uid, stamp.as_secs()).detached()
    }

    /// Sets the params in any order: keys of `[a-z][a-z0-9]{1,7}`, values of 0 to 64 bytes, at most 8 with the reserved
    /// ones.
    ///
    /// ```
    /// # use countersign::{Error, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::sequence(b"dev-7", 42);
    /// let text = builder.params(&[("site", b"berlin"), ("fw", b"7")]).mint_text_heapless::<80>(&profile, &key)?;
    /// assert!(text.starts_with("cs1s_dev-7.42.fw_7.site_berlin."));
    /// // The reserved param `k` has a setter: `key_slot`.
    /// let reserved = builder.params(&[("k", b"7")]).mint_text_heapless::<80>(&profile, &key);
    /// assert_eq!(reserved, Err(Error::ParamKey));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn params(mut self, params: &'a [(&'a str, &'a [u8])]) -> Self {
        self.params = params;
        self
    }

    /// Sets the binding: context of 0 to 64 bytes that the verifier knows too and that is not sent.
    /// [`Verifier::verify_binary`](super::Verifier::verify_binary) has an example.
    #[doc(alias = "bind")]
    #[must_use]
    pub const fn binding(mut self, binding: &'a [u8]) -> Self {
        self.binding = binding;
        self
    }

    /// Leaves the uid out of the token. The verifier takes it from the [`Channel`](super::Channel).
    /// [`short_stamp`](TokenBuilder::short_stamp) has an example.
    #[must_use]
    pub const fn detached(mut self) -> Self {
        self.detached = true;
        self
    }

    /// Sends only the low two bytes of the stamp in the binary form.
    ///
    /// Use it only after the verifier has accepted a token with a full stamp since the last start.
    ///
    /// ```
    /// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, SignLen, TokenBuilder}};
    /// # let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
    /// let radio = Profile::new("mqtt")?.with_sign_len(SignLen::N8);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).detached().short_stamp();
    /// assert_eq!(builder.mint_binary_heapless::<11>(&radio, &key)?.len(), 11);
    /// assert_eq!(builder.mint_text_heapless::<64>(&radio, &key), Err(Error::ShortStamp)); // a text is never short
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn short_stamp(mut self) -> Self {
        self.short = true;
        self
    }

    /// Names the slot of the key (`k`). [`KeyRing::current`](crate::key::KeyRing::current) has an example.
    #[doc(alias = "kid")]
    #[must_use]
    pub const fn key_slot(mut self, slot: u8) -> Self {
        self.slot = Some(slot);
        self
    }

    /// Names the generation of the key (`g`). [`VerifiedToken::key_generation`](super::VerifiedToken::key_generation)
    /// has an example.
    #[must_use]
    pub const fn key_generation(mut self, generation: u32) -> Self {
        self.generation = Some(generation);
        self
    }

    /// Sets a nonce of 0 to 64 bytes (`n`), which makes two tokens of the same second differ.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
    /// let mint = |nonce: &[u8]| builder.nonce(nonce).mint_binary_heapless::<64>(&profile, &key);
    /// assert_ne!(mint(b"41")?, mint(b"42")?);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn nonce(mut self, nonce: &'a [u8]) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Sets a sequence number of 0 to 2^40 − 1 inside a Time or Answer token (`s`).
    /// [`AuthenticToken::sequence_number`](super::AuthenticToken::sequence_number) has an example.
    #[must_use]
    pub const fn sequence_number(mut self, number: u64) -> Self {
        self.sequence = Some(number);
        self
    }

    /// Sets the number of the user's revocation epoch at login (`e`). A later sign-out everywhere revokes the token by
    /// this number. [`AuthenticToken::epoch`](super::AuthenticToken::epoch) has an example.
    #[must_use]
    pub const fn epoch(mut self, number: u64) -> Self {
        self.epoch = Some(number);
        self
    }

    /// Sets the quality of the clock behind the stamp (`q`). [`ClockQuality`] has an example.
    #[must_use]
    pub const fn clock_quality(mut self, quality: ClockQuality) -> Self {
        self.quality = Some(quality);
        self
    }

    /// Signs the token and writes it as text into `out`, and returns the used part. [`TokenBuilder`] has an example.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is too small, with the number of bytes needed. The error of a limit of [FORMAT
    /// section 1](crate::docs::format#1-logical-token) if the token breaks it.
    #[doc(alias = "encode")]
    #[doc(alias = "sign")]
    pub fn mint_text<'b>(&self, profile: &Profile<'_>, key: &MacKey, out: &'b mut [u8]) -> Result<&'b str> {
        core::str::from_utf8(self.mint_text_bytes(profile, key, out)?).map_err(|_| Error::Malformed)
    }

    /// Signs the token like [`mint_text`](TokenBuilder::mint_text) and returns the text as bytes.
    ///
    /// A program that uses `str` nowhere else saves half a kilobyte of flash.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let (mut out, mut same) = ([0; 64], [0; 64]);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
    /// let bytes = builder.mint_text_bytes(&profile, &key, &mut out)?;
    /// assert_eq!(bytes, builder.mint_text(&profile, &key, &mut same)?.as_bytes());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is too small, with the number of bytes needed. The error of a limit of [FORMAT
    /// section 1](crate::docs::format#1-logical-token) if the token breaks it.
    pub fn mint_text_bytes<'b>(&self, profile: &Profile<'_>, key: &MacKey, out: &'b mut [u8]) -> Result<&'b [u8]> {
        if self.short {
            return Err(Error::ShortStamp);
        }
        self.with_signed(profile, key, |params, sign| {
            let mut cursor = Cursor::new(out);
            text::write(self.kind, self.sent_uid(), self.stamp, params.0.iter().copied(), sign, &mut cursor);
            cursor.finish().map(|written| &*written)
        })
    }

    /// Signs the token and writes it in binary form into `out`, and returns the used part.
    ///
    /// ```
    /// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::time(b"dev-0123456789ab", UnixTime::from_secs(1_767_225_600));
    /// assert_eq!(builder.mint_binary(&profile, &key, &mut [0; 39])?.len(), 39);
    /// assert_eq!(builder.mint_binary(&profile, &key, &mut [0; 38]), Err(Error::BufferTooSmall { needed: 39 }));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is too small, with the number of bytes needed. [`Error::ShortStamp`] if a
    /// short stamp is set where none is allowed. The error of a limit of [FORMAT section 1](crate::docs::format#1-logical-token) if the token breaks it.
    #[doc(alias = "encode")]
    #[doc(alias = "sign")]
    pub fn mint_binary<'b>(&self, profile: &Profile<'_>, key: &MacKey, out: &'b mut [u8]) -> Result<&'b [u8]> {
        let can_be_short =
            matches!(self.kind, TokenKind::Time | TokenKind::Answer) && self.stamp != UnixTime::UNSET.as_secs();
        if self.short && !can_be_short {
            return Err(Error::ShortStamp);
        }
        self.with_signed(profile, key, |params, sign| {
            let mut cursor = Cursor::new(out);
            binary::write(self.kind, self.sent_uid(), self.stamp, self.short, params.wire(), sign, &mut cursor);
            cursor.finish().map(|written| &*written)
        })
    }

    /// Writes M, the bytes under the sign ([FORMAT section 2](crate::docs::format#2-mac-input)), for a secure element that holds the key.
    ///
    /// ```
    /// use countersign::token::{Profile, TokenBuilder, limits::MAX_MAC_INPUT_LEN};
    ///
    /// let mut out = [0; MAX_MAC_INPUT_LEN];
    /// let m = TokenBuilder::sequence(b"dev-7", 42).mac_input(&Profile::new("mqtt")?, &mut out)?;
    /// assert_eq!(m, b"CSv1\x02\x10\x04mqtt\x05dev-7\0\0\0\0\0\0\0\x2a\0\0"); // HMAC-SHA-256 of it, cut to 0x10 bytes
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is too small; [`MAX_MAC_INPUT_LEN`](super::limits::MAX_MAC_INPUT_LEN) bytes
    /// always suffice. [`Error::MacInputTooLong`] if M is longer than the profile allows. The error of a limit of
    /// [FORMAT section 1](crate::docs::format#1-logical-token) if the token breaks it.
    pub fn mac_input<'b>(&self, profile: &Profile<'_>, out: &'b mut [u8]) -> Result<&'b [u8]> {
        self.check()?;
        let (mut numbers, mut params) = (Numbers::default(), ParamList::default());
        self.collect_params(&mut numbers, &mut params)?;
        self.mac_input_of(&params).write(profile, out)
    }

    const fn sent_uid(&self) -> &'a [u8] {
        if self.detached { &[] } else { self.uid }
    }

    fn mac_input_of<'p>(&'p self, params: &'p ParamList<'p>) -> MacInput<'p> {
        MacInput { kind: self.kind, uid: self.uid, stamp: self.stamp, params: params.wire(), binding: self.binding }
    }

    /// Checks, signs, and hands params and sign to the form that writes them.
    fn with_signed<T>(
        &self,
        profile: &Profile<'_>,
        key: &MacKey,
        write: impl FnOnce(&ParamList<'_>, &[u8]) -> Result<T>,
    ) -> Result<T> {
        self.check()?;
        let (mut numbers, mut params) = (Numbers::default(), ParamList::default());
        self.collect_params(&mut numbers, &mut params)?;
        let mut tag = Tag::default();
        self.mac_input_of(&params).write_tag(profile, key, &mut tag)?;
        write(&params, tag.truncated(profile.sign_len().bytes()))
    }

    /// Every limit but those of params and of the MAC input.
    ///
    /// A challenge is made by [`challenge`](super::challenge) alone, which gives it its form.
    fn check(&self) -> Result<()> {
        rules::check_uid(self.uid)?;
        rules::check_binding(self.binding)?;
        self.kind.check_stamp(self.stamp)?;
        if self.kind.is_verifiers() && self.stamp == UnixTime::UNSET.as_secs() {
            return Err(Error::StampRange);
        }
        if self.sequence.is_some_and(|number| rules::check_counter(number).is_err()) {
            return Err(Error::CounterRange);
        }
        Ok(())
    }

    /// The application's params and the reserved ones, in order.
    fn collect_params<'p>(&'p self, numbers: &'p mut Numbers, list: &mut ParamList<'p>) -> Result<()> {
        for (key, value) in self.params {
            if key.len() < 2 || !rules::is_param_key(key.as_bytes()) {
                return Err(Error::ParamKey);
            }
            list.insert(key, value)?;
        }
        if let Some(proof) = &self.proof {
            list.insert("c", proof)?;
        }
        if let Some(epoch) = self.epoch {
            numbers.epoch = Decimal::new(epoch);
            list.insert("e", numbers.epoch.as_bytes())?;
        }
        if let Some(generation) = self.generation {
            numbers.generation = Decimal::new(generation.into());
            list.insert("g", numbers.generation.as_bytes())?;
        }
        if let Some(slot) = self.slot {
            numbers.slot = Decimal::new(slot.into());
            list.insert("k", numbers.slot.as_bytes())?;
        }
        if let Some(nonce) = self.nonce {
            list.insert("n", nonce)?;
        }
        if let Some(quality) = self.quality {
            list.insert("q", quality.value())?;
        }
        if let Some(sequence) = self.sequence {
            numbers.sequence = Decimal::new(sequence);
            list.insert("s", numbers.sequence.as_bytes())?;
        }
        let has_two_counters = self.kind == TokenKind::Sequence && self.sequence.is_some();
        if has_two_counters || (self.kind.is_verifiers() && !list.0.is_empty()) {
            return Err(Error::ParamNotAllowed);
        }
        Ok(())
    }
}

/// Shows neither the binding, nor the nonce, nor the values of params.
impl fmt::Debug for TokenBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("kind", &self.kind)
            .field("uid", &format_args!("{}", self.uid.escape_ascii()))
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}
