//! What a backslash stands for (RFC 8259 section 7).

use super::{Scanner, next};

impl Scanner<'_> {
    /// Replaces an escape, its backslash read, by what it stands for; keeps it where that is its one spelling.
    #[cold]
    pub(super) fn escape(&mut self, at: usize) -> Option<usize> {
        let backslash = at.checked_sub(1)?;
        let behind = next(at);
        match self.peek(at)? {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Some(behind),
            b'/' => {
                self.settle(backslash)?;
                self.kept = at;
                Some(behind)
            }
            b'u' => {
                let (character, behind) = self.code_point(behind)?;
                self.settle(backslash)?;
                self.put_character(character)?;
                self.kept = behind;
                Some(behind)
            }
            _ => None,
        }
    }

    /// The character of one `\uXXXX`, or of the two that make a surrogate pair, behind the first `\u`; and the place behind it.
    fn code_point(&self, at: usize) -> Option<(char, usize)> {
        let (first, at) = self.hex4(at)?;
        if !(0xD800..=0xDBFF).contains(&first) {
            // A low surrogate alone is no character.
            return Some((char::from_u32(first)?, at));
        }
        let (second, at) = self.hex4(self.word(b"\\u", at)?)?;
        (0xDC00..=0xDFFF).contains(&second).then_some(())?;
        // Ten bits of each, above the first plane (RFC 8259 section 7).
        let offset = (first & 0x3FF) << 10 | second & 0x3FF;
        Some((char::from_u32(offset.checked_add(0x1_0000)?)?, at))
    }

    fn hex4(&self, at: usize) -> Option<(u32, usize)> {
        let digits = self.buf.get(at..)?.first_chunk::<4>()?;
        let value = digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))?;
        Some((value, at.wrapping_add(4)))
    }

    /// Writes a character as itself, or in the one escaped spelling where JSON asks for it.
    fn put_character(&mut self, character: char) -> Option<()> {
        let short = match character {
            '"' | '\\' => character,
            '\u{8}' => 'b',
            '\u{C}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\0'..='\u{1F}' => return self.put_control(character),
            _ => {
                let mut utf8 = [0; 4];
                return character.encode_utf8(&mut utf8).bytes().try_for_each(|byte| self.put(byte).ok_or(())).ok();
            }
        };
        self.put(b'\\')?;
        self.put(u8::try_from(short).ok()?)
    }

    fn put_control(&mut self, character: char) -> Option<()> {
        let code = u32::from(character);
        for byte in *b"\\u00" {
            self.put(byte)?;
        }
        for digit in [code >> 4, code & 0xF] {
            self.put(u8::try_from(char::from_digit(digit, 16)?).ok()?)?;
        }
        Some(())
    }
}
