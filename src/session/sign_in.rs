//! Sign-ins: from an anonymous session, from one of a user, and beside another request that signs in.

use super::active::{Making, Session};
use super::credential::{Credential, VerifierMac};
use super::error::SessionError;
use super::handle::Handle;
use super::manager::{SessionManager, give_way};
use super::record::{Counts, Record, SignedInUser, Standing};
use super::store::{CreateOutcome, RevocationEpoch, SessionStore, StoredSession, SwapOutcome};
use crate::UnixTime;
use core::time::Duration;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

/// What has come of the attempt to take part in another request's sign-in.
enum Joined {
    Done,
    /// There is one, whose cookie has been renewed since, by an answer that is under way.
    Renewed,
    /// There is none.
    Nothing,
    /// There is one, of another user, or with another cookie.
    Another {
        since: UnixTime,
    },
}

/// The time after which a sign-in that has not ended what is too many is not waited for any more: its server has stopped half way.
const ARRIVAL: Duration = Duration::from_secs(10);

/// A sign-in that has begun: see [`SessionManager::begin_sign_in`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignInAttempt {
    user: String,
    /// Under the present pepper, as sessions have it.
    of_session: u64,
    /// Under all peppers, as other credentials have it.
    epoch: u64,
}

impl SignInAttempt {
    /// Returns the number of the user's revocation epoch at the start of the sign-in.
    ///
    /// Put it into the tokens ([`TokenBuilder::epoch`](crate::token::TokenBuilder::epoch)) and JWTs ([`EPOCH_CLAIM`]) of this sign-in: the next sign-out
    /// everywhere then ends them, and an earlier one does not.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// Name of the private claim that carries the number of the user's revocation epoch in a JWT.
///
/// ```
/// use countersign::jwt::{ClaimValue, JwtBuilder};
/// use countersign::session::EPOCH_CLAIM;
/// # use countersign::session::store::{Budgets, MemoryStore};
/// # use countersign::session::{Lifetimes, Pepper, SessionManager};
/// # use futures_executor::block_on;
/// # let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// # use std::time::Duration;
/// # let now = countersign::UnixTime::now();
/// # let lifetimes = Lifetimes {
/// #     idle: Duration::from_secs(1800),
/// #     absolute: Duration::from_secs(43_200),
/// #     renewal_grace: Duration::from_secs(10),
/// #     max_token_age: Duration::from_secs(3630),
/// # };
/// # let store = MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 });
/// # let sessions = SessionManager::new(store, pepper, lifetimes);
/// # let key = countersign::jwt::keys::Hs256Key::new(b"an obvious test key of 32 bytes!")?;
///
/// let attempt = block_on(sessions.begin_sign_in("alice"))?;
/// // The password is checked here.
/// let private = [(EPOCH_CLAIM, ClaimValue::Int(attempt.epoch().try_into()?))];
/// let mut out = [0; 192];
/// let jwt = JwtBuilder::new().subject("alice").issued_at(now).expires_at(now + Duration::from_secs(3600)).private_claims(&private);
/// let jwt = jwt.sign(&key, &mut out)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const EPOCH_CLAIM: &str = "cs_epoch";

impl<S: SessionStore> SessionManager<S> {
    /// Begins a sign-in. Call it before you check the password: a sign-out everywhere between this call and [`sign_in`](SessionManager::sign_in) then
    /// refuses the sign-in.
    ///
    /// # Errors
    /// [`SessionError::Store`] if the store does not answer.
    pub async fn begin_sign_in(&self, user: &str) -> Result<SignInAttempt, SessionError> {
        let (mut all, mut epoch) = (RevocationEpoch::default(), None);
        for tag in self.pepper.user_hashes(user.as_bytes()) {
            let of_tag = self.store.epoch(tag).await?;
            epoch.get_or_insert(of_tag.number);
            all = all.and(of_tag);
        }
        Ok(SignInAttempt { user: user.into(), of_session: epoch.unwrap_or_default(), epoch: all.number })
    }

