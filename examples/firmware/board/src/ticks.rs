//! A counter of the board, from which instructions are told.
//!
//! QEMU's `-icount shift=10` lets each instruction take 1024 ns. Every counter here ticks several times in that time, so the number of
//! instructions between two readings is exact.

use crate::registers::Registers;

/// What one instruction takes under `-icount shift=10`, in picoseconds.
const INSTRUCTION: u64 = 1_024_000;

/// What one tick takes, in picoseconds.
const TICK: u64 = if cfg!(feature = "lm3s6965evb") {
    80_000
} else if cfg!(feature = "microbit") {
    62_500
} else if cfg!(feature = "mps2-an386") {
    40_000
} else if cfg!(feature = "mps2-an505") {
    50_000
} else {
    100_000
};

/// SysTick (ARMv6-M and later): 24 bits, downwards.
#[cfg(target_arch = "arm")]
const SYSTICK: Registers = {
    // SAFETY: the system control space of every Cortex-M.
    unsafe { Registers::at(0xE000_E000) }
};

/// The core-local interruptor's `mtime`.
#[cfg(target_arch = "riscv32")]
const MTIME: Registers = {
    // SAFETY: the CLINT of QEMU's virt machine.
    unsafe { Registers::at(0x0200_B000) }
};

/// Starts the counter.
pub fn start() {
    #[cfg(target_arch = "arm")]
    {
        SYSTICK.write(0x14, 0xFF_FFFF);
        SYSTICK.write(0x18, 0);
        // The processor's own clock, no interrupt.
        SYSTICK.write(0x10, 5);
    }
}

fn now() -> u32 {
    #[cfg(target_arch = "arm")]
    return SYSTICK.read(0x18);
    #[cfg(target_arch = "riscv32")]
    return MTIME.read(0xFF8);
}

fn between(earlier: u32, later: u32) -> u32 {
    #[cfg(target_arch = "arm")]
    return earlier.wrapping_sub(later) & 0xFF_FFFF;
    #[cfg(target_arch = "riscv32")]
    return later.wrapping_sub(earlier);
}

/// Time that passes while a program waits, in milliseconds; looked at more often than the counter wraps, which is twice a second.
pub struct Stopwatch {
    last: u32,
    ticks: u64,
}

impl Stopwatch {
    /// Starts.
    #[must_use]
    pub fn start() -> Self {
        Self { last: now(), ticks: 0 }
    }

    /// Milliseconds since the start.
    pub fn elapsed(&mut self) -> u64 {
        let now = now();
        self.ticks += u64::from(between(self.last, now));
        self.last = now;
        self.ticks * TICK / 1_000_000_000
    }
}

/// Instructions of `operation`, those of reading the counter left out, and what it returned. At most 650 000 of them: then the
/// fastest counter wraps.
#[inline(never)]
pub fn instructions<T>(operation: impl FnOnce() -> T) -> (u32, T) {
    let start = now();
    let overhead = between(start, now());
    let start = now();
    let result = operation();
    let ticks = between(start, now()).saturating_sub(overhead);
    let count = (u64::from(ticks) * TICK + INSTRUCTION / 2) / INSTRUCTION;
    (u32::try_from(count).unwrap_or(u32::MAX), result)
}
