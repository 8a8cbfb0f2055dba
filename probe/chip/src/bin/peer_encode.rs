//! The peer: signing.
#![no_std]
#![no_main]

use board::entry;
use chip::{JWT, counted, peer, report};

#[entry]
fn main() -> ! {
    report(|| {
        let key = peer::key();
        counted(|| (peer::encode(&key)?.len() == JWT.len()).then_some(()))
    })
}
