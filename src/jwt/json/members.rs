//! The members of the top object: their keys are unique, and the ones that a JWT needs are noted.

use super::walk::end_of_value;
use crate::error::ClaimFault;

/// What is asked of a document beyond JSON: how many keys its top object may have, and which of its members are remembered.
pub(crate) struct Shape {
    pub(crate) max_keys: u32,
    /// Names as [`word`]s; the members of the first [`MAX_MEMBERS`] are remembered, each by its place among them.
    pub(crate) names: &'static [u32],
}

/// Members that are remembered.
const MAX_MEMBERS: usize = 7;

/// A name of up to four characters as one word: two such names are compared at once.
pub(crate) const fn word(mut name: &[u8]) -> u32 {
    let mut word = 0;
    while let [first, rest @ ..] = name {
        word = word << 8 | u32::from_le_bytes([*first, 0, 0, 0]);
        name = rest;
    }
    word
}

impl Shape {
    /// The place of a name.
    pub(crate) fn place(&self, name: &[u8]) -> Option<usize> {
        if name.len() > 4 {
            return None;
        }
        let name = word(name);
        self.names.iter().position(|word| *word == name)
    }
}

/// Where each member's value lies in the normalised text; an empty span where it is absent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Members([(u16, u16); MAX_MEMBERS]);

impl Members {
    pub(super) fn set(&mut self, place: usize, start: usize, end: usize) {
        // A document is at most 65 535 bytes, so both fit.
        if let (Some(place), Ok(start), Ok(end)) = (self.0.get_mut(place), u16::try_from(start), u16::try_from(end)) {
            *place = (start, end);
        }
    }

    pub(super) fn span(&self, place: usize) -> Option<(usize, usize)> {
        let (start, end) = self.0.get(place)?;
        (end > start).then_some((usize::from(*start), usize::from(*end)))
    }
}

/// The keys seen so far, as a Bloom filter of 256 bits: a key with an unset bit is new, any other is compared with those before it.
pub(super) struct KeyFilter {
    words: [u32; 8],
    /// How many more there may be: comparing takes time.
    room: u32,
    /// Where each starts in the text, so that names that the filter cannot tell apart cost no walk over all values. Why not on a device: it takes
    /// 258 bytes of stack, and the text there is short.
    #[cfg(feature = "std")]
    starts: heapless::Vec<u16, MAX_KEYS>,
}

/// Keys of any set.
#[cfg(feature = "std")]
const MAX_KEYS: usize = 128;

impl KeyFilter {
    pub(super) const fn up_to(max_keys: u32) -> Self {
        Self {
            words: [0; 8],
            room: max_keys,
            #[cfg(feature = "std")]
            starts: heapless::Vec::new(),
        }
    }

    /// Adds a key; an error if it is one too many, or a key of the normalised object text `before`, which ends just in front of it.
    pub(super) fn add(&mut self, before: &[u8], quoted: &[u8]) -> Result<(), ClaimFault> {
        self.room = self.room.checked_sub(1).ok_or(ClaimFault::TooMany)?;
        let [word, a, b, _] = hash(quoted).to_be_bytes();
        // Two bits of one word: both are asked for and set at once.
        let word = self.words.get_mut(usize::from(word & 7)).ok_or(ClaimFault::TooMany)?;
        let bits = 1u32 << (a & 31) | 1u32 << (b & 31);
        let is_new = *word & bits != bits;
        *word |= bits;
        if !is_new && self.has(before, quoted) {
            return Err(ClaimFault::Duplicate);
        }
        #[cfg(feature = "std")]
        {
            // What starts farther behind is in a document that is refused for its length.
            let start = u16::try_from(before.len()).unwrap_or(u16::MAX);
            self.starts.push(start).map_err(|_| ClaimFault::TooMany)?;
        }
        Ok(())
    }

    /// True if a key of the text is this one.
    #[cfg(feature = "std")]
    #[cold]
    fn has(&self, before: &[u8], quoted: &[u8]) -> bool {
        // No string is the start of another one: they end with their quote.
        let is_it = |start: &u16| before.get(usize::from(*start)..).is_some_and(|rest| rest.starts_with(quoted));
        self.starts.iter().any(is_it)
    }

    /// True if a key of the text is this one.
    #[cfg(not(feature = "std"))]
    fn has(&self, before: &[u8], quoted: &[u8]) -> bool {
        has_key(before, quoted)
    }
}

/// True if the text of an object, which may end early, has this key, given in its quotes.
#[cold]
pub(super) fn has_key(object: &[u8], quoted: &[u8]) -> bool {
    let mut rest = object.get(1..).unwrap_or_default();
    while !rest.is_empty() {
        // No string is the start of another one: they end with their quote.
        if rest.starts_with(quoted) {
            return true;
        }
        rest = rest.get(end_of_value(rest).saturating_add(1)..).unwrap_or_default();
    }
    false
}

/// Of eight bytes at either end: enough to tell most names apart, and nobody's secret.
#[cfg(feature = "std")]
fn hash(quoted: &[u8]) -> u32 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let [head, tail] = match (quoted.first_chunk(), quoted.last_chunk()) {
        (Some(head), Some(tail)) => [*head, *tail].map(u64::from_le_bytes),
        _ => match (quoted.first_chunk(), quoted.last_chunk()) {
            (Some(head), Some(tail)) => [*head, *tail].map(|end| u32::from_le_bytes(end).into()),
            // The one character between the quotes.
            _ => [quoted.get(1).copied().unwrap_or_default().into(), 0],
        },
    };
    let [a, b, c, d, ..] = head.wrapping_mul(ODD).rotate_left(32).wrapping_add(tail).wrapping_mul(ODD).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Of four bytes at either end, where multiplying longer words takes a function.
#[cfg(not(feature = "std"))]
fn hash(quoted: &[u8]) -> u32 {
    const ODD: u32 = 0x9E37_79B1;
    let [head, tail] = match (quoted.first_chunk(), quoted.last_chunk()) {
        (Some(head), Some(tail)) => [*head, *tail].map(u32::from_le_bytes),
        // The one character between the quotes.
        _ => [quoted.get(1).copied().unwrap_or_default().into(), 0],
    };
    head.wrapping_mul(ODD).rotate_left(16).wrapping_add(tail).wrapping_mul(ODD)
}
