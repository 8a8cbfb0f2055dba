//! The characters that escapes of a JSON string stand for (RFC 8259 section 7).

use super::{Scanner, next};

/// What follows a backslash in the one spelling of a character that must be escaped.
const SHORT: &[u8; 7] = b"\"\\bfnrt";

/// The characters, in the same order.
const MEANT: &[u8; 7] = b"\"\\\x08\x0C\n\r\t";

impl Scanner<'_, '_> {
    /// Replaces an escape, its backslash read, by what it stands for; keeps it where that is its one spelling.
    #[cold]
    pub(super) fn escape(&mut self, at: usize) -> Option<usize> {
        let backslash = at.checked_sub(1)?;
        let behind = next(at);
        match self.peek(at)? {
            b'u' => {
                let (code, behind) = self.code_point(behind)?;
                self.settle(backslash)?;
                self.put_character(code)?;
                self.kept = behind;
                Some(behind)
            }
            b'/' => {
                self.settle(backslash)?;
                self.kept = at;
                Some(behind)
            }
            letter => SHORT.contains(&letter).then_some(behind),
        }
    }

    /// The character of one `\uXXXX`, or of the two that make a surrogate pair, behind the first `\u`; and the place behind it.
    fn code_point(&self, at: usize) -> Option<(u32, usize)> {
        let (first, at) = self.hex4(at)?;
        match first >> 10 {
            // High surrogates, which a low one must follow.
            0x36 => {
                let (second, at) = self.hex4(self.word(b"\\u", at)?)?;
                // Ten bits of each, above the first plane (RFC 8259 section 7).
                let offset = (first & 0x3FF) << 10 | second & 0x3FF;
                (second >> 10 == 0x37).then_some((offset.checked_add(0x1_0000)?, at))
            }
            // A low surrogate alone is no character.
            0x37 => None,
            _ => Some((first, at)),
        }
    }

    fn hex4(&self, at: usize) -> Option<(u32, usize)> {
        let mut value = 0;
        for digit in self.buf.get(at..)?.first_chunk::<4>()? {
            value = value << 4 | char::from(*digit).to_digit(16)?;
        }
        Some((value, at.wrapping_add(4)))
    }

    /// Writes a character as itself, or in the one escaped spelling where JSON asks for it.
    fn put_character(&mut self, code: u32) -> Option<()> {
        for (letter, meant) in SHORT.iter().zip(MEANT) {
            if u32::from(*meant) == code {
                self.put(b'\\'.into())?;
                return self.put((*letter).into());
            }
        }
        // UTF-8 (RFC 3629 section 3): how long a sequence is, and six bits in each byte but the first.
        let (first, mut shift): (u32, u32) = match code {
            0..=0x1F => {
                for byte in b"\\u00" {
                    self.put((*byte).into())?;
                }
                self.put(0x30 | code >> 4)?;
                return self.put(char::from_digit(code & 0xF, 16)?.into());
            }
            0x20..=0x7F => (0, 0),
            0x80..=0x7FF => (0xC0, 6),
            0x800..=0xFFFF => (0xE0, 12),
            _ => (0xF0, 18),
        };
        self.put(first | code >> shift)?;
        while shift > 0 {
            shift = shift.saturating_sub(6);
            self.put(0x80 | code >> shift & 0x3F)?;
        }
        Some(())
    }
}
