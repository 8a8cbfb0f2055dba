//! The key look-up of a verifier ([FORMAT section 5](crate::docs::format#5-verifying) step 3).

use super::{DeviceKeys, KeyRing, MacKey};

/// A query for the key of a token, made from fields of the token that are not yet authenticated.
///
/// ```
/// use countersign::key::{KeyProvider, KeyQuery, KeyRing, MacKey};
///
/// let ring = KeyRing::<_, 1>::new(0, MacKey::new(b"an obvious test key of 32 bytes!")?);
/// let query = KeyQuery { slot: Some(2), generation: 0, uid: b"dev-7" };
/// assert!(ring.find_key(&query, &mut |_| true).is_none()); // no key in slot 2, and no other is tried
/// assert!(ring.find_key(&KeyQuery { slot: None, ..query }, &mut |_| true).is_some());
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KeyQuery<'a> {
    /// The slot that the token names (`k`).
    #[doc(alias = "kid")]
    pub slot: Option<u8>,
    /// The key generation to derive with: the token's `g`, or else that of [`Revocations`](crate::token::Revocations).
    pub generation: u32,
    /// The uid of the holder, 1 to 64 bytes.
    pub uid: &'a [u8],
}

/// The result of a key look-up: the slot of the key that verified a token.
///
/// ```
/// use countersign::key::{KeyMatch, KeyProvider, KeyQuery, MacKey};
///
/// let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// let query = |slot| KeyQuery { slot, generation: 0, uid: b"dev-7" };
/// assert_eq!(key.find_key(&query(None), &mut |_| true), Some(KeyMatch { slot: 0 }));
/// assert_eq!(key.find_key(&query(Some(1)), &mut |_| true), None); // a lone key is in slot 0
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyMatch {
    /// The slot of the key.
    pub slot: u8,
}

/// A source of keys for a verifier: a [`MacKey`], a [`KeyRing`], [`DeviceKeys`], or a key store of the application.
///
/// ```
/// use countersign::key::{KeyMatch, KeyProvider, KeyQuery, MacKey};
///
/// /// Every device has a key of its own in a table.
/// struct Table(Vec<(Vec<u8>, MacKey)>);
///
/// impl KeyProvider for Table {
///     fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
///         let (_, key) = self.0.iter().find(|(uid, _)| uid == query.uid)?;
///         (query.slot.unwrap_or(0) == 0 && matches(key)).then_some(KeyMatch { slot: 0 })
///     }
///
///     fn is_per_device(&self) -> bool {
///         true
///     }
/// }
/// ```
#[doc(alias = "resolver")]
pub trait KeyProvider {
    /// Passes candidate keys to `matches` until it returns true, and returns the slot of that key.
    ///
    /// ```
    /// # use countersign::key::{KeyMatch, KeyProvider, KeyQuery, KeyRing, MacKey};
    /// # let mut ring = KeyRing::<_, 2>::new(0, MacKey::new(b"an obvious test key of 32 bytes!")?);
    /// # ring.insert(1, MacKey::new(b"another obvious test key, again!")?)?;
    /// ring.rotate_to(1)?;
    /// // The token names no slot: the current key is offered, then the previous one.
    /// let (query, mut offers) = (KeyQuery { slot: None, generation: 0, uid: b"dev-7" }, 0);
    /// let found = ring.find_key(&query, &mut |_| { offers += 1; offers == 2 });
    /// assert_eq!(found, Some(KeyMatch { slot: 0 }));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch>;

    /// Returns true if every uid has a key of its own, which a generation can replace.
    ///
    /// Only then does the verifier ask [`Revocations::min_generation`](crate::token::Revocations::min_generation).
    ///
    /// ```
    /// use countersign::key::{DeviceKeys, KeyProvider, KeyRing, MacKey, MasterKey};
    ///
    /// let shared = MacKey::new(b"an obvious test key of 32 bytes!")?;
    /// let master = MasterKey::new(b"another obvious test key, again!")?;
    /// assert!(!shared.is_per_device());
    /// assert!(DeviceKeys::new(KeyRing::<_, 1>::new(0, master), "acme")?.is_per_device());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    fn is_per_device(&self) -> bool;
}

/// A single key in slot 0, shared by all holders.
impl KeyProvider for MacKey {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        (query.slot.unwrap_or(0) == 0 && matches(self)).then_some(KeyMatch { slot: 0 })
    }

    fn is_per_device(&self) -> bool {
        false
    }
}

/// Keys by slot, shared by all holders.
impl<const N: usize> KeyProvider for KeyRing<MacKey, N> {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        self.candidates(query.slot).find(|(_, key)| matches(key)).map(|(slot, _)| KeyMatch { slot })
    }

    fn is_per_device(&self) -> bool {
        false
    }
}

impl<const N: usize> KeyProvider for DeviceKeys<'_, N> {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        self.masters
            .candidates(query.slot)
            .find(|(_, master)| {
                let derived = master.derive_key(self.realm, query.uid, query.generation);
                derived.is_ok_and(|key| matches(&key))
            })
            .map(|(slot, _)| KeyMatch { slot })
    }

    fn is_per_device(&self) -> bool {
        true
    }
}

impl<K: KeyProvider + ?Sized> KeyProvider for &K {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        (**self).find_key(query, matches)
    }

    fn is_per_device(&self) -> bool {
        (**self).is_per_device()
    }
}

/// Keys that several verifiers share.
#[cfg(feature = "std")]
impl<K: KeyProvider + ?Sized> KeyProvider for std::sync::Arc<K> {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        (**self).find_key(query, matches)
    }

    fn is_per_device(&self) -> bool {
        (**self).is_per_device()
    }
}

/// Keys that can be rotated while requests come in. A change counts from the next request on.
#[cfg(feature = "std")]
impl<K: KeyProvider> KeyProvider for std::sync::RwLock<K> {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).find_key(query, matches)
    }

    fn is_per_device(&self) -> bool {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).is_per_device()
    }
}
