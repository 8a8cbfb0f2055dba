//! A borrowed JSON string of normalised text, compared by its characters.

use crate::scan;
use crate::shown::Shown;
use core::fmt;

/// A borrowed JSON string, such as a claim.
///
/// [`to_str`](JsonStr::to_str) borrows the characters from the token, which is possible for nearly all strings. A
/// quote, a backslash or a control character is escaped in the token; [`chars`](JsonStr::chars), comparison and
/// `Display` resolve the escapes.
///
/// ```
/// # use countersign::jwt::{JwtBuilder, UnverifiedJwt};
/// # use countersign::jwt::keys::Hs256Key;
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let mut out = [0; 256];
/// let token = JwtBuilder::new().subject("a \"quoted\" name").sign(&key, &mut out)?;
/// # let mut scratch = [0; 256];
/// let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let subject = authentic.unchecked_claims().subject().unwrap();
/// assert_eq!(subject, "a \"quoted\" name");
/// assert_eq!(subject.to_str(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct JsonStr<'b> {
    /// Between the quotes, normalised.
    raw: &'b str,
}

impl<'b> JsonStr<'b> {
    /// The string that a normalised value is; `None` for a value of another type.
    pub(crate) fn of_value(value: &'b str) -> Option<Self> {
        match value.as_bytes() {
            [b'"', raw @ .., _] => value.get(1..).and_then(|rest| rest.get(..raw.len())).map(|raw| Self { raw }),
            _ => None,
        }
    }

    /// Returns the string, or `None` if it contains a quote, a backslash or a control character.
    #[must_use]
    pub fn to_str(&self) -> Option<&'b str> {
        scan::find(self.raw.as_bytes(), b'\\').is_none().then_some(self.raw)
    }

    /// True if the string, every escape resolved, is this one. Whatever is escaped is one byte.
    fn means(&self, other: &[u8]) -> bool {
        let (mut rest, mut other) = (self.raw.as_bytes(), other);
        while let [first, tail @ ..] = rest {
            let (byte, tail) = match (first, tail) {
                (b'\\', [b'u', _, _, high, low, tail @ ..]) => (control(*high, *low), tail),
                (b'\\', [letter, tail @ ..]) => (meaning(*letter), tail),
                _ => (*first, tail),
            };
            match other.split_first() {
                Some((expected, after)) if *expected == byte => (rest, other) = (tail, after),
                _ => return false,
            }
        }
        other.is_empty()
    }

    /// Returns an iterator over the characters, with escapes resolved.
    pub fn chars(&self) -> impl Iterator<Item = char> {
        let mut rest = self.raw.chars();
        core::iter::from_fn(move || match rest.next()? {
            '\\' => match rest.next()? {
                'b' => Some('\u{8}'),
                'f' => Some('\u{C}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'u' => rest
                    .by_ref()
                    .take(4)
                    .try_fold(0, |code, digit| Some(code << 4 | digit.to_digit(16)?))
                    .and_then(char::from_u32),
                quoted => Some(quoted),
            },
            character => Some(character),
        })
    }
}

/// The control character of the last two digits of its escape, in the one spelling that normalised text has.
const fn control(high: u8, low: u8) -> u8 {
    let low = if low.is_ascii_digit() { low & 0xF } else { (low & 0xF).wrapping_add(9) };
    (high & 1) << 4 | low
}

/// What a letter behind a backslash stands for.
const fn meaning(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        quoted => quoted,
    }
}

impl PartialEq<str> for JsonStr<'_> {
    fn eq(&self, other: &str) -> bool {
        match self.to_str() {
            Some(text) => text == other,
            None => self.means(other.as_bytes()),
        }
    }
}

impl PartialEq<&str> for JsonStr<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq for JsonStr<'_> {
    fn eq(&self, other: &Self) -> bool {
        // One spelling, so equal text is equal meaning.
        self.raw == other.raw
    }
}

impl Eq for JsonStr<'_> {}

/// Shows the string with all of its characters. Use `Debug` for a log.
impl fmt::Display for JsonStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|character| fmt::Write::write_char(f, character))
    }
}

/// Shows the string as in JSON, with an escape for each character that would leave the line of a log or turn it around.
impl fmt::Debug for JsonStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Shown(self.raw))
    }
}
