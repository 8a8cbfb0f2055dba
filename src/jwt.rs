//! JSON Web Tokens in fixed buffers: compact JWS (RFC 7515), signed claims (RFC 7519), with the advice of RFC 8725
//! built in.
//!
//! ```text
//! UnverifiedJwt ──authenticate(key)──► AuthenticJwt ──check(policy, now)──► VerifiedJwt: all checks passed
//!  length and dots only                valid signature │              └────► PolicyError: the failed checks
//!                                                      └─check_expired(policy, now, grace)─► ExpiredJwt: for a refresh
//! ```
//!
//! The key decides the algorithm, and a header that names another is refused. The JSON of a token is decoded only after
//! its signature is verified, except that a [`KeySet`] reads the header to find the key. The error of a presented token
//! is [`JwtError`].
//!
//! ```
//! use countersign::jwt::{JwtBuilder, Policy, UnverifiedJwt};
//! use countersign::jwt::keys::Hs256Key;
//! use countersign::UnixTime;
//!
//! const POLICY: Policy<'_> = Policy::new(30).issuer("https://issuer.example").audience("api");
//!
//! let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
//! let now = UnixTime::from_secs(1_767_225_600);
//!
//! let mut out = [0; 256];
//! let claims = JwtBuilder::new()
//!     .issuer("https://issuer.example")
//!     .audience(&["api"])
//!     .subject("alice")
//!     .expires_at(UnixTime::from_secs(1_767_229_200));
//! let token = claims.sign(&key, &mut out)?;
//!
//! let mut scratch = [0; 256];
//! let verified = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?.check(&POLICY, now)?;
//! assert_eq!(verified.claims().subject().unwrap(), "alice");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server has a shorter path without buffers, for one key or a [`KeySet`] (feature `std`):
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use countersign::UnixTime;
//! use countersign::jwt::{Policy, SignJwt, VerifyJwt};
//! use countersign::jwt::keys::Hs256Key;
//!
//! #[derive(serde::Deserialize, serde::Serialize)]
//! struct Access {
//!     sub: String,
//!     exp: u64,
//! }
//!
//! let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
//! let token = key.sign_claims(&Access { sub: "alice".into(), exp: 1_767_229_200 })?;
//! let access: Access = key.verify_claims(&token, &Policy::new(30), UnixTime::from_secs(1_767_225_600))?;
//! assert_eq!(access.sub, "alice");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Limit | |
//! |---|---|
//! | characters of a token | 65 535 ([`MAX_JWT_LEN`](limits::MAX_JWT_LEN)) |
//! | characters of a header that a key set reads | 2 048 |
//! | header parameters; claims at the top | 32; 128 |
//! | private claims signed from a slice; all claims | 64; 128 |
//! | depth of arrays and objects | 16 |
//! | bytes of a key id | 64 |
//! | dates (NumericDate) | 0 to 2^64 − 1 seconds, a fraction allowed; a negative one is refused |
//! | bytes of an HMAC key | at least as many as of the hash, not all the same |
//!
//! Two mistakes do not compile: signing with a public key, and reading claims as verified that no policy has checked.
//!
//! ```compile_fail,E0277
//! # #[cfg(not(feature = "es256"))] compile_error!("E0277 is about a key that needs es256");
//! # use countersign::jwt::JwtBuilder;
//! # use countersign::jwt::keys::Es256VerifyingKey;
//! fn sign_with_a_public_key(key: &Es256VerifyingKey) {
//!     let _ = JwtBuilder::new().sign(key, &mut [0; 256]); // a public key is no `SigningKey`
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign::jwt::AuthenticJwt;
//! fn read_unchecked(token: AuthenticJwt<'_>) {
//!     let _ = token.claims(); // only `VerifiedJwt` has claims to go by
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use countersign::jwt::keys::Hs256Key;
//! fn print_a_key(key: &Hs256Key) {
//!     println!("{key}"); // a key is not `Display`, and its `Debug` is its name
//! }
//! ```

mod algorithm;
mod authentic;
mod builder;
pub mod claim;
mod claims;
mod date;
#[cfg(feature = "eddsa")]
mod eddsa;
mod error;
#[cfg(feature = "es256")]
mod es256;
mod failed;
mod header;
mod hmac;
mod json;
#[cfg(feature = "std")]
mod jwks;
pub mod jws;
mod key_set;
pub mod keys;
pub mod limits;
#[cfg(feature = "std")]
mod owned;
mod policy;
mod registered;
#[cfg(feature = "std")]
mod server;
mod unverified;
mod value;

pub use authentic::{AuthenticJwt, ExpiredJwt, VerifiedJwt};
pub use builder::JwtBuilder;
pub use claims::Claims;
pub use error::{JwtError, PolicyError};
pub use failed::FailedChecks;
pub use header::Header;
#[cfg(feature = "std")]
pub use jwks::JwksError;
pub use key_set::{JwtKey, KeySet, ValidityPeriod};
#[cfg(feature = "std")]
pub use owned::OwnedJwt;
pub use policy::Policy;
#[cfg(feature = "std")]
pub use server::{SignJwt, VerifyJwt};
pub use unverified::{UnverifiedJwt, authenticate_in_place};
pub use value::ClaimValue;
