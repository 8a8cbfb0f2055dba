//! The panic handler of every probe: a marker that is in the program only if something can still panic.
#![no_std]

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    panic_path_is_linked_in()
}

/// The gate looks for this name in the linked program.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn panic_path_is_linked_in() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
