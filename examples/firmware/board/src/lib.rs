//! The boards that QEMU plays: start, serial line, console, log, and what there is to measure.
//!
//! Everything that needs `unsafe` is here, in rooms of a few lines: registers, calls to the host, the painted stack, the log.
#![no_std]

mod console;
mod host;
#[cfg(feature = "log")]
mod log;
mod registers;
pub mod stack;
pub mod ticks;
mod uart;

pub use console::Console;
pub use host::{File, Mode, exit};
pub use uart::Uart;

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

#[cfg(target_arch = "arm")]
use cortex_m as _;
#[cfg(target_arch = "riscv32")]
use riscv as _;

/// The name by which QEMU knows the board.
pub const NAME: &str = if cfg!(feature = "lm3s6965evb") {
    "lm3s6965evb"
} else if cfg!(feature = "microbit") {
    "microbit"
} else if cfg!(feature = "mps2-an386") {
    "mps2-an386"
} else if cfg!(feature = "mps2-an505") {
    "mps2-an505"
} else {
    "virt"
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Not what it says: to print it takes more flash than all else here.
    exit(101)
}
