//! The revocation hook: generations and epochs, both sparse, both the application's to keep (FORMAT sections 5 and 6).

/// From which Unix second on tokens count, at three levels. The latest of the three holds: an old epoch never masks a
/// newer one.
///
/// To revoke everything issued so far, set an epoch to now + `skew_future` + 1.
///
/// ```
/// use countersign::token::NotBefore;
///
/// assert_eq!(NotBefore { global: 7, realm: 9, uid: 8 }.effective(), 9);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotBefore {
    /// For every token.
    pub global: u64,
    /// For every token of the realm.
    pub realm: u64,
    /// For every token of this uid.
    pub uid: u64,
}

impl NotBefore {
    /// The latest of the three.
    ///
    /// ```
    /// use countersign::token::NotBefore;
    ///
    /// let (leak, skew_future) = (1_767_225_600, 60);
    /// let everything = NotBefore { global: leak + skew_future + 1, ..NotBefore::default() };
    /// assert_eq!(everything.effective(), 1_767_225_661);
    /// let older_for_the_uid = NotBefore { uid: 1_700_000_000, ..everything };
    /// assert_eq!(older_for_the_uid.effective(), 1_767_225_661); // not masked
    /// ```
    #[must_use]
    pub const fn effective(self) -> u64 {
        let Self { global, realm, uid } = self;
        let outer = if global > realm { global } else { realm };
        if outer > uid { outer } else { uid }
    }
}

/// What has been revoked: one device by raising its key generation, all that was issued until a moment by an epoch.
///
/// A raised generation makes the verifier derive the new key, under which an old token has no good sign: it is
/// [`Refusal::Invalid`](crate::Refusal::Invalid), like every forgery. Only a token that names its generation (`g`) is told apart as
/// [`Refusal::Revoked`](crate::Refusal::Revoked), and so is one from before an epoch.
///
/// Asked only about a uid whose key is being looked up; answers from memory, without waiting.
///
/// ```
/// use countersign::token::{NotBefore, Revocations};
///
/// /// One stolen device; everybody else is as the factory left them.
/// struct Stolen<'a>(&'a [u8]);
///
/// impl Revocations for Stolen<'_> {
///     fn generation(&self, uid: &[u8]) -> u32 {
///         u32::from(uid == self.0)
///     }
/// }
/// assert_eq!(Stolen(b"dev-7").generation(b"dev-7"), 1);
/// assert_eq!(Stolen(b"dev-7").not_before(b"dev-7"), NotBefore::default());
/// ```
pub trait Revocations {
    /// The lowest key generation of a uid that is still good; 0 when nothing was revoked. Counts for per-device keys
    /// only.
    ///
    /// ```
    /// use countersign::token::Revocations;
    /// use std::collections::HashMap;
    ///
    /// /// Devices that were given a new key, and its generation.
    /// struct Replaced(HashMap<Vec<u8>, u32>);
    ///
    /// impl Revocations for Replaced {
    ///     fn generation(&self, uid: &[u8]) -> u32 {
    ///         self.0.get(uid).copied().unwrap_or(0)
    ///     }
    /// }
    /// let replaced = Replaced(HashMap::from([(b"dev-7".to_vec(), 2)]));
    /// assert_eq!((replaced.generation(b"dev-7"), replaced.generation(b"dev-8")), (2, 0));
    /// ```
    fn generation(&self, uid: &[u8]) -> u32 {
        let _ = uid;
        0
    }

    /// The epochs that hold for a uid.
    ///
    /// ```
    /// use countersign::token::{NotBefore, Revocations};
    ///
    /// /// Alice has signed out everywhere at this second.
    /// struct SignedOut(u64);
    ///
    /// impl Revocations for SignedOut {
    ///     fn not_before(&self, uid: &[u8]) -> NotBefore {
    ///         NotBefore { uid: if uid == b"alice" { self.0 } else { 0 }, ..NotBefore::default() }
    ///     }
    /// }
    /// assert_eq!(SignedOut(1_767_225_661).not_before(b"alice").effective(), 1_767_225_661);
    /// ```
    fn not_before(&self, uid: &[u8]) -> NotBefore {
        let _ = uid;
        NotBefore::default()
    }
}

/// Nothing was ever revoked.
///
/// ```
/// use countersign::token::{NoRevocations, NotBefore, Revocations};
///
/// assert_eq!(NoRevocations.generation(b"dev-7"), 0);
/// assert_eq!(NoRevocations.not_before(b"dev-7"), NotBefore::default());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRevocations;

impl Revocations for NoRevocations {}

impl<R: Revocations + ?Sized> Revocations for &R {
    fn generation(&self, uid: &[u8]) -> u32 {
        (**self).generation(uid)
    }

    fn not_before(&self, uid: &[u8]) -> NotBefore {
        (**self).not_before(uid)
    }
}

/// Revocations that several verifiers share.
#[cfg(feature = "std")]
impl<R: Revocations + ?Sized> Revocations for std::sync::Arc<R> {
    fn generation(&self, uid: &[u8]) -> u32 {
        (**self).generation(uid)
    }

    fn not_before(&self, uid: &[u8]) -> NotBefore {
        (**self).not_before(uid)
    }
}

/// Revocations that change while requests come in.
#[cfg(feature = "std")]
impl<R: Revocations> Revocations for std::sync::RwLock<R> {
    fn generation(&self, uid: &[u8]) -> u32 {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).generation(uid)
    }

    fn not_before(&self, uid: &[u8]) -> NotBefore {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).not_before(uid)
    }
}
