//! The session of a request, in its handler.

use super::layer_state::LayerState;
use super::lazy::{LazySession, LazySessionError, SlotInner, State};
use crate::session::store::DynStore;
use crate::session::{Handle, Session, SessionError, SessionInfo, SessionManager, SignInAttempt};
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::pin::pin;
use core::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::vec::Vec;

/// The session of a request, in its handler.
///
/// The layer writes the changes before the headers of the response leave, whatever its status. A request has one `CurrentSession` at a time, and a drop
/// gives it back. Changes that are made after the handler has returned, in a spawned task or a streaming body, are not written.
///
/// All calls together keep the deadline of the [`SessionLayer`](super::SessionLayer).
#[doc(alias = "AuthSession")]
pub struct CurrentSession {
    /// `None` only once it has ended.
    session: Option<Session>,
    slot: LazySession,
}

impl LazySession {
    /// Opens the session of the request's cookie, or starts a new one. A new session is in no store before a handler changes it.
    ///
    /// # Errors
    /// [`LazySessionError::InUse`] if the request has it open already. [`LazySessionError::FormTokenRequired`] if only a form token can open it.
    /// [`LazySessionError::Session`] if the store does not answer in time: no session is started in its place.
    pub fn open(&self) -> impl Future<Output = Result<CurrentSession, LazySessionError>> + Send {
        self.take_current(!self.0.needs_token)
    }

    /// Opens the session for a form whose hidden field has this token ([`form_token`](crate::session::SessionManager::form_token)): for browsers that
    /// do not say where a request comes from, with [`CsrfGuard::with_form_tokens`](crate::web::CsrfGuard::with_form_tokens).
    ///
    /// # Errors
    /// As [`open`](LazySession::open), and [`LazySessionError::FormTokenRequired`] if the token is not that of the session.
    pub async fn open_with_form_token(&self, token: &str) -> Result<CurrentSession, LazySessionError> {
        let session = self.take_current(true).await?;
        if session.manager().verify_form_token(&session, token) {
            Ok(session)
        } else {
            Err(LazySessionError::FormTokenRequired)
        }
    }

    async fn take_current(&self, may_open: bool) -> Result<CurrentSession, LazySessionError> {
        Ok(CurrentSession { session: Some(self.take(may_open).await?), slot: self.clone() })
    }
}

impl CurrentSession {
    pub(super) fn layer(&self) -> Arc<LayerState> {
        Arc::clone(&self.slot.0.layer)
    }

    /// Notes that this request has written.
    fn note_write(&self) {
        self.slot.0.has_written.store(true, Ordering::Relaxed);
    }

    /// Begins a sign-in. Call it before you check the password: see [`SessionManager::begin_sign_in`].
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer in time.
    pub async fn begin_sign_in(&self, user: &str) -> Result<SignInAttempt, SessionError> {
        let SlotInner { layer, spent, .. } = &*self.slot.0;
        layer.in_time(spent, pin!(layer.sessions.begin_sign_in(user))).await
    }

    /// Signs in a user, another user, or the same user at another level: see [`SessionManager::sign_in`]. [`Session::last_sign_in`] returns the level.
    ///
    /// After a form that was sent twice with one cookie, a further sign-in within the grace is [`SessionError::RenewalUnderWay`], a second factor too: the
    /// response to the second request may still be under way, and would put the cookie of before back.
    ///
    /// # Errors
    /// As [`SessionManager::sign_in`].
    #[doc(alias = "login")]
    pub async fn sign_in(&mut self, attempt: &SignInAttempt, level: u8) -> Result<(), SessionError> {
        let slot = Arc::clone(&self.slot.0);
        let SlotInner { layer, spent, .. } = &*slot;
        self.note_write();
        layer.in_time(spent, pin!(layer.sessions.sign_in(self, attempt, level, layer.now()))).await
    }

    /// Gives the session a new cookie: see [`SessionManager::renew`].
    ///
    /// # Errors
    /// As [`SessionManager::renew`]. The layer tries again when it makes the response.
    #[doc(alias = "cycle_id")]
    pub async fn renew(&mut self) -> Result<(), SessionError> {
        let slot = Arc::clone(&self.slot.0);
        let SlotInner { layer, spent, .. } = &*slot;
        self.note_write();
        layer.in_time(spent, pin!(layer.sessions.renew(self, layer.now()))).await
    }

