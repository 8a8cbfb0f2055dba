//! The calls of the store.

use super::RedisStore;
use super::connection::Answer;
use super::record::{
    bytes_of, digits, epoch_begun, epoch_of, number, pointer_of, said, selector, swapped, value, version,
};
use super::scripts::{CREATE, REVOKE, SWAP, TOUCH};
use crate::UnixTime;
use crate::session::credential::{Handle, UserTag};
use crate::session::names::new_version;
use crate::session::store::{
    Capabilities, Content, Created, Durability, Entry, Epoch, Kind, SessionStore, StoreError, Swapped,
};
use std::vec::Vec;
use tokio::time::Instant;

/// Hundredths of the server's memory that sessions of nobody may fill: the rest is for those who sign in.
const FOR_ANONYMOUS: u64 = 75;

impl SessionStore for RedisStore {
    async fn create(&self, handle: Handle, content: Content, now: UnixTime) -> Result<Created, StoreError> {
        let until = self.deadline();
        self.make_room(handle, &content, until).await?;
        self.put(handle, &content, None, now, until).await
    }

    async fn load(&self, handle: Handle, now: UnixTime) -> Result<Option<Entry>, StoreError> {
        Ok(self.read(handle, now, self.deadline()).await?.map(|(entry, _)| entry))
    }

    async fn compare_and_swap(
        &self,
        handle: Handle,
        of_version: u64,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let (next, until) = (new_version()?, self.deadline());
        self.make_room(handle, &content, until).await?;
        let args = [number(now), selector(handle), version(of_version), version(next)];
        let more = [number(content.deadlines.idle), digits(content.epoch), content.bytes.to_vec()];
        let args: Vec<_> = args.into_iter().chain(more).collect();
        swapped(&self.run(&SWAP, &self.keys().of_session(handle), &args, until).await?.value, next)
    }

    async fn touch(&self, handle: Handle, idle: UnixTime, now: UnixTime) -> Result<bool, StoreError> {
        let args = [number(now), selector(handle), number(idle)];
        let Answer { value, .. } = self.run(&TOUCH, &self.keys().of_session(handle), &args, self.deadline()).await?;
        Ok(said(&value) == Some("done"))
    }

    async fn delete(&self, handle: Handle, now: UnixTime) -> Result<bool, StoreError> {
        self.end_all_of(handle, now, self.deadline()).await
    }

    async fn rotate(
        &self,
        old: Handle,
        of_version: u64,
        new: Handle,
        content: Content,
        now: UnixTime,
    ) -> Result<Swapped, StoreError> {
        let until = self.deadline();
        self.make_room(new, &content, until).await?;
        if old == new {
            self.replace(old, of_version, &content, now, until).await
        } else if old.tag() == new.tag() {
            self.rotate_within(old, of_version, new, &content, now, until).await
        } else {
            self.rotate_across(old, of_version, new, &content, now, until).await
        }
    }

    async fn rotated_to(&self, handle: Handle, now: UnixTime) -> Result<Option<Handle>, StoreError> {
        let key = self.keys().session(handle);
        let answer = self.server.read(&key, redis::cmd("GET").arg(&key), self.deadline()).await?;
        Ok(bytes_of(&answer).and_then(pointer_of).filter(|(_, until)| now < *until).map(|(to, _)| to))
    }

    async fn list_by_user(
        &self,
        tag: UserTag,
        after: Option<Handle>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Vec<(Handle, Entry)>, StoreError> {
        self.list(tag, after, limit, now, self.deadline()).await
    }

    async fn revoke_user(
        &self,
        tag: UserTag,
        except: Option<Handle>,
        keep_until: UnixTime,
        now: UnixTime,
    ) -> Result<Epoch, StoreError> {
        let except = except.filter(|except| except.tag() == tag).map(selector).unwrap_or_default();
        let keys = [self.keys().index(tag), self.keys().epoch(tag)];
        let until = self.deadline();
        let mut args = [number(now), self.keys().of_user(tag), except, Vec::new(), number(keep_until)];
        let epoch = epoch_begun(&self.run(&REVOKE, &keys, &args, until).await?.value);
        if epoch.number == 0 {
            return Err(StoreError::Unavailable);
        }
        self.tidier.tidy(tag, now);
        if self.replicas == 0 {
            return Ok(epoch);
        }
        let [.., begun, _] = &mut args;
        *begun = digits(epoch.number);
        match self.run_replicated(&REVOKE, &keys, &args, until).await.as_ref().map(epoch_begun) {
            Some(replicated) if replicated.number >= epoch.number => Ok(epoch),
            _ => Err(StoreError::NotReplicated),
        }
    }

    async fn epoch(&self, tag: UserTag) -> Result<Epoch, StoreError> {
        let key = self.keys().epoch(tag);
        Ok(epoch_of(&self.server.read(&key, redis::cmd("GET").arg(&key), self.deadline()).await?))
    }

    /// Nothing is left to do: what has run out the server removes by itself, within ten minutes, and what a revocation has ended is removed at once.
    async fn sweep(&self, _: UnixTime, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn capabilities(&self) -> Capabilities {
        let durability = match self.replicas {
            0 => Durability::Accepted,
            replicas => Durability::Replicated(replicas),
        };
        Capabilities { survives_restart: true, is_shared: true, expires_by_itself: true, durability }
    }
}

impl RedisStore {
    /// Makes a session if its epoch is the user's.
    pub(super) async fn put(
        &self,
        handle: Handle,
        content: &Content,
        parent: Option<Handle>,
        now: UnixTime,
        until: Instant,
    ) -> Result<Created, StoreError> {
        let version = new_version()?;
        let args = [number(now), selector(handle), digits(content.epoch), value(version, content, parent)];
        let answer = self.run(&CREATE, &self.keys().of_session(handle), &args, until).await?.value;
        match said(&answer) {
            Some("done") => Ok(Created::Done(version)),
            Some("more") => {
                self.tidier.tidy(handle.tag(), now);
                Ok(Created::Done(version))
            }
            Some("exists") => Ok(Created::Exists),
            Some("revoked") => Ok(Created::Revoked),
            _ => Err(StoreError::Unavailable),
        }
    }

    /// Whether what is written of this session may take room: strangers must leave some for those who sign in.
    async fn make_room(&self, handle: Handle, content: &Content, until: Instant) -> Result<(), StoreError> {
        if content.kind == Kind::SignedIn {
            return Ok(());
        }
        match self.server.fill(&self.keys().session(handle), content.bytes.len(), until).await? {
            FOR_ANONYMOUS.. => Err(StoreError::Full),
            _ => Ok(()),
        }
    }
}
