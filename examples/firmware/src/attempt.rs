//! Numbers the attempts of a device to learn the time, so that an old answer fits none of them (docs/FORMAT.md, section 7).

use crate::Fault;
use board::{File, Mode};

/// The next number, once it is stored: without that the same would come again after a restart, and with it an old answer. A file of the
/// host stands for a word of flash.
pub(crate) fn next() -> Result<u32, Fault> {
    let mut counter = [0; 4];
    if let Some(flash) = File::open(c"attempts.bin", Mode::Read) {
        let len = flash.read(&mut counter);
        flash.close();
        if len != counter.len() {
            return Err(Fault::Flash);
        }
    }
    let attempt = u32::from_le_bytes(counter).wrapping_add(1);
    let flash = File::open(c"attempts.bin", Mode::Write).ok_or(Fault::Flash)?;
    let is_stored = flash.write(&attempt.to_le_bytes());
    flash.close();
    if is_stored { Ok(attempt) } else { Err(Fault::Flash) }
}
