//! The claims that everybody signs and verifies.

use countersign::jwt::ClaimValue;
use serde::{Deserialize, Serialize};

pub const KEY: &[u8; 32] = b"an obvious test key of 32 bytes!";
pub const NOW: u64 = 1_767_225_600;
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://api.example";
const SUBJECT: &str = "user-0123456789";
const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const TEXT: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna \
     aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure \
     dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla";
const ROLES: &[&str] = &["reader", "writer", "operator", "auditor"];
const GROUPS: &[&str] = &["engineering", "on-call", "site-berlin", "site-lisbon", "beta-testers"];

pub fn ends() -> u64 {
    // Peers that read the clock themselves want a time that is still to come.
    4_102_444_800
}

/// Registered claims, borrowed: for this crate.
pub fn registered() -> countersign::jwt::JwtBuilder<'static> {
    use countersign::UnixTime;
    let claims = countersign::jwt::JwtBuilder::new().issuer(ISSUER).subject(SUBJECT).audience(&[AUDIENCE]).jwt_id(ID);
    claims.expires_at(UnixTime::from_secs(ends())).issued_at(UnixTime::from_secs(NOW))
}

/// Nine private claims, without serde.
pub const PRIVATE: &[(&str, ClaimValue<'static>)] = &[
    ("name", ClaimValue::Str("Ada Lovelace")),
    ("email", ClaimValue::Str("ada@example.org")),
    ("tenant", ClaimValue::Str("tenant-00042")),
    ("scope", ClaimValue::Str("openid profile email offline_access")),
    ("locale", ClaimValue::Str("en-GB")),
    ("device", ClaimValue::Str("dev-0123456789ab")),
    ("note", ClaimValue::Str(TEXT)),
    ("roles", ClaimValue::StrList(ROLES)),
    ("groups", ClaimValue::StrList(GROUPS)),
];

/// The registered claims as a struct, owned: what peers read into.
#[derive(Clone, Deserialize, Serialize)]
pub struct Small {
    pub iss: String,
    pub sub: String,
    pub jti: String,
    pub aud: String,
    pub exp: u64,
    pub iat: u64,
}

impl Small {
    pub fn new() -> Self {
        let [iss, sub, jti, aud] = [ISSUER, SUBJECT, ID, AUDIENCE].map(str::to_owned);
        Self { iss, sub, jti, aud, exp: ends(), iat: NOW }
    }
}

/// All claims as a struct, owned.
#[derive(Clone, Deserialize, Serialize)]
pub struct Big {
    #[serde(flatten)]
    pub private: BigPrivate,
    pub iss: String,
    pub sub: String,
    pub jti: String,
    pub aud: String,
    pub exp: u64,
    pub iat: u64,
}

/// The private claims as a struct, owned.
#[derive(Clone, Deserialize, Serialize)]
pub struct BigPrivate {
    pub name: String,
    pub email: String,
    pub tenant: String,
    pub scope: String,
    pub locale: String,
    pub device: String,
    pub note: String,
    pub roles: Vec<String>,
    pub groups: Vec<String>,
}

impl BigPrivate {
    pub fn new() -> Self {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let text = |name: &str| match PRIVATE.iter().find(|(found, _)| *found == name) {
            Some((_, ClaimValue::Str(text))) => (*text).to_owned(),
            _ => String::new(),
        };
        let [name, email, tenant, scope] = ["name", "email", "tenant", "scope"].map(text);
        let [locale, device, note] = ["locale", "device", "note"].map(text);
        Self { name, email, tenant, scope, locale, device, note, roles: owned(ROLES), groups: owned(GROUPS) }
    }
}

/// What jwt-compact does not read itself: all but the times.
#[derive(Clone, Deserialize, Serialize)]
pub struct Timeless<P> {
    pub iss: String,
    pub sub: String,
    pub jti: String,
    pub aud: String,
    #[serde(flatten)]
    pub private: P,
}

impl<P> Timeless<P> {
    pub fn new(private: P) -> Self {
        let Small { iss, sub, jti, aud, .. } = Small::new();
        Self { iss, sub, jti, aud, private }
    }
}

/// No private claims.
#[derive(Clone, Deserialize, Serialize)]
pub struct Nothing {}

/// The registered claims as a struct, borrowed.
#[derive(Deserialize, Serialize)]
pub struct SmallRef<'a> {
    pub iss: &'a str,
    pub sub: &'a str,
    pub jti: &'a str,
    pub aud: &'a str,
    pub exp: u64,
    pub iat: u64,
}

/// All claims as a struct, borrowed where there is no heap.
#[derive(Deserialize, Serialize)]
pub struct BigRef<'a> {
    pub iss: &'a str,
    pub sub: &'a str,
    pub jti: &'a str,
    pub aud: &'a str,
    pub exp: u64,
    pub iat: u64,
    pub name: &'a str,
    pub email: &'a str,
    pub tenant: &'a str,
    pub scope: &'a str,
    pub locale: &'a str,
    pub device: &'a str,
    pub note: &'a str,
    #[serde(borrow)]
    pub roles: [&'a str; 4],
    #[serde(borrow)]
    pub groups: [&'a str; 5],
}

impl SmallRef<'static> {
    pub const fn new() -> Self {
        Self { iss: ISSUER, sub: SUBJECT, jti: ID, aud: AUDIENCE, exp: 4_102_444_800, iat: NOW }
    }
}

impl BigRef<'static> {
    pub fn new() -> Self {
        let SmallRef { iss, sub, jti, aud, exp, iat } = SmallRef::new();
        let [name, email, tenant, scope] =
            ["Ada Lovelace", "ada@example.org", "tenant-00042", "openid profile email offline_access"];
        let [locale, device, note] = ["en-GB", "dev-0123456789ab", TEXT];
        let (mut roles, mut groups) = ([""; 4], [""; 5]);
        roles.copy_from_slice(ROLES);
        groups.copy_from_slice(GROUPS);
        Self { iss, sub, jti, aud, exp, iat, name, email, tenant, scope, locale, device, note, roles, groups }
    }
}
