//! A strict, bounded JSON scanner that normalises in place (RFC 8259).
//!
//! One pass, without recursion, over a document whose top is an object. It checks the whole grammar, drops white space, and replaces each
//! escape by the character that it stands for; only the quote, the backslash and control characters stay escaped, each in one spelling.
//! Text never grows, so the output is written over the input, behind the point of reading. Keys of the top object are unique, and where
//! the members lie that a JWT needs is noted on the way.

#[cfg(feature = "serde")]
mod deserialize;
mod escape;
mod members;
mod serialize;
mod text;
mod walk;

#[cfg(feature = "serde")]
pub(crate) use deserialize::Reader;
pub(crate) use members::{Member, Members};
pub(crate) use serialize::{Json, put_string};
pub use text::Text;
pub(crate) use walk::{elements, member, members};

use crate::scan;
use members::KeySet;

/// Levels of nesting, the top object included: one bit each in the stack.
const MAX_DEPTH: u32 = 16;

/// Offsets are 16 bits wide: no document of a JWT in this crate is longer.
pub(crate) const MAX_LEN: usize = 65_535;

/// A normalised object and the places of its members.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Object<'b> {
    pub(crate) text: &'b str,
    pub(crate) members: Members,
}

impl<'b> Object<'b> {
    /// The normalised value of a member.
    pub(crate) fn get(&self, member: Member) -> Option<&'b str> {
        let (start, end) = self.members.span(member)?;
        self.text.get(start..end)
    }
}

/// Keys of the top object of a claims set.
pub(crate) const MAX_CLAIMS: u32 = 128;

/// Keys of the top object of a header, which may have to be read before anybody has vouched for it.
pub(crate) const MAX_PARAMETERS: u32 = 32;

/// Checks and normalises a whole document; `None` unless it is one well-formed object within the limits.
pub(crate) fn normalise(buf: &mut [u8], max_keys: u32) -> Option<Object<'_>> {
    if buf.len() > MAX_LEN {
        return None;
    }
    let (keys, members) = (KeySet::up_to(max_keys), Members::default());
    let mut scanner = Scanner { buf, read: 0, write: 0, stack: 0, depth: 0, keys, members };
    scanner.document()?;
    let Scanner { buf, write, members, .. } = scanner;
    // Checked here alone. Outside of strings all is ASCII; inside, an escape becomes a whole character, which neither completes a
    // broken one in front of it nor is completed by a stray byte behind it. So the output is UTF-8 if and only if the input was.
    let text = core::str::from_utf8(buf.get(..write)?).ok()?;
    Some(Object { text, members })
}

/// What may come next.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
}

struct Scanner<'b> {
    buf: &'b mut [u8],
    read: usize,
    write: usize,
    /// One bit a level, the innermost lowest: set for an object.
    stack: u32,
    depth: u32,
    keys: KeySet,
    members: Members,
}

