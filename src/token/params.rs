//! Params as they travel: `(len8(key) . len8(value))*`, borrowed, in strictly ascending order of keys.

use super::reserved::Reserved;
use crate::cursor::Sink;
use crate::rules::{MAX_PARAM_VALUE, MAX_PARAMS, is_param_key};
use crate::{Error, Result};

/// A token's params: small fixed facts that save the verifier a database look-up.
///
/// ```
/// # use countersign::{UnixTime, key::MacKey, token::{Draft, Profile, Unverified}};
/// # let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// # let pairs = [("fw", b"1.2.3".as_slice()), ("site", b"berlin")];
/// # let mut out = [0; 128];
/// # let draft = Draft::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).params(&pairs);
/// # let binary = draft.mint_binary(&Profile::new("mqtt")?, &key, &mut out)?;
/// # let authentic = Unverified::parse_binary(binary, None)?.authenticate(&Profile::new("mqtt")?, &key, Default::default()).unwrap();
/// let params = authentic.params();
/// assert_eq!(params.get("site"), Some(b"berlin".as_slice()));
/// for (key, value) in params {
///     println!("{key} is {} bytes", value.len());
/// }
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Params<'a> {
    count: u8,
    wire: &'a [u8],
}

impl<'a> Params<'a> {
    /// Takes a wire form that the parsers have checked.
    pub(super) const fn from_checked(count: u8, wire: &'a [u8]) -> Self {
        Self { count, wire }
    }

    /// The same count over other bytes: for a copy.
    #[cfg(feature = "std")]
    pub(super) const fn with_wire<'b>(self, wire: &'b [u8]) -> Params<'b> {
        Params { count: self.count, wire }
    }

    #[cfg(feature = "std")]
    pub(super) const fn wire(&self) -> &'a [u8] {
        self.wire
    }

    /// How many there are, reserved ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// True if there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// All pairs in ascending order of their keys.
    #[must_use]
    pub const fn iter(&self) -> ParamsIter<'a> {
        ParamsIter { wire: self.wire }
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = ParamsIter<'a>;

    fn into_iter(self) -> ParamsIter<'a> {
        self.iter()
    }
}

/// Iterates over the pairs of [`Params`].
#[derive(Clone, Debug)]
pub struct ParamsIter<'a> {
    wire: &'a [u8],
}

impl<'a> Iterator for ParamsIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = split_len8(self.wire)?;
        let (value, rest) = split_len8(rest)?;
        self.wire = rest;
        Some((core::str::from_utf8(key).ok()?, value))
    }
}

/// Splits off a string that its length byte precedes.
pub(super) fn split_len8(wire: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = wire.split_first()?;
    rest.split_at_checked(usize::from(*len))
}

/// What a MAC input and the binary form need of params, wherever they are kept.
pub(super) trait WireParams {
    fn count(&self) -> u8;
    fn wire_len(&self) -> usize;
    fn put_wire(&self, sink: &mut impl Sink);
}

impl WireParams for Params<'_> {
    fn count(&self) -> u8 {
        self.count
    }

    fn wire_len(&self) -> usize {
        self.wire.len()
    }

    fn put_wire(&self, sink: &mut impl Sink) {
        sink.put(self.wire);
    }
}

/// Checks params one by one while they are parsed, and keeps what the reserved ones say.
#[derive(Default)]
pub(super) struct ParamCheck<'a> {
    pub(super) count: u8,
    pub(super) reserved: Reserved,
    last: &'a [u8],
}

impl<'a> ParamCheck<'a> {
    /// Takes the next pair; refuses a bad key, one out of order, one too many, and a reserved one of another form.
    pub(super) fn next(&mut self, key: &'a [u8], value: &[u8]) -> Result<()> {
        let in_order = self.last < key;
        if !in_order || !is_param_key(key) || value.len() > MAX_PARAM_VALUE || usize::from(self.count) >= MAX_PARAMS {
            return Err(Error::Malformed);
        }
        self.last = key;
        self.count = self.count.saturating_add(1);
        self.reserved.read(key, value)
    }
}
