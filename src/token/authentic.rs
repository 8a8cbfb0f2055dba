//! Tokens with a valid sign: [`AuthenticToken`] before the checks of a verifier, [`VerifiedToken`] after them.

use super::fields::Fields;
use super::reserved::ClockQuality;
use super::{Params, TokenKind};
use crate::UnixTime;
use crate::encoding::decimal;
use core::fmt;
use core::ops::Deref;

/// A token whose sign is valid. Its age, its revocation and its kind are not checked yet.
///
/// ```
/// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// // Of the year 2001, and authentic all the same: a policy has to refuse it.
/// let old = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_000_000_001));
/// let old = old.mint_binary_heapless::<64>(&profile, &key)?;
/// let token = UnverifiedToken::parse_binary(&old, None)?.authenticate(&profile, &key, Channel::NONE)?;
/// assert_eq!(token.issued_at(), Some(UnixTime::from_secs(1_000_000_001)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct AuthenticToken<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) uid: &'a [u8],
}

impl<'a> AuthenticToken<'a> {
    /// Returns the kind of the token.
    ///
    /// ```
    /// # use countersign::{key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// use countersign::token::TokenKind;
    ///
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let binary = TokenBuilder::sequence(b"dev-7", 42).mint_binary_heapless::<64>(&profile, &key)?;
    /// # let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!(token.kind(), TokenKind::Sequence); // no age: ask for its counter
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.fields.kind
    }

    /// Returns the uid of the holder, 1 to 64 bytes.
    ///
    /// ```
    /// # use countersign::{key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// // Detached: the uid was not sent, the channel named it, and the sign confirms it.
    /// let binary = TokenBuilder::sequence(b"dev-7", 42).detached().mint_binary_heapless::<64>(&profile, &key)?;
    /// let mqtt = Channel { uid: Some(b"dev-7"), binding: b"" };
    /// let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, mqtt)?;
    /// assert_eq!(token.uid(), b"dev-7");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "sub")]
    #[must_use]
    pub const fn uid(&self) -> &'a [u8] {
        self.uid
    }

    /// Returns the time at which the token was made, or `None` for a Sequence token.
    /// [`counter`](AuthenticToken::counter) has an example.
    #[doc(alias = "iat")]
    #[doc(alias = "timestamp")]
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.fields.kind.has_time().then_some(UnixTime::from_secs(self.fields.stamp))
    }

    /// Returns the counter of a Sequence token, or `None` for another kind.
    ///
    /// ```
    /// # use countersign::{key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let binary = TokenBuilder::sequence(b"dev-7", 42).mint_binary_heapless::<64>(&profile, &key)?;
    /// let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!((token.counter(), token.issued_at()), (Some(42), None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counter(&self) -> Option<u64> {
        (!self.fields.kind.has_time()).then_some(self.fields.stamp)
    }

    /// Returns all params, reserved ones included.
    ///
    /// ```
    /// # use countersign::{key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let builder = TokenBuilder::sequence(b"dev-7", 42).key_slot(0);
    /// # let binary = builder.params(&[("fw", b"1.2.3")]).mint_binary_heapless::<64>(&profile, &key)?;
    /// # let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!(token.params().get("fw"), Some(b"1.2.3".as_slice()));
    /// assert_eq!(token.params().get("k"), Some(b"0".as_slice())); // a number travels as its digits
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.fields.params
    }

    /// Returns the nonce (`n`), or `None` if the token has none.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).nonce(b"boot 41");
    /// # let binary = builder.mint_binary_heapless::<64>(&profile, &key)?;
    /// # let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!(token.nonce(), Some(b"boot 41".as_slice()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn nonce(&self) -> Option<&'a [u8]> {
        self.fields.params.get("n")
    }

    /// Returns the sequence number of a Time or Answer token (`s`), or `None` if the token has none.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).sequence_number(42);
    /// # let binary = builder.mint_binary_heapless::<64>(&profile, &key)?;
    /// # let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!(token.sequence_number(), Some(42));
    /// assert_eq!(token.counter(), None); // that is a Sequence token's
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn sequence_number(&self) -> Option<u64> {
        self.fields.reserved.sequence
    }

    /// Returns the number of the user's revocation epoch in which the token was issued (`e`).
    ///
    /// `None` means that the token has none, or one that is not a shortest decimal.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("shop/api")?);
    /// let builder = TokenBuilder::time(b"alice", UnixTime::from_secs(1_767_225_600)).epoch(3);
    /// let text = builder.mint_text_heapless::<64>(&profile, &key)?;
    /// assert!(text.starts_with("cs1_alice.1767225600.e_3."));
    /// # let mut scratch = [0; 64];
    /// # let token = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch)?;
    /// # let token = token.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!(token.epoch(), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        decimal::parse(self.params().get("e")?, u64::MAX)
    }

    /// Returns the holder's statement about its clock (`q`), or `None` if the token has none.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, ClockQuality, Profile, TokenBuilder, UnverifiedToken};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let now = UnixTime::from_secs(1_767_225_600);
    /// let builder = TokenBuilder::time(b"dev-7", now).clock_quality(ClockQuality::Floor);
    /// # let binary = builder.mint_binary_heapless::<64>(&profile, &key)?;
    /// # let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert!(token.clock_quality() < Some(ClockQuality::Network)); // a guess, the device says
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn clock_quality(&self) -> Option<ClockQuality> {
        self.fields.reserved.quality
    }

    /// Returns the sign, which is the HMAC tag of the token and identifies it ([FORMAT section 4](crate::docs::format#4-binary-form)).
    ///
    /// Use it as the key of replay tables, deny lists and caches. Do not log it.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken, transcode}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
    /// let text = builder.mint_text_heapless::<64>(&profile, &key)?;
    /// let binary = transcode::text_to_binary_heapless::<64>(text.as_bytes())?;
    /// # let mut scratch = [0; 64];
    /// let one = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch)?
    ///     .authenticate(&profile, &key, Channel::NONE);
    /// let other = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE);
    /// assert_eq!(one.unwrap().sign(), other.unwrap().sign()); // two forms, one token
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "tag")]
    #[doc(alias = "hmac")]
    #[doc(alias = "mac")]
    #[doc(alias = "signature")]
    #[must_use]
    pub const fn sign(&self) -> &'a [u8] {
        self.fields.sign
    }
}

