//! What EdDSA takes: verifying a JWT with a public key that the compiler cannot see through.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{AUDIENCE, ISSUER, NOW, SUBJECT};
use chip::{bytes, counted, report};
use core::hint::black_box;
use countersign::jwt::keys::EdDsaVerifyingKey;
use countersign::jwt::{Policy, authenticate_in_place};

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);
const KEY: [u8; 32] = bytes(env!("EDDSA_KEY"));
const JWT: &str = env!("EDDSA_JWT");

#[entry]
fn main() -> ! {
    report(|| {
        let (key, mut token) = (EdDsaVerifyingKey::new(black_box(&KEY)).ok()?, [0; JWT.len()]);
        token.iter_mut().zip(black_box(JWT).bytes()).for_each(|(place, byte)| *place = byte);
        counted(|| {
            let verified = authenticate_in_place(&key, &mut token).ok()?.check(&POLICY, black_box(NOW)).ok()?;
            (verified.claims().subject()? == SUBJECT).then_some(())
        })
    })
}
