//! The record of a session: its user, its times, its verifiers and the application's data.
//!
//! ```text
//! layout  data version  created  verifier  signed in at  level  flags  generation  lengths          count of
//! 1       4             8        18        8             1      1      2           of user, label   previous verifiers
//!                                                                                  2, 2             1
//!
//! sent again at  each previous verifier, until   user  label  data
//! 8 or 0         18, 8                                        JSON object
//! ```
//!
//! Numbers are big-endian. The lowest flag is that of a session that arrives, the next two are the [`CookieLife`], and
//! the fourth is set if there is a time at which the cookie was sent again. A previous verifier that counts without an
//! end has the highest bit set in front of the time since which it does. Without a user the length of the name is the
//! largest there is.

use super::cookie_life::CookieLife;
use super::credential::VerifierMac;
use super::data::Data;
use super::error::SessionError;
use crate::UnixTime;
use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

/// The length in bytes of the longest record. Keep larger data in a database, and its key in the session.
pub const MAX_RECORD_LEN: usize = 16 * 1024;

/// The layout above. A record of another one is no session, and no error either.
const LAYOUT: u8 = 4;

/// Bytes in front of the previous verifiers.
const HEAD: usize = 48;

/// How many previous verifiers may count at once.
const MAX_PREVIOUS: usize = 4;

/// The flag of a session that arrives.
const ARRIVING: u8 = 1;

/// The flag of a session whose cookie was sent again.
const SENT_AGAIN: u8 = 8;

/// In front of the time since which a previous verifier counts without an end.
const UNREPLACED: u64 = 1 << 63;

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
    pub(super) data_version: u32,
    pub(super) verifier: VerifierMac,
    /// Another one after each sign-in under this handle: a credential of an earlier one is worth nothing, and no theft.
    pub(super) generation: u16,
    /// A sign-in is under way that has not yet ended what is too many of its user's sessions.
    pub(super) is_arriving: bool,
    /// When its cookie was sent to the browser for the last time, after the first one: that answer may come after many others.
    pub(super) sent_again: Option<UnixTime>,
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
    pub(super) verifier: VerifierMac,
    pub(super) counts: Counts,
}

/// For how long a verifier counts that a renewal has replaced.
#[derive(Clone, Copy)]
pub(super) enum Counts {
    /// Until a newer one is seen; the last of those was made then.
    UntilSeen(UnixTime),
    /// From then on its use is theft.
    Until(UnixTime),
}

/// What a verifier is to a record.
pub(super) enum Standing {
    /// The one that counts.
    Current,
    /// One that a renewal has replaced, and that still counts.
    Replaced(Counts),
    /// One that counted once.
    Over,
    /// None that the record has.
    Unknown,
}

impl Previous {
    pub(super) fn counts(&self, now: UnixTime) -> bool {
        match self.counts {
            Counts::UntilSeen(_) => true,
            Counts::Until(until) => now < until,
        }
    }

    /// True while no newer one was seen.
    pub(super) const fn is_unreplaced(&self) -> bool {
        matches!(self.counts, Counts::UntilSeen(_))
    }
}

impl Record {
    pub(super) fn new(verifier: VerifierMac, data_version: u32, now: UnixTime) -> Box<Self> {
        Box::new(Self {
            created: now,
            user: None,
            label: String::new(),
            cookie_life: None,
            data_version,
            verifier,
            generation: 0,
            is_arriving: false,
            sent_again: None,
            previous: heapless::Vec::new(),
            data: Data::default(),
        })
    }

    /// Of no session.
    #[cfg(feature = "tower")]
    pub(super) fn blank() -> Box<Self> {
        Self::new(VerifierMac::from_bytes([0; 18]), 0, UnixTime::UNSET)
    }

    /// Puts a new verifier in the place of one, if that still is the one that counts. Without room for another previous one, one that was never
    /// seen makes way, but not the one that this request came with.
    pub(super) fn renew(&mut self, from: VerifierMac, to: VerifierMac, shown: VerifierMac, now: UnixTime) {
        if self.verifier != from {
            return;
        }
        self.previous.retain(|previous| previous.counts(now));
        if self.previous.is_full()
            && let Some(place) =
                self.previous.iter().position(|previous| previous.is_unreplaced() && previous.verifier != shown)
        {
            self.previous.remove(place);
        }
        if self.previous.push(Previous { verifier: from, counts: Counts::UntilSeen(now) }).is_ok() {
            self.verifier = to;
        }
    }

    /// Gives all verifiers before this one an end, as it has been seen; those that are not before it any more stay.
    pub(super) fn retire(&mut self, seen: VerifierMac, until: UnixTime) {
        if self.verifier != seen {
            return;
        }
        for previous in &mut self.previous {
            if previous.is_unreplaced() {
                previous.counts = Counts::Until(until);
            }
        }
    }

