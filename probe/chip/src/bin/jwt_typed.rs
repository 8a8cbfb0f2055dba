//! Signing a struct as a JWT by serde, verifying it in place, and its claims back into the struct.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{AUDIENCE, EXPIRES_AT, ID, ISSUER, KEY, NOW, SUBJECT};
use chip::{JWT, counted, report};
use core::hint::black_box;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{JwtBuilder, Policy, authenticate_in_place};
use serde::{Deserialize, Serialize};

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);

#[derive(Deserialize, Serialize)]
struct Typed<'a> {
    iss: &'a str,
    sub: &'a str,
    jti: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
}

#[entry]
fn main() -> ! {
    report(|| {
        let (key, mut token) = (Hs256Key::new(black_box(KEY)).ok()?, [0; JWT.len()]);
        let (exp, iat) = (EXPIRES_AT.as_secs(), NOW.as_secs());
        let typed = black_box(Typed { iss: ISSUER, sub: SUBJECT, jti: ID, aud: AUDIENCE, exp, iat });
        counted(|| {
            JwtBuilder::new().sign_with_claims(&typed, &key, &mut token).ok()?;
            let verified = authenticate_in_place(&key, &mut token).ok()?.check(&POLICY, black_box(NOW)).ok()?;
            let read: Typed<'_> = verified.claims().deserialize_no_alloc().ok()?;
            (read.sub == SUBJECT && read.exp > read.iat).then_some(())
        })
    })
}
