//! A store whose calls wait until a scheduler lets them through, and a ledger of what came of them.

use countersign::UnixTime;
use countersign::session::Handle;
use countersign::session::credential::UserHash;
use countersign::session::store::Budgets;
use countersign::session::store::{
    Capabilities, CreateOutcome, MemoryStore, RevocationEpoch, SessionContent, SessionKind, SessionStore, StoreError,
    StoredSession, SwapOutcome,
};
use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

/// What a request asks the store for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    Create(Handle),
    Load(Handle),
    Swap(Handle),
    Touch(Handle),
    Delete(Handle),
    Rotate(Handle, Handle),
    RotatedTo(Handle),
    List,
    Revoke,
    Epoch,
}

impl Call {
    /// True if the order of the two makes no difference to either.
    pub(crate) fn commutes(self, other: Self) -> bool {
        let reads = |call: Self| matches!(call, Self::Load(_) | Self::RotatedTo(_) | Self::List | Self::Epoch);
        match (self, other) {
            (one, two) if reads(one) && reads(two) => true,
            // An epoch moves by a revocation alone.
            (Self::Epoch, call) | (call, Self::Epoch) => call != Self::Revoke,
            // They follow pointers, or look at all that a user has.
            (Self::Delete(_) | Self::Revoke | Self::List, _) | (_, Self::Delete(_) | Self::Revoke | Self::List) => {
                false
            }
            (one, two) => one.handles().iter().all(|handle| !two.handles().contains(handle)),
        }
    }

    fn handles(self) -> Vec<Handle> {
        match self {
            Self::Rotate(old, new) => vec![old, new],
            Self::List | Self::Revoke | Self::Epoch => Vec::new(),
            Self::Create(handle)
            | Self::Load(handle)
            | Self::Swap(handle)
            | Self::Touch(handle)
            | Self::Delete(handle)
            | Self::RotatedTo(handle) => vec![handle],
        }
    }
}

/// What the store has answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Done,
    Exists,
    Revoked,
    Conflict,
    Gone,
    Yes,
    No,
    Failed,
}

/// A store that is wrong on purpose: the control of the laws.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// An end is acknowledged, and nothing ends.
    EndsNothing,
    /// A write does not look at the version.
    WritesOver,
    /// A write is acknowledged, and nothing is written.
    WritesNothing,
    /// A rotation is done, and refused.
    RefusesWhatItDid,
    /// A rotation leaves the old session, and no pointer.
    RotatesByHalves,
}

/// A session from one rotation to the next.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) handle: Handle,
    /// Which one was rotated into it.
    pub(crate) parent: Option<usize>,
    /// Whose it is.
    pub(crate) user: Option<&'static str>,
    /// The request that has made it; `None` before the model begins.
    pub(crate) by: Option<usize>,
    /// The number of the call that has made it.
    pub(crate) made: usize,
    /// The request by which it has ended.
    pub(crate) ended_by: Option<usize>,
}

/// A call that was let through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) who: Option<usize>,
    pub(crate) call: Call,
    pub(crate) outcome: Outcome,
}

/// A change that is made again on another store, to bring it into the same state.
#[derive(Clone)]
pub(crate) enum Entered {
    Create(Handle, SessionContent),
    Swap(Handle, SessionContent),
    Rotate(Handle, Handle, SessionContent),
    Delete(Handle),
}

/// Where requests wait, and what is noted.
#[derive(Default)]
pub(crate) struct Desk {
    /// The request whose future is polled; `None` lets all calls through.
    pub(crate) running: Option<usize>,
    waiting: Vec<Option<Call>>,
    granted: Option<usize>,
    pub(crate) lives: Vec<Life>,
    /// Which life is under a handle, whether it goes on or not.
    pub(crate) at: HashMap<Handle, usize>,
    pub(crate) passed: Vec<Passed>,
    pub(crate) entered: Vec<Entered>,
    /// In which life a request has written or made something last.
    pub(crate) written: HashMap<usize, usize>,
    users: Vec<(UserHash, &'static str)>,
}

impl Desk {
    fn user(&self, handle: Handle, kind: SessionKind) -> Option<&'static str> {
        let known = self.users.iter().find(|(tag, _)| kind == SessionKind::SignedIn && *tag == handle.user_hash());
        known.map(|(_, name)| *name)
    }

    fn begin(&mut self, handle: Handle, kind: SessionKind, parent: Option<usize>) {
        let life = Life {
            handle,
            parent,
            user: self.user(handle, kind),
            by: self.running,
            made: self.passed.len(),
            ended_by: None,
        };
        self.at.insert(handle, self.lives.len());
        self.wrote(self.lives.len());
        self.lives.push(life);
    }

    fn wrote(&mut self, life: usize) {
        if let Some(who) = self.running {
            self.written.insert(who, life);
        }
    }

