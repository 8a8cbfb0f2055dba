//! Signing a JWT with registered claims.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{KEY, registered};
use chip::{JWT, counted, report};
use core::hint::black_box;
use countersign::jwt::keys::Hs256Key;

#[entry]
fn main() -> ! {
    report(|| {
        let (key, mut out) = (Hs256Key::new(black_box(KEY)).ok()?, [0; JWT.len()]);
        let claims = registered();
        counted(|| {
            let token = black_box(&claims).sign(&key, &mut out).ok()?;
            (token.len() == JWT.len()).then_some(())
        })
    })
}
