//! A session in a request.

use super::cookie_life::CookieLife;
use super::credential::{Credential, VerifierMac};
use super::data::{self, Data, Values};
use super::error::SessionError;
use super::handle::Handle;
use super::record::{Record, SignedInUser};
use super::store::{Deadlines, SessionContent, SessionKind, StoredSession};
use crate::UnixTime;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;
use zeroize::Zeroizing;

/// What a request has done to a session: kept, so that it can be done again on what another request has written.
pub(super) enum Change {
    Insert(String, Box<RawValue>),
    Remove(String),
    Update(Box<dyn Fn(&mut Values) + Send + Sync>),
    Label(String),
    CookieLife(CookieLife),
    /// From the verifier that counted to the next one, in a request that came with this one.
    Renewal {
        from: VerifierMac,
        to: VerifierMac,
        shown: VerifierMac,
        now: UnixTime,
    },
    /// This verifier was seen: those before it are over then, unless there is a newer one by now.
    Retirement {
        seen: VerifierMac,
        until: UnixTime,
    },
    /// What was too many beside it has ended.
    Arrival,
}

impl Change {
    /// False if it has left something out.
    fn apply(&self, record: &mut Record) -> bool {
        match self {
            Self::Update(update) => return record.data.update(update),
            Self::Insert(key, value) => record.data.insert(key, value),
            Self::Remove(key) => record.data.remove(key),
            Self::Label(label) => record.label.clone_from(label),
            Self::CookieLife(life) => record.cookie_life = Some(*life),
            // Nothing on top of another renewal: its verifier is in a browser already.
            Self::Renewal { from, to, shown, now } => record.renew(*from, *to, *shown, *now),
            Self::Retirement { seen, until } => record.retire(*seen, *until),
            Self::Arrival => record.is_arriving = false,
        }
        true
    }
}

/// A session in a request. Changes are made here first, and in the store by [`SessionManager::save`](super::SessionManager::save).
///
/// `Debug` shows the handle and none of the data.
pub struct Session {
    pub(super) credential: Credential,
    /// That of the request, if the session that it was of is over and this one may take its place.
    pub(super) origin: Option<Box<Credential>>,
    pub(super) record: Box<Record>,
    pub(super) deadlines: Deadlines,
    pub(super) changes: Vec<Change>,
    /// `None` before it was ever saved.
    pub(super) version: Option<u64>,
    epoch: u64,
    /// A new credential, and what a record keeps of it, until a save has told whether it counts: the call that made it may be dropped.
    pub(super) renewal: Option<Box<(Credential, VerifierMac)>>,
    has_new_cookie: bool,
    /// The store keeps that the browser is to keep the cookie for another time.
    has_new_cookie_life: bool,
    /// This request has pushed the idle deadline on.
    is_touched: bool,
    /// An update has made something that cannot be read again.
    has_misfit: bool,
    /// Something was given out that leads back to it: it is to be made, though nothing is in it.
    is_wanted: AtomicBool,
    /// Whether it may be made, if it is in no store yet.
    pub(super) making: Making,
}

/// The last sign-in of a session's user: see [`Session::last_sign_in`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SignIn {
    /// Time of the sign-in or step-up.
    pub at: UnixTime,
    /// Level of the sign-in, as the application numbers them.
    pub level: u8,
}

/// Whether a session that is in no store yet may be made: it may not take the place of one whose cookie nobody has seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Making {
    /// By whatever is written into it.
    Free,
    /// By a sign-in alone.
    #[cfg(feature = "tower")]
    SignIn,
    /// Not at all.
    Refused,
}

impl Session {
    /// What stands in for a session that was given back.
    #[cfg(feature = "tower")]
    pub(crate) fn blank() -> Self {
        let deadlines = Deadlines { idle: UnixTime::UNSET, absolute: UnixTime::UNSET };
        Self::unsaved(Credential::blank(), Record::blank(), deadlines)
    }

    /// True once the store keeps a credential that the browser has not.
    #[cfg(feature = "tower")]
    pub(crate) const fn has_new_cookie(&self) -> bool {
        self.has_new_cookie
    }

    /// True once the store keeps that the browser is to keep the cookie for another time.
    #[cfg(feature = "tower")]
    pub(crate) const fn has_new_cookie_life(&self) -> bool {
        self.has_new_cookie_life
    }

