//! Device keys, derived from a master key with HKDF-Expand-SHA-256 in one block ([FORMAT section 6](crate::docs::format#6-device-keys); RFC 5869 section
//! 2.3).

use super::{KeyBytes, KeyRing, KeyRole, KeyText, MacKey};
use crate::Result;
use crate::cursor::Sink;
use crate::rules;
use core::fmt;

/// The master key of a realm, held by the factory and the server alone. It derives device keys and signs nothing.
///
/// ```
/// use countersign::key::MasterKey;
///
/// let master = MasterKey::new(b"an obvious test key of 32 bytes!")?;
/// let burnt_in = master.derive_key_bytes("acme", b"dev-0123456789ab", 0)?;
/// assert_eq!(burnt_in.expose_secret().len(), 32);
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "hkdf")]
#[doc(alias = "kdf")]
pub struct MasterKey(MacKey);

impl MasterKey {
    /// Prepares a master key from exactly 32 bytes.
    ///
    /// ```
    /// use countersign::{Error, key::MasterKey};
    ///
    /// assert!(MasterKey::new(b"an obvious test key of 32 bytes!").is_ok());
    /// assert_eq!(MasterKey::new(&[0xff; 32]).unwrap_err(), Error::KeyRepeated); // erased flash
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyLength`](crate::Error::KeyLength) if `bytes` is not 32 bytes long,
    /// [`Error::KeyRepeated`](crate::Error::KeyRepeated) if all of them are the same.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        MacKey::new(bytes).map(Self)
    }

    /// Prepares a master key from checked bytes.
    ///
    /// ```
    /// use countersign::key::{KeyBytes, MasterKey};
    ///
    /// let secret = KeyBytes::new(b"an obvious test key of 32 bytes!")?;
    /// let (read, typed) = (MasterKey::from_key_bytes(&secret)?, MasterKey::new(b"an obvious test key of 32 bytes!")?);
    /// let device_key = |master: &MasterKey| master.derive_key_bytes("acme", b"dev-7", 0);
    /// assert_eq!(device_key(&read)?.expose_secret(), device_key(&typed)?.expose_secret());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// Never fails at present, as [`MacKey::from_key_bytes`].
    pub fn from_key_bytes(bytes: &KeyBytes) -> Result<Self> {
        MacKey::from_key_bytes(bytes).map(Self)
    }

    /// Reads the key text of a master key, and returns its slot and the prepared key.
    ///
    /// ```
    /// use countersign::{Error, key::MasterKey};
    ///
    /// let (slot, _master) = MasterKey::from_key_text(b"csk1m_0_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEc0a24a")?;
    /// assert_eq!(slot, 0);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyTextSyntax`](crate::Error::KeyTextSyntax) if `text` is no key text,
    /// [`Error::KeyTextRole`](crate::Error::KeyTextRole) if it is the key text of a device,
    /// [`Error::KeyTextChecksum`](crate::Error::KeyTextChecksum) if it was mistyped,
    /// [`Error::KeyRepeated`](crate::Error::KeyRepeated) if the key is a placeholder.
    pub fn from_key_text(text: &[u8]) -> Result<(u8, Self)> {
        let KeyText { slot, key, .. } = KeyText::parse(KeyRole::Master, text)?;
        Ok((slot, Self::from_key_bytes(&key)?))
    }

    /// Derives the key of a device as bytes, for the factory that writes them into the device.
    ///
    /// `realm` is 1 to 32 bytes of `[a-z0-9._/-]`. `uid` is 1 to 64 bytes. `generation` counts the replacements of the
    /// device's key from 0.
    ///
    /// ```
    /// use countersign::key::{KeyRole, KeyText, MasterKey};
    ///
    /// let master = MasterKey::new(b"an obvious test key of 32 bytes!")?;
    /// let first = master.derive_key_bytes("acme", b"dev-7", 0)?;
    /// let replacement = master.derive_key_bytes("acme", b"dev-7", 1)?;
    /// assert_ne!(first.expose_secret(), replacement.expose_secret());
    /// assert_ne!(first.expose_secret(), master.derive_key_bytes("other", b"dev-7", 0)?.expose_secret());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName) if the realm breaks its limit,
    /// [`Error::UidLength`](crate::Error::UidLength) if the uid does.
    pub fn derive_key_bytes(&self, realm: &str, uid: &[u8], generation: u32) -> Result<KeyBytes> {
        rules::check_name(realm)?;
        rules::check_uid(uid)?;
        let tag = self.0.tag_of(|mac| {
            // K is no token kind, so a derivation never equals a MAC input.
            mac.put(b"CSv1K");
            mac.put_len8(realm.as_bytes());
            mac.put_len8(uid);
            mac.put(&generation.to_be_bytes());
            mac.put(&[0x01]);
        });
        KeyBytes::new(tag.as_bytes())
    }

