//! The rotation of sessions: in place, within one slot of a cluster, or between two slots.

use super::end::IS_AWAITED;
use super::record::{digits, number, selector, swapped, value, version};
use super::scripts::{POINT, REPLACE, ROTATE, Script};
use super::store::RedisStore;
use crate::UnixTime;
use crate::session::handle::Handle;
use crate::session::store::store_keys::new_version;
use crate::session::store::{CreateOutcome, SessionContent, StoreError, SwapOutcome};
use std::vec::Vec;
use tokio::time::Instant;

impl RedisStore {
    /// Whether a session could be rotated, and what leads to it.
    async fn may_rotate(
        &self,
        old: Handle,
        version: u64,
        now: UnixTime,
        until: Instant,
    ) -> Result<Result<Option<Handle>, SwapOutcome>, StoreError> {
        Ok(match self.read(old, now, until).await? {
            None => Err(SwapOutcome::Gone),
            Some((entry, _)) if entry.version != version => Err(SwapOutcome::Conflict),
            Some((_, parent)) => Ok(parent),
        })
    }

    /// A rotation in place.
    pub(super) async fn replace(
        &self,
        handle: Handle,
        of_version: u64,
        content: &SessionContent,
        now: UnixTime,
        until: Instant,
    ) -> Result<SwapOutcome, StoreError> {
        // What leads to it must not end before it does, and so is to last longer first.
        match self.may_rotate(handle, of_version, now, until).await? {
            Err(refused) => return Ok(refused),
            Ok(parent) => self.relate(handle, parent, Some(content.deadlines.absolute), now, until).await?,
        }
        let next = new_version()?;
        let args = [number(now), selector(handle), version(of_version), digits(content.epoch)];
        let mut args: Vec<_> = args.into_iter().chain([value(next, content, None)]).collect();
        let outcome = swapped(&self.run(&REPLACE, &self.keys().of_session(handle), &args, until).await?.value, next)?;
        self.wait_for_cookie(&REPLACE, &self.keys().of_session(handle), &mut args, outcome, until).await;
        Ok(outcome)
    }

    /// Waits for replicas after a rotation that was done. Whether they have it or not: who has signed in must get the new cookie, as the old one is
    /// of no use.
    async fn wait_for_cookie(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        args: &mut Vec<Vec<u8>>,
        outcome: SwapOutcome,
        until: Instant,
    ) {
        if self.replicas > 0 && matches!(outcome, SwapOutcome::Done(_)) {
            args.push(IS_AWAITED.to_vec());
            let _ = self.run_replicated(script, keys, args, until).await;
        }
    }

    /// A rotation whose two sessions are in the same slot.
    pub(super) async fn rotate_within(
        &self,
        old: Handle,
        of_version: u64,
        new: Handle,
        content: &SessionContent,
        now: UnixTime,
        until: Instant,
    ) -> Result<SwapOutcome, StoreError> {
        let (next, [new_key, index, epoch]) = (new_version()?, self.keys().of_session(new));
        let keys = [self.keys().session(old), new_key, index, epoch];
        let args = [number(now), selector(old), selector(new), version(of_version), digits(content.epoch)];
        let more = [value(next, content, Some(old)), new.as_bytes().to_vec()];
        let mut args: Vec<_> = args.into_iter().chain(more).collect();
        let outcome = swapped(&self.run(&ROTATE, &keys, &args, until).await?.value, next)?;
        self.wait_for_cookie(&ROTATE, &keys, &mut args, outcome, until).await;
        Ok(outcome)
    }

    /// A rotation whose two sessions are in different slots.
    pub(super) async fn rotate_across(
        &self,
        old: Handle,
        of_version: u64,
        new: Handle,
        content: &SessionContent,
        now: UnixTime,
        until: Instant,
    ) -> Result<SwapOutcome, StoreError> {
        // What is refused anyway makes nothing.
        let parent = match self.may_rotate(old, of_version, now, until).await? {
            Err(refused) => return Ok(refused),
            Ok(parent) => parent,
        };
        let lasts = content.deadlines.absolute;
        self.relate(old, parent, Some(lasts), now, until).await?;
        let CreateOutcome::Done(made) = self.put(new, content, Some(old), now, until).await? else {
            return Ok(SwapOutcome::Gone);
        };
        // Nobody has the cookie of the new one: if the pointer to it is not set, nothing is lost.
        let args = [number(now), selector(old), version(of_version), new.as_bytes().to_vec(), number(lasts)];
        let mut args = Vec::from(args);
        let outcome = swapped(&self.run(&POINT, &self.keys().of_session(old), &args, until).await?.value, made)?;
        if !matches!(outcome, SwapOutcome::Done(_)) {
            // Also when asked a second time: it may have been somebody else who has ended it in between, and what others end is not renewed.
            self.end(new, None, now, until).await?;
        }
        self.wait_for_cookie(&POINT, &self.keys().of_session(old), &mut args, outcome, until).await;
        Ok(outcome)
    }
}