impl Scanner<'_> {
    fn document(&mut self) -> Option<()> {
        if self.next_token()? != b'{' {
            return None;
        }
        self.open(b'{')?;
        let mut expect = Expect::KeyOrEnd;
        // The member of the top object whose value is being read, and where it started.
        let mut current = None;
        while self.depth > 0 {
            let byte = self.next_token()?;
            expect = match (expect, byte) {
                (Expect::Value | Expect::ValueOrEnd, b'{') => {
                    self.open(byte)?;
                    Expect::KeyOrEnd
                }
                (Expect::Value | Expect::ValueOrEnd, b'[') => {
                    self.open(byte)?;
                    Expect::ValueOrEnd
                }
                (Expect::KeyOrEnd | Expect::CommaOrEnd, b'}') | (Expect::ValueOrEnd | Expect::CommaOrEnd, b']') => {
                    self.close(byte)?;
                    Expect::CommaOrEnd
                }
                (Expect::Key | Expect::KeyOrEnd, b'"') => {
                    let start = self.write;
                    self.string()?;
                    if self.depth == 1 {
                        current = self.top_key(start)?;
                    }
                    (self.next_token()? == b':').then_some(())?;
                    self.put(b':')?;
                    if let Some((_, start)) = &mut current {
                        *start = self.write;
                    }
                    Expect::Value
                }
                (Expect::CommaOrEnd, b',') => {
                    self.put(b',')?;
                    if self.stack & 1 == 1 { Expect::Key } else { Expect::Value }
                }
                (Expect::Value | Expect::ValueOrEnd, _) => {
                    self.scalar(byte)?;
                    Expect::CommaOrEnd
                }
                _ => return None,
            };
            // A value of the top object has just ended.
            let has_ended = self.depth == 1 && expect == Expect::CommaOrEnd;
            if let Some((member, start)) = current.take_if(|_| has_ended) {
                self.members.set(member, start, self.write);
            }
        }
        self.skip_blanks();
        (self.read == self.buf.len()).then_some(())
    }

    /// Checks the key that was written from `start` on, quotes included: unique, and perhaps one to remember.
    fn top_key(&mut self, start: usize) -> Option<Option<(Member, usize)>> {
        let (before, key) = self.buf.get(..self.write)?.split_at_checked(start)?;
        self.keys.add(before, key)?;
        Some(Member::of_key(key).map(|member| (member, 0)))
    }

    fn open(&mut self, byte: u8) -> Option<()> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth = self.depth.saturating_add(1);
        self.stack = self.stack << 1 | u32::from(byte == b'{');
        self.put(byte)
    }

    fn close(&mut self, byte: u8) -> Option<()> {
        let is_object = self.stack & 1 == 1;
        if is_object != (byte == b'}') {
            return None;
        }
        self.stack >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.put(byte)
    }

    fn scalar(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' => {
                self.put(first)?;
                let digit = self.take()?;
                self.number(digit)
            }
            b'0'..=b'9' => self.number(first),
            _ => None,
        }
    }

    /// A word whose first letter has been read.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        let (first, rest) = word.split_first()?;
        self.put(*first)?;
        for letter in rest {
            (self.take()? == *letter).then_some(())?;
            self.put(*letter)?;
        }
        Some(())
    }

    /// `int [ frac ] [ exp ]` (RFC 8259 section 6), the first digit read.
    fn number(&mut self, first: u8) -> Option<()> {
        first.is_ascii_digit().then_some(())?;
        self.put(first)?;
        if first != b'0' {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.copy()?;
            self.digit()?;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.copy()?;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.copy()?;
            }
            self.digit()?;
            self.digits()?;
        }
        Some(())
    }

    fn digit(&mut self) -> Option<()> {
        self.peek().filter(u8::is_ascii_digit)?;
        self.copy()
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.buf.get(self.read..)?;
        let n = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.shift(n)
    }

    /// A string whose opening quote has been read.
    fn string(&mut self) -> Option<()> {
        if self.write.saturating_add(1) == self.read {
            // Nothing was dropped so far, and perhaps nothing is to be dropped here: then all stays where it is.
            let rest = self.buf.get(self.read..)?;
            let plain = scan::find_special(rest)?;
            if rest.get(plain) == Some(&b'"') {
                self.read = self.read.saturating_add(plain).saturating_add(1);
                self.write = self.read;
                return Some(());
            }
        }
        self.put(b'"')?;
        loop {
            let plain = scan::find_special(self.buf.get(self.read..)?)?;
            self.shift(plain)?;
            match self.take()? {
                b'"' => return self.put(b'"'),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// Moves the next `n` bytes to where they belong: nowhere, as long as nothing was dropped.
    fn shift(&mut self, n: usize) -> Option<()> {
        if self.read == self.write {
            self.read = self.read.saturating_add(n);
            self.write = self.read;
            return Some(());
        }
        for _ in 0..n {
            self.copy()?;
        }
        Some(())
    }

    /// The next byte that is not white space.
    #[inline(always)]
    fn next_token(&mut self) -> Option<u8> {
        loop {
            match self.take()? {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                byte => return Some(byte),
            }
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.read = self.read.saturating_add(1);
        }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.buf.get(self.read).copied()
    }

    #[inline(always)]
    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.read = self.read.saturating_add(1);
        Some(byte)
    }

    /// Writes behind the point of reading.
    #[inline(always)]
    fn put(&mut self, byte: u8) -> Option<()> {
        *self.buf.get_mut(self.write)? = byte;
        self.write = self.write.saturating_add(1);
        Some(())
    }

    fn copy(&mut self) -> Option<()> {
        let byte = self.take()?;
        self.put(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn normalised(text: &str) -> Option<String> {
        let mut buf = Vec::from(text);
        normalise(&mut buf, MAX_CLAIMS).map(|object| object.text.to_string())
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
        assert_eq!(normalise(&mut [b'{', b'"', 0xFF, b'"', b':', b'1', b'}'], MAX_CLAIMS), None);
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
        let object = normalise(&mut buf, MAX_CLAIMS).unwrap();
        assert_eq!(object.get(Member::Exp), Some("17"));
        assert_eq!(object.get(Member::Aud), Some(r#"["a","b"]"#));
        assert_eq!(object.get(Member::Iss), Some("\"me\""));
        assert_eq!(object.get(Member::Kid), Some("null"));
        assert_eq!(object.get(Member::Nbf), None);
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
