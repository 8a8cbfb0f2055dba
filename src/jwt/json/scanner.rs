//! A strict, bounded JSON scanner that normalises in place (RFC 8259).
//!
//! The scanner reads a document whose top is an object, in one pass and without recursion. It checks the whole grammar,
//! drops white space, and replaces each escape by its character; only the quote, the backslash and control characters
//! stay escaped, each in one spelling. Text never grows, so the output overwrites the input behind the reading
//! position. Keys of the top object must be unique, and the scanner notes the members that a JWT needs.

mod escape;

use super::limits::{MAX_DEPTH, MAX_LEN};
use super::members::{KeyFilter, Members, Shape, has_key};
use crate::scan;

/// A normalised object and the places of its members.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Object<'b> {
    pub(crate) text: &'b str,
    pub(crate) members: Members,
}

impl<'b> Object<'b> {
    /// The normalised value of the member at a place of the [`Shape`].
    pub(crate) fn get(&self, place: usize) -> Option<&'b str> {
        let (start, end) = self.members.span(place)?;
        self.text.get(start..end)
    }

    /// True if it has a member of this name, given in its quotes.
    pub(crate) fn has(&self, quoted: &str) -> bool {
        has_key(self.text.as_bytes(), quoted.as_bytes())
    }
}

/// Checks and normalises a whole document; `None` unless it is one well-formed object within the limits.
pub(crate) fn normalise<'b>(buf: &'b mut [u8], shape: &Shape) -> Option<Object<'b>> {
    if buf.len() > MAX_LEN {
        return None;
    }
    let (keys, members) = (KeyFilter::up_to(shape.max_keys), Members::default());
    let mut scanner = Scanner { buf, names: shape, kept: 0, write: 0, stack: BOTTOM, keys, current: None, members };
    scanner.document()?;
    let Scanner { buf, write, members, .. } = scanner;
    // Checked here alone. Outside of strings all is ASCII; inside, an escape becomes a whole character, which neither completes a
    // broken one in front of it nor is completed by a stray byte behind it. So the output is UTF-8 if and only if the input was.
    let text = core::str::from_utf8(buf.get(..write)?).ok()?;
    Some(Object { text, members })
}

/// The stack outside of all brackets: nothing but the bit that marks its bottom.
const BOTTOM: u32 = 1;

/// The stack in the top object.
const TOP: u32 = BOTTOM << 1 | 1;

/// Its methods take the place that they read from and return the place behind what they have read: a processor that finds it in a register
/// need not wait for the memory.
struct Scanner<'b, 's> {
    buf: &'b mut [u8],
    names: &'s Shape,
    /// From here to the place of reading all is in order and stays.
    kept: usize,
    /// Where that belongs: where it is, as long as nothing was dropped. So it is moved only when something else is dropped behind it.
    write: usize,
    /// One bit a level, the innermost lowest: set for an object.
    stack: u32,
    keys: KeyFilter,
    /// The member of the top object whose value is being read, and where the value starts in the output.
    current: Option<(usize, usize)>,
    members: Members,
}

impl Scanner<'_, '_> {
    fn document(&mut self) -> Option<()> {
        let (mut byte, mut at) = self.next_token(0)?;
        (byte == b'{').then_some(())?;
        // Each round starts behind the first byte of a value.
        loop {
            if matches!(byte, b'{' | b'[') {
                self.open(byte)?;
                (byte, at) = self.next_token(at)?;
                if !matches!(byte, b'}' | b']') {
                    (byte, at) = self.member_key(byte, at)?;
                    continue;
                }
            } else {
                at = self.scalar(byte, at)?;
                (byte, at) = self.next_token(at)?;
            }
            // What follows a value: closing brackets, which end further values, and a comma.
            loop {
                if self.stack == TOP {
                    self.end_member(at);
                }
                if byte == b',' {
                    break;
                }
                self.close(byte)?;
                if self.stack == BOTTOM {
                    return (self.skip_blanks(at)? == self.buf.len()).then_some(());
                }
                (byte, at) = self.next_token(at)?;
            }
            (byte, at) = self.next_token(at)?;
            (byte, at) = self.member_key(byte, at)?;
        }
    }