    /// Derives the key of a device, prepared for the server that verifies its tokens.
    ///
    /// ```
    /// # use countersign::{Error, UnixTime, key::{MacKey, MasterKey}, token::{Profile, TokenBuilder}};
    /// # let (profile, now) = (Profile::new("mqtt")?, UnixTime::from_secs(1_767_225_600));
    /// let master = MasterKey::new(b"an obvious test key of 32 bytes!")?;
    /// let on_the_server = master.derive_key("acme", b"dev-7", 0)?;
    /// let in_the_device = MacKey::from_key_bytes(&master.derive_key_bytes("acme", b"dev-7", 0)?)?;
    /// let mint = |key| TokenBuilder::time(b"dev-7", now).mint_text_heapless::<64>(&profile, key);
    /// assert_eq!(mint(&on_the_server), mint(&in_the_device));
    /// assert_eq!(master.derive_key("Acme", b"dev-7", 0).unwrap_err(), Error::InvalidName);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName) if the realm is not 1 to 32 bytes of `[a-z0-9._/-]`,
    /// [`Error::UidLength`](crate::Error::UidLength) if the uid is not 1 to 64 bytes.
    pub fn derive_key(&self, realm: &str, uid: &[u8], generation: u32) -> Result<MacKey> {
        MacKey::from_key_bytes(&self.derive_key_bytes(realm, uid, generation)?)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Keys of all devices of a realm, derived from master keys on demand. The server keeps no table of device keys.
///
/// ```
/// use countersign::key::{DeviceKeys, KeyProvider, KeyQuery, KeyRing, MasterKey};
///
/// let masters = KeyRing::<_, 1>::new(0, MasterKey::new(b"an obvious test key of 32 bytes!")?);
/// let keys = DeviceKeys::new(masters, "acme")?;
/// // A device that is new to the server has a key all the same.
/// let query = KeyQuery { slot: Some(0), generation: 0, uid: b"dev-new" };
/// assert!(keys.find_key(&query, &mut |_derived| true).is_some());
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Debug)]
pub struct DeviceKeys<'a, const N: usize> {
    pub(super) masters: KeyRing<MasterKey, N>,
    pub(super) realm: &'a str,
}

impl<'a, const N: usize> DeviceKeys<'a, N> {
    /// Combines a key ring of master keys with a realm.
    ///
    /// ```
    /// use countersign::{Error, key::{DeviceKeys, KeyRing, MasterKey}};
    ///
    /// let masters = KeyRing::<_, 1>::new(0, MasterKey::new(b"an obvious test key of 32 bytes!")?);
    /// assert_eq!(DeviceKeys::new(masters, "Acme Sensors").unwrap_err(), Error::InvalidName);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName) if the realm is not 1 to 32 bytes of `[a-z0-9._/-]`.
    pub fn new(masters: KeyRing<MasterKey, N>, realm: &'a str) -> Result<Self> {
        rules::check_name(realm)?;
        Ok(Self { masters, realm })
    }

    /// Returns the key ring of master keys, to rotate it.
    ///
    /// ```
    /// use countersign::key::{DeviceKeys, KeyRing, MasterKey};
    ///
    /// # let first = MasterKey::new(b"an obvious test key of 32 bytes!")?;
    /// # let second = MasterKey::new(b"another obvious test key, again!")?;
    /// let mut keys = DeviceKeys::new(KeyRing::<_, 2>::new(0, first), "acme")?;
    /// keys.masters_mut().insert(1, second)?; // devices made from now on name slot 1
    /// assert!(keys.masters_mut().get(0).is_some()); // those in the field go on as they are
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn masters_mut(&mut self) -> &mut KeyRing<MasterKey, N> {
        &mut self.masters
    }
}
