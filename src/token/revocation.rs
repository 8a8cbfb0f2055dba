//! The revocation hook: generations and epochs, both sparse, both the application's to keep ([FORMAT sections 5](crate::docs::format#5-verifying) and [6](crate::docs::format#6-device-keys)).

/// From which Unix second on tokens count, at three levels. The latest of the three holds: an old epoch never masks a
/// newer one.
///
/// To revoke everything issued so far, set an epoch to now + `max_future_skew` + 1.
///
/// ```
/// use countersign::token::MinIssuedAt;
///
/// assert_eq!(MinIssuedAt { global: 7, realm: 9, uid: 8 }.latest(), 9);
/// ```
#[doc(alias = "not_before")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MinIssuedAt {
    /// For every token.
    pub global: u64,
    /// For every token of the realm.
    pub realm: u64,
    /// For every token of this uid.
    pub uid: u64,
}

impl MinIssuedAt {
    /// The latest of the three.
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

/// What has been revoked: one device by raising its key generation, all that was issued until a moment by an epoch.
///
/// A raised generation makes the verifier derive the new key, under which an old token has no good sign: it is
/// [`TokenError::Invalid`](super::TokenError::Invalid), like every forgery. Only a token that names its generation (`g`) is told apart as
/// [`TokenError::Revoked`](super::TokenError::Revoked), and so is one from before an epoch.
///
/// Asked only about a uid whose key is being looked up; answers from memory, without waiting.
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

    /// The epochs that hold for a uid.
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

/// Nothing was ever revoked.
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

/// Revocations that change while requests come in.
#[cfg(feature = "std")]
impl<R: Revocations> Revocations for std::sync::RwLock<R> {
    fn min_generation(&self, uid: &[u8]) -> u32 {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).min_generation(uid)
    }

    fn min_issued_at(&self, uid: &[u8]) -> MinIssuedAt {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).min_issued_at(uid)
    }
}