    /// In an object, reads a key from its quote on, and its colon. Returns the first byte of the value.
    #[cfg_attr(feature = "std", inline(always))]
    fn member_key(&mut self, first: u8, at: usize) -> Option<(u8, usize)> {
        if self.stack & 1 == 0 {
            return Some((first, at));
        }
        (first == b'"').then_some(())?;
        let start = self.place_of_last(at);
        let at = self.string(at)?;
        let member = if self.stack == TOP { self.top_key(start, at)? } else { None };
        let (colon, at) = self.next_token(at)?;
        (colon == b':').then_some(())?;
        let (first, at) = self.next_token(at)?;
        if let Some(member) = member {
            self.current = Some((member, self.place_of_last(at)));
        }
        Some((first, at))
    }

    /// Checks the key that belongs at `start` of the output, quotes included: unique, and perhaps one to remember.
    #[inline(never)]
    fn top_key(&mut self, start: usize, at: usize) -> Option<Option<usize>> {
        self.settle(at)?;
        let (before, key) = self.buf.get(..self.write)?.split_at_checked(start)?;
        self.keys.add(before, key).ok()?;
        let [_, name @ .., _] = key else { return None };
        Some(self.names.place(name))
    }

    /// A value of the top object, and one byte more, has been read.
    fn end_member(&mut self, at: usize) {
        if let Some((member, start)) = self.current.take() {
            self.members.set(member, start, self.place_of_last(at));
        }
    }

    fn open(&mut self, byte: u8) -> Option<()> {
        self.stack = self.stack << 1 | u32::from(byte == b'{');
        (self.stack >> MAX_DEPTH <= BOTTOM).then_some(())
    }

    /// Takes the closing bracket of the innermost level, and nothing else.
    fn close(&mut self, byte: u8) -> Option<()> {
        let expected = if self.stack & 1 == 1 { b'}' } else { b']' };
        self.stack >>= 1;
        (byte == expected).then_some(())
    }

    #[inline(always)]
    fn scalar(&mut self, first: u8, at: usize) -> Option<usize> {
        match first {
            b'"' => self.string(at),
            b't' => self.word(b"rue", at),
            b'f' => self.word(b"alse", at),
            b'n' => self.word(b"ull", at),
            b'-' => self.number(self.peek(at)?, next(at)),
            _ => self.number(first, at),
        }
    }

    /// The rest of a word.
    fn word(&self, rest: &[u8], at: usize) -> Option<usize> {
        self.buf.get(at..)?.starts_with(rest).then(|| at.wrapping_add(rest.len()))
    }

    /// `int [ frac ] [ exp ]` (RFC 8259 section 6), the first digit read.
    fn number(&self, first: u8, mut at: usize) -> Option<usize> {
        first.is_ascii_digit().then_some(())?;
        if first != b'0' {
            at = self.digits(at);
        }
        if self.peek(at) == Some(b'.') {
            at = self.some_digits(next(at))?;
        }
        if matches!(self.peek(at), Some(b'e' | b'E')) {
            at = next(at);
            if matches!(self.peek(at), Some(b'+' | b'-')) {
                at = next(at);
            }
            at = self.some_digits(at)?;
        }
        Some(at)
    }

    fn some_digits(&self, at: usize) -> Option<usize> {
        self.peek(at).filter(u8::is_ascii_digit)?;
        Some(self.digits(next(at)))
    }

    fn digits(&self, mut at: usize) -> usize {
        while self.peek(at).is_some_and(|byte| byte.is_ascii_digit()) {
            at = next(at);
        }
        at
    }

