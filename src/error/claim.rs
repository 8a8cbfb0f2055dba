//! The error of a single claim: its name and its fault.

use crate::bytes::copy;
use crate::shown::Shown;
use core::fmt;

/// Bytes of a name that an error holds. With the rest of the error they make 24.
const NAME_LEN: usize = 22;

/// The fault of a claim that could not be read into a type, or could not be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClaimFault {
    /// The claim appears twice.
    Duplicate,
    /// A string contains a quote, a backslash or a control character. A `&str` cannot borrow it, or the type refuses
    /// it.
    Escaped,
    /// The type expects `true` or `false`.
    ExpectedBool,
    /// The type expects a whole number that fits its range.
    ExpectedInteger,
    /// The type expects a finite number.
    ExpectedNumber,
    /// The type expects a string.
    ExpectedString,
    /// The type expects an array.
    ExpectedArray,
    /// The type expects an object.
    ExpectedObject,
    /// The type expects `null`.
    ExpectedNull,
    /// The claim is no date: a number of seconds since 1970, from 0 to 2^64 − 1 (RFC 7519 section 2).
    ExpectedDate,
    /// The claim is neither a string nor an array of strings.
    ExpectedStrings,
    /// The claim has a setter of its own and is no private claim.
    HasSetter,
    /// The claim is absent.
    Missing,
    /// The type is a flattened or untagged one, or holds bytes. Only `Claims::deserialize`, with the feature `std`,
    /// reads it.
    NeedsHeap,
    /// The number is not finite, or too large for the field.
    NotFinite,
    /// The claims are neither a struct nor a map.
    NotAnObject,
    /// JSON has no such value: bytes, a number of 128 bits, or a map key that is not a string.
    NotJson,
    /// Arrays and objects are nested deeper than 16 levels.
    TooDeep,
    /// A string with an escape is longer than 256 bytes.
    TooLong,
    /// The JWT has more claims than a verifier reads: 128, or 64 from a slice.
    TooMany,
    /// The type refuses the value.
    Rejected,
    /// The type has no such field.
    Unknown,
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "it is there twice",
            Self::ExpectedBool => "expected true or false",
            Self::ExpectedInteger => "expected a whole number that fits its field",
            Self::ExpectedNumber => "expected a finite number",
            Self::ExpectedString => "expected a string",
            Self::ExpectedArray => "expected an array",
            Self::ExpectedObject => "expected an object",
            Self::ExpectedNull => "expected null",
            Self::ExpectedDate => "expected a date: a number of seconds since 1970, from 0 to 2^64 - 1",
            Self::ExpectedStrings => "expected a string or an array of strings",
            Self::Escaped => "a string with an escape: it cannot be borrowed, or its type refuses it",
            Self::HasSetter => "it has a setter of its own",
            Self::Missing => "it is missing",
            Self::NeedsHeap => "its type needs a heap to be read: use `deserialize`, with the feature std",
            Self::NotFinite => "not a finite number",
            Self::NotAnObject => "claims are a struct or a map",
            Self::NotJson => "JSON has no such value",
            Self::TooDeep => "more than 16 levels of arrays and objects",
            Self::TooLong => "a string with an escape is longer than 256 bytes",
            Self::TooMany => "too many claims: 128 are read, 64 of them from a slice",
            Self::Rejected => "its type refuses the value",
            Self::Unknown => "the type has no such field",
        })
    }
}

/// Error of a claim that could not be read or written.
///
/// It holds the first 22 bytes of the claim's name, and nothing of the value.
///
/// ```
/// use countersign::Error;
/// use countersign::jwt::{ClaimValue, JwtBuilder};
/// use countersign::jwt::claim::ClaimFault;
/// use countersign::jwt::keys::Hs256Key;
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let twice = JwtBuilder::new().private_claims(&[("fw", ClaimValue::Bool(true)), ("fw", ClaimValue::Bool(false))]);
/// let Err(Error::InvalidClaims(error)) = twice.sign(&key, &mut [0; 192]) else { panic!() };
/// assert_eq!((error.name(), error.fault()), (Some("fw"), ClaimFault::Duplicate));
/// assert_eq!(error.to_string(), "`fw`: it is there twice");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct ClaimError {
    name: [u8; NAME_LEN],
    /// Bytes of the whole name, of which `name` holds the first ones; zero if no single claim is at fault.
    name_len: u8,
    fault: ClaimFault,
}

impl ClaimError {
    /// Which claim is at fault, and why. An empty name is of no single claim.
    #[cold]
    pub(crate) fn new(name: &str, fault: ClaimFault) -> Self {
        let mut kept = [0; NAME_LEN];
        copy(name.as_bytes(), &mut kept);
        Self { name: kept, name_len: u8::try_from(name.len()).unwrap_or(u8::MAX), fault }
    }

    /// Returns the name of the claim, cut to its first 22 bytes. `None` means that no single claim is at fault.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let kept = self.name.get(..self.name_len.into()).unwrap_or(&self.name);
        // All characters that are whole.
        let name = kept.utf8_chunks().next()?.valid();
        (!name.is_empty()).then_some(name)
    }

    /// Returns the fault of the claim.
    #[must_use]
    pub const fn fault(&self) -> ClaimFault {
        self.fault
    }
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            let more = if usize::from(self.name_len) > name.len() { "…" } else { "" };
            write!(f, "`{}{more}`: ", Shown(name))?;
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Debug for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimError").field("name", &self.name()).field("fault", &self.fault).finish()
    }
}

impl core::error::Error for ClaimError {}

impl From<ClaimFault> for ClaimError {
    fn from(fault: ClaimFault) -> Self {
        Self::new("", fault)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for ClaimError {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}: {}", self.name().unwrap_or_default().as_bytes(), self.fault);
    }
}

#[cfg(feature = "serde")]
mod of_serde {
    use super::{ClaimError, ClaimFault};
    use core::fmt::Display;
    use serde::ser;

    impl ser::Error for ClaimError {
        fn custom<T: Display>(_: T) -> Self {
            ClaimFault::Rejected.into()
        }
    }

    impl ser::Error for ClaimFault {
        fn custom<T: Display>(_: T) -> Self {
            Self::Rejected
        }
    }
}

impl core::error::Error for ClaimFault {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_name_is_kept_as_far_as_there_is_room() {
        for (name, kept, shown) in [
            ("", None, "it is missing"),
            ("a", Some("a"), "`a`: it is missing"),
            ("0123456789012345678901", Some("0123456789012345678901"), "`0123456789012345678901`: it is missing"),
            ("01234567890123456789012", Some("0123456789012345678901"), "`0123456789012345678901…`: it is missing"),
            ("012345678901234567890é", Some("012345678901234567890"), "`012345678901234567890…`: it is missing"),
            ("é\n\u{202E}", Some("é\n\u{202E}"), "`é\\u{a}\\u{202e}`: it is missing"),
        ] {
            let error = ClaimError::new(name, ClaimFault::Missing);
            assert_eq!((error.name(), error.to_string().as_str()), (kept, shown));
        }
        let long = "x".repeat(300);
        assert_eq!(ClaimError::new(&long, ClaimFault::Rejected).name(), long.get(..22));
        assert!(size_of::<ClaimError>() == 24);
    }
}
