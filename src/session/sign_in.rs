//! Signing in: from a session of nobody, over one of a user, and beside another request that does the same.

use super::credential::{Credential, Handle, SealedVerifier};
use super::current::{Making, Session};
use super::error::SessionError;
use super::record::{Counts, Record, SignedInUser, Standing};
use super::sessions::{Sessions, after, give_way};
use super::store::{Created, Entry, Epoch, SessionStore, Swapped};
use crate::UnixTime;
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

/// Seconds after which a sign-in that has not ended what is too many is not waited for any more: its server has stopped half way.
const ARRIVAL: u64 = 10;

/// Somebody is about to sign in: made by [`Sessions::attempt`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    user: String,
    /// Under the present pepper, as sessions have it.
    of_session: u64,
    /// Under all peppers, as other credentials have it.
    epoch: u64,
}

impl Attempt {
    /// The number of the user's epoch in which the attempt began: for the tokens ([`TokenBuilder::epoch`](crate::token::TokenBuilder::epoch)) and JWTs
    /// ([`EPOCH_CLAIM`]) that the login issues, so that they are refused from the next sign-out everywhere on, and not by the one before.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// The private claim of a JWT that carries the number of its user's epoch.
///
/// ```
/// use countersign::jwt::{ClaimValue, JwtBuilder};
/// use countersign::session::EPOCH_CLAIM;
/// # use countersign::session::{Lifetimes, MemoryStore, Pepper, Sessions, block_on};
/// # let pepper = Pepper::new(b"an obvious test key of 32 bytes!")?;
/// # use std::time::Duration;
/// # let now = countersign::UnixTime::now();
/// # let lifetimes = Lifetimes { idle: 1800, absolute: 43_200, grace: 10, tokens: 3630 };
/// # let sessions = Sessions::new(MemoryStore::new(1 << 20, 1 << 20), pepper, lifetimes);
/// # let key = countersign::jwt::Hs256Key::new(b"an obvious test key of 32 bytes!")?;
///
/// let attempt = block_on(sessions.attempt("alice"))?;
/// // The password is checked here.
/// let private = [(EPOCH_CLAIM, ClaimValue::Int(attempt.epoch().try_into()?))];
/// let mut out = [0; 192];
/// let jwt = JwtBuilder::new().subject("alice").issued_at(now).expires_at(now + Duration::from_secs(3600)).private_claims(&private);
/// let jwt = jwt.sign(&key, &mut out)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const EPOCH_CLAIM: &str = "cs_epoch";

impl<S: SessionStore> Sessions<S> {
    /// Begins to sign a user in: before the password is checked, or whatever else proves who it is. Being signed out everywhere between now and
    /// [`sign_in`](Sessions::sign_in) refuses that.
    ///
    /// # Errors
    /// [`SessionError::Store`]
    pub async fn attempt(&self, user: &str) -> Result<Attempt, SessionError> {
        let (mut all, mut epoch) = (Epoch::default(), None);
        for tag in self.pepper.user_tags(user.as_bytes()) {
            let of_tag = self.store.epoch(tag).await?;
            epoch.get_or_insert(of_tag.number);
            all = all.and(of_tag);
        }
        Ok(Attempt { user: user.into(), of_session: epoch.unwrap_or_default(), epoch: all.number })
    }

