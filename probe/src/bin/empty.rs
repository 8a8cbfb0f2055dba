//! Nothing but the start: what every program costs.
#![no_std]
#![no_main]

use probe as _;

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    core::hint::black_box(0)
}
