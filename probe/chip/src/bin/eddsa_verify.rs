//! What EdDSA adds: verifying a JWT with a public key that the compiler cannot see through.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{AUDIENCE, ISSUER, KEY, NOW};
use chip::{JWT, counted, report};
use core::hint::black_box;
use countersign::jwt::{EdDsaKey, EdDsaSigningKey, Policy, Sign, authenticate_in_place};

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);

#[entry]
fn main() -> ! {
    report(|| {
        let seed = EdDsaSigningKey::new(black_box(KEY)).ok()?;
        let (key, mut token) = (EdDsaKey::new(&seed.verifying_key().to_bytes()).ok()?, [0; JWT.len()]);
        token.iter_mut().zip(black_box(JWT).bytes()).for_each(|(place, byte)| *place = byte);
        seed.sign(&token, &mut [0; 64]).ok()?;
        // The token is signed with HMAC: this one is refused, and everything that would verify it is linked in.
        let refused = authenticate_in_place(&key, &mut token);
        let is_refused = refused.is_err() || refused.ok()?.check(black_box(&POLICY), NOW).is_err();
        counted(|| is_refused.then_some(()))
    })
}
