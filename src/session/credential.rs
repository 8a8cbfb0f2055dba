//! Credentials: the value of a session's cookie, and the parts of it that a store keeps.
//!
//! An application meets them only in a store or a tool of its own; [`SessionManager`](super::SessionManager) makes and reads them.

use super::handle::{HANDLE, Handle, TAG, fill};
use crate::bytes::copy;
use crate::constant_time;
use crate::encoding::{base64url_decode_in_place, base64url_decode_secret, base64url_encode_secret, base64url_len};
use core::fmt;
use zeroize::Zeroizing;

pub(super) const VERIFIER: usize = 32;
/// Bytes of a handle that characters of their own stand for. Why: a handle is no secret, and its reader need not take its time.
const PUBLIC: usize = HANDLE - HANDLE % 3;
const PUBLIC_TEXT: usize = base64url_len(PUBLIC);

/// Bytes of a verifier that are random, and of the mark of the pepper behind them, by which one is known again that was issued long ago. What is left
/// tells how many sign-ins there were under its handle before.
pub(super) const RANDOM: usize = 16;
pub(super) const MARK: usize = 14;
pub(super) const MARKED: usize = RANDOM + MARK;

/// Bytes of what a record keeps: what the MAC of the mark leaves.
pub(super) const SEAL: usize = 32 - MARK;

/// Characters of a form token.
pub(super) const FORM_TOKEN_LEN: usize = base64url_len(32);

pub use super::handle::UserHash;

/// Characters of a credential in its cookie.
pub const CREDENTIAL_LEN: usize = base64url_len(HANDLE + VERIFIER);

/// The value of a session's cookie: a handle and a secret verifier. It is wiped on drop, and `Debug` shows the handle alone.
///
/// ```text
/// tag (8)      selector (12)   verifier (32)        base64url, 70 characters
/// the user's   this session    never stored
/// └──────── handle ────────┘
/// ```
///
/// ```
/// use countersign::session::Pepper;
/// use countersign::session::credential::{CREDENTIAL_LEN, Credential};
///
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let credential = Credential::generate(pepper.user_hash(b"alice"))?;
/// let cookie = credential.to_cookie_value();
/// assert_eq!(cookie.len(), CREDENTIAL_LEN);
/// let read = Credential::parse(cookie.as_bytes()).unwrap();
/// assert!(pepper.verifier_mac(&read) == pepper.verifier_mac(&credential));
/// assert!(Credential::parse(b"an old cookie of another format").is_none());
/// # Ok::<(), countersign::Error>(())
/// ```
pub struct Credential {
    pub(super) handle: Handle,
    pub(super) verifier: Zeroizing<[u8; VERIFIER]>,
}

impl Credential {
    /// Makes a random credential of a user: see [`Pepper::user_hash`](super::Pepper::user_hash).
    ///
    /// # Errors
    /// [`Error::Random`](crate::Error::Random) if the system gives no random bytes.
    pub fn generate(user: UserHash) -> crate::Result<Self> {
        let mut credential = Self { handle: Handle::generate(user)?, verifier: Zeroizing::new([0; VERIFIER]) };
        fill(credential.verifier.as_mut_slice())?;
        Ok(credential)
    }

    /// Makes a random credential of a holder that has not signed in. Its user hash is random.
    ///
    /// # Errors
    /// As [`generate`](Credential::generate).
    pub fn generate_anonymous() -> crate::Result<Self> {
        let mut tag = [0; TAG];
        fill(&mut tag)?;
        Self::generate(UserHash(tag))
    }

    /// Makes a credential of the same handle with a new random verifier.
    ///
    /// # Errors
    /// As [`generate`](Credential::generate).
    pub fn renewed(&self) -> crate::Result<Self> {
        let mut credential = Self { handle: self.handle, verifier: Zeroizing::new([0; VERIFIER]) };
        fill(credential.verifier.as_mut_slice())?;
        Ok(credential)
    }

    /// All zeros: of no session.
    #[cfg(feature = "tower")]
    pub(super) fn blank() -> Self {
        Self { handle: Handle([0; HANDLE]), verifier: Zeroizing::new([0; VERIFIER]) }
    }

    /// Returns a second copy. Why no `Clone`: copies of a secret are made on purpose.
    pub(super) fn duplicate(&self) -> Self {
        Self { handle: self.handle, verifier: self.verifier.clone() }
    }

    /// Parses the value of a cookie. Returns `None` for any other length or spelling, so that such a value costs no call of the store.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value: &[u8; CREDENTIAL_LEN] = value.try_into().ok()?;
        let (handle, secret) = value.split_first_chunk::<PUBLIC_TEXT>()?;
        let mut bytes = Zeroizing::new([0; HANDLE + VERIFIER]);
        let (public, rest) = bytes.split_at_mut(PUBLIC);
        copy(base64url_decode_in_place(&mut handle.clone())?, public);
        base64url_decode_secret(secret, rest).then_some(())?;
        let (handle, verifier) = bytes.split_first_chunk()?;
        let mut credential = Self { handle: Handle(*handle), verifier: Zeroizing::new([0; VERIFIER]) };
        copy(verifier, credential.verifier.as_mut_slice());
        Some(credential)
    }

    /// Returns the value of the cookie, [`CREDENTIAL_LEN`] characters.
    #[must_use]
    pub fn to_cookie_value(&self) -> Zeroizing<std::string::String> {
        let mut bytes = Zeroizing::new([0; HANDLE + VERIFIER]);
        let (handle, verifier) = bytes.split_at_mut(HANDLE);
        copy(&self.handle.0, handle);
        copy(self.verifier.as_slice(), verifier);
        let mut text = Zeroizing::new([0; CREDENTIAL_LEN]);
        base64url_encode_secret(bytes.as_slice(), text.as_mut_slice());
        Zeroizing::new(text.iter().map(|byte| char::from(*byte)).collect())
    }

    /// Returns the handle.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        self.handle
    }

    /// How many sign-ins there were under its handle before, if it has the mark of a pepper.
    pub(super) fn generation(&self) -> u16 {
        self.verifier.last_chunk().copied().map_or(0, u16::from_be_bytes)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// The MAC of a verifier under the pepper, as a record keeps it. Without the pepper it signs nobody in.
#[derive(Clone, Copy)]
pub struct VerifierMac([u8; SEAL]);

impl VerifierMac {
    /// Returns the bytes, as in a record.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SEAL] {
        &self.0
    }

    /// Makes it of the bytes in a record.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SEAL]) -> Self {
        Self(bytes)
    }
}

/// In constant time.
impl PartialEq for VerifierMac {
    fn eq(&self, other: &Self) -> bool {
        constant_time::eq(&self.0, &other.0)
    }
}

impl fmt::Debug for VerifierMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifierMac")
    }
}
