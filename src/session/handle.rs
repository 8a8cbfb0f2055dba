//! Public names of sessions, and of their users.

use crate::bytes::copy;
use crate::encoding::{base64url_decode_secret, base64url_encode_secret, base64url_len};
use core::fmt;
use core::str::FromStr;

pub(super) const TAG: usize = 8;
const SELECTOR: usize = 12;
pub(super) const HANDLE: usize = TAG + SELECTOR;

/// Keyed hash of a user's name, of 8 bytes. Handles of one user's sessions begin with it, so that a store finds them together. It does not reveal the name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserHash(pub(super) [u8; TAG]);

impl UserHash {
    /// Returns the bytes, as in the keys of a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; TAG] {
        &self.0
    }
}

/// The public name of a session, of 20 bytes: safe in logs, metrics and lists of devices. It opens no session.
///
/// ```
/// use countersign::session::credential::Credential;
/// use countersign::session::{Handle, Pepper};
///
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// let credential = Credential::generate(pepper.user_hash(b"alice"))?;
/// let shown = credential.handle().to_string();
/// assert_eq!(shown.parse(), Ok(credential.handle()));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Handle(pub(super) [u8; HANDLE]);

impl Handle {
    /// Makes a random handle of a user.
    ///
    /// # Errors
    /// [`Error::Random`](crate::Error::Random) if the system gives no random bytes.
    pub(super) fn generate(user: UserHash) -> crate::Result<Self> {
        let mut handle = Self::first_of(user);
        fill(handle.0.get_mut(TAG..).unwrap_or_default())?;
        Ok(handle)
    }

    /// Returns the lowest handle of a user, in the order of handles.
    #[must_use]
    pub fn first_of(user: UserHash) -> Self {
        let mut handle = [0; HANDLE];
        copy(&user.0, &mut handle);
        Self(handle)
    }

    /// Returns the hash of the user's name.
    #[must_use]
    pub fn user_hash(&self) -> UserHash {
        let mut tag = [0; TAG];
        copy(&self.0, &mut tag);
        UserHash(tag)
    }

    /// Returns the bytes, as in the keys of a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HANDLE] {
        &self.0
    }

    /// Makes a handle of its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HANDLE]) -> Self {
        Self(bytes)
    }
}

/// Error of parsing a [`Handle`]: the text is not 27 characters of base64url.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidHandle;

impl fmt::Display for InvalidHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a handle is 27 characters of base64url, as it is shown in lists and logs")
    }
}

impl core::error::Error for InvalidHandle {}

/// Parses the text that `Display` writes: from a path, a form or a log.
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

/// Writes `Handle(…)` with the text of `Display`.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({self})")
    }
}

pub(super) fn fill(bytes: &mut [u8]) -> crate::Result<()> {
    getrandom::fill(bytes).map_err(|_| crate::Error::Random)
}
