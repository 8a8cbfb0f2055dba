//! The limits of a JSON document.

/// Claims of a token: members of the top object.
pub(crate) const MAX_CLAIMS: u32 = 128;

/// How names of claims and of structs begin that have a meaning inside of `serde_json`: a `Value` would take the string under one of them for a
/// number, or for JSON that the scanner has not seen.
#[cfg(feature = "serde")]
pub(super) const PRIVATE: &str = "$serde_json::private::";

/// Levels of nesting, the top object included: one bit each in the stack.
pub(super) const MAX_DEPTH: u32 = 16;

/// Offsets are 16 bits wide: no document of a JWT in this crate is longer.
pub(crate) const MAX_LEN: usize = 65_535;
