//! Keys by slot, with one current and at most one previous slot.

use crate::{Error, Result};

/// Up to `N` keys by slot number, one of which is the current key.
///
/// To rotate without rejecting valid tokens, [`insert`](KeyRing::insert) the new key on every verifier, then call
/// [`rotate_to`](KeyRing::rotate_to), and [`retire`](KeyRing::retire) the old slot once the last token of its key has
/// expired.
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

    /// Creates a key ring of one key, in the slot (0 to 255) that tokens name as `k`.
    ///
    /// ```
    /// use countersign::key::{KeyRing, MacKey};
    ///
    /// let ring = KeyRing::<_, 1>::new(7, MacKey::new(b"an obvious test key of 32 bytes!")?);
    /// assert_eq!((ring.current().0, ring.previous()), (7, None));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn new(slot: u8, key: K) -> Self {
        let () = Self::HAS_A_PLACE;
        Self { current: (slot, key), others: heapless::Vec::new(), previous: None }
    }

    /// Adds a key that verifies tokens of its slot.
    ///
    /// ```
    /// use countersign::{Error, key::{KeyRing, MacKey}};
    ///
    /// let key = || MacKey::new(b"an obvious test key of 32 bytes!");
    /// let mut ring = KeyRing::<_, 2>::new(0, key()?);
    /// assert_eq!(ring.insert(0, key()?), Err(Error::SlotTaken)); // never overwritten
    /// ring.insert(1, key()?)?;
    /// assert_eq!(ring.insert(2, key()?), Err(Error::KeyRingFull));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SlotTaken`] if the slot has a key, [`Error::KeyRingFull`] if the key ring has `N` keys.
    pub fn insert(&mut self, slot: u8, key: K) -> Result<()> {
        if self.get(slot).is_some() {
            return Err(Error::SlotTaken);
        }
        if self.others.len().saturating_add(1) >= N {
            return Err(Error::KeyRingFull);
        }
        self.others.push((slot, key)).map_err(|_| Error::KeyRingFull)
    }

    /// Makes the key of `slot` the current one. The current slot becomes the previous one.
    ///
    /// Nothing changes if `slot` is the current one already.
    ///
    /// ```
    /// # use countersign::{Error, key::{KeyRing, MacKey}};
    /// # let mut ring = KeyRing::<_, 2>::new(0, MacKey::new(b"an obvious test key of 32 bytes!")?);
    /// # ring.insert(1, MacKey::new(b"another obvious test key, again!")?)?;
    /// ring.rotate_to(1)?;
    /// assert_eq!((ring.current().0, ring.previous()), (1, Some(0)));
    /// ring.rotate_to(0)?; // and back, if it was too soon
    /// assert_eq!((ring.current().0, ring.previous()), (0, Some(1)));
    /// assert_eq!(ring.rotate_to(9), Err(Error::SlotUnknown));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SlotUnknown`] if the slot has no key.
    pub fn rotate_to(&mut self, slot: u8) -> Result<()> {
        if slot == self.current.0 {
            return Ok(());
        }
        let next = self.others.iter_mut().find(|(other, _)| *other == slot).ok_or(Error::SlotUnknown)?;
        core::mem::swap(&mut self.current, next);
        self.previous = Some(next.0);
        Ok(())
    }

    /// Drops the key of a slot.
    ///
    /// ```
    /// # use countersign::{Error, key::{KeyRing, MacKey}};
    /// # let mut ring = KeyRing::<_, 2>::new(0, MacKey::new(b"an obvious test key of 32 bytes!")?);
    /// # ring.insert(1, MacKey::new(b"another obvious test key, again!")?)?;
    /// assert_eq!(ring.retire(0), Err(Error::SlotUnknown)); // it signs: rotate first
    /// ring.rotate_to(1)?;
    /// ring.retire(0)?;
    /// assert!(ring.get(0).is_none());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SlotUnknown`] if the slot has no key or is the current one.
    pub fn retire(&mut self, slot: u8) -> Result<()> {
        let index = self.others.iter().position(|(other, _)| *other == slot).ok_or(Error::SlotUnknown)?;
        // Dropped where it lies: moved out, it would leave its bytes behind.
        let last = self.others.len().saturating_sub(1);
        self.others.swap(index, last);
        self.others.truncate(last);
        if self.previous == Some(slot) {
            self.previous = None;
        }
        Ok(())
    }

    /// Returns the current slot and its key, which signs.
    ///
    /// ```
    /// # use countersign::{Error, UnixTime, key::{KeyRing, MacKey}, token::{Profile, TokenBuilder}};
    /// # let profile = Profile::new("mqtt")?;
    /// # let ring = KeyRing::<_, 2>::new(3, MacKey::new(b"an obvious test key of 32 bytes!")?);
    /// let (slot, key) = ring.current();
    /// let builder = TokenBuilder::time(b"alice", UnixTime::from_secs(1_767_225_600)).key_slot(slot);
    /// assert!(builder.mint_text_heapless::<64>(&profile, key)?.contains(".k_3."));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn current(&self) -> (u8, &K) {
        (self.current.0, &self.current.1)
    }

    /// Returns the slot that was current before the last rotation, unless it was retired.
    ///
    /// ```
    /// # use countersign::key::{KeyRing, MacKey};
    /// # let mut ring = KeyRing::<_, 2>::new(0, MacKey::new(b"an obvious test key of 32 bytes!")?);
    /// ring.insert(1, MacKey::new(b"another obvious test key, again!")?)?;
    /// assert_eq!(ring.previous(), None);
    /// ring.rotate_to(1)?;
    /// assert_eq!(ring.previous(), Some(0)); // tokens that name no slot may still be under it
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub const fn previous(&self) -> Option<u8> {
        self.previous
    }

    /// Returns the key of a slot.
    ///
    /// ```
    /// # use countersign::key::{KeyRing, MacKey};
    /// let ring = KeyRing::<_, 2>::new(0, MacKey::new(b"an obvious test key of 32 bytes!")?);
    /// assert!(ring.get(0).is_some());
    /// assert!(ring.get(1).is_none());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn get(&self, slot: u8) -> Option<&K> {
        if slot == self.current.0 {
            return Some(&self.current.1);
        }
        self.others.iter().find(|(other, _)| *other == slot).map(|(_, key)| key)
    }

    /// The keys that a token may have been signed with, best guess first ([FORMAT section 5](crate::docs::format#5-verifying) step 3): the named slot and
    /// no other, or the current and then the previous one.
    pub(super) fn candidates(&self, named: Option<u8>) -> impl Iterator<Item = (u8, &K)> {
        let (first, second) = match named {
            Some(slot) => (Some(slot), None),
            None => (Some(self.current.0), self.previous),
        };
        first.into_iter().chain(second).filter_map(|slot| self.get(slot).map(|key| (slot, key)))
    }
}
