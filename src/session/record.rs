//! What is kept of a session: who, since when, under which verifier, and the application's data.
//!
//! ```text
//! layout  schema  created  verifier  signed in at  level  cookie's life  generation  lengths of user, label  count of previous verifiers
//! 1       4       8        32        8             1      1              2           2, 2                    1
//!
//! each previous verifier, until   user  label  data
//! 32, 8                                        JSON object
//! ```
//!
//! Numbers are big-endian. A previous verifier that still counts without an end has zeros for it; without a user the length of the name is
//! the largest there is.

use super::credential::SealedVerifier;
use super::data::Data;
use super::error::SessionError;
use super::life::CookieLife;
use crate::UnixTime;
use core::fmt;
use std::boxed::Box;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

/// Bytes of the longest record. Larger things belong into a database, and their key into the session.
pub const MAX_RECORD: usize = 16 * 1024;

/// The layout above. A record of another one is no session, and no error either.
const LAYOUT: u8 = 4;

/// Bytes in front of the previous verifiers.
const HEAD: usize = 62;

/// How many previous verifiers may count at once.
const MAX_PREVIOUS: usize = 4;

/// The length of the name that nobody has.
const NOBODY: u16 = u16::MAX;

#[derive(Clone)]
pub(super) struct Record {
    pub(super) created: UnixTime,
    pub(super) user: Option<SignedInUser>,
    /// What the list of devices calls it.
    pub(super) label: String,
    /// How long the browser keeps its cookie, if it says so itself.
    pub(super) cookie_life: Option<CookieLife>,
    /// Of the application's data.
    pub(super) schema: u32,
    pub(super) verifier: SealedVerifier,
    /// Another one after each sign-in under this handle: a credential of an earlier one is worth nothing, and no theft.
    pub(super) generation: u16,
    /// Those before the last renewals.
    pub(super) previous: heapless::Vec<Previous, MAX_PREVIOUS>,
    pub(super) data: Data,
}

#[derive(Clone)]
pub(super) struct SignedInUser {
    pub(super) name: String,
    pub(super) at: UnixTime,
    pub(super) level: u8,
}

/// A verifier before a renewal, for requests that were under way, and for a browser that the answer with the new one has not reached.
#[derive(Clone, Copy)]
pub(super) struct Previous {
    pub(super) verifier: SealedVerifier,
    /// From then on its use is theft; `None` until a newer one was seen.
    pub(super) until: Option<UnixTime>,
}

impl Record {
    pub(super) fn new(verifier: SealedVerifier, schema: u32, now: UnixTime) -> Box<Self> {
        Box::new(Self {
            created: now,
            user: None,
            label: String::new(),
            cookie_life: None,
            schema,
            verifier,
            generation: 0,
            previous: heapless::Vec::new(),
            data: Data::default(),
        })
    }

    /// Of no session.
    #[cfg(feature = "tower")]
    pub(super) fn blank() -> Box<Self> {
        Self::new(SealedVerifier::from_bytes([0; 32]), 0, UnixTime::UNSET)
    }

    /// Puts a new verifier in the place of one, if that still is the one that counts. Without room for another previous one, one that was never
    /// seen makes way, but not the one that this request came with.
    pub(super) fn renew(&mut self, from: SealedVerifier, to: SealedVerifier, shown: SealedVerifier, now: UnixTime) {
        if self.verifier != from {
            return;
        }
        self.previous.retain(|previous| previous.until.is_none_or(|until| now < until));
        if self.previous.is_full()
            && let Some(place) = self.previous.iter().position(|previous| previous.verifier != shown)
        {
            self.previous.remove(place);
        }
        if self.previous.push(Previous { verifier: from, until: None }).is_ok() {
            self.verifier = to;
        }
    }

    /// Gives all previous verifiers an end: the one that counts has been seen.
    pub(super) fn retire(&mut self, until: UnixTime) {
        for previous in &mut self.previous {
            previous.until.get_or_insert(until);
        }
    }

    pub(super) fn encode(&self) -> Result<Arc<[u8]>, SessionError> {
        let Self { created, user, label, cookie_life, schema, verifier, generation, previous, data } = self;
        let mut bytes = Vec::with_capacity(256);
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&schema.to_be_bytes());
        bytes.extend_from_slice(&created.as_secs().to_be_bytes());
        bytes.extend_from_slice(verifier.as_bytes());
        // What is longer than a length can say is longer than a record may be.
        let len = |text: &str| u16::try_from(text.len()).unwrap_or(NOBODY);
        let nobody = ("", NOBODY, UnixTime::from_secs(0), 0);
        let user = user.as_ref().map(|user| (user.name.as_str(), len(&user.name), user.at, user.level));
        let (name, name_len, at, level) = user.unwrap_or(nobody);
        bytes.extend_from_slice(&at.as_secs().to_be_bytes());
        bytes.push(level);
        bytes.push(CookieLife::to_byte(*cookie_life));
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&name_len.to_be_bytes());
        bytes.extend_from_slice(&len(label).to_be_bytes());
        bytes.push(u8::try_from(previous.len()).unwrap_or(u8::MAX));
        for Previous { verifier, until } in previous {
            bytes.extend_from_slice(verifier.as_bytes());
            bytes.extend_from_slice(&until.map_or(0, UnixTime::as_secs).to_be_bytes());
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(label.as_bytes());
        data.encode(&mut bytes)?;
        match bytes.len().checked_sub(MAX_RECORD) {
            Some(by) if by > 0 => Err(SessionError::TooLarge { by }),
            _ => Ok(bytes.into()),
        }
    }

    /// `None` for what is no record of this layout.
    pub(super) fn decode(bytes: &[u8]) -> Option<Box<Self>> {
        if bytes.len() > MAX_RECORD {
            return None;
        }
        let (mut head, mut tail) = bytes.split_at_checked(HEAD)?;
        let [layout] = array(&mut head)?;
        let schema = u32::from_be_bytes(array(&mut head)?);
        let created = seconds(&mut head)?;
        let verifier = SealedVerifier::from_bytes(array(&mut head)?);
        let (at, [level]) = (seconds(&mut head)?, array(&mut head)?);
        let [life] = array(&mut head)?;
        let generation = u16::from_be_bytes(array(&mut head)?);
        let (name, label) = (u16::from_be_bytes(array(&mut head)?), u16::from_be_bytes(array(&mut head)?));
        let [count] = array(&mut head)?;
        let mut previous = heapless::Vec::new();
        for _ in 0..count {
            let (verifier, until) = (SealedVerifier::from_bytes(array(&mut tail)?), seconds(&mut tail)?);
            previous.push(Previous { verifier, until: Some(until).filter(|until| until.as_secs() > 0) }).ok()?;
        }
        let user = match name {
            NOBODY => None,
            len => Some(SignedInUser { name: text(&mut tail, len)?, at, level }),
        };
        let label = text(&mut tail, label)?;
        let data = Data::decode(tail)?;
        let cookie_life = CookieLife::of_byte(life)?;
        let record = Self { created, user, label, cookie_life, schema, verifier, generation, previous, data };
        (layout == LAYOUT).then(|| Box::new(record))
    }
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn seconds(bytes: &mut &[u8]) -> Option<UnixTime> {
    Some(UnixTime::from_secs(u64::from_be_bytes(array(bytes)?)))
}

fn text(bytes: &mut &[u8], len: u16) -> Option<String> {
    let (first, rest) = bytes.split_at_checked(len.into())?;
    *bytes = rest;
    core::str::from_utf8(first).ok().map(String::from)
}

/// Shows nothing of it: the data is the application's.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}
