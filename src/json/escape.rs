//! What a backslash stands for (RFC 8259 section 7).

use super::{Scanner, next};

/// What follows a backslash in the one spelling of a character that must be escaped, and the character.
const SHORT: [(u8, u32); 7] =
    [(b'"', 0x22), (b'\\', 0x5C), (b'b', 0x08), (b'f', 0x0C), (b'n', 0x0A), (b'r', 0x0D), (b't', 0x09)];

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
            letter => SHORT.iter().any(|(short, _)| *short == letter).then_some(behind),
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
        let digits = self.buf.get(at..)?.first_chunk::<4>()?;
        let value = digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))?;
        Some((value, at.wrapping_add(4)))
    }

    /// Writes a character as itself, or in the one escaped spelling where JSON asks for it.
    fn put_character(&mut self, code: u32) -> Option<()> {
        if let Some((letter, _)) = SHORT.iter().find(|(_, character)| *character == code) {
            self.put(b'\\')?;
            return self.put(*letter);
        }
        let rest = |shift: u32| 0x80 | code >> shift & 0x3F;
        match code {
            0..=0x1F => {
                let digit = char::from_digit(code & 0xF, 16)?.into();
                self.put_all(&[0x5C, 0x75, 0x30, 0x30, 0x30 | code >> 4, digit])
            }
            // UTF-8 (RFC 3629 section 3).
            0x20..=0x7F => self.put_all(&[code]),
            0x80..=0x7FF => self.put_all(&[0xC0 | code >> 6, rest(0)]),
            0x800..=0xFFFF => self.put_all(&[0xE0 | code >> 12, rest(6), rest(0)]),
            _ => self.put_all(&[0xF0 | code >> 18, rest(12), rest(6), rest(0)]),
        }
    }

    /// Writes the lowest eight bits of each.
    fn put_all(&mut self, bytes: &[u32]) -> Option<()> {
        for byte in bytes {
            let [byte, ..] = byte.to_le_bytes();
            self.put(byte)?;
        }
        Some(())
    }
}
