//! Keys by slot, with one current and at most one previous slot.

use crate::{Error, Result};

/// Up to `N` keys by slot number. There is always a current one.
///
/// Rotation without a gap: [`insert`](KeyRing::insert) the new key on every verifier, then [`rotate_to`](KeyRing::rotate_to) it, and
/// [`retire`](KeyRing::retire) the old slot when the last token under it has expired.
///
/// ```
/// use countersign::key::{KeyRing, MacKey};
///
/// let mut ring = KeyRing::<_, 2>::new(0, MacKey::new(b"an obvious test key of 32 bytes!")?);
/// ring.insert(1, MacKey::new(b"another obvious test key, again!")?)?;
/// ring.rotate_to(1)?;
/// assert_eq!((ring.current().0, ring.previous()), (1, Some(0)));
/// ring.retire(0)?;
/// assert_eq!(ring.previous(), None);
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Debug)]
pub struct KeyRing<K, const N: usize> {
    current: (u8, K),
    others: heapless::Vec<(u8, K), N>,
    previous: Option<u8>,
}

impl<K, const N: usize> KeyRing<K, N> {
    const HAS_A_PLACE: () = assert!(N > 0, "a key ring has at least one place");

    /// A ring of one key, in the slot (0 to 255) that tokens name as `k`.
    #[must_use]
    pub const fn new(slot: u8, key: K) -> Self {
        let () = Self::HAS_A_PLACE;
        Self { current: (slot, key), others: heapless::Vec::new(), previous: None }
    }

    /// Adds a key that verifies tokens that name its slot.
    ///
    /// # Errors
    /// [`Error::SlotTaken`] if the slot has a key, [`Error::RingFull`] if all `N` places are taken.
    pub fn insert(&mut self, slot: u8, key: K) -> Result<()> {
        if self.get(slot).is_some() {
            return Err(Error::SlotTaken);
        }
        if self.others.len().saturating_add(1) >= N {
            return Err(Error::RingFull);
        }
        self.others.push((slot, key)).map_err(|_| Error::RingFull)
    }

    /// Makes a slot the current one; the current one becomes the previous.
    ///
    /// # Errors
    /// [`Error::SlotUnknown`] if the slot has no key. Nothing changes when it is current already.
    pub fn rotate_to(&mut self, slot: u8) -> Result<()> {
        if slot == self.current.0 {
            return Ok(());
        }
        let next = self.others.iter_mut().find(|(other, _)| *other == slot).ok_or(Error::SlotUnknown)?;
        core::mem::swap(&mut self.current, next);
        self.previous = Some(next.0);
        Ok(())
    }

    /// Drops a key for good.
    ///
    /// # Errors
    /// [`Error::SlotUnknown`] if the slot has no key or is the current one.
    pub fn retire(&mut self, slot: u8) -> Result<()> {
        let index = self.others.iter().position(|(other, _)| *other == slot).ok_or(Error::SlotUnknown)?;
        self.others.swap_remove(index);
        if self.previous == Some(slot) {
            self.previous = None;
        }
        Ok(())
    }

    /// The slot and key that sign.
    #[must_use]
    pub const fn current(&self) -> (u8, &K) {
        (self.current.0, &self.current.1)
    }

    /// The slot that signed before the last rotation, if it is still here.
    #[must_use]
    pub const fn previous(&self) -> Option<u8> {
        self.previous
    }

    /// The key of a slot.
    #[must_use]
    pub fn get(&self, slot: u8) -> Option<&K> {
        if slot == self.current.0 {
            return Some(&self.current.1);
        }
        self.others.iter().find(|(other, _)| *other == slot).map(|(_, key)| key)
    }

    /// The keys that a token may have been signed with, best guess first (FORMAT section 5 step 3): the named slot and no other, or the
    /// current and then the previous one.
    pub(super) fn candidates(&self, named: Option<u8>) -> impl Iterator<Item = (u8, &K)> {
        let (first, second) = match named {
            Some(slot) => (Some(slot), None),
            None => (Some(self.current.0), self.previous),
        };
        first.into_iter().chain(second).filter_map(|slot| self.get(slot).map(|key| (slot, key)))
    }
}
