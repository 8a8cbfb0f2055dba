//! Settings that holder and verifier share and never send.

use super::{SignLen, limits::MAX_MAC_INPUT_LEN};
use crate::Result;
use crate::rules;
use core::fmt;

/// The settings that holder and verifier share: the purpose, the length of the sign and the cap of the MAC input.
///
/// ```
/// use countersign::token::{Profile, SignLen};
///
/// let radio = Profile::new("fleet/login")?.with_sign_len(SignLen::N8);
/// assert_ne!(radio, Profile::new("fleet/login")?); // no token of one is valid for the other
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Profile<'a> {
    purpose: &'a str,
    sign_len: SignLen,
    max_mac_input_len: usize,
}

impl<'a> Profile<'a> {
    /// Creates a profile for one purpose, with a sign of 16 bytes. A token for one purpose is never valid for another.
    ///
    /// ```
    /// # use countersign::{Error, TimeWindow, UnixTime, key::MacKey};
    /// # use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier, limits::MAX_SCRATCH_LEN};
    /// # let (key, now) = (MacKey::new(b"an obvious test key of 32 bytes!")?, UnixTime::from_secs(1_767_225_600));
    /// # let window = TimeWindow { max_age: 300, max_future_skew: 60 };
    /// let (login, reset) = (Profile::new("shop/login")?, Profile::new("shop/reset")?);
    /// let text = TokenBuilder::time(b"alice", now).mint_text_heapless::<64>(&login, &key)?;
    /// let elsewhere = Verifier::new(reset, &key, window);
    /// let verdict = elsewhere.verify_text(text.as_bytes(), Channel::NONE, now, &mut [0; MAX_SCRATCH_LEN]).err();
    /// assert_eq!(verdict, Some(TokenError::Invalid));
    /// assert_eq!(Profile::new("Shop Login"), Err(Error::InvalidName));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// In a constant, a wrong purpose does not compile:
    ///
    /// ```
    /// # use countersign::token::Profile;
    /// const LOGIN: Profile<'_> = match Profile::new("fleet/login") {
    ///     Ok(profile) => profile,
    ///     Err(_) => panic!("not a purpose"),
    /// };
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName) if the purpose is not 1 to 32 bytes of `[a-z0-9._/-]`.
    pub const fn new(purpose: &'a str) -> Result<Self> {
        match rules::check_name(purpose) {
            Ok(()) => Ok(Self { purpose, sign_len: SignLen::N16, max_mac_input_len: MAX_MAC_INPUT_LEN }),
            Err(error) => Err(error),
        }
    }

    /// Sets the length of the sign, 16 bytes by default.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Profile, SignLen, TokenBuilder}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
    /// let long = builder.mint_text_heapless::<64>(&profile, &key)?;
    /// let short = builder.mint_text_heapless::<64>(&profile.with_sign_len(SignLen::N8), &key)?;
    /// assert_eq!((long.len(), short.len()), (53, 37));
    /// assert!(!long.starts_with(short.as_str())); // the length is signed too: a long sign cut short is no short sign
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[doc(alias = "tag")]
    #[must_use]
    pub const fn with_sign_len(mut self, sign_len: SignLen) -> Self {
        self.sign_len = sign_len;
        self
    }

    /// Lowers the cap of the MAC input, in bytes, for one-shot hardware. Minting and verifying refuse a longer input.
    ///
    /// ```
    /// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, TokenBuilder}};
    /// # let (key, now) = (MacKey::new(b"an obvious test key of 32 bytes!")?, UnixTime::from_secs(1_767_225_600));
    /// let one_shot = Profile::new("mqtt")?.with_max_mac_input_len(64);
    /// let builder = TokenBuilder::time(b"dev-0123456789ab", now);
    /// assert!(builder.mint_text_heapless::<64>(&one_shot, &key).is_ok());
    /// let bound = builder.binding(b"a request hash of 32 bytes in it").mint_text_heapless::<64>(&one_shot, &key);
    /// assert_eq!(bound, Err(Error::MacInputTooLong { length: 70, cap: 64 }));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn with_max_mac_input_len(mut self, cap: usize) -> Self {
        self.max_mac_input_len = cap;
        self
    }

    /// Returns the purpose.
    ///
    /// ```
    /// assert_eq!(countersign::token::Profile::new("fleet/login")?.purpose(), "fleet/login");
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn purpose(&self) -> &'a str {
        self.purpose
    }

    /// Returns the length of the sign.
    ///
    /// ```
    /// use countersign::token::{Profile, SignLen};
    ///
    /// assert_eq!(Profile::new("mqtt")?.sign_len(), SignLen::N16);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[doc(alias = "tag")]
    #[must_use]
    pub const fn sign_len(&self) -> SignLen {
        self.sign_len
    }

    /// Returns the cap of the MAC input in bytes.
    ///
    /// ```
    /// use countersign::token::{Profile, limits::MAX_MAC_INPUT_LEN};
    ///
    /// assert_eq!(Profile::new("mqtt")?.max_mac_input_len(), MAX_MAC_INPUT_LEN);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn max_mac_input_len(&self) -> usize {
        self.max_mac_input_len
    }
}

/// Facts of the channel that carried a token: an MQTT user name or client id, a URL path, a request hash.
///
/// ```
/// # use countersign::{TimeWindow, UnixTime, key::MacKey, token::{Profile, TokenBuilder, TokenError, Verifier}};
/// use countersign::token::Channel;
///
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// # let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
/// let detached = TokenBuilder::time(b"dev-7", now).detached().mint_binary_heapless::<22>(&profile, &key)?;
/// let mqtt = Channel { uid: Some(b"dev-7"), binding: b"" };
/// assert!(verifier.verify_binary(&detached, mqtt, now).is_ok());
/// assert_eq!(verifier.verify_binary(&detached, Channel::NONE, now), Err(TokenError::Invalid));
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "carrier")]
#[doc(alias = "context")]
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Channel<'a> {
    /// The uid that the channel names, 1 to 64 bytes. An attached uid must equal it, and a detached token requires it.
    pub uid: Option<&'a [u8]>,
    /// The context that both sides know, 0 to 64 bytes. It is empty if none was agreed.
    #[doc(alias = "bind")]
    pub binding: &'a [u8],
}

/// Shows the uid alone, since a binding may be the sign of another token.
impl fmt::Debug for Channel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uid = self.uid.unwrap_or_default().escape_ascii();
        f.debug_struct("Channel").field("uid", &format_args!("{uid}")).finish_non_exhaustive()
    }
}

impl Channel<'_> {
    /// A channel without a uid and without a binding. Only attached tokens pass.
    ///
    /// ```
    /// use countersign::token::Channel;
    ///
    /// assert_eq!(Channel::NONE, Channel { uid: None, binding: b"" });
    /// assert_eq!(Channel::NONE, Channel::default());
    /// ```
    pub const NONE: Self = Self { uid: None, binding: &[] };
}
