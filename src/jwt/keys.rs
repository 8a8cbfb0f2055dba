//! Keys that sign and verify JWTs, by algorithm (RFC 7518 section 3).

pub use super::algorithm::{JwsAlgorithm, SigningKey, VerifyingKey};
#[cfg(feature = "eddsa")]
pub use super::eddsa::{EdDsaSigningKey, EdDsaVerifyingKey};
#[cfg(feature = "es256")]
pub use super::es256::{Es256SigningKey, Es256VerifyingKey};
pub use super::hmac::{Hs256Key, Hs384Key, Hs512Key};