    /// True if this request has pushed the idle deadline on.
    #[cfg(feature = "tower")]
    pub(crate) const fn is_touched(&self) -> bool {
        self.is_touched
    }

    /// True before it was ever saved.
    #[cfg(feature = "tower")]
    pub(crate) const fn is_unsaved(&self) -> bool {
        self.version.is_none()
    }

    pub(super) const fn unsaved(credential: Credential, record: Box<Record>, deadlines: Deadlines) -> Self {
        let changes = Vec::new();
        Self {
            credential,
            origin: None,
            record,
            deadlines,
            changes,
            version: None,
            epoch: 0,
            renewal: None,
            has_new_cookie: false,
            has_new_cookie_life: false,
            is_touched: false,
            has_misfit: false,
            is_wanted: AtomicBool::new(false),
            making: Making::Free,
        }
    }

    /// Says whether it may be made.
    #[cfg(feature = "tower")]
    pub(crate) const fn made(mut self, making: Making) -> Self {
        self.making = making;
        self
    }

    pub(super) fn of_entry(credential: Credential, record: Box<Record>, entry: StoredSession) -> Self {
        let SessionContent { deadlines, epoch, .. } = entry.content;
        Self { version: Some(entry.version), epoch, ..Self::unsaved(credential, record, deadlines) }
    }

    /// As a session of a user, under another credential: with the same data, unless that is another user's.
    pub(super) fn for_user(
        &self,
        user: SignedInUser,
        credential: &Credential,
        sealed: VerifierMac,
        generation: u16,
        epoch: u64,
    ) -> Self {
        let mut record = self.record.clone();
        if record.user.as_ref().is_some_and(|before| before.name != user.name) {
            (record.data, record.label, record.cookie_life) = (Data::default(), String::new(), None);
        }
        (record.user, record.verifier, record.generation) = (Some(user), sealed, generation);
        record.sent_again = None;
        record.previous.clear();
        let has_misfit = self.has_misfit;
        Self { epoch, has_misfit, ..Self::unsaved(credential.duplicate(), record, self.deadlines) }
    }

    pub(super) fn content(&self) -> Result<SessionContent, SessionError> {
        if self.has_misfit {
            return Err(SessionError::Serialization);
        }
        let kind = if self.record.user.is_some() { SessionKind::SignedIn } else { SessionKind::Anonymous };
        Ok(SessionContent { kind, deadlines: self.deadlines, epoch: self.epoch, bytes: self.record.encode()? })
    }

    pub(super) fn saved(&mut self, version: u64) {
        self.has_new_cookie |= self.version.is_none();
        self.version = Some(version);
        self.has_new_cookie_life |= self.changes.iter().any(|change| matches!(change, Change::CookieLife(_)));
        self.changes.clear();
        // Where another request was faster, its verifier is the new one, and this one's counts until the grace is over.
        if let Some(renewal) = self.renewal.take()
            && self.record.verifier == renewal.1
        {
            self.credential = renewal.0;
            self.has_new_cookie = true;
        }
    }

    /// Notes that what was read of another request was written again, and that its cookie goes with this answer, too.
    pub(super) fn made_anew(&mut self, version: u64) {
        self.saved(version);
        self.has_new_cookie = true;
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// True if nothing is to be written but what the browser has shown by itself, which the next request can do as well.
    #[cfg(feature = "tower")]
    pub(crate) fn is_only_seen(&self) -> bool {
        self.version.is_some() && self.changes.iter().all(|change| matches!(change, Change::Retirement { .. }))
    }

    /// What was too many beside it has ended.
    pub(super) fn has_arrived(&mut self) {
        self.change(Change::Arrival);
    }

    /// Puts the changes of this request on top of what another one has written.
    pub(super) fn rebase(&mut self, record: Box<Record>, entry: StoredSession) {
        self.record = record;
        let changes = core::mem::take(&mut self.changes);
        self.make_again(&changes);
        self.changes = changes;
        let SessionContent { deadlines, epoch, .. } = entry.content;
        (self.deadlines, self.epoch, self.version) = (deadlines, epoch, Some(entry.version));
    }

    /// Makes these changes on what the record is now.
    pub(super) fn make_again(&mut self, changes: &[Change]) {
        for change in changes {
            self.has_misfit |= !change.apply(&mut self.record);
        }
    }

    pub(super) const fn touched(&mut self, idle: UnixTime) {
        (self.deadlines.idle, self.is_touched) = (idle, true);
    }

    pub(super) fn change(&mut self, change: Change) {
        self.has_misfit |= !change.apply(&mut self.record);
        self.changes.push(change);
    }

    /// Returns the public name of the session: for logs, and to end it by.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        self.credential.handle()
    }

