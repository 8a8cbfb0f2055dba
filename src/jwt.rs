//! JSON Web Tokens in fixed buffers: compact JWS (RFC 7515), signed claims (RFC 7519), the advice of RFC 8725 built in.
//!
//! ```text
//! Unverified ──authenticate(key)──► Authentic ──check(policy, now)──► Verified
//!  bounds and dots alone             the signature is good     │      every claim is good
//!                                                              └────► Unfit: which are not; Expired, if that is all
//! ```
//!
//! The key decides the algorithm; the header may only agree. Nothing of a stranger's JSON is looked at before the signature is good,
//! except by a [`KeyRing`], which reads the header to find the key.
//!
//! ```
//! use countersign::jwt::{Claims, Hs256Key, Policy, Unverified};
//! use countersign::{Refusal, UnixTime};
//!
//! const POLICY: Policy<'_> = Policy::new(30).issuer("https://issuer.example").audience("api");
//!
//! let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
//! let now = UnixTime::from_secs(1_767_225_600);
//!
//! let mut out = [0; 256];
//! let claims = Claims::new().issuer("https://issuer.example").audience(&["api"]).subject("alice").expires_at(UnixTime::from_secs(1_767_229_200));
//! let token = claims.sign(&key, &mut out)?;
//!
//! let mut scratch = [0; 256];
//! let verified = Unverified::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?.check(&POLICY, now).map_err(Refusal::from)?;
//! assert_eq!(verified.claims().subject().unwrap(), "alice");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Limit | |
//! |---|---|
//! | characters of a token | 65 535 ([`MAX_TOKEN`]) |
//! | characters of a header that a ring reads | 2 048 |
//! | header parameters; claims at the top | 32; 128 |
//! | private claims signed from a slice; all claims | 64; 128 |
//! | depth of arrays and objects | 16 |
//! | bytes of a key id | 64 |
//!
//! What must not be done does not compile: signing with a public key, reading claims that nobody has checked.
//!
//! ```compile_fail,E0277
//! # #[cfg(not(feature = "es256"))] compile_error!("E0277 is about a key that needs es256");
//! # use countersign::jwt::{Claims, Es256Key};
//! fn sign_with_a_public_key(key: &Es256Key) {
//!     let _ = Claims::new().sign(key, &mut [0; 256]); // a public key is no `Sign`
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign::jwt::Authentic;
//! fn read_unchecked(token: Authentic<'_>) {
//!     let _ = token.claims(); // only `Verified` has claims to go by
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use countersign::jwt::Hs256Key;
//! fn print_a_key(key: &Hs256Key) {
//!     println!("{key}"); // a key is not `Display`, and its `Debug` is its name
//! }
//! ```

mod algorithm;
mod authentic;
mod claims;
mod compact;
mod date;
mod draft;
#[cfg(feature = "eddsa")]
mod eddsa;
#[cfg(feature = "es256")]
mod es256;
mod failed;
mod header;
mod hmac;
#[cfg(feature = "std")]
mod jwks;
mod lengths;
#[cfg(feature = "std")]
mod owned;
mod policy;
mod ring;
mod value;

pub use crate::error::{ClaimError, ClaimFault};
pub use crate::json::Text;
pub use algorithm::{Algorithm, Sign, Verify};
pub use authentic::{Authentic, AuthenticBytes, Expired, Unfit, Verified};
pub use claims::{Audience, ClaimsSet};
pub use compact::{MAX_TOKEN, Unverified, authenticate_in_place};
pub use draft::Claims;
#[cfg(feature = "eddsa")]
pub use eddsa::{EdDsaKey, EdDsaSigningKey};
#[cfg(feature = "es256")]
pub use es256::{Es256Key, Es256SigningKey};
pub use failed::{Claim, ClaimSet, FailedChecks};
pub use header::Header;
pub use hmac::{Hs256Key, Hs384Key, Hs512Key};
#[cfg(feature = "std")]
pub use jwks::{JwkSetError, read_jwk_set};
pub use lengths::max_token_len;
#[cfg(feature = "std")]
pub use owned::VerifiedClaims;
pub use policy::Policy;
pub use ring::{KeyRing, RingKey, Validity};
pub use value::Value;
