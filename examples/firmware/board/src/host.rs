//! Semihosting: calls that stop the processor until the host (QEMU, or a debugger) has served them.

const OPEN: usize = 0x01;
const CLOSE: usize = 0x02;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const EXIT_EXTENDED: usize = 0x20;
/// "The application has exited": the reason that QEMU turns into its own exit code.
const APPLICATION_EXIT: usize = 0x2_0026;

/// One call: a number, and a block of arguments that lives until it returns.
fn call(operation: usize, arguments: &[usize; 3]) -> usize {
    let mut result = operation;
    // SAFETY: the host reads the block, and the memory that it points to, which the callers below keep alive; READ alone writes, and
    // into the buffer that it was given.
    unsafe {
        #[cfg(target_arch = "arm")]
        core::arch::asm!("bkpt 0xab", inout("r0") result, in("r1") arguments.as_ptr(), options(nostack));
        #[cfg(target_arch = "riscv32")]
        core::arch::asm!(
            ".balign 16", ".option push", ".option norvc", "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7", ".option pop",
            inout("a0") result, in("a1") arguments.as_ptr(), options(nostack)
        );
    }
    result
}

/// How a file of the host is opened.
#[derive(Clone, Copy)]
pub enum Mode {
    /// It must be there.
    Read = 1,
    /// It is made or emptied.
    Write = 5,
}

/// A file of the host, in the folder that it was started in.
#[derive(Clone, Copy)]
pub struct File(usize);

impl File {
    /// Opens the file of a name that ends with a zero byte.
    #[must_use]
    pub fn open(name: &core::ffi::CStr, mode: Mode) -> Option<Self> {
        let name = name.to_bytes();
        let handle = call(OPEN, &[name.as_ptr() as usize, mode as usize, name.len()]);
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Writes bytes; true if the host took all of them.
    pub fn write(self, bytes: &[u8]) -> bool {
        call(WRITE, &[self.0, bytes.as_ptr() as usize, bytes.len()]) == 0
    }

    /// Reads up to the length of `buf`; how much it was.
    #[must_use]
    pub fn read(self, buf: &mut [u8]) -> usize {
        let missing = call(READ, &[self.0, buf.as_mut_ptr() as usize, buf.len()]);
        buf.len().saturating_sub(missing)
    }

    /// Closes it.
    pub fn close(self) {
        call(CLOSE, &[self.0, 0, 0]);
    }
}

/// Ends the program; QEMU itself ends with this code.
pub fn exit(code: u8) -> ! {
    loop {
        call(EXIT_EXTENDED, &[APPLICATION_EXIT, code.into(), 0]);
    }
}