    /// Ends the session and removes the cookie. The call also ends the session of a sign-in that another request of the same browser has made meanwhile.
    ///
    /// # Errors
    /// [`SessionError::Ended`] if no session has ended: nobody is signed in any more, and the cookie stays as it was. [`SessionError::Store`] if the store
    /// does not answer in time: then the session may or may not have ended. With
    /// [`NotReplicated`](crate::session::store::StoreErrorKind::NotReplicated) it has ended, unless the server of the store is lost before its replicas
    /// know: keep the handle, and call [`SessionManager::end_session`] until that confirms it.
    #[doc(alias = "logout")]
    pub async fn sign_out(mut self) -> Result<(), SessionError> {
        let SlotInner { layer, spent, cookies, .. } = &*self.slot.0;
        let now = layer.now();
        let mut has_ended =
            !self.is_unsaved() && layer.in_time(spent, pin!(layer.sessions.end_session(self.handle(), now))).await?;
        if !has_ended {
            let cookies = cookies.iter().map(<[u8; _]>::as_slice);
            has_ended = layer.in_time(spent, pin!(layer.sessions.end_by(cookies, now))).await?;
        }
        if !has_ended {
            return Err(SessionError::Ended);
        }
        self.session = None;
        Ok(())
    }

    /// Ends all sessions of the user, and removes the cookie. With a [`revocation_layer`](super::SessionLayer::revocation_layer) the tokens and JWTs that
    /// were issued until this second end too.
    ///
    /// # Errors
    /// As [`sign_out`](CurrentSession::sign_out).
    #[doc(alias = "logout")]
    #[doc(alias = "revoke")]
    pub async fn sign_out_everywhere(mut self) -> Result<(), SessionError> {
        self.end_all_for_user(None).await?;
        self.session = None;
        Ok(())
    }

    /// Ends all sessions of the user except this one.
    ///
    /// # Errors
    /// As [`sign_out`](CurrentSession::sign_out).
    #[doc(alias = "logout")]
    pub async fn sign_out_elsewhere(&self) -> Result<(), SessionError> {
        self.end_all_for_user(Some(self.handle())).await
    }

    async fn end_all_for_user(&self, except: Option<Handle>) -> Result<(), SessionError> {
        let SlotInner { layer, spent, .. } = &*self.slot.0;
        let user = self.user().ok_or(SessionError::Ended)?;
        self.note_write();
        layer.in_time(spent, pin!(layer.sessions.end_all_for_user(user, except, layer.now()))).await.map(|_| ())
    }

    /// Lists the user's sessions, at most `limit` behind `after`: see [`SessionManager::list_for_user`]. The list is empty in an anonymous session.
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer in time.
    pub async fn list_sessions(&self, after: Option<Handle>, limit: usize) -> Result<Vec<SessionInfo>, SessionError> {
        let SlotInner { layer, spent, .. } = &*self.slot.0;
        let Some(user) = self.user() else { return Ok(Vec::new()) };
        layer.in_time(spent, pin!(layer.sessions.list_for_user(user, after, limit, layer.now()))).await
    }

    /// Ends one of the user's sessions. Returns false if the user has none of this handle.
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer in time.
    #[doc(alias = "logout")]
    pub async fn end_session(&self, handle: Handle) -> Result<bool, SessionError> {
        let SlotInner { layer, spent, .. } = &*self.slot.0;
        let Some(user) = self.user() else { return Ok(false) };
        self.note_write();
        layer.in_time(spent, pin!(layer.sessions.end_for_user(user, handle, layer.now()))).await
    }

    /// Returns the manager of the application's sessions: for operators, and for form tokens. Its calls have no deadline.
    #[must_use]
    pub fn manager(&self) -> &SessionManager<DynStore> {
        &self.slot.0.layer.sessions
    }
}

/// Stands in for the session that has ended: [`CurrentSession::sign_out`] leaves nobody who could look.
static BLANK: LazyLock<Session> = LazyLock::new(Session::blank);

impl Deref for CurrentSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().unwrap_or(&BLANK)
    }
}

impl DerefMut for CurrentSession {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.get_or_insert_with(Session::blank)
    }
}

impl Drop for CurrentSession {
    fn drop(&mut self) {
        *self.slot.state() = self.session.take().map_or(State::Ended, State::Open);
    }
}

impl fmt::Debug for CurrentSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