    /// Signs in a user, another user, or the same user at another level. The session gets a new cookie, and the one before counts no more, not even for
    /// requests that are under way: this prevents session fixation.
    ///
    /// A new user also gets a new handle; a logout with the old one still ends the session. The data stays, unless it is another user's. What a
    /// level means is the application's: 1 for a password and 2 for a second factor, for example.
    ///
    /// Two requests that sign in the same user with the same cookie (a form that was sent twice) get one session and the same new cookie.
    ///
    /// # Errors
    /// [`SessionError::Revoked`] if the user was signed out everywhere since the attempt began. [`SessionError::Ended`] if the session has ended, or, under
    /// [`with_max_per_user`](SessionManager::with_max_per_user), another sign-in has taken its place. [`SessionError::RenewalUnderWay`] if another
    /// new cookie is on its way to the browser. [`SessionError::Withheld`] if the browser may have a cookie that the request does not show.
    /// [`SessionError::Store`] if the store is full or does not answer: after `Unavailable` the sign-in may have happened, and another call with the same cookie
    /// finds out.
    #[doc(alias = "login")]
    pub async fn sign_in(
        &self,
        session: &mut Session,
        attempt: &SignInAttempt,
        level: u8,
        now: UnixTime,
    ) -> Result<(), SessionError> {
        if session.version.is_none() && session.making == Making::Refused {
            return Err(SessionError::Withheld);
        }
        // Why: the cookie was of a session that is over, perhaps by the same form that was sent before.
        if session.origin.is_some() {
            match self.join(session, attempt, level, now).await? {
                Joined::Done => return Ok(()),
                Joined::Renewed => return Err(SessionError::RenewalUnderWay),
                // Its cookie is under way.
                Joined::Another { since } if now < since + self.lifetimes.renewal_grace => {
                    return Err(SessionError::RenewalUnderWay);
                }
                Joined::Another { .. } | Joined::Nothing => {}
            }
        }
        loop {
            if session.record.has_cookie_under_way(
                self.pepper.verifier_mac(&session.credential),
                now,
                self.lifetimes.renewal_grace,
            ) {
                // Why: of two new cookies under way, the browser keeps the one that comes last, and that may be the older one.
                return Err(SessionError::RenewalUnderWay);
            }
            let mut next = self.next_of(session, attempt, level, now)?;
            let content = next.content()?;
            let outcome = match session.version {
                Some(version) => self.store.rotate(session.handle(), version, next.handle(), content, now).await?,
                None => match self.store.create(next.handle(), content, now).await? {
                    CreateOutcome::Done(version) => SwapOutcome::Done(version),
                    CreateOutcome::Exists => SwapOutcome::Gone,
                    CreateOutcome::Revoked => return Err(SessionError::Revoked),
                },
            };
            let error = match outcome {
                SwapOutcome::Done(version) => {
                    next.saved(version);
                    self.end_surplus(&mut next, attempt, now).await?;
                    *session = next;
                    return Ok(());
                }
                SwapOutcome::Gone => SessionError::Ended,
                SwapOutcome::Conflict => match self.read_again(session, now).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
            };
            if error != SessionError::Ended {
                return Err(error);
            }
            return match self.join(session, attempt, level, now).await? {
                Joined::Done => Ok(()),
                Joined::Renewed => Err(SessionError::RenewalUnderWay),
                Joined::Nothing | Joined::Another { .. } => Err(error),
            };
        }
    }

    /// The session that comes of this one, with a credential that is made of that which the request came with.
    fn next_of(
        &self,
        session: &Session,
        attempt: &SignInAttempt,
        level: u8,
        now: UnixTime,
    ) -> Result<Session, SessionError> {
        let SignInAttempt { user, of_session: epoch, .. } = attempt;
        let tag = self.pepper.user_hash(user.as_bytes());
        let is_same = session.version.is_some() && session.user() == Some(user) && session.handle().user_hash() == tag;
        // Another handle each time: the store may have ended that of a rotation that was a conflict.
        let handle = if is_same { Ok(session.handle()) } else { Handle::generate(tag) };
        let generation = if is_same { session.record.generation.wrapping_add(1) } else { 0 };
        let handle = handle.map_err(|_| SessionError::Random)?;
        let (credential, sealed) = self.credential_of(session, handle, user, generation);
        let user = SignedInUser { name: user.clone(), at: now, level };
        let mut next = session.for_user(user, &credential, sealed, generation, *epoch);
        next.record.is_arriving = self.max_per_user != usize::MAX;
        next.deadlines = self.deadlines(now);
        Ok(next)
    }

    fn credential_of(
        &self,
        session: &Session,
        handle: Handle,
        user: &str,
        generation: u16,
    ) -> (Credential, VerifierMac) {
        let from = session.origin.as_deref().unwrap_or(&session.credential);
        self.pepper.issue(self.pepper.derive(from, handle, user.as_bytes()), generation)
    }

