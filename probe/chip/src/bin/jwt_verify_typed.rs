//! Verifying a JWT in place, its claims into a struct by serde.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{AUDIENCE, ISSUER, KEY, NOW, SUBJECT};
use chip::{JWT, counted, report};
use core::hint::black_box;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{Policy, authenticate_in_place};
use serde::Deserialize;

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);

#[derive(Deserialize)]
struct Typed<'a> {
    sub: &'a str,
    jti: &'a str,
    exp: u64,
    iat: u64,
}

#[entry]
fn main() -> ! {
    report(|| {
        let (key, mut token) = (Hs256Key::new(black_box(KEY)).ok()?, [0; JWT.len()]);
        token.iter_mut().zip(black_box(JWT).bytes()).for_each(|(place, byte)| *place = byte);
        counted(|| {
            let verified = authenticate_in_place(&key, &mut token).ok()?.check(&POLICY, black_box(NOW)).ok()?;
            let typed: Typed<'_> = verified.claims().deserialize_no_alloc().ok()?;
            (typed.sub == SUBJECT && typed.exp > typed.iat && typed.jti.len() == 36).then_some(())
        })
    })
}
