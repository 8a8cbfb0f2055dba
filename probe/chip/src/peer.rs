//! The peer, as its documentation shows it: the same claims and the same checks.

use crate::claims::{AUDIENCE, EXPIRES_AT, ID, ISSUER, KEY, NOW, SUBJECT};
use crate::heap;
use alloc::string::String;
use chrono::{DateTime, Duration, Utc};
use core::hint::black_box;
use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::prelude::*;
use serde::{Deserialize, Serialize};

/// What the peer does not read by itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Custom {
    iss: String,
    sub: String,
    jti: String,
    aud: String,
}

/// Its key.
#[must_use]
pub fn key() -> Hs256Key {
    heap::start();
    Hs256Key::new(black_box(KEY))
}

fn now() -> DateTime<Utc> {
    time(NOW).unwrap_or_default()
}

fn time(time: countersign::UnixTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(time.as_secs()).ok()?, 0)
}

/// Signs the claims.
#[must_use]
pub fn encode(key: &Hs256Key) -> Option<String> {
    let custom = black_box(Custom { iss: ISSUER.into(), sub: SUBJECT.into(), jti: ID.into(), aud: AUDIENCE.into() });
    let mut claims = Claims::new(custom);
    claims.issued_at = time(NOW);
    claims.expiration = time(EXPIRES_AT);
    Hs256.token(&Header::empty().with_token_type("JWT"), &claims, key).ok()
}

/// Verifies a token, its times, issuer and audience.
#[must_use]
pub fn verify(key: &Hs256Key, token: &str) -> Option<()> {
    let token = UntrustedToken::new(token).ok()?;
    let token: Token<Custom> = Hs256.validator(key).validate(&token).ok()?;
    let claims = token.claims();
    let options = TimeOptions::new(Duration::zero(), now);
    claims.validate_expiration(&options).ok()?;
    let custom = &claims.custom;
    (custom.iss == ISSUER && custom.aud == AUDIENCE && custom.sub == SUBJECT).then_some(())
}