    fn note(&mut self, call: Call, outcome: Outcome) {
        self.passed.push(Passed { who: self.running, call, outcome });
    }

    /// The call that a request waits with.
    pub(crate) fn waits_with(&self, who: usize) -> Option<Call> {
        self.waiting.get(who).copied().flatten()
    }

    /// Lets the call of this request through.
    pub(crate) fn grant(&mut self, who: usize) {
        self.granted = Some(who);
    }

    /// Forgets a request that was given up.
    pub(crate) fn forget(&mut self, who: usize) {
        if let Some(place) = self.waiting.get_mut(who) {
            *place = None;
        }
    }

    /// True if somebody else has signed in on the way from the one to the other, which has come of it.
    pub(crate) fn has_changed_hands(&self, life: usize, from: usize) -> bool {
        let ancestors = std::iter::successors(Some(life), |life| self.lives[*life].parent);
        ancestors.take_while(|life| *life != from).any(|life| self.lives[life].user != self.lives[from].user)
    }

    /// True if the one has come of the other by rotations, or is it.
    pub(crate) fn descends(&self, life: usize, from: usize) -> bool {
        let mut next = Some(life);
        while let Some(life) = next {
            if life == from {
                return true;
            }
            next = self.lives[life].parent;
        }
        false
    }
}

pub(crate) struct Gate {
    store: MemoryStore,
    desk: Mutex<Desk>,
    fault: Fault,
}

impl Gate {
    pub(crate) fn new(requests: usize, fault: Fault, users: Vec<(UserHash, &'static str)>) -> Arc<Self> {
        let desk = Desk { waiting: vec![None; requests], users, ..Desk::default() };
        Arc::new(Self {
            store: MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }),
            desk: Mutex::new(desk),
            fault,
        })
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    async fn pass(&self, call: Call) {
        let Some(who) = self.desk().running else { return };
        self.desk().waiting[who] = Some(call);
        poll_fn(|_| {
            let mut desk = self.desk();
            if desk.granted != Some(who) {
                return Poll::Pending;
            }
            desk.granted = None;
            desk.waiting[who] = None;
            Poll::Ready(())
        })
        .await;
    }

    /// True if this is what lives under its handle.
    pub(crate) async fn lives(&self, life: usize, now: UnixTime) -> bool {
        let (handle, is_last) = {
            let desk = self.desk();
            let handle = desk.lives[life].handle;
            (handle, desk.at.get(&handle) == Some(&life))
        };
        is_last && self.store.load(handle, now).await.unwrap().is_some()
    }

    /// Notes who has ended what lives no more.
    async fn note_ends(&self, now: UnixTime) {
        let open: Vec<_> = {
            let desk = self.desk();
            let has_gone_on = |life: usize| desk.lives.iter().any(|other| other.parent == Some(life));
            let open = desk.at.values().copied().filter(|life| desk.lives[*life].ended_by.is_none());
            open.filter(|life| !has_gone_on(*life)).collect()
        };
        for life in open {
            if !self.lives(life, now).await {
                let mut desk = self.desk();
                desk.lives[life].ended_by = desk.running;
            }
        }
    }

