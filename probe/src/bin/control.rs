//! A program with a panic path. The gate must refuse it, or the gate is broken.
#![no_std]
#![no_main]

use probe as _;

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let index = core::hint::black_box(1usize);
    [0, 1][index]
}
