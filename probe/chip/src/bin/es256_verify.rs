//! What ES256 takes: verifying a JWT with a public key that the compiler cannot see through.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{AUDIENCE, ISSUER, NOW, SUBJECT};
use chip::{bytes, counted, report};
use core::hint::black_box;
use countersign::jwt::keys::Es256VerifyingKey;
use countersign::jwt::{Policy, authenticate_in_place};

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);
const KEY: [u8; 65] = bytes(env!("ES256_KEY"));
const JWT: &str = env!("ES256_JWT");

#[entry]
fn main() -> ! {
    report(|| {
        let (key, mut token) = (Es256VerifyingKey::from_sec1(black_box(&KEY)).ok()?, [0; JWT.len()]);
        token.iter_mut().zip(black_box(JWT).bytes()).for_each(|(place, byte)| *place = byte);
        counted(|| {
            let verified = authenticate_in_place(&key, &mut token).ok()?.check(&POLICY, black_box(NOW)).ok()?;
            (verified.claims().subject()? == SUBJECT).then_some(())
        })
    })
}