/// Shows all fields except the sign, the nonce and the values of params.
impl fmt::Debug for AuthenticToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticToken")
            .field("kind", &self.fields.kind)
            .field("uid", &format_args!("{}", self.uid.escape_ascii()))
            .field("stamp", &self.fields.stamp)
            .field("params", &self.fields.params.len())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for AuthenticToken<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (kind, stamp, params) = (self.fields.kind, self.fields.stamp, self.fields.params.len());
        defmt::write!(f, "{} uid={=[u8]:a} stamp={=u64} params={=usize}", kind, self.uid, stamp, params);
    }
}

/// A token that has passed steps 1 to 10 of [FORMAT section 5](crate::docs::format#5-verifying): authentic, current and allowed. Only a
/// [`Verifier`](super::Verifier) makes one.
///
/// The getters of [`AuthenticToken`] are available by `Deref`.
///
/// A Time token is a bearer token while it is fresh: anyone with a copy can use it too. A Sequence token has no age,
/// and is safe only if the server refuses counters that it has seen.
///
/// ```
/// # use countersign::{TimeWindow, UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, Verifier}};
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// use countersign::token::VerifiedToken;
///
/// /// Takes no token that a verifier has not admitted.
/// fn greet(token: &VerifiedToken<'_>) -> String {
///     format!("hello {}", token.uid().escape_ascii())
/// }
/// let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
/// let binary = TokenBuilder::time(b"dev-7", now).mint_binary_heapless::<64>(&profile, &key)?;
/// let token = verifier.verify_binary(&binary, Channel::NONE, now).unwrap();
/// assert_eq!(greet(&token), "hello dev-7");
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "bearer")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct VerifiedToken<'a> {
    pub(super) token: AuthenticToken<'a>,
    pub(super) slot: u8,
    pub(super) generation: u32,
}

impl VerifiedToken<'_> {
    /// Returns the slot of the key that verified the token.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::{KeyRing, MacKey}};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, Verifier};
    /// # let (profile, now) = (Profile::new("mqtt")?, UnixTime::from_secs(1_767_225_600));
    /// # let old = || MacKey::new(b"an obvious test key of 32 bytes!");
    /// # let mut ring = KeyRing::<_, 2>::new(0, old()?);
    /// # ring.insert(1, MacKey::new(b"another obvious test key, again!")?)?;
    /// ring.rotate_to(1)?;
    /// let binary = TokenBuilder::time(b"alice", now).mint_binary_heapless::<64>(&profile, &old()?)?;
    /// let verifier = Verifier::new(profile, ring, TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let token = verifier.verify_binary(&binary, Channel::NONE, now).unwrap();
    /// assert_eq!(token.key_slot(), 0); // a holder still signs with the old key
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[doc(alias = "kid")]
    #[must_use]
    pub const fn key_slot(&self) -> u8 {
        self.slot
    }

    /// Returns the generation of the key that verified the token, or 0 if keys have no generation.
    ///
    /// ```
    /// # use countersign::{TimeWindow, UnixTime, key::{DeviceKeys, KeyRing, MasterKey}};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, Verifier};
    /// # let (profile, now) = (Profile::new("mqtt")?, UnixTime::from_secs(1_767_225_600));
    /// # let master = MasterKey::new(b"an obvious test key of 32 bytes!")?;
    /// let second_key = master.derive_key("acme", b"dev-7", 1)?;
    /// let builder = TokenBuilder::time(b"dev-7", now).key_generation(1);
    /// let binary = builder.mint_binary_heapless::<64>(&profile, &second_key)?;
    /// let keys = DeviceKeys::new(KeyRing::<_, 1>::new(0, master), "acme")?;
    /// let verifier = Verifier::new(profile, keys, TimeWindow { max_age: 300, max_future_skew: 60 });
    /// assert_eq!(verifier.verify_binary(&binary, Channel::NONE, now).unwrap().key_generation(), 1);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn key_generation(&self) -> u32 {
        self.generation
    }
}

impl<'a> Deref for VerifiedToken<'a> {
    type Target = AuthenticToken<'a>;

    fn deref(&self) -> &AuthenticToken<'a> {
        &self.token
    }
}
