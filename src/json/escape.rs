//! What a backslash stands for (RFC 8259 section 7).

use super::Scanner;

impl Scanner<'_> {
    /// Replaces an escape, its backslash read, by what it stands for; keeps it where that is its one spelling.
    #[cold]
    pub(super) fn escape(&mut self) -> Option<()> {
        let backslash = self.read.saturating_sub(1);
        match self.take()? {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => {}
            b'/' => {
                self.settle(backslash)?;
                self.kept = self.read.saturating_sub(1);
            }
            b'u' => {
                let character = self.code_point()?;
                self.settle(backslash)?;
                self.put_character(character)?;
                self.kept = self.read;
            }
            _ => return None,
        }
        Some(())
    }

    /// The character of one `\uXXXX`, or of the two that make a surrogate pair.
    fn code_point(&mut self) -> Option<char> {
        let first = self.hex4()?;
        if !(0xD800..=0xDBFF).contains(&first) {
            // A low surrogate alone is no character.
            return char::from_u32(first);
        }
        (self.take()? == b'\\' && self.take()? == b'u').then_some(())?;
        let second = self.hex4()?;
        (0xDC00..=0xDFFF).contains(&second).then_some(())?;
        // Ten bits of each, above the first plane (RFC 8259 section 7).
        let offset = (first & 0x3FF) << 10 | second & 0x3FF;
        char::from_u32(offset.checked_add(0x1_0000)?)
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.take()?).to_digit(16)?;
            value = value << 4 | digit;
        }
        Some(value)
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
