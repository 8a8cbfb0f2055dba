//! Writing JSON: by hand for what is known, by serde for what is not.

#[cfg(feature = "serde")]
pub(crate) mod value;

use crate::cursor::Sink;
use crate::scan;

/// A JSON text on its way into a sink. Remembers where a comma is due.
pub(crate) struct Json<S> {
    sink: S,
    is_first: bool,
    #[cfg_attr(not(feature = "serde"), allow(dead_code, reason = "what is written by hand is not deep"))]
    depth: u32,
}

impl<S: Sink> Json<S> {
    pub(crate) const fn new(sink: S) -> Self {
        Self { sink, is_first: true, depth: 0 }
    }

    pub(crate) fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    pub(crate) fn open(&mut self, bracket: &[u8]) {
        self.sink.put(bracket);
        self.is_first = true;
        self.depth = self.depth.saturating_add(1);
    }

    pub(crate) fn close(&mut self, bracket: &[u8]) {
        self.sink.put(bracket);
        self.is_first = false;
        self.depth = self.depth.saturating_sub(1);
    }

    /// Writes the comma in front of all elements but the first.
    pub(crate) fn separate(&mut self) {
        if !self.is_first {
            self.sink.put(b",");
        }
        self.is_first = false;
    }

    /// Writes a key of an object, its comma and its colon.
    pub(crate) fn key(&mut self, name: &str) {
        self.separate();
        put_string(&mut self.sink, name);
        self.sink.put(b":");
    }

    /// Writes a key that needs no escaping, given with its quotes, its colon, and a comma in front.
    #[inline]
    pub(crate) fn known_key(&mut self, comma_key: &'static [u8]) {
        let start = usize::from(self.is_first);
        self.sink.put(comma_key.get(start..).unwrap_or_default());
        self.is_first = false;
    }

    pub(crate) fn string_member(&mut self, name: &str, value: &str) {
        self.key(name);
        put_string(&mut self.sink, value);
    }
}

/// Writes a string in its quotes.
#[inline]
pub(crate) fn put_string(sink: &mut impl Sink, text: &str) {
    match scan::find_special(text.as_bytes()) {
        None => sink.put_quoted(text.as_bytes()),
        Some(_) => {
            sink.put(b"\"");
            put_escaped(sink, text);
            sink.put(b"\"");
        }
    }
}

/// Writes a part of a string; escapes what RFC 8259 section 7 asks for and nothing else.
#[cold]
fn put_escaped(sink: &mut impl Sink, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    while let Some(place) = scan::find_special(rest) {
        let Some((plain, tail)) = rest.split_at_checked(place) else { return };
        let Some((special, tail)) = tail.split_first() else { return };
        sink.put(plain);
        match special {
            b'\n' => sink.put(b"\\n"),
            b'\r' => sink.put(b"\\r"),
            b'\t' => sink.put(b"\\t"),
            0x08 => sink.put(b"\\b"),
            0x0C => sink.put(b"\\f"),
            0..=0x1F => {
                let digit = HEX.get(usize::from(special & 0xF)).copied().unwrap_or(b'0');
                sink.put(&[b'\\', b'u', b'0', b'0', b'0' | special >> 4, digit]);
            }
            quoted => sink.put(&[b'\\', *quoted]),
        }
        rest = tail;
    }
    sink.put(rest);
}
