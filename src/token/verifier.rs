//! The eleven steps of verifying, in order (FORMAT section 5).

use super::authentic::{Authentic, Verified};
use super::unverified::Unverified;
use super::{Carrier, Kind, MAX_BINARY, MAX_TEXT, NoRevocations, Profile, Revocations, binary, challenge, text};
use crate::key::{KeyQuery, KeySource, MacKey};
use crate::time::{Outside, Window};
use crate::{ClockReading, Error, Refusal, UnixTime};

/// The window of an Answer, whatever the settings.
const ANSWER_WINDOW: Window = Window { max_age: 60, skew_future: 0 };

/// Admits tokens: keys, window and kinds of one service, set up once.
///
/// ```
/// use countersign::key::{DeviceKeys, KeyRing, MasterKey};
/// use countersign::token::{Carrier, MAX_FIELDS, Profile, Verifier};
/// use countersign::{Refusal, UnixTime, Window};
///
/// let master = MasterKey::new(b"an obvious test key of 32 bytes!")?;
/// let keys = DeviceKeys::new(KeyRing::<_, 1>::new(0, master), "acme")?;
/// let verifier = Verifier::new(Profile::new("mqtt")?, keys, Window { max_age: 300, skew_future: 60 });
///
/// let (now, mut scratch) = (UnixTime::from_secs(1_767_225_600), [0; MAX_FIELDS]);
/// let forged = b"cs1_dev-7.1767225600.00000000000000000000000000000000";
/// assert_eq!(verifier.verify_text(forged, Carrier::NONE, now.into(), &mut scratch), Err(Refusal::Invalid));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Debug)]
pub struct Verifier<'a, K, R = NoRevocations> {
    profile: Profile<'a>,
    keys: K,
    window: Window,
    revocations: R,
    accepts_time: bool,
    accepts_sequence: bool,
    challenge_key: Option<&'a MacKey>,
    max_text: usize,
    max_binary: usize,
}

impl<'a, K: KeySource> Verifier<'a, K> {
    /// A verifier of Time tokens under these keys.
    #[must_use]
    pub const fn new(profile: Profile<'a>, keys: K, window: Window) -> Self {
        Self {
            profile,
            keys,
            window,
            revocations: NoRevocations,
            accepts_time: true,
            accepts_sequence: false,
            challenge_key: None,
            max_text: MAX_TEXT,
            max_binary: MAX_BINARY,
        }
    }

    /// Asks `revocations` about every uid.
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

impl<'a, K: KeySource, R: Revocations> Verifier<'a, K, R> {
    /// Refuses Time tokens, for a service of devices without clocks.
    #[must_use]
    pub fn refusing_time(mut self) -> Self {
        self.accepts_time = false;
        self
    }

    /// Accepts Answers to the challenges made with this key, up to 60 seconds old. Refuse one that you have seen before.
    #[must_use]
    pub fn accepting_answers(mut self, challenge_key: &'a MacKey) -> Self {
        self.challenge_key = Some(challenge_key);
        self
    }

    /// Accepts Sequence tokens. They have no age: the caller must refuse counters that it has seen.
    #[must_use]
    pub fn accepting_sequence(mut self) -> Self {
        self.accepts_sequence = true;
        self
    }

    /// Refuses longer texts, in characters, and so needs less scratch.
    #[must_use]
    pub fn with_max_text(mut self, characters: usize) -> Self {
        self.max_text = characters;
        self
    }

    /// Refuses longer binary tokens, in bytes.
    #[must_use]
    pub fn with_max_binary(mut self, bytes: usize) -> Self {
        self.max_binary = bytes;
        self
    }

