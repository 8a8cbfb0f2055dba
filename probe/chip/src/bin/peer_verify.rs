//! The peer: verifying.
#![no_std]
#![no_main]

use board::entry;
use chip::{JWT, counted, peer, report};
use core::hint::black_box;

#[entry]
fn main() -> ! {
    report(|| {
        let key = peer::key();
        counted(|| peer::verify(&key, black_box(JWT)))
    })
}
