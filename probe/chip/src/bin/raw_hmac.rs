//! The HMAC of the signing input alone, under a prepared key: what nobody can do without.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::KEY;
use chip::{JWT, counted, report};
use core::hint::black_box;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

#[entry]
fn main() -> ! {
    report(|| {
        let key = Hmac::<Sha256>::new_from_slice(black_box(KEY)).ok()?;
        let (message, _) = black_box(JWT).as_bytes().split_at_checked(JWT.len() - 44)?;
        counted(|| {
            let mut mac = key.clone();
            mac.update(message);
            Some(mac.finalize().into_bytes())
        })
    })
}