    /// Returns the value of the session's cookie, [`CREDENTIAL_LEN`](super::credential::CREDENTIAL_LEN) characters. It is a secret, and wiped on drop.
    #[must_use]
    pub fn cookie_value(&self) -> Zeroizing<String> {
        self.credential.to_cookie_value()
    }

    /// Returns the signed-in user, `None` in an anonymous session.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.record.user.as_ref().map(|user| user.name.as_str())
    }

    /// Returns the time and the level of the last sign-in, `None` in an anonymous session. A sign-in at a lower level lowers it.
    #[must_use]
    pub fn last_sign_in(&self) -> Option<SignIn> {
        self.record.user.as_ref().map(|user| SignIn { at: user.at, level: user.level })
    }

    /// Returns the time of the start.
    #[must_use]
    pub const fn created(&self) -> UnixTime {
        self.record.created
    }

    /// Returns the deadlines.
    #[must_use]
    pub const fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// Returns true if [`save`](super::SessionManager::save) has something to write.
    #[must_use]
    pub fn is_modified(&self) -> bool {
        !self.changes.is_empty() || self.version.is_none() && self.is_wanted.load(Ordering::Relaxed)
    }

    /// Has it made, if it is in no store yet, for what was given out.
    pub(super) fn want(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// Sets the label of the session in the list of its user's sessions: a device or a place, for example.
    pub fn set_label(&mut self, label: &str) {
        self.change(Change::Label(label.into()));
    }

    /// Sets how long the browser keeps this session's cookie: "remember me", or not.
    ///
    /// The setting stays through renewals and sign-ins of the same user. Call this after [`sign_in`](super::SessionManager::sign_in): another user has the
    /// default again.
    pub fn set_cookie_life(&mut self, life: CookieLife) {
        if self.record.cookie_life != Some(life) {
            self.change(Change::CookieLife(life));
        }
    }

    /// Returns how long the browser keeps the cookie, `None` if [`set_cookie_life`](Session::set_cookie_life) was not called.
    #[must_use]
    pub const fn cookie_life(&self) -> Option<CookieLife> {
        self.record.cookie_life
    }

    /// Returns a value of the application, `None` if there is none of this name.
    ///
    /// # Errors
    /// [`SessionError::Serialization`] if the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        self.record.data.get(key)
    }

    /// Sets a value of the application. All values together have room in [`MAX_RECORD_LEN`](super::MAX_RECORD_LEN) bytes of JSON.
    ///
    /// # Errors
    /// [`SessionError::Serialization`] if the value cannot be JSON.
    pub fn insert<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), SessionError> {
        self.change(Change::Insert(key.into(), data::text(value)?));
        Ok(())
    }

    /// Removes a value and returns it: for messages that are shown once, for example.
    ///
    /// # Errors
    /// [`SessionError::Serialization`] if the value is not a `T`: then it stays.
    pub fn remove<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, SessionError> {
        let value = self.get(key)?;
        if value.is_some() {
            self.remove_value(key);
        }
        Ok(value)
    }

    /// Removes a value of any type.
    pub fn remove_value(&mut self, key: &str) {
        self.change(Change::Remove(key.into()));
    }

    /// Changes values by a function of the present ones: a counter or a list, for example.
    ///
    /// The function runs again on the data that another request has written meanwhile, so that no change is lost. Values that it does not change stay as
    /// they are. A value that is nested too deeply to be read again makes the save fail with [`SessionError::Serialization`].
    pub fn update(&mut self, update: impl Fn(&mut BTreeMap<String, Value>) + Send + Sync + 'static) {
        self.change(Change::Update(Box::new(update)));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("handle", &self.handle()).finish_non_exhaustive()
    }
}
