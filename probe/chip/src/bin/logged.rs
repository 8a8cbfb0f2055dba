//! What logging adds: the program that verifies a JWT, with its verdict to defmt.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{AUDIENCE, ISSUER, KEY, NOW, SUBJECT};
use chip::{JWT, counted, report};
use core::hint::black_box;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{JwtError, Policy, authenticate_in_place};

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);

#[entry]
fn main() -> ! {
    report(|| {
        let (key, mut token) = (Hs256Key::new(black_box(KEY)).ok()?, [0; JWT.len()]);
        token.iter_mut().zip(black_box(JWT).bytes()).for_each(|(place, byte)| *place = byte);
        counted(|| {
            let authentic = authenticate_in_place(&key, &mut token);
            let verified = authentic.and_then(|token| Ok(token.check(&POLICY, black_box(NOW))?));
            match verified.map_err(JwtError::from) {
                Ok(verified) => (verified.claims().subject()? == SUBJECT).then_some(()),
                Err(refusal) => {
                    defmt::warn!("refused: {}", refusal);
                    None
                }
            }
        })
    })
}
