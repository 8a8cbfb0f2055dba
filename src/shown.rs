//! Foreign text in what a log prints.

use core::fmt::{self, Write};

/// Text as a log may show it: a character that would end the line, or turn around what stands beside it, is written as `\u{…}`.
pub(crate) struct Shown<'t>(pub(crate) &'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if acts(character) {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// True for control characters, separators of lines and paragraphs, and those that set the direction of writing (Unicode: Cc, Zl, Zp, and
/// `Bidi_Control`).
fn acts(character: char) -> bool {
    let is_of_direction = matches!(
        character,
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || is_of_direction || matches!(character, '\u{2028}' | '\u{2029}')
}
