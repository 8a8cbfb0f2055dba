//! A server that signs a struct and reads it back: 28 lines; and the same program with `jsonwebtoken` 11: 30 lines.
//!
//! ```text
//! use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
//! use serde::{Deserialize, Serialize};
//! use std::time::{SystemTime, UNIX_EPOCH};
//!
//! #[derive(Debug, Deserialize, PartialEq, Serialize)]
//! struct Access {
//!     iss: String,
//!     aud: String,
//!     sub: String,
//!     exp: u64,
//!     tenant: Tenant,
//! }
//!
//! #[derive(Debug, Deserialize, PartialEq, Serialize)]
//! struct Tenant {
//!     name: String,
//!     plan: u8,
//! }
//!
//! pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let secret = b"an obvious test key of 32 bytes!";
//!     let exp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600;
//!     let tenant = Tenant { name: "acme".into(), plan: 2 };
//!     let access = Access { iss: "https://issuer.example".into(), aud: "api".into(), sub: "alice".into(), exp, tenant };
//!     let token = encode(&Header::default(), &access, &EncodingKey::from_secret(secret))?;
//!
//!     let mut validation = Validation::new(Algorithm::HS256);
//!     validation.leeway = 30;
//!     validation.set_issuer(&["https://issuer.example"]);
//!     validation.set_audience(&["api"]);
//!     let read: Access = decode(&token, &DecodingKey::from_secret(secret), &validation)?.claims;
//!     assert_eq!(read, access);
//!     Ok(())
//! }
//! ```

use countersign::UnixTime;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{Policy, SignJwt, VerifyJwt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const POLICY: Policy<'_> = Policy::new(30).issuer("https://issuer.example").audience("api");

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Access {
    iss: String,
    aud: String,
    sub: String,
    exp: u64,
    tenant: Tenant,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Tenant {
    name: String,
    plan: u8,
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (key, now) = (Hs256Key::new(b"an obvious test key of 32 bytes!")?, UnixTime::now());
    let exp = (now + Duration::from_secs(3600)).as_secs();
    let tenant = Tenant { name: "acme".into(), plan: 2 };
    let access = Access { iss: "https://issuer.example".into(), aud: "api".into(), sub: "alice".into(), exp, tenant };
    let token = key.sign_claims(&access)?;

    let read: Access = key.verify_claims(&token, &POLICY, now)?;
    assert_eq!(read, access);
    Ok(())
}