    /// Signs a user in, or another one, or the same to a higher level: whoever knew the cookie before knows nothing. A new user gets a new handle,
    /// and the old one leads to it for a logout alone; the same user keeps the handle, and gets a new verifier, and no earlier one counts any more, not
    /// even for requests that are under way. The data stays, unless it is another user's.
    ///
    /// Two requests that sign the same user in with the same cookie get one session, and the same new cookie: a form that is sent twice.
    ///
    /// # Errors
    /// [`SessionError`], among them [`SessionError::Gone`] and [`SessionError::Revoked`] if the user was signed out everywhere since the attempt
    /// began, and [`SessionError::RenewalUnderWay`]. After [`StoreError::Unavailable`](super::StoreError::Unavailable) nobody knows whether it was done:
    /// asking again with the same cookie finds out. Under [`with_most`](Sessions::with_most) [`SessionError::Gone`] may mean that another sign-in has
    /// taken its place, and that the old session is over.
    pub async fn sign_in(
        &self,
        session: &mut Session,
        attempt: &Attempt,
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
                Joined::Another { since } if now < after(since, self.lifetimes.grace) => {
                    return Err(SessionError::RenewalUnderWay);
                }
                Joined::Another { .. } | Joined::Nothing => {}
            }
        }
        loop {
            if session.record.has_cookie_under_way(self.pepper.seal(&session.credential), now, self.lifetimes.grace) {
                // Why: of two new cookies under way, the browser keeps the one that comes last, and that may be the older one.
                return Err(SessionError::RenewalUnderWay);
            }
            let mut next = self.next_of(session, attempt, level, now)?;
            let content = next.content()?;
            let outcome = match session.version {
                Some(version) => self.store.rotate(session.handle(), version, next.handle(), content, now).await?,
                None => match self.store.create(next.handle(), content, now).await? {
                    Created::Done(version) => Swapped::Done(version),
                    Created::Exists => Swapped::Gone,
                    Created::Revoked => return Err(SessionError::Revoked),
                },
            };
            let error = match outcome {
                Swapped::Done(version) => {
                    next.saved(version);
                    self.end_surplus(&mut next, attempt, now).await?;
                    *session = next;
                    return Ok(());
                }
                Swapped::Gone => SessionError::Gone,
                Swapped::Conflict => match self.read_again(session, now).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
            };
            if error != SessionError::Gone {
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
    fn next_of(&self, session: &Session, attempt: &Attempt, level: u8, now: UnixTime) -> Result<Session, SessionError> {
        let Attempt { user, of_session: epoch, .. } = attempt;
        let tag = self.pepper.user_tag(user.as_bytes());
        let is_same = session.version.is_some() && session.user() == Some(user) && session.handle().tag() == tag;
        // Another handle each time: the store may have ended that of a rotation that was a conflict.
        let handle = if is_same { Ok(session.handle()) } else { Handle::generate(tag) };
        let generation = if is_same { session.record.generation.wrapping_add(1) } else { 0 };
        let handle = handle.map_err(|_| SessionError::Random)?;
        let (credential, sealed) = self.credential_of(session, handle, user, generation);
        let user = SignedInUser { name: user.clone(), at: now, level };
        let mut next = session.for_user(user, &credential, sealed, generation, *epoch);
        next.record.is_arriving = self.most != usize::MAX;
        next.deadlines = self.deadlines(now);
        Ok(next)
    }

    fn credential_of(
        &self,
        session: &Session,
        handle: Handle,
        user: &str,
        generation: u16,
    ) -> (Credential, SealedVerifier) {
        let from = session.origin.as_deref().unwrap_or(&session.credential);
        self.pepper.issue(self.pepper.derive(from, handle, user.as_bytes()), generation)
    }

    /// Takes part in the sign-in of the same user that another request with the same cookie has made, if there is one: both answers then carry the
    /// same cookie, and it does not matter which of them the browser gets last.
    async fn join(
        &self,
        session: &mut Session,
        attempt: &Attempt,
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
                Standing::Replaced(Counts::UntilSeen(since)) if now >= after(since, self.lifetimes.grace) => {}
                Standing::Replaced(_) => return Ok(Joined::Renewed),
                Standing::Over | Standing::Unknown => return Ok(Joined::Another { since: user.at }),
            }
            let mut joined = Session::of_entry(credential, record, entry);
            joined.make_again(&session.changes);
            let is_of_another = joined.epoch() != attempt.of_session;
            if is_of_another && self.store.epoch(handle.tag()).await?.number > attempt.of_session {
                return Err(SessionError::Revoked);
            }
            joined.record.sent_again = Some(now);
            joined.record.user = Some(SignedInUser { name: attempt.user.clone(), at: now, level });
            joined.record.is_arriving = self.most != usize::MAX;
            joined.deadlines = self.deadlines(now);
            let version = joined.version.unwrap_or_default();
            match self.store.rotate(handle, version, handle, joined.content()?, now).await? {
                Swapped::Done(version) => {
                    joined.made_anew(version);
                    self.end_surplus(&mut joined, attempt, now).await?;
                    *session = joined;
                    return Ok(Joined::Done);
                }
                Swapped::Conflict => give_way().await,
                Swapped::Gone => return Ok(Joined::Nothing),
            }
        }
    }

    /// The session of a user that lives in the place of the one that the request came with, by a sign-in.
    async fn beside(
        &self,
        session: &Session,
        now: UnixTime,
    ) -> Result<Option<(Handle, Entry, Box<Record>, SignedInUser)>, SessionError> {
        let from = session.origin.as_deref().unwrap_or(&session.credential).handle();
        let Some((handle, entry)) = self.descendant(from, now).await? else { return Ok(None) };
        let record = self.record_of(&entry);
        Ok(record.and_then(|record| record.user.clone().map(|user| (handle, entry, record, user))))
    }

    /// Ends what is too many of a user's sessions once this one has come. Of sign-ins at the same time, one stays.
    ///
    /// Why: each of them writes its session as one that arrives, then looks at the others, and only then as one that has come. Of any two, one sees
    /// the other: one that has come goes, as it is the earlier one; of two that arrive, the one with the lower handle.
    async fn end_surplus(&self, session: &mut Session, attempt: &Attempt, now: UnixTime) -> Result<(), SessionError> {
        if self.most == usize::MAX {
            return Ok(());
        }
        let own = session.handle();
        let mut all = self.all_of(&attempt.user, now).await?;
        if all.iter().all(|(handle, ..)| *handle != own) {
            return Err(SessionError::Gone);
        }
        all.sort_by_cached_key(|(handle, record, entry)| {
            let is_arriving = record.is_arriving_at(now);
            (is_arriving, if is_arriving { UnixTime::from_secs(0) } else { entry.content.deadlines.idle }, *handle)
        });
        let surplus: Vec<_> =
            all.iter().map(|(handle, ..)| *handle).take(all.len().saturating_sub(self.most)).collect();
        if surplus.contains(&own) {
            self.store.delete(own, now).await?;
            return Err(SessionError::Gone);
        }
        for handle in surplus {
            self.store.delete(handle, now).await?;
        }
        session.has_arrived();
        self.save(session, now).await
    }

    /// All sessions of a user.
    async fn all_of(&self, user: &str, now: UnixTime) -> Result<Vec<(Handle, Box<Record>, Entry)>, SessionError> {
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
        self.is_arriving && self.user.as_ref().is_some_and(|user| now < after(user.at, ARRIVAL))
    }
}
