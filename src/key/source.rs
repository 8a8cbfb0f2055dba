//! Where a verifier finds the key of a token (FORMAT section 5 step 3).

use super::{DeviceKeys, KeyRing, MacKey};

/// What a token says about its key: not yet authenticated.
#[derive(Clone, Copy, Debug)]
pub struct KeyQuery<'a> {
    /// The slot that the token names (`k`).
    pub slot: Option<u8>,
    /// The generation to derive with: the token's `g`, else the revocation map's.
    pub generation: u32,
    /// Who the token is for, 1 to 64 bytes.
    pub uid: &'a [u8],
}

/// The key that fitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyMatch {
    /// Its slot.
    pub slot: u8,
}

/// A place to look for the key of a token: one [`MacKey`], a [`KeyRing`], [`DeviceKeys`], or your own key store.
///
/// ```
/// use countersign::key::{KeyMatch, KeyQuery, KeySource, MacKey};
///
/// /// Every device has a key of its own in a table.
/// struct Table(Vec<(Vec<u8>, MacKey)>);
///
/// impl KeySource for Table {
///     fn find(&self, query: &KeyQuery<'_>, fits: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
///         let (_, key) = self.0.iter().find(|(uid, _)| uid == query.uid)?;
///         (query.slot.unwrap_or(0) == 0 && fits(key)).then_some(KeyMatch { slot: 0 })
///     }
/// }
/// ```
pub trait KeySource {
    /// Offers candidate keys to `fits` until it says yes, and tells which it was.
    fn find(&self, query: &KeyQuery<'_>, fits: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch>;

    /// True if every uid has a key of its own that a generation can replace. Then, and only then, the revocation map's generation counts.
    fn per_device(&self) -> bool {
        false
    }
}

/// One key in slot 0.
impl KeySource for MacKey {
    fn find(&self, query: &KeyQuery<'_>, fits: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        (query.slot.unwrap_or(0) == 0 && fits(self)).then_some(KeyMatch { slot: 0 })
    }
}

/// Keys that every holder shares.
impl<const N: usize> KeySource for KeyRing<MacKey, N> {
    fn find(&self, query: &KeyQuery<'_>, fits: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        self.candidates(query.slot).find(|(_, key)| fits(key)).map(|(slot, _)| KeyMatch { slot })
    }
}

impl<const N: usize> KeySource for DeviceKeys<'_, N> {
    fn find(&self, query: &KeyQuery<'_>, fits: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        self.masters
            .candidates(query.slot)
            .find(|(_, master)| {
                let derived = master.derive(self.realm, query.uid, query.generation);
                derived.is_ok_and(|key| fits(&key))
            })
            .map(|(slot, _)| KeyMatch { slot })
    }

    fn per_device(&self) -> bool {
        true
    }
}

impl<K: KeySource + ?Sized> KeySource for &K {
    fn find(&self, query: &KeyQuery<'_>, fits: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        (**self).find(query, fits)
    }

    fn per_device(&self) -> bool {
        (**self).per_device()
    }
}
