//! The sessions of one user: listed, ended, and ended everywhere.

use super::error::SessionError;
use super::handle::Handle;
#[cfg(feature = "tower")]
use super::manager::MAX_TRIED;
use super::manager::SessionManager;
use super::record::Record;
use super::store::{RevocationEpoch, SessionStore, StoredSession};
use crate::UnixTime;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

/// A session in the list of its user's sessions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionInfo {
    /// Public name, to end the session by.
    pub handle: Handle,
    /// Label: see [`Session::set_label`](super::Session::set_label).
    pub label: String,
    /// Time of its start.
    pub created: UnixTime,
    /// Time of its last request, to within a fifth of the idle timeout.
    pub last_seen: UnixTime,
}

impl<S: SessionStore> SessionManager<S> {
    /// Sessions that are read at once where all of a user's are looked at.
    pub(super) const PAGE: usize = 100;

    /// Ends a session of this user. If another user has signed in in its place, that session ends. Returns false if none of them lives.
    ///
    /// A handle of another user's session ends nothing: handles are not secret.
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer.
    #[doc(alias = "logout")]
    pub async fn end_for_user(&self, user: &str, handle: Handle, now: UnixTime) -> Result<bool, SessionError> {
        Ok(self.pepper.user_hashes(user.as_bytes()).contains(&handle.user_hash())
            && self.end_session(handle, now).await?)
    }

    /// Ends any session, or the one that it became by a sign-in: for operators. Returns false if none of them lives.
    ///
    /// For a request of a user call [`end_for_user`](SessionManager::end_for_user).
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer.
    #[doc(alias = "logout")]
    pub async fn end_session(&self, handle: Handle, now: UnixTime) -> Result<bool, SessionError> {
        Ok(self.store.delete(handle, now).await?)
    }

    /// Ends what has become, by signing in, of the sessions that these cookies were of: they open none any more, but whoever has one was in it.
    /// False if nothing lived that has come of any. [`SessionError::Withheld`] once [`MAX_TRIED`] have ended and there are more: one of those may live.
    #[cfg(feature = "tower")]
    pub(crate) async fn end_by<'c>(
        &self,
        cookies: impl IntoIterator<Item = &'c [u8]>,
        now: UnixTime,
    ) -> Result<bool, SessionError> {
        // Handles are no secret: nobody signs out others by what he has made up.
        let mut handles: Vec<_> =
            cookies.into_iter().filter_map(|cookie| Some(self.issued(cookie)?.credential.handle())).collect();
        handles.sort_unstable();
        handles.dedup();
        let mut has_ended = false;
        for handle in handles.iter().take(MAX_TRIED) {
            has_ended |= self.end_session(*handle, now).await?;
        }
        if handles.len() > MAX_TRIED { Err(SessionError::Withheld) } else { Ok(has_ended) }
    }

    /// Ends all sessions of a user, except `except`. A `RevocationLayer` then also refuses the user's tokens and JWTs that were issued at or before the
    /// second of the returned epoch.
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer.
    #[doc(alias = "logout")]
    #[doc(alias = "revoke")]
    pub async fn end_all_for_user(
        &self,
        user: &str,
        except: Option<Handle>,
        now: UnixTime,
    ) -> Result<RevocationEpoch, SessionError> {
        let mut all = RevocationEpoch::default();
        for tag in self.pepper.user_hashes(user.as_bytes()) {
            all = all.and(self.store.revoke_user(tag, except, self.epoch_until(now), now).await?);
        }
        Ok(all)
    }

    /// Returns the last sign-out everywhere of a user.
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer.
    pub async fn last_revocation(&self, user: &[u8]) -> Result<RevocationEpoch, SessionError> {
        let mut all = RevocationEpoch::default();
        for tag in self.pepper.user_hashes(user) {
            all = all.and(self.store.epoch(tag).await?);
        }
        Ok(all)
    }

    /// Lists live sessions of a user, at most `limit` behind `after`: a page, in the order of handles. Each pepper costs one call of the store.
    ///
    /// ```
    /// # use countersign::UnixTime;
    /// # use countersign::session::store::{Budgets, MemoryStore};
    /// # use countersign::session::{Lifetimes, Pepper, SessionManager};
    /// # use futures_executor::block_on;
    /// # use std::time::Duration;
    /// # let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
    /// # let lifetimes = Lifetimes {
    /// #     idle: Duration::from_secs(1800),
    /// #     absolute: Duration::from_secs(43_200),
    /// #     renewal_grace: Duration::from_secs(10),
    /// #     max_token_age: Duration::ZERO,
    /// # };
    /// # let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
    /// # let sessions = SessionManager::new(store, pepper, lifetimes);
    /// # let now = UnixTime::now();
    /// for device in ["a phone", "a laptop", "a watch"] {
    ///     let mut session = sessions.start(now)?;
    ///     session.set_label(device);
    ///     let attempt = block_on(sessions.begin_sign_in("alice"))?;
    ///     block_on(sessions.sign_in(&mut session, &attempt, 1, now))?;
    /// }
    /// let first = block_on(sessions.list_for_user("alice", None, 2, now))?;
    /// let rest = block_on(sessions.list_for_user("alice", first.last().map(|listed| listed.handle), 2, now))?;
    /// assert_eq!((first.len(), rest.len()), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer.
    pub async fn list_for_user(
        &self,
        user: &str,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<SessionInfo>, SessionError> {
        let (mut listed, mut last) = (Vec::new(), after);
        while listed.len() < limit {
            let (page, next) = self.page_of(user, last, limit.saturating_sub(listed.len()), now).await?;
            listed.extend(page.into_iter().map(|(handle, record, entry)| self.listed(handle, *record, &entry)));
            // What cannot be read is passed over.
            let Some(next) = next else { break };
            last = Some(next);
        }
        Ok(listed)
    }

    fn listed(&self, handle: Handle, record: Record, entry: &StoredSession) -> SessionInfo {
        let last_seen = entry.content.deadlines.idle.as_secs().saturating_sub(self.lifetimes.idle.as_secs());
        let (label, created) = (record.label, record.created);
        SessionInfo { handle, label, created, last_seen: UnixTime::from_secs(last_seen).max(created) }
    }

    /// A page of the sessions of a user that can be read, and behind which handle the next one begins.
    pub(super) async fn page_of(
        &self,
        user: &str,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<(Vec<(Handle, Box<Record>, StoredSession)>, Option<Handle>), SessionError> {
        // A page is of one pepper's sessions: those of the next one begin with their first handle.
        let tags = self.pepper.user_hashes(user.as_bytes());
        let after = after.filter(|after| tags.contains(&after.user_hash()));
        let at = after.and_then(|after| tags.iter().position(|tag| *tag == after.user_hash())).unwrap_or(0);
        let Some(tag) = tags.get(at) else { return Ok((Vec::new(), None)) };
        let page = self.store.list_by_user(*tag, after, limit, now).await?;
        let last = page.last().map(|(handle, _)| *handle).filter(|_| page.len() == limit);
        let next = last.or_else(|| tags.get(at.saturating_add(1)).map(|tag| Handle::first_of(*tag)));
        // Nobody's is no user's, though it may have taken the handle of one that is over.
        let read = |(handle, entry): (Handle, StoredSession)| {
            let record = Record::decode(&entry.content.bytes).filter(|record| record.user.is_some())?;
            Some((handle, record, entry))
        };
        Ok((page.into_iter().filter_map(read).collect(), next))
    }
}
