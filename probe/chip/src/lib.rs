//! What the programs share: their input, and how they tell what they took.
#![no_std]

pub mod claims;
#[cfg(feature = "peer")]
pub mod heap;
#[cfg(feature = "peer")]
pub mod peer;

#[cfg(feature = "peer")]
extern crate alloc;

use board::{Console, stack, ticks};

/// The JWT that the programs verify.
pub const JWT: &str = env!("JWT");
/// The token that they verify.
pub const TOKEN: &str = env!("TOKEN");

/// Runs a program on a painted stack and prints what it took. It prepares its keys, has its buffers on the stack, and counts the
/// instructions of the operation itself.
pub fn report(program: impl FnOnce() -> Option<u32>) -> ! {
    ticks::start();
    let top = stack::paint();
    let instructions = apart(program);
    let used = stack::used(top);
    let console = Console::open();
    line(console, "stack ", used as u32);
    line(console, "instructions ", instructions.unwrap_or(0));
    #[cfg(feature = "peer")]
    line(console, "heap ", heap::peak());
    board::exit(instructions.is_none().into())
}

/// In a frame of its own, below what is painted: inlined, its buffers would lie above and not be counted.
#[inline(never)]
fn apart(program: impl FnOnce() -> Option<u32>) -> Option<u32> {
    program()
}

/// Prints a name and a number.
pub fn line(console: Console, name: &str, number: u32) {
    console.text(name);
    console.number(number);
    console.text("\n");
}

/// The bytes of hex, when this compiles.
#[must_use]
pub const fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    const fn digit(digit: u8) -> u8 {
        if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
    }
    let (hex, mut bytes, mut i) = (hex.as_bytes(), [0; N], 0);
    while i < N {
        bytes[i] = digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]);
        i += 1;
    }
    bytes
}

/// Counts the instructions of an operation; `None` if it failed.
pub fn counted<T>(operation: impl FnOnce() -> Option<T>) -> Option<u32> {
    let (count, result) = ticks::instructions(operation);
    result.map(|result| {
        core::hint::black_box(&result);
        count
    })
}
