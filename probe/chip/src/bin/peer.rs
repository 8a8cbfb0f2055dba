//! The peer: signing and verifying.
#![no_std]
#![no_main]

use board::entry;
use chip::{counted, peer, report};

#[entry]
fn main() -> ! {
    report(|| {
        let key = peer::key();
        counted(|| peer::verify(&key, &peer::encode(&key)?))
    })
}