    /// Makes the same changes again.
    pub(crate) async fn enter(&self, entered: &[Entered], now: UnixTime) {
        for change in entered {
            match change.clone() {
                Entered::Create(handle, content) => {
                    let created = self.create(handle, content, now).await;
                    assert!(matches!(created, Ok(CreateOutcome::Done(_))));
                }
                Entered::Swap(handle, content) => {
                    let version = self.store.load(handle, now).await.unwrap().unwrap().version;
                    let swapped = self.compare_and_swap(handle, version, content, now).await;
                    assert!(matches!(swapped, Ok(SwapOutcome::Done(_))));
                }
                Entered::Rotate(old, new, content) => {
                    let version = self.store.load(old, now).await.unwrap().unwrap().version;
                    let rotated = self.rotate(old, version, new, content, now).await;
                    assert!(matches!(rotated, Ok(SwapOutcome::Done(_))));
                }
                Entered::Delete(handle) => assert_eq!(self.delete(handle, now).await, Ok(true)),
            }
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault && self.desk().running.is_some()
    }
}

const fn of_swapped(swapped: &Result<SwapOutcome, StoreError>) -> Outcome {
    match swapped {
        Ok(SwapOutcome::Done(_)) => Outcome::Done,
        Ok(SwapOutcome::Conflict) => Outcome::Conflict,
        Ok(SwapOutcome::Gone) => Outcome::Gone,
        Err(_) => Outcome::Failed,
    }
}

const fn of_bool(answer: &Result<bool, StoreError>) -> Outcome {
    match answer {
        Ok(true) => Outcome::Yes,
        Ok(false) => Outcome::No,
        Err(_) => Outcome::Failed,
    }
}

impl SessionStore for Gate {
    async fn create(
        &self,
        handle: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<CreateOutcome, StoreError> {
        let call = Call::Create(handle);
        self.pass(call).await;
        let made = self.store.create(handle, content.clone(), now).await;
        let mut desk = self.desk();
        let outcome = match made {
            Ok(CreateOutcome::Done(_)) => Outcome::Done,
            Ok(CreateOutcome::Exists) => Outcome::Exists,
            Ok(CreateOutcome::Revoked) => Outcome::Revoked,
            Err(_) => Outcome::Failed,
        };
        if outcome == Outcome::Done {
            desk.begin(handle, content.kind, None);
            desk.entered.push(Entered::Create(handle, content));
        }
        desk.note(call, outcome);
        made
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<StoredSession>, StoreError> {
        let call = Call::Load(handle);
        self.pass(call).await;
        let loaded = self.store.load(handle, now).await;
        let outcome = match &loaded {
            Ok(Some(_)) => Outcome::Yes,
            Ok(None) => Outcome::No,
            Err(_) => Outcome::Failed,
        };
        self.desk().note(call, outcome);
        loaded
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        version: u64,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let call = Call::Swap(handle);
        self.pass(call).await;
        let mut version = version;
        if self.is(Fault::WritesOver)
            && let Some(entry) = self.store.load(handle, now).await?
        {
            version = entry.version;
        }
        let swapped = match self.store.load(handle, now).await? {
            Some(entry) if self.is(Fault::WritesNothing) => Ok(SwapOutcome::Done(entry.version)),
            _ => self.store.compare_and_swap(handle, version, content.clone(), now).await,
        };
        let mut desk = self.desk();
        let outcome = of_swapped(&swapped);
        if outcome == Outcome::Done {
            if let Some(life) = desk.at.get(&handle).copied() {
                desk.wrote(life);
            }
            desk.entered.push(Entered::Swap(handle, content));
        }
        desk.note(call, outcome);
        swapped
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let call = Call::Touch(handle);
        self.pass(call).await;
        let touched = self.store.touch(handle, idle, now).await;
        self.desk().note(call, of_bool(&touched));
        touched
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        let call = Call::Delete(handle);
        self.pass(call).await;
        let deleted = if self.is(Fault::EndsNothing) { Ok(true) } else { self.store.delete(handle, now).await };
        self.note_ends(now).await;
        let mut desk = self.desk();
        desk.entered.push(Entered::Delete(handle));
        desk.note(call, of_bool(&deleted));
        deleted
    }

    async fn rotate(
        &self,
        old: Handle,
        version: u64,
        new: Handle,
        content: SessionContent,
        now: UnixTime,
    ) -> Result<SwapOutcome, StoreError> {
        let call = Call::Rotate(old, new);
        self.pass(call).await;
        let rotated = if self.is(Fault::RotatesByHalves) && old != new {
            match self.store.create(new, content.clone(), now).await? {
                CreateOutcome::Done(version) => Ok(SwapOutcome::Done(version)),
                CreateOutcome::Exists | CreateOutcome::Revoked => Ok(SwapOutcome::Gone),
            }
        } else {
            self.store.rotate(old, version, new, content.clone(), now).await
        };
        let mut desk = self.desk();
        let outcome = of_swapped(&rotated);
        if outcome == Outcome::Done {
            let parent = desk.at.get(&old).copied();
            desk.begin(new, content.kind, parent);
            desk.entered.push(Entered::Rotate(old, new, content));
        }
        desk.note(call, outcome);
        drop(desk);
        if self.is(Fault::RefusesWhatItDid) { Ok(SwapOutcome::Gone) } else { rotated }
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        let call = Call::RotatedTo(handle);
        self.pass(call).await;
        let to = self.store.rotated_to(handle, now).await;
        let outcome = if matches!(to, Ok(Some(_))) { Outcome::Yes } else { Outcome::No };
        self.desk().note(call, outcome);
        to
    }

    async fn list_by_user(
        &self,
        tag: UserHash,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, StoredSession)>, StoreError> {
        self.pass(Call::List).await;
        let listed = self.store.list_by_user(tag, after, limit, now).await;
        self.desk().note(Call::List, Outcome::Done);
        listed
    }

    async fn revoke_user(
        &self,
        tag: UserHash,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<RevocationEpoch, StoreError> {
        self.pass(Call::Revoke).await;
        let revoked = self.store.revoke_user(tag, except, keep_until, now).await;
        self.note_ends(now).await;
        self.desk().note(Call::Revoke, Outcome::Done);
        revoked
    }

    async fn epoch(&self, tag: UserHash) -> Result<RevocationEpoch, StoreError> {
        self.pass(Call::Epoch).await;
        let epoch = self.store.epoch(tag).await;
        self.desk().note(Call::Epoch, Outcome::Done);
        epoch
    }

    async fn delete_expired(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.store.delete_expired(now, limit).await
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
