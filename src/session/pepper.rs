//! The server's secret key for credentials, and the values derived with it.

use super::credential::{Credential, FORM_TOKEN_LEN, MARK, MARKED, RANDOM, SEAL, UserHash, VERIFIER, VerifierMac};
use super::handle::{Handle, TAG};
use crate::bytes::copy;
use crate::constant_time;
use crate::cursor::Sink;
use crate::encoding::base64url_encode_secret;
use crate::key::MacKey;
use core::fmt;
use std::boxed::Box;
use std::vec::Vec;
use zeroize::Zeroizing;

/// The server's secret key for credentials. Without it, a dump of the store yields no valid cookie.
///
/// An attacker who can write to the store can change the data of sessions, but cannot sign in to one.
///
/// To rotate it, use [`with_accepted`](Pepper::with_accepted).
///
/// ```
/// use countersign::session::Pepper;
///
/// let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// assert_eq!(pepper.user_hash(b"alice"), pepper.user_hash(b"alice"));
/// assert_ne!(pepper.user_hash(b"alice"), pepper.user_hash(b"bob"));
/// assert_eq!(format!("{pepper:?}"), "Pepper");
/// # Ok::<(), countersign::Error>(())
/// ```
#[doc(alias = "hmac")]
pub struct Pepper {
    current: MacKey,
    /// One more, of which counts what it has issued.
    accepted: Option<Box<Self>>,
}

impl Pepper {
    /// Prepares a pepper from exactly 32 random bytes.
    ///
    /// # Errors
    /// [`Error::KeyLength`](crate::Error::KeyLength) if `bytes` is not 32 bytes long,
    /// [`Error::KeyRepeated`](crate::Error::KeyRepeated) if all of them are the same.
    pub fn new(bytes: &[u8]) -> crate::Result<Self> {
        Ok(Self { current: MacKey::new(bytes)?, accepted: None })
    }

    /// Accepts credentials of another pepper as well: the previous or the next one. New credentials use this one.
    ///
    /// To change a pepper while servers run: let all servers accept the next one, then use the next one everywhere and
    /// accept the previous one. Drop the previous one once the absolute deadline of its sessions has passed, and the
    /// life of the longest token or JWT that carries an epoch. While servers differ, some may refuse such a token if
    /// its user was ever signed out everywhere.
    ///
    /// Each further pepper costs one more call of the store for a list, for a sign-out everywhere, and for reading an
    /// epoch. Form tokens of an accepted pepper are accepted too.
    ///
    /// ```
    /// # use countersign::UnixTime;
    /// # use futures_executor::block_on;
    /// # use countersign::session::{Lifetimes, Pepper, SessionManager};
    /// # use countersign::session::store::{Budgets, MemoryStore};
    /// # use std::time::Duration;
    /// # use std::sync::Arc;
    /// # let lifetimes = Lifetimes {
    /// #     idle: Duration::from_secs(1800),
    /// #     absolute: Duration::from_secs(43_200),
    /// #     renewal_grace: Duration::from_secs(10),
    /// #     max_token_age: Duration::ZERO,
    /// # };
    /// # let budgets = Budgets { anonymous: 1 << 20, signed_in: 1 << 20 };
    /// # let (store, now) = (Arc::new(MemoryStore::new(budgets)), UnixTime::now());
    /// let of_2026 = Pepper::new(b"an obvious test key of 32 bytes!")?;
    /// let sessions = SessionManager::new(Arc::clone(&store), of_2026, lifetimes);
    /// let mut session = sessions.start(now)?;
    /// block_on(sessions.save(&mut session, now))?;
    ///
    /// let of_2027 = Pepper::new(b"and another one that is as long.")?
    ///     .with_accepted(b"an obvious test key of 32 bytes!")?;
    /// let sessions = SessionManager::new(store, of_2027, lifetimes);
    /// assert!(block_on(sessions.load([session.cookie_value().as_bytes()], now))?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyLength`](crate::Error::KeyLength) if `bytes` is not 32 bytes long,
    /// [`Error::KeyRepeated`](crate::Error::KeyRepeated) if all of them are the same.
    pub fn with_accepted(mut self, bytes: &[u8]) -> crate::Result<Self> {
        let mut last = &mut self.accepted;
        while let Some(pepper) = last {
            last = &mut pepper.accepted;
        }
        *last = Some(Box::new(Self::new(bytes)?));
        Ok(self)
    }

    /// Returns the hash of a user, which all sessions of the user share.
    #[must_use]
    pub fn user_hash(&self, user: &[u8]) -> UserHash {
        tag_under(&self.current, user)
    }

    fn keys(&self) -> impl Iterator<Item = &MacKey> {
        core::iter::successors(Some(self), |pepper| pepper.accepted.as_deref()).map(|pepper| &pepper.current)
    }

