//! What both sides know and never send.

use super::{MAX_MAC_INPUT, SignLen};
use crate::Result;
use crate::rules;

/// The settings that holder and verifier share: the purpose, the length of the sign and the cap of the MAC input.
///
/// ```
/// use countersign::token::{Profile, SignLen};
///
/// let radio = Profile::new("fleet/login")?.with_sign_len(SignLen::N8);
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Profile<'a> {
    purpose: &'a str,
    sign_len: SignLen,
    max_mac_input: usize,
}

impl<'a> Profile<'a> {
    /// A profile for one purpose, with a sign of 16 bytes. A token for one purpose is never valid for another.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name) unless the purpose is 1 to 32 bytes of `[a-z0-9._/-]`.
    pub const fn new(purpose: &'a str) -> Result<Self> {
        match rules::check_name(purpose) {
            Ok(()) => Ok(Self { purpose, sign_len: SignLen::N16, max_mac_input: MAX_MAC_INPUT }),
            Err(error) => Err(error),
        }
    }

    /// Another length of the sign.
    #[must_use]
    pub const fn with_sign_len(mut self, sign_len: SignLen) -> Self {
        self.sign_len = sign_len;
        self
    }

    /// A lower cap of the MAC input, in bytes, for one-shot hardware. Beyond it minting and verifying refuse.
    #[must_use]
    pub const fn with_max_mac_input(mut self, cap: usize) -> Self {
        self.max_mac_input = cap;
        self
    }

    /// The purpose.
    #[must_use]
    pub const fn purpose(&self) -> &'a str {
        self.purpose
    }

    /// The length of the sign.
    #[must_use]
    pub const fn sign_len(&self) -> SignLen {
        self.sign_len
    }

    /// The cap of the MAC input, in bytes.
    #[must_use]
    pub const fn max_mac_input(&self) -> usize {
        self.max_mac_input
    }
}

/// What the channel says that carried a token: an MQTT user name or client id, a URL path, a request hash.
///
/// ```
/// use countersign::token::Carrier;
///
/// let mqtt = Carrier { uid: Some(b"dev-0123456789ab"), bind: b"" };
/// assert_eq!(Carrier::NONE, Carrier::default());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Carrier<'a> {
    /// Who the channel says it is, 1 to 64 bytes. An attached uid must equal it; a detached token needs it.
    pub uid: Option<&'a [u8]>,
    /// Context that both sides know, 0 to 64 bytes; empty when none was agreed.
    pub bind: &'a [u8],
}

impl Carrier<'_> {
    /// A channel that says nothing: only attached tokens pass.
    pub const NONE: Self = Self { uid: None, bind: &[] };
}
