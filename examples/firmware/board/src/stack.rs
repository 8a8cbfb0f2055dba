//! How deep the stack was: it is painted first, and what has lost its paint was used.

const PAINT: u32 = 0xC5C5_C5C5;
/// For the frame of the painter itself.
const MARGIN: usize = 64;

unsafe extern "C" {
    /// The end of static memory, by the linker scripts of cortex-m-rt and riscv-rt.
    static mut __sheap: u32;
}

fn pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack));
        #[cfg(target_arch = "riscv32")]
        core::arch::asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack));
    }
    pointer
}

fn bottom() -> *mut u32 {
    // All of the memory from there on, of which the symbol is only the first word.
    core::ptr::with_exposed_provenance_mut(((&raw mut __sheap).expose_provenance() + 3) & !3)
}

/// Paints the free part. Returns where it ends, for [`used`].
#[inline(never)]
#[must_use]
pub fn paint() -> usize {
    let (top, mut place) = (pointer(), bottom());
    while place.addr() < top - MARGIN {
        // SAFETY: between the end of static memory and the stack pointer nothing lives.
        unsafe { place.write_volatile(PAINT) };
        place = place.wrapping_add(1);
    }
    top
}

/// Bytes below `top` that have been written since it was painted.
#[inline(never)]
#[must_use]
pub fn used(top: usize) -> usize {
    let mut place = bottom();
    // SAFETY: as above.
    while place.addr() < top && unsafe { place.read_volatile() } == PAINT {
        place = place.wrapping_add(1);
    }
    top - place.addr()
}
