//! The revocation hook: generations and epochs, both sparse, both the application's to keep (FORMAT sections 5 and 6).

/// From which Unix second on tokens count, at three levels. The latest of the three holds: an old epoch never masks a newer one.
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
    #[must_use]
    pub const fn effective(self) -> u64 {
        let Self { global, realm, uid } = self;
        let outer = if global > realm { global } else { realm };
        if outer > uid { outer } else { uid }
    }
}

/// What has been revoked. Asked only about a uid whose key is being looked up; answers from memory, without waiting.
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
    /// The lowest key generation of a uid that is still good; 0 when nothing was revoked. Counts for per-device keys only.
    fn generation(&self, uid: &[u8]) -> u32 {
        let _ = uid;
        0
    }

    /// The epochs that hold for a uid.
    fn not_before(&self, uid: &[u8]) -> NotBefore {
        let _ = uid;
        NotBefore::default()
    }
}

/// Nothing was ever revoked.
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
