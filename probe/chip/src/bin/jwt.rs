//! Signing a JWT with registered claims, and verifying it in place.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{AUDIENCE, ISSUER, KEY, NOW, SUBJECT, registered};
use chip::{JWT, counted, report};
use core::hint::black_box;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{Policy, authenticate_in_place};

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);

#[entry]
fn main() -> ! {
    report(|| {
        let (key, mut token) = (Hs256Key::new(black_box(KEY)).ok()?, [0; JWT.len()]);
        let claims = registered();
        counted(|| {
            black_box(&claims).sign(&key, &mut token).ok()?;
            let verified = authenticate_in_place(&key, &mut token).ok()?.check(&POLICY, black_box(NOW)).ok()?;
            (verified.claims().subject()? == SUBJECT).then_some(())
        })
    })
}
