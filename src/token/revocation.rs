//! The revocation hook: key generations and times of revocation, both sparse and kept by the application (FORMAT
//! sections 5 and 6).

/// The times before which tokens are not accepted, in Unix seconds and at three levels, of which the latest counts.
///
/// To revoke all tokens issued so far, set a level to now + `max_future_skew` + 1.
///
/// ```
/// use countersign::token::MinIssuedAt;
///
/// assert_eq!(MinIssuedAt { global: 7, realm: 9, uid: 8 }.latest(), 9);
/// ```
#[doc(alias = "revoke")]
#[doc(alias = "not_before")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MinIssuedAt {
    /// The first accepted second of all tokens.
    pub global: u64,
    /// The first accepted second of all tokens of the realm.
    pub realm: u64,
    /// The first accepted second of all tokens of the uid.
    pub uid: u64,
}

impl MinIssuedAt {
    /// Returns the latest of the three levels.
    ///
    /// ```
    /// use countersign::token::MinIssuedAt;
    ///
    /// let (leak, max_future_skew) = (1_767_225_600, 60);
    /// let everything = MinIssuedAt { global: leak + max_future_skew + 1, ..MinIssuedAt::default() };
    /// assert_eq!(everything.latest(), 1_767_225_661);
    /// let older_for_the_uid = MinIssuedAt { uid: 1_700_000_000, ..everything };
    /// assert_eq!(older_for_the_uid.latest(), 1_767_225_661); // not masked
    /// ```
    #[must_use]
    pub const fn latest(self) -> u64 {
        let Self { global, realm, uid } = self;
        let outer = if global > realm { global } else { realm };
        if outer > uid { outer } else { uid }
    }
}

/// A source of revocations: key generations of single devices, and times before which tokens do not count.
///
/// A raised generation makes the verifier derive the new key, under which an old token has no valid sign. Such a token
/// is [`TokenError::Invalid`](super::TokenError::Invalid), like a forgery. A token that names its generation (`g`), or
/// one from before [`min_issued_at`](Revocations::min_issued_at), is
/// [`TokenError::Revoked`](super::TokenError::Revoked).
///
/// The verifier calls it only for a uid whose key it looks up. The calls do not wait: answer from memory.
///
/// ```
/// use countersign::token::{MinIssuedAt, Revocations};
///
/// /// One stolen device; everybody else is as the factory left them.
/// struct Stolen<'a>(&'a [u8]);
///
/// impl Revocations for Stolen<'_> {
///     fn min_generation(&self, uid: &[u8]) -> u32 {
///         u32::from(uid == self.0)
///     }
/// }
/// assert_eq!(Stolen(b"dev-7").min_generation(b"dev-7"), 1);
/// assert_eq!(Stolen(b"dev-7").min_issued_at(b"dev-7"), MinIssuedAt::default());
/// ```
#[doc(alias = "revoke")]
pub trait Revocations {
    /// Returns the lowest accepted key generation of a uid, or 0 if none was revoked. It counts for per-device keys
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
    ///     fn min_generation(&self, uid: &[u8]) -> u32 {
    ///         self.0.get(uid).copied().unwrap_or(0)
    ///     }
    /// }
    /// let replaced = Replaced(HashMap::from([(b"dev-7".to_vec(), 2)]));
    /// assert_eq!((replaced.min_generation(b"dev-7"), replaced.min_generation(b"dev-8")), (2, 0));
    /// ```
    fn min_generation(&self, uid: &[u8]) -> u32 {
        let _ = uid;
        0
    }

    /// Returns the times before which tokens of a uid are not accepted.
    ///
    /// ```
    /// use countersign::token::{MinIssuedAt, Revocations};
    ///
    /// /// Alice has signed out everywhere at this second.
    /// struct SignedOut(u64);
    ///
    /// impl Revocations for SignedOut {
    ///     fn min_issued_at(&self, uid: &[u8]) -> MinIssuedAt {
    ///         MinIssuedAt { uid: if uid == b"alice" { self.0 } else { 0 }, ..MinIssuedAt::default() }
    ///     }
    /// }
    /// assert_eq!(SignedOut(1_767_225_661).min_issued_at(b"alice").latest(), 1_767_225_661);
    /// ```
    fn min_issued_at(&self, uid: &[u8]) -> MinIssuedAt {
        let _ = uid;
        MinIssuedAt::default()
    }
}

/// A source without revocations.
///
/// ```
/// use countersign::token::{MinIssuedAt, NoRevocations, Revocations};
///
/// assert_eq!(NoRevocations.min_generation(b"dev-7"), 0);
/// assert_eq!(NoRevocations.min_issued_at(b"dev-7"), MinIssuedAt::default());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRevocations;

impl Revocations for NoRevocations {}

impl<R: Revocations + ?Sized> Revocations for &R {
    fn min_generation(&self, uid: &[u8]) -> u32 {
        (**self).min_generation(uid)
    }

    fn min_issued_at(&self, uid: &[u8]) -> MinIssuedAt {
        (**self).min_issued_at(uid)
    }
}

/// Revocations that several verifiers share.
#[cfg(feature = "std")]
impl<R: Revocations + ?Sized> Revocations for std::sync::Arc<R> {
    fn min_generation(&self, uid: &[u8]) -> u32 {
        (**self).min_generation(uid)
    }

    fn min_issued_at(&self, uid: &[u8]) -> MinIssuedAt {
        (**self).min_issued_at(uid)
    }
}

/// Revocations that can change while requests come in.
#[cfg(feature = "std")]
impl<R: Revocations> Revocations for std::sync::RwLock<R> {
    fn min_generation(&self, uid: &[u8]) -> u32 {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).min_generation(uid)
    }

    fn min_issued_at(&self, uid: &[u8]) -> MinIssuedAt {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).min_issued_at(uid)
    }
}