    /// A string whose opening quote has been read.
    #[cfg_attr(feature = "std", inline(always))]
    fn string(&mut self, mut at: usize) -> Option<usize> {
        loop {
            let rest = self.buf.get(at..)?;
            let plain = scan::find_special(rest)?;
            let special = *rest.get(plain)?;
            at = next(at.wrapping_add(plain));
            match special {
                b'"' => return Some(at),
                b'\\' => at = self.escape(at)?,
                _ => return None,
            }
        }
    }

    /// The next byte that is not white space.
    #[inline(always)]
    fn next_token(&mut self, mut at: usize) -> Option<(u8, usize)> {
        if self.peek(at)? <= b' ' {
            at = self.skip_blanks(at)?;
        }
        Some((self.peek(at)?, next(at)))
    }

    /// Drops white space.
    #[cold]
    fn skip_blanks(&mut self, mut at: usize) -> Option<usize> {
        self.settle(at)?;
        while matches!(self.peek(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at = next(at);
        }
        self.kept = at;
        Some(at)
    }

    #[inline(always)]
    fn peek(&self, at: usize) -> Option<u8> {
        self.buf.get(at).copied()
    }

    /// Where the byte in front of the place of reading belongs in the output.
    #[inline(always)]
    fn place_of_last(&self, at: usize) -> usize {
        // `write <= kept < at`
        self.write.wrapping_add(at.wrapping_sub(self.kept)).wrapping_sub(1)
    }

    /// Moves what stays up to `end` to where it belongs: nowhere, as long as nothing was dropped.
    fn settle(&mut self, end: usize) -> Option<()> {
        if self.write == self.kept {
            self.write = end;
        } else {
            for from in self.kept..end {
                let byte = *self.buf.get(from)?;
                self.put(byte.into())?;
            }
        }
        self.kept = end;
        Some(())
    }

    /// Writes the lowest eight bits behind the point of reading.
    #[inline(never)]
    fn put(&mut self, byte: u32) -> Option<()> {
        let [byte, ..] = byte.to_le_bytes();
        *self.buf.get_mut(self.write)? = byte;
        self.write = self.write.saturating_add(1);
        Some(())
    }
}

/// The place behind a byte that is there, so that nothing can wrap.
#[inline(always)]
const fn next(at: usize) -> usize {
    at.wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::super::members::word;
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    const CLAIMS: Shape = Shape {
        max_keys: 128,
        names: &[word(b"iss"), word(b"aud"), word(b"exp"), word(b"nbf"), word(b"iat"), word(b"kid")],
    };
    const ISS: usize = 0;
    const AUD: usize = 1;
    const EXP: usize = 2;
    const NBF: usize = 3;
    const IAT: usize = 4;
    const KID: usize = 5;

    fn normalised(text: &str) -> Option<String> {
        let mut buf = Vec::from(text);
        normalise(&mut buf, &CLAIMS).map(|object| object.text.to_string())
    }

    #[test]
    fn one_spelling() {
        for (text, expected) in [
            (" { } ", "{}"),
            ("{\"a\" :\t[ 1 ,\n-0.5e+3 , true,false , null,\"x\" ] }", "{\"a\":[1,-0.5e+3,true,false,null,\"x\"]}"),
            (r#"{"\u0065xp":"\/\u00e9\ud83d\ude00"}"#, "{\"exp\":\"/é😀\"}"),
            (r#"{"a":"\u0022\u005c\u0008\u000A\u001F\u0000\"\\"}"#, r#"{"a":"\"\\\b\n\u001f\u0000\"\\"}"#),
            ("{\"a\":{\"b\":{\"a\":1},\"a\":[]}}", "{\"a\":{\"b\":{\"a\":1},\"a\":[]}}"),
        ] {
            assert_eq!(normalised(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "1",
            "[]",
            "\"a\"",
            "{",
            "}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":1}}",
            "{\"a\":1} x",
            "{\"a\":[1}",
            "{\"a\":{]}",
            "{\"x\":[1},\"exp\":1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":tru}",
            "{\"a\":nulll}",
            "{\"a\":\"\u{1}\"}",
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"\u+061"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            "{\"a\":1,\"a\":2}",
            r#"{"exp":1,"\u0065xp":2}"#,
            "\u{FEFF}{}",
            "{\"a\":\"",
        ] {
            assert_eq!(normalised(text), None, "{text}");
        }
        assert_eq!(normalise(&mut [b'{', b'"', 0xFF, b'"', b':', b'1', b'}'], &CLAIMS), None);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| ["{\"a\":", &"[".repeat(levels), &"]".repeat(levels), "}"].concat();
        assert!(normalised(&nested(15)).is_some());
        assert_eq!(normalised(&nested(16)), None);
        assert_eq!(normalised(&nested(30_000)), None);
    }

    #[test]
    fn members_are_found_at_the_top_alone() {
        let mut buf = Vec::from(r#"{ "x" : {"exp":1}, "exp" : 17 , "aud":["a", "b"],"\u0069ss":"me","kid":null }"#);
        let object = normalise(&mut buf, &CLAIMS).unwrap();
        assert_eq!(object.get(EXP), Some("17"));
        assert_eq!(object.get(AUD), Some(r#"["a","b"]"#));
        assert_eq!(object.get(ISS), Some("\"me\""));
        assert_eq!(object.get(KID), Some("null"));
        assert_eq!(object.get(NBF), None);
        let mut buf = Vec::from(r#"{"iat":{"a":[{"b":1e-400}]},"exp":[{"c":{}}]}"#);
        let object = normalise(&mut buf, &CLAIMS).unwrap();
        assert_eq!(object.get(IAT), Some(r#"{"a":[{"b":1e-400}]}"#));
        assert_eq!(object.get(EXP), Some(r#"[{"c":{}}]"#));
    }

    /// However alike they are at both ends, which is where the filter looks.
    #[test]
    fn names_that_the_filter_takes_for_one_are_told_apart() {
        let name = |i: usize| std::format!("\"aaaaaaaa{i:03}bbbbbbbb\"");
        let keys: Vec<_> = (0..127).map(|i| std::format!("{}:[\"{i}\",{{}}]", name(i))).collect();
        let text = std::format!("{{{}}}", keys.join(","));
        assert_eq!(normalised(&text).as_deref(), Some(text.as_str()));
        for i in [0, 1, 63, 126] {
            assert_eq!(normalised(&std::format!("{{{},{}:0}}", keys.join(","), name(i))), None, "{i}");
        }
    }

    /// Values are not walked over: here they are none, and a walk would lose its way.
    #[cfg(feature = "std")]
    #[test]
    fn names_are_compared_where_they_start() {
        let name = |i: usize| std::format!("\"aaaaaaaa{i:03}bbbbbbbb\"");
        let (mut set, mut text) = (KeyFilter::up_to(128), Vec::from(*b"{"));
        for i in 0..100 {
            assert!(set.add(&text, name(i).as_bytes()).is_ok());
            text.extend(name(i).as_bytes());
            text.extend(b":\"a quote without its other,");
        }
        for i in [0, 1, 50, 99] {
            assert_eq!(set.add(&text, name(i).as_bytes()), Err(crate::error::ClaimFault::Duplicate), "{i}");
        }
    }

    #[test]
    fn many_keys_are_told_apart() {
        let keys: Vec<_> = (0..127).map(|i| std::format!("\"k{i}\":{i}")).collect();
        let text = std::format!("{{{}}}", keys.join(","));
        assert_eq!(normalised(&text).as_deref(), Some(text.as_str()));
        for i in [0, 1, 63, 64, 126] {
            let twice = std::format!("{{{},\"k{i}\":0}}", keys.join(","));
            assert_eq!(normalised(&twice), None, "k{i}");
        }
        let more = |n: usize| std::format!("{{{}{}}}", keys.join(","), ",\"x\":0,\"y\":0".get(..6 * n).unwrap());
        assert!(normalised(&more(1)).is_some());
        assert_eq!(normalised(&more(2)), None, "129 keys");
    }
}