    /// Takes part in the sign-in of the same user that another request with the same cookie has made, if there is one: both answers then carry the
    /// same cookie, and it does not matter which of them the browser gets last.
    async fn join(
        &self,
        session: &mut Session,
        attempt: &SignInAttempt,
        level: u8,
        now: UnixTime,
    ) -> Result<Joined, SessionError> {
        loop {
            let Some((handle, entry, record, user)) = self.beside(session, now).await? else {
                return Ok(Joined::Nothing);
            };
            let (credential, sealed) = self.credential_of(session, handle, &attempt.user, record.generation);
            if user.name != attempt.user {
                return Ok(Joined::Another { since: user.at });
            }
            match record.standing(sealed, now) {
                Standing::Current => {}
                // Why: whoever has renewed it since has lost the answer, as nobody has shown what that had in it.
                Standing::Replaced(Counts::UntilSeen(since)) if now >= since + self.lifetimes.renewal_grace => {}
                Standing::Replaced(_) => return Ok(Joined::Renewed),
                Standing::Over | Standing::Unknown => return Ok(Joined::Another { since: user.at }),
            }
            let mut joined = Session::of_entry(credential, record, entry);
            joined.make_again(&session.changes);
            let is_of_another = joined.epoch() != attempt.of_session;
            if is_of_another && self.store.epoch(handle.user_hash()).await?.number > attempt.of_session {
                return Err(SessionError::Revoked);
            }
            joined.record.sent_again = Some(now);
            joined.record.user = Some(SignedInUser { name: attempt.user.clone(), at: now, level });
            joined.record.is_arriving = self.max_per_user != usize::MAX;
            joined.deadlines = self.deadlines(now);
            let version = joined.version.unwrap_or_default();
            match self.store.rotate(handle, version, handle, joined.content()?, now).await? {
                SwapOutcome::Done(version) => {
                    joined.made_anew(version);
                    self.end_surplus(&mut joined, attempt, now).await?;
                    *session = joined;
                    return Ok(Joined::Done);
                }
                SwapOutcome::Conflict => give_way().await,
                SwapOutcome::Gone => return Ok(Joined::Nothing),
            }
        }
    }

    /// The session of a user that lives in the place of the one that the request came with, by a sign-in.
    async fn beside(
        &self,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<(Handle, StoredSession, Box<Record>, SignedInUser)>, SessionError> {
        let from = session.origin.as_deref().unwrap_or(&session.credential).handle();
        let Some((handle, entry)) = self.descendant(from, now).await? else { return Ok(None) };
        let record = self.record_of(&entry);
        Ok(record.and_then(|record| record.user.clone().map(|user| (handle, entry, record, user))))
    }

    /// Ends what is too many of a user's sessions once this one has come. Of sign-ins at the same time, one stays.
    ///
    /// Why: each of them writes its session as one that arrives, then looks at the others, and only then as one that has come. Of any two, one sees
    /// the other: one that has come goes, as it is the earlier one; of two that arrive, the one with the lower handle.
    async fn end_surplus(
        &self,
        session: &mut Session,
        attempt: &SignInAttempt,
        now: UnixTime,
    ) -> Result<(), SessionError> {
        if self.max_per_user == usize::MAX {
            return Ok(());
        }
        let own = session.handle();
        let mut all = self.all_of(&attempt.user, now).await?;
        if all.iter().all(|(handle, ..)| *handle != own) {
            return Err(SessionError::Ended);
        }
        all.sort_by_cached_key(|(handle, record, entry)| {
            let is_arriving = record.is_arriving_at(now);
            (is_arriving, if is_arriving { UnixTime::from_secs(0) } else { entry.content.deadlines.idle }, *handle)
        });
        let surplus: Vec<_> =
            all.iter().map(|(handle, ..)| *handle).take(all.len().saturating_sub(self.max_per_user)).collect();
        if surplus.contains(&own) {
            self.store.delete(own, now).await?;
            return Err(SessionError::Ended);
        }
        for handle in surplus {
            self.store.delete(handle, now).await?;
        }
        session.has_arrived();
        self.save(session, now).await
    }

    /// All sessions of a user.
    async fn all_of(
        &self,
        user: &str,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Box<Record>, StoredSession)>, SessionError> {
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let (page, next) = self.page_of(user, last, Self::PAGE, now).await?;
            all.extend(page);
            match next {
                Some(next) => last = Some(next),
                None => return Ok(all),
            }
        }
    }
}

impl Record {
    /// True while a sign-in is under way that has not yet ended what is too many.
    fn is_arriving_at(&self, now: UnixTime) -> bool {
        self.is_arriving && self.user.as_ref().is_some_and(|user| now < user.at + ARRIVAL)
    }
}
