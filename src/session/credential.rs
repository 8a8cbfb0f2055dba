//! What the browser holds, and what of it may be kept, listed and logged.

use crate::bytes::copy;
use crate::constant_time;
use crate::encoding::{base64url_decode_in_place, base64url_decode_secret, base64url_encode_secret, base64url_len};
use core::fmt;
use core::str::FromStr;
use zeroize::Zeroizing;

pub(super) const TAG: usize = 8;
const SELECTOR: usize = 12;
const HANDLE: usize = TAG + SELECTOR;
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

/// Characters of every credential in its cookie.
pub const CREDENTIAL_LEN: usize = base64url_len(HANDLE + VERIFIER);

/// A keyed hash of a user's name: sessions of one user have it in common and so lie side by side in a store. It tells nobody the name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserTag(pub(super) [u8; TAG]);

impl UserTag {
    /// As it stands in keys of a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; TAG] {
        &self.0
    }
}

/// The public name of a session: safe in logs, metrics and lists of devices. Nobody gets into a session with it.
///
/// ```
/// use countersign::session::{Credential, Handle, Pepper};
///
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let credential = Credential::generate(pepper.user_tag(b"alice"))?;
/// let shown = credential.handle().to_string();
/// assert_eq!(shown.parse(), Ok(credential.handle()));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Handle(pub(super) [u8; HANDLE]);

impl Handle {
    /// A new one for a user.
    ///
    /// # Errors
    /// As [`Credential::generate`].
    pub(super) fn generate(tag: UserTag) -> crate::Result<Self> {
        let mut handle = Self::first_of(tag);
        fill(handle.0.get_mut(TAG..).unwrap_or_default())?;
        Ok(handle)
    }

    /// The first of all handles that have a tag, in the order of handles.
    #[must_use]
    pub fn first_of(tag: UserTag) -> Self {
        let mut handle = [0; HANDLE];
        copy(&tag.0, &mut handle);
        Self(handle)
    }

    /// What its user's sessions have in common.
    #[must_use]
    pub fn tag(&self) -> UserTag {
        let mut tag = [0; TAG];
        copy(&self.0, &mut tag);
        UserTag(tag)
    }

    /// As it stands in keys of a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HANDLE] {
        &self.0
    }

    /// The handle of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HANDLE]) -> Self {
        Self(bytes)
    }
}

/// Not what `Display` shows of any handle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidHandle;

impl fmt::Display for InvalidHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a handle is 27 characters of base64url, as it is shown in lists and logs")
    }
}

impl core::error::Error for InvalidHandle {}

/// Reads what `Display` shows: from a route's path, a form, a log.
impl FromStr for Handle {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        let mut handle = [0; HANDLE];
        base64url_decode_secret(text.as_bytes(), &mut handle).then_some(Self(handle)).ok_or(InvalidHandle)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; base64url_len(HANDLE)];
        base64url_encode_secret(&self.0, &mut text);
        f.write_str(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// As `Display`, so that it is the same in every log.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({self})")
    }
}

/// What the cookie carries: a handle, and the verifier, the only secret. Wiped on drop; shows its handle alone.
///
/// ```text
/// tag (8)      selector (12)   verifier (32)        base64url, 70 characters
/// the user's   this session    never stored
/// └──────── handle ────────┘
/// ```
///
/// ```
/// use countersign::session::{CREDENTIAL_LEN, Credential, Pepper};
///
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let credential = Credential::generate(pepper.user_tag(b"alice"))?;
/// let cookie = credential.text();
/// assert_eq!(cookie.len(), CREDENTIAL_LEN);
/// let read = Credential::parse(cookie.as_bytes()).unwrap();
/// assert!(pepper.seal(&read) == pepper.seal(&credential));
/// assert!(Credential::parse(b"an old cookie of another format").is_none());
/// # Ok::<(), countersign::Error>(())
/// ```
pub struct Credential {
    pub(super) handle: Handle,
    pub(super) verifier: Zeroizing<[u8; VERIFIER]>,
}

impl Credential {
    /// A new one for a user, or for nobody yet: see [`Pepper::user_tag`](super::Pepper::user_tag) and [`UserTag`].
    ///
    /// # Errors
    /// [`Error::Random`](crate::Error::Random) if the system gives no random bytes.
    pub fn generate(tag: UserTag) -> crate::Result<Self> {
        let mut credential = Self { handle: Handle::generate(tag)?, verifier: Zeroizing::new([0; VERIFIER]) };
        fill(credential.verifier.as_mut_slice())?;
        Ok(credential)
    }

    /// A new one for somebody who has not signed in: its tag is random.
    ///
    /// # Errors
    /// As [`generate`](Credential::generate).
    pub fn generate_anonymous() -> crate::Result<Self> {
        let mut tag = [0; TAG];
        fill(&mut tag)?;
        Self::generate(UserTag(tag))
    }

    /// The same session under a new verifier.
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

    /// For a second attempt with the same.
    pub(super) fn copied(&self) -> Self {
        Self { handle: self.handle, verifier: self.verifier.clone() }
    }

    /// Reads a cookie's value: of one length and one spelling, so that nothing else costs a look into the store.
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

    /// The cookie's value.
    #[must_use]
    pub fn text(&self) -> Zeroizing<std::string::String> {
        let mut bytes = Zeroizing::new([0; HANDLE + VERIFIER]);
        let (handle, verifier) = bytes.split_at_mut(HANDLE);
        copy(&self.handle.0, handle);
        copy(self.verifier.as_slice(), verifier);
        let mut text = Zeroizing::new([0; CREDENTIAL_LEN]);
        base64url_encode_secret(bytes.as_slice(), text.as_mut_slice());
        Zeroizing::new(text.iter().map(|byte| char::from(*byte)).collect())
    }

    /// Its public name.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        self.handle
    }

    /// How many sign-ins there were under its handle before, if it has the mark of a pepper.
    pub(super) fn generation(&self) -> u16 {
        self.verifier.last_chunk().copied().map_or(0, u16::from_be_bytes)
    }
}

fn fill(bytes: &mut [u8]) -> crate::Result<()> {
    getrandom::fill(bytes).map_err(|_| crate::Error::Random)
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// What a record keeps of a verifier: useless without the pepper, so a stolen store signs nobody in.
#[derive(Clone, Copy)]
pub struct SealedVerifier([u8; SEAL]);

impl SealedVerifier {
    /// As it stands in a record.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SEAL] {
        &self.0
    }

    /// Read back from a record.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SEAL]) -> Self {
        Self(bytes)
    }
}

/// In constant time.
impl PartialEq for SealedVerifier {
    fn eq(&self, other: &Self) -> bool {
        constant_time::eq(&self.0, &other.0)
    }
}

impl fmt::Debug for SealedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedVerifier")
    }
}
