//! defmt's frames, into the file `defmt.bin` of the host: the same on every board. `defmt-print -e ELF < defmt.bin` reads them.

use crate::host::{File, Mode};
use core::cell::UnsafeCell;

#[defmt::global_logger]
struct Logger;

struct State {
    is_taken: bool,
    restore: critical_section::RestoreState,
    encoder: defmt::Encoder,
    file: Option<File>,
}

/// Used between `acquire` and `release` alone, where nothing interrupts.
struct Shared(UnsafeCell<State>);

// SAFETY: one core, and every use is inside of a critical section.
unsafe impl Sync for Shared {}

static STATE: Shared = Shared(UnsafeCell::new(State {
    is_taken: false,
    restore: critical_section::RestoreState::invalid(),
    encoder: defmt::Encoder::new(),
    file: None,
}));

fn write(file: Option<File>, bytes: &[u8]) {
    if let Some(file) = file {
        let _ = file.write(bytes);
    }
}

// SAFETY: defmt calls `write` and `release` after `acquire` alone, and the critical section keeps everybody else out.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: paired with the release below; the state is ours from here on.
        let (restore, state) = unsafe { (critical_section::acquire(), &mut *STATE.0.get()) };
        if state.is_taken {
            crate::exit(102);
        }
        (state.is_taken, state.restore) = (true, restore);
        state.file = state.file.or_else(|| File::open(c"defmt.bin", Mode::Write));
        let file = state.file;
        state.encoder.start_frame(|bytes| write(file, bytes));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: still inside of the critical section.
        let state = unsafe { &mut *STATE.0.get() };
        let (file, restore) = (state.file, state.restore);
        state.encoder.end_frame(|bytes| write(file, bytes));
        state.is_taken = false;
        // SAFETY: what `acquire` was given.
        unsafe { critical_section::release(restore) };
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: still inside of the critical section.
        let state = unsafe { &mut *STATE.0.get() };
        let file = state.file;
        state.encoder.write(bytes, |bytes| write(file, bytes));
    }
}
