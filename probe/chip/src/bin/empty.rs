//! Start and report: what every program costs.
#![no_std]
#![no_main]

use board::entry;
use chip::{counted, report};

#[entry]
fn main() -> ! {
    report(|| counted(|| core::hint::black_box(Some(()))))
}
