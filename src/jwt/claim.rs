//! Single claims: their names, their values and their errors.

pub use super::claims::Audience;
pub use super::json::JsonStr;
pub use super::registered::{RegisteredClaim, RegisteredClaims};
pub use crate::error::{ClaimError, ClaimFault};