    /// The tags that sessions of a user may have, the present one first.
    pub(super) fn user_hashes(&self, user: &[u8]) -> Vec<UserHash> {
        let mut tags = Vec::new();
        for tag in self.keys().map(|key| tag_under(key, user)) {
            // The same pepper may be named twice.
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }

    /// A form token: bound to the session, the same through all renewals, another one once somebody signs in.
    #[must_use]
    pub(super) fn form_token(&self, handle: Handle, generation: u16) -> [u8; FORM_TOKEN_LEN] {
        form_token_under(&self.current, handle, generation)
    }

    /// True for a form token of that session. In constant time.
    pub(super) fn verify_form_token(&self, handle: Handle, generation: u16, token: &[u8]) -> bool {
        self.keys().any(|key| constant_time::eq(&form_token_under(key, handle, generation), token))
    }

    /// The credential that a sign-in of this user makes of another one under this handle, without a mark: whoever asks with the same gets the same,
    /// and nobody can tell it from the other one without the pepper.
    pub(super) fn derive(&self, from: &Credential, handle: Handle, user: &[u8]) -> Credential {
        let mac = self.current.tag_of(|mac| {
            mac.put(b"countersign session next");
            mac.put(&from.handle.0);
            mac.put(from.verifier.as_slice());
            mac.put(&handle.0);
            mac.put(user);
        });
        let mut credential = Credential { handle, verifier: Zeroizing::new([0; VERIFIER]) };
        copy(mac.as_bytes().get(..RANDOM).unwrap_or_default(), credential.verifier.as_mut_slice());
        credential
    }

    /// Makes a credential one of this pepper's, of so many sign-ins under its handle before; and what a record keeps of it.
    pub(super) fn issue(&self, mut credential: Credential, generation: u16) -> (Credential, VerifierMac) {
        copy(&generation.to_be_bytes(), credential.verifier.get_mut(MARKED..).unwrap_or_default());
        let (mark, sealed) = mark_and_seal(&self.current, &credential);
        copy(&mark, credential.verifier.get_mut(RANDOM..).unwrap_or_default());
        (credential, sealed)
    }

    /// What a record would keep of a credential that was issued, whether it still counts or not: nobody can have guessed it. `None` for any other. In
    /// constant time for each pepper.
    pub(super) fn recognise(&self, credential: &Credential) -> Option<VerifierMac> {
        let mark = credential.verifier.get(RANDOM..MARKED).unwrap_or_default();
        let mut sealed = self.keys().map(|key| mark_and_seal(key, credential));
        sealed.find(|(own, _)| constant_time::eq(own, mark)).map(|(_, sealed)| sealed)
    }

    /// Returns the MAC of a credential's verifier, which the record keeps.
    #[must_use]
    pub fn verifier_mac(&self, credential: &Credential) -> VerifierMac {
        self.recognise(credential).unwrap_or_else(|| mark_and_seal(&self.current, credential).1)
    }
}

/// One MAC of what is random in a credential: its first part goes into the cookie, the rest into the record. Neither tells the other.
fn mark_and_seal(key: &MacKey, credential: &Credential) -> ([u8; MARK], VerifierMac) {
    let mac = key.tag_of(|mac| {
        // The labels differ in front of anything that is chosen: no user's name reads as a credential. With this one all fits into one block of
        // SHA-256, as every request pays for it.
        mac.put(b"ver");
        mac.put(&credential.handle.0);
        mac.put(credential.verifier.get(..RANDOM).unwrap_or_default());
        mac.put(&credential.generation().to_be_bytes());
    });
    let (mut mark, mut sealed) = ([0; MARK], [0; SEAL]);
    copy(mac.as_bytes(), &mut mark);
    copy(mac.as_bytes().get(MARK..).unwrap_or_default(), &mut sealed);
    (mark, VerifierMac::from_bytes(sealed))
}

fn tag_under(key: &MacKey, user: &[u8]) -> UserHash {
    let mac = key.tag_of(|mac| {
        mac.put(b"countersign session user");
        mac.put(user);
    });
    let mut tag = [0; TAG];
    copy(mac.as_bytes(), &mut tag);
    UserHash(tag)
}

fn form_token_under(key: &MacKey, handle: Handle, generation: u16) -> [u8; FORM_TOKEN_LEN] {
    let mac = key.tag_of(|mac| {
        mac.put(b"countersign session form");
        mac.put(&generation.to_be_bytes());
        mac.put(&handle.0);
    });
    let mut text = [0; FORM_TOKEN_LEN];
    base64url_encode_secret(mac.as_bytes(), &mut text);
    text
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}