    /// What this verifier is to the record.
    pub(super) fn standing(&self, verifier: VerifierMac, now: UnixTime) -> Standing {
        if self.verifier == verifier {
            return Standing::Current;
        }
        match self.previous.iter().find(|previous| previous.verifier == verifier) {
            Some(previous) if previous.counts(now) => Standing::Replaced(previous.counts),
            Some(_) => Standing::Over,
            None => Standing::Unknown,
        }
    }

    /// True while a cookie is on its way to the browser, for as long as the grace, that a request with this verifier does not bring.
    pub(super) fn has_cookie_under_way(&self, shown: VerifierMac, now: UnixTime, grace: Duration) -> bool {
        let is_late = |since: UnixTime| now.as_secs().saturating_sub(since.as_secs()) < grace.as_secs();
        let is_newer = |previous: &Previous| matches!(previous.counts, Counts::UntilSeen(since) if is_late(since));
        self.sent_again.is_some_and(is_late) || self.verifier != shown && self.previous.iter().any(is_newer)
    }

    pub(super) fn encode(&self) -> Result<Arc<[u8]>, SessionError> {
        let Self { created, user, label, cookie_life, data_version, verifier, generation, previous, data, .. } = self;
        let Self { is_arriving, sent_again, .. } = self;
        let mut bytes = Vec::with_capacity(256);
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&data_version.to_be_bytes());
        bytes.extend_from_slice(&created.as_secs().to_be_bytes());
        bytes.extend_from_slice(verifier.as_bytes());
        // What is longer than a length can say is longer than a record may be.
        let len = |text: &str| u16::try_from(text.len()).unwrap_or(NOBODY);
        let nobody = ("", NOBODY, UnixTime::from_secs(0), 0);
        let user = user.as_ref().map(|user| (user.name.as_str(), len(&user.name), user.at, user.level));
        let (name, name_len, at, level) = user.unwrap_or(nobody);
        bytes.extend_from_slice(&at.as_secs().to_be_bytes());
        bytes.push(level);
        let flags = [(*is_arriving, ARRIVING), (sent_again.is_some(), SENT_AGAIN)];
        let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |flags, (_, flag)| flags | flag);
        bytes.push(flags | CookieLife::to_bits(*cookie_life));
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&name_len.to_be_bytes());
        bytes.extend_from_slice(&len(label).to_be_bytes());
        bytes.push(u8::try_from(previous.len()).unwrap_or(u8::MAX));
        if let Some(at) = sent_again {
            bytes.extend_from_slice(&at.as_secs().to_be_bytes());
        }
        for Previous { verifier, counts } in previous {
            let time = match counts {
                Counts::UntilSeen(since) => since.as_secs() | UNREPLACED,
                Counts::Until(until) => until.as_secs(),
            };
            bytes.extend_from_slice(verifier.as_bytes());
            bytes.extend_from_slice(&time.to_be_bytes());
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(label.as_bytes());
        data.encode(&mut bytes)?;
        match bytes.len().checked_sub(MAX_RECORD_LEN) {
            Some(by) if by > 0 => Err(SessionError::TooLarge { by, max: MAX_RECORD_LEN }),
            _ => Ok(bytes.into()),
        }
    }

    /// `None` for what is no record of this layout.
    pub(super) fn decode(bytes: &Arc<[u8]>) -> Option<Box<Self>> {
        if bytes.len() > MAX_RECORD_LEN {
            return None;
        }
        let (mut head, mut tail) = bytes.split_at_checked(HEAD)?;
        let [layout] = array(&mut head)?;
        let data_version = u32::from_be_bytes(array(&mut head)?);
        let created = seconds(&mut head)?;
        let verifier = VerifierMac::from_bytes(array(&mut head)?);
        let (at, [level, flags]) = (seconds(&mut head)?, array(&mut head)?);
        let generation = u16::from_be_bytes(array(&mut head)?);
        let (name, label) = (u16::from_be_bytes(array(&mut head)?), u16::from_be_bytes(array(&mut head)?));
        let [count] = array(&mut head)?;
        let sent_again = if flags & SENT_AGAIN == 0 { None } else { Some(seconds(&mut tail)?) };
        let mut previous = heapless::Vec::new();
        for _ in 0..count {
            let (verifier, time) = (VerifierMac::from_bytes(array(&mut tail)?), u64::from_be_bytes(array(&mut tail)?));
            let counts = match UnixTime::from_secs(time & !UNREPLACED) {
                since if time & UNREPLACED != 0 => Counts::UntilSeen(since),
                until => Counts::Until(until),
            };
            previous.push(Previous { verifier, counts }).ok()?;
        }
        let user = match name {
            NOBODY => None,
            len => Some(SignedInUser { name: text(&mut tail, len)?, at, level }),
        };
        let label = text(&mut tail, label)?;
        let data = Data::decode(bytes, bytes.len().checked_sub(tail.len())?)?;
        let (is_arriving, cookie_life) = (flags & ARRIVING != 0, CookieLife::of_bits(flags));
        let record = Self {
            created,
            user,
            label,
            cookie_life,
            data_version,
            verifier,
            generation,
            is_arriving,
            sent_again,
            previous,
            data,
        };
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

/// Shows no field, since the data is the application's.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}
