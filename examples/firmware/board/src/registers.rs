//! Registers of a peripheral.

/// The registers of one peripheral, 4 KiB from a base address on.
#[derive(Clone, Copy)]
pub(crate) struct Registers(usize);

impl Registers {
    /// # Safety
    /// A peripheral of the board must lie there, and reading and writing its registers must touch no memory.
    pub(crate) const unsafe fn at(base: usize) -> Self {
        Self(base)
    }

    pub(crate) fn read(self, offset: usize) -> u32 {
        // SAFETY: the constructor's caller has vouched for the peripheral; the mask keeps the address inside and aligned.
        unsafe { ((self.0 + (offset & 0xFFC)) as *const u32).read_volatile() }
    }

    #[cfg(target_arch = "arm")]
    pub(crate) fn write(self, offset: usize, value: u32) {
        // SAFETY: as above.
        unsafe { ((self.0 + (offset & 0xFFC)) as *mut u32).write_volatile(value) }
    }

    #[cfg(feature = "riscv-virt")]
    pub(crate) fn read_byte(self, offset: usize) -> u8 {
        // SAFETY: as above; bytes are always aligned.
        unsafe { ((self.0 + (offset & 0xFFF)) as *const u8).read_volatile() }
    }

    #[cfg(feature = "riscv-virt")]
    pub(crate) fn write_byte(self, offset: usize, value: u8) {
        // SAFETY: as above.
        unsafe { ((self.0 + (offset & 0xFFF)) as *mut u8).write_volatile(value) }
    }
}
