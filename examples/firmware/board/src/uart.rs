//! The serial line, polled.

use crate::registers::Registers;
use crate::ticks::Stopwatch;

/// The board's first UART.
pub struct Uart(Registers);

impl Uart {
    /// Reads the next byte; `None` if it has not come before the watch shows so many milliseconds.
    pub fn read(&mut self, watch: &mut Stopwatch, until: u64) -> Option<u8> {
        loop {
            // Looked at for every byte, so that the counter is never missed when it wraps.
            let elapsed = watch.elapsed();
            match self.received() {
                None if elapsed < until => {}
                received => return received,
            }
        }
    }

    /// Sends all bytes, one after the other.
    pub fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.send(*byte));
    }
}

/// Texas Instruments LM3S6965: an ARM PL011.
#[cfg(feature = "lm3s6965evb")]
impl Uart {
    /// Starts it: 8 bits, FIFOs on.
    #[must_use]
    pub fn start() -> Self {
        // SAFETY: UART0 of this chip.
        let registers = unsafe { Registers::at(0x4000_C000) };
        registers.write(0x30, 0);
        registers.write(0x2C, 0x70);
        registers.write(0x30, 0x301);
        Self(registers)
    }

    fn received(&mut self) -> Option<u8> {
        (self.0.read(0x18) & 0x10 == 0).then(|| self.0.read(0) as u8)
    }

    fn send(&mut self, byte: u8) {
        while self.0.read(0x18) & 0x20 != 0 {}
        self.0.write(0, byte.into());
    }
}

/// Nordic nRF51: started and heard of by tasks and events.
#[cfg(feature = "microbit")]
impl Uart {
    /// Starts it: 115 200 baud, on the pins of the micro:bit.
    #[must_use]
    pub fn start() -> Self {
        // SAFETY: UART0 of this chip.
        let registers = unsafe { Registers::at(0x4000_2000) };
        let settings = [(0x50C, 24), (0x514, 25), (0x524, 0x01D7_E000), (0x56C, 0), (0x500, 4)];
        let start = [(0x108, 0), (0x11C, 0), (0x000, 1), (0x008, 1)];
        settings.into_iter().chain(start).for_each(|(offset, value)| registers.write(offset, value));
        Self(registers)
    }

    fn received(&mut self) -> Option<u8> {
        if self.0.read(0x108) == 0 {
            return None;
        }
        // The event first: the read raises it again if there is more.
        self.0.write(0x108, 0);
        Some(self.0.read(0x518) as u8)
    }

    fn send(&mut self, byte: u8) {
        self.0.write(0x11C, 0);
        self.0.write(0x51C, byte.into());
        while self.0.read(0x11C) == 0 {}
    }
}

/// ARM MPS2: a CMSDK APB UART.
#[cfg(any(feature = "mps2-an386", feature = "mps2-an505"))]
impl Uart {
    /// Starts it, in both directions.
    #[must_use]
    pub fn start() -> Self {
        let base = if cfg!(feature = "mps2-an386") { 0x4000_4000 } else { 0x5020_0000 };
        // SAFETY: UART0 of these images.
        let registers = unsafe { Registers::at(base) };
        registers.write(0x10, 217);
        registers.write(0x08, 3);
        Self(registers)
    }

    fn received(&mut self) -> Option<u8> {
        (self.0.read(4) & 2 != 0).then(|| self.0.read(0) as u8)
    }

    fn send(&mut self, byte: u8) {
        while self.0.read(4) & 1 != 0 {}
        self.0.write(0, byte.into());
    }
}

/// QEMU's RISC-V virt machine: a 16550A.
#[cfg(feature = "riscv-virt")]
impl Uart {
    /// Starts it: 8 bits, FIFO on.
    #[must_use]
    pub fn start() -> Self {
        // SAFETY: UART0 of this machine.
        let registers = unsafe { Registers::at(0x1000_0000) };
        for (offset, value) in [(1, 0), (3, 0x03), (2, 0x07), (4, 0x03)] {
            registers.write_byte(offset, value);
        }
        Self(registers)
    }

    fn received(&mut self) -> Option<u8> {
        (self.0.read_byte(5) & 1 != 0).then(|| self.0.read_byte(0))
    }

    fn send(&mut self, byte: u8) {
        while self.0.read_byte(5) & 0x20 == 0 {}
        self.0.write_byte(0, byte);
    }
}