    /// Verifies a token in text form. Its decoded fields go into `scratch`, from which the result borrows.
    ///
    /// `scratch` must be as long as the cap of the text or [`MAX_FIELDS`](super::MAX_FIELDS), whichever is less.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for everything up to the MAC, then the first step that fails; [`Refusal::ScratchTooSmall`] before all.
    pub fn verify_text<'b>(
        &self,
        text: &[u8],
        carrier: Carrier<'b>,
        clock: ClockReading,
        scratch: &'b mut [u8],
    ) -> Result<Verified<'b>, Refusal> {
        // A fixed need, so that this is the caller's fault and never the token's.
        let needed = text::scratch_len(self.max_text);
        if scratch.len() < needed {
            return Err(Refusal::ScratchTooSmall { needed });
        }
        if text.len() > self.max_text {
            return Err(Refusal::Invalid);
        }
        self.verify(text::parse(text, scratch), carrier, clock)
    }

    /// Verifies a token in binary form, from which the result borrows.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for everything up to the MAC, then the first step that fails.
    pub fn verify_binary<'b>(
        &self,
        bytes: &'b [u8],
        carrier: Carrier<'b>,
        clock: ClockReading,
    ) -> Result<Verified<'b>, Refusal> {
        if bytes.len() > self.max_binary {
            return Err(Refusal::Invalid);
        }
        self.verify(binary::parse(bytes, Some(clock.time())), carrier, clock)
    }

    fn verify<'b>(
        &self,
        parsed: Result<Unverified<'b>, Error>,
        carrier: Carrier<'b>,
        clock: ClockReading,
    ) -> Result<Verified<'b>, Refusal> {
        let verified = parsed.ok().and_then(|token| self.authenticate(token, &carrier)).ok_or(Refusal::Invalid)?;
        self.check_generation(&verified)?;
        let Some(stamp) = verified.issued_at() else { return Ok(verified) };
        let now = clock.usable()?;
        self.check_age(verified.kind(), stamp, now)?;
        if stamp.as_secs() < self.revocations.not_before(verified.uid()).effective() {
            return Err(Refusal::Revoked);
        }
        Ok(verified)
    }

    /// Steps 2 to 5: the kind, the key, the sign, and for an Answer its challenge.
    fn authenticate<'b>(&self, token: Unverified<'b>, carrier: &Carrier<'b>) -> Option<Verified<'b>> {
        let accepted = match token.kind {
            Kind::Time => self.accepts_time,
            Kind::Answer => self.challenge_key.is_some(),
            Kind::Sequence => self.accepts_sequence,
            Kind::TimeReply | Kind::Challenge => false,
        };
        let uid = token.uid(carrier).filter(|_| accepted)?;
        let generation = token.reserved.generation.unwrap_or_else(|| self.lowest_generation(uid));
        let query = KeyQuery { slot: token.reserved.slot, generation, uid };
        let found = self.keys.find(&query, &mut |key| token.fits(&self.profile, key, uid, carrier.bind))?;
        if token.kind == Kind::Answer && !challenge::is_answered_by(&token, uid, &self.profile, self.challenge_key?) {
            return None;
        }
        Some(Verified { token: Authentic { token, uid }, slot: found.slot, generation })
    }

    /// The revocation map counts where each uid has a key of its own.
    fn lowest_generation(&self, uid: &[u8]) -> u32 {
        if self.keys.per_device() { self.revocations.generation(uid) } else { 0 }
    }

    /// Step 6.
    fn check_generation(&self, verified: &Verified<'_>) -> Result<(), Refusal> {
        if verified.generation < self.lowest_generation(verified.uid()) { Err(Refusal::Revoked) } else { Ok(()) }
    }

    /// Steps 8 and 9.
    fn check_age(&self, kind: Kind, stamp: UnixTime, now: UnixTime) -> Result<(), Refusal> {
        if stamp == UnixTime::UNSET {
            return Err(Refusal::ClockUnset);
        }
        let window = if kind == Kind::Answer { ANSWER_WINDOW } else { self.window };
        window.judge(stamp, now).map_err(|outside| match outside {
            Outside::TooOld { by } => Refusal::TooOld { by },
            Outside::TooNew { by } => Refusal::TooNew { by },
        })
    }
}
