//! Text for whoever sits at the host.

use crate::host::{File, Mode};

/// The host's standard output.
#[derive(Clone, Copy)]
pub struct Console(Option<File>);

impl Console {
    /// Opens it; without a host what is printed is lost.
    #[must_use]
    pub fn open() -> Self {
        // The name by which semihosting knows the terminal.
        Self(File::open(c":tt", Mode::Write))
    }

    /// Prints a text.
    pub fn text(self, text: &str) {
        if let Some(file) = self.0 {
            let _ = file.write(text.as_bytes());
        }
    }

    /// Prints a number in decimal: the machinery of `core::fmt` would be larger than what is measured here.
    pub fn number(self, mut number: u32) {
        let mut digits = [b'0'; 10];
        let mut start = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' | (number % 10) as u8;
            number /= 10;
            start -= 1;
            if number == 0 {
                break;
            }
        }
        if let (Some(file), Some(digits)) = (self.0, digits.get(start..)) {
            let _ = file.write(digits);
        }
    }
}
