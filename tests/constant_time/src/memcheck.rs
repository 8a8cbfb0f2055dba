//! What memcheck is told and asked.

use std::ffi::{c_int, c_uint, c_void};

#[allow(unsafe_code, reason = "a foreign interface")]
// SAFETY: the signatures are those of shim.c. What takes no pointer touches nothing but a counter of its own.
unsafe extern "C" {
    safe fn shim_is_watched() -> c_int;
    safe fn shim_reports() -> c_uint;
    safe fn shim_secret_verdicts() -> c_uint;
    fn shim_hide(start: *mut c_void, len: usize);
}

/// True under valgrind.
pub fn is_watching() -> bool {
    shim_is_watched() != 0
}

/// How many reports there were so far, those of one place all counted.
pub fn reports() -> u32 {
    shim_reports()
}

/// How many verdicts there were so far that secrets had a part in.
pub fn secret_verdicts() -> u32 {
    shim_secret_verdicts()
}

/// The same bytes as a secret: to memcheck, as if they were uninitialised.
pub fn secret(bytes: &[u8]) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    hide(&mut copy);
    copy
}

/// Makes a secret of bytes where they are.
pub fn hide(bytes: &mut [u8]) {
    // SAFETY: the bytes are there and are borrowed alone; memcheck marks them and changes none.
    #[allow(unsafe_code, reason = "a foreign interface")]
    unsafe {
        shim_hide(bytes.as_mut_ptr().cast(), bytes.len());
    }
}
