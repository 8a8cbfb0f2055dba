//! The JSON writer: own code for known claims, serde for all others.

#[cfg(feature = "serde")]
mod claims;
#[cfg(feature = "serde")]
mod value;

use crate::cursor::{Cursor, Sink};
use crate::scan;

/// A JSON text on its way into a buffer. Remembers where a comma is due.
pub(crate) struct Json<'b> {
    cursor: Cursor<'b>,
    is_first: bool,
    #[cfg_attr(not(feature = "serde"), allow(dead_code, reason = "what is written by hand is not deep"))]
    depth: u32,
}

impl<'b> Json<'b> {
    pub(crate) const fn new(cursor: Cursor<'b>) -> Self {
        Self { cursor, is_first: true, depth: 0 }
    }

    /// Bytes written so far, those that did not fit included.
    pub(crate) const fn len(&self) -> usize {
        self.cursor.len()
    }

    /// Writes what needs no comma and no escape.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.cursor.put(bytes);
    }

    pub(crate) fn open(&mut self, bracket: &[u8]) {
        self.put(bracket);
        self.is_first = true;
        self.depth = self.depth.saturating_add(1);
    }

    pub(crate) fn close(&mut self, bracket: &[u8]) {
        self.put(bracket);
        self.is_first = false;
        self.depth = self.depth.saturating_sub(1);
    }

    /// Writes the comma in front of all elements but the first.
    pub(crate) fn separate(&mut self) {
        if !self.is_first {
            self.put(b",");
        }
        self.is_first = false;
    }

    /// Writes a key of an object, its comma and its colon.
    pub(crate) fn key(&mut self, name: &str) {
        self.separate();
        self.string(name);
        self.put(b":");
    }

    /// Writes a key that needs no escaping, given with its quotes, its colon, and a comma in front.
    #[inline]
    pub(crate) fn known_key(&mut self, comma_key: &'static [u8]) {
        let start = usize::from(self.is_first);
        self.put(comma_key.get(start..).unwrap_or_default());
        self.is_first = false;
    }

    pub(crate) fn string_member(&mut self, name: &str, value: &str) {
        self.key(name);
        self.string(value);
    }

    /// Writes a string in its quotes.
    #[inline]
    pub(crate) fn string(&mut self, text: &str) {
        self.put(b"\"");
        match scan::find_special(text.as_bytes()) {
            None => self.put(text.as_bytes()),
            Some(_) => self.escaped(text),
        }
        self.put(b"\"");
    }

    /// Writes a part of a string; escapes what RFC 8259 section 7 asks for and nothing else.
    #[cold]
    fn escaped(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut rest = text.as_bytes();
        while let Some(place) = scan::find_special(rest) {
            let Some((plain, tail)) = rest.split_at_checked(place) else { return };
            let Some((special, tail)) = tail.split_first() else { return };
            self.put(plain);
            match special {
                b'\n' => self.put(b"\\n"),
                b'\r' => self.put(b"\\r"),
                b'\t' => self.put(b"\\t"),
                0x08 => self.put(b"\\b"),
                0x0C => self.put(b"\\f"),
                0..=0x1F => {
                    let digit = HEX.get(usize::from(special & 0xF)).copied().unwrap_or(b'0');
                    self.put(&[b'\\', b'u', b'0', b'0', b'0' | special >> 4, digit]);
                }
                quoted => self.put(&[b'\\', *quoted]),
            }
            rest = tail;
        }
        self.put(rest);
    }
}
