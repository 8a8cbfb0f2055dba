//! Params in wire form: `(len8(key) . len8(value))*`, borrowed, in strictly ascending order of keys.

use super::reserved::Reserved;
use crate::cursor::Sink;
use crate::rules::{MAX_PARAM_VALUE_LEN, MAX_PARAMS, is_param_key, param_rank};
use crate::{Error, Result};
use core::fmt;

/// The params of a token: small fixed facts that save the verifier a database look-up.
///
/// ```
/// # use countersign::{UnixTime, key::MacKey, token::{Profile, TokenBuilder, UnverifiedToken}};
/// # let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
/// # let pairs = [("fw", b"1.2.3".as_slice()), ("site", b"berlin")];
/// # let mut out = [0; 128];
/// # let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).params(&pairs);
/// # let binary = builder.mint_binary(&Profile::new("mqtt")?, &key, &mut out)?;
/// # let profile = Profile::new("mqtt")?;
/// # let authentic = UnverifiedToken::parse_binary(binary, None)?.authenticate(&profile, &key, Default::default())?;
/// let params = authentic.params();
/// assert_eq!(params.get("site"), Some(b"berlin".as_slice()));
/// for (key, value) in params {
///     println!("{key} is {} bytes", value.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, Eq, PartialEq)]
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

    /// Returns the number of params, reserved ones included.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600));
    /// let binary = builder.params(&[("fw", b"1.2.3")]).key_slot(2).mint_binary_heapless::<64>(&profile, &key)?;
    /// let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!(token.params().len(), 2); // `fw` and `k`
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// Returns true if there are no params.
    ///
    /// ```
    /// use countersign::token::Params;
    ///
    /// assert!(Params::default().is_empty());
    /// ```
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the value of a key.
    ///
    /// ```
    /// # use countersign::{key::MacKey, token::{Channel, Profile, UnverifiedToken}};
    /// # let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
    /// # let text = b"cs1_dev-0123456789ab.1767225600.fw_-MS4yLjM.334d630337a0f5b72cd0988bb70b8db4";
    /// # let (profile, mut scratch) = (Profile::new("fleet/login")?, [0; 96]);
    /// # let token = UnverifiedToken::parse_text(text, &mut scratch)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert_eq!(token.params().get("fw"), Some(b"1.2.3".as_slice())); // the bytes, not their spelling `-MS4yLjM`
    /// assert_eq!(token.params().get("site"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| *found == key).map(|(_, value)| value)
    }

    /// Returns an iterator over all pairs, in ascending order of their keys.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, Profile, TokenBuilder, UnverifiedToken}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// let pairs = [("site", b"berlin".as_slice()), ("fw", b"1.2.3")];
    /// # let builder = TokenBuilder::time(b"dev-7", UnixTime::from_secs(1_767_225_600)).params(&pairs);
    /// # let binary = builder.mint_binary_heapless::<64>(&profile, &key)?;
    /// # let token = UnverifiedToken::parse_binary(&binary, None)?.authenticate(&profile, &key, Channel::NONE)?;
    /// assert!(token.params().iter().map(|(key, _)| key).eq(["fw", "site"])); // sorted, however they were drafted
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

/// An iterator over the pairs of [`Params`].
///
/// ```
/// use countersign::token::{Params, ParamsIter};
///
/// fn names<'a>(pairs: ParamsIter<'a>) -> impl Iterator<Item = &'a str> {
///     pairs.map(|(key, _)| key)
/// }
/// assert_eq!(names(Params::default().iter()).next(), None);
/// ```
#[derive(Clone)]
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

/// Shows the keys alone, since a value may be a nonce or a proof.
impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().fmt(f)
    }
}

impl fmt::Debug for ParamsIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.clone().map(|(key, _)| key)).finish()
    }
}

/// Splits off a string that its length byte precedes.
pub(super) fn split_len8(wire: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = wire.split_first()?;
    rest.split_at_checked(usize::from(*len))
}

/// Params on their way into a MAC input or the binary form: of a parsed token, or of a builder in order of their keys.
///
/// An enum and no trait, so that minting and verifying share the code for M.
#[derive(Clone, Copy)]
pub(super) enum WireParams<'a> {
    Parsed(Params<'a>),
    Drafted(&'a [(&'a str, &'a [u8])]),
}

impl WireParams<'_> {
    pub(super) fn count(self) -> u8 {
        match self {
            Self::Parsed(params) => params.count,
            // At most 8.
            Self::Drafted(params) => u8::try_from(params.len()).unwrap_or(u8::MAX),
        }
    }

    /// Bytes that [`put`](WireParams::put) puts.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Parsed(params) => params.wire.len(),
            Self::Drafted(params) => {
                // At most 8 params of at most 74 bytes.
                params
                    .iter()
                    .fold(0, |len, (key, value)| len.wrapping_add(2).wrapping_add(key.len()).wrapping_add(value.len()))
            }
        }
    }

    pub(super) fn put(self, sink: &mut impl Sink) {
        match self {
            Self::Parsed(params) => sink.put(params.wire),
            Self::Drafted(params) => {
                for (key, value) in params {
                    sink.put_len8(key.as_bytes());
                    sink.put_len8(value);
                }
            }
        }
    }
}

/// Checks params one by one while they are parsed, and keeps what the reserved ones say.
#[derive(Default)]
pub(super) struct ParamCheck {
    pub(super) count: u8,
    pub(super) reserved: Reserved,
    last: u64,
}

impl ParamCheck {
    /// Takes the next pair; refuses a bad key, one out of order, one too many, and a reserved one of another form.
    pub(super) fn next(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let rank = param_rank(key);
        let in_order = self.last < rank;
        if !in_order || !is_param_key(key) || value.len() > MAX_PARAM_VALUE_LEN || usize::from(self.count) >= MAX_PARAMS
        {
            return Err(Error::Malformed);
        }
        self.last = rank;
        self.count = self.count.saturating_add(1);
        self.reserved.read(key, value)
    }
}
